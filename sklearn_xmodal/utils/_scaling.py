"""Means and scales of data that may be sparse, or larger than memory."""

import math

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._blocks import row_blocks


def mean_and_scale(X, modality, sample_weight=None):
    """Return the column means, (n_features,), and one root mean square around them.

    Features are read block by block. A ValueError if every column is constant.
    """
    n = X.shape[0]
    weight = n if sample_weight is None else sample_weight.sum()
    mean = _column_means(X, sample_weight)
    squares_of = _sparse_squares if sparse.issparse(X) else _dense_squares
    variance = squares_of(X, mean, sample_weight) / weight / X.shape[1]
    # What rounding of the means alone can leave.
    rounding = n * np.finfo(float).eps * np.abs(mean).max()
    if not variance > rounding**2:
        raise ValueError(
            f"The {modality} features must vary: every one of the {X.shape[1]} columns "
            "is constant."
        )
    return mean, math.sqrt(variance)


def _column_means(X, sample_weight):
    if sample_weight is None:
        return np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if sparse.issparse(X):
        sums = X.T @ sample_weight
    else:
        sums = sum(
            sample_weight[rows] @ X[rows].astype(np.float64, copy=False)
            for rows in row_blocks(*X.shape)
        )
    return sums / sample_weight.sum()


def _sparse_squares(X, mean, sample_weight):
    squares, weights, weight = np.square(X.data - mean[X.indices]), None, X.shape[0]
    if sample_weight is not None:
        weights = np.repeat(sample_weight, np.diff(X.indptr))
        squares, weight = squares * weights, sample_weight.sum()
    # Values that are not stored are zeros, each its column's mean away from it.
    zeros = weight - np.bincount(X.indices, weights, minlength=X.shape[1])
    return squares.sum() + zeros @ mean**2


def _dense_squares(X, mean, sample_weight):
    if sample_weight is None:
        return sum(
            np.square(X[rows] - mean).sum(dtype=np.float64)
            for rows in row_blocks(*X.shape)
        )
    return sum(
        sample_weight[rows] @ np.square(X[rows] - mean).sum(axis=1)
        for rows in row_blocks(*X.shape)
    )


def weighted_median(values, weights):
    """Return the median of numbers that count as often as positive weights say, (n,).

    Where exactly half of the weight lies below, it is halfway to the next number.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    half = below[-1] / 2
    rounding = len(values) * np.finfo(float).eps * half
    first, last = np.searchsorted(below, [half - rounding, half + rounding])
    return (values[order[first]] + values[order[last]]) / 2
