"""Changed files with right checksums, for the fuzzer."""

import copy
import hashlib
import io
import json
import os
import shutil
import zipfile

import numpy as np

from sklearn_xmodal.persistence import _container
from sklearn_xmodal.persistence._objects import PACKAGES, find_class

_NUMBERS = [-1, 0, 1, 2, 7, 2**31, 2**63, 10**30, -(2**63), 0.5, -1.5, 1e308, 1e-320]
_TEXTS = ["", "x", "/tmp", "memory", "cpu", "meta", "fit", "os.system", "\ud800", "é"]
_NODES = [
    {"type": "path", "path": "/tmp/evil"},
    {"type": "optimizer", "name": "Adam"},
    {"type": "optimizer", "name": "LBFGS"},
    {"type": "float", "hex": "000000000000f07f"},
    {"type": "float", "hex": "000000000000f8ff"},
    {"type": "float", "hex": "00"},
    {"type": "scalar", "dtype": "<i8", "hex": "ff" * 8},
    {"type": "scalar", "str": "x"},
    {"type": "tuple", "items": []},
    {"type": "tuple", "items": [[], {}, None]},
    {"type": "dict", "items": []},
    {"type": "dict", "items": [["memory", "/tmp/evil"], [1, 2]]},
    {"type": "same", "as": 0},
    {"type": "same", "as": 1},
    {"type": "objects", "shape": [0, 10**6], "items": []},
    {"type": "pickle"},
    {"type": "encoder", "kind": "chain", "version": 1, "state": {}},
]
_PARAMETERS = {
    "memory": "/tmp/evil",
    "verbose": 10**9,
    "steps": [],
    "n_jobs": -1,
    "callbacks": [{"type": "path", "path": "/tmp/evil"}],
    "checkpoint_dir": {"type": "path", "path": "/tmp/evil"},
    "compile": True,
    "transform": {"type": "optimizer", "name": "SGD"},
    "_sklearn_output_config": {"type": "dict", "items": [["transform", "pandas"]]},
}
_CLASSES = ["Pipeline", "FrozenEstimator", "Popen", "os.system"]
_CLASSES += sorted(
    name
    for package in PACKAGES
    for name in __import__(package, fromlist=["x"]).__all__
    if find_class(name) is not None
)
_DTYPES = sorted(_container.DTYPES)


def pick(rng, values):
    """Return one of some values."""
    return values[int(rng.integers(len(values)))]


def mutate(original, path, rng):
    """Write a mutant of a golden file or folder, and return what was done."""
    if original.is_dir():
        return _mutate_folder(original, path, rng)
    with original.open("rb") as file:
        header = _container.read_header(file)
        tensors = _container.read_tensors(file, header)
    document, tensors = header.document, dict(tensors)
    how = []
    for _ in range(int(rng.integers(1, 4))):
        change = pick(rng, [_document, _document, _document, _tensors, _blobs])
        how.append(change(document, tensors, rng))
    _write(path, document, tensors, header.version)
    if rng.random() < 0.1:
        how.append(_header(path, rng))
    return ", ".join(how)


def _write(path, document, tensors, version):
    current = _container.FORMAT_VERSION
    _container.FORMAT_VERSION = version
    try:
        with path.open("wb") as file:
            _container.write(file, document, tensors)
    finally:
        _container.FORMAT_VERSION = current


def places(node, place=()):
    """Yield where values of JSON are, outer ones first."""
    yield place
    items = enumerate(node) if isinstance(node, list) else ()
    for key, value in node.items() if isinstance(node, dict) else items:
        yield from places(value, (*place, key))


def at(node, place):
    """Return the value in a place."""
    for key in place:
        node = node[key]
    return node


def _document(document, tensors, rng):
    return "document: " + mutate_json(document["object"], rng, tensors)


def mutate_json(root, rng, tensors=()):
    """Change a value of JSON in place, and return how."""
    found = [place for place in places(root) if place]
    if not found:
        return "nothing"
    place = pick(rng, found)
    parent, key = at(root, place[:-1]), place[-1]
    how = pick(rng, ["value", "other", "swap", "drop", "add", "nest", "laugh", "class"])
    if how == "value":
        parent[key] = copy.deepcopy(
            pick(rng, [*_NUMBERS, *_TEXTS, None, True, *_NODES])
        )
    elif how == "other":
        parent[key] = copy.deepcopy(at(root, pick(rng, found)))
    elif how == "swap":
        place = pick(rng, found)
        other = at(root, place[:-1])
        parent[key], other[place[-1]] = (
            copy.deepcopy(other[place[-1]]),
            copy.deepcopy(parent[key]),
        )
    elif how == "drop":
        del parent[key]
    elif how == "add":
        _add(parent, key, rng)
    elif how == "nest":
        _nest(parent, key, rng)
    elif how == "laugh":
        parent[key] = _laughs(int(rng.integers(5, 40)), rng)
    else:
        _rename(root, rng)
    return how


