"""Galleries of both modalities: their score from textbook loops, and the gap."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from sklearn_xmodal.metrics import (
    cross_modal_score,
    mixed_gallery_score,
    modality_gap_score,
    retrieval_score,
)
from tests.conftest import thorough_but
from tests.metrics.table import CASES

QUERIES = ("image", "text", "mean")
#: Whole rankings and one cut-off.
KEPT = [case for case in CASES if case.options.get("k", 4) == 4]


def _draw(seed, n=12):
    """Codes of pairs with a gap, and labels of 4 classes."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(n, 5))
    gap = rng.normal(size=5)
    Z_img, Z_txt = (meaning + s * gap + rng.normal(size=(n, 5)) for s in (1, -1))
    return Z_img, Z_txt, np.array([*"abcd"])[np.arange(n) % 4]


def _by_loop(case, images, texts, are_relevant, weights=(None, None)):
    """Value of a metric from its definition; items are pairs (id, code)."""
    gallery = [("image", *item) for item in images]
    gallery += [("text", *item) for item in texts]
    summaries = []
    for modality, of_queries in zip(("image", "text"), weights, strict=True):
        values = []
        for i, (own, _, q) in enumerate(gallery):
            if own != modality:
                continue
            others = [g for j, g in enumerate(gallery) if j != i]
            cosines = [
                np.dot(q, g) / np.linalg.norm(q) / np.linalg.norm(g)
                for _, _, g in others
            ]
            relevance = [are_relevant(gallery[i][1], item) for _, item, _ in others]
            order = sorted(range(len(others)), key=lambda j: -cosines[j])
            values.append(case.loop(relevance, order, **case.options))
        if case.name == "median_rank_error":
            summaries.append(np.median(values))
        else:
            summaries.append(np.average(values, weights=of_queries))
    return dict(zip(QUERIES, [*summaries, np.mean(summaries)], strict=True))


def _assert_scores(case, want, *data, **options):
    for query in QUERIES:
        got = mixed_gallery_score(
            *data, query=query, metric=case.name, **case.options, **options
        )
        assert_allclose(got, want[query], rtol=1e-9)


@pytest.mark.parametrize("case", thorough_but(KEPT, CASES), ids=str)
def test_values_equal_textbook_loops(case):
    Z_img, Z_txt, y = _draw(100)
    images, texts = ([*enumerate(Z)] for Z in (Z_img, Z_txt))
    want = _by_loop(case, images, texts, lambda a, b: a == b)
    _assert_scores(case, want, Z_img, Z_txt)
    want = _by_loop(case, images, texts, lambda a, b: y[a] == y[b])
    _assert_scores(case, want, Z_img, Z_txt, y)
    _assert_scores(case, want, Z_img, Z_txt, (y[:, None] == [*"abcd"]).astype(int))


AP = next(case for case in CASES if case.name == "mean_average_precision")
HIT = next(case for case in CASES if case.name == "hit_rate_at_k")


@pytest.mark.parametrize("case", [AP, HIT], ids=str)
def test_a_picture_counts_once_and_all_its_texts(case):
    Z_img, Z_txt, y = _draw(101, 15)
    ids = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 5, 6, 7, 7])
    first = np.unique(ids, return_index=True)[1]
    order = np.random.default_rng(0).permutation(15)
    Z_img, y = Z_img[first][ids], y[first][ids]
    weights = np.arange(1.0, 16)
    images = [*zip(ids[first], Z_img[first], strict=True)]
    texts = [*zip(ids, Z_txt, strict=True)]
    of_images = [weights[ids == i].mean() for i in ids[first]]
    options = {"groups": np.array([f"{i}.jpg" for i in ids])[order]}
    data = Z_img[order], Z_txt[order]
    want = _by_loop(case, images, texts, lambda a, b: a == b)
    _assert_scores(case, want, *data, **options)
    same = lambda a, b: y[first][a] == y[first][b]  # noqa: E731
    want = _by_loop(case, images, texts, same, (of_images, weights))
    for labels in (y, pd.get_dummies(y), csr_array(pd.get_dummies(y).to_numpy(int))):
        labels = labels.iloc[order] if hasattr(labels, "iloc") else labels[order]
        labels = labels.reset_index(drop=True) if hasattr(labels, "iloc") else labels
        _assert_scores(
            case, want, *data, labels, sample_weight=weights[order], **options
        )


