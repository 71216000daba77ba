"""Retrievers made of other retrievers."""

from sklearn_xmodal.ensemble._vocabulary import VocabularyRetriever
from sklearn_xmodal.ensemble._voting import VotingRetriever

__all__ = ["VocabularyRetriever", "VotingRetriever"]
