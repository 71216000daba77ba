"""Objects of scikit-learn, by skops: as bytes that hold no pickle.

skops refuses classes and functions outside its own list of safe ones before it
imports or makes anything. The checks here come first: they bound what it unpacks, and
leave out those parts of its format that run more than assignments or that hold
indices which compiled code follows unchecked.
"""

import io
import json
import zipfile
from math import prod

import numpy as np

from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import forged

_LOADERS = {
    "DTypeNode",
    "DefaultDictNode",
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


class _RefusedError(Exception):
    """What a scikit-learn object holds that files do not."""


def _is_of_sklearn(value):
    if not type(value).__module__.startswith("sklearn."):
        return False
    from sklearn.base import BaseEstimator  # encoders need no scikit-learn

    return isinstance(value, BaseEstimator) or hasattr(value, "split")  # splitters


def _encode(value, encoder, path):
    if hasattr(value, "estimator") and hasattr(value, "refit"):
        raise TypeError(
            f"{path} must be a model to be stored, not the search for one. Got a "
            f"{type(value).__name__}: save its best_estimator_."
        )
    skops_io = _skops_io()
    try:
        data = skops_io.dumps(value)
        _check_archive(data)
        _check_caches(value)
        untrusted = set(skops_io.get_untrusted_types(data=data)) - set(TRUSTED)
        if untrusted:
            raise _RefusedError(f"{', '.join(sorted(untrusted))}, unsafe says skops")
    except (_RefusedError, TypeError) as error:
        raise TypeError(
            f"{path} must be a scikit-learn object that can be stored without pickle. "
            f"Got a {type(value).__name__} with {error}. Take another one, or use "
            "pickle or joblib."
        ) from error
    return {"tensor": encoder.add_tensor(np.frombuffer(data, np.uint8), path)}


def _decode(node, decoder):
    data = decoder.take_tensor(node["tensor"]).tobytes()
    try:
        _check_archive(data)
        value = _skops_io().loads(data, trusted=TRUSTED)
        _check_caches(value)
    except (_RefusedError, TypeError, zipfile.BadZipFile) as error:
        raise forged(f"an object of scikit-learn with {error}") from error
    return value


def _check_caches(value):
    """Raise if a Pipeline inside has a cache, which is a folder of pickles."""
    parameters = value.get_params() if hasattr(value, "get_params") else {}
    for name, parameter in parameters.items():
        if name.split("__")[-1] == "memory" and parameter is not None:
            raise _RefusedError(f"the cache {name}={parameter!r}; set it to None")


def _skops_io():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Objects of scikit-learn are stored by skops. Install it: pip install "
            '"sklearn-xmodal[persistence]"'
        ) from error
    return skops.io


def _check_archive(data):
    """Raise unless the archive is no larger than it looks, and plain."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _RefusedError("compressed parts")
        if sum(entry.file_size for entry in entries) > len(data):
            raise _RefusedError("parts that overlap")
        for entry in entries:
            if entry.filename.endswith(".npy"):
                _check_array(archive, entry)
            elif entry.filename != "schema.json":
                raise _RefusedError(
                    f"a part {entry.filename!r}, such as a sparse matrix"
                )
        sizes = {entry.filename: entry.file_size for entry in entries}
        _check_schema(json.loads(archive.read("schema.json")), sizes)


def _check_array(archive, entry):
    """Raise unless an array fills its part: numpy allocates what the header says."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise _RefusedError(f"an array in the format {version}")
        shape, _, dtype = read(file)
        if dtype.hasobject or file.tell() + prod(shape) * dtype.itemsize != (
            entry.file_size
        ):
            raise _RefusedError("an array that is larger than its part")


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
                raise _RefusedError(f"{'.'.join(map(str, names))} ({loader})")
            if number and number in seen:
                if loader != "DTypeNode" and seen[number] != value:
                    raise _RefusedError("two objects of one number")
            else:
                seen[number] = value
                n_bytes += sizes.get(value.get("file"), 0)
            waiting += value.values()
    if n_bytes > _MOST_REPEATS * sum(sizes.values()):
        raise _RefusedError("references to the same arrays time and again")


KINDS = {"scikit-learn": Kind(_is_of_sklearn, _encode, _decode, is_shared=True)}
