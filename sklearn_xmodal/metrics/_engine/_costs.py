"""Costs: negated scores, of a matrix or of embeddings, for a few queries at a time.

Sorted ascending, the best item comes first. All absolute values are below 2, which
the sort of `_ranking.py` relies on. Those of a query that differ by at most `tolerance`
may count as equal (`_equal.py`).
"""

from copy import copy

import numpy as np
from sklearn.utils import gen_batches

from sklearn_xmodal.metrics._engine._equal import (
    TOLERANCE_OF_FLOAT32,
    ExactCosines,
    integer_rows,
    tolerance_of,
    with_equal_ties,
)
from sklearn_xmodal.utils._unit import to_unit_length

# Products in float64 that are made at a time: four megabytes, a part of the cache.
_PRODUCTS = 2**19
# Fewer gallery rows at a time make the product slow.
_LEAST_COLUMNS = 256


class MatrixCosts:
    """Costs read from a score matrix of shape (n_queries, n_gallery)."""

    tolerance = error = 0.0

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
    """Negated cosines of rows (n, n_components), for the queries asked for.

    Computed in float64. They are kept in float32, which sorts twice as fast, where this
    cannot change what is equal. `rough` ones may also be computed in float32, within
    `error`, of which `settled` tells more.
    """

    def __init__(self, query, gallery, *, rough=False):
        self._exact = None
        self.error = 0.0
        integers = integer_rows(query), integer_rows(gallery)
        if all(rows is not None for rows in integers):
            exact = ExactCosines(*integers)
            self._exact = exact if exact.are_exact else None
        if self._exact is not None:
            self.query, gallery = integers
            self.tolerance = 0.0
            fits_float32 = self._exact.fit_float32
        else:
            self.tolerance = tolerance_of(gallery)
            fits_float32 = self.tolerance == TOLERANCE_OF_FLOAT32
            query, gallery = self._unit = [
                to_unit_length(codes.astype(np.float64)) for codes in (query, gallery)
            ]
            if rough and fits_float32:
                # Products of rows of length d, in any order of summation, are within
                # d 2^-24 of the true ones to first order; two more are for rounding
                # the rows, and one for the higher orders.
                self.error = (gallery.shape[1] + 3) * 2.0**-24
                query, gallery = query.astype(np.float32), gallery.astype(np.float32)
            self.query = query
        self.dtype = np.dtype(np.float32 if fits_float32 else np.float64)
        # Products of matrices that lie like this are faster.
        self.gallery_T = np.ascontiguousarray(gallery.T)
        self.bytes_per_row = gallery.shape[0] * self.dtype.itemsize
        self._buffer = self._products = np.empty(0)

    def for_one_thread(self):
        """Return the same costs with buffers of their own."""
        other = copy(self)
        other._buffer = other._products = np.empty(0)
        return other

    def __call__(self, queries):
        """Negated similarities of the given queries, valid until the next call."""
        shape = len(queries), self.gallery_T.shape[1]
        # Fresh memory for each block costs as much time as half of the product.
        if self._buffer.shape[0] < shape[0]:
            self._buffer = np.empty(shape, dtype=self.dtype)
        costs = self._buffer[: shape[0]]
        query = -self.query[queries]
        if query.dtype == self.dtype and self._exact is None:
            return np.matmul(query, self.gallery_T, out=costs)
        n_columns = min(shape[1], max(_LEAST_COLUMNS, _PRODUCTS // shape[0]))
        if self._products.size < shape[0] * n_columns:
            self._products = np.empty(shape[0] * n_columns)
        for columns in gen_batches(shape[1], n_columns):
            gallery_T = self.gallery_T[:, columns]
            n_products = shape[0] * gallery_T.shape[1]
            products = self._products[:n_products].reshape(shape[0], -1)
            np.matmul(query, gallery_T, out=products)
            if self._exact is not None:
                self._exact.divide(products, queries, columns)
            costs[:, columns] = products
        return costs

    def settled(self, query, columns):
        """Return costs of one query and some items without the error."""
        queries, gallery = self._unit
        return -(gallery[columns] @ queries[query]).astype(self.dtype)

    def tied(self, queries):
        """Return costs of which those that count as equal are equal."""
        return with_equal_ties(self(queries), self.tolerance)
