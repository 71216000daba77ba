"""Queries from seen and from unseen classes against one gallery of both."""

import numpy as np
from sklearn.utils import Bunch

from sklearn_xmodal.metrics._engine._codes import CodePairs, encoded_pairs
from sklearn_xmodal.metrics._engine._hints import told_once
from sklearn_xmodal.metrics._engine._metric import make_metric
from sklearn_xmodal.metrics._engine._options import check_one_of, directions_of
from sklearn_xmodal.utils._sklearn_compat import WeightedScorer
from sklearn_xmodal.utils._validation import as_labels, check_sample_weight

PARTS = ("seen", "unseen", "harmonic_mean")


def generalized_retrieval_score(
    Z_img,
    Z_txt,
    y,
    seen_classes,
    *,
    direction="mean",
    metric="mean_average_precision",
    k=None,
    sample_weight=None,
    groups=None,
):
    r"""Score seen and unseen classes in one gallery: the generalized protocol.

    The gallery holds all items. Queries of classes that training has seen and
    queries of the others are scored apart, and joined by the harmonic mean,

    .. math:: H = \frac{2 \, s_\mathrm{seen} \, s_\mathrm{unseen}}
        {s_\mathrm{seen} + s_\mathrm{unseen}},

    which is high only if both are [1]_. It is the honest test for search among
    unseen classes: in a gallery of unseen classes alone, as in the extendable
    protocol, the seen ones cannot get in the way.

    Parameters
    ----------
    Z_img : array-like of shape (n_samples, n_components)
        Image codes.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes of the same pairs.

    y : array-like of shape (n_samples,)
        Class labels.

    seen_classes : array-like of shape (n_seen_classes,)
        Labels that the estimator was trained on, such as its `classes_`.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions,
        taken before the harmonic mean.

    metric : str, default="mean_average_precision"
        Name of a metric for which higher is better, see :func:`retrieval_score`.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts.

    sample_weight : array-like of shape (n_samples,), default=None
        How much every pair counts as a query, as in :func:`cross_modal_score`.

    groups : array-like of shape (n_samples,), default=None
        Ids of repeated pictures, as in :func:`cross_modal_score`.

    Returns
    -------
    scores : :class:`~sklearn.utils.Bunch`
        Floats `seen`, `unseen` and `harmonic_mean`.

    Raises
    ------
    ValueError
        If all items are of seen classes or none is, or an argument is not valid.

    See Also
    --------
    make_generalized_scorer : The same as a scorer for model selection.
    sklearn_xmodal.model_selection.GeneralizedShuffleSplit : Splits to go with it.

    References
    ----------
    .. [1] Y. Xian, B. Schiele, Z. Akata, "Zero-shot learning - the good, the bad and
       the ugly", CVPR 2017.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import generalized_retrieval_score
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0], [0.4, 0.5]]
    >>> Z_txt = [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]]
    >>> y = ["cat", "dog", "dog"]
    >>> generalized_retrieval_score(Z_img, Z_txt, y, ["cat"]).harmonic_mean
    1.0
    """
    if metric == "median_rank_error":
        raise ValueError(
            "metric must be one for which higher is better, so that a harmonic mean "
            "makes sense. Got 'median_rank_error'."
        )
    classes, seen = _as_classes(y, "y"), _as_classes(seen_classes, "seen_classes")
    pairs = CodePairs(Z_img, Z_txt, y, sample_weight, groups)
    seen = set(seen.tolist())  # not isin, to which 1 and "1" are the same
    is_seen = np.array([label in seen for label in classes.tolist()])
    if is_seen.all() or not is_seen.any():
        raise ValueError(
            "Queries of seen and of unseen classes are needed. Got "
            f"{int(is_seen.sum())} of {len(is_seen)} samples from seen_classes, which "
            f"has {len(seen)} labels. Use cross_modal_score for one kind alone."
        )
    metric = make_metric(metric, k=k)
    scores = []
    for side in directions_of(direction):
        options = {"ties": "average", "zero_division": "raise"}
        (values,) = pairs.score([metric], side, **options)
        of_side = pairs.of_queries(is_seen, side), pairs.weights[side]
        scores.append(_of_both_kinds(metric, values, *of_side))
    seen, unseen = np.mean(scores, axis=0).tolist()
    total = seen + unseen
    harmonic_mean = 2 * seen * unseen / total if total > 0 else 0.0
    return Bunch(seen=seen, unseen=unseen, harmonic_mean=harmonic_mean)


