"""One modality of pairs: by its second moments, or by rows where those are fewer."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import blas

from sklearn_xmodal.cross_decomposition._engine._moments import (
    Mean,
    cache_blocks,
    class_sums,
    fill,
    find_varying,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._whitening import (
    LEAST_PIVOT,
    Diagonal,
    Root,
    cholesky_root,
    principal_axes,
    whitened_rows,
)
from sklearn_xmodal.utils._class_embeddings import weighted_memberships
from sklearn_xmodal.utils._linalg import stable_eigh


class Axes(NamedTuple):
    """Principal axes of a side, r in number: a ridge and a whitening are divisions."""

    mean: np.ndarray  # (n_features,)
    variance: float  # mean over the features, the unit of ridges
    variances: np.ndarray  # (r,), along the axes
    root: Any  # coordinates (r, k) -> weights of features (n_features, k)
    # (n_samples, r), coordinates of the pairs of a row side times roots of weights
    rows: np.ndarray | None
    with_classes: np.ndarray | None  # (r, n_classes), covariances with memberships

    def ridged(self, alpha):
        """Return the variances along the axes with a relative ridge."""
        return self.variances + alpha * self.variance

    def whitening(self, alpha):
        """Return what brings the ridged variances to 1, (r, 1)."""
        return 1 / np.sqrt(self.ridged(alpha))[:, None]


class Side(ABC):
    """What is known of one modality, whichever way."""

    def __init__(self, mean, variances, modality, dtype):
        self.eps = np.finfo(dtype).eps  # of the features as they are stored
        self.mean = mean.high + mean.low
        self.weight = mean.weight
        self.varies = find_varying(variances, self.mean, modality)
        self.variances = np.where(self.varies, variances, 0.0)
        self.variance = self.variances.mean()

    @abstractmethod
    def covariance_times(self, W):
        """Return the product of the covariance and weights, (n_features, k)."""

    @abstractmethod
    def axes(self, X, memberships=None):
        """Return the principal axes.

        Features may be read again for memberships, which are weighted.
        """

    def unit_scale(self):
        """Return what brings every column to unit variance; constant ones to 0."""
        scale = np.zeros_like(self.variances)
        scale[self.varies] = 1 / np.sqrt(self.variances[self.varies])
        return scale

    def loadings(self, W):
        """Return correlations of the features with their variates, (n_features, k)."""
        covariance = self.covariance_times(W)
        variances = np.einsum("ij,ij->j", W, covariance)
        deviation = np.sqrt(np.maximum(variances, 0.0))
        covariance /= np.where(deviation > 0, deviation, 1.0)
        return covariance * self.unit_scale()[:, None]


class MomentSide(Side):
    """One modality by the lower triangle of its covariance."""

    def __init__(self, mean, covariance, modality, dtype=np.float64):
        super().__init__(mean, np.diag(covariance), modality, dtype)
        self.covariance = covariance

    def squared_norm(self):
        """Return the squared Frobenius norm of covariance over mean variance."""
        C = self.covariance / self.variance
        lower, diagonal = np.tril(C, -1), np.diag(C)
        return 2 * np.vdot(lower, lower) + np.vdot(diagonal, diagonal)

    def covariance_times(self, W):
        """Return the product of the covariance and weights."""
        return blas.dsymm(1.0, self.covariance, W, lower=1)

    def axes(self, X, memberships=None):
        """Return the principal axes; features are read again for memberships."""
        if memberships is None:
            return self.axes_with(None)
        return self.axes_with(class_sums(X, self.mean, memberships))

    def axes_with(self, sums):
        """Return the principal axes; sums are those of `class_sums`, or None."""
        variances, V = principal_axes(self.covariance, self)
        with_classes = None if sums is None else V.T @ (sums / self.weight)
        return Axes(self.mean, self.variance, variances, Root(V), None, with_classes)


class RowSide(Side):
    """One modality by its rows; with more columns than rows, by their products.

    Columns are centred in blocks: neither the features nor their covariance are
    ever held as a whole, unless there are more rows than columns, or the ridge is
    so weak that products of rows would cost too many digits.
    """

    def __init__(self, X, sample_weight, modality):
        n, p = X.shape
        self._X = X.tocsc() if sparse.issparse(X) else X
        self._weights = np.ones(n) if sample_weight is None else sample_weight
        self._is_wide = p >= n
        self._grams = {}
        mean = Mean(self._weights.sum(), np.empty(p), np.empty(p))
        variances = np.empty(p)
        for columns, A in self._column_blocks(mean):
            variances[columns] = np.einsum("ij,ij->j", A, A) / mean.weight
        super().__init__(mean, variances, modality, X.dtype)

    def squared_norm(self):
        """Return the squared Frobenius norm of covariance over mean variance."""
        if self._is_wide:
            G = self._gram(None)[0] / (self.weight * self.variance)
        else:
            G = self._covariance() / self.variance
        return np.vdot(G, G)

    def covariance_times(self, W):
        """Return the product of the covariance and weights."""
        Z = sum(A @ W[columns] for columns, A in self._column_blocks())
        return self._transposed_times(Z, None) / self.weight

    def whitened(self, alpha):
        """Return ridge-whitened coordinates of the rows, and the way to weights."""
        if not self._is_wide:
            root = cholesky_root(self._covariance(), self, alpha)
            if root is not None:
                return root.transposed_times(self.centred_rows().T).T, root
        elif sparse.issparse(self._X) or self._is_strong(alpha):
            return self._coordinates(None if alpha else self.unit_scale(), alpha)
        return whitened_rows(self.centred_rows(), self, alpha)

    def scaled(self, scale):
        """Return coordinates of the rows with scaled columns, not whitened."""
        if self._is_wide:
            return self._coordinates(scale, None)
        return self.centred_rows() * scale, Diagonal(scale)

    def axes(self, X=None, memberships=None):
        """Return the principal axes; the rows along them serve memberships."""
        if self._is_wide:
            Z, root = self._coordinates(None, None)
        else:
            _, V = principal_axes(self._covariance(), self)
            Z, root = self.centred_rows() @ V, Root(V)
        variances = np.einsum("ij,ij->j", Z, Z) / self.weight
        with_classes = None
        if memberships is not None:
            rows = Z / np.sqrt(self._weights)[:, None]
            with_classes = (memberships.T @ rows).T / self.weight
        return Axes(self.mean, self.variance, variances, root, Z, with_classes)

    def _is_strong(self, alpha):
        largest = self._gram(None)[1][0] / self.weight
        return alpha * self.variance > LEAST_PIVOT * largest

    def _coordinates(self, scale, alpha):
        """Use the eigenvectors of the products of rows; alpha None: no whitening."""
        _, w, U = self._gram(scale)
        rounding = max(self._X.shape) * np.finfo(float).eps * w[0]
        rank = int(np.count_nonzero(w > rounding))
        S, U = np.sqrt(w[:rank]), U[:, :rank]
        ridge = 0.0 if alpha is None else alpha * self.variance
        deviation = 1.0 if alpha is None else np.sqrt(S**2 / self.weight + ridge)
        D = U / (S * deviation)
        return U * (S / deviation), lambda V: self._transposed_times(D @ V, scale)

    def _gram(self, scale):
        """Return products of rows, their eigenvalues and eigenvectors."""
        key = None if scale is None else scale.tobytes()
        if key not in self._grams:
            G = np.zeros((len(self._weights),) * 2)
            for columns, A in self._column_blocks():
                if scale is not None:
                    A *= scale[columns]
                G += A @ A.T
            self._grams = {key: (G, *stable_eigh(G))}
        return self._grams[key]

    def _transposed_times(self, D, scale):
        W = np.empty((self._X.shape[1], D.shape[1]))
        for columns, A in self._column_blocks():
            W[columns] = A.T @ D
        return W if scale is None else W * scale[:, None] ** 2

    def _covariance(self):
        A = self.centred_rows()
        return A.T @ A / self.weight

    def centred_rows(self):
        """Return the rows around their mean, times the roots of their weights."""
        return np.hstack([A for _, A in self._column_blocks()])

    def _column_blocks(self, mean=None):
        """Yield slices of columns, and these centred with weighted rows."""
        n, p = self._X.shape
        for columns in cache_blocks(p, n):
            A = np.empty((n, columns.stop - columns.start))
            fill(A, self._X[:, columns])
            block = Mean.subtracted_from(A, self._weights)
            if mean is not None:
                mean.high[columns], mean.low[columns] = block.high, block.low
            A *= np.sqrt(self._weights)[:, None]
            yield columns, A


def separate_axes(X_img, X_txt, memberships, sample_weight=None):
    """Return the axes of image and text, which never meet, and classes along them.

    Weights are positive, `None` is 1 for all.
    """
    return (
        _modality_axes(X_img, "image", memberships, sample_weight),
        _modality_axes(X_txt, "text", memberships, sample_weight),
    )


def _modality_axes(X, modality, memberships, sample_weight):
    side: Side  # by moments where there are more samples than features
    if X.shape[0] > X.shape[1]:
        moments = pair_moments(X, X[:, :0], sample_weight)
        side = MomentSide(moments.mean, moments.covariances()[0], modality)
    else:
        side = RowSide(X, sample_weight, modality)
    return side.axes(X, weighted_memberships(memberships, sample_weight))
