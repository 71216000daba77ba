"""Corrections of a gallery: items near to every query, and items that stand alone."""

import numpy as np
from scipy import sparse
from scipy.special import logsumexp
from sklearn.neighbors import NearestNeighbors

from sklearn_xmodal.metrics._engine import unit_rows
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._exact import run_in_batches, search_exact

# Similarities to the reference queries that are held at a time.
_HELD_SCORES = 2**22
# Values of the neighbours' vectors that are held at a time.
_HELD_VALUES = 2**22


def check_hubness_queries(hubness, queries):
    """Raise a ValueError unless reference queries come with a correction."""
    if hubness is not None and queries is None:
        raise ValueError(
            f"hubness={hubness!r} is measured with hubness_queries, such as the "
            "training data. Got None."
        )
    if hubness is None and queries is not None:
        raise ValueError(
            "hubness_queries are of hubness='csls' or 'inverted_softmax'. Got "
            "hubness=None."
        )


class HubnessCorrection:
    """Takes from each score how near its item is to queries in general.

    Both corrections subtract one number per gallery item. They are written as one more
    column, the negated number beside a vector and a one beside a query, so that every
    kind of search finds them in the inner product.

    Reference queries are of unit length, (n_queries, n_components) in float32.
    """

    def __init__(self, kind, queries, *, n_neighbors, inverse_temperature):
        check_params(
            hubness=kind,
            n_hubness_neighbors=n_neighbors,
            inverse_temperature=inverse_temperature,
        )
        if kind == "csls" and n_neighbors > len(queries):
            raise ValueError(
                "n_hubness_neighbors must not exceed the number of hubness_queries. "
                f"Got {n_neighbors} for {len(queries)}."
            )
        self.kind = kind
        self.queries = queries
        self.n_neighbors = int(n_neighbors)
        self.inverse_temperature = float(inverse_temperature)

    @property
    def params(self):
        """Everything but the queries, by the names of the constructor."""
        return {
            "kind": self.kind,
            "n_neighbors": self.n_neighbors,
            "inverse_temperature": self.inverse_temperature,
        }

    def extend_gallery(self, vectors, *, n_jobs=None, verbose=0):
        """Append the column of gallery items, (n_items, n_components + 1)."""
        find = self._nearness if self.kind == "csls" else self._soft_nearness
        nearness = find(vectors, n_jobs, verbose).astype(np.float32)
        return np.column_stack([vectors, -nearness])

    def extend_queries(self, query):
        """Append the column of queries, (n_queries, n_components + 1)."""
        return np.column_stack([query, np.ones(len(query), dtype=np.float32)])

    def _nearness(self, vectors, n_jobs, verbose):
        """Half the mean cosine with the nearest queries."""
        scores, _ = search_exact(
            vectors, self.queries, self.n_neighbors, n_jobs=n_jobs, verbose=verbose
        )
        return scores.mean(axis=1, dtype=np.float64) / 2

    def _soft_nearness(self, vectors, n_jobs, verbose):
        """Soft maximum of the cosines with all queries."""
        beta, n_queries = self.inverse_temperature, len(self.queries)
        nearness = np.empty(len(vectors))

        def fill(batch):
            scores = beta * (vectors[batch] @ self.queries.T).astype(np.float64)
            nearness[batch] = (logsumexp(scores, axis=1) - np.log(n_queries)) / beta

        size = max(1, _HELD_SCORES // n_queries)
        run_in_batches(fill, len(vectors), size, n_jobs, verbose)
        return nearness


def smooth(vectors, features, n_neighbors, *, n_jobs=None, verbose=0):
    """Average each vector of unit length with those of its neighbours in another space.

    Neighbours, beside the item itself, are those of its features by cosine. Means are
    left as short as they are: their inner product with a query is the mean cosine of
    the neighbours, which ranks better than the cosine of their mean.
    """
    near = _neighbours(features, n_neighbors + 1, n_jobs, verbose)
    smoothed = np.empty_like(vectors)

    def fill(batch):
        smoothed[batch] = vectors[near[batch]].mean(axis=1, dtype=np.float64)

    size = max(1, _HELD_VALUES // (near.shape[1] * vectors.shape[1]))
    run_in_batches(fill, len(vectors), size, n_jobs)
    return smoothed


def _neighbours(features, k, n_jobs, verbose):
    """Rows of the k nearest items by cosine, the item itself among them."""
    if sparse.issparse(features):
        finder = NearestNeighbors(n_neighbors=k, metric="cosine", n_jobs=n_jobs)
        return finder.fit(features).kneighbors(features, return_distance=False)
    unit = unit_rows(features, "features").astype(np.float32)
    return search_exact(unit, unit, k, n_jobs=n_jobs, verbose=verbose)[1]
