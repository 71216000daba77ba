"""Costs: negated scores, of a matrix or of embeddings, for a few queries at a time.

Sorted ascending, the best item comes first. All absolute values are below 2, which
the sort of `_ranking.py` relies on.
"""

from copy import copy

import numpy as np


class MatrixCosts:
    """Costs read from a score matrix of shape (n_queries, n_gallery)."""

    def __init__(self, y_score):
        self.y_score = y_score
        self.bytes_per_row = y_score.shape[1] * np.dtype(np.float64).itemsize

    def for_one_thread(self):
        """Return the same costs; there is nothing that threads could not share."""
        return self

    def __call__(self, queries):
        """Negated scores of the given queries, scaled to absolute values below 1."""
        costs = -self.y_score[queries].astype(np.float64)
        exponent = np.frexp(costs)[1].max()
        scaled = np.ldexp(costs, -exponent)
        if np.array_equal(np.ldexp(scaled, exponent), costs):
            return scaled
        # Numbers of wildly different size vanish in the scaling: take their ranks.
        _, ranks = np.unique(costs, return_inverse=True)
        return np.ldexp(ranks.reshape(costs.shape).astype(np.float64), -53)


class CosineCosts:
    """Negated cosines of unit rows (n, n_components), for the queries asked for.

    A matrix product may round equal columns differently, by where they lie. Equal
    gallery rows are therefore multiplied once, so that they tie exactly.
    """

    def __init__(self, query, gallery):
        self.query = query
        self.gallery, self.expand = _distinct_rows(gallery)
        self.bytes_per_row = gallery.shape[0] * np.result_type(query, gallery).itemsize
        if self.expand is not None:
            self.bytes_per_row *= 2
        self._buffer = np.empty(0)

    def for_one_thread(self):
        """Return the same costs with a buffer of their own."""
        other = copy(self)
        other._buffer = np.empty(0)
        return other

    def __call__(self, queries):
        """Negated similarities of the given queries, valid until the next call."""
        n_rows = len(queries)
        # Fresh memory for each block costs as much time as half of the product.
        if self._buffer.shape[0] < n_rows:
            dtype = np.result_type(self.query, self.gallery)
            self._buffer = np.empty((n_rows, self.gallery.shape[0]), dtype=dtype)
        costs = self._buffer[:n_rows]
        np.matmul(-self.query[queries], self.gallery.T, out=costs)
        return costs if self.expand is None else costs.take(self.expand, axis=1)


def _distinct_rows(Z):
    """Distinct rows of Z, and the index that repeats them (None if all differ)."""
    keys = np.ascontiguousarray(Z + 0.0)  # no negative zeros: rows compare by bytes
    keys = keys.view(np.dtype((np.void, keys.shape[1] * keys.itemsize))).ravel()
    _, first, expand = np.unique(keys, return_index=True, return_inverse=True)
    if first.size == Z.shape[0]:
        return Z, None
    return Z[first], expand.ravel()
