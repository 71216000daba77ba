"""Facts about pictures that several texts belong to, and about ids of items."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.preprocessing import FunctionTransformer

from sklearn_xmodal.metrics import (
    cross_modal_score,
    get_retrieval_scorer,
    make_retrieval_scorer,
    retrieval_precision_recall_curve,
    retrieval_report,
    retrieval_score,
)
from tests.metrics.table import CASES

DIRECTIONS = ("image_to_text", "text_to_image")
#: What papers on CLIP call recall@k, and the strict share of all texts.
CONVENTIONS = ("hit_rate_at_k", "recall_at_k")


def _captions(seed=0, sizes=(3, 1, 2, 5, 4, 2)):
    """Codes of pictures and of several texts of each, shuffled, and picture ids."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    pictures = rng.normal(size=(len(sizes), 4))
    Z_img = pictures[ids]
    names = np.array([f"img{i}.jpg" for i in ids])
    return Z_img, Z_img + rng.normal(size=Z_img.shape), names


def _recall_by_loop(Z_img, Z_txt, ids, direction, convention, k):
    """Recall@k of distinct pictures and all texts, from its definition."""
    Z_img, Z_txt = (
        Z / np.linalg.norm(Z, axis=1)[:, None] for Z in np.float64([Z_img, Z_txt])
    )
    images = dict(zip(ids.tolist(), Z_img, strict=True))
    images = list(images), np.array(list(images.values()))
    texts = ids.tolist(), Z_txt
    queries, gallery = images, texts
    if direction == "text_to_image":
        queries, gallery = texts, images
    values = []
    for own, query in zip(*queries, strict=True):
        similar = gallery[1] @ query
        ranked = sorted(range(len(similar)), key=lambda item: -similar[item])
        found = sum(gallery[0][item] == own for item in ranked[:k])
        share = found / gallery[0].count(own)
        values.append(float(found > 0) if convention == "hit_rate_at_k" else share)
    return np.mean(values)


def _assert_equals_loop(Z_img, Z_txt, ids, cutoffs):
    report = retrieval_report(Z_img, Z_txt, groups=ids, k=cutoffs, output_dict=True)
    assert report["n_pairs"] == len(ids)
    assert report["n_images"] == len(set(ids.tolist()))
    for direction in DIRECTIONS:
        for convention in CONVENTIONS:
            for k in cutoffs:
                want = _recall_by_loop(Z_img, Z_txt, ids, direction, convention, k)
                options = {"metric": convention, "k": k, "direction": direction}
                got = cross_modal_score(Z_img, Z_txt, groups=ids, **options)
                assert_allclose(got, want, rtol=1e-12)
                name = f"{convention.removesuffix('_at_k')}@{k}"
                assert_allclose(report["metrics"][name][direction], want, rtol=1e-12)


def test_recall_at_k_of_both_conventions_equals_a_loop():
    for seed in range(5):
        _assert_equals_loop(*_captions(seed), (1, 2, 4))


def test_recall_at_k_of_captions_equals_a_loop(shared_data):
    data = np.load(shared_data / "clip" / "flickr8k_captions.npz")
    _assert_equals_loop(data["X_img"], data["X_txt"], data["image_id"], (1, 5, 10))


def test_every_part_counts_a_picture_once():
    """Pictures repeated for their texts score as the distinct ones given by hand."""
    Z_img, Z_txt, ids = _captions()
    _, first = np.unique(ids, return_index=True)
    y = (pd.factorize(ids, sort=True)[0] % 3).astype(str)
    indicator = np.eye(3)[y.astype(int)]
    for labels in (None, y, indicator, csr_array(indicator)):
        relevant = ids if labels is None else y
        want = {}
        for k in (1, 3):
            hits = []
            for query, gallery, asked, held in (
                (Z_img[first], Z_txt, relevant[first], relevant),
                (Z_txt, Z_img[first], relevant, relevant[first]),
            ):
                similar = query @ gallery.T / np.linalg.norm(gallery, axis=1)
                best = np.argsort(-similar, axis=1)[:, :k]
                hits.append((held[best] == asked[:, None]).any(axis=1).mean())
            want[k] = hits
        report = retrieval_report(
            Z_img, Z_txt, labels, groups=ids, k=(1, 3), output_dict=True
        )
        for k, hits in want.items():
            row = report["metrics"][f"hit_rate@{k}"]
            assert_allclose([row[d] for d in DIRECTIONS], hits)
            assert_allclose(row["mean"], np.mean(hits))


