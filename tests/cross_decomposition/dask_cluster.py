"""Fit, encode and score on a Dask cluster that loses workers. Run by test_dask.py.

In a process of its own, as users have it: the workers are started anew by importing
this file, which must do nothing then.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.base import clone

from sklearn_xmodal import (
    AdapterRetriever,
    CCARetriever,
    KCCARetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SemanticAutoencoderRetriever,
    ThreeViewCCARetriever,
)

N, WIDTH, ROWS = 600, 7, 20
VICTIMS = [
    CCARetriever(3),
    MvDARetriever(2),
    RidgeRetriever(),
    KCCARetriever(3, approximation="nystroem", n_landmarks=50),
]
OTHERS = [
    PLSRetriever(3),
    ProcrustesRetriever(3),
    AdapterRetriever(),
    ThreeViewCCARetriever(2),
    SemanticAutoencoderRetriever(),
    KCCARetriever(3, approximation="rff", n_landmarks=20),
]


def traced(block, folder):
    """Say that the work has begun, and take some time."""
    (Path(folder) / str(time.monotonic_ns())).touch()
    time.sleep(0.1)
    return block


def kill_in_the_middle(pid, folder):
    while len(list(Path(folder).iterdir())) < 5:
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)


def check_fit(client, est, X_img, X_txt, y, *, kill):
    chunks = {"chunks": (ROWS, -1)}
    A, B = da.from_array(X_img, **chunks), da.from_array(X_txt, **chunks)
    expected = clone(est).fit(X_img, X_txt, y)
    with tempfile.TemporaryDirectory() as folder:
        if kill:
            A = A.map_blocks(traced, folder=folder, meta=X_img[:0])
            before = client.run(os.getpid)
            args = min(before.values()), folder
            killer = threading.Thread(target=kill_in_the_middle, args=args)
            killer.start()
        got = clone(est).fit(A, B, y)
        if kill:
            killer.join()
            client.wait_for_workers(2, timeout=60)
            assert set(client.run(os.getpid).values()) != set(before.values())
        codes = got.transform(A, B)  # and the score, on the new workers
        for Z, reference in zip(codes, expected.transform(X_img, X_txt), strict=True):
            assert isinstance(Z, da.Array)
            np.testing.assert_allclose(Z.compute(), reference, rtol=0, atol=1e-7)
        score = expected.score(X_img, X_txt, y)
        np.testing.assert_allclose(got.score(A, B, y), score, rtol=1e-6)


def main():
    rng = np.random.default_rng(100)
    y = rng.integers(0, 5, N)
    X_img = rng.normal(size=(5, WIDTH))[y] + rng.normal(size=(N, WIDTH))
    X_txt = X_img @ rng.normal(size=(WIDTH, WIDTH)) + rng.normal(size=(N, WIDTH))
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        for est in VICTIMS:
            check_fit(client, est, X_img, X_txt, y, kill=True)
        for est in OTHERS:
            check_fit(client, est, X_img, X_txt, y, kill=False)
    sys.stdout.write(f"{len(VICTIMS) + len(OTHERS)} retrievers\n")


if __name__ == "__main__":
    main()
