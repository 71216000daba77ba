"""Facts about nDCG of graded relevance, of matrices and of codes."""

from itertools import permutations
from math import log2

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import coo_array, csc_matrix, csr_array
from sklearn.metrics import ndcg_score
from sklearn.preprocessing import FunctionTransformer

from sklearn_xmodal import CosineRetriever, VotingRetriever
from sklearn_xmodal.metrics import (
    chance_level,
    cross_modal_score,
    get_retrieval_scorer,
    hit_rate_at_k_score,
    make_retrieval_scorer,
    mean_precision_recall_curve,
    ndcg_at_k_score,
    retrieval_score,
)
from tests.metrics import textbook

LABELS = ("shared_labels", "jaccard")


def _gain(grade, gain):
    return 2.0**grade - 1 if gain == "exponential" else grade


def _dcg(grades, gain, k):
    gains = [_gain(grade, gain) for grade in grades[:k]]
    return sum(g / log2(place + 1) for place, g in enumerate(gains, start=1))


def _ndcg(grades, order, k=None, gain="linear"):
    ranked = [grades[item] for item in order]
    return _dcg(ranked, gain, k) / _dcg(sorted(grades, reverse=True), gain, k)


def _draw(seed, n_gallery=6):
    """Grades with a relevant item per query, and scores with many ties."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 4, (3, n_gallery)) * rng.choice([1, 0.3])
    y_true[:, rng.integers(n_gallery)] = 2
    return y_true, rng.integers(-2, 2, y_true.shape)


@pytest.mark.parametrize("k", [None, 1, 3, 20])
def test_linear_gain_is_that_of_scikit_learn_with_and_without_ties(k):
    for seed in range(8):
        y_true, y_score = _draw(seed, 9)
        apart = np.random.default_rng(seed).permuted(
            np.tile(np.arange(9.0), (3, 1)), axis=1
        )
        for scores in (y_score, apart):
            want = ndcg_score(y_true, scores, k=k)
            assert_allclose(ndcg_at_k_score(y_true, scores, k=k), want)


@pytest.mark.parametrize("gain", ["linear", "exponential"])
@pytest.mark.parametrize("k", [None, 1, 4])
def test_ndcg_is_the_mean_over_all_orders_of_tied_items(gain, k):
    options = {"k": k, "gain": gain}
    for seed in range(3):
        y_true, y_score = _draw(seed)
        want = [
            textbook.expected(_ndcg, *rows, **options)
            for rows in zip(y_true, y_score, strict=True)
        ]
        got = ndcg_at_k_score(y_true, y_score, average=False, **options)
        assert_allclose(got, want)
        # In the order of the gallery.
        want = [
            _ndcg(grades, np.argsort(-scores, kind="stable"), **options)
            for grades, scores in zip(y_true, y_score, strict=True)
        ]
        got = ndcg_at_k_score(y_true, y_score, ties="stable", average=False, **options)
        assert_allclose(got, want)


def test_the_best_order_scores_1_and_no_other_more():
    grades = [3, 0, 1, 2]
    values = {
        order: ndcg_at_k_score([grades], [[-order.index(i) for i in range(4)]])
        for order in permutations(range(4))
    }
    assert values[0, 3, 2, 1] == 1
    assert sum(value == 1 for value in values.values()) == 1


@pytest.mark.parametrize("unit", [1e-310, 1e-30, 1e300])
def test_the_unit_of_linear_grades_does_not_count(unit):
    y_true, y_score = _draw(3)
    want = ndcg_at_k_score(y_true, y_score)
    assert_allclose(ndcg_at_k_score(y_true * unit, y_score), want)


def test_tiny_grades_have_exponential_gain():
    """2^y - 1 is y log 2 there, which is 0 to many digits."""
    y_true, y_score = _draw(3)
    got = ndcg_at_k_score(y_true * 1e-20, y_score, gain="exponential")
    assert_allclose(got, ndcg_at_k_score(y_true, y_score))


def test_queries_without_relevant_items_follow_zero_division():
    y_true, y_score = [[0, 0], [0, 2.0]], [[2, 1], [2, 1]]
    with pytest.raises(ValueError, match="1 queries without, the first at row 0"):
        ndcg_at_k_score(y_true, y_score)
    half = 1 / log2(3)
    for value, want in ((0.0, half / 2), (np.nan, half)):
        assert_allclose(ndcg_at_k_score(y_true, y_score, zero_division=value), want)


def _labels(seed, n, n_classes=5):
    y = np.random.default_rng(seed).integers(0, 2, (n, n_classes))
    y[:, 0] = 1
    return y


def _grades_of(y_query, y_gallery, how):
    """Grades of shared labels from sets."""
    sets = [[set(np.flatnonzero(row)) for row in y] for y in (y_query, y_gallery)]
    return np.array(
        [
            [len(a & b) / (len(a | b) if how == "jaccard" else 1) for b in sets[1]]
            for a in sets[0]
        ]
    )


def _cosines(Z_query, Z_gallery):
    query, gallery = (Z / np.linalg.norm(Z, axis=1)[:, None]
                      for Z in (Z_query, Z_gallery))  # fmt: skip
    return np.round(query @ gallery.T, 9)


@pytest.mark.parametrize("how", LABELS)
@pytest.mark.parametrize("form", [np.asarray, csr_array, pd.DataFrame])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_shared_labels_of_codes(how, form, dtype):
    rng = np.random.default_rng(0)
    Z_query, Z_gallery = rng.integers(-1, 2, (7, 2)), rng.integers(-1, 2, (12, 2))
    Z_query[:, 0], Z_gallery[:, 1] = 1, 1  # no zeros, but ties
    if dtype != np.int8:
        Z_query, Z_gallery = Z_query + 0.1, Z_gallery + 0.3
    y_query, y_gallery = _labels(1, 7), _labels(2, 12)
    grades = _grades_of(y_query, y_gallery, how)
    codes = Z_query.astype(dtype), Z_gallery.astype(dtype)
    options = {"metric": "ndcg_at_k", "k": 5}
    for gain in ("linear", "exponential"):
        want = [
            ndcg_score([_gain(row, gain)], [similar], k=5)
            for row, similar in zip(grades, _cosines(*codes), strict=True)
        ]
        got = retrieval_score(
            *codes,
            form(y_query),
            form(y_gallery),
            relevance=how,
            gain=gain,
            average=False,
            **options,
        )
        assert_allclose(got, want, rtol=1e-6)
    given = retrieval_score(*codes, relevance=grades, gain=gain, **options)
    assert_allclose(given, np.mean(want), rtol=1e-6)


@pytest.mark.parametrize("form", [np.asarray, csr_array, csc_matrix, coo_array])
def test_a_matrix_stands_for_labels_in_both_directions(form):
    rng = np.random.default_rng(4)
    Z_img, Z_txt = rng.normal(size=(2, 9, 3))
    grades = rng.integers(0, 4, (9, 9)) * (rng.random((9, 9)) < 0.6)
    np.fill_diagonal(grades, 3)
    similar = _cosines(Z_img, Z_txt)
    want = [ndcg_score(grades, similar), ndcg_score(grades.T, similar.T)]
    options = {"relevance": form(grades), "metric": "ndcg_at_k"}
    for direction, value in zip(("image_to_text", "text_to_image"), want, strict=True):
        got = cross_modal_score(Z_img, Z_txt, direction=direction, **options)
        assert_allclose(got, value)
    assert_allclose(cross_modal_score(Z_img, Z_txt, **options), np.mean(want))
    # Callables get the grades; zeros and ones serve every metric.
    options["metric"] = ndcg_score
    assert_allclose(cross_modal_score(Z_img, Z_txt, **options), np.mean(want))
    is_good = grades >= 2
    got = cross_modal_score(
        Z_img, Z_txt, relevance=form(is_good * 1.0), metric="hit_rate_at_k", k=2
    )
    sides = (is_good, similar), (is_good.T, similar.T)
    assert_allclose(got, np.mean([hit_rate_at_k_score(*side, k=2) for side in sides]))


def test_blocks_threads_and_chance():
    rng = np.random.default_rng(5)
    Z, y = rng.normal(size=(60, 3)), _labels(6, 60)
    options = {"relevance": "jaccard", "metric": "ndcg_at_k", "k": 7}
    want = retrieval_score(Z, -Z, y, y, **options)
    for more in ({"working_memory": 1e-9}, {"n_jobs": 2}):
        assert_allclose(retrieval_score(Z, -Z, y, y, **options, **more), want)
    flat = np.ones((60, 2))
    chance = chance_level(y, y, **options)
    assert_allclose(retrieval_score(flat, flat, y, y, **options), chance)
    grades = _grades_of(y, y, "jaccard")
    options["relevance"] = csr_array(grades)
    assert_allclose(chance_level(**options), chance)
    options["relevance"] = grades.tolist()
    assert_allclose(chance_level(**options), chance)
    best = [_dcg(sorted(row, reverse=True), "linear", 7) for row in grades]
    discounts = sum(1 / log2(place + 1) for place in range(1, 8))
    assert_allclose(chance, np.mean(grades.mean(axis=1) * discounts / best))


def test_repeated_pictures_and_queries_in_their_gallery():
    rng = np.random.default_rng(7)
    pictures, ids = rng.normal(size=(4, 3)), np.array([2, 0, 0, 1, 3, 3, 3])
    Z_img, Z_txt = pictures[ids], rng.normal(size=(7, 3))
    grades = rng.integers(1, 4, (4, 7))
    y = _labels(8, 4)[ids]
    once = np.unique(ids, return_index=True)[1]
    for given in (
        {"relevance": grades[ids]},
        {"relevance": "shared_labels", "y": y},
    ):
        relevance = grades
        if "y" in given:
            relevance = _grades_of(y[once], y, "shared_labels")
        similar = _cosines(pictures, Z_txt)
        sides = (relevance, similar), (relevance.T, similar.T)
        got = cross_modal_score(Z_img, Z_txt, **given, groups=ids, metric="ndcg_at_k")
        assert_allclose(got, np.mean([ndcg_score(*side) for side in sides]))
    options = {"relevance": "shared_labels", "metric": "ndcg_at_k", "average": False}
    own = {"ids_query": range(7), "ids_gallery": range(7)}
    got = retrieval_score(Z_txt, Z_txt, y, y, **own, **options)
    for i, value in enumerate(got):
        rest = np.arange(7) != i
        want = retrieval_score(Z_txt[[i]], Z_txt[rest], y[[i]], y[rest], **options)
        assert_allclose(value, want)


def test_scorers_grade_shared_labels():
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(20, 6)), _labels(10, 20)
    options = {"metric": "ndcg_at_k", "relevance": "jaccard", "gain": "exponential"}
    scorer = make_retrieval_scorer(**options)
    assert repr(scorer) == (
        "make_retrieval_scorer('ndcg_at_k', direction='mean', gain='exponential', "
        "relevance='jaccard')"
    )
    got = scorer(FunctionTransformer().fit(X), X, y)
    assert got == cross_modal_score(X[:, :3], X[:, 3:], y, **options)
    assert got != get_retrieval_scorer("ndcg")(FunctionTransformer().fit(X), X, y)


class TestRefusals:
    """Of grades, where they are or where they are used."""

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"relevance": -np.eye(3)}, ValueError, "at least 0.* Got -1"),
            ({"relevance": np.eye(3) * np.nan}, ValueError, "relevance.*NaN"),
            ({"relevance": np.ones((3, 2))}, ValueError, r"\(3, 3\). Got \(3, 2\)"),
            ({"relevance": np.eye(3), "y": [0, 1, 1]}, ValueError, "must be None"),
            ({"relevance": "labels"}, ValueError, "must be one of .*'labels'"),
            ({"relevance": "jaccard"}, ValueError, "y must hold labels.* Got None"),
            (
                {"relevance": "jaccard", "y": [0, 1, 1]},
                ValueError,
                r"multi-label indicator .* Got shape \(3,\)",
            ),
            (
                {"relevance": "jaccard", "metric": "mean_average_precision"},
                ValueError,
                "only ndcg_at_k takes.*'mean_average_precision'",
            ),
            (
                {"relevance": 2 * np.eye(3), "metric": "mean_average_precision"},
                ValueError,
                "must be binary.* Got grades for map",
            ),
            (
                {"gain": "linear", "relevance": np.eye(3), "metric": "precision_at_k"},
                ValueError,
                "k must be given",
            ),
            ({"gain": "log"}, ValueError, "gain must be one of .*'log'"),
            (
                {"gain": "exponential", "metric": "mean_average_precision"},
                ValueError,
                "gain is an option of ndcg_at_k only",
            ),
            (
                {"gain": "exponential", "metric": ndcg_score},
                ValueError,
                "gain must be 'linear' for a callable",
            ),
            (
                {"gain": "exponential", "relevance": 2000 * np.eye(3)},
                ValueError,
                "1000 at most. Got 2000",
            ),
            (
                {"relevance": np.eye(3)[[0, 1, 1]] + np.eye(3), "groups": [0, 0, 1]},
                ValueError,
                "same grades in relevance.* rows 0 and 1",
            ),
        ],
    )
    def test_of_codes(self, options, error, message):
        Z = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])
        options = {"metric": "ndcg_at_k", **options}
        with pytest.raises(error, match=message):
            cross_modal_score(Z, Z, **options)

    def test_of_rows_of_other_queries(self):
        Z, grades = pd.DataFrame(np.eye(3), index=[5, 6, 7]), pd.DataFrame(np.eye(3))
        for function in (retrieval_score, cross_modal_score):
            with pytest.raises(ValueError, match="and relevance belong together"):
                function(Z, Z, relevance=grades, metric="ndcg_at_k")

    def test_of_matrices_elsewhere(self):
        for function in (hit_rate_at_k_score, mean_precision_recall_curve):
            more = {"k": 1} if function is hit_rate_at_k_score else {}
            with pytest.raises(ValueError, match=r"binary.*ndcg_at_k_score for grades"):
                function([[2, 0]], [[1, 0]], **more)
        with pytest.raises(ValueError, match="y_true must hold grades of at least 0"):
            ndcg_at_k_score([[2, -1]], [[1, 0]])

    def test_of_scorers(self):
        with pytest.raises(TypeError, match="relevance must be a name for a scorer"):
            make_retrieval_scorer("ndcg_at_k", relevance=np.eye(3))
        with pytest.raises(ValueError, match="only ndcg_at_k takes"):
            make_retrieval_scorer(relevance="jaccard")
        with pytest.raises(ValueError, match="y_query and y_gallery must be given, or"):
            chance_level()
        scorer = make_retrieval_scorer("ndcg_at_k", relevance="jaccard")
        ensemble = VotingRetriever(
            [("a", CosineRetriever()), ("b", CosineRetriever())],
            weights="cv",
            scoring=scorer,
        )
        X, y = np.random.default_rng(0).normal(size=(20, 3)), _labels(0, 20)
        with pytest.raises(ValueError, match="scoring must have relevant items"):
            ensemble.fit(X, X, y)
