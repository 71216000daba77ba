"""Rows of unit length, whatever the size of their numbers."""

import numpy as np


def to_unit_length(Z):
    """Scale rows to unit length, (n, d) -> (n, d); rows of zeros stay."""
    # First by the largest entry: squares cannot overflow or vanish, and codes of a
    # single component become exactly 1 or -1.
    largest = np.max(np.abs(Z), axis=1, keepdims=True)
    Z = Z / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.einsum("ij,ij->i", Z, Z))[:, None]
    return Z / np.where(length > 0, length, 1)
