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
    """Thin singular value decomposition with deterministic signs.

    The divide-and-conquer driver is the faster one and does fail to converge
    on real features now and then; the QR-iteration driver then takes over.

    Parameters
    ----------
    A : ndarray of shape (m, n)
        A finite matrix.

    Returns
    -------
    U : ndarray of shape (m, r)
        Left singular vectors, r = min(m, n).

    S : ndarray of shape (r,)
        Singular values, largest first.

    Vt : ndarray of shape (r, n)
        Right singular vectors in rows.
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
    """Return the k leading singular triplets of a matrix.

    Where they are few, they come from the eigenvectors of the products of rows or
    columns, which are computed for those k alone, and one step of subspace
    iteration, which brings back the digits that squaring has cost. Where their
    values fall over more than three orders, that is not enough: they come from the
    whole decomposition.

    Parameters
    ----------
    A : ndarray of shape (m, n)
        A finite matrix.

    k : int
        At most min(m, n).

    Returns
    -------
    U : ndarray of shape (m, k)
        Left singular vectors.

    S : ndarray of shape (k,)
        Singular values, largest first.

    Vt : ndarray of shape (k, n)
        Right singular vectors in rows.
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
    """Eigendecomposition of a symmetric matrix, largest eigenvalue first.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        A finite symmetric matrix; only its lower triangle is read.

    Returns
    -------
    w : ndarray of shape (n,)
        Eigenvalues in decreasing order.

    V : ndarray of shape (n, n)
        Eigenvectors in columns.
    """
    if len(A) < 2:  # which LAPACK of scipy 1.13 does not take
        return A.diagonal().copy(), np.eye(len(A))
    try:
        w, V = linalg.eigh(A, driver="evd")
    except linalg.LinAlgError:
        w, V = linalg.eigh(A, driver="ev")
    return w[::-1], V[:, ::-1]


def cholesky_in_place(A):
    """Overwrite a symmetric matrix by its lower Cholesky factor.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        A finite matrix in Fortran order; only its lower triangle is used.

    Returns
    -------
    L : ndarray of shape (n, n) or None
        The same memory, its upper triangle undefined; `None` where the matrix is not
        positive definite.
    """
    L, info = linalg.lapack.dpotrf(A, lower=1, clean=0, overwrite_a=1)
    return None if info else L


def inverse_root(A, rounding=0.0):
    r"""Return W with :math:`W^\top A W = I` on the numerical range of A.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        Symmetric positive semi-definite.

    rounding : float, default=0.0
        Error of the entries of A relative to the largest eigenvalue, where that
        is more than what the decomposition adds.

    Returns
    -------
    W : ndarray of shape (n, r)
        One column per eigenvalue above rounding error, r is the numerical rank.
    """
    w, V = stable_eigh(A)
    tolerance = max(len(A) * np.finfo(A.dtype).eps, rounding) * max(w[0], 0.0)
    rank = int(np.count_nonzero(w > tolerance))
    return V[:, :rank] / np.sqrt(w[:rank])


def relative_powers(S, power):
    """Return powers of decreasing values relative to the first of them.

    Parameters
    ----------
    S : ndarray of shape (k,)
        Values of at least 0, largest first; a strong ridge makes all of them tiny.

    power : float
        At least 0.

    Returns
    -------
    weights : ndarray of shape (k,)
        Between 0 and 1. Where all of `S` is 0, so is its power (but for power 0).
    """
    return (S / max(S[0], np.finfo(float).tiny)) ** power
