"""Neural retrievers: the only place that imports torch and skorch."""

from sklearn_xmodal.deep._msln import MSLNRetriever

__all__ = ["MSLNRetriever"]
