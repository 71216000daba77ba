"""Partly labelled data: -1, None or NaN is no label, and its pair is still a pair."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import MultiLabelBinarizer

from sklearn_xmodal import (
    CCARetriever,
    CCARetrieverCV,
    ContrastiveRetriever,
    ImageTextPairs,
    RidgeRetriever,
    SCMRetriever,
    VotingRetriever,
    load,
    save,
)
from sklearn_xmodal.deep._msln_network import MSLNModule, classification_loss
from sklearn_xmodal.metrics import (
    cross_modal_score,
    get_retrieval_scorer,
    make_retrieval_scorer,
    retrieval_score,
)
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
    class_disjoint_train_test_split,
)
from sklearn_xmodal.protocols import evaluate_split, inner_folds, split_pairs
from tests.conftest import (
    ALL_RETRIEVERS,
    JOINT_RETRIEVERS,
    RETRIEVERS,
    of_one_width,
    thorough_but,
)

LEFT_OUT = [
    "ACMRRetriever",
    "DSCMRRetriever",
    "MvDARetriever",
    "RidgeRetriever",
    "SemanticAutoencoderRetriever",
    "SemanticMatchingRetriever",
    "ThreeViewCCARetriever",
]
LEARNT_FROM_ALL = [
    "ASIFRetriever",
    "CCARetriever",
    "CCARetrieverCV",
    "DCCARetriever",
    "KCCARetriever",
    "PLSRetriever",
    "ProcrustesRetriever",
    *JOINT_RETRIEVERS,
]


@pytest.fixture
def partly(pair):
    """Pairs, labels with every third one missing, and the rows that have one."""
    X_img, X_txt, y = pair
    y = y.copy()
    y[::3] = -1
    return X_img, X_txt, y, np.flatnonzero(y != -1)


def _spellings(y):
    names = np.array(["ant", "bee", "cat", "no"])
    missing = y == -1
    return {
        "integers": y,
        "floats": np.where(missing, np.nan, y),
        "objects": np.where(missing, None, y.astype(object)),
        "strings": np.where(missing, None, names[y].astype(object)),
        "nullable": pd.Series(y, dtype="Int64").mask(missing),
        "categories": pd.Series(names[y]).mask(missing).astype("category"),
        "indicator": np.where(missing[:, None], -1, np.eye(4, dtype=int)[y][:, :3]),
        "sparse": sparse.csr_array(
            np.where(missing[:, None], -1, np.eye(4, dtype=int)[y][:, :3])
        ),
        "table": pd.DataFrame(
            np.where(missing[:, None], -1, np.eye(4, dtype=int)[y][:, :3]),
            columns=names[:3],
        ),
    }


@pytest.mark.parametrize("kind", list(_spellings(np.arange(3))))
def test_however_it_is_spelled(partly, kind):
    X_img, X_txt, y, rows = partly
    spelled = _spellings(y)[kind]
    got = RidgeRetriever().fit(X_img, X_txt, spelled)
    expected = RidgeRetriever().fit(X_img[rows], X_txt[rows], y[rows])
    assert_allclose(got.transform_image(X_img), expected.transform_image(X_img))
    assert got.n_unlabelled_ == 20
    assert len(got.classes_) == 3
    part = expected.score(X_img[rows], X_txt[rows], y[rows])
    assert got.score(X_img, X_txt, spelled) == part


@pytest.mark.parametrize(
    "name", thorough_but(["MvDARetriever", "SemanticMatchingRetriever"], LEFT_OUT)
)
def test_methods_of_classes_leave_such_pairs_out_and_count_them(name, partly, tmp_path):
    X_img, X_txt, y, rows = partly
    got = RETRIEVERS[name]().fit(X_img, X_txt, y)
    expected = RETRIEVERS[name]().fit(X_img[rows], X_txt[rows], y[rows])
    assert_array_equal(got.transform_text(X_txt), expected.transform_text(X_txt))
    assert (got.n_unlabelled_, expected.n_unlabelled_) == (20, 0)
    save(got, tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").n_unlabelled_ == 20


@pytest.mark.parametrize("name", thorough_but(["CCARetriever"], LEARNT_FROM_ALL))
def test_methods_of_pairs_learn_from_all(name, partly):
    X_img, X_txt, y, _ = partly
    X_img, X_txt = of_one_width(name, X_img, X_txt)
    if name == "CCARetrieverCV":  # the score asks for labels
        got = CCARetrieverCV(3, alphas=[0.1], cv=3).fit(X_img, X_txt, y)
        expected = CCARetriever(3, alpha=0.1).fit(X_img, X_txt)
    else:
        got = ALL_RETRIEVERS[name]().fit(X_img, X_txt, y)
        expected = ALL_RETRIEVERS[name]().fit(X_img, X_txt)
    assert_allclose(got.transform_image(X_img), expected.transform_image(X_img))
    assert got.classes_.tolist() == [0, 1, 2]


def test_partial_fit_takes_parts_of_one_class(partly):
    X_img, X_txt, y, _ = partly
    cca = CCARetriever(3)
    for rows in (y <= 0, y > 0):  # the first is -1 and 0
        cca.partial_fit(X_img[rows], X_txt[rows], y[rows])
    assert cca.classes_.tolist() == [0, 1, 2]
    msln = RETRIEVERS["MSLNRetriever"]()
    first = y <= 0
    with pytest.raises(ValueError, match="Got -1 and 0 alone"):
        clone(msln).partial_fit(X_img[first], X_txt[first], y[first])
    msln.partial_fit(X_img[first], X_txt[first], y[first], classes=[0, 1, 2])
    assert msln.n_unlabelled_ == 20
    msln.partial_fit(X_img, X_txt, y)


def test_the_first_step_of_scm_learns_from_all(partly):
    X_img, X_txt, y, _ = partly
    scm = SCMRetriever(3).fit(X_img, X_txt, y)
    cca = CCARetriever(3, alpha=1.0, component_power=0.0).fit(X_img, X_txt)
    assert_allclose(scm.cca_.transform_image(X_img), cca.transform_image(X_img))
    assert scm.n_unlabelled_ == scm.matching_.n_unlabelled_ == 20


def test_contrastive_learning_takes_such_a_pair_as_a_class_of_its_own(partly):
    X_img, X_txt, y, _ = partly
    own = np.where(y == -1, 10 + np.arange(60), y)
    make = {"n_components": 3, "max_epochs": 2, "device": "cpu", "random_state": 0}
    fits = [
        ContrastiveRetriever(positives="classes", **make).fit(X_img, X_txt, labels)
        for labels in (y, own)
    ]
    codes = [fit.transform_text(X_txt) for fit in fits]
    assert_array_equal(*codes)
    assert fits[0].classes_.tolist() == [0, 1, 2]


class TestMSLN:
    def test_all_pairs_train_all_but_the_classifier(self, partly):
        X_img, X_txt, y, _ = partly
        options = {"max_epochs": 2, "classification_weight": 0.0}
        options |= {"reconstruction_weight": 0.0, "block_weights": {"code": 1}}
        got = RETRIEVERS["MSLNRetriever"](**options).fit(X_img, X_txt, y)
        labels = np.where(y == -1, 0, y)
        expected = RETRIEVERS["MSLNRetriever"](**options).fit(X_img, X_txt, labels)
        assert got.n_unlabelled_ == 20
        assert_array_equal(got.transform_image(X_img), expected.transform_image(X_img))

    @pytest.mark.parametrize("multi_label", [False, True])
    def test_the_classifier_sees_the_labelled_ones(self, multi_label):
        rng = torch.Generator().manual_seed(0)
        logits = torch.randn(2, 2, 6, 3, generator=rng)
        target = torch.tensor([0, -1, 2, 1, -5, 1])
        labelled = target >= 0
        if multi_label:
            target = torch.eye(3, dtype=torch.int64)[target.clamp(min=0)]
            target[~labelled] = -1
        got = classification_loss(*logits, target)
        expected = classification_loss(*logits[:, :, labelled], target[labelled])
        assert_allclose(got, expected, rtol=1e-6)
        assert (
            classification_loss(*logits[:, :, ~labelled], target[~labelled]).eq(0).all()
        )

    def test_decoders_get_no_class(self, partly):
        msln = RETRIEVERS["MSLNRetriever"]().fit(*partly[:3])
        module: MSLNModule = msln.net_.module_
        embedded = module.embed_classes(torch.tensor([1, -1, -7]))
        assert_array_equal(embedded, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])
        embedded = module.embed_classes(torch.tensor([[1, 0, 1], [-1, -1, -1]]))
        assert_array_equal(embedded, [[0.5, 0, 0.5], [0, 0, 0]])

    def test_early_stopping_holds_out_labelled_ones(self, partly):
        X_img, X_txt, y, _ = partly
        four = np.where(y >= 0, np.arange(len(y)) % 4, -1)  # of which two are held out
        for kind in (True, "class_disjoint"):
            msln = RETRIEVERS["MSLNRetriever"](early_stopping=kind)
            assert msln.fit(X_img, X_txt, four).n_unlabelled_ == 20


def test_msln_goes_on_from_pairs_of_which_none_has_a_label(partly):
    X_img, X_txt, y, _ = partly
    none = np.full(20, -1)
    for first in ({"classes": [0, 1, 2]}, {}):
        msln = RETRIEVERS["MSLNRetriever"](random_state=0)
        labels = none if first else y[:20]
        msln.partial_fit(X_img[:20], X_txt[:20], labels, **first)
        before = msln.transform_text(X_txt)
        msln.partial_fit(X_img[20:40], X_txt[20:40], none, sample_weight=none + 3)
        assert msln.n_unlabelled_ == 20
        assert np.isfinite(msln.transform_text(X_txt)).all()
        assert not np.array_equal(msln.transform_text(X_txt), before)
    with pytest.raises(
        ValueError, match=r"Got none.* CCARetriever .* learn from pairs"
    ):
        RETRIEVERS["MSLNRetriever"]().partial_fit(X_img[:20], X_txt[:20], none)
    with pytest.raises(
        ValueError, match=r"Got none.* CCARetriever .* learn from pairs"
    ):
        RidgeRetriever().fit(X_img[:20], X_txt[:20], none)
    with pytest.raises(ValueError, match=r"Got none.* Leave y away"):
        RidgeRetriever().fit(X_img, X_txt, y).score(X_img[:20], X_txt[:20], none)


def test_members_of_a_vote_and_scores_of_candidates(partly):
    X_img, X_txt, y, rows = partly
    members = [("cca", CCARetriever(3)), ("ridge", RidgeRetriever())]
    vote = VotingRetriever(members, weights="cv", cv=3).fit(X_img, X_txt, y)
    assert vote.estimators_[1].n_unlabelled_ == 20
    best = CCARetrieverCV(3, alphas=[0.1, 1.0], cv=3).fit(X_img, X_txt, y)
    pairs, folds = ImageTextPairs(X_img, X_txt), np.array_split(np.arange(60), 3)
    for alpha, got in zip([0.1, 1.0], best.cv_results_["mean_test_score"], strict=True):
        scores = []
        for test in folds:
            train = np.setdiff1d(np.arange(60), test)
            cca = CCARetriever(3, alpha=alpha).fit(pairs[train])
            kept = np.intersect1d(test, rows)
            scores.append(cca.score(pairs[kept], y[kept]))
        assert got == pytest.approx(np.mean(scores))


@pytest.mark.parametrize("scoring", ["map", ["map", "mrr"]])
def test_scorers_leave_out_what_score_leaves_out(partly, scoring):
    X_img, X_txt, y, rows = partly
    pairs, cca = ImageTextPairs(X_img, X_txt), CCARetriever(3).fit(X_img, X_txt)
    scorer = get_retrieval_scorer(scoring)
    for labels in _spellings(y).values():
        assert scorer(cca, pairs, labels) == scorer(cca, pairs[rows], y[rows])


def test_metrics_take_labels_as_they_are_given(partly):
    X_img, X_txt, y, _ = partly
    codes = X_img[:, :6], X_txt
    as_class = cross_modal_score(*codes, y)
    assert as_class == cross_modal_score(*codes, np.where(y == -1, 9, y))
    missing = np.where(y == -1, None, y.astype(object))
    with pytest.raises(ValueError, match=r"y must not be missing.* 20 .*Leave these"):
        cross_modal_score(*codes, missing)
    with pytest.raises(ValueError, match="y_query must not be missing"):
        retrieval_score(*codes, missing, y)


class TestSplits:
    @pytest.mark.parametrize(
        "cv",
        [
            ClassDisjointKFold(3),
            ClassDisjointShuffleSplit(2, random_state=0),
            GeneralizedShuffleSplit(2, random_state=0),
        ],
        ids=lambda cv: type(cv).__name__,
    )
    @pytest.mark.parametrize("kind", ["integers", "strings", "nullable"])
    def test_class_disjoint_ones_leave_them_out_of_both_sides(self, partly, cv, kind):
        X_img, _, y, rows = partly
        got = list(cv.split(X_img, _spellings(y)[kind]))
        expected = list(cv.split(X_img[rows], y[rows]))
        for sides in zip(got, expected, strict=True):
            for mine, theirs in zip(*sides, strict=True):
                assert_array_equal(mine, rows[theirs])

    def test_a_single_split_drops_them(self, partly):
        X_img, _, y, rows = partly
        train, test, *_ = class_disjoint_train_test_split(X_img, y=y, random_state=0)
        assert len(train) + len(test) == len(rows)

    @pytest.mark.parametrize("protocol", ["standard", "extendable", "generalized"])
    def test_protocols_train_on_them_unless_classes_are_held_out(
        self, partly, protocol
    ):
        _, _, y, rows = partly
        y = np.where(y == -1, -1, np.arange(60) % 4)  # four classes
        train, test = split_pairs(y, y, protocol, random_state=0)
        assert set(test) <= set(rows)
        n_unlabelled = np.count_nonzero(y[train] == -1)
        assert n_unlabelled == (20 if protocol == "standard" else 0)
        for fit, validate in inner_folds(y, y, protocol, random_state=0):
            assert set(validate) <= set(rows)
            n_unlabelled = np.count_nonzero(y[fit] == -1)
            assert n_unlabelled == (20 if protocol == "standard" else 0)

    def test_evaluation_scores_the_labelled_ones(self, partly):
        X_img, X_txt, y, rows = partly
        pairs, split = ImageTextPairs(X_img, X_txt), (np.arange(30), np.arange(30, 60))
        record = evaluate_split(CCARetriever(3), pairs, y, rows=split)
        test = np.intersect1d(split[1], rows)
        cca = CCARetriever(3).fit(pairs[:30])
        assert record["mean"] == pytest.approx(cca.score(pairs[test], y[test]))
        assert (record["n_train"], record["n_test"]) == (30, 20)


class TestSlips:
    @pytest.mark.parametrize("y", [[-1, 1], [-1.0, 1.0], [7, -1]])
    @pytest.mark.parametrize("retriever", [CCARetriever(3), RidgeRetriever()])
    def test_classes_written_as_signs(self, pair, y, retriever):
        X_img, X_txt, _ = pair
        y, message = np.array(y * 30), "-1 means that a pair has no label.*0 and 1"
        with pytest.raises(ValueError, match=message):
            clone(retriever).fit(X_img, X_txt, y)
        with pytest.raises(ValueError, match=message):
            CCARetriever(3).fit(X_img, X_txt).score(X_img, X_txt, y)
        with pytest.raises(ValueError, match=message):
            next(ClassDisjointKFold(2).split(X_img, y))

    def test_no_label_at_all(self, pair):
        X_img, X_txt, _ = pair
        for labels in (np.full(60, -1), [None] * 60, np.full((60, 3), -1)):
            CCARetriever(3).fit(X_img, X_txt, labels)
            with pytest.raises(ValueError, match="y must hold labels of some pairs"):
                RidgeRetriever().fit(X_img, X_txt, labels)
            with pytest.raises(ValueError, match="y must hold labels of some pairs"):
                CCARetriever(3).fit(X_img, X_txt).score(X_img, X_txt, labels)

    def test_an_indicator_with_a_single_minus_one_is_none(self, pair):
        X_img, X_txt, y = pair
        Y = np.eye(3, dtype=int)[y]
        Y[0, 0] = -1
        for labels in (Y, sparse.csr_array(Y)):
            with pytest.raises(ValueError, match="rows of -1 for pairs without labels"):
                RidgeRetriever().fit(X_img, X_txt, labels)

    @pytest.mark.parametrize(
        "sets",
        [
            [["a"], ["a", "b"], ["b"]],
            [["a", "b"], ["b", "c"], ["a", "c"]],
            [{"a"}, {"a", "b"}, {"b"}],
            [frozenset("a"), frozenset("ab"), frozenset("b")],
            [(1, 2), (3, 4), (5, 6)],
        ],
        ids=["ragged", "even", "sets", "frozensets", "tuples"],
    )
    def test_sets_of_labels_name_the_tool(self, pair, sets):
        X_img, X_txt, _ = pair
        with pytest.raises((ValueError, TypeError), match="MultiLabelBinarizer"):
            RidgeRetriever().fit(X_img, X_txt, sets * 20)
        Y = MultiLabelBinarizer().fit_transform(sets * 20)
        RidgeRetriever().fit(X_img, X_txt, Y)

    def test_rows_without_a_class_name_the_remedy_in_a_search(self, pair):
        X_img, X_txt, y = pair
        Y = np.eye(4, dtype=int)[y][:, :3]
        Y[:5] = 0
        pairs = ImageTextPairs(X_img, X_txt)
        with pytest.warns(UserWarning, match="write rows of -1"):
            scores = cross_val_score(RidgeRetriever(), pairs, Y, cv=3)
        assert np.isnan(scores[0])
        Y[:5] = -1
        assert np.isfinite(cross_val_score(RidgeRetriever(), pairs, Y, cv=3)).all()
        scorer = make_retrieval_scorer(zero_division=np.nan)
        Y[:5] = 0
        search = GridSearchCV(
            RidgeRetriever(), {"alpha": [0.1, 1]}, scoring=scorer, cv=3
        )
        assert np.isfinite(search.fit(pairs, Y).best_score_)


class TestNamesOfClasses:
    def test_columns_of_dummies_are_the_classes(self, pair, tmp_path):
        X_img, X_txt, y = pair
        names = np.array(["ant", "bee", "cat"])
        dummies = pd.get_dummies(names[y])
        for name in ("MSLNRetriever", "RidgeRetriever"):
            fitted = RETRIEVERS[name]().fit(X_img, X_txt, dummies)
            assert fitted.classes_.tolist() == names.tolist(), name
            numbers = RETRIEVERS[name]().fit(X_img, X_txt, dummies.to_numpy())
            assert numbers.classes_.tolist() == [0, 1, 2]
            codes = fitted.transform_text(X_txt), numbers.transform_text(X_txt)
            assert_array_equal(*codes)
            save(fitted, tmp_path / name)
            assert load(tmp_path / name).classes_.tolist() == names.tolist()

    def test_vectors_of_classes_go_by_these_names(self, pair):
        X_img, X_txt, y = pair
        dummies = pd.get_dummies(np.array(["ant", "bee", "cat"])[y])
        vectors = {"bee": [0, 1], "ant": [1, 0], "cat": [1, 1]}
        ridge = RidgeRetriever(class_embeddings=vectors).fit(X_img, X_txt, dummies)
        assert ridge.class_embeddings_.tolist() == [[1, 0], [0, 1], [1, 1]]

    def test_numbers_stay_and_names_repeat_not(self, pair):
        X_img, X_txt, y = pair
        ridge = RidgeRetriever().fit(X_img, X_txt, pd.get_dummies(y + 5))
        assert ridge.classes_.tolist() == [5, 6, 7]
        twice = pd.get_dummies(y).set_axis(["a", "b", "a"], axis=1)
        with pytest.raises(ValueError, match=r"columns of y .* must be distinct"):
            RidgeRetriever().fit(X_img, X_txt, twice)

    def test_later_parts_have_the_same_columns(self, pair):
        X_img, X_txt, y = pair
        dummies = pd.get_dummies(y)
        msln = RETRIEVERS["MSLNRetriever"]().partial_fit(X_img, X_txt, dummies)
        with pytest.raises(ValueError, match="columns of y must be those of the first"):
            msln.partial_fit(X_img, X_txt, dummies[[2, 1, 0]])
