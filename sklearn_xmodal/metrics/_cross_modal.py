"""Scores between two modalities of the same samples."""

import numpy as np

from sklearn_xmodal.metrics._blocks import check_ranking_options, score_per_query
from sklearn_xmodal.metrics._costs import CosineCosts, check_same_width, unit_rows
from sklearn_xmodal.metrics._metric import METRICS, Metric, make_metric
from sklearn_xmodal.metrics._relevance import make_relevance

DIRECTIONS = ("image_to_text", "text_to_image", "mean")


def cross_modal_score(
    Z_img,
    Z_txt,
    y=None,
    *,
    direction="mean",
    metric="mean_average_precision",
    k=None,
    denominator="min",
    ties="average",
    zero_division="raise",
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
        Image codes.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes.

    y : array-like of shape (n_samples,) or {array-like, sparse matrix} of shape \
            (n_samples, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label), shared by both
        modalities. If `None`, only the other half of the same pair is relevant.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    metric : str or callable, default="mean_average_precision"
        What to compute: a name, see :func:`retrieval_score`, or a callable that
        receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; the median rank and callables have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

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
        the codes or labels do not fit together, or a query has no relevant item.

    TypeError
        If `k` is not an integer.

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
    """
    sides = directions_of(direction)
    metric = check_metric(metric, k=k, denominator=denominator)
    check_ranking_options(
        ties=ties,
        zero_division=zero_division,
        only_nan=getattr(metric, "is_error", False),
    )
    pairs = CodePairs(Z_img, Z_txt, y)
    if not isinstance(metric, Metric):
        return float(np.mean([metric(*pairs.matrices(side)) for side in sides]))
    options = {"ties": ties, "zero_division": zero_division}
    options |= {"working_memory": working_memory, "n_jobs": n_jobs}
    scores = [
        metric.summarize(*pairs.score([metric], side, **options)) for side in sides
    ]
    return float(np.mean(scores))


class CodePairs:
    """Codes of both modalities of the same samples, validated, and their relevance.

    Parameters
    ----------
    Z_img, Z_txt : array-like of shape (n_samples, n_components)
        Codes.
    y : array-like or None
        Labels of both modalities.
    """

    def __init__(self, Z_img, Z_txt, y):
        Z_img, Z_txt = unit_rows(Z_img, "Z_img"), unit_rows(Z_txt, "Z_txt")
        check_same_width(Z_img, Z_txt, ("Z_img", "Z_txt"))
        if Z_img.shape[0] != Z_txt.shape[0]:
            raise ValueError(
                "Z_img and Z_txt must hold the codes of the same pairs. Got "
                f"{Z_img.shape[0]} and {Z_txt.shape[0]} rows. Use retrieval_score for "
                "queries and a gallery of different size."
            )
        self.codes = {"image_to_text": (Z_img, Z_txt), "text_to_image": (Z_txt, Z_img)}
        n = Z_img.shape[0]
        self.relevance = make_relevance(y, y, n, n, ("y", "y"))

    def score(self, metrics, side, **options):
        """Values of several metrics in one direction, (n_metrics, n_queries)."""
        costs = CosineCosts(*self.codes[side])
        return score_per_query(metrics, costs, self.relevance, **options)

    def matrices(self, side):
        """Whole relevance and similarity matrices of one direction."""
        query, gallery = self.codes[side]
        scores = -CosineCosts(query, gallery)(np.arange(query.shape[0]))
        return self.relevance.to_matrix(), scores


def directions_of(direction):
    """Return the directions to average over."""
    if direction not in DIRECTIONS:
        raise ValueError(
            f"direction must be one of {list(DIRECTIONS)}. Got {direction!r}."
        )
    return DIRECTIONS[:2] if direction == "mean" else (direction,)


def check_metric(metric, *, k, denominator):
    """Metric of a name with its options, or the callable itself, which takes none."""
    if not callable(metric):
        if not isinstance(metric, str) or metric not in METRICS:
            raise ValueError(
                "metric must be a callable metric(y_true, y_score) or one of "
                f"{sorted(METRICS)}. Got {metric!r}."
            )
        return make_metric(metric, k=k, denominator=denominator)
    if k is not None:
        raise ValueError(
            f"k must be None for a callable metric. Got {k!r}. Bind the cut-off "
            "with functools.partial(metric, k=...)."
        )
    if denominator != "min":
        raise ValueError(
            f"denominator must be 'min' for a callable metric. Got {denominator!r}."
        )
    return metric