def _add(parent, key, rng):
    name = pick(rng, sorted(_PARAMETERS))
    value = copy.deepcopy(_PARAMETERS[name])
    inner = parent[key]
    if isinstance(inner, dict):
        inner[name] = value
    elif isinstance(inner, list):
        inner += [copy.deepcopy(value) for _ in range(int(rng.integers(1, 200)))]
    elif isinstance(parent, dict):
        parent[name] = value


def _nest(parent, key, rng):
    for _ in range(int(rng.integers(1, 400))):
        inner = parent[key]
        kind = rng.integers(3)
        if kind == 0:
            parent[key] = [inner]
        elif kind == 1:
            parent[key] = {"type": "tuple", "items": [inner]}
        else:
            parent[key] = {
                "type": "dict",
                "items": [[inner, inner]][: len(str(inner)) < 99],
            }


def _laughs(n_levels, rng):
    """Return encoders or tuples of two references to those before, and so on."""
    names = {"version": 1, "type": "encoder", "kind": "chain"}
    node = {"type": "tuple", "items": [-1] * int(rng.integers(1, 9))}
    for number in range(n_levels):
        same = {"type": "same", "as": 10**6 + number}
        if rng.random() < 0.7:
            state = {"steps": [node, same], "feature_names_in_": None}
            node = {**names, "number": 10**6 + number + 1, "state": state}
        else:
            node = {
                "type": "tuple",
                "items": [node, same],
                "number": 10**6 + number + 1,
            }
    return node


def _rename(root, rng):
    nodes = [at(root, p) for p in places(root) if isinstance(at(root, p), dict)]
    named = [node for node in nodes if "class" in node]
    if named:
        pick(rng, named)["class"] = pick(rng, _CLASSES)


def _tensors(document, tensors, rng):
    if not tensors:
        return "no tensor"
    name = pick(rng, sorted(tensors))
    array = tensors[name]
    how = pick(rng, ["noise", "values", "type", "shape", "cut", "empty", "other"])
    if how == "noise":
        data = bytearray(array.tobytes())
        for _ in range(min(4, len(data))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        array = np.frombuffer(bytes(data), array.dtype).reshape(array.shape)
        array = array if array.dtype != bool else array.view(np.uint8) > 0
    elif how == "values" and array.size:
        array = array.copy()
        extremes = [np.nan, np.inf, 1e30] if array.dtype.kind == "f" else [0, 1]
        if array.dtype.kind in "iu":
            info = np.iinfo(array.dtype)
            extremes = [info.min, info.max, 0]
        array.flat[int(rng.integers(array.size))] = pick(rng, extremes)
    elif how == "type":
        with np.errstate(all="ignore"):
            array = array.astype(pick(rng, _DTYPES))
    elif how == "shape":
        array = array.reshape(pick(rng, [(-1,), (-1, 1), (1, -1), (1, 1, -1)]))
    elif how == "cut":
        array = array[: len(array) // 2] if array.ndim else array.reshape(1)
    elif how == "empty":
        array = np.empty(
            pick(rng, [(0,), (10**6, 0), (0, 10**9), (10**9, 0)]), array.dtype
        )
    else:
        array = tensors[pick(rng, sorted(tensors))]
    tensors[name] = np.ascontiguousarray(array)
    return f"tensor {how}"


def _blobs(document, tensors, rng):
    """Change an archive of skops, or a long list."""
    found = []
    for name, array in sorted(tensors.items()):
        start = bytes(array.reshape(-1)[:2].view(np.uint8)[:2]) if array.size else b""
        if start == b"PK" or (array.dtype == np.uint8 and start[:1] in (b"[", b"{")):
            found.append(name)
    if not found:
        return _document(document, tensors, rng)
    name = pick(rng, found)
    data = tensors[name].tobytes()
    change = _changed_archive if data[:2] == b"PK" else _changed_text
    try:
        data, how = change(data, rng)
    except (ValueError, KeyError, zipfile.BadZipFile):  # it was changed before
        return "broken already"
    tensors[name] = np.frombuffer(data, np.uint8)
    return how


def _changed_text(data, rng):
    value = [json.loads(data)]
    how = mutate_json(value, rng)
    return json.dumps(value[0] if value else None).encode(), f"list {how}"


def _changed_archive(data, rng):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if rng.random() < 0.8:
        schema = json.loads(parts["schema.json"])
        how = _mutate_schema(schema, rng)
        parts["schema.json"] = json.dumps(schema).encode()
    else:
        name, how = pick(rng, sorted(parts)), "bytes"
        noise = bytearray(parts[name] or b"x")
        noise[int(rng.integers(len(noise)))] ^= 1 << int(rng.integers(8))
        parts[name] = bytes(noise)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue(), f"archive {how}"


def _json_node(value):
    content = {"content": json.dumps(value), "is_json": True}
    name = {"__class__": "str", "__module__": "builtins"}
    return {**name, "__loader__": "JsonNode", **content}


def _node(loader, module, name, **more):
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def _mutate_schema(schema, rng):
    """Set, drop or replace an attribute as a stranger would."""
    nodes = [at(schema, p) for p in places(schema)]
    objects = [
        node["content"]["content"]
        for node in nodes
        if isinstance(node, dict) and node.get("__loader__") == "ObjectNode"
        if isinstance(node.get("content"), dict)
        if isinstance(node["content"].get("content"), dict)
    ]
    hostile = [
        _json_node("/tmp/evil"),
        _json_node(-1),
        _json_node(2**31),
        _json_node(None),
        _node("FunctionNode", "numpy", "add"),
        _node("FunctionNode", "os", "system"),
        _node("TypeNode", "builtins", "list"),
        _node("ObjectNode", "sklearn.preprocessing._data", "StandardScaler"),
        _node("ObjectNode", "subprocess", "Popen"),
        _node("MethodNode", "os", "system"),
    ]
    if not objects or rng.random() < 0.3:
        return "schema " + mutate_json(schema, rng)
    attributes, node = pick(rng, objects), copy.deepcopy(pick(rng, hostile))
    names = [*attributes, "memory", "fit", "transform", "get_params", "_n_threads"]
    attributes[pick(rng, names)] = node
    return "attribute"


def _header(path, rng):
    """Change the header itself: types, shapes and places of tensors."""
    data = path.read_bytes()
    stop = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:stop])
    metadata = header.pop("__metadata__")
    how = mutate_json(header, rng) if header else "nothing"
    body = json.dumps(header).encode()[1:]
    start = json.dumps({"__metadata__": metadata}, separators=(",", ":"))
    text = start.encode()[:-1] + (b"," if header else b"") + body
    digest = _container._header_checksum(text).encode()
    text = text.replace(metadata["sha256"].encode(), digest, 1)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[stop:])
    return f"header {how}"


