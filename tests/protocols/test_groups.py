"""Groups go to splits and to scores: no group is cut, and pictures count once."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV, GroupKFold

from sklearn_xmodal import CCARetriever, CosineRetriever, ImageTextPairs, PLSRetriever
from sklearn_xmodal.metrics import chance_level, cross_modal_score
from sklearn_xmodal.protocols import (
    METHODS,
    QUICK,
    choose_features,
    evaluate,
    evaluate_split,
    inner_folds,
    score_codes,
    split_pairs,
    tune,
)
from tests.metrics import textbook

PROTOCOLS = ("standard", "extendable", "generalized")
N_PICTURES = 60
RNG = np.random.default_rng(100)
PICTURE = RNG.permutation(np.repeat(np.arange(N_PICTURES), 3))
IDS = np.array([f"img{i}.jpg" for i in PICTURE])
Y = (np.arange(N_PICTURES) % 5)[PICTURE]
X_IMG = RNG.normal(size=(N_PICTURES, 6))[PICTURE] + 2 * RNG.normal(size=(5, 6))[Y]
X_TXT = X_IMG @ RNG.normal(size=(6, 5)) + RNG.normal(size=(len(Y), 5))
PAIRS = ImageTextPairs(X_IMG, X_TXT)

every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


@pytest.mark.parametrize(
    ("protocol", "y", "convert"),
    [
        ("standard", Y, np.asarray),
        ("standard", None, pd.Series),
        ("extendable", Y, list),
        ("generalized", Y, np.asarray),
    ],
    ids=["standard", "without labels", "extendable", "generalized"],
)
def test_captions_never_straddle_a_split_or_a_fold(protocol, y, convert):
    groups = convert(IDS)
    for seed in range(3):
        train, test = split_pairs(PAIRS, y, protocol, groups=groups, random_state=seed)
        assert sorted([*train, *test]) == list(range(len(Y)))
        assert not set(IDS[train]) & set(IDS[test])
        assert 0.2 < len(test) / len(Y) < 0.8
        y_train = None if y is None else y[train]
        folds = inner_folds(
            PAIRS[train], y_train, protocol, groups=IDS[train], random_state=seed
        )
        validated = np.concatenate([check for _, check in folds])
        assert sorted(validated) == list(range(len(train)))
        for fit, check in folds:
            assert not set(IDS[train[fit]]) & set(IDS[train[check]])
            if y is not None and protocol == "standard":
                assert set(Y[train[fit]]) == set(Y)


def test_folds_of_few_classes_keep_groups_together():
    """Under four classes none can be held out, and folds are stratified."""
    few = np.flatnonzero(Y < 3)
    folds = inner_folds(
        PAIRS[few], Y[few], "extendable", groups=IDS[few], random_state=0
    )
    for fit, check in folds:
        assert not set(IDS[few[fit]]) & set(IDS[few[check]])


def test_unlabelled_pairs_go_with_their_group():
    y = np.where(np.arange(len(Y)) % 4 == 0, -1, Y)
    train, test = split_pairs(PAIRS, y, groups=IDS, random_state=0)
    assert (y[test] >= 0).all()
    record = evaluate_split(PLSRetriever(3), PAIRS, y, groups=IDS)
    assert record["n_train_unlabelled"] == (y[train] == -1).sum() > 0
    assert not set(IDS[train]) & set(IDS[test])
    folds = inner_folds(PAIRS[train], y[train], groups=IDS[train], random_state=0)
    for fit, check in folds:
        assert (y[train[check]] >= 0).all()
        assert not set(IDS[train[fit]]) & set(IDS[train[check]])
    for protocol in ("extendable", "generalized"):
        train, test = split_pairs(PAIRS, y, protocol, groups=IDS, random_state=0)
        assert sorted([*train, *test]) == np.flatnonzero(y >= 0).tolist()
        assert not set(IDS[train]) & set(IDS[test])


def _average_precisions(codes, picture, y):
    """Mean AP of each direction by loops over distinct pictures and all texts."""
    Z_img, Z_txt = (Z / np.linalg.norm(Z, axis=1)[:, None] for Z in codes)
    first = np.unique(picture, return_index=True)[1]
    relevant = picture if y is None else y
    values = []
    for query, gallery, asked, held in (
        (Z_img[first], Z_txt, relevant[first], relevant),
        (Z_txt, Z_img[first], relevant, relevant[first]),
    ):
        orders = np.argsort(-query @ gallery.T, axis=1, kind="stable")
        values.append(
            np.mean(
                [
                    textbook.average_precision(held == own, order)
                    for own, order in zip(asked, orders, strict=True)
                ]
            )
        )
    return values


@pytest.mark.filterwarnings("ignore:.*each copy counts")  # in the user's own search
@pytest.mark.parametrize("with_labels", [True, False])
def test_scores_of_an_evaluation_are_those_of_a_loop(with_labels):
    y = Y if with_labels else None
    cca, cross_validated = (
        CCARetriever(3),
        GridSearchCV(CCARetriever(3), {"alpha": [0.1, 10.0]}, cv=GroupKFold(3)),
    )
    methods = {"cca": cca, "search": cross_validated}
    records = evaluate(methods, PAIRS, y, groups=IDS, n_splits=2)
    assert [record["method"] for record in records] == ["cca", "search"] * 2
    for record in records[::2]:
        train, test = split_pairs(
            PAIRS, y, groups=IDS, random_state=record["random_state"]
        )
        codes = cca.fit(PAIRS[train]).transform(X_IMG[test], X_TXT[test])
        y_test = None if y is None else y[test]
        want = _average_precisions(codes, PICTURE[test], y_test)
        got = [record["image_to_text"], record["text_to_image"]]
        assert_allclose(got, want)
        assert record["n_test_images"] == len(set(PICTURE[test])) == len(test) / 3
        ones = np.ones((len(test), 1))
        options = {"groups": IDS[test]}
        chance = cross_modal_score(ones, ones, y_test, **options)
        assert_allclose(record["chance"], chance)


def test_captions_of_real_pictures_are_scored_as_by_a_loop(shared_data):
    data = np.load(shared_data / "clip" / "flickr8k_captions.npz")
    pairs, ids = ImageTextPairs(data["X_img"], data["X_txt"]), data["image_id"]
    record = evaluate_split(CosineRetriever(), pairs, groups=ids)
    _, test = split_pairs(pairs, groups=ids, random_state=0)
    want = _average_precisions((pairs.image[test], pairs.text[test]), ids[test], None)
    got = [record["image_to_text"], record["text_to_image"]]
    assert_allclose(got, want, rtol=1e-6)
    assert record["n_test_images"] == 30


def test_tuning_counts_pictures_once():
    folds = inner_folds(PAIRS, groups=IDS, random_state=0)
    options = {"groups": IDS, "budget": QUICK, "random_state": 0}
    _, score, chosen = tune(METHODS["cca"], PAIRS, cv=folds, **options)
    _, features = choose_features(PAIRS, cv=folds, groups=IDS, random_state=0)
    of_splitter = tune(METHODS["cca"], PAIRS, cv=GroupKFold(3), **options)
    assert np.isfinite(of_splitter[1])
    retriever = METHODS["cca"].make_retriever("standard", budget=QUICK, random_state=0)
    retriever.set_params(**{k: v for k, v in chosen.items() if k != "scaled"})
    values = []
    for fit, check in folds:
        features.fit(PAIRS[fit])
        retriever.fit(features.transform(PAIRS[fit]))
        codes = retriever.transform(features.transform(PAIRS[check]))
        codes = codes.image, codes.text
        values.append(_average_precisions(codes, PICTURE[check], None))
    assert_allclose(score, np.mean(values))


def test_larger_groups_are_kept_together_and_count_one_by_one():
    person = PICTURE // 2
    y = (np.arange(N_PICTURES // 2) % 5)[person]
    record = evaluate_split(PLSRetriever(3), PAIRS, y, groups=person, random_state=1)
    train, test = split_pairs(PAIRS, y, groups=person, random_state=1)
    assert not set(person[train]) & set(person[test])
    assert record["n_test_images"] == len(set(PICTURE[test]))


@every_protocol
def test_chance_is_what_collapsed_codes_score(protocol):
    ones, rows = np.ones((len(Y), 2)), Y != 4
    y, seen = (Y[rows], [0, 1]) if protocol == "generalized" else (None, None)
    options = {"seen_classes": seen, "groups": IDS[rows]}
    scores = score_codes(
        ones[rows],
        ones[rows],
        Y[rows] if y is None else y,
        protocol,
        **options,
    )
    assert_allclose(scores["mean"], scores["chance"])
    if protocol == "standard":
        scores = score_codes(ones, ones, groups=IDS)
        assert_allclose(scores["mean"], scores["chance"])
        to_text, to_image = chance_level(ids_query=IDS), chance_level(ids_gallery=IDS)
        assert_allclose(scores["chance"], (to_text + to_image) / 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": IDS[:-1]}, "groups must hold one label per row"),
        ({"groups": IDS[:, None].repeat(2, axis=1)}, "one id per pair. Got an array"),
        (
            {"groups": np.where(PICTURE == 3, -1, PICTURE)},
            "stands for no label, in row",
        ),
        ({"groups": PICTURE % 2}, "must be of 3 groups at least.* Got 2"),
        (
            {"groups": PICTURE // 2, "protocol": "extendable", "y": Y},
            "one class each in the extendable protocol.* Got 30 times",
        ),
        (
            {"groups": IDS, "rows": (np.arange(90), np.arange(90, 180))},
            "must be of whole groups",
        ),
    ],
)
def test_groups_that_cannot_be_kept_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_split(CCARetriever(2), PAIRS, **options)
