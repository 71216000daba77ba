"""Columns of vectors of Arrow tables are matrices over the same memory."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.utils._containers import as_matrix

pa = pytest.importorskip("pyarrow")

X = np.arange(30, dtype=np.float32).reshape(10, 3)


def fixed(X):
    return pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])


def variable(X, kind=pa.ListArray, offset=np.int32):
    ends = np.arange(len(X) + 1, dtype=offset) * X.shape[1]
    return kind.from_arrays(pa.array(ends), pa.array(X.ravel()))


COLUMNS = {
    "fixed": fixed(X),
    "cut": fixed(np.vstack([X[:4], X, X[:2]])).slice(4, 10),
    "lists": variable(X),
    "cut lists": variable(np.vstack([X, X[:4]])).slice(0, 10),
    "large lists": variable(X, pa.LargeListArray, np.int64),
    "chunk": pa.chunked_array([fixed(X)]),
    "batch": pa.record_batch([fixed(X)], names=["image"]),
    "table": pa.table({"image": fixed(X)}),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_are_not_copied(name):
    got = as_matrix(COLUMNS[name])
    assert_array_equal(got, X)
    again = as_matrix(COLUMNS[name])  # the same memory, so no copy
    assert np.shares_memory(got, again)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64"])
def test_keep_their_type(dtype):
    got = as_matrix(fixed(X.astype(dtype)))
    assert_array_equal(got, X)
    assert got.dtype == dtype


def test_of_pandas_are_not_copied_either():
    index = pd.Index(range(5, 15))
    series = pd.Series(
        COLUMNS["fixed"], index=index, dtype=pd.ArrowDtype(fixed(X).type)
    )
    got = as_matrix(series)
    assert_array_equal(got.index, index)
    assert np.shares_memory(got.to_numpy(), as_matrix(series).to_numpy())
    assert_array_equal(as_matrix(series.to_frame("image")).to_numpy(), X)


def test_chunks_become_one():
    column = pa.chunked_array([fixed(X[:4]), fixed(X[4:4]), fixed(X[4:])])
    assert_array_equal(as_matrix(column), X)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0, 2.0], None]),
        pa.array([[1.0, 2.0], [1.0, None]]),
        pa.array([[1.0, 2.0], [1.0]]),
        pa.array([["a", "b"], ["c", "d"]]),
        pa.array([[], []], type=pa.list_(pa.float32())),
        pa.array([None, None], type=pa.list_(pa.float32(), 2)),
        pa.chunked_array([variable(X), variable(X[:, :2])]),
    ],
    ids=str,
)
def test_what_is_no_matrix_of_numbers_is_refused(column):
    text = np.ones((len(column), 2)) * np.arange(len(column))[:, None]
    with pytest.raises((ValueError, TypeError)):
        CCARetriever(1).fit(column, text)


def test_bits_are_numbers():
    column = pa.array([[True, False], [True, True]])
    assert_array_equal(as_matrix(column), [[1, 0], [1, 1]])


def test_other_columns_are_as_before():
    assert_array_equal(as_matrix(pa.array([1, 2, 3])), [1, 2, 3])
    assert_array_equal(as_matrix(pa.array(["a", "b"])), ["a", "b"])
    two = as_matrix(pa.table({"a": [1, 2], "b": [3, 4]}))
    assert_array_equal(two, [[1, 3], [2, 4]])
