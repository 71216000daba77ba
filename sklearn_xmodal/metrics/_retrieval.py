"""Retrieval metrics of embeddings and labels, in bounded memory."""

from sklearn_xmodal.metrics._blocks import check_ranking_options, score_per_query
from sklearn_xmodal.metrics._costs import CosineCosts, check_same_width, unit_rows
from sklearn_xmodal.metrics._curve import check_levels, mean_curve
from sklearn_xmodal.metrics._metric import make_metric
from sklearn_xmodal.metrics._relevance import make_relevance


def retrieval_score(
    Z_query,
    Z_gallery,
    y_query=None,
    y_gallery=None,
    *,
    metric="mean_average_precision",
    k=None,
    denominator="min",
    ties="average",
    zero_division="raise",
    average=True,
    working_memory=None,
    n_jobs=None,
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

    metric : str, default="mean_average_precision"
        What to compute: one of

        - "mean_average_precision", see :func:`mean_average_precision_score`,
        - "mean_reciprocal_rank", see :func:`mean_reciprocal_rank_score`,
        - "ndcg_at_k", see :func:`ndcg_at_k_score`,
        - "precision_at_k", see :func:`precision_at_k_score`,
        - "recall_at_k", see :func:`recall_at_k_score`,
        - "hit_rate_at_k", see :func:`hit_rate_at_k_score`,
        - "median_rank_error", see :func:`median_rank_error`: lower is better.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; the median rank has none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order. See
        :func:`mean_average_precision_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries (for "median_rank_error" the median)
        or one value per query.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries (one
        query is always held). By default `sklearn.get_config()["working_memory"]`;
        blocks are kept smaller than that where this is faster.

    n_jobs : int, default=None
        Number of threads that share the queries. `None` means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1, best is 1; the median rank is at least 1.

    Raises
    ------
    ValueError
        If the codes are not finite matrices of the same width, labels do not match
        them, an option is not valid for the metric, or a query has no relevant item.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    cross_modal_score : Both directions between two modalities.
    retrieval_report : All metrics at once.
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
    metric = make_metric(metric, k=k, denominator=denominator)
    check_ranking_options(
        ties=ties, zero_division=zero_division, only_nan=metric.is_error
    )
    query, gallery = unit_rows(Z_query, "Z_query"), unit_rows(Z_gallery, "Z_gallery")
    check_same_width(query, gallery)
    (scores,) = score_per_query(
        [metric],
        CosineCosts(query, gallery),
        make_relevance(y_query, y_gallery, query.shape[0], gallery.shape[0]),
        ties=ties,
        zero_division=zero_division,
        working_memory=working_memory,
        n_jobs=n_jobs,
    )
    return metric.summarize(scores) if average else scores


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
    query, gallery = unit_rows(Z_query, "Z_query"), unit_rows(Z_gallery, "Z_gallery")
    check_same_width(query, gallery)
    return mean_curve(
        CosineCosts(query, gallery),
        make_relevance(y_query, y_gallery, query.shape[0], gallery.shape[0]),
        levels,
        zero_division,
        working_memory,
    )
