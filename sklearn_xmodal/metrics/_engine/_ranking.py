"""From the scores of a block of queries to the places of the relevant items.

Everything a ranking metric with binary relevance can ask for is held by
`RankedBlock`; a metric is a function of it (`_formulas.py`).
Costs are negated scores, see `_costs.py`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_xmodal.metrics._engine._equal import (
    group_starts,
    groups_of_several,
    halves_of,
    runs_around,
    runs_of_several,
    to_integers,
)
from sklearn_xmodal.utils._blocks import row_blocks

# Values of rows that are looked at together: few calls, and a part of the cache.
_SORTED_TOGETHER = 2**19
# Up to one in so many, relevant items are faster looked at than all differences.
_FEW = 16
# Beyond so many tolerances nothing is equal, however differences are rounded.
_WIDER = 1.25


@dataclass(frozen=True)
class RankedBlock:
    """Places of the relevant gallery items of a block of queries.

    One entry stands for one relevant item, or for a group of gallery items with
    equal score, relevant and irrelevant ones (at least one of each). The entries of
    a query are adjacent and ordered from the best to the worst. Groups are few in
    most rankings, so what only they have is kept aside.

    Relevant items that tie only with each other need no group: as a run of single
    items they give the same value to every metric.
    """

    n_above: np.ndarray  # (n_entries,): items with a higher score
    n_relevant_above: np.ndarray  # (n_entries,): relevant ones among them
    indptr: np.ndarray  # (n_rows + 1,): row i has the entries indptr[i]:indptr[i + 1]
    n_relevant: np.ndarray  # (n_rows,): relevant items of the whole gallery
    n_gallery: int
    tied: np.ndarray  # (n_groups,): which entries are groups
    n_tied: np.ndarray  # (n_groups,): items of each
    n_relevant_tied: np.ndarray  # (n_groups,): relevant items of each

    @classmethod
    def of_one_tie(cls, n_relevant, n_gallery):
        """Rankings in which the whole gallery has one score."""
        rows = np.arange(n_relevant.size + 1)
        none, all_tied = np.zeros_like(n_relevant), np.full_like(n_relevant, n_gallery)
        return cls(
            none, none, rows, n_relevant, n_gallery, rows[:-1], all_tied, n_relevant
        )

    def sum_per_query(self, values):
        """Add up one value per entry over the entries of each query."""
        return np.add.reduceat(values, self.indptr[:-1])

    def retrieved_with(self):
        """Items, and relevant items, retrieved up to and with each entry."""
        n_retrieved, n_found = self.n_above + 1, self.n_relevant_above + 1
        n_retrieved[self.tied] += self.n_tied - 1
        n_found[self.tied] += self.n_relevant_tied - 1
        return n_retrieved, n_found


def rank_block(costs, columns, *, ties, tolerance=0.0, error=0.0, settle=None):
    """Ranking of the relevant `columns` of each row, of costs (n_rows, n_gallery).

    Costs are floats of absolute values below 2, and are overwritten. Columns are in
    ascending order, at least one per row. What is equal within the tolerance, see
    `_equal.py`, stays a group ("average") or is ordered by gallery column ("stable").

    Where each row has one relevant item, costs may have an error, with
    ``settle(row, columns)`` for those without.
    """
    # Only scores are sorted, never their indices: each becomes an integer of the same
    # order, with a last bit that says "relevant". An in-place sort of integers runs at
    # the speed of SIMD.
    n_rows, n_gallery = costs.shape
    n_relevant = np.fromiter(map(len, columns), np.intp, n_rows)
    columns = np.concatenate(columns)
    if (n_relevant == 1).all():
        near = _Near(ties, tolerance, error, settle)
        return _rank_single_items(costs, columns, near)
    indptr = np.concatenate(([0], np.cumsum(n_relevant)))
    n_above = np.empty(columns.size, dtype=np.intp)
    groups = [np.empty((4, 0), dtype=np.intp)]
    for rows in row_blocks(n_rows, n_gallery, _SORTED_TOGETHER):
        first, last = indptr[rows.start], indptr[rows.stop]
        starts = np.arange(rows.stop - rows.start) * n_gallery
        offsets = np.repeat(starts, n_relevant[rows])
        places, found = _places(
            costs[rows], columns[first:last] + offsets, ties, tolerance
        )
        n_above[first:last] = places - offsets
        found[1] %= n_gallery
        found[0] += first
        groups.append(found)
    tied, n_above_tied, n_tied, n_relevant_tied = np.hstack(groups)
    n_above[tied] = n_above_tied
    row_starts, entries = indptr[:-1], np.arange(columns.size)
    # A group has several relevant items, but one entry.
    later = _later_members(tied, n_relevant_tied)
    if later.size:
        is_entry = np.ones(columns.size, dtype=bool)
        is_entry[later] = False
        entries = np.flatnonzero(is_entry)
        n_above = n_above[entries]
        indptr = indptr - later.searchsorted(indptr)
        tied = tied - later.searchsorted(tied)
    n_relevant_above = entries - np.repeat(row_starts, np.diff(indptr))
    return RankedBlock(
        n_above,
        n_relevant_above,
        indptr,
        n_relevant,
        n_gallery,
        tied,
        n_tied,
        n_relevant_tied,
    )


def _places(costs, relevant, ties, tolerance):
    """Places of relevant items, and groups that hold others, too (`_mixed_groups`).

    Items and places are counted through all rows.
    """
    keys = to_integers(costs, tolerance, out=costs.view(f"i{costs.itemsize}"))
    keys.ravel()[relevant] |= 1
    unsorted = keys.copy() if ties == "stable" else None
    keys.sort(axis=1)
    marks, places = _marked(keys, relevant.size)
    keys >>= 1
    mixed = _mixed_groups(keys, marks, places, halves_of(tolerance, costs.dtype))
    if unsorted is None or not mixed.size:
        return places, mixed
    _, places = _marked(_in_gallery_order(unsorted, mixed), relevant.size)
    return places, mixed[:, :0]


def _marked(keys, n_marked):
    """Find the odd integers, of which there are `n_marked`: a mask, and their places.

    The mask is flat, and may go on behind the last integer.
    """
    # NumPy searches a mask one by one where at most a tenth is set. Beyond a thirtieth,
    # some more at the end make it take the search for many, which is faster.
    n_more = max(0, keys.size // 9 - n_marked) if 30 * n_marked > keys.size else 0
    marks = np.ones(keys.size + n_more, dtype=np.uint8)
    # The last byte is enough.
    np.copyto(marks[: keys.size].reshape(keys.shape), keys, casting="unsafe")
    marks &= 1
    marks = marks.view(bool)
    return marks, np.flatnonzero(marks)[:n_marked]


def _mixed_groups(values, marks, places, most_apart):
    """Find groups of equal values with relevant items, those at `places`, and others.

    Returns the first of these places, items above, size and relevant size of each.
    """
    runs = None
    if _FEW * places.size < values.size:
        runs = runs_around(values, places, most_apart, marks)
    starts, stops = runs or runs_of_several(values, most_apart, marks)
    runs = _mixed(starts, stops, places)
    first_of_run = runs[1]
    starts, stops = groups_of_several(
        values, first_of_run, first_of_run + runs[2], most_apart
    )
    return runs if starts is first_of_run else _mixed(starts, stops, places)


def _mixed(starts, stops, places):
    first = places.searchsorted(starts)
    n_tied, n_relevant_tied = stops - starts, places.searchsorted(stops) - first
    is_mixed = (n_relevant_tied > 0) & (n_relevant_tied < n_tied)
    return np.array([first, starts, n_tied, n_relevant_tied])[:, is_mixed]


def _in_gallery_order(keys, groups):
    """Sort rows of integers by value, and groups of equal values by column."""
    order = np.argsort(keys >> 1, axis=1, kind="stable").ravel()
    for start, size in groups[1:3].T:
        order[start : start + size].sort()
    return np.take_along_axis(keys, order.reshape(keys.shape), axis=1)


def _rank_single_items(costs, columns, near):
    """Count what is better than the only relevant item of each row: no sort."""
    own = costs[np.arange(columns.size), columns]
    n_above, n_tied = np.empty((2, columns.size), dtype=np.intp)
    margin = _WIDER * near.tolerance + 2 * near.error
    low, high = (own - margin)[:, None], (own + margin)[:, None]
    for rows in row_blocks(len(costs), costs.shape[1], _SORTED_TOGETHER):
        is_better, is_not_worse = costs[rows] < low[rows], costs[rows] <= high[rows]
        n_above[rows] = [*map(np.count_nonzero, is_better)]
        n_tied[rows] = [*map(np.count_nonzero, is_not_worse)]
        n_tied[rows] -= n_above[rows]
        if not margin and near.ties == "average":
            continue
        for i in rows.start + np.flatnonzero(n_tied[rows] > 1):
            j = i - rows.start
            around = np.flatnonzero(is_better[j] ^ is_not_worse[j])
            n_better = near.count_better(i, costs[i], columns[i], around)
            if n_better is None:
                n_above[i], n_tied[i] = near.place(i, costs[i], columns[i])
            else:
                n_above[i], n_tied[i] = n_above[i] + n_better, 1
    (tied,) = (n_tied > 1).nonzero()
    indptr = np.arange(columns.size + 1)
    one = np.ones_like(columns)
    return RankedBlock(
        n_above,
        np.zeros_like(columns),
        indptr,
        one,
        costs.shape[1],
        tied,
        n_tied[tied],
        one[tied],
    )


@dataclass(frozen=True)
class _Near:
    """What decides on items that may be equal to a relevant one."""

    ties: str
    tolerance: float
    error: float  # of costs, where `settle` tells more
    settle: Any

    def count_better(self, i, row, column, around):
        """How many items around one are better; None if some may be equal."""
        costs = self.settle(i, around) if self.error else row[around]
        apart = costs - costs[around.searchsorted(column)]
        if np.count_nonzero(np.abs(apart) <= _WIDER * self.tolerance) > 1:
            return None
        return np.count_nonzero(apart < 0)

    def place(self, i, row, column, reach=4):
        """Items above one item of row i, and items in its group."""
        distance = reach * self.tolerance + 2 * self.error
        low, high = row[column] - distance, row[column] + distance
        around = np.flatnonzero((row >= low) & (row <= high))
        costs = self.settle(i, around) if self.error else row[around]
        values = to_integers(costs, self.tolerance) >> 1
        order = np.argsort(values, kind="stable")
        values, around = values[order], around[order]
        own = np.flatnonzero(around == column)[0]
        most_apart = halves_of(self.tolerance, row.dtype)
        # Where a chain of near costs comes from further above, groups begin up there.
        gaps = np.flatnonzero(values[1 : own + 1] - values[:own] > most_apart)
        first = gaps[-1] + 1 if gaps.size else 0
        if values[own] - values[first] > (reach - 2) * most_apart > 0:
            return self.place(i, row, column, reach=8 / self.tolerance)
        starts = group_starts(values, most_apart)
        group = starts.searchsorted(own, side="right") - 1
        start, stop = np.append(starts, values.size)[group : group + 2]
        n_above = np.count_nonzero(row < low) + start
        if self.ties == "stable":
            return n_above + np.count_nonzero(around[start:stop] < column), 1
        return n_above, stop - start


def _later_members(first, size):
    """Entries of groups, of which the first and the number are given, but the first."""
    ends = np.cumsum(size - 1)
    starts = np.repeat(first + 1 - ends + size - 1, size - 1)
    return starts + np.arange(starts.size)
