"""Tables: text, plain or compressed, and the column stores that pandas reads."""

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_xmodal.cli._errors import CommandError, UnclearFileError

COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
TEXT = (".csv", ".tsv", ".txt")
COLUMN_STORES = (".parquet", ".feather")

_N_HEAD = 21  # a header, and what is looked at below it
_CELLS_AT_ONCE = 2**21
_SEPARATORS = {"tab": "\t", "space": " "}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
# Of several numbers: a name may be [0].
_LIST = re.compile(r"((array|tensor)\()?[\[(]+\s*([+-]?[\d.e+-]+|nan|inf)([,\s]|$)")
#: How tables write that there is no number.
_NO_NUMBER = ("", "na", "n/a", "#n/a", "<na>", "none", "null", "-", "--", ".", "?")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Format:
    """How text tables are written; `None` is found out."""

    separator: str | None = None
    encoding: str | None = None


@dataclass
class Table:
    """Stripped cells of a text file, and the line on which each row starts."""

    path: str
    rows: list[list[str]]
    lines: list[int]


def suffix_of(path):
    """Return the end of a file's name in small letters, without its compression."""
    path = Path(path.lower())
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def is_table(path):
    """Say whether a file is a table of text or columns."""
    return suffix_of(path) in (*TEXT, *COLUMN_STORES)


def is_number(cell):
    """Say whether a cell holds a number, or a flag; NaN and infinity included."""
    try:
        float(cell)
    except ValueError:
        return cell.lower() in ("true", "false")
    return "_" not in cell  # Python's own way to write 1_000


def is_list(cell):
    """Say whether a cell holds a list of numbers, as Python and NumPy write it."""
    return _LIST.match(cell) is not None


@contextmanager
def _records(path, form, *, one_column=False) -> Iterator:
    """Give the open file, and the lines and stripped cells of its rows one by one."""
    opened: Any = COMPRESSED.get(Path(path.lower()).suffix, io.open)
    with opened(path, "rb") as raw:
        has_mark = raw.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = form.encoding or ("utf-16" if has_mark else "utf-8-sig")
    with opened(path, "rt", newline="", encoding=encoding) as file:
        first = next((line for line in file if line.strip()), "")
    separator = _find_separator(path, first, form, one_column)
    with opened(path, "rt", newline="", encoding=encoding) as file:
        yield file, separator, _read_records(file, separator)


def _read_records(file, separator):
    text = (line if line.strip() else "\n" for line in file)
    if separator == " ":
        text = (line.strip() + "\n" for line in text)
    reader = csv.reader(text, delimiter=separator, skipinitialspace=True)
    end = 0
    for row in reader:
        yield end + 1, [cell.strip() for cell in row]
        end = reader.line_num


def _find_separator(path, first_line, form, one_column):
    if form.separator is not None:
        return _SEPARATORS.get(form.separator, form.separator)
    if suffix_of(path) == ".tsv":
        return "\t"
    line = _QUOTED.sub("", first_line)
    # Names of classes may hold semicolons and bars.
    found = [mark for mark in (",\t" if one_column else ",;\t|") if mark in line]
    if len(found) > 1:
        raise CommandError(
            f"{path} must have one kind of separator: got "
            f"{' and '.join(map(repr, found))} in line 1, give --separator (and write "
            "numbers with a decimal point)"
        )
    if not found and not one_column and _are_numbers_with_spaces(line):
        return " "
    return found[0] if found else ","


def _are_numbers_with_spaces(line):
    cells = line.split()
    return len(cells) > 1 and all(map(is_number, cells))


def is_blank(row):
    """Say whether a row of cells is a blank line."""
    # One empty cell is a missing value: pandas writes it as "".
    return not row or (len(row) > 1 and not any(row))


def _check_rows(path, records):
    """Yield lines and rows up to the blank end; refuse ragged and blank ones inside."""
    first = blank = None
    for line, row in records:
        if is_blank(row):
            blank = blank or line
            continue
        if blank is not None:
            raise CommandError(
                f"{path} must have no blank row inside: line {blank} is blank, "
                "remove it or fill it in"
            )
        first = first or (line, len(row))
        if len(row) != first[1]:
            raise CommandError(
                f"{path} must have the same number of columns in all rows: got "
                f"{first[1]} in line {first[0]} and {len(row)} in line {line}"
            )
        yield line, row
    if first is None:
        raise CommandError(f"{path} is empty")


def read_lines(path, form):
    """Return the stripped lines of a text file, without blank ones at its end."""
    opened: Any = COMPRESSED.get(Path(path.lower()).suffix, io.open)
    with opened(path, "rt", encoding=form.encoding or "utf-8-sig") as file:
        return file.read().rstrip().splitlines()