def test_ties_and_chance_see_distinct_pictures():
    _, _, ids = _captions()
    ones = np.ones((len(ids), 2))
    report = retrieval_report(ones, ones, groups=ids, k=1, output_dict=True)
    for row in report["metrics"].values():
        assert_allclose(row["mean"], row["chance"])
    sizes = np.unique(ids, return_counts=True)[1]
    row = report["metrics"]["hit_rate@1"]
    assert_allclose(row["text_to_image"], 1 / len(sizes))
    assert_allclose(row["image_to_text"], np.mean(sizes / len(ids)))
    options = {"metric": "hit_rate_at_k", "k": 1, "direction": "text_to_image"}
    stable = cross_modal_score(ones, ones, groups=ids, ties="stable", **options)
    assert stable == np.mean(ids == ids[0])


def test_the_report_names_pictures_and_counts_them_by_class():
    Z_img, Z_txt, ids = _captions()
    y = np.where(np.isin(ids, ["img0.jpg", "img3.jpg"]), "sea", "sky")
    text = retrieval_report(Z_img, Z_txt, y, groups=ids, k=1)
    assert text.startswith("17 pairs of 6 images in 2 classes\n")
    report = retrieval_report(Z_img, Z_txt, y, groups=ids, k=1, output_dict=True)
    rows = pd.DataFrame(report["classes"]).set_index(["class", "metric"])
    row = rows.loc[("sea", "hit_rate@1")]
    assert row["support"] == (y == "sea").sum()
    similar = Z_img @ Z_txt.T / np.linalg.norm(Z_txt, axis=1)
    is_hit = y[similar.argmax(axis=1)] == y
    of_sea = [is_hit[ids == name][0] for name in ("img0.jpg", "img3.jpg")]
    assert_allclose(row["image_to_text"], np.mean(of_sea))


def test_ids_that_occur_once_change_nothing():
    Z_img, Z_txt, _ = _captions()
    for y in (None, np.arange(len(Z_img)) % 3):
        for metric, k in (("mean_average_precision", None), ("recall_at_k", 2)):
            options = {"metric": metric, "k": k}
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*each copy counts")
                want = cross_modal_score(Z_img, Z_txt, y, **options)
            once = np.arange(len(Z_img))[::-1]
            got = cross_modal_score(Z_img, Z_txt, y, groups=once, **options)
            assert_allclose(got, want)


def test_a_picture_weighs_as_its_pairs_do_in_the_mean():
    Z_img, Z_txt, ids = _captions()
    options = {"direction": "image_to_text", "groups": ids}
    want = cross_modal_score(Z_img, Z_txt, **options)
    ones = np.ones(len(ids))
    assert_allclose(
        cross_modal_score(Z_img, Z_txt, sample_weight=ones, **options), want
    )
    kept = np.isin(ids, ["img1.jpg", "img4.jpg"])
    value = {
        name: cross_modal_score(
            Z_img, Z_txt, sample_weight=(ids == name).astype(float), **options
        )
        for name in ("img1.jpg", "img4.jpg")
    }
    weights = np.where(ids == "img1.jpg", 3.0, 1.0) * kept
    got = cross_modal_score(Z_img, Z_txt, sample_weight=weights, **options)
    assert_allclose(got, (3 * value["img1.jpg"] + value["img4.jpg"]) / 4)
    # Only one of several texts is a query, and so is its picture.
    (row, *_) = np.flatnonzero(ids == "img3.jpg")
    alone = np.zeros(len(ids))
    alone[row] = 2.0
    whole = (ids == "img3.jpg").astype(float)
    assert cross_modal_score(
        Z_img, Z_txt, sample_weight=alone, **options
    ) == cross_modal_score(Z_img, Z_txt, sample_weight=whole, **options)


