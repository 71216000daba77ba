"""Retrievers made of several retrievers."""

from sklearn_xmodal.ensemble._voting import VotingRetriever

__all__ = ["VotingRetriever"]
