"""Scores of a test part by protocol, beside those of chance."""

import numpy as np
from scipy.stats import hmean

from sklearn_xmodal.metrics import (
    chance_level,
    cross_modal_score,
    generalized_retrieval_score,
)
from sklearn_xmodal.metrics._engine import labelled_codes
from sklearn_xmodal.protocols._checks import check_classes
from sklearn_xmodal.utils._validation import as_labels

_DIRECTIONS = ("image_to_text", "text_to_image")
#: Cut-offs of recall, where only the other half of a pair is relevant.
_CUTOFFS = (1, 5, 10)


def score_codes(
    Z_img, Z_txt, y=None, protocol="standard", *, seen_classes=None, groups=None
):
    """Score the codes of a test part, beside what chance would score.

    Parameters
    ----------
    Z_img : array-like of shape (n_samples, n_components)
        Image codes.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes of the same pairs.

    y : array-like of shape (n_samples,), default=None
        Class labels. If `None`, only in the standard protocol, nothing but the other
        half of a pair is relevant. Pairs without a label are left out.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        All items are the gallery. In the generalized one, queries of seen and unseen
        classes are scored apart, and joined by their harmonic mean.

    seen_classes : array-like of shape (n_seen_classes,), default=None
        Labels that training has seen, for the generalized protocol only.

    groups : array-like of shape (n_samples,), default=None
        Ids of repeated pictures, each of which counts once, see
        :func:`~sklearn_xmodal.metrics.cross_modal_score`.

    Returns
    -------
    scores : dict of str to float
        Mean average precision of "image_to_text" and "text_to_image", their "mean",
        and what codes without information would score, "chance". In the generalized
        protocol "seen" and "unseen" too, means of both directions. Without labels
        "recall_at_1", "recall_at_5" and "recall_at_10" too, how often the other half of
        a pair is among the first items, in the mean of both directions.

    Raises
    ------
    ValueError
        If the protocol is not known, labels or seen classes are missing, codes and
        labels do not fit together, or no query is of seen or of unseen classes.

    See Also
    --------
    sklearn_xmodal.metrics.cross_modal_score : Other metrics.
    sklearn_xmodal.metrics.generalized_retrieval_score : The generalized protocol.

    Examples
    --------
    >>> from sklearn_xmodal.protocols import score_codes
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0], [0.4, 0.5]]
    >>> Z_txt = [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]]
    >>> scores = score_codes(Z_img, Z_txt, ["cat", "dog", "dog"])
    >>> round(scores["mean"], 2), round(scores["chance"], 2)
    (1.0, 0.74)
    """
    y = check_classes(Z_img, y, protocol)
    Z_img, Z_txt, y, _, groups = labelled_codes(Z_img, Z_txt, y, groups=groups)
    if protocol == "generalized":
        if seen_classes is None:
            raise ValueError(
                "The generalized protocol needs seen_classes, the labels of the "
                "training part. Got None."
            )
        scores = _score_both_kinds(Z_img, Z_txt, y, seen_classes, groups)
    else:
        scores = {
            direction: cross_modal_score(
                Z_img, Z_txt, y, direction=direction, groups=groups
            )
            for direction in _DIRECTIONS
        }
    mean = (scores["image_to_text"] + scores["text_to_image"]) / 2
    given = y is not None
    groups = np.arange(len(Z_img)) if groups is None else as_labels(groups, "groups")
    labels = y if given else groups
    chance = _chance(labels, protocol, seen_classes, groups)
    scores |= {"mean": mean, "chance": chance}
    return scores if given else scores | _recalls(Z_img, Z_txt, groups)


def _recalls(Z_img, Z_txt, groups):
    """Recall@K as in papers of joint embeddings: one of the texts of a picture does."""
    options = {"groups": groups, "metric": "hit_rate_at_k"}
    return {
        f"recall_at_{k}": cross_modal_score(Z_img, Z_txt, k=k, **options)
        for k in _CUTOFFS
    }


def _score_both_kinds(Z_img, Z_txt, y, seen_classes, groups):
    options = {"groups": groups}
    parts = {
        direction: generalized_retrieval_score(
            Z_img, Z_txt, y, seen_classes, direction=direction, **options
        )
        for direction in _DIRECTIONS
    }
    scores = {direction: part.harmonic_mean for direction, part in parts.items()}
    for kind in ("seen", "unseen"):
        scores[kind] = float(np.mean([part[kind] for part in parts.values()]))
    return scores


def _chance(y, protocol, seen_classes, groups):
    def of_queries(part):
        to_text = chance_level(y[part], y, ids_query=groups[part])
        return (to_text + chance_level(y[part], y, ids_gallery=groups)) / 2

    if protocol != "generalized":
        return of_queries(slice(None))
    is_seen = np.isin(y, seen_classes)
    return float(hmean([of_queries(is_seen), of_queries(~is_seen)]))
