"""TRANSITIONAL: private attributes of retrievers, until each says its state.

To be deleted once all retrievers have ``_get_file_state`` and ``_set_file_state``, and
with it two lines of `_objects`, one of `_files`, and `_with_objects` of `_migrations`.
"""

from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import forged

_CLOSED_FORM = ("FourierMap", "KernelMap", "Mean", "PairMoments")
_NEURAL = ("Familiarity", "KernelVariates", "LinearVariates", "Representation")
_ADAPTED = ("History", "MSLNNet", "NeighbourNet")
PARTS = (*_CLOSED_FORM, *_NEURAL, *_ADAPTED)


def is_meant(cls):
    """Tell whether private attributes of a class go along."""
    return hasattr(cls, "transform_image")


def get_state(value):
    """Return all attributes but parameters."""
    left_out = {*value.get_params(deep=False), "_sklearn_output_config"}
    return {k: v for k, v in vars(value).items() if k not in left_out}


def set_state(value, state, version):
    """Set them, and let the estimator take them up."""
    _set_all(value, state)
    if hasattr(value, "_after_load"):
        value._after_load()


def _set_all(value, attributes):
    for name in attributes:
        if not name.isidentifier() or hasattr(type(value), name):
            raise forged(f"{type(value).__name__}.{name}")
    vars(value).update(attributes)


def _class_of(name):
    if name in _CLOSED_FORM:
        from sklearn_xmodal.cross_decomposition import _kernel_maps, _kernels, _moments

        modules = _kernel_maps, _kernels, _moments
    else:
        from sklearn_xmodal.deep import _familiarity, _representation, _variates

        modules = _familiarity, _representation, _variates
    return next(found for m in modules if (found := vars(m).get(name)) is not None)


def _adapter(name):
    from sklearn_xmodal.deep._state import ADAPTERS

    return ADAPTERS[name]


def _is_part(value):
    module = type(value).__module__
    return type(value).__name__ in PARTS and (
        module.startswith("sklearn_xmodal.") or module == "skorch.history"
    )


def _encode_part(value, encoder, path):
    name = type(value).__name__
    if name in _ADAPTED:
        state = _adapter(name)[0](value)
    else:
        state = value._asdict() if isinstance(value, tuple) else vars(value)
    return {"class": name, "state": encoder.encode_all(state, path)}


def _decode_part(node, decoder):
    if node["class"] not in PARTS:
        raise forged(f"a part of class {node['class']!r}")
    return make(node["class"], decoder.decode_all(node["state"]))


def make(name, state):
    """Return an object of one of the PARTS."""
    if name in _ADAPTED:
        return _adapter(name)[1](state)
    cls = _class_of(name)
    if issubclass(cls, tuple):
        return cls(**state)
    value = cls.__new__(cls)
    _set_all(value, state)
    return value


KINDS = {"part": Kind(_is_part, _encode_part, _decode_part, is_shared=True)}
