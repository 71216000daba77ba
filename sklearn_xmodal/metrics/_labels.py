"""What labels alone tell: which items are relevant, and what chance scores."""

from sklearn_xmodal.metrics._engine._codes import ItemRelevance
from sklearn_xmodal.metrics._engine._metric import make_metric
from sklearn_xmodal.metrics._engine._options import check_ranking_options
from sklearn_xmodal.metrics._engine._relevance import relevance_of_labels
from sklearn_xmodal.metrics._engine._scoring import chance_per_query
from sklearn_xmodal.utils._validation import as_labels, check_numbers


def relevance_from_labels(y_query, y_gallery):
    """Relevance matrix of labels: which gallery item is a right answer.

    Two items are relevant to each other if they carry the same label, or, for
    multi-label indicators, if they share at least one class.

    Parameters
    ----------
    y_query : array-like of shape (n_queries,) or {array-like, sparse matrix} of \
            shape (n_queries, n_classes)
        Labels of any type (numbers, strings, other hashable objects), or a binary
        indicator with one column per class.

    y_gallery : array-like of shape (n_gallery,) or {array-like, sparse matrix} of \
            shape (n_gallery, n_classes)
        Labels of the gallery, of the same form.

    Returns
    -------
    y_true : ndarray of shape (n_queries, n_gallery), dtype bool
        Relevance.

    Raises
    ------
    ValueError
        If one side is single-label and the other multi-label, if the indicators have
        different numbers of classes or values other than 0 and 1, or if a label is
        missing.

    See Also
    --------
    retrieval_score : Needs no such matrix, so it also serves large galleries.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import relevance_from_labels
    >>> relevance_from_labels(["cat", "dog"], ["dog", "cat", "cat"])
    array([[False,  True,  True],
           [ True, False, False]])
    >>> relevance_from_labels([[1, 1, 0]], [[0, 1, 1], [0, 0, 1]])
    array([[ True, False]])
    """
    return relevance_of_labels(y_query, y_gallery).to_matrix()


def chance_level(
    y_query=None,
    y_gallery=None,
    *,
    ids_query=None,
    ids_gallery=None,
    relevance=None,
    metric="mean_average_precision",
    k=None,
    denominator="min",
    gain="linear",
    zero_division="raise",
    average=True,
):
    r"""Value of a metric for a random ranking.

    It is the expectation over all orders of the gallery, in closed form, and at the
    same time what :func:`retrieval_score` gives to a collapsed embedding (all codes
    equal). It depends on the numbers of relevant items: scores of galleries with
    different numbers of classes can only be compared beside it.

    Parameters
    ----------
    y_query : array-like of shape (n_queries,) or (n_queries, n_classes), default=None
        Labels, or a binary indicator, dense or sparse. For pair-level relevance pass
        the row numbers, ``np.arange(n)``, on both sides, or ids of the items of one
        side alone.

    y_gallery : array-like of shape (n_gallery,) or (n_gallery, n_classes), default=None
        Labels of the gallery, of the same form.

    ids_query : array-like of shape (n_queries,), default=None
        Which item each query is, such as the picture of several texts: rows of one id
        count once, see :func:`retrieval_score`.

    ids_gallery : array-like of shape (n_gallery,), default=None
        Which item each row of the gallery is. With ids of both sides, the item that is
        the query is left out of its ranking.

    relevance : str or matrix of shape (n_queries, n_gallery), default=None
        Grades for "ndcg_at_k", or relevance in place of labels, see
        :func:`retrieval_score`.

    metric : str, default="mean_average_precision"
        What to compute, see :func:`retrieval_score`.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    gain : {"linear", "exponential"}, default="linear"
        What a grade is worth in nDCG, see :func:`ndcg_at_k_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries (for "median_rank_error" the median)
        or one value per query.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1, for "median_rank_error" at least 1.

    Raises
    ------
    ValueError
        If labels or ids do not fit together, an option is not valid for the metric, or
        a query has no relevant item.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    retrieval_score : Score of an actual embedding.

    Notes
    -----
    For :math:`R` relevant among :math:`N` items: precision@k is :math:`R / N` (for
    :math:`k \le N`), recall@k :math:`k / N`, and the first relevant item is expected
    at rank :math:`(N + 1) / (R + 1)`. Average precision without a cut-off is, with the
    harmonic number :math:`H_N`,

    .. math:: \mathbb{E}[\mathrm{AP}] = \frac{1}{N} \left(
        H_N + \frac{R - 1}{N - 1} (N - H_N) \right)

    which is a little more than the share :math:`R / N`, most so for small galleries.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import chance_level
    >>> round(chance_level([0, 1], [0, 0, 1, 1]), 3)
    0.681
    >>> chance_level([0, 1], [0, 0, 1, 1], metric="hit_rate_at_k", k=3)
    1.0

    A text finds its picture first by chance, of two pictures in three rows:

    >>> chance_level(ids_gallery=["a", "a", "b"], metric="hit_rate_at_k", k=1)
    0.5
    """
    options = {"k": k, "denominator": denominator, "gain": gain}
    metric = make_metric(metric, **options, relevance=relevance)
    check_ranking_options(zero_division=zero_division, only_nan=metric.is_error)
    labels, ids = (y_query, y_gallery), (ids_query, ids_gallery)
    items = ItemRelevance(_shape(labels, ids, relevance), labels, ids, relevance)
    (scores,) = chance_per_query([metric], items.relevance, zero_division=zero_division)
    return metric.summarize(scores) if average else scores


def _shape(labels, ids, relevance):
    """Rows of queries and of the gallery: of the relevance, the labels or the ids."""
    if not (relevance is None or isinstance(relevance, str)):
        return check_numbers(relevance, "relevance", accept_sparse="csr").shape
    given = dict(zip(("y_query", "y_gallery"), labels, strict=True))
    if all(y is None for y in labels):
        given = dict(zip(("ids_query", "ids_gallery"), ids, strict=True))
    sizes = [
        None if rows is None else as_labels(rows, name).shape[0]
        for name, rows in given.items()
    ]
    if sizes == [None, None]:
        raise ValueError(
            "y_query and y_gallery must be given, or ids of one side, or a matrix of "
            "relevance. Got None. For pairs pass np.arange(n) as both."
        )
    return tuple(max(sizes, key=bool) if size is None else size for size in sizes)
