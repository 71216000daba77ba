"""Retrievers in closed form, by eigenvectors: CCA and its kin."""

from sklearn_xmodal.cross_decomposition._adapter import AdapterRetriever
from sklearn_xmodal.cross_decomposition._adapter_cv import AdapterRetrieverCV
from sklearn_xmodal.cross_decomposition._asif import ASIFRetriever
from sklearn_xmodal.cross_decomposition._cca import CCARetriever
from sklearn_xmodal.cross_decomposition._cca_cv import CCARetrieverCV
from sklearn_xmodal.cross_decomposition._cosine import CosineRetriever
from sklearn_xmodal.cross_decomposition._kcca import KCCARetriever
from sklearn_xmodal.cross_decomposition._merge import merge
from sklearn_xmodal.cross_decomposition._mvda import MvDARetriever
from sklearn_xmodal.cross_decomposition._pls import PLSRetriever
from sklearn_xmodal.cross_decomposition._procrustes import ProcrustesRetriever
from sklearn_xmodal.cross_decomposition._three_view import ThreeViewCCARetriever
from sklearn_xmodal.cross_decomposition._views import ViewsModel, ViewsRetriever

__all__ = [
    "ASIFRetriever",
    "AdapterRetriever",
    "AdapterRetrieverCV",
    "CCARetriever",
    "CCARetrieverCV",
    "CosineRetriever",
    "KCCARetriever",
    "MvDARetriever",
    "PLSRetriever",
    "ProcrustesRetriever",
    "ThreeViewCCARetriever",
    "ViewsModel",
    "ViewsRetriever",
    "merge",
]
