"""Whatever happens to a save, the file is the old one or the new one as a whole."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sklearn_xmodal import CCARetriever, load, save
from sklearn_xmodal.persistence import _files
from sklearn_xmodal.utils import _atomic
from sklearn_xmodal.utils._atomic import replacing

# Runs in a process of its own with one thread, which forks children that save, and
# are killed: at lines of the code that saves, or after some microseconds.
CHILDREN = textwrap.dedent(
    """
    import os, random, signal, sys, time
    from pathlib import Path

    import numpy as np
    from sklearn_xmodal import load, save
    from sklearn_xmodal.encoders import Chain, LinearEncoder
    from sklearn_xmodal.persistence import _files

    FILES = "_atomic.py", "_files.py", "_container.py", "_codec.py"
    how, path, n_kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(0)

    def model(version):
        weights = np.full((100, 400), float(version))
        weights[0] = 1 + version  # or else both parts were equal
        steps = [weights.T, weights]
        return Chain(
            steps=[LinearEncoder(mean=np.zeros(len(W)), weights=W) for W in steps]
        )

    def check(versions):
        found = load(path)
        first, second = (step.weights for step in found.steps)
        version = second[1, 0]
        assert version in versions, (version, versions)
        for weights in (first.T, second):
            assert (weights[1:] == version).all()
            assert (weights[0] == version + 1).all()
        return version

    def lines(stop_at=None):
        # Count the lines that a save runs; be killed at one of them.
        n = 0
        def trace(frame, event, arg):
            nonlocal n
            if not frame.f_code.co_filename.endswith(FILES):
                return None
            if event == "line":
                n += 1
                if n == stop_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        save(model(0 if stop_at is None else version), path)
        sys.settrace(None)
        return n

    save(model(0), path)
    n_lines, old, outcomes, leftovers = lines(), 0, set(), 0
    for version in range(1, n_kills + 1):
        line = rng.randint(1, n_lines + 20)  # removing a leftover takes some more
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            if how == "lines":
                lines(line)
                os.kill(os.getpid(), signal.SIGKILL)  # the last line was before
            while True:
                os.write(writer, b"s")
                save(model(version), path)
        if how == "time":
            for _ in range(1 + version % 2):  # in the first save, or in the second
                os.read(reader, 1)
            time.sleep(rng.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        os.close(reader)
        os.close(writer)
        leftovers += len(list(path.parent.iterdir())) > 1
        new = check({old, version})
        outcomes.add("old" if new == old else "new")
        old = new
    save(model(-1), path)
    assert check({-1}) == -1
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    print(n_kills, "kills", *sorted(outcomes), leftovers)
    """
)


def _kill(how, path, n_kills):
    return subprocess.run(
        [sys.executable, "-c", CHILDREN, how, str(path), str(n_kills)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# Few kills at random times may all come too late: those at lines never do.
@pytest.mark.parametrize(
    ("how", "n_kills"),
    [
        ("lines", 20),
        pytest.param("lines", 100, marks=pytest.mark.thorough),
        pytest.param("time", 100, marks=pytest.mark.thorough),
    ],
)
def test_a_killed_save_leaves_the_old_file_or_the_new_one(how, n_kills, tmp_path):
    done = _kill(how, tmp_path / "model.xmodal", n_kills)
    assert done.returncode == 0, done.stderr
    *outcomes, leftovers = done.stdout.split()
    assert outcomes == [str(n_kills), "kills", "new", "old"]
    # Which the last save has removed.
    assert how == "time" or int(leftovers) > n_kills // 20


@pytest.mark.parametrize("name", ["write", "encode", "make_card"])
def test_a_failing_save_leaves_the_old_file_alone(name, tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(CCARetriever(3), path)

    def fail(*args, **kwargs):
        raise OSError("no space left on device")

    if name == "encode":
        monkeypatch.setattr(_files.Encoder, "encode", fail)
    else:
        monkeypatch.setattr(_files, name, fail)
    with pytest.raises(OSError, match="no space left"):
        save(CCARetriever(4), path)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert load(path).n_components == 3


def test_everything_is_on_the_disk_before_and_after_the_renaming(tmp_path, monkeypatch):
    path, calls = tmp_path / "model", []
    real = os.fsync

    def fsync(descriptor):
        is_there = path.exists()
        kind = "folder" if os.path.samestat(os.fstat(descriptor), folder) else "file"
        calls.append((kind, is_there))
        real(descriptor)

    folder = tmp_path.stat()
    monkeypatch.setattr(_atomic.os, "fsync", fsync)
    save(CCARetriever(), path)
    assert calls == [("file", False), ("folder", True)]


@pytest.mark.skipif(_atomic.fcntl is None, reason="needs locks of files")
def test_leftovers_of_dead_processes_are_removed_and_others_are_not(tmp_path):
    path = tmp_path / "model [1]*"
    dead = tmp_path / ".model [1]*.0123456789abcdef.xmodal-tmp"
    dead.write_bytes(b"half")
    other = tmp_path / ".another.0123456789abcdef.xmodal-tmp"
    other.write_bytes(b"half")
    with replacing(path) as file:
        file.write(b"first")
        (alive,) = set(tmp_path.iterdir()) - {other}
        with replacing(path) as second:
            second.write(b"second")
        assert alive.exists()
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert set(tmp_path.iterdir()) == {path, other}


@pytest.mark.skipif(_atomic.fcntl is None, reason="needs locks of files")
@pytest.mark.parametrize("when", ["before the lock", "with the lock"])
def test_a_temporary_file_that_is_taken_for_a_leftover_is_made_anew(
    when, tmp_path, monkeypatch
):
    real, taken = _atomic._lock, []

    def lock(file):
        if not taken:
            taken.append(file.name)
            Path(file.name).unlink()
            return False if when == "with the lock" else real(file)
        return real(file)

    monkeypatch.setattr(_atomic, "_lock", lock)
    save(CCARetriever(2), tmp_path / "model")
    assert load(tmp_path / "model").n_components == 2
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_without_locks_the_leftovers_of_others_stay(tmp_path, monkeypatch):
    leftover = tmp_path / ".model.0123456789abcdef.xmodal-tmp"
    leftover.write_bytes(b"half")

    def flock(file, how):
        raise OSError("no locks on this drive")

    monkeypatch.setattr(_atomic.fcntl, "flock", flock)
    save(CCARetriever(2), tmp_path / "model")
    assert load(tmp_path / "model").n_components == 2
    assert leftover.exists()


def test_without_the_module_for_locks_files_are_replaced_too(tmp_path, monkeypatch):
    monkeypatch.setattr(_atomic, "fcntl", None)
    for n_components in (2, 3):
        (tmp_path / ".model.0123456789abcdef.xmodal-tmp").write_bytes(b"half")
        save(CCARetriever(n_components), tmp_path / "model")
        assert load(tmp_path / "model").n_components == n_components
        assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(os.name == "nt", reason="modes of files")
def test_the_mode_of_the_old_file_stays(tmp_path):
    path = tmp_path / "model"
    save(CCARetriever(), path)
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    path.chmod(0o600)
    save(CCARetriever(), path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="needs rights for links")
def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "model", tmp_path / "link"
    save(CCARetriever(2), target)
    link.symlink_to(target)
    save(CCARetriever(3), link)
    assert link.is_symlink()
    assert load(target).n_components == load(link).n_components == 3


def test_a_save_meanwhile_does_not_disturb_a_load(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(CCARetriever(2), path)
    real = _files.read_header

    def read_header(file):
        header = real(file)
        save(CCARetriever(3), path)  # by another process, say
        return header

    monkeypatch.setattr(_files, "read_header", read_header)
    assert load(path).n_components == 2


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", ".nfs0000000000a1"])
def test_what_the_system_leaves_beside_does_no_harm(name, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    for n_components in (2, 3):
        save(CCARetriever(n_components), tmp_path / "model")
        assert load(tmp_path / "model").n_components == n_components
    assert (tmp_path / name).read_bytes() == b"x"


def test_long_names_are_fine(tmp_path):
    for name in ("m" * 250, "é" * 120):
        save(CCARetriever(2), tmp_path / name)
        assert load(str(tmp_path / name)).n_components == 2
