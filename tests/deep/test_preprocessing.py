"""The map from features to inputs: centring, main directions, one scale."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_xmodal.deep import _preprocessing
from sklearn_xmodal.deep._preprocessing import InputMap, fit_input_map
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
WIDE = 1100  # beyond the widest covariance

#: Height, width, container: each is a method of its own.
CASES = {
    "narrow": (150, 12, np.asarray),
    "fewer rows than columns": (9, 40, np.asarray),
    "wide": (120, WIDE, np.asarray),
    "sparse": (150, 30, sparse.csr_matrix),
    "sparse, fewer rows than columns": (20, 60, sparse.csr_array),
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)


def draw(seed, n, p, density=1.0):
    """Draw features whose main directions stand out, around means of their own."""
    rng = np.random.default_rng(seed)
    spread = 2.0 ** -np.arange(min(p, n))
    directions = np.linalg.qr(rng.standard_normal((p, len(spread))))[0]
    X = (rng.standard_normal((n, len(spread))) * spread) @ directions.T
    X = 10 * X + rng.standard_normal(p)
    X[rng.random(X.shape) >= density] = 0
    return X


def draw_case(case, seed):
    n, p, container = CASES[case]
    X = draw(seed, n, p, 0.6 if container is not np.asarray else 1.0)
    return X, container(X)


def fit(X, n_directions, seed=0, n_least=0, **options):
    rng = np.random.RandomState(seed)
    return fit_input_map(X, "image", n_directions, n_least, rng, **options)


def is_rounding_of(a, b, tolerance):
    return np.abs(a - b).max() <= tolerance * np.abs(b).max()


def root_mean_square(X):
    return np.sqrt(np.square(X.astype(np.float64)).mean())


@EVERY_SEED
@EVERY_CASE
class TestMainDirections:
    def test_they_are_those_of_pca(self, seed, case):
        X, features = draw_case(case, seed)
        found = fit(features, 4, seed)
        pca = PCA(4, svd_solver="full").fit(X)
        assert found.components.shape == (4, X.shape[1])
        for row, expected in zip(found.components, pca.components_, strict=True):
            assert abs(row @ expected) == pytest.approx(1, abs=1e-6)
        inputs, codes = found.apply(features), pca.transform(X)
        signs = np.sign((found.components * pca.components_).sum(axis=1))
        assert is_rounding_of(inputs * signs * found.scale, codes, 1e-4)

    def test_they_are_orthonormal_and_the_largest_entry_is_positive(self, seed, case):
        _, features = draw_case(case, seed)
        components = fit(features, 4, seed).components
        np.testing.assert_allclose(components @ components.T, np.eye(4), atol=1e-6)
        for row in components:
            assert row[np.abs(row).argmax()] > 0

    def test_inputs_are_centred_and_their_root_mean_square_is_one(self, seed, case):
        _, features = draw_case(case, seed)
        for n_directions in (None, 1, 4):
            inputs = fit(features, n_directions, seed).apply(features)
            assert inputs.dtype == np.float32
            assert inputs.flags.c_contiguous
            np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-5)
            assert root_mean_square(inputs) == pytest.approx(1, rel=1e-5)

    def test_all_directions_keep_all_distances(self, seed, case):
        X, features = draw_case(case, seed)
        n_directions = min(X.shape) - 1
        found = fit(features, n_directions, seed)
        inputs = found.apply(features) * found.scale
        centred = X - X.mean(axis=0)
        gram = centred @ centred.T
        # Directions within rounding error of none are dropped.
        assert found.width <= n_directions
        if X.shape[0] <= X.shape[1]:
            assert is_rounding_of(inputs @ inputs.T, gram, 1e-4)

    def test_seed_decides(self, seed, case):
        _, features = draw_case(case, seed)
        one, same = fit(features, 3, seed), fit(features, 3, seed)
        assert one.components.tobytes() == same.components.tobytes()
        assert one.scale == same.scale

    def test_few_pairs_have_fewer_directions_than_asked_for(self, seed, case):
        X, features = draw_case(case, seed)
        n_directions = X.shape[1] - 1
        found = fit(features, n_directions, seed)
        assert found.width <= min(n_directions, X.shape[0] - 1)
        assert np.isfinite(found.apply(features)).all()

    def test_without_noise_they_are_as_long_as_the_share_of_signal(self, seed, case):
        X, features = draw_case(case, seed)
        plain, found = (fit(features, 4, seed, denoise=d) for d in (False, True))
        variances = PCA(4, svd_solver="full").fit(X).explained_variance_
        gains = 1 - 0.9 * variances[-1] / variances
        np.testing.assert_allclose(
            found.components, plain.components * gains[:, None], atol=1e-5
        )
        inputs = found.apply(features)
        assert root_mean_square(inputs) == pytest.approx(1, rel=1e-5)


@EVERY_SEED
class TestNoise:
    def test_features_that_are_fewer_than_directions_have_none(self, seed):
        X = draw(seed, 150, 12)
        for n_directions in (13, 100):
            plain, found = (fit(X, n_directions, denoise=d) for d in (False, True))
            np.testing.assert_array_equal(found.apply(X), plain.apply(X))

    def test_whitened_features_are_all_signal(self, seed):
        X = PCA(12, whiten=True).fit_transform(draw(seed, 150, 12))
        plain, found = (fit(X, 12, denoise=d).apply(X) for d in (False, True))
        np.testing.assert_allclose(found @ found.T, plain @ plain.T, atol=1e-4)


@EVERY_SEED
class TestPlace:
    @pytest.mark.parametrize("n_directions", [None, 4])
    @pytest.mark.parametrize("case", ["narrow", "fewer rows than columns", "wide"])
    def test_a_mean_of_a_million_does_not_matter(self, seed, case, n_directions):
        X, _ = draw_case(case, seed)
        expected = fit(X, n_directions, seed).apply(X)
        moved = fit(X + 1e6, n_directions, seed).apply(X + 1e6)
        assert is_rounding_of(moved, expected, 1e-5)

    @pytest.mark.parametrize("n_directions", [None, 4])
    @pytest.mark.parametrize("case", CASES)
    def test_scale_does_not_matter(self, seed, case, n_directions):
        _, features = draw_case(case, seed)
        expected = fit(features, n_directions, seed)
        scaled = fit(1e4 * features, n_directions, seed)
        assert scaled.scale == pytest.approx(1e4 * expected.scale, rel=1e-6)
        assert is_rounding_of(
            scaled.apply(1e4 * features), expected.apply(features), 1e-4
        )

    @pytest.mark.parametrize("n_directions", [None, 4])
    @pytest.mark.parametrize("value", [0.0, 1e6 + 0.1])
    @pytest.mark.parametrize("case", ["narrow", "fewer rows than columns", "wide"])
    def test_constant_columns_say_nothing(self, seed, case, value, n_directions):
        X, _ = draw_case(case, seed)
        X[:, ::3] = value
        found = fit(X, n_directions, seed)
        if n_directions is None:
            assert np.abs(found.apply(X)[:, ::3]).max() < 1e-5
        else:
            assert np.abs(found.components[:, ::3]).max() < 1e-5
        assert root_mean_square(found.apply(X)) == pytest.approx(1, rel=1e-5)

    @pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
    def test_directions_without_variance_are_dropped(self, seed, container):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 20))
        found = fit(container(X), 10, seed)
        assert found.width == 3
        inputs = found.apply(X) * found.scale
        centred = X - X.mean(axis=0)
        assert is_rounding_of(inputs @ inputs.T, centred @ centred.T, 1e-5)


@EVERY_SEED
class TestForms:
    @pytest.mark.parametrize("n_directions", [None, 4])
    def test_sparse_equals_dense(self, seed, n_directions):
        X = draw(seed, 150, 30, density=0.4)
        dense = fit(X, n_directions, seed)
        for container in (sparse.csr_matrix, sparse.csr_array):
            found = fit(container(X), n_directions, seed)
            np.testing.assert_allclose(found.mean, dense.mean, atol=1e-12)
            assert found.scale == pytest.approx(dense.scale, rel=1e-6)
            assert is_rounding_of(found.apply(container(X)), dense.apply(X), 1e-5)

    @pytest.mark.parametrize("n_directions", [None, 4])
    def test_float32_equals_float64(self, seed, n_directions):
        X = draw(seed, 150, 12).astype(np.float32)
        single = fit(X, n_directions, seed)
        double = fit(X.astype(np.float64), n_directions, seed)
        assert is_rounding_of(single.apply(X), double.apply(X), 1e-5)

    def test_many_rows_are_sampled(self, seed, monkeypatch):
        monkeypatch.setattr(_preprocessing, "_PCA_ROWS", 500)
        X = draw(seed, 2000, 12)
        found = fit(X, 3, seed)
        np.testing.assert_allclose(found.mean, X.mean(axis=0))
        pca = PCA(3, svd_solver="full").fit(X)
        for row, expected in zip(found.components, pca.components_, strict=True):
            assert abs(row @ expected) > 0.99
        assert root_mean_square(found.apply(X)) == pytest.approx(1, rel=0.1)
        other = fit(X, 3, seed + 1)
        assert not np.array_equal(found.components, other.components)


class TestNoReduction:
    @pytest.mark.parametrize(
        ("n_directions", "n_least"), [(None, 0), (12, 12), (24, 12), (24, 13)]
    )
    def test_few_columns_are_left_as_they_are(self, n_directions, n_least):
        X = draw(0, 150, 12)
        found = fit(X, n_directions, n_least=n_least)
        assert found.components is None
        assert found.width == 12
        expected = (X - X.mean(axis=0)) / root_mean_square(X - X.mean(axis=0))
        np.testing.assert_allclose(found.apply(X), expected, atol=1e-5)

    def test_more_columns_than_the_fewest_are_turned_to_main_directions(self):
        X = draw(0, 150, 12)
        found = fit(X, 20, n_least=11)
        assert found.components.shape == (12, 12)
        spread = found.apply(X).std(axis=0)
        assert (np.diff(spread) <= 0).all()

    def test_width_is_that_of_the_inputs(self):
        whole = InputMap(mean=np.zeros(7), components=None, scale=1.0)
        reduced = InputMap(mean=np.zeros(7), components=np.zeros((3, 7)), scale=1.0)
        assert (whole.width, reduced.width) == (7, 3)


class TestErrors:
    @pytest.mark.parametrize("n_directions", [None, 3])
    @pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
    @pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
    def test_nothing_varies(self, container, value, n_directions):
        X = container(np.full((120, 33), value))
        with pytest.raises(ValueError, match=r"image features must vary.* 33 columns"):
            fit(X, n_directions)


def test_sparse_features_may_be_as_wide_as_the_directions():
    X = sparse.random(40, 9, density=0.5, format="csr", random_state=0)
    found, dense = (
        fit_input_map(A, "image", 9, 5, np.random.RandomState(0))
        for A in (X, X.toarray())
    )
    np.testing.assert_allclose(found.components, dense.components, atol=1e-10)
