"""Time and memory of several tools on the same data, in one process."""

import gc
import math
import multiprocessing
import resource
import signal
import threading
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits
from tqdm import tqdm


@dataclass(frozen=True)
class Tool:
    """What is timed: ``run(*data, n_queries)`` on the first `n_queries` queries."""

    name: str
    run: Any
    n_queries: int


def compare(tools, data, repeats):
    """One row per tool; all tools take turns, so that a slow moment hits them alike."""
    n_all = len(data[0])
    seconds = {tool.name: [] for tool in tools}
    values = {}
    for _ in tqdm(range(repeats), desc=f"{n_all} queries", leave=False):
        for tool in tools:
            start = time.perf_counter()
            values[tool.name] = tool.run(*data, tool.n_queries)
            seconds[tool.name].append(time.perf_counter() - start)
    return [
        {
            "tool": tool.name,
            "seconds": min(seconds[tool.name]) * n_all / tool.n_queries,
            "n_queries_timed": tool.n_queries,
            "extra_mib": peak_extra_mib(tool, data),
            "value": values[tool.name],
        }
        for tool in tools
    ]


def peak_extra_mib(tool, data):
    """Peak of what Python and NumPy allocate meanwhile; torch is not traced."""
    if "torch" in tool.name:
        return None
    gc.collect()
    tracemalloc.start()
    try:
        tool.run(*data, tool.n_queries)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def cpu_seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def limited(function, args, limit):
    """Call ``function(*args, start)`` in a process of its own, with one thread.

    It calls ``start()`` when its work begins, and is killed when this has taken
    `limit` CPU seconds. Linux and macOS only.

    Returns
    -------
    seconds : float
        CPU seconds from `start` on; the limit where it was reached.

    result : object
        Of the function, None where it was killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run_limited, args=(function, args, limit, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        if process.exitcode != -signal.SIGXCPU:
            raise RuntimeError(
                f"{function.__name__} must end or reach its limit. Got exit code "
                f"{process.exitcode}."
            ) from None
        return limit, None
    finally:
        process.join()


def _run_limited(function, args, limit, sender):
    begun = []

    def start():
        begun.append(time.process_time())
        soft = math.ceil(begun[0] + limit)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))

    with threadpool_limits(1):
        result = function(*args, start)
        sender.send((time.process_time() - begun[0], result))


class PeakMemory:
    """Most memory held meanwhile, looked at 50 times a second.

    "RssAnon" leaves the pages of files out, "VmRSS" counts them. Linux only;
    `extra_mib` is None elsewhere.
    """

    def __init__(self, kind="RssAnon"):
        self.kind = kind

    def __enter__(self):
        self.done = threading.Event()
        self.start = self.peak = resident_mib(self.kind)
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while self.peak is not None and not self.done.wait(0.02):
            self.peak = max(self.peak, resident_mib(self.kind))

    def __exit__(self, *exc_info):
        self.done.set()
        self.thread.join()
        self.extra_mib = None if self.peak is None else self.peak - self.start


def resident_mib(kind):
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return mib_of(status.read_text(encoding="utf-8"), kind)


def mib_of(status, kind):
    """Return one kind of memory from what /proc says of a process."""
    values = dict(line.split(":", 1) for line in status.splitlines() if line)
    return int(values[kind].split()[0]) / 1024
