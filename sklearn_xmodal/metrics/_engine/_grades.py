"""Graded relevance: not only which gallery items are relevant, but how much.

A `GradedBlock` holds what nDCG asks of a ranking then. In an expectation over orders
every tied item has the mean discount of the places of its group, whatever its grade.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, issparse

from sklearn_xmodal.metrics._engine._equal import with_equal_ties
from sklearn_xmodal.metrics._engine._relevance import MultilabelRelevance, Relevance
from sklearn_xmodal.metrics._engine._ties import discount_sums
from sklearn_xmodal.utils._validation import as_labels, check_numbers

#: How common labels of multi-label rows become grades.
SHARED_LABELS = ("shared_labels", "jaccard")
GAINS = ("linear", "exponential")
# Powers of two beyond have no place in a float, nor have their sums.
_HIGHEST_EXPONENT = 1000


class GivenRelevance(Relevance):
    """Relevance of a sparse matrix of shape (n_queries, n_gallery): grades, or ones."""

    def __init__(self, matrix):
        self._matrix = matrix
        self.shape = matrix.shape
        self.is_graded = bool((matrix.data != 1).any())
        self.has_relevant = np.diff(matrix.indptr) > 0

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        block = self.grades(queries)
        return np.split(block.indices, block.indptr[1:-1])

    def grades(self, queries):
        """Grades of the given queries, sparse of shape (len(queries), n_gallery)."""
        return self._matrix[queries]

    def to_matrix(self):
        """Matrix of grades, boolean where these are ones."""
        matrix = self._matrix.toarray()
        return matrix if self.is_graded else matrix.astype(bool)


class SharedLabels(MultilabelRelevance):
    """Grades are the numbers of common labels, or their shares in all of both items."""

    is_graded = True

    def __init__(self, y_query, y_gallery, how, names):
        super().__init__(y_query, y_gallery, names)
        self._is_share = how == "jaccard"
        self._counted = self.y_query.astype(np.int32)
        self._counted_in = csr_array(self.y_gallery_T.astype(np.int32))
        self._sizes = self._counted.sum(axis=1), self._counted_in.sum(axis=0)

    def grades(self, queries):
        """Grades of the given queries, sparse of shape (len(queries), n_gallery)."""
        common = csr_array(self._counted[queries] @ self._counted_in, dtype=np.float64)
        common.sort_indices()
        if self._is_share:
            of_query = np.repeat(self._sizes[0][queries], np.diff(common.indptr))
            either = of_query + self._sizes[1][common.indices] - common.data
            common.data /= either
        return common

    def to_matrix(self):
        """Matrix of grades."""
        return self.grades(np.arange(self.shape[0])).toarray()


def check_relevance_option(relevance):
    """Refuse names that are none; whatever else there is has to be a matrix."""
    if isinstance(relevance, str) and relevance not in SHARED_LABELS:
        raise ValueError(
            f"relevance must be one of {list(SHARED_LABELS)}, a matrix with one row "
            f"per query and one column per item, or None. Got {relevance!r}."
        )


def shared_labels(y_query, y_gallery, how, names):
    """Grades of multi-label rows, which errors call `names`."""
    y_query, y_gallery = as_labels(y_query, names[0]), as_labels(y_gallery, names[1])
    for name, y in zip(names, (y_query, y_gallery), strict=True):
        if y.ndim != 2:
            raise ValueError(
                f"relevance={how!r} grades items by the labels that they share, so "
                f"{name} must be a multi-label indicator with one column per class. "
                f"Got shape {y.shape}. Leave relevance out, or pass a matrix of grades."
            )
    return SharedLabels(y_query, y_gallery, how, names)


def check_grades(relevance, shape, labels):
    """Validate a matrix of grades: sparse, without zeros. There may be no labels."""
    for name, y in labels.items():
        if y is not None:
            raise ValueError(
                f"{name} must be None beside a matrix of relevance, which says what "
                f"labels say elsewhere. Got both. For grades of shared labels, pass "
                f"relevance as one of {list(SHARED_LABELS)}."
            )
    grades = check_numbers(
        relevance, "relevance", accept_sparse="csr", dtype=np.float64
    )
    if grades.shape != shape:
        raise ValueError(
            "relevance must have one row per row of the queries, and one column per "
            f"row of the gallery: shape {shape}. Got {grades.shape}."
        )
    return without_zeros(grades, "relevance")


def without_zeros(grades, name):
    """Sparse grades (n_queries, n_gallery) without zeros; negative ones are refused."""
    least = grades.min()
    if least < 0:
        raise ValueError(
            f"{name} must hold grades of at least 0, where 0 is not relevant. Got "
            f"{least:g}. Set what is worse than irrelevant to 0, or shift all grades."
        )
    grades = csr_array(grades, copy=issparse(grades))
    grades.eliminate_zeros()
    grades.sort_indices()
    return grades


@dataclass(frozen=True)
class GradedBlock:
    """Places and grades of the relevant gallery items of a block of queries."""

    n_above: np.ndarray  # (n_entries,): items with a higher score
    n_tied: np.ndarray  # (n_entries,): items with the same score, this one too
    grades: np.ndarray  # (n_entries,)
    indptr: np.ndarray  # (n_rows + 1,): row i has the entries indptr[i]:indptr[i + 1]
    n_gallery: int

    @classmethod
    def of_one_tie(cls, grades, n_gallery):
        """Rankings in which the whole gallery has one score."""
        n_above = np.zeros(grades.nnz, dtype=np.intp)
        return cls(n_above, n_above + n_gallery, grades.data, grades.indptr, n_gallery)


def grade_block(costs, grades, *, ties, tolerance):
    """Places of the graded items of each row, of costs (n_rows, n_gallery).

    What is equal within the tolerance has the places of its group ("average"), or is
    ordered by gallery column ("stable"). Costs are overwritten.
    """
    costs = with_equal_ties(costs, tolerance)
    n_above = np.empty(grades.nnz, dtype=np.intp)
    n_tied = np.ones_like(n_above)
    place = np.empty(costs.shape[1], dtype=np.intp)
    for row, *bounds in zip(costs, grades.indptr[:-1], grades.indptr[1:], strict=True):
        here = slice(*bounds)
        own = grades.indices[here]
        if ties == "stable":
            place[np.argsort(row, kind="stable")] = np.arange(row.size)
            n_above[here] = place[own]
            continue
        ordered = np.sort(row)
        n_above[here] = ordered.searchsorted(row[own])
        n_tied[here] = ordered.searchsorted(row[own], side="right") - n_above[here]
    return GradedBlock(n_above, n_tied, grades.data, grades.indptr, costs.shape[1])


def normalized_graded_gain(ranked, k, gain):
    """Discounted gain of the first k divided by that of the best ranking, (n_rows,)."""
    rows = np.repeat(np.arange(ranked.indptr.size - 1), np.diff(ranked.indptr))
    gains = _gains(ranked, rows, gain)
    sums = discount_sums(ranked.n_gallery)
    first = np.minimum(ranked.n_above, k)
    last = np.minimum(ranked.n_above + ranked.n_tied, k)
    held = (sums[last] - sums[first]).astype(float) / ranked.n_tied
    total = np.add.reduceat(gains * held, ranked.indptr[:-1])
    best = gains[np.lexsort((-gains, rows))]
    place = np.arange(gains.size) - ranked.indptr[rows]
    discounts = np.where(place < k, np.diff(sums).astype(float)[place], 0)
    best = np.add.reduceat(best * discounts, ranked.indptr[:-1])
    return np.minimum(total / best, 1.0)


def _gains(ranked, rows, gain):
    """Gain of each entry, in units in which those of a query are not much above 1."""
    gains = ranked.grades
    if gain == "exponential":
        if gains.max() > _HIGHEST_EXPONENT:
            raise ValueError(
                "Grades must be small for gain='exponential', which is 2 to their "
                f"power, less 1: {_HIGHEST_EXPONENT} at most. Got {gains.max():g}. "
                "Scale them, or use gain='linear'."
            )
        gains = np.where(gains < 1, np.expm1(gains * np.log(2)), np.exp2(gains) - 1)
    exponents = np.frexp(np.maximum.reduceat(gains, ranked.indptr[:-1]))[1]
    return np.ldexp(gains, -exponents[rows])
