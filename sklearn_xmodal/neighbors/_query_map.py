"""Vectors as queries see them, for indexes that learn from them.

Centroids and codebooks are made to lose little of gallery vectors. Where queries are of
another modality, what they tell apart lies in other directions. With the second moments
of queries, :math:`C = Q^T Q / n` and the mean of its eigenvalues added to each, items
become :math:`C^{1/4} x` and queries :math:`C^{-1/4} q`: inner products stay, and what
queries vary in weighs more when distances between items are made small. The power 1/2
would make distances those of scores, but leaves too little of the items themselves.
"""

from typing import NamedTuple

import numpy as np

from sklearn_xmodal.utils._blocks import row_blocks

_POWER = 0.25
_NAMES = ("item_map", "query_map")


class QueryMap(NamedTuple):
    """Matrices for items and for queries, (n_columns, n_columns) in float32."""

    item_map: np.ndarray
    query_map: np.ndarray

    @classmethod
    def learned(cls, queries):
        """Return the map of queries like these, (n_queries, n_columns)."""
        Q = queries.astype(np.float64)
        values, axes = np.linalg.eigh(Q.T @ Q / len(Q))
        values += max(values.mean(), np.finfo(float).tiny)
        powers = values**_POWER
        maps = ((axes * p) @ axes.T for p in (powers, 1 / powers))
        return cls(*(m.astype(np.float32) for m in maps))

    @classmethod
    def popped(cls, graph, n_columns):
        """Take a map out of what a file holds, if there is one; return the rest."""
        graph = dict(graph)
        if not set(_NAMES) <= set(graph):
            return None, graph
        maps = [graph.pop(name) for name in _NAMES]
        shape = n_columns, n_columns
        for array in maps:
            is_right = array.dtype == np.float32 and array.shape == shape
            if not is_right or not np.isfinite(array).all():
                raise ValueError("maps of items and queries must be square and finite")
        return cls(*maps), graph

    def state(self):
        """Return what files hold."""
        return dict(zip(_NAMES, self, strict=True))

    def of_items(self, vectors):
        """Return items, (n_items, n_columns), for the index."""
        return _product(vectors, self.item_map)

    def of_queries(self, query):
        """Return queries, (n_queries, n_columns), for the index."""
        return _product(query, self.query_map)


def _product(vectors, matrix):
    product = np.empty(vectors.shape, dtype=np.float32)
    for rows in row_blocks(*vectors.shape):
        # Rounded from float64, so that it does not depend on how many come together.
        product[rows] = vectors[rows].astype(np.float64) @ matrix.astype(np.float64)
    return product
