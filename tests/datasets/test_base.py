"""Pinned files are what they should be, wherever they come from."""

import hashlib
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import sklearn_xmodal.datasets
from sklearn_xmodal.datasets import _base, get_data_home
from sklearn_xmodal.datasets._base import DataHome, PinnedFile, RemoteFile
from sklearn_xmodal.datasets._emoji_pictures import read_list
from tests.conftest import SEEDS

CONTENT = np.random.default_rng(0).bytes(300_000)
FILE = RemoteFile(
    path="set/numbers.bin",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    source="someone/repo@abc:a folder/numbers.bin",
)


@pytest.fixture
def home(tmp_path):
    """Make a data home that downloads without delay."""

    def make(download_if_missing=True, n_retries=2, delay=0, folder=tmp_path):
        return DataHome(folder, download_if_missing, n_retries, delay)

    return make


def files_in(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def cached(folder, content=CONTENT):
    path = folder / FILE.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class TestDownload:
    def test_happens_once(self, server, home, tmp_path):
        server.put(FILE, CONTENT)
        assert home().read(FILE) == home().read(FILE) == CONTENT
        assert server.requests == ["/someone/repo/abc/a folder/numbers.bin"]
        assert files_in(tmp_path) == [FILE.path]
        assert (tmp_path / FILE.path).read_bytes() == CONTENT

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (CONTENT[:-1] + b"?", "SHA256 [0-9a-f]{64} instead of"),
            (CONTENT[:-1], "299999 bytes instead of 300000"),
            (CONTENT + b"?", "more than 300000 bytes"),
            (b"", "0 bytes instead of 300000"),
        ],
        ids=["other", "shorter", "longer", "empty"],
    )
    def test_of_other_content_is_an_error(
        self, server, home, tmp_path, content, message
    ):
        server.put(FILE, content)
        with pytest.raises(OSError, match=rf"in 3 attempts.*{message}"):
            home().read(FILE)
        assert len(server.requests) == 3
        assert files_in(tmp_path) == []

    @pytest.mark.parametrize(
        "failure", ["cut", 503, CONTENT[::-1]], ids=["cut", "503", "other"]
    )
    def test_is_tried_again(self, server, home, tmp_path, failure):
        server.put(FILE, CONTENT)
        server.script[server.path_of(FILE)] = [failure, failure]
        assert home().read(FILE) == CONTENT
        assert len(server.requests) == 3
        assert files_in(tmp_path) == [FILE.path]

    def test_that_broke_off_leaves_nothing_and_the_next_call_succeeds(
        self, server, home, tmp_path
    ):
        server.put(FILE, CONTENT)
        server.script[server.path_of(FILE)] = ["cut"]
        with pytest.raises(OSError, match=r"in 1 attempt\. "):
            home(n_retries=0).read(FILE)
        assert files_in(tmp_path) == []
        assert home(n_retries=0).read(FILE) == CONTENT

    def test_waits_between_attempts_only(self, server, home, monkeypatch):
        waits = []
        monkeypatch.setattr(time, "sleep", waits.append)
        with pytest.raises(OSError, match="404"):
            home(n_retries=3, delay=0.5).read(FILE)
        assert waits == [0.5, 0.5, 0.5]
        assert len(server.requests) == 4

    def test_of_an_absent_file_says_what_to_do(self, server, home, tmp_path):
        place = re.escape(str(tmp_path / FILE.path))
        message = (
            rf"^{server.host}/someone/repo/abc/a%20folder/numbers\.bin could "
            rf"not be downloaded.*404.*Check the connection.*put the file at {place} "
            r".*set data_home or SKLEARN_XMODAL_DATA to a folder that has set/numbers"
        )
        with pytest.raises(OSError, match=message):
            home().read(FILE)

    def test_without_a_network_says_what_to_do(self, server, home, monkeypatch):
        monkeypatch.setattr(_base, "HOST", "http://127.0.0.1:9")  # nobody listens
        with pytest.raises(OSError, match=r"Connection.*refused.*Check the connection"):
            home().read(FILE)

    def test_without_pooch_names_the_extra(self, home, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "pooch", None)
        with pytest.raises(ImportError, match=r'pip install "sklearn-xmodal\[datasets'):
            home().read(FILE)
        cached(tmp_path)
        assert home().read(FILE) == CONTENT  # needs no pooch


