"""What was saved is loaded, whole or not at all, and nothing else is."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sklearn_xmodal
from sklearn_xmodal import (
    CCARetriever,
    KCCARetriever,
    ModalityTransformer,
    RetrievalIndex,
    load,
    save,
)
from sklearn_xmodal.persistence import InvalidFileError, read_card
from sklearn_xmodal.persistence import _files as _saving_files
from sklearn_xmodal.utils import _atomic
from tests.conftest import thorough_but
from tests.neighbors.oracles import make_codes
from tests.neighbors.rewriting import rewrite
from tests.neighbors.test_index import BACKENDS, _name
from tests.persistence.golden import FOLDER as GOLDEN

# What file systems and programs put beside files.
LITTER = [
    ".DS_Store",
    "Thumbs.db",
    ".nfs0000000000a1",
    "._x",
    "~lock",
    "index.json.bak",
]
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
def path(tmp_path):
    """Place of the file under test."""
    return tmp_path / "index.xmodal"


@pytest.fixture
def saved(path, data):
    """The file of an index."""
    RetrievalIndex(vectors=data[1], labels=np.arange(80) % 3).save(path)
    return path


class TestRoundTrip:
    @pytest.mark.parametrize("mmap_mode", ["r", None])
    def test_a_loaded_index_gives_the_same_bytes(self, backend, mmap_mode, data, path):
        query, gallery = data
        index = RetrievalIndex(
            vectors=gallery, labels=[i % 4 for i in range(80)], **backend
        )
        index.remove([7, 30])
        index.save(path)
        loaded = RetrievalIndex.load(path, mmap_mode=mmap_mode)
        for options in ({}, {"labels": [1, 2]}, {"exclude": [5]}):
            one, two = (i.search(vectors=query, **options) for i in (index, loaded))
            assert one.scores.tobytes() == two.scores.tobytes()
            assert one.ids.tobytes() == two.ids.tobytes()
        assert repr(loaded) == repr(index)
        assert loaded.index_params == index.index_params

    def test_a_loaded_index_goes_on_as_the_saved_one(self, backend, data, path):
        query, gallery = data
        index = RetrievalIndex(vectors=gallery[:50], **backend)
        index.save(path)
        loaded = RetrievalIndex.load(path)
        for i in (index, loaded):
            i.add(vectors=gallery[50:])
            i.remove([3, 60])
        assert_array_equal(loaded.ids, index.ids)
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.ids.tobytes() == two.ids.tobytes()

    def test_graph_of_hnsw_is_not_built_again(self, path):
        pytest.importorskip("faiss")
        query, gallery = make_codes(1, 50, 2000, 12)
        index = RetrievalIndex(
            vectors=gallery,
            backend="faiss",
            index_type="hnsw",
            index_params={"M": 4, "efConstruction": 8, "efSearch": 10},
        )
        index.save(path)
        loaded = RetrievalIndex.load(path)
        # A poor graph makes mistakes of its own, which another would not.
        assert 0.2 < index.recall(vectors=query) < 0.999
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.ids.tobytes() == two.ids.tobytes()

    def test_ids_labels_and_payload_come_back_as_they_were(self, path):
        payload = [{"a": [1, (2, None)], "tuple": {}}, [], "x", *range(7)]
        index = RetrievalIndex(
            vectors=np.eye(10), ids=IDS, labels=IDS[::-1], payload=payload
        )
        index.save(path)
        loaded = RetrievalIndex.load(path)
        for got, expected in [
            (loaded.ids, IDS),
            (loaded.labels, IDS[::-1]),
            (loaded.get_payload(IDS), payload),
        ]:
            assert got.tolist() == expected
            assert list(map(type, got)) == list(map(type, expected))

    @pytest.mark.parametrize("kind", ["csls", "nnn", "dynamic_inverted_softmax"])
    def test_hubness_is_kept(self, data, path, kind):
        query, gallery = data
        index = RetrievalIndex(
            vectors=gallery,
            hubness=kind,
            hubness_queries=query[::-1],
            n_hubness_neighbors=2,
            hubness_weight=1.5,
        )
        index.save(path)
        loaded = RetrievalIndex.load(path)
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.scores.tobytes() == two.scores.tobytes()
        for i in (index, loaded):
            i.add(vectors=query[:4] * [1, 1, 1, 1, 0], ids=range(200, 204))
            i.remove([*range(0, 80, 3)])
        one, two = (i.search(vectors=query) for i in (index, loaded))
        assert one.scores.tobytes() == two.scores.tobytes()

    def test_retriever_goes_along(self, pair, path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        for _ in range(2):
            index.save(path)
        assert list(path.parent.iterdir()) == [path]
        loaded = RetrievalIndex.load(path)
        assert_array_equal(
            loaded.search(image=X_img).ids, index.search(image=X_img).ids
        )

    def test_features_need_the_retriever(self, pair, path):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        index = RetrievalIndex(retriever, text=X_txt)
        index.save(path, include_retriever=False)
        bare = RetrievalIndex.load(path)
        got = bare.search(vectors=retriever.transform_image(X_img))
        assert_array_equal(got.ids, index.search(image=X_img).ids)
        with pytest.raises(TypeError, match="image needs an index with a retriever"):
            bare.search(image=X_img)
        loaded = RetrievalIndex.load(path, retriever=retriever)
        assert_array_equal(loaded.search(image=X_img).ids, got.ids)

    def test_retriever_without_a_place_in_files_leaves_the_old_index(self, pair, path):
        X_img, X_txt, _ = pair
        RetrievalIndex(vectors=X_txt).save(path)
        kernel = KCCARetriever(3, kernel=np.dot).fit(X_img, X_txt)
        with pytest.raises(TypeError, match="kernel"):
            RetrievalIndex(kernel, text=X_txt).save(path)
        assert RetrievalIndex.load(path).retriever is None

    def test_functions_of_the_package_take_indexes(self, pair, path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        save(index, path)
        loaded = load(path)
        assert_array_equal(
            loaded.search(image=X_img).ids, index.search(image=X_img).ids
        )
        save(index, path, card={"scores": 1})
        card = read_card(path)
        assert (card["class"], card["scores"]) == ("RetrievalIndex", 1)
        with pytest.raises(FileNotFoundError, match="no index"):
            load(path.parent)

    def test_damaged_encoder_is_refused(self, pair, path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        index.save(path)
        rewrite(path, lambda state, _: state["text_encoder"].update({"kind": "os"}))
        with pytest.raises(InvalidFileError, match="an encoder of kind 'os'"):
            RetrievalIndex.load(path)

    def test_an_encoder_that_is_none_is_refused(self, pair, path):
        X_img, X_txt, _ = pair
        index = RetrievalIndex(CCARetriever(3).fit(X_img, X_txt), text=X_txt)
        for encoder in (ModalityTransformer().fit(X_img, X_txt), CCARetriever(), 3):
            index.text_encoder = encoder
            index.save(path)
            with pytest.raises(InvalidFileError, match="do not fit together"):
                RetrievalIndex.load(path)

    def test_an_index_is_no_model_and_a_model_no_index(self, saved, pair):
        assert isinstance(load(saved), RetrievalIndex)
        save(CCARetriever(), saved)
        with pytest.raises(InvalidFileError, match="which holds a CCARetriever; use"):
            RetrievalIndex.load(saved)

    def test_subclasses_are_saved_as_what_they_add_to(self, path, data):
        class Own(RetrievalIndex):
            pass

        Own(vectors=data[1]).save(path)
        assert type(load(path)) is RetrievalIndex
        assert type(Own.load(path)) is Own

    def test_payload_of_any_length_is_kept(self, path):
        n = 5000
        payload = [{"text": "x" * 50, "of": (i, None)} for i in range(n)]
        ids = [i if i % 2 else f"{i}" for i in range(n)]
        vectors = np.random.default_rng(0).normal(size=(n, 2))
        RetrievalIndex(vectors=vectors, ids=ids, payload=payload).save(path)
        # Not in the header, which is limited.
        assert int.from_bytes(path.read_bytes()[:8], "little") < 10_000
        loaded = RetrievalIndex.load(path)
        assert loaded.ids.tolist() == ids
        assert loaded.get_payload(ids).tolist() == payload

    def test_vectors_are_read_from_the_file_when_needed(self, saved):
        loaded = RetrievalIndex.load(saved)
        assert isinstance(loaded.vectors.base, np.memmap) or isinstance(
            loaded.vectors, np.memmap
        )
        loaded = RetrievalIndex.load(saved, mmap_mode=None)
        assert type(loaded.vectors.base) is np.ndarray

    def test_an_index_that_joblib_has_mapped_is_saved(self, pair, path):
        joblib = pytest.importorskip("joblib")
        X_img, X_txt, y = pair
        index = RetrievalIndex(
            CCARetriever(3).fit(X_img, X_txt),
            text=X_txt,
            labels=y,
            hubness="csls",
            hubness_queries=X_img,
        )
        joblib.dump(index, path.with_name("index.joblib"))
        mapped = joblib.load(path.with_name("index.joblib"), mmap_mode="r")
        mapped.save(path)
        expected = index.search(image=X_img)
        for got in (mapped, RetrievalIndex.load(path)):
            assert_array_equal(got.search(image=X_img).ids, expected.ids)
        mapped.add(text=X_txt[:2], labels=[0, 0])
        mapped.remove([1])
        mapped.save(path)
        assert len(RetrievalIndex.load(path)) == len(mapped) == 61

    def test_an_index_can_be_saved_over_the_file_that_it_maps(self, saved, data):
        query, gallery = data
        loaded = RetrievalIndex.load(saved)
        loaded.save(saved)
        loaded.add(vectors=query, labels=[9] * 10)
        loaded.save(saved)
        again = RetrievalIndex.load(saved)
        assert len(again) == 90
        assert_array_equal(again.vectors, np.vstack([gallery, query]))
        assert list(saved.parent.iterdir()) == [saved]


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
        ],
    )
    def test_what_json_cannot_hold_is_refused_before_a_byte_is_written(
        self, arguments, message, path
    ):
        index = RetrievalIndex(vectors=np.eye(2), **arguments)
        with pytest.raises(TypeError, match=message):
            index.save(path)
        assert list(path.parent.iterdir()) == []

    def test_what_the_system_leaves_in_an_old_folder_does_no_harm(self, tmp_path):
        folder = tmp_path / "old"
        shutil.copytree(GOLDEN / "indexes-1" / "exact-gallery.index", folder)
        for name in LITTER:
            (folder / name).write_bytes(b"x")
        index = RetrievalIndex.load(folder, mmap_mode=None)
        index.save(tmp_path / "new.xmodal")
        assert_array_equal(
            RetrievalIndex.load(tmp_path / "new.xmodal").vectors, index.vectors
        )

    def test_what_is_no_file_is_left_alone(self, tmp_path):
        index = RetrievalIndex(vectors=np.eye(2))
        (tmp_path / "thesis").mkdir()
        with pytest.raises(ValueError, match=r"thesis', which is a folder"):
            index.save(tmp_path / "thesis")
        with pytest.raises(FileNotFoundError, match="must be in a folder that exists"):
            index.save(tmp_path / "a" / "b")
        assert [p.name for p in tmp_path.iterdir()] == ["thesis"]

    @pytest.mark.parametrize("name", LITTER)
    def test_what_the_system_leaves_beside_does_no_harm(self, saved, name, data):
        other = saved.with_name(name)
        other.write_bytes(b"x")
        RetrievalIndex(vectors=data[1][:9]).save(saved)
        assert len(RetrievalIndex.load(saved)) == 9
        assert other.read_bytes() == b"x"

    def test_an_emptied_index_is_not_saved(self, path):
        index = RetrievalIndex(vectors=np.eye(2))
        index.remove([0, 1])
        with pytest.raises(ValueError, match="must hold items to be saved"):
            index.save(path)

    def test_mmap_mode_is_checked(self, saved):
        with pytest.raises(ValueError, match=r"'mmap_mode' parameter .* Got 'r\+'"):
            RetrievalIndex.load(saved, mmap_mode="r+")


class TestDamage:
    def test_there_must_be_a_file(self, path):
        with pytest.raises(FileNotFoundError, match="which does not exist"):
            RetrievalIndex.load(path)
        with pytest.raises(
            FileNotFoundError, match=r"a folder that holds no index\.json"
        ):
            RetrievalIndex.load(path.parent)

    @pytest.mark.parametrize("verify", [True, False])
    @pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
    def test_a_truncated_file(self, saved, share, verify):
        saved.write_bytes(saved.read_bytes()[: int(share * saved.stat().st_size)])
        with pytest.raises(InvalidFileError, match="The file must"):
            RetrievalIndex.load(saved, verify=verify)

    @pytest.mark.parametrize("mmap_mode", ["r", None])
    @pytest.mark.parametrize("seed", thorough_but(range(5), range(25)))
    def test_a_flipped_bit(self, saved, mmap_mode, seed):
        rng = np.random.default_rng(seed)
        whole = saved.read_bytes()
        start = 8 + int.from_bytes(whole[:8], "little")
        for low, high in ((0, start), (start, len(whole))):
            data = bytearray(whole)
            data[rng.integers(low, high)] ^= 1 << int(rng.integers(8))
            saved.write_bytes(data)
            with pytest.raises(InvalidFileError, match="The file must"):
                RetrievalIndex.load(saved, mmap_mode=mmap_mode)

    def test_arrays_are_not_read_without_need(self, saved):
        data = bytearray(saved.read_bytes())
        data[-5] ^= 1  # in the vectors
        saved.write_bytes(data)
        assert len(RetrievalIndex.load(saved, verify=False)) == 80
        with pytest.raises(InvalidFileError, match="checksum of its arrays"):
            RetrievalIndex.load(saved)
        with pytest.raises(InvalidFileError, match="checksum of its arrays"):
            load(saved)


class TestStrangers:
    @pytest.mark.parametrize(
        "change",
        [
            lambda state, _: state.pop("ids"),
            lambda state, _: state.update(more=1),
            lambda state, _: state.update(ids=[1] * 80),
            lambda state, _: state.update(ids=[*range(79), [1]]),
            lambda state, _: state.update(ids=list(range(79))),
            lambda state, _: state.update(ids={"type": "dict", "items": []}),
            lambda state, t: (state.pop("ids"), t.pop("RetrievalIndex.ids")),
            lambda state, _: state.update(labels=7),
            lambda state, _: state.update(payload=[{"type": "path", "path": "/"}] * 80),
            lambda state, _: state.update(payload="x"),
            lambda state, _: state.update(next_id="x"),
            lambda state, _: state.update(modality="audio"),
            lambda state, _: state.update(backend="os"),
            lambda state, _: state.update(index_type="hnsw"),
            lambda state, _: state.update(index_params=[1]),
            lambda state, _: state.update(hubness={"type": "dict", "items": []}),
            lambda state, _: state.update(hubness=3),
            lambda state, _: state.update(graph=3),
            lambda state, _: state.update(graph={"type": "dict", "items": [["a", 1]]}),
            lambda state, _: state.update(n_smoothing_neighbors="x"),
            lambda state, _: state.update(vectors=3),
            lambda state, _: state["vectors"].update(axes=[1, 0]),
            lambda state, _: state["vectors"].update(dtype=">f4"),
            lambda _, tensors: tensors.update({"RetrievalIndex.vectors": np.ones(80)}),
            lambda _, t: t.update({"RetrievalIndex.vectors": np.ones((0, 5), "f4")}),
            lambda _, t: t.update({"RetrievalIndex.vectors": np.ones((80, 5), "f8")}),
        ],
        ids=range(26),
    )
    @pytest.mark.parametrize("verify", [True, False])
    def test_states_that_no_index_writes_are_refused(self, saved, change, verify):
        rewrite(saved, change)
        with pytest.raises(
            InvalidFileError, match=r"(do not fit|of type|refers to|as an attribute)"
        ):
            RetrievalIndex.load(saved, verify=verify)

    @pytest.mark.parametrize("mmap_mode", ["r", None])
    @pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
    def test_vectors_that_no_index_writes_are_refused(self, saved, value, mmap_mode):
        def change(_, tensors):
            tensors["RetrievalIndex.vectors"][3, 2] = value

        rewrite(saved, change)
        with pytest.raises(InvalidFileError, match="vectors must not be longer than 1"):
            RetrievalIndex.load(saved, mmap_mode=mmap_mode)
        with pytest.raises(InvalidFileError, match="vectors must not be longer than 1"):
            load(saved)

    def test_reference_queries_that_no_index_writes_are_refused(self, path, data):
        query, gallery = data
        index = RetrievalIndex(vectors=gallery, hubness="csls", hubness_queries=query)
        index.save(path)

        def change(_, tensors):
            tensors["RetrievalIndex.hubness['queries']"][0] = 3

        rewrite(path, change)
        with pytest.raises(InvalidFileError, match="vectors must not be longer than 1"):
            RetrievalIndex.load(path)

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("dynamic_inverted_softmax", lambda nearest: nearest - 81),
            ("dynamic_inverted_softmax", lambda nearest: nearest + 80),
            ("dynamic_inverted_softmax", lambda nearest: nearest[:-1]),
            ("dynamic_inverted_softmax", lambda nearest: nearest.astype("i4")),
            ("csls", lambda nearest: nearest),
        ],
    )
    def test_nearest_rows_that_no_index_writes_are_refused(
        self, path, data, kind, change
    ):
        query, gallery = data
        right = "dynamic_inverted_softmax"
        index = RetrievalIndex(vectors=gallery, hubness=right, hubness_queries=query)
        index.save(path)

        def forge(state, tensors):
            name = "RetrievalIndex.hubness['nearest']"
            tensors[name] = change(tensors[name])
            (entry,) = (i for i in state["hubness"]["items"] if i[0] == "kind")
            entry[1] = kind

        rewrite(path, forge)
        with pytest.raises(InvalidFileError, match="nearest"):
            RetrievalIndex.load(path)

    @pytest.mark.parametrize(
        ("name", "change", "message"),
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
    def test_graphs_that_lead_nowhere_are_refused(self, path, name, change, message):
        pytest.importorskip("faiss")
        _, gallery = make_codes(0, 1, 400, 5)
        options = {"index_type": "hnsw", "index_params": {"M": 4}}
        RetrievalIndex(vectors=gallery, backend="faiss", **options).save(path)

        def forge(_, tensors):
            array = tensors[f"RetrievalIndex.graph['{name}']"]
            if not isinstance(change, str):
                change(array)
                return
            levels = tensors["RetrievalIndex.graph['levels']"]
            (low,) = np.nonzero(levels == 1)
            (high,) = np.nonzero(levels > 1)
            # Neighbours of a node: 8 on the lowest level, 4 on each of the others.
            sizes = 8 + 4 * (levels.astype(int) - 1)
            first = np.concatenate([[0], np.cumsum(sizes)])[high[0]]
            array[first + 8] = low[0]

        rewrite(path, forge)
        with pytest.raises(InvalidFileError, match=message):
            RetrievalIndex.load(path)

    @pytest.mark.parametrize("entry_point", [-1, 400, None, "x", "missing"])
    def test_a_graph_must_have_a_place_to_start(self, path, entry_point):
        pytest.importorskip("faiss")
        _, gallery = make_codes(0, 1, 400, 5)
        index = RetrievalIndex(vectors=gallery, backend="faiss", index_type="hnsw")
        index.save(path)

        def forge(state, _):
            items = dict(state["graph"]["items"])
            items["entry_point"] = entry_point
            if entry_point == "missing":
                del items["entry_point"]
            state["graph"]["items"] = [list(item) for item in items.items()]

        rewrite(path, forge)
        with pytest.raises(InvalidFileError, match="do not fit"):
            RetrievalIndex.load(path)


class Crash(BaseException):
    """Ends a save as abruptly as an exception can."""


class TestCrashes:
    @pytest.mark.parametrize("step", range(4))
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
            patch.setattr(_atomic.os, "fsync", counted(os.fsync))
            patch.setattr(Path, "replace", counted(Path.replace))
            try:
                new.save(saved)
                has_failed = False
            except Crash:
                has_failed = True
        # File, renaming, folder.
        loaded = RetrievalIndex.load(saved)
        assert len(loaded) == (80 if step < 2 else 30)
        assert list(saved.parent.iterdir()) == [saved]
        assert has_failed == (step < n_calls)
        assert (step < 3) == has_failed

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
    @pytest.mark.parametrize("n_kills", thorough_but([10], [10, 100]))
    def test_a_killed_save_leaves_the_old_index_or_the_new_one(self, n_kills, path):
        # In a process of its own, which has no threads when it forks.
        code = Path(__file__).with_name("kill_saves.py")
        done = subprocess.run(
            [sys.executable, str(code), str(path), str(n_kills)],
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
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.skipif(os.name == "nt", reason="files in use cannot be replaced")
    def test_who_reads_during_saves_finds_an_index(self, path, data):
        sides = [RetrievalIndex(vectors=data[1][:n]) for n in (30, 80)]
        sides[0].save(path)
        is_over, sizes = threading.Event(), set()

        def write():
            try:
                for i in range(30):
                    sides[(i + 1) % 2].save(path)
            finally:
                is_over.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not is_over.is_set():
            index = RetrievalIndex.load(path)
            found = index.search(vectors=data[0], k=len(index))
            assert len(set(found.ids[0].tolist())) == len(index)
            sizes.add(len(index))
        writer.join()
        assert sizes == {30, 80}

    @pytest.mark.skipif(os.name == "nt", reason="files in use cannot be replaced")
    @pytest.mark.thorough
    @pytest.mark.parametrize("mmap_mode", ["r", None])
    def test_no_load_fails_while_another_process_saves(self, path, data, mmap_mode):
        code = (
            "import sys, numpy as np\n"
            "from sklearn_xmodal import RetrievalIndex\n"
            "rng = np.random.default_rng(0)\n"
            "sides = [RetrievalIndex(vectors=rng.normal(size=(n, 20)),\n"
            "                        payload=['x'] * n) for n in (30, 3000)]\n"
            "sides[0].save(sys.argv[1])\n"
            "print('saved', flush=True)\n"
            "for i in range(100):\n"
            "    sides[(i + 1) % 2].save(sys.argv[1])\n"
        )
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
        )
        try:
            assert writer.stdout.readline() == b"saved\n"
            sizes = []
            while writer.poll() is None:
                index = RetrievalIndex.load(path, mmap_mode=mmap_mode)
                sizes.append(len(index))
                assert index.search(vectors=np.eye(1, 20)).ids.shape == (1, 10)
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()
        assert writer.returncode == 0
        assert set(sizes) <= {30, 3000}
        assert len(sizes) > 5

    def test_an_index_that_is_changed_meanwhile_is_saved_as_it_was(
        self, path, data, monkeypatch
    ):
        query, gallery = data
        index = RetrievalIndex(vectors=gallery, labels=[0] * 80)
        index.add(vectors=query, labels=[0] * 10)  # with room for more
        expected = index.vectors.copy()
        write = _saving_files.write

        def change_first(*args):
            index.remove(range(40))
            index.add(vectors=query, labels=[1] * 10)
            write(*args)

        monkeypatch.setattr(_saving_files, "write", change_first)
        index.save(path)
        loaded = RetrievalIndex.load(path)
        assert_array_equal(loaded.vectors, expected)
        assert loaded.ids.tolist() == list(range(90))
