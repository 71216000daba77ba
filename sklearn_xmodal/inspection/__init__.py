"""What ails codes and pairs: a diagnosis with advice, and pairs that do not match."""

from sklearn_xmodal.inspection._diagnose import diagnose
from sklearn_xmodal.inspection._findings import Finding
from sklearn_xmodal.inspection._mismatched import MismatchedPairDetector
from sklearn_xmodal.inspection._quality import pair_quality
from sklearn_xmodal.inspection._report import Diagnosis

__all__ = [
    "Diagnosis",
    "Finding",
    "MismatchedPairDetector",
    "diagnose",
    "pair_quality",
]
