"""Objects of public classes: parameters, and a state of a version that the class says.

A class says what its files hold by ``_file_version`` (1 if there is none),
``_get_file_state()``, which returns a dict, and ``_set_file_state(state, version)``,
which raises a `ValueError` for entries that are unknown or missing. Without these, the
state is the attributes that ``_fitted`` names. An encoder says the same by ``kind``,
``version``, ``state()`` and ``from_state(state, version)``.
"""

import inspect
from importlib import import_module
from pathlib import PurePath

import numpy as np

from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.encoders._base import PARTS, Part
from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import forged
from sklearn_xmodal.persistence._errors import InvalidFileError
from sklearn_xmodal.persistence._migrations import migrated

#: Files may name the classes among the public names of these packages.
PACKAGES = (
    "sklearn_xmodal",
    "sklearn_xmodal.feature_extraction",
    "sklearn_xmodal.model_selection",
)
#: And these.
OTHERS = {"FrozenEstimator": "sklearn.frozen", "Pipeline": "sklearn.pipeline"}
_OPTIMIZERS = "torch.optim"
#: Parameters that may hold more than data -> of which types.
_SPECIAL = {"checkpoint_dir": PurePath, "optimizer": type, "advanced": type}


def _compat():
    """Return the names of scikit-learn, which encoders do without."""
    from sklearn_xmodal.utils import _sklearn_compat

    return _sklearn_compat


def find_class(name):
    """Return the public class of a name that files may use, or None."""
    if name in OTHERS:
        return getattr(import_module(OTHERS[name]), name)
    for package in map(import_module, PACKAGES):
        if name in package.__all__:
            found = getattr(package, name)
            return found if _is_storable(found) else None
    return None


def is_model(value):
    """Tell whether an object may be the one that a file is about."""
    return (isinstance(value, Encoder) and _is_part(value)) or _is_known(value)


def _is_storable(found):
    if not isinstance(found, type) or inspect.isabstract(found):
        return False
    return _has_parameters(found) or hasattr(found, "_set_file_state")


def _has_parameters(cls):
    """Tell estimators and splitters, which are made from their parameters."""
    return hasattr(cls, "get_params") or hasattr(cls, "split")


def _is_known(value):
    if isinstance(value, Part):
        return False
    cls = type(value)
    is_near = cls.__module__.partition(".")[0] in ("sklearn", "sklearn_xmodal")
    return is_near and find_class(cls.__name__) is cls


def _version_of(cls):
    return getattr(cls, "_file_version", 1)


def _encode_object(value, encoder, path):
    cls, parameters = type(value), _parameters(value)
    get_state, _ = _state_methods(cls)
    _check_storable(value, parameters, path)
    node = {
        "class": cls.__name__,
        "version": _version_of(cls),
        "parameters": encoder.encode_all(parameters, path),
        "state": encoder.encode_all(get_state(value), path),
    }
    name = _compat().OUTPUT_CONFIG
    if name in vars(value):
        node["output"] = encoder.encode(vars(value)[name], f"{path}.{name}")
    return node


def _parameters(value):
    cls = type(value)
    names = inspect.signature(cls).parameters if _has_parameters(cls) else ()
    return {name: getattr(value, name) for name in names}


def _check_storable(value, parameters, path):
    if parameters.get("memory") is not None:
        raise TypeError(
            f"{path}.memory must be None to be stored: a cache is a folder of pickles "
            "on this machine. Use set_params(memory=None) first."
        )
    name = _compat().METADATA_REQUEST
    if name in vars(value):
        raise TypeError(
            f"{path} must be stored without metadata requests (set_fit_request and the "
            f"like). Delete its attribute {name}, and set them after load."
        )


def _state_methods(cls):
    """Return a function from an object to its state, and one that sets it."""
    if hasattr(cls, "_get_file_state"):
        return cls._get_file_state, cls._set_file_state
    return _fitted, _set_fitted


def _fitted(value):
    names = {*_parameters(value), _compat().OUTPUT_CONFIG}
    state = {k: v for k, v in vars(value).items() if k not in names}
    others = [name for name in state if name not in _fitted_names(type(value))]
    if others:
        raise TypeError(
            f"{type(value).__name__} must hold nothing but parameters and the "
            f"attributes that its fit sets to be stored. Got {', '.join(others)} "
            "beside these; delete what is not of the model, or use pickle or joblib."
        )
    return state


def _set_fitted(value, state, version):
    for name in state:
        if name not in _fitted_names(type(value)):
            raise forged(f"{type(value).__name__}.{name}")
    _check_inert(state, f"an attribute of {type(value).__name__}", Part)
    vars(value).update(state)


def _fitted_names(cls):
    return getattr(cls, "_fitted", ())


