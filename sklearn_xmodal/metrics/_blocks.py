"""From scores to the places of the relevant items, block by block of queries.

Everything a ranking metric with binary relevance can ask for is held by
`RankedBlock`; a metric is a function of it (`_per_query.py`).
Costs are negated scores, see `_costs.py`.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed

# Larger blocks fall out of the cache: the product and the sort of 20,000 float32
# scores per query become two to five times slower.
_CACHED_BYTES = 8 * 2**20

# Place, gain and temporary values of one relevant item: seven times 8 bytes.
_BYTES_PER_RELEVANT = 56

# Relevant columns of that many queries are listed at a time to be counted.
_ROWS_BY_CHANCE = 256


@dataclass(frozen=True)
class RankedBlock:
    """Places of the relevant gallery items of a block of queries.

    One entry stands for one relevant item, or for a group of gallery items with
    equal score, relevant and irrelevant ones (at least one of each). The entries of
    a query are adjacent and ordered from the best to the worst. Groups are few in
    most rankings, so what only they have is kept aside.

    Parameters
    ----------
    n_above : ndarray of shape (n_entries,)
        Items with a higher score.
    n_relevant_above : ndarray of shape (n_entries,)
        Relevant items with a higher score.
    indptr : ndarray of shape (n_rows + 1,)
        The entries of row i are ``indptr[i]:indptr[i + 1]``, at least one.
    n_relevant : ndarray of shape (n_rows,)
        Relevant items of the whole gallery.
    n_gallery : int
        Items of the whole gallery.
    tied : ndarray of shape (n_groups,)
        Which entries are groups.
    n_tied : ndarray of shape (n_groups,)
        Items of each group.
    n_relevant_tied : ndarray of shape (n_groups,)
        Relevant items of each group.

    Notes
    -----
    Relevant items that tie only with each other need no group: as a run of single
    items they give the same value to every metric.
    """

    n_above: np.ndarray
    n_relevant_above: np.ndarray
    indptr: np.ndarray
    n_relevant: np.ndarray
    n_gallery: int
    tied: np.ndarray
    n_tied: np.ndarray
    n_relevant_tied: np.ndarray

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
    """Find the places of the relevant items.

    Only scores are sorted, never their indices: each becomes an integer of the same
    order, with a last bit that says "relevant". An in-place sort of integers runs
    at the speed of SIMD, and no score is rounded for it.

    Parameters
    ----------
    costs : ndarray of shape (n_rows, n_gallery)
        Negated scores, float32 or float64, absolute values below 2. Overwritten.
    columns : list of n_rows ndarrays
        Relevant columns of each row, in ascending order, at least one.
    ties : {"average", "stable"}
        Whether equal scores stay a group, or are ordered by gallery column.

    Returns
    -------
    ranked : RankedBlock
        Places of the relevant items.
    """
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


def check_ranking_options(
    *, k=None, ties="average", zero_division="raise", only_nan=False
):
    """Refuse options that no ranking metric understands.

    Parameters
    ----------
    k : int, default=None
        Cut-off rank.
    ties : str, default="average"
        How equal scores are ranked.
    zero_division : str or float, default="raise"
        Value of a query without relevant items.
    only_nan : bool, default=False
        Whether 0 and 1 are no possible values: of ranks and curves.
    """
    _check_k(k)
    if ties not in ("average", "stable"):
        raise ValueError(f"ties must be 'average' or 'stable'. Got {ties!r}.")
    is_value = isinstance(zero_division, Real) and (
        zero_division in (0, 1) or np.isnan(float(zero_division))
    )
    if not (is_value or zero_division == "raise"):
        raise ValueError(
            f"zero_division must be 'raise', 0.0, 1.0 or np.nan. Got {zero_division!r}."
        )
    if only_nan and zero_division in (0, 1):
        raise ValueError(
            "zero_division must be 'raise' or np.nan here: no rank and no curve stands "
            f"for a query without relevant items. Got {zero_division!r}."
        )


def _check_k(k):
    if k is not None and (not isinstance(k, Integral) or isinstance(k, bool)):
        raise TypeError(f"k must be an int or None. Got {k!r}.")
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, or None for all ranks. Got {k}.")


def queries_to_rank(relevance, zero_division):
    """Return the queries with a relevant item; by default all must have one."""
    empty = np.flatnonzero(~relevance.has_relevant)
    if empty.size and isinstance(zero_division, str):
        raise ValueError(
            "A ranking can only be judged for a query with relevant items in the "
            f"gallery. Got {empty.size} queries without, the first at row {empty[0]}. "
            "Drop them, check that query and gallery share classes, or set "
            "zero_division to 0.0, 1.0 or np.nan."
        )
    return np.flatnonzero(relevance.has_relevant)


def ranked_blocks(costs, relevance, queries, *, ties="average", working_memory=None):
    """Rank the gallery for a few queries at a time.

    Parameters
    ----------
    costs : MatrixCosts or CosineCosts
        Gives the costs of some queries.
    relevance : object of `_relevance.py`
        Gives their relevant columns.
    queries : ndarray of int
        Queries to rank, each with a relevant item.
    ties : {"average", "stable"}, default="average"
        See `rank_block`.
    working_memory : float, default=None
        Upper bound for one block in MiB, by default that of
        `sklearn.get_config`. Smaller blocks that fit the cache are preferred.

    Yields
    ------
    here : slice
        Which of `queries` the block holds.
    ranked : RankedBlock
        Their ranking.
    """
    working_memory = _memory_to_use(working_memory)
    held = costs.bytes_per_row * (1 if ties == "average" else 2)
    worst_case = held + relevance.shape[1] * _BYTES_PER_RELEVANT
    n_rows = min(
        _CACHED_BYTES // costs.bytes_per_row, int(working_memory * 2**20 // worst_case)
    )
    n_rows = max(n_rows, 1)
    for start in range(0, queries.size, n_rows):
        here = slice(start, start + n_rows)
        block = queries[here]
        yield here, rank_block(costs(block), relevance.columns(block), ties=ties)


def _memory_to_use(working_memory):
    if working_memory is None:
        return get_config()["working_memory"]
    if not isinstance(working_memory, Real):
        raise TypeError(
            f"working_memory must be a number of MiB or None. Got {working_memory!r}."
        )
    if not float(working_memory) > 0:
        raise ValueError(
            f"working_memory must be a positive number of MiB. Got {working_memory!r}."
        )
    return working_memory


def score_per_query(
    metrics,
    costs,
    relevance,
    *,
    ties,
    zero_division,
    working_memory=None,
    n_jobs=None,
):
    """Values of several metrics for every query, from one ranking.

    Parameters
    ----------
    metrics : list of Metric
        What to compute, options bound.
    costs : MatrixCosts or CosineCosts
        Gives the costs of some queries.
    relevance : object of `_relevance.py`
        Gives their relevant columns.
    ties : {"average", "stable"}
        See `rank_block`.
    zero_division : {"raise", 0.0, 1.0, np.nan}
        Value of a query without relevant items.
    working_memory : float, default=None
        See `ranked_blocks`. Threads share it.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    scores : ndarray of shape (n_metrics, n_queries)
        Values.
    """
    queries = queries_to_rank(relevance, zero_division)
    scores = np.empty((len(metrics), relevance.shape[0]))
    if queries.size < relevance.shape[0]:
        scores.fill(zero_division)
    n_threads = min(_count_threads(n_jobs), max(queries.size, 1))
    working_memory = _memory_to_use(working_memory)

    def fill(queries):
        for here, ranked in ranked_blocks(
            costs.for_one_thread(),
            relevance,
            queries,
            ties=ties,
            working_memory=working_memory / n_threads,
        ):
            for row, metric in zip(scores, metrics, strict=True):
                row[queries[here]] = metric.per_query(ranked)

    if n_threads == 1:
        fill(queries)
    else:
        # Products and sorts let go of the interpreter's lock.
        parts = np.array_split(queries, n_threads)
        Parallel(n_threads, require="sharedmem")(delayed(fill)(part) for part in parts)
    return scores


def _count_threads(n_jobs):
    if n_jobs is not None and not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an int or None. Got {n_jobs!r}.")
    return effective_n_jobs(n_jobs)


def chance_per_query(metrics, relevance, *, zero_division):
    """Values of several metrics if the whole gallery ties, (n_metrics, n_queries)."""
    queries = queries_to_rank(relevance, zero_division)
    scores = np.empty((len(metrics), relevance.shape[0]))
    if queries.size < relevance.shape[0]:
        scores.fill(zero_division)
    for batch in gen_batches(queries.size, _ROWS_BY_CHANCE):
        block = queries[batch]
        n_relevant = np.fromiter(map(len, relevance.columns(block)), np.intp)
        ranked = RankedBlock.of_one_tie(n_relevant, relevance.shape[1])
        for row, metric in zip(scores, metrics, strict=True):
            row[block] = metric.per_query(ranked)
    return scores
