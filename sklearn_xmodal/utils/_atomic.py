"""Replacing a file in one step: whoever looks sees the old one or the new one."""

import contextlib
import glob
import os
import secrets
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where files in use cannot be deleted or renamed
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".xmodal-tmp"


@contextlib.contextmanager
def replacing(path):
    """Open a file that takes the place of another one once it is complete.

    It is written beside the other one, under a hidden name that ends in
    ``.xmodal-tmp``, brought to the disk, and renamed. What an earlier process left
    there when it was killed is removed first. A symbolic link stays, and what it points
    to is replaced. A path that is neither free nor a regular file is a ValueError.
    """
    _check_place(Path(path))
    path = Path(os.path.realpath(path))
    _remove_leftovers(path)
    temporary, file = _open_beside(path)
    try:
        with file:
            yield file
            file.flush()
            _keep_mode(path, temporary)
            os.fsync(file.fileno())
            if fcntl is not None:  # while it is locked
                temporary.replace(path)
        if fcntl is None:
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _check_place(path):
    if path.is_dir():
        raise ValueError(
            f"path must be that of a file. Got {str(path)!r}, which is a folder."
        )
    if path.exists() and not path.is_file():
        raise ValueError(
            f"path must be that of a regular file, or of none. Got {str(path)!r}, "
            "which is a pipe, a device or a socket."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists. Got {str(path)!r}; create "
            f"{str(path.parent)!r} first."
        )


def _open_beside(path):
    """Create a temporary file, and lock it for as long as it is open."""
    while True:
        name = f"{_start_of_name(path)}{secrets.token_hex(8)}{_SUFFIX}"
        temporary = path.with_name(name)
        file = temporary.open("xb")
        if _lock(file) is not False and temporary.exists():
            return temporary, file
        # Another process took it for a leftover before it was locked.
        file.close()


def _remove_leftovers(path):
    pattern = f"{glob.escape(_start_of_name(path))}*{_SUFFIX}"
    for leftover in path.parent.glob(pattern):
        with contextlib.suppress(OSError):  # of somebody else, or gone already
            _remove(leftover)


def _remove(leftover):
    """Delete a temporary file unless the process that writes it is alive."""
    if fcntl is None:
        leftover.unlink()
        return
    with leftover.open("rb") as file:
        if _lock(file):
            leftover.unlink()


def _start_of_name(path):
    # File systems take names of 255 bytes, 4 per character at most.
    return f".{path.name[:50]}."


def _lock(file):
    """Return True for a lock, False where another process has it, None without."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network drive without locks
        return None
    return True


def _keep_mode(path, temporary):
    with contextlib.suppress(FileNotFoundError):
        temporary.chmod(stat.S_IMODE(path.stat().st_mode))


def sync(path):
    """Bring a file, or the names in a folder, to the disk; Windows opens no folders."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
