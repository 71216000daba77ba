"""Retrieval metrics with a cut-off, of relevance and score matrices."""

from sklearn_xmodal.metrics._matrices import score_matrices
from sklearn_xmodal.metrics._metric import make_metric


def precision_at_k_score(
    y_true, y_score, *, k, ties="average", zero_division="raise", average=True
):
    r"""Share of relevant items among the first k of ranked galleries.

    .. math:: \mathrm{P}@k = \frac{1}{k} \sum_{i=1}^{k} y_i

    where :math:`y_i` is the relevance of the item at rank :math:`i`. The divisor is
    always `k`, as in trec_eval: places beyond the end of the gallery count as misses,
    and with fewer than `k` relevant items no ranking reaches 1.
    ``sklearn.metrics`` has no such metric, and torchmetrics counts items with a
    score of zero or less as not retrieved, cosines included.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int
        Cut-off rank.

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
    recall_at_k_score : Share of the relevant items that are found.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import precision_at_k_score
    >>> y_true, y_score = [[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]]
    >>> precision_at_k_score(y_true, y_score, k=2)
    0.5
    >>> precision_at_k_score(y_true, y_score, k=8)
    0.25
    """
    return score_matrices(
        make_metric("precision_at_k", k=k),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )


def recall_at_k_score(
    y_true, y_score, *, k, ties="average", zero_division="raise", average=True
):
    r"""Share of all relevant items found in the first k of ranked galleries.

    .. math:: \mathrm{R}@k = \frac{1}{R} \sum_{i=1}^{k} y_i

    where :math:`y_i` is the relevance of the item at rank :math:`i` and :math:`R` the
    number of relevant items of the whole gallery. Papers on image captions often
    call the :func:`hit_rate_at_k_score` "recall@k": the two agree where each query
    has one relevant item, and can differ by a factor of :math:`R` elsewhere.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int
        Cut-off rank.

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
    hit_rate_at_k_score : Whether at least one relevant item is found.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import recall_at_k_score
    >>> y_true, y_score = [[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]]
    >>> recall_at_k_score(y_true, y_score, k=1)
    0.5
    """
    return score_matrices(
        make_metric("recall_at_k", k=k),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )


def hit_rate_at_k_score(
    y_true, y_score, *, k, ties="average", zero_division="raise", average=True
):
    r"""Share of queries with a relevant item in the first k of ranked galleries.

    This is what CLIP and the literature on image captions call "recall@k", and
    trec_eval "success". It asks for one relevant item, however many there are:
    compare :func:`recall_at_k_score`.

    Of :math:`t` tied items with :math:`r` relevant ones, the first :math:`m` hold at
    least one with probability :math:`1 - \binom{t - r}{m} / \binom{t}{m}`.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int
        Cut-off rank.

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
    recall_at_k_score : Share of the relevant items that are found.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import hit_rate_at_k_score
    >>> hit_rate_at_k_score([[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]], k=1)
    1.0
    >>> hit_rate_at_k_score([[1, 0, 0, 0]], [[0.5, 0.5, 0.5, 0.5]], k=1)
    0.25
    """
    return score_matrices(
        make_metric("hit_rate_at_k", k=k),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )
