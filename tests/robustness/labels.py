"""Labels of every type, and what is no label."""

import enum
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from tests.robustness.containers import each, read_only, same, strided
from tests.robustness.values import instead, masked, put, structured, wrong

Kind = enum.Enum("Kind", ["ANT", "BEE", "CAT"])
_NAMES = np.array(["ant", "bee", "cat"])


def _two(y):
    return (y > 0).astype(int)


#: Of labels 0, 1, 2, in their order.
KINDS = [
    same("int8", lambda y: y.astype(np.int8)),
    same("uint64", lambda y: y.astype(np.uint64)),
    same("negative", lambda y: y - 5),
    same("beyond 2**53", lambda y: y + 2**60),
    same("whole float64", lambda y: y.astype(float)),
    same("whole float16", lambda y: y.astype(np.float16)),
    same("large floats", lambda y: y * 1e18),
    same("bool", lambda y: y > 0, _two),
    same("strings", lambda y: _NAMES[y]),
    same("empty string", lambda y: np.array(["", "a", "a "])[y]),
    same("strings not of ASCII", lambda y: np.array(["a", "é", "猫"])[y]),
    same("object strings", lambda y: _NAMES[y].astype(object)),
    same("bytes", lambda y: _NAMES.astype(bytes)[y]),
    same("object integers", lambda y: y.astype(object)),
    same("integers of 30 digits", each(lambda v: v + 10**30)),
    same("dates", lambda y: y.astype("datetime64[D]")),
    same("list", lambda y: y.tolist()),
    same("list of strings", lambda y: _NAMES[y].tolist()),
    same("tuple", lambda y: tuple(y.tolist())),
    same("column", lambda y: y[:, None]),
    same("read-only", read_only),
    same("strided", strided),
    same("Series", pd.Series),
    same("Series with any index", lambda y: pd.Series(y, range(len(y), 0, -1))),
    same("Series of strings", lambda y: pd.Series(_NAMES[y])),
    same("Series of string type", lambda y: pd.Series(_NAMES[y], dtype="string")),
    same("categories", lambda y: pd.Series(_NAMES[y], dtype="category")),
    same("nullable integers", lambda y: pd.Series(y, dtype="Int64")),
    same("DataFrame of one column", lambda y: pd.DataFrame({"y": y})),
    same("masked array without mask", np.ma.masked_array),
]
#: Where labels are only compared for being equal.
WITHOUT_ORDER = [
    same("mixed types", lambda y: np.array([0, "one", 2.5], dtype=object)[y]),
    same("enum", lambda y: np.array(list(Kind), dtype=object)[y]),
    same("a type of tuples", each(lambda v: (v, "a"))),
]
_last = put(-1, int)


def _first_class(y):
    return np.where(y == 0, -1, y)


