"""The generalized protocol: unseen classes and pairs of seen ones in one test set."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import cross_validate

from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import (
    generalized_retrieval_score,
    make_generalized_scorer,
    retrieval_score,
)
from sklearn_xmodal.model_selection import GeneralizedShuffleSplit
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def labels(seed, n=400, n_classes=10):
    return np.random.default_rng(seed).integers(n_classes, size=n)


@EVERY_SEED
def test_test_set_holds_unseen_classes_whole_and_a_share_of_seen_ones(seed):
    y = labels(seed)
    cv = GeneralizedShuffleSplit(4, test_size=0.4, random_state=seed)
    for train, test in cv.split(y, y):
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(400))
        seen = np.unique(y[train])
        assert len(seen) == 6
        assert set(np.unique(y[test])) == set(range(10))
        is_seen = np.isin(y[test], seen)
        assert not np.isin(y[train], y[test][~is_seen]).any()
        share = is_seen.sum() / np.isin(y, seen).sum()
        assert share == pytest.approx(0.3, abs=0.01)


@EVERY_SEED
def test_same_seed_gives_the_same_splits(seed):
    y = labels(seed)
    cv = GeneralizedShuffleSplit(3, random_state=seed)
    for (train, test), (again, more) in zip(
        cv.split(y, y), cv.split(y, y), strict=True
    ):
        assert_array_equal(train, again)
        assert_array_equal(test, more)


def test_seen_class_with_one_sample_is_an_error():
    y = np.array([0, 1] + [2] * 5 + [3] * 5)
    cv = GeneralizedShuffleSplit(20, random_state=0)
    with pytest.raises(ValueError, match=r"samples on both sides.* Got 1 samples"):
        list(cv.split(y, y))


def test_multi_label_y_is_refused():
    with pytest.raises(ValueError, match="1-D class labels"):
        next(GeneralizedShuffleSplit().split(np.zeros(4), np.eye(4)))


@EVERY_SEED
def test_score_is_the_harmonic_mean_of_the_parts_in_the_full_gallery(seed):
    rng = np.random.default_rng(seed)
    Z_img, Z_txt = rng.normal(size=(2, 60, 3))
    y = np.repeat(np.arange(6), 10)
    scores = generalized_retrieval_score(Z_img, Z_txt, y, [0, 1], k=20)
    parts = []
    for rows in (y < 2, y >= 2):
        i2t = retrieval_score(Z_img[rows], Z_txt, y[rows], y, k=20)
        t2i = retrieval_score(Z_txt[rows], Z_img, y[rows], y, k=20)
        parts.append((i2t + t2i) / 2)
    assert [scores.seen, scores.unseen] == pytest.approx(parts)
    expected = 2 * parts[0] * parts[1] / sum(parts)
    assert scores.harmonic_mean == pytest.approx(expected)


def test_nothing_found_in_either_part_scores_zero_not_nan():
    # Every item has the other class's code as its nearest.
    Z_img, Z_txt = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[1, 1, 0, 0]]
    scores = generalized_retrieval_score(
        Z_img, Z_txt, ["a", "a", "b", "b"], ["a"], metric="hit_rate_at_k", k=1
    )
    assert (scores.seen, scores.unseen, scores.harmonic_mean) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("seen", [[], ["x"], ["a", "b"]])
def test_one_kind_of_classes_alone_is_an_error(seen):
    Z = np.eye(4)
    with pytest.raises(ValueError, match="seen and of unseen classes are needed"):
        generalized_retrieval_score(Z, Z, ["a", "a", "b", "b"], seen)


def test_error_metric_is_refused():
    with pytest.raises(ValueError, match="higher is better"):
        generalized_retrieval_score(
            np.eye(2), np.eye(2), [0, 1], [0], metric="median_rank_error"
        )


def test_scorer_serves_cross_validation_in_all_parts():
    X_img, X_txt, y = make_paired_modalities(300, n_classes=6, random_state=0)
    parts = ("seen", "unseen", "harmonic_mean")
    results = cross_validate(
        CCARetriever(4),
        ImageTextPairs(X_img, X_txt),
        y,
        scoring={part: make_generalized_scorer(part) for part in parts},
        cv=GeneralizedShuffleSplit(3, random_state=0),
    )
    seen, unseen, both = (results[f"test_{part}"] for part in parts)
    np.testing.assert_allclose(both, 2 * seen * unseen / (seen + unseen))


def test_scorer_needs_an_estimator_that_saw_labels():
    X_img, X_txt, y = make_paired_modalities(60, random_state=0)
    cca = CCARetriever(2).fit(X_img, X_txt)
    with pytest.raises(ValueError, match="needs classes_"):
        make_generalized_scorer()(cca, ImageTextPairs(X_img, X_txt), y)


def test_unknown_part_and_direction_are_errors():
    with pytest.raises(ValueError, match="part must be one of"):
        make_generalized_scorer("all")
    with pytest.raises(ValueError, match="direction must be one of"):
        make_generalized_scorer(direction="i2t")
