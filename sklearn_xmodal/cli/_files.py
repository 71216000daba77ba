"""Reading of the user's files: which array of which file."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError, UnclearFileError
from sklearn_xmodal.cli._tables import is_table

#: Names under which an .npz file may hold each part, by the option that names it.
KEYS = {
    "image": ("X_img", "image", "images"),
    "text": ("X_txt", "text", "texts"),
    "words": ("words", "captions", "texts"),
    "labels": ("y", "labels", "target", "label"),
    "groups": ("groups",),
    "test": ("test_idx", "test"),
    "ids": ("ids", "names"),
    "show": ("captions", "words", "texts", "paths", "names"),
    "query-image": ("X_img", "image", "images"),
    "query-text": ("X_txt", "text", "texts"),
    "query-words": ("words", "captions", "texts"),
}
#: Of which the user may say how their tables are written.
PARTS = tuple(KEYS)
_SPARSE = {"format", "shape", "data"}  # what scipy.sparse.save_npz always writes


def split_key(source):
    """Split FILE.npz:KEY and FILE.csv:COLUMN; other colons belong to the path."""
    for colon in re.finditer(":", source):
        path = source[: colon.start()]
        if path.lower().endswith(".npz") or is_table(path):
            return path, source[colon.end() :]
    return source, None


def find_key(source, role):
    """Return path and key of a part in the .npz file of `source`, else None."""
    path, _ = split_key(source)
    if not path.lower().endswith(".npz"):
        return None
    names = open_file(path, _list_archive)
    return next(((path, key) for key in KEYS[role] if key in names), None)


def list_arrays(path):
    """Return the names of the arrays of an .npz file, none of other files."""
    if not path.lower().endswith(".npz"):
        return []
    names = open_file(path, _list_archive)
    return [] if {*names} >= _SPARSE else names


def locate(source, role):
    """Return the path, and the key of the array inside an .npz file, or columns.

    The key is None for other files, and for a scipy sparse matrix.
    """
    path, key = split_key(source)
    if not path.lower().endswith(".npz"):
        return path, key
    names = open_file(path, _list_archive)
    if key is None:
        if set(names) >= _SPARSE:
            return path, None
        key = next((name for name in KEYS[role] if name in names), None)
    if key is None and len(names) == 1:
        key = names[0]
    if key is None:
        raise UnclearFileError(
            f"{path} holds {len(names)} arrays, say which one is the {role}: "
            f"--{role} {path}:KEY with KEY one of {', '.join(names)}",
            path,
        )
    if key not in names:
        raise UnclearFileError(
            f"{path} holds no array {key!r}: it has {', '.join(names)}", path
        )
    return path, key


def read_array(source, role):
    """Return the array or sparse matrix of FILE or FILE.npz:KEY, no table.

    It is not checked for its role, the option that named the file.
    """
    path, key = locate(source, role)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        if key is None:
            return open_file(path, lambda path: sparse.load_npz(path).tocsr())
        return open_file(path, _read_archive, key=key)
    if suffix == ".npy":
        return open_file(path, _read_npy)
    raise CommandError(
        f"cannot read {path} for --{role}: expected .npz, .npy, .csv, .tsv or .txt, "
        "these also as .gz, .bz2 or .xz, .parquet or .feather"
    )


def open_file(path, reader, *args, **options):
    """Return what a reader makes of a file, or a CommandError of what it raises."""
    if not Path(path).is_file():
        raise CommandError(f"no such file: {path}")
    try:
        return reader(path, *args, **options)
    except CommandError:
        raise
    except UnicodeDecodeError as error:
        raise CommandError(
            f"cannot read {path} as {error.encoding}: {error.reason} at byte "
            f"{error.start}, say how it is written with --encoding, such as latin-1"
        ) from None
    except Exception as error:  # whatever a damaged file makes a reader raise
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "Object arrays" in detail:
            source = ":".join([path, *options.values()])
            raise CommandError(
                f"{source} holds Python objects, which are not read: save numbers, or "
                "strings, such as labels as y.astype(str)"
            ) from None
        if "pickled" in detail:  # NumPy's guess about any file that it cannot read
            detail = "it is no NumPy file: write it with np.save or np.savez"
        raise CommandError(f"cannot read {path}: {detail}") from None


@contextmanager
def _archive(path):
    with Path(path).open("rb") as file:  # which NumPy leaves open where it is damaged
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, NpzFile):
            raise CommandError(
                f"{path} must be an .npz archive: got one array, use .npy"
            )
        yield archive


def _list_archive(path):
    with _archive(path) as archive:
        return archive.files


def _read_archive(path, key):
    with _archive(path) as archive:
        return archive[key]


def _read_npy(path):
    array = np.load(path, allow_pickle=False)
    if isinstance(array, NpzFile):
        array.close()
        raise CommandError(f"{path} must be one array: got an archive, use .npz")
    return array
