"""Retrieval metrics of relevance and score matrices, and of chance."""

import numpy as np
from sklearn.utils import check_array, gen_batches

from sklearn_xmodal.metrics._blocks import (
    RankedBlock,
    check_ranking_options,
    mean_over_queries,
    queries_to_rank,
    score_per_query,
)
from sklearn_xmodal.metrics._costs import MatrixCosts
from sklearn_xmodal.metrics._per_query import average_precision
from sklearn_xmodal.metrics._relevance import MatrixRelevance, relevance_of_labels


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
    y_true, y_score, *, k=None, ties="average", zero_division="raise", average=True
):
    r"""Mean average precision (mAP) of ranked galleries.

    Each row is a query, each column a gallery item. The average precision of one
    query is

    .. math:: \mathrm{AP}@k = \frac{1}{\min(k, R)} \sum_{i=1}^{k} P(i)\, y_i

    where :math:`y_i` is the relevance of the item at rank :math:`i`, :math:`P(i)` the
    share of relevant items among the first :math:`i`, and :math:`R` the number of
    relevant items of the *whole* gallery. A perfect top :math:`k` therefore scores 1.
    Some code bases divide by the relevant items *retrieved* in the first :math:`k`
    instead, which is always at least as high: compare numbers with care.

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
        If the shapes differ, `y_true` is not binary, `y_score` is not finite, or a
        query has no relevant item.

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
    """
    check_ranking_options(k=k, ties=ties, zero_division=zero_division)
    y_true, y_score = _check_matrices(y_true, y_score)
    scores = score_per_query(
        average_precision,
        MatrixCosts(y_score),
        MatrixRelevance(y_true),
        k=k,
        ties=ties,
        zero_division=zero_division,
    )
    return mean_over_queries(scores) if average else scores


def chance_level(y_query, y_gallery, *, k=None, zero_division="raise", average=True):
    r"""Mean average precision of a random ranking.

    It is the expectation over all orders of the gallery, in closed form, and at the
    same time what :func:`retrieval_score` gives to a collapsed embedding (all codes
    equal). It grows with the share of relevant items: scores of galleries with
    different numbers of classes can only be compared beside it.

    Parameters
    ----------
    y_query : array-like of shape (n_queries,) or (n_queries, n_classes)
        Labels, or a binary indicator, dense or sparse. For pair-level relevance pass
        the row numbers, ``np.arange(n)``, on both sides.

    y_gallery : array-like of shape (n_gallery,) or (n_gallery, n_classes)
        Labels of the gallery, of the same form.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery is ranked.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries or one value per query.

    Returns
    -------
    score : float or ndarray of shape (n_queries,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the labels do not fit together, or a query has no relevant item.

    See Also
    --------
    retrieval_score : Score of an actual embedding.

    Notes
    -----
    For :math:`R` relevant among :math:`N` items and no cut-off, with the harmonic
    number :math:`H_N`,

    .. math:: \mathbb{E}[\mathrm{AP}] = \frac{1}{N} \left(
        H_N + \frac{R - 1}{N - 1} (N - H_N) \right)

    which is a little more than the share :math:`R / N`, most so for small galleries.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import chance_level
    >>> round(chance_level([0, 1], [0, 0, 1, 1]), 3)
    0.681
    """
    check_ranking_options(k=k, zero_division=zero_division)
    relevance = relevance_of_labels(y_query, y_gallery)
    queries = queries_to_rank(relevance, zero_division)
    scores = np.empty(relevance.shape[0])
    if queries.size < scores.size:
        scores.fill(zero_division)
    for batch in gen_batches(queries.size, 256):
        block = queries[batch]
        n_relevant = np.fromiter(map(len, relevance.columns(block)), np.intp)
        scores[block] = average_precision(
            RankedBlock.of_one_tie(n_relevant, relevance.shape[1]), k=k
        )
    return mean_over_queries(scores) if average else scores


def _check_matrices(y_true, y_score):
    """Validate a relevance and a score matrix of shape (n_queries, n_gallery)."""
    y_true = check_array(y_true, dtype=None, input_name="y_true")
    y_score = check_array(y_score, dtype=[np.float64, np.float32], input_name="y_score")
    if y_true.shape != y_score.shape:
        raise ValueError(
            "y_true and y_score must have the same shape (n_queries, n_gallery). Got "
            f"{y_true.shape} and {y_score.shape}."
        )
    if y_true.dtype != bool and not np.isin(y_true, (0, 1)).all():
        raise ValueError(
            "y_true must be a binary relevance matrix. Got values other than 0 and 1 "
            f"in an array of type {y_true.dtype}. Use relevance_from_labels to make "
            "one of labels."
        )
    return y_true.astype(bool, copy=False), y_score
