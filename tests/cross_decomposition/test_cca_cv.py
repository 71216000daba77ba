"""CCARetrieverCV chooses, and scores, as GridSearchCV over CCARetriever does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
)

from sklearn_xmodal import CCARetriever, CCARetrieverCV, ImageTextPairs
from sklearn_xmodal.cross_decomposition._engine import _folds
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import get_retrieval_scorer
from sklearn_xmodal.model_selection import ClassDisjointKFold, ClassDisjointShuffleSplit
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
ALPHAS = [1e-3, 0.1, (0.1, 10.0), "oas", 100.0]
SPLITTERS = [
    None,
    2,
    KFold(4),
    StratifiedKFold(3, shuffle=True, random_state=0),
    ClassDisjointKFold(3),
    ClassDisjointShuffleSplit(3, random_state=0),
    ShuffleSplit(2, test_size=0.3, random_state=0),
    RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    PredefinedSplit(np.arange(90) % 4 - 1),
]


def draw(seed, n=90, p=12, q=9):
    return make_paired_modalities(
        n,
        n_classes=6,
        n_image_features=p,
        n_text_features=q,
        n_shared=4,
        n_image_private=2,
        n_text_private=2,
        random_state=seed,
    )


def grid_search(X, Y, y, alphas, cv, scoring=None, **params):
    search = GridSearchCV(
        CCARetriever(**params), {"alpha": alphas}, cv=cv, scoring=scoring
    )
    return search.fit(ImageTextPairs(X, Y), y)


def assert_same(ours, search, atol=1e-8):
    assert ours.alpha_ == search.best_params_["alpha"]
    assert ours.best_index_ == search.best_index_
    assert_allclose(ours.best_score_, search.best_score_, atol=atol)
    for key, values in search.cv_results_.items():
        if key.endswith("test_score"):
            assert_allclose(ours.cv_results_[key], values, atol=atol, err_msg=key)
    best = search.best_estimator_
    assert_allclose(ours.image_weights_, best.image_weights_, atol=atol)
    assert_allclose(ours.text_weights_, best.text_weights_, atol=atol)
    assert_allclose(ours.image_loadings_, best.image_loadings_, atol=atol)


@EVERY_SEED
class TestEqualsGridSearch:
    @pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
    def test_over_all_splitters(self, seed, cv):
        X, Y, y = draw(seed)
        ours = CCARetrieverCV(5, alphas=ALPHAS, cv=cv).fit(X, Y, y)
        assert_same(ours, grid_search(X, Y, y, ALPHAS, cv, n_components=5))

    def test_without_labels(self, seed):
        X, Y, _ = draw(seed)
        ours = CCARetrieverCV(alphas=ALPHAS, cv=3).fit(X, Y)
        assert_same(ours, grid_search(X, Y, None, ALPHAS, 3))

    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_with_large_means(self, seed, shift):
        X, Y, y = draw(seed)
        X = X + shift
        ours = CCARetrieverCV(alphas=ALPHAS, cv=3).fit(X, Y, y)
        assert_same(ours, grid_search(X, Y, y, ALPHAS, 3))

    @pytest.mark.parametrize(("p", "q"), [(100, 9), (100, 80), (61, 9)])
    def test_with_fewer_samples_than_features(self, seed, p, q):
        X, Y, y = draw(seed, p=p, q=q)
        alphas = [0.01, 1.0, 100.0]
        ours = CCARetrieverCV(5, alphas=alphas, cv=3).fit(X, Y, y)
        assert_same(ours, grid_search(X, Y, y, alphas, 3, n_components=5))

    def test_with_duplicated_columns_and_no_ridge(self, seed):
        X, Y, y = draw(seed)
        X = np.hstack([X, X[:, :5]])
        ours = CCARetrieverCV(3, alphas=[0.0, 1e-12, 1.0], cv=3).fit(X, Y, y)
        search = grid_search(X, Y, y, [0.0, 1e-12, 1.0], 3, n_components=3)
        assert_same(ours, search)

    def test_with_sparse_text(self, seed):
        X, Y, y = draw(seed)
        Y = sparse.csr_matrix(np.where(Y > 0, Y, 0.0))
        ours = CCARetrieverCV(alphas=ALPHAS, cv=3).fit(X, Y, y)
        assert_same(ours, grid_search(X, Y, y, ALPHAS, 3))

    @pytest.mark.parametrize("scoring", ["image_to_text_map@5", "neg_median_rank"])
    def test_with_other_scores(self, seed, scoring):
        X, Y, y = draw(seed)
        scorer = get_retrieval_scorer(scoring)
        search = grid_search(X, Y, y, ALPHAS, 3, scorer, component_power=0.5)
        for given in (scoring, scorer):
            ours = CCARetrieverCV(
                alphas=ALPHAS, cv=3, scoring=given, component_power=0.5
            )
            assert_same(ours.fit(X, Y, y), search)

    def test_with_integer_weights(self, seed):
        X, Y, y = draw(seed)
        weights = np.random.default_rng(seed).integers(0, 4, 90).astype(float)
        ours = CCARetrieverCV(alphas=[0.1, 10.0], cv=3)
        ours.fit(X, Y, y, sample_weight=weights)
        with config_context(enable_metadata_routing=True):
            cca = CCARetriever().set_fit_request(sample_weight=True)
            cca.set_score_request(sample_weight=True)
            search = GridSearchCV(cca, {"alpha": [0.1, 10.0]}, cv=3)
            search.fit(ImageTextPairs(X, Y), y, sample_weight=weights)
        assert_same(ours, search)


@EVERY_SEED
class TestInput:
    def test_every_form_gives_the_same(self, seed):
        X, Y, y = draw(seed)
        arrays = CCARetrieverCV().fit(X, Y, y)
        pairs = CCARetrieverCV().fit(ImageTextPairs(X, Y), y)
        stacked = CCARetrieverCV(n_image_features=12).fit(np.hstack([X, Y]), y)
        for other in (pairs, stacked):
            assert other.alpha_ == arrays.alpha_
            assert_array_equal(
                other.cv_results_["mean_test_score"],
                arrays.cv_results_["mean_test_score"],
            )

    def test_several_labels_per_pair(self, seed):
        X, Y, y = draw(seed)
        indicator = (np.arange(6) == np.asarray(y)[:, None]).astype(int)
        one = CCARetrieverCV(cv=3).fit(X, Y, y)
        other = CCARetrieverCV(cv=3).fit(X, Y, indicator)
        assert one.best_score_ == pytest.approx(other.best_score_)

    def test_rows_are_read_once_for_all_folds_and_values(self, seed, monkeypatch):
        X, Y, y = draw(seed)
        rows = []

        def counted(X_img, X_txt, sample_weight):
            rows.append(len(X_img))
            return pair_moments(X_img, X_txt, sample_weight)

        pair_moments = _folds.pair_moments
        monkeypatch.setattr(_folds, "pair_moments", counted)
        CCARetrieverCV(alphas=ALPHAS, cv=5).fit(X, Y, y)
        assert sum(rows) == 90


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"alphas": []}, "alphas must hold at least one value"),
            ({"alphas": [0.1, -1.0]}, r"'alpha' parameter of CCARetriever .* -1.0"),
            ({"alphas": [(0.1, "x")]}, "'alpha' parameter of CCARetriever .* 'x'"),
            ({"alphas": 0.1}, "'alphas' parameter of CCARetrieverCV"),
            ({"scoring": "accuracy"}, "accuracy"),
            ({"n_components": 10}, r"at most 9, .* Got n_components=10"),
            ({"cv": ClassDisjointKFold(7)}, "7"),
        ],
        ids=str,
    )
    def test_name_the_argument(self, params, match):
        with pytest.raises(ValueError, match=match):
            CCARetrieverCV(**params).fit(*draw(0))

    def test_class_disjoint_folds_need_labels(self):
        X, Y, _ = draw(0)
        with pytest.raises(ValueError, match="y"):
            CCARetrieverCV(cv=ClassDisjointKFold(3)).fit(X, Y)

    def test_there_is_no_partial_fit(self):
        assert not hasattr(CCARetrieverCV(), "partial_fit")
