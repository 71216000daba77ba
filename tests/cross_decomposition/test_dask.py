"""Dask arrays give what the same data give in memory, whatever becomes of workers."""

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV

from sklearn_xmodal import (
    AdapterRetriever,
    CCARetriever,
    CCARetrieverCV,
    ImageTextPairs,
    KCCARetriever,
    MSLNRetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SemanticAutoencoderRetriever,
    ThreeViewCCARetriever,
)
from sklearn_xmodal.cross_decomposition._engine import _dask
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import cross_modal_score, retrieval_score
from tests.conftest import thorough_but

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")

ROOT = Path(__file__).parents[2]
TOLERANCE = {"rtol": 0, "atol": 1e-10}
RETRIEVERS = [
    CCARetriever(4, alpha=0.1),
    CCARetriever(alpha=0),
    CCARetriever(alpha="oas"),
    PLSRetriever(3),
]
NYSTROEM = KCCARetriever(4, approximation="nystroem", n_landmarks=40)
KERNEL_RETRIEVERS = [
    NYSTROEM,
    KCCARetriever(4, approximation="nystroem", n_landmarks=1000, alpha=0.1),
    KCCARetriever(
        3,
        approximation="nystroem",
        n_landmarks=30,
        landmarks="k-means++",
        kernel=("laplacian", "poly"),
        gamma="median",
        random_state=3,
    ),
    KCCARetriever(4, approximation="rff", n_landmarks=40),
]
CLASS_RETRIEVERS = [
    MvDARetriever(2),
    ThreeViewCCARetriever(2),
    RidgeRetriever(),
    SemanticAutoencoderRetriever(),
]
SMALL_NETWORK = MSLNRetriever(
    4, hidden_layer_sizes=(8,), max_epochs=1, device="cpu", random_state=0
)
LAZY = [CCARetriever(3), NYSTROEM, KCCARetriever(3), SMALL_NETWORK]


def draw(n=300, p=8, q=6, shift=0.0):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    Y = X[:, :q] + rng.standard_normal((n, q))
    return X + shift, Y - shift


def chunked(X, Y, rows=70, columns=3):
    return da.from_array(X, chunks=(rows, columns)), da.from_array(Y, chunks=(50, 4))


def assert_same(got, expected, **tolerance):
    for name in ("weights_", "loadings_", "mean_"):
        for modality in ("image_", "text_"):
            a, b = (getattr(est, modality + name) for est in (got, expected))
            assert_allclose(a, b, **{**TOLERANCE, **tolerance}, err_msg=name)
    assert got.n_features_in_ == expected.n_features_in_


def assert_same_codes(got, expected, X, Y):
    """Coefficients of directions without variance are rounding, codes are not."""
    assert_allclose(
        got.canonical_correlations_, expected.canonical_correlations_, **TOLERANCE
    )
    for Z, codes in zip(got.transform(X, Y), expected.transform(X, Y), strict=True):
        assert_allclose(Z, codes, rtol=0, atol=1e-8)
    assert got.n_features_in_ == expected.n_features_in_


def again(est, **params):
    return clone(est).set_params(**params)


@pytest.fixture(autouse=True)
def threads():
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


@pytest.mark.parametrize("adapt", ["both", "text"])
@pytest.mark.parametrize(("n", "p"), [(300, 8), (11, 30)], ids=["many", "few"])
def test_adapters_are_those_in_memory(adapt, n, p):
    X, Y = draw(n, p, p)
    weights = np.arange(n) % 3
    expected = AdapterRetriever(2, adapt=adapt).fit(X, Y, sample_weight=weights)
    est = AdapterRetriever(2, adapt=adapt)
    est.fit(*chunked(X, Y, 7, 4), sample_weight=weights)
    found, expected = (
        cosine_similarity(*one.transform(X, Y)) for one in (est, expected)
    )
    assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("est", RETRIEVERS, ids=str)
