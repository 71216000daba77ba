"""Repeated pictures count once wherever scores are made; elsewhere there is a hint."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    LeavePGroupsOut,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import (
    CCARetriever,
    CCARetrieverCV,
    CosineRetriever,
    ImageTextPairs,
    ModalityTransformer,
)
from sklearn_xmodal.metrics import (
    JointEmbeddingDisplay,
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    RetrievalPrecisionRecallDisplay,
    RetrievedItemsDisplay,
    chance_level,
    cross_modal_score,
    generalized_retrieval_score,
    get_retrieval_scorer,
    make_generalized_scorer,
    make_retrieval_scorer,
    retrieval_precision_recall_curve,
    retrieval_report,
    retrieval_score,
)
from sklearn_xmodal.metrics._engine import _hints
from tests.conftest import thorough_but
from tests.metrics import textbook
from tests.metrics.table import CASES

DIRECTIONS = ("image_to_text", "text_to_image")
COPIES = "Image codes repeat where texts differ"


def _captions(seed=0, sizes=(3, 1, 2, 5, 4, 2)):
    """Codes of distinct pictures and of all texts, and the picture of each text."""
    rng = np.random.default_rng(seed)
    picture = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    pictures = rng.normal(size=(len(sizes), 4))
    texts = pictures[picture] + rng.normal(size=(picture.size, 4))
    return pictures, texts, picture


def _by_loop(pictures, texts, picture, y=None, metric=textbook.average_precision):
    """Value of each direction, from distinct pictures and all texts."""
    y_img, y_txt = np.arange(len(pictures)), picture
    if y is not None:
        y_img, y_txt = y, y[picture]
    sides = (pictures, texts, y_img, y_txt), (texts, pictures, y_txt, y_img)
    values = []
    for query, gallery, asked, held in sides:
        similar = query @ gallery.T / np.linalg.norm(gallery, axis=1)
        orders = np.argsort(-similar, axis=1, kind="stable")
        rows = zip(asked, orders, strict=True)
        values.append(np.mean([metric(held == own, order) for own, order in rows]))
    return values


def _y_of(n_pictures):
    return np.arange(n_pictures) % 2


class TestScore:
    """Of retrievers."""

    @pytest.mark.parametrize("with_labels", [False, True])
    def test_is_that_of_distinct_pictures(self, with_labels):
        pictures, texts, picture = _captions()
        y = _y_of(len(pictures)) if with_labels else None
        repeated, labels = pictures[picture], None if y is None else y[picture]
        cosine = CosineRetriever().fit(repeated, texts)
        want = np.mean(_by_loop(pictures, texts, picture, y))
        got = cosine.score(repeated, texts, labels, groups=picture)
        assert_allclose(got, want)
        pairs = ImageTextPairs(repeated, texts)
        assert cosine.score(pairs, labels, groups=list(map(str, picture))) == got
        stacked = np.hstack([repeated, texts])
        cosine = CosineRetriever(n_image_features=4).fit(stacked)
        assert cosine.score(stacked, labels, groups=picture) == got
        assert get_retrieval_scorer("map")(cosine, stacked, labels, None, picture) == (
            got
        )

    def test_is_that_of_captions(self, shared_data):
        data = np.load(shared_data / "clip" / "flickr8k_captions.npz")
        X_img, X_txt, picture = (data[k] for k in ("X_img", "X_txt", "image_id"))
        _, first, number = np.unique(picture, return_index=True, return_inverse=True)
        cosine = CosineRetriever().fit(X_img, X_txt)
        want = _by_loop(X_img[first], X_txt, number)
        assert_allclose(
            cosine.score(X_img, X_txt, groups=picture), np.mean(want), rtol=1e-9
        )

    def test_leaves_pairs_without_a_label_out(self):
        pictures, texts, picture = _captions()
        repeated, y = pictures[picture], _y_of(6)[picture]
        y[picture == 3] = -1
        cosine = CosineRetriever().fit(repeated, texts)
        known = y >= 0
        got = cosine.score(repeated, texts, y, groups=picture)
        assert got == cosine.score(
            repeated[known], texts[known], y[known], groups=picture[known]
        )

    def test_refuses_groups_of_other_rows(self):
        pictures, texts, picture = _captions()
        repeated = pd.DataFrame(pictures[picture])
        cosine = CosineRetriever().fit(repeated, texts)
        with pytest.raises(ValueError, match="X_img and groups belong together"):
            cosine.score(repeated, texts, groups=pd.Series(picture)[::-1])
        with pytest.raises(ValueError, match="same code in Z_img"):
            cosine.score(repeated, texts, groups=picture[::-1])

    def test_is_told_groups_by_metadata_routing_where_it_asks(self):
        pictures, texts, picture = _captions(sizes=(3, 2, 3, 4, 3, 2, 4, 3))
        pairs = ImageTextPairs(pictures[picture], texts)
        folds = GroupKFold(2)
        with config_context(enable_metadata_routing=True):
            asking = CCARetriever(2).set_score_request(groups=True)
            for cca, groups in ((asking, picture), (CCARetriever(2), None)):
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", COPIES)
                    got = cross_val_score(
                        cca, pairs, cv=folds, params={"groups": picture}
                    )
                    want = [
                        CCARetriever(2)
                        .fit(pairs[fit])
                        .score(
                            pairs[rest],
                            groups=None if groups is None else groups[rest],
                        )
                        for fit, rest in folds.split(pairs, groups=picture)
                    ]
                assert_allclose(got, want)
            search = GridSearchCV(
                CCARetriever(2),
                {"alpha": [0.1, 1.0]},
                cv=folds,
                scoring=get_retrieval_scorer("map").set_score_request(groups=True),
            ).fit(pairs, groups=picture)
            own = cross_validate(
                asking.set_params(alpha=0.1),
                pairs,
                cv=folds,
                params={"groups": picture},
            )
            assert_allclose(
                search.cv_results_["mean_test_score"][0], own["test_score"].mean()
            )
            assert search.score(pairs, groups=picture) == (
                search.best_estimator_.score(pairs, groups=picture)
            )


def test_the_generalized_protocol_counts_pictures_once():
    pictures, texts, picture = _captions()
    y = np.array(["a", "b", "c"])[np.arange(6) % 3]
    repeated, labels = pictures[picture], y[picture]
    got = generalized_retrieval_score(
        repeated, texts, labels, ["a", "b"], groups=picture
    )
    for kind, of_kind in (("seen", y != "c"), ("unseen", y == "c")):
        want = [
            retrieval_score(pictures[of_kind], texts, y[of_kind], labels),
            retrieval_score(texts[of_kind[picture]], pictures, labels[of_kind[picture]],
                            y),
        ]  # fmt: skip
        assert_allclose(got[kind], np.mean(want))
    cosine = CosineRetriever().fit(
        repeated, texts, np.where(labels == "c", "a", labels)
    )
    scorer = make_generalized_scorer("unseen")
    pairs = ImageTextPairs(repeated, texts)
    assert_allclose(scorer(cosine, pairs, labels, groups=picture), got.unseen)
    with config_context(enable_metadata_routing=True):
        scorer.set_score_request(groups=True)
    assert scorer.get_metadata_routing().score.requests["groups"] is True


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.options.get("k", 4) in (4, 20)], ids=str
)
def test_chance_is_what_collapsed_codes_score(case):
    _, _, picture = _captions()
    ones, y = np.ones((17, 2)), picture % 3
    options = {"metric": case.name, **case.options}
    for ids in (
        {"ids_query": picture},
        {"ids_gallery": picture},
        {"ids_query": range(5, 22), "ids_gallery": range(17)},  # some elsewhere
    ):
        want = retrieval_score(ones, ones, y, y, **ids, **options)
        assert_allclose(chance_level(y, y, **ids, **options), want)
        if len(ids) == 1:
            want = retrieval_score(ones, ones, **ids, **options)
            assert_allclose(chance_level(**ids, **options), want)


class TestDisplays:
    """Of pictures with several texts."""

    @pytest.fixture(autouse=True)
    def figures(self):
        """Draw into nothing that stays open."""
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        yield
        matplotlib.pyplot.close("all")

    @pytest.mark.parametrize("with_labels", thorough_but([True], [False, True]))
    def test_curves(self, with_labels):
        pictures, texts, picture = _captions()
        y = _y_of(6) if with_labels else np.arange(6)
        sides = {
            "image_to_text": (pictures, texts, y, y[picture]),
            "text_to_image": (texts, pictures, y[picture], y),
        }
        given = (pictures[picture], texts, y[picture] if with_labels else None)
        display = RetrievalPrecisionRecallDisplay.from_predictions(
            *given, groups=picture
        )
        for way, side in sides.items():
            assert_allclose(
                display.precision[way], retrieval_precision_recall_curve(*side)[0]
            )
        relevant = y[:, None] == y[picture]
        assert_allclose(display.chance, relevant.mean())
        display = PrecisionAtKDisplay.from_predictions(*given, groups=picture)
        assert display.k[-1] == 6  # the smaller gallery
        for way, side in sides.items():
            want = [
                retrieval_score(*side, metric="precision_at_k", k=k) for k in display.k
            ]
            assert_allclose(display.precision[way], want)
        assert_allclose(display.precision["text_to_image"][-1], display.chance)
        one_way = PrecisionAtKDisplay.from_predictions(
            *given, groups=picture, direction="image_to_text"
        )
        assert one_way.k[-1] == 17

    def test_confusion(self):
        pictures, texts, picture = _captions()
        y = np.array(["x", "y"])[_y_of(6)]
        display = RetrievalConfusionDisplay.from_predictions(
            pictures[picture], texts, y[picture], groups=picture, k=2
        )
        want = np.zeros((2, 2))
        for query, gallery, asked, held in (
            (pictures, texts, y, y[picture]),
            (texts, pictures, y[picture], y),
        ):
            best = np.argsort(-query @ (gallery.T / np.linalg.norm(gallery, axis=1)))
            for i, a in enumerate("xy"):
                for j, b in enumerate("xy"):
                    want[i, j] += np.mean(held[best[asked == a, :2]] == b) / 2
        assert_allclose(display.confusion, want)
        with pytest.raises(ValueError, match="same label in y"):
            RetrievalConfusionDisplay.from_predictions(
                pictures[picture], texts, np.arange(17), groups=picture
            )

    def test_points(self):
        pictures, texts, picture = _captions()
        y = _y_of(6)[picture]
        display = JointEmbeddingDisplay.from_predictions(
            pictures[picture], texts, y, groups=picture
        )
        first = np.unique(picture, return_index=True)[1]
        assert_array_equal(np.sort(display.image_rows), np.sort(first))
        assert display.embedding["image"].shape == (6, 2)
        assert display.embedding["text"].shape == (17, 2)
        colours, points = {}, 0
        for drawn in display.ax_.collections:
            for colour in drawn.get_facecolors():
                colours[tuple(colour)] = colours.get(tuple(colour), 0) + 1
            points += len(drawn.get_offsets())
        assert points == 23
        assert sorted(colours.values()) == sorted(
            [np.sum(y == c) + np.sum(y[first] == c) for c in (0, 1)]
        )

    @pytest.mark.parametrize("with_labels", thorough_but([True], [False, True]))
    def test_items(self, with_labels):
        pictures, texts, picture = _captions()
        y = _y_of(6)[picture] if with_labels else None
        given = pictures[picture], texts, y
        options = {"groups": picture, "texts": list(map(str, range(17)))}
        display = RetrievedItemsDisplay.from_predictions(
            *given, direction="text_to_image", queries=range(17), k=6, **options
        )
        similar = texts @ (pictures.T / np.linalg.norm(pictures, axis=1))
        assert_array_equal(picture[display.retrieved], np.argsort(-similar, axis=1))
        legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        kind = "picture" if y is None else "class"
        assert legend == [f"same {kind}", f"other {kind}"]
        right = picture if y is None else y
        want = right[display.retrieved] == right[:, None]
        assert_array_equal(display.is_relevant, want)
        display = RetrievedItemsDisplay.from_predictions(
            *given, queries=10, k=3, random_state=0, **options
        )
        assert_array_equal(np.sort(picture[display.queries]), np.arange(6))
        similar = pictures @ (texts.T / np.linalg.norm(texts, axis=1))
        best = np.argsort(-similar, axis=1)[picture[display.queries], :3]
        assert_array_equal(display.retrieved, best)
        assert_array_equal(
            display.is_relevant, right[best] == right[display.queries][:, None]
        )

    @pytest.mark.parametrize(
        "cls", [PrecisionAtKDisplay, RetrievalConfusionDisplay, JointEmbeddingDisplay]
    )
    def test_of_estimators_leave_groups_without_a_label_out(self, cls):
        pictures, texts, picture = _captions()
        pairs, y = ImageTextPairs(pictures[picture], texts), _y_of(6)[picture]
        y[picture == 3] = -1
        cosine = CosineRetriever().fit(pairs)
        known = y >= 0
        display = cls.from_estimator(cosine, pairs, y, groups=pd.Series(picture))
        other = cls.from_predictions(
            pairs.image[known], texts[known], y[known], groups=picture[known]
        )
        for name in {"precision", "confusion", "embedding"} & set(vars(display)):
            ours, theirs = getattr(display, name), getattr(other, name)
            if isinstance(ours, dict):
                ours, theirs = ({**d}.values() for d in (ours, theirs))
            for a, b in zip(ours, theirs, strict=True):
                assert_allclose(a, b)


class TestHints:
    """At pictures that nobody has called repeated."""

    @pytest.fixture(autouse=True)
    def nothing_told(self, monkeypatch):
        """Begin as a new process does."""
        monkeypatch.setattr(_hints, "_told_of_estimators", set())

    def _seen(self, function, *args, **options):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            function(*args, **options)
        return [str(w.message) for w in found]

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_where_copies_are_wrong_or_in_the_way(self, dtype):
        pictures, texts, picture = _captions()
        given = pictures[picture].astype(dtype), texts.astype(dtype)
        for y in (None, picture, list(map(str, picture))):
            for function in (cross_modal_score, retrieval_report):
                (found,) = self._seen(function, *given, y)
                assert found.startswith(COPIES)
                assert "as groups" in found

    def test_once_of_estimators_which_searches_score_often(self, monkeypatch):
        pictures, texts, picture = _captions(sizes=[3] * 12)
        pairs = ImageTextPairs(pictures[picture], texts)
        cosine = CosineRetriever().fit(pairs)
        scorer = get_retrieval_scorer(["map", "hit_rate@1"])
        search = GridSearchCV(CCARetriever(2), {"alpha": [0.1, 1.0]}, cv=3)
        for function, args in (
            (cosine.score, (pairs,)),
            (scorer, (cosine, pairs)),
            (get_retrieval_scorer("map"), (cosine, pairs)),
            (CCARetrieverCV(2, cv=3).fit, (pairs,)),
            (search.fit, (pairs,)),
        ):
            assert len(self._seen(function, *args)) == 1
            assert self._seen(function, *args) == []
            assert len(self._seen(cross_modal_score, pairs.image, texts)) == 1
            monkeypatch.setattr(_hints, "_told_of_estimators", set())

    def test_also_where_codes_are_computed_and_round(self):
        pictures, texts, picture = _captions()
        noise = np.random.default_rng(0).normal(size=(17, 4)) * 1e-8
        assert self._seen(cross_modal_score, pictures[picture] + noise, texts)

    def test_nowhere_else(self):
        pictures, texts, picture = _captions()
        repeated = pictures[picture]
        for args, options in (
            ((repeated, texts), {"groups": picture}),
            ((repeated, texts), {"groups": range(17)}),  # different, and said so
            ((repeated, texts), {"relevance": np.eye(17)}),
            ((repeated, texts, picture % 3), {}),  # classes, which copies share
            ((repeated, texts, csr_array(np.eye(6)[picture])), {}),
            ((texts, repeated), {}),
            ((np.sign(repeated), texts), {}),
            ((np.round(4 * repeated), texts), {}),
            ((np.ones((17, 2)) * 0.3, texts[:, :2]), {}),  # collapsed
            ((repeated, texts[np.unique(picture, return_index=True)[1]][picture]), {}),
            ((texts, texts), {}),
            ((texts[:1], texts[:1]), {}),
        ):
            assert self._seen(cross_modal_score, *args, **options) == []
        few = texts + 1
        few[1] = few[0]
        assert self._seen(cross_modal_score, few, texts) == []

    def test_where_queries_and_a_gallery_are_pairs(self):
        pictures, texts, picture = _captions()
        repeated, y = pictures[picture], np.arange(17)
        for function in (retrieval_score, retrieval_precision_recall_curve):
            (found,) = self._seen(function, repeated, texts)
            assert found.startswith("Rows of Z_query repeat")
            assert "pass its id as ids_query" in found
            (found,) = self._seen(function, texts, repeated)
            assert "pass ids_gallery=np.arange(n)" in found
            for options in (
                {"ids_query": picture},
                {"ids_query": np.arange(17)},
                {"y_query": y, "y_gallery": y},
            ):
                assert self._seen(function, repeated, texts, **options) == []

    def test_groups_of_one_row_change_no_score(self):
        pictures, texts, picture = _captions()
        repeated = pictures[picture].astype(np.float32)
        for metric, k in (("mean_average_precision", None), ("hit_rate_at_k", 5)):
            options = {"metric": metric, "k": k}
            with pytest.warns(UserWarning, match=COPIES):
                want = cross_modal_score(repeated, texts, **options)
            got = cross_modal_score(repeated, texts, groups=np.arange(17), **options)
            assert got == want


def test_groups_reach_a_pipeline_by_routing_or_by_a_scorer(monkeypatch):
    pictures, texts, picture = _captions()
    pairs = ImageTextPairs(pictures[picture], texts)
    expected = CosineRetriever().fit(pairs).score(pairs, groups=picture)
    pipeline = make_pipeline(ModalityTransformer(), CosineRetriever()).fit(pairs)
    assert get_retrieval_scorer("map")(pipeline, pairs, groups=picture) == expected
    with config_context(enable_metadata_routing=True):
        pipeline[-1].set_score_request(groups=True)
        assert pipeline.score(pairs, groups=picture) == expected
    # Without routing scikit-learn drops what it does not know.
    monkeypatch.setattr(_hints, "_told_of_estimators", set())
    with pytest.warns(UserWarning, match="drops them without metadata routing"):
        assert pipeline.score(pairs, groups=picture) < expected


def test_the_report_names_both_conventions_of_recall():
    pictures, texts, picture = _captions()
    text = retrieval_report(pictures[picture], texts, groups=picture)
    assert "recall@k of papers on captions and CLIP is hit_rate@k" in text
    assert "papers" not in retrieval_report(texts, texts)


@pytest.mark.parametrize(
    "splitter",
    [
        GroupKFold(3),
        GroupKFold(3, shuffle=True, random_state=0),
        StratifiedGroupKFold(3),
        GroupShuffleSplit(3, random_state=0),
        LeavePGroupsOut(2),
    ],
    ids=lambda s: type(s).__name__,
)
def test_captions_never_straddle_a_split_of_a_search(splitter):
    pictures, texts, picture = _captions(sizes=(3, 2, 3, 4, 3, 2))
    sides = []

    class Retriever(CosineRetriever):
        def fit(self, X_img, X_txt=None, y=None):
            sides.append(X_img.image)
            return super().fit(X_img, X_txt, y)

        def score(self, X_img, X_txt=None, y=None, sample_weight=None, groups=None):
            sides[-1] = sides[-1], X_img.image
            return super().score(X_img, X_txt, y, sample_weight, groups)

    pairs, y = ImageTextPairs(pictures[picture], texts), _y_of(6)[picture]
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            Retriever().set_score_request(groups=True),
            pairs,
            y,
            cv=splitter,
            params={"groups": picture},
        )
    assert len(scores) == len(sides)
    for (train, test), score in zip(sides, scores, strict=True):
        assert not set(map(bytes, train)) & set(map(bytes, test))
        rows = np.flatnonzero([bytes(row) in set(map(bytes, test))
                               for row in pairs.image])  # fmt: skip
        want = make_retrieval_scorer()(
            CosineRetriever().fit(pairs), pairs[rows], y[rows], groups=picture[rows]
        )
        assert_allclose(score, want)
