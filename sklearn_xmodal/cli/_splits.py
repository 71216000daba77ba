"""Training and test parts of the user's pairs: groups, and pairs without a label."""

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, StratifiedGroupKFold

from sklearn_xmodal.protocols import inner_folds, split_pairs

_GROUPED_SPLITS = 3  # the test part of grouped pairs is one of three
_TEST_GROUPS = 0.3


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
    rows = np.arange(len(data.pairs))
    known = rows if data.y is None else rows[data.labelled]
    y = None if data.y is None else data.y[known]
    if protocol == "standard" and data.groups is not None:
        train, test = _split_groups(y, data.groups[known], seed)
    else:
        train, test = split_pairs(known, y, protocol, random_state=seed)
    train, test = known[train], known[test]
    if protocol == "standard" and len(known) < len(rows):
        extra = _apart(np.setdiff1d(rows, known), test, data.groups)
        train = np.concatenate([train, extra])
    return train, test


def _given_split(data):
    return np.setdiff1d(np.arange(len(data.pairs)), data.test_rows), data.test_rows


def _split_groups(y, groups, seed):
    if y is None:
        splitter = GroupShuffleSplit(1, test_size=_TEST_GROUPS, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(
            _GROUPED_SPLITS, shuffle=True, random_state=seed
        )
    return next(splitter.split(groups, y, groups))


def _apart(rows, others, groups):
    """Return the rows of no group that the others are of."""
    if groups is None:
        return rows
    return rows[~np.isin(groups[rows], groups[others])]


def draw_folds(data, train, protocol, *, n_splits, seed):
    """Return folds of a training part that keep groups apart and validate by label.

    `None` where the folds of the protocol do.
    """
    known = np.arange(len(train))
    known = known if data.y is None else known[data.labelled[train]]
    if data.groups is None and len(known) == len(train):
        return None
    y = None if data.y is None else data.y[train][known]
    groups = None if data.groups is None else data.groups[train]
    if groups is None or protocol != "standard":
        folds = inner_folds(known, y, protocol, n_splits=n_splits, random_state=seed)
    else:
        splitter = GroupKFold if y is None else StratifiedGroupKFold
        splitter = splitter(n_splits, shuffle=True, random_state=seed)
        folds = splitter.split(known, y, groups[known])
    extra = np.setdiff1d(np.arange(len(train)), known)
    return [
        (
            np.concatenate([known[fit], _apart(extra, known[check], groups)]),
            known[check],
        )
        for fit, check in folds
    ]
