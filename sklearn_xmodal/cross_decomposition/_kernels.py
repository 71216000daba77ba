"""Kernels between some items and a basis of items, block by block."""

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import gen_batches

from sklearn_xmodal.utils._linalg import stable_eigh

# A kernel with more negative eigenvalues, relative to the mean one, is indefinite.
INDEFINITE = 1e-3
_DEFINITE = "rbf", "laplacian", "linear", "cosine", "chi2", "additive_chi2"
# Larger blocks are no faster, whatever the working memory allows.
_BLOCK_BYTES = 2**26
# Of a symmetric matrix at a time: enough for the matrix product to run at full speed.
_SQUARE_ROWS = 1024


def row_blocks(n_rows, bytes_per_row):
    """Cut rows into slices that fit scikit-learn's ``working_memory``.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    bytes_per_row : int
        What is allocated for one of them.

    Returns
    -------
    blocks : iterator of slice
        In order; at least one row each.
    """
    limit = min(_BLOCK_BYTES, get_config()["working_memory"] * 2**20)
    return gen_batches(n_rows, max(1, int(limit / bytes_per_row)))


class KernelMap:
    """Items to their kernel values against a basis of items.

    Parameters
    ----------
    kernel : str or callable
        Of :func:`sklearn.metrics.pairwise.pairwise_kernels`, or ``"precomputed"``,
        where items are rows of kernel values against all training items.

    params : dict
        Keyword arguments of the kernel.

    n_jobs : int or None
        Parallel jobs.

    origin : ndarray of shape (n_features,) or None
        Subtracted from all features.

    basis : {ndarray, sparse matrix} of shape (n_basis, n_features)
        The items.

    columns : ndarray of shape (n_basis,) or None
        Which training items they are, for a precomputed kernel; `None` for all.
    """

    def __init__(self, kernel, params, n_jobs, origin, basis, columns=None):
        self.kernel = kernel
        self.params = params
        self.n_jobs = n_jobs
        self.origin = origin
        self.basis = basis
        self.columns = columns

    def bytes_per_row(self, X):
        """Return what `blocks` allocates for a row."""
        # The values, and as much again for what computing them takes.
        return 16 * self.basis.shape[0] + 8 * X.shape[1]

    def blocks(self, X, batches=None):
        """Yield slices of rows, and their values of shape (n_rows, n_basis)."""
        basis = None if self.kernel == "precomputed" else self._shifted(self.basis)
        for rows in batches or row_blocks(X.shape[0], self.bytes_per_row(X)):
            yield rows, self._values(X[rows], basis)

    def is_definite(self):
        """Return whether the kernel is known to be semi-definite once centred."""
        if self.kernel in ("poly", "polynomial"):
            whole = float(self.params["degree"]).is_integer()
            return whole and self.params["coef0"] >= 0
        return self.kernel in _DEFINITE

    def square(self):
        """Return the values of the basis itself, (n_basis, n_basis)."""
        if self.kernel == "precomputed":
            return self._values(self.basis, None)
        n = self.basis.shape[0]
        items = self._shifted(self.basis)
        K = np.empty((n, n))
        for rows in gen_batches(n, _SQUARE_ROWS):
            K[rows, rows] = self._kernel(items[rows])
            if rows.stop < n:  # every pair of items once
                after = slice(rows.stop, n)
                K[rows, after] = self._kernel(items[rows], items[after])
                K[after, rows] = K[rows, after].T
        return K

    def mean_diagonal(self, X):
        """Return the mean over items of their kernel value with themselves."""
        if self.kernel in ("rbf", "laplacian", "chi2"):
            return 1.0
        if self.kernel == "precomputed":
            return X.diagonal().mean(dtype=np.float64)
        total = 0.0
        step = 1 if callable(self.kernel) else 32
        for rows in gen_batches(X.shape[0], step):
            total += self._values(X[rows]).trace()
        return total / X.shape[0]

    def whitener(self, modality):
        r"""Return R so that values times R are Nystroem features.

        Their inner products are :math:`k(x, L) K_{LL}^{-1} k(L, y)` with the basis
        as landmarks :math:`L` (Williams and Seeger, "Using the Nystroem method to
        speed up kernel machines", NIPS 2000).
        """
        w, V = stable_eigh(self.square())
        mean = max(abs(w.mean()), np.finfo(float).tiny)
        check_spectrum(w[-1] / mean, f"{modality} kernel of the landmarks")
        rank = int(np.count_nonzero(w > len(w) * np.finfo(float).eps * w[0]))
        return V[:, :rank] / np.sqrt(w[:rank])

    def sample(self, X):
        """Return some training items."""
        return self.basis

    def _values(self, X, *basis):
        """Kernel of some items with a shifted basis, or with themselves."""
        if self.kernel == "precomputed":
            X = X if self.columns is None else X[:, self.columns]
            X = X.toarray() if sparse.issparse(X) else X
            return np.array(X, dtype=np.float64, order="C")
        return self._kernel(self._shifted(X), *basis)

    def _kernel(self, *items):
        """Kernel of shifted items with others, or with themselves."""
        # In float64 throughout: rounding to float32 costs the kernel its definiteness.
        K = pairwise_kernels(
            *items,
            metric=self.kernel,
            filter_params=True,
            n_jobs=self.n_jobs,
            **self.params,
        )
        return K.toarray() if sparse.issparse(K) else np.ascontiguousarray(K)

    def _shifted(self, X):
        return shifted(X, self.origin)


