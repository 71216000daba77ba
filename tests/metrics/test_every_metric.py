"""Facts that hold for every metric of the table, whatever its options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_xmodal.metrics import (
    chance_level,
    cross_modal_score,
    relevance_from_labels,
    retrieval_score,
)
from tests.conftest import thorough_but
from tests.metrics import textbook
from tests.metrics.table import CASES

#: Whole rankings and one cut-off, with each denominator.
KEPT = [case for case in CASES if case.options.get("k", 4) in (3, 4)]
every_metric = pytest.mark.parametrize("case", thorough_but(KEPT, CASES), ids=str)
copies_on_purpose = pytest.mark.filterwarnings("ignore:.*each copy counts")
quick = settings(max_examples=20)  # of each case


@st.composite
def _rankings(draw, max_gallery=9):
    """Relevance and scores with many ties, each query with a relevant item."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, max_gallery)))
    y_score = draw(hnp.arrays(np.float64, shape, elements=st.integers(-3, 3)))
    y_true = draw(hnp.arrays(np.bool_, shape))
    y_true[:, draw(st.integers(0, shape[1] - 1))] = True
    return y_true, y_score


def _draw_matrices(rng, levels, max_gallery=13):
    """Relevance and scores, half of them negative; `levels` makes ties."""
    shape = rng.integers(1, 6), rng.integers(1, max_gallery)
    y_true = rng.random(shape) < rng.uniform(0.05, 0.9)
    y_true[:, rng.integers(shape[1])] = True
    y_score = rng.normal(size=shape)
    if levels is not None:
        y_score = rng.integers(levels, size=shape) - levels / 2
    return y_true, y_score


