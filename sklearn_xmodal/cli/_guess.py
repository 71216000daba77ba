"""What is what in a file, by names and shapes, and the command line that says so."""

import re
import shlex
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from sklearn_xmodal.cli._files import KEYS, split_key
from sklearn_xmodal.cli._names import modality_of, numbered_groups
from sklearn_xmodal.cli._tables import (
    COLUMN_STORES,
    Format,
    is_number,
    is_table,
    read_columns,
    read_head,
    suffix_of,
)

_LABELS = re.compile(r"label|target|class|categor|kind|^y$")
_N_SEEN = 1000  # rows of a column store that are looked at
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


@dataclass
class _Item:
    """An array of an archive, or a column or several of a table."""

    key: str
    names: list  # what it is called in the file
    n_rows: int
    values: Any = None  # a list of one value per row; None of features

    @property
    def is_numeric(self):
        return self.values is None or all(map(is_number, map(str, self.values)))

    @property
    def is_words(self):
        return any(isinstance(value, str) and " " in value for value in self.values)

    @property
    def repeats(self):
        return 1 < len(set(self.values)) < len(self.values)


def working_line(path, arguments):
    """Return a command line in which every part in a file has its key, or None."""
    items = _items(path, arguments)
    given = {role: getattr(arguments, role.replace("-", "_"), None) for role in KEYS}
    keys = {role: split_key(source) for role, source in given.items() if source}
    here = {role: key for role, (place, key) in keys.items() if place == path}
    wanted = [role for role in here if not _serves(items, role, here[role])]
    used = {i.key for role in {*here} - {*wanted} for i in _meant(items, here[role])}
    is_pairs = hasattr(arguments, "labels") and "image" in here
    if is_pairs and not (given["text"] or given["words"]):
        wanted.append("text")
    if not wanted:
        return None
    if is_pairs and not given["labels"]:
        wanted.append("labels")
    found = _keys(items, wanted, used)
    missing = [role for role in wanted if role not in found and role != "labels"]
    words = _first(items, lambda item: item.values is not None and item.is_words)
    if is_pairs and missing == ["text"] and words is not None:
        found["words"] = words.key
    elif missing or not found:
        return None
    new = {role: f"{path}:{found[role]}" for role in KEYS if role in found}
    return _line(arguments.argv, new)


def _meant(items, key):
    return [i for i in items if any(fnmatchcase(n, key) for n in (i.key, *i.names))]


def _serves(items, role, key):
    """Say whether a key is of something that a role can take."""
    if key is None:
        return False
    if role.endswith(("image", "text")):
        meant = _meant(items, key)
        return bool(meant) and all(item.is_numeric for item in meant)
    return any(key in item.names for item in items)


def _keys(items, wanted, used):
    """Return role -> key for the parts that a file holds, as far as can be told."""
    found: dict = {}
    for side in ("image", "text"):
        for role in (side, f"query-{side}"):
            if role in wanted:
                taken = used | {found[r] for r in found if not r.endswith(side)}
                matrices = [i for i in items if i.values is None and i.key not in taken]
                own = _first(matrices, lambda i, s=side: modality_of(i.key) == s)
                if own := own or _first(matrices, lambda i: modality_of(i.key) is None):
                    found[role] = own.key
    parts = used | {*found.values()}
    n_rows = {i.n_rows for i in items if i.key in parts or not parts}
    columns = [i for i in items if i.values is not None and i.n_rows in n_rows]
    if "labels" in wanted:
        named = _first(columns, lambda i: _LABELS.search(i.key.lower()))
        if own := named or _first(columns, lambda i: i.repeats and not i.is_words):
            found["labels"] = own.key
    return found


def _first(items, suits):
    return next((item for item in items if suits(item)), None)


def _items(path, arguments):
    if path.lower().endswith(".npz"):
        return _arrays_of(path)
    if not is_table(path):
        return []
    if suffix_of(path) in COLUMN_STORES:
        frame = read_columns(path).head(_N_SEEN)
        columns = {str(n): c.tolist() for n, c in frame.items()}
        return _columns_of(columns, lambda value: not isinstance(value, str))
    head = read_head(path, Format(arguments.separator, arguments.encoding))
    if any(map(is_number, head.rows[0][1:])) and all(map(is_number, head.rows[0])):
        return []  # no names
    columns = {name: cells for name, *cells in map(list, zip(*head.rows, strict=True))}
    return _columns_of(columns, is_number)


def _arrays_of(path):
    """Return the items of an archive, of which matrices are not read."""
    items = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                version = np.lib.format.read_magic(file)
                read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
                shape, _, dtype = read(file)
            key = name.removesuffix(".npy")
            if len(shape) == 2 and dtype.kind in "biuf" and shape[1] > 1:
                items.append(_Item(key, [key], shape[0]))
            elif len(shape) == 1 and dtype.kind in "biuUS":
                with np.load(path) as arrays:
                    items.append(_Item(key, [key], shape[0], arrays[key].tolist()))
    return items


def _columns_of(columns, counts):
    """Return the items of a table, whose numbered columns of numbers are features."""
    items = []
    grouped = set()
    for pattern, names in numbered_groups(list(columns)).items():
        if all(counts(value) for name in names for value in columns[name]):
            items.append(_Item(pattern, names, len(columns[names[0]])))
            grouped.update(names)
    for name, values in columns.items():
        if name not in grouped:
            is_matrix = all(np.ndim(value) == 1 for value in values)
            values = None if is_matrix else values
            items.append(_Item(name, [name], len(columns[name]), values))
    return items


def _line(argv, options):
    """Return a command line with other values of some options."""
    argv = list(argv)
    for role, value in options.items():
        option = f"--{role}"
        joined = [i for i, word in enumerate(argv) if word.startswith(f"{option}=")]
        if option in argv:
            argv[argv.index(option) + 1] = value
        elif joined:
            argv[joined[0]] = f"{option}={value}"
        else:
            argv += [option, value]
    return command_line(argv)


def without_options(argv, options):
    """Return arguments without some options, which may be shortened, and values."""
    kept, is_dropped = [], False
    for word in argv:
        if word.startswith("--"):
            name = word.split("=")[0]
            is_dropped = any(option.startswith(name) for option in options)
        if not is_dropped:
            kept.append(word)
    return kept


def command_line(argv):
    """Return arguments as a line for a shell."""
    return " ".join(["xmodal", *map(_quoted, argv)])


def _quoted(word):
    """Quote a word for the shells of all systems, as far as one way serves all."""
    if _PLAIN.fullmatch(word):
        return word
    return shlex.quote(word) if set(word) & set('"$`\\!') else f'"{word}"'
