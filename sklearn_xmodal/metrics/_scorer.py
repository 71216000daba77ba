"""Scores between two modalities, and scorers for model selection."""

import numpy as np
from sklearn.utils import check_array

from sklearn_xmodal.metrics._blocks import (
    check_ranking_options,
    mean_over_queries,
    score_per_query,
)
from sklearn_xmodal.metrics._costs import CosineCosts, check_same_width, unit_rows
from sklearn_xmodal.metrics._per_query import METRICS, get_metric
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
    ties="average",
    zero_division="raise",
    working_memory=None,
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

    metric : {"mean_average_precision"} or callable, default="mean_average_precision"
        What to compute. A callable receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries, by
        default `sklearn.get_config()["working_memory"]`.

    Returns
    -------
    score : float
        Value of the metric; mean average precision lies between 0 and 1.

    Raises
    ------
    ValueError
        If `direction` or `metric` is not known, the codes or labels do not fit
        together, or a query has no relevant item.

    See Also
    --------
    retrieval_score : One set of queries against any gallery.
    make_retrieval_scorer : The same as a scorer for model selection.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import cross_modal_score
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0], [0.4, 0.5]]
    >>> Z_txt = [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]]
    >>> cross_modal_score(Z_img, Z_txt, ["cat", "dog", "dog"])
    1.0
    """
    _check_direction(direction)
    _check_metric(metric, k)
    check_ranking_options(k=k, ties=ties, zero_division=zero_division)
    Z_img, Z_txt = unit_rows(Z_img, "Z_img"), unit_rows(Z_txt, "Z_txt")
    check_same_width(Z_img, Z_txt, ("Z_img", "Z_txt"))
    if Z_img.shape[0] != Z_txt.shape[0]:
        raise ValueError(
            "Z_img and Z_txt must hold the codes of the same pairs. Got "
            f"{Z_img.shape[0]} and {Z_txt.shape[0]} rows. Use retrieval_score for "
            "queries and a gallery of different size."
        )
    relevance = make_relevance(y, y, Z_img.shape[0], Z_txt.shape[0])
    sides = {"image_to_text": (Z_img, Z_txt), "text_to_image": (Z_txt, Z_img)}
    chosen = sides if direction == "mean" else [direction]
    if callable(metric):
        everyone = np.arange(Z_img.shape[0])
        scores = [
            metric(relevance.to_matrix(), -CosineCosts(*sides[d])(everyone))
            for d in chosen
        ]
        return float(np.mean(scores))
    options = {"k": k, "ties": ties, "zero_division": zero_division}
    scores = [
        mean_over_queries(
            score_per_query(
                get_metric(metric),
                CosineCosts(*sides[d]),
                relevance,
                working_memory=working_memory,
                **options,
            )
        )
        for d in chosen
    ]
    return float(np.mean(scores))


def make_retrieval_scorer(
    metric="mean_average_precision", *, direction="mean", k=None, zero_division="raise"
):
    """Make a scorer of cross-modal retrieval for ``scoring=``.

    The scorer calls ``estimator.transform(X)`` and scores the codes of both
    modalities by :func:`cross_modal_score`. It works with a single estimator or a
    pipeline, in searches and in `cross_validate`, also with several processes.

    Parameters
    ----------
    metric : {"mean_average_precision"} or callable, default="mean_average_precision"
        What to compute. A callable receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``, higher is better; make it a module-level
        function if the scorer is to be pickled.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Not for a callable.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None) -> float``. Without `y`, only the other half of
        the same pair is relevant. `transform` may answer with an object that has the
        attributes `image` and `text`, with a tuple ``(Z_img, Z_txt)``, or with one
        matrix whose left half is the image code and whose right half the text code.

    Raises
    ------
    ValueError
        If `metric`, `direction`, `k` or `zero_division` is not valid.

    See Also
    --------
    cross_modal_score : The score itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_xmodal.metrics import make_retrieval_scorer
    >>> scorer = make_retrieval_scorer(direction="image_to_text", k=1)
    >>> scorer
    make_retrieval_scorer('mean_average_precision', direction='image_to_text', k=1)
    >>> X = np.array([[1.0, 0.1, 0.9, 0.3], [0.2, 1.0, 0.1, 0.7]])
    >>> scorer(FunctionTransformer().fit(X), X, ["cat", "dog"])
    1.0
    """
    return _RetrievalScorer(metric, direction, k, zero_division)


class _RetrievalScorer:
    """What `make_retrieval_scorer` returns."""

    def __init__(self, metric, direction, k, zero_division):
        _check_direction(direction)
        _check_metric(metric, k)
        check_ranking_options(k=k, zero_division=zero_division)
        self.metric = metric
        self.direction = direction
        self.k = k
        self.zero_division = zero_division

    def __call__(self, estimator, X, y=None):
        Z_img, Z_txt = _split_codes(estimator.transform(X))
        return cross_modal_score(
            Z_img,
            Z_txt,
            y,
            direction=self.direction,
            metric=self.metric,
            k=self.k,
            zero_division=self.zero_division,
        )

    def __repr__(self):
        metric = self.metric
        if callable(metric):
            metric = getattr(metric, "__name__", type(metric).__name__)
        else:
            metric = repr(metric)
        options = f", direction={self.direction!r}"
        if self.k is not None:
            options += f", k={self.k}"
        if self.zero_division != "raise":
            options += f", zero_division={self.zero_division!r}"
        return f"make_retrieval_scorer({metric}{options})"


def _check_direction(direction):
    if direction not in DIRECTIONS:
        raise ValueError(
            f"direction must be one of {list(DIRECTIONS)}. Got {direction!r}."
        )


def _check_metric(metric, k):
    if callable(metric):
        if k is not None:
            raise ValueError(
                f"k must be None for a callable metric. Got {k!r}. Bind the cut-off "
                "with functools.partial(metric, k=...)."
            )
    elif not isinstance(metric, str) or metric not in METRICS:
        raise ValueError(
            "metric must be a callable metric(y_true, y_score) or one of "
            f"{sorted(METRICS)}. Got {metric!r}."
        )


def _split_codes(codes):
    """Image and text codes from whatever form `transform` answers in."""
    is_table = hasattr(codes, "columns")  # a column may be called "image"
    if hasattr(codes, "image") and hasattr(codes, "text") and not is_table:
        Z_img, Z_txt = codes.image, codes.text
    elif isinstance(codes, tuple):
        if len(codes) != 2:
            raise ValueError(
                "transform must return the two codes (Z_img, Z_txt). Got a tuple of "
                f"length {len(codes)}."
            )
        Z_img, Z_txt = codes
    else:
        codes = check_array(codes, dtype=[np.float64, np.float32], input_name="codes")
        if codes.shape[1] % 2:
            raise ValueError(
                "A stacked matrix of codes must have an even number of columns, the "
                "left half for the image code and the right half for the text code. "
                f"Got {codes.shape[1]} columns from transform."
            )
        Z_img, Z_txt = np.hsplit(codes, 2)
    if Z_img is None or Z_txt is None:
        raise ValueError(
            "Scoring needs the codes of both modalities. Got None for the "
            f"{'image' if Z_img is None else 'text'} side. Score complete pairs."
        )
    return Z_img, Z_txt