class TestCache:
    def test_is_used_without_a_server(self, home, tmp_path):
        cached(tmp_path)
        assert home(download_if_missing=False).read(FILE) == CONTENT

    @pytest.mark.parametrize("seed", SEEDS)
    def test_damage_is_mended(self, server, home, tmp_path, seed):
        rng = np.random.default_rng(seed)
        damaged = bytearray(CONTENT)
        damaged[rng.integers(len(CONTENT))] ^= 1 << int(rng.integers(8))
        path = cached(tmp_path, damaged)
        server.put(FILE, CONTENT)
        with pytest.warns(UserWarning, match="is damaged, or another file"):
            assert home().read(FILE) == CONTENT
        assert path.read_bytes() == CONTENT

    def test_damaged_file_stays_if_there_is_no_other(self, server, home, tmp_path):
        path = cached(tmp_path, b"mine")
        with (
            pytest.warns(UserWarning, match="4 bytes instead of 300000"),
            pytest.raises(OSError, match="404"),
        ):
            home().read(FILE)
        assert path.read_bytes() == b"mine"

    def test_damage_is_an_error_without_download(self, home, tmp_path):
        cached(tmp_path, CONTENT[:-1])
        with pytest.raises(OSError, match=r"299999 bytes.*download_if_missing=False"):
            home(download_if_missing=False).read(FILE)

    def test_absence_is_an_error_without_download(self, home, tmp_path):
        message = (
            r"set.numbers\.bin must be the file of https://raw\..*Got no such file, "
            r"and download_if_missing=False. Allow the download, or set data_home or "
        )
        with pytest.raises(FileNotFoundError, match=message):
            home(download_if_missing=False).read(FILE)
        assert files_in(tmp_path) == []

    def test_peek_neither_downloads_nor_trusts(self, server, home, tmp_path):
        server.put(FILE, CONTENT)
        assert home().peek(FILE) is None
        cached(tmp_path, CONTENT[::-1])
        assert home().peek(FILE) is None
        cached(tmp_path)
        assert home().peek(FILE) == CONTENT
        assert server.requests == []

    def test_that_cannot_be_written_is_an_error_before_the_download(
        self, server, home, tmp_path
    ):
        (tmp_path / "occupied").touch()  # a file where the folder should be
        server.put(FILE, CONTENT)
        with pytest.raises(OSError, match=r"must be writable.*set data_home or SKLEAR"):
            home(folder=tmp_path / "occupied").read(FILE)
        assert server.requests == []

    def test_that_is_read_only_serves_what_it_has(self, server, home, tmp_path):
        cached(tmp_path)
        server.put(FILE, CONTENT)
        other = RemoteFile("set/other", FILE.size, FILE.sha256, FILE.source)
        folders = tmp_path / "set", tmp_path
        try:
            for folder in folders:
                folder.chmod(0o555)
            if os.access(folders[0], os.W_OK):
                pytest.skip("this user may write everywhere")
            assert home().read(FILE) == CONTENT
            with pytest.raises(OSError, match=r"must be writable.*Permission denied"):
                home().read(other)
        finally:
            for folder in folders[::-1]:
                folder.chmod(0o755)

    def test_two_processes_may_fill_it_at_once(self, server, tmp_path):
        server.put(FILE, CONTENT)
        server.barrier = threading.Barrier(2)  # neither is served before both ask
        code = (
            "import hashlib\n"
            "from sklearn_xmodal.datasets import _base\n"
            f"_base.HOST = {server.host!r}\n"
            f"file = _base.{FILE!r}\n"
            f"home = _base.DataHome({str(tmp_path)!r}, True, 0, 0)\n"
            "print(hashlib.sha256(home.read(file)).hexdigest())"
        )
        command = [sys.executable, "-c", code]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
        for process in processes:
            out, errors = process.communicate(timeout=120)
            assert (out.strip(), process.returncode) == (FILE.sha256, 0), errors
        assert len(server.requests) == 2
        assert files_in(tmp_path) == [FILE.path]
        assert (tmp_path / FILE.path).read_bytes() == CONTENT


