"""Indexes that earlier versions saved as folders: damaged and forged ones too."""

import hashlib
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_xmodal import CCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import thorough_but
from tests.persistence.golden import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore:The file was written by sklearn_xmodal")


@pytest.fixture
def folder(path):
    """A folder that holds vectors, ids, labels, payload and a retriever."""
    shutil.copytree(FOLDER / "indexes-1" / "exact-gallery.index", path)
    return path


def _rewrite(folder, change):
    """Change the content of the document, as a stranger could."""
    document = json.loads((folder / "index.json").read_text())
    change(document["content"])
    text = json.dumps(document["content"], sort_keys=True, separators=(",", ":"))
    document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "index.json").write_text(json.dumps(document))


def _only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def _forge(folder, stem, array):
    """Put another array in the place of one, with the right checksum."""
    path = _only(folder, f"{stem}-*")
    np.save(path, array)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _rewrite(folder, lambda c: c["arrays"][stem].update(sha256=digest))


@pytest.mark.parametrize("mmap_mode", ["r", None])
def test_vectors_are_mapped_or_read(mmap_mode, folder):
    index = RetrievalIndex.load(folder, mmap_mode=mmap_mode)
    assert isinstance(index.vectors.base, np.memmap) == (mmap_mode == "r")
    assert_array_equal(index.vectors, np.load(_only(folder, "vectors-*")))


def test_another_retriever_can_take_the_place_of_the_saved_one(folder, small):
    own = CCARetriever(2).fit(*small)
    assert RetrievalIndex.load(folder, retriever=own).retriever is own
    loaded = RetrievalIndex.load(folder)
    assert (loaded.retriever, type(loaded.text_encoder)) == (None, LinearEncoder)


def test_folders_are_not_written_to(folder):
    index = load(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for write in (index.save, lambda path: save(CCARetriever(), path)):
        with pytest.raises(
            ValueError, match=r"from an earlier version\. Load it, move"
        ):
            write(folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    folder.rename(folder.with_name("old"))
    index.save(folder)
    assert_array_equal(load(folder).vectors, index.vectors)


def test_damaged_retriever_is_refused(folder):
    path = _only(folder, "retriever-*")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InvalidFileError, match="must be whole"):
        load(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("pattern", ["index.json", "vectors-*"])
def test_a_truncated_file_is_found(folder, pattern, share):
    path = _only(folder, pattern)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidFileError, match=path.name.replace(".", r"\.")):
        load(folder)


@pytest.mark.parametrize("pattern", ["index.json", "vectors-*"])
@pytest.mark.parametrize("seed", thorough_but(range(5), range(25)))
def test_a_flipped_bit_is_found(folder, pattern, seed):
    path = _only(folder, pattern)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    with pytest.raises(InvalidFileError, match=r"index\.json|vectors-"):
        load(folder)


def test_a_file_cut_short_is_found_without_checksums(folder):
    path = _only(folder, "vectors-*")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InvalidFileError, match="is no array"):
        RetrievalIndex.load(folder, verify=False)


def test_a_missing_file_is_named(folder):
    _only(folder, "vectors-*").unlink()
    with pytest.raises(InvalidFileError, match=r"vectors-\w+\.npy is missing"):
        load(folder)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_no_other_version_was_a_folder(folder, version):
    document = json.loads((folder / "index.json").read_text()) | {"version": version}
    (folder / "index.json").write_text(json.dumps(document))
    with pytest.raises(InvalidFileError, match=f"of version {version!r}"):
        load(folder)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '{"format": "other"}', "[" * 100_000, "\xff{"]
)
def test_foreign_documents_are_refused(folder, text):
    (folder / "index.json").write_text(text, encoding="latin-1")
    with pytest.raises(InvalidFileError, match=r"index\.json (is no|must be)"):
        load(folder)


def test_a_wrong_array_in_its_place_is_found(folder):
    np.save(_only(folder, "vectors-*"), np.zeros((12, 2)))
    with pytest.raises(InvalidFileError, match=r"with <f8 of shape .* tells of <f4"):
        RetrievalIndex.load(folder, verify=False)


