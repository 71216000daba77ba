"""Replacing a file in one step: whoever looks sees the old one or the new one."""

import contextlib
import errno
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
#: What the system refuses -> what to do about it.
_ADVICE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "remove that link, or choose another path",
    errno.ENOSPC: "make room there, or choose another disk",
    errno.EDQUOT: "make room there, or choose another disk",
    errno.EFBIG: "choose another disk",
    errno.EEXIST: "move away what is there",
    errno.ENOTDIR: "move away what is there",
    errno.ENOTEMPTY: "move away what is there",
    errno.EROFS: "choose another disk",
    errno.EACCES: "ask for the right to write there, or choose another folder",
    errno.EPERM: "ask for the right to write there, or choose another folder",
}


@contextlib.contextmanager
def replacing(path):
    """Open a file that takes the place of another one once it is complete.

    It is written beside the other one, under a hidden name that ends in
    ``.xmodal-tmp``, brought to the disk, and renamed. What an earlier process left
    there when it was killed is removed first. A symbolic link stays, and what it points
    to is replaced. A path that is neither free nor a regular file is a ValueError; an
    OSError says what to do about it.
    """
    with _advising(path):
        path = _checked_place(Path(path))
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


@contextlib.contextmanager
def making_folder(path, name):
    """Make a folder with those above it, and take back the empty ones on a failure.

    Errors call the argument `name`, see `check_folder`.
    """
    path = check_folder(path, name)
    new = [p for p in (path, *path.parents) if not os.path.lexists(p)]
    try:
        with _advising(path, name):
            path.mkdir(parents=True, exist_ok=True)
            yield path
    except BaseException:
        for folder in new:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        raise


def check_folder(path, name):
    """Return a path, or raise a ValueError where something else than a folder is."""
    path = Path(path)
    with _advising(path, name):
        taken = next(p for p in (path, *path.absolute().parents) if _is_taken(p))
    if not taken.is_dir():
        raise ValueError(
            f"{name} must be that of a folder, or of none. Got {str(path)!r}, where "
            f"{str(taken)!r} is no folder: choose another path, or move that away."
        )
    return path


def _is_taken(path):
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path.is_symlink()  # to nothing
    return True


@contextlib.contextmanager
def _advising(path, name="path"):
    """Say of an OSError of the system which path it is of, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        raise OSError(
            error.errno,
            f"{name} must be one that can be written. Got {str(path)!r}: "
            f"{os.strerror(error.errno)}; {_ADVICE[error.errno]}.",
        ) from error


def _checked_place(path):
    """Return where a path leads to, if a file may be put there."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise ValueError(
            f"path must be that of a file. Got {str(path)!r}, which is a folder."
        )
    if mode is not None and not stat.S_ISREG(mode):
        raise ValueError(
            f"path must be that of a regular file, or of none. Got {str(path)!r}, "
            "which is a pipe, a device or a socket."
        )
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists. Got {str(path)!r}; create "
            f"{str(real.parent)!r} first."
        )
    return real


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
    # A pipe of that name would wait for a writer, and a link leads elsewhere.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
    with os.fdopen(os.open(leftover, flags), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and _lock(file):
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
