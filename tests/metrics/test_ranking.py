"""Facts about the metrics on relevance and score matrices."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
)

from sklearn_xmodal.metrics import (
    chance_level,
    mean_average_precision_score,
    relevance_from_labels,
)
from tests.conftest import SEEDS

CUTOFFS = [1, 2, 3, 7, 11, 50]


def _ap_by_hand(relevance, order, k=None):
    """Average precision of one ranking, the textbook way."""
    k = len(relevance) if k is None else k
    found, total = 0, 0.0
    for place, item in enumerate(order[:k], start=1):
        if relevance[item]:
            found += 1
            total += found / place
    return total / min(k, int(np.sum(relevance)))


def _ap_over_all_orders(relevance, scores, k=None):
    """Mean over every order of the gallery that the scores allow."""
    values = [
        _ap_by_hand(relevance, order, k)
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]
    return np.mean(values)


def _make_case(seed, n_queries=7, n_gallery=11):
    rng = np.random.default_rng(seed)
    y_true = rng.random((n_queries, n_gallery)) < 0.4
    y_true[:, rng.integers(n_gallery)] = True
    return y_true, rng.normal(size=(n_queries, n_gallery))


@st.composite
def _rankings(draw, max_gallery=12):
    """Relevance and scores with many ties, each query with a relevant item."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, max_gallery)))
    y_score = draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3)))
    y_true = draw(hnp.arrays(np.bool_, shape))
    y_true[:, draw(st.integers(0, shape[1] - 1))] = True
    return y_true, y_score