class TestSameAsInMemory:
    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_whatever_the_chunks(self, est, shift):
        X, Y = draw(shift=shift)
        expected = type(est)(**est.get_params()).fit(X, Y)
        for rows, columns in ((70, 3), (300, 8), (7, 8)):
            assert_same(est.fit(*chunked(X, Y, rows, columns)), expected)

    def test_in_every_form(self, est):
        X, Y = draw()
        y = np.arange(300) % 3
        expected = type(est)(**est.get_params()).fit(X, Y, y)
        A, B = chunked(X, Y)
        assert_same(est.fit(ImageTextPairs(A, B), y), expected)
        assert_array_equal(est.classes_, [0, 1, 2])
        stacked = type(est)(**est.get_params()).set_params(n_image_features=8)
        stacked.fit(da.concatenate([A, B.rechunk({0: 70})], axis=1), da.from_array(y))
        assert_same(stacked, expected)
        assert_array_equal(stacked.classes_, [0, 1, 2])

    def test_with_weights(self, est):
        X, Y = draw()
        weights = np.random.default_rng(1).integers(0, 3, 300)
        expected = type(est)(**est.get_params()).fit(X, Y, sample_weight=weights)
        assert_same(est.fit(*chunked(X, Y), sample_weight=weights), expected)

    def test_with_float32(self, est):
        X, Y = (A.astype(np.float32) for A in draw())
        expected = type(est)(**est.get_params()).fit(X, Y)
        assert_same(est.fit(*chunked(X, Y)), expected)


@pytest.mark.parametrize("est", KERNEL_RETRIEVERS, ids=str)
class TestKernelsSameAsInMemory:
    def test_with_weights(self, est):
        X, Y = draw()
        weights = np.random.default_rng(1).integers(0, 3, 300)
        weights[:40] = 0  # a whole block
        expected = again(est).fit(X, Y, sample_weight=weights)
        got = again(est).fit(*chunked(X, Y, 20, 3), sample_weight=weights)
        assert_same_codes(got, expected, X, Y)

    @pytest.mark.parametrize("shift", [0.0, 1e3], ids=str)
    def test_whatever_the_chunks(self, est, shift):
        X, Y = draw(shift=shift)
        expected = again(est).fit(X, Y)
        for rows, columns in ((70, 3), (300, 8), (7, 8)):
            got = again(est).fit(*chunked(X, Y, rows, columns))
            assert_same_codes(got, expected, X, Y)
            assert_allclose(got.image_gamma_, expected.image_gamma_, rtol=1e-12)

    def test_in_every_form(self, est):
        X, Y = draw()
        y = np.arange(300) % 3
        expected = again(est).fit(X, Y, y)
        A, B = chunked(X, Y)
        got = again(est).fit(ImageTextPairs(A, B), y)
        assert_same_codes(got, expected, X, Y)
        assert_array_equal(got.classes_, [0, 1, 2])
        stacked = again(est, n_image_features=8)
        stacked.fit(da.concatenate([A, B.rechunk({0: 70})], axis=1), da.from_array(y))
        Z = np.hstack(expected.transform(X, Y))
        assert_allclose(stacked.transform(np.hstack([X, Y])), Z, rtol=0, atol=1e-8)
        assert_array_equal(stacked.classes_, [0, 1, 2])

    def test_with_float32(self, est):
        X, Y = (A.astype(np.float32) for A in draw())
        expected = again(est).fit(X, Y)
        got = again(est).fit(*chunked(X, Y))
        assert_same_codes(got, expected, X.astype(float), Y.astype(float))
        assert got.transform_image(X).dtype == np.float32

    def test_with_sparse_and_empty_blocks(self, est):
        X, Y = draw()
        Y = np.where(Y > 0, Y, 0.0)
        expected = again(est).fit(X, sparse.csr_array(Y))
        A, B = (da.from_array(M, chunks=((100, 0, 200), -1)) for M in (X, Y))
        got = again(est).fit(A, B.map_blocks(sparse.csr_array))
        assert_same_codes(got, expected, X, sparse.csr_array(Y))

    def test_arrays_are_never_held_whole(self, est, monkeypatch):
        X, Y = draw(n=1200)
        largest = []

        def noted(block, wanted, modality, inner=_dask._block_rows):
            largest.append(inner(block, wanted, modality))
            return largest[-1]

        def refused(*args, **kwargs):
            raise AssertionError("a whole Dask array was computed")

        monkeypatch.setattr(_dask, "_block_rows", noted)
        monkeypatch.setattr(da.Array, "__array__", refused)
        monkeypatch.setattr(da.Array, "compute", refused)
        got = again(est, n_landmarks=50).fit(*chunked(X, Y))
        if est.approximation == "nystroem":
            assert len(got.X_image_fit_) == 50
            for name, A in (("image", X), ("text", Y)):
                basis = getattr(got, f"X_{name}_fit_")
                expected = again(est, n_landmarks=50).fit(X, Y)
                assert_array_equal(basis, getattr(expected, f"X_{name}_fit_"))
                assert (basis[:, None] == A).all(axis=2).any(axis=1).all()
        # Landmarks, k-means++ candidates, samples for distances and for signs.
        assert 0 < sum(map(len, largest)) <= 2 * (50 + 20 * 50 + 1000) + 1000


