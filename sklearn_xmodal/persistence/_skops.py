"""Objects of scikit-learn, by skops: as bytes that hold no pickle.

skops refuses classes and functions outside its own list of safe ones before it
imports or makes anything. The checks here come first: they bound what it unpacks, and
leave out those parts of its format that run more than assignments or that hold
indices which compiled code follows unchecked. What its objects hold, `_attributes`
looks at.
"""

import io
import json
import zipfile
from math import prod

import numpy as np

from sklearn_xmodal.persistence._attributes import (
    RefusedError,
    check_attributes,
    check_values,
    without_keys,
)
from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import forged

_LOADERS = {
    "DTypeNode",
    "DictNode",
    "FunctionNode",
    "JsonNode",
    "ListNode",
    "NdArrayNode",
    "ObjectNode",
    "RandomStateNode",
    "SetNode",
    "SliceNode",
    "TupleNode",
    "TypeNode",
}
#: Beside those of skops: plain attributes, no code of their own when made.
TRUSTED = [
    "numpy.dtype",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.GroupShuffleSplit",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.LeaveOneOut",
    "sklearn.model_selection._split.LeavePGroupsOut",
    "sklearn.model_selection._split.LeavePOut",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.RepeatedKFold",
    "sklearn.model_selection._split.RepeatedStratifiedKFold",
    "sklearn.model_selection._split.ShuffleSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.model_selection._split.TimeSeriesSplit",
    "sklearn.multiclass._ConstantPredictor",
]


# As of other arrays: objects that share one may be written with a copy each.
_MOST_REPEATS = 16


def _is_of_sklearn(value):
    if not type(value).__module__.startswith("sklearn."):
        return False
    from sklearn.base import BaseEstimator  # encoders need no scikit-learn

    return isinstance(value, BaseEstimator) or hasattr(value, "split")  # splitters


def _encode(value, encoder, path):
    if _is_search(value):
        raise TypeError(
            f"{path} must be a model to be stored, not the search for one. Got a "
            f"{type(value).__name__}: save its best_estimator_."
        )
    skops_io = _skops_io()
    try:
        data = skops_io.dumps(value)
        schema = _checked_schema(data)
        untrusted = set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED)
        if untrusted:
            raise RefusedError(f"{', '.join(sorted(untrusted))}, unsafe says skops")
        check_attributes(schema)
    except (RefusedError, TypeError) as error:
        raise TypeError(
            f"{path} must be a scikit-learn object that can be stored without pickle. "
            f"Got a {type(value).__name__} with {error}. Take another one, or use "
            "pickle or joblib."
        ) from error
    return {"tensor": encoder.add_tensor(np.frombuffer(data, np.uint8), path)}


def _decode(node, decoder):
    data = decoder.take_tensor(node["tensor"]).tobytes()
    try:
        schema = _checked_schema(data)
        value = _skops_io().loads(data, trusted=TRUSTED)
        check_attributes(schema)
        check_values(value)
    except (RefusedError, TypeError, zipfile.BadZipFile) as error:
        raise forged(f"an object of scikit-learn with {error}") from error
    if not _is_of_sklearn(value) or _is_search(value):
        raise forged(f"a {type(value).__name__} in the place of a model")
    return value


def _is_search(value):
    return hasattr(value, "estimator") and hasattr(value, "refit")


def _skops_io():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Objects of scikit-learn are stored by skops. Install it: pip install "
            '"sklearn-xmodal[persistence]"'
        ) from error
    return skops.io


def _checked_schema(data):
    """Return the schema of an archive that is no larger than it looks, and plain."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise RefusedError("compressed parts")
        if sum(entry.file_size for entry in entries) > len(data):
            raise RefusedError("parts that overlap")
        for entry in entries:
            if entry.filename.endswith(".npy"):
                _check_array(archive, entry)
            elif entry.filename != "schema.json":
                raise RefusedError(
                    f"a part {entry.filename!r}, such as a sparse matrix"
                )
        sizes = {entry.filename: entry.file_size for entry in entries}
        schema = json.loads(archive.read("schema.json"))
    _check_schema(schema, sizes)
    return schema


def _check_array(archive, entry):
    """Raise unless an array fills its part: numpy allocates what the header says."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise RefusedError(f"an array in the format {version}")
        shape, _, dtype = read(file)
        if dtype.hasobject or file.tell() + prod(shape) * dtype.itemsize != (
            entry.file_size
        ):
            raise RefusedError("an array that is larger than its part")


def _check_schema(schema, sizes):
    """Raise unless nodes are of known kinds, and as many as they look.

    skops takes nodes of one "__id__" for one object. It writes each in full, dtypes
    with an array in a file of its own each time; a stranger could write references
    alone, and references to them, without end.
    """
    seen: dict = {}
    n_bytes, waiting = 0, [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            loader, number = value.get("__loader__", "DictNode"), value.get("__id__")
            if loader not in _LOADERS:
                names = value.get("__module__"), value.get("__class__")
                raise RefusedError(f"{'.'.join(map(str, names))} ({loader})")
            if number and number in seen:
                is_dtype = loader == seen[number].get("__loader__") == "DTypeNode"
                if not is_dtype and seen[number] != value:
                    raise RefusedError("two objects of one number")
            else:
                seen[number] = value
                n_bytes += sizes.get(value.get("file"), 0)
            waiting += without_keys(value).values()
    if n_bytes > _MOST_REPEATS * sum(sizes.values()):
        raise RefusedError("references to the same arrays time and again")


KINDS = {"scikit-learn": Kind(_is_of_sklearn, _encode, _decode, is_shared=True)}
