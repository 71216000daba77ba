"""Reading of the user's files: .npz, .npy and text tables."""

import csv
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError

#: Names under which an .npz file may hold each part.
KEYS = {
    "image": ("X_img", "image", "images"),
    "text": ("X_txt", "text", "texts"),
    "labels": ("y", "labels", "target"),
    "test": ("test_idx", "test"),
}
_SPARSE = {"format", "shape", "data"}  # what scipy.sparse.save_npz always writes


@dataclass
class Table:
    """Stripped cells of a text file, and the line on which each row starts."""

    path: str
    rows: list[list[str]]
    lines: list[int]

    def without_header(self):
        """Return the table below its first row."""
        return Table(self.path, self.rows[1:], self.lines[1:])


def split_key(source):
    """Split FILE.npz:KEY; other colons belong to the path."""
    path, colon, key = source.rpartition(":")
    if colon and path.lower().endswith(".npz"):
        return path, key
    return source, None


def find_key(source, role):
    """Return path and key of a part in the .npz file of `source`, else None."""
    path, _ = split_key(source)
    if not path.lower().endswith(".npz"):
        return None
    names = _open(path, _list_archive)
    return next(((path, key) for key in KEYS[role] if key in names), None)


def locate(source, role):
    """Return the path, and the key of the array inside an .npz file.

    The key is None for other files, and for a scipy sparse matrix.
    """
    path, key = split_key(source)
    if not path.lower().endswith(".npz"):
        return path, None
    names = _open(path, _list_archive)
    if key is None:
        if set(names) >= _SPARSE:
            return path, None
        key = next((name for name in KEYS[role] if name in names), None)
    if key is None and len(names) == 1:
        key = names[0]
    if key is None:
        raise CommandError(
            f"{path} holds {len(names)} arrays, say which one is the {role}: "
            f"--{role} {path}:KEY with KEY one of {', '.join(names)}"
        )
    if key not in names:
        raise CommandError(f"{path} holds no array {key!r}: it has {', '.join(names)}")
    return path, key


def read(source, role):
    """Return the array, sparse matrix or `Table` of FILE or FILE.npz:KEY.

    It is not checked for its role, the option that named the file.
    """
    path, key = locate(source, role)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        if key is None:
            return _open(path, lambda path: sparse.load_npz(path).tocsr())
        return _open(path, _read_archive, key=key)
    if suffix == ".npy":
        return _open(path, _read_npy)
    if suffix in (".csv", ".tsv", ".txt"):
        return _open(path, _read_table)
    raise CommandError(
        f"cannot read {path} for --{role}: expected .npz, .npy, .csv, .tsv or .txt"
    )


def _open(path, reader, **options):
    if not Path(path).is_file():
        raise CommandError(f"no such file: {path}")
    try:
        return reader(path, **options)
    except CommandError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader raise
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "Object arrays" in detail:
            raise CommandError(
                f"{path} holds Python objects, which are not read: save numbers or "
                "strings"
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


def _read_table(path):
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    rows, lines, end = [], [], 0
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        text = (line if line.strip() else "\n" for line in file)
        reader = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
        for row in reader:
            rows.append([cell.strip() for cell in row])
            lines.append(end + 1)
            end = reader.line_num
    while rows and _is_blank(rows[-1]):
        rows.pop()
    table = Table(path, rows, lines[: len(rows)])
    _check_table(table)
    return table


def _is_blank(row):
    # One empty cell is a missing value: pandas writes it as "".
    return not row or (len(row) > 1 and not any(row))


def _check_table(table):
    path, rows = table.path, table.rows
    if not rows:
        raise CommandError(f"{path} is empty")
    width = len(rows[0])
    for row, line in zip(rows, table.lines, strict=True):
        if _is_blank(row):
            raise CommandError(
                f"{path} must have no blank row inside: line {line} is blank, "
                "remove it or fill it in"
            )
        if len(row) != width:
            raise CommandError(
                f"{path} must have the same number of columns in all rows: got "
                f"{width} in line {table.lines[0]} and {len(row)} in line {line}"
            )
    if width > 1 and rows[0][0] == "":
        raise CommandError(
            f"{path}: the first column has no name, it looks like row numbers; save "
            "with index=False"
        )


def table_to_features(table):
    """Return the numbers of a table with or without a header line."""
    if _has_header(table):
        table = table.without_header()
    if not table.rows:
        raise CommandError(f"{table.path} must have rows below its header: got none")
    try:
        X = np.array(table.rows, dtype=np.float64)
    except ValueError:
        raise CommandError(_describe_bad_cell(table)) from None
    n, width = X.shape
    if width > 1 and n > 2:
        steps = X[:, 0] - np.arange(n)
        if steps[0] in (0, 1) and (steps == steps[0]).all():
            raise CommandError(
                f"{table.path}: the first column counts the rows from {X[0, 0]:.0f}, "
                "it looks like row numbers; save without them (index=False)"
            )
    return X


def _has_header(table):
    first = table.rows[0]
    if len(first) > 1 and first == [str(i) for i in range(len(first))]:
        return True  # as pandas writes an array
    names = [cell for cell in first if not is_number(cell)]
    if names and len(names) < len(first):
        number = next(cell for cell in first if is_number(cell))
        raise CommandError(
            f"{table.path} must have only numbers or only column names in line "
            f"{table.lines[0]}: got {names[0]!r} and {number!r}"
        )
    return bool(names)


def is_number(cell):
    """Say whether a cell holds a number, NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _describe_bad_cell(table):
    line, column, cell = next(
        (line, column, cell)
        for row, line in zip(table.rows, table.lines, strict=True)
        for column, cell in enumerate(row, start=1)
        if not is_number(cell)
    )
    kind = "tabs" if table.path.lower().endswith(".tsv") else "commas"
    return (
        f"{table.path} must hold numbers, separated by {kind}: got {cell[:40]!r} in "
        f"line {line}, column {column}"
    )
