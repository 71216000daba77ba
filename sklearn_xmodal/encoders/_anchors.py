"""Anchor encoders: similarities to the nearest of items whose other half is known."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders._base import Encoder
from sklearn_xmodal.encoders._kernel import kernel_values
from sklearn_xmodal.utils._unit import to_unit_length

# Rounding of a cosine: similarities of equal anchors may differ by less.
_EQUAL = 2.0**-40


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class AnchorEncoder(Encoder):
    r"""Cosines with anchors, but for the largest replaced by 0, to a power.

    For an item x of unit length and anchors :math:`a_j`, the code has
    :math:`\max(x^\top a_j, 0)^p` where :math:`x^\top a_j` is among the k largest, else
    0, and is scaled to unit length. An item without a positive cosine has a code of
    zeros.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    anchors : {ndarray, sparse matrix} of shape (n_components_, n_features_in_)
        Items of the modality, of unit length. Sparse ones as CSR.

    n_neighbors : int
        The number k; all that equal the last of them count, too.

    power : float
        The power p, above 0.
    """

    kind: ClassVar[str] = "anchors"
    _shapes: ClassVar[dict] = {"anchors": ("n_components_", "n_features_in_")}

    anchors: Any
    n_neighbors: int
    power: float

    def __post_init__(self):
        super().__post_init__()
        if not self.n_neighbors >= 1:
            raise ValueError(
                "n_neighbors of AnchorEncoder must be at least 1. Got "
                f"{self.n_neighbors}."
            )
        if not 0 < self.power < np.inf:
            raise ValueError(
                f"power of AnchorEncoder must be a positive number. Got {self.power}."
            )

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.anchors.shape[1]

    @property
    def n_components_(self):
        """Number of anchors."""
        return self.anchors.shape[0]

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        return 40 * self.n_components_ + 24 * X.shape[1]

    def _encode(self, X):
        anchors = self.anchors
        if isinstance(X.shape[0], str) and sparse.issparse(anchors):
            anchors = anchors.toarray()  # graphs have no sparse constants
        # In float64 throughout: which cosines are the largest hangs on every digit.
        unit = to_unit_length(X.astype(np.float64, copy=False))
        S = np.maximum(kernel_values("linear", unit, anchors), 0.0)
        n_smaller = self.n_components_ - self.n_neighbors
        if n_smaller > 0:
            least = np.partition(S, n_smaller, axis=1)[:, n_smaller, None]
            S = np.where(least - _EQUAL > S, 0.0, S)
        largest = np.max(S, axis=1, keepdims=True)
        S = S / np.where(largest > 0, largest, 1.0)  # so that no power vanishes
        return to_unit_length(S**self.power).astype(X.dtype, copy=False)
