"""The semantic autoencoder against scipy's Sylvester solver and its own objective."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg, sparse

from sklearn_xmodal import RidgeRetriever, SemanticAutoencoderRetriever
from sklearn_xmodal.metrics import chance_level
from tests.labelled import (
    EVERY_SEED,
    SHAPES,
    centre,
    draw,
    draw_indicator,
    draw_vectors,
)

WEIGHTS = pytest.mark.parametrize("weight", [0.05, 1.0, 20.0])


def normalised(A):
    """Centre the rows of A, and divide by one global scale."""
    A = centre(A)
    return A / np.sqrt(np.mean(A**2))


def equation(X, E, weight):
    """A, B and C of the paper (columns are items there), for lambda = 1 / weight."""
    X, E, lam = normalised(X).T, normalised(E).T, 1 / weight
    return E @ E.T, lam * X @ X.T, (1 + lam) * E @ X.T


def objective(W, X, E, weight):
    """Sum over the items, one by one."""
    total = 0.0
    for x, e in zip(normalised(X), normalised(E), strict=True):
        total += np.sum((W @ x - e) ** 2) + weight * np.sum((x - W.T @ e) ** 2)
    return total


@EVERY_SEED
class TestOracles:
    @WEIGHTS
    def test_sylvester_equation_of_class_vectors(self, seed, weight):
        X, T, y = draw(seed)
        mapping, vectors = draw_vectors(seed)
        est = SemanticAutoencoderRetriever(
            reconstruction_weight=weight, class_embeddings=mapping
        ).fit(X, T, y)
        for Z, side in zip(est.transform(X, T), (X, T), strict=True):
            W = linalg.solve_sylvester(*equation(side, vectors[y], weight))
            assert_allclose(Z, normalised(side) @ W.T, atol=1e-9)

    @WEIGHTS
    def test_sylvester_equation_of_one_hot_vectors(self, seed, weight):
        X, T, y = draw(seed)
        est = SemanticAutoencoderRetriever(reconstruction_weight=weight).fit(X, T, y)
        W = linalg.solve_sylvester(*equation(X, np.eye(4)[y], weight))
        assert_allclose(est.transform_image(X), normalised(X) @ W.T, atol=1e-9)

    @WEIGHTS
    def test_singular_equation_is_solved_with_the_least_norm(self, seed, weight):
        # One-hot vectors and more features than items: both sides are singular.
        X, T, y = draw(seed, 10, 12, 14, n_classes=3)
        A, B, C = equation(X, np.eye(3)[y], weight)
        whole = np.kron(A, np.eye(12)) + np.kron(np.eye(3), B)
        W = np.linalg.lstsq(whole, C.ravel(), rcond=1e-11)[0].reshape(3, 12)
        est = SemanticAutoencoderRetriever(reconstruction_weight=weight).fit(X, T, y)
        assert_allclose(est.transform_image(X), normalised(X) @ W.T, atol=1e-8)

    @SHAPES
    def test_no_other_encoder_has_a_lower_objective(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        mapping, vectors = draw_vectors(seed)
        est = SemanticAutoencoderRetriever(
            reconstruction_weight=0.5, class_embeddings=mapping
        ).fit(X, T, y)
        scale = np.sqrt(np.mean(centre(T) ** 2))
        W = est.text_weights_.T * scale
        least = objective(W, T, vectors[y], 0.5)
        rng = np.random.default_rng(seed)
        for size in (1e-3, 1e-1, 1):
            other = W + size * rng.normal(size=W.shape)
            assert objective(other, T, vectors[y], 0.5) > least

    def test_several_labels_take_the_mean_of_their_vectors(self, seed):
        X, T, y = draw(seed)
        Y = draw_indicator(seed, y)
        mapping, vectors = draw_vectors(seed)
        E = Y @ vectors / np.maximum(Y.sum(axis=1), 1)[:, None]
        est = SemanticAutoencoderRetriever(class_embeddings=mapping).fit(X, T, Y)
        W = linalg.solve_sylvester(*equation(X, E, 0.1))
        assert_allclose(est.transform_image(X), normalised(X) @ W.T, atol=1e-9)


@EVERY_SEED
class TestIdentities:
    @SHAPES
    def test_without_a_decoder_it_is_least_squares(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        est = SemanticAutoencoderRetriever(reconstruction_weight=0.0).fit(X, T, y)
        ridge = RidgeRetriever(alpha=0.0).fit(X, T, y)
        E = centre(np.eye(4)[y])
        expected = ridge.transform_text(T) / np.sqrt(np.mean(E**2))
        assert_allclose(est.transform_text(T), expected, atol=1e-8)

    def test_one_weight_per_modality(self, seed):
        X, T, y = draw(seed)
        both = SemanticAutoencoderRetriever(reconstruction_weight=(0.1, 10.0))
        both.fit(X, T, y)
        for weight, name in [(0.1, "image_weights_"), (10.0, "text_weights_")]:
            one = SemanticAutoencoderRetriever(reconstruction_weight=weight)
            one.fit(X, T, y)
            assert_allclose(getattr(both, name), getattr(one, name), atol=1e-14)

    @SHAPES
    def test_codes_do_not_depend_on_scale_and_place(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        mapping, vectors = draw_vectors(seed)
        plain = SemanticAutoencoderRetriever(class_embeddings=mapping).fit(X, T, y)
        larger = dict(enumerate(100 * vectors + 3))
        moved = SemanticAutoencoderRetriever(class_embeddings=larger)
        moved.fit(1e4 * X + 7e4, T, y)
        Z = moved.transform_image(1e4 * X + 7e4)
        assert_allclose(Z, plain.transform_image(X), atol=1e-7)

    def test_sparse_equals_dense(self, seed):
        for n, q in [(90, 6), (20, 30)]:
            X, T, y = draw(seed, n, q=q)
            T = np.where(T > -7, T, 0.0)
            dense = SemanticAutoencoderRetriever().fit(X, T, y)
            mixed = SemanticAutoencoderRetriever().fit(X, sparse.csr_matrix(T), y)
            assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-12)

    def test_items_of_the_same_class_are_found(self, seed):
        X, T, y = draw(seed, n=200)
        est = SemanticAutoencoderRetriever()
        est.fit(X[:120], T[:120], y[:120])
        assert est.score(X[120:], T[120:], y[120:]) > chance_level(*[y[120:]] * 2) + 0.3


class TestErrors:
    def test_class_vectors_that_are_all_alike(self):
        alike = {label: [1.0, 2.0] for label in range(4)}
        with pytest.raises(ValueError, match="must differ in their class vectors"):
            SemanticAutoencoderRetriever(class_embeddings=alike).fit(*draw())

    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="requires y to be passed"):
            SemanticAutoencoderRetriever().fit(X, T)

    @pytest.mark.parametrize("weight", [-1.0, (1.0, -1.0), (1.0,), "auto"])
    def test_weight_that_is_none(self, weight):
        with pytest.raises(ValueError, match="reconstruction_weight"):
            SemanticAutoencoderRetriever(reconstruction_weight=weight).fit(*draw())
