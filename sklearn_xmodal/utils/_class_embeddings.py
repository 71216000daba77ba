"""Class vectors, and which classes an item belongs to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._validation import check_numbers


def class_vectors(class_embeddings, classes, dtype=np.float32):
    """Return one finite vector per class, (n_classes, n_class_features).

    From a mapping or DataFrame, label -> vector; `None` is one-hot. A label without a
    vector is a ValueError, something else than these a TypeError.
    """
    if class_embeddings is None:
        return np.eye(len(classes), dtype=dtype)
    if hasattr(class_embeddings, "loc"):
        known = set(class_embeddings.index)
        table = class_embeddings.loc
    elif isinstance(class_embeddings, Mapping):
        known = set(class_embeddings)
        table = class_embeddings
    else:
        raise TypeError(
            "class_embeddings must be a mapping from label to vector, a DataFrame "
            f"indexed by label, or None. Got {type(class_embeddings).__name__}."
        )
    labels = classes.tolist()
    missing = [label for label in labels if label not in known]
    if missing:
        raise ValueError(
            "class_embeddings must hold a vector for every label seen in fit. Got none "
            f"for {len(missing)} of {len(labels)} labels, such as {missing[:5]}."
        )
    vectors = [np.atleast_1d(_numbers(table[label], dtype)) for label in labels]
    shapes = sorted({vector.shape for vector in vectors})
    if len(shapes) > 1 or len(shapes[0]) > 1 or shapes[0] == (0,):
        raise ValueError(
            "class_embeddings must hold one vector per label, all of one length of at "
            f"least 1. Got shapes {shapes[:5]}."
        )
    matrix = np.stack(vectors)
    if not np.isfinite(matrix).all():
        bad = [
            lab
            for lab, row in zip(labels, matrix, strict=True)
            if not np.isfinite(row).all()
        ]
        raise ValueError(
            "class_embeddings must be finite. Got NaN or infinity for "
            f"{len(bad)} labels, such as {bad[:5]}."
        )
    return matrix


def _numbers(vector, dtype):
    return check_numbers(
        vector,
        "class_embeddings",
        dtype=dtype,
        ensure_2d=False,
        ensure_min_samples=0,
        ensure_all_finite=False,
        allow_nd=True,
    )


def class_memberships(y, classes):
    """Return how much every item belongs to every class, CSR (n_samples, n_classes).

    Times the class vectors they are the vectors of the items: that of the class, or the
    mean over the classes of an item with several. Rows sum to 1, or to 0 for an item
    without a class.
    """
    if y.ndim == 2:
        shares = y / np.maximum(y.sum(axis=1, keepdims=True), 1)
        return sparse.csr_matrix(shares, dtype=np.float64)
    n, columns = len(y), np.searchsorted(classes, y)
    return sparse.csr_matrix(
        (np.ones(n), columns, np.arange(n + 1)), shape=(n, len(classes))
    )


def weighted_memberships(memberships, sample_weight):
    """Multiply the rows of memberships by their weights; None is 1 for all."""
    if sample_weight is None:
        return memberships
    return sparse.diags(sample_weight).tocsr() @ memberships


class ClassCounts(NamedTuple):
    """How much of some items is in which classes: all that vectors need of them."""

    n_samples: int
    weight: float  # sum over the items
    overlaps: Any  # CSR (n_classes, n_classes), weighted products of memberships

    def shares(self):
        """Return the share of every class in the items, (n_classes,)."""
        # Memberships of an item sum to 1, or to 0.
        return np.asarray(self.overlaps.sum(axis=1)).ravel() / self.weight

    def covariance(self, vectors):
        """Return the covariance, over the items, of the vectors of their classes."""
        mean = self.shares() @ vectors
        second = self._second_moment(vectors)
        return second - np.outer(mean, mean)

    def check_vectors_vary(self, vectors):
        """Raise a ValueError where all items have the same class vector."""
        mean = self.shares() @ vectors
        second = np.trace(self._second_moment(vectors))
        rounding = self.n_samples * np.finfo(float).eps * second
        if not second - np.vdot(mean, mean) > rounding:
            raise ValueError(
                "The pairs must differ in their class vectors. Got the same vector for "
                "every pair: check y and class_embeddings."
            )

    def _second_moment(self, vectors):
        return vectors.T @ (self.overlaps @ vectors) / self.weight


def class_counts(memberships, sample_weight=None):
    """Count the items of every class; weights (n_samples,), `None` is 1 for all."""
    n = memberships.shape[0]
    weighted = weighted_memberships(memberships, sample_weight)
    weight = float(n if sample_weight is None else sample_weight.sum())
    return ClassCounts(n, weight, (memberships.T @ weighted).tocsr())
