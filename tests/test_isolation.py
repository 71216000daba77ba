"""Threads, processes and many fits: same bytes, and nothing left behind."""

import random
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from scipy import sparse

from sklearn_xmodal import KCCARetriever, MSLNRetriever, metrics
from sklearn_xmodal.datasets import make_paired_modalities, make_paired_multilabel
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from tests.conftest import (
    ALL_RETRIEVERS,
    DISTINCT,
    RETRIEVERS,
    of_one_width,
    thorough_but,
)

N_THREADS = 8


def _make(name):
    return {
        **ALL_RETRIEVERS,
        "KCCARetriever(nystroem)": lambda: KCCARetriever(
            3, approximation="nystroem", n_landmarks=20
        ),
        "KCCARetriever(rff)": lambda: KCCARetriever(
            3, approximation="rff", n_landmarks=40
        ),
        # With all its random parts.
        "MSLNRetriever(early stopping)": lambda: MSLNRetriever(
            4, hidden_layer_sizes=(8,), max_epochs=3, early_stopping=True,
            batch_size=16, device="cpu", random_state=0,
        ),
    }[name]()  # fmt: skip


NAMES = [
    *ALL_RETRIEVERS,
    "KCCARetriever(nystroem)",
    "KCCARetriever(rff)",
    "MSLNRetriever(early stopping)",
]
QUICK = [name for name in NAMES if name in DISTINCT or "(" in name]


def _data(name=None):
    X_img, X_txt, y = make_paired_modalities(120, n_classes=4, random_state=0)
    return *of_one_width(name, X_img, X_txt), y


def _fit_bytes(name):
    """Fit, and return all bytes of the codes."""
    X_img, X_txt, y = _data(name)
    codes = _make(name).fit(X_img, X_txt, y).transform(X_img, X_txt)
    return b"".join(Z.tobytes() for Z in codes)


@pytest.mark.parametrize("name", thorough_but(QUICK, NAMES))
def test_many_threads_transform_to_the_same_bytes(name):
    X_img, X_txt, y = _data(name)
    fitted = _make(name).fit(X_img, X_txt, y)
    tasks = [
        (method, convert(X[start:]))
        for (method, X), convert, start in product(
            ((fitted.transform_image, X_img), (fitted.transform_text, X_txt)),
            (np.asarray, sparse.csr_array, np.float32),
            (0, 50, 119),
        )
    ]
    alone = [method(X).tobytes() for method, X in tasks]
    with ThreadPoolExecutor(N_THREADS) as pool:
        futures = [pool.submit(method, X) for method, X in 4 * tasks]
        together = [future.result().tobytes() for future in futures]
    assert together == 4 * alone


@pytest.mark.parametrize("name", thorough_but(QUICK, NAMES))
def test_threads_fit_to_the_same_bytes(name):
    alone = _fit_bytes(name)
    with ThreadPoolExecutor(N_THREADS) as pool:
        assert set(pool.map(_fit_bytes, [name] * N_THREADS)) == {alone}


def test_threads_fit_different_retrievers_to_the_same_bytes():
    names = [name for name in NAMES for _ in range(2)]
    alone = [_fit_bytes(name) for name in names]
    with ThreadPoolExecutor(N_THREADS) as pool:
        assert list(pool.map(_fit_bytes, names)) == alone


@pytest.mark.parametrize("backend", thorough_but(["threading"], ["loky", "threading"]))
def test_jobs_of_joblib_fit_to_the_same_bytes(backend):
    alone = [_fit_bytes(name) for name in NAMES]
    jobs = Parallel(2, backend=backend)(delayed(_fit_bytes)(name) for name in NAMES)
    assert jobs == alone


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_threads_of_metrics_give_the_same_bytes(n_jobs):
    X_img, X_txt, y = _data()
    codes = RETRIEVERS["CCARetriever"]().fit(X_img, X_txt).transform(X_img, X_txt)
    one, many = (
        metrics.retrieval_score(*codes, y, y, average=False, n_jobs=n)
        for n in (1, n_jobs)
    )
    assert one.tobytes() == many.tobytes()


def _global_states():
    state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    return (
        random.getstate(),
        state["pos"],
        state["key"].tobytes(),
        torch.get_rng_state().numpy().tobytes(),
    )


def _everything_random():
    """Yield what draws, each with a seed, as functions without arguments."""
    from matplotlib.figure import Figure

    X_img, X_txt, y = _data()
    codes = X_img[:, :4], X_txt[:, :4]
    for name in NAMES:
        yield f"{name}.fit", lambda name=name: _fit_bytes(name)
    msln = RETRIEVERS["MSLNRetriever"]
    yield "partial_fit", lambda: msln().partial_fit(X_img, X_txt, y)
    cca = RETRIEVERS["CCARetriever"]()
    yield (
        "permutation_test",
        lambda: cca.permutation_test(X_img, X_txt, n_permutations=9, random_state=0),
    )
    for splitter in (
        ClassDisjointKFold(2, shuffle=True, random_state=0),
        ClassDisjointShuffleSplit(2, random_state=0),
        GeneralizedShuffleSplit(2, random_state=0),
    ):
        yield repr(splitter), lambda s=splitter: list(s.split(y, y))
    yield "make_paired_multilabel", lambda: make_paired_multilabel(9, random_state=0)
    yield (
        "bootstrap",
        lambda: metrics.bootstrap_score_interval(
            [0.1, 0.5, 0.7], n_resamples=20, random_state=0
        ),
    )
    yield (
        "RetrievedItemsDisplay",
        lambda: metrics.RetrievedItemsDisplay.from_predictions(
            *codes, y, random_state=0, ax=Figure().subplots()
        ),
    )
    yield (
        "JointEmbeddingDisplay",
        lambda: metrics.JointEmbeddingDisplay.from_predictions(
            *codes, y, ax=Figure().subplots()
        ),
    )


def test_what_draws_with_a_seed_leaves_the_global_generators_alone():
    before = _global_states()
    for name, call in _everything_random():
        call()
        assert _global_states() == before, name


@pytest.mark.parametrize("host", ["0.0.0.1", "example.invalid", b"example.invalid"])
def test_tests_reach_no_other_machine(host):
    with pytest.raises(RuntimeError, match="tests have no network"):
        socket.create_connection((host, 80))
    with socket.socket() as sock, pytest.raises(RuntimeError, match="no network"):
        sock.connect(("0.0.0.1", 80))


def test_tests_reach_their_own_machine():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


LEAK = """
import resource, sys
import numpy as np
from tests.test_isolation import _make

rng = np.random.default_rng(0)
X_img, X_txt = rng.normal(size=(100, 60)), rng.normal(size=(100, 40))
y = np.arange(100) % 4

def high_water_mark():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def fit(n):
    for _ in range(n):
        _make(sys.argv[1]).fit(X_img, X_txt, y).score(X_img[:50], X_txt[:50], y[:50])

fit(30)
before = high_water_mark()
fit(200)
print((high_water_mark() - before) / (200 * (X_img.nbytes + X_txt.nbytes)))
"""


@pytest.mark.parametrize("name", thorough_but(["KCCARetriever"], RETRIEVERS))
def test_memory_does_not_grow_over_200_fits(name, repository_root):
    pytest.importorskip("resource", reason="measures memory as Unix does")
    done = subprocess.run(
        [sys.executable, "-c", LEAK, name],
        cwd=repository_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # What fits keep, in units of their data (80 kB): whatever is kept at every fit,
    # codes, weights or kernels, is more.
    assert float(done.stdout) < 0.1