def _of_both_kinds(metric, values, is_seen, weights):
    """Score of queries of seen, and of unseen classes."""
    scores = []
    for kind in (is_seen, ~is_seen):
        own = None if weights is None else weights[kind]
        own = check_sample_weight(own, values[kind].size, at_least=1, noun="row")
        scores.append(metric.summarize(values[kind], own))
    return scores


def _as_classes(labels, name):
    labels = as_labels(labels, name)
    if labels.ndim != 1:
        raise ValueError(
            f"{name} must be class labels, a 1-D array. Got shape {labels.shape}."
        )
    return labels


def make_generalized_scorer(
    part="harmonic_mean",
    *,
    direction="mean",
    metric="mean_average_precision",
    k=None,
):
    """Make a scorer of the generalized protocol for ``scoring=``.

    Which classes were seen is read from `classes_` of the estimator, or of the last
    step of a Pipeline: every retriever that was fitted with labels has it.

    Parameters
    ----------
    part : {"seen", "unseen", "harmonic_mean"}, default="harmonic_mean"
        Which of the three numbers to return.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    metric : str, default="mean_average_precision"
        Name of a metric for which higher is better, see :func:`retrieval_score`.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None, groups=None) -> float``, with
        weights and groups as those of :func:`make_retrieval_scorer`.

    Raises
    ------
    ValueError
        If `part` or `direction` is not known.

    See Also
    --------
    generalized_retrieval_score : The formula.
    sklearn_xmodal.model_selection.GeneralizedShuffleSplit : Splits to go with it.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_xmodal import CCARetriever, ImageTextPairs
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.metrics import make_generalized_scorer
    >>> from sklearn_xmodal.model_selection import GeneralizedShuffleSplit
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> scoring = {part: make_generalized_scorer(part) for part in ("seen", "unseen")}
    >>> results = cross_validate(
    ...     CCARetriever(4),
    ...     ImageTextPairs(X_img, X_txt),
    ...     y,
    ...     scoring=scoring,
    ...     cv=GeneralizedShuffleSplit(2, random_state=0),
    ... )
    >>> results["test_unseen"].shape
    (2,)
    """
    check_one_of("part", part, PARTS)
    directions_of(direction)
    return _GeneralizedScorer(part, direction, metric, k)


class _GeneralizedScorer(WeightedScorer):
    """Callable of `make_generalized_scorer`: picklable, with a short repr."""

    def __init__(self, part, direction, metric, k):
        self.part = part
        self.direction = direction
        self.metric = metric
        self.k = k

    @told_once()
    def __call__(self, estimator, X, y, sample_weight=None, groups=None):
        Z_img, Z_txt, y, weights, groups = encoded_pairs(
            estimator, X, y, sample_weight, groups
        )
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            raise ValueError(
                "The generalized protocol needs classes_, the labels seen in fit. Got "
                f"{type(estimator).__name__} without: fit it with 1-D labels y."
            )
        scores = generalized_retrieval_score(
            Z_img,
            Z_txt,
            y,
            classes,
            direction=self.direction,
            metric=self.metric,
            k=self.k,
            sample_weight=weights,
            groups=groups,
        )
        return scores[self.part]

    def __repr__(self):
        return (
            f"make_generalized_scorer({self.part!r}, direction={self.direction!r}, "
            f"metric={self.metric!r}, k={self.k})"
        )