def _mutate_folder(original, path, rng):
    shutil.copytree(original, path)
    document = json.loads((path / "index.json").read_text())
    how = pick(rng, ["json", "json", "json", "npy", "npy", "link", "model", "file"])
    arrays = document["content"]["arrays"]
    if how == "json":
        how = mutate_json(document["content"], rng)
    elif how == "npy":
        entry = arrays[pick(rng, sorted(arrays))]
        _change_npy(path / entry["name"], entry, rng)
    elif how == "model" and document["content"]["retriever"]:
        inner = path / document["content"]["retriever"]
        whole = inner.rename(path / "whole")
        how = mutate(whole, inner, rng)
    else:
        _replace_file(pick(rng, sorted(path.iterdir())), rng)
        if not os.path.lexists(path / "index.json"):  # that is no index
            shutil.copy(original / "index.json", path)
            return "folder as it was"
    text = json.dumps(document["content"], sort_keys=True, separators=(",", ":"))
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    place = path / "index.json"
    if place.is_file():
        place.write_text(json.dumps(document))
    return f"folder {how}"


def _change_npy(path, entry, rng):
    array = np.load(path)
    shape = pick(
        rng, [(-1, 4), (-(10**9), -(10**9)), (10**12, 8), (0, 10**9), None, ()]
    )
    dtype = pick(rng, [entry["dtype"], entry["dtype"], "|O", "<f8", "|V2147483647"])
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": bool(rng.integers(2))}
    header["shape"] = array.shape if shape is None else shape
    np.lib.format.write_array_header_1_0(buffer, header)
    data = buffer.getvalue()
    if rng.random() < 0.2:
        noise = bytearray(data)
        noise[int(rng.integers(len(noise)))] = int(rng.integers(256))
        data = bytes(noise)
    data += array.tobytes()
    path.write_bytes(data)
    if rng.random() < 0.1:
        os.truncate(path, 10**11)  # a hole
        return
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    entry["dtype"], entry["shape"] = dtype, list(header["shape"])


def _replace_file(path, rng):
    path.unlink()
    how = pick(rng, ["link", "none", "folder", "pipe", "null"])
    if how == "link":
        path.symlink_to(path)
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "null":
        path.symlink_to(os.devnull)
