"""The command line: its options, and the files that they name."""

import gzip
import io
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_xmodal.cli._compare import plan
from sklearn_xmodal.cli._data import load_data
from sklearn_xmodal.cli._splits import class_codes
from tests.robustness.case import SAME, Change, Entry
from tests.robustness.estimators import TRAIN
from tests.robustness.values import wrong

_OPTIONS = {
    "dataset": None,
    "min_class_size": 1,
    "seed": 0,
    "without": (),
} | dict.fromkeys(["words", "groups", "header", "id_column", "separator", "encoding"])
_KINDS = np.array(["ant", "bee", "cat"])


class File(bytes):
    """Content of a file, with the end of its name."""

    def __new__(cls, suffix, content):
        self = super().__new__(cls, content)
        self.suffix = suffix
        return self

    def __deepcopy__(self, memo):
        return self


def _saved(save, suffix):
    """Make a function from an array to a File."""

    def convert(x):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"file{suffix}"
            save(path, x)
            return File(suffix, path.read_bytes())

    return convert


def _npy(x):
    return _saved(np.save, ".npy")(np.asarray(x))


def _npz(x):
    return _saved(np.savez, ".npz")(np.asarray(x))


def _text(content, suffix=".csv"):
    return File(suffix, content.encode())


def _csv(x, **options):
    return _text(pd.DataFrame(x).to_csv(None, **{"index": False, **options}))


def _of_text(change, suffix=".csv"):
    """Change the lines of a table without header."""

    def apply(x):
        lines = _csv(x, header=False).decode().splitlines()
        return _text("\n".join(change(lines)) + "\n", suffix)

    return apply


def _objects(x):
    stream = io.BytesIO()
    np.save(stream, np.asarray(x, dtype=object), allow_pickle=True)
    return File(".npy", stream.getvalue())


def _damaged(make, at):
    def apply(x):
        content = make(x)
        return File(content.suffix, content[:at])

    return apply


def _in_file(change):
    """Save the array of another table of changes."""
    return lambda x: _npy(change(x))


def same(name, apply):
    return Change(name, apply, SAME)


