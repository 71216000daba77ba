"""Retrieval mAP of float32 codes: this package beside what users would otherwise take.

The yardstick is what no exact method on the whole ranking can avoid by much: the
blocked matrix product of the codes, and an in-place sort of the scores.
"""

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks._timing import Tool, compare
from sklearn_xmodal.metrics import retrieval_report, retrieval_score

OURS, LIMIT = "sklearn_xmodal", "product + sort (yardstick)"
_ROWS = 100  # of one block: fits the cache, and is the fastest for the yardstick


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 20000],
                        help="queries, and as many gallery items")  # fmt: skip
    parser.add_argument("--relevance", nargs="+", default=["10", "100", "pairs"],
                        help="numbers of classes, or 'pairs'")  # fmt: skip
    parser.add_argument("--n-components", type=int, default=64)
    parser.add_argument("--subset", type=int, default=100,
                        help="queries for tools too slow to run all")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="the fastest counts")


def run(args):
    rows = []
    for relevance in args.relevance:
        for n in args.sizes:
            data = make_codes(n, relevance, args.n_components)
            tools = [tool for tool in make_tools(n, args.subset) if tool is not None]
            case = {"relevance": relevance, "n_queries": n, "n_gallery": n}
            rows += [case | row for row in compare(tools, data, args.repeats)]
    return add_ratios(rows)


def make_codes(n, relevance, n_components, seed=0):
    """Unit codes of both sides, and labels."""
    rng = np.random.default_rng(seed)
    n_classes = n if relevance == "pairs" else int(relevance)
    y = np.arange(n) % n_classes
    centres = rng.normal(size=(n_classes, n_components)).astype(np.float32)

    def draw():
        noise = rng.normal(scale=2, size=(n, n_components)).astype(np.float32)
        codes = centres[y] + noise
        return codes / np.linalg.norm(codes, axis=1, keepdims=True)

    return draw(), draw(), y, relevance == "pairs"


def make_tools(n, subset):
    part = min(n, subset)
    return [
        Tool(LIMIT, product_and_sort, n),
        Tool(OURS, ours, n),
        Tool(f"{OURS}, n_jobs=2", lambda *data: ours(*data, n_jobs=2), n),
        Tool("retrieval_report (13 metrics, both directions)", report, n),
        Tool("NumPy argsort loop", argsort_loop, min(n, 10 * subset)),
        Tool("scikit-learn loop", scikit_learn_loop, part),
        torchmetrics_tool(part),
    ]


def _blocks(query, gallery, n_queries):
    scores = np.empty((min(_ROWS, n_queries), gallery.shape[0]), dtype=np.float32)
    for start in range(0, n_queries, _ROWS):
        block = query[start : min(start + _ROWS, n_queries)]
        yield start, np.matmul(block, gallery.T, out=scores[: len(block)])


def product_and_sort(query, gallery, y, is_pairs, n_queries):
    for _, scores in _blocks(query, gallery, n_queries):
        scores.sort(axis=1)


def ours(query, gallery, y, is_pairs, n_queries, n_jobs=None):
    labels = () if is_pairs else (y, y)
    return retrieval_score(query, gallery, *labels, n_jobs=n_jobs)


def report(query, gallery, y, is_pairs, n_queries):
    labels = None if is_pairs else y
    found = retrieval_report(query, gallery, labels, output_dict=True)
    return found["metrics"]["map"]["image_to_text"]


def argsort_loop(query, gallery, y, is_pairs, n_queries):
    places = np.arange(1, gallery.shape[0] + 1)
    values = []
    for start, scores in _blocks(query, gallery, n_queries):
        for label, row in zip(y[start:], scores, strict=False):
            hits = y[np.argsort(-row)] == label
            values.append(np.mean((np.cumsum(hits) / places)[hits]))
    return np.mean(values)


def scikit_learn_loop(query, gallery, y, is_pairs, n_queries):
    values = [
        average_precision_score(y == label, row)
        for start, scores in _blocks(query, gallery, n_queries)
        for label, row in zip(y[start:], scores, strict=False)
    ]
    return np.mean(values)


def torchmetrics_tool(n_queries):
    try:
        import torch
        from torchmetrics.retrieval import RetrievalMAP
    except ImportError:
        print("torchmetrics is not installed: its row is left out.")
        return None
    torch.set_num_threads(1)

    def retrieval_map(query, gallery, y, is_pairs, n_queries):
        metric = RetrievalMAP()
        n_gallery = gallery.shape[0]
        for start, scores in _blocks(query, gallery, n_queries):
            index = np.repeat(np.arange(start, start + len(scores)), n_gallery)
            target = y[start : start + len(scores), None] == y
            # Items with scores of zero or less would not count as retrieved.
            metric.update(
                torch.from_numpy(scores.ravel() + 2),
                torch.from_numpy(target.ravel()),
                indexes=torch.from_numpy(index),
            )
        return float(metric.compute())

    return Tool("torchmetrics RetrievalMAP", retrieval_map, n_queries)


def add_ratios(rows):
    """Time beside the yardstick, and beside ours, of the same case."""
    for row in rows:
        case = row["relevance"], row["n_queries"]
        same = {
            r["tool"]: r["seconds"]
            for r in rows
            if (r["relevance"], r["n_queries"]) == case
        }
        row["by_yardstick"] = row["seconds"] / same[LIMIT]
        row["by_ours"] = row["seconds"] / same[OURS]
    return rows


def markdown(rows):
    """Return the tables of the results."""
    lines = []
    case = None
    for row in rows:
        if case != (row["relevance"], row["n_queries"]):
            case = row["relevance"], row["n_queries"]
            kind = "pairs" if case[0] == "pairs" else f"{case[0]} classes"
            lines += [
                "",
                f"### {row['n_queries']:,} x {row['n_gallery']:,}, {kind}",
                "",
                "| tool | seconds | / yardstick | / sklearn_xmodal | extra MiB | mAP |",
                "| --- | ---: | ---: | ---: | ---: | ---: |",
            ]
        lines.append("| " + " | ".join(cells(row)) + " |")
    note = (
        "\n\\* extrapolated from the first queries, see `n_queries_timed` in the CSV. "
        "Fastest of several runs in turns, one thread. Memory as traced in Python and "
        "NumPy, without the inputs.\n"
    )
    return "\n".join(lines).lstrip() + "\n" + note


def cells(row):
    extrapolated = "\\*" if row["n_queries_timed"] < row["n_queries"] else ""
    return [
        row["tool"],
        f"{row['seconds']:.3g}{extrapolated}",
        f"{row['by_yardstick']:.2f}",
        f"{row['by_ours']:.2f}",
        "" if row["extra_mib"] is None else f"{row['extra_mib']:.0f}",
        "" if row["value"] is None else f"{row['value']:.4f}",
    ]
