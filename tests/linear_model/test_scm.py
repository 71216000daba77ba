"""Semantic correlation matching against its two steps written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.linear_model import LogisticRegression

from sklearn_xmodal import CCARetriever, SCMRetriever, SemanticMatchingRetriever
from sklearn_xmodal.metrics import chance_level, cross_modal_score
from tests.labelled import EVERY_SEED, SHAPES, centre, draw, draw_indicator


def variates(X, T, k):
    """Textbook CCA: inverse roots of both covariances, then singular vectors."""
    X, T = centre(X), centre(T)
    n = len(X)
    roots = [np.linalg.inv(linalg.sqrtm(A.T @ A / n)) for A in (X, T)]
    U, _, Vt = linalg.svd(roots[0] @ (X.T @ T / n) @ roots[1])
    return X @ roots[0] @ U[:, :k], T @ roots[1] @ Vt[:k].T


@EVERY_SEED
class TestOracles:
    @pytest.mark.parametrize("k", [2, 5])
    def test_posteriors_of_textbook_variates(self, seed, k):
        X, T, y = draw(seed)
        est = SCMRetriever(k, alpha=0, C=0.5, centered=False, tol=1e-8).fit(X, T, y)
        for Z, codes in zip(variates(X, T, k), est.transform(X, T), strict=True):
            # Neither a sign nor a scale of 1 changes what the penalty does.
            oracle = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(Z, y)
            assert_allclose(codes, oracle.predict_proba(Z), atol=1e-6)

    @SHAPES
    @pytest.mark.parametrize("power", [0.0, 1.0])
    def test_semantic_matching_of_canonical_variates(self, seed, n, p, q, power):
        X, T, y = draw(seed, n, p, q)
        est = SCMRetriever(4, alpha=0.5, component_power=power, C=2.0).fit(X, T, y)
        cca = CCARetriever(4, alpha=0.5, component_power=power).fit(X, T)
        Z = cca.transform(X, T)
        expected = SemanticMatchingRetriever(C=2.0).fit(*Z, y).transform(*Z)
        for codes, other in zip(est.transform(X, T), expected, strict=True):
            assert_array_equal(codes, other)

    def test_several_labels_per_pair(self, seed):
        X, T, y = draw(seed, n=200)
        Y = draw_indicator(seed, y)
        est = SCMRetriever().fit(X[:150], T[:150], Y[:150])
        assert_array_equal(est.classes_, np.arange(4))
        keep = 150 + np.flatnonzero(Y[150:].any(axis=1))
        chance = chance_level(Y[keep], Y[keep])
        assert est.score(X[keep], T[keep], Y[keep]) > chance + 0.1


@EVERY_SEED
def test_items_of_the_same_class_are_found(seed):
    X, T, y = draw(seed, n=200)
    est = SCMRetriever().fit(X[:120], T[:120], y[:120])
    assert est.score(X[120:], T[120:], y[120:]) > chance_level(*[y[120:]] * 2) + 0.3


def test_similarity_is_the_normalised_correlation_of_posteriors():
    X, T, y = draw()
    est = SCMRetriever(3, centered=False).fit(X, T, y)
    P, Q = est.transform(X, T)
    assert_allclose([P.sum(axis=1), Q.sum(axis=1)], 1)
    # P Q' / |P||Q|, as in the paper, ranked by hand.
    similarity = P @ Q.T / np.outer(linalg.norm(P, axis=1), linalg.norm(Q, axis=1))
    precisions = []
    for row, label in zip(similarity, y, strict=True):
        hits = (y == label)[np.argsort(-row)]
        ranks = np.flatnonzero(hits) + 1
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    got = cross_modal_score(P, Q, y, direction="image_to_text")
    assert_allclose(got, np.mean(precisions), atol=1e-12)


def test_sparse_text_equals_dense_text():
    X, T, y = draw()
    T = np.where(T > -7, T, 0.0)
    dense = SCMRetriever(3, tol=1e-8).fit(X, T, y).transform_text(T)
    T = sparse.csr_array(T)
    mixed = SCMRetriever(3, tol=1e-8).fit(X, T, y).transform_text(T)
    assert_allclose(mixed, dense, atol=1e-7)


def test_float32_stays_float32():
    X, T, y = draw()
    Z = SCMRetriever().fit_transform(X.astype(np.float32), T.astype(np.float32), y)
    assert [z.dtype for z in Z] == [np.float32, np.float32]


class TestErrors:
    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="SCMRetriever requires y to be passed"):
            SCMRetriever().fit(X, T)

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"n_components": 7}, "n_components must be at most 6"),
            ({"alpha": -1}, "'alpha' parameter of SCMRetriever"),
            ({"alpha": (1.0, -1.0)}, "'alpha' parameter of SCMRetriever"),
            ({"C": (1.0, 0.0)}, "'C' parameter of SCMRetriever"),
            ({"C": (1.0, 2.0, 3.0)}, "C must be .* tuple of length 3"),
        ],
        ids=str,
    )
    def test_name_the_argument_and_the_retriever(self, params, match):
        with pytest.raises(ValueError, match=match):
            SCMRetriever(**params).fit(*draw())
