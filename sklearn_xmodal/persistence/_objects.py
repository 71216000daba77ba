"""Objects of the classes that files may name, attribute by attribute."""

from importlib import import_module

from sklearn.base import BaseEstimator

from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import forged

#: Every class that a file can hold: its name there -> the module to import it from.
#: A new one needs a line here if its attributes are of known kinds; one of a public
#: module may be saved by itself, too. Estimators are made from their parameters, named
#: tuples from their fields; other objects get their attributes back, and `__init__` is
#: not called. A method ``_after_load`` of the class, without arguments, comes last.
CLASSES = {
    "ACMRRetriever": "sklearn_xmodal.deep",
    "BagOfVisualWords": "sklearn_xmodal.feature_extraction",
    "CCARetriever": "sklearn_xmodal.cross_decomposition",
    "CCARetrieverCV": "sklearn_xmodal.cross_decomposition",
    "ClassDisjointKFold": "sklearn_xmodal.model_selection",
    "ClassDisjointShuffleSplit": "sklearn_xmodal.model_selection",
    "ContrastiveRetriever": "sklearn_xmodal.deep",
    "DCCARetriever": "sklearn_xmodal.deep",
    "DSCMRRetriever": "sklearn_xmodal.deep",
    "Familiarity": "sklearn_xmodal.deep._familiarity",
    "FourierMap": "sklearn_xmodal.cross_decomposition._kernel_maps",
    "FrozenEstimator": "sklearn.frozen",
    "GeneralizedShuffleSplit": "sklearn_xmodal.model_selection",
    "HOGTransformer": "sklearn_xmodal.feature_extraction",
    "KCCARetriever": "sklearn_xmodal.cross_decomposition",
    "KernelMap": "sklearn_xmodal.cross_decomposition._kernels",
    "KernelVariates": "sklearn_xmodal.deep._variates",
    "LinearVariates": "sklearn_xmodal.deep._variates",
    "LocalBinaryPatternTransformer": "sklearn_xmodal.feature_extraction",
    "MSLNRetriever": "sklearn_xmodal.deep",
    "Mean": "sklearn_xmodal.cross_decomposition._engine._moments",
    "ModalityTransformer": "sklearn_xmodal.pairs",
    "MvDARetriever": "sklearn_xmodal.cross_decomposition",
    "PLSRetriever": "sklearn_xmodal.cross_decomposition",
    "PairMoments": "sklearn_xmodal.cross_decomposition._engine._moments",
    "Pipeline": "sklearn.pipeline",
    "ProcrustesRetriever": "sklearn_xmodal.cross_decomposition",
    "Representation": "sklearn_xmodal.deep._representation",
    "RidgeRetriever": "sklearn_xmodal.linear_model",
    "SCMRetriever": "sklearn_xmodal.linear_model",
    "SemanticAutoencoderRetriever": "sklearn_xmodal.linear_model",
    "SemanticMatchingRetriever": "sklearn_xmodal.linear_model",
    "ThreeViewCCARetriever": "sklearn_xmodal.cross_decomposition",
    "ViewsModel": "sklearn_xmodal.cross_decomposition",
    "ViewsRetriever": "sklearn_xmodal.cross_decomposition",
    "VotingRetriever": "sklearn_xmodal.ensemble",
}
#: Classes that need code of their own: name -> module of the class, and module with
#: ``ADAPTERS[name]``, a pair of functions from an object to a dict of known kinds
#: and back.
ADAPTED = {
    "History": ("skorch.history", "sklearn_xmodal.deep._state"),
    "MSLNNet": ("sklearn_xmodal.deep._net", "sklearn_xmodal.deep._state"),
    "NeighbourNet": (
        "sklearn_xmodal.deep._neighbour_net",
        "sklearn_xmodal.deep._state",
    ),
}
_INDEX = "RetrievalIndex", "sklearn_xmodal.neighbors"
_OPTIMIZERS = "sklearn_xmodal.deep._state"
#: Attributes of scikit-learn that are no state of a fitted model.
_METADATA_REQUEST = "_metadata_request"


