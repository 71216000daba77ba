"""Partial least squares against scikit-learn, direct decompositions and identities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.cross_decomposition import PLSSVD
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import CCARetriever, PLSRetriever
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
SHAPES = pytest.mark.parametrize(
    ("n", "p", "q"), [(100, 8, 6), (100, 5, 9), (20, 40, 6), (20, 30, 40), (9, 9, 9)]
)
SCALES = pytest.mark.parametrize("scale", [True, False, (True, False)], ids=str)


def draw(seed, n=100, p=8, q=6):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    X = shared @ rng.standard_normal((3, p)) + rng.standard_normal((n, p))
    Y = shared @ rng.standard_normal((3, q)) + rng.standard_normal((n, q))
    return X * np.linspace(1, 3, p), Y * np.linspace(5, 1, q)


def direct(X, Y, scale):
    """Singular values of the cross-covariance, and scores, without signs."""
    both = scale if isinstance(scale, tuple) else (scale, scale)
    A, B = (
        StandardScaler(with_std=s).fit_transform(M)
        for M, s in zip((X, Y), both, strict=True)
    )
    U, S, Vt = linalg.svd(A.T @ B / len(A), full_matrices=False)
    return S, np.abs(A @ U), np.abs(B @ Vt.T)


@EVERY_SEED
class TestOracles:
    @SHAPES
    @SCALES
    def test_singular_vectors_of_the_cross_covariance(self, seed, n, p, q, scale):
        X, Y = draw(seed, n, p, q)
        est = PLSRetriever(3, scale=scale).fit(X, Y)
        S, Z_img, Z_txt = direct(X, Y, scale)
        assert_allclose(est.singular_values_, S[:3], rtol=1e-10)
        assert_allclose(np.abs(est.transform_image(X)), Z_img[:, :3], atol=1e-8)
        assert_allclose(np.abs(est.transform_text(Y)), Z_txt[:, :3], atol=1e-8)

    @pytest.mark.parametrize("scale", [True, False])
    def test_scikit_learn(self, seed, scale):
        X, Y = draw(seed)
        expected = PLSSVD(3, scale=scale).fit(X, Y).transform(X, Y)
        # It divides by the root of the unbiased variance.
        factor = np.sqrt(99 / 100) if scale else 1
        got = PLSRetriever(3, scale=scale).fit(X, Y).transform(X, Y)
        for Z, other in zip(got, expected, strict=True):
            assert_allclose(np.abs(Z) * factor, np.abs(other), atol=1e-9)

    @pytest.mark.parametrize("n", [100, 20])
    def test_limit_of_cca(self, seed, n):
        X, Y = draw(seed, n, 30, 40)
        pls = PLSRetriever(3, scale=False).fit(X, Y)
        cca = CCARetriever(3, alpha=1e12).fit(X, Y)
        for name in ("image_weights_", "text_weights_"):
            W, V = getattr(pls, name), getattr(cca, name)
            assert_allclose(linalg.norm(W, axis=0), 1, atol=1e-9)
            assert_allclose(W, V / linalg.norm(V, axis=0), atol=1e-8)


@EVERY_SEED
class TestIdentities:
    @SCALES
    def test_covariances_of_the_scores_are_the_singular_values(self, seed, scale):
        X, Y = draw(seed)
        est = PLSRetriever(scale=scale).fit(X, Y)
        Z_img, Z_txt = est.transform(X, Y)
        assert_allclose(
            Z_img.T @ Z_txt / len(X), np.diag(est.singular_values_), atol=1e-10
        )

    @pytest.mark.parametrize("power", [0.5, 2.0])
    def test_scores_are_multiplied_by_powers_of_singular_values(self, seed, power):
        X, Y = draw(seed)
        plain = PLSRetriever().fit(X, Y)
        S = plain.singular_values_
        weighted = PLSRetriever(component_power=power).fit(X, Y)
        for Z, unit in zip(
            weighted.transform(X, Y), plain.transform(X, Y), strict=True
        ):
            assert_allclose(Z, unit * (S / S[0]) ** power, atol=1e-12)

    @SCALES
    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_partial_fit_equals_fit(self, seed, scale, shift):
        X, Y = draw(seed)
        X = X + shift
        X[50:] += 10
        est = PLSRetriever(4, scale=scale)
        for rows in np.split(np.arange(100), [10, 60, 61]):
            est.partial_fit(X[rows], Y[rows])
        whole = PLSRetriever(4, scale=scale).fit(X, Y)
        assert_allclose(est.image_weights_, whole.image_weights_, atol=1e-10)
        assert_allclose(est.singular_values_, whole.singular_values_, rtol=1e-10)

    @SHAPES
    def test_integer_weights_are_repeated_rows(self, seed, n, p, q):
        X, Y = draw(seed, n, p, q)
        counts = 1 + np.random.default_rng(seed).integers(0, 3, n)
        weighted = PLSRetriever(3).fit(X, Y, sample_weight=counts)
        repeated = PLSRetriever(3).fit(np.repeat(X, counts, 0), np.repeat(Y, counts, 0))
        assert_allclose(
            weighted.transform_text(Y), repeated.transform_text(Y), atol=1e-9
        )

    @SHAPES
    @SCALES
    def test_sparse_equals_dense(self, seed, n, p, q, scale):
        X, Y = draw(seed, n, p, q)
        Y = np.where(Y > 1, Y, 0.0)
        dense = PLSRetriever(3, scale=scale).fit(X, Y)
        mixed = PLSRetriever(3, scale=scale).fit(X, sparse.csr_array(Y))
        assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-10)

    @pytest.mark.parametrize("n", [100, 7])
    @SCALES
    def test_constant_columns_get_no_weight(self, seed, n, scale):
        X, Y = draw(seed, n)
        est = PLSRetriever(3, scale=scale).fit(np.insert(X, 2, 0.1, axis=1), Y)
        plain = PLSRetriever(3, scale=scale).fit(X, Y)
        assert_array_equal(est.image_weights_[2], 0)
        assert_array_equal(est.image_loadings_[2], 0)
        assert_allclose(
            np.delete(est.image_weights_, 2, axis=0), plain.image_weights_, atol=1e-9
        )

    def test_loadings_are_correlations_with_the_scores(self, seed):
        X, Y = draw(seed)
        est = PLSRetriever(3).fit(X, Y)
        expected = np.corrcoef(Y.T, est.transform_text(Y).T)[:6, 6:]
        assert_allclose(est.text_loadings_, expected, atol=1e-10)

    def test_float32_is_kept_and_close(self, seed):
        X, Y = (A.astype(np.float32) for A in draw(seed))
        Z = PLSRetriever(3).fit(X, Y).transform_image(X)
        wide = PLSRetriever(3).fit(X.astype(float), Y.astype(float))
        assert Z.dtype == np.float32
        assert_allclose(Z, wide.transform_image(X.astype(float)), atol=1e-4)


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"n_components": 7}, r"at most 6, .* Got n_components=7"),
            ({"scale": 2.5}, "'scale' parameter of PLSRetriever"),
            ({"scale": (True, "x")}, "'scale' parameter of PLSRetriever .* 'x'"),
            ({"scale": (True,)}, "scale must be .* tuple of length 1"),
            ({"component_power": -1}, "'component_power' parameter"),
        ],
        ids=str,
    )
    def test_name_the_argument(self, params, match):
        with pytest.raises(ValueError, match=match):
            PLSRetriever(**params).fit(*draw(0))

    def test_failed_partial_fit_leaves_the_retriever_as_it_was(self):
        X, Y = draw(0)
        est = PLSRetriever(3).partial_fit(X, Y)
        before = dict(vars(est))
        with pytest.raises(ValueError, match="7 features, but PLSRetriever is expec"):
            est.partial_fit(X[:, 1:], Y)
        assert vars(est) == before