class Bomb:
    """Pickles to a call that leaves a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("verify", [True, False])
def test_pickles_are_not_opened(folder, tmp_path, verify):
    target, path = tmp_path / "run", _only(folder, "vectors-*")
    payloads = [pickle.dumps(Bomb(str(target)))]
    np.save(path, np.array([Bomb(str(target))], dtype=object), allow_pickle=True)
    payloads.append(path.read_bytes())
    for data in payloads:
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        entry = {"name": path.name, "sha256": digest, "dtype": "|O", "shape": [1]}
        _rewrite(folder, lambda c, e=entry: c["arrays"].update(vectors=e))
        with pytest.raises(InvalidFileError, match="is no array"):
            RetrievalIndex.load(folder, verify=verify)
    assert not target.exists()


def test_archives_are_not_unpacked(folder):
    path = _only(folder, "vectors-*")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.npy", bytes(50_000_000))
    with pytest.raises(InvalidFileError, match="is no array"):
        RetrievalIndex.load(folder, verify=False)


@pytest.mark.parametrize("name", ["../x.npy", "/etc/passwd", "x.npy", 3, None])
def test_files_elsewhere_are_not_opened(folder, name):
    _rewrite(folder, lambda c: c["arrays"]["vectors"].update(name=name))
    with pytest.raises(InvalidFileError, match=r"index\.json that names a file"):
        load(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "index.json", 3])
def test_retrievers_elsewhere_are_not_opened(folder, name):
    _rewrite(folder, lambda c: c.update(retriever=name))
    with pytest.raises(InvalidFileError, match=r"index\.json that names a file"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("ids"),
        lambda c: c["ids"].pop(),
        lambda c: c["ids"].__setitem__(0, c["ids"][1]),
        lambda c: c["ids"].__setitem__(0, {"os.system": ["ls"]}),
        lambda c: c["ids"].__setitem__(0, {"tuple": 3}),
        lambda c: c["labels"].__setitem__(0, [1]),
        lambda c: c.update(labels=7),
        lambda c: c.update(next_id="x"),
        lambda c: c.update(modality="audio"),
        lambda c: c.update(backend="os"),
        lambda c: c.update(index_type="hnsw"),
        lambda c: c.update(index_params=[1]),
        lambda c: c.update(hubness={"kind": "csls"}),
        lambda c: c.update(hubness=3),
        lambda c: c.update(arrays={}),
        lambda c: c.update(arrays=[1]),
        lambda c: c.update(entry_point=3),
        lambda c: c.update(n_smoothing_neighbors="x"),
        lambda c: c.update(more=1),
        lambda c: c.pop("retriever"),
        lambda c: c["arrays"]["vectors"].pop("shape"),
        lambda c: c["arrays"].update(levels=c["arrays"]["vectors"]),
    ],
    ids=range(22),
)
def test_documents_that_no_index_wrote_are_refused(folder, change):
    _rewrite(folder, change)
    with pytest.raises(InvalidFileError, match="do not fit together"):
        load(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
def test_vectors_that_no_index_wrote_are_refused(folder, value):
    vectors = np.load(_only(folder, "vectors-*"))
    vectors[3, 1] = value
    _forge(folder, "vectors", vectors)
    with pytest.raises(InvalidFileError, match="vectors must not be longer than 1"):
        load(folder)


@pytest.mark.parametrize(
    ("stem", "value", "message"),
    [
        ("levels", 99, "levels must be counts"),
        ("levels", 0, "levels must be counts"),
        ("neighbors", 10**6, "rows of the gallery"),
        ("neighbors", -2, "rows of the gallery"),
    ],
)
def test_graphs_that_lead_nowhere_are_refused(path, stem, value, message):
    pytest.importorskip("faiss")
    shutil.copytree(FOLDER / "indexes-1" / "faiss-hnsw.index", path)
    array = np.load(_only(path, f"{stem}-*"))
    array[0] = value
    _forge(path, stem, array)
    with pytest.raises(InvalidFileError, match=message):
        load(path)
