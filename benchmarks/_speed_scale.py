"""Growth from 10⁴ to 10⁶ pairs in a Parquet file: fits, and all that follows.

Fits by batches, by four processes and on Dask stand beside reading the file whole. One
thread per process; every fit runs in a process of its own, with the start of its
workers, and so do, together, the stages that follow `fit_batches`. Seconds are those of
the wall; CPU seconds count workers. Memory is the growth of the resident memory of the
largest process. The slope is that of CPU seconds over pairs, 1 where they grow as pairs
do, from the size before; differences are of the weights, from those of `fit`, relative
to the largest.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._scale_stages import Spent, stages
from benchmarks._timing import PeakMemory, limited
from sklearn_xmodal import CCARetriever, RidgeRetriever, merge

_RETRIEVERS = {"CCARetriever": CCARetriever(), "RidgeRetriever": RidgeRetriever()}
_GROUP, _N_PARTS, _N_CLASSES, _LIMIT = 10_000, 4, 20, 3600


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+",
                        default=[10_000, 100_000, 1_000_000], help="pairs")  # fmt: skip
    parser.add_argument("--width", type=int, default=64, help="of either modality")
    parser.add_argument("--retrievers", nargs="+", default=[*_RETRIEVERS],
                        choices=[*_RETRIEVERS])  # fmt: skip
    parser.add_argument("--ways", nargs="+", default=[*WAYS], choices=[*WAYS])


def run(args):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in tqdm(args.sizes, leave=False):
            path = Path(folder) / f"{n}.parquet"
            write_pairs(path, n, args.width)
            for retriever in args.retrievers:
                rows += rows_of(path, n, retriever, args)
            path.unlink()
    return add_slopes(rows)


def rows_of(path, n, retriever, args):
    """Time every way to fit one retriever to one file."""
    found = {
        way: limited(measured, (WAYS[way], path, retriever), _LIMIT)[1]
        for way in args.ways
    }
    whole = found[args.ways[0]][1]
    spent = {
        way: (*of_way, float(abs(weights - whole).max() / abs(whole).max()))
        for way, (of_way, weights) in found.items()
    }
    after = limited(what_follows, (path, retriever), _LIMIT)[1]
    spent |= {stage: (*of_stage, None) for stage, of_stage in after.items()}
    return [
        {
            "retriever": retriever,
            "n_pairs": n,
            "way": way,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "extra_mib": extra_mib,
            "input_mib": 8 * n * args.width / 2**20,
            "difference": difference,
            "slope": None,
        }
        for way, (seconds, cpu_seconds, extra_mib, difference) in spent.items()
    ]


def measured(way, path, retriever, start):
    """Return what one way to fit spent, (wall, CPU, MiB), and its weights."""
    start()
    with Spent() as spent:
        fitted, of_workers = way(path, _RETRIEVERS[retriever])
    extra_mib = max(spent.extra_mib, of_workers)
    return (spent.seconds, spent.cpu_seconds, extra_mib), fitted.image_weights_


def what_follows(path, retriever, start):
    """Return what every stage after a fit spent."""
    start()
    return stages(partial(read_groups, path), _RETRIEVERS[retriever], path.parent)


def write_pairs(path, n, width):
    """Write pairs of float32 vectors and labels, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.list_(pa.float32(), width)
    schema = pa.schema({"image": kind, "text": kind, "label": pa.int32()})
    centres = np.random.default_rng(0).standard_normal((_N_CLASSES, width))
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for first in range(0, n, _GROUP):
            rng = np.random.default_rng((1, first))
            y = rng.integers(0, _N_CLASSES, min(_GROUP, n - first), dtype=np.int32)
            shared = centres[y] + rng.standard_normal((len(y), width))
            sides = [shared + rng.standard_normal(shared.shape) for _ in range(2)]
            values = [pa.array(X.astype(np.float32).ravel()) for X in sides]
            columns = [pa.FixedSizeListArray.from_arrays(v, width) for v in values]
            writer.write_batch(pa.record_batch([*columns, pa.array(y)], schema=schema))


