"""Retrieval metrics, and scorers for model selection."""

from sklearn_xmodal.metrics._ranking import (
    chance_level,
    mean_average_precision_score,
    relevance_from_labels,
)
from sklearn_xmodal.metrics._retrieval import (
    retrieval_precision_recall_curve,
    retrieval_score,
)
from sklearn_xmodal.metrics._scorer import cross_modal_score, make_retrieval_scorer

__all__ = [
    "chance_level",
    "cross_modal_score",
    "make_retrieval_scorer",
    "mean_average_precision_score",
    "relevance_from_labels",
    "retrieval_precision_recall_curve",
    "retrieval_score",
]
