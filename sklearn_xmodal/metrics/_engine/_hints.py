"""Pictures of several texts that nobody has told of: a warning beside the number."""

import warnings
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from sklearn_xmodal.metrics._engine._equal import integer_rows
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._validation import as_labels, encode_labels

#: What every such warning says.
EACH_COPY_COUNTS = "each copy counts as an item of its own"
# Fewer change scores by less than what chance does.
_SHARE_THAT_MATTERS = 0.1
# Of the largest number of a code: codes of equal features, computed in float32.
_ROUNDING = 1e-6


# Searches score many times, and the filter that shows a warning once forgets that.
_is_of_estimator: ContextVar = ContextVar("_is_of_estimator", default=False)
_told_of_estimators: set = set()


@contextmanager
def told_once():
    """Score an estimator, which searches do many times: warn at the first."""
    token = _is_of_estimator.set(True)
    try:
        yield
    finally:
        _is_of_estimator.reset(token)


def warn_of_copies(Z, partners, y=None, *, names=("Image codes", "texts", "groups")):
    """Warn where equal codes count as different items, with a partner each.

    Without labels a copy is no right answer to the partners of the others. Labels of
    classes are shared by copies, but where they are ids of the items, copies still fill
    the first places. Codes of integers are equal for other reasons. Names are those of
    both sides, and of the argument that says which rows are one item.
    """
    if _is_of_estimator.get() and names in _told_of_estimators:
        return
    # Equal rows are neighbours in the order of their first numbers.
    order = np.argsort(Z[:, 0], kind="stable")
    least = max(_SHARE_THAT_MATTERS * len(Z), 1)
    largest = _largest(Z)
    if np.count_nonzero(_equal_neighbours(Z[:, :1], order, largest)) < least:
        return
    is_copy = _equal_neighbours(Z, order, largest)
    if is_copy.all() or np.count_nonzero(is_copy) < least:
        return
    other_partner = is_copy & ~_equal_neighbours(partners, order, _largest(partners))
    if np.count_nonzero(other_partner) < least or integer_rows(Z) is not None:
        return
    if y is not None and not _are_ids(as_labels(y), is_copy, order):
        return
    through = ""
    if _is_of_estimator.get():
        _told_of_estimators.add(names)
        through = (
            " The score of a Pipeline drops them without metadata routing; a scorer "
            "does not: get_retrieval_scorer('map')(pipeline, pairs, groups=ids)."
        )
    codes, others, ids = names
    warnings.warn(
        f"{codes} repeat where {others} differ, and {EACH_COPY_COUNTS}. If copies are "
        f"one item, such as a picture of several texts, pass its id as {ids}: it then "
        "counts once, and all of its partners are relevant. If all are different "
        f"items, pass {ids}=np.arange(n).{through}",
        UserWarning,
        stacklevel=2,
    )


def _largest(Z):
    """Largest absolute number of each row."""
    return np.maximum(Z.max(axis=1), -Z.min(axis=1))


def _equal_neighbours(Z, order, largest):
    """Which rows of Z, in an order, are equal to the row before, (n_rows - 1,)."""
    most_apart = _ROUNDING * largest[order[1:]]
    is_equal = np.empty(len(Z) - 1, dtype=bool)
    for rows in row_blocks(is_equal.size, Z.shape[1]):
        before, after = order[:-1][rows], order[1:][rows]
        is_equal[rows] = np.abs(Z[before] - Z[after]).max(axis=1) <= most_apart[rows]
    return is_equal


def _are_ids(y, is_copy, order):
    """Whether labels differ just where pictures do, which neighbours in order tell."""
    if y.ndim != 1 or len(y) != len(order):
        return False
    classes, label = encode_labels(y)
    label = label[order]
    is_same = label[1:] == label[:-1]
    return np.array_equal(is_same, is_copy) and len(classes) == 1 + sum(~is_copy)
