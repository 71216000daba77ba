"""Ridge CCA against independent solutions: QR and SVD, eigenproblems, identities."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, sparse
from sklearn import config_context
from sklearn.covariance import oas
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.utils.extmath import svd_flip

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.cross_decomposition._engine import _moments
from tests.conftest import SEEDS

EXACT = {"rtol": 0, "atol": 1e-10}
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
#: From textbook CCA to partial least squares.
ALPHA_PATH = [0.0, *10.0 ** np.arange(-10, 13, 2)]


def draw(seed, n=200, p=8, q=6, n_shared=4):
    """Features of both modalities that share some latent dimensions."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, n_shared))
    X = shared @ rng.standard_normal((n_shared, p)) + rng.standard_normal((n, p))
    Y = shared @ rng.standard_normal((n_shared, q)) + rng.standard_normal((n, q))
    return X, Y


def orthonormal_columns(X):
    """Basis of the centred column space, by rank-revealing QR."""
    X = np.asarray(X, dtype=np.float64)
    X = X - X.mean(axis=0)
    X = X - X.mean(axis=0)
    norms = linalg.norm(X, axis=0)
    X = X[:, norms > 1e-12 * len(X) * np.abs(X).max(initial=1e-300)]
    Q, R, _ = linalg.qr(X / linalg.norm(X, axis=0), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(R))
    return Q[:, diagonal > 1e-11 * diagonal[0]]


def reference_correlations(X, Y):
    """Canonical correlations as cosines of principal angles (Bjoerck and Golub)."""
    Q_x, Q_y = orthonormal_columns(X), orthonormal_columns(Y)
    return linalg.svd(Q_x.T @ Q_y, compute_uv=False)


def covariances(X, Y):
    """Dense covariances of one and of the other modality and between both."""
    A, B = X - X.mean(axis=0), Y - Y.mean(axis=0)
    n = len(X)
    return A.T @ A / n, B.T @ B / n, A.T @ B / n


def ridged(C, alpha):
    """Add alpha times the mean variance to the diagonal."""
    return C + alpha * np.trace(C) / len(C) * np.eye(len(C))


def ridge_reference(X, Y, alpha_img, alpha_txt):
    """Canonical correlations from the generalised symmetric eigenproblem."""
    C_x, C_y, C_xy = covariances(X, Y)
    p, q = C_xy.shape
    A = np.block([[np.zeros((p, p)), C_xy], [C_xy.T, np.zeros((q, q))]])
    B = linalg.block_diag(ridged(C_x, alpha_img), ridged(C_y, alpha_txt))
    return linalg.eigh(A, B, eigvals_only=True)[::-1][: min(p, q)]


def sample_correlations(Z_img, Z_txt):
    """Correlation of the two columns of each pair."""
    k = Z_img.shape[1]
    return np.diag(np.corrcoef(Z_img.T, Z_txt.T)[:k, k:])


def assert_textbook(X, Y, atol=1e-10):
    """Compare everything that textbook CCA promises."""
    expected = reference_correlations(X, Y)
    est = CCARetriever(alpha=0, component_power=0).fit(X, Y)
    k = min(len(expected), X.shape[0] - 1)
    assert est.n_components_ == k
    np.testing.assert_allclose(est.canonical_correlations_, expected[:k], atol=atol)
    for Z in est.transform(X, Y):
        np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-7)
        np.testing.assert_allclose(np.cov(Z.T, ddof=0), np.eye(k), atol=1e-7)
    np.testing.assert_allclose(
        sample_correlations(*est.transform(X, Y)), expected[:k], atol=atol
    )


