"""Exact search for many results per query, where scoring one by one takes too long.

A product in float64 is so near to the score of a pair that nearly all round to the
same float32; the others are scored by themselves. A score and its place in the gallery
make one integer, so that one fast sort orders by both.
"""

import numpy as np

from sklearn_xmodal.neighbors._scoring import rescore, rounding_error, slices

# Scores of one block, which the cache holds between product and integers.
_BLOCK_SCORES = 2**18
# Fewer gallery rows at a time make the product slow.
_LEAST_COLUMNS = 256
# Integers that are held: all of them for a few queries, which saves work.
_HELD_KEYS = 2**22
# Queries that share one pass over the gallery.
_LEAST_QUERIES, _MOST_QUERIES = 16, 512
#: Places that fit beside a score into 64 bits.
MOST_PLACES = 2**32


def many_at_a_time(k, n_searched):
    """Return how many queries `search_many` takes best."""
    least = min(_LEAST_QUERIES, _HELD_KEYS // (2 * k))
    return max(1, least, min(_MOST_QUERIES, _HELD_KEYS // n_searched))


def search_many(query, gallery, k, positions):
    """Return what `search_exact` does, for a few queries, both (n_queries, k)."""
    n_queries = query.shape[0]
    n_searched = gallery.shape[0] if positions is None else positions.size
    n_columns = max(_LEAST_COLUMNS, _BLOCK_SCORES // n_queries)
    # The best k so far, and what has come since.
    width = k + max(k, n_columns, _HELD_KEYS // n_queries)
    keys = np.empty((n_queries, min(n_searched, width)), dtype=np.uint64)
    n_held = 0
    # Of two products, which may differ from each other twice as much.
    error = 2 * rounding_error(query, query.shape[1], np.float64)[:, None]
    wide_query = query.astype(np.float64)
    for block in slices(n_searched, n_columns):
        n_new = block.stop - block.start
        if n_held + n_new > keys.shape[1]:
            keys[:, :n_held].partition(k - 1, axis=1)
            n_held = k
        rows = block if positions is None else positions[block]
        scores = _scores(query, wide_query, gallery[rows], error)
        _fill_keys(keys[:, n_held : n_held + n_new], scores, block)
        n_held += n_new
    if n_held > k:
        keys[:, :n_held].partition(k - 1, axis=1)
    best = keys[:, :k]
    best.sort(axis=1)
    places = (best & np.uint64(MOST_PLACES - 1)).view(np.int64)
    return _scores_of(best), places if positions is None else positions[places]


def _scores(query, wide_query, vectors, error):
    """Scores of all queries with some vectors, as `rescore` gives them."""
    products = wide_query @ vectors.astype(np.float64).T
    scores, others = np.empty((2, *products.shape), dtype=np.float32)
    np.subtract(products, error, out=scores, casting="same_kind")
    np.add(products, error, out=others, casting="same_kind")
    (unsure,) = np.nonzero((scores != others).ravel())
    row, column = np.divmod(unsure, len(vectors))
    scores[row, column] = rescore(query, vectors, row, column)
    return scores


def _fill_keys(keys, scores, block):
    """Set integers that sort by score, largest first, then by place."""
    scores += 0  # there are two zeros
    bits = scores.view(np.int32)
    # Bits of floats are in the order of their magnitude.
    descending = (bits ^ (~(bits >> 31) & 0x7FFFFFFF)).view(np.uint32)
    keys[...] = descending
    keys <<= np.uint64(32)
    keys |= np.arange(block.start, block.stop, dtype=np.uint64)


def _scores_of(keys):
    """Return the scores that `_fill_keys` has put into integers."""
    bits = (keys >> np.uint64(32)).astype(np.uint32).view(np.int32)
    return (bits ^ (~(bits >> 31) & 0x7FFFFFFF)).view(np.float32)
