"""Facts about comparisons over splits and intervals over queries."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_xmodal.metrics import (
    bootstrap_difference_interval,
    bootstrap_score_interval,
    paired_comparison,
)
from tests.conftest import SEEDS

every_seed = pytest.mark.parametrize("seed", SEEDS)


def make_scores(seed, n=10):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.1, size=n), rng.normal(0.45, 0.1, size=n)


# Over splits


def test_corrected_interval_of_a_small_example_by_hand():
    # Differences 0.1, 0.3, 0.2: mean 0.2, variance 0.01; 1/3 + 50/150 = 2/3.
    result = paired_comparison([0.6, 0.9, 0.7], [0.5, 0.6, 0.5], n_train=150, n_test=50)
    error = np.sqrt(0.01 * 2 / 3)
    half = 4.302652729911275 * error  # 0.975 quantile of t with 2 degrees of freedom
    assert result.mean_difference == pytest.approx(0.2)
    assert result.standard_error == pytest.approx(error)
    assert_allclose(result.confidence_interval, [0.2 - half, 0.2 + half])
    assert result.corrected
    assert (result.n_splits, result.n_wins, result.n_losses) == (3, 3, 0)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@every_seed
def test_without_sizes_it_is_the_paired_t_test(seed, level):
    a, b = make_scores(seed)
    result = paired_comparison(a, b, confidence_level=level)
    expected = stats.ttest_rel(a, b)
    assert_allclose(
        result.confidence_interval, expected.confidence_interval(level), rtol=1e-9
    )
    assert result.p_value == pytest.approx(expected.pvalue)
    assert not result.corrected


@every_seed
def test_counts_and_rank_tests_are_those_of_scipy(seed):
    a, b = make_scores(seed)
    a[:2] = b[:2]
    result = paired_comparison(a, b)
    wins, losses = (a > b).sum(), (a < b).sum()
    assert (result.n_wins, result.n_ties, result.n_losses) == (wins, 2, losses)
    expected = stats.binomtest(wins, wins + losses).pvalue
    assert result.sign_test_p_value == pytest.approx(expected)
    expected = stats.wilcoxon(a[2:], b[2:]).pvalue
    assert result.wilcoxon_p_value == pytest.approx(expected)


@every_seed
def test_swapping_the_methods_changes_the_sign(seed):
    a, b = make_scores(seed)
    sizes = {"n_train": 70, "n_test": 30}
    ab, ba = paired_comparison(a, b, **sizes), paired_comparison(b, a, **sizes)
    assert ab.mean_difference == -ba.mean_difference
    assert_allclose(ab.confidence_interval, -np.array(ba.confidence_interval)[::-1])
    assert (ab.n_wins, ab.n_losses) == (ba.n_losses, ba.n_wins)
    for test in ("p_value", "sign_test_p_value", "wilcoxon_p_value"):
        assert getattr(ab, test) == pytest.approx(getattr(ba, test))


@every_seed
def test_the_interval_is_zero_free_just_where_p_is_small(seed):
    a, b = make_scores(seed)
    p_value = paired_comparison(a, b, n_train=9, n_test=1).p_value
    for level, is_free in ((1 - p_value - 1e-6, True), (1 - p_value + 1e-6, False)):
        low, high = paired_comparison(
            a, b, n_train=9, n_test=1, confidence_level=level
        ).confidence_interval
        assert (low > 0 or high < 0) == is_free


@every_seed
def test_sizes_may_differ_between_splits(seed):
    a, b = make_scores(seed, n=4)
    one = paired_comparison(a, b, n_train=100, n_test=30)
    same = paired_comparison(a, b, n_train=[100] * 4, n_test=[20, 40, 25, 35])
    assert_allclose(same.confidence_interval, one.confidence_interval)


def test_equal_methods_differ_by_nothing():
    result = paired_comparison([0.3, 0.1 + 0.2], [0.3, 0.3], n_train=2, n_test=1)
    assert result.confidence_interval == (0, 0)
    assert (result.n_wins, result.n_ties, result.n_losses) == (0, 2, 0)
    assert result.p_value == result.sign_test_p_value == result.wilcoxon_p_value == 1


def test_a_constant_difference_has_no_spread():
    result = paired_comparison([0.75, 0.5, 0.25], [0.5, 0.25, 0.0])
    assert result.confidence_interval == (0.25, 0.25)
    assert result.p_value == 0


def resampled_splits(rng, n_repeats, n_splits=10, n=60, n_test=20):
    """Scores of a mean learnt on random training parts: their error is known."""
    data = rng.normal(size=(n_repeats, n))
    order = rng.permuted(np.tile(np.arange(n), (n_splits, 1)), axis=1)
    train, test = order[:, n_test:], order[:, :n_test]
    fitted = data[:, train].mean(axis=2)  # (n_repeats, n_splits)
    return (data[:, test] * (1 - fitted[..., None])).mean(axis=2)


@every_seed
def test_the_correction_restores_coverage_for_overlapping_splits(seed):
    scores = resampled_splits(np.random.default_rng(seed), 400)
    truth = scores.mean()

    def coverage(**sizes):
        intervals = [
            paired_comparison(row, np.zeros(10), **sizes).confidence_interval
            for row in scores
        ]
        return np.mean([low <= truth <= high for low, high in intervals])

    assert coverage() < 0.8
    assert 0.9 < coverage(n_train=40, n_test=20) < 0.995


def test_comparisons_are_frozen_and_read_well():
    result = paired_comparison([0.5, 0.6, 0.7], [0.4, 0.6, 0.4], n_train=8, n_test=2)
    with pytest.raises(dataclasses.FrozenInstanceError, match="n_wins"):
        result.n_wins = 3
    assert "+0.1333" in repr(result)
    assert "95 % interval" in repr(result)
    assert "wins 2, ties 1, losses 0" in repr(result)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.1, 0.2], [0.1]), {}, r"scores_b must hold at least 2 scores\. Got 1"),
        (([0.1] * 3, [0.1] * 2), {}, r"one score per split.* Got 3 and 2"),
        (([], []), {}, r"scores_a must hold at least 2 scores\. Got 0"),
        (([0.1, np.nan], [0.1, 0.2]), {}, r"scores_a must be finite.* place 1"),
        (([0.1, 0.2], [np.inf, 0.2]), {}, r"scores_b must be finite.* place 0"),
        ((np.ones((2, 2)), [0.1] * 2), {}, r"must be 1-D\. Got shape \(2, 2\)"),
        (([0, 1], [1, 0]), {"n_train": 5}, r"together.* n_train=5 and n_test=None"),
        (([0, 1], [1, 0]), {"n_train": 5, "n_test": 0}, r"n_test must be .* Got 0"),
        (
            ([0, 1], [1, 0]),
            {"n_train": [1, 2, 3], "n_test": 1},
            r"one for each of 2 splits\. Got \[1\.0, 2\.0, 3\.0\]",
        ),
        (([0, 1], [1, 0]), {"confidence_level": 95}, r"between 0 and 1\. Got 95"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        paired_comparison(*arguments, **options)


# Over queries


@pytest.mark.parametrize("method", ["BCa", "percentile", "basic"])
@every_seed
def test_interval_is_that_of_scipy(seed, method):
    scores = np.random.default_rng(seed).beta(0.5, 1, size=50)
    result = bootstrap_score_interval(
        scores, method=method, random_state=seed, confidence_level=0.9
    )
    expected = stats.bootstrap(
        (scores,),
        np.mean,
        n_resamples=2000,
        confidence_level=0.9,
        method=method,
        random_state=np.random.RandomState(seed),
    )
    assert_allclose(result.confidence_interval, expected.confidence_interval)
    assert result.standard_error == pytest.approx(expected.standard_error)
    assert result.mean == pytest.approx(scores.mean())
    assert (result.n_queries, result.confidence_level) == (50, 0.9)


@every_seed
def test_standard_error_is_near_that_of_the_mean(seed):
    scores = np.random.default_rng(seed).random(400)
    result = bootstrap_score_interval(scores, random_state=seed)
    assert result.standard_error == pytest.approx(stats.sem(scores), rel=0.1)


@every_seed
def test_intervals_cover_the_true_mean(seed):
    rng = np.random.default_rng(seed)
    hits = 0
    for sample in rng.beta(0.5, 1.0, size=(200, 80)):
        low, high = bootstrap_score_interval(
            sample, n_resamples=300, random_state=seed
        ).confidence_interval
        hits += low <= 1 / 3 <= high
    assert 0.89 < hits / 200 < 0.99


@every_seed
def test_difference_is_the_bootstrap_of_differences(seed):
    a, b = make_scores(seed, 40)
    result = bootstrap_difference_interval(a, b, random_state=seed)
    assert result == bootstrap_score_interval(a - b, random_state=seed)


@every_seed
def test_swapping_the_methods_mirrors_the_percentile_interval(seed):
    a, b = make_scores(seed, 40)
    options = {"method": "percentile", "random_state": seed}
    low, high = bootstrap_difference_interval(a, b, **options).confidence_interval
    mirrored = bootstrap_difference_interval(b, a, **options).confidence_interval
    assert_allclose(mirrored, (-high, -low))


@every_seed
def test_pairing_takes_out_how_hard_a_query_is(seed):
    rng = np.random.default_rng(seed)
    hard, noise = rng.random(100), rng.normal(scale=0.01, size=100)
    paired = bootstrap_difference_interval(hard + noise, hard, random_state=0)
    alone = bootstrap_score_interval(hard, random_state=0)
    assert paired.standard_error < alone.standard_error / 5


def test_constant_scores_have_no_spread():
    result = bootstrap_score_interval([0.5] * 9, random_state=0)
    assert (result.confidence_interval, result.standard_error) == ((0.5, 0.5), 0)


@pytest.mark.parametrize(
    "scores", [[0, 1], [0, 0, 1], [1] * 30 + [0], [0.5] * 9 + [0.75]]
)
def test_few_distinct_scores_have_an_interval(scores):
    result = bootstrap_score_interval(scores, random_state=0)
    low, high = result.confidence_interval
    assert low <= result.mean <= high
    assert low < high


def test_same_seed_gives_the_same_interval():
    scores = np.random.default_rng(0).random(30)
    a, b, c = (bootstrap_score_interval(scores, random_state=s) for s in (1, 1, 2))
    assert a == b != c
    assert "over 30 queries" in repr(a)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([[0.1]], {}, r"scores_per_query must hold at least 2 scores\. Got 1"),
        ([[0.1, np.nan]], {}, r"must be finite\. Got 1 values .* place 1"),
        ([[0.1, 0.2]], {"method": "bca"}, r"method must be .* Got 'bca'"),
        ([[0.1, 0.2]], {"confidence_level": 1}, r"between 0 and 1\. Got 1"),
    ],
)
def test_scores_that_make_no_interval_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_score_interval(*arguments, **options)


def test_differences_need_the_same_queries():
    with pytest.raises(ValueError, match=r"one score per query.* Got 3 and 2"):
        bootstrap_difference_interval([0.1] * 3, [0.1] * 2)
    with pytest.raises(ValueError, match="scores_b must be finite"):
        bootstrap_difference_interval([0.1, 0.2], [0.1, np.nan])
