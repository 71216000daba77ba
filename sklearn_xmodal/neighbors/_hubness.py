"""Corrections of a gallery: items near to every query, and items that stand alone."""

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sklearn_xmodal.metrics._engine import unit_rows
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._exact import run_in_batches, search_exact
from sklearn_xmodal.neighbors._scoring import rescore
from sklearn_xmodal.neighbors._storage import chosen

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
            "hubness_queries are of hubness='csls' and other corrections. Got "
            "hubness=None."
        )


class HubnessFormula:
    """What is taken from a score: the nearness of its item, times that of its query.

    Nearness is one number per item: how near it is to queries in general, which
    reference queries tell. The amount of a query is the same for all, or none for those
    that a dynamic correction leaves alone.
    """

    def __init__(
        self,
        kind,
        n_references,
        *,
        n_neighbors,
        inverse_temperature,
        weight,
        owner="RetrievalIndex",
    ):
        check_params(
            owner,
            kind=kind,
            n_hubness_neighbors=n_neighbors,
            inverse_temperature=inverse_temperature,
            hubness_weight=weight,
        )
        self.kind = kind
        self.counts_neighbors = kind in ("csls", "nnn")
        self.is_dynamic = kind == "dynamic_inverted_softmax"
        if self.counts_neighbors and n_neighbors > n_references:
            raise ValueError(
                "n_hubness_neighbors must not exceed the number of reference queries. "
                f"Got {n_neighbors} for {n_references}."
            )
        self.n_neighbors = int(n_neighbors)
        self.inverse_temperature = float(inverse_temperature)
        self.weight = float(weight)

    @property
    def params(self):
        """Everything, by the names of the constructor."""
        return {
            "kind": self.kind,
            "n_neighbors": self.n_neighbors,
            "inverse_temperature": self.inverse_temperature,
            "weight": self.weight,
        }

    def nearness(self, scores):
        """Nearness (n_items,) of items, from scores (n_items, n_references).

        Where neighbours count, the scores of these are enough.
        """
        if self.counts_neighbors:
            if scores.shape[1] > self.n_neighbors:
                scores = np.partition(scores, -self.n_neighbors, axis=1)
                scores = scores[:, -self.n_neighbors :]
            return scores.mean(axis=1, dtype=np.float64) / 2
        beta = self.inverse_temperature
        best = scores.max(axis=1).astype(np.float64)
        with np.errstate(over="ignore"):  # of what is far below the best
            below = np.expm1(beta * (scores - best[:, None]))
        # The mean for small temperatures, and less than the best for large ones.
        return best + np.log1p(below.mean(axis=1)) / beta

    @property
    def amount(self):
        """How many times the nearness of its items is taken from a query's scores."""
        # CSLS takes half a mean: it is NNN with a weight of 1/2.
        return 2 * self.weight if self.kind == "nnn" else 1.0

    def amounts(self, nearest, activated):
        """Amounts of queries with these nearest items: none if not activated."""
        return np.where(np.isin(nearest, activated), self.amount, 0.0)


