"""Small codes: bytes, time and recall of an index by how it holds its vectors.

CPU seconds of one process with one thread. Codes lie around class centres. Recall is
the share of the exact items of the index in float32. The last row reads bytes of
product quantisation, and scores candidates from "int8".
"""

import time

from benchmarks._speed_search import agreement, fastest, make_codes
from sklearn_xmodal import RetrievalIndex

STORAGES = ("float32", "float16", "int8", "binary")


def add_arguments(parser):
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--n-queries", type=int, default=1000)
    parser.add_argument("--n-components", type=int, default=64)
    parser.add_argument("--n-classes", type=int, default=1000)
    parser.add_argument("--nlist", type=int, default=256)
    parser.add_argument("--nprobe", type=int, default=16)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=2, help="the fastest counts")


def run(args):
    query, gallery = make_codes(
        args.n_queries, args.size, args.n_components, args.n_classes
    )
    tools = {name: {"storage": name} for name in STORAGES}
    tools["ivfpq, int8"] = {
        "storage": "int8",
        "backend": "faiss",
        "index_type": "ivfpq",
        "index_params": {"nlist": args.nlist, "nprobe": args.nprobe},
    }
    rows, exact = [], None
    for name, options in tools.items():
        start = time.process_time()
        index = RetrievalIndex(vectors=gallery, **options)
        build_seconds = time.process_time() - start
        found = index.search(vectors=query, k=args.k)
        # Scores of what was found, by the vectors as they were.
        rows.append(
            {
                "n_gallery": args.size,
                "n_queries": args.n_queries,
                "storage": name,
                "build_seconds": build_seconds,
                "seconds": fastest(
                    lambda q, of=index: of.search(vectors=q, k=args.k),
                    query,
                    args.repeats,
                ),
                "one_query_seconds": fastest(
                    lambda q, of=index: of.search(vectors=q, k=args.k), query[:1], 3
                ),
                "searched_mib": searched_bytes(index) / 2**20,
                "held_mib": index._gallery.vectors.nbytes / 2**20,
            }
        )
        true = (query[:, None] * gallery[found.ids]).sum(axis=2)
        exact = found if exact is None else exact
        rows[-1]["recall"] = agreement((true,), exact)
    return rows


def searched_bytes(index):
    """Return what a search reads of all items."""
    small = index._engine.n_small_bytes(len(index))
    return small or index._gallery.vectors.nbytes


def markdown(rows):
    """Return the table of the results."""
    lines = [
        "| gallery | storage | searched, MiB | held beside, MiB | CPU seconds "
        "| one query, ms | recall | build, s |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        beside = row["held_mib"] if row["held_mib"] != row["searched_mib"] else None
        values = [
            f"{row['n_gallery']:,}",
            row["storage"],
            f"{row['searched_mib']:,.1f}",
            "" if beside is None else f"{beside:,.1f}",
            f"{row['seconds']:.3g}",
            f"{1000 * row['one_query_seconds']:.3g}",
            f"{row['recall']:.4f}",
            f"{row['build_seconds']:.3g}",
        ]
        lines.append(f"| {' | '.join(values)} |")
    lines += ["", f"{rows[0]['n_queries']:,} queries at a time."]
    return "\n".join(lines) + "\n"
