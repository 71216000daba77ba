"""Retrieval scores of embeddings and labels, in bounded memory."""

import numpy as np

from sklearn_xmodal.metrics._blockwise import (
    is_lazy,
    refuse_with_dask,
    scores_by_blocks,
)
from sklearn_xmodal.metrics._engine._codes import CodePairs, ItemSearch
from sklearn_xmodal.metrics._engine._metric import Metric, check_metric, make_metric
from sklearn_xmodal.metrics._engine._options import check_ranking_options, directions_of
from sklearn_xmodal.metrics._engine._scoring import score_per_query
from sklearn_xmodal.utils._validation import check_sample_weight


def retrieval_score(
    Z_query,
    Z_gallery,
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
    ties="average",
    zero_division="raise",
    average=True,
    sample_weight=None,
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
        Codes of the queries. A code of zeros has similarity 0 with everything. Blocks
        of a Dask array are scored where they are, against the whole gallery.

    Z_gallery : array-like of shape (n_gallery, n_components)
        Codes of the gallery. Those of one direction tie, whatever their lengths.
        Cosines of integers are equal where they are as fractions, others within
        2.4e-7 if the gallery is of float32 numbers, else within 9.1e-13.

    y_query : array-like of shape (n_queries,) or {array-like, sparse matrix} of \
            shape (n_queries, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label). An item is relevant
        if it has the same label, or shares at least one class.

    y_gallery : array-like of shape (n_gallery,) or {array-like, sparse matrix} of \
            shape (n_gallery, n_classes), default=None
        Labels of the gallery. If both are `None`, relevance is pair-level: row i of
        the gallery is the only right answer to row i of the queries; with ids of one
        side all rows of the item.

    ids_query : array-like of shape (n_queries,), default=None
        Which item each query is. Rows of one id, such as a picture repeated for each
        of its texts, are one query; they must have the same code and label.

    ids_gallery : array-like of shape (n_gallery,), default=None
        Which item each row of the gallery is. Rows of one id count once. With ids of
        both sides, the item that is the query is left out of its ranking.

    relevance : {"shared_labels", "jaccard"} or {array-like, sparse matrix} of shape \
            (n_queries, n_gallery), default=None
        How relevant each item is to each query, where that is no matter of yes or no.
        Of multi-label rows, the number of labels that query and item share, or that
        number divided by the number of labels that either has. Or a matrix in place of
        labels: 0 is not relevant, and more is better. Grades are for "ndcg_at_k"; a
        matrix of zeros and ones serves every metric.

    metric : str, default="mean_average_precision"
        What to compute: one of

        - "mean_average_precision", see :func:`mean_average_precision_score`,
        - "mean_average_precision_at_r", see :func:`mean_average_precision_at_r_score`,
        - "r_precision", see :func:`r_precision_score`,
        - "mean_reciprocal_rank", see :func:`mean_reciprocal_rank_score`,
        - "ndcg_at_k", see :func:`ndcg_at_k_score`,
        - "precision_at_k", see :func:`precision_at_k_score`,
        - "recall_at_k", see :func:`recall_at_k_score`,
        - "hit_rate_at_k", see :func:`hit_rate_at_k_score`,
        - "median_rank_error", see :func:`median_rank_error`: lower is better.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; MAP@R, R-precision and the median rank have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    gain : {"linear", "exponential"}, default="linear"
        What a grade is worth in nDCG, see :func:`ndcg_at_k_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order. See
        :func:`mean_average_precision_score`.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items. By default this is an error. With
        `np.nan` the query is left out of the mean.

    average : bool, default=True
        Whether to return the mean over queries (for "median_rank_error" the median)
        or one value per query, with `ids_query` per item in the order of appearance.

    sample_weight : array-like of shape (n_queries,), default=None
        How much every query counts in the mean or median, at least 0. An item of
        several rows has the mean of their weights.

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
        If the codes are not finite matrices of the same width, labels or ids do not
        match them, codes or labels of one id differ, an option is not valid for the
        metric, or a query has no relevant item.

    TypeError
        If `k` is not an integer.

    Warns
    -----
    UserWarning
        If rows of one side repeat where those of the other differ, without labels and
        ids.

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

    Each text is searched among the others:

    >>> queries, y, ids = Z_txt[::2], ["cat", "dog", "cat"], [1, 2, 3]
    >>> options = {"ids_query": ids[::2], "ids_gallery": ids}
    >>> retrieval_score(queries, Z_txt, y[::2], y, **options)
    0.5
    """
    options = {"k": k, "denominator": denominator, "gain": gain}
    metric_name, metric = metric, make_metric(metric, **options, relevance=relevance)
    check_ranking_options(
        ties=ties, zero_division=zero_division, only_nan=metric.is_error
    )
    if sample_weight is not None and not average:
        raise ValueError(
            "sample_weight must be None for one value per query, which it would not "
            "change. Got weights and average=False."
        )
    more = {"working_memory": working_memory, "n_jobs": n_jobs}
    if is_lazy(Z_query, Z_gallery):
        refuse_with_dask(
            ids_query=ids_query, ids_gallery=ids_gallery, relevance=relevance
        )
        named = {"metric": metric_name, **options, "ties": ties}
        named |= {"zero_division": zero_division, **more}
        sides = Z_query, Z_gallery, y_query, y_gallery
        scores = scores_by_blocks(retrieval_score, *sides, named)
        weights = check_sample_weight(
            sample_weight, len(scores), at_least=1, noun="row"
        )
        return metric.summarize(scores, weights) if average else scores
    given = Z_query, Z_gallery, y_query, y_gallery, ids_query, ids_gallery
    search = ItemSearch(*given, sample_weight, relevance)
    weights = search.weights(sample_weight)
    (scores,) = score_per_query(
        [metric],
        search.costs,
        search.relevance,
        ties=ties,
        zero_division=zero_division,
        **more,
    )
    return metric.summarize(scores, weights) if average else scores


def cross_modal_score(
    Z_img,
    Z_txt,
    y=None,
    *,
    groups=None,
    relevance=None,
    direction="mean",
    metric="mean_average_precision",
    k=None,
    denominator="min",
    gain="linear",
    ties="average",
    zero_division="raise",
    sample_weight=None,
    working_memory=None,
    n_jobs=None,
):
    """Score the retrieval between the two modalities of the same samples.

    Row i of `Z_img` and row i of `Z_txt` are codes of one pair. The codes of one
    modality are the queries and those of the other the gallery, compared by cosine
    similarity.

    Parameters
    ----------
    Z_img : array-like of shape (n_samples, n_components)
        Image codes. Dask arrays are scored by blocks of queries; a worker holds the
        codes of the gallery and one block.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes.

    y : array-like of shape (n_samples,) or {array-like, sparse matrix} of shape \
            (n_samples, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label), shared by both
        modalities. If `None`, only the other half of the same pair is relevant, with
        `groups` all texts of the picture.

    groups : array-like of shape (n_samples,), default=None
        Ids of the pictures, where several texts belong to one and its code is
        repeated for each. A picture then counts once, as a query and in the gallery;
        every text counts. The hit rate is what papers on CLIP and captions call
        recall@k, and recall the stricter share of all texts of a picture.

    relevance : {"shared_labels", "jaccard"} or {array-like, sparse matrix} of shape \
            (n_samples, n_samples), default=None
        Grades of common labels, or of images (rows) and texts (columns) in place of
        `y`, see :func:`retrieval_score`. Rows of one picture must be the same.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    metric : str or callable, default="mean_average_precision"
        What to compute: a name, see :func:`retrieval_score`, or a callable that
        receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; MAP@R, R-precision, the median rank and callables have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    gain : {"linear", "exponential"}, default="linear"
        What a grade is worth in nDCG, see :func:`ndcg_at_k_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

    sample_weight : array-like of shape (n_samples,), default=None
        How much every pair counts as a query, at least 0, in either direction. All
        pairs are in the gallery, whatever their weight. A picture of several pairs has
        the mean of their weights. Callables have none.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries, by
        default `sklearn.get_config()["working_memory"]`.

    n_jobs : int, default=None
        Number of threads that share the queries. `None` means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.

    Returns
    -------
    score : float
        Value of the metric. All lie between 0 and 1 and higher is better, except for
        "median_rank_error".

    Raises
    ------
    ValueError
        If `direction` or `metric` is not known, an option is not valid for the metric,
        the codes or labels do not fit together, also those of one picture, or a query
        has no relevant item.

    TypeError
        If `k` is not an integer.

    Warns
    -----
    UserWarning
        If image codes repeat where texts differ, so that they seem to be pictures of
        several texts, and there are no `groups`.

    See Also
    --------
    retrieval_score : One set of queries against any gallery.
    retrieval_report : All metrics at once.
    make_retrieval_scorer : The same as a scorer for model selection.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import cross_modal_score
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0], [0.4, 0.5]]
    >>> Z_txt = [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]]
    >>> cross_modal_score(Z_img, Z_txt, ["cat", "dog", "dog"])
    1.0

    Three texts of two pictures; the second text finds the wrong one:

    >>> Z_img = [[1.0, 0.1], [1.0, 0.1], [0.2, 1.0]]
    >>> options = {"metric": "hit_rate_at_k", "direction": "text_to_image", "k": 1}
    >>> cross_modal_score(Z_img, Z_txt, **options, groups=["a", "a", "b"])
    0.6666666666666666
    """
    sides = directions_of(direction)
    ranking = {"ties": ties, "zero_division": zero_division}
    options = {"k": k, "denominator": denominator, "gain": gain}
    metric_name = metric
    metric = check_metric(metric, **options, **ranking, relevance=relevance)
    if is_lazy(Z_img, Z_txt):
        is_callable = metric if not isinstance(metric, Metric) else None
        refuse_with_dask(groups=groups, relevance=relevance, callables=is_callable)
        codes = {"image_to_text": (Z_img, Z_txt), "text_to_image": (Z_txt, Z_img)}
        more = {"working_memory": working_memory, "n_jobs": n_jobs}
        named = {"metric": metric_name, **options, **ranking, **more}
        scores = [
            retrieval_score(*codes[side], y, y, sample_weight=sample_weight, **named)
            for side in sides
        ]
        return float(np.mean(scores))
    pairs = CodePairs(Z_img, Z_txt, y, sample_weight, groups, relevance)
    if not isinstance(metric, Metric):
        if sample_weight is not None:
            raise ValueError(
                "sample_weight must be None for a callable metric, which has no "
                "scores of queries. Got weights. Name the metric, or bind them to it."
            )
        return float(np.mean([metric(*pairs.matrices(side)) for side in sides]))
    options = {**ranking, "working_memory": working_memory, "n_jobs": n_jobs}
    scores = [
        metric.summarize(pairs.score([metric], side, **options)[0], pairs.weights[side])
        for side in sides
    ]
    return float(np.mean(scores))
