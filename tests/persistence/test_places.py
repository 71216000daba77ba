"""Where files go: what is in the way is left alone, and errors say what to do."""

import contextlib
import errno
import os
import re
import threading
from pathlib import Path

import pytest

from sklearn_xmodal import CCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.deep.training._checkpoint import checkpoints_in
from sklearn_xmodal.persistence import InvalidFileError, export_onnx, read_card
from sklearn_xmodal.utils import _atomic
from tests.conftest import RETRIEVERS

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
needs_rights = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="needs rights that can be missing"
)


def _index(path):
    RetrievalIndex(vectors=[[1.0]]).save(path)


def _model(path):
    save(CCARetriever(), path)


SAVES = pytest.mark.parametrize("write", [_model, _index])


@needs_posix
@SAVES
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nothing", "device"])
def test_what_has_the_name_of_a_temporary_file_is_left_alone(kind, write, path):
    leftover = path.with_name(f".{path.name}.0123456789abcdef.xmodal-tmp")
    make = {
        "pipe": os.mkfifo,
        "folder": os.mkdir,
        "link to nothing": lambda p: Path(p).symlink_to("nothing"),
        "device": lambda p: Path(p).symlink_to(os.devnull),
    }
    make[kind](leftover)
    before = leftover.lstat()
    write(path)
    assert os.path.samestat(leftover.lstat(), before)
    assert sorted(path.parent.iterdir()) == [leftover, path]


@needs_posix
@SAVES
def test_links_to_themselves_and_long_names_say_what_to_do(write, path):
    path.symlink_to(path)
    with pytest.raises(OSError, match=r"path must be .* remove that link") as caught:
        write(path)
    assert (caught.value.errno, path.is_symlink()) == (errno.ELOOP, True)
    long = path.with_name("x" * 300)
    with pytest.raises(OSError, match=r"path must be .* choose a shorter name") as got:
        write(long)
    assert got.value.errno == errno.ENAMETOOLONG
    assert list(path.parent.iterdir()) == [path]


@needs_posix
@SAVES
def test_a_link_into_a_folder_that_is_gone_is_named(write, path):
    path.symlink_to(path.parent / "gone" / "model")
    with pytest.raises(FileNotFoundError, match=r"create '.*gone' first"):
        write(path)
    with pytest.raises(FileNotFoundError, match="must be in a folder that exists"):
        write(path.parent / "a" / "b")
    (path.parent / "file").touch()
    with pytest.raises(FileNotFoundError, match="must be in a folder that exists"):
        write(path.parent / "file" / "model")


@SAVES
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EROFS, "choose another disk"),
        (errno.EACCES, "ask for the right to write"),
    ],
)
@pytest.mark.parametrize("when", ["fsync", "replace", "open"])
def test_what_the_system_refuses_comes_with_advice(
    when, number, advice, write, path, monkeypatch
):
    real = Path.open

    def refuse(*args, **options):
        if when == "open" and args[1:] != ("xb",):
            return real(*args, **options)
        raise OSError(number, os.strerror(number))

    if when == "fsync":
        monkeypatch.setattr(_atomic.os, "fsync", refuse)
    else:
        monkeypatch.setattr(Path, when, refuse)
    message = rf"path must be one that can be written.*{re.escape(str(path))}.*{advice}"
    with pytest.raises(OSError, match=message) as caught:
        write(path)
    assert caught.value.errno == number
    monkeypatch.undo()
    assert list(path.parent.iterdir()) == []


@needs_rights
@SAVES
def test_a_folder_without_the_right_to_write_is_named(write, path):
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="ask for the right to write there"):
            write(path)
    finally:
        path.parent.chmod(0o700)


@needs_rights
def test_a_file_without_the_right_to_read_is_named(path):
    _model(path)
    path.chmod(0)
    for read in (load, read_card):
        with pytest.raises(InvalidFileError, match=f"can be read.*{path.name}"):
            read(path)


NAMES = ["._x", "~lock", "index.json.bak", ".nfs0001", "Thumbs.db", ".DS_Store"]


