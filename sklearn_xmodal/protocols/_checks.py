"""What all functions of this part ask of their arguments."""

import numpy as np
from sklearn.model_selection import check_cv

from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.utils._validation import (
    SCORE_BY_PAIRS,
    as_labels,
    check_all_named,
    check_not_signs,
    check_same_length,
    check_some_labelled,
    encode_labels,
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
    check_some_labelled(is_labelled(y), SCORE_BY_PAIRS)
    return y


def check_groups(rows, groups, y=None, protocol="standard"):
    """Validate groups: return their numbers of shape (n_samples,), or None.

    Where classes are kept apart, groups have to be of one class each.
    """
    if groups is None:
        return None
    given, ids = groups, as_labels(groups, "groups")
    if ids.ndim != 1:
        raise ValueError(
            f"groups must hold one id per pair. Got an array of shape {ids.shape}."
        )
    check_same_length(rows, given, name="groups")
    check_all_named(ids, "groups must name the group of every pair")
    numbers = encode_labels(ids)[1]
    if protocol != "standard":
        known = is_labelled(y)
        of_class = set(zip(numbers[known].tolist(), y[known].tolist(), strict=True))
        if n_mixed := len(of_class) - len(set(numbers[known].tolist())):
            raise ValueError(
                f"groups must be of one class each in the {protocol} protocol, which "
                f"keeps classes apart. Got {n_mixed} times a second class in a group."
            )
    return numbers


def takes_groups(cv):
    """Whether a splitter keeps groups together, which others ignore with a warning."""
    if not hasattr(cv, "get_metadata_routing"):
        return False
    return cv.get_metadata_routing().split.requests.get("groups") is True


def folds_of(cv, pairs, y, groups):
    """Return the folds of a splitter, which gets the groups if it takes any."""
    cv = check_cv(cv, y)
    given = {"groups": groups} if groups is not None and takes_groups(cv) else {}
    return list(cv.split(pairs, y, **given))


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
