"""The metrics of relevance and score matrices.

What they compute of a ranking is in `_engine/_formulas.py`. Here is what they mean.
"""

import inspect
import re

import numpy as np

from sklearn_xmodal.metrics._engine._costs import MatrixCosts
from sklearn_xmodal.metrics._engine._grades import GivenRelevance, without_zeros
from sklearn_xmodal.metrics._engine._metric import make_metric
from sklearn_xmodal.metrics._engine._options import check_ranking_options
from sklearn_xmodal.metrics._engine._relevance import MatrixRelevance
from sklearn_xmodal.metrics._engine._scoring import score_per_query
from sklearn_xmodal.utils._containers import check_same_index
from sklearn_xmodal.utils._validation import check_numbers

# What all docstrings below say. A section, or the entry of a parameter, that a metric
# has itself takes the place of the one here.
_SHARED_SECTIONS = """
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

References
----------
.. [1] McSherry and Najork, "Computing information retrieval performance measures
   efficiently in the presence of tied scores", ECIR 2008.
"""
_ORDER = ("Parameters", "Returns", "Raises", "See Also", "References", "Examples")


def _with_shared_sections(metric):
    """Complete the docstring of a metric, with the parameters of its signature."""
    if metric.__doc__ is None:  # under python -OO
        return metric
    shared, own = (
        _sections(_SHARED_SECTIONS),
        _sections(inspect.cleandoc(metric.__doc__)),
    )
    sections = {**shared, **own}
    entries = {**_entries(shared["Parameters"]), **_entries(own.get("Parameters", ""))}
    sections["Parameters"] = "\n\n".join(
        entries[name] for name in inspect.signature(metric).parameters
    )
    titled = [f"{title}\n{'-' * len(title)}\n{sections[title]}" for title in _ORDER]
    metric.__doc__ = "\n\n".join([own[""], *titled]) + "\n"
    return metric


def _sections(docstring):
    """Sections by title; what stands before them has the title ""."""
    first, *rest = re.split(r"^([A-Z][A-Za-z ]+)\n-+\n", docstring, flags=re.MULTILINE)
    bodies = dict(zip(rest[::2], rest[1::2], strict=True))
    return {title: body.strip() for title, body in {"": first, **bodies}.items()}


def _entries(section):
    """Parameters of a section by name."""
    entries = re.split(r"\n\n(?=\S)", section)
    return {entry.split(" : ")[0]: entry for entry in entries}


@_with_shared_sections
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

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    chance_level : Value of a random ranking.

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
    metric = make_metric("mean_average_precision", k=k, denominator=denominator)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