def read_groups(path, part=0, n_parts=1):
    """Yield every n-th row group of a file as a batch."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        for group in range(part, file.num_row_groups, n_parts):
            rows = file.read_row_group(group)
            yield rows["image"], rows["text"], rows["label"]


def in_memory(path, est):
    """Read the whole file, and fit: what one does without batches."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path)
    return est.fit(rows["image"], rows["text"], rows["label"]), 0.0


def in_batches(path, est):
    """Fit to one batch after the other."""
    return est.fit_batches(read_groups(path)), 0.0


def in_processes(path, est):
    """Sum a quarter of the file in each of four processes, and merge."""
    tasks = [(path, est, part) for part in range(_N_PARTS)]
    with ProcessPoolExecutor(_N_PARTS, mp_context=get_context("spawn")) as pool:
        parts, extra_mib = zip(*pool.map(_one_part, tasks), strict=True)
    return merge(parts), max(extra_mib)


def _one_part(task):
    path, est, part = task
    with PeakMemory("VmRSS") as memory:
        for batch in read_groups(path, part, _N_PARTS):
            est.partial_fit(*batch, solve=False)
    return est, memory.extra_mib


def on_dask(path, est):
    """Fit Dask arrays of the row groups on a cluster of two processes."""
    import dask
    import dask.array as da
    import pyarrow.parquet as pq
    from distributed import Client, LocalCluster

    with pq.ParquetFile(path) as file:
        sizes = [
            file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)
        ]
        width = file.schema_arrow.field("image").type.list_size
    y = np.concatenate([np.asarray(label) for *_, label in read_groups(path)])
    sides = [
        da.concatenate(
            [
                da.from_delayed(dask.delayed(_vectors)(path, i, name), (n, width), "f4")
                for i, n in enumerate(sizes)
            ]
        )
        for name in ("image", "text")
    ]
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(host="127.0.0.1", **options) as cluster, Client(cluster):
        return est.fit(*sides, y), 0.0


def _vectors(path, group, name):
    import pyarrow.parquet as pq

    from sklearn_xmodal.utils._containers import as_matrix

    with pq.ParquetFile(path, pre_buffer=False) as file:
        return as_matrix(file.read_row_group(group, columns=[name])[name])


WAYS = {
    "read whole, fit": in_memory,
    "fit_batches": in_batches,
    f"{_N_PARTS} processes, merge": in_processes,
    "Dask, 2 workers": on_dask,
}


def add_slopes(rows):
    """Set the slope of log CPU seconds over log pairs, from the size before to each."""
    before = {}
    for row in rows:
        key = row["retriever"], row["way"]
        if (less := before.get(key)) is not None:
            times = row["cpu_seconds"] / less["cpu_seconds"]
            growth = row["n_pairs"] / less["n_pairs"]
            row["slope"] = float(np.log(times) / np.log(growth))
        before[key] = row
    return rows


def markdown(rows):
    """Return the table of the results."""
    columns = {"retriever": WORDS, "what": WORDS} | dict.fromkeys(
        [
            "pairs",
            "input MiB",
            "seconds",
            "CPU seconds",
            "slope",
            "extra MiB",
            "difference",
        ],
        NUMBERS,
    )
    cells = (
        [
            f"`{row['retriever']}`",
            row["way"],
            f"{row['n_pairs']:,}",
            f"{row['input_mib']:,.0f}",
            f"{row['seconds']:.3g}",
            f"{row['cpu_seconds']:.3g}",
            "" if row["slope"] is None else f"{row['slope']:.2f}",
            f"{row['extra_mib']:,.0f}",
            "" if row["difference"] is None else f"{row['difference']:.0e}",
        ]
        for row in rows
    )
    notes = " ".join(__doc__.split("\n\n", 1)[1].split())
    return "\n".join([*table(columns, cells), "", notes]) + "\n"
