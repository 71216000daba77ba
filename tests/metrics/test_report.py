"""Facts about the report of all metrics."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from sklearn_xmodal.metrics import (
    chance_level,
    cross_modal_score,
    retrieval_report,
    retrieval_score,
)
from tests.conftest import SEEDS

NAMES = {
    "map": ("mean_average_precision", {}),
    "ndcg": ("ndcg_at_k", {}),
    "mrr": ("mean_reciprocal_rank", {}),
    "median_rank": ("median_rank_error", {}),
    "precision@3": ("precision_at_k", {"k": 3}),
    "recall@3": ("recall_at_k", {"k": 3}),
    "hit_rate@3": ("hit_rate_at_k", {"k": 3}),
}


def _pairs(seed, n=40):
    rng = np.random.default_rng(seed)
    y = np.array(["cow", "ant", "dog"])[rng.integers(3, size=n)]
    Z_img = rng.normal(size=(n, 3)) + (y == "cow")[:, None]
    return Z_img, Z_img + rng.normal(size=(n, 3)), y


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_are_those_of_single_metrics(seed):
    Z_img, Z_txt, y = _pairs(seed)
    report = retrieval_report(Z_img, Z_txt, y, k=3, output_dict=True)
    assert report["n_pairs"] == 40
    assert list(report["metrics"]) == list(NAMES)
    for name, (metric, options) in NAMES.items():
        row = report["metrics"][name]
        for direction in ("image_to_text", "text_to_image", "mean"):
            want = cross_modal_score(
                Z_img, Z_txt, y, direction=direction, metric=metric, **options
            )
            assert_allclose(row[direction], want)
        assert_allclose(row["chance"], chance_level(y, y, metric=metric, **options))


@pytest.mark.parametrize("seed", SEEDS)
def test_classes_are_judged_by_their_queries_in_the_whole_gallery(seed):
    Z_img, Z_txt, y = _pairs(seed)
    report = retrieval_report(Z_img, Z_txt, y, k=3, output_dict=True)
    table = pd.DataFrame(report["classes"]).set_index(["class", "metric"])
    assert len(table) == 3 * len(NAMES)
    for name in np.unique(y):
        here = y == name
        for short, (metric, options) in NAMES.items():
            row = table.loc[(name, short)]
            assert row["support"] == here.sum()
            want = [
                retrieval_score(a[here], b, y[here], y, metric=metric, **options)
                for a, b in [(Z_img, Z_txt), (Z_txt, Z_img)]
            ]
            assert_allclose(row["image_to_text"], want[0])
            assert_allclose(row["text_to_image"], want[1])
            assert_allclose(row["mean"], np.mean(want))


def test_dict_makes_data_frames():
    report = retrieval_report(*_pairs(0), output_dict=True)
    table = pd.DataFrame(report["metrics"]).T
    assert list(table.columns) == ["image_to_text", "text_to_image", "mean", "chance"]
    assert "hit_rate@10" in table.index
    assert pd.DataFrame(report["classes"])["class"].tolist()[0] == "ant"


def test_galleries_are_ranked_once_for_all_metrics(monkeypatch):
    from sklearn_xmodal.metrics._engine import _scoring

    blocks = []
    rank_block = _scoring.rank_block

    def record(costs, *args, **kwargs):
        blocks.append(costs.shape)
        return rank_block(costs, *args, **kwargs)

    monkeypatch.setattr(_scoring, "rank_block", record)
    retrieval_report(*_pairs(0))
    assert blocks == [(40, 40)] * 2


@pytest.mark.parametrize("convert", [np.asarray, csr_array], ids=["dense", "sparse"])
def test_multilabel_queries_count_for_each_of_their_classes(convert):
    Z_img, Z_txt, _ = _pairs(0, 6)
    y = np.array([[1, 1], [1, 0], [0, 1], [1, 1], [0, 1], [0, 1]])
    report = retrieval_report(
        Z_img, Z_txt, convert(y), target_names=["sea", "sky"], output_dict=True
    )
    records = [r for r in report["classes"] if r["metric"] == "map"]
    assert [(r["class"], r["support"]) for r in records] == [("sea", 3), ("sky", 5)]
    values = retrieval_score(Z_img, Z_txt, y, y, average=False)
    assert_allclose(records[0]["image_to_text"], values[y[:, 0] == 1].mean())


def test_pairs_have_no_classes():
    Z_img, Z_txt, _ = _pairs(0)
    report = retrieval_report(Z_img, Z_txt, output_dict=True)
    assert report["classes"] == []
    assert_allclose(report["metrics"]["map"]["mean"], cross_modal_score(Z_img, Z_txt))
    text = retrieval_report(Z_img, Z_txt)
    assert text.startswith("40 pairs\n\n")
    assert "by class" not in text


def test_text_shows_the_numbers_of_the_dict():
    Z_img, Z_txt, y = _pairs(0)
    report = retrieval_report(Z_img, Z_txt, y, output_dict=True)
    lines = retrieval_report(Z_img, Z_txt, y, digits=4).splitlines()
    assert lines[0] == "40 pairs in 3 classes"
    row = next(line.split() for line in lines if line.startswith("recall@10"))
    assert row[1:] == [f"{v:.4f}" for v in report["metrics"]["recall@10"].values()]
    assert lines[-3].startswith("ant")
    assert len({len(line) for line in lines[-4:]}) == 1


def test_labels_that_cannot_be_sorted_keep_their_order():
    y = np.array(["b", 1, "a", "b", 1, "a"], dtype=object)
    report = retrieval_report(np.eye(6), np.eye(6), y, k=1, output_dict=True)
    names = [r["class"] for r in report["classes"] if r["metric"] == "map"]
    assert names == ["b", 1, "a"]


def test_rows_without_classes_can_be_left_out():
    y = np.array([[1, 0], [0, 1], [0, 0]])
    with pytest.raises(ValueError, match="the first at row 2"):
        retrieval_report(np.eye(3), np.eye(3), y)
    report = retrieval_report(
        np.eye(3), np.eye(3), y, zero_division=np.nan, output_dict=True
    )
    assert report["metrics"]["map"]["mean"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"y": [0, 1, 1], "target_names": ["a"]},
            r"each of the 2 classes.* Got \['a'\]",
        ),
        ({"target_names": ["a"]}, "target_names must be None without labels y"),
        ({"k": (1, 0)}, "k must be at least 1"),
        ({"y": [0, 1]}, "one label per row of codes. Got 2 labels for 3 rows"),
        ({"zero_division": 0.0}, "must be 'raise' or np.nan here"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_report(np.eye(3), np.eye(3), **options)


def test_cutoffs_must_be_integers():
    with pytest.raises(TypeError, match=r"int or None\. Got 1\.5"):
        retrieval_report(np.eye(3), np.eye(3), k=[1.5])
