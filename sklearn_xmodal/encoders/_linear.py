"""Linear encoders: centred features times weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders._base import Encoder


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LinearEncoder(Encoder):
    r"""Project centred features: :math:`z = (x - \mu)^\top W \operatorname{diag}(s)`.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    mean : ndarray of shape (n_features_in_,)
        Subtracted from the features.

    weights : ndarray of shape (n_features_in_, n_components_)
        Directions in columns.

    scales : ndarray of shape (n_components_,), default=None
        Factors of the columns of the codes; `None` is 1 for all.
    """

    kind: ClassVar[str] = "linear"
    _shapes: ClassVar[dict] = {
        "weights": ("n_features_in_", "n_components_"),
        "mean": ("n_features_in_",),
        "scales": ("n_components_",),
    }

    mean: np.ndarray
    weights: np.ndarray
    scales: np.ndarray | None = None

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.weights.shape[0]

    @property
    def n_components_(self):
        """Number of columns of the codes."""
        return self.weights.shape[1]

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row, centred features included."""
        return 16 * self.n_components_ + (0 if sparse.issparse(X) else 8 * X.shape[1])

    def _encode(self, X):
        W = self.weights if self.scales is None else self.weights * self.scales
        return centred_product(X, self.mean, W)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class IdentityEncoder(Encoder):
    r"""Leave the features as they are, or around a mean: :math:`z = x - \mu`.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features,), default=None
        Column names of the features, which tables must have.

    n_features : int
        Number of features, and of columns of the codes.

    mean : ndarray of shape (n_features,), default=None
        Subtracted from the features; `None` leaves every bit as it was.
    """

    kind: ClassVar[str] = "identity"
    _shapes: ClassVar[dict] = {"mean": ("n_features",)}

    n_features: int
    mean: np.ndarray | None = None

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.n_features

    @property
    def n_components_(self):
        """Number of columns of the codes."""
        return self.n_features

    def _encode(self, X):
        if sparse.issparse(X):
            X = X.toarray()
        if self.mean is None:
            return X * 1.0  # a copy, of -0 and of type float32, too
        return (X - self.mean).astype(X.dtype, copy=False)


def centred_product(X, mean, W):
    """Project features around a mean, (n, p) -> (n, k) in the type of X."""
    if sparse.issparse(X):
        Z = X @ W - mean @ W
    else:
        # What rounding takes from the mean moves all rows alike: put it back.
        rounded = mean.astype(X.dtype)
        Z = (X - rounded) @ W.astype(X.dtype) - (mean - rounded) @ W
    return Z.astype(X.dtype, copy=False)
