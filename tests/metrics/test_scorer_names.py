"""Facts about scorers by name."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import (
    cross_modal_score,
    get_retrieval_scorer,
    get_retrieval_scorer_names,
    make_retrieval_scorer,
)

SIX = ["map", "image_to_text_map@5", "recall@10", "text_to_image_hit_rate@1",
       "ndcg", "neg_median_rank"]  # fmt: skip


@pytest.fixture
def fitted():
    X_img, X_txt, y = make_paired_modalities(60, random_state=0)
    return CCARetriever(3).fit(X_img, X_txt, y), ImageTextPairs(X_img, X_txt), y


@pytest.mark.parametrize(
    ("name", "metric", "options"),
    [
        ("map", "mean_average_precision", {}),
        ("map@50", "mean_average_precision", {"k": 50}),
        ("image_to_text_map", "mean_average_precision", {"direction": "image_to_text"}),
        ("text_to_image_mrr", "mean_reciprocal_rank", {"direction": "text_to_image"}),
        ("recall@7", "recall_at_k", {"k": 7}),
        ("precision@1", "precision_at_k", {"k": 1}),
        (
            "text_to_image_hit_rate@12",
            "hit_rate_at_k",
            {"k": 12, "direction": "text_to_image"},
        ),
        ("ndcg@3", "ndcg_at_k", {"k": 3}),
    ],
)
def test_names_say_direction_metric_and_cutoff(fitted, name, metric, options):
    estimator, pairs, y = fitted
    codes = estimator.transform(pairs)
    want = cross_modal_score(codes.image, codes.text, y, metric=metric, **options)
    assert get_retrieval_scorer(name)(estimator, pairs, y) == want


def test_errors_are_negated(fitted):
    estimator, pairs, y = fitted
    codes = estimator.transform(pairs)
    want = cross_modal_score(codes.image, codes.text, y, metric="median_rank_error")
    assert want >= 1
    for scorer in (
        get_retrieval_scorer("neg_median_rank"),
        make_retrieval_scorer("median_rank_error"),
    ):
        assert scorer(estimator, pairs, y) == -want


def test_listed_names_are_understood(fitted):
    estimator, pairs, y = fitted
    names = get_retrieval_scorer_names()
    assert names == sorted(set(names))
    assert {"map", "image_to_text_recall@10", "neg_median_rank"} <= set(names)
    scores = get_retrieval_scorer(names)(estimator, pairs, y)
    for name in names:
        assert_allclose(scores[name], get_retrieval_scorer(name)(estimator, pairs, y))


def test_a_scorer_is_returned_as_it_is():
    scorer = make_retrieval_scorer(k=3)
    assert get_retrieval_scorer(scorer) is scorer


def test_several_names_transform_once(fitted):
    estimator, pairs, y = fitted
    calls = []

    class Counted:
        def transform(self, X):
            calls.append(X)
            return estimator.transform(X)

    get_retrieval_scorer(SIX)(Counted(), pairs, y)
    assert len(calls) == 1


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("form", ["dict", "list"])
def test_grid_search_over_several_metrics_refits_by_one(fitted, form, n_jobs):
    _, pairs, y = fitted
    scoring = {name: get_retrieval_scorer(name) for name in SIX}
    if form == "list":
        scoring = get_retrieval_scorer(SIX)
    search = GridSearchCV(
        CCARetriever(2),
        {"alpha": [1e-3, 1.0]},
        scoring=scoring,
        refit="recall@10",
        cv=3,
        n_jobs=n_jobs,
    ).fit(pairs, y)
    results = search.cv_results_
    assert search.best_index_ == np.argmax(results["mean_test_recall@10"])
    assert np.all(results["mean_test_neg_median_rank"] <= -1)
    assert all(np.all(np.isfinite(results[f"mean_test_{name}"])) for name in SIX)


def test_dict_and_list_of_names_score_the_same(fitted):
    estimator, pairs, y = fitted
    results = [
        cross_validate(estimator, pairs, y, scoring=scoring, cv=3)
        for scoring in (
            {name: get_retrieval_scorer(name) for name in SIX},
            get_retrieval_scorer(SIX),
        )
    ]
    for name in SIX:
        assert_allclose(results[0][f"test_{name}"], results[1][f"test_{name}"])


def test_scorers_by_name_survive_pickling(fitted):
    estimator, pairs, y = fitted
    for scoring in ("text_to_image_ndcg@5", SIX):
        scorer = get_retrieval_scorer(scoring)
        copy = pickle.loads(pickle.dumps(scorer))
        assert repr(copy) == repr(scorer)
        assert copy(estimator, pairs, y) == scorer(estimator, pairs, y)


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("mAP", r"must be a name '\[direction_\]metric\[@k\]'.* Got 'mAP'"),
        ("i2t_map", "Got 'i2t_map'. get_retrieval_scorer_names"),
        ("map@0", "Got 'map@0'"),
        ("map@ten", "Got 'map@ten'"),
        ("recall", "k must be given for recall_at_k"),
        ("neg_median_rank@5", "k must be None for median_rank_error"),
        ("median_rank", "Got 'median_rank'"),
        (None, "Got None"),
        ([], "at least one scorer. Got an empty list"),
        (["map", "mAP"], "Got 'mAP'"),
    ],
)
def test_unknown_names_are_refused(scoring, message):
    with pytest.raises(ValueError, match=message):
        get_retrieval_scorer(scoring)
