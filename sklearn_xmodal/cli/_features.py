"""Matrices of features: what is a header, what are row numbers, what is a feature."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError, UnclearFileError
from sklearn_xmodal.cli._names import (
    modality_of,
    numbered_groups,
    places_of,
    say_names,
)
from sklearn_xmodal.cli._tables import (
    COLUMN_STORES,
    is_list,
    is_number,
    read_columns,
    read_head,
    read_numbers,
    refuse_list,
    suffix_of,
)

YES_NO = {True: "yes", False: "no"}
_WHOLE = re.compile(r"[+-]?\d+")
_ID_NAMES = ("", "id", "ids", "index", "unnamed: 0")
_MIN_INCREASING = 5  # numbers in a row, 1 of 120 increases by chance


@dataclass
class Features:
    """A matrix as it was read, and what was taken for what."""

    source: str
    X: Any  # array or sparse matrix
    is_table: bool = False
    header: bool | None = False  # None: the first row of X may be one
    id_name: str | None = None  # of the first column that was left out
    ids: list | None = None
    is_chosen: bool = False  # whether columns were named

    def counts(self):
        """Return the numbers of rows that there may be."""
        n = self.X.shape[0]
        return {n} if self.header is not None else {n, n - 1}

    def settle(self, n, id_column):
        """Decide what the number of pairs decides, and leave out what counts rows."""
        if self.header is None:
            self.header = self.X.shape[0] == n + 1
            self.X = self.X[1:] if self.header else self.X
        if self.ids is None and id_column is not False and not self.is_chosen:
            self._drop_row_numbers()

    def _drop_row_numbers(self):
        n, width = self.X.shape
        if n < 3 or width < 2:
            return
        first = self.X[:, [0]]
        first = (first.toarray() if sparse.issparse(first) else first)[:, 0]
        if counts_rows(first):
            self.id_name = f"{first[0]:.0f}, {first[1]:.0f}, ..."
            self.ids = [f"{value:.0f}" for value in first]
            self.X = self.X[:, 1:]
        elif self.is_table and _looks_like_ids(self.X):
            raise CommandError(
                f"{self.source}: the first column holds other whole numbers in all "
                f"rows ({first[0]:.0f}, {first[1]:.0f}, ...), unlike the others. Say "
                "whether it names the rows (--id-column yes) or is a feature "
                "(--id-column no)"
            )

    def describe(self):
        """Return what was taken for what, None where there was no choice."""
        if not self.is_table and self.ids is None:
            return None
        shape = f"{self.X.shape[0]:,} rows, {self.X.shape[1]:,} columns"
        header = f"; header: {YES_NO[bool(self.header)]}" if self.is_table else ""
        return f"{self.source}: {shape}{header}; id column: {say_ids(self)}."


def say_ids(part):
    """Say what was left out of what was read."""
    return "no" if part.ids is None else f"yes ({part.id_name or 'no name'}), left out"


def counts_rows(values):
    """Say whether numbers are those of rows, in order from any start, or in another."""
    with np.errstate(invalid="ignore"):
        return bool(
            (np.diff(values) == 1).all()
            or (np.sort(values) == np.arange(len(values))).all()
        )


def _looks_like_ids(X):
    """Say whether whole numbers that differ stand before columns of fractions."""
    first, others = X[:, 0], X[:, 1:]
    with np.errstate(invalid="ignore"):
        whole = bool((first == np.round(first)).all())
        differ = whole and len(np.unique(first)) == len(first)
        return differ and bool((others != np.round(others)).any(axis=0).all())


def read_table(path, form, header, id_column, pattern=None):
    """Return the `Features` of a table, its first row still in it where that is open.

    Parameters
    ----------
    path : str
    form : Format
    header, id_column : bool or None
        What the user says of it.
    pattern : str or None
        The name of the columns that are meant, which may have * and ?.
    """
    if suffix_of(path) in COLUMN_STORES:
        return _read_column_store(path, id_column, pattern)
    head = read_head(path, form)
    if pattern is not None:
        return _read_chosen(path, form, id_column, pattern, head.rows[0])
    first, below = head.rows[0], head.rows[1:]
    _check_no_lists(head, skipped=int(bool(id_column) or is_id_name(first[0])))
    if header is None:
        header = judge_header(head, id_column)
    if header:
        words = _without_numbers(head, id_column)
        # A first column of words names the rows, which is asked about below; words in
        # all columns may be numbers in another writing.
        _check_kinds(path, first, [] if words in (first[:1], first) else words)
    id_name = None
    if len(first) > 1 and header and id_column is None:
        id_column = is_id_name(first[0])
    if id_column:
        _check_wide_enough(path, len(first))
        id_name = first[0] if header else None
    if header and not below:
        raise CommandError(f"{path} must have rows below its header: got none")
    X, ids = read_numbers(
        path, form, len(first), has_header=bool(header), has_ids=bool(id_column)
    )
    return Features(path, X, True, header, id_name, ids)


def _check_no_lists(head, skipped):
    """Refuse lists in cells before they are taken for names of columns or rows."""
    for line, row in zip(head.lines, head.rows, strict=True):
        for column, cell in enumerate(row[skipped:], skipped + 1):
            if is_list(cell):
                refuse_list(head.path, line, column, cell)


def _read_chosen(path, form, id_column, pattern, names):
    """Return the `Features` of columns that the first row names."""
    chosen = places_of(pattern, names, path)
    has_ids = bool(id_column) or (id_column is None and is_id_name(names[0]))
    has_ids = has_ids and 0 not in chosen
    X, ids = read_numbers(
        path, form, len(names), has_header=True, has_ids=has_ids, chosen=chosen
    )
    id_name = names[0] if has_ids else None
    return Features(f"{path}:{pattern}", X, True, True, id_name, ids, True)


def _without_numbers(head, id_column):
    """Return names of columns, but for ids, that hold no number in the first rows."""
    columns = zip(*head.rows, strict=True)
    return [
        name
        for i, (name, *cells) in enumerate(columns)
        if cells and not any(map(is_number, cells)) and not (i == 0 and id_column)
    ]


def _check_kinds(path, names, wordy):
    """Refuse a table whose columns are not one matrix: of both modalities, or words."""
    sides = [modality_of(pattern) for pattern in numbered_groups(names)]
    if {"image", "text"} <= {*sides}:
        raise UnclearFileError(
            f"{path} holds features of images and of texts, say which columns are "
            f"meant, {path}:COLUMN*: got {say_names(names)}",
            path,
        )
    if wordy:
        raise UnclearFileError(
            f"{path} must hold numbers in all columns, or be given with the columns "
            f"that are meant, {path}:COLUMN*: got others in {say_names(wordy)}, among "
            f"{say_names(names)}",
            path,
        )


def is_id_name(name):
    """Say whether a column of that name names the rows."""
    name = name.strip().lower()
    return name in _ID_NAMES or name.endswith(("_id", " id"))


def judge_header(head, id_column=None):
    """Return whether the first row is a header, None where its numbers may be one."""
    skipped = 1 if id_column else 0
    first = head.rows[0][skipped:]
    below = [row[skipped:] for row in head.rows[1:]]
    names = [cell for cell in first if not is_number(cell)]
    if len(names) == len(first):
        return True
    if not names:
        return _judge_numbers(first, below)
    if id_column is None and names == first[:1] and is_id_name(names[0]):
        rest = first[1:]  # as pandas writes an array with its index
        if names[0] or (_are_whole(rest) and _differ(rest)):
            return True
    number = next(cell for cell in first if is_number(cell))
    hint = ""
    if names == first[:1]:
        hint = " (--id-column yes, if the first column names the rows)"
    raise UnclearFileError(
        f"{head.path} must have only numbers or only column names in line "
        f"{head.lines[0]}: got {names[0]!r} and {number!r}{hint}",
        head.path,
    )


def _judge_numbers(first, below):
    """Return whether numbers in the first row are names, None where they may be."""
    if not below:
        return False
    if _are_whole(first) and (_differ(first) or _restarts(first)):
        written_otherwise = not any(_WHOLE.fullmatch(c) for row in below for c in row)
        if written_otherwise:
            return True
        if len(first) > 1 and first == [str(i) for i in range(len(first))]:
            return None  # as pandas writes an array
    suspicious = len(first) > 1 and any(
        test(first) and not any(map(test, below)) for test in (_increase, _restarts)
    )
    return None if suspicious else False


def _are_whole(cells):
    return all(_WHOLE.fullmatch(cell) for cell in cells)


def _differ(cells):
    return len(set(cells)) == len(cells)


def _increase(cells):
    """Say whether numbers count, or are many and increase."""
    try:
        steps = [float(b) - float(a) for a, b in pairwise(cells)]
    except ValueError:
        return False
    counts = _are_whole(cells) and all(step == 1 for step in steps)
    return counts or (len(cells) >= _MIN_INCREASING and min(steps) > 0)


def _restarts(cells):
    """Say whether numbers count from 0, and from 0 again: names of joined tables."""
    if not _are_whole(cells):
        return False
    numbers = [int(cell) for cell in cells]
    counts = numbers[0] == 0 and all(b in (a + 1, 0) for a, b in pairwise(numbers))
    return counts and max(numbers) + 1 >= _MIN_INCREASING


def _check_wide_enough(path, width):
    if width < 2:
        raise CommandError(
            f"{path} must have a column beside the first to leave that out "
            "(--id-column): got 1 column"
        )


def _read_column_store(path, id_column, pattern):
    frame = read_columns(path)
    names = [*map(str, frame.columns)]
    if pattern is None:
        frame, ids, id_name = split_index(frame, path, id_column)
        kinds = [getattr(dtype, "kind", "O") for dtype in frame.dtypes]
        others = [str(n) for n, kind in zip(frame.columns, kinds, strict=True)
                  if kind not in "biuf"]  # fmt: skip
        if len(kinds) > 1:
            _check_kinds(path, names, others)
        return Features(path, _numbers_of(frame, path), True, True, id_name, ids)
    chosen = places_of(pattern, names, path)
    others, ids, id_name = split_index(frame, path, id_column)
    ids, id_name = (None, None) if 0 in chosen else (ids, id_name)
    X = _numbers_of(frame.iloc[:, chosen], path)
    return Features(f"{path}:{pattern}", X, True, True, id_name, ids, True)


def _numbers_of(frame, path):
    """Return a matrix of columns of numbers, and of lists of numbers."""
    if all(getattr(dtype, "kind", "O") in "biuf" for dtype in frame.dtypes):
        return frame.to_numpy(dtype=np.float64, na_value=np.nan)
    parts = []
    for i, name in enumerate(frame.columns):
        column = frame.iloc[:, i]
        if getattr(column.dtype, "kind", "O") in "biuf":
            part = column.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]
        else:
            part = _lists_of(column, name, path)
        parts.append(part)
    return np.hstack(parts)


def _lists_of(column, name, path):
    """Return the matrix of a column whose cells are lists of one length."""
    rows = column.tolist()
    must = f"{path} must hold numbers, or lists of equally many: column {name!r} has"
    lengths = [np.size(row) if np.ndim(row) == 1 else None for row in rows]
    for i, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        if length is None:
            raise UnclearFileError(f"{must} {row!r} in row {i} (from 0)", path)
        if length != lengths[0]:
            raise CommandError(
                f"{must} {lengths[0]} in row 0 and {length} in row {i} (from 0)"
            )
    try:
        return np.array(rows, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise CommandError(f"{must} others: {error}") from None


def split_index(frame, path, id_column):
    """Return the columns of a DataFrame without ids, the ids or None, their name."""
    index = frame.index
    has_index = index.tolist() != list(range(len(index)))
    if id_column is None and frame.shape[1] > 1:
        id_column = is_id_name(str(frame.columns[0]))
    if id_column:
        _check_wide_enough(path, frame.shape[1])
        ids = frame.iloc[:, 0].astype(str).tolist()
        return frame.iloc[:, 1:], ids, str(frame.columns[0])
    if has_index:
        return frame, index.astype(str).tolist(), str(index.name or "index")
    return frame, None, None


def count_pairs(image, text, hints):
    """Return the number of pairs that both files, and others, agree on.

    Parameters
    ----------
    image, text : Features or Column
    hints : set of int
        Numbers of rows that the labels allow; empty without labels.
    """
    both = image.counts() & text.counts()
    if not both:
        raise CommandError(
            "image and text must have the same number of rows, one pair per row: got "
            f"{_say_count(image)} and {_say_count(text)}"
        )
    if len(both) > 1 and len(both & hints) == 1:
        both &= hints
    if len(both) > 1:
        raise CommandError(
            f"the first rows of {image.source} and {text.source} may be names of "
            f"columns or numbers, for {max(both)} or {min(both)} pairs: say which with "
            "--header yes or --header no"
        )
    return both.pop()


def _say_count(features):
    n = max(features.counts())
    if not features.is_table:
        return f"{n} in {features.source}"
    if features.header is None:
        how = f"or {n - 1} below a header, see --header"
    else:
        how = "below a header" if features.header else "and no header"
    return f"{n} in {features.source} ({how})"