def test_callables_get_distinct_pictures():
    Z_img, Z_txt, ids = _captions()
    shapes = []

    def metric(y_true, y_score):
        shapes.append((y_true.shape, y_score.shape, y_true.sum()))
        return 1.0

    cross_modal_score(Z_img, Z_txt, groups=ids, metric=metric)
    assert shapes == [((6, 17), (6, 17), 17), ((17, 6), (17, 6), 17)]


class TestScorers:
    """Of repeated pictures, called and in a search."""

    scorers = (
        make_retrieval_scorer("recall_at_k", k=2),
        get_retrieval_scorer(["recall@2"]),
    )

    @pytest.mark.parametrize("scorer", scorers, ids=["one", "several"])
    def test_take_groups(self, scorer):
        Z_img, Z_txt, ids = _captions()
        X = np.hstack([Z_img, Z_txt])
        got = scorer(FunctionTransformer().fit(X), X, groups=ids)
        got = got["recall@2"] if isinstance(got, dict) else got
        options = {"metric": "recall_at_k", "k": 2, "groups": ids}
        assert got == cross_modal_score(Z_img, Z_txt, **options)

    @pytest.mark.parametrize("scorer", scorers, ids=["one", "several"])
    def test_leave_pairs_without_a_label_out(self, scorer):
        Z_img, Z_txt, ids = _captions()
        X, y = np.hstack([Z_img, Z_txt]), pd.factorize(ids)[0] % 2
        y[[0, 3, 7]] = -1
        rest = y >= 0
        got = scorer(FunctionTransformer().fit(X), X, y, groups=pd.Series(ids))
        got = got["recall@2"] if isinstance(got, dict) else got
        options = {"metric": "recall_at_k", "k": 2, "groups": ids[rest]}
        assert got == cross_modal_score(Z_img[rest], Z_txt[rest], y[rest], **options)

    @pytest.mark.filterwarnings("ignore:.*each copy counts")
    @pytest.mark.parametrize("several", [False, True])
    def test_get_groups_by_metadata_routing_where_they_ask(self, several):
        Z_img, Z_txt, ids = _captions()
        X = np.hstack([Z_img, Z_txt])
        folds = GroupKFold(2)
        with config_context(enable_metadata_routing=True):
            scoring = get_retrieval_scorer(["recall@1"] if several else "recall@1")
            name = "test_recall@1" if several else "test_score"
            for asked in (False, True):
                if asked:
                    scoring.set_score_request(groups=True)
                got = cross_validate(
                    FunctionTransformer(),
                    X,
                    scoring=scoring,
                    cv=folds,
                    params={"groups": ids},
                )[name]
                want = [
                    cross_modal_score(
                        Z_img[rows],
                        Z_txt[rows],
                        groups=ids[rows] if asked else None,
                        metric="recall_at_k",
                        k=1,
                    )
                    for _, rows in folds.split(X, groups=ids)
                ]
                assert_allclose(got, want)


