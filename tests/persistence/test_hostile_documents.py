"""Documents made by others cost little: size and depth are bounded before work."""

import hashlib
import json
import os
import shutil
import sys
import time
import tracemalloc

import numpy as np
import pytest

from sklearn_xmodal import CCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.persistence import InvalidFileError, _container, read_card
from tests.persistence.golden import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore:The file was written by sklearn_xmodal")

#: Seconds of this process, whatever else the machine does, and bytes.
MOST_SECONDS, MOST_BYTES = 2, 200e6


def _refuse(path, message, read=load):
    """Check that a file is refused in little time and memory, and named."""
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(InvalidFileError, match=message) as caught:
            read(path)
        assert time.process_time() - started < MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)


def _text(value):
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _laughing_lists(n_levels):
    """Return lists that each name the one before twice."""
    names = [{"type": "list", "tensor": f"t{i}"} for i in range(n_levels)]
    texts = {"t0": _text([1] * 9)}
    texts |= {f"t{i}": _text([names[i - 1]] * 2) for i in range(1, n_levels)}
    return names[-1], {**texts, "large": np.zeros(2**20)}


def _laughing_encoders(n_levels):
    """Return chains that each have the one before for both steps."""
    fields = {"weights": np.ones((1, 1)), "mean": np.zeros(1)}
    state = {name: {"type": "array", "tensor": name} for name in fields}
    state |= {"scales": None, "feature_names_in_": None}
    node = {"type": "encoder", "kind": "linear", "version": 1, "number": 0}
    node["state"] = state
    for number in range(1, n_levels):
        steps = [node, {"type": "same", "as": number - 1}]
        inner = {"steps": steps, "feature_names_in_": None}
        kind = {"type": "encoder", "kind": "chain", "version": 1}
        node = {**kind, "number": number, "state": inner}
    return node, fields


def _laughing_models(n_levels):
    """Return votes of two references to one vote of two, and so on."""
    kind = {"type": "object", "class": "Pipeline", "version": 1, "state": {}}
    node = {**kind, "number": 0, "parameters": {"steps": []}}
    for number in range(1, n_levels):
        steps = [node, {"type": "same", "as": number - 1}]
        node = {**kind, "number": number, "parameters": {"steps": steps}}
    return node, {}


def _keys_of_one_hash(n_bits):
    """Return a dict of tuples that differ in -1 and -2, which hash alike."""
    keys = np.where(np.arange(2**n_bits)[:, None] >> np.arange(n_bits) & 1, -1, -2)
    items = [[{"type": "tuple", "items": key}, 0] for key in keys.tolist()]
    return {"type": "dict", "items": items}, {}