#: Some pairs without a label, which is -1 where labels are integers.
UNLABELLED = [
    same("one None", put(None, object), _last),
    same("one NaN", put(np.nan, float), _last),
    same("minus one among floats", put(-1, float), _last),
    same("NaN among objects", put(np.nan, object), _last),
    same("NA among objects", put(pd.NA, object), _last),
    same("NaT", lambda y: put("NaT", "datetime64[D]")(y.astype("datetime64[D]")),
         _last),
    same("None among strings", lambda y: put(None, object)(_NAMES[y]), _last),
    same("Series with NA", lambda y: pd.Series(y, dtype="Int64").mask(y == 0),
         _first_class),
    same("string Series with NA",
         lambda y: pd.Series(_NAMES[y], dtype="string").mask(y == 0), _first_class),
    same("categories with NA",
         lambda y: pd.Series(_NAMES[y], dtype="category").mask(y == 0), _first_class),
]  # fmt: skip
OF_NUMBERS = (
    "one None",
    "one NaN",
    "minus one among floats",
    "NaN among objects",
    "NA among objects",
    "Series with NA",
)
NOT_ONE_LABEL = [
    wrong("all NaN", lambda y: np.full(len(y), np.nan)),
    wrong("all minus one", lambda y: np.full(len(y), -1)),
    wrong("masked labels", masked),
]
#: Where every item must have one, and -1 is a label like any other.
MISSING = [
    *[wrong(c.name, c.apply) for c in UNLABELLED if "minus" not in c.name],
    *[c for c in NOT_ONE_LABEL if "minus" not in c.name],
]
NO_LABELS = [
    wrong("infinity", put(np.inf, float)),
    wrong("complex", lambda y: y + 1j),
    wrong("structured", structured),
    wrong("three dimensions", lambda y: np.zeros((len(y), 2, 2))),
    wrong("several columns of numbers", lambda y: np.column_stack([y, y + 7])),
    wrong("several columns of strings", lambda y: _NAMES[np.column_stack([y, y])]),
    wrong("ragged lists", lambda y: [[v] * (1 + v) for v in y.tolist()]),
    wrong("lists as labels", each(lambda v: [v])),
    wrong("dicts as labels", each(lambda v: {v: v})),
    instead("a scalar", 1),
    instead("a string", "labels.csv"),
    instead("a dict", {0: "a"}),
    instead("a set", {0, 1}),
    instead("an object", Ellipsis),
    wrong("a generator", lambda y: (v for v in y.tolist())),
]
NOT_SORTABLE = [
    wrong("mixed types", lambda y: np.array([0, "one", 2.5], dtype=object)[y]),
    wrong("enum", lambda y: np.array(list(Kind), dtype=object)[y]),
]
CONTINUOUS = [
    wrong("fractions", lambda y: y + 0.5 * (np.arange(len(y)) % 2)),
    wrong("fractions in float32", lambda y: (y + 0.25).astype(np.float32)),
]
OTHER_LENGTH = [
    wrong("a label less", lambda y: y[:-1]),
    wrong("a label more", lambda y: np.concatenate([y, y[:1]])),
    wrong("no labels", lambda y: y[:0]),
    wrong("a row vector", lambda y: y[None, :]),
]
#: Of indicator matrices.
INDICATORS = [
    same("bool", lambda Y: Y.astype(bool)),
    same("float", lambda Y: Y.astype(float)),
    same("uint8", lambda Y: Y.astype(np.uint8)),
    same("list", lambda Y: Y.tolist()),
    same("Fortran order", np.asfortranarray),
    same("read-only", read_only),
    same("strided", strided),
    same("DataFrame", pd.DataFrame),
    same("csr_matrix", sparse.csr_matrix),
    same("csr_array", sparse.csr_array),
    same("csr of bools", lambda Y: sparse.csr_array(Y.astype(bool))),
    same("csc_array", sparse.csc_array),
    same("coo_array", sparse.coo_array),
    same("lil_array", sparse.lil_array),
    same("csr with stored zeros", lambda Y: sparse.csr_array(
        (Y.ravel(), np.tile(np.arange(Y.shape[1]), len(Y)),
         np.arange(0, Y.size + 1, Y.shape[1])), shape=Y.shape)),
    wrong("a two", put(2)),
    wrong("minus one", put(-1)),
    wrong("a half", put(0.5, float)),
    wrong("NaN", put(np.nan, float)),
    wrong("None", put(None, object)),
    wrong("strings", lambda Y: Y.astype(str)),
    wrong("masked", masked),
    wrong("csr with a two", lambda Y: sparse.csr_array(2 * Y)),
    wrong("csr with NaN", lambda Y: sparse.csr_array(np.nan * Y)),
    wrong("no columns", lambda Y: Y[:, :0]),
    wrong("a row less", lambda Y: Y[:-1]),
]  # fmt: skip


def renamed(changes, words):
    """Give changes another pattern of the error."""
    return [replace(change, words=change.words or words) for change in changes]