@pytest.mark.parametrize("k", [None, *CUTOFFS])
@pytest.mark.parametrize("seed", SEEDS)
def test_map_equals_textbook_loop(seed, k):
    y_true, y_score = _make_case(seed)
    expected = [
        _ap_by_hand(relevance, np.argsort(-scores), k)
        for relevance, scores in zip(y_true, y_score, strict=True)
    ]
    got = mean_average_precision_score(y_true, y_score, k=k, average=False)
    assert_allclose(got, expected, rtol=1e-12)
    assert_allclose(
        mean_average_precision_score(y_true, y_score, k=k), np.mean(expected)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_map_equals_scikit_learn_without_ties(seed):
    y_true, y_score = _make_case(seed, n_queries=20, n_gallery=60)
    got = mean_average_precision_score(y_true, y_score, average=False)
    expected = [
        average_precision_score(relevance, scores)
        for relevance, scores in zip(y_true, y_score, strict=True)
    ]
    assert_allclose(got, expected, rtol=1e-12)
    assert_allclose(
        got.mean(), label_ranking_average_precision_score(y_true, y_score), rtol=1e-12
    )


@pytest.mark.parametrize("k", [None, 1, 2, 3, 4, 6])
@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_tied_map_is_the_mean_over_all_orders(seed, levels, k):
    rng = np.random.default_rng(seed)
    y_true = rng.random((4, 6)) < 0.5
    y_true[:, 0] = True
    y_score = rng.integers(levels, size=(4, 6)) - 1.5
    expected = [
        _ap_over_all_orders(relevance, scores, k)
        for relevance, scores in zip(y_true, y_score, strict=True)
    ]
    got = mean_average_precision_score(y_true, y_score, k=k, average=False)
    assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("k", [None, *CUTOFFS])
@pytest.mark.parametrize("seed", SEEDS)
def test_stable_ties_follow_the_gallery(seed, k):
    y_true, _ = _make_case(seed)
    y_score = np.random.default_rng(seed).integers(3, size=y_true.shape)
    expected = [
        _ap_by_hand(relevance, np.argsort(-scores, kind="stable"), k)
        for relevance, scores in zip(y_true, y_score, strict=True)
    ]
    got = mean_average_precision_score(
        y_true, y_score, k=k, ties="stable", average=False
    )
    assert_allclose(got, expected, rtol=1e-12)


@given(_rankings())
def test_map_depends_only_on_the_order_of_scores(case):
    y_true, y_score = case
    expected = mean_average_precision_score(y_true, y_score)
    for transformed in (y_score + 100, 1e-3 * y_score, np.exp(y_score), y_score**3):
        assert mean_average_precision_score(y_true, transformed) == expected


@given(_rankings(), st.randoms(use_true_random=False))
def test_map_does_not_depend_on_the_order_of_the_gallery(case, random):
    y_true, y_score = case
    order = random.sample(range(y_true.shape[1]), y_true.shape[1])
    expected = mean_average_precision_score(y_true, y_score)
    got = mean_average_precision_score(y_true[:, order], y_score[:, order])
    assert got == expected


@given(_rankings())
def test_repeated_queries_do_not_change_the_mean(case):
    y_true, y_score = case
    got = mean_average_precision_score(
        np.repeat(y_true, 3, axis=0), np.repeat(y_score, 3, axis=0)
    )
    assert_allclose(got, mean_average_precision_score(y_true, y_score))


@given(_rankings(), st.integers(1, 15))
def test_map_lies_between_zero_and_one(case, k):
    y_true, y_score = case
    assert 0 <= mean_average_precision_score(y_true, y_score, k=k) <= 1


@given(_rankings(max_gallery=6), st.integers(1, 8))
def test_tied_map_lies_between_the_worst_and_the_best_order(case, k):
    y_true, y_score = case
    nudge = 0.1 * y_true
    got = mean_average_precision_score(y_true, y_score, k=k, average=False)
    worst = mean_average_precision_score(y_true, y_score - nudge, k=k, average=False)
    best = mean_average_precision_score(y_true, y_score + nudge, k=k, average=False)
    assert np.all(worst <= got + 1e-12)
    assert np.all(got <= best + 1e-12)


def test_perfect_top_k_scores_one_with_more_relevant_items_than_k():
    y_true = np.array([[1, 1, 1, 1, 0]])
    y_score = np.array([[5, 4, 3, 2, 1]])
    assert mean_average_precision_score(y_true, y_score, k=2) == 1.0


def test_negative_scores_are_ranked_like_positive_ones():
    y_true = np.array([[1, 0, 1, 0]])
    y_score = np.array([[0.9, 0.1, -0.3, -0.8]])
    assert_allclose(mean_average_precision_score(y_true, y_score), (1 + 2 / 3) / 2)
    assert_allclose(mean_average_precision_score(y_true, y_score - 5), (1 + 2 / 3) / 2)


def test_negative_zero_ties_with_zero():
    y_true, y_score = np.array([[1, 0]]), np.array([[-0.0, 0.0]])
    assert_allclose(mean_average_precision_score(y_true, y_score), 0.75)
    assert_allclose(mean_average_precision_score(y_true, -y_score), 0.75)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_floats_do_not_tie(dtype):
    one = dtype(1)
    y_score = np.array([[one, np.nextafter(one, dtype(2))]])
    for sign in (1, -1):
        y_true = np.array([[sign == -1, sign == 1]])
        assert mean_average_precision_score(y_true, sign * y_score) == 1.0


def test_scores_of_every_magnitude_are_told_apart():
    y_score = np.array([[1e308, 1e-300, 2e-300, 5e-324, 0.0, -5e-324, -1e308]])
    for relevant in range(7):
        y_true = np.zeros((1, 7), dtype=bool)
        y_true[0, relevant] = True
        place = 1 + np.sum(y_score > y_score[0, relevant])
        assert_allclose(mean_average_precision_score(y_true, y_score), 1 / place)


@pytest.mark.parametrize("seed", SEEDS)
def test_large_groups_of_ties_keep_precision(seed):
    rng = np.random.default_rng(seed)
    n_gallery = 5000
    y_true = rng.random((1, n_gallery)) < 0.1
    y_score = rng.integers(40, size=(1, n_gallery))
    draws = [
        mean_average_precision_score(y_true, y_score + rng.random(y_score.shape))
        for _ in range(200)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    got = mean_average_precision_score(y_true, y_score)
    assert abs(got - np.mean(draws)) < 5 * error


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_zero_division_fills_in_queries_without_relevant_items(value):
    y_true, y_score = np.array([[1, 0], [0, 0]]), np.array([[2, 1], [2, 1]])
    got = mean_average_precision_score(
        y_true, y_score, zero_division=value, average=False
    )
    assert_array_equal(got, [1.0, value])
    assert mean_average_precision_score(y_true, y_score, zero_division=value) == (
        (1 + value) / 2
    )


def test_zero_division_nan_leaves_queries_out_of_the_mean():
    y_true, y_score = np.array([[1, 0], [0, 0]]), np.array([[1, 2], [2, 1]])
    assert mean_average_precision_score(y_true, y_score, zero_division=np.nan) == 0.5
    got = mean_average_precision_score(y_true[1:], y_score[1:], zero_division=np.nan)
    assert np.isnan(got)


def test_query_without_relevant_items_is_an_error():
    y_true = np.array([[1, 0], [0, 0], [0, 0]])
    with pytest.raises(ValueError, match="Got 2 queries without, the first at row 1"):
        mean_average_precision_score(y_true, np.ones((3, 2)))


@pytest.mark.parametrize(
    ("y_true", "y_score", "message"),
    [
        ([[1, 0]], [[1, 2, 3]], r"same shape .* Got \(1, 2\) and \(1, 3\)"),
        ([[2, 0]], [[1, 2]], "must be a binary relevance matrix"),
        ([[1, 0]], [[np.nan, 2]], "y_score contains NaN"),
        ([[1, 0]], [[np.inf, 2]], "y_score contains infinity"),
        ([1, 0], [1, 2], "must be a matrix.* 1D array"),
    ],
)
def test_bad_matrices_are_refused(y_true, y_score, message):
    with pytest.raises(ValueError, match=message):
        mean_average_precision_score(y_true, y_score)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be at least 1.* Got 0"),
        ({"k": 2.0}, TypeError, "k must be an int or None. Got 2.0"),
        ({"k": True}, TypeError, "k must be an int or None. Got True"),
        ({"ties": "min"}, ValueError, "ties must be 'average' or 'stable'"),
        ({"zero_division": 0.5}, ValueError, "zero_division must be .* Got 0.5"),
        ({"zero_division": "warn"}, ValueError, "zero_division must be .* Got 'warn'"),
        ({"zero_division": None}, ValueError, "zero_division must be .* Got None"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        mean_average_precision_score([[1, 0]], [[1, 2]], **options)


@pytest.mark.parametrize("k", [None, 1, 3, 5])
@pytest.mark.parametrize("n_relevant", [1, 2, 5, 6])
def test_chance_level_is_the_mean_over_all_orders(n_relevant, k):
    y_gallery = np.array([1] * n_relevant + [0] * (6 - n_relevant))
    expected = _ap_over_all_orders(y_gallery == 1, np.zeros(6), k)
    assert_allclose(chance_level([1], y_gallery, k=k), expected)


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_chance_level_of_pairs_is_a_harmonic_mean_of_places(n):
    expected = np.mean(1 / np.arange(1, n + 1))
    assert_allclose(chance_level(np.arange(n), np.arange(n)), expected)


def test_chance_level_of_multilabel_equals_a_tied_ranking():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=(300, 3))
    y[:, 0] |= y.sum(axis=1) == 0
    expected = mean_average_precision_score(
        relevance_from_labels(y, y), np.zeros((300, 300)), average=False
    )
    assert_allclose(chance_level(y, y, average=False), expected)


def test_chance_level_of_a_class_not_in_the_gallery_is_an_error():
    with pytest.raises(ValueError, match="Got 1 queries without"):
        chance_level([0, 7], [0, 0, 1])
    assert chance_level([0, 7], [0, 0], zero_division=0.0) == 0.5


def test_relevance_is_the_same_label():
    got = relevance_from_labels(np.array([1, 3]), np.array([3, 1, 1, 2]))
    assert got.dtype == bool
    assert_array_equal(got, [[0, 1, 1, 0], [1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("y_query", "y_gallery"),
    [
        (["a", "b"], np.array(["b", "a"])),
        (np.array(["a", "b"], dtype=object), ["b", "a"]),
        ([(0, 1), (0, 2)], None),
        ([True, False], [False, True]),
        (np.array([1.0, 2.0]), np.array([2, 1])),
        (
            np.array(["2001", "2002"], dtype="datetime64[Y]"),
            np.array(["2002", "2001"], dtype="datetime64[Y]"),
        ),
    ],
    ids=["str", "object", "tuple", "bool", "number", "date"],
)
def test_labels_of_any_type_are_compared_by_value(y_query, y_gallery):
    if y_gallery is None:
        labels, y_query = y_query, np.empty(2, dtype=object)
        y_query[:] = labels
        y_gallery = y_query[::-1]
    assert_array_equal(
        relevance_from_labels(y_query, y_gallery), [[False, True], [True, False]]
    )


def test_a_number_is_not_its_own_string():
    assert not relevance_from_labels([1, 2], ["1", "2"]).any()


@pytest.mark.parametrize("convert", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", [bool, np.int64, np.float64])
def test_multilabel_relevance_is_a_shared_class(convert, dtype):
    y_query = np.array([[1, 1, 0], [0, 0, 1]], dtype=dtype)
    y_gallery = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=dtype)
    got = relevance_from_labels(convert(y_query), convert(y_gallery))
    assert_array_equal(got, [[1, 1, 0], [0, 1, 0]])


def test_sharing_many_classes_counts_once():
    y = np.ones((2, 256), dtype=int)
    assert relevance_from_labels(y, y).all()


@pytest.mark.parametrize(
    ("y_query", "y_gallery", "message"),
    [
        ([0, 1], [[0, 1]], r"both be 1-D labels .* Got shapes \(2,\) and \(1, 2\)"),
        ([[0, 1]], [[0, 1, 1]], "same classes in both. Got 2 and 3 columns"),
        ([[0, 2]], [[0, 1]], "A 2-D y_query must be a binary indicator"),
        ([0, np.nan], [0, 1], "1 missing label, the first in row 1"),
        ([0, 1], np.array([None, 1]), "1 missing label, the first in row 0"),
        ([], [0, 1], "Labels must hold at least one entry"),
    ],
)
def test_labels_that_do_not_fit_are_refused(y_query, y_gallery, message):
    with pytest.raises(ValueError, match=message):
        relevance_from_labels(y_query, y_gallery)