FEATURES = [
    same("npy", _npy),
    same("npz of one array", _npz),
    same("compressed npz", _saved(np.savez_compressed, ".npz")),
    same("npy of integers", lambda x: _npy(x.astype(int))),
    same("npy of float16", lambda x: _npy(x.astype(np.float16))),
    same("npy in Fortran order", lambda x: _npy(np.asfortranarray(x))),
    same("npy of other byte order", lambda x: _npy(x.astype(">f8"))),
    same("csv with header", _csv),
    same("csv without header", lambda x: _csv(x, header=False)),
    same("csv of Windows", lambda x: _csv(x, lineterminator="\r\n")),
    same(
        "csv with spaces", _of_text(lambda rows: [r.replace(",", " , ") for r in rows])
    ),
    same("csv with blank end", _of_text(lambda rows: [*rows, "", "  "])),
    same("csv with byte order mark", lambda x: File(".csv", b"\xef\xbb\xbf" + _csv(x))),
    same(
        "csv with quotes",
        _of_text(lambda rows: [",".join(f'"{v}"' for v in r.split(",")) for r in rows]),
    ),
    same(
        "csv with semicolons",
        _of_text(lambda rows: [r.replace(",", ";") for r in rows]),
    ),
    same("csv with row numbers", lambda x: _csv(x, index=True)),
    same("csv.gz", lambda x: File(".csv.gz", gzip.compress(_csv(x)))),
    same("tsv", lambda x: File(".tsv", _csv(x, sep="\t"))),
    same("txt", lambda x: File(".txt", _csv(x))),
    *[
        same(
            f"npz of {name}",
            lambda x, name=name: _saved(sparse.save_npz, ".npz")(
                getattr(sparse, name)(x)
            ),
        )
        for name in ("csr_array", "csc_matrix", "coo_array", "csr_matrix")
    ],
]
NO_FEATURES = [
    wrong("empty file", lambda x: File(".npy", b"")),
    wrong("empty csv", lambda x: _text("")),
    wrong("blank csv", lambda x: _text("\n \n")),
    wrong("header only", _of_text(lambda rows: ["a,b,c,d,e"])),
    wrong("text as npy", lambda x: File(".npy", b"no array")),
    wrong("text as npz", lambda x: File(".npz", b"no archive")),
    wrong("npy as npz", lambda x: File(".npz", _npy(x))),
    wrong("npz as npy", lambda x: File(".npy", _npz(x))),
    wrong("npy as csv", lambda x: File(".csv", _npy(x))),
    wrong("npy cut short", _damaged(_npy, 200)),
    wrong("npy header cut short", _damaged(_npy, 20)),
    wrong("npz cut short", _damaged(_npz, 300)),
    wrong("Python objects", _objects),
    wrong("unknown suffix", lambda x: File(".xls", _npy(x))),
    wrong("npy as parquet", lambda x: File(".parquet", _npy(x))),
    wrong("csv as gz", lambda x: File(".csv.gz", _csv(x))),
    wrong("no suffix", lambda x: File("", _npy(x))),
    wrong("word in a cell", _of_text(lambda rows: [*rows[:-1], "1,2,word,4,5"])),
    wrong("empty cell", _of_text(lambda rows: [*rows[:-1], "1,2,,4,5"])),
    wrong("ragged csv", _of_text(lambda rows: [*rows[:-1], "1,2"])),
    wrong("blank row inside", _of_text(lambda rows: [rows[0], "", *rows[1:]])),
    wrong(
        "decimal commas", _of_text(lambda rows: [";".join(["1,5"] * 5) for _ in rows])
    ),
    wrong("mixed header", _of_text(lambda rows: ["a,1,b,2,c", *rows])),
    wrong("NaN in csv", _of_text(lambda rows: [*rows[:-1], "1,2,nan,4,5"])),
    wrong("infinity in csv", _of_text(lambda rows: [*rows[:-1], "1,2,inf,4,5"])),
    wrong("overflow in csv", _of_text(lambda rows: [*rows[:-1], "1,2,1e999,4,5"])),
    wrong("not UTF-8", lambda x: File(".csv", b"\xff\xfe\x00" + _csv(x))),
    wrong("NaN", _in_file(lambda x: np.where(x == x.max(), np.nan, x))),
    wrong("infinity", _in_file(lambda x: np.where(x == x.max(), np.inf, x))),
    wrong("complex", _in_file(lambda x: x + 1j)),
    wrong("strings", _in_file(lambda x: x.astype(str))),
    wrong("dates", _in_file(lambda x: x.astype("datetime64[s]"))),
    wrong("structured", _in_file(lambda x: np.zeros(len(x), dtype=[("a", float)]))),
    wrong("a vector", _in_file(lambda x: x[:, 0])),
    wrong("three dimensions", _in_file(lambda x: np.dstack([x, x]))),
    wrong("a scalar", _in_file(lambda x: 3.0)),
    wrong("no rows", _in_file(lambda x: x[:0])),
    wrong("no columns", _in_file(lambda x: x[:, :0])),
    wrong("one row", _in_file(lambda x: x[:1])),
    wrong("a row less", _in_file(lambda x: x[:-1])),
    wrong("all constant", _in_file(np.ones_like)),
    wrong("1e200", _in_file(lambda x: x * 1e200)),
    wrong("1e30 in float32", _in_file(lambda x: (x * 1e30).astype(np.float32))),
    wrong(
        "longdouble overflow",
        _in_file(lambda x: x.astype(np.longdouble) * 10 ** np.longdouble(4000)),
    ),
    wrong(
        "sparse NaN",
        lambda x: _saved(sparse.save_npz, ".npz")(sparse.csr_array(x * np.nan)),
    ),
    wrong(
        "sparse complex",
        lambda x: _saved(sparse.save_npz, ".npz")(sparse.csr_array(x * 1j)),
    ),
]
LABELS = [
    same("npy of names", lambda y: _npy(_KINDS[y])),
    same("npy of bytes", lambda y: _npy(_KINDS.astype(bytes)[y])),
    same("npy of integers", _npy),
    same("npy of whole floats", lambda y: _npy(y.astype(float))),
    same("npy column", lambda y: _npy(y[:, None])),
    same("csv of names", lambda y: _csv(_KINDS[y])),
    same("csv without header", lambda y: _csv(_KINDS[y], header=False)),
    same("csv of integers", lambda y: _csv(y, header=["kind"])),
    wrong("csv of integers below 0", _csv, words="--header"),
    same("txt", lambda y: File(".txt", _csv(_KINDS[y]))),
    same("names not of ASCII", lambda y: _csv(np.array(["a", "é", "猫"])[y])),
    wrong("None among objects", lambda y: _objects([None, *y[1:]])),
    same("NaN", lambda y: _npy(np.where(y == 0, np.nan, y))),
    wrong("fractions", lambda y: _npy(y + 0.5)),
    wrong("infinity", lambda y: _npy(np.where(y == 0, np.inf, y))),
    wrong("huge numbers", lambda y: _npy(y * 1e300)),
    wrong("complex", lambda y: _npy(y + 1j)),
    wrong("dates", lambda y: _npy(y.astype("datetime64[D]"))),
    same("empty name", lambda y: _npy(np.array(["", "a", "b"])[y])),
    same("name nan", lambda y: _npy(np.array(["nan", "a", "b"])[y])),
    same("empty cell", lambda y: _csv(np.array(["", "a", "b"])[y])),
    wrong("a label less", lambda y: _npy(y[:-1])),
    wrong("a label more", lambda y: _npy(np.append(y, 0))),
    wrong("several columns", lambda y: _npy(np.column_stack([y, y]))),
    wrong("several columns of csv", lambda y: _csv(np.column_stack([y, y]))),
    wrong("a scalar", lambda y: _npy(1)),
    wrong("no labels", lambda y: _npy(y[:0])),
    wrong(
        "sparse",
        lambda y: _saved(sparse.save_npz, ".npz")(sparse.csr_array(y[:, None])),
    ),
    wrong("one class", lambda y: _npy(0 * y)),
    wrong("a class each", lambda y: _npy(np.arange(len(y))), words="classes"),
    wrong("structured", lambda y: _npy(np.zeros(len(y), dtype=[("a", float)]))),
]
TEST = [
    same("npy of rows", _npy),
    same("whole floats", lambda t: _npy(t.astype(float))),
    same("mask", lambda t: _npy(np.isin(np.arange(24), t))),
    same("mask of numbers", lambda t: _npy(np.isin(np.arange(24), t).astype(int))),
    same("csv", _csv),
    same("csv without header", lambda t: _csv(t[::-1], header=False)),
    wrong("csv that begins with 0", lambda t: _csv(t, header=False), words="--header"),
    wrong("a row twice", lambda t: _npy(np.append(t, t[0]))),
    same("csv of flags", lambda t: _csv(np.isin(np.arange(24), t))),
    same("column", lambda t: _npy(t[:, None])),
    same("row", lambda t: _npy(t[None, :])),
    wrong("a row too large", lambda t: _npy(np.append(t, 24))),
    wrong("a negative row", lambda t: _npy(np.append(t, -1))),
    wrong("fractions", lambda t: _npy(t + 0.5)),
    wrong("NaN", lambda t: _npy(np.append(t, np.nan))),
    wrong("no rows", lambda t: _npy(t[:0])),
    wrong("all rows", lambda t: _npy(np.arange(24))),
    wrong("short mask", lambda t: _npy(np.ones(3, dtype=bool))),
    wrong("empty mask", lambda t: _npy(np.zeros(24, dtype=bool))),
    wrong("words", lambda t: _csv(np.array(["a", "b"]))),
    wrong("a matrix", lambda t: _npy(np.arange(6).reshape(2, 3))),
    wrong("complex", lambda t: _npy(t + 1j)),
    wrong("dates", lambda t: _npy(t.astype("datetime64[D]"))),
    wrong("one class only", lambda t: _npy(np.arange(0, 12, 3))),
]