class HubnessCorrection:
    """Takes from each score how near its item is to queries in general.

    It is written as one more column, the negated nearness beside a vector and the
    amount beside a query, so that every kind of search finds it in the inner product.

    Reference queries are of unit length, (n_references, n_components) in float32. A
    dynamic correction knows the row of the gallery that is nearest to each of them.
    """

    def __init__(self, queries, **params):
        self.formula = HubnessFormula(n_references=len(queries), **params)
        self.queries = queries
        # Of a dynamic correction: the nearest rows of the gallery, and their scores.
        self.nearest = np.full(len(queries), -1, dtype=np.int64)
        self._scores = np.full(len(queries), -np.inf, dtype=np.float32)

    def state(self):
        """Return what files hold: arguments of `from_state`."""
        nearest = self.nearest if self.formula.is_dynamic else None
        return {**self.formula.params, "queries": self.queries, "nearest": nearest}

    @classmethod
    def from_state(cls, gallery, *, nearest, **params):
        """Return the correction of a gallery (n_items, n_columns) from a file."""
        self = cls(**params)
        if not self.formula.is_dynamic:
            if nearest is not None:
                raise ValueError("nearest rows are those of a dynamic correction")
            return self
        shape = (len(self.queries),)
        is_right = nearest.dtype == np.int64 and nearest.shape == shape
        if not is_right or not 0 <= nearest.min() <= nearest.max() < len(gallery):
            raise ValueError("nearest must be rows of the gallery, one per query")
        self.nearest = np.array(nearest)
        rows = np.arange(len(nearest))
        self._scores = rescore(_extended(self.queries, 0), gallery, rows, self.nearest)
        return self

    def extend_gallery(self, vectors, *, n_jobs=None, verbose=0):
        """Append the column of gallery items, (n_items, n_components + 1)."""
        nearness = np.empty(len(vectors))
        if self.formula.counts_neighbors:
            k = self.formula.n_neighbors
            options = {"n_jobs": n_jobs, "verbose": verbose}
            scores, _ = search_exact(vectors, self.queries, k, **options)
            nearness = self.formula.nearness(scores)
        else:

            def fill(batch):
                scores = vectors[batch] @ self.queries.T
                nearness[batch] = self.formula.nearness(scores)

            size = max(1, _HELD_SCORES // len(self.queries))
            run_in_batches(fill, len(vectors), size, n_jobs, verbose)
        return _extended(vectors, -nearness)

    def extend_queries(self, query, find_nearest):
        """Append the column of queries, (n_queries, n_components + 1).

        `find_nearest` returns the nearest row of the gallery for queries that are not
        corrected.
        """
        if not self.formula.is_dynamic:
            return _extended(query, self.formula.amount)
        nearest = find_nearest(_extended(query, 0))
        return _extended(query, self.formula.amounts(nearest, self.nearest))

    def with_amount(self, query):
        """Append the column that corrected queries have."""
        return _extended(query, self.formula.amount)

    def add(self, gallery, n_new, *, n_jobs=None, verbose=0):
        """Take in the last rows of the gallery."""
        if self.formula.is_dynamic:
            every = np.arange(len(self.queries))
            first = len(gallery) - n_new
            self._find_nearest(gallery, every, first, n_jobs, verbose)

    def keep(self, gallery, mask, *, n_jobs=None, verbose=0):
        """Forget all rows but those of a mask; the gallery is what is left."""
        if not self.formula.is_dynamic or not mask.size:
            return
        is_left, rows = mask[self.nearest], np.cumsum(mask, dtype=np.int64) - 1
        self.nearest = np.where(is_left, rows[self.nearest], -1)
        self._scores = np.where(is_left, self._scores, np.float32(-np.inf))
        if len(gallery) and not is_left.all():
            self._find_nearest(gallery, np.flatnonzero(~is_left), 0, n_jobs, verbose)

    def _find_nearest(self, gallery, rows, first, n_jobs, verbose):
        """See whether rows of the gallery from the first on are nearer to queries."""
        query = _extended(self.queries[rows], 0)
        options = {"n_jobs": n_jobs, "verbose": verbose}
        scores, found = search_exact(
            query, chosen(gallery, slice(first, None)), 1, **options
        )
        is_nearer = scores[:, 0] > self._scores[rows]
        nearest, nearest_scores = self.nearest.copy(), self._scores.copy()
        nearest[rows[is_nearer]] = found[is_nearer, 0] + first
        nearest_scores[rows[is_nearer]] = scores[is_nearer, 0]
        self.nearest, self._scores = nearest, nearest_scores


def _extended(vectors, column):
    """Append one column, in float32."""
    column = np.asarray(column, dtype=np.float32)
    return np.column_stack([vectors, np.broadcast_to(column, len(vectors))])


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
