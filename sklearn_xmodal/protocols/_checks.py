"""What all functions of this part ask of their arguments."""

from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.utils._validation import (
    as_labels,
    check_same_length,
    is_continuous,
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
    """Validate protocol and labels, return y of shape (n_samples,) or None."""
    check_protocol(protocol)
    if y is None:
        if protocol != "standard":
            raise ValueError(
                f"The {protocol} protocol needs class labels y, since it keeps classes "
                "out of training. Got y=None."
            )
        return None
    y = as_labels(y)
    if y.ndim != 1 or is_continuous(y):
        raise ValueError(
            "y must hold one class per pair. Got an array of shape "
            f"{y.shape} and type {y.dtype}. Split pairs of several classes by their "
            "main one."
        )
    check_same_length(rows, y)
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


def count_classes(y):
    """Return the number of classes, None where there are no labels."""
    return None if y is None else len(set(y.tolist()))