def _load(image, text, labels, test):
    """Do what the command does before it compares."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for role, file in {"image": image, "text": text, "labels": labels,
                           "test": test}.items():  # fmt: skip
            path = Path(folder) / f"{role}-file{file.suffix}"
            path.write_bytes(file)
            paths[role] = str(path)
        data = load_data(Namespace(**_OPTIONS, **paths))
        plan(data, None, ["standard"])
    codes = np.unique(class_codes(data), return_inverse=True)[1]
    return [data.pairs.image, data.pairs.text, codes, data.test_rows]


GOOD = {
    "image": _npy(TRAIN[0]),
    "text": _npy(TRAIN[1]),
    "labels": _npy(_KINDS[TRAIN[2]]),
    "test": _npy(np.arange(0, 24, 4)),
}


def _of_array(changes, x):
    """Changes of an array as changes of the good file that holds it."""
    return [
        Change(c.name, lambda _, c=c: c.apply(x), c.outcome, words=c.words)
        for c in changes
    ]


ENTRIES = [
    Entry(
        "python -m sklearn_xmodal",
        _load,
        GOOD,
        {
            "image": _of_array([*FEATURES, *NO_FEATURES], TRAIN[0]),
            "text": _of_array([*FEATURES, *NO_FEATURES], TRAIN[1]),
            "labels": _of_array(LABELS, TRAIN[2]),
            "test": _of_array(TEST, np.arange(0, 24, 4)),
        },
    )
]
