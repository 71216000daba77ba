"""Whether a few items of a gallery are near to many queries."""

import numpy as np

from sklearn_xmodal.metrics._engine._codes import check_codes, check_same_space
from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._equal import with_equal_ties
from sklearn_xmodal.metrics._engine._options import check_ranking_options
from sklearn_xmodal.metrics._engine._scoring import CACHED_BYTES
from sklearn_xmodal.utils._blocks import row_blocks

# Counts are sums of fractions where items tie: equal ones differ by rounding alone.
_ROUNDING = 1e-9


def k_occurrence_skewness(Z_query, Z_gallery, *, k=10):
    r"""Measure hubs of a gallery by the skewness of how often its items are found.

    The k-occurrence :math:`N_k(g)` of a gallery item is the number of queries that have
    it among their `k` nearest items by cosine. Its skewness [1]_ is

    .. math:: S_{N_k} = \frac{E(N_k - \mu_{N_k})^3}{\sigma_{N_k}^3}

    with mean, variance and third moment over the items of the gallery. Around 0, items
    are found about equally often. The larger it is, the more do few items, hubs, come
    up for many queries, and the others hardly ever.

    Parameters
    ----------
    Z_query : array-like of shape (n_queries, n_components)
        Codes of the queries. A code of zeros has similarity 0 with everything.

    Z_gallery : array-like of shape (n_gallery, n_components)
        Codes of the gallery.

    k : int, default=10
        How many nearest items count per query. Values are comparable for the same `k`
        and galleries of about the same size.

    Returns
    -------
    skewness : float
        0 where all items are found equally often, as when `k` is the whole gallery.

    Raises
    ------
    ValueError
        If the codes are not finite matrices of the same width, or `k` is less than 1 or
        more than the items of the gallery.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    sklearn_xmodal.RetrievalIndex : Has corrections for hubs, `hubness`.
    sklearn_xmodal.neighbors.correct_hubness : The same corrections of score matrices.

    Notes
    -----
    Where items tie for the last of the `k` places, each has its share of them: the
    expectation over all orders of these. What counts as equal is as in
    :func:`retrieval_score`.

    References
    ----------
    .. [1] Radovanovic, Nanopoulos and Ivanovic, "Hubs in space: popular nearest
       neighbors in high-dimensional data", JMLR 2010, equation 1.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import k_occurrence_skewness
    >>> Z_query = [[1, 0], [0, 1], [-1, 0]]
    >>> k_occurrence_skewness(Z_query, Z_query, k=1)
    0.0

    One item is the nearest of all three:

    >>> Z_gallery = [[0, 1], [0, -1], [-1, -9], [1, -9]]
    >>> round(k_occurrence_skewness([[1, 2], [0, 1], [-1, 2]], Z_gallery, k=1), 3)
    1.155
    """
    counts = _k_occurrence(Z_query, Z_gallery, k)
    deviations = counts - counts.mean()
    if np.abs(deviations).max() <= _ROUNDING * counts.mean():
        return 0.0
    return float(np.mean(deviations**3) / np.mean(deviations**2) ** 1.5)


def _k_occurrence(Z_query, Z_gallery, k):
    """How many queries have each item among their k nearest, (n_gallery,)."""
    query = check_codes(Z_query, "Z_query")
    gallery = check_codes(Z_gallery, "Z_gallery")
    check_same_space(query, gallery, ("Z_query", "Z_gallery"))
    _check_k(k, len(gallery))
    costs = CosineCosts(query, gallery)
    counts = np.zeros(len(gallery))
    for rows in row_blocks(len(query), costs.bytes_per_row, CACHED_BYTES):
        block = costs(np.arange(rows.start, rows.stop))
        # Equal ones have a first that is no worse than the k-th.
        bounds = np.partition(block, k - 1, axis=1)[:, k - 1] + 2 * costs.tolerance
        for row, bound in zip(block, bounds, strict=True):
            (near,) = np.nonzero(row <= bound)
            own = with_equal_ties(row[None, near], costs.tolerance)[0]
            last = np.partition(own, k - 1)[k - 1]
            is_last = own == last
            n_before = np.count_nonzero(own < last)
            counts[near[own < last]] += 1
            counts[near[is_last]] += (k - n_before) / np.count_nonzero(is_last)
    return counts


def _check_k(k, n_gallery):
    if k is None:
        raise TypeError("k must be an int. Got None.")
    check_ranking_options(k=k)
    if k > n_gallery:
        raise ValueError(
            f"k must not exceed the number of gallery items, {n_gallery}. Got {k}."
        )
