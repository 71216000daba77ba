"""Retrieval metrics of embeddings and labels, in bounded memory."""

import numpy as np
from sklearn.utils import check_array

from sklearn_xmodal.metrics._blocks import (
    check_ranking_options,
    mean_over_queries,
    queries_to_rank,
    ranked_blocks,
    score_per_query,
)
from sklearn_xmodal.metrics._costs import CosineCosts, check_same_width, unit_rows
from sklearn_xmodal.metrics._per_query import get_metric, interpolated_precision
from sklearn_xmodal.metrics._relevance import make_relevance


def retrieval_score(
    Z_query,
    Z_gallery,
    y_query=None,
    y_gallery=None,
    *,
    metric="mean_average_precision",
    k=None,
    ties="average",
    zero_division="raise",
    average=True,
    working_memory=None,
):
    """Score a retrieval by cosine similarity, from embeddings and labels.

    The whole gallery is ranked for every query. This happens for a few queries at a
    time, so memory is bounded and large galleries are no obstacle: the matrix of
    all scores is never built.

    Parameters
    ----------
    Z_query : array-like of shape (n_queries, n_components)
        Codes of the queries. A code of zeros has similarity 0 with everything.

    Z_gallery : array-like of shape (n_gallery, n_components)
        Codes of the gallery. Equal codes tie exactly.

    y_query : array-like of shape (n_queries,) or {array-like, sparse matrix} of \
            shape (n_queries, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label). An item is relevant
        if it has the same label, or shares at least one class.

    y_gallery : array-like of shape (n_gallery,) or {array-like, sparse matrix} of \
            shape (n_gallery, n_classes), default=None
        Labels of the gallery. If both are `None`, relevance is pair-level: row i of
        the gallery is the only right answer to row i of the queries.

    metric : {"mean_average_precision"}, default="mean_average_precision"
        What to compute.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order. See
        :func:`mean_average_precision_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries or one value per query.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries (one
        query is always held). By default `sklearn.get_config()["working_memory"]`;
        blocks are kept smaller than that where this is faster.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1, best is 1.

    Raises
    ------
    ValueError
        If the codes are not finite matrices of the same width, labels do not match
        them, or a query has no relevant item.

    See Also
    --------
    cross_modal_score : Both directions between two modalities.
    mean_average_precision_score : The same from relevance and scores.
    chance_level : What a collapsed embedding scores.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import retrieval_score
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0]]
    >>> Z_txt = [[0.9, 0.3], [0.8, 0.9], [0.1, 0.7]]
    >>> retrieval_score(Z_img, Z_txt, ["cat", "dog"], ["cat", "dog", "dog"])
    1.0
    >>> retrieval_score(Z_img, Z_txt, ["cat", "dog"], ["dog", "cat", "cat"], k=1)
    0.0
    """
    check_ranking_options(k=k, ties=ties, zero_division=zero_division)
    metric = get_metric(metric)
    query, gallery = unit_rows(Z_query, "Z_query"), unit_rows(Z_gallery, "Z_gallery")
    check_same_width(query, gallery)
    scores = score_per_query(
        metric,
        CosineCosts(query, gallery),
        make_relevance(y_query, y_gallery, query.shape[0], gallery.shape[0]),
        k=k,
        ties=ties,
        zero_division=zero_division,
        working_memory=working_memory,
    )
    return mean_over_queries(scores) if average else scores


def retrieval_precision_recall_curve(
    Z_query,
    Z_gallery,
    y_query=None,
    y_gallery=None,
    *,
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
        If codes, labels or levels are not valid, or a query has no relevant item.

    See Also
    --------
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
    check_ranking_options(zero_division=zero_division)
    if zero_division in (0, 1):
        raise ValueError(
            "zero_division must be 'raise' or np.nan here: no curve stands for a query "
            f"without relevant items. Got {zero_division!r}."
        )
    levels = _check_levels(recall_levels)
    query, gallery = unit_rows(Z_query, "Z_query"), unit_rows(Z_gallery, "Z_gallery")
    check_same_width(query, gallery)
    relevance = make_relevance(y_query, y_gallery, query.shape[0], gallery.shape[0])
    queries = queries_to_rank(relevance, zero_division)
    if not queries.size:
        return np.full(levels.size, np.nan), levels
    total = np.zeros(levels.size)
    for _, ranked in ranked_blocks(
        CosineCosts(query, gallery), relevance, queries, working_memory=working_memory
    ):
        total += interpolated_precision(ranked, levels).sum(axis=0)
    return total / queries.size, levels


def _check_levels(recall_levels):
    """Validate recall levels, by default the eleven points."""
    if recall_levels is None:
        return np.linspace(0, 1, 11)
    levels = check_array(
        recall_levels, ensure_2d=False, dtype=np.float64, input_name="recall_levels"
    )
    if levels.ndim != 1 or levels.min() < 0 or levels.max() > 1:
        raise ValueError(
            "recall_levels must be a 1-D array of values between 0 and 1. Got shape "
            f"{levels.shape} with values from {levels.min()} to {levels.max()}."
        )
    return levels