def _check_parameters(cls, parameters):
    """Raise unless parameters are of the class, and lead nowhere by themselves."""
    name = cls.__name__
    known = inspect.signature(cls).parameters if _has_parameters(cls) else ()
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise forged(f"{name} with a parameter {unknown[0]!r}")
    if parameters.get("memory") is not None:  # would unpickle from there
        raise forged("a Pipeline with a cache")
    others = {k: v for k, v in parameters.items() if k not in _SPECIAL}
    _check_inert(others, f"a parameter of {name}")
    for parameter, allowed in _SPECIAL.items():
        if parameter in parameters:
            where = f"the parameter {parameter!r} of {name}"
            _check_inert(parameters[parameter], where, allowed)


def _check_inert(value, where, allowed=()):
    """Raise where a value is or holds a path, a class or a part of an encoder.

    Each has its few places, in which the code that uses it expects it.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
            waiting += value.ravel().tolist()
        elif isinstance(value, (PurePath, type, Part)) and not isinstance(
            value, allowed
        ):
            raise forged(f"a {type(value).__name__} as {where}")


def _decode_object(node, decoder):
    name = node["class"]
    cls = find_class(name)
    if cls is None:
        raise forged(f"an object of class {name!r}")
    version = node["version"]
    _check_version(version, _version_of(cls), name)  # before what it may not know
    # In the order of the encoder: the state may hold the very objects of parameters.
    parameters = decoder.decode_all(node["parameters"])
    state = decoder.decode_all(node["state"])
    return restored(cls, version, parameters, state, decoder.decode(node.get("output")))


def _check_version(version, known, name):
    if type(version) is not int or version < 1:
        raise forged(f"version {version!r} of a {name}")
    if version > known:
        raise InvalidFileError(
            f"The file must hold a {name} of version {known} at most. Got {version}: a "
            "newer sklearn_xmodal has written it. Update this one."
        )


def restored(cls, version, parameters, state, output=None):
    """Return an object of a public class from what was found in a file.

    Version 0 is of attributes from a file of format 1. Parameters that are missing have
    their defaults; `output` is what `set_output` had set.
    """
    name, current = cls.__name__, _version_of(cls)
    parameters, state = migrated(name, version, current, parameters, state)
    if version == 0:
        from sklearn_xmodal.utils._old_spellings import translated_parameters

        parameters = translated_parameters(cls, parameters)
    _check_parameters(cls, parameters)
    value = cls(**parameters) if _has_parameters(cls) else cls.__new__(cls)
    if output is not None:
        if list(output) != ["transform"] or type(output["transform"]) is not str:
            raise forged(f"{name} with the output {output!r}")
        vars(value)[_compat().OUTPUT_CONFIG] = output
    # Paths are parameters, and nothing that fit sets.
    _check_inert(state, f"an attribute of {name}", (Part, type))
    _, set_state = _state_methods(cls)
    set_state(value, state, current)
    return value


def _is_part(value):
    return isinstance(value, Part) and PARTS.get(value.kind) is type(value)


def _encode_part(value, encoder, path):
    state = encoder.encode_all(value.state(), path)
    return {"kind": value.kind, "version": value.version, "state": state}


def _decode_part(node, decoder):
    kind, version = node["kind"], node["version"]
    if kind not in PARTS:
        raise forged(f"an encoder of kind {kind!r}")
    cls = PARTS[kind]
    _check_version(version, cls.version, f"{kind!r} encoder")
    return cls.from_state(decoder.decode_all(node["state"]), version)


def _is_optimizer(value):
    return isinstance(value, type) and value.__module__.startswith(f"{_OPTIMIZERS}.")


def _encode_optimizer(value, encoder, path):
    if _find_optimizer(value.__name__) is not value:
        raise TypeError(
            f"{path} must be a class of {_OPTIMIZERS} to be stored. Got "
            f"{value.__qualname__}."
        )
    return {"name": value.__name__}


def _decode_optimizer(node, decoder):
    found = _find_optimizer(node["name"])
    if found is None:
        raise forged(f"an optimiser {node['name']!r}")
    return found


def _find_optimizer(name):
    """Return an optimiser of torch by the name of its class, or None."""
    optimizers = import_module(_OPTIMIZERS)
    found = vars(optimizers).get(name)
    is_one = isinstance(found, type) and issubclass(found, optimizers.Optimizer)
    return found if is_one else None


KINDS = {
    "object": Kind(_is_known, _encode_object, _decode_object, is_shared=True),
    "encoder": Kind(_is_part, _encode_part, _decode_part, is_shared=True),
    "optimizer": Kind(_is_optimizer, _encode_optimizer, _decode_optimizer),
}