def test_procrustes_is_that_in_memory():
    X, Y = draw(shift=1e3)
    expected = ProcrustesRetriever(3).fit(X, Y)
    got = ProcrustesRetriever(3).fit(*chunked(X, Y))
    for Z, codes in zip(got.transform(X, Y), expected.transform(X, Y), strict=True):
        assert_allclose(Z, codes, rtol=0, atol=1e-9)


class TestBlocks:
    def test_may_be_sparse(self):
        X, Y = draw()
        Y = np.where(Y > 0, Y, 0.0)
        expected = CCARetriever(3).fit(X, Y)
        A = da.from_array(X, chunks=(100, -1))
        B = da.from_array(Y, chunks=(100, -1)).map_blocks(sparse.csr_array)
        assert_same(CCARetriever(3).fit(A, B), expected)

    def test_may_be_empty(self):
        X, Y = draw()
        A, B = (da.from_array(M, chunks=((100, 0, 200), -1)) for M in (X, Y))
        assert_same(CCARetriever(3).fit(A, B), CCARetriever(3).fit(X, Y))

    def test_are_read_again_for_a_covariance_close_to_singular(self):
        X, Y = draw()
        noise = np.random.default_rng(1).standard_normal((300, 2))
        X = np.hstack([X, X[:, :2] + 1e-6 * noise])
        got = CCARetriever(alpha=0).fit(*chunked(X, Y))
        expected = CCARetriever(alpha=0).fit(X, Y)
        assert_allclose(
            got.canonical_correlations_, expected.canonical_correlations_, atol=1e-9
        )

    def test_fewer_samples_than_features(self):
        X, Y = draw(n=30, p=60, q=50)
        got = CCARetriever(alpha=0.1).fit(*chunked(X, Y, 7))
        expected = CCARetriever(alpha=0.1).fit(X, Y)
        assert_allclose(
            got.canonical_correlations_, expected.canonical_correlations_, **TOLERANCE
        )


@pytest.mark.parametrize("est", CLASS_RETRIEVERS, ids=str)
class TestClassesSameAsInMemory:
    def test_whatever_the_chunks(self, est):
        X, Y = draw(shift=1e3)
        y = np.random.default_rng(1).choice(["a", "b", "c", "d"], 300)
        expected = again(est).fit(X, Y, y)
        for rows, columns in ((70, 3), (300, 8)):
            got = again(est).fit(*chunked(X, Y, rows, columns), da.from_array(y))
            assert_same_weights(got, expected)

    def test_with_weights_and_pairs_without_a_label(self, est):
        X, Y = draw()
        y = np.random.default_rng(1).integers(-1, 3, 300)
        weights = np.random.default_rng(2).integers(0, 3, 300)
        y[:50] = -1  # whole blocks
        weights[250:] = 0
        expected = again(est).fit(X, Y, y, sample_weight=weights)
        got = again(est).fit(*chunked(X, Y, 20), y, sample_weight=weights)
        assert_same_weights(got, expected)
        assert got.n_unlabelled_ == expected.n_unlabelled_ > 50

    def test_labels_are_checked(self, est):
        A, B = chunked(*draw())
        with pytest.raises(ValueError, match="two classes"):
            again(est).fit(A, B, np.zeros(300))
        with pytest.raises(ValueError, match="requires y to be passed"):
            again(est).fit(A, B)


def assert_same_weights(got, expected):
    for modality in ("image", "text"):
        W, reference = (getattr(e, f"{modality}_weights_") for e in (got, expected))
        assert_allclose(W, reference, rtol=0, atol=1e-9 * abs(reference).max())
    assert_array_equal(got.classes_, expected.classes_)


