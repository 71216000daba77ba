"""Time and memory of several tools on the same data, in one process."""

import gc
import threading
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    lines = status.read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(":") for line in lines)[kind].split()[0]) / 1024
