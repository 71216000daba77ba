"""Interpolated precision against recall, of matrices and of embeddings."""

import numpy as np

from sklearn_xmodal.metrics._engine._codes import ItemSearch
from sklearn_xmodal.metrics._engine._costs import MatrixCosts
from sklearn_xmodal.metrics._engine._formulas import interpolated_precision
from sklearn_xmodal.metrics._engine._options import check_ranking_options
from sklearn_xmodal.metrics._engine._relevance import MatrixRelevance
from sklearn_xmodal.metrics._engine._scoring import queries_to_rank, ranked_blocks
from sklearn_xmodal.metrics._matrix import check_matrices
from sklearn_xmodal.utils._validation import check_numbers


def mean_precision_recall_curve(
    y_true, y_score, *, recall_levels=None, zero_division="raise"
):
    r"""Interpolated precision at fixed recall levels, averaged over queries.

    The interpolated precision of a query at recall :math:`\rho` is the best precision
    at any cut-off with recall of at least :math:`\rho` ([1]_, section 8.4). Items with
    equal scores are one cut-off, retrieved together or not at all.
    `sklearn.metrics.precision_recall_curve` serves one query, without interpolation.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer.

    recall_levels : array-like of shape (n_levels,), default=None
        Levels between 0 and 1. By default the eleven points 0, 0.1, ..., 1.

    zero_division : {"raise", np.nan}, default="raise"
        Whether a query without relevant items is an error, or left out of the mean.

    Returns
    -------
    precision : ndarray of shape (n_levels,)
        Mean interpolated precision, not increasing where the levels increase.

    recall : ndarray of shape (n_levels,)
        The recall levels.

    Raises
    ------
    ValueError
        If the matrices or levels are not valid, or a query has no relevant item.

    See Also
    --------
    retrieval_precision_recall_curve : The same from embeddings and labels.

    References
    ----------
    .. [1] Manning, Raghavan and Schuetze, "Introduction to information retrieval",
       Cambridge University Press, 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import mean_precision_recall_curve
    >>> precision, recall = mean_precision_recall_curve(
    ...     [[1, 0, 1]], [[0.9, 0.5, 0.1]], recall_levels=[0.5, 1.0]
    ... )
    >>> precision.round(2)
    array([1.  , 0.67])
    """
    check_ranking_options(zero_division=zero_division, only_nan=True)
    levels = check_levels(recall_levels)
    y_true, y_score = check_matrices(y_true, y_score)
    return mean_curve(
        MatrixCosts(y_score), MatrixRelevance(y_true), levels, zero_division
    )


def retrieval_precision_recall_curve(
    Z_query,
    Z_gallery,
    y_query=None,
    y_gallery=None,
    *,
    ids_query=None,
    ids_gallery=None,
    recall_levels=None,
    zero_division="raise",
    working_memory=None,
):
    r"""Interpolated precision at fixed recall levels, averaged over queries.

    The interpolated precision of a query at recall :math:`\rho` is the best precision
    at any cut-off with recall of at least :math:`\rho` ([1]_, section 8.4). Items with
    equal scores are one cut-off, retrieved together or not at all: a collapsed
    embedding has the share of relevant items as precision at every level.

    Parameters
    ----------
    Z_query : array-like of shape (n_queries, n_components)
        Codes of the queries, compared by cosine similarity.

    Z_gallery : array-like of shape (n_gallery, n_components)
        Codes of the gallery.

    y_query : array-like of shape (n_queries,) or (n_queries, n_classes), default=None
        Labels of any type, or a binary indicator, dense or sparse (multi-label).

    y_gallery : array-like of shape (n_gallery,) or (n_gallery, n_classes), default=None
        Labels of the gallery. If both are `None`, row i matches row i.

    ids_query : array-like of shape (n_queries,), default=None
        Which item each query is, see :func:`retrieval_score`.

    ids_gallery : array-like of shape (n_gallery,), default=None
        Which item each row of the gallery is. With ids of both sides, the item that is
        the query is left out of its ranking.

    recall_levels : array-like of shape (n_levels,), default=None
        Levels between 0 and 1. By default the eleven points 0, 0.1, ..., 1.

    zero_division : {"raise", np.nan}, default="raise"
        Whether a query without relevant items is an error, or left out of the mean.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries, see
        :func:`retrieval_score`.

    Returns
    -------
    precision : ndarray of shape (n_levels,)
        Mean interpolated precision, not increasing where the levels increase.

    recall : ndarray of shape (n_levels,)
        The recall levels.

    Raises
    ------
    ValueError
        If codes, labels, ids or levels are not valid, or a query has no relevant item.

    See Also
    --------
    mean_precision_recall_curve : The same from relevance and scores.
    retrieval_score : One number instead of a curve.

    References
    ----------
    .. [1] Manning, Raghavan and Schuetze, "Introduction to information retrieval",
       Cambridge University Press, 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import retrieval_precision_recall_curve
    >>> precision, recall = retrieval_precision_recall_curve(
    ...     [[1.0, 0.0]], [[1.0, 0.1], [1.0, 0.5], [1.0, 0.9]], [0], [0, 1, 0],
    ...     recall_levels=[0.5, 1.0],
    ... )
    >>> precision.round(2)
    array([1.  , 0.67])
    """
    check_ranking_options(zero_division=zero_division, only_nan=True)
    levels = check_levels(recall_levels)
    search = ItemSearch(Z_query, Z_gallery, y_query, y_gallery, ids_query, ids_gallery)
    return mean_curve(
        search.costs, search.relevance, levels, zero_division, working_memory
    )


def mean_curve(costs, relevance, levels, zero_division, working_memory=None):
    """Interpolated precision of all queries with relevant items, averaged."""
    queries = queries_to_rank(relevance, zero_division)
    if not queries.size:
        return np.full(levels.size, np.nan), levels
    total = np.zeros(levels.size)
    for _, ranked in ranked_blocks(
        costs, relevance, queries, working_memory=working_memory
    ):
        total += interpolated_precision(ranked, levels).sum(axis=0)
    return total / queries.size, levels


def check_levels(recall_levels):
    """Validate recall levels, by default the eleven points."""
    if recall_levels is None:
        return np.linspace(0, 1, 11)
    levels = check_numbers(
        recall_levels, "recall_levels", ensure_2d=False, dtype=np.float64
    )
    if levels.ndim != 1 or levels.min() < 0 or levels.max() > 1:
        raise ValueError(
            "recall_levels must be a 1-D array of values between 0 and 1. Got shape "
            f"{levels.shape} with values from {levels.min()} to {levels.max()}."
        )
    return levels
