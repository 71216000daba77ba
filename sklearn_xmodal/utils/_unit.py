"""Rows of unit length, whatever the size of their numbers."""

import numpy as np
from scipy import sparse


def to_unit_length(Z):
    """Scale rows, dense or CSR, to unit length, (n, d); rows of zeros stay."""
    if sparse.issparse(Z):
        return _sparse_to_unit_length(Z)
    # First by the largest entry: squares cannot overflow or vanish, and codes of a
    # single component become exactly 1 or -1.
    largest = np.max(np.abs(Z), axis=1, keepdims=True)
    Z = Z / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.einsum("ij,ij->i", Z, Z))[:, None]
    return Z / np.where(length > 0, length, 1)


def _sparse_to_unit_length(Z):
    if not Z.has_canonical_format:  # entries of one place count together
        Z = Z.copy()
        Z.sum_duplicates()
    n_rows = Z.shape[0]
    rows = np.repeat(np.arange(n_rows), np.diff(Z.indptr))
    largest = np.zeros(n_rows)
    np.maximum.at(largest, rows, np.abs(Z.data))
    values = Z.data / np.where(largest > 0, largest, 1)[rows]
    length = np.sqrt(np.bincount(rows, values * values, minlength=n_rows))
    values /= np.where(length > 0, length, 1)[rows]
    return type(Z)((values, Z.indices, Z.indptr), shape=Z.shape)
