"""Linear algebra with a second way out where LAPACK gives up."""

import numpy as np
from scipy import linalg
from sklearn.utils.extmath import svd_flip

# Where the leading part of a singular value decomposition is cheaper than all of it.
_LEAST_SIZE = 64
_LEAST_RATIO = 8
# Of the k-th eigenvalue, relative to the first; values of A are square roots.
_LEAST_EIGENVALUE = 1e-6


def stable_svd(A):
    """Return the thin U, S, Vt of a finite matrix, with deterministic signs.

    The divide-and-conquer driver is the faster one and does fail to converge on real
    features now and then; the QR-iteration driver then takes over.
    """
    if 0 in A.shape:  # which scipy before 1.14 does not take
        return np.empty((len(A), 0)), np.empty(0), np.empty((0, A.shape[1]))
    try:
        U, S, Vt = linalg.svd(A, full_matrices=False, lapack_driver="gesdd")
    except linalg.LinAlgError:
        U, S, Vt = linalg.svd(A, full_matrices=False, lapack_driver="gesvd")
    U, Vt = svd_flip(U, Vt)
    return U, S, Vt


def leading_svd(A, k):
    """Return the k leading singular triplets of a finite matrix, (m, k), (k,), (k, n).

    Where they are few, they come from the eigenvectors of the products of rows or
    columns, which are computed for those k alone, and one step of subspace iteration,
    which brings back the digits that squaring has cost. Where their values fall over
    more than three orders, that is not enough: they come from the whole decomposition.
    """
    small = min(A.shape)
    if small < _LEAST_SIZE or _LEAST_RATIO * k > small:
        return _first(k, *stable_svd(A))
    if A.shape[0] < A.shape[1]:
        V, S, Ut = leading_svd(A.T, k)
        U, Vt = svd_flip(Ut.T, V.T)
        return U, S, Vt
    try:
        w, V = linalg.eigh(A.T @ A, subset_by_index=(small - k, small - 1))
    except linalg.LinAlgError:
        return _first(k, *stable_svd(A))
    # LAPACK may return fewer than it was asked for, where eigenvalues are equal.
    if len(w) < k or w[0] < _LEAST_EIGENVALUE * w[-1]:
        return _first(k, *stable_svd(A))
    Q = linalg.qr(A @ V, mode="economic")[0]  # (m, k)
    V, S, Ut = stable_svd(A.T @ Q)
    U, Vt = svd_flip(Q @ Ut.T, V.T)
    return U, S, Vt


def _first(k, U, S, Vt):
    return U[:, :k], S[:k], Vt[:k]


def stable_eigh(A):
    """Return eigenvalues, largest first, and eigenvectors in columns.

    Only the lower triangle of the symmetric matrix is read.
    """
    if len(A) < 2:  # which LAPACK of scipy 1.13 does not take
        return A.diagonal().copy(), np.eye(len(A))
    try:
        w, V = linalg.eigh(A, driver="evd")
    except linalg.LinAlgError:
        w, V = linalg.eigh(A, driver="ev")
    return w[::-1], V[:, ::-1]


def cholesky_in_place(A):
    """Overwrite a symmetric matrix by its lower Cholesky factor, and return that.

    In Fortran order; only the lower triangle is used, the upper one becomes undefined.
    `None` where the matrix is not positive definite.
    """
    L, info = linalg.lapack.dpotrf(A, lower=1, clean=0, overwrite_a=1)
    return None if info else L


def inverse_root(A, rounding=0.0):
    r"""Return W with :math:`W^\top A W = I` on the numerical range of A, (n, r).

    A is symmetric and positive semi-definite. `rounding` is the error of its entries
    relative to the largest eigenvalue, where that is more than what the decomposition
    adds.
    """
    w, V = stable_eigh(A)
    tolerance = max(len(A) * np.finfo(A.dtype).eps, rounding) * max(w[0], 0.0)
    rank = int(np.count_nonzero(w > tolerance))
    return V[:, :rank] / np.sqrt(w[:rank])


def relative_powers(S, power):
    """Return powers, of at least 0, of decreasing values relative to the first, (k,).

    A strong ridge makes all of them tiny. Where all are 0, so are their powers, but for
    the power 0.
    """
    return (S / max(S[0], np.finfo(float).tiny)) ** power