def read_cells(path, form, *, one_column=True):
    """Return the whole `Table` of a text file."""
    with _records(path, form, one_column=one_column) as (_, _, records):
        lines, rows = zip(*_check_rows(path, records), strict=True)
    return Table(path, list(rows), list(lines))


def read_head(path, form):
    """Return the `Table` of the first rows of a text file."""
    with _records(path, form) as (_, _, records):
        head = list(itertools.islice(records, _N_HEAD))
    lines, rows = zip(*_check_rows(path, head), strict=True)
    return Table(path, list(rows), list(lines))


def read_numbers(path, form, width, *, has_header, has_ids, chosen=None):
    """Return the numbers of a text file, and the strings of its first column or None.

    The first row is left out if it is a header, the first column if it holds names.
    Only the columns at the chosen places are read, where there are some.
    """
    pandas = import_pandas(path)
    dtype: dict = defaultdict(lambda: np.float64)
    dtype.update({0: str} if has_ids else {})
    # Later versions are exact without being asked.
    exact = {"float_precision": "round_trip"} if version("pandas") < "3" else {}
    with _records(path, form) as (file, separator, records):
        if has_header:
            next(records)
        options = {
            "sep": r"\s+" if separator == " " else separator,
            "skipinitialspace": True,
            "skip_blank_lines": False,
            "chunksize": max(1, _CELLS_AT_ONCE // width),
            "usecols": None if chosen is None else [*range(has_ids), *chosen],
            "dtype": dtype if has_ids else np.float64,
            **exact,
        }
        try:
            with pandas.read_csv(file, header=None, **options) as reader:
                parts = [_split_ids(part, has_ids) for part in reader]
        except UnicodeDecodeError:
            raise
        except pandas.errors.EmptyDataError:
            parts = []
        except (ValueError, OverflowError):
            _check_cells(path, form, has_header, has_ids, chosen)
            raise
    if not parts:
        raise CommandError(f"{path} must have rows below its header: got none")
    X = np.concatenate([numbers for numbers, _ in parts])
    ids = [name for _, names in parts for name in names]
    has_gaps = bool(np.isnan(X).any())
    # Where columns are chosen, pandas lets rows pass that are too long.
    if has_gaps or chosen is not None or X.shape[1] != width - has_ids:
        cells = chosen if has_gaps or chosen is None else ()
        n_rows = _check_cells(path, form, has_header, has_ids, cells)
        X, ids = X[:n_rows], ids[:n_rows]
    return X, ids if has_ids else None


def _split_ids(part, has_ids):
    if not has_ids:
        return part.to_numpy(), []
    names = part[0].fillna("").astype(str).str.strip().tolist()
    return part.iloc[:, 1:].to_numpy(dtype=np.float64), names


def _check_cells(path, form, has_header, has_ids, chosen):
    """Name the first cell that is no number; return the number of rows else."""
    n_rows = 0
    with _records(path, form) as (_, separator, records):
        rows = _check_rows(path, records)
        for line, row in itertools.islice(rows, int(has_header), None):
            n_rows += 1
            for place in range(has_ids, len(row)) if chosen is None else chosen:
                if not is_number(row[place]):
                    _refuse_cell(path, separator, line, place + 1, row[place])
    return n_rows


def _refuse_cell(path, separator, line, column, cell):
    kind = {",": "commas", "\t": "tabs", " ": "spaces", ";": "semicolons"}.get(
        separator, repr(separator)
    )
    if is_list(cell):
        refuse_list(path, line, column, cell)
    hint = ""
    if cell.lower() in _NO_NUMBER:
        hint = ": fill in or drop those pairs"
    elif _DECIMAL_COMMA.fullmatch(cell):
        hint = " (write numbers with a decimal point)"
    elif column == 1:
        hint = " (--id-column yes, if the first column names the rows)"
    raise UnclearFileError(
        f"{path} must hold numbers, separated by {kind}: got {cell[:40]!r} in line "
        f"{line}, column {column}{hint}",
        path,
    )


def refuse_list(path, line, column, cell):
    """Say that lists have no place in tables of text."""
    raise CommandError(
        f"{path} must hold numbers: got {cell[:20]!r} in line {line}, column {column}. "
        "A list in a cell of a CSV file is not read: write Parquet, or one column per "
        "number"
    )


def import_pandas(path):
    """Return pandas, which an extra brings."""
    try:
        import pandas
    except ImportError:
        raise CommandError(
            f"reading {path} needs pandas: pip install "
            '"sklearn-xmodal[tables]", or save the array with numpy.save'
        ) from None
    return pandas


def read_columns(path):
    """Return the DataFrame of a Parquet or Feather file."""
    pandas = import_pandas(path)
    read = {".parquet": pandas.read_parquet, ".feather": pandas.read_feather}
    try:
        return read[suffix_of(path)](path)
    except ImportError:
        raise CommandError(
            f'reading {path} needs pyarrow: pip install "sklearn-xmodal[tables]"'
        ) from None
