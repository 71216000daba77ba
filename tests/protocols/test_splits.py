"""Outer splits and inner folds: what may be where, by protocol."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from sklearn_xmodal import ImageTextPairs
from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit
from sklearn_xmodal.protocols import PROTOCOLS, inner_folds, split_pairs
from tests.conftest import SEEDS

LABELS = np.arange(120) % 6
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


@EVERY_SEED
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_row_is_in_one_part(protocol, seed):
    train, test = split_pairs(LABELS, LABELS, protocol, random_state=seed)
    np.testing.assert_array_equal(np.sort([*train, *test]), np.arange(120))


@EVERY_SEED
def test_standard_test_part_holds_three_tenths_of_every_class(seed):
    train, test = split_pairs(LABELS, LABELS, random_state=seed)
    assert np.bincount(LABELS[test]).tolist() == 6 * [6]
    expected = train_test_split(
        np.arange(120), test_size=0.3, stratify=LABELS, random_state=seed
    )
    np.testing.assert_array_equal([*train, *test], np.concatenate(expected))


@EVERY_SEED
def test_extendable_test_part_holds_all_pairs_of_half_of_the_classes(seed):
    parts = split_pairs(LABELS, LABELS, "extendable", random_state=seed)
    assert [len(set(LABELS[part])) for part in parts] == [3, 3]
    assert not set(LABELS[parts[0]]) & set(LABELS[parts[1]])
    splitter = ClassDisjointShuffleSplit(1, test_size=0.5, random_state=seed)
    for part, expected in zip(parts, next(splitter.split(LABELS, LABELS)), strict=True):
        np.testing.assert_array_equal(part, expected)


@EVERY_SEED
def test_generalized_test_part_holds_all_unseen_classes_and_some_seen_pairs(seed):
    y = np.random.default_rng(seed).integers(10, size=400)
    train, test = split_pairs(y, y, "generalized", random_state=seed)
    seen = np.unique(y[train])
    assert len(seen) == 5
    assert set(y[test]) == set(y)
    assert set(np.flatnonzero(~np.isin(y, seen))) <= set(test)
    n_seen = np.isin(y, seen).sum()
    assert abs(np.isin(y[test], seen).sum() - 0.3 * n_seen) < 1


def test_pairs_without_labels_are_drawn_at_random():
    pairs = ImageTextPairs(np.zeros((20, 2)), np.zeros((20, 3)))
    train, test = split_pairs(pairs, random_state=0)
    assert (len(train), len(test)) == (14, 6)


def test_labels_of_any_type_are_split_alike():
    names = np.array(["a", "b", "c", "d", "e", "f"])[LABELS]
    for protocol in PROTOCOLS:
        of_numbers = split_pairs(LABELS, LABELS, protocol, random_state=1)
        of_names = split_pairs(LABELS, names.tolist(), protocol, random_state=1)
        for a, b in zip(of_numbers, of_names, strict=True):
            np.testing.assert_array_equal(a, b)


BAD_LABELS = [
    (None, "needs class labels y"),
    (np.eye(6)[LABELS], "one class per pair"),
    (LABELS + 0.5, "one class per pair"),
    (LABELS[:-1], "one label per row"),
]


@pytest.mark.parametrize("function", [split_pairs, inner_folds])
class TestErrors:
    def test_unknown_protocol(self, function):
        with pytest.raises(ValueError, match=r"protocol must be one of .* Got 'open'"):
            function(LABELS, LABELS, "open")

    @pytest.mark.parametrize(("y", "message"), BAD_LABELS)
    @pytest.mark.parametrize("protocol", ["extendable", "generalized"])
    def test_labels_that_cannot_be_kept_apart(self, function, protocol, y, message):
        with pytest.raises(ValueError, match=message):
            function(LABELS, y, protocol)


@pytest.mark.parametrize("protocol", ["extendable", "generalized"])
def test_fewer_than_four_classes_are_too_few_to_be_kept_apart(protocol):
    with pytest.raises(ValueError, match=r"at least 4 classes.* Got 3 in y"):
        split_pairs(LABELS, LABELS % 3, protocol)


@pytest.mark.parametrize("n_classes", range(2, 9))
@pytest.mark.parametrize("n_splits", [2, 3])
def test_inner_folds_leave_two_classes_on_either_side(n_classes, n_splits):
    y = np.arange(120) % n_classes
    folds = inner_folds(y, y, "extendable", n_splits=n_splits, random_state=0)
    for train, test in folds:
        assert len(set(y[train])) >= 2
        assert len(set(y[test])) >= 2
        assert n_classes < 4 or not set(y[train]) & set(y[test])


@pytest.mark.parametrize("y", [LABELS, None], ids=["labels", "no labels"])
@EVERY_SEED
def test_inner_folds_of_the_standard_protocol_validate_every_row_once(y, seed):
    folds = inner_folds(LABELS, y, n_splits=4, random_state=seed)
    assert len(folds) == 4
    validated = np.concatenate([test for _, test in folds])
    np.testing.assert_array_equal(np.sort(validated), np.arange(120))
    for train, test in folds:
        assert not set(train) & set(test)
        assert y is None or np.bincount(y[test]).tolist() == 6 * [5]


def test_inner_folds_move_with_the_seed():
    a, b, c = (inner_folds(LABELS, LABELS, random_state=seed) for seed in (0, 0, 1))
    assert a[0][1].tolist() == b[0][1].tolist() != c[0][1].tolist()
