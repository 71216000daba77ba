"""Items in LanceDB beside an index in memory: writing, search, filters, and SIGKILL.

CPU seconds of one process, all its threads together. Codes lie around class centres.
After that another process goes on writing and is killed in the middle: the row says how
many items it had confirmed, and the run stops if one of them is missing.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks._speed_search import agreement, make_codes
from benchmarks._timing import cpu_seconds
from sklearn_xmodal import RetrievalIndex
from sklearn_xmodal.neighbors import Condition, DatabaseIndex, LanceDBStore

OURS, LANCE = "RetrievalIndex", "DatabaseIndex, LanceDB"


def add_arguments(parser):
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--n-queries", type=int, default=100)
    parser.add_argument("--n-components", type=int, default=64)
    parser.add_argument("--n-classes", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=100_000)
    parser.add_argument("--k", type=int, default=10)


def run(args):
    query, gallery = make_codes(
        args.n_queries, args.size, args.n_components, args.n_classes
    )
    labels = np.arange(args.size) % 100
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        memory = RetrievalIndex(vectors=gallery, labels=labels)
        rows = [{"tool": OURS, "build_seconds": time.process_time() - start}]
        start = time.process_time()
        index = DatabaseIndex(store=LanceDBStore(folder))
        write(index, gallery, labels, 0, args.batch_size)
        rows.append({"tool": LANCE, "build_seconds": time.process_time() - start})
        exact = memory.search(vectors=query, k=args.k)
        filtered = memory.search(vectors=query, k=args.k, labels=[7])
        sizes = gallery.nbytes, n_bytes(folder)
        for row, tool, size in zip(rows, (memory, index), sizes, strict=True):
            row |= search_row(tool, query, args.k, exact, filtered)
            row["vectors_mib"] = size / 2**20
        rows[0]["confirmed"] = None
        rows[1]["confirmed"] = killed(folder, args)
    return [{"n_gallery": args.size, "n_queries": args.n_queries} | r for r in rows]


def write(index, gallery, labels, first, batch_size):
    for start in range(0, len(gallery), batch_size):
        rows = slice(start, start + batch_size)
        ids = np.arange(start, start + len(gallery[rows])) + first
        index.upsert(vectors=gallery[rows], ids=ids, labels=labels[rows])


def n_bytes(folder):
    return sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())


def search_row(tool, query, k, exact, filtered):
    found = tool.search(vectors=query, k=k)
    by_label = tool.search(vectors=query, k=k, labels=[7])
    return {
        "seconds": cpu_seconds(lambda: tool.search(vectors=query, k=k)),
        "one_query_seconds": cpu_seconds(lambda: tool.search(vectors=query[:1], k=k)),
        "filtered_seconds": cpu_seconds(
            lambda: tool.search(vectors=query, k=k, labels=[7])
        ),
        "recall": agreement(found, exact),
        "same_ids": bool(np.array_equal(found.ids, exact.ids)),
        "filtered_recall": agreement(by_label, filtered),
    }


def killed(folder, args):
    """Kill a process that writes; return how many items it had confirmed."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    writer = context.Process(target=write_on, args=(folder, there, args))
    writer.start()
    there.close()
    n_confirmed = 0
    for _ in range(2):
        n_confirmed = here.recv()
    time.sleep(0.05)  # into the next write
    writer.kill()
    writer.join()
    while here.poll():
        try:
            n_confirmed = here.recv()
        except EOFError:
            break
    index = DatabaseIndex(store=LanceDBStore(folder))
    batch = args.batch_size
    n_there = index.store.count(Condition(where=f"id >= {args.size}"))
    n_old = index.store.count(Condition(where=f"id < {args.size}"))
    if n_old != args.size or n_there < n_confirmed or n_there % batch:
        raise RuntimeError(f"Of {n_confirmed} confirmed items {n_there} are there.")
    index.search(vectors=np.ones((1, args.n_components)), k=args.k)
    return n_confirmed


def write_on(folder, report, args):
    """Write batch after batch, and say how many items are confirmed."""
    _, gallery = make_codes(1, args.batch_size, args.n_components, args.n_classes, 1)
    index, n_written = DatabaseIndex(store=LanceDBStore(folder)), 0
    labels = np.zeros(len(gallery), int)
    while True:
        write(index, gallery, labels, args.size + n_written, args.batch_size)
        n_written += args.batch_size
        report.send(n_written)


def markdown(rows):
    """Return the table of the results."""
    lines = [
        "| items | index | written, s | search, s | one query, ms | of one label, s "
        "| recall | same ids | recall of one label | MiB | confirmed before SIGKILL |",
        "| ---: | --- " + "| ---: " * 9 + "|",
    ]
    for row in rows:
        confirmed = row["confirmed"]
        values = [
            f"{row['n_gallery']:,}",
            row["tool"],
            f"{row['build_seconds']:.3g}",
            f"{row['seconds']:.3g}",
            f"{1000 * row['one_query_seconds']:.3g}",
            f"{row['filtered_seconds']:.3g}",
            f"{row['recall']:.4f}",
            "yes" if row["same_ids"] else "no",
            f"{row['filtered_recall']:.4f}",
            f"{row['vectors_mib']:,.0f}",
            "" if confirmed is None else f"{confirmed:,}, all there",
        ]
        lines.append(f"| {' | '.join(values)} |")
    lines += [
        "",
        f"{rows[0]['n_queries']:,} queries at a time, no approximate index. One "
        "label of 100 is searched among. MiB: vectors in memory, and the folder.",
    ]
    return "\n".join(lines) + "\n"