@pytest.mark.parametrize(
    ("groups", "y", "message"),
    [
        ([0, 0], None, r"one id per row of codes, 3 in all\. Got shape \(2,\)"),
        ([[0, 0, 1]] * 3, None, r"one id per row.* Got shape \(3, 3\)"),
        (["a", None, "b"], None, "groups.* missing"),
        ([0, -1, 1], None, r"name the item of every row\. Got .*-1.* in row 1"),
        ([0, 1, 1], None, r"same code in Z_img\. Got other codes in rows 1 and 2"),
        ([0, 0, 1], [0, 1, 0], r"same label in y\. Got other labels in rows 0 and 1"),
        ([0, 0, 1], [[0, 1], [1, 1], [1, 0]], r"same label in y.* rows 0 and 1"),
        ([0, 0, 1], [["a", "b"]] * 3, r"y must be"),
        ([0, 0, 1], [0, 1], r"y must hold one label per row of codes\. Got 2 labels"),
        (pd.Series([0, 0, 1], index=[5, 6, 7]), None, "Z_img and groups belong"),
    ],
)
def test_ids_that_fit_nothing_are_refused(groups, y, message):
    Z_img = pd.DataFrame([[1.0, 0], [2.0, 0], [0, 1.0]])
    for function in (cross_modal_score, retrieval_report):
        with pytest.raises(ValueError, match=message):
            function(Z_img, np.eye(3)[:, :2], y, groups=groups)


def _score_of_others(Z_query, Z_gallery, y_query, y_gallery, ids, case, ties):
    """Score each query against the gallery without the query itself."""
    ids_query, ids_gallery = (np.asarray(side) for side in ids)
    return [
        retrieval_score(
            Z_query[[i]],
            Z_gallery[ids_gallery != ids_query[i]],
            y_query[[i]],
            y_gallery[ids_gallery != ids_query[i]],
            metric=case.name,
            ties=ties,
            zero_division=np.nan,
            **case.options,
        )
        for i in range(len(Z_query))
    ]


