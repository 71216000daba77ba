"""Damaged and foreign files end in a clear error, and nothing of them is run."""

import os
import pickle
import socket
import zipfile

import joblib
import numpy as np
import pytest
import torch

from sklearn_xmodal import CCARetriever, RetrievalIndex, load, save
from sklearn_xmodal.persistence import InvalidFileError, read_card
from tests.conftest import RETRIEVERS, thorough_but


def _flipped(whole, i, mask):
    return whole[:i] + bytes([whole[i] ^ mask]) + whole[i + 1 :]


@pytest.mark.parametrize("step", thorough_but([7], [7, 1]))
def test_every_flipped_byte_is_found(step, whole, path):
    masks = np.random.default_rng(0).integers(1, 256, size=len(whole)).tolist()
    for i in range(0, len(whole), step):
        path.write_bytes(_flipped(whole, i, masks[i]))
        with pytest.raises(InvalidFileError, match="The file must"):
            load(path)


@pytest.mark.parametrize("mask", thorough_but([1, 128], [2**bit for bit in range(8)]))
def test_every_flipped_bit_of_the_start_is_found(mask, whole, path):
    for i in range(260):  # length, version, both checksums, some of the document
        path.write_bytes(_flipped(whole, i, mask))
        with pytest.raises(InvalidFileError, match="The file must"):
            read_card(path)


def test_card_is_checked_without_the_arrays(whole, path):
    end = 8 + int.from_bytes(whole[:8], "little")
    for i in range(260, end, 7):
        path.write_bytes(_flipped(whole, i, 0x02))
        with pytest.raises(InvalidFileError, match="The file must"):
            read_card(path)
    path.write_bytes(_flipped(whole, len(whole) - 1, 0x02))
    assert read_card(path)["class"] == "CCARetriever"


def test_truncation_is_found(whole, path):
    lengths = [*range(300), *range(300, len(whole), 11), len(whole) - 1]
    for i in lengths:
        path.write_bytes(whole[:i])
        with pytest.raises(InvalidFileError, match="The file must"):
            load(path)


def test_appended_bytes_are_found(whole, path):
    path.write_bytes(whole + b"\0")
    with pytest.raises(InvalidFileError, match=r"damaged one: it has .* bytes, where"):
        load(path)


@pytest.mark.parametrize("name", ["MSLNRetriever", "SemanticMatchingRetriever"])
def test_random_damage_of_larger_files_is_found(name, small, path):
    save(RETRIEVERS[name]().fit(*small), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for i in rng.integers(len(whole), size=rng.integers(1, 4)):
            damaged[i] ^= rng.integers(1, 256)
        if rng.random() < 0.2:
            damaged = damaged[: rng.integers(len(damaged))]
        if damaged != whole:
            path.write_bytes(damaged)
            with pytest.raises(InvalidFileError, match="The file must"):
                load(path)


class _Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(10):
            archive.writestr(f"{i}", bytes(10**7))


FOREIGN = {
    "pickle": (lambda p, b: p.write_bytes(pickle.dumps(b)), "a pickle or joblib file"),
    "joblib": (lambda p, b: joblib.dump(b, p), "a pickle or joblib file"),
    "torch": (lambda p, b: torch.save(b, p), "a zip archive"),
    "npz": (lambda p, b: np.savez(p.open("wb"), a=[1]), "a zip archive"),
    "zip bomb": (lambda p, b: _zip_bomb(p), "a zip archive"),
    "npy": (lambda p, b: np.save(p.open("wb"), [1]), "an array of numpy.save"),
    "text": (lambda p, b: p.write_text("hello" * 99), "a file of 495 bytes that"),
    "empty": (lambda p, b: p.touch(), "an empty file"),
    "zeros": (lambda p, b: p.write_bytes(bytes(10**5)), "a file of 100,000 bytes"),
    "short": (lambda p, b: p.write_bytes(b"{}"), "a file of 2 bytes"),
    "json": (lambda p, b: p.write_text('{"__metadata__":{}}'), "a file of 19 bytes"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("read", [load, read_card])
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_recognised_and_not_opened(name, read, path):
    mark = path.parent / "executed"
    write, message = FOREIGN[name]
    write(path, _Bomb(mark))
    with pytest.raises(InvalidFileError, match=message):
        read(path)
    assert not mark.exists()


def test_safetensors_from_elsewhere_are_recognised(path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({"a": np.ones(3)}, path, {"sklearn_xmodal": "1"})
    with pytest.raises(InvalidFileError, match="a safetensors file from elsewhere"):
        load(path)


def test_paths_that_are_no_files_are_refused(path):
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        load(path)
    path.mkdir()
    with pytest.raises(FileNotFoundError, match="no index"):
        load(path)
    with pytest.raises(ValueError, match="which is a folder"):
        save(CCARetriever(), path)
    with pytest.raises(FileNotFoundError, match="must be in a folder that exists"):
        save(CCARetriever(), path / "none" / "model")
    with pytest.raises(TypeError, match=r"path must be a str or a path\. Got int"):
        load(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_refused_without_waiting(path):
    os.mkfifo(path)
    with pytest.raises(ValueError, match="which is no regular file"):
        load(path)
    _check_that_it_stays(path)


def _check_that_it_stays(path):
    before, names = path.stat(), sorted(path.parent.iterdir())
    for obj in (CCARetriever(), RetrievalIndex(vectors=[[1.0]])):
        with pytest.raises(ValueError, match="which is a pipe, a device or a socket"):
            save(obj, path)
    assert os.path.samestat(path.stat(), before)
    assert path.stat().st_mode == before.st_mode
    assert sorted(path.parent.iterdir()) == names


@pytest.mark.skipif(os.name == "nt", reason="needs devices")
def test_nothing_is_put_in_the_place_of_a_device_or_a_link_to_it(path):
    path.symlink_to(os.devnull)
    _check_that_it_stays(path)
    assert path.is_symlink()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs sockets with a path")
def test_nothing_is_put_in_the_place_of_a_socket(monkeypatch, path):
    monkeypatch.chdir(path.parent)  # their paths are short
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(path.name)
        _check_that_it_stays(path)
