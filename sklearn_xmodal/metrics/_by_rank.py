"""Graded by rank: reciprocal rank, median rank and nDCG of matrices."""

from sklearn_xmodal.metrics._matrices import score_matrices
from sklearn_xmodal.metrics._metric import make_metric


def ndcg_at_k_score(
    y_true, y_score, *, k=None, ties="average", zero_division="raise", average=True
):
    r"""Discounted cumulative gain of ranked galleries, normalized (nDCG).

    .. math:: \mathrm{nDCG}@k = \frac{\sum_{i=1}^{k} y_i / \log_2(i + 1)}
        {\sum_{i=1}^{\min(k, R)} 1 / \log_2(i + 1)}

    where :math:`y_i` is the binary relevance of the item at rank :math:`i` and
    :math:`R` the number of relevant items of the whole gallery. Equal to
    `sklearn.metrics.ndcg_score` for binary relevance, which scores a query without
    relevant items 0 in silence.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    ties : {"average", "stable"}, default="average"
        What equal scores mean: the expectation over all orders of the tied items
        [1]_, or the order of the gallery. See :func:`mean_average_precision_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries or one value per query.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1, best is 1.

    Raises
    ------
    ValueError
        If the shapes differ, `y_true` is not binary, `y_score` is not finite, `k` is
        not positive, or a query has no relevant item.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    mean_average_precision_score : Falls off with the rank more steeply.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import ndcg_at_k_score
    >>> round(ndcg_at_k_score([[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]], k=3), 3)
    0.92
    """
    return score_matrices(
        make_metric("ndcg_at_k", k=k),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )


def mean_reciprocal_rank_score(
    y_true, y_score, *, k=None, ties="average", zero_division="raise", average=True
):
    r"""Mean reciprocal rank (MRR) of the first relevant item in ranked galleries.

    .. math:: \mathrm{RR}@k = \frac{1}{\rho} [\rho \le k]

    where :math:`\rho` is the rank of the first relevant item, counted from 1. With
    tied items :math:`1 / \rho` is averaged, which is more than the inverse of the
    average rank. For pairs, with one relevant item, this is the average precision.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    ties : {"average", "stable"}, default="average"
        What equal scores mean: the expectation over all orders of the tied items
        [1]_, or the order of the gallery. See :func:`mean_average_precision_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries or one value per query.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1, best is 1.

    Raises
    ------
    ValueError
        If the shapes differ, `y_true` is not binary, `y_score` is not finite, `k` is
        not positive, or a query has no relevant item.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    median_rank_error : The typical rank itself.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import mean_reciprocal_rank_score
    >>> mean_reciprocal_rank_score([[0, 0, 1], [0, 1, 0]], [[3, 2, 1], [1, 3, 2]])
    0.6666666666666666
    """
    return score_matrices(
        make_metric("mean_reciprocal_rank", k=k),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )


def median_rank_error(
    y_true, y_score, *, ties="average", zero_division="raise", average=True
):
    r"""Median over queries of the rank of the first relevant item.

    Ranks are counted from 1, and lower is better. Of a group of :math:`t` tied items
    behind :math:`c` better ones, the first of :math:`r` relevant items is expected at
    rank :math:`c + (t + 1) / (r + 1)`: tied ranks need not be whole numbers. Some
    code bases count from 0, or give tied items the best or the worst of their ranks.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    ties : {"average", "stable"}, default="average"
        What equal scores mean: the expectation over all orders of the tied items
        [1]_, or the order of the gallery. See :func:`mean_average_precision_score`.

    zero_division : {"raise", np.nan}, default="raise"
        Whether a query without relevant items is an error, or left out of the median.

    average : bool, default=True
        Whether to return the median over queries or one rank per query.

    Returns
    -------
    error : float or ndarray of shape (n_queries,)
        At least 1, best is 1; grows with the gallery.

    Raises
    ------
    ValueError
        If the shapes differ, `y_true` is not binary, `y_score` is not finite, or a
        query has no relevant item.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    mean_reciprocal_rank_score : Bounded, and not moved by hopeless queries.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import median_rank_error
    >>> median_rank_error([[0, 0, 1], [0, 1, 0]], [[3, 2, 1], [1, 3, 2]])
    2.0
    >>> median_rank_error([[0, 0, 1]], [[0.5, 0.5, 0.5]])
    2.0
    """
    return score_matrices(
        make_metric("median_rank_error"),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )
