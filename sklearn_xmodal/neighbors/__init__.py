"""Search of a gallery by queries of either modality."""

from sklearn_xmodal.neighbors._correction import correct_hubness
from sklearn_xmodal.neighbors._index import RetrievalIndex, SearchResult

__all__ = ["RetrievalIndex", "SearchResult", "correct_hubness"]