NODES = {
    "lists of lists": (*_laughing_lists(40), "same lists time and again"),
    "encoders of encoders": (*_laughing_encoders(60), "same objects time and again"),
    "models of models": (*_laughing_models(60), "same objects time and again"),
    "keys of one hash": (*_keys_of_one_hash(12), "do not fit"),
    "number of a few bytes": ({"type": "float", "hex": "00"}, {}, "do not fit"),
    "many types in one": (
        {"type": "scalar", "dtype": "f8," * 10**6, "hex": "00"},
        {},
        "do not fit",
    ),
    "types of an array": (
        {"type": "array", "tensor": "t", "dtype": "f8," * 10**6},
        {"t": np.ones(1)},
        "do not fit",
    ),
    "characters of nothing": (
        {"type": "characters", "tensor": "t", "dtype": "<U0"},
        {"t": np.zeros((2**16, 0), "<u4")},
        "do not fit",
    ),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", NODES)
def test_documents_without_end_are_refused_at_once(name, version, path, rewrite):
    node, tensors, message = NODES[name]
    if version == 1:
        node = json.loads(json.dumps(node).replace('"state": {}', '"attributes": {}'))
    save(CCARetriever(), path)
    rewrite(path, lambda d: {**d, "object": node}, lambda _: tensors, version)
    _refuse(path, message)


@pytest.mark.parametrize("shape", [(10**9, 0), (0, 10**12), (2**40, 0, 3)])
def test_arrays_of_nothing_have_few_rows(shape, path, rewrite):
    save(CCARetriever(), path)
    node = {"type": "array", "tensor": "t"}
    empty = np.lib.stride_tricks.as_strided(np.zeros(0), shape, (0,) * len(shape))
    rewrite(path, lambda d: {**d, "object": node}, lambda _: {"t": empty})
    _refuse(path, "of nothing")


def test_lists_of_equal_lists_are_loaded(path):
    alphas = [0.5] * 1001
    retriever = CCARetriever(alpha=[list(alphas) for _ in range(12)])
    save(retriever, path)
    assert load(path).alpha == retriever.alpha


def test_ids_of_one_hash_are_refused(path):
    bits = np.arange(2**10)[:, None] >> np.arange(10) & 1
    ids = list(map(tuple, np.where(bits, 1, 2).tolist()))
    vectors = np.ones((len(ids), 1), np.float32)
    RetrievalIndex(vectors=vectors, ids=ids, labels=ids).save(path)
    assert len(load(path)) == len(ids)
    ids = list(map(tuple, np.where(bits, -1, -2).tolist()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_xmodal.neighbors._gallery.hash", id, raising=False)
        index = RetrievalIndex(vectors=vectors[:100], ids=range(100), labels=ids[:100])
    index.save(path)
    _refuse(path, "made to have the same hash")


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
@pytest.mark.parametrize("verify", [True, False])
def test_files_of_holes_are_refused(verify, path):
    RetrievalIndex(vectors=[[1.0, 0.0]]).save(path)
    with path.open("rb") as file:
        header = _container.read_header(file)
    n_rows = 2**31
    document = header.document
    entries = [("RetrievalIndex.vectors", "F32", [n_rows, 2])]
    start = _container._START % (2, "0" * 64, "0" * 64)
    text = start + json.dumps(json.dumps(document)) + "}"
    for name, dtype, shape in entries:
        entry = {"dtype": dtype, "shape": shape, "data_offsets": [0, 8 * n_rows]}
        text += f",{json.dumps(name)}:{json.dumps(entry)}"
    text = (text + "}").encode()
    digest = _container._header_checksum(text).encode()
    text = text.replace(b"0" * 64, digest, 1)
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + 8 * n_rows)
    _refuse(path, "holes", lambda path: RetrievalIndex.load(path, verify=verify))
    _refuse(path, "holes", read_card)


@pytest.fixture
def folder(path):
    """The folder of an index from an earlier version."""
    shutil.copytree(FOLDER / "indexes-1" / "exact-gallery.index", path)
    return path


def _rewrite(folder, change):
    document = json.loads((folder / "index.json").read_text())
    change(document["content"])
    text = json.dumps(document["content"], sort_keys=True, separators=(",", ":"))
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "index.json").write_text(json.dumps(document))


def _vectors(folder):
    (found,) = folder.glob("vectors-*")
    return found


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    "shape", [(-1, 4), (-(10**9), -(10**9)), (2**31, 2**31), (0, 10**12), (10**12, 0)]
)
def test_shapes_that_no_array_has_are_refused(shape, verify, folder):
    path = _vectors(folder)
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = {"sha256": digest, "shape": list(shape)}
    _rewrite(folder, lambda c: c["arrays"]["vectors"].update(entry))
    _refuse(folder, "is no array", lambda p: RetrievalIndex.load(p, verify=verify))


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
@pytest.mark.parametrize("name", ["index.json", "vectors-*", "retriever-*"])
def test_holes_in_a_folder_are_refused(name, folder):
    (path,) = folder.glob(name)
    os.truncate(path, 2**34)
    _refuse(folder, "holes")


def _link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


def _folder_instead(path):
    path.unlink()
    path.mkdir()


def _pipe_instead(path):
    path.unlink()
    os.mkfifo(path)


def _nothing_instead(path):
    path.unlink()


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize(
    "change", [_link_to_itself, _folder_instead, _pipe_instead, _nothing_instead]
)
@pytest.mark.parametrize("name", ["index.json", "vectors-*", "retriever-*"])
def test_files_of_a_folder_that_are_none_are_refused(change, name, folder):
    if (change, name) == (_nothing_instead, "index.json"):
        pytest.skip("that folder is no index")
    (path,) = folder.glob(name)
    change(path)
    _refuse(folder, "must be|is missing|which is")


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_to_themselves_and_names_that_are_too_long_are_refused(path):
    path.symlink_to(path)
    for read in (load, read_card):
        _refuse(path, "cannot|can be read", read)
        _refuse(path.with_name("x" * 300), "can be read", read)
    with pytest.raises(ValueError, match="must be one of this system"):
        load("a\0b")


def test_a_retriever_that_was_not_fitted_or_is_none_is_refused(folder):
    (inner,) = folder.glob("retriever-*")
    index = RetrievalIndex(vectors=[[1.0, 0.0]])
    line = LinearEncoder(mean=np.ones(2), weights=np.ones((2, 1)))
    for obj in (CCARetriever(), index, line):
        inner.unlink()
        save(obj, inner)
        _refuse(folder, "do not fit|for a retriever")
