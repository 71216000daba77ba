"""What was saved is loaded, whole or not at all, and nothing else is."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sklearn_xmodal
from sklearn_xmodal import CCARetriever, KCCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.neighbors import _files
from tests.conftest import thorough_but
from tests.neighbors.oracles import make_codes
from tests.neighbors.test_index import BACKENDS, _name

IDS = ["a", 3, 2.5, True, None, ("t", (1, None)), -1.5e300, "ü\n\ud800", 2**80, ()]


@pytest.fixture(params=BACKENDS, ids=_name)
def backend(request):
    if request.param:
        pytest.importorskip("faiss")
    return request.param


@pytest.fixture
def data():
    return make_codes(0, 10, 80, 5)


@pytest.fixture
def saved(tmp_path, data):
    """A saved index, and its folder."""
    index = RetrievalIndex(vectors=data[1], labels=np.arange(80) % 3)
    index.save(tmp_path / "index")
    return tmp_path / "index"


def _document(folder):
    return json.loads((folder / "index.json").read_text())


def _rewrite(folder, change, *, keep_checksum=False):
    """Change the content of the document, as a stranger could."""
    document = _document(folder)
    change(document["content"])
    if not keep_checksum:
        text = json.dumps(document["content"], sort_keys=True, separators=(",", ":"))
        document["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "index.json").write_text(json.dumps(document))


def _vectors(folder):
    (path,) = folder.glob("vectors-*.npy")
    return path


class TestRoundTrip:
    @pytest.mark.parametrize("mmap_mode", ["r", None])
    def test_a_loaded_index_gives_the_same_bytes(
        self, backend, mmap_mode, data, tmp_path
    ):
        query, gallery = data
        index = RetrievalIndex(
            vectors=gallery, labels=[i % 4 for i in range(80)], **backend
        )
        index.remove([7, 30])
        index.save(tmp_path / "index")
        loaded = RetrievalIndex.load(tmp_path / "index", mmap_mode=mmap_mode)
        for options in ({}, {"labels": [1, 2]}, {"exclude": [5]}):
            one, two = (i.search(vectors=query, **options) for i in (index, loaded))
            assert one.scores.tobytes() == two.scores.tobytes()
            assert one.ids.tobytes() == two.ids.tobytes()
        assert repr(loaded) == repr(index)
        assert loaded.index_params == index.index_params

    def test_a_loaded_index_goes_on_as_the_saved_one(self, backend, data, tmp_path):
        query, gallery = data
        index = RetrievalIndex(vectors=gallery[:50], **backend)
        index.save(tmp_path / "index")
        loaded = RetrievalIndex.load(tmp_path / "index")
        for i in (index, loaded):
            i.add(vectors=gallery[50:])
            i.remove([3, 60])
        assert_array_equal(loaded.ids, index.ids)
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.ids.tobytes() == two.ids.tobytes()

    def test_graph_of_hnsw_is_not_built_again(self, tmp_path):
        pytest.importorskip("faiss")
        query, gallery = make_codes(1, 50, 2000, 12)
        index = RetrievalIndex(
            vectors=gallery,
            backend="faiss",
            index_type="hnsw",
            index_params={"M": 4, "efConstruction": 8, "efSearch": 10},
        )
        index.save(tmp_path / "index")
        loaded = RetrievalIndex.load(tmp_path / "index")
        # A poor graph makes mistakes of its own, which another would not.
        assert 0.2 < index.recall(vectors=query) < 0.999
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.ids.tobytes() == two.ids.tobytes()

    def test_ids_labels_and_payload_come_back_as_they_were(self, tmp_path):
        payload = [{"a": [1, (2, None)], "tuple": {}}, [], "x", *range(7)]
        index = RetrievalIndex(
            vectors=np.eye(10), ids=IDS, labels=IDS[::-1], payload=payload
        )
        index.save(tmp_path / "index")
        loaded = RetrievalIndex.load(tmp_path / "index")
        for got, expected in [
            (loaded.ids, IDS),
            (loaded.labels, IDS[::-1]),
            (loaded.get_payload(IDS), payload),
        ]:
            assert got.tolist() == expected
            assert list(map(type, got)) == list(map(type, expected))

    def test_hubness_is_kept(self, data, tmp_path):
        query, gallery = data
        index = RetrievalIndex(vectors=gallery, hubness="csls", hubness_queries=query)
        index.save(tmp_path / "index")
        loaded = RetrievalIndex.load(tmp_path / "index")
        for i in (index, loaded):
            i.add(vectors=query, ids=range(200, 210))
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.scores.tobytes() == two.scores.tobytes()

    def test_retriever_goes_along(self, pair, tmp_path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        for _ in range(2):
            index.save(tmp_path / "index")
        assert len(list((tmp_path / "index").glob("retriever-*"))) == 1
        loaded = RetrievalIndex.load(tmp_path / "index")
        assert_array_equal(
            loaded.search(image=X_img).ids, index.search(image=X_img).ids
        )

    def test_features_need_the_retriever(self, pair, tmp_path):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        index = RetrievalIndex(retriever, text=X_txt)
        index.save(tmp_path / "index", include_retriever=False)
        bare = RetrievalIndex.load(tmp_path / "index")
        got = bare.search(vectors=retriever.transform_image(X_img))
        assert_array_equal(got.ids, index.search(image=X_img).ids)
        with pytest.raises(TypeError, match="image needs an index with a retriever"):
            bare.search(image=X_img)
        loaded = RetrievalIndex.load(tmp_path / "index", retriever=retriever)
        assert_array_equal(loaded.search(image=X_img).ids, got.ids)

    def test_retriever_without_a_place_in_files_leaves_the_old_index(
        self, pair, tmp_path
    ):
        X_img, X_txt, _ = pair
        RetrievalIndex(vectors=X_txt).save(tmp_path / "index")
        kernel = KCCARetriever(3, kernel=np.dot).fit(X_img, X_txt)
        with pytest.raises(TypeError, match="kernel"):
            RetrievalIndex(kernel, text=X_txt).save(tmp_path / "index")
        assert RetrievalIndex.load(tmp_path / "index").retriever is None

    def test_functions_of_the_package_take_indexes(self, pair, tmp_path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        save(index, tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert_array_equal(
            loaded.search(image=X_img).ids, index.search(image=X_img).ids
        )
        with pytest.raises(ValueError, match="card must be None for an index"):
            save(index, tmp_path / "index", card={"scores": 1})
        with pytest.raises(FileNotFoundError, match="no index"):
            load(tmp_path)

    def test_damaged_retriever_is_refused(self, pair, tmp_path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        index.save(tmp_path / "index")
        (path,) = (tmp_path / "index").glob("retriever-*")
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ValueError, match="must be whole"):
            RetrievalIndex.load(tmp_path / "index")

    def test_vectors_are_read_from_the_file_when_needed(self, saved):
        loaded = RetrievalIndex.load(saved)
        assert isinstance(loaded.vectors.base, np.memmap) or isinstance(
            loaded.vectors, np.memmap
        )

    def test_an_index_can_be_saved_over_the_file_that_it_maps(self, saved, data):
        query, gallery = data
        loaded = RetrievalIndex.load(saved)
        loaded.save(saved)
        loaded.add(vectors=query, labels=[9] * 10)
        loaded.save(saved)
        again = RetrievalIndex.load(saved)
        assert len(again) == 90
        assert_array_equal(again.vectors, np.vstack([gallery, query]))
        assert len(list(saved.iterdir())) == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"ids": [b"x", "y"]},
                "ids can be saved if .* Got b'x' of type",
            ),
            ({"ids": [(1, frozenset()), 2]}, r"Got frozenset\(\)"),
            ({"labels": [np.datetime64("2020"), 1]}, "labels can be saved"),
            ({"payload": [{1: 2}, 1]}, "payload can be saved .* lists and dicts"),
            ({"payload": [np.float64(1), object()]}, "payload can be saved"),
        ],
    )
    def test_what_json_cannot_hold_is_refused_before_a_byte_is_written(
        self, arguments, message, tmp_path
    ):
        index = RetrievalIndex(vectors=np.eye(2), **arguments)
        with pytest.raises(TypeError, match=message):
            index.save(tmp_path / "index")
        assert list(tmp_path.iterdir()) == []

    def test_other_peoples_folders_and_files_are_left_alone(self, tmp_path):
        index = RetrievalIndex(vectors=np.eye(2))
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(ValueError, match=r"such as 'thesis\.tex'"):
            index.save(tmp_path)
        with pytest.raises(ValueError, match="which is a file"):
            index.save(tmp_path / "thesis.tex")
        with pytest.raises(FileNotFoundError, match="must be in a folder that exists"):
            index.save(tmp_path / "a" / "b")
        assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]

    def test_an_emptied_index_is_not_saved(self, tmp_path):
        index = RetrievalIndex(vectors=np.eye(2))
        index.remove([0, 1])
        with pytest.raises(ValueError, match="must hold items to be saved"):
            index.save(tmp_path / "index")

    def test_mmap_mode_is_checked(self, saved):
        with pytest.raises(ValueError, match=r"'mmap_mode' parameter .* Got 'r\+'"):
            RetrievalIndex.load(saved, mmap_mode="r+")


class TestDamage:
    def test_a_folder_without_an_index(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"holds no index\.json"):
            RetrievalIndex.load(tmp_path)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
    @pytest.mark.parametrize("pattern", ["index.json", "vectors-*"])
    def test_a_truncated_file(self, saved, pattern, share):
        (path,) = saved.glob(pattern)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(ValueError, match=path.name.replace(".", r"\.")):
            RetrievalIndex.load(saved)

    @pytest.mark.parametrize("pattern", ["index.json", "vectors-*"])
    @pytest.mark.parametrize("seed", thorough_but(range(5), range(25)))
    def test_a_flipped_bit(self, saved, pattern, seed):
        (path,) = saved.glob(pattern)
        data = bytearray(path.read_bytes())
        rng = np.random.default_rng(seed)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        with pytest.raises(ValueError, match=path.name.replace(".", r"\.")):
            RetrievalIndex.load(saved)

    def test_a_file_cut_short_is_found_without_checksums(self, saved):
        path = _vectors(saved)
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(ValueError, match="is damaged or no array"):
            RetrievalIndex.load(saved, verify=False)

    def test_a_missing_file(self, saved):
        _vectors(saved).unlink()
        with pytest.raises(ValueError, match="is missing"):
            RetrievalIndex.load(saved)

    def test_a_newer_version(self, saved):
        document = _document(saved) | {"version": 2}
        (saved / "index.json").write_text(json.dumps(document))
        with pytest.raises(ValueError, match="has format version 2, and this"):
            RetrievalIndex.load(saved)

    @pytest.mark.parametrize(
        "text", ["", "null", "[]", '{"format": "other"}', "[" * 100_000, "\xff{"]
    )
    def test_foreign_documents(self, saved, text):
        (saved / "index.json").write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"index\.json is (not|damaged)"):
            RetrievalIndex.load(saved)

    def test_a_wrong_array_in_its_place(self, saved):
        np.save(_vectors(saved), np.zeros((80, 5)))
        with pytest.raises(ValueError, match=r"must hold <f4 of shape .* Got <f8"):
            RetrievalIndex.load(saved, verify=False)


class Bomb:
    """Pickles to a call that leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class TestStrangers:
    @pytest.mark.parametrize("verify", [True, False])
    def test_pickles_are_not_opened(self, saved, tmp_path, verify):
        target = tmp_path / "run"
        path = _vectors(saved)
        payloads = [pickle.dumps(Bomb(str(target)))]
        array = np.array([Bomb(str(target))], dtype=object)
        np.save(path, array, allow_pickle=True)
        payloads.append(path.read_bytes())
        for data in payloads:
            path.write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            entry = {"name": path.name, "sha256": digest, "dtype": "|O", "shape": [1]}
            _rewrite(saved, lambda c, e=entry: c["arrays"].update(vectors=e))
            with pytest.raises(ValueError, match="is damaged or no array"):
                RetrievalIndex.load(saved, verify=verify)
        assert not target.exists()

    def test_archives_are_not_unpacked(self, saved):
        path = _vectors(saved)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("vectors.npy", bytes(50_000_000))
        with pytest.raises(ValueError, match="is damaged or no array"):
            RetrievalIndex.load(saved, verify=False)

    @pytest.mark.parametrize("name", ["../x.npy", "/etc/passwd", "x.npy", 3, None])
    def test_files_elsewhere_are_not_opened(self, saved, name):
        _rewrite(saved, lambda c: c["arrays"]["vectors"].update(name=name))
        with pytest.raises(ValueError, match=r"index\.json must name files of its fol"):
            RetrievalIndex.load(saved)

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
            lambda c: c.update(n_smoothing_neighbors="x"),
            lambda c: c["arrays"]["vectors"].pop("shape"),
        ],
        ids=range(18),
    )
    def test_documents_that_no_index_writes_are_refused(self, saved, change):
        _rewrite(saved, change)
        with pytest.raises(ValueError, match=r"(index is not what|index\.json is not)"):
            RetrievalIndex.load(saved)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
    def test_vectors_that_no_index_writes_are_refused(self, saved, value):
        path = _vectors(saved)
        vectors = np.load(path)
        vectors[3, 2] = value
        np.save(path, vectors)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        _rewrite(saved, lambda c: c["arrays"]["vectors"].update(sha256=digest))
        with pytest.raises(ValueError, match="vectors must not be longer than 1"):
            RetrievalIndex.load(saved)

    @pytest.mark.parametrize(
        ("stem", "change", "message"),
        [
            ("levels", lambda a: a.__setitem__(3, 99), "levels must be counts"),
            ("levels", lambda a: a.__setitem__(3, 0), "levels must be counts"),
            ("levels", lambda a: a.__setitem__(3, a[3] % 2 + 1), "neighbors must be"),
            ("neighbors", lambda a: a.__setitem__(0, 10**6), "rows of the gallery"),
            ("neighbors", lambda a: a.__setitem__(0, -2), "rows of the gallery"),
            (
                "neighbors",
                "link a node to one that is not on the level",
                "on the level",
            ),
        ],
    )
    def test_graphs_that_lead_nowhere_are_refused(
        self, tmp_path, stem, change, message
    ):
        pytest.importorskip("faiss")
        _, gallery = make_codes(0, 1, 400, 5)
        options = {"index_type": "hnsw", "index_params": {"M": 4}}
        index = RetrievalIndex(vectors=gallery, backend="faiss", **options)
        folder = tmp_path / "index"
        index.save(folder)
        arrays = {
            name: np.load(next(folder.glob(f"{name}-*")))
            for name in ("levels", "neighbors")
        }
        if isinstance(change, str):
            (low,) = np.nonzero(arrays["levels"] == 1)
            (high,) = np.nonzero(arrays["levels"] > 1)
            # Neighbours of a node: 8 on the lowest level, 4 on each of the others.
            sizes = 8 + 4 * (arrays["levels"].astype(int) - 1)
            first = np.concatenate([[0], np.cumsum(sizes)])[high[0]]
            arrays["neighbors"][first + 8] = low[0]
        else:
            change(arrays[stem])
        path = next(folder.glob(f"{stem}-*"))
        np.save(path, arrays[stem])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        _rewrite(folder, lambda c: c["arrays"][stem].update(sha256=digest))
        with pytest.raises(ValueError, match=message):
            RetrievalIndex.load(folder)

    @pytest.mark.parametrize("entry_point", [-1, 400, None, "x"])
    def test_a_graph_must_have_a_place_to_start(self, tmp_path, entry_point):
        pytest.importorskip("faiss")
        _, gallery = make_codes(0, 1, 400, 5)
        index = RetrievalIndex(vectors=gallery, backend="faiss", index_type="hnsw")
        index.save(tmp_path / "index")
        _rewrite(tmp_path / "index", lambda c: c.update(entry_point=entry_point))
        with pytest.raises(ValueError, match="is not what"):
            RetrievalIndex.load(tmp_path / "index")