class TestIds:
    """Of queries and of a gallery."""

    @pytest.mark.parametrize("ties", ["average", "stable"])
    @pytest.mark.parametrize(
        "case", [case for case in CASES if case.options.get("k", 4) in (4, 20)], ids=str
    )
    @pytest.mark.parametrize("kind", ["numbers", "float32", "ties"])
    def test_of_both_sides_leave_the_query_out(self, kind, case, ties):
        rng = np.random.default_rng(0)
        Z = rng.integers(-1, 2, (17, 3)) * 1.0 if kind == "ties" else _captions()[0]
        Z = Z.astype(np.float32) if kind == "float32" else Z
        y = np.array([*[0] * 8, *[1] * 6, 2, 2, 3])  # the last has no other
        ids = np.array([f"item {i}" for i in range(17)])
        rows = np.array([16, 3, 4, 9, 0, 15])
        # One query is of an item that is not in the gallery.
        asked = np.append(ids[rows], "elsewhere")
        Z_query, y_query = np.vstack([Z[rows], Z[:1] + 1]), np.append(y[rows], 0)
        got = retrieval_score(
            Z_query,
            Z,
            y_query,
            y,
            ids_query=asked,
            ids_gallery=ids,
            metric=case.name,
            ties=ties,
            zero_division=np.nan,
            average=False,
            **case.options,
        )
        want = _score_of_others(Z_query, Z, y_query, y, (asked, ids), case, ties)
        assert np.isnan(want[0])
        assert_allclose(got, want, rtol=1e-12)

    @pytest.mark.parametrize("multilabel", [False, True])
    def test_leave_it_out_in_blocks_and_threads(self, multilabel):
        _, Z_txt, _ = _captions(0, sizes=[7] * 60)
        y = np.arange(420) % 5
        y = csr_array(np.eye(5)[y] + np.eye(5)[(y + 1) % 5]) if multilabel else y
        options = {"ids_query": range(420), "ids_gallery": range(420)}
        want = retrieval_score(Z_txt, Z_txt, y, y, **options)
        assert want < retrieval_score(Z_txt, Z_txt, y, y) - 1e-3
        for more in ({"working_memory": 1e-9}, {"n_jobs": 2}):
            got = retrieval_score(Z_txt, Z_txt, y, y, **options, **more)
            assert_allclose(got, want, rtol=1e-12)

    def test_hold_for_the_curve_of_precision_and_recall(self):
        Z_img, Z_txt, ids = _captions()
        first = np.unique(ids, return_index=True)[1]
        got, _ = retrieval_precision_recall_curve(Z_txt, Z_img, ids_gallery=ids)
        want, _ = retrieval_precision_recall_curve(Z_txt, Z_img[first], ids, ids[first])
        assert_allclose(got, want)
        y, own = np.arange(17) % 4, np.arange(17)
        got, _ = retrieval_precision_recall_curve(
            Z_txt, Z_txt, y, y, ids_query=own, ids_gallery=own
        )
        want = [
            retrieval_precision_recall_curve(
                Z_txt[[i]], Z_txt[own != i], y[[i]], y[own != i]
            )[0]
            for i in own
        ]
        assert_allclose(got, np.mean(want, axis=0))

    def test_of_one_side_are_the_groups_of_pairs(self):
        Z_img, Z_txt, ids = _captions()
        y, weights = pd.factorize(ids)[0] % 3, np.arange(17.0)
        for labels in ((None, None), (y, y)):
            for metric, k in (("recall_at_k", 2), ("median_rank_error", None)):
                options = {"metric": metric, "k": k, "sample_weight": weights}
                for direction in DIRECTIONS:
                    to_text = direction == "image_to_text"
                    codes = (Z_img, Z_txt) if to_text else (Z_txt, Z_img)
                    side = {"ids_query" if to_text else "ids_gallery": ids}
                    got = retrieval_score(*codes, *labels, **side, **options)
                    options["direction"] = direction
                    want = cross_modal_score(
                        Z_img, Z_txt, labels[0], groups=ids, **options
                    )
                    del options["direction"]
                    assert_allclose(got, want, rtol=1e-12)

    def test_may_have_nothing_in_common(self):
        _, Z_txt, _ = _captions()
        y = np.arange(17) % 4
        got = retrieval_score(
            Z_txt, Z_txt, y, y, ids_query=range(17), ids_gallery=range(17, 34)
        )
        assert got == retrieval_score(Z_txt, Z_txt, y, y)

    def test_give_one_value_per_item_in_order_of_appearance(self):
        Z_img, Z_txt, ids = _captions()
        got = retrieval_score(Z_img, Z_txt, ids_query=ids, average=False)
        first = pd.unique(ids)
        assert got.shape == first.shape
        for name, value in zip(first, got, strict=True):
            own = (ids == name).astype(float)
            want = retrieval_score(Z_img, Z_txt, ids_query=ids, sample_weight=own)
            assert_allclose(value, want)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"ids_query": [0, 1], "ids_gallery": [0, 1, 2]},
                "must be given with both",
            ),
            ({"ids_query": [0, 1]}, "Got 2 queries and 3 gallery items"),
            ({"ids_gallery": [0, 0, 1], "y": ([0, 1], [0, 0, 1])}, "code in Z_gallery"),
            (
                {"ids_gallery": [0, 1], "y": ([0, 1], [0, 0, 1])},
                "ids_gallery must hold",
            ),
            ({"ids_query": [0, 1], "y": ([0, 1], None)}, "Got y_query alone"),
            ({"ids_query": [0, 1], "y": ([0, 1], [0, 1])}, "2 labels for 3 rows"),
            (
                {
                    "ids_query": [0, 1],
                    "ids_gallery": [0, 1, 2],
                    "y": ([0, 1], [0, 1, 1]),
                },
                "1 queries without, the first at row 0",
            ),
        ],
    )
    def test_that_do_not_fit_are_refused(self, options, message):
        y = options.pop("y", (None, None))
        with pytest.raises(ValueError, match=message):
            retrieval_score(np.eye(3)[:2], np.eye(3), *y, **options)

    def test_are_compared_with_indexes_of_tables(self):
        Z = pd.DataFrame(np.eye(3), index=[5, 6, 7])
        with pytest.raises(ValueError, match="Z_query and ids_query belong together"):
            retrieval_score(Z, Z, ids_query=pd.Series([1, 2, 3]))
        y = pd.Series([0, 1, 1])
        with pytest.raises(ValueError, match="Z_query and y_query belong together"):
            retrieval_score(Z, Z, y, y, ids_query=[1, 2, 3])
