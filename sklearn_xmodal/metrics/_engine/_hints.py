"""Pictures of several texts that nobody has told of: a warning beside the number."""

import warnings

import numpy as np

from sklearn_xmodal.metrics._engine._equal import integer_rows
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._validation import as_labels, encode_labels

#: How the warning begins.
IMAGE_CODES_REPEAT = "Image codes repeat"
# Fewer change scores by less than what chance does.
_SHARE_THAT_MATTERS = 0.1
# Of the largest number of a code: codes of equal features, computed in float32.
_ROUNDING = 1e-6


def warn_of_copies(Z_img, Z_txt, y):
    """Warn where equal image codes with other texts count as items of their own.

    Without labels a copy is no right answer to the texts of the others. Labels of
    classes are shared by copies, but where they are ids of the pictures, copies still
    fill the first places. Codes of integers are equal for other reasons.
    """
    n = len(Z_img)
    # Equal rows are neighbours in the order of their first numbers.
    order = np.argsort(Z_img[:, 0], kind="stable")
    least = max(_SHARE_THAT_MATTERS * n, 1)
    largest = _largest(Z_img)
    if np.count_nonzero(_equal_neighbours(Z_img[:, :1], order, largest)) < least:
        return
    is_copy = _equal_neighbours(Z_img, order, largest)
    if is_copy.all() or np.count_nonzero(is_copy) < least:
        return
    other_text = is_copy & ~_equal_neighbours(Z_txt, order, _largest(Z_txt))
    if np.count_nonzero(other_text) < least or integer_rows(Z_img) is not None:
        return
    if y is not None and not _are_ids(as_labels(y), is_copy, order):
        return
    warnings.warn(
        f"{IMAGE_CODES_REPEAT} where texts differ, and each copy counts as an item of "
        "its own. If these are pictures of several texts, pass the ids of the pictures "
        "as groups: each is then one query and one item, to which all of its texts are "
        "relevant. If all are different items, pass groups=np.arange(n_samples).",
        UserWarning,
        stacklevel=2,  # one place, so that a search does not repeat it
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
