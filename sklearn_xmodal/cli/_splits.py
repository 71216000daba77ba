"""Training and test parts of the user's pairs: groups, and pairs without a label."""

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.model_selection import (
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from sklearn_xmodal.protocols import count_repeats, split_pairs
from sklearn_xmodal.protocols._repeats import describe_repeats


def class_codes(data):
    """Return the number of every pair's class, -1 without a label; None without y."""
    if data.y is None or data.labelled.all():
        return data.y
    codes = np.full(len(data.y), -1)
    known = data.labelled
    codes[known] = np.unique(data.y[known], return_inverse=True)[1]
    return codes


def draw_split(data, protocol, seed):
    """Return row numbers of a training and a test part.

    All of the test part have a label. Pairs without one are in the training part of the
    standard protocol; elsewhere nobody knows whether training may see their classes.
    """
    if protocol == "standard" and data.test_rows is not None:
        train, test = _given_split(data)
        return train, test if data.y is None else test[data.labelled[test]]
    return split_pairs(
        data.pairs, class_codes(data), protocol, groups=data.groups, random_state=seed
    )


def _given_split(data):
    return np.setdiff1d(np.arange(len(data.pairs)), data.test_rows), data.test_rows


def hold_out(data, protocol, fraction, seed):
    """Return rows to fit to, and rows kept back: those given, or some of the labelled.

    Whole groups are kept back, and in the other protocols than the standard one whole
    classes.
    """
    if fraction is None:
        train, test = _given_split(data)
        test = test if data.y is None else test[data.labelled[test]]
    else:
        with told(f"--test {fraction:g}"):
            train, test = _draw_part(data, protocol, fraction, seed)
    if data.groups is None:
        return train, test
    on_both = np.isin(data.groups[train], data.groups[test])
    if fraction is None and on_both.any():
        raise CommandError(
            "--test must hold whole groups (--groups): got "
            f"{len(np.unique(data.groups[train][on_both]))} groups on both sides"
        )
    return train[~on_both], test


def _draw_part(data, protocol, fraction, seed):
    """Draw a part of the pairs, where there are groups a part of these."""
    y, rows = class_codes(data), np.arange(len(data.pairs))
    known = rows if y is None else rows[data.labelled]
    one_each = known
    if data.groups is not None:
        one_each = known[np.unique(data.groups[known], return_index=True)[1]]
    labels = None if y is None else y[one_each]
    options = {"test_size": fraction, "random_state": seed}
    if protocol == "standard":
        _, test = train_test_split(one_each, stratify=labels, **options)
    else:
        splitter = ClassDisjointShuffleSplit(1, **options)
        if protocol == "generalized":
            splitter = GeneralizedShuffleSplit(1, seen_test_size=fraction, **options)
        test = one_each[next(splitter.split(one_each, labels))[1]]
    if data.groups is not None:
        test = known[np.isin(data.groups[known], data.groups[test])]
    return np.setdiff1d(rows, test), test


def tell_repeats(data, train, test, where):
    """Warn of test items whose features are those of a training item."""
    words = describe_repeats(count_repeats(data.pairs, train, test), len(test))
    if words:
        hint = "."
        if data.groups is None:
            hint += " --groups keeps pairs of own files together."
        data.warn(f"{where}: {words}{hint}")
