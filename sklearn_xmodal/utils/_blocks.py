"""How many rows go through at a time."""

import sys

# Of features that are read.
_VALUES = 2**22
# Of what is computed row by row: larger blocks are no faster.
_MOST_BYTES = 2**26


def row_blocks(n_rows, width, budget=None, *, least=1, most=None):
    """Cut rows into slices of what `budget` takes, `width` being a row in its unit.

    The default budget is a number of values that suits features. Every block but the
    last has at least `least` rows, and at most `most`; of no rows there is one empty
    slice.
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
