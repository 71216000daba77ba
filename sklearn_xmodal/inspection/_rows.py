"""Which rows of features or codes are the same item."""

import numpy as np
from scipy import sparse

# Rows that are further apart than this part of their length are no rounding of single
# precision.
_ROUNDING = 1e-6
# Cells of a grid: much wider than rounding, and narrower than what tells items apart.
_CELL = 1e-4
_N_DIRECTIONS = 3


def same_rows(X):
    """Return numbers of the distinct rows of a matrix, dense or sparse: (n_rows,).

    A row has the number of the first one that it equals, but for rounding.
    """
    X = sparse.csr_array(X) if sparse.issparse(X) else np.asarray(X)
    X = X.astype(np.float64)
    X = X / (abs(X).max() or 1.0)  # squares cannot overflow or vanish
    length = np.sqrt(np.asarray((X * X).sum(axis=1)).ravel())
    unit = np.median(length[length > 0]) if length.any() else 1.0
    directions = np.random.default_rng(0).normal(size=(X.shape[1], _N_DIRECTIONS))
    cells = np.round(np.asarray(X @ directions) / (_CELL * unit))
    first: dict = {}
    numbers = np.arange(X.shape[0])
    for row, cell in enumerate(map(bytes, cells + 0.0)):  # no negative zero
        others = first.setdefault(cell, [])
        for other in others:
            if _is_same(X, row, other, length[row]):
                numbers[row] = other
                break
        else:
            others.append(row)
    return numbers


def _is_same(X, row, other, length):
    difference = X[[row]] - X[[other]]
    return np.sqrt((difference * difference).sum()) <= _ROUNDING * length
