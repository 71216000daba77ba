"""A folder of arrays and one document that names them, replaced in one step.

The document, ``index.json``, names every other file, and no file is ever written
twice: its name ends in random digits. Who saves writes new arrays beside the old
ones, then puts a new document in the place of the old one, then deletes what no
document names. Killed at any moment, it leaves a folder that holds the old state or
the new one.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path

import numpy as np

from sklearn_xmodal.utils._atomic import sync

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FORMAT = "sklearn_xmodal.RetrievalIndex"
FORMAT_VERSION = 1
DOCUMENT = "index.json"
# A leading dot is of files that are not complete.
_NAMES = re.compile(r"\.?[a-z_]+-[0-9a-f]{16}(\.[\w.-]+)?")
_READ_BYTES = 2**20


@contextlib.contextmanager
def replacing(path):
    """Yield a writer of the files of a folder, which count once all are written.

    Parameters
    ----------
    path : str or path-like
        A folder, made where there is none.

    Yields
    ------
    writer : FolderWriter
        Takes arrays, and the document last.

    Raises
    ------
    ValueError
        If there is a file, or a folder with other things in it.
    """
    path = Path(path)
    _check_place(path)
    path.mkdir(exist_ok=True)
    with _locked(path):
        writer = FolderWriter(path)
        try:
            yield writer
        finally:
            # What was not named, of this attempt or of one that was killed.
            _remove_unnamed(path)


class FolderWriter:
    """Writes arrays and a document into a folder.

    Parameters
    ----------
    folder : Path
        Where to write.
    """

    def __init__(self, folder):
        self.folder = folder

    def new_path(self, stem, suffix=""):
        """Return a path that no file of the folder has had before."""
        return self.folder / f"{stem}-{secrets.token_hex(8)}{suffix}"

    def write_array(self, stem, array):
        """Write an array; return what the document has to say of it."""
        path = self.new_path(stem, ".npy")
        with path.open("xb") as file:
            hashing = _HashingFile(file)
            np.lib.format.write_array(hashing, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        return {
            "name": path.name,
            "sha256": hashing.digest.hexdigest(),
            "dtype": array.dtype.str,
            "shape": list(array.shape),
        }

    def write_document(self, content):
        """Put the document in its place: from now on the new state counts."""
        text = _canonical(content)
        document = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "content": content,
        }
        path = self.new_path(".index", ".json")
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        sync(self.folder)
        path.replace(self.folder / DOCUMENT)
        sync(self.folder)


def read_document(path):
    """Read and check the document of a folder.

    Parameters
    ----------
    path : str or path-like
        The folder.

    Returns
    -------
    content : dict
        What was handed to `FolderWriter.write_document`.

    Raises
    ------
    FileNotFoundError
        If there is none.

    ValueError
        If it is damaged, foreign or too new.
    """
    path = Path(path) / DOCUMENT
    if not path.is_file():
        raise FileNotFoundError(
            f"path must be a folder that RetrievalIndex.save has written. Got "
            f"{str(path.parent)!r}, which holds no {DOCUMENT}."
        )
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged or no JSON: {error}. Restore it from a copy, or build "
            "the index again."
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not the document of a RetrievalIndex: its format must be "
            f"{FORMAT!r}."
        )
    version = document.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{path} is damaged: it has no format version.")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{path} has format version {version}, and this version of sklearn_xmodal "
            f"reads up to {FORMAT_VERSION}. Install a newer one."
        )
    content = document.get("content")
    digest = hashlib.sha256(_canonical(content).encode()).hexdigest()
    if not isinstance(content, dict) or document.get("sha256") != digest:
        raise ValueError(
            f"{path} is damaged: its checksum does not hold. Restore it from a copy, "
            "or build the index again."
        )
    return content


def read_array(folder, entry, *, mmap_mode=None, verify=True):
    """Open an array of a folder; nothing in it can be code.

    Parameters
    ----------
    folder : str or path-like
        The folder.

    entry : dict
        As returned by `FolderWriter.write_array`.

    mmap_mode : {"r", "c"}, default=None
        Map the file, or read it whole.

    verify : bool, default=True
        Whether to compute the checksum, for which the whole file is read.

    Returns
    -------
    array : ndarray or memmap
        Of the type and shape that the entry says.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or another one.
    """
    name = check_name(folder, entry["name"])
    path = Path(folder) / name
    if not path.is_file():
        raise ValueError(
            f"{path} is missing. Restore it from a copy, or build the index again; if "
            "the index was saved anew meanwhile, load it again."
        )
    if verify and _sha256(path) != entry["sha256"]:
        raise ValueError(
            f"{path} is damaged: its checksum does not hold. Restore it from a copy, "
            "or build the index again."
        )
    try:
        # Unlike numpy.load, this opens neither archives nor pickles.
        array = np.lib.format.open_memmap(path, mode=mmap_mode or "r")
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is damaged or no array: {error}") from None
    if array.dtype.str != entry["dtype"] or list(array.shape) != entry["shape"]:
        raise ValueError(
            f"{path} must hold {entry['dtype']} of shape {tuple(entry['shape'])}. Got "
            f"{array.dtype.str} of shape {array.shape}."
        )
    return array if mmap_mode else np.array(array)


def check_name(folder, name):
    """Raise a ValueError unless a document names a file as it may.

    Parameters
    ----------
    folder : str or path-like
        Named in the error.

    name : object
        What the document says.

    Returns
    -------
    name : str
        The same; it leads to nowhere else.

    Raises
    ------
    ValueError
        If it is no such name.
    """
    if not isinstance(name, str) or not _NAMES.fullmatch(name):
        raise ValueError(
            f"{Path(folder) / DOCUMENT} must name files of its folder. Got {name!r}."
        )
    return name


class _HashingFile:
    """Passes on what is written, and hashes it."""

    def __init__(self, file):
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data):
        self.digest.update(data)
        return self.file.write(data)


def _canonical(content):
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _sha256(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _check_place(path):
    if path.is_dir():
        others = [p.name for p in path.iterdir() if not _is_ours(p.name)]
        if others:
            raise ValueError(
                "path must be a new folder, or that of an index. Got "
                f"{str(path)!r}, which holds other files, such as {others[0]!r}."
            )
    elif path.exists():
        raise ValueError(f"path must be a folder. Got {str(path)!r}, which is a file.")
    elif not path.parent.is_dir():
        raise FileNotFoundError(
            f"path must be in a folder that exists. Got {str(path)!r}; create "
            f"{str(path.parent)!r} first."
        )


def _is_ours(name):
    return name == DOCUMENT or _NAMES.fullmatch(name) is not None


@contextlib.contextmanager
def _locked(folder):
    """Keep other processes from saving into a folder, where the system can."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network drive without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_unnamed(folder):
    document = folder / DOCUMENT
    text = document.read_text(encoding="utf-8") if document.is_file() else ""
    for path in folder.iterdir():
        if not _NAMES.fullmatch(path.name) or f'"{path.name}"' in text:
            continue
        with contextlib.suppress(OSError):  # in use, on Windows
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
