"""Scores of single pairs, and what products of matrices are away from them."""

import numpy as np

# Values of the two matrices that are gathered to score candidates again.
_RESCORED_VALUES = 2**20
# Of a gallery row: unit vectors and one column more for their hubness are no longer
# than the root of 2, and small codes are rounded.
_LONGEST = 1.5


def slices(n_rows, size):
    """Return slices of so many rows, which together are all of them."""
    return [slice(i, min(i + size, n_rows)) for i in range(0, n_rows, size)]


def rescore(query, gallery, rows, positions):
    """Return inner products of single pairs, each the same wherever its rows lie.

    Row `rows[i]` of the queries with row `positions[i]` of the gallery, computed in
    float64, rounded to float32.
    """
    scores = np.empty(rows.size, dtype=np.float32)
    for part in slices(rows.size, max(1, _RESCORED_VALUES // query.shape[1])):
        scores[part] = np.einsum(
            "ij,ij->i",
            query[rows[part]].astype(np.float64),
            gallery[positions[part]].astype(np.float64),
        )
    scores += 0  # of the two zeros, the one without a sign
    return scores


def rounding_error(query, n_columns, dtype=np.float32):
    """Bound on what products in a type are away from the true ones, (n_queries,).

    The product of two rows of length d, in any order of summation, is within d u |q|
    |g| of the true one to first order, u being 2^-24 in float32 and 2^-53 in float64
    (Higham, "Accuracy and stability of numerical algorithms", 2nd ed., section 3.1);
    one more is for rounding the score itself, and one for the higher orders.
    """
    lengths = np.linalg.norm(query.astype(np.float64), axis=1)
    return (n_columns + 2) * np.finfo(dtype).eps / 2 * lengths * _LONGEST