@EVERY_SEED
class TestTextbook:
    def test_well_posed(self, seed):
        assert_textbook(*draw(seed))

    def test_integers(self, seed):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 255, (100, 6))
        assert_textbook(X, X[:, :4] + rng.integers(0, 99, (100, 4)))

    def test_duplicated_columns(self, seed):
        X, Y = draw(seed)
        assert_textbook(np.hstack([X, X, -3 * X[:, :2]]), np.hstack([Y, Y[:, :3]]))

    def test_columns_that_depend_on_others(self, seed):
        X, Y = draw(seed)
        rng = np.random.default_rng(seed)
        X = np.hstack([X, X @ rng.standard_normal((8, 20))])
        assert_textbook(X, np.hstack([Y, Y @ rng.standard_normal((6, 9))]))

    @pytest.mark.parametrize("spread", [1e-2, 1e-4, 1e-6])
    def test_columns_that_nearly_depend_on_others(self, seed, spread):
        X, Y = draw(seed)
        noise = np.random.default_rng(seed).standard_normal((200, 3))
        # Rounding errors of the features themselves, over the spread.
        atol = max(1e-10, 1e-15 / spread)
        assert_textbook(np.hstack([X, X[:, :3] + spread * noise]), Y, atol)

    @pytest.mark.parametrize(
        "values", [(0.0, 0.0), (0.1, 0.3), (1e6 + 0.1, -0.7)], ids=str
    )
    def test_constant_columns(self, seed, values):
        X, Y = draw(seed)
        A = np.insert(X, [0, 4], values[0], axis=1)
        B = np.insert(Y, [3], values[1], axis=1)
        assert_textbook(A, B)
        weights = CCARetriever(alpha=0).fit(A, B).image_weights_
        np.testing.assert_array_equal(weights[[0, 5]], 0)

    def test_large_means(self, seed):
        X, Y = draw(seed)
        assert_textbook(X + 1e6, Y - 3e6)

    def test_scales_sixteen_orders_apart(self, seed):
        X, Y = draw(seed)
        scaled = X * 10.0 ** np.linspace(-8, 8, 8), Y * 10.0 ** np.linspace(8, -8, 6)
        expected = reference_correlations(X, Y)
        est = CCARetriever(alpha=0).fit(*scaled)
        np.testing.assert_allclose(est.canonical_correlations_, expected, **EXACT)

    def test_fewer_samples_than_features_in_one_modality(self, seed):
        X, Y = draw(seed, n=30, p=60, q=5)
        assert_textbook(X, Y)
        np.testing.assert_allclose(reference_correlations(X, Y), 1, **EXACT)

    def test_fewer_samples_than_features_in_both(self, seed):
        X, Y = draw(seed, n=30, p=60, q=50)
        assert_textbook(X, Y)

    @pytest.mark.parametrize("shift", [0, 1e6])
    def test_repeated_pairs_of_fewer_samples_than_features(self, seed, shift):
        X, Y = draw(seed, n=12, p=40, q=5)
        assert_textbook(np.vstack([X, X]) + shift, np.vstack([Y, Y]) + shift)

    def test_as_many_samples_as_features(self, seed):
        assert_textbook(*draw(seed, n=8, p=8, q=3))

    def test_halves_of_digits_with_constant_pixels(self, seed):
        images = load_digits().images
        rows = np.random.default_rng(seed).permutation(len(images))[:1000]
        left = images[rows, :, :4].reshape(1000, -1)
        right = images[rows, :, 4:].reshape(1000, -1)
        assert (left.std(axis=0) == 0).any()
        assert_textbook(left, right)


