"""Nested evaluation: what it computes, and what it never looks at."""

import numpy as np
import pytest
from scipy.stats import hmean
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    PLSRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import chance_level, cross_modal_score, retrieval_score
from sklearn_xmodal.protocols import (
    METHODS,
    PROTOCOLS,
    QUICK,
    Method,
    evaluate,
    evaluate_split,
    inner_folds,
    score_codes,
    split_pairs,
    tune,
)

N = 96
X_IMG, X_TXT, Y = make_paired_modalities(N, n_classes=6, random_state=0)
# The first column of the images tells which rows they are.
PAIRS = ImageTextPairs(np.column_stack([np.arange(N), X_IMG]), X_TXT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_evaluation_is_a_hand_written_nested_loop(protocol):
    options = {"n_splits": 2, "random_state": 3, "budget": QUICK}
    records = evaluate({"own": METHODS["kcca"]}, PAIRS, Y, protocol, **options)
    assert [record["split"] for record in records] == [0, 1]
    for split, record in enumerate(records):
        train, test = split_pairs(PAIRS, Y, protocol, random_state=3 + split)
        folds = inner_folds(
            PAIRS[train], Y[train], protocol, n_splits=2, random_state=3 + split
        )
        pipeline, score, parameters = tune(
            METHODS["kcca"],
            PAIRS[train],
            Y[train],
            protocol,
            cv=folds,
            budget=QUICK,
            random_state=3,
        )
        codes = pipeline.transform(PAIRS[test])
        expected = {
            "method": "own",
            "protocol": protocol,
            "random_state": 3 + split,
            "split": split,
            **score_codes(
                codes.image, codes.text, Y[test], protocol, seen_classes=Y[train]
            ),
            "n_train": len(train),
            "n_train_unlabelled": 0,
            "n_test": len(test),
            "n_test_classes": len(set(Y[test])),
            "validation_score": score,
            "parameters": parameters,
        }
        assert record.pop("seconds") > 0
        assert record == expected


@pytest.fixture
def seen_rows(monkeypatch):
    """Record the rows of every fit and of every encoding, in order."""
    events = []

    def record(name):
        original = getattr(ModalityTransformer, name)

        def recorded(self, X, *args, **kwargs):
            events.append((name, set(X.image[:, 0].astype(int))))
            return original(self, X, *args, **kwargs)

        monkeypatch.setattr(ModalityTransformer, name, recorded)

    record("fit")
    record("transform")
    return events


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", ["cca", "sm", "estimator"])
def test_test_rows_are_encoded_once_and_seen_by_nothing_before(
    seen_rows, method, protocol
):
    features = ModalityTransformer(image=StandardScaler())
    methods = {**METHODS, "estimator": make_pipeline(features, CCARetriever(3))}
    record = evaluate_split(methods[method], PAIRS, Y, protocol, budget=QUICK)
    train, test = split_pairs(PAIRS, Y, protocol, random_state=0)
    *before, last = seen_rows
    assert last == ("transform", set(test))
    assert {name for name, _ in before} == {"fit", "transform"}
    assert set.union(*(rows for _, rows in before)) == set(train)
    assert record["n_train"] == len(train)


class Remembering(PLSRetriever):
    """Keeps what it is fitted on, and what it encodes."""

    events: list = []

    def fit(self, X_img, X_txt=None, y=None):
        """Fit."""
        self.events.append(("fit", X_img.image[:, 0].astype(int).tolist()))
        return super().fit(X_img, X_txt, y)

    def transform(self, X_img, X_txt=None):
        """Encode."""
        self.events.append(("transform", X_img.image[:, 0].astype(int).tolist()))
        return super().transform(X_img, X_txt)


def test_an_own_method_gets_the_splits_of_the_others(monkeypatch, seen_rows):
    monkeypatch.setattr(Remembering, "events", [])
    methods = {"CCA": METHODS["cca"], "own": Remembering(3)}
    records = evaluate(methods, PAIRS, Y, "extendable", n_splits=3, budget=QUICK)
    assert [(r["split"], r["method"]) for r in records] == [
        (split, name) for split in range(3) for name in methods
    ]
    parts = [
        part.tolist()
        for seed in range(3)
        for part in split_pairs(PAIRS, Y, "extendable", random_state=seed)
    ]
    assert Remembering.events == list(zip(3 * ["fit", "transform"], parts, strict=True))
    # The last encoding of the tuned one of every split.
    tests = [set(test) for test in parts[1::2]]
    assert [rows for _, rows in seen_rows if rows in tests] == tests
    for key in ("n_train", "n_test", "chance", "random_state"):
        assert len({(r["split"], r[key]) for r in records}) == 3


def test_estimators_are_cloned_and_fitted_as_they_are():
    pls = PLSRetriever(3)
    record = evaluate_split(pls, PAIRS, Y, split=2)
    train, test = split_pairs(PAIRS, Y, random_state=2)
    expected = PLSRetriever(3).fit(PAIRS[train]).score(PAIRS[test], Y[test])
    assert record["mean"] == pytest.approx(expected, abs=1e-12)
    assert record["parameters"] == {}
    assert np.isnan(record["validation_score"])
    assert not hasattr(pls, "n_features_in_")


def test_a_search_tells_what_it_chose():
    search = GridSearchCV(PLSRetriever(), {"n_components": [1, 3]}, cv=2)
    record = evaluate_split(search, PAIRS, Y)
    train, _ = split_pairs(PAIRS, Y, random_state=0)
    search.fit(PAIRS[train], Y[train])
    assert record["parameters"] == search.best_params_
    assert record["validation_score"] == search.best_score_


def test_a_pipeline_may_be_tuned():
    pipeline = make_pipeline(
        ModalityTransformer(image=StandardScaler()), PLSRetriever()
    )
    candidates = [{"plsretriever__n_components": n} for n in (1, 4)]
    record = evaluate_split(Method("own", pipeline, candidates), PAIRS, Y)
    assert record["parameters"].keys() == {"plsretriever__n_components", "scaled"}


def test_records_make_a_table():
    pandas = pytest.importorskip("pandas")
    methods = {"a": PLSRetriever(1), "b": PLSRetriever(4)}
    frame = pandas.DataFrame(evaluate(methods, PAIRS, Y, n_splits=2))
    assert frame.groupby("method")["mean"].mean().index.tolist() == ["a", "b"]
    assert not frame.drop(columns="validation_score").isna().any(axis=None)


def test_without_labels_the_other_half_of_a_pair_is_relevant():
    record = evaluate_split(METHODS["cca"], PAIRS, budget=QUICK, return_codes=True)
    assert record["n_test_classes"] is None
    assert record["mean"] == cross_modal_score(*record["codes"])
    n = record["n_test"]
    assert record["chance"] == chance_level(np.arange(n), np.arange(n))


def test_a_test_part_may_be_given():
    rows = np.arange(60), np.arange(60, N)
    record = evaluate_split(PLSRetriever(3), PAIRS, Y, rows=rows, return_codes=True)
    pls = PLSRetriever(3).fit(PAIRS[:60])
    np.testing.assert_array_equal(record["codes"][0], pls.transform(PAIRS[60:]).image)
    assert (record["n_train"], record["n_test"]) == (60, N - 60)


class TestScores:
    def test_generalized_is_the_harmonic_mean_of_both_kinds_of_queries(self):
        scores = score_codes(X_IMG, X_IMG[::-1], Y, "generalized", seen_classes=[0, 1])
        seen = Y < 2
        a = retrieval_score(X_IMG[seen], X_IMG[::-1], Y[seen], Y)
        b = retrieval_score(X_IMG[~seen], X_IMG[::-1], Y[~seen], Y)
        assert scores["image_to_text"] == pytest.approx(2 * a * b / (a + b))
        back = retrieval_score(X_IMG[::-1][seen], X_IMG, Y[seen], Y)
        assert scores["seen"] == pytest.approx((a + back) / 2)

    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_chance_is_what_collapsed_codes_score(self, protocol):
        codes = np.ones((N, 3))
        seen = [0, 1] if protocol == "generalized" else None
        scores = score_codes(codes, codes, Y, protocol, seen_classes=seen)
        assert scores["image_to_text"] == pytest.approx(scores["chance"])
        assert scores["mean"] == pytest.approx(scores["chance"])

    def test_generalized_chance_joins_both_kinds(self):
        scores = score_codes(X_IMG, X_IMG, Y, "generalized", seen_classes=[0])
        is_seen = Y == 0
        parts = [chance_level(Y[part], Y) for part in (is_seen, ~is_seen)]
        assert scores["chance"] == pytest.approx(hmean(parts))

    def test_generalized_needs_the_seen_classes(self):
        with pytest.raises(ValueError, match="needs seen_classes"):
            score_codes(X_IMG, X_IMG, Y, "generalized")


class TestErrors:
    @pytest.mark.parametrize("method", [None, "cca", PLSRetriever])
    def test_what_is_no_method(self, method):
        with pytest.raises(TypeError, match="A method must be a Method, or an estim"):
            evaluate({"own": method}, PAIRS, Y)
        with pytest.raises(TypeError, match="A method must be a Method, or an estim"):
            evaluate_split(method, PAIRS, Y)

    def test_methods_without_names(self):
        with pytest.raises(TypeError, match=r"a dict of methods by name.* Got list"):
            evaluate([METHODS["cca"]], PAIRS, Y)

    def test_two_matrices(self):
        with pytest.raises(TypeError, match=r"must be ImageTextPairs.* Got ndarray"):
            evaluate({"CCA": METHODS["cca"]}, X_IMG, X_TXT)

    @pytest.mark.parametrize(
        ("y", "protocol", "message"),
        [
            (Y, "open", "protocol must be one of"),
            (None, "extendable", "extendable protocol needs class labels"),
            (Y % 3, "extendable", "at least 4 classes"),
        ],
    )
    def test_what_the_protocol_does_not_allow(self, y, protocol, message):
        with pytest.raises(ValueError, match=message):
            evaluate({"CCA": METHODS["cca"]}, PAIRS, y, protocol)

    def test_parts_that_share_rows(self):
        rows = np.arange(60), np.arange(50, N)
        with pytest.raises(ValueError, match=r"no row in common\. Got rows with 10"):
            evaluate_split(PLSRetriever(3), PAIRS, Y, rows=rows)

    @pytest.mark.parametrize("random_state", [None, np.random.RandomState(0), 0.5])
    def test_splits_are_counted_from_a_whole_number(self, random_state):
        with pytest.raises(ValueError, match="random_state must be a whole number"):
            evaluate({"PLS": PLSRetriever(3)}, PAIRS, Y, random_state=random_state)
