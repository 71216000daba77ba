"""Scorers of cross-modal retrieval for model selection."""

from inspect import signature

import numpy as np

from sklearn_xmodal.metrics._blocks import check_ranking_options
from sklearn_xmodal.metrics._cross_modal import (
    check_metric,
    cross_modal_score,
    directions_of,
)
from sklearn_xmodal.utils._validation import check_numbers


def make_retrieval_scorer(
    metric="mean_average_precision",
    *,
    direction="mean",
    k=None,
    denominator="min",
    ties="average",
    zero_division="raise",
):
    """Make a scorer of cross-modal retrieval for ``scoring=``.

    The scorer calls ``estimator.transform(X)`` and scores the codes of both
    modalities by :func:`cross_modal_score`. It works with a single estimator or a
    pipeline, in searches and in `cross_validate`, also with several processes.

    Parameters
    ----------
    metric : str or callable, default="mean_average_precision"
        What to compute: a name, see :func:`retrieval_score`, or a callable that
        receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``, higher is better; make it a module-level
        function if the scorer is to be pickled. The scorer of "median_rank_error"
        negates it, like those of scikit-learn whose names begin with "neg".

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; the median rank and callables have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order.

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
        If `metric`, `direction` or an option is not valid.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    get_retrieval_scorer : Scorers by their short names, several in one pass.
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
    return RetrievalScorer(
        metric,
        direction,
        k=k,
        denominator=denominator,
        ties=ties,
        zero_division=zero_division,
    )


class RetrievalScorer:
    """What `make_retrieval_scorer` returns."""

    def __init__(self, metric, direction, **options):
        directions_of(direction)
        checked = check_metric(
            metric, k=options["k"], denominator=options["denominator"]
        )
        is_error = getattr(checked, "is_error", False)
        check_ranking_options(
            ties=options["ties"],
            zero_division=options["zero_division"],
            only_nan=is_error,
        )
        self.metric = metric
        self.direction = direction
        self.options = options
        self.sign = -1 if is_error else 1

    def __call__(self, estimator, X, y=None):
        Z_img, Z_txt = split_codes(estimator.transform(X))
        return self.sign * cross_modal_score(
            Z_img,
            Z_txt,
            y,
            direction=self.direction,
            metric=self.metric,
            **self.options,
        )

    def __repr__(self):
        metric = self.metric
        if callable(metric):
            metric = getattr(metric, "__name__", type(metric).__name__)
        else:
            metric = repr(metric)
        defaults = signature(make_retrieval_scorer).parameters
        given = {
            name: value
            for name, value in self.options.items()
            if value != defaults[name].default
        }
        options = {"direction": self.direction, **given}
        listed = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"make_retrieval_scorer({metric}{listed})"


def split_codes(codes):
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
        codes = check_numbers(
            codes,
            "What transform returns",
            dtype=[np.float64, np.float32],
        )
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