@SAVES
@pytest.mark.parametrize("name", NAMES)
def test_what_others_leave_beside_refuses_nothing(name, write, path):
    other = path.with_name(name)
    other.write_bytes(b"x")
    for _ in range(2):
        write(path)
        load(path)
    assert other.read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt", reason="files in use cannot be replaced")
def test_every_load_during_saves_finds_a_whole_model(path):
    models, is_over = [CCARetriever(n) for n in (2, 3)], threading.Event()
    save(models[0], path)
    seen: set = set()

    def write():
        with contextlib.suppress(FileNotFoundError):  # the folder, in the end
            while not is_over.is_set():
                for model in models:
                    save(model, path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            seen.add(load(path).n_components)
            read_card(path)
    finally:
        is_over.set()
        writer.join()
    assert seen == {2, 3}


class TestExports:
    @pytest.fixture
    def fitted(self, small):
        pytest.importorskip("onnx")
        return CCARetriever(1).fit(*small)

    @pytest.mark.parametrize("inner", ["", "a/b"])
    def test_a_file_in_the_way_is_named(self, inner, fitted, path):
        path.write_bytes(b"thesis")
        with pytest.raises(ValueError, match=r"folder must be .* move that away"):
            export_onnx(fitted, path / inner)
        assert path.read_bytes() == b"thesis"

    @needs_posix
    def test_nothing_but_files_is_replaced(self, fitted, path):
        path.mkdir()
        os.mkfifo(path / "text.onnx")
        with pytest.raises(ValueError, match="which is a pipe, a device or a socket"):
            export_onnx(fitted, path)
        assert [p.name for p in path.iterdir()] == ["text.onnx"]

    def test_a_first_export_that_fails_leaves_nothing(self, fitted, path, monkeypatch):
        def fail(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(_atomic.os, "fsync", fail)
        with pytest.raises(OSError, match="make room there"):
            export_onnx(fitted, path / "a" / "b")
        assert list(path.parent.iterdir()) == []
        (path / "a").mkdir(parents=True)
        with pytest.raises(OSError, match="make room there"):
            export_onnx(fitted, path / "a" / "b")
        assert list(path.rglob("*")) == [path / "a"]


class TestCheckpoints:
    def _fit(self, small, folder):
        return RETRIEVERS["MSLNRetriever"](checkpoint_dir=folder).fit(*small)

    @pytest.mark.parametrize("inner", ["", "a/b"])
    def test_a_file_in_the_way_is_named_before_training(self, inner, small, path):
        path.write_bytes(b"thesis")
        message = r"checkpoint_dir must be that of a folder.* move that away"
        with pytest.raises(ValueError, match=message):
            self._fit(small, path / inner)
        assert path.read_bytes() == b"thesis"

    def test_what_others_keep_in_the_folder_is_left_alone(self, small, path):
        others = ["epoch-notes.txt", "epoch-best", "unfinished-thesis", *NAMES]
        path.mkdir()
        for name in others:
            (path / name).mkdir()
            (path / name / "page").write_bytes(b"x")
        (path / "epoch-000009").write_bytes(b"x")  # no folder
        self._fit(small, path)
        assert [p.name for p in checkpoints_in(path)] == ["epoch-000003"]
        names = {*others, "epoch-000009", "epoch-000003"}
        assert {p.name for p in path.iterdir()} == names
        self._fit(small, path)

    def test_a_file_of_the_name_of_a_checkpoint_is_left_alone(self, small, path):
        path.mkdir()
        (path / "epoch-000001").write_bytes(b"x")
        message = "checkpoint_dir must be one that can be written.* move away what is"
        with pytest.raises(OSError, match=message):
            self._fit(small, path)
        assert [p.name for p in path.iterdir()] == ["epoch-000001"]

    def test_a_first_checkpoint_that_fails_leaves_nothing(
        self, small, path, monkeypatch
    ):
        def fail(*args, **kwargs):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("torch.save", fail)
        message = "checkpoint_dir must be .* make room there"
        with pytest.raises(OSError, match=message):
            self._fit(small, path / "a")
        assert list(path.parent.iterdir()) == []
