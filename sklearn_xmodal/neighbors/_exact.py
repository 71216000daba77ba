"""Exact search: matrix products find candidates, float64 decides among them.

A float32 product rounds, and rounds equal rows differently by where they lie. It is
only trusted up to a bound on that error: whatever could still be among the best k
is kept, and scored again one by one. The result depends neither on the blocks nor on
the linear algebra library, and equal vectors tie exactly.
"""

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xmodal.neighbors._exact_many import (
    MOST_PLACES,
    many_at_a_time,
    search_many,
)
from sklearn_xmodal.neighbors._scoring import rescore, rounding_error, slices
from sklearn_xmodal.utils._progress import progress_bar

# Scores of one block: 2 MB, which the cache holds between product and comparison.
_BLOCK_SCORES = 2**19
# Fewer gallery rows at a time make the product slow.
_LEAST_COLUMNS = 1024
# Queries that share one pass over the gallery, and the most results held for them.
_MOST_QUERIES = 512
_MOST_RESULTS = 2**21
# Values of gallery rows that are copied at a time, for a filter or from small codes.
_COPIED_VALUES = 2**20
# Results per query from which on whole products in float64 are faster: so many, and
# this share of what is searched.
_MANY, _MANY_OF = 64, 1 / 128


def search_exact(query, gallery, k, *, positions=None, n_jobs=None, verbose=0):
    """Return scores, largest first, and rows of the k largest inner products.

    Both (n_queries, k); equal scores are in the order of the gallery. Queries and
    gallery are in float32, the latter C-contiguous, or comes out so (`SmallVectors`,
    `Signs`); a memory map is read block by block. `positions` are the rows to search,
    in ascending order. The result is the same for any number of threads.
    """
    scores = np.empty((query.shape[0], k), dtype=np.float32)
    found = np.empty((query.shape[0], k), dtype=np.intp)

    n_searched = gallery.shape[0] if positions is None else positions.size
    is_many = max(_MANY, _MANY_OF * n_searched) <= k and n_searched <= MOST_PLACES
    search, batch_size = _search_batch, _batch_size(k)
    if is_many:
        search, batch_size = search_many, many_at_a_time(k, n_searched)

    def fill(batch):
        scores[batch], found[batch] = search(query[batch], gallery, k, positions)

    run_in_batches(fill, query.shape[0], batch_size, n_jobs, verbose)
    return scores, found


def run_in_batches(function, n_rows, batch_size, n_jobs=None, verbose=0):
    """Call a function on slices of rows, in threads, with a progress bar.

    Slices do not depend on `n_jobs`.
    """
    batches = slices(n_rows, batch_size)
    n_threads = min(effective_n_jobs(n_jobs), len(batches))
    with progress_bar(show=bool(verbose), total=n_rows, unit="row", leave=False) as bar:

        def run(batch):
            function(batch)
            bar.update(batch.stop - batch.start)

        if n_threads == 1:
            for batch in batches:
                run(batch)
        else:
            # Products and comparisons let go of the interpreter's lock.
            Parallel(n_threads, require="sharedmem")(delayed(run)(b) for b in batches)


def _batch_size(k):
    return max(1, min(_MOST_QUERIES, _MOST_RESULTS // k))


def _search_batch(query, gallery, k, positions):
    """One pass over the gallery for a few queries."""
    n_queries = query.shape[0]
    n_searched = gallery.shape[0] if positions is None else positions.size
    n_columns = max(_LEAST_COLUMNS, _BLOCK_SCORES // n_queries)
    if positions is not None or not isinstance(gallery, np.ndarray):  # rows are copied
        n_columns = min(
            n_columns, max(_LEAST_COLUMNS, _COPIED_VALUES // query.shape[1])
        )
    buffer = np.empty(n_queries * min(n_columns, n_searched), dtype=np.float32)
    best = _Best(query, gallery, k)
    for block in slices(n_searched, n_columns):
        rows = block if positions is None else positions[block]
        vectors = gallery[rows]
        scores = buffer[: n_queries * len(vectors)].reshape(n_queries, len(vectors))
        np.matmul(query, vectors.T, out=scores)
        row, column = best.select(scores)
        found = column + block.start
        best.add(row, found if positions is None else positions[found])
    return best.finish()


class _Best:
    """The best k of every query so far, and candidates that may be among them."""

    def __init__(self, query, gallery, k):
        self.query, self.gallery, self.k = query, gallery, k
        self.error = rounding_error(query, gallery.shape[1])
        # Products below it cannot be among the best k.
        self.bound = np.full(query.shape[0], -np.inf)
        self.rows = np.empty(0, dtype=np.intp)
        self.positions = np.empty(0, dtype=np.intp)
        self.scores = np.empty(0, dtype=np.float32)
        self.pending = []
        self.n_pending = 0

    def select(self, scores):
        """Rows and columns of a block of products that may be among the best k."""
        (rows,) = np.nonzero(scores.max(axis=1) >= self.bound)
        scores = scores[rows]
        hits = scores >= self.bound[rows, None]
        (many,) = np.nonzero(np.count_nonzero(hits, axis=1) > self.k)
        if many.size:
            # The block alone has k items that score this much, less the error.
            kth = np.partition(scores[many], -self.k, axis=1)[:, -self.k]
            bound = kth.astype(np.float64) - 2 * self.error[rows[many]]
            bound = np.maximum(bound, self.bound[rows[many]])
            self.bound[rows[many]] = bound
            hits[many] = scores[many] >= bound[:, None]
        row, column = np.nonzero(hits)
        return rows[row], column

    def add(self, rows, positions):
        """Take candidates in, in ascending order of position from call to call."""
        if rows.size:
            self.pending.append((rows, positions))
        self.n_pending += rows.size
        if self.n_pending > 2 * self.k * self.bound.size:
            self._merge()

    def finish(self):
        """Return scores and positions of shape (n_queries, k)."""
        if self.pending:
            self._merge()
        shape = self.bound.size, self.k
        return self.scores.reshape(shape), self.positions.reshape(shape)

    def _merge(self):
        """Score what is pending and keep the best k of each query."""
        new_rows, new_positions = (
            np.concatenate(parts) for parts in zip(*self.pending, strict=True)
        )
        new_scores = rescore(self.query, self.gallery, new_rows, new_positions)
        rows = np.concatenate([self.rows, new_rows])
        positions = np.concatenate([self.positions, new_positions])
        scores = np.concatenate([self.scores, new_scores])
        # A stable sort: both parts hold equal scores in the order of the gallery.
        order = np.lexsort((-scores, rows))
        n_found = np.bincount(rows, minlength=self.bound.size)
        rank = np.arange(rows.size) - np.repeat(np.cumsum(n_found) - n_found, n_found)
        order = order[rank < self.k]
        self.rows, self.positions = rows[order], positions[order]
        self.scores = scores[order]
        self.pending, self.n_pending = [], 0
        (full,) = np.nonzero(n_found >= self.k)
        last = np.cumsum(np.minimum(n_found, self.k)) - 1
        # Later items lose a tie, so they must score more.
        bound = self.scores[last[full]].astype(np.float64) - self.error[full]
        self.bound[full] = np.nextafter(bound, np.inf)
