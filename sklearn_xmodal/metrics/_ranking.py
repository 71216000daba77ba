"""Relevance of labels, mean average precision, and what chance scores."""

from sklearn_xmodal.metrics._blocks import chance_per_query, check_ranking_options
from sklearn_xmodal.metrics._matrices import score_matrices
from sklearn_xmodal.metrics._metric import make_metric
from sklearn_xmodal.metrics._relevance import relevance_of_labels


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


def mean_average_precision_score(
    y_true,
    y_score,
    *,
    k=None,
    denominator="min",
    ties="average",
    zero_division="raise",
    average=True,
):
    r"""Mean average precision (mAP) of ranked galleries.

    Each row is a query, each column a gallery item. The average precision of one
    query is

    .. math:: \mathrm{AP}@k = \frac{1}{\min(k, R)} \sum_{i=1}^{k} P(i)\, y_i

    where :math:`y_i` is the relevance of the item at rank :math:`i`, :math:`P(i)` the
    share of relevant items among the first :math:`i`, and :math:`R` the number of
    relevant items of the *whole* gallery. A perfect top :math:`k` therefore scores 1.
    Other tools divide differently, and AP@3 of one ranking can be 0.83, 0.56 or 0.33:
    see `denominator`. Without a cut-off all of them agree.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Binary relevance.

    y_score : array-like of shape (n_queries, n_gallery)
        Similarities, higher means closer. Only their order within a row counts: any
        finite numbers will do, negative ones too.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What AP@k divides by. "min" is :math:`\min(k, R)`. "relevant" is :math:`R`, as
        in trec_eval: a perfect top `k` scores less than 1 if :math:`k < R`.
        "retrieved" is the number of relevant items among the first `k` (0 if there
        are none), as in torchmetrics and much research code: never less than the
        others, and 1 for a single hit at rank one.

    ties : {"average", "stable"}, default="average"
        What equal scores mean. With "average", the expectation over all orders of
        the tied items [1]_, by its closed form: the score does not depend on the
        order of the gallery. With "stable", the item that comes first in the gallery
        ranks first, as in other tools.

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
    chance_level : Value of a random ranking.

    References
    ----------
    .. [1] McSherry and Najork, "Computing information retrieval performance measures
       efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import mean_average_precision_score
    >>> y_true = [[1, 0, 1, 0]]
    >>> round(mean_average_precision_score(y_true, [[0.9, 0.1, -0.3, -0.8]]), 3)
    0.833
    >>> round(mean_average_precision_score(y_true, [[0.5, 0.5, 0.5, 0.5]]), 3)
    0.681
    >>> y_true, y_score = [[1, 0, 1, 1]], [[0.9, 0.8, 0.7, 0.1]]
    >>> for denominator in ["min", "relevant", "retrieved"]:
    ...     ap = mean_average_precision_score(
    ...         y_true, y_score, k=2, denominator=denominator
    ...     )
    ...     print(f"{denominator:9} {ap:.2f}")
    min       0.50
    relevant  0.33
    retrieved 1.00
    """
    return score_matrices(
        make_metric("mean_average_precision", k=k, denominator=denominator),
        y_true,
        y_score,
        ties=ties,
        zero_division=zero_division,
        average=average,
    )


def chance_level(
    y_query,
    y_gallery,
    *,
    metric="mean_average_precision",
    k=None,
    denominator="min",
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
    y_query : array-like of shape (n_queries,) or (n_queries, n_classes)
        Labels, or a binary indicator, dense or sparse. For pair-level relevance pass
        the row numbers, ``np.arange(n)``, on both sides.

    y_gallery : array-like of shape (n_gallery,) or (n_gallery, n_classes)
        Labels of the gallery, of the same form.

    metric : str, default="mean_average_precision"
        What to compute, see :func:`retrieval_score`.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

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
        If the labels do not fit together, an option is not valid for the metric, or a
        query has no relevant item.

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
    """
    metric = make_metric(metric, k=k, denominator=denominator)
    check_ranking_options(zero_division=zero_division, only_nan=metric.is_error)
    relevance = relevance_of_labels(y_query, y_gallery)
    (scores,) = chance_per_query([metric], relevance, zero_division=zero_division)
    return metric.summarize(scores) if average else scores
