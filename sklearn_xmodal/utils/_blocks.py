"""How many rows go through at a time."""

import sys

# Of features that are read.
_VALUES = 2**22
# Of what is computed row by row: larger blocks are no faster.
_MOST_BYTES = 2**26


def row_blocks(n_rows, width, budget=None, *, least=1, most=None):
    """Cut rows into slices of bounded size.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    width : int
        What a row takes, in the unit of `budget`: values or bytes.

    budget : float, default=None
        What a block may take; `None` is a number of values that suits features.

    least : int, default=1
        Rows of every block but the last, whatever they take.

    most : int, default=None
        Rows of a block at most.

    Returns
    -------
    blocks : list of slice
        Together all rows, in order; one empty slice of no rows.
    """
    step = max(least, int((_VALUES if budget is None else budget) // width))
    step = step if most is None else min(most, step)
    starts = range(0, max(n_rows, 1), step)
    return [slice(start, min(start + step, n_rows)) for start in starts]


def working_memory():
    """Return how many bytes a block of computed values may take."""
    if "sklearn" not in sys.modules:  # whose setting it is
        return _MOST_BYTES
    from sklearn import get_config

    return min(_MOST_BYTES, get_config()["working_memory"] * 2**20)
