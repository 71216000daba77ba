"""Facts about the metrics on embeddings and labels."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_xmodal.metrics import (
    chance_level,
    mean_average_precision_score,
    relevance_from_labels,
    retrieval_precision_recall_curve,
    retrieval_score,
)
from tests.conftest import SEEDS

DTYPES = [np.float32, np.float64]


def _make_codes(seed, n_query=40, n_gallery=60, n_components=5, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n_query, n_components)).astype(dtype),
        rng.normal(size=(n_gallery, n_components)).astype(dtype),
    )


def _make_labels(kind, seed, n_query=40, n_gallery=60):
    rng = np.random.default_rng(seed)
    y_query, y_gallery = rng.integers(4, size=n_query), rng.integers(4, size=n_gallery)
    if kind == "number":
        return y_query, y_gallery
    names = np.array(["cat", "dog", "cow", "emu"])
    if kind == "string":
        return names[y_query], names[y_gallery]
    if kind == "object":
        return names.astype(object)[y_query], names.astype(object)[y_gallery]
    y_query = np.eye(4, dtype=int)[y_query] | (rng.random((n_query, 4)) < 0.2)
    y_gallery = np.eye(4, dtype=int)[y_gallery] | (rng.random((n_gallery, 4)) < 0.2)
    if kind == "multilabel":
        return y_query, y_gallery
    return csr_array(y_query), csr_array(y_gallery)


KINDS = ["number", "string", "object", "multilabel", "sparse multilabel"]


@pytest.mark.parametrize("ties", ["average", "stable"])
@pytest.mark.parametrize("k", [None, 1, 10, 100])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_both_entrances_agree(seed, kind, k, ties):
    Z_query, Z_gallery = _make_codes(seed)
    y_query, y_gallery = _make_labels(kind, seed)
    options = {"k": k, "ties": ties, "average": False}
    expected = mean_average_precision_score(
        relevance_from_labels(y_query, y_gallery),
        cosine_similarity(Z_query, Z_gallery),
        **options,
    )
    got = retrieval_score(Z_query, Z_gallery, y_query, y_gallery, **options)
    assert got.shape == (40,)
    assert_allclose(got, expected, rtol=1e-12)
    mean = retrieval_score(Z_query, Z_gallery, y_query, y_gallery, k=k, ties=ties)
    assert isinstance(mean, float)
    assert_allclose(mean, expected.mean(), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_labels_row_i_matches_row_i(seed):
    Z_query, Z_gallery = _make_codes(seed, 30, 30)
    similarity = cosine_similarity(Z_query, Z_gallery)
    places = 1 + np.sum(similarity > np.diag(similarity)[:, None], axis=1)
    got = retrieval_score(Z_query, Z_gallery, average=False)
    assert_allclose(got, 1 / places)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_block_size_does_not_change_scores(kind, dtype):
    Z_query, Z_gallery = _make_codes(0, dtype=dtype)
    Z_gallery[10:20] = Z_gallery[0]
    y_query, y_gallery = _make_labels(kind, 0)
    scores = [
        retrieval_score(
            Z_query,
            Z_gallery,
            y_query,
            y_gallery,
            average=False,
            working_memory=working_memory,
        )
        for working_memory in (None, 1e-9, 0.02, 0.1)
    ]
    for other in scores[1:]:
        assert_allclose(other, scores[0], rtol=1e-12)


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
@pytest.mark.parametrize("ties", ["average", "stable"])
@pytest.mark.parametrize("kind", ["number", "multilabel"])
def test_threads_do_not_change_scores(kind, ties, n_jobs):
    Z_query, Z_gallery = _make_codes(0)
    Z_gallery[10:20] = Z_gallery[0]
    args = Z_query, Z_gallery, *_make_labels(kind, 0)
    options = {"ties": ties, "average": False, "working_memory": 0.02}
    want = retrieval_score(*args, **options)
    got = retrieval_score(*args, n_jobs=n_jobs, **options)
    assert_allclose(got, want, rtol=1e-12)
    one = [array[:1] for array in args]
    one_label = [["a"], ["a"]]
    assert retrieval_score(*one[:2], *one_label, n_jobs=n_jobs) == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_counting_places_equals_sorting(seed):
    from sklearn_xmodal.metrics._engine import rank_block

    rng = np.random.default_rng(seed)
    costs = rng.integers(-3, 4, size=(20, 9)) / 4
    columns = list(rng.integers(9, size=(20, 1)))
    two = [np.array([0, 1])]  # one row with more relevant items: all are sorted
    for ties in ("average", "stable"):
        counted = rank_block(costs.copy(), columns, ties=ties)
        both = rank_block(np.vstack([costs, costs[:1]]), columns + two, ties=ties)
        assert_array_equal(counted.n_above, both.n_above[:20])
        n_groups = counted.tied.size
        assert_array_equal(counted.tied, both.tied[:n_groups])
        assert np.all(both.tied[n_groups:] >= 20)
        assert_array_equal(counted.n_tied, both.n_tied[:n_groups])


def test_working_memory_of_scikit_learn_is_the_default(monkeypatch):
    from sklearn_xmodal.metrics._engine import _scoring

    blocks = []
    rank_block = _scoring.rank_block

    def record(costs, *args, **kwargs):
        blocks.append(costs.shape[0])
        return rank_block(costs, *args, **kwargs)

    monkeypatch.setattr(_scoring, "rank_block", record)
    Z_query, Z_gallery = _make_codes(0)
    retrieval_score(Z_query, Z_gallery, *_make_labels("number", 0))
    assert blocks == [40]
    blocks.clear()
    with config_context(working_memory=1e-6):
        retrieval_score(Z_query, Z_gallery, *_make_labels("number", 0))
    assert blocks == [1] * 40


@pytest.mark.parametrize("kind", ["number", "multilabel", "pairs"])
def test_memory_stays_far_below_the_score_matrix(kind):
    n = 2000
    Z_query, Z_gallery = _make_codes(0, n, n)
    labels = () if kind == "pairs" else _make_labels(kind, 0, n, n)
    tracemalloc.start()
    try:
        retrieval_score(Z_query, Z_gallery, *labels, working_memory=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.1 * 8 * n**2


@pytest.mark.parametrize("k", [None, 1, 7])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_components", [1, 3, 64])
@pytest.mark.parametrize("seed", SEEDS)
def test_collapsed_codes_score_chance_for_every_gallery_order(
    seed, n_components, dtype, k
):
    rng = np.random.default_rng(seed)
    code = rng.normal(size=n_components).astype(dtype)
    y_query, y_gallery = _make_labels("number", seed, 30, 1003)
    expected = chance_level(y_query, y_gallery, k=k)
    for order in (np.argsort(y_gallery), np.argsort(-y_gallery), rng.permutation(1003)):
        got = retrieval_score(
            np.tile(code, (30, 1)),
            np.tile(code, (1003, 1)),
            y_query,
            y_gallery[order],
            k=k,
        )
        assert got == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_gallery_collapsed_to_prototypes_scores_the_same_in_every_order(seed, dtype):
    rng = np.random.default_rng(seed)
    Z_query, prototypes = _make_codes(seed, 30, 4, 37, dtype)
    y_query, y_gallery = _make_labels("number", seed, 30, 501)
    codes = prototypes[rng.integers(4, size=501)]
    expected = retrieval_score(Z_query, codes, y_query, y_gallery)
    for _ in range(5):
        order = rng.permutation(501)
        got = retrieval_score(Z_query, codes[order], y_query, y_gallery[order])
        assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e200])
def test_length_of_codes_does_not_count(scale):
    Z_query, Z_gallery = _make_codes(0)
    labels = _make_labels("number", 0)
    expected = retrieval_score(Z_query, Z_gallery, *labels)
    assert_allclose(retrieval_score(scale * Z_query, Z_gallery, *labels), expected)
    lengths = np.random.default_rng(0).uniform(1, 9, size=(60, 1))
    assert_allclose(retrieval_score(Z_query, lengths * Z_gallery, *labels), expected)


def test_codes_of_one_component_are_two_groups_of_ties():
    rng = np.random.default_rng(0)
    Z_query, Z_gallery = rng.normal(size=(20, 1)), rng.normal(size=(30, 1))
    labels = _make_labels("number", 0, 20, 30)
    expected = retrieval_score(np.sign(Z_query), np.sign(Z_gallery), *labels)
    assert retrieval_score(Z_query, Z_gallery, *labels) == expected


def test_zero_codes_have_similarity_zero():
    Z_gallery = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    for k, relevant in enumerate(["best", "middle", "worst"], start=1):
        got = retrieval_score(
            [[2.0, 0.0]], Z_gallery, [relevant], ["best", "middle", "worst"]
        )
        assert_allclose(got, 1 / k)
    got = retrieval_score([[0.0, 0.0]], Z_gallery, ["a"], ["a", "b", "c"])
    assert_allclose(got, chance_level(["a"], ["a", "b", "c"]))


def test_float32_codes_score_like_float64():
    labels = _make_labels("number", 0)
    expected = retrieval_score(*_make_codes(0), *labels)
    single = retrieval_score(*_make_codes(0, dtype=np.float32), *labels)
    Z_query, Z_gallery = _make_codes(0)
    mixed = retrieval_score(Z_query.astype(np.float32), Z_gallery, *labels)
    assert_allclose([single, mixed], expected, rtol=1e-6)


def test_codes_and_labels_are_not_changed():
    arrays = [*_make_codes(0), *_make_labels("number", 0)]
    copies = [array.copy() for array in arrays]
    retrieval_score(*arrays)
    for array, copy in zip(arrays, copies, strict=True):
        assert_array_equal(array, copy)


def test_perfect_codes_score_one():
    Z_query, Z_gallery = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[2, 2, 1, 0]]
    assert retrieval_score(Z_query, Z_gallery, [0, 1, 2, 0], [2, 2, 1, 0]) == 1.0


def test_query_of_a_class_outside_the_gallery_is_an_error():
    Z_query, Z_gallery = np.eye(3), np.eye(3)
    with pytest.raises(ValueError, match="Got 2 queries without, the first at row 0"):
        retrieval_score(Z_query, Z_gallery, [8, 0, 9], [0, 1, 2])
    with pytest.raises(ValueError, match="Got 1 queries without, the first at row 1"):
        retrieval_score(Z_query[:2], Z_gallery[:1], [[1, 0], [0, 1]], [[1, 0]])


def test_zero_division_applies_to_embeddings_too():
    args = (np.eye(2), np.eye(2), [0, 9], [0, 1])
    assert_array_equal(
        retrieval_score(*args, zero_division=np.nan, average=False), [1, np.nan]
    )
    assert retrieval_score(*args, zero_division=np.nan) == 1.0
    assert retrieval_score(*args, zero_division=0.0) == 0.5


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.eye(2), np.ones((2, 3))), "codes of different width: 2 and 3"),
        ((np.ones(2), np.eye(2)), "Z_query must be a matrix.* 1D array"),
        ((np.eye(2) * np.nan, np.eye(2)), "Z_query contains NaN"),
        ((np.eye(2), np.array([[np.inf, 1]])), "Z_gallery contains infinity"),
        ((np.eye(2), np.eye(2), [0, 1]), "Got y_query alone, y_gallery is None"),
        ((np.eye(2), np.eye(2), None, [0, 1]), "Got y_gallery alone, y_query is None"),
        ((np.eye(3), np.eye(3)[:2]), "Got 3 queries and 2 gallery items"),
        ((np.eye(2), np.eye(2), [0], [0, 1]), "y_query must .* 1 labels for 2 rows"),
        ((np.eye(2), np.eye(2), [0, 1], [0]), "y_gallery must .* 1 labels for 2 rows"),
    ],
)
def test_bad_codes_and_labels_are_refused(args, message):
    with pytest.raises(ValueError, match=message):
        retrieval_score(*args)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"metric": "accuracy"},
            r"one of \['hit_rate_at_k', .*\]. Got 'accuracy'",
        ),
        ({"working_memory": 0}, "positive number of MiB. Got 0"),
        ({"k": -1}, "k must be at least 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_score(np.eye(2), np.eye(2), [0, 1], [0, 1], **options)


def _curve_by_hand(relevance, scores, levels):
    """Interpolated precision of one query from every distinct threshold."""
    points = []
    for threshold in np.unique(scores):
        retrieved = scores >= threshold
        found = np.sum(relevance & retrieved)
        points.append((found / relevance.sum(), found / retrieved.sum()))
    return [max(p for r, p in points if r >= level - 1e-12) for level in levels]


@pytest.mark.parametrize("n_prototypes", [None, 6, 2])
@pytest.mark.parametrize("kind", ["number", "multilabel"])
@pytest.mark.parametrize("seed", SEEDS)
def test_curve_equals_every_threshold_by_hand(seed, kind, n_prototypes):
    rng = np.random.default_rng(seed)
    Z_query, Z_gallery = _make_codes(seed)
    scores = cosine_similarity(Z_query, Z_gallery)
    if n_prototypes is not None:
        chosen = rng.integers(n_prototypes, size=60)
        Z_gallery, scores = Z_gallery[chosen], scores[:, chosen]
    labels = _make_labels(kind, seed)
    precision, recall = retrieval_precision_recall_curve(Z_query, Z_gallery, *labels)
    assert_allclose(recall, np.arange(11) / 10)
    y_true = relevance_from_labels(*labels)
    expected = np.mean(
        [_curve_by_hand(*row, recall) for row in zip(y_true, scores, strict=True)],
        axis=0,
    )
    assert_allclose(precision, expected, rtol=1e-12)


def test_curve_of_collapsed_codes_is_the_share_of_relevant_items():
    precision, _ = retrieval_precision_recall_curve(
        np.ones((2, 3)), np.ones((4, 3)), [0, 1], [0, 0, 0, 1]
    )
    assert_allclose(precision, np.full(11, (0.75 + 0.25) / 2))


def test_curve_never_rises_with_recall():
    precision, _ = retrieval_precision_recall_curve(
        *_make_codes(1), *_make_labels("number", 1)
    )
    assert np.all(np.diff(precision) <= 1e-12)


def test_curve_does_not_depend_on_the_block_size():
    args = (*_make_codes(1), *_make_labels("number", 1))
    expected, _ = retrieval_precision_recall_curve(*args)
    got, _ = retrieval_precision_recall_curve(*args, working_memory=1e-9)
    assert_allclose(got, expected, rtol=1e-12)


def test_curve_leaves_out_queries_without_relevant_items_when_asked():
    Z = np.eye(2)
    with pytest.raises(ValueError, match="Got 1 queries without"):
        retrieval_precision_recall_curve(Z, Z, [0, 9], [0, 1])
    precision, _ = retrieval_precision_recall_curve(
        Z, Z, [0, 9], [0, 1], zero_division=np.nan
    )
    assert_array_equal(precision, np.ones(11))
    precision, _ = retrieval_precision_recall_curve(
        Z, Z, [8, 9], [0, 1], zero_division=np.nan
    )
    assert np.isnan(precision).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recall_levels": [0, 1.5]}, "values between 0 and 1. Got .* to 1.5"),
        ({"recall_levels": [[0.5]]}, r"1-D array .* Got shape \(1, 1\)"),
        ({"zero_division": 0.0}, "must be 'raise' or np.nan here.* Got 0.0"),
    ],
)
def test_bad_curve_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_precision_recall_curve(np.eye(2), np.eye(2), **options)
