"""Search for thousands of results per query beside a product and a sort.

CPU seconds of one process with one thread. Only exact search orders equal scores by
their place in the gallery, as a stable sort does, and returns scores that do not depend
on the linear algebra library.
"""

import time

import numpy as np
from tqdm import tqdm

from benchmarks._speed_search import make_codes
from sklearn_xmodal import RetrievalIndex

OURS = "sklearn_xmodal, exact"
STABLE = "NumPy, product and stable argsort"


def add_arguments(parser):
    parser.add_argument("--n-items", type=int, default=30_000)
    parser.add_argument("--n-queries", type=int, default=200)
    parser.add_argument("--n-components", type=int, default=64)
    parser.add_argument("--n-classes", type=int, default=1000)
    parser.add_argument("--k", type=int, nargs="+", default=[10, 1000, 10_000, 30_000])
    parser.add_argument("--repeats", type=int, default=5, help="the fastest counts")


def run(args):
    query, gallery = make_codes(
        args.n_queries, args.n_items, args.n_components, args.n_classes
    )
    index = RetrievalIndex(vectors=gallery)
    rows = []
    for k in tqdm(args.k, desc="k", leave=False):
        seconds = seconds_of(tools(index, query, gallery, k), args.repeats)
        rows += [
            {
                "k": k,
                "tool": name,
                "seconds": value,
                "by_ours": value / seconds[OURS],
                "n_items": args.n_items,
                "n_queries": args.n_queries,
                "n_components": args.n_components,
            }
            for name, value in seconds.items()
        ]
    return rows


def tools(index, query, gallery, k):
    """Name -> function that finds the rows of the k best items."""

    def partition():
        scores = query @ gallery.T
        found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1)
        return np.take_along_axis(found, order, axis=1)

    return {
        OURS: lambda: index.search(vectors=query, k=k).ids,
        "NumPy, product, argpartition and argsort": partition,
        "NumPy, product and argsort": lambda: np.argsort(-(query @ gallery.T))[:, :k],
        STABLE: lambda: np.argsort(-(query @ gallery.T), kind="stable")[:, :k],
    }


def seconds_of(functions, repeats):
    """Fastest time of each; they take turns, so that a slow moment hits all alike."""
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return {name: min(values) for name, values in seconds.items()}


def markdown(rows):
    """Return the table of the results."""
    lines = [
        "| k | tool | CPU seconds | / sklearn_xmodal |",
        "| ---: | --- | ---: | ---: |",
    ]
    for row in rows:
        seconds, ratio = f"{row['seconds']:.3g}", f"{row['by_ours']:.2f}"
        lines.append(f"| {row['k']:,} | {row['tool']} | {seconds} | {ratio} |")
    row = rows[0]
    lines += [
        "",
        f"{row['n_queries']:,} queries against {row['n_items']:,} codes of "
        f"{row['n_components']} numbers. CPU seconds of one process with one thread, "
        "fastest of several runs.",
    ]
    return "\n".join(lines) + "\n"
