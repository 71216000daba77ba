"""Tensors, Arrow arrays, columns of vectors, and the index that tables have."""

import sys

import numpy as np


def as_plain(X):
    """Return tensors and Arrow data as what NumPy, or pandas, makes of them.

    Whatever device, dtype and history of gradients a tensor has. Anything else comes
    back as it is. A TypeError where a tensor has no plain values.
    """
    if isinstance(X, list | tuple) and len(X) and _is_tensor(X[0]):
        return [_tensor_as_array(x) if _is_tensor(x) else x for x in X]
    if _is_tensor(X):
        return _tensor_as_array(X)
    if type(X).__module__.split(".")[0] == "pyarrow":
        is_table = hasattr(X, "schema")
        column = X.column(0) if getattr(X, "num_columns", 0) == 1 else X
        matrix = _arrow_matrix(column)
        if matrix is not None:
            return matrix
        return X.to_pandas() if is_table else np.asarray(X)
    return X


def as_matrix(X, *, strict=True):
    """Return `as_plain`, and a column of vectors of one length as a matrix.

    Such a column is a Series, a DataFrame of one column, or an array of objects; the
    index stays. Where the vectors do not make a matrix, a ValueError says why, or `X`
    comes back as it is, where not `strict`.
    """
    X = as_plain(X)
    column = X.iloc[:, 0] if _is_frame(X) and X.shape[1] == 1 else X
    if type(getattr(column, "dtype", None)).__name__ == "ArrowDtype":
        matrix = _arrow_matrix(column.array.__arrow_array__())
        if matrix is not None:
            return _with_index(matrix, X)
    if getattr(column, "ndim", None) != 1 or not _holds_objects(column):
        return X
    values = np.asarray(column)
    vectors = [_as_vector(value) for value in values]
    lengths = {len(vector) for vector in vectors if vector is not None}
    if not lengths:
        return X
    if len(lengths) > 1 or any(vector is None for vector in vectors):
        if strict:
            _raise_no_matrix(values, vectors)
        return X
    matrix = np.stack(vectors)
    return _with_index(matrix, X)


def is_dask_array(X):
    """Return whether X is a Dask array, without importing Dask."""
    return type(X).__module__.startswith("dask.array")


def row_index(X):
    """Return the index of a table, or of a side of pairs; None where there is none."""
    for side in X._sides() if hasattr(X, "_sides") else (X,):
        index = getattr(side, "index", None)
        if hasattr(index, "equals"):  # lists have a method of the same name
            return index
    return None


def check_same_index(one, other, names):
    """Raise a ValueError where rows that belong together are indexed differently.

    Neither is an error where one side has no index; other lengths are refused
    elsewhere. `names` are how users write the two.
    """
    first, second = row_index(one), row_index(other)
    if first is None or second is None or len(first) != len(second):
        return
    if first.equals(second):
        return
    pairs = zip(first, second, strict=True)
    unequal = (i for i, (a, b) in enumerate(pairs) if not _is_same(a, b))
    place = next(unequal, None)
    if place is None:  # of other types only
        return
    is_reordered = first.is_unique and second.is_unique and set(first) == set(second)
    what = "the same index in another order" if is_reordered else "another index"
    row_a, row_b = (index[place : place + 1].tolist()[0] for index in (first, second))
    a, b = names
    fix = f"{a}.reset_index(drop=True) and {b}.reset_index(drop=True) "
    fix += "where they belong together by position"
    if is_reordered:
        fix = f"{b}.loc[{a}.index], or {fix}"
    raise ValueError(
        f"Rows of {a} and {b} belong together, so their indexes must be equal. Got "
        f"{what}: row {place} is {row_a!r} in {a} and {row_b!r} in {b}. "
        f"Pass {fix}."
    )


def check_same_indexes(tables):
    """Raise a ValueError where indexes differ; `tables` are rows by their names."""
    first = None
    for name, X in tables.items():
        if row_index(X) is None:
            continue
        first = first or name
        check_same_index(tables[first], X, (first, name))


def _is_tensor(X):
    torch = sys.modules.get("torch")  # without it there are no tensors
    return torch is not None and isinstance(X, torch.Tensor)


def _tensor_as_array(X):
    torch = sys.modules["torch"]
    if X.layout != torch.strided or X.is_nested or X.is_meta:
        kind = "on the device meta" if X.is_meta else f"of layout {X.layout}"
        raise TypeError(
            f"Got a tensor {kind}, which is no plain array. Use X.to_dense(), or a "
            "sparse matrix of SciPy."
        )
    X = X.dequantize() if X.is_quantized else X
    known = (torch.float16, torch.float32, torch.float64)
    if X.is_floating_point() and X.dtype not in known:
        X = X.float()  # bfloat16, of which NumPy has none
    return X.numpy(force=True)


def _arrow_matrix(column):
    """Return an Arrow column of vectors of one length as a matrix; None otherwise.

    Its values are not copied, unless the column is in several chunks.
    """
    if not hasattr(getattr(column, "type", None), "value_type") or column.null_count:
        return None
    parts = []
    for chunk in getattr(column, "chunks", [column]):
        width = getattr(chunk.type, "list_size", None)
        if width is None:
            lengths = np.unique(np.diff(chunk.offsets.to_numpy()))
            if len(lengths) > 1:
                return None
            width = int(lengths[0]) if len(lengths) else 0
        values = chunk.flatten()
        if not len(chunk):
            continue
        # Booleans are bits, and values of other types are no numbers.
        is_number = str(values.type) not in ("bool", "null") and width
        if values.null_count or not is_number or hasattr(values.type, "value_type"):
            return None
        try:
            parts.append(values.to_numpy().reshape(len(chunk), width))
        except ValueError:  # strings, decimals: objects have to be made
            return None
    if not parts or len({part.shape[1] for part in parts}) > 1:
        return None
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _is_frame(X):
    return hasattr(X, "iloc") and X.ndim == 2


def _holds_objects(column):
    return getattr(getattr(column, "dtype", None), "kind", None) == "O"


def _as_vector(value):
    """Return a vector of numbers, None where that is something else."""
    value = as_plain(value)
    if not isinstance(value, list | tuple | np.ndarray):
        return None
    try:
        vector = np.asarray(value)
    except ValueError:  # rows of different length
        return None
    return vector if vector.ndim == 1 and vector.dtype.kind in "biufc" else None


def _raise_no_matrix(values, vectors):
    length = next(len(vector) for vector in vectors if vector is not None)
    for row, vector in enumerate(vectors):
        if vector is None:
            raise ValueError(
                "Got a column of vectors with something else in it: "
                f"{values[row]!r} in row {row}. Drop such rows (in both modalities, "
                "they are pairs)."
            )
        if len(vector) != length:
            raise ValueError(
                f"Got a column of vectors of different lengths: {length} and "
                f"{len(vector)} in row {row}."
            )


def _with_index(matrix, X):
    """Return a DataFrame, whose columns have no names, where there is an index."""
    if row_index(X) is None:
        return matrix
    import pandas as pd

    return pd.DataFrame(matrix, index=X.index, copy=False)


def _is_same(a, b):
    try:
        return a is b or bool(a == b) or bool(a != a and b != b)
    except TypeError:  # pandas.NA has no truth value
        return False
