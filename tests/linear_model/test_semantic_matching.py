"""Semantic matching against scikit-learn's classifiers used by hand."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sklearn_xmodal import SemanticMatchingRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import chance_level, cross_modal_score
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def draw(seed=0, n=150, n_classes=4):
    return make_paired_modalities(
        n, n_classes=n_classes, class_sep=2.0, random_state=seed
    )


@EVERY_SEED
class TestCodes:
    def test_are_posteriors_of_one_classifier_per_modality(self, seed):
        X, T, y = draw(seed)
        retriever = SemanticMatchingRetriever(C=0.5, centered=False, tol=1e-8)
        retriever.fit(X, T, y)
        for side, codes in zip((X, T), retriever.transform(X, T), strict=True):
            centred = side - side.mean(axis=0)
            scaled = centred / np.sqrt(np.mean(centred**2))
            oracle = LogisticRegression(C=0.5, max_iter=1000, tol=1e-8).fit(scaled, y)
            np.testing.assert_allclose(codes, oracle.predict_proba(scaled), atol=1e-8)

    def test_centred_ones_have_mean_zero_over_the_training_items(self, seed):
        X, T, y = draw(seed)
        plain = SemanticMatchingRetriever(centered=False).fit_transform(X, T, y)
        centred = SemanticMatchingRetriever().fit_transform(X, T, y)
        for raw, Z in zip(plain, centred, strict=True):
            np.testing.assert_allclose(Z, raw - raw.mean(axis=0), atol=1e-12)

    def test_find_items_of_the_same_class(self, seed):
        X, T, y = draw(seed)
        retriever = SemanticMatchingRetriever().fit(X[:100], T[:100], y[:100])
        chance = chance_level(y[100:], y[100:])
        assert retriever.score(X[100:], T[100:], y[100:]) > chance + 0.3

    def test_do_not_depend_on_the_pairing(self, seed):
        X, T, y = draw(seed)
        rng = np.random.default_rng(seed)
        order = np.arange(len(y))
        for label in np.unique(y):
            rows = np.flatnonzero(y == label)
            order[rows] = rng.permutation(rows)
        paired = SemanticMatchingRetriever(tol=1e-8).fit(X, T, y).transform_text(T)
        other = SemanticMatchingRetriever(tol=1e-8).fit(X, T[order], y)
        np.testing.assert_allclose(other.transform_text(T), paired, atol=1e-5)

    def test_do_not_depend_on_scale_and_place(self, seed):
        X, T, y = draw(seed)
        plain = SemanticMatchingRetriever(tol=1e-8).fit_transform(X, T, y)
        moved = SemanticMatchingRetriever(tol=1e-8)
        moved = moved.fit_transform(1e4 * X + 7, T / 64 - 3, y)
        for Z, expected in zip(moved, plain, strict=True):
            np.testing.assert_allclose(Z, expected, atol=1e-5)


class TestInputs:
    def test_sparse_features_are_never_made_dense(self, monkeypatch):
        X, T, y = draw()
        T = np.where(T > 0, T, 0)
        expected = SemanticMatchingRetriever(C=100.0, tol=1e-8)
        expected = expected.fit(X, T, y).transform_text(T)
        T = sparse.csr_matrix(T)

        def refuse(*args, **kwargs):
            raise AssertionError("made dense")

        monkeypatch.setattr(sparse.csr_matrix, "toarray", refuse)
        monkeypatch.setattr(sparse.csr_matrix, "todense", refuse)
        retriever = SemanticMatchingRetriever(C=100.0, tol=1e-8).fit(X, T, y)
        # The penalty does not see the intercept, so the two agree.
        np.testing.assert_allclose(retriever.transform_text(T), expected, atol=1e-4)

    def test_float32_stays_float32(self):
        X, T, y = draw()
        X, T = X.astype(np.float32), T.astype(np.float32)
        Z_img, Z_txt = SemanticMatchingRetriever().fit_transform(X, T, y)
        assert Z_img.dtype == Z_txt.dtype == np.float32

    def test_two_classes_give_two_columns(self):
        X, T, y = draw(n_classes=2)
        retriever = SemanticMatchingRetriever(centered=False).fit(X, T, y)
        Z = retriever.transform_image(X)
        assert Z.shape == (len(y), 2)
        np.testing.assert_allclose(Z.sum(axis=1), 1)

    def test_labels_may_be_strings(self):
        X, T, y = draw()
        names = np.array(["ant", "bee", "cat", "dog"])[y]
        retriever = SemanticMatchingRetriever().fit(X, T, names)
        assert retriever.classes_.tolist() == ["ant", "bee", "cat", "dog"]
        expected = SemanticMatchingRetriever().fit(X, T, y).transform_image(X)
        np.testing.assert_allclose(retriever.transform_image(X), expected)

    def test_several_labels_per_pair(self):
        X, T, y = draw(n=200)
        Y = np.eye(4, dtype=int)[y]
        Y[::2, 0] = 1
        retriever = SemanticMatchingRetriever().fit(X[:150], T[:150], Y[:150])
        codes = retriever.transform(X[150:], T[150:])
        rng = np.random.default_rng(0)
        chance = cross_modal_score(*rng.normal(size=(2, 50, 4)), Y[150:])
        assert cross_modal_score(*codes, Y[150:]) > chance + 0.15
        assert retriever.classes_.tolist() == [0, 1, 2, 3]

    def test_one_strength_per_modality(self):
        X, T, y = draw()
        both = SemanticMatchingRetriever(C=(0.01, 10.0)).fit(X, T, y)
        weak = SemanticMatchingRetriever(C=0.01).fit(X, T, y)
        strong = SemanticMatchingRetriever(C=10.0).fit(X, T, y)
        np.testing.assert_array_equal(both.transform_image(X), weak.transform_image(X))
        np.testing.assert_array_equal(both.transform_text(T), strong.transform_text(T))

    def test_a_solver_that_stops_too_early_is_told_of(self):
        with pytest.warns(ConvergenceWarning, match="failed to converge"):
            SemanticMatchingRetriever(max_iter=1).fit(*draw())


class TestErrors:
    def test_labels_are_needed(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match="requires y to be passed"):
            SemanticMatchingRetriever().fit(X, T)

    def test_one_class_is_not_enough(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match=r"at least two classes.*\['a'\]"):
            SemanticMatchingRetriever().fit(X, T, np.full(len(y), "a"))

    def test_numbers_that_are_no_classes(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="must be class labels"):
            SemanticMatchingRetriever().fit(X, T, y + 0.5)

    def test_constant_features(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="text features must vary"):
            SemanticMatchingRetriever().fit(X, np.ones_like(T), y)

    @pytest.mark.parametrize("C", [0.0, -1.0, (1.0, 0.0), (1.0, 2.0, 3.0), "1"])
    def test_strength_that_is_none(self, C):
        with pytest.raises(ValueError, match=r"\bC\b"):
            SemanticMatchingRetriever(C=C).fit(*draw())
