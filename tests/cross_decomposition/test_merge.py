"""Parts summed anywhere, in any order, are one fit on all pairs."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_xmodal import (
    AdapterRetriever,
    ASIFRetriever,
    CCARetriever,
    KCCARetriever,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SemanticAutoencoderRetriever,
    ThreeViewCCARetriever,
    load,
    merge,
    save,
)
from tests.conftest import thorough_but

N, WIDTH = 300, 7
VECTORS = {label: np.random.default_rng(label).normal(size=3) for label in range(5)}


def draw(n=N, shift=0.0):
    rng = np.random.default_rng(100)
    y = rng.integers(0, 5, n)
    centres = rng.normal(size=(5, WIDTH))
    X_img = centres[y] + rng.normal(size=(n, WIDTH)) + shift
    X_txt = X_img @ rng.normal(size=(WIDTH, WIDTH)) + rng.normal(size=(n, WIDTH))
    return X_img, X_txt, y, rng.integers(0, 4, n).astype(float)


def landmarks(n=40):
    X_img, X_txt, *_ = draw()
    return X_img[:n], X_txt[: n - 9]


def kernels(**params):
    return KCCARetriever(3, landmarks=landmarks(), **params)


CLASSES = [
    MvDARetriever(2),
    ThreeViewCCARetriever(3),
    RidgeRetriever(class_embeddings=VECTORS),
    SemanticAutoencoderRetriever(class_embeddings=VECTORS),
]
PAIRS = [
    CCARetriever(3),
    PLSRetriever(3),
    AdapterRetriever(10.0),
    ProcrustesRetriever(3),
    kernels(approximation="nystroem"),
    kernels(approximation="rff", n_landmarks=30),
]
ALL = [*PAIRS, *CLASSES]


def by_name(est):
    return f"{type(est).__name__}-{getattr(est, 'approximation', '')}"


def assert_same(got, expected, atol=1e-10):
    X_img, X_txt, *_ = draw()
    for modality, X in (("image", X_img), ("text", X_txt)):
        Z = getattr(expected, f"transform_{modality}")(X)
        found = getattr(got, f"transform_{modality}")(X)
        assert_allclose(found, Z, rtol=0, atol=atol * max(1, abs(Z).max()))
    for name in ("classes_", "n_unlabelled_", "n_features_in_"):
        assert_array_equal(getattr(got, name, None), getattr(expected, name, None))


def one_part(est, rows):
    """Sum a part: what a node of a cluster does."""
    X_img, X_txt, y, weights = draw()
    part = clone(est)
    for some in np.array_split(rows, 3):
        data = X_img[some], X_txt[some], y[some], weights[some]
        part.partial_fit(*data, solve=False)
    return part


@pytest.mark.parametrize("est", ALL, ids=by_name)
def test_four_parts_are_one_fit(est):
    X_img, X_txt, y, weights = draw()
    expected = clone(est).fit(X_img, X_txt, y, sample_weight=weights)
    # By class, so that no part knows all of them, and some one alone.
    cuts = np.flatnonzero(np.diff(np.sort(y)))[[0, 1, 3]] + 1
    parts = [one_part(est, rows) for rows in np.split(np.argsort(y), cuts)]
    nothing = clone(est)  # of a node without pairs
    got = merge(pickle.loads(pickle.dumps(part)) for part in [nothing, *parts])
    assert_same(got, expected)
    halves = [merge(half, solve=False) for half in (parts[2:], parts[:2])]
    assert_same(merge(halves), expected)


@pytest.mark.thorough
@pytest.mark.parametrize("est", ALL, ids=by_name)
def test_four_processes_are_one_fit(est):
    X_img, X_txt, y, weights = draw()
    expected = clone(est).fit(X_img, X_txt, y, sample_weight=weights)
    rows = np.array_split(np.random.default_rng(101).permutation(N), 4)
    with ProcessPoolExecutor(4, mp_context=get_context("forkserver")) as pool:
        parts = list(pool.map(one_part, [est] * 4, rows))
    assert_same(merge(parts), expected)


@pytest.mark.parametrize("est", thorough_but(ALL[4:7:2], ALL), ids=by_name)
def test_means_far_away_cost_no_digits(est):
    X_img, X_txt, y, _ = draw(shift=1e4)
    if isinstance(est, KCCARetriever):
        est = clone(est).set_params(landmarks=(X_img[:40], X_txt[:40]))
    expected = clone(est).fit(X_img, X_txt, y)
    order = np.argsort(X_img[:, 0])  # the means of the parts differ
    parts = [
        clone(est).partial_fit(X_img[r], X_txt[r], y[r], solve=False)
        for r in np.array_split(order, 4)
    ]
    codes = expected.transform_image(X_img)
    assert_allclose(
        merge(parts).transform_image(X_img), codes, rtol=0, atol=1e-8 * abs(codes).max()
    )


@pytest.mark.parametrize("est", CLASSES[1:3], ids=by_name)
def test_several_labels_and_pairs_without_any(est):
    X_img, X_txt, y, weights = draw()
    Y = np.eye(5, dtype=int)[y]
    Y[::3, 2] = 1
    Y[5::7] = -1  # no label
    Y[6] = 0  # no class
    expected = clone(est).fit(X_img, X_txt, Y, sample_weight=weights)
    parts = [
        clone(est).partial_fit(X_img[r], X_txt[r], Y[r], weights[r], solve=False)
        for r in (slice(100), slice(100, N))
    ]
    assert_same(merge(parts), expected)
    one_hot = clone(est).partial_fit(X_img, X_txt, y)
    with pytest.raises(ValueError, match="labels in every part, or an indicator in"):
        merge([parts[0], one_hot])
    table = pd.DataFrame(Y, columns=[4, 3, 2, 1, 0])
    with pytest.raises(ValueError, match=r"same columns.*\[0, 1, 2, 3, 4\].*\[4, 3"):
        merge([parts[0], clone(est).partial_fit(X_img, X_txt, table)])


def test_sums_alone_are_no_fit():
    X_img, X_txt, y, _ = draw()
    est = CCARetriever(3).partial_fit(X_img[:1], X_txt[:1], solve=False)
    with pytest.raises(NotFittedError):
        est.transform_image(X_img)
    with pytest.raises(ValueError, match="must be fitted to be stored"):
        save(est, "/nowhere")
    with pytest.raises(ValueError, match=r"at least 2 pairs that count. Got 1 pair"):
        merge([est])
    est.partial_fit(X_img[1:], X_txt[1:])
    assert_same(est, CCARetriever(3).fit(X_img, X_txt))
    est.partial_fit(X_img, X_txt, solve=False)
    with pytest.raises(NotFittedError):  # the old codes are not those of all pairs
        est.transform_image(X_img)
    assert not hasattr(est, "canonical_correlations_")
    mvda = MvDARetriever().partial_fit(X_img, X_txt, 0 * y, solve=False)
    with pytest.raises(ValueError, match="at least two classes"):
        merge([mvda])
    with pytest.raises(ValueError, match="at least two classes"):
        mvda.partial_fit(X_img, X_txt, 0 * y)
    whole = mvda.partial_fit(X_img[5:], X_txt[5:], y[5:] + 1)
    rows, labels = np.r_[:N, 5:N], np.r_[0 * y, y[5:] + 1]
    assert_same(whole, MvDARetriever().fit(X_img[rows], X_txt[rows], labels))


@pytest.mark.parametrize("est", [ALL[4], ALL[5], ALL[6]], ids=by_name)
def test_files_hold_the_sums(est, tmp_path):
    X_img, X_txt, y, _ = draw()
    parts = [clone(est).partial_fit(X_img[r::2], X_txt[r::2], y[r::2]) for r in (0, 1)]
    for number, part in enumerate(parts):
        save(part, tmp_path / str(number))
    loaded = [load(tmp_path / str(number)) for number in (0, 1)]
    assert_same(merge(loaded), clone(est).fit(X_img, X_txt, y))


def test_kernel_features_are_turned_where_eigenvectors_differ():
    X_img, X_txt, *_ = draw()
    est = kernels(approximation="nystroem")
    expected = clone(est).fit(X_img, X_txt)
    parts = [clone(est).partial_fit(X_img[r::2], X_txt[r::2]) for r in (0, 1)]
    # Another library has other signs, and another order within equal eigenvalues.
    moments = parts[1]._moments
    order = np.random.default_rng(102).permutation(moments.whiteners[0].shape[1])
    turn = -np.eye(len(order))[order]
    whiteners = [moments.whiteners[0] @ turn, moments.whiteners[1]]
    with pytest.MonkeyPatch.context() as patch:
        module = "sklearn_xmodal.cross_decomposition._engine._kernel_moments.whitener"
        others = iter(whiteners)
        patch.setattr(module, lambda *args: next(others))
        parts[1] = clone(est).partial_fit(X_img[1::2], X_txt[1::2])
    assert not np.array_equal(parts[0]._moments.whiteners[0], whiteners[0])
    assert_same(merge(parts), expected)


class TestAgreement:
    @pytest.mark.parametrize(
        ("change", "error", "match"),
        [
            ({"alpha": 2.0}, ValueError, "alpha=1.0, and alpha=2.0 in number 1"),
            ({"widths": (6, 7)}, ValueError, "7 image features, and 6 in number 1"),
            ({"widths": (7, 6)}, ValueError, "7 text features, and 6 in number 1"),
            ({"names": "abcdefg"}, ValueError, r"same image columns.*None, and \['a'"),
            ({"labels": True}, ValueError, "Labels y must be of one kind"),
        ],
        ids=lambda change: next(iter(change)) if isinstance(change, dict) else "",
    )
    def test_is_checked(self, change, error, match):
        X_img, X_txt, y, _ = draw()
        first = CCARetriever().partial_fit(X_img, X_txt, y)
        p, q = change.get("widths", (7, 7))
        X_img, X_txt = X_img[:, :p], X_txt[:, :q]
        if "names" in change:
            X_img = pd.DataFrame(X_img, columns=list(change["names"]))
        y = y.astype(str) if "labels" in change else y
        other = CCARetriever(alpha=change.get("alpha", 1.0))
        with pytest.raises(error, match=match):
            merge([first, other.partial_fit(X_img, X_txt, y)])

    def test_of_what_is_to_be_merged(self):
        X_img, X_txt, *_ = draw()
        part = CCARetriever().partial_fit(X_img, X_txt)
        fitted = CCARetriever().fit(X_img, X_txt)
        for wrong, error, match in (
            ([], ValueError, "at least one retriever. Got none"),
            (part, ValueError, "Got a retriever"),
            ([part, fitted], ValueError, "number 1, a CCARetriever fitted by fit"),
            ([CCARetriever()], ValueError, "Got 1 of CCARetriever that are not fitted"),
            ([CCARetriever(2), part], ValueError, "n_components=2, and n_comp"),
            ([part, ASIFRetriever()], TypeError, "number 1 of type ASIFRetriever"),
            ([part, PLSRetriever().partial_fit(X_img, X_txt)], TypeError, "one class"),
        ):
            with pytest.raises(error, match=match):
                merge(wrong)

    def test_of_landmarks(self):
        X_img, X_txt, *_ = draw()
        est = kernels(approximation="nystroem")
        part = est.partial_fit(X_img, X_txt)
        other = clone(est).set_params(landmarks=landmarks(39))
        with pytest.raises(ValueError, match=r"equal parameters.*landmarks="):
            merge([part, other.partial_fit(X_img, X_txt)])
        with pytest.raises(ValueError, match="same image landmarks, kernel, gamma"):
            part.set_params(gamma=0.3).partial_fit(X_img, X_txt)
        with pytest.raises(ValueError, match="same image landmarks, kernel, gamma"):
            clone(ALL[5]).set_params(random_state=np.random.RandomState(0)).partial_fit(
                X_img, X_txt
            ).partial_fit(X_img, X_txt)


class TestLandmarks:
    def test_may_be_tables_or_sparse(self):
        X_img, X_txt, *_ = draw()
        expected = kernels(approximation="nystroem").fit(X_img, X_txt)
        L_img, L_txt = landmarks()
        names = list("abcdefg")
        est = clone(expected).set_params(
            landmarks=(pd.DataFrame(L_img, columns=names), L_txt)
        )
        image = pd.DataFrame(X_img, columns=names)
        got = est.fit(image, X_txt)
        assert_allclose(
            got.transform_image(image), expected.transform_image(X_img), atol=1e-10
        )
        with pytest.raises(ValueError, match=r"7\. Got 7 columns of other names"):
            est.fit(image[names[::-1]], X_txt)
        est.set_params(landmarks=(sparse.csr_array(L_img), L_txt))
        assert_same(est.fit(sparse.csr_array(X_img), X_txt), expected, atol=1e-8)

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"landmarks": ("uniform", "k-means++")}, r"Got landmarks=\('uniform'"),
            ({"landmarks": np.eye(7)}, "Got one of type ndarray"),
            ({"approximation": None}, "Got approximation=None"),
            ({"kernel": ("rbf", "precomputed")}, "Got a precomputed kernel"),
            ({"landmarks": (np.eye(6), np.eye(7))}, "there are 7. Got 6 columns"),
            ({"landmarks": (np.eye(7),)}, "tuple of length 1"),
            ({"landmarks": (np.eye(7), np.eye(7) * np.nan)}, "must be finite"),
        ],
    )
    def test_must_be_two_matrices(self, params, match):
        est = kernels(approximation="nystroem").set_params(**params)
        with pytest.raises(ValueError, match=match):
            est.fit(*draw()[:2])

    def test_are_needed_for_parts(self):
        est = KCCARetriever(3, approximation="nystroem")
        assert not hasattr(est, "partial_fit")
        with pytest.raises(AttributeError) as info:
            est.fit_batches([draw()[:2]])
        assert "landmarks=(L_img, L_txt)" in str(info.value.__cause__)
