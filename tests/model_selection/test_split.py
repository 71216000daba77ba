"""Facts about the splitters that keep classes apart."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.model_selection import (
    GridSearchCV,
    check_cv,
    cross_val_score,
    cross_validate,
)

from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    class_disjoint_train_test_split,
)
from tests.conftest import SEEDS

SPLITTERS = [
    ClassDisjointKFold(3),
    ClassDisjointKFold(3, shuffle=True, random_state=0),
    ClassDisjointShuffleSplit(4, test_size=0.3, random_state=0),
    ClassDisjointShuffleSplit(4, test_size=2, train_size=3, random_state=0),
]


class ShareOfKnownClasses(ClassifierMixin, BaseEstimator):
    """Scores how many test labels were seen in fit."""

    def __init__(self, bonus=0.0):
        self.bonus = bonus

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return np.mean(np.isin(y, self.classes_)) + self.bonus


def _make_labels(seed, kind="number", n_classes=7, n_samples=60):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n_samples) % n_classes)
    if kind == "string":
        return np.array(list("abcdefg"))[y]
    if kind == "object":
        return np.array(list("abcdefg"), dtype=object)[y]
    if kind == "float":
        return y.astype(float)
    return y


@pytest.mark.parametrize("kind", ["number", "string", "object", "float"])
@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_class_is_on_both_sides(seed, cv, kind):
    y = _make_labels(seed, kind)
    splits = list(cv.split(np.zeros((60, 2)), y))
    assert len(splits) == cv.get_n_splits(None, y) == cv.n_splits
    for train, test in splits:
        assert set(y[train]).isdisjoint(y[test])
        assert train.size
        assert test.size


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_splits", [2, 3, 7])
@pytest.mark.parametrize("seed", SEEDS)
def test_kfold_tests_every_sample_once(seed, n_splits, shuffle):
    cv = ClassDisjointKFold(
        n_splits, shuffle=shuffle, random_state=seed if shuffle else None
    )
    tested = []
    for train, test in cv.split(np.zeros(60), _make_labels(seed)):
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(60))
        tested.append(test)
    assert_array_equal(np.sort(np.concatenate(tested)), np.arange(60))


def test_kfold_without_shuffle_balances_samples():
    y = np.repeat([0, 1, 2, 3], [30, 10, 10, 10])
    sizes = [test.size for _, test in ClassDisjointKFold(2).split(y, y)]
    assert sizes == [30, 30]


@pytest.mark.parametrize("test_size", [1, 2, 5])
def test_integer_test_size_counts_classes(test_size):
    y = _make_labels(0)
    cv = ClassDisjointShuffleSplit(5, test_size=test_size, random_state=0)
    for train, test in cv.split(y, y):
        assert np.unique(y[test]).size == test_size
        assert np.unique(y[train]).size == 7 - test_size


def test_float_test_size_is_a_share_of_classes_not_of_samples():
    y = np.repeat(np.arange(10), np.arange(1, 11) ** 2)
    cv = ClassDisjointShuffleSplit(5, test_size=0.3, random_state=0)
    for _, test in cv.split(y, y):
        assert np.unique(y[test]).size == 3


def test_train_size_leaves_classes_out():
    y = _make_labels(0)
    cv = ClassDisjointShuffleSplit(3, test_size=2, train_size=3, random_state=0)
    for train, test in cv.split(y, y):
        assert np.unique(y[train]).size == 3
        assert np.unique(y[test]).size == 2


@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_splits_repeat_for_a_fixed_seed(cv):
    y = _make_labels(0)
    for first, second in zip(cv.split(y, y), cv.split(y, y), strict=True):
        assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("make", [ClassDisjointKFold, ClassDisjointShuffleSplit])
def test_seeds_give_different_splits(make):
    y = _make_labels(0)
    options = {"shuffle": True} if make is ClassDisjointKFold else {}
    tests = {
        tuple(next(make(3, random_state=seed, **options).split(y, y))[1])
        for seed in range(10)
    }
    assert len(tests) > 1


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_cross_validate_never_scores_a_known_class(cv, routing):
    X, y = np.zeros((60, 2)), _make_labels(0)
    with config_context(enable_metadata_routing=routing):
        result = cross_validate(ShareOfKnownClasses(), X, y, cv=cv)
    assert_array_equal(result["test_score"], np.zeros(cv.n_splits))
    assert_array_equal(cross_val_score(ShareOfKnownClasses(), X, y, cv=3), np.ones(3))


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_grid_search_takes_the_splitter(cv, routing):
    X, y = make_classification(60, n_informative=5, n_classes=6, random_state=0)
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            ShareOfKnownClasses(), {"bonus": [0.0, 1.0]}, cv=cv, n_jobs=2
        )
        search = clone(search).fit(X, y)
    assert search.best_params_ == {"bonus": 1.0}
    assert search.n_splits_ == cv.n_splits


@pytest.mark.parametrize("cv", SPLITTERS, ids=repr)
def test_splitter_survives_pickling_and_check_cv(cv):
    y = _make_labels(0)
    copy = pickle.loads(pickle.dumps(cv))
    for first, second in zip(cv.split(y, y), copy.split(y, y), strict=True):
        assert_array_equal(first[0], second[0])
    assert check_cv(cv, y) is cv


def test_repr_shows_every_parameter():
    assert repr(ClassDisjointKFold(3)) == (
        "ClassDisjointKFold(n_splits=3, random_state=None, shuffle=False)"
    )
    assert repr(ClassDisjointShuffleSplit(test_size=0.5, random_state=1)) == (
        "ClassDisjointShuffleSplit(n_splits=10, random_state=1, test_size=0.5,\n"
        "             train_size=None)"
    )


def test_fewer_classes_than_folds_is_an_error():
    y = _make_labels(0, n_classes=3)
    with pytest.raises(ValueError, match="Got n_splits=5 for 3 classes"):
        next(ClassDisjointKFold().split(y, y))


@pytest.mark.parametrize(
    ("options", "n_classes"),
    [
        ({"test_size": 3}, 3),
        ({"test_size": 0.5}, 1),
        ({"test_size": 2, "train_size": 2}, 3),
        ({"test_size": 1.5}, 3),
    ],
)
def test_classes_that_cannot_be_divided_are_an_error(options, n_classes):
    y = _make_labels(0, n_classes=n_classes)
    cv = ClassDisjointShuffleSplit(**options)
    with pytest.raises(ValueError, match=f"Got {n_classes} classes .*test_size="):
        next(cv.split(y, y))


@pytest.mark.parametrize("cv", [SPLITTERS[0], SPLITTERS[2]], ids=repr)
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "needs the class labels y.* Got y=None"),
        (np.eye(6, dtype=int), r"1-D class labels y. Got shape \(6, 6\). Multi-label"),
        (csr_matrix(np.eye(6)), r"1-D class labels y. Got shape \(6, 6\). Multi-label"),
        (np.linspace(0, 1, 6), "Got continuous values of type float64"),
        (
            np.array([0, 1, 2, 3, 4, np.inf]),
            "must not be missing.* Got 1 missing label",
        ),
        (np.arange(5), r"inconsistent numbers of samples: \[6, 5\]"),
    ],
    ids=["missing", "multilabel", "sparse", "continuous", "infinite", "length"],
)
def test_labels_without_separable_classes_are_refused(cv, y, message):
    with pytest.raises(ValueError, match=message):
        next(cv.split(np.zeros((6, 2)), y))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_splits": 1}, ValueError, "at least one train/test split"),
        ({"n_splits": 2.5}, ValueError, "must be of Integral type"),
        ({"random_state": 0}, ValueError, "random_state has no effect"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
    ],
)
def test_kfold_refuses_what_scikit_learn_refuses(options, error, message):
    with pytest.raises(error, match=message):
        ClassDisjointKFold(**options)


@pytest.mark.parametrize("cv", [SPLITTERS[0], SPLITTERS[2]], ids=repr)
def test_groups_are_ignored_with_a_warning(cv):
    y = _make_labels(0)
    expected = next(cv.split(y, y))
    with pytest.warns(UserWarning, match="groups parameter is ignored by ClassDis"):
        got = next(cv.split(y, y, groups=np.arange(60)))
    assert_array_equal(got[0], expected[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_train_test_split_keeps_rows_together(seed):
    y = _make_labels(seed)
    X = np.column_stack([np.arange(60), y])
    parts = class_disjoint_train_test_split(
        X, csr_matrix(X), pd.DataFrame(X), X.tolist(), y=y, random_state=seed
    )
    y_train, y_test = parts[-2:]
    assert set(y_train).isdisjoint(y_test)
    assert len(parts) == 10
    assert isinstance(parts[4], pd.DataFrame)
    assert isinstance(parts[6], list)
    for train, test in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        train = train.toarray() if hasattr(train, "toarray") else np.asarray(train)
        test = test.toarray() if hasattr(test, "toarray") else np.asarray(test)
        assert_array_equal(train[:, 1], y_train)
        assert_array_equal(test[:, 1], y_test)
        assert_array_equal(np.sort(np.r_[train[:, 0], test[:, 0]]), np.arange(60))


def test_train_test_split_takes_anything_that_can_be_sliced():
    class Rows:
        def __init__(self, rows):
            self.rows = rows
            self.shape = (len(rows), 1)

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, key):
            return Rows(self.rows[key])

    y = _make_labels(0)
    train, test, y_train, y_test = class_disjoint_train_test_split(
        Rows(y), y=y, test_size=2, random_state=0
    )
    assert_array_equal(train.rows, y_train)
    assert_array_equal(test.rows, y_test)
    assert np.unique(y_test).size == 2


def test_train_test_split_keeps_a_series_a_series():
    y = pd.Series(_make_labels(0, "string"))
    y_train, y_test = class_disjoint_train_test_split(y=y, random_state=0)
    assert isinstance(y_train, pd.Series)
    assert isinstance(y_test, pd.Series)


def test_train_test_split_needs_equal_lengths():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        class_disjoint_train_test_split(np.zeros(3), y=[0, 1])


def test_train_test_split_needs_labels():
    with pytest.raises(ValueError, match="needs the class labels y"):
        class_disjoint_train_test_split(np.zeros(3), y=None)
