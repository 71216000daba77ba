"""The entrance of relevance and score matrices."""

import numpy as np

from sklearn_xmodal.metrics._blocks import check_ranking_options, score_per_query
from sklearn_xmodal.metrics._costs import MatrixCosts
from sklearn_xmodal.metrics._relevance import MatrixRelevance
from sklearn_xmodal.utils._validation import check_numbers


def score_matrices(metric, y_true, y_score, *, ties, zero_division, average):
    """Value of a metric for matrices of shape (n_queries, n_gallery)."""
    check_ranking_options(
        ties=ties, zero_division=zero_division, only_nan=metric.is_error
    )
    y_true, y_score = check_matrices(y_true, y_score)
    (scores,) = score_per_query(
        [metric],
        MatrixCosts(y_score),
        MatrixRelevance(y_true),
        ties=ties,
        zero_division=zero_division,
    )
    return metric.summarize(scores) if average else scores


def check_matrices(y_true, y_score):
    """Validate a relevance and a score matrix of shape (n_queries, n_gallery)."""
    y_true = check_numbers(y_true, "y_true", dtype=None)
    y_score = check_numbers(y_score, "y_score", dtype=[np.float64, np.float32])
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
