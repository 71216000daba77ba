"""Ridge CCA against independent solutions: QR and SVD, eigenproblems, identities."""

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn.datasets import load_digits
from sklearn.utils.extmath import svd_flip

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.cross_decomposition import _cca
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
    est = CCARetriever(alpha=0, correlation_power=0).fit(X, Y)
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
        est = CCARetriever(3, correlation_power=0).fit(X[:150], Y[:150])
        expected = (X[150:] - X[:150].mean(axis=0)) @ est.image_weights_
        np.testing.assert_allclose(est.transform_image(X[150:]), expected, atol=1e-12)

    @pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
    def test_variates_are_weighted_by_powers_of_their_correlation(self, seed, power):
        X, Y = draw(seed)
        plain = CCARetriever(correlation_power=0).fit(X, Y)
        weighted = CCARetriever(correlation_power=power).fit(X, Y)
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

    def test_blocks_of_rows_add_up(self, seed, monkeypatch):
        X, Y = draw(seed, n=1001)
        for alpha in (0.0, 0.1):
            with monkeypatch.context() as patch:
                patch.setattr(_cca, "_BLOCK_VALUES", 1)
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
