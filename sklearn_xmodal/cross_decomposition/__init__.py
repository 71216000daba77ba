"""Retrievers in closed form: canonical correlation analysis and its kernel form."""

from sklearn_xmodal.cross_decomposition._cca import CCARetriever
from sklearn_xmodal.cross_decomposition._cca_cv import CCARetrieverCV
from sklearn_xmodal.cross_decomposition._kcca import KCCARetriever
from sklearn_xmodal.cross_decomposition._pls import PLSRetriever

__all__ = ["CCARetriever", "CCARetrieverCV", "KCCARetriever", "PLSRetriever"]
