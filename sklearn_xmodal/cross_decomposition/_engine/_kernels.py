"""Kernels of the training items: their matrix, and what it must be."""

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils import gen_batches

from sklearn_xmodal.encoders import FourierMap
from sklearn_xmodal.encoders._kernel import shifted
from sklearn_xmodal.utils._blocks import row_blocks, working_memory

# A kernel with more negative eigenvalues, relative to the mean one, is indefinite.
INDEFINITE = 1e-3
_DEFINITE = "rbf", "laplacian", "linear", "cosine", "chi2", "additive_chi2"
# Of a symmetric matrix at a time: enough for the matrix product to run at full speed.
_SQUARE_ROWS = 1024


def is_definite(found):
    """Return whether a kernel is known to be semi-definite once centred."""
    if found.kernel in ("poly", "polynomial"):
        whole = float(found.params["degree"]).is_integer()
        return whole and found.params["coef0"] >= 0
    return found.kernel in _DEFINITE


def square(found):
    """Return the values of the basis of a KernelMap itself, (n_basis, n_basis)."""
    if found.kernel == "precomputed":
        return found.apply(found.basis)
    n = found.basis.shape[0]
    items = shifted(found.basis, found.origin)
    K = np.empty((n, n))
    for rows in gen_batches(n, _SQUARE_ROWS):
        K[rows, rows] = _values(found, items[rows])
        if rows.stop < n:  # every pair of items once
            after = slice(rows.stop, n)
            K[rows, after] = _values(found, items[rows], items[after])
            K[after, rows] = K[rows, after].T
    return K


def diagonal_sum(found, X, sample_weight):
    """Return the sum over items of their kernel value with themselves."""
    weights = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    if isinstance(found, FourierMap) or found.kernel in ("rbf", "laplacian", "chi2"):
        return weights.sum()
    if found.kernel == "precomputed":
        return weights @ X.diagonal().astype(np.float64)
    total = 0.0
    step = 1 if callable(found.kernel) else 32
    for rows in gen_batches(X.shape[0], step):
        values = _values(found, shifted(X[rows], found.origin))
        total += weights[rows] @ values.diagonal()
    return total


def _values(found, *items):
    """Return the kernel of shifted items with others, or with themselves."""
    # In float64 throughout: rounding to float32 costs the kernel its definiteness.
    K = pairwise_kernels(
        *items,
        metric=found.kernel,
        filter_params=True,
        n_jobs=found.n_jobs,
        **found.params,
    )
    return K.toarray() if sparse.issparse(K) else np.ascontiguousarray(K)


def check_spectrum(smallest, what):
    """Raise a ValueError where the `smallest` eigenvalue of `what` is negative.

    Relative to the mean one, and by more than rounding of float32 explains.
    """
    if smallest < -INDEFINITE:
        raise ValueError(
            f"The {what} must be positive semi-definite. Got an eigenvalue of "
            f"{smallest:.3g} times the mean of all. Use another kernel, or clip the "
            "negative eigenvalues to zero."
        )


def check_varies(scale, rounding, modality):
    """Raise a ValueError where a centred kernel matrix is not more than zero.

    `scale` is its mean eigenvalue, `rounding` the error of that.
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

    To the digits of float32.
    """
    n = X.shape[0]
    if X.shape != (n, n):
        raise ValueError(
            f"A precomputed {modality} kernel must be square in fit, training "
            f"items by training items. Got shape {X.shape}. Cross-validation must cut "
            "rows and columns together: pass KernelPairs, precomputed on both sides."
        )
    largest, gap = abs(X).max(), 0.0
    for rows in row_blocks(n, 24 * n, working_memory()):
        gap = max(gap, abs(X[rows] - X[:, rows].T).max())
    if gap > 1e-5 * largest:
        raise ValueError(
            f"A precomputed {modality} kernel must be symmetric in fit. Got a matrix "
            f"with entries that differ by {gap:.3g} from their mirror images. Check "
            "that rows and columns are the same items in the same order."
        )
