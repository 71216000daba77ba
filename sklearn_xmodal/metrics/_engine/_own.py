"""Rankings without the query itself, where it lies in the gallery."""

import numpy as np

from sklearn_xmodal.metrics._engine._relevance import Relevance, count_relevant

# Behind every item: cosines and their negatives are between -1 and 1.
_LAST = 1.5


class CostsOfOthers:
    """Costs in which the item that is the query comes last, where it is not relevant.

    No metric with a cut-off or without tells a last item from none.
    """

    def __init__(self, costs, own):
        self._costs = costs
        self._own = own  # (n_queries,): item that is the query, or -1
        self.tolerance, self.error = costs.tolerance, costs.error
        self.bytes_per_row = costs.bytes_per_row

    def for_one_thread(self):
        """Return the same costs with buffers of their own."""
        return CostsOfOthers(self._costs.for_one_thread(), self._own)

    def __call__(self, queries):
        """Costs of the given queries, valid until the next call."""
        costs, own = self._costs(queries), self._own[queries]
        (rows,) = np.nonzero(own >= 0)
        costs[rows, own[rows]] = _LAST
        return costs


class RelevanceOfOthers(Relevance):
    """Relevance in which no item is relevant to itself."""

    def __init__(self, relevance, own):
        self._relevance = relevance
        self._own = own
        self.shape, self.is_graded = relevance.shape, relevance.is_graded
        self.has_relevant = relevance.has_relevant.copy()
        (changed,) = np.nonzero(self.has_relevant & (own >= 0))
        self.has_relevant[changed] = count_relevant(self, changed) > 0

    def gallery_sizes(self, queries):
        """How many items each of the given queries ranks."""
        return self._relevance.gallery_sizes(queries) - (self._own[queries] >= 0)

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        columns = self._relevance.columns(queries)
        own = self._own[queries]
        return [c[c != item] for c, item in zip(columns, own, strict=True)]

    def grades(self, queries):
        """Grades of the given queries, sparse of shape (len(queries), n_gallery)."""
        grades = self._relevance.grades(queries)
        own = np.repeat(self._own[queries], np.diff(grades.indptr))
        grades.data[grades.indices == own] = 0
        grades.eliminate_zeros()
        return grades
