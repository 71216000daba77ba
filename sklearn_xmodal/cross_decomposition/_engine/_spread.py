"""What kernels need to know of the features beforehand: means, variance, distances."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_distances
from sklearn.utils.random import sample_without_replacement

from sklearn_xmodal.cross_decomposition._engine._dask import summed, take_rows
from sklearn_xmodal.cross_decomposition._engine._moments import Mean, cache_blocks

_MEDIAN_SAMPLE = 1000


class ColumnSpread(NamedTuple):
    """Means of the columns, and the sum of squares around them."""

    mean: Mean
    squares: float
    is_sparse: bool

    def merged(self, other):
        """Return the spread of the rows of both."""
        a, b = self.mean.weight, other.mean.weight
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
        varies = variance > (n_values * np.finfo(float).eps * high.mean()) ** 2
        return variance if varies else 0.0


def column_spread(X):
    """Look at features once, (n_samples, n_features), memory-mapped if need be."""
    if sparse.issparse(X):
        return _sparse_spread(X)
    spread = None
    for rows in cache_blocks(*X.shape):
        A = X[rows].astype(np.float64)
        mean = Mean.subtracted_from(A, np.ones(len(A)))
        part = ColumnSpread(mean, np.einsum("ij,ij->", A, A), is_sparse=False)
        spread = part if spread is None else spread.merged(part)
    return spread


def _sparse_spread(X):
    n, p = X.shape
    stored = np.bincount(X.indices, minlength=p)
    mean = np.asarray(X.sum(axis=0, dtype=np.float64)).ravel() / n
    squares = np.square(X.data - mean[X.indices]).sum()
    # Values that are not stored are zeros.
    squares += (n - stored) @ mean**2
    return ColumnSpread(Mean(float(n), mean, np.zeros_like(mean)), squares, True)


def scale_kernel(X, kernel, gamma, random_state, modality):
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
        spread = summed(column_spread, {modality: X})
    if gamma == "scale":
        variance = spread.variance()
        gamma = 1 / (X.shape[1] * variance) if variance else 1.0
    elif gamma == "median":
        distance = _median_distance(X, random_state, modality)
        gamma = 1 / distance**2 if distance else 1.0
    origin = spread.mean.high if is_shifted and not spread.is_sparse else None
    return gamma, origin


def _median_distance(X, random_state, modality):
    """Median of the distances above rounding among some rows, 0 if there are none."""
    n = X.shape[0]
    rows = sample_without_replacement(
        n, min(n, _MEDIAN_SAMPLE), random_state=random_state
    )
    sample = take_rows(X, np.sort(rows), modality).astype(np.float64)
    if not sparse.issparse(sample):
        sample -= sample.mean(axis=0)
    distances = pairwise_distances(sample)
    positive = distances[distances > 1e-6 * distances.max()]
    return np.median(positive) if positive.size else 0.0
