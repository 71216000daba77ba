"""Retrieval metrics, reports, and scorers for model selection."""

from sklearn_xmodal.metrics._curve import (
    mean_precision_recall_curve,
    retrieval_precision_recall_curve,
)
from sklearn_xmodal.metrics._displays import (
    JointEmbeddingDisplay,
    LossCurveDisplay,
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    RetrievalPrecisionRecallDisplay,
    RetrievedItemsDisplay,
)
from sklearn_xmodal.metrics._embedding import cross_modal_score, retrieval_score
from sklearn_xmodal.metrics._generalized import (
    generalized_retrieval_score,
    make_generalized_scorer,
)
from sklearn_xmodal.metrics._hubness import k_occurrence_skewness
from sklearn_xmodal.metrics._labels import chance_level, relevance_from_labels
from sklearn_xmodal.metrics._matrix import (
    hit_rate_at_k_score,
    mean_average_precision_at_r_score,
    mean_average_precision_score,
    mean_reciprocal_rank_score,
    median_rank_error,
    ndcg_at_k_score,
    precision_at_k_score,
    r_precision_score,
    recall_at_k_score,
)
from sklearn_xmodal.metrics._report import retrieval_report
from sklearn_xmodal.metrics._scorer import (
    get_retrieval_scorer,
    get_retrieval_scorer_names,
    make_retrieval_scorer,
)
from sklearn_xmodal.metrics._statistics import (
    bootstrap_difference_interval,
    bootstrap_score_interval,
    paired_comparison,
)

__all__ = [
    "JointEmbeddingDisplay",
    "LossCurveDisplay",
    "PrecisionAtKDisplay",
    "RetrievalConfusionDisplay",
    "RetrievalPrecisionRecallDisplay",
    "RetrievedItemsDisplay",
    "bootstrap_difference_interval",
    "bootstrap_score_interval",
    "chance_level",
    "cross_modal_score",
    "generalized_retrieval_score",
    "get_retrieval_scorer",
    "get_retrieval_scorer_names",
    "hit_rate_at_k_score",
    "k_occurrence_skewness",
    "make_generalized_scorer",
    "make_retrieval_scorer",
    "mean_average_precision_at_r_score",
    "mean_average_precision_score",
    "mean_precision_recall_curve",
    "mean_reciprocal_rank_score",
    "median_rank_error",
    "ndcg_at_k_score",
    "paired_comparison",
    "precision_at_k_score",
    "r_precision_score",
    "recall_at_k_score",
    "relevance_from_labels",
    "retrieval_precision_recall_curve",
    "retrieval_report",
    "retrieval_score",
]