class Crash(BaseException):
    """Ends a save as abruptly as an exception can."""


class TestCrashes:
    @pytest.mark.parametrize("step", range(12))
    def test_a_save_that_fails_leaves_the_old_index(
        self, saved, data, step, monkeypatch
    ):
        n_calls = 0

        def counted(function):
            def call(*args, **kwargs):
                nonlocal n_calls
                n_calls += 1
                if n_calls == step + 1:
                    raise Crash
                return function(*args, **kwargs)

            return call

        new = RetrievalIndex(vectors=data[1][:30])
        with monkeypatch.context() as patch:
            patch.setattr(_files.os, "fsync", counted(os.fsync))
            patch.setattr(_files.Path, "replace", counted(_files.Path.replace))
            patch.setattr(_files.json, "dumps", counted(json.dumps))
            try:
                new.save(saved)
                has_failed = False
            except Crash:
                has_failed = True
        # Step by step: arrays, document, folder; then it is there; folder again.
        loaded = RetrievalIndex.load(saved)
        assert len(loaded) in ((80, 30) if has_failed else (30,))
        assert len(list(saved.iterdir())) == 2
        assert has_failed == (step < n_calls)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
    @pytest.mark.parametrize("n_kills", thorough_but([10], [10, 100]))
    def test_a_killed_save_leaves_the_old_index_or_the_new_one(self, n_kills, tmp_path):
        # In a process of its own, which has no threads when it forks.
        code = Path(__file__).with_name("kill_saves.py")
        done = subprocess.run(
            [sys.executable, str(code), str(tmp_path / "index"), str(n_kills)],
            env=os.environ
            | {
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(Path(sklearn_xmodal.__file__).parents[1]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        n_old, n_new = map(int, done.stdout.split())
        assert n_old + n_new == n_kills
        # Killed before and after the new one was there.
        assert min(n_old, n_new) > n_kills // 20
        assert len(list((tmp_path / "index").iterdir())) == 2
