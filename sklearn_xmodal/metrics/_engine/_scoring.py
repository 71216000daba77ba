"""Values of metrics for every query, from rankings of a few queries at a time."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from sklearn import get_config
from sklearn.utils import gen_batches
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xmodal.metrics._engine._grades import GradedBlock, grade_block
from sklearn_xmodal.metrics._engine._ranking import RankedBlock, rank_block
from sklearn_xmodal.metrics._engine._relevance import ROWS_TO_COUNT, count_relevant

# Larger blocks fall out of the cache: the product and the sort of 20,000 float32
# scores per query become two to five times slower.
CACHED_BYTES = 8 * 2**20
# For the product of each block BLAS packs the whole gallery, so that blocks of large
# galleries need more rows, as far as four times the bytes go.
_ROWS_TO_PACK_FOR = 416

# Place, gain and temporary values of one relevant item: seven times 8 bytes.
_BYTES_PER_RELEVANT = 56


def queries_to_rank(relevance, zero_division):
    """Return the queries with a relevant item; by default all must have one."""
    empty = np.flatnonzero(~relevance.has_relevant)
    if empty.size and isinstance(zero_division, str):
        raise ValueError(
            "A ranking can only be judged for a query with relevant items in the "
            f"gallery. Got {empty.size} queries without, the first at row {empty[0]}. "
            "Drop them, check that query and gallery share classes, or set "
            "zero_division to 0.0, 1.0 or np.nan, in a search with "
            "scoring=make_retrieval_scorer(zero_division=np.nan). In an indicator y of "
            "pairs without known classes write rows of -1: score leaves these out."
        )
    return np.flatnonzero(relevance.has_relevant)


def scores_to_fill(n_rows, relevance, zero_division):
    """Scores of shape (n_rows, n_queries), ready where no item is relevant."""
    scores = np.empty((n_rows, relevance.shape[0]))
    if not relevance.has_relevant.all():
        scores.fill(zero_division)
    return scores


def ranked_blocks(costs, relevance, queries, *, ties="average", working_memory=None):
    """Yield slices of `queries`, each with a relevant item, and their `RankedBlock`.

    Of graded relevance it is a `GradedBlock`.

    `working_memory` bounds a block in MiB, by default as `sklearn.get_config` says.
    """
    working_memory = _memory_to_use(working_memory)
    # Costs, the products in float64 that they come from, differences of neighbours.
    held = costs.bytes_per_row * (4 if ties == "average" else 5)
    worst_case = held + relevance.shape[1] * _BYTES_PER_RELEVANT
    n_cached = CACHED_BYTES // costs.bytes_per_row
    n_rows = max(n_cached, min(4 * n_cached, _ROWS_TO_PACK_FOR))
    n_rows = max(min(n_rows, int(working_memory * 2**20 // worst_case)), 1)
    for start in range(0, queries.size, n_rows):
        here = slice(start, start + n_rows)
        block = queries[here]
        if relevance.is_graded:
            options = {"ties": ties, "tolerance": costs.tolerance}
            yield here, grade_block(costs(block), relevance.grades(block), **options)
            continue
        settle = partial(_settled, costs, block) if costs.error else None
        ranked = rank_block(
            costs(block),
            relevance.columns(block),
            ties=ties,
            tolerance=costs.tolerance,
            error=costs.error,
            settle=settle,
        )
        yield here, ranked


def _settled(costs, queries, row, columns):
    return costs.settled(queries[row], columns)


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
    metrics, costs, relevance, *, ties, zero_division, working_memory=None, n_jobs=None
):
    """Values of several metrics from one ranking, (n_metrics, n_queries).

    `working_memory` is that of `ranked_blocks`; threads share it.
    """
    _check_grades(metrics, relevance)
    queries = queries_to_rank(relevance, zero_division)
    scores = scores_to_fill(len(metrics), relevance, zero_division)
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


def _check_grades(metrics, relevance):
    """Refuse grades where a metric asks whether items are relevant."""
    binary = [m.short_name for m in metrics if not m.takes_grades]
    if relevance.is_graded and binary:
        raise ValueError(
            "relevance must be binary, of 0 and 1, for all metrics but ndcg_at_k. Got "
            f"grades for {binary[0]}. Say from which grade on an item is relevant, as "
            "in relevance >= 1."
        )


def chance_per_query(metrics, relevance, *, zero_division):
    """Values of several metrics if the whole gallery ties, (n_metrics, n_queries)."""
    _check_grades(metrics, relevance)
    queries = queries_to_rank(relevance, zero_division)
    scores = scores_to_fill(len(metrics), relevance, zero_division)
    sizes = relevance.gallery_sizes(queries)
    for size in np.unique(sizes):
        alike = queries[sizes == size]
        n_rows = ROWS_TO_COUNT if relevance.is_graded else alike.size
        for batch in gen_batches(alike.size, n_rows):
            here = alike[batch]
            ranked = _all_tied(relevance, here, size)
            for row, metric in zip(scores, metrics, strict=True):
                row[here] = metric.per_query(ranked)
    return scores


def _all_tied(relevance, queries, size):
    if relevance.is_graded:
        return GradedBlock.of_one_tie(relevance.grades(queries), size)
    return RankedBlock.of_one_tie(count_relevant(relevance, queries), size)