def fifty_digits(X, Y):
    """Canonical correlations from covariances of 50 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        A, B = mpmath.matrix(X.tolist()), mpmath.matrix(Y.tolist())
        for M in (A, B):
            for j in range(M.cols):
                mean = mpmath.fsum(M[i, j] for i in range(M.rows)) / M.rows
                for i in range(M.rows):
                    M[i, j] -= mean
        cross = A.T * B
        inverses = mpmath.inverse(A.T * A), mpmath.inverse(B.T * B)
        values, _ = mpmath.eig(inverses[1] * cross.T * inverses[0] * cross)
        roots = sorted((float(mpmath.sqrt(mpmath.re(v))) for v in values), reverse=True)
    return roots[: min(X.shape[1], Y.shape[1])]


@EVERY_SEED
@pytest.mark.parametrize(
    ("shift", "scale"), [(0, 1), (1e6, 1), (0, 1e-8), (1e6, 1e8)], ids=str
)
def test_correlations_equal_those_of_fifty_digits(seed, shift, scale):
    X, Y = draw(seed, n=20, p=4, q=3)
    X, Y = scale * (X + shift), Y * [1.0, scale, 1.0] - shift
    expected = fifty_digits(X, Y)
    parts = CCARetriever(alpha=0)
    for rows in (slice(7), slice(7, 20)):
        parts.partial_fit(X[rows], Y[rows])
    for est in (CCARetriever(alpha=0).fit(X, Y), parts):
        np.testing.assert_allclose(est.canonical_correlations_, expected, **EXACT)


@EVERY_SEED
class TestMinimumNorm:
    def test_weights_stay_small_where_samples_are_few(self, seed):
        # Weights along directions of rounding noise would be about 1e15.
        X, Y = draw(seed, n=30, p=60, q=50)
        est = CCARetriever(alpha=0).fit(X, Y)
        assert np.abs(est.image_weights_).max() < 10
        assert np.abs(est.text_weights_).max() < 10


@EVERY_SEED
class TestRidge:
    @pytest.mark.parametrize("alpha", [1e-6, 1e-3, 0.1, (10.0, 0.01), (0.5, 0)])
    @pytest.mark.parametrize("n", [200, 30])
    def test_generalised_eigenproblem(self, seed, alpha, n):
        X, Y = draw(seed, n=n, p=40)
        alphas = alpha if isinstance(alpha, tuple) else (alpha, alpha)
        est = CCARetriever(alpha=alpha).fit(X, Y)
        expected = ridge_reference(X, Y, *alphas)
        np.testing.assert_allclose(est.canonical_correlations_, expected, atol=1e-9)

    def test_rows_of_the_ridge_added_to_the_data(self, seed):
        # Ridge CCA is textbook CCA of data with p + q more rows, of mean zero.
        X, Y = draw(seed)
        X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
        n, p, q = len(X), 8, 6
        alpha = 0.3
        rows_x = np.sqrt(n * alpha * X.var(axis=0).mean() / 2) * np.eye(p)
        rows_y = np.sqrt(n * alpha * Y.var(axis=0).mean() / 2) * np.eye(q)
        zeros_x, zeros_y = np.zeros((2 * q, p)), np.zeros((2 * p, q))
        X_more = np.vstack([X, rows_x, -rows_x, zeros_x])
        Y_more = np.vstack([Y, zeros_y, rows_y, -rows_y])
        est = CCARetriever(alpha=alpha).fit(X, Y)
        expected = reference_correlations(X_more, Y_more)
        np.testing.assert_allclose(est.canonical_correlations_, expected, **EXACT)

    @pytest.mark.parametrize("alpha", [0.0, 1e-12, 1e-3, 0.1, 1e6])
    @pytest.mark.parametrize("n", [200, 30])
    def test_weights_meet_the_constraint(self, seed, alpha, n):
        X, Y = draw(seed, n=n, p=40)
        est = CCARetriever(4, alpha=alpha).fit(X, Y)
        C_x, C_y, C_xy = covariances(X, Y)
        W, V = est.image_weights_, est.text_weights_
        for weights, C in ((W, C_x), (V, C_y)):
            G = weights.T @ ridged(C, alpha) @ weights
            np.testing.assert_allclose(G, np.eye(4), atol=1e-9)
        expected = np.diag(est.canonical_correlations_)
        scale = est.canonical_correlations_[0]
        np.testing.assert_allclose(W.T @ C_xy @ V / scale, expected / scale, atol=1e-9)

    @pytest.mark.parametrize("n", [200, 15])
    def test_whole_path_is_finite_and_falls(self, seed, n):
        X, Y = draw(seed, n=n, p=20)
        X, Y = np.insert(X, [2, 5], 0.1, axis=1), np.insert(Y, [1], 0.3, axis=1)
        sums = []
        for alpha in ALPHA_PATH:
            est = CCARetriever(5, alpha=alpha).fit(X, Y)
            for Z in est.transform(X, Y):
                assert np.isfinite(Z).all()
                assert linalg.norm(Z, axis=1).min() > 0
            assert (np.diff(est.canonical_correlations_) <= 0).all()
            assert est.canonical_correlations_[0] <= 1 + 1e-12
            sums.append(est.canonical_correlations_[0])
        assert (np.diff(sums) <= 1e-12).all()

    @pytest.mark.parametrize("n", [200, 15])
    def test_path_ends_at_partial_least_squares(self, seed, n):
        X, Y = draw(seed, n=n, p=20)
        X, Y = np.insert(X, [2, 5], 0.1, axis=1), np.insert(Y, [1], 0.3, axis=1)
        est = CCARetriever(3, alpha=1e12).fit(X, Y)
        U, S, Vt = linalg.svd(covariances(X, Y)[2])
        U, V = svd_flip(U[:, :3], Vt[:3])[0], svd_flip(U[:, :3], Vt[:3])[1].T
        for weights, directions in ((est.image_weights_, U), (est.text_weights_, V)):
            unit = weights / linalg.norm(weights, axis=0)
            np.testing.assert_allclose(
                np.abs(unit.T @ directions), np.eye(3), atol=1e-9
            )
        ratios = est.canonical_correlations_ / est.canonical_correlations_[0]
        np.testing.assert_allclose(ratios, S[:3] / S[0], atol=1e-9)

    @pytest.mark.parametrize(
        ("n", "alpha"), [(200, 0.0), (200, 0.1), (200, 1e4), (15, 0.1), (15, 1e4)]
    )
    def test_scale_of_a_modality_does_not_matter(self, seed, alpha, n):
        X, Y = draw(seed, n=n, p=20)
        plain = CCARetriever(4, alpha=alpha).fit(X, Y)
        for c, d in ((1e-8, 1e8), (3e7, -2.0)):
            scaled = CCARetriever(4, alpha=alpha).fit(X * c, Y * d)
            for Z, expected in zip(
                scaled.transform(X * c, Y * d), plain.transform(X, Y), strict=True
            ):
                np.testing.assert_allclose(np.abs(Z), np.abs(expected), atol=1e-8)

    def test_tuple_of_equal_values_is_one_value(self, seed):
        X, Y = draw(seed)
        one = CCARetriever(alpha=0.2).fit(X, Y)
        two = CCARetriever(alpha=(0.2, 0.2)).fit(X, Y)
        np.testing.assert_array_equal(one.image_weights_, two.image_weights_)

    def test_modalities_are_interchangeable(self, seed):
        X, Y = draw(seed)
        forth = CCARetriever(alpha=(0.1, 2.0)).fit(X, Y)
        back = CCARetriever(alpha=(2.0, 0.1)).fit(Y, X)
        np.testing.assert_allclose(
            forth.canonical_correlations_, back.canonical_correlations_, **EXACT
        )
        np.testing.assert_allclose(
            np.abs(forth.transform_image(X)), np.abs(back.transform_text(X)), atol=1e-9
        )


@EVERY_SEED
class TestCodes:
    def test_new_items_are_projected_one_modality_alone(self, seed):
        X, Y = draw(seed)
        est = CCARetriever(3, component_power=0).fit(X[:150], Y[:150])
        expected = (X[150:] - X[:150].mean(axis=0)) @ est.image_weights_
        np.testing.assert_allclose(est.transform_image(X[150:]), expected, atol=1e-12)

    @pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
    def test_variates_are_weighted_by_powers_of_their_correlation(self, seed, power):
        X, Y = draw(seed)
        plain = CCARetriever(component_power=0).fit(X, Y)
        weighted = CCARetriever(component_power=power).fit(X, Y)
        S = plain.canonical_correlations_
        for Z, unit in zip(
            weighted.transform(X, Y), plain.transform(X, Y), strict=True
        ):
            np.testing.assert_allclose(Z, unit * (S / S[0]) ** power, atol=1e-12)

    @pytest.mark.parametrize("n", [200, 20])
    def test_largest_image_weight_is_positive(self, seed, n):
        X, Y = draw(seed, n=n, p=30)
        est = CCARetriever().fit(X, Y)
        largest = np.abs(est.image_weights_).argmax(axis=0)
        assert (est.image_weights_[largest, np.arange(6)] > 0).all()
        negated = CCARetriever().fit(X, -Y)
        np.testing.assert_allclose(negated.text_weights_, -est.text_weights_, **EXACT)
        np.testing.assert_allclose(negated.image_weights_, est.image_weights_, **EXACT)

    def test_two_fits_give_the_same_bytes(self, seed):
        X, Y = draw(seed)
        first, second = (CCARetriever().fit_transform(X, Y) for _ in range(2))
        assert first[0].tobytes() == second[0].tobytes()

    @pytest.mark.parametrize(("n", "alpha"), [(200, 0.0), (200, 0.1), (20, 0.1)])
    def test_sparse_equals_dense(self, seed, alpha, n):
        X, Y = draw(seed, n=n, p=30)
        X = np.where(np.abs(X) > 1, X, 0.0)
        dense = CCARetriever(4, alpha=alpha).fit(X, Y)
        mixed = CCARetriever(4, alpha=alpha).fit(sparse.csr_matrix(X), Y)
        np.testing.assert_allclose(mixed.image_weights_, dense.image_weights_, **EXACT)
        Z = mixed.transform_image(sparse.csr_array(X))
        assert isinstance(Z, np.ndarray)
        np.testing.assert_allclose(Z, dense.transform_image(X), atol=1e-9)

    @pytest.mark.parametrize("shift", [0, 1e4])
    def test_float32_is_kept_and_close(self, seed, shift):
        X, Y = draw(seed)
        X32, Y32 = (X + shift).astype(np.float32), Y.astype(np.float32)
        narrow = CCARetriever(3).fit(X32, Y32)
        wide = CCARetriever(3).fit(X32.astype(np.float64), Y32.astype(np.float64))
        for Z, expected in zip(
            narrow.transform(X32, Y32),
            wide.transform(X32.astype(np.float64), Y32.astype(np.float64)),
            strict=True,
        ):
            assert Z.dtype == np.float32
            np.testing.assert_allclose(Z, expected, atol=2e-6)

    @pytest.mark.parametrize("p", [8, 250], ids=["tall", "wide"])
    def test_shares_in_float32_lose_the_column_that_the_others_imply(self, seed, p):
        X_img, X_txt = draw(seed, p=p)
        shares = np.exp(X_txt) / np.exp(X_txt).sum(axis=1, keepdims=True)
        cca = CCARetriever(3, alpha=(1, 0)).fit(X_img, shares.astype(np.float32))
        expected = CCARetriever(3, alpha=(1, 0)).fit(X_img, shares[:, :-1])
        codes = cca.transform_text(shares.astype(np.float32))
        np.testing.assert_allclose(
            codes, expected.transform_text(shares[:, :-1]), atol=1e-4
        )

    def test_blocks_of_rows_add_up(self, seed, monkeypatch):
        X, Y = draw(seed, n=1001)
        for alpha in (0.0, 0.1):
            with monkeypatch.context() as patch:
                patch.setattr(_moments, "_BLOCK_VALUES", 1)
                many = CCARetriever(alpha=alpha).fit(np.hstack([X, X[:, :2]]), Y)
            one = CCARetriever(alpha=alpha).fit(np.hstack([X, X[:, :2]]), Y)
            np.testing.assert_allclose(many.image_weights_, one.image_weights_, **EXACT)
            np.testing.assert_allclose(many.text_weights_, one.text_weights_, **EXACT)

    def test_training_data_are_left_alone(self, seed):
        X, Y = draw(seed, n=20, p=30)
        copies = X.copy(), Y.copy()
        CCARetriever().fit(X, Y).transform(X, Y)
        np.testing.assert_array_equal(X, copies[0])
        np.testing.assert_array_equal(Y, copies[1])


class TestNothingInCommon:
    def test_uncorrelated_modalities_have_codes_of_zero(self):
        X, Y = [[1.0], [-1], [1], [-1]], [[1.0], [1], [-1], [-1]]
        est = CCARetriever().fit(X, Y)
        assert est.canonical_correlations_[0] == 0
        np.testing.assert_array_equal(est.transform_image(X), 0)

    def test_constant_columns_of_both_modalities_do_not_correlate(self):
        # Their rounding errors do, perfectly.
        rng = np.random.default_rng(0)
        X, Y = rng.standard_normal((2, 300, 4))
        X, Y = np.insert(X, 0, 0.1, axis=1), np.insert(Y, 0, 0.3, axis=1)
        assert CCARetriever(alpha=0).fit(X, Y).canonical_correlations_[0] < 0.5

    def test_two_samples_are_enough(self):
        X, Y = [[0.0, 1.0], [1.0, 3.0]], [[2.0], [5.0]]
        est = CCARetriever(alpha=0).fit(X, Y)
        np.testing.assert_allclose(est.canonical_correlations_, [1.0])


class TestErrors:
    @pytest.fixture
    def pair(self):
        return draw(0)

    def test_too_many_components_names_the_bound(self, pair):
        with pytest.raises(ValueError, match=r"at most 6, .* Got n_components=7"):
            CCARetriever(7).fit(*pair)

    def test_components_are_fewer_than_samples(self):
        X, Y = draw(0, n=5, p=20, q=20)
        assert CCARetriever(4).fit(X, Y).n_components_ == 4
        with pytest.raises(ValueError, match="at most 4"):
            CCARetriever(5).fit(X, Y)

    def test_rank_bounds_the_components(self, pair):
        X, Y = pair
        Y = Y[:, :2] @ np.ones((2, 6))
        with pytest.raises(ValueError, match=r"at most 1, .* Got n_components=2"):
            CCARetriever(2, alpha=0).fit(X, Y)

    @pytest.mark.parametrize(
        ("alpha", "match"),
        [
            (-1.0, r"'alpha' parameter of CCARetriever .* Got -1.0"),
            ((0.1, -1.0), r"'alpha' parameter .* Got -1.0"),
            (np.inf, "'alpha' parameter .* Got inf"),
            ((np.inf, 1), "'alpha' parameter .* Got inf"),
            ((0.1, np.nan), "'alpha' parameter .* Got nan"),
            ((0.1, "x"), "'alpha' parameter .* Got 'x'"),
            ((1.0, 1.0, 1.0), "alpha must be .* tuple of length 3"),
            ([0.1, 0.1], "'alpha' parameter"),
        ],
        ids=str,
    )
    def test_alpha(self, pair, alpha, match):
        with pytest.raises(ValueError, match=match):
            CCARetriever(alpha=alpha).fit(*pair)

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
    @pytest.mark.parametrize("n", [200, 57, 5])
    def test_constant_modality(self, value, n):
        X, _ = draw(0, n=n)
        constant = np.full((n, 33), value)
        with pytest.raises(ValueError, match="image features must vary"):
            CCARetriever().fit(constant, X)
        with pytest.raises(ValueError, match="text features must vary"):
            CCARetriever().fit(X, constant)


def chunks(X, Y, size):
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


def fitted_state(est):
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in vars(est).items()
    }


@EVERY_SEED
class TestPartialFit:
    @pytest.mark.parametrize("alpha", [0.0, 0.1, 1e12, "oas"])
    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    @pytest.mark.parametrize("size", [1000, 150, 37])
    def test_equals_fit(self, seed, alpha, shift, size):
        X, Y = draw(seed, n=300)
        X, Y = X + shift, Y - shift / 2
        X[150:] += 10  # chunks that differ
        est = CCARetriever(alpha=alpha)
        for part in chunks(X, Y, size):
            est.partial_fit(*part)
        whole = CCARetriever(alpha=alpha).fit(X, Y)
        for name in (
            "canonical_correlations_",
            "image_weights_",
            "text_weights_",
            "image_mean_",
            "image_loadings_",
        ):
            expected = getattr(whole, name)
            scale = np.abs(expected).max()
            np.testing.assert_allclose(
                getattr(est, name) / scale, expected / scale, err_msg=name, **EXACT
            )

    def test_order_of_the_chunks_does_not_matter(self, seed):
        X, Y = draw(seed)
        forth, back = CCARetriever(), CCARetriever()
        for part in chunks(X, Y, 60):
            forth.partial_fit(*part)
        for part in chunks(X, Y, 60)[::-1]:
            back.partial_fit(*part)
        np.testing.assert_allclose(forth.image_weights_, back.image_weights_, **EXACT)

    def test_later_chunks_may_hold_one_pair(self, seed):
        X, Y = draw(seed, n=21)
        est = CCARetriever(3).partial_fit(X[:20], Y[:20]).partial_fit(X[20:], Y[20:])
        whole = CCARetriever(3).fit(X, Y)
        np.testing.assert_allclose(est.image_weights_, whole.image_weights_, **EXACT)

    def test_fewer_samples_than_features(self, seed):
        X, Y = draw(seed, n=30, p=60, q=50)
        for alpha in (0.1, 1.0):
            est = CCARetriever(5, alpha=alpha)
            for part in chunks(X, Y, 11):
                est.set_params(n_components=None).partial_fit(*part)
            whole = CCARetriever(alpha=alpha).fit(X, Y)
            np.testing.assert_allclose(
                est.canonical_correlations_, whole.canonical_correlations_, **EXACT
            )

    def test_duplicated_columns_without_a_ridge(self, seed):
        X, Y = draw(seed)
        X, Y = np.hstack([X, -3 * X, X[:, :2]]), np.hstack([Y, Y[:, :3]])
        est = CCARetriever(alpha=0)
        for part in chunks(X, Y, 50):
            est.partial_fit(*part)
        expected = reference_correlations(X, Y)
        np.testing.assert_allclose(est.canonical_correlations_, expected, **EXACT)

    def test_sparse_and_dense_chunks_mix(self, seed):
        X, Y = draw(seed)
        Y = np.where(Y > 0, Y, 0.0)
        est = CCARetriever().partial_fit(X[:90], sparse.csr_array(Y[:90]))
        est.partial_fit(X[90:].astype(np.float32).astype(float), Y[90:])
        whole = CCARetriever().fit(
            np.vstack([X[:90], X[90:].astype(np.float32)]), sparse.csr_matrix(Y)
        )
        np.testing.assert_allclose(est.text_weights_, whole.text_weights_, **EXACT)

    def test_classes_of_all_calls_are_recorded(self, seed):
        X, Y = draw(seed, n=40)
        est = CCARetriever(2).partial_fit(X[:20], Y[:20], np.repeat(["b", "d"], 10))
        est.partial_fit(X[20:30], Y[20:30])
        est.partial_fit(X[30:], Y[30:], np.repeat(["apple", "b"], 5))
        np.testing.assert_array_equal(est.classes_, ["apple", "b", "d"])

    def test_fit_begins_anew(self, seed):
        X, Y = draw(seed)
        once = CCARetriever().fit(X, Y)
        again = CCARetriever().partial_fit(X + 7, -Y).fit(X, Y)
        np.testing.assert_array_equal(once.text_weights_, again.text_weights_)
        assert fitted_state(once).keys() == fitted_state(again).keys()

    def test_goes_on_after_pickling(self, seed):
        X, Y = draw(seed)
        est = CCARetriever().partial_fit(X[:90], Y[:90])
        copy = pickle.loads(pickle.dumps(est)).partial_fit(X[90:], Y[90:])
        est.partial_fit(X[90:], Y[90:])
        np.testing.assert_array_equal(copy.image_weights_, est.image_weights_)


class TestFailedPartialFit:
    @pytest.fixture
    def data(self):
        return draw(0)

    @pytest.mark.parametrize(
        ("call", "match"),
        [
            (lambda X, Y: (X[:, :-1], Y), "7 features, .* expecting 8 features .* im"),
            (lambda X, Y: (X, Y[:, :-1]), "5 features, .* expecting 6 features .* te"),
            (lambda X, Y: (X[:9], Y), "same number of rows.* 9 image rows"),
            (lambda X, Y: (X * np.nan, Y), "image features must be finite"),
            (
                lambda X, Y: (X, Y, None, -np.ones(len(X))),
                "at least 0. Got -1 in row 0",
            ),
            (lambda X, Y: (X, Y, None, np.ones(3)), "sample_weight must be one number"),
            (lambda X, Y: (X, Y, np.ones(len(X), dtype=object) * [1j]), "one kind"),
        ],
    )
    def test_leaves_the_retriever_as_it_was(self, data, call, match):
        est = CCARetriever(3).partial_fit(*data, np.arange(200) % 3)
        before = fitted_state(est)
        with pytest.raises(ValueError, match=match):
            est.partial_fit(*call(*data))
        assert fitted_state(est) == before

    def test_columns_must_be_those_of_the_first_call(self, data):
        frames = [pd.DataFrame(A).add_prefix("x") for A in data]
        est = CCARetriever(3).partial_fit(*frames)
        before = fitted_state(est)
        with pytest.raises(ValueError, match=r"columns of the text .* same order"):
            est.partial_fit(frames[0], frames[1].iloc[:, ::-1])
        assert fitted_state(est) == before
        est.partial_fit(*frames)
        expected = CCARetriever(3).partial_fit(*data).partial_fit(*data)
        np.testing.assert_array_equal(est.image_weights_, expected.image_weights_)

    def test_first_call_leaves_nothing_behind(self, data):
        est = CCARetriever(7)
        for X, Y, match in (
            (*data, "at most 6, .* Got n_components=7"),
            (data[0][:1], data[1][:1], "minimum of 2 is required"),
            (np.ones((9, 2)), np.ones((9, 2)), "image features must vary"),
        ):
            with pytest.raises(ValueError, match=match):
                est.partial_fit(X, Y)
            assert vars(est) == vars(CCARetriever(7))

    def test_parameters_that_do_not_fit_any_more(self, data):
        est = CCARetriever(3).partial_fit(*data)
        est.set_params(alpha=(1.0, -1.0))
        before = fitted_state(est)
        with pytest.raises(ValueError, match=r"'alpha' parameter .* Got -1.0"):
            est.partial_fit(*data)
        assert fitted_state(est) == before

    def test_fit_keeps_no_moments_to_add_to(self, data):
        est = CCARetriever().fit(*data)
        with pytest.raises(ValueError, match=r"fit keeps no moments .* Got a CCARe"):
            est.partial_fit(*data)


@EVERY_SEED
class TestSampleWeight:
    @pytest.mark.parametrize("alpha", [0.0, 0.1, (1.0, "oas")], ids=str)
    @pytest.mark.parametrize(("n", "p"), [(200, 8), (30, 60)])
    def test_integers_are_repeated_rows(self, seed, alpha, n, p):
        X, Y = draw(seed, n=n, p=p)
        counts = np.random.default_rng(seed).integers(0, 4, n)
        weighted = CCARetriever(4, alpha=alpha)
        weighted.fit(X, Y, sample_weight=counts)
        repeated = CCARetriever(4, alpha=alpha)
        repeated.fit(np.repeat(X, counts, 0), np.repeat(Y, counts, 0))
        np.testing.assert_allclose(
            weighted.canonical_correlations_, repeated.canonical_correlations_, **EXACT
        )
        if not (alpha == 0.0 and p > n):  # all correlations are 1 there
            Z, expected = weighted.transform_text(Y), repeated.transform_text(Y)
            np.testing.assert_allclose(Z, expected, atol=1e-9)

    def test_partial_fit_equals_fit(self, seed):
        X, Y = draw(seed)
        weights = np.random.default_rng(seed).random(200)
        weights[:20] = 0
        est = CCARetriever(4)
        for rows in np.split(np.arange(200), [80, 81]):
            est.partial_fit(X[rows], Y[rows], sample_weight=weights[rows])
        whole = CCARetriever(4).fit(X, Y, sample_weight=weights)
        np.testing.assert_allclose(est.image_weights_, whole.image_weights_, **EXACT)

    @pytest.mark.parametrize("n", [200, 30])
    def test_scale_of_the_weights_does_not_matter(self, seed, n):
        X, Y = draw(seed, n=n, p=60)
        weights = np.random.default_rng(seed).random(n)
        one = CCARetriever(4).fit(X, Y, sample_weight=weights)
        other = CCARetriever(4).fit(X, Y, sample_weight=1e6 * weights)
        np.testing.assert_allclose(one.image_weights_, other.image_weights_, **EXACT)

    def test_every_form_of_input_takes_them(self, seed):
        X, Y = draw(seed)
        weights = np.random.default_rng(seed).random(200)
        arrays = CCARetriever(3).fit(X, Y, None, weights)
        pairs = CCARetriever(3).fit(ImageTextPairs(X, Y), sample_weight=weights)
        stacked = CCARetriever(3, n_image_features=8)
        stacked.fit(np.hstack([X, Y]), sample_weight=weights)
        for other in (pairs, stacked):
            np.testing.assert_array_equal(arrays.image_weights_, other.image_weights_)

    def test_pipelines_and_routing_hand_them_on(self, seed):
        X, Y = draw(seed)
        pairs = ImageTextPairs(X, Y)
        weights = np.random.default_rng(seed).random(200)
        expected = CCARetriever(3).fit(X, Y, sample_weight=weights)
        pipe = make_pipeline(ModalityTransformer(), CCARetriever(3))
        pipe.fit(pairs, ccaretriever__sample_weight=weights)
        with config_context(enable_metadata_routing=True):
            routed = make_pipeline(
                ModalityTransformer(),
                CCARetriever(3).set_fit_request(sample_weight=True),
            ).fit(pairs, sample_weight=weights)
        for got in (pipe[-1], routed[-1]):
            np.testing.assert_array_equal(got.image_weights_, expected.image_weights_)

    def test_too_few_positive_ones_are_refused(self, seed):
        X, Y = draw(seed)
        weights = np.arange(200) == 3
        with pytest.raises(ValueError, match=r"for at least 2 pairs. Got 1 positive"):
            CCARetriever().fit(X, Y, sample_weight=weights)


@EVERY_SEED
class TestShrinkage:
    @pytest.mark.parametrize(("n", "p", "q"), [(200, 8, 6), (30, 60, 5), (30, 60, 50)])
    def test_is_that_of_scikit_learn(self, seed, n, p, q):
        X, Y = draw(seed, n=n, p=p, q=q)
        est = CCARetriever(alpha="oas").fit(X, Y)
        for features, alpha in zip((X, Y), est.alpha_, strict=True):
            _, shrinkage = oas(features)
            np.testing.assert_allclose(alpha / (1 + alpha), shrinkage, rtol=1e-10)

    def test_weights_are_repetitions(self, seed):
        X, Y = draw(seed)
        est = CCARetriever(alpha="oas").fit(X, Y, sample_weight=10)
        repeated = CCARetriever(alpha="oas").fit(
            np.repeat(X, 10, 0), np.repeat(Y, 10, 0)
        )
        np.testing.assert_allclose(est.alpha_, repeated.alpha_, rtol=1e-10)
        assert (est.alpha_ < CCARetriever(alpha="oas").fit(X, Y).alpha_).all()

    def test_may_be_asked_of_one_modality(self, seed):
        X, Y = draw(seed)
        both = CCARetriever(alpha="oas").fit(X, Y)
        one = CCARetriever(alpha=("oas", 0.3)).fit(X, Y)
        np.testing.assert_array_equal(one.alpha_, [both.alpha_[0], 0.3])

    def test_full_shrinkage_is_the_pls_limit(self, seed):
        rng = np.random.default_rng(seed)
        X, Y = np.eye(4)[rng.permutation(4)], np.eye(4)[rng.permutation(4)]
        est = CCARetriever(alpha="oas").fit(X, Y)
        assert est.alpha_.min() > 1
        assert np.isfinite(est.transform_image(X)).all()


@EVERY_SEED
class TestLoadings:
    @pytest.mark.parametrize("alpha", [0.0, 0.1])
    @pytest.mark.parametrize(("n", "p"), [(200, 8), (50, 60)])
    def test_are_correlations_with_the_variates(self, seed, alpha, n, p):
        X, Y = draw(seed, n=n, p=p)
        est = CCARetriever(3, alpha=alpha).fit(X, Y)
        for A, loadings, Z in zip(
            (X, Y),
            (est.image_loadings_, est.text_loadings_),
            est.transform(X, Y),
            strict=True,
        ):
            expected = np.corrcoef(A.T, Z.T)[: A.shape[1], A.shape[1] :]
            np.testing.assert_allclose(loadings, expected, atol=1e-9)

    def test_of_constant_columns_are_zero(self, seed):
        X, Y = draw(seed)
        X[:, 2] = 0.1
        est = CCARetriever(3).fit(X, Y)
        np.testing.assert_array_equal(est.image_loadings_[2], 0)


@EVERY_SEED
class TestManyFeatures:
    @pytest.mark.parametrize(("p", "q"), [(90, 80), (80, 90)])
    @pytest.mark.parametrize("alpha", [0.01, 1.0])
    def test_few_components_are_the_first_of_all(self, seed, p, q, alpha):
        X, Y = draw(seed, n=300, p=p, q=q)
        few, all_ = CCARetriever(5, alpha=alpha), CCARetriever(alpha=alpha)
        few.fit(X, Y)
        all_.fit(X, Y)
        np.testing.assert_allclose(
            few.canonical_correlations_, all_.canonical_correlations_[:5], **EXACT
        )
        np.testing.assert_allclose(
            few.image_weights_, all_.image_weights_[:, :5], atol=1e-9
        )

    @pytest.mark.parametrize("alpha", [0.01, 1.0])
    def test_wide_sparse_text_is_never_held_dense(self, seed, alpha, monkeypatch):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((40, 8))
        Y = rng.random((40, 3000))
        Y = sparse.csr_array(np.where(rng.random(Y.shape) < 0.02, Y, 0.0))
        expected = CCARetriever(3, alpha=alpha).fit(X, Y.toarray())
        tracemalloc.start()
        est = CCARetriever(3, alpha=alpha).fit(X, Y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_allclose(est.text_weights_, expected.text_weights_, **EXACT)
        assert peak < 8 * 3000**2 / 10


class TestMemory:
    """Blocks are made smaller here than in use, to see it on small data."""

    @pytest.fixture(autouse=True)
    def small_blocks(self, monkeypatch):
        monkeypatch.setattr(_moments, "_BLOCK_VALUES", 2**14)

    @staticmethod
    def peak_bytes(function, *args):
        tracemalloc.start()
        try:
            function(*args)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_fit_copies_no_data(self, dtype):
        X, Y = (A.astype(dtype) for A in draw(0, n=40_000, p=20, q=20))
        peak = self.peak_bytes(CCARetriever(5).fit, X, Y)
        assert peak < 0.1 * (X.nbytes + Y.nbytes)

    def test_memory_mapped_features_are_read_in_blocks(self, tmp_path):
        X, Y = draw(0, n=40_000, p=20, q=20)
        mapped = []
        for name, A in (("image", X), ("text", Y)):
            path = tmp_path / name
            A.tofile(path)
            mapped.append(np.memmap(path, dtype=A.dtype, mode="r", shape=A.shape))
        est = CCARetriever(5)

        def fit_in_parts(X, Y):
            for rows in (slice(i, i + 5000) for i in range(0, len(X), 5000)):
                est.partial_fit(X[rows], Y[rows])

        peak = self.peak_bytes(fit_in_parts, *mapped)
        assert peak < 0.1 * (X.nbytes + Y.nbytes)
        expected = CCARetriever(5).fit(X, Y)
        np.testing.assert_allclose(est.image_weights_, expected.image_weights_, **EXACT)
        whole = CCARetriever(5)
        assert self.peak_bytes(whole.fit, *mapped) < 0.1 * (X.nbytes + Y.nbytes)
        np.testing.assert_array_equal(whole.image_weights_, expected.image_weights_)
