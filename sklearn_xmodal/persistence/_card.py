"""What a file says of its model, to be read without loading it."""

import math
import platform
from datetime import UTC, datetime
from importlib import metadata
from numbers import Integral, Real

import numpy as np

from sklearn_xmodal._version import __version__

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "skorch", "skops")
_SHAPES = ("n_image_features_", "n_text_features_", "n_features_in_", "n_components_")
# More of them are told by their number alone.
_MOST_CLASSES = 1000


def make_card(obj, card):
    """Return what is known of a model, and what its owner says of it, for JSON."""
    found = {
        "class": type(obj).__name__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
    }
    model = obj
    if hasattr(obj, "steps") and hasattr(obj, "get_params"):  # a Pipeline
        steps = [step for _, step in obj.steps]
        found["steps"] = [s if isinstance(s, str) else type(s).__name__ for s in steps]
        model = obj.steps[-1][1]
    sizes = {name.rstrip("_"): _fitted(model, name) for name in _SHAPES}
    found |= {name: int(n) for name, n in sizes.items() if n is not None}
    classes = _vars(model).get("classes_")
    if classes is not None:
        found["n_classes"] = len(classes)
        if len(classes) <= _MOST_CLASSES:
            found["classes"] = _plain(np.asarray(classes).tolist(), "classes_")
    own = {} if card is None else _plain(dict(card), "card")
    taken = sorted(set(found) & set(own))
    if taken:
        raise ValueError(
            "card must have other names than those that are filled in: "
            f"{', '.join(sorted(found))}. Got {', '.join(taken)}."
        )
    return found | own


def _fitted(model, name):
    try:
        return getattr(model, name, None)
    except Exception:  # properties of models that are not fitted raise what they like
        return None


def _vars(model):
    return getattr(model, "__dict__", {})  # "passthrough" has none


def _versions():
    versions: dict[str, str | None] = {
        "sklearn_xmodal": __version__,
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _plain(value, path):
    """Return a value in types of JSON."""
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(k): _plain(v, f"{path}[{k!r}]") for k, v in value.items()}
    raise TypeError(
        f"{path} must be of strings, numbers, None, lists and dicts with strings as "
        f"keys. Got {type(value).__name__}; convert it."
    )