def _codes_and_labels(seed, kind, n_query=23, n_gallery=31):
    rng = np.random.default_rng(seed)
    if kind == "pairs":
        n_query = n_gallery
    Z_query, Z_gallery = rng.normal(size=(n_query, 4)), rng.normal(size=(n_gallery, 4))
    Z_gallery[: n_gallery // 2] = Z_gallery[rng.integers(3, size=n_gallery // 2)]
    if kind == "pairs":
        return Z_query, Z_gallery
    y_query, y_gallery = np.arange(n_query) % 4, np.arange(n_gallery) % 4
    if kind == "multilabel":
        y_query = csr_array(np.eye(4)[y_query] + np.eye(4)[(y_query + 1) % 4])
        y_gallery = np.eye(4, dtype=int)[y_gallery]
    return Z_query, Z_gallery, y_query, y_gallery


@every_metric
def test_values_equal_textbook_loops(case):
    for seed in range(100):
        y_true, y_score = _draw_matrices(np.random.default_rng(seed), None)
        want = [
            case.loop(relevance, np.argsort(-scores), **case.options)
            for relevance, scores in zip(y_true, y_score, strict=True)
        ]
        got = case.function(y_true, y_score, average=False, **case.options)
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        summary = np.median if case.name == "median_rank_error" else np.mean
        assert_allclose(case.function(y_true, y_score, **case.options), summary(want))


@every_metric
def test_tied_values_are_the_mean_over_all_orders(case):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y_true, y_score = _draw_matrices(rng, levels=1 + seed % 3, max_gallery=7)
        want = [
            textbook.expected(case.loop, relevance, scores, **case.options)
            for relevance, scores in zip(y_true, y_score, strict=True)
        ]
        got = case.function(y_true, y_score, average=False, **case.options)
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@every_metric
def test_stable_ties_follow_the_gallery(case):
    for seed in range(20):
        y_true, y_score = _draw_matrices(np.random.default_rng(seed), levels=3)
        want = [
            case.loop(relevance, np.argsort(-scores, kind="stable"), **case.options)
            for relevance, scores in zip(y_true, y_score, strict=True)
        ]
        got = case.function(
            y_true, y_score, ties="stable", average=False, **case.options
        )
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@every_metric
@quick
@given(_rankings())
def test_only_the_order_of_scores_counts(case, matrices):
    y_true, y_score = matrices
    want = case.function(y_true, y_score, **case.options)
    for transformed in (y_score - 100, 1e-3 * y_score, np.exp(y_score), y_score**3):
        assert case.function(y_true, transformed, **case.options) == want


@every_metric
@quick
@given(_rankings(), st.randoms(use_true_random=False))
def test_order_of_the_gallery_does_not_count(case, matrices, random):
    y_true, y_score = matrices
    order = random.sample(range(y_true.shape[1]), y_true.shape[1])
    assert case.function(
        y_true[:, order], y_score[:, order], **case.options
    ) == case.function(y_true, y_score, **case.options)


@every_metric
@quick
@given(_rankings())
def test_repeated_queries_do_not_count(case, matrices):
    y_true, y_score = matrices
    repeated = np.repeat(y_true, 3, axis=0), np.repeat(y_score, 3, axis=0)
    assert_allclose(
        case.function(*repeated, **case.options),
        case.function(y_true, y_score, **case.options),
    )


@every_metric
@quick
@given(_rankings())
def test_values_stay_in_their_bounds(case, matrices):
    y_true, y_score = matrices
    values = case.function(y_true, y_score, average=False, **case.options)
    low, high = (1, y_true.shape[1]) if "rank_error" in case.name else (0, 1)
    assert np.all(values >= low)
    assert np.all(values <= high)


@every_metric
@quick
@given(_rankings())
def test_expected_values_lie_between_the_worst_and_the_best_order(case, matrices):
    y_true, y_score = matrices
    shifted = [
        case.function(y_true, y_score + s * y_true, average=False, **case.options)
        for s in (-0.1, 0, 0.1)
    ]
    # Divided by what was found, a late extra hit makes the value smaller.
    if case.options.get("denominator") != "retrieved":
        worst, got, best = np.array(shifted) * (-1 if "error" in case.name else 1)
        assert np.all(worst <= got + 1e-12)
        assert np.all(got <= best + 1e-12)


@copies_on_purpose
@every_metric
@pytest.mark.parametrize("ties", ["average", "stable"])
@pytest.mark.parametrize("kind", ["classes", "multilabel", "pairs"])
def test_both_entrances_agree(case, kind, ties):
    for seed in range(3):
        Z_query, Z_gallery, *labels = _codes_and_labels(seed, kind)
        y_true = relevance_from_labels(*labels) if labels else np.eye(31, dtype=bool)
        # Equal codes must tie exactly, which a matrix product does not promise.
        y_score = cosine_similarity(Z_query, Z_gallery).round(12)
        options = {"ties": ties, "average": False, **case.options}
        got = retrieval_score(Z_query, Z_gallery, *labels, metric=case.name, **options)
        want = case.function(y_true, y_score, **options)
        assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@every_metric
@pytest.mark.parametrize("kind", ["classes", "multilabel", "pairs"])
def test_collapsed_codes_score_chance(case, kind):
    Z_query, Z_gallery, *labels = _codes_and_labels(0, kind)
    got = retrieval_score(
        np.ones_like(Z_query),
        np.ones_like(Z_gallery),
        *labels,
        metric=case.name,
        **case.options,
    )
    if kind == "pairs":
        labels = np.arange(31), np.arange(31)
    assert got == chance_level(*labels, metric=case.name, **case.options)


@every_metric
@pytest.mark.parametrize("n_relevant", [1, 2, 5, 6])
def test_chance_is_the_mean_over_all_orders(case, n_relevant):
    y_gallery = np.array([1] * n_relevant + [0] * (6 - n_relevant))
    want = textbook.expected(case.loop, y_gallery == 1, np.zeros(6), **case.options)
    got = chance_level([1], y_gallery, metric=case.name, **case.options)
    assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@copies_on_purpose
@every_metric
@pytest.mark.parametrize("kind", ["classes", "multilabel", "pairs"])
def test_block_size_does_not_count(case, kind):
    args = _codes_and_labels(1, kind)
    options = {"metric": case.name, "average": False, **case.options}
    want = retrieval_score(*args, **options)
    for working_memory in (1e-9, 0.01, 0.05):
        got = retrieval_score(*args, working_memory=working_memory, **options)
        assert_allclose(got, want, rtol=1e-12)


@every_metric
def test_directions_swap_queries_and_gallery(case):
    Z_img, Z_txt = _codes_and_labels(0, "pairs")
    y = np.arange(31) % 5
    options = {"metric": case.name, **case.options}
    to_text = retrieval_score(Z_img, Z_txt, y, y, **options)
    to_image = retrieval_score(Z_txt, Z_img, y, y, **options)
    for direction, want in [
        ("image_to_text", to_text),
        ("text_to_image", to_image),
        ("mean", (to_text + to_image) / 2),
    ]:
        got = cross_modal_score(Z_img, Z_txt, y, direction=direction, **options)
        assert_allclose(got, want)


@every_metric
def test_queries_without_relevant_items_follow_zero_division(case):
    y_true, y_score = np.array([[1, 0], [0, 0]]), np.array([[2, 1], [2, 1]])
    with pytest.raises(ValueError, match="Got 1 queries without, the first at row 1"):
        case.function(y_true, y_score, **case.options)
    one = case.function(y_true[:1], y_score[:1], **case.options)
    options = {"zero_division": np.nan, **case.options}
    assert case.function(y_true, y_score, **options) == one
    got = case.function(y_true, y_score, average=False, **options)
    assert_array_equal(got, [one, np.nan])
    if case.name == "median_rank_error":
        with pytest.raises(ValueError, match=r"must be 'raise' or np\.nan here"):
            case.function(y_true, y_score, zero_division=1.0)
    else:
        got = case.function(y_true, y_score, zero_division=1.0, **case.options)
        assert got == (one + 1) / 2


@every_metric
@pytest.mark.parametrize(
    ("y_query", "y_gallery"),
    [([0], [1]), ([[1, 0]], [[0, 1]])],
    ids=["classes", "multilabel"],
)
def test_chance_of_no_query_with_relevant_items_follows_zero_division(
    case, y_query, y_gallery
):
    options = {"metric": case.name, "zero_division": np.nan, **case.options}
    assert np.isnan(chance_level(y_query, y_gallery, **options))
    assert np.isnan(retrieval_score([[1.0]], [[1.0]], y_query, y_gallery, **options))


@every_metric
def test_large_groups_of_ties_keep_precision(case):
    rng = np.random.default_rng(0)
    y_true = rng.random((1, 3000)) < 0.02
    y_score = rng.integers(20, size=(1, 3000))
    draws = [
        case.function(y_true, y_score + rng.random(y_score.shape), **case.options)
        for _ in range(300)
    ]
    got = case.function(y_true, y_score, **case.options)
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(got - np.mean(draws)) <= 5 * error + 1e-3


@pytest.mark.parametrize("name", ["precision_at_k", "recall_at_k", "hit_rate_at_k"])
def test_cutoff_metrics_need_a_cutoff(name):
    with pytest.raises(ValueError, match=f"k must be given for {name}"):
        retrieval_score(np.eye(2), np.eye(2), metric=name)


def test_the_median_rank_has_no_cutoff():
    with pytest.raises(ValueError, match="k must be None for median_rank_error"):
        retrieval_score(np.eye(2), np.eye(2), metric="median_rank_error", k=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"denominator": "k"}, r"denominator must be one of \['min'.* Got 'k'"),
        (
            {"metric": "recall_at_k", "k": 1, "denominator": "relevant"},
            "denominator is an option of mean_average_precision only. Got 'relevant'",
        ),
    ],
)
def test_denominators_that_do_not_apply_are_refused(options, message):
    for function in (retrieval_score, cross_modal_score):
        with pytest.raises(ValueError, match=message):
            function(np.eye(2), np.eye(2), **options)
    with pytest.raises(ValueError, match=message):
        chance_level([0], [0], **options)


def test_denominators_of_one_ranking_differ():
    y_true, y_score = [[1, 0, 1, 1]], [[4, 3, 2, 1]]
    ap_at_3 = textbook.average_precision([1, 0, 1, 1], [0, 1, 2, 3], 3)
    case = next(case for case in CASES if case.name == "mean_average_precision")
    for denominator, want in [
        ("min", 5 / 9),
        ("relevant", 5 / 9),
        ("retrieved", 5 / 6),
    ]:
        got = case.function(y_true, y_score, k=3, denominator=denominator)
        assert_allclose(got, want)
    assert_allclose(ap_at_3, 5 / 9)
