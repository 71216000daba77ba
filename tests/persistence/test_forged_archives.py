"""Archives of skops in files made by others do no harm."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import ModalityTransformer, load, save
from sklearn_xmodal.persistence import InvalidFileError


def _archive(parts, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _schema(**node):
    return json.dumps({"protocol": 2, "_skops_version": "0.16.0", **node})


def _npy(shape, dtype="<f8"):
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _function(module, name):
    return _schema(
        __class__=name, __module__=module, __loader__="FunctionNode", content={}
    )


def _call(module, name):
    item = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    args = {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": [{**item, "content": '"touch executed"', "is_json": True}],
    }
    return _schema(
        __class__=name,
        __module__=module,
        __loader__="ConstructorFromReduceNode",
        content=args,
    )


def _laughs(n_levels):
    """Return a list of two references to a list of two references and so on."""
    kind = {
        "__class__": "list",
        "__module__": "builtins",
        "__loader__": "ListNode",
    }
    node = {**kind, "content": [], "__id__": 1}
    for number in range(2, n_levels):
        reference = {**kind, "content": [], "__id__": number - 1}
        node = {**kind, "content": [node, reference], "__id__": number}
    return _schema(**node)


def _repeated(n_times):
    array = {
        "__class__": "ndarray",
        "__module__": "numpy",
        "__loader__": "NdArrayNode",
        "type": "numpy",
        "file": "1.npy",
    }
    return _schema(
        __class__="list",
        __module__="builtins",
        __loader__="ListNode",
        content=[array] * n_times,
    )


ARCHIVES = {
    "references without end": (
        _archive({"schema.json": _laughs(60)}),
        "two objects of one number",
    ),
    "one array many times": (
        _archive(
            {"schema.json": _repeated(99), "1.npy": _npy((2**17,)) + bytes(2**20)}
        ),
        "the same arrays time and again",
    ),
    "no archive": (b"x" * 99, "zip"),
    "no schema": (_archive({}), "do not fit"),
    "schema of no JSON": (_archive({"schema.json": "{"}), "do not fit"),
    "deep schema": (_archive({"schema.json": "[" * 10**6}), "do not fit"),
    "bomb": (
        _archive({"schema.json": " " * 10**8}, zipfile.ZIP_DEFLATED),
        "compressed parts",
    ),
    "huge array": (
        _archive({"schema.json": "{}", "1.npy": _npy((10**13,))}),
        "an array that is larger than its part",
    ),
    "objects": (
        _archive({"schema.json": "{}", "1.npy": _npy((0,), "|O")}),
        "an array that is larger than its part",
    ),
    "sparse": (
        _archive({"schema.json": "{}", "1.npz": b""}),
        "such as a sparse matrix",
    ),
    "function": (_archive({"schema.json": _function("os", "system")}), "os.system"),
    "module": (
        _archive({"schema.json": _function("evil_module", "f")}),
        "evil_module.f",
    ),
    "call": (_archive({"schema.json": _call("os", "system")}), "os.system"),
    "method": (
        _archive(
            {
                "schema.json": _schema(
                    __class__="x", __module__="os", __loader__="MethodNode"
                )
            }
        ),
        "os.x",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_forged_objects_of_scikit_learn_are_refused(name, path, rewrite, monkeypatch):
    monkeypatch.chdir(path.parent)
    pytest.importorskip("skops")
    (path.parent / "evil_module.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(path.parent)
    data, message = ARCHIVES[name]
    scaler = ModalityTransformer(image=StandardScaler())
    save(scaler, path)
    blob = np.frombuffer(data, np.uint8)
    rewrite(path, tensors=lambda t: dict.fromkeys(t, blob))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidFileError, match=message):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert not (path.parent / "executed").exists()


def test_parts_that_overlap_are_refused(path, rewrite):
    pytest.importorskip("skops")
    once = _archive({"a": bytes(10**6)})
    start = once.index(b"PK\x01\x02")
    entry, end = once[start:-22], bytearray(once[-22:])
    end[8:10] = end[10:12] = (9).to_bytes(2, "little")
    end[12:16] = (9 * len(entry)).to_bytes(4, "little")
    data = np.frombuffer(once[:start] + 9 * entry + bytes(end), np.uint8)
    save(ModalityTransformer(image=StandardScaler()), path)
    rewrite(path, tensors=lambda t: dict.fromkeys(t, data))
    with pytest.raises(InvalidFileError, match="parts that overlap"):
        load(path)