class TestManyFiles:
    @pytest.fixture
    def files(self, server):
        contents = [f"content {i}".encode() for i in range(40)]
        files = [
            RemoteFile(f"many/{i}", len(c), hashlib.sha256(c).hexdigest(), f"a/b@c:{i}")
            for i, c in enumerate(contents)
        ]
        for file, content in zip(files, contents, strict=True):
            server.put(file, content)
        return dict(zip(files, contents, strict=True))

    def test_come_in_the_order_of_the_list(self, server, home, files):
        assert home().read_all(list(files), desc="many") == list(files.values())
        assert len(server.requests) == 40

    def test_several_are_on_their_way_at_once(self, server, home, files):
        server.barrier = threading.Barrier(4)  # would time out one by one
        assert home().read_all(list(files), desc="many") == list(files.values())

    def test_a_second_call_goes_on_where_the_first_one_failed(
        self, server, home, files, tmp_path
    ):
        bad = list(files)[25]
        server.script[server.path_of(bad)] = [500]
        with pytest.raises(OSError, match=r"/a/b/c/25 could not be downloaded.*500"):
            home(n_retries=0).read_all(list(files), desc="many")
        kept = files_in(tmp_path)
        assert "many/25" not in kept
        assert len(kept) >= 24 - 7  # all before it but those on their way
        server.requests.clear()
        assert home().read_all(list(files), desc="many") == list(files.values())
        assert len(server.requests) == 40 - len(kept)


class TestGetDataHome:
    def test_the_argument_wins_over_the_environment(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SKLEARN_XMODAL_DATA", "elsewhere")
        assert get_data_home(tmp_path) == tmp_path
        assert get_data_home(str(tmp_path)) == tmp_path

    def test_the_environment_wins_over_the_default(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SKLEARN_XMODAL_DATA", str(tmp_path))
        assert get_data_home() == tmp_path

    @pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
    def test_the_default_is_below_the_home_folder(self, monkeypatch, tmp_path, value):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        monkeypatch.delenv("SKLEARN_XMODAL_DATA", raising=False)
        if value is not None:
            monkeypatch.setenv("SKLEARN_XMODAL_DATA", value)
        assert get_data_home() == tmp_path / "sklearn_xmodal_data"
        assert get_data_home("~/data") == tmp_path / "data"
        assert files_in(tmp_path) == []


def registry():
    """All pinned files of the package, the pictures apart."""
    files = []
    for module in pkgutil.iter_modules(sklearn_xmodal.datasets.__path__):
        module = importlib.import_module(f"sklearn_xmodal.datasets.{module.name}")
        for value in vars(module).values():
            values = value.values() if isinstance(value, dict) else [value]
            files += [v for v in values if isinstance(v, PinnedFile)]
    return list(dict.fromkeys(files))


class TestRegistry:
    def test_holds_what_the_fetchers_need(self):
        sets = sorted(file.path.split("/")[0] for file in registry())
        counts = {name: sets.count(name) for name in sets}
        assert counts == {
            "ccv": 1,
            "emoji": 3,
            "mfeat": 6,
            "pascal_sentence": 7,
            "wikipedia": 6,
            "wordvectors": 1,
        }

    @pytest.mark.parametrize("file", registry(), ids=lambda file: file.path)
    def test_pins_every_file(self, file):
        assert re.fullmatch(r"[a-z_]+/[A-Za-z0-9_.-]+", file.path)
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert 0 < file.size < 5_000_000
        if isinstance(file, RemoteFile):
            host = r"https://raw\.githubusercontent\.com"
            assert re.fullmatch(rf"{host}/[\w-]+/[\w-]+/[0-9a-f]{{40}}/\S+", file.url)

    def test_pins_every_picture(self):
        codepoints, is_train, pictures = read_list()
        assert (len(codepoints), is_train.sum()) == (938, 650)
        paths = [picture.path for picture in pictures]
        assert paths == [f"emoji/png/{name}.png" for name in codepoints]
        assert all(re.fullmatch("[0-9a-f]+(-[0-9a-f]+)*", name) for name in codepoints)
        assert len({picture.sha256 for picture in pictures}) == 938
        assert len({picture.url for picture in pictures}) == 938

    @pytest.mark.parametrize("file", registry(), ids=lambda file: file.path)
    def test_agrees_with_the_real_files(self, shared_data, file):
        path = shared_data / file.path
        if not path.is_file():
            pytest.skip(f"needs the real {file.path}")
        assert file.fault(path.read_bytes()) is None
