"""Files made by others, whose checksums hold, do no harm."""

import contextlib
import copy
import hashlib
import json
import shutil
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.persistence import InvalidFileError, _container, read_card
from tests.conftest import PATHS, RETRIEVERS, thorough_but
from tests.persistence.golden import FOLDER
from tests.persistence.golden_indexes import INDEXES


def _forge(path, header, data=b"", version=b"1"):
    """Write any header with right checksums."""
    start = (
        b'{"__metadata__":{"sklearn_xmodal":"%s","sha256":"%s","data_sha256":"%s",'
        % (version, b"0" * 64, hashlib.sha256(data).hexdigest().encode())
    )
    header = start + header
    digest = _container._header_checksum(header).encode()
    header = header.replace(b"0" * 64, digest, 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def test_newer_format_versions_are_named(path):
    _forge(path, b'"document":"{}"}}', version=b"7")
    for read in (load, read_card):
        with pytest.raises(InvalidFileError, match=r"at most 2\. Got 7.*Update this"):
            read(path)


def _tensor(dtype="F64", shape=(1,), offsets=(0, 8)):
    entry = {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
    return b'"document":"{}"},"t":%s}' % json.dumps(entry).encode()


HEADERS = {
    "no JSON": b'"document"',
    "not closed": b'"document":"{}"',
    "no document": b'"documents":"{}"}}',
    "document of no JSON": b'"document":"{"}}',
    "document that is a list": b'"document":"[]"}}',
    "NaN": b'"document":"{\\"a\\":NaN}"}}',
    "deep": b'"document":"%s"}}' % (b"[" * 10**6),
    "long number": b'"document":"%s"}}' % (b"9" * 10**5),
    "unknown type": _tensor("BF16"),
    "pickled type": _tensor("O"),
    "negative size": _tensor(shape=(-1,)),
    "size of no number": _tensor(shape=("8",)),
    "true": _tensor(shape=(True,)),
    "fraction": _tensor(shape=(1.0,)),
    "too many dimensions": _tensor(shape=(1,) * 65),
    "overlap": _tensor(offsets=(-8, 0)),
    "gap": _tensor(offsets=(8, 16)),
    "backwards": _tensor(offsets=(8, 0)),
    "wrong size": _tensor(shape=(2,)),
    "beyond the end": _tensor(shape=(10**12,), offsets=(0, 8 * 10**12)),
    "no object": b'"document":"{}"},"t":3}',
}


@pytest.mark.parametrize("name", HEADERS)
def test_forged_headers_are_refused_in_little_memory(name, path):
    _forge(path, HEADERS[name], bytes(8))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidFileError, match="The file must"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [2**26 + 8, 2**40, 2**63, 2**64 - 1])
def test_lengths_without_end_are_refused_in_little_memory(length, whole, path):
    path.write_bytes(length.to_bytes(8, "little") + whole[8:])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidFileError, match="damaged one: its header claims"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_values_that_are_no_booleans_are_refused(path):
    _forge(path, _tensor("BOOL", (1,), (0, 1)), b"\x02")
    with pytest.raises(InvalidFileError, match="tensor t: no booleans"):
        load(path)


def test_huge_text_is_refused_at_save(path, monkeypatch):
    monkeypatch.setattr(_container, "MAX_HEADER", 2**12)
    with pytest.raises(ValueError, match=r"must fit into 4,096 bytes\. Got"):
        save(CCARetriever(alpha="x" * 5000), path)
    assert list(path.parent.iterdir()) == []


def _array(tensor="t", **fields):
    return {"type": "array", "tensor": tensor, **fields}


def _sparse(indices, indptr):
    parts = dict(zip(("data", "indices", "indptr"), "tij", strict=True))
    return {
        "type": "sparse",
        "class": "csr_matrix",
        "shape": [len(indptr) - 1, 5],
        **{name: _array(tensor) for name, tensor in parts.items()},
    }, {
        "t": np.ones(1),
        "i": np.array(indices, np.int32),
        "j": np.array(indptr, np.int32),
    }


def _random_state(pos, n=624):
    return {
        "type": "RandomState",
        "number": 0,
        "key": _array(),
        "pos": pos,
        "has_gauss": 0,
        "gauss": 0.0,
    }, {"t": np.zeros(n, np.uint32)}


def _characters(codes, dtype):
    return {"type": "characters", "tensor": "t", "dtype": dtype}, {"t": codes}


def _strings(lengths):
    tensors = {"t": np.zeros(3, np.uint8), "n": np.array(lengths, np.int64)}
    return {"type": "strings", "text": "t", "lengths": "n"}, tensors


def _object(cls, parameters=None, **state):
    node = {"type": "object", "class": cls, "parameters": parameters or {}}
    return {**node, "version": 1, "state": state}


def _old_object(cls, parameters=None, **attributes):
    node = {"type": "object", "class": cls, "parameters": parameters or {}}
    return {**node, "attributes": attributes}


def _old_net(cls="MSLNNet", **attributes):
    net = {"type": "adapted", "class": cls, "state": {}}
    return _old_object("MSLNRetriever", net_=net, **attributes)


def _long_list(text):
    return {"type": "list", "tensor": "t"}, {"t": np.frombuffer(text, np.uint8)}


ONE = {"t": np.ones(3)}
#: What is the same in files of all formats.
VALUES = {
    "unknown kind": ({"type": "pickle"}, {}, "a value of type 'pickle'"),
    "no kind": ({}, {}, "a value of type None"),
    "kind of no name": ({"type": ["x"]}, {}, "do not fit"),
    "optimiser": ({"type": "optimizer", "name": "os"}, {}, "an optimiser 'os'"),
    "module": ({"type": "optimizer", "name": "Optimizer.a"}, {}, "an optimiser 'Opt"),
    "scheduler": ({"type": "optimizer", "name": "lr_scheduler"}, {}, "an optimiser 'l"),
    "optimiser of no name": ({"type": "optimizer", "name": []}, {}, "do not fit"),
    "missing tensor": (_array("x"), {}, "do not fit"),
    "tensor used often": ([_array()] * 99, ONE, "the same arrays time and again"),
    "tensor not used": (1, ONE, "nothing refers to, such as t"),
    "other type": (_array(dtype="<i8"), ONE, "do not fit"),
    "object type": (_array(dtype="|O"), ONE, "do not fit"),
    "axes": (_array(axes=[1]), ONE, "do not fit"),
    "axes of no number": (_array(axes=["x"]), ONE, "do not fit"),
    "too many axes": (_array(axes=[0, 1]), ONE, "do not fit"),
    "reference to nothing": ({"type": "same", "as": 0}, {}, "do not fit"),
    "repetition": (
        [{**_array(), "number": 0}, *[{"type": "same", "as": 0}] * 99],
        ONE,
        "the same arrays time and again",
    ),
    "repeated lists": (
        [{"type": "tuple", "number": 0, "items": []}, {"type": "same", "as": 0}],
        {},
        "do not fit",
    ),
    "long list of no JSON": ({"type": "list", "tensor": "t"}, ONE, "do not fit"),
    "long list of nothing": ({"type": "list", "tensor": "x"}, {}, "do not fit"),
    "long list within": (
        *_long_list(b'[{"type": "list", "tensor": "t"}]'),
        "not fit|time and again",
    ),
    "NaN in a long list": (*_long_list(b"[NaN]"), "do not fit"),
    "deep long list": (*_long_list(b"[" * 10**6), "do not fit"),
    "pickle in a long list": (*_long_list(b'[{"type": "pickle"}]'), "'pickle'"),
    "key of no value": ({"type": "dict", "items": [[[], 1]]}, {}, "do not fit"),
    "sparse beyond": (*_sparse([7], [0, 1]), "do not fit"),
    "sparse before": (*_sparse([-1], [0, 1]), "do not fit"),
    "sparse pointers": (*_sparse([0], [0, 9]), "do not fit"),
    "sparse falling": (*_sparse([0], [0, 5, 0]), "must never fall"),
    "random state": (*_random_state(10**6), "do not fit"),
    "random state before": (*_random_state(-1), "do not fit"),
    "random key": (*_random_state(0, 3), "do not fit"),
    "no characters": (*_characters(np.full((1, 1), 2**31, "<u4"), "<U1"), "do not fit"),
    "other width": (*_characters(np.zeros((1, 1), "<u4"), "<U9"), "do not fit"),
    "numbers as text": (*_characters(np.zeros((1, 1), "<f4"), "<U1"), "do not fit"),
    "text of objects": (*_characters(np.zeros((1, 1), "<u4"), "|O"), "do not fit"),
    "lengths": (*_strings([9]), "do not fit"),
    "negative lengths": (*_strings([4, -1]), "do not fit"),
    "boolean": ({"type": "scalar", "dtype": "|b1", "hex": "07"}, {}, "do not fit"),
    "too many bits": ({"type": "scalar", "dtype": "<f8", "hex": ""}, {}, "do not fit"),
    "object scalar": ({"type": "scalar", "dtype": "|O", "hex": "00"}, {}, "do not fit"),
    "objects": ({"type": "objects", "shape": [10**12], "items": []}, {}, "do not fit"),
    "no estimator": ([1, 2], {}, "a list"),
}


def _objects(make):
    """Return what is to be refused of objects, as one of the formats writes them."""
    return {
        "foreign class": (make("Popen"), {}, "an object of class 'Popen'"),
        "path of a class": (make("subprocess.Popen"), {}, "class 'subprocess.Popen'"),
        "class of no name": (make(["Mean"]), {}, "do not fit"),
        "function": (make("export_onnx"), {}, "class 'export_onnx'"),
        "unknown parameter": (
            make("CCARetriever", {"evil": 1}),
            {},
            "parameter 'evil'",
        ),
        "class attribute": (make("ModalityTransformer", __class__=1), {}, r"__class__"),
        "no name": (make("ModalityTransformer", **{"a b": 1}), {}, r"r\.a b"),
        "method of a transformer": (make("ModalityTransformer", fit=1), {}, r"r\.fit"),
        "private attribute": (make("ModalityTransformer", _a=1), {}, r"r\._a"),
        "parameter of a splitter": (
            make("ClassDisjointKFold", {"a": 1}, a=1),
            {},
            "r 'a'",
        ),
        "cache": (
            make("Pipeline", {"steps": [], "memory": "/tmp"}),
            {},
            "with a cache",
        ),
        "abstract": (make("BaseRetriever"), {}, "class 'BaseRetriever'"),
        "index of nothing": (make("RetrievalIndex"), {}, "do not fit"),
        "index from parameters": (
            make("RetrievalIndex", {"vectors": 1}),
            {},
            "do not|par",
        ),
    }


NODES = {
    1: {
        **VALUES,
        **_objects(_old_object),
        "adapter": ({"type": "adapted", "class": "os", "state": {}}, {}, "class 'os'"),
        "adapter of no name": (
            {"type": "adapted", "class": [], "state": {}},
            {},
            "not fit",
        ),
        "net of nothing": (_old_net(n_components_=1), {}, "do not fit"),
        "net of another kind": (_old_net("Mean"), {}, "class 'Mean'"),
        "part of one": (_old_object("KernelMap", kernel="rbf"), {}, "a OldObject"),
        "missing fields": (
            _old_object(
                "CCARetriever",
                n_components_=1,
                _moments=_old_object("Mean", weight=1.0),
            ),
            {},
            "do not fit",
        ),
        "unknown fields of a part": (
            _old_object(
                "KCCARetriever",
                {"correlation_power": 1.0},
                n_components_=1,
                _image_feature_names=None,
                _text_feature_names=None,
                _image_map=_old_object("KernelMap", blocks=1),
            ),
            {},
            "unexpected keyword argument 'blocks'",
        ),
        "encoder": (
            {"type": "object", "class": "Encoder", "attributes": {}},
            {},
            "class",
        ),
    },
    2: {
        **VALUES,
        **_objects(_object),
        "part of one": (_object("KernelMap", kernel="rbf"), {}, "class 'KernelMap'"),
        "no version": (
            {"type": "object", "class": "CCARetriever", "state": {}, "parameters": {}},
            {},
            "do not fit",
        ),
        "older than all": ({**_object("CCARetriever"), "version": 0}, {}, "version 0"),
        "of format 1": (_old_object("CCARetriever"), {}, "do not fit"),
        "adapter": ({"type": "adapted", "class": "os", "state": {}}, {}, "'adapted'"),
        "attribute of a retriever": (
            _object("CCARetriever", transform=1),
            {},
            "do not fit",
        ),
    },
}


@pytest.mark.parametrize(
    ("version", "name"),
    [(version, name) for version in NODES for name in NODES[version]],
)
def test_forged_values_are_refused(version, name, path, rewrite):
    node, tensors, message = NODES[version][name]
    save(CCARetriever(), path)
    rewrite(path, lambda d: {**d, "object": node}, lambda _: tensors, version)
    with pytest.raises(InvalidFileError, match=message):
        load(path)


def test_the_formats_are_told_apart(path, rewrite):
    save(CCARetriever(3), path)
    rewrite(path, version=1)
    with pytest.raises(InvalidFileError, match="do not fit"):
        load(path)
    old = _old_object("CCARetriever", {"n_components": 3})
    rewrite(path, lambda d: {**d, "object": old}, version=1)
    assert load(path).n_components == 3


def test_modules_that_a_file_names_are_not_imported(path, rewrite, monkeypatch):
    module = path.parent / "evil_module.py"
    module.write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(path.parent)
    for name in ("evil_module", "evil_module.Estimator"):
        for kind, version in (("object", 2), ("adapted", 1), ("object", 1)):
            save(CCARetriever(), path)
            node = {**_object(name), "type": kind, "attributes": {}}
            rewrite(path, lambda d, n=node: {**d, "object": n}, version=version)
            with pytest.raises(InvalidFileError, match=f"class '{name}'"):
                load(path)
    assert "evil_module" not in sys.modules


def test_caches_of_pipelines_are_refused(path, rewrite):
    save(make_pipeline(CCARetriever()), path)

    def add_cache(document):
        document["object"]["parameters"]["memory"] = "/tmp/pickles"
        return document

    rewrite(path, add_cache)
    with pytest.raises(InvalidFileError, match="a Pipeline with a cache"):
        load(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(node, place=()):
    yield place
    items = enumerate(node) if isinstance(node, list) else ()
    for key, value in node.items() if isinstance(node, dict) else items:
        yield from _places(value, (*place, key))


def _replaced(document, place, value):
    document = copy.deepcopy(document)
    node = document
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return document


def _fitted(name, small, path):
    """Write what is to be changed: a model, an index, or one of format 1."""
    if name in RETRIEVERS:
        save(RETRIEVERS[name]().fit(*small), path)
    elif name in INDEXES:
        save(INDEXES[name]()[0], path)
    else:
        (old,) = FOLDER.glob(f"models-1/{name[:-2]}.xmodal")
        shutil.copy(old, path)


@pytest.mark.filterwarnings("ignore:The file was written by sklearn_xmodal")
@pytest.mark.parametrize(
    "name",
    [
        *thorough_but(PATHS, RETRIEVERS),
        *thorough_but(["exact-gallery"], INDEXES),
        *thorough_but(
            ["KCCARetriever-1"],
            [
                f"{name}-1"
                for name in RETRIEVERS
                if (FOLDER / "models-1" / f"{name}.xmodal").exists()
            ],
        ),
    ],
)
@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_change_of_a_document_ends_in_a_model_or_a_clear_error(
    name, data, small, tmp_path_factory, rewrite
):
    path = tmp_path_factory.mktemp("any") / "model"
    _fitted(name, small, path)
    with path.open("rb") as file:
        document = _container.read_header(file).document
    places = [p for p in _places(document) if p[:1] == ("object",)]
    place = data.draw(st.sampled_from(places))
    others = [_at(document, p) for p in places]
    value = data.draw(JSON | st.sampled_from(others))
    value = json.loads(json.dumps(value), parse_constant=lambda _: None)
    rewrite(path, lambda d: _replaced(d, place, value))
    with contextlib.suppress(InvalidFileError):
        assert isinstance(load(path), (BaseEstimator, RetrievalIndex))


def _at(node, place):
    for key in place:
        node = node[key]
    return node
