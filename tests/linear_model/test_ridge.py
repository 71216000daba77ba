"""Ridge regression on classes against scikit-learn's and against normal equations."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_xmodal import RidgeRetriever
from sklearn_xmodal.metrics import chance_level
from tests.labelled import (
    EVERY_SEED,
    SHAPES,
    centre,
    draw,
    draw_indicator,
    draw_vectors,
)


def by_hand(X, S, alpha):
    """Predictions of scikit-learn's ridge regression, less the mean target."""
    strength = len(X) * alpha * X.var(axis=0).mean()
    return Ridge(alpha=strength).fit(X, S).predict(X) - S.mean(axis=0)


@EVERY_SEED
class TestOracles:
    @SHAPES
    @pytest.mark.parametrize("alpha", [0.01, 1.0, (10.0, 0.1)], ids=str)
    def test_scikit_learn_on_indicators(self, seed, n, p, q, alpha):
        X, T, y = draw(seed, n, p, q)
        est = RidgeRetriever(alpha=alpha).fit(X, T, y)
        alphas = alpha if isinstance(alpha, tuple) else (alpha, alpha)
        for Z, side, a in zip(est.transform(X, T), (X, T), alphas, strict=True):
            assert_allclose(Z, by_hand(side, np.eye(4)[y], a), atol=1e-10)

    @SHAPES
    def test_scikit_learn_on_class_vectors(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        mapping, vectors = draw_vectors(seed)
        est = RidgeRetriever(class_embeddings=mapping).fit(X, T, y)
        assert_allclose(est.transform_text(T), by_hand(T, vectors[y], 0.1), atol=1e-10)
        assert_array_equal(est.class_embeddings_, vectors)

    def test_several_labels_take_the_mean_of_their_vectors(self, seed):
        X, T, y = draw(seed)
        Y = draw_indicator(seed, y)
        mapping, vectors = draw_vectors(seed)
        S = np.zeros((len(Y), 3))
        for i, row in enumerate(Y):
            if row.any():
                S[i] = np.mean([vectors[k] for k in np.flatnonzero(row)], axis=0)
        est = RidgeRetriever(class_embeddings=mapping).fit(X, T, Y)
        assert_allclose(est.transform_image(X), by_hand(X, S, 0.1), atol=1e-10)
        assert_array_equal(est.classes_, np.arange(4))

    @pytest.mark.parametrize(("n", "p"), [(90, 8), (20, 40)])
    def test_no_ridge_is_least_squares_of_least_norm(self, seed, n, p):
        X, T, y = draw(seed, n, p)
        est = RidgeRetriever(alpha=0.0).fit(X, T, y)
        W = np.linalg.lstsq(centre(X), centre(np.eye(4)[y]), rcond=None)[0]
        assert_allclose(est.image_weights_, W, atol=1e-9)

    def test_sparse_equals_dense(self, seed):
        for n, q in [(90, 6), (20, 30)]:
            X, T, y = draw(seed, n, q=q)
            T = np.where(T > -7, T, 0.0)
            dense = RidgeRetriever().fit(X, T, y)
            T = sparse.csr_array(T)
            mixed = RidgeRetriever().fit(X, T, y)
            assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-12)
            Z = mixed.transform_text(T)
            assert_allclose(Z, dense.transform_text(T.toarray()), atol=1e-10)


