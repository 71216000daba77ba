"""Which similarities of a query count as equal: the one place that decides.

Equal cosines seldom come out as equal floats, as sums round. So

- codes of integers have equal cosines just where these are equal as fractions, also
  where rows are integers times a power of two, or -1, 0 and 1 times any number;
- of other codes, a group of equal ones holds the best similarity that is in no group
  yet and all that are less by at most a tolerance: 2^-22 (2.4e-7) where every number of
  the gallery is one of float32, which hardly tells directions apart any better, else
  2^-40 (9.1e-13). However dense similarities lie, no group gets wider.

Similarities are computed in float64. What its rounding changes is far below either
tolerance, so groups do not depend on blocks, threads or the order of components.
"""

import numpy as np

from sklearn_xmodal.utils._blocks import row_blocks

# Rounding to float32 turns a direction by 2^-24 at most: cosines with two that were the
# same differ by 2^-23, and by 2^-24 more where they are kept in float32.
TOLERANCE_OF_FLOAT32 = 2.0**-22
# A cosine of unit rows of width d is within about d 2^-53, and mostly far closer.
TOLERANCE_OF_FLOAT64 = 2.0**-40

# Integers are looked for with so many bits, and first in a few rows.
_INTEGER_BITS = 13
_ROWS_TO_TRY = 16
# Float64 holds all integers up to it.
_EXACT = 2.0**53


def tolerance_of(gallery):
    """Return the tolerance of cosines with the rows of a gallery (n, n_components)."""
    if gallery.dtype == np.float32:
        return TOLERANCE_OF_FLOAT32
    for rows in row_blocks(*gallery.shape):
        with np.errstate(over="ignore", under="ignore"):
            if not np.array_equal(gallery[rows].astype(np.float32), gallery[rows]):
                return TOLERANCE_OF_FLOAT64
    return TOLERANCE_OF_FLOAT32


def integer_rows(Z):
    """Return rows of integers, in float64, with the directions of those of Z, or None.

    Rows have to be integers of 13 bits times a power of two, or -1, 0 and 1 times any
    number.
    """
    if _as_integers(Z[:_ROWS_TO_TRY].astype(np.float64)) is None:
        return None
    integers = None
    for rows in row_blocks(*Z.shape):
        part = _as_integers(Z[rows].astype(np.float64))
        if part is None:
            return None
        if integers is None:
            integers = np.empty(Z.shape)
        integers[rows] = part
    return integers


def _as_integers(Z):
    largest = np.abs(Z).max(axis=1, keepdims=True)
    scaled = np.ldexp(Z, _INTEGER_BITS - np.frexp(largest)[1])
    is_sign = np.all((Z == 0) | (np.abs(Z) == largest), axis=1)
    scaled[is_sign] = np.sign(Z[is_sign])
    integers = scaled.astype(np.int64)
    if not np.array_equal(integers, scaled):
        return None
    # The lowest bit that any number of a row has.
    bits = np.bitwise_or.reduce(integers, axis=1, keepdims=True)
    return integers // np.maximum(bits & -bits, 1)


class ExactCosines:
    """Cosines of rows of integers, from their exact inner products.

    A squared cosine is a fraction of integers. Below 2^53 both are exact, and their
    division rounds once: equal fractions become the same float.
    """

    def __init__(self, query, gallery):
        self.query = np.maximum(np.einsum("ij,ij->i", query, query), 1)
        self.gallery = np.maximum(np.einsum("ij,ij->i", gallery, gallery), 1)
        lengths = self.gallery[gallery.any(axis=1)]
        longest = lengths.max(initial=1)
        most = self.query.max() * longest
        self.are_exact = most < _EXACT
        # Whether float32 tells all different cosines apart. Of items of one length, it
        # does so for products up to 2^22. Otherwise squared cosines differ, relative to
        # the larger, by one over the squared lengths of query and both items at least.
        is_one_length = np.all(lengths == longest) and most <= 2.0**44
        self.fit_float32 = is_one_length or most * longest <= 2.0**21

    def divide(self, products, queries, columns):
        """Turn a block of inner products into cosines, in place."""
        squares = np.square(products)
        squares /= np.multiply.outer(self.query[queries], self.gallery[columns])
        np.copysign(np.sqrt(squares, out=squares), products, out=products)


