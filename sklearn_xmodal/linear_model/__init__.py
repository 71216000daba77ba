"""Retrievers made of linear classifiers and regressions."""

from sklearn_xmodal.linear_model._ridge import RidgeRetriever
from sklearn_xmodal.linear_model._scm import SCMRetriever
from sklearn_xmodal.linear_model._semantic_autoencoder import (
    SemanticAutoencoderRetriever,
)
from sklearn_xmodal.linear_model._semantic_matching import SemanticMatchingRetriever

__all__ = [
    "RidgeRetriever",
    "SCMRetriever",
    "SemanticAutoencoderRetriever",
    "SemanticMatchingRetriever",
]
