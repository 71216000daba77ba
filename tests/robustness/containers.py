"""The same values in every container that users hold them in."""

import tempfile
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from scipy import sparse

from tests.robustness.case import SAME, Change, unchanged

SPARSE_FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


def strided(x):
    wide = np.zeros([3 * size for size in x.shape], dtype=x.dtype)
    view = wide[tuple(slice(None, None, 3) for _ in x.shape)]
    view[...] = x
    return view


def reversed_view(x):
    backwards = tuple(slice(None, None, -1) for _ in x.shape)
    return np.ascontiguousarray(x[backwards])[backwards]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def memory_map(x):
    with tempfile.TemporaryFile() as file:  # the map outlives it
        mapped = np.memmap(file, dtype=x.dtype, shape=x.shape)
    mapped[...] = x
    return mapped


def unaligned(x):
    raw = np.zeros(x.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def each(function):
    """Make a converter of every value into an object."""
    return lambda x: np.frompyfunc(function, 1, 1)(x.astype(object))


class _ArrayLike:
    """What only knows how to become an array."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return np.array(self.x, dtype=dtype)

    def __len__(self):
        return len(self.x)

    def __repr__(self):
        return f"_ArrayLike({self.x!r})"


#: What is left where an answer comes in float32.
SINGLE = 1e-3


def same(name, apply, plain=unchanged, rtol=1e-6):
    return Change(name, apply, SAME, plain, rtol=rtol)


def _with_dtype(dtype, **options):
    return same(np.dtype(dtype).name, lambda x: x.astype(dtype), **options)


#: Of arrays with whole numbers from -128 to 127.
ARRAYS = [
    same("Fortran order", np.asfortranarray),
    same("strided", strided),
    same("reversed view", reversed_view),
    same("read-only", read_only),
    same("memory map", memory_map),
    same("unaligned", unaligned),
    same("other byte order", lambda x: x.astype(x.dtype.newbyteorder())),
    same("array-like", _ArrayLike),
    same("list", lambda x: x.tolist()),
    same("tuple", lambda x: tuple(map(tuple, x)) if x.ndim > 1 else tuple(x)),
    same("list of arrays", list),
    same("masked array without mask", np.ma.masked_array),
]
DTYPES = [
    *map(_with_dtype, (np.float16, np.longdouble, np.int8, np.int64)),
    _with_dtype(np.float32, rtol=SINGLE),
    same("object of floats", lambda x: x.astype(object)),
    same("object of decimals", each(Decimal)),
    same("object of fractions", each(Fraction)),
    same("bool", lambda x: x > 0, lambda x: (x > 0).astype(float)),
    same("uint8", lambda x: abs(x).astype(np.uint8), abs),
]


def _frame(x, **options):
    columns = [f"column {i}" for i in range(x.shape[1])]
    return pd.DataFrame(x, **{"columns": columns, **options})


FRAMES = [
    same("DataFrame", _frame),
    same("DataFrame with numbers as names", pd.DataFrame),
    same(
        "DataFrame with any index", lambda x: _frame(x, index=np.arange(len(x))[::-1])
    ),
    same("DataFrame with equal index", lambda x: _frame(x, index=["a"] * len(x))),
    same("DataFrame of mixed types", lambda x: _frame(x).astype({"column 0": int})),
    same("DataFrame of nullable types", lambda x: _frame(x).astype("Float64")),
    same("DataFrame of objects", lambda x: _frame(x).astype(object)),
    same(
        "DataFrame of sparse columns",
        lambda x: _frame(x).astype(pd.SparseDtype(float, 0.0)),
    ),
]


def _sparse(name):
    return [
        same(f"{name}_{kind}", getattr(sparse, f"{name}_{kind}"))
        for kind in ("matrix", "array")
    ]


def _of_csr(change):
    def apply(x):
        matrix = sparse.csr_array(x)
        change(matrix)
        return matrix

    return apply


def _unsort(matrix):
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        matrix.data[start:stop] = matrix.data[start:stop][::-1].copy()
        matrix.indices[start:stop] = matrix.indices[start:stop][::-1].copy()


def _lock(matrix):
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False


def _wide_indices(matrix):
    matrix.indices = matrix.indices.astype(np.int64)
    matrix.indptr = matrix.indptr.astype(np.int64)


def _with_duplicates(x):
    row, column = np.indices(x.shape)
    twice = (np.tile(row.ravel(), 2), np.tile(column.ravel(), 2))
    return sparse.coo_array((np.tile(x.ravel() / 2, 2), twice), shape=x.shape)


def _csr_with_duplicates(x):
    n, p = x.shape
    indices = np.tile(np.repeat(np.arange(p), 2), n)
    data = np.repeat(x.ravel() / 2, 2)
    return sparse.csr_array((data, indices, 2 * p * np.arange(n + 1)), shape=x.shape)


def _with_stored_zeros(x):
    n, p = x.shape
    indices = np.tile(np.arange(p), n)
    return sparse.csr_array((x.ravel(), indices, p * np.arange(n + 1)), shape=x.shape)


SPARSE = [
    *(change for name in SPARSE_FORMATS for change in _sparse(name)),
    same("csr of float32", lambda x: sparse.csr_array(x.astype(np.float32)),
         rtol=SINGLE),
    same("csr of integers", lambda x: sparse.csr_array(x.astype(int))),
    same("csr of bools", lambda x: sparse.csr_array(x > 0),
         lambda x: (x > 0).astype(float)),
    same("csr with unsorted indices", _of_csr(_unsort)),
    same("csr with read-only parts", _of_csr(_lock)),
    same("csr with wide indices", _of_csr(_wide_indices)),
    same("csr with stored zeros", _with_stored_zeros),
    same("csr with duplicates", _csr_with_duplicates),
    same("coo with duplicates", _with_duplicates),
]  # fmt: skip
