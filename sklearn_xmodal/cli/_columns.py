"""One value per pair: labels, groups, rows of the test part."""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError, UnclearFileError
from sklearn_xmodal.cli._features import (
    YES_NO,
    counts_rows,
    is_id_name,
    split_index,
)
from sklearn_xmodal.cli._names import place_of, say_names
from sklearn_xmodal.cli._tables import (
    COLUMN_STORES,
    is_number,
    is_table,
    read_cells,
    read_columns,
    read_lines,
    suffix_of,
)

_LARGEST_CLASS = 2**53  # the whole numbers that a float holds exactly
#: How files write that there is no value; in small letters.
_MISSING = ("", "nan", "none", "null", "<na>")
_FLAGS = ("true", "false")
_TEXTS = ("words", "query-words", "ids", "show")
_NOUNS = {
    "labels": "label",
    "groups": "group",
    "test": "row number or flag",
    "words": "text",
    "query-words": "text",
    "ids": "id",
    "show": "value",
}
_WHOLE = re.compile(r"([+-]?\d+)\.0*")


@dataclass
class Column:
    """Values as they were read, and what was taken for what."""

    role: str
    source: str
    values: np.ndarray
    places: list  # words for where each value stands
    header: bool | None = False  # None: the first value may be one
    ids: list | None = None
    id_name: str | None = None

    @property
    def where(self):
        """How errors begin."""
        return f"--{self.role} {self.source}"

    @property
    def is_table(self):
        """Whether the values come from a table."""
        return is_table(self.source)

    def counts(self):
        """Return the numbers of values that there may be."""
        n = len(self.values)
        return {n} if self.header is not None else {n, n - 1}

    def drop_header(self):
        """Leave out the first value, which is the name of the column."""
        self.header = True
        self.values, self.places = self.values[1:], self.places[1:]
        self.ids = None if self.ids is None else self.ids[1:]

    def describe(self):
        """Return what was taken for what, None where there was no choice."""
        if not self.is_table:
            return None
        ids = (
            "no" if self.ids is None else f"yes ({self.id_name or 'no name'}), left out"
        )
        return (
            f"{self.source}: {len(self.values):,} rows; header: "
            f"{YES_NO[bool(self.header)]}; id column: {ids}."
        )


def as_column(array, role, source):
    """Return the `Column` of an array from a NumPy file."""
    if not sparse.issparse(array):
        is_row = role == "test" and array.size == max(array.shape, default=0)
        if is_row or (array.ndim == 2 and array.shape[1] == 1):
            array = array.ravel()
    if sparse.issparse(array) or array.ndim != 1:
        kind = "a sparse matrix of shape" if sparse.issparse(array) else "shape"
        raise CommandError(
            f"--{role} {source} must be a 1-D array, one {_NOUNS[role]} per pair: got "
            f"{kind} {array.shape}"
        )
    places = [f"row {i} (from 0)" for i in range(len(array))]
    return Column(role, source, array, places)


def read_column(path, role, form, header, id_column, name=None):
    """Return the `Column` of a table, of which the user may say something."""
    if suffix_of(path) in COLUMN_STORES:
        return _read_column_store(path, role, id_column, name)
    if name is not None:
        return _read_named(path, role, form, name)
    if role in _TEXTS and suffix_of(path) == ".txt":
        values = np.array(read_lines(path, form))
        return Column(role, path, values, _lines(range(1, len(values) + 1)), None)
    return _read_cells(path, role, form, header, id_column)


def _read_cells(path, role, form, header, id_column):
    """Return the `Column` of a text table that has one, beside ids."""
    table = read_cells(path, form)
    cells = np.array(table.rows)
    if cells.shape[1] > 1 and id_column is None:
        id_column = _has_ids(cells)
        if id_column and header is None and not is_number(cells[0, 0]):
            header = True
    ids = id_name = None
    if id_column and cells.shape[1] > 1:
        ids, id_name, cells = cells[:, 0].tolist(), cells[0, 0], cells[:, 1:]
    if role == "test" and len(cells) == 1:
        cells = cells.T
    if cells.shape[1] != 1:
        first = cells[0].tolist()
        names = "" if any(map(is_number, first)) else f", of {say_names(first)}"
        raise UnclearFileError(
            f"--{role} {path} must be a 1-D array: got shape {cells.shape} "
            f"(--{role} {path}:COLUMN takes one column{names}; --id-column yes, if the "
            "first column names the rows)",
            path,
        )
    values, places = cells[:, 0], _lines(table.lines)
    column = Column(role, path, values, places, header, ids, id_name)
    if header is None:
        judge = _judge_rows if role == "test" else _judge_names
        column.header = judge(values)
    if column.header:
        column.drop_header()
    elif ids is not None:
        column.id_name = f"{ids[0]}, ..."
    return column


