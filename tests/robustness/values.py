"""Values that cannot be right, for every kind of argument."""

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_xmodal import ImageTextPairs
from tests.robustness.case import Change


def wrong(name, apply, words=None):
    return Change(name, apply, words=words)


def instead(name, value, words=None):
    return Change(name, lambda _: value, words=words)


def put(value, dtype=float):
    """Put a value into the last row."""

    def apply(x):
        x = np.array(x, dtype=dtype)
        x[(-1,) * x.ndim] = value
        return x

    return apply


def masked(x):
    masked = np.ma.masked_array(x)
    masked[(-1,) * x.ndim] = np.ma.masked
    return masked


def ragged(x):
    rows = [list(row) for row in x]
    return [*rows[:-1], rows[-1][:-1]]


def structured(x):
    return np.array([(1.0, 2.0)] * len(x), dtype=[("a", float), ("b", float)])


def _generator(x):
    return (row for row in x)


def _frame_with(value):
    def apply(x):
        frame = pd.DataFrame(x).astype(object)
        frame.columns = [f"column {i}" for i in frame.columns]
        frame.iloc[-1, -1] = value
        return frame

    return apply


#: Of anything that is to hold numbers.
NOT_NUMBERS = [
    wrong("NaN", put(np.nan)),
    wrong("NaN in float32", put(np.nan, np.float32)),
    wrong("all NaN", lambda x: np.full(np.shape(x), np.nan)),
    wrong("infinity", put(np.inf)),
    wrong("minus infinity", put(-np.inf)),
    wrong("more than float64 holds", put(np.longdouble("1e4000"), np.longdouble)),
    wrong("integer of 400 digits", put(10**400, object)),
    wrong("None inside", put(None, object)),
    wrong("a word inside", put("word", object)),
    wrong("a dict inside", put({}, object)),
    wrong("strings", lambda x: np.full(np.shape(x), "word")),
    wrong("bytes", lambda x: np.full(np.shape(x), b"word")),
    wrong("complex", lambda x: np.asarray(x) + 1j),
    wrong("dates", lambda x: np.asarray(x).astype("datetime64[s]")),
    wrong("durations", lambda x: np.asarray(x).astype("timedelta64[s]")),
    wrong("structured", structured),
    wrong("masked values", masked),
]
NOT_A_MATRIX = [
    wrong("one row as a vector", lambda x: x[0]),
    wrong("three dimensions", lambda x: np.dstack([x, x])),
    wrong("ragged rows", ragged),
    wrong("no columns", lambda x: x[:, :0]),
    instead("a scalar", 3.0),
    instead("a scalar array", np.array(3.0)),
    instead("a string", "features.npy"),
    instead("an object", Ellipsis),
    instead("a dict", {"a": [1.0, 2.0]}),
    instead("a set", {1.0, 2.0}),
    wrong("a generator", _generator),
    wrong("pairs", lambda x: ImageTextPairs(x, x)),
]
NOT_A_FRAME = [
    wrong("DataFrame with a word", _frame_with("word")),
    wrong("DataFrame with NA", _frame_with(pd.NA)),
    wrong("DataFrame with None", _frame_with(None)),
    wrong("DataFrame with a date", _frame_with(pd.Timestamp("2018-06-11"))),
    wrong("nullable DataFrame with NA", lambda x: pd.DataFrame(x).mask(x == x.max())
          .astype("Float64")),
    wrong("DataFrame of words", lambda x: pd.DataFrame(x).astype(str) + "a"),
    wrong("DataFrame of categories", lambda x: (pd.DataFrame(x).astype(str) + "a")
          .astype("category")),
    wrong("DataFrame of dates", lambda x: pd.DataFrame(x).astype("datetime64[s]")),
]  # fmt: skip


def sparse_with(value, dtype=float):
    def apply(x):
        matrix = sparse.csr_array(x.astype(dtype))
        matrix.data[-1] = value
        return matrix

    return apply


NOT_A_SPARSE_MATRIX = [
    wrong("csr with NaN", sparse_with(np.nan)),
    wrong("csr with infinity", sparse_with(np.inf)),
    wrong("csr of complex", sparse_with(1j, complex)),
    wrong("csc with NaN", lambda x: sparse_with(np.nan)(x).tocsc()),
    wrong("coo with NaN", lambda x: sparse_with(np.nan)(x).tocoo()),
    wrong("csr without columns", lambda x: sparse.csr_array(x[:, :0])),
]
#: Squares of these, or of their inverses, are more than a float holds.
TOO_LARGE = [
    wrong("largest 1e200", lambda x: x * 1e200),
    wrong("largest 1e300", lambda x: x / abs(x).max() * 1e300),
    wrong("one value of 1e300", put(1e300)),
    wrong("largest 1e-200", lambda x: x * 1e-200),
    wrong("largest subnormal", lambda x: x * 1e-310),
    wrong("csr of 1e200", lambda x: sparse.csr_array(x * 1e200)),
    wrong("csr of 1e-200", lambda x: sparse.csr_array(x * 1e-200)),
]
OTHER_LENGTH = [
    wrong("a row less", lambda x: x[:-1]),
    wrong("a row more", lambda x: np.concatenate([x, x[:1]])),
    wrong("no rows", lambda x: x[:0]),
    wrong("one row", lambda x: x[:1]),
]
