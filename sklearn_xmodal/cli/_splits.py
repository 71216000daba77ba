"""Training and test parts of the user's pairs: groups, and pairs without a label."""

import numpy as np

from sklearn_xmodal.protocols import split_pairs


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
