"""Reading of format 1: attributes of objects as they were, and indexes in folders.

A model was one file in the container of today, where private objects of the package
were nodes like any other; each becomes an `OldObject`, for `_migrations`. An index was
a folder: ``index.json`` named arrays (``.npy``) and the file of a retriever beside it.
"""

import hashlib
import json
import os
import re

import numpy as np

from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import (
    damaged,
    forged,
    n_values,
    open_file,
)
from sklearn_xmodal.persistence._errors import InvalidFileError
from sklearn_xmodal.persistence._migrations import OldObject
from sklearn_xmodal.persistence._objects import find_class, restored

DOCUMENT = "index.json"
_FORMAT = "sklearn_xmodal.RetrievalIndex"
_NAMES = re.compile(r"[a-z_]+-[0-9a-f]{16}(\.[\w.-]+)?")
_READ_BYTES = 2**20
_OLD_OBJECTS = {
    "Familiarity",
    "FourierMap",
    "KernelMap",
    "KernelVariates",
    "LinearVariates",
    "Mean",
    "PairMoments",
    "Representation",
}
_ADAPTED = {"History", "MSLNNet", "NeighbourNet"}
_OUTPUT = "_sklearn_output_config"


def _decode_object(node, decoder):
    name = node["class"]
    if name in _OLD_OBJECTS:
        return OldObject(name=name, state=decoder.decode_all(node["attributes"]))
    cls = find_class(name)
    if cls is None:
        raise forged(f"an object of class {name!r}")
    parameters = decoder.decode_all(node.get("parameters", {}))
    attributes = decoder.decode_all(node["attributes"])
    return restored(cls, 0, parameters, attributes, attributes.pop(_OUTPUT, None))


def _decode_adapted(node, decoder):
    if node["class"] not in _ADAPTED:
        raise forged(f"an object of class {node['class']!r}")
    return OldObject(name=node["class"], state=decoder.decode_all(node["state"]))


#: In the place of those of today.
KINDS = {
    "object": Kind(None, None, _decode_object, is_shared=True),
    "adapted": Kind(None, None, _decode_adapted, is_shared=True),
}


def read_folder(path, *, mmap_mode, verify, read_model):
    """Return the index in a folder; `read_model` reads the file of its retriever."""
    content = _read_document(path)
    state = {k: v for k, v in content.items() if k != "arrays"}
    state["arrays"] = {
        stem: _read_array(path, entry, mmap_mode if stem == "vectors" else None, verify)
        for stem, entry in content["arrays"].items()
    }
    for name in ("ids", "labels", "payload"):
        state[name] = None if state[name] is None else _decoded(state[name])
    if state["retriever"] is not None:
        try:
            retriever = read_model(path / _checked_name(state["retriever"]))
        except FileNotFoundError as error:
            raise damaged(f"a file is missing, {error}") from None
        state["retriever"] = retriever
    return restored(find_class("RetrievalIndex"), 0, {}, state)


def _read_document(folder):
    path = folder / DOCUMENT
    if not path.exists() and not path.is_symlink():
        raise FileNotFoundError(
            "path must be that of a file that save has written, or of the folder of an "
            f"index from an earlier version. Got {str(folder)!r}, a folder that holds "
            f"no {DOCUMENT}."
        )
    with open_file(path) as file:
        text = file.read()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(f"{path} is no JSON, {error}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InvalidFileError(
            f"{path} must be of the format {_FORMAT!r}. It is not: use the folder of "
            "an index."
        )
    if document.get("version") != 1:
        raise forged(f"{path} of version {document.get('version')!r}")
    content = document.get("content")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not isinstance(content, dict) or document.get("sha256") != digest:
        raise damaged(f"the checksum of {path} does not match")
    return content


def _read_array(folder, entry, mmap_mode, verify):
    """Open an array of a folder; nothing in it can be code."""
    path = folder / _checked_name(entry["name"])
    try:
        file = open_file(path)
    except FileNotFoundError:
        raise damaged(f"{path} is missing") from None
    with file:
        if verify and _sha256(file) != entry["sha256"]:
            raise damaged(f"the checksum of {path} does not match")
        try:
            dtype, shape, order = _read_array_header(file)
        except Exception as error:  # that parser has many
            raise damaged(f"{path} is no array, {error}") from None
        if dtype.str != entry["dtype"] or list(shape) != entry["shape"]:
            raise forged(
                f"{path} with {dtype.str} of shape {shape}, where {DOCUMENT} tells of "
                f"{entry['dtype']} of shape {tuple(entry['shape'])}"
            )
        if mmap_mode:
            return np.memmap(file, dtype, "r", file.tell(), shape, order)
        return np.fromfile(file, dtype).reshape(shape, order=order)


def _read_array_header(file):
    """Return type, shape and order of an array which fills the rest of a file.

    Unlike `numpy.load`, this opens neither archives nor pickles, and nothing is
    allocated or mapped for what the header says before it holds.
    """
    file.seek(0)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"format {version}")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("it has objects")
    n_bytes = n_values(shape) * dtype.itemsize
    n_left = os.fstat(file.fileno()).st_size - file.tell()
    if not 0 < n_bytes == n_left:
        raise ValueError(f"{n_left} bytes for {shape} of {dtype}")
    return dtype, shape, "F" if is_fortran else "C"


def _checked_name(name):
    """Return a name in a folder, which leads to nowhere else."""
    if not isinstance(name, str) or not _NAMES.fullmatch(name):
        raise forged(f"{DOCUMENT} that names a file {name!r}")
    return name


def _sha256(file):
    digest = hashlib.sha256()
    while data := file.read(_READ_BYTES):
        digest.update(data)
    return digest.hexdigest()


def _decoded(node):
    """Return a value from JSON, where tuples and dicts had a name."""
    if isinstance(node, list):
        return [_decoded(item) for item in node]
    if not isinstance(node, dict):
        return node
    ((kind, inner),) = node.items()
    if kind == "tuple":
        return tuple(_decoded(item) for item in inner)
    return {key: _decoded(item) for key, item in inner.items()}
