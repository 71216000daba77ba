"""From the scores of a block of queries to the places of the relevant items.

Everything a ranking metric with binary relevance can ask for is held by
`RankedBlock`; a metric is a function of it (`_formulas.py`).
Costs are negated scores, see `_costs.py`.
"""

from dataclasses import dataclass

import numpy as np


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


def rank_block(costs, columns, *, ties):
    """Ranking of the relevant `columns` of each row, of costs (n_rows, n_gallery).

    Costs are floats of absolute values below 2, and are overwritten. Columns are in
    ascending order, at least one per row. Equal scores stay a group ("average") or are
    ordered by gallery column ("stable").
    """
    # Only scores are sorted, never their indices: each becomes an integer of the same
    # order, with a last bit that says "relevant". An in-place sort of integers runs at
    # the speed of SIMD, and no score is rounded for it.
    n_gallery = costs.shape[1]
    n_relevant = np.fromiter(map(len, columns), np.intp, len(columns))
    if (n_relevant == 1).all():
        return _rank_single_items(costs, np.concatenate(columns), ties)
    keys = costs.view(np.int32 if costs.dtype == np.float32 else np.int64)
    indptr = np.concatenate(([0], np.cumsum(n_relevant)))
    n_above = np.empty(indptr[-1], dtype=np.intp)
    marks = np.empty(n_gallery, dtype=np.uint8)
    groups = [np.empty((4, 0), dtype=np.intp)]
    for row, column, start, stop in zip(
        keys, columns, indptr[:-1], indptr[1:], strict=True
    ):
        _to_sortable(row)
        row[column] |= 1
        unsorted = row.copy() if ties == "stable" else None
        row.sort()
        places = _marked(row, marks)
        # Behind the irrelevant items of the same score, whose last bit is 0.
        is_tied = row.take(places) - row.take(places - 1) == 1
        if is_tied.any():
            if unsorted is None:
                groups.append(_tied_groups(row, places, is_tied, start))
            else:
                in_order = unsorted[np.argsort(unsorted >> 1, kind="stable")]
                places = _marked(in_order, marks)
        n_above[start:stop] = places
    n_relevant_above = np.arange(indptr[-1]) - np.repeat(indptr[:-1], n_relevant)
    tied, n_above_tied, n_tied, n_relevant_tied = np.hstack(groups)
    n_above[tied] = n_above_tied
    if (n_relevant_tied > 1).any():
        # A group has several relevant items, but one entry.
        keep = _first_of_group(n_above.size, tied, n_relevant_tied)
        n_above, n_relevant_above = n_above[keep], n_relevant_above[keep]
        entry = np.concatenate(([0], np.cumsum(keep)))
        indptr, tied = entry[indptr], entry[tied]
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


def _to_sortable(row):
    """Turn float bits into even integers of the same order, in place.

    The magnitude m of a float is ordered like its bits, and below 2 the first of them
    is zero, so 2 m loses nothing. As an integer a negative float reads m - 2^31 (or
    2^63), of which twice the absolute value wraps around to -2 m. Both zeros become 0.
    """
    np.abs(row, out=row)
    row <<= 1


def _marked(row, marks):
    """Places of the odd integers."""
    # The last byte is enough, and faster to search.
    np.copyto(marks, row, casting="unsafe")
    marks &= 1
    return marks.view(bool).nonzero()[0]


def _rank_single_items(costs, columns, ties):
    """Count what is better than the only relevant item of each row: no sort."""
    rows = np.arange(columns.size)
    n_above, n_tied = np.empty((2, columns.size), dtype=np.intp)
    for i, (row, column, own) in enumerate(
        zip(costs, columns, costs[rows, columns], strict=True)
    ):
        n_above[i] = np.count_nonzero(row < own)
        is_equal = row == own
        n_tied[i] = np.count_nonzero(is_equal)
        if ties == "stable" and n_tied[i] > 1:
            n_above[i] += np.count_nonzero(is_equal[:column])
            n_tied[i] = 1
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


def _tied_groups(row, places, is_tied, offset):
    """Entry, items above, size and relevant size of the groups of one row."""
    first = np.flatnonzero(is_tied)
    keys = row[places[first]]
    left = row.searchsorted(keys - 1)
    right = row.searchsorted(keys, side="right")
    return np.array([first + offset, left, right - left, right - places[first]])


def _first_of_group(n_entries, first, size):
    """Mask of the entries that are not a later member of a group."""
    depth = np.zeros(n_entries + 1, dtype=np.intp)
    depth[first + 1] += 1
    depth[first + size] -= 1
    return np.cumsum(depth[:-1]) == 0
