"""The same results, computed the slow and obvious way."""

import numpy as np


def unit(Z):
    """Rows of unit length in float32; rows of zeros stay."""
    Z = np.asarray(Z, dtype=np.float64)
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    return (Z / np.where(length > 0, length, 1)).astype(np.float32)


def all_scores(query, gallery):
    """Score every pair by itself, in float64, rounded to float32."""
    rows = [
        [np.dot(q.astype(np.float64), g.astype(np.float64)) for g in gallery]
        for q in query
    ]
    return np.array(rows, dtype=np.float32)


def top_k(scores, k):
    """Scores and columns of the k largest, the first column first among equals."""
    found = np.array(
        [sorted(range(len(row)), key=lambda j: (-row[j], j))[:k] for row in scores]
    )
    return np.take_along_axis(scores, found, axis=1), found


def make_codes(seed, n_queries, n_gallery, n_components, *, n_distinct=None):
    """Unit codes; with `n_distinct`, gallery rows repeat."""
    rng = np.random.default_rng(seed)
    gallery = unit(rng.normal(size=(n_distinct or n_gallery, n_components)))
    if n_distinct:
        gallery = gallery[rng.integers(n_distinct, size=n_gallery)]
    return unit(rng.normal(size=(n_queries, n_components))), gallery
