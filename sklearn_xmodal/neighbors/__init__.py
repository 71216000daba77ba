"""Search of a gallery by queries of either modality."""

from sklearn_xmodal.neighbors._correction import correct_hubness
from sklearn_xmodal.neighbors._database import DatabaseIndex
from sklearn_xmodal.neighbors._index import RetrievalIndex, SearchResult
from sklearn_xmodal.neighbors._lancedb import LanceDBStore
from sklearn_xmodal.neighbors._store import Condition, VectorStore

__all__ = [
    "Condition",
    "DatabaseIndex",
    "LanceDBStore",
    "RetrievalIndex",
    "SearchResult",
    "VectorStore",
    "correct_hubness",
]