class TestLazyCodes:
    """`transform` reads nothing, and blocks are encoded one by one."""

    @pytest.mark.parametrize(
        "est",
        thorough_but(LAZY[:2], LAZY),
        ids=lambda est: type(est).__name__ + str(getattr(est, "approximation", "")),
    )
    @pytest.mark.parametrize("dtype", [np.float32, np.int64], ids=lambda d: d.__name__)
    def test_are_those_in_memory(self, est, dtype):
        X, Y = ((10 * A).astype(dtype) for A in draw())
        est = again(est).fit(X, Y, np.arange(300) % 3)
        expected = est.transform(X, Y)
        read = []
        A, B = chunked(X, Y)
        A = A.map_blocks(lambda block: read.append(1) or block, meta=X[:0])
        Z_img, Z_txt = est.transform(A, B)
        assert not read
        for Z, codes in ((Z_img, expected[0]), (Z_txt, expected[1])):
            assert (Z.shape, Z.dtype) == (codes.shape, codes.dtype)
            assert_allclose(Z.compute(), codes, rtol=1e-5, atol=1e-5)
        pairs = est.transform(ImageTextPairs(text=B))
        assert pairs.image is None
        assert_allclose(pairs.text[70:90].compute(), expected[1][70:90], atol=1e-5)

    def test_of_stacked_sparse_and_unknown_rows(self):
        X, Y = draw()
        A, B = chunked(X, Y, columns=8)
        est = CCARetriever(3, n_image_features=8)
        stacked = da.concatenate([A, B.rechunk({0: 70})], axis=1)
        est.fit(stacked)
        Z = est.transform(stacked)
        assert isinstance(Z, da.Array)
        assert_allclose(Z.compute(), est.transform(np.hstack([X, Y])), atol=1e-12)
        assert_allclose(est.score(stacked), est.score(np.hstack([X, Y])), atol=1e-12)
        est = CCARetriever(3).fit(X, Y)
        expected = est.transform_image(X)
        Z = est.transform_image(A.map_blocks(sparse.csr_array))
        assert_allclose(Z.compute(), expected, atol=1e-12)
        Z = est.transform_image(A[A[:, 0] > 0])
        assert_allclose(Z.compute(), expected[X[:, 0] > 0], atol=1e-12)
        empty = da.from_array(X, chunks=((100, 0, 200), -1))
        assert_allclose(est.transform_image(empty).compute(), expected, atol=1e-12)

    def test_errors_are_those_in_memory(self):
        X, Y = draw()
        A, B = chunked(X, Y)
        est = CCARetriever(3).fit(X, Y)
        with pytest.raises(ValueError, match="That is the width of the text features"):
            est.transform_image(B)
        with pytest.raises(ValueError, match="image features must be finite"):
            est.transform_image(A * np.nan).compute()
        est.set_output(transform="pandas")
        with pytest.raises(TypeError, match=r"are Dask arrays. Got transform='pandas'"):
            est.transform_image(A)


