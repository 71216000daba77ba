"""From what an earlier version of a class has written to what it is made from today.

The table has one line per class and version: a function from parameters and state of
that version to those of the next. Version 0 is of files of format 1, which held the
attributes of objects as they were; private objects among them come as `Part`.
"""

from types import SimpleNamespace

from sklearn_xmodal.persistence import _transitional
from sklearn_xmodal.persistence._container import forged


class Part(SimpleNamespace):
    """An object of a private class in a file of format 1: its class, and its state."""


def migrated(name, version, current, parameters, state):
    """Return parameters and state of the current version of a class."""
    for old in range(version, current):
        if (name, old) not in MIGRATIONS:
            raise forged(f"version {old} of a {name}")
        parameters, state = MIGRATIONS[name, old](parameters, state)
    return parameters, state


def _as_it_is(parameters, attributes):
    return parameters, attributes


def _parameters_only(parameters, attributes):
    """Splitters had no parameters apart from their attributes."""
    return attributes, {}


def _with_objects(parameters, attributes):
    return parameters, _made(attributes)


def _made(value):
    """Replace every `Part`, within dicts and lists, by one object of its class."""
    if isinstance(value, Part):
        if not hasattr(value, "made"):
            value.made = _transitional.make(value.name, _made(value.state))
        return value.made
    if type(value) is dict:
        return {k: _made(v) for k, v in value.items()}
    return [_made(v) for v in value] if type(value) is list else value


def _index(parameters, state):
    """Bring the parts of a folder into the order of today."""
    arrays, hubness = state.pop("arrays"), state.pop("hubness")
    if hubness is not None:
        hubness = {**hubness, "queries": arrays.pop("hubness_queries")}
    entry_point, vectors = state.pop("entry_point"), arrays.pop("vectors")
    if entry_point is not None:
        arrays["entry_point"] = entry_point
    return parameters, {
        **state,
        "vectors": vectors,
        "hubness": hubness,
        "graph": arrays,
    }


MIGRATIONS = {
    ("ACMRRetriever", 0): _with_objects,
    ("BagOfVisualWords", 0): _as_it_is,
    ("CCARetriever", 0): _with_objects,
    ("CCARetrieverCV", 0): _as_it_is,
    ("ClassDisjointKFold", 0): _parameters_only,
    ("ClassDisjointShuffleSplit", 0): _parameters_only,
    ("ContrastiveRetriever", 0): _with_objects,
    ("DCCARetriever", 0): _with_objects,
    ("DSCMRRetriever", 0): _with_objects,
    ("FrozenEstimator", 0): _as_it_is,
    ("GeneralizedShuffleSplit", 0): _parameters_only,
    ("HOGTransformer", 0): _as_it_is,
    ("KCCARetriever", 0): _with_objects,
    ("LocalBinaryPatternTransformer", 0): _as_it_is,
    ("MSLNRetriever", 0): _with_objects,
    ("ModalityTransformer", 0): _as_it_is,
    ("MvDARetriever", 0): _as_it_is,
    ("PLSRetriever", 0): _with_objects,
    ("Pipeline", 0): _as_it_is,
    ("ProcrustesRetriever", 0): _as_it_is,
    ("RetrievalIndex", 0): _index,
    ("RidgeRetriever", 0): _as_it_is,
    ("SCMRetriever", 0): _as_it_is,
    ("SemanticAutoencoderRetriever", 0): _as_it_is,
    ("SemanticMatchingRetriever", 0): _as_it_is,
    ("ThreeViewCCARetriever", 0): _as_it_is,
    ("ViewsModel", 0): _as_it_is,
    ("ViewsRetriever", 0): _as_it_is,
    ("VotingRetriever", 0): _as_it_is,
}