def mean_average_precision_at_r_score(
    y_true, y_score, *, ties="average", zero_division="raise", average=True
):
    r"""Mean average precision at R (MAP@R) of ranked galleries.

    .. math:: \mathrm{MAP@R} = \frac{1}{R} \sum_{i=1}^{R} P(i)\, y_i

    for one query [1]_, where :math:`R` is the number of relevant items of the whole
    gallery, another one for each query, :math:`y_i` the relevance of the item at rank
    :math:`i`, and :math:`P(i)` the share of relevant items among the first :math:`i`.
    It is AP@k at the cut-off :math:`k = R`: only a gallery that begins with all
    relevant items scores 1, and relevant items beyond rank :math:`R` count nothing.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    r_precision_score : Without regard to the order of the first R.
    mean_average_precision_score : Over the whole ranking, or one cut-off for all.

    References
    ----------
    .. [1] Musgrave, Belongie and Lim, "A metric learning reality check", ECCV 2020.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import mean_average_precision_at_r_score
    >>> mean_average_precision_at_r_score([[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]])
    0.5
    """
    metric = make_metric("mean_average_precision_at_r")
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
def r_precision_score(
    y_true, y_score, *, ties="average", zero_division="raise", average=True
):
    r"""Share of relevant items among the first R of ranked galleries (R-precision).

    .. math:: \frac{1}{R} \sum_{i=1}^{R} y_i

    for one query [1]_, where :math:`R` is the number of relevant items of the whole
    gallery, another one for each query, and :math:`y_i` the relevance of the item at
    rank :math:`i`. Precision and recall are equal at this rank. With one relevant item
    per query it is the hit rate at 1.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    precision_at_k_score : At one cut-off for all queries.
    mean_average_precision_at_r_score : Also asks for the order of the first R.

    References
    ----------
    .. [1] Manning, Raghavan and Schuetze, "Introduction to Information Retrieval",
       2008, section 8.4.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import r_precision_score
    >>> r_precision_score([[1, 0, 1, 0]], [[0.9, -0.3, 0.1, -0.8]])
    1.0
    >>> r_precision_score([[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]])
    0.5
    """
    metric = make_metric("r_precision")
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
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
    k : int
        Cut-off rank.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    recall_at_k_score : Share of the relevant items that are found.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import precision_at_k_score
    >>> y_true, y_score = [[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]]
    >>> precision_at_k_score(y_true, y_score, k=2)
    0.5
    >>> precision_at_k_score(y_true, y_score, k=8)
    0.25
    """
    metric = make_metric("precision_at_k", k=k)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
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
    k : int
        Cut-off rank.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    hit_rate_at_k_score : Whether at least one relevant item is found.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import recall_at_k_score
    >>> y_true, y_score = [[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]]
    >>> recall_at_k_score(y_true, y_score, k=1)
    0.5
    """
    metric = make_metric("recall_at_k", k=k)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
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
    k : int
        Cut-off rank.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    recall_at_k_score : Share of the relevant items that are found.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import hit_rate_at_k_score
    >>> hit_rate_at_k_score([[1, 0, 1, 0]], [[0.9, 0.1, -0.3, -0.8]], k=1)
    1.0
    >>> hit_rate_at_k_score([[1, 0, 0, 0]], [[0.5, 0.5, 0.5, 0.5]], k=1)
    0.25
    """
    metric = make_metric("hit_rate_at_k", k=k)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
def ndcg_at_k_score(
    y_true,
    y_score,
    *,
    k=None,
    gain="linear",
    ties="average",
    zero_division="raise",
    average=True,
):
    r"""Discounted cumulative gain of ranked galleries, normalized (nDCG).

    .. math:: \mathrm{nDCG}@k = \frac{\sum_{i=1}^{k} g_i / \log_2(i + 1)}
        {\sum_{i=1}^{k} g^*_i / \log_2(i + 1)}

    where :math:`g_i` is the gain of the item at rank :math:`i` and :math:`g^*_i` that
    of the i-th best item of the whole gallery [2]_. With linear gain it is the grade
    :math:`y_i` of the item, with exponential gain :math:`2^{y_i} - 1` [3]_, which
    stresses the highest grades; either is 1 for a relevant item of binary relevance.
    Linear gain is that of `sklearn.metrics.ndcg_score`, with and without ties, which
    scores a query without relevant items 0 in silence.

    Parameters
    ----------
    y_true : array-like of shape (n_queries, n_gallery)
        Relevance, binary or in grades of at least 0, where 0 is not relevant.

    gain : {"linear", "exponential"}, default="linear"
        What an item of a grade is worth.

    Raises
    ------
    ValueError
        If the shapes differ, `y_true` is negative or `y_score` not finite, `k` is not
        positive, a grade is above 1000 with exponential gain, or a query has no
        relevant item.

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

    .. [2] Jaervelin and Kekaelaeinen, "Cumulated gain-based evaluation of IR
       techniques", ACM Transactions on Information Systems 20, 2002.

    .. [3] Burges et al., "Learning to rank using gradient descent", ICML 2005.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import ndcg_at_k_score
    >>> y_score = [[0.9, 0.1, -0.3, -0.8]]
    >>> round(ndcg_at_k_score([[1, 0, 1, 0]], y_score, k=3), 3)
    0.92
    >>> round(ndcg_at_k_score([[1, 0, 3, 2]], y_score), 3)
    0.706
    >>> round(ndcg_at_k_score([[1, 0, 3, 2]], y_score, gain="exponential"), 3)
    0.617
    """
    metric = make_metric("ndcg_at_k", k=k, gain=gain)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
def mean_reciprocal_rank_score(
    y_true, y_score, *, k=None, ties="average", zero_division="raise", average=True
):
    r"""Mean reciprocal rank (MRR) of the first relevant item in ranked galleries.

    .. math:: \mathrm{RR}@k = \frac{1}{\rho} [\rho \le k]

    where :math:`\rho` is the rank of the first relevant item, counted from 1. With
    tied items :math:`1 / \rho` is averaged, which is more than the inverse of the
    average rank. For pairs, with one relevant item, this is the average precision.

    See Also
    --------
    retrieval_score : The same from embeddings and labels, in bounded memory.
    median_rank_error : The typical rank itself.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import mean_reciprocal_rank_score
    >>> mean_reciprocal_rank_score([[0, 0, 1], [0, 1, 0]], [[3, 2, 1], [1, 3, 2]])
    0.6666666666666666
    """
    metric = make_metric("mean_reciprocal_rank", k=k)
    return _score(metric, y_true, y_score, ties, zero_division, average)


@_with_shared_sections
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

    Examples
    --------
    >>> from sklearn_xmodal.metrics import median_rank_error
    >>> median_rank_error([[0, 0, 1], [0, 1, 0]], [[3, 2, 1], [1, 3, 2]])
    2.0
    >>> median_rank_error([[0, 0, 1]], [[0.5, 0.5, 0.5]])
    2.0
    """
    metric = make_metric("median_rank_error")
    return _score(metric, y_true, y_score, ties, zero_division, average)


