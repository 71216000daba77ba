"""Retrievers made of linear classifiers."""

from sklearn_xmodal.linear_model._semantic_matching import SemanticMatchingRetriever

__all__ = ["SemanticMatchingRetriever"]
