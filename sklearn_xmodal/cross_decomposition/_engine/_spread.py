"""What kernels need to know of the features beforehand: means, variance, distances."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_distances
from sklearn.utils.random import sample_without_replacement

from sklearn_xmodal.cross_decomposition._engine._dask import summed, take_rows
from sklearn_xmodal.cross_decomposition._engine._moments import Mean, cache_blocks
from sklearn_xmodal.utils._scaling import weighted_median
from sklearn_xmodal.utils._validation import counting_rows

_MEDIAN_SAMPLE = 1000


class ColumnSpread(NamedTuple):
    """Means of the columns, and the sum of squares around them."""

    mean: Mean
    squares: float
    is_sparse: bool

    def merged(self, other):
        """Return the spread of the rows of both."""
        a, b = self.mean.weight, other.mean.weight
        if not a or not b:
            return other if b else self
        step = self.mean.step_to(other.mean)
        between = a * b / (a + b) * (step @ step)
        return ColumnSpread(
            self.mean.merged(other.mean),
            self.squares + other.squares + between,
            self.is_sparse or other.is_sparse,
        )

    def variance(self):
        """Return the variance of all values, 0 where it is rounding."""
        high, low, weight = self.mean.high, self.mean.low, self.mean.weight
        n_values = weight * len(high)
        variance = self.squares / n_values + ((high - high[0]) + low).var()
        rounding = max(n_values, 1) * np.finfo(float).eps * high.mean()
        varies = variance > rounding**2
        return variance if varies else 0.0


def column_spread(X, sample_weight=None):
    """Look at features once, (n_samples, n_features), memory-mapped if need be."""
    if sparse.issparse(X):
        return _sparse_spread(X, sample_weight)
    spread = _no_spread(X.shape[1], is_sparse=False)
    for rows in cache_blocks(*X.shape):
        A = X[rows].astype(np.float64)
        weights = np.ones(len(A)) if sample_weight is None else sample_weight[rows]
        if not weights.any():
            continue
        mean = Mean.subtracted_from(A, weights)
        part = ColumnSpread(mean, weights @ np.einsum("ij,ij->i", A, A), False)
        spread = spread.merged(part)
    return spread


def _no_spread(n_columns, is_sparse):
    zeros = np.zeros(n_columns)
    return ColumnSpread(Mean(0.0, zeros, zeros), 0.0, is_sparse)


def _sparse_spread(X, sample_weight):
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    weight = weights.sum()
    if not weight:
        return _no_spread(X.shape[1], is_sparse=True)
    mean = X.T.astype(np.float64) @ weights / weight
    stored = np.repeat(weights, np.diff(X.indptr))
    squares = stored @ np.square(X.data - mean[X.indices])
    # Values that are not stored are zeros.
    zeros = weight - np.bincount(X.indices, stored, minlength=X.shape[1])
    squares += zeros @ mean**2
    return ColumnSpread(Mean(weight, mean, np.zeros_like(mean)), squares, True)


def scale_kernel(X, kernel, gamma, random_state, modality, sample_weight=None):
    """Return the coefficient of a kernel, and the origin of its features or None.

    Features may be a Dask array. gamma is 1 where they do not vary; numbers and None
    stay as they are. Centred, kernels of inner products and of differences do not
    depend on the origin; far from it they would lose their digits to the length of the
    means. Where subtracting means would change the result, or make sparse features
    dense, there is none.
    """
    is_shifted = kernel in ("linear", "rbf", "laplacian")
    spread: Any = None
    if is_shifted or gamma == "scale":
        spread = summed(column_spread, {modality: X}, sample_weight)
    if gamma == "scale":
        variance = spread.variance()
        gamma = 1 / (X.shape[1] * variance) if variance else 1.0
    elif gamma == "median":
        distance = _median_distance(X, random_state, modality, sample_weight)
        gamma = 1 / distance**2 if distance else 1.0
    origin = spread.mean.high if is_shifted and not spread.is_sparse else None
    return gamma, origin


def _median_distance(X, random_state, modality, sample_weight):
    """Median of the distances above rounding among some rows, 0 if there are none."""
    rows = counting_rows(sample_weight, np.arange(X.shape[0]))
    n = len(rows)
    chosen = sample_without_replacement(
        n, min(n, _MEDIAN_SAMPLE), random_state=random_state
    )
    rows = rows[np.sort(chosen)]
    sample = take_rows(X, rows, modality).astype(np.float64)
    if not sparse.issparse(sample):
        sample -= sample.mean(axis=0)
    distances = pairwise_distances(sample)
    positive = distances > 1e-6 * distances.max()
    if not positive.any():
        return 0.0
    if sample_weight is None:
        return np.median(distances[positive])
    # As often as both items of a pair are repeated.
    weights = np.outer(sample_weight[rows], sample_weight[rows])
    return weighted_median(distances[positive], weights[positive])