def test_ties_are_the_mean_over_all_orders():
    # All codes are one: the other half is at a random place of three.
    ones = np.ones((2, 3))
    got = mixed_gallery_score(ones, ones, metric="hit_rate_at_k", k=1)
    assert_allclose(got, 1 / 3, rtol=1e-12)
    reciprocal = (Fraction(1) + Fraction(1, 2) + Fraction(1, 3)) / 3
    got = mixed_gallery_score(ones, 7 * ones, metric="mean_reciprocal_rank")
    assert_allclose(got, float(reciprocal), rtol=1e-12)
    # In the order of the gallery, without the query, images come first.
    stable = {"metric": "mean_reciprocal_rank", "ties": "stable"}
    for query, value in (("image", (1 / 2 + 1 / 3) / 2), ("text", (1 + 1 / 2) / 2)):
        got = mixed_gallery_score(ones, ones, query=query, **stable)
        assert_allclose(got, value, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
@pytest.mark.parametrize("has_labels", [False, True])
def test_memory_and_threads_change_no_bit(dtype, has_labels):
    Z_img, Z_txt, y = _draw(102, 80)
    data = (
        (5 * Z_img).astype(dtype),
        (5 * Z_txt).astype(dtype),
        y if has_labels else None,
    )
    scores = {
        mixed_gallery_score(*data, **options)
        for options in ({}, {"working_memory": 1e-3}, {"n_jobs": 2})
    }
    assert len(scores) == 1


def test_is_a_search_of_items_by_their_ids():
    Z_img, Z_txt, y = _draw(103, 30)
    ids, both = np.arange(60), np.vstack([Z_img, Z_txt])
    labels = np.concatenate([y, y])
    for query, rows in (("image", slice(30)), ("text", slice(30, 60))):
        items = {"ids_query": ids[rows], "ids_gallery": ids}
        want = retrieval_score(both[rows], both, labels[rows], labels, **items)
        assert mixed_gallery_score(Z_img, Z_txt, y, query=query) == want


def test_a_gap_hides_the_other_modality_and_centring_shows_it():
    Z_img, Z_txt, _ = _draw(104, 100)
    far = 100 * np.eye(5)[0]
    for Z, gap in ((Z_img, far), (Z_txt, -far)):
        Z += gap - Z.mean(axis=0)
    options = {"metric": "hit_rate_at_k", "k": 10}
    assert mixed_gallery_score(Z_img, Z_txt, **options) == 0
    assert cross_modal_score(Z_img, Z_txt, **options) > 0.3
    assert modality_gap_score(Z_img, Z_txt) > 1.9
    assert mixed_gallery_score(Z_img - far, Z_txt + far, **options) > 0.3


def test_gap_is_that_of_exact_fractions():
    # Unit codes (3/5, 4/5), (4/5, 3/5) and (5/13, 12/13), (0, -1), (0, 0).
    Z_img, Z_txt = [[3, 4], [8, 6]], [[50, 120], [0, -1e300], [0, 0]]
    image = [Fraction(3, 5) + Fraction(4, 5), Fraction(4, 5) + Fraction(3, 5)]
    text = [Fraction(5, 13), Fraction(12, 13) - 1]
    squares = [(a / 2 - b / 3) ** 2 for a, b in zip(image, text, strict=True)]
    assert_allclose(modality_gap_score(Z_img, Z_txt), float(sum(squares)) ** 0.5)
    assert modality_gap_score(Z_img, Z_img) == 0
    half = np.float16(Z_img)
    assert_allclose(
        modality_gap_score(half, half[:1]), modality_gap_score(Z_img, Z_img[:1])
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"query": "both"}, ValueError, r"query must be one of .* Got 'both'"),
        ({"metric": "map"}, ValueError, "metric must be one of"),
        ({"metric": "hit_rate_at_k"}, ValueError, "k must be given"),
        ({"k": 2.5}, TypeError, "k must be an int"),
        ({"ties": "first"}, ValueError, "ties must be"),
        (
            {"Z_txt": np.ones((11, 5))},
            ValueError,
            "Z_img and Z_txt must hold the codes",
        ),
        ({"Z_txt": np.ones((12, 4))}, ValueError, "Z_img and Z_txt must lie in"),
        ({"Z_txt": np.full((12, 5), np.nan)}, ValueError, "Z_txt"),
        ({"y": [1] * 11}, ValueError, "y must hold one label per row"),
        ({"sample_weight": [1] * 11}, ValueError, "sample_weight must be"),
        ({"groups": [0] * 12}, ValueError, "the same code in Z_img"),
        ({"y": np.zeros((12, 2), int)}, ValueError, "12 queries without"),
        (
            {"metric": "median_rank_error", "zero_division": 0.0},
            ValueError,
            "zero_division must be 'raise' or np.nan",
        ),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    Z_img, Z_txt, _ = _draw(100)
    with pytest.raises(error, match=message):
        mixed_gallery_score(**{"Z_img": Z_img, "Z_txt": Z_txt, **change})


def test_wrong_codes_of_a_gap_are_named():
    with pytest.raises(ValueError, match="Z_img and Z_txt must lie in the same space"):
        modality_gap_score([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="Z_txt contains NaN"):
        modality_gap_score([[1.0]], [[np.nan]])
    table = pd.DataFrame(np.eye(2), index=[*"ab"])
    with pytest.raises(ValueError, match="another order"):
        mixed_gallery_score(table, table[::-1])


def test_rows_without_a_class_count_as_asked():
    Z_img, Z_txt, y = _draw(105)
    y = (y[:, None] == [*"abcd"]).astype(int)
    y[0] = 0
    rest = mixed_gallery_score(Z_img, Z_txt, y, zero_division=np.nan)
    zero = mixed_gallery_score(Z_img, Z_txt, y, zero_division=0.0)
    assert_allclose(zero, rest * 11 / 12)
