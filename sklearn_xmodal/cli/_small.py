"""Classes that are too small for folds: told once, in words of this package."""

import warnings
from contextlib import contextmanager

import numpy as np

_MOST_NAMED = 4
_MIN_CLASSES = 4  # of which whole ones can be left out


def say_small_classes(y, n_folds, protocol):
    """Return which classes have fewer pairs than there are folds, empty for none.

    y: labels of the training part, of which all are known.
    """
    classes, sizes = np.unique(y, return_counts=True)
    if protocol != "standard" and len(classes) >= _MIN_CLASSES:
        return ""  # folds hold whole classes
    order = np.argsort(sizes, kind="stable")[: (sizes < n_folds).sum()]
    if not len(order):
        return ""
    named = ", ".join(f"{classes[i]} ({sizes[i]})" for i in order[:_MOST_NAMED])
    more = len(order) - _MOST_NAMED
    others = f" and {more} more" if more > 0 else ""
    return (
        f"{len(order)} of {len(classes)} classes to train on have fewer pairs than the "
        f"search has folds ({n_folds}): {named}{others}. Settings are hardly chosen "
        "for them. --min-class-size leaves such classes out."
    )


@contextmanager
def silent_about_small_classes():
    """Keep scikit-learn's words for the same back."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class in y")
        yield
