"""Search of unit codes: this package beside faiss, which it can also search through.

CPU seconds of one process with one thread. Codes lie around class centres, as those
of a retriever do. The first rows search exactly; the others through HNSW and IVF,
with the time to build them and the share of the exact items that they find.
"""

import time

import numpy as np
from tqdm import tqdm

from benchmarks._timing import PeakMemory, cpu_seconds
from sklearn_xmodal import RetrievalIndex

OURS, LIMIT = "sklearn_xmodal, exact", "faiss IndexFlatIP"
_SPREAD = 1.0


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000],
                        help="items of the gallery")  # fmt: skip
    parser.add_argument("--n-queries", type=int, default=1000)
    parser.add_argument("--n-components", type=int, default=64)
    parser.add_argument("--n-classes", type=int, default=1000)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument(
        "--ef-search", type=int, nargs="*", default=[16, 32, 64, 128, 256]
    )
    parser.add_argument("--nprobe", type=int, nargs="*", default=[4, 16, 64])
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")


def run(args):
    rows = []
    for n in args.sizes:
        query, gallery = make_codes(
            args.n_queries, n, args.n_components, args.n_classes
        )
        case = {"n_gallery": n, "n_queries": args.n_queries, "k": args.k}
        rows += [case | row for row in exact_rows(query, gallery, args)]
        for index_type in ("hnsw", "ivf"):
            found = approximate_rows(query, gallery, index_type, args)
            rows += [case | row for row in found]
    return add_ratios(rows)


def make_codes(n_queries, n_gallery, n_components, n_classes, seed=0):
    """Unit codes around the centres of classes, in float32."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_classes, n_components), dtype=np.float32)

    def draw(n):
        noise = rng.standard_normal((n, n_components), dtype=np.float32)
        codes = centres[rng.integers(n_classes, size=n)] + _SPREAD * noise
        return codes / np.linalg.norm(codes, axis=1, keepdims=True)

    return draw(n_queries), draw(n_gallery)


def exact_rows(query, gallery, args):
    """Exact search by both; they take turns, so that a slow moment hits them alike."""
    import faiss

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(gallery.shape[1])
    flat.add(gallery)
    index = RetrievalIndex(vectors=gallery)
    tools = {
        LIMIT: lambda query: flat.search(query, args.k),
        OURS: lambda query: index.search(vectors=query, k=args.k),
    }
    seconds, found = {name: [] for name in tools}, {}
    for _ in tqdm(range(args.repeats), desc=f"{len(gallery)} items", leave=False):
        for name, search in tools.items():
            start = time.process_time()
            found[name] = search(query)
            seconds[name].append(time.process_time() - start)
    return [
        {
            "tool": name,
            "build_seconds": None,
            "seconds": min(seconds[name]),
            "one_query_seconds": fastest(search, query[:1], 5),
            "extra_mib": peak_mib(search, query),
            "recall": agreement(found[name], found[OURS]),
        }
        for name, search in tools.items()
    ]


def fastest(search, query, repeats):
    return min(cpu_seconds(lambda: search(query)) for _ in range(repeats))


def peak_mib(search, query):
    with PeakMemory() as memory:
        search(query)
    return memory.extra_mib


def agreement(found, exact):
    """Share of items that score as much as the k-th exact one, to rounding."""
    return float(np.mean(found[0] >= exact[0][:, -1:] - 1e-6))


def approximate_rows(query, gallery, index_type, args):
    """Search through faiss, with one row per value of the search parameter."""
    name = {"hnsw": "efSearch", "ivf": "nprobe"}[index_type]
    values = {"hnsw": args.ef_search, "ivf": args.nprobe}[index_type]
    if not values:
        return []
    start = time.process_time()
    index = RetrievalIndex(vectors=gallery, backend="faiss", index_type=index_type)
    build_seconds = time.process_time() - start
    rows = []
    for value in values:
        index.set_index_params(**{name: value})

        def search(query):
            index.search(vectors=query, k=args.k)

        rows.append(
            {
                "tool": f"sklearn_xmodal, faiss {index_type}, {name}={value}",
                "build_seconds": build_seconds,
                "seconds": fastest(search, query, args.repeats),
                "one_query_seconds": fastest(search, query[:1], 5),
                "extra_mib": None,
                "recall": index.recall(vectors=query, k=args.k),
            }
        )
    return rows


def add_ratios(rows):
    """Time beside faiss's exact search, and how much faster than ours."""
    for row in rows:
        same = {
            r["tool"]: r["seconds"] for r in rows if r["n_gallery"] == row["n_gallery"]
        }
        row["by_faiss_flat"] = row["seconds"] / same[LIMIT]
        row["speed_up"] = same[OURS] / row["seconds"]
    return rows


def markdown(rows):
    """Return the table of the results."""
    lines = [
        "| gallery | tool | CPU seconds | / faiss flat | faster than exact "
        "| recall | one query, ms | build, s | extra MiB |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        values = [
            f"{row['n_gallery']:,}",
            row["tool"],
            f"{row['seconds']:.3g}",
            f"{row['by_faiss_flat']:.2f}",
            f"{row['speed_up']:.1f}",
            f"{row['recall']:.4f}",
            f"{1000 * row['one_query_seconds']:.3g}",
            _number(row["build_seconds"], ".3g"),
            _number(row["extra_mib"], ",.0f"),
        ]
        lines.append(f"| {' | '.join(values)} |")
    row = rows[0]
    lines += [
        "",
        f"{row['n_queries']:,} queries at a time, k = {row['k']}. CPU seconds of one "
        "process with one thread, fastest of several runs. Recall: share of the "
        "exact items, ties counted as found. Extra memory of a search: growth of the "
        "resident memory.",
    ]
    return "\n".join(lines) + "\n"


def _number(value, form):
    return "" if value is None else format(value, form)


def picture(rows, path):
    """Draw recall against queries per second, one panel per size of the gallery."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    sizes = sorted({row["n_gallery"] for row in rows})
    figure = Figure(figsize=(4 * len(sizes), 3.4), layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    kinds = {LIMIT: "s", OURS: "o", "hnsw": "^", "ivf": "v"}
    for axes, n in zip(panels, sizes, strict=True):
        for kind, marker in kinds.items():
            points = [
                (row["n_queries"] / row["seconds"], row["recall"])
                for row in rows
                if row["n_gallery"] == n and kind in row["tool"]
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker=marker, label=kind)
        axes.set(title=f"{n:,} items", xlabel="queries per second", xscale="log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("recall")
    panels[0].legend(fontsize="small")
    figure.savefig(path)
