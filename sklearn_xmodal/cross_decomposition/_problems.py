"""Whitening of pairs: by second moments, or by rows where those are fewer."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import blas

from sklearn_xmodal.cross_decomposition._dask import summed
from sklearn_xmodal.cross_decomposition._moments import (
    Mean,
    condense,
    condensed_rows,
    fill,
    find_varying,
    pair_moments,
    row_blocks,
)
from sklearn_xmodal.cross_decomposition._whitening import (
    LEAST_PIVOT,
    Diagonal,
    Root,
    cholesky_root,
    eigen_root,
    principal_axes,
    whitened_rows,
)
from sklearn_xmodal.utils._linalg import stable_eigh


class Whitened(NamedTuple):
    """Cross-covariance in whitened coordinates, and the ways back to features.

    `image` and `text` map coordinates of shape (r, k) to weights of features.
    """

    cross: np.ndarray  # (r_img, r_txt)
    image: Any
    text: Any


class Side:
    """What both kinds of problem know about one modality."""

    def __init__(self, mean, variances, modality, dtype=np.float64):
        self.eps = np.finfo(dtype).eps  # of the features as they are stored
        self.mean = mean.high + mean.low
        self.weight = mean.weight
        self.varies = find_varying(variances, self.mean, modality)
        self.variances = np.where(self.varies, variances, 0.0)
        self.variance = self.variances.mean()

    def unit_scale(self):
        """Return what brings every column to unit variance; constant ones to 0."""
        scale = np.zeros_like(self.variances)
        scale[self.varies] = 1 / np.sqrt(self.variances[self.varies])
        return scale


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

    def axes(self):
        """Return the variances along the principal axes, and these in columns."""
        return principal_axes(self.covariance, self)


class MomentProblem:
    """Pairs by their second moments, the way for more samples than features.

    Parameters
    ----------
    moments : PairMoments
        All there is to know where `read_rows` is not given.

    read_rows : callable, default=None
        Returns rows with the same moments, see
        :func:`~sklearn_xmodal.cross_decomposition._moments.condensed_rows`. Where
        given, it is called when a covariance is close to singular, since the
        moments have lost half of the digits then.

    dtypes : pair of dtypes
        Of the image and the text features.
    """

    def __init__(self, moments, read_rows=None, dtypes=(np.float64, np.float64)):
        image, text, self._cross = moments.covariances()
        p = moments.n_image_features
        self.n_samples = moments.n_samples
        self.sides = (
            MomentSide(moments.mean.of_columns(slice(p)), image, "image", dtypes[0]),
            MomentSide(
                moments.mean.of_columns(slice(p, None)), text, "text", dtypes[1]
            ),
        )
        self._read_rows = read_rows
        self._rows = None

    def whitened(self, alphas):
        """Whiten both modalities with their ridges."""
        roots = [
            cholesky_root(side.covariance, side, alpha)
            for side, alpha in zip(self.sides, alphas, strict=True)
        ]
        if any(root is None for root in roots) and self._read_rows is not None:
            return self._whitened_by_rows(alphas)
        image, text = (
            eigen_root(side, alpha) if root is None else root
            for side, alpha, root in zip(self.sides, alphas, roots, strict=True)
        )
        cross = text.transposed_times(image.transposed_times(self._cross).T).T
        return Whitened(cross, image, text)

    def scaled(self, scales):
        """Multiply the columns of both modalities; no whitening."""
        cross = scales[0][:, None] * self._cross * scales[1]
        return Whitened(cross, *(Diagonal(scale) for scale in scales))

    def _whitened_by_rows(self, alphas):
        if self._rows is None:
            self._rows = np.hsplit(self._read_rows(), [len(self.sides[0].mean)])
        (Z_img, image), (Z_txt, text) = (
            whitened_rows(A, side, alpha)
            for A, side, alpha in zip(self._rows, self.sides, alphas, strict=True)
        )
        return Whitened(Z_img.T @ Z_txt / self.sides[0].weight, image, text)


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
                return root.transposed_times(self._dense().T).T, root
        elif sparse.issparse(self._X) or self._is_strong(alpha):
            return self._coordinates(None if alpha else self.unit_scale(), alpha)
        return whitened_rows(self._dense(), self, alpha)

    def scaled(self, scale):
        """Return coordinates of the rows with scaled columns, not whitened."""
        if self._is_wide:
            return self._coordinates(scale, None)
        return self._dense() * scale, Diagonal(scale)

    def axes(self):
        """Return the principal components of the rows, and the way to weights."""
        if not self._is_wide:
            _, V = principal_axes(self._covariance(), self)
            return self._dense() @ V, Root(V)
        return self._coordinates(None, None)

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
        A = self._dense()
        return A.T @ A / self.weight

    def _dense(self):
        return np.hstack([A for _, A in self._column_blocks()])

    def _column_blocks(self, mean=None):
        """Yield slices of columns, and these centred with weighted rows."""
        n, p = self._X.shape
        for columns in row_blocks(p, n):
            A = np.empty((n, columns.stop - columns.start))
            fill(A, self._X[:, columns])
            block = Mean.subtracted_from(A, self._weights)
            if mean is not None:
                mean.high[columns], mean.low[columns] = block.high, block.low
            A *= np.sqrt(self._weights)[:, None]
            yield columns, A


class RowProblem:
    """Pairs by their rows, the way for fewer samples than features.

    Parameters
    ----------
    X_img : {ndarray, sparse matrix} of shape (n_samples, n_image_features)
        Image features.

    X_txt : {ndarray, sparse matrix} of shape (n_samples, n_text_features)
        Text features.

    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of at least 0.
    """

    def __init__(self, X_img, X_txt, sample_weight=None):
        self.n_samples = _count_samples(X_img, sample_weight)
        self.sides = (
            RowSide(X_img, sample_weight, "image"),
            RowSide(X_txt, sample_weight, "text"),
        )

    def whitened(self, alphas):
        """Whiten both modalities with their ridges."""
        return self._crossed(
            [s.whitened(alpha) for s, alpha in zip(self.sides, alphas, strict=True)]
        )

    def scaled(self, scales):
        """Multiply the columns of both modalities; no whitening."""
        return self._crossed(
            [s.scaled(scale) for s, scale in zip(self.sides, scales, strict=True)]
        )

    def _crossed(self, coordinates):
        (Z_img, image), (Z_txt, text) = coordinates
        return Whitened(Z_img.T @ Z_txt / self.sides[0].weight, image, text)


def pair_problem(X_img, X_txt, sample_weight=None):
    """Choose the way for these pairs.

    Parameters
    ----------
    X_img : {ndarray, sparse matrix} of shape (n_samples, n_image_features)
        Image features.

    X_txt : {ndarray, sparse matrix} of shape (n_samples, n_text_features)
        Text features.

    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of at least 0.

    Returns
    -------
    problem : MomentProblem or RowProblem
        By moments where there are more samples than features in both modalities.
    """
    if _count_samples(X_img, sample_weight) <= max(X_img.shape[1], X_txt.shape[1]):
        if sample_weight is not None and not sample_weight.all():
            rows = np.flatnonzero(sample_weight)
            X_img, X_txt, sample_weight = X_img[rows], X_txt[rows], sample_weight[rows]
        return RowProblem(X_img, X_txt, sample_weight)
    return moment_problem(X_img, X_txt, sample_weight)


def moment_problem(X_img, X_txt, sample_weight=None):
    """Take the way of moments.

    Parameters
    ----------
    X_img : {ndarray, sparse matrix, dask array} of shape (n_samples, n_image_features)
        Image features.

    X_txt : {ndarray, sparse matrix, dask array} of shape (n_samples, n_text_features)
        Text features.

    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of at least 0.

    Returns
    -------
    problem : MomentProblem
        It goes through the data once more where a covariance is close to singular.
    """
    sides = {"image": X_img, "text": X_txt}
    moments = summed(pair_moments, sides, sample_weight)
    mean = moments.mean  # not the products, which are copied and can go

    def read_rows():
        rows_of = partial(condensed_rows, mean=mean)
        return summed(rows_of, sides, sample_weight, merge=condense)

    return MomentProblem(moments, read_rows, (X_img.dtype, X_txt.dtype))


def _count_samples(X, sample_weight):
    return X.shape[0] if sample_weight is None else np.count_nonzero(sample_weight)