def _score(metric, y_true, y_score, ties, zero_division, average):
    check_ranking_options(
        ties=ties, zero_division=zero_division, only_nan=metric.is_error
    )
    y_true, y_score = check_matrices(y_true, y_score, graded=metric.takes_grades)
    is_binary = y_true.dtype == bool
    relevance = MatrixRelevance(y_true) if is_binary else GivenRelevance(y_true)
    (scores,) = score_per_query(
        [metric],
        MatrixCosts(y_score),
        relevance,
        ties=ties,
        zero_division=zero_division,
    )
    return metric.summarize(scores) if average else scores


def check_matrices(y_true, y_score, *, graded=False):
    """Validate a relevance and a score matrix of shape (n_queries, n_gallery).

    Relevance is boolean then; grades that may be given and are not 0 or 1 are sparse.
    """
    check_same_index(y_true, y_score, ("y_true", "y_score"))
    if hasattr(y_true, "columns") and hasattr(y_score, "columns"):
        check_same_index(y_true.T, y_score.T, ("y_true.T", "y_score.T"))
    y_true = check_numbers(y_true, "y_true", dtype=None)
    y_score = check_numbers(y_score, "y_score", dtype=[np.float64, np.float32])
    if y_true.shape != y_score.shape:
        raise ValueError(
            "y_true and y_score must have the same shape (n_queries, n_gallery). Got "
            f"{y_true.shape} and {y_score.shape}."
        )
    if y_true.dtype != bool and not np.isin(y_true, (0, 1)).all():
        if graded:
            grades = check_numbers(y_true, "y_true", dtype=np.float64)
            return without_zeros(grades, "y_true"), y_score
        raise ValueError(
            "y_true must be a binary relevance matrix. Got values other than 0 and 1 "
            f"in an array of type {y_true.dtype}. Use relevance_from_labels to make "
            "one of labels, and ndcg_at_k_score for grades."
        )
    return y_true.astype(bool, copy=False), y_score
