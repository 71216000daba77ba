"""Kill a program that writes to LanceDB, again and again: ``kill_writes.py PATH N``.

It tells through a pipe which batches were confirmed, while another process reads. What
both saw is checked: confirmed batches are there, all batches are whole, and no read
came upon part of one. Prints how many batches were confirmed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

SIZE = 50


def open_index(path):
    from sklearn_xmodal.neighbors import DatabaseIndex, LanceDBStore

    return DatabaseIndex(store=LanceDBStore(path))


def write(path, report, first):
    """Write batches for ever; the second half of each replaces items of the last."""
    import numpy as np

    index, batch = open_index(path), first
    while True:
        ids = np.arange(SIZE) + batch * SIZE // 2
        vectors = np.random.default_rng(batch).normal(size=(SIZE, 8))
        index.upsert(vectors=vectors, ids=ids, payload={"batch": [batch] * SIZE})
        os.write(report, batch.to_bytes(4, "little"))
        batch += 1


def read(path, stop):
    """Read until told to stop; every read sees whole batches."""
    index, last = open_index(path), 0
    while not Path(stop).exists():
        n_items = len(index)
        assert n_items >= last, (n_items, last)
        assert n_items == 0 or n_items % (SIZE // 2) == 0, n_items
        if n_items:
            found = index.search(vectors=[[1.0] * 8], k=3)
            assert found.ids.shape == (1, 3)
        last = n_items
        time.sleep(0.05)


def check(path, n_batches):
    """See that all confirmed batches are there, and at most one more, whole."""
    index = open_index(path)
    n_there = len(index) // (SIZE // 2) - 1
    assert n_batches <= n_there <= n_batches + 1, (n_batches, n_there)
    ids = list(range((n_there + 1) * SIZE // 2))
    batches = [row["batch"] for row in index.get_payload(ids)]
    assert batches == [min(i // (SIZE // 2), n_there - 1) for i in ids], batches
    index.search(vectors=[[1.0] * 8], k=3)
    return n_there


def fork(function, *args):
    """Run a function in a process of its own; LanceDB is not loaded in this one."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function(*args)
            status = 0
        finally:
            os._exit(status)
    return pid


def main(path, n_kills):
    rng, n_batches, stop = random.Random(0), 0, f"{path}.stop"
    reader = fork(read, path, stop)
    for _ in range(n_kills):
        source, report = os.pipe()
        writer = fork(write, path, report, n_batches)
        os.close(report)
        for _ in range(3):
            os.read(source, 4)  # so many are confirmed at least
            n_batches += 1
        time.sleep(rng.random() * 0.1)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        while os.read(source, 4):
            n_batches += 1
        os.close(source)
        left, right = os.pipe()
        checker = fork(
            lambda n=n_batches, to=right: os.write(
                to, check(path, n).to_bytes(4, "little")
            )
        )
        os.close(right)
        answer = os.read(left, 4)
        assert os.waitpid(checker, 0)[1] == 0
        os.close(left)
        n_batches = int.from_bytes(answer, "little")
    Path(stop).touch()
    assert os.waitpid(reader, 0)[1] == 0
    sys.stdout.write(str(n_batches))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
