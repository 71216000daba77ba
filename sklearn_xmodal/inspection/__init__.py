"""What ails codes and pairs: a diagnosis with advice, and pairs that do not match."""

from sklearn_xmodal.inspection._mismatched import MismatchedPairDetector
from sklearn_xmodal.inspection._quality import pair_quality

__all__ = ["MismatchedPairDetector", "pair_quality"]