def is_public(value):
    """Tell whether an object may be the one that a file is about."""
    is_model = _is_known(value) and "._" not in CLASSES[type(value).__name__]
    return is_model or isinstance(value, BaseEstimator)


def is_index(value):
    """Tell whether an object is a gallery, which has files of its own."""
    return type(value).__name__ == _INDEX[0] and type(value) is index_class()


def index_class():
    """Return the class of galleries."""
    name, module = _INDEX
    return getattr(import_module(module), name)


def _find_class(name):
    return getattr(import_module(CLASSES[name]), name)


def _is_known(value):
    name = type(value).__name__
    return name in CLASSES and _find_class(name) is type(value)


def _encode_object(value, encoder, path):
    cls, attributes = type(value), _attributes(value)
    node = {"class": cls.__name__}
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        _check_parameters(value, parameters, path)
        node["parameters"] = _encode_all(parameters, encoder, path)
        attributes = {k: v for k, v in attributes.items() if k not in parameters}
    node["attributes"] = _encode_all(attributes, encoder, path)
    return node


def _attributes(value):
    return value._asdict() if isinstance(value, tuple) else vars(value)


def _encode_all(values, encoder, path):
    return {k: encoder.encode(v, f"{path}.{k}") for k, v in values.items()}


def _check_parameters(value, parameters, path):
    if parameters.get("memory") is not None:
        raise TypeError(
            f"{path}.memory must be None to be stored: a cache is a folder of pickles "
            "on this machine. Use set_params(memory=None) first."
        )
    if _METADATA_REQUEST in vars(value):
        raise TypeError(
            f"{path} must be stored without metadata requests (set_fit_request and the "
            f"like). Delete its attribute {_METADATA_REQUEST}, and set them after load."
        )


def _decode_object(node, decoder):
    name = node["class"]
    if name not in CLASSES:
        raise forged(f"an object of class {name!r}")
    cls = _find_class(name)
    is_estimator = issubclass(cls, BaseEstimator)
    # In the order of the encoder: attributes may be the very objects of parameters.
    parameters = node["parameters"] if is_estimator else {}
    parameters = {k: decoder.decode(v) for k, v in parameters.items()}
    attributes = {k: decoder.decode(v) for k, v in node["attributes"].items()}
    if issubclass(cls, tuple):
        return cls(**attributes)
    if is_estimator:
        if parameters.get("memory") is not None:  # would unpickle from there
            raise forged("a Pipeline with a cache")
        value = cls(**parameters)
    else:
        value = cls.__new__(cls)
    for attribute in attributes:
        if not attribute.isidentifier() or hasattr(cls, attribute):
            raise forged(f"{name}.{attribute}")
    vars(value).update(attributes)
    if hasattr(cls, "_after_load"):
        value._after_load()
    return value


def _is_adapted(value):
    name = type(value).__name__
    if name not in ADAPTED:
        return False
    return getattr(import_module(ADAPTED[name][0]), name) is type(value)


def _adapter(name):
    if name not in ADAPTED:
        raise forged(f"an object of class {name!r}")
    return import_module(ADAPTED[name][1]).ADAPTERS[name]


def _encode_adapted(value, encoder, path):
    name = type(value).__name__
    state = _adapter(name)[0](value)
    return {"class": name, "state": _encode_all(state, encoder, path)}


def _decode_adapted(node, decoder):
    restore = _adapter(node["class"])[1]
    return restore({k: decoder.decode(v) for k, v in node["state"].items()})


def _is_optimizer(value):
    return isinstance(value, type) and value.__module__.startswith("torch.optim.")


def _encode_optimizer(value, encoder, path):
    _decode_optimizer({"name": value.__name__}, None)
    return {"name": value.__name__}


def _decode_optimizer(node, decoder):
    return import_module(_OPTIMIZERS).find_optimizer(node["name"])


KINDS = {
    "object": Kind(_is_known, _encode_object, _decode_object, is_shared=True),
    "adapted": Kind(_is_adapted, _encode_adapted, _decode_adapted, is_shared=True),
    "optimizer": Kind(_is_optimizer, _encode_optimizer, _decode_optimizer),
}
