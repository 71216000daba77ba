"""Means and scales of data that may be sparse, or larger than memory."""

import math

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._blocks import row_blocks


def mean_and_scale(X, modality):
    """Return the column means, (n_features,), and one root mean square around them.

    Features are read block by block. A ValueError if every column is constant.
    """
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    if sparse.issparse(X):
        # Values that are not stored are zeros, each its column's mean away from it.
        n_zeros = X.shape[0] - np.bincount(X.indices, minlength=X.shape[1])
        squares = np.square(X.data - mean[X.indices]).sum() + n_zeros @ mean**2
    else:
        squares = sum(
            np.square(X[rows] - mean).sum(dtype=np.float64)
            for rows in row_blocks(*X.shape)
        )
    variance = squares / X.shape[0] / X.shape[1]
    # What rounding of the means alone can leave.
    rounding = X.shape[0] * np.finfo(float).eps * np.abs(mean).max()
    if not variance > rounding**2:
        raise ValueError(
            f"The {modality} features must vary: every one of the {X.shape[1]} columns "
            "is constant."
        )
    return mean, math.sqrt(variance)
