"""Cross-modal retrieval with scikit-learn estimators.

Query images with text and text with images, also for classes that training
never saw. Importing the package imports neither torch nor matplotlib: the
names below are loaded when they are first used.
"""

from importlib import import_module

from sklearn_xmodal._version import __version__

_HOMES = {
    "ACMRRetriever": "sklearn_xmodal.deep",
    "ASIFRetriever": "sklearn_xmodal.cross_decomposition",
    "AdapterRetriever": "sklearn_xmodal.cross_decomposition",
    "AdapterRetrieverCV": "sklearn_xmodal.cross_decomposition",
    "BaseRetriever": "sklearn_xmodal.base",
    "CCARetriever": "sklearn_xmodal.cross_decomposition",
    "CCARetrieverCV": "sklearn_xmodal.cross_decomposition",
    "ContrastiveAdapterRetriever": "sklearn_xmodal.deep",
    "ContrastiveRetriever": "sklearn_xmodal.deep",
    "CosineRetriever": "sklearn_xmodal.cross_decomposition",
    "DCCARetriever": "sklearn_xmodal.deep",
    "DSCMRRetriever": "sklearn_xmodal.deep",
    "ImageTextPairs": "sklearn_xmodal.pairs",
    "KCCARetriever": "sklearn_xmodal.cross_decomposition",
    "KernelPairs": "sklearn_xmodal.pairs",
    "MSLNRetriever": "sklearn_xmodal.deep",
    "ModalityTransformer": "sklearn_xmodal.pairs",
    "MvDARetriever": "sklearn_xmodal.cross_decomposition",
    "PLSRetriever": "sklearn_xmodal.cross_decomposition",
    "ProcrustesRetriever": "sklearn_xmodal.cross_decomposition",
    "RetrievalIndex": "sklearn_xmodal.neighbors",
    "RidgeRetriever": "sklearn_xmodal.linear_model",
    "SCMRetriever": "sklearn_xmodal.linear_model",
    "SemanticAutoencoderRetriever": "sklearn_xmodal.linear_model",
    "SemanticMatchingRetriever": "sklearn_xmodal.linear_model",
    "ThreeViewCCARetriever": "sklearn_xmodal.cross_decomposition",
    "ViewsModel": "sklearn_xmodal.cross_decomposition",
    "ViewsRetriever": "sklearn_xmodal.cross_decomposition",
    "VocabularyRetriever": "sklearn_xmodal.ensemble",
    "VotingRetriever": "sklearn_xmodal.ensemble",
    "encoder_of": "sklearn_xmodal.base",
    "export_onnx": "sklearn_xmodal.persistence",
    "load": "sklearn_xmodal.persistence",
    "merge": "sklearn_xmodal.cross_decomposition",
    "save": "sklearn_xmodal.persistence",
}

__all__ = [
    "ACMRRetriever",
    "ASIFRetriever",
    "AdapterRetriever",
    "AdapterRetrieverCV",
    "BaseRetriever",
    "CCARetriever",
    "CCARetrieverCV",
    "ContrastiveAdapterRetriever",
    "ContrastiveRetriever",
    "CosineRetriever",
    "DCCARetriever",
    "DSCMRRetriever",
    "ImageTextPairs",
    "KCCARetriever",
    "KernelPairs",
    "MSLNRetriever",
    "ModalityTransformer",
    "MvDARetriever",
    "PLSRetriever",
    "ProcrustesRetriever",
    "RetrievalIndex",
    "RidgeRetriever",
    "SCMRetriever",
    "SemanticAutoencoderRetriever",
    "SemanticMatchingRetriever",
    "ThreeViewCCARetriever",
    "ViewsModel",
    "ViewsRetriever",
    "VocabularyRetriever",
    "VotingRetriever",
    "__version__",
    "encoder_of",
    "export_onnx",
    "load",
    "merge",
    "save",
]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__():
    return sorted({*globals(), *_HOMES})
