"""What all functions of this part ask of their arguments."""

import numpy as np

from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.utils._validation import (
    as_labels,
    check_not_signs,
    check_same_length,
    check_some_labelled,
    is_continuous,
    is_labelled,
)

#: Names of the protocols: "standard", "extendable", "generalized".
PROTOCOLS = ("standard", "extendable", "generalized")


def check_protocol(protocol):
    """Raise a ValueError unless there is such a protocol."""
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"protocol must be one of {list(PROTOCOLS)}. Got {protocol!r}."
        )


def check_classes(rows, y, protocol):
    """Validate protocol and labels, return y of shape (n_samples,) or None.

    Some pairs may be without a label.
    """
    check_protocol(protocol)
    if y is None:
        if protocol != "standard":
            raise ValueError(
                f"The {protocol} protocol needs class labels y, since it keeps classes "
                "out of training. Got y=None."
            )
        return None
    given, y = y, as_labels(y, allow_missing=True)
    if y.ndim != 1 or is_continuous(y):
        raise ValueError(
            "y must hold one class per pair. Got an array of shape "
            f"{y.shape} and type {y.dtype}. Split pairs of several classes by their "
            "main one."
        )
    check_same_length(rows, given)
    check_not_signs(y)
    check_some_labelled(is_labelled(y))
    return y


def check_pairs(pairs):
    """Raise a TypeError unless rows of both modalities can be taken together."""
    if not isinstance(pairs, ImageTextPairs):
        raise TypeError(
            "pairs must be ImageTextPairs, such as ImageTextPairs(X_img, X_txt). Got "
            f"{type(pairs).__name__}."
        )


def labels_of(y, rows):
    """Return the labels of some rows, None where there are none."""
    return None if y is None else y[rows]


def labelled_rows(y, rows):
    """Return those rows that have a label, all where there are no labels at all."""
    return rows if y is None else rows[is_labelled(y[rows])]


def classes_of(y):
    """Return the distinct labels."""
    return np.unique(y[is_labelled(y)])


def count_classes(y):
    """Return the number of classes, None where there are no labels."""
    return None if y is None else len(set(y[is_labelled(y)].tolist()))
