"""Which gallery items are relevant for which query.

Every class here answers the same two questions: which queries have a relevant item
at all (``has_relevant``), and which gallery columns are relevant for some of the
queries (``columns``). No class holds the n_queries x n_gallery relevance matrix
unless the caller brought it.
"""

import numpy as np
from scipy.sparse import csr_array, issparse

from sklearn_xmodal.utils._validation import as_labels, check_numbers

# Relevant columns of that many queries are listed at a time to be counted.
ROWS_TO_COUNT = 256


class Relevance:
    """Base of all of them: items are relevant or not, and all may be ranked."""

    is_graded = False
    shape: tuple[int, int]

    def gallery_sizes(self, queries):
        """How many items each of the given queries ranks."""
        return np.full(len(queries), self.shape[1])


class MatrixRelevance(Relevance):
    """Relevance read from a boolean matrix of shape (n_queries, n_gallery)."""

    def __init__(self, y_true):
        self.y_true = y_true
        self.shape = y_true.shape
        self.has_relevant = y_true.any(axis=1)

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        return [np.flatnonzero(self.y_true[query]) for query in queries]


class PairRelevance(Relevance):
    """Row i of the queries matches row i of the gallery and nothing else."""

    def __init__(self, n_pairs):
        self.shape = (n_pairs, n_pairs)
        self.has_relevant = np.ones(n_pairs, dtype=bool)

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        return list(np.asarray(queries, dtype=np.intp)[:, None])

    def to_matrix(self):
        """Boolean relevance matrix."""
        return np.eye(self.shape[0], dtype=bool)


class ClassRelevance(Relevance):
    """Query and gallery item carry the same label."""

    def __init__(self, y_query, y_gallery):
        codes: dict = {}
        self.gallery_codes = _encode(y_gallery, codes)
        self.query_codes = _encode(y_query, codes)
        self.shape = (self.query_codes.size, self.gallery_codes.size)
        by_class = np.argsort(self.gallery_codes, kind="stable")
        counts = np.bincount(self.gallery_codes, minlength=len(codes))
        self.members = np.split(by_class, np.cumsum(counts)[:-1])
        self.has_relevant = counts[self.query_codes] > 0

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        return [self.members[code] for code in self.query_codes[queries]]

    def to_matrix(self):
        """Boolean relevance matrix."""
        return self.query_codes[:, None] == self.gallery_codes[None, :]


class MultilabelRelevance(Relevance):
    """Query and gallery item share at least one class."""

    def __init__(self, y_query, y_gallery, names=("y_query", "y_gallery")):
        self.y_query = _check_indicator(y_query, names[0])
        y_gallery = _check_indicator(y_gallery, names[1])
        if self.y_query.shape[1] != y_gallery.shape[1]:
            raise ValueError(
                "y_query and y_gallery must have one column per class, the same "
                f"classes in both. Got {self.y_query.shape[1]} and "
                f"{y_gallery.shape[1]} columns."
            )
        self.y_gallery_T = csr_array(y_gallery.T)
        self.shape = (self.y_query.shape[0], y_gallery.shape[0])
        class_in_gallery = np.diff(self.y_gallery_T.indptr) > 0
        self.has_relevant = self.y_query @ class_in_gallery.astype(np.intp) > 0

    def columns(self, queries):
        """Relevant gallery columns of each of the given queries."""
        shared = self.y_query[queries] @ self.y_gallery_T
        shared.sort_indices()
        return np.split(shared.indices, shared.indptr[1:-1])

    def to_matrix(self):
        """Boolean relevance matrix."""
        return (self.y_query @ self.y_gallery_T).toarray()


def make_relevance(
    y_query, y_gallery, n_queries, n_gallery, names=("y_query", "y_gallery")
):
    """Relevance of labels, or of pairs where both sides have none.

    Labels have shape (n,) or are indicators (n, n_classes); errors call them `names`.
    """
    if (y_query is None) != (y_gallery is None):
        missing, given = ("y_query", "y_gallery")[:: 1 if y_query is None else -1]
        raise ValueError(
            "y_query and y_gallery must be given together, or neither of them for "
            f"pair-level relevance. Got {given} alone, {missing} is None."
        )
    if y_query is None:
        if n_queries != n_gallery:
            raise ValueError(
                "Without labels row i of the queries matches row i of the gallery, "
                f"so both must have as many rows. Got {n_queries} queries and "
                f"{n_gallery} gallery items. Pass y_query and y_gallery, or keep "
                "only the pairs."
            )
        return PairRelevance(n_queries)
    relevance = relevance_of_labels(y_query, y_gallery, names)
    for name, n_labels, n_rows in zip(
        names, relevance.shape, (n_queries, n_gallery), strict=True
    ):
        if n_labels != n_rows:
            raise ValueError(
                f"{name} must hold one label per row of codes. Got {n_labels} labels "
                f"for {n_rows} rows."
            )
    return relevance


def count_relevant(relevance, queries):
    """Relevant items of each of the given queries, (n_queries,)."""
    counts = (
        len(columns)
        for start in range(0, queries.size, ROWS_TO_COUNT)
        for columns in relevance.columns(queries[start : start + ROWS_TO_COUNT])
    )
    return np.fromiter(counts, np.intp, queries.size)


def relevance_of_labels(y_query, y_gallery, names=("y_query", "y_gallery")):
    """Choose between class and multi-label relevance by the shape of the labels."""
    y_query, y_gallery = as_labels(y_query, names[0]), as_labels(y_gallery, names[1])
    if y_query.ndim != y_gallery.ndim or y_query.ndim not in (1, 2):
        raise ValueError(
            f"{names[0]} and {names[1]} must both be 1-D labels or both be 2-D binary "
            f"indicators. Got shapes {y_query.shape} and {y_gallery.shape}."
        )
    if y_query.ndim == 1:
        return ClassRelevance(y_query, y_gallery)
    return MultilabelRelevance(y_query, y_gallery, names)


def _encode(y, codes):
    """Give each label a number, and add new labels to `codes`.

    A dict, not `np.unique`: labels need a hash but no order, and an integer never
    equals its own string, which NumPy would make of a mixture.
    """
    if y.size == 0:
        raise ValueError("Labels must hold at least one entry. Got an empty array.")
    labels = y.tolist()
    return np.fromiter(
        (codes.setdefault(label, len(codes)) for label in labels), np.intp, len(labels)
    )


def _check_indicator(y, name):
    """Boolean CSR form of a binary indicator of shape (n, n_classes)."""
    y = check_numbers(y, name, accept_sparse="csr", dtype=None)
    values = y.data if issparse(y) else y
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"A 2-D {name} must be a binary indicator with one column per class. Got "
            f"values other than 0 and 1 in an array of shape {y.shape}. Pass labels "
            "as a 1-D array."
        )
    # A copy: the caller's matrix shares its indices with one of another type.
    indicator = csr_array(y, dtype=bool, copy=True)
    indicator.eliminate_zeros()
    return indicator