def _lines(numbers):
    return [f"line {number}" for number in numbers]


def _read_named(path, role, form, name):
    """Return the `Column` of that name, which the first row must hold."""
    table = read_cells(path, form, one_column=False)
    names, place = table.rows[0], place_of(name, table.rows[0], path)
    values = np.array([row[place] for row in table.rows[1:]], dtype=str)
    ids = None
    if place > 0 and is_id_name(names[0]):
        ids = [row[0] for row in table.rows[1:]]
    return Column(role, path, values, _lines(table.lines[1:]), True, ids, names[0])


def _has_ids(cells):
    """Say whether the first of several columns names the rows."""
    first = cells[:, 0]
    if is_id_name(first[0]):
        return True
    skipped = 0 if is_number(first[0]) else 1
    numbers = first[skipped:]
    return (
        len(numbers) > 2
        and all(map(is_number, numbers))
        and counts_rows(numbers.astype(np.float64))
    )


def _read_column_store(path, role, id_column, name):
    frame = read_columns(path)
    chosen = None
    if name is not None:
        place = place_of(name, [*map(str, frame.columns)], path)
        chosen = frame.iloc[:, [place]]
        frame = frame if place else chosen
    frame, ids, id_name = split_index(frame, path, id_column)
    frame = frame if chosen is None else chosen
    if frame.shape[1] != 1:
        raise UnclearFileError(
            f"--{role} {path}: {role} must be one column: got "
            f"{say_names([*map(str, frame.columns)])} (--{role} {path}:COLUMN takes "
            "one of them; --id-column yes, if the first names the rows)",
            path,
        )
    series = frame.iloc[:, 0]
    if getattr(series.dtype, "kind", "O") in "biuf":
        values = series.to_numpy()
        if values.dtype == object:  # of a type that knows missing values
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        missing = series.isna()
        values = np.array(series.astype(str).mask(missing, "").tolist())
    places = [f"row {i} (from 0)" for i in range(len(values))]
    return Column(role, path, values, places, True, ids, id_name)


def _judge_names(values):
    """Return whether a name stands above values, None where it may be one of them."""
    first, below = values[0], values[1:]
    if is_missing(first) or not len(below):
        return False
    filled = [value for value in below if not is_missing(value)]
    if not is_number(first) and filled and all(map(is_number, filled)):
        return True
    return False if canonical_name(first) in map(canonical_name, filled) else None


def _judge_rows(values):
    """Return whether a name stands above row numbers or flags, None if it may."""
    first, below = values[0].lower(), np.char.lower(values[1:])
    if not len(below) or first in _FLAGS:
        return False
    if not is_number(first):
        return True
    if first != "0":
        return False
    # As pandas writes an array. A row that comes twice is none.
    if np.isin(below, _FLAGS).all():
        return True
    if np.isin(below, ("0", "1")).all():
        return None
    return True if "0" in below else None


def settle_names(column, n):
    """Leave out the header of one value per pair, where their number says so."""
    m = len(column.values)
    if column.role in _TEXTS and column.header is None and m == n:
        column.header = False  # one text per pair, and texts seldom repeat
    if column.header is None and m == n + 1:
        column.drop_header()
    elif column.header is None and m == n:
        raise CommandError(
            f"{column.where}: {str(column.values[0])!r} in {column.places[0]} occurs "
            f"nowhere below. Say whether it is the name of the column, which leaves "
            f"{m - 1} values for {n} pairs (--header {column.role}=yes), or a value "
            f"(--header {column.role}=no)"
        )
    if len(column.values) != n:
        hint = ""
        if column.is_table:
            how = "below a header" if column.header else "and no header"
            hint = f" ({how}, see --header)"
        noun = _NOUNS[column.role]
        raise CommandError(
            f"{column.where} must have one {noun} per pair: got {len(column.values)} "
            f"{noun}s{hint} for {n} pairs"
        )


def is_missing(value):
    """Say whether a string means that there is no value."""
    return value.strip().lower() in _MISSING


def canonical_name(value):
    """Return one spelling of names that are equal: 1 and 1.0, composed and not."""
    value = unicodedata.normalize("NFC", value.strip())
    whole = _WHOLE.fullmatch(value)
    return whole[1] if whole else value


def as_labels(column):
    """Return classes: strings, or whole numbers.

    Without a label are -1 among numbers and None among strings.
    """
    values = column.values
    if values.dtype.kind == "f":
        return _whole_labels(values, column.where)
    if values.dtype.kind in "US":
        return _named_labels(values)
    if values.dtype.kind not in "biu":
        raise CommandError(
            f"{column.where} must be numbers or strings: got type {values.dtype}"
        )
    return values


