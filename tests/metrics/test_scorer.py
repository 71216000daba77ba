"""Facts about the cross-modal score and the scorers."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import label_ranking_average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_xmodal.metrics import (
    cross_modal_score,
    make_retrieval_scorer,
    retrieval_score,
)
from tests.conftest import SEEDS, thorough_but

DIRECTIONS = ["image_to_text", "text_to_image", "mean"]


class NoisyCodes(TransformerMixin, BaseEstimator):
    """Stacked codes; `noise` decides how far apart the modalities are."""

    def __init__(self, noise=0.0):
        self.noise = noise

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        noise = np.random.default_rng(0).normal(size=(len(X), X.shape[1] // 2))
        return np.hstack([X[:, :4], X[:, 4:] + self.noise * noise])


def _make_pairs(seed, n=40):
    rng = np.random.default_rng(seed)
    y = np.array(["cat", "dog", "cow", "emu"])[np.arange(n) % 4]
    Z_img = rng.normal(size=(n, 4)) + np.eye(4)[np.arange(n) % 4]
    return Z_img, Z_img + rng.normal(size=(n, 4)), y


def _answer(form):
    """Estimator whose codes come in the given form, and its input."""
    Z_img, Z_txt, y = _make_pairs(0)
    stacked = np.hstack([Z_img, Z_txt])
    names = ["image", "text", *"abcdef"]
    codes = {
        "pairs": SimpleNamespace(image=Z_img, text=Z_txt),
        "tuple": (Z_img, Z_txt),
        "matrix": stacked,
        "frame": pd.DataFrame(stacked, columns=names),
    }[form]
    return SimpleNamespace(transform=lambda X: codes), y


@pytest.mark.parametrize("k", [None, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_directions_are_one_modality_against_the_other(seed, k):
    Z_img, Z_txt, y = _make_pairs(seed)
    to_text = cross_modal_score(Z_img, Z_txt, y, direction="image_to_text", k=k)
    to_image = cross_modal_score(Z_img, Z_txt, y, direction="text_to_image", k=k)
    assert to_text == retrieval_score(Z_img, Z_txt, y, y, k=k)
    assert to_image == retrieval_score(Z_txt, Z_img, y, y, k=k)
    assert_allclose(cross_modal_score(Z_img, Z_txt, y, k=k), (to_text + to_image) / 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_labels_only_the_own_pair_is_relevant(seed):
    Z_img, Z_txt, _ = _make_pairs(seed)
    assert cross_modal_score(Z_img, Z_txt) == cross_modal_score(
        Z_img, Z_txt, np.arange(40)
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_callable_metric_receives_relevance_and_cosines(seed, direction):
    Z_img, Z_txt, y = _make_pairs(seed)
    for labels in (y, None, np.eye(4, dtype=int)[np.arange(40) % 4]):
        got = cross_modal_score(
            Z_img,
            Z_txt,
            labels,
            direction=direction,
            metric=label_ranking_average_precision_score,
        )
        expected = cross_modal_score(Z_img, Z_txt, labels, direction=direction)
        assert_allclose(got, expected, rtol=1e-9)


def test_callable_metric_sees_the_true_similarities():
    Z_img, Z_txt, y = _make_pairs(0)
    Z_txt[5] = Z_txt[7]
    seen = []

    def metric(y_true, y_score):
        seen.append((y_true, y_score))
        return 0.0

    cross_modal_score(Z_img, Z_txt, y, metric=metric)
    assert_allclose(seen[0][1], cosine_similarity(Z_img, Z_txt), atol=1e-12)
    assert_allclose(seen[1][1], cosine_similarity(Z_txt, Z_img), atol=1e-12)
    assert (seen[0][0] == (y[:, None] == y)).all()


@pytest.mark.parametrize("form", ["pairs", "tuple", "matrix", "frame"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_scorer_reads_every_form_of_codes(form, direction):
    Z_img, Z_txt, y = _make_pairs(0)
    estimator, y = _answer(form)
    scorer = make_retrieval_scorer(direction=direction, k=7)
    expected = cross_modal_score(Z_img, Z_txt, y, direction=direction, k=7)
    assert scorer(estimator, None, y) == expected


@pytest.mark.parametrize("n_jobs", thorough_but([None], [None, 2]))
def test_scorer_drives_a_grid_search_over_a_pipeline(n_jobs):
    Z_img, _, y = _make_pairs(0, n=60)
    X = np.hstack([Z_img, Z_img])
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(), NoisyCodes()),
        {"noisycodes__noise": [3.0, 0.0]},
        scoring=make_retrieval_scorer(),
        cv=3,
        n_jobs=n_jobs,
    ).fit(X, y)
    assert search.best_params_ == {"noisycodes__noise": 0.0}
    assert search.best_score_ > search.cv_results_["mean_test_score"][0]


@pytest.mark.parametrize("routing", [False, True])
def test_scorers_serve_several_metrics_at_once(routing):
    Z_img, Z_txt, y = _make_pairs(0)
    scoring = {name: make_retrieval_scorer(direction=name) for name in DIRECTIONS}
    with config_context(enable_metadata_routing=routing):
        result = cross_validate(
            NoisyCodes(), np.hstack([Z_img, Z_txt]), y, scoring=scoring, cv=3
        )
    assert_allclose(
        result["test_mean"],
        (result["test_image_to_text"] + result["test_text_to_image"]) / 2,
    )


def test_scorer_without_labels_uses_pairs():
    Z_img, Z_txt, _ = _make_pairs(0)
    got = make_retrieval_scorer()(NoisyCodes(), np.hstack([Z_img, Z_txt]))
    assert got == cross_modal_score(Z_img, Z_txt)


def test_scorer_survives_pickling():
    Z_img, Z_txt, y = _make_pairs(0)
    for metric in ("mean_average_precision", label_ranking_average_precision_score):
        scorer = make_retrieval_scorer(metric, direction="text_to_image")
        copy = pickle.loads(pickle.dumps(scorer))
        X = np.hstack([Z_img, Z_txt])
        assert copy(NoisyCodes(), X, y) == scorer(NoisyCodes(), X, y)
        assert repr(copy) == repr(scorer)


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [
        (
            make_retrieval_scorer(),
            "make_retrieval_scorer('mean_average_precision', direction='mean')",
        ),
        (
            make_retrieval_scorer(
                label_ranking_average_precision_score, direction="image_to_text"
            ),
            "make_retrieval_scorer(label_ranking_average_precision_score, "
            "direction='image_to_text')",
        ),
        (
            make_retrieval_scorer(k=5, zero_division=0.0),
            "make_retrieval_scorer('mean_average_precision', direction='mean', k=5, "
            "zero_division=0.0)",
        ),
    ],
)
def test_repr_of_a_scorer_is_how_it_was_made(scorer, expected):
    assert repr(scorer) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "i2t"}, r"one of \['image_to_text', .*'mean'\]. Got 'i2t'"),
        ({"metric": "map"}, r"one of \['hit_rate_at_k', .*\]. Got 'map'"),
        ({"metric": 3}, "metric must be a callable .* Got 3"),
        ({"metric": max, "k": 3}, "k must be None for a callable metric. Got 3"),
        ({"k": 0}, "k must be at least 1"),
        ({"zero_division": 2}, "zero_division must be"),
    ],
)
def test_bad_choices_are_refused_when_the_scorer_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        make_retrieval_scorer(**options)
    with pytest.raises(ValueError, match=message):
        cross_modal_score(np.eye(2), np.eye(2), **options)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.ones((4, 3)), "even number of columns.* Got 3 columns"),
        ((np.eye(2),), "Got a tuple of length 1"),
        (SimpleNamespace(image=None, text=np.eye(2)), "Got None for the image side"),
        (SimpleNamespace(image=np.eye(2), text=None), "Got None for the text side"),
        ((np.eye(2), np.ones((2, 3))), "codes of different width: 2 and 3"),
        ((np.eye(2), np.ones((3, 2))), "codes of the same pairs. Got 2 and 3 rows"),
    ],
)
def test_codes_that_cannot_be_scored_are_refused(codes, message):
    estimator = SimpleNamespace(transform=lambda X: codes)
    with pytest.raises(ValueError, match=message):
        make_retrieval_scorer()(estimator, None)


def test_multilabel_rows_without_classes_follow_zero_division():
    y = np.array([[1, 0], [0, 1], [0, 0]])
    with pytest.raises(ValueError, match="the first at row 2"):
        cross_modal_score(np.eye(3), np.eye(3), y)
    assert cross_modal_score(np.eye(3), np.eye(3), y, zero_division=np.nan) == 1.0