class TestScores:
    @pytest.mark.parametrize("labels", ["none", "some", "several"])
    def test_are_those_in_memory(self, labels):
        X, Y = draw()
        y = np.random.default_rng(1).integers(-1, 3, 300)
        several = np.eye(3, dtype=int)[y]
        y = {"none": None, "some": y, "several": several}[labels]
        weights = np.random.default_rng(2).random(300)
        est = CCARetriever(3).fit(X, Y)
        expected = est.score(X, Y, y, sample_weight=weights)
        A, B = chunked(X, Y)
        assert_allclose(est.score(A, B, y, sample_weight=weights), expected, rtol=1e-12)

    def test_of_codes(self):
        Z, gallery = draw(q=8)
        y = np.arange(300) % 7
        lazy = da.from_array(Z, chunks=((100, 0, 200), 3))
        options = {"metric": "ndcg_at_k", "k": 20, "average": False}
        expected = retrieval_score(Z, gallery[:90], y, y[:90], **options)
        for queries, items in (
            (lazy, gallery[:90]),
            (lazy, da.from_array(gallery[:90])),
            (Z, da.from_array(gallery[:90], chunks=40)),
        ):
            got = retrieval_score(queries, items, y, da.from_array(y[:90]), **options)
            assert_allclose(got, expected, rtol=1e-12)
        for metric in ("median_rank_error", "mean_reciprocal_rank"):
            got = cross_modal_score(lazy, gallery, metric=metric)
            assert_allclose(got, cross_modal_score(Z, gallery, metric=metric))

    def test_without_the_whole_matrix_of_scores(self):
        n = 4000
        lazy = [da.from_array(M, chunks=(500, -1)) for M in draw(n, q=8)]
        tracemalloc.start()
        retrieval_score(*lazy, metric="hit_rate_at_k", k=5, working_memory=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.2 * 8 * n**2

    def test_errors(self):
        A, B = chunked(*draw(q=8), columns=8)
        y = np.arange(300) % 3
        for call, error, match in (
            (lambda: cross_modal_score(A, B, y[:9]), ValueError, "9"),
            (lambda: cross_modal_score(A, B, groups=y), TypeError, "without groups"),
            (
                lambda: cross_modal_score(A, B, metric=lambda a, b: 0.0),
                TypeError,
                "without callables",
            ),
            (
                lambda: retrieval_score(A, B, y, y, ids_query=y),
                TypeError,
                "without ids_query",
            ),
            (lambda: retrieval_score(A, B, y), ValueError, "no y_gallery"),
            (lambda: retrieval_score(A, B[:90]), ValueError, "300 queries and 90 it"),
            (lambda: retrieval_score(A[A[:, 0] > 0], B), ValueError, "known size"),
            (lambda: retrieval_score(A, B[:, :5], y, y), ValueError, "different width"),
        ):
            with pytest.raises(error, match=match):
                call()


class TestErrors:
    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            (lambda A, B: (A, B.compute()), TypeError, "Got text of type ndarray"),
            (lambda A, B: (A[:9], B), ValueError, "9 image rows and 300 text rows"),
            (lambda A, B: (A[A[:, 0] > 0], B[A[:, 0] > 0]), ValueError, "chunk_sizes"),
            (lambda A, B: (A[:1], B[:1]), ValueError, r"at least 2 rows. .* \(1, 8\)"),
            (lambda A, B: (A, B[:, :, None]), ValueError, r"matrix .* \(300, 6, 1\)"),
            (lambda A, B: (A * np.nan, B), ValueError, "image features must be finite"),
            (lambda A, B: (A, B, np.ones(3)), ValueError, "inconsistent numbers"),
            (lambda A, B: (A, B, None, -np.ones(300)), ValueError, "Got -1 in row 0"),
        ],
    )
    def test_say_what_is_wrong(self, change, error, match):
        arguments = change(*chunked(*draw()))
        with pytest.raises(error, match=match):
            CCARetriever(3).fit(*arguments)
        if len(arguments) < 4:  # KCCARetriever takes no weights
            with pytest.raises(error, match=match):
                again(NYSTROEM).fit(*arguments)

    def test_pairs_of_unknown_length_say_how_to_know_it(self):
        A, B = chunked(*draw())
        rows = A[:, 0] > 0
        with pytest.raises(ValueError, match=r"\(nan, 8\). Call X.compute_chunk_sizes"):
            ImageTextPairs(A[rows], B[rows])
        with pytest.raises(ValueError, match=r"\(nan, 6\). Call X.compute_chunk_sizes"):
            ImageTextPairs(A, B[rows])
        known = [M[rows].compute_chunk_sizes() for M in (A, B)]
        expected = CCARetriever(3).fit(*(M.compute() for M in known))
        assert_same(CCARetriever(3).fit(ImageTextPairs(*known)), expected)

    def test_too_many_components(self):
        with pytest.raises(ValueError, match=r"at most 6, .* Got n_components=7"):
            CCARetriever(7).fit(*chunked(*draw()))

        with pytest.raises(ValueError, match=r"at most 9, .* raise n_landmarks"):
            again(NYSTROEM, n_components=10, n_landmarks=9).fit(*chunked(*draw()))

    def test_exact_kernels_need_all_pairs(self):
        with pytest.raises(TypeError, match=r'only with an approx.* Use .*"nystroem"'):
            KCCARetriever(3).fit(*chunked(*draw()))

    def test_precomputed_kernels_are_in_memory(self):
        est = again(NYSTROEM, kernel=("rbf", "precomputed"))
        with pytest.raises(TypeError, match="Precomputed kernels must be arrays in me"):
            est.fit(*chunked(*draw()))

    def test_cross_validation_takes_none(self):
        with pytest.raises(TypeError, match="CCARetrieverCV scores held-out pairs"):
            CCARetrieverCV().fit(*chunked(*draw()))


