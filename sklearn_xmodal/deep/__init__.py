"""Neural retrievers: the only place that imports torch and skorch."""

from sklearn_xmodal.deep._acmr import ACMRRetriever
from sklearn_xmodal.deep._contrastive import ContrastiveRetriever
from sklearn_xmodal.deep._contrastive_adapter import ContrastiveAdapterRetriever
from sklearn_xmodal.deep._dcca import DCCARetriever
from sklearn_xmodal.deep._dscmr import DSCMRRetriever
from sklearn_xmodal.deep._msln import MSLNRetriever
from sklearn_xmodal.deep.training import EpochReport

__all__ = [
    "ACMRRetriever",
    "ContrastiveAdapterRetriever",
    "ContrastiveRetriever",
    "DCCARetriever",
    "DSCMRRetriever",
    "EpochReport",
    "MSLNRetriever",
]
