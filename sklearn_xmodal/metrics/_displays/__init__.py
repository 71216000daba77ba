"""Displays: what metrics and codes look like.

matplotlib is imported when something is drawn, not before.
"""

from sklearn_xmodal.metrics._displays._confusion import RetrievalConfusionDisplay
from sklearn_xmodal.metrics._displays._curves import RetrievalPrecisionRecallDisplay
from sklearn_xmodal.metrics._displays._cutoffs import PrecisionAtKDisplay
from sklearn_xmodal.metrics._displays._embedding import JointEmbeddingDisplay
from sklearn_xmodal.metrics._displays._items import RetrievedItemsDisplay
from sklearn_xmodal.metrics._displays._loss import LossCurveDisplay

__all__ = [
    "JointEmbeddingDisplay",
    "LossCurveDisplay",
    "PrecisionAtKDisplay",
    "RetrievalConfusionDisplay",
    "RetrievalPrecisionRecallDisplay",
    "RetrievedItemsDisplay",
]