def test_dask_is_not_imported_with_the_package():
    code = (
        "import sys, numpy as np\n"
        "from sklearn_xmodal import CCARetriever\n"
        "CCARetriever().fit(np.eye(4), np.eye(4)[:, :2])\n"
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_scheduler_need_be_chosen():
    code = (
        "import numpy as np, dask.array as da\n"
        "from sklearn_xmodal import CCARetriever, KCCARetriever\n"
        "A = da.from_array(np.random.default_rng(0).normal(size=(90, 4)), chunks=40)\n"
        "for _ in range(2):\n"
        "    CCARetriever().fit(A, A + 1)\n"
        "    KCCARetriever(approximation='nystroem', n_landmarks=9).fit(A, A + 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def traced(block, folder):
    """Say that the work has begun, and take some time."""
    (folder / str(time.monotonic_ns())).touch()
    time.sleep(0.2)
    return block


def kill_when_blocks_are_done(pid, folder, n_blocks):
    while len(list(folder.iterdir())) < n_blocks:
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="class")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("client")
class TestCluster:
    @pytest.fixture(autouse=True)
    def threads(self):
        """Leave the work to the cluster."""

    @pytest.mark.parametrize("est", thorough_but(RETRIEVERS[:1], RETRIEVERS), ids=str)
    def test_same_as_in_memory(self, est):
        X, Y = draw(shift=1e3)
        expected = type(est)(**est.get_params()).fit(X, Y)
        assert_same(est.fit(*chunked(X, Y)), expected)

    @pytest.mark.parametrize(
        "est", thorough_but(KERNEL_RETRIEVERS[:1], KERNEL_RETRIEVERS), ids=str
    )
    def test_kernels_same_as_in_memory(self, est):
        X, Y = draw(shift=1e3)
        got = again(est).fit(*chunked(X, Y))
        assert_same_codes(got, again(est).fit(X, Y), X, Y)

    @pytest.mark.parametrize(
        ("est", "n_readings"),
        # Means, landmarks of all blocks, and moments.
        [
            pytest.param(CCARetriever(4), 1, id="CCARetriever"),
            pytest.param(
                again(NYSTROEM, n_landmarks=300),
                3,
                id="KCCARetriever",
                marks=pytest.mark.thorough,
            ),
        ],
    )
    def test_a_killed_worker_is_survived(self, est, n_readings, client, tmp_path):
        X, Y = draw(n=600)
        A = da.from_array(X, chunks=(20, -1))
        A = A.map_blocks(traced, folder=tmp_path, meta=X[:0])
        before = client.run(os.getpid)
        victim = min(before.values())
        last_reading = 30 * (n_readings - 1) + 3
        killer = threading.Thread(
            target=kill_when_blocks_are_done, args=(victim, tmp_path, last_reading)
        )
        killer.start()
        got = again(est).fit(A, da.from_array(Y, chunks=(20, -1)))
        killer.join()
        expected = again(est).fit(X, Y)
        for Z, codes in zip(got.transform(X, Y), expected.transform(X, Y), strict=True):
            assert_allclose(Z, codes, rtol=0, atol=1e-8)
        # Blocks were computed again.
        assert len(list(tmp_path.iterdir())) > 30 * n_readings
        # One worker has a new process, so the old one did die in the middle.
        client.wait_for_workers(2, timeout=60)
        assert set(client.run(os.getpid).values()) != set(before.values())

    @pytest.mark.thorough
    def test_grid_search_runs_on_the_workers(self, client):
        X, Y, y = make_paired_modalities(90, n_classes=3, random_state=0)
        grid = {"alpha": [0.1, 1.0, 10.0]}
        here = GridSearchCV(CCARetriever(4), grid, cv=3).fit(ImageTextPairs(X, Y), y)
        with parallel_config("dask", client=client):
            there = GridSearchCV(CCARetriever(4), grid, cv=3)
            there.fit(ImageTextPairs(X, Y), y)
        assert there.best_params_ == here.best_params_
        assert_allclose(
            there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"]
        )


@pytest.mark.thorough
def test_all_survive_on_a_cluster_of_another_process():
    pytest.importorskip("distributed")
    command = [sys.executable, "-m", "tests.cross_decomposition.dask_cluster"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "10 retrievers\n"
