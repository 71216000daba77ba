"""One epoch of a network over pairs in a Parquet file, by how they reach it.

Reading the file whole is what one does otherwise. Two processes train together, each
with its half of every batch. One thread per process; every way has a process of its
own. Seconds are those of the wall, without the imports of torch; memory is the growth
of the resident memory of one process. The loss is the mean over the epoch.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import distributed
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._scale_stages import Spent
from benchmarks._speed_scale import in_memory, read_groups, write_pairs
from benchmarks._timing import limited
from sklearn_xmodal import ContrastiveRetriever, MSLNRetriever

_RETRIEVERS = {
    "ContrastiveRetriever": ContrastiveRetriever,
    "MSLNRetriever": MSLNRetriever,
}
_LIMIT, _N_PROCESSES = 3600, 2


def add_arguments(parser):
    parser.add_argument("--sizes", type=int, nargs="+", default=[30_000, 300_000],
                        help="pairs")  # fmt: skip
    parser.add_argument("--width", type=int, default=64, help="of either modality")
    parser.add_argument("--retrievers", nargs="+", default=[*_RETRIEVERS],
                        choices=[*_RETRIEVERS])  # fmt: skip


def run(args):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in tqdm(args.sizes, leave=False):
            path = Path(folder) / f"{n}.parquet"
            write_pairs(path, n, args.width)
            for retriever in args.retrievers:
                for way, train in WAYS.items():
                    _, found = limited(measured, (train, path, retriever), _LIMIT)
                    seconds, extra_mib, loss = found
                    rows.append(
                        {
                            "retriever": retriever,
                            "n_pairs": n,
                            "way": way,
                            "seconds": seconds,
                            "extra_mib": extra_mib,
                            "input_mib": 8 * n * args.width / 2**20,
                            "loss": loss,
                        }
                    )
            path.unlink()
    return rows


def measured(way, path, retriever, start):
    """Return seconds, MiB and the loss of one way to train."""
    start()
    return way(path, retriever)


def trained(path, retriever, fit):
    """Train one epoch in this process; return seconds, MiB and loss."""
    torch.set_num_threads(1)
    est = _RETRIEVERS[retriever](max_epochs=1, device="cpu", random_state=0)
    with Spent() as spent:
        fit(path, est)
    return spent.seconds, spent.extra_mib, float(est.history_[-1, "train_loss"])


def read_whole(path, retriever):
    return trained(path, retriever, in_memory)


def in_batches(path, retriever):
    return trained(
        path, retriever, lambda path, est: est.fit_batches(lambda: read_groups(path))
    )


def in_two_processes(path, retriever):
    """Train in two processes of gloo; return what the first one found."""
    meeting = path.with_suffix(".meeting").as_uri()
    tasks = [(path, retriever, meeting, rank) for rank in range(_N_PROCESSES)]
    with ProcessPoolExecutor(_N_PROCESSES, mp_context=get_context("spawn")) as pool:
        return next(iter(pool.map(_one_rank, tasks)))


def _one_rank(task):
    path, retriever, meeting, rank = task
    distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=_N_PROCESSES
    )
    try:
        return read_whole(path, retriever)
    finally:
        distributed.destroy_process_group()


WAYS = {
    "read whole, fit": read_whole,
    "fit_batches": in_batches,
    f"{_N_PROCESSES} processes, read whole": in_two_processes,
}


def markdown(rows):
    """Return the table of the results."""
    names = ("pairs", "input MiB", "seconds", "extra MiB", "loss")
    columns = {"retriever": WORDS, "what": WORDS} | dict.fromkeys(names, NUMBERS)
    cells = (
        [
            f"`{row['retriever']}`",
            row["way"],
            f"{row['n_pairs']:,}",
            f"{row['input_mib']:,.0f}",
            f"{row['seconds']:.1f}",
            f"{row['extra_mib']:,.0f}",
            f"{row['loss']:.4f}",
        ]
        for row in rows
    )
    notes = " ".join(__doc__.split("\n\n", 1)[1].split())
    return "\n".join([*table(columns, cells), "", notes]) + "\n"
