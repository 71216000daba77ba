"""Multi-view discriminant analysis against scatter matrices summed item by item."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sklearn_xmodal import MvDARetriever
from sklearn_xmodal.metrics import chance_level
from tests.labelled import EVERY_SEED, SHAPES, centre, draw, draw_indicator, up_to_sign


def embedded(X, T):
    """Centred items of both modalities in the space of (w_v, w_t)."""
    p, q = X.shape[1], T.shape[1]
    images = np.hstack([centre(X), np.zeros((len(X), q))])
    texts = np.hstack([np.zeros((len(T), p)), centre(T)])
    return np.vstack([images, texts])


def scatters(X, T, y, alpha):
    """Between and within scatter of projected items of both modalities, and the ridge.

    w' x projects an image or a text in the embedded space.
    """
    items, labels = embedded(X, T), np.concatenate([y, y])
    size = items.shape[1]
    between, within = np.zeros((size, size)), np.zeros((size, size))
    for label in np.unique(y):
        group = items[labels == label]
        mean = group.mean(axis=0)
        between += len(group) * np.outer(mean, mean)
        for item in group:
            within += np.outer(item - mean, item - mean)
    ridge = np.repeat(
        [alpha * side.var(axis=0).mean() for side in (X, T)], [X.shape[1], T.shape[1]]
    )
    return between / len(y), within / len(y) + np.diag(ridge)


@EVERY_SEED
class TestOracles:
    @SHAPES
    @pytest.mark.parametrize("alpha", [0.1, 10.0])
    def test_generalised_eigenvectors_of_the_scatters(self, seed, n, p, q, alpha):
        X, T, y = draw(seed, n, p, q)
        S, D = scatters(X, T, y, alpha)
        ratios, W = linalg.eigh(S, D)
        ratios, W = ratios[::-1][:3], W[:, ::-1][:, :3]
        W /= np.sqrt(np.einsum("ij,ij->j", W, (S + D) @ W))
        est = MvDARetriever(alpha=alpha).fit(X, T, y)
        assert est.n_components_ == 3
        rho = est.eigenvalues_
        assert_allclose(rho / (1 - rho), ratios, rtol=1e-8)
        got = np.vstack([est.image_weights_, est.text_weights_])
        assert_allclose(got, up_to_sign(W), atol=1e-8)

    def test_without_a_ridge(self, seed):
        X, T, y = draw(seed)
        S, D = scatters(X, T, y, 0.0)
        est = MvDARetriever(2, alpha=0.0).fit(X, T, y)
        rho = est.eigenvalues_
        ratios = linalg.eigh(S, D, eigvals_only=True)[::-1][:2]
        assert_allclose(rho / (1 - rho), ratios, rtol=1e-8)

    def test_one_modality_twice_is_discriminant_analysis(self, seed):
        X, _, y = draw(seed)
        est = MvDARetriever(alpha=0.0, component_power=0.0).fit(X, X, y)
        lda = LinearDiscriminantAnalysis(solver="eigen").fit(X, y)
        for Z in est.transform(X, X):
            expected = centre(lda.transform(X))  # this solver of theirs does not
            Z, expected = (A / linalg.norm(A, axis=0) for A in (Z, expected))
            assert_allclose(up_to_sign(Z), up_to_sign(expected), atol=1e-7)


@EVERY_SEED
class TestIdentities:
    @SHAPES
    def test_scatter_is_one_along_every_direction(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        est = MvDARetriever(alpha=0.5).fit(X, T, y)
        S, D = scatters(X, T, y, 0.5)
        W = np.vstack([est.image_weights_, est.text_weights_])
        assert_allclose(W.T @ (S + D) @ W, np.eye(3), atol=1e-9)
        assert_allclose(W.T @ S @ W, np.diag(est.eigenvalues_), atol=1e-9)

    @pytest.mark.parametrize("power", [0.5, 2.0])
    def test_codes_are_multiplied_by_powers_of_eigenvalues(self, seed, power):
        X, T, y = draw(seed)
        plain = MvDARetriever(component_power=0.0).fit(X, T, y)
        rho = plain.eigenvalues_
        est = MvDARetriever(component_power=power).fit(X, T, y)
        for Z, unit in zip(est.transform(X, T), plain.transform(X, T), strict=True):
            assert_allclose(Z, unit * (rho / rho[0]) ** power, atol=1e-12)

    def test_codes_do_not_depend_on_the_pairing(self, seed):
        X, T, y = draw(seed)
        order = np.lexsort([np.random.default_rng(seed).random(len(y)), y])
        same_class = np.lexsort([np.arange(len(y)), y])
        other = MvDARetriever().fit(X[order], T[same_class], y[order])
        expected = MvDARetriever().fit(X, T, y)
        assert_allclose(other.image_weights_, expected.image_weights_, atol=1e-9)

    @SHAPES
    def test_codes_do_not_depend_on_scale_and_place(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        plain = MvDARetriever().fit(X, T, y).transform_image(X)
        moved = MvDARetriever().fit(1e4 * X + 7e4, T, y)
        assert_allclose(
            up_to_sign(moved.transform_image(1e4 * X + 7e4)),
            up_to_sign(plain),
            atol=1e-7,
        )

    def test_sparse_equals_dense(self, seed):
        for n, q in [(90, 6), (20, 30)]:
            X, T, y = draw(seed, n, q=q)
            T = np.where(T > -7, T, 0.0)
            dense = MvDARetriever().fit(X, T, y)
            mixed = MvDARetriever().fit(X, sparse.csr_matrix(T), y)
            assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-9)

    def test_items_of_the_same_class_are_found(self, seed):
        X, T, y = draw(seed, n=200)
        est = MvDARetriever().fit(X[:120], T[:120], y[:120])
        assert est.score(X[120:], T[120:], y[120:]) > chance_level(*[y[120:]] * 2) + 0.3

    def test_labels_may_be_strings(self, seed):
        X, T, y = draw(seed)
        names = np.array(["ant", "bee", "cat", "dog"])[y]
        est = MvDARetriever().fit(X, T, names)
        expected = MvDARetriever().fit(X, T, y)
        assert_array_equal(est.text_weights_, expected.text_weights_)


class TestErrors:
    def test_several_labels_per_pair(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match=r"one class per pair.* shape \(90, 4\)"):
            MvDARetriever().fit(X, T, draw_indicator(0, y))

    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="requires y to be passed"):
            MvDARetriever().fit(X, T)

    def test_one_class_is_not_enough(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="at least two classes"):
            MvDARetriever().fit(X, T, np.zeros(len(y), dtype=int))

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"n_components": 4}, r"at most 3, the number .* Got n_components=4"),
            ({"alpha": -1.0}, "'alpha' parameter of MvDARetriever"),
            ({"alpha": (1.0, "x")}, "'alpha' parameter of MvDARetriever .* 'x'"),
            ({"component_power": -1}, "'component_power' parameter"),
        ],
        ids=str,
    )
    def test_name_the_argument(self, params, match):
        with pytest.raises(ValueError, match=match):
            MvDARetriever(**params).fit(*draw())