@EVERY_SEED
class TestIdentities:
    @SHAPES
    def test_codes_do_not_depend_on_scale_and_place(self, seed, n, p, q):
        X, T, y = draw(seed, n, p, q)
        plain = RidgeRetriever().fit(X, T, y).transform_image(X)
        moved = RidgeRetriever().fit(1e4 * X + 7e4, T, y).transform_image(1e4 * X + 7e4)
        assert_allclose(moved, plain, atol=1e-8)

    def test_codes_do_not_depend_on_the_pairing(self, seed):
        X, T, y = draw(seed)
        order = np.lexsort([np.random.default_rng(seed).random(len(y)), y])
        same_class = np.lexsort([np.arange(len(y)), y])
        other = RidgeRetriever().fit(X[order], T[same_class], y[order])
        expected = RidgeRetriever().fit(X, T, y)
        assert_allclose(other.image_weights_, expected.image_weights_, atol=1e-12)
        assert_allclose(other.text_weights_, expected.text_weights_, atol=1e-12)

    def test_constant_columns_get_no_weight(self, seed):
        X, T, y = draw(seed)
        X = np.insert(X, 2, 0.1, axis=1)
        assert_array_equal(RidgeRetriever().fit(X, T, y).image_weights_[2], 0)

    def test_items_of_the_same_class_are_found(self, seed):
        X, T, y = draw(seed, n=200)
        est = RidgeRetriever().fit(X[:120], T[:120], y[:120])
        assert est.score(X[120:], T[120:], y[120:]) > chance_level(*[y[120:]] * 2) + 0.3

    def test_float32_is_kept_and_close(self, seed):
        X, T, y = draw(seed)
        X, T = X.astype(np.float32), T.astype(np.float32)
        Z = RidgeRetriever().fit(X, T, y).transform_image(X)
        wide = RidgeRetriever().fit(X.astype(float), T.astype(float), y)
        assert Z.dtype == np.float32
        assert_allclose(Z, wide.transform_image(X.astype(float)), atol=1e-5)


class TestClassEmbeddings:
    def test_may_be_a_data_frame(self):
        X, T, y = draw()
        mapping, vectors = draw_vectors(0)
        frame = pd.DataFrame(vectors)
        est = RidgeRetriever(class_embeddings=frame).fit(X, T, y)
        expected = RidgeRetriever(class_embeddings=mapping).fit(X, T, y)
        assert_array_equal(est.image_weights_, expected.image_weights_)

    def test_need_only_labels_seen_in_fit(self):
        X, T, y = draw()
        names = np.array(["ant", "bee", "cat", "dog"])[y]
        vectors = dict(zip(["elk", "dog", "cat", "bee", "ant"], np.eye(5), strict=True))
        est = RidgeRetriever(class_embeddings=vectors).fit(X, T, names)
        assert_array_equal(est.class_embeddings_, np.eye(5)[[4, 3, 2, 1]])

    @pytest.mark.parametrize(
        ("embeddings", "match"),
        [
            ({0: [1.0], 1: [2.0]}, r"Got none for 2 of 4 labels, such as \[2, 3\]"),
            ({k: [1.0] * (1 + k) for k in range(4)}, "all of one length"),
            ({k: [np.nan, k] for k in range(4)}, "class_embeddings must be finite"),
            ({k: [1.0, 2.0] for k in range(4)}, "must differ in their class vectors"),
        ],
        ids=["missing", "lengths", "nan", "alike"],
    )
    def test_that_cannot_be_used_are_refused(self, embeddings, match):
        with pytest.raises(ValueError, match=match):
            RidgeRetriever(class_embeddings=embeddings).fit(*draw())

    def test_of_a_plain_array_are_refused(self):
        with pytest.raises(TypeError, match="must be a mapping from label to vector"):
            RidgeRetriever(class_embeddings=np.eye(4)).fit(*draw())


class TestErrors:
    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="requires y to be passed"):
            RidgeRetriever().fit(X, T)

    def test_one_class_is_not_enough(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match=r"at least two classes.*\['a'\]"):
            RidgeRetriever().fit(X, T, np.full(len(y), "a"))

    def test_the_same_labels_for_every_pair(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="must differ in their class vectors"):
            RidgeRetriever().fit(X, T, np.tile([1, 0, 1], (len(y), 1)))

    def test_constant_features(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="text features must vary"):
            RidgeRetriever().fit(X, np.ones_like(T), y)

    @pytest.mark.parametrize("alpha", [-1.0, (1.0, -1.0), (1.0, 2.0, 3.0), "oas"])
    def test_ridge_that_is_none(self, alpha):
        with pytest.raises(ValueError, match=r"\balpha\b"):
            RidgeRetriever(alpha=alpha).fit(*draw())