def to_integers(costs, tolerance, out=None):
    """Return even integers in the order of costs, which have absolute values below 2.

    Without a tolerance nothing is rounded; with one, to 2^-28 of costs in float32, and
    to 2^-60 in float64. `out` may be the memory of the costs.
    """
    if out is None:
        out = np.empty(costs.shape, f"i{costs.itemsize}")
    if tolerance:
        scale = costs.dtype.type(2 / _unit_of(costs.dtype))
        np.multiply(costs, scale, out=out, casting="unsafe")
        out &= -2
        return out
    # The magnitude m of a float is ordered like its bits, and below 2 the first of them
    # is zero, so 2 m loses nothing. As an integer a negative float reads m - 2^31 (or
    # 2^63): twice the absolute value wraps around to -2 m. Both zeros become 0.
    np.abs(costs.view(out.dtype), out=out)
    out <<= 1
    return out


def halves_of(tolerance, dtype):
    """Return a tolerance of costs as one of the halves of `to_integers`."""
    return int(tolerance / _unit_of(dtype))


def _unit_of(dtype):
    return 2.0 ** (4 - 8 * np.dtype(dtype).itemsize)


def runs_of_several(values, tolerance, marks=None):
    """Return starts and stops of the runs of which each value is close to the next.

    Values are integers (n_rows, n), ascending in each row, and counted through all
    rows. Runs of a single value are left out, and with marks, boolean and flat, those
    of values that are all marked or all not.
    """
    n, values = values.shape[1], values.ravel()
    is_close = values[1:] - values[:-1] <= tolerance
    is_close[n - 1 :: n] = False
    close = np.flatnonzero(is_close)
    if not close.size:
        return close, close
    last = np.flatnonzero(close[1:] - close[:-1] > 1)
    first, last = np.concatenate(([0], last + 1)), np.append(last, close.size - 1)
    if marks is not None:
        differ = marks[close] != marks[close + 1]
        is_mixed = np.logical_or.reduceat(differ, first)
        first, last = first[is_mixed], last[is_mixed]
    return close[first], close[last] + 2


def runs_around(values, places, tolerance, marks, steps=8):
    """Return what `runs_of_several` does from the marked places; None if runs are long.

    Every run that is marked in part has a marked value beside one that is not.
    """
    n, values = values.shape[1], values.ravel()
    own = values[places]
    before = own - values.take(places - 1, mode="clip") <= tolerance
    after = values.take(places + 1, mode="clip") - own <= tolerance
    starts = np.sort(np.concatenate((places[before] - 1, places[after])))
    starts = starts[(starts + 1) % n != 0]  # in one row
    starts = starts[marks[starts] != marks[starts + 1]]
    stops = starts + 2
    for _ in range(steps):
        previous = values.take(starts - 1, mode="clip")
        following = values.take(stops, mode="clip")
        is_longer = (starts % n != 0) & (values[starts] - previous <= tolerance)
        goes_on = (stops % n != 0) & (following - values[stops - 1] <= tolerance)
        if not (is_longer.any() or goes_on.any()):
            is_first = np.diff(starts, prepend=-1) > 0
            return starts[is_first], stops[is_first]
        starts, stops = starts - is_longer, stops + goes_on
    return None


def groups_of_several(values, starts, stops, tolerance):
    """Cut runs into groups: a first value, and what is larger by at most the tolerance.

    Groups of a single value are left out.
    """
    values = values.ravel()
    is_wide = values[stops - 1] - values[starts] > tolerance
    if not is_wide.any():
        return starts, stops
    cut = [
        _groups_of_run(values, start, stop, tolerance)
        for start, stop in zip(starts[is_wide], stops[is_wide], strict=True)
    ]
    groups = np.hstack([[starts[~is_wide], stops[~is_wide]], *cut])
    return groups[:, np.argsort(groups[0])]


def _groups_of_run(values, start, stop, tolerance):
    """Find the groups of several values within one run, (2, n_groups)."""
    run = values[start:stop]
    beyond = run.searchsorted(run + tolerance, side="right").tolist()
    here, groups = 0, []
    while here < len(beyond):
        if beyond[here] - here > 1:
            groups.append((here, beyond[here]))
        here = beyond[here]
    return np.array(groups, dtype=np.intp).T + start


def group_starts(values, tolerance):
    """Return where the groups of equal values begin, of ascending integers (n,)."""
    starts, stops = runs_of_several(values[None], tolerance)
    starts, stops = groups_of_several(values, starts, stops, tolerance)
    change = np.zeros(values.size + 1, dtype=np.intp)
    change[starts + 1] += 1
    change[stops] -= 1
    return np.flatnonzero(np.cumsum(change[:-1]) == 0)


def with_equal_ties(costs, tolerance):
    """Make those of each row of costs equal that count as equal, in place."""
    for row in costs if tolerance else ():
        values = to_integers(row, tolerance) >> 1
        order = np.argsort(values, kind="stable")
        starts = group_starts(values[order], halves_of(tolerance, row.dtype))
        sizes = np.diff(starts, append=row.size)
        row[order] = np.repeat(row[order[starts]], sizes)
    return costs
