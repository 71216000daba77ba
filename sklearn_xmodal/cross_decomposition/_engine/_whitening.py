"""Roots of ridged covariances, which whiten a modality and lead back to weights.

A root is called with coordinates of shape (r, k), and returns weights of the features;
its ``transposed_times(C)`` whitens columns of a matrix with one row per feature.
"""

import numpy as np
from scipy import linalg
from scipy.linalg import blas

from sklearn_xmodal.utils._linalg import (
    cholesky_in_place,
    inverse_root,
    stable_eigh,
    stable_svd,
)

# Second moments serve while they cost fewer than some five digits.
LEAST_PIVOT = 1e-5
# Eigenvalues of moments below this, relative to the largest, are mostly noise.
_NOISE = 1e-12


class Diagonal:
    """Weights of scaled columns, without whitening."""

    def __init__(self, scale):
        self._scale = scale[:, None]

    def __call__(self, V):
        return self._scale * V

    transposed_times = __call__


class Root:
    """An explicit W with columns for the coordinates."""

    def __init__(self, W):
        self.W = W

    def __call__(self, V):
        return self.W @ V

    def transposed_times(self, C):
        return self.W.T @ C


class TriangularRoot:
    """Whitening weights by solving with the Cholesky factor of scaled columns."""

    def __init__(self, L, keep, scale, n_features):
        self._L, self._keep, self._scale = L, keep, scale
        self._n_features = n_features

    def __call__(self, V):
        W = np.zeros((self._n_features, V.shape[1]))
        W[self._keep] = self._scale * self._solve(V.copy(), 1)
        return W

    def transposed_times(self, C):
        B = C[self._keep]
        B *= self._scale
        return self._solve(B, 0)

    def _solve(self, B, transposed):
        """Solve in place, in whichever order B has."""
        if B.flags.f_contiguous:
            return blas.dtrsm(
                1.0, self._L, B, lower=1, trans_a=transposed, overwrite_b=1
            )
        return blas.dtrsm(
            1.0, self._L, B.T, side=1, lower=1, trans_a=1 - transposed, overwrite_b=1
        ).T


def _scaled_ridge(C, side, alpha):
    """Bring the ridged covariance of varying columns to unit diagonal.

    So the scales of the columns cost no digits.
    """
    keep = np.flatnonzero(side.varies)
    scale = 1 / np.sqrt(side.variances[keep] + alpha * side.variance)
    A = np.array(C if len(keep) == len(C) else C[np.ix_(keep, keep)], order="F")
    A *= scale[:, None]
    A *= scale
    np.fill_diagonal(A, 1.0)
    return A, keep, scale


def cholesky_root(C, side, alpha):
    r"""Return W with :math:`W^\top (C + ridge I) W = I`, or None.

    None means that being close to singular would cost too many digits. Only the lower
    triangle of C is used.
    """
    A, keep, scale = _scaled_ridge(C, side, alpha)
    L = cholesky_in_place(A)
    if L is None:
        return None
    # The square of the pivots' range estimates the condition number from below.
    pivots = np.diag(L)
    if (pivots.min() / pivots.max()) ** 2 < LEAST_PIVOT:
        return None
    return TriangularRoot(L, keep, scale[:, None], len(C))


def eigen_root(side, alpha):
    """Return whitening weights on the numerical range of a covariance, as a `Root`."""
    A, keep, scale = _scaled_ridge(side.covariance, side, alpha)
    root = inverse_root(A, _NOISE)
    W = np.zeros((len(side.mean), root.shape[1]))
    W[keep] = scale[:, None] * root
    return Root(W)


def principal_axes(C, side):
    """Return the variances along the principal axes, and these in columns.

    Those with next to no variance are left out.
    """
    keep = np.flatnonzero(side.varies)
    w, V = stable_eigh(C[np.ix_(keep, keep)])
    rank = int(np.count_nonzero(w > _NOISE * w[0]))
    axes = np.zeros((len(C), rank))
    axes[keep] = V[:, :rank]
    return w[:rank], axes


def whitened_rows(A, side, alpha):
    """Return ridge-whitened coordinates of the rows of A, and the way to weights.

    Directions within rounding error of zero are dropped, also where it is that of
    the features themselves: columns that add up to 1 do so to some 1e-8 in float32,
    and whitening would blow that up to the size of everything else.
    """
    keep = np.flatnonzero(side.varies)
    A = A[:, keep]
    # Without a ridge the scales of the columns are free: one scale for all keeps
    # those directions that only small columns have.
    scale = 1.0 if alpha else 1 / linalg.norm(A, axis=0)
    U, S, Vt = stable_svd(A * scale)
    squares = side.mean[keep] ** 2 + side.variances[keep]
    rounding = side.eps**2 * side.weight * (Vt**2 @ (squares * scale**2))
    varies = (max(A.shape) * np.finfo(float).eps * S[0] < S) & (rounding < S**2)
    U, S, Vt = U[:, varies], S[varies], Vt[varies]
    deviation = np.sqrt(S**2 / side.weight + alpha * side.variance)
    W = np.zeros((len(side.varies), len(S)))
    W[keep] = (Vt * scale).T / deviation
    return U * (S / deviation), Root(W)
