"""Three-view CCA against the whole eigenproblem, its objective, and two-view CCA."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse

from sklearn_xmodal import CCARetriever, ThreeViewCCARetriever
from sklearn_xmodal.metrics import chance_level
from tests.labelled import (
    EVERY_SEED,
    SHAPES,
    centre,
    draw,
    draw_indicator,
    draw_vectors,
    up_to_sign,
)


def textbook(X, T, E, alphas):
    """Eigenvalues, and directions (w_1, w_2, w_3) in columns, largest first."""
    views = [centre(A) for A in (X, T, E)]
    joint = np.hstack(views)
    C = joint.T @ joint / len(X)
    ridge = [
        np.full(A.shape[1], alpha * A.var(axis=0).mean())
        for A, alpha in zip(views, alphas, strict=True)
    ]
    C += np.diag(np.concatenate(ridge))
    ends = np.cumsum([A.shape[1] for A in views])[:-1]
    blocks = linalg.block_diag(
        *(
            np.split(rows, ends, axis=1)[i]
            for i, rows in enumerate(np.split(C, ends, axis=0))
        )
    )
    eigenvalues, W = linalg.eigh(C, blocks)
    return eigenvalues[::-1], W[:, ::-1]


def weights(est):
    return np.vstack([est.image_weights_, est.text_weights_, est.class_weights_])


@EVERY_SEED
class TestOracles:
    @SHAPES
    @pytest.mark.parametrize("alphas", [(0.1, 0.1, 0.1), (1.0, 10.0, 0.5)], ids=str)
    def test_generalised_eigenvectors(self, seed, n, p, q, alphas):
        X, T, y = draw(seed, n, p, q)
        mapping, vectors = draw_vectors(seed)
        eigenvalues, W = textbook(X, T, vectors[y], alphas)
        est = ThreeViewCCARetriever(
            5, alpha=alphas[:2], class_alpha=alphas[2], class_embeddings=mapping
        ).fit(X, T, y)
        assert_allclose(est.eigenvalues_, eigenvalues[:5], rtol=1e-9)
        n_features = p + q
        expected = W[:, :5] * np.sign(
            W[np.abs(W[:n_features, :5]).argmax(axis=0), np.arange(5)]
        )
        assert_allclose(weights(est), expected, atol=1e-7)

    @pytest.mark.parametrize("power", [0.0, 1.0, 4.0])
    def test_codes_are_weighted_by_powers_of_eigenvalues(self, seed, power):
        X, T, y = draw(seed)
        eigenvalues, W = textbook(X, T, np.eye(4)[y], (1.0, 1.0, 1.0))
        est = ThreeViewCCARetriever(4, component_power=power).fit(X, T, y)
        factors = (eigenvalues[:4] / eigenvalues[0]) ** power
        Z = centre(X) @ W[:8, :4] * factors
        assert_allclose(up_to_sign(est.transform_image(X)), up_to_sign(Z), atol=1e-8)

    def test_several_labels_take_the_mean_of_their_vectors(self, seed):
        X, T, y = draw(seed)
        Y = draw_indicator(seed, y)
        mapping, vectors = draw_vectors(seed)
        E = Y @ vectors / np.maximum(Y.sum(axis=1), 1)[:, None]
        est = ThreeViewCCARetriever(3, class_embeddings=mapping).fit(X, T, Y)
        eigenvalues, _ = textbook(X, T, E, (1.0, 1.0, 1.0))
        assert_allclose(est.eigenvalues_, eigenvalues[:3], rtol=1e-9)


@EVERY_SEED
class TestIdentities:
    def test_all_directions_along_which_views_agree_are_taken(self, seed):
        X, T, y = draw(seed)
        eigenvalues, _ = textbook(X, T, np.eye(4)[y], (1.0, 1.0, 1.0))
        est = ThreeViewCCARetriever().fit(X, T, y)
        assert est.n_components_ == np.count_nonzero(eigenvalues > 1 + 1e-9)
        assert est.eigenvalues_[-1] > 1
        assert est.eigenvalues_[0] <= 3

    @SHAPES
    def test_classes_without_weight_leave_two_view_cca(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        est = ThreeViewCCARetriever(4, alpha=0.5, class_alpha=1e14).fit(X, T, y)
        cca = CCARetriever(4, alpha=0.5).fit(X, T)
        assert_allclose(est.eigenvalues_ - 1, cca.canonical_correlations_, atol=1e-6)
        for W, V in [
            (est.image_weights_, cca.image_weights_),
            (est.text_weights_, cca.text_weights_),
        ]:
            assert_allclose(up_to_sign(W) * np.sqrt(2), up_to_sign(V), atol=1e-4)

    def test_distances_between_views_are_what_is_left_of_the_eigenvalues(self, seed):
        # Without ridges: sum over pairs of views of |a - b|^2 = 3 - lambda, in mean.
        X, T, y = draw(seed)
        mapping, vectors = draw_vectors(seed)
        est = ThreeViewCCARetriever(
            alpha=0.0, class_alpha=0.0, class_embeddings=mapping
        ).fit(X, T, y)
        views = (
            centre(X) @ est.image_weights_,
            centre(T) @ est.text_weights_,
            centre(vectors[y]) @ est.class_weights_,
        )
        distances = sum(
            np.mean((a - b) ** 2, axis=0) for a, b in itertools.combinations(views, 2)
        )
        assert_allclose(distances, 3 - est.eigenvalues_, atol=1e-8)

    def test_without_its_ridge_the_place_of_class_vectors_does_not_matter(self, seed):
        X, T, y = draw(seed)
        mapping, _ = draw_vectors(seed, width=3)  # as many as differences of classes
        est = ThreeViewCCARetriever(3, class_alpha=0.0, class_embeddings=mapping)
        one_hot = ThreeViewCCARetriever(3, class_alpha=0.0)
        assert_allclose(
            est.fit(X, T, y).image_weights_,
            one_hot.fit(X, T, y).image_weights_,
            atol=1e-7,
        )

    @SHAPES
    def test_codes_do_not_depend_on_scale_and_place(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        plain = ThreeViewCCARetriever(3).fit(X, T, y).transform_text(T)
        moved = ThreeViewCCARetriever(3).fit(X, 1e4 * T + 7e4, y)
        assert_allclose(
            up_to_sign(moved.transform_text(1e4 * T + 7e4)),
            up_to_sign(plain),
            atol=1e-6,
        )

    def test_sparse_equals_dense(self, seed):
        for n, q in [(90, 6), (20, 30)]:
            X, T, y = draw(seed, n, q=q)
            T = np.where(T > -7, T, 0.0)
            dense = ThreeViewCCARetriever(3).fit(X, T, y)
            mixed = ThreeViewCCARetriever(3).fit(X, sparse.csr_matrix(T), y)
            assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-9)

    def test_items_of_the_same_class_are_found(self, seed):
        X, T, y = draw(seed, n=200)
        est = ThreeViewCCARetriever(alpha=0.1).fit(X[:120], T[:120], y[:120])
        assert est.score(X[120:], T[120:], y[120:]) > chance_level(*[y[120:]] * 2) + 0.3

    def test_class_embeddings_are_kept_as_given(self, seed):
        X, T, y = draw(seed)
        mapping, vectors = draw_vectors(seed)
        est = ThreeViewCCARetriever(class_embeddings=mapping).fit(X, T, y)
        assert_array_equal(est.class_embeddings_, vectors)


class TestErrors:
    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="requires y to be passed"):
            ThreeViewCCARetriever().fit(X, T)

    def test_class_vectors_that_are_all_alike(self):
        alike = {label: [1.0, 2.0] for label in range(4)}
        with pytest.raises(ValueError, match="must differ in their class vectors"):
            ThreeViewCCARetriever(class_embeddings=alike).fit(*draw())

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"n_components": 18}, r"at most \d+, the number .* Got n_components=18"),
            ({"alpha": (1.0, -1.0)}, "'alpha' parameter of ThreeViewCCARetriever"),
            ({"class_alpha": -1.0}, "'class_alpha' parameter"),
            ({"component_power": -1}, "'component_power' parameter"),
        ],
        ids=str,
    )
    def test_name_the_argument(self, params, match):
        with pytest.raises(ValueError, match=match):
            ThreeViewCCARetriever(**params).fit(*draw())