def _whole_labels(y, where):
    missing = np.isnan(y)
    y = np.where(missing, -1, y)
    bad = y[(y != np.round(y)) | (np.abs(y) > _LARGEST_CLASS)]
    if len(bad):
        raise CommandError(
            f"{where} must be classes, whole numbers or strings: got fractions or "
            f"huge numbers such as {bad[0]:.6g}"
        )
    return y.astype(np.int64)


def _named_labels(values):
    names = [canonical_name(value) for value in as_strings(values)]
    missing = np.array([is_missing(name) for name in names])
    numbers = all(_is_whole(n) for n, m in zip(names, missing, strict=True) if not m)
    if numbers:
        missing |= np.array(names) == "-1"
    if not missing.any():
        return np.array(names)
    y = np.array(names, dtype=object)
    y[missing] = None
    return y


def _is_whole(name):
    return re.fullmatch(r"[+-]?\d+", name) is not None


def as_strings(values):
    """Return strings, of bytes too."""
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "backslashreplace")
    return np.char.strip(values)


def as_groups(column):
    """Return the number of every pair's group."""
    values = column.values
    if values.dtype.kind in "US":
        values = np.array([canonical_name(value) for value in as_strings(values)])
        missing = np.array([is_missing(value) for value in values])
    elif values.dtype.kind in "biuf":
        missing = np.isnan(values.astype(np.float64))
    else:
        raise CommandError(
            f"{column.where} must be numbers or strings: got type {values.dtype}"
        )
    if missing.any():
        raise CommandError(
            f"{column.where} must name the group of every pair: got none in "
            f"{column.places[np.argmax(missing)]}, give that pair a name of its own"
        )
    return np.unique(values, return_inverse=True)[1]


def as_rows(column, n):
    """Return the row numbers of the test part."""
    values, where = column.values, column.where
    must = f"{where} must be row numbers or a mask of {n} entries"
    is_mask = len(values) > 2 and len(values) != n + 1
    if column.header is None and not (is_mask and np.isin(values, ("0", "1")).all()):
        raise CommandError(
            f"{must}: got '0' in {column.places[0]}, which may be a row or, as pandas "
            "writes it, the name of the column. Say which with --header test=yes or "
            "--header test=no"
        )
    if values.dtype.kind in "US":
        values = _parse_rows(values, must)
    if values.dtype.kind not in "biuf":
        raise CommandError(f"{must}: got type {values.dtype}")
    if _is_mask(values, n):
        if len(values) != n:
            raise CommandError(f"{must}: got a mask of {len(values)}")
        rows = np.flatnonzero(values)
    else:
        rows = _row_numbers(values, n, must)
    if len(rows) in (0, n):
        raise CommandError(
            f"{where} must name some of the {n} rows, not all: got {len(rows)}"
        )
    return rows


def _row_numbers(values, n, must):
    good = (values >= 0) & (values < n) & (values == np.round(values))
    if not good.all():
        raise CommandError(f"{must}, from 0 to {n - 1}: got {values[~good][0]}")
    rows, times = np.unique(values.astype(np.int64), return_counts=True)
    if (times > 1).any():
        raise CommandError(
            f"{must}, each of them once: got {len(values)} numbers of {len(rows)} "
            f"rows, row {rows[np.argmax(times)]} {times.max()} times"
        )
    return rows


def _is_mask(values, n):
    if values.dtype.kind == "b":
        return True
    # More than two zeros and ones are no row numbers: some would come twice.
    return (len(values) == n or len(values) > 2) and bool(np.isin(values, (0, 1)).all())


def _parse_rows(values, must):
    values = np.char.lower(as_strings(values))
    if np.isin(values, _FLAGS).all():
        return values == "true"
    for value in values:
        if not is_number(value) or value in _FLAGS:
            raise CommandError(f"{must}: got {str(value)!r}")
    return values.astype(np.float64)


def as_words(column):
    """Return texts as a list of strings, none of them missing."""
    if column.values.dtype.kind not in "US":
        raise CommandError(
            f"{column.where} must be texts: got type {column.values.dtype}, give "
            "numbers as --text"
        )
    values = as_strings(column.values).tolist()
    for value, place in zip(values, column.places, strict=True):
        if not value:
            raise CommandError(
                f"{column.where} must have a text for every pair: got none in {place}, "
                "fill it in or drop that pair"
            )
    return values


def as_ids(column):
    """Return ids, strings or whole numbers."""
    values = column.values
    return as_strings(values).tolist() if values.dtype.kind in "US" else values.tolist()