def shifted(X, origin):
    """Return features in float64, dense where an origin is subtracted.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Features of one modality.

    origin : ndarray of shape (n_features,) or None
        From `kernel_origin`.

    Returns
    -------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        The same, not copied where nothing has to be done.
    """
    X = X.astype(np.float64, copy=False)
    if origin is None:
        return X
    return (X.toarray() if sparse.issparse(X) else X) - origin


def check_spectrum(smallest, what):
    """Raise a ValueError where a kernel matrix is clearly not semi-definite.

    Parameters
    ----------
    smallest : float
        Smallest eigenvalue relative to the mean one.

    what : str
        Which matrix, for the error.

    Raises
    ------
    ValueError
        If the eigenvalue is more negative than rounding of float32 explains.
    """
    if smallest < -INDEFINITE:
        raise ValueError(
            f"The {what} must be positive semi-definite. Got an eigenvalue of "
            f"{smallest:.3g} times the mean of all. Use another kernel, or clip the "
            "negative eigenvalues to zero."
        )


def check_varies(scale, rounding, modality):
    """Raise a ValueError where a centred kernel matrix is not more than zero.

    Parameters
    ----------
    scale : float
        Its mean eigenvalue.

    rounding : float
        Error of `scale`.

    modality : {"image", "text"}
        Named in the error.

    Raises
    ------
    ValueError
        If nothing is left, or the mean eigenvalue is negative.
    """
    least = max(rounding, np.finfo(float).tiny)
    if scale < -least:
        raise ValueError(
            f"The centred {modality} kernel must be positive semi-definite. Got "
            f"{scale:.3g} as the mean of its eigenvalues. Use another kernel, or clip "
            "the negative eigenvalues to zero."
        )
    if not scale > least:
        raise ValueError(
            f"The {modality} features must vary: the centred {modality} kernel "
            "matrix is zero to rounding, so there is nothing to correlate."
        )


def check_square(X, modality):
    """Raise a ValueError unless a precomputed kernel is a symmetric matrix.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_columns)
        What `fit` was given.

    modality : {"image", "text"}
        Named in the error.

    Raises
    ------
    ValueError
        If it is not square, or not symmetric to the digits of float32.
    """
    n = X.shape[0]
    if X.shape != (n, n):
        raise ValueError(
            f"A precomputed {modality} kernel must be square in fit, training "
            f"items by training items. Got shape {X.shape}. Cross-validation must cut "
            "rows and columns together: pass KernelPairs, precomputed on both sides."
        )
    largest, gap = abs(X).max(), 0.0
    for rows in row_blocks(n, 24 * n):
        gap = max(gap, abs(X[rows] - X[:, rows].T).max())
    if gap > 1e-5 * largest:
        raise ValueError(
            f"A precomputed {modality} kernel must be symmetric in fit. Got a matrix "
            f"with entries that differ by {gap:.3g} from their mirror images. Check "
            "that rows and columns are the same items in the same order."
        )
