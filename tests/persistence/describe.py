"""Models, codes and search results as JSON, and whether two of these are the same."""

from functools import singledispatch
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_xmodal import RetrievalIndex

#: What other processors and libraries round otherwise, relative to the largest entry;
#: what was computed in float32 may have been made float64 afterwards.
TOLERANCES = {"float32": 2e-5, "float64": 1e-8}
# Larger arrays among the attributes are told by shape and type: codes say the rest.
_MOST_VALUES = 16
_OF_AN_INDEX = ("backend", "index_type", "index_params", "n_smoothing_neighbors",
                "modality", "modalities", "ids", "labels", "retriever")  # fmt: skip


@singledispatch
def describe(value):
    """Return a value as JSON holds it, from which `restore` makes arrays again."""
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    return {"class": name, **_state(value)}


@describe.register(type(None))
@describe.register(int)
@describe.register(float)
@describe.register(str)
def _(value):
    return value


@describe.register
def _(value: np.generic):
    return {"scalar": value.dtype.str, "value": value.item()}


@describe.register
def _(value: np.ndarray):
    values = [_short(item) for item in value.ravel()]
    return {"array": value.dtype.str, "shape": list(value.shape), "values": values}


@describe.register(sparse.spmatrix)
@describe.register(sparse.sparray)
def _(value):
    return {"sparse": value.format, "values": describe(value.toarray())}


@describe.register
def _(value: Path):
    return {"path": value.as_posix()}  # one class per system


@describe.register
def _(value: tuple):
    return {"tuple": [describe(item) for item in value]}


@describe.register
def _(value: list):
    if type(value) is not list:  # the history of a net
        return {"class": type(value).__name__}
    return [describe(item) for item in value]


@describe.register
def _(value: dict):
    if type(value) is not dict:  # a Bunch of what lies elsewhere, too
        return {"class": type(value).__name__}
    return {"dict": [[describe(k), describe(v)] for k, v in value.items()]}


def restore(described):
    """Return the array, sparse matrix or DataFrame that was described."""
    if described.get("class") == "DataFrame":
        import pandas as pd

        return pd.DataFrame(restore(described["values"]), columns=described["columns"])
    if "sparse" in described:
        return sparse.csr_matrix(restore(described["values"])).asformat(
            described["sparse"]
        )
    values = np.array(described["values"], dtype=described["array"])
    return values.reshape(described["shape"])


def assert_as_described(expected, found, path="object", precision="float64"):
    """Raise an AssertionError that names the first difference of two descriptions.

    There may be more than was expected: parameters and attributes that are new.
    """
    assert type(expected) is type(found), f"{path}: not {expected} but {found}"
    if isinstance(expected, list):
        assert len(expected) == len(found), f"{path} has {len(found)} items"
        for i, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert_as_described(one, other, f"{path}[{i}]", precision)
    elif isinstance(expected, dict):
        missing = sorted(set(expected) - set(found))
        assert not missing, f"{path} has no {missing[0]}"
        if "array" in expected:
            _assert_arrays(expected, found, path, precision)
            return
        for key, value in expected.items():
            assert_as_described(value, found[key], f"{path}.{key}", precision)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, 1e-8, err_msg=path)
    else:
        assert expected == found, f"{path}: not {expected!r} but {found!r}"


def _assert_arrays(expected, found, path, precision):
    for key in ("array", "shape"):
        assert expected[key] == found[key], f"{path}: {expected[key]}, {found[key]}"
    dtype = np.dtype(expected["array"])
    if dtype.kind != "f" or "values" not in expected:
        assert expected.get("values") == found.get("values"), path
        return
    expected, found = np.array(expected["values"]), np.array(found["values"])
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    tolerance = largest * max(TOLERANCES[precision], TOLERANCES[dtype.name])
    np.testing.assert_allclose(found, expected, 0, tolerance, err_msg=path)


def _short(item):
    """Return a number in as few digits as its type needs."""
    if isinstance(item, np.floating):
        return float(str(item))
    return item.item() if isinstance(item, np.generic) else describe(item)


def _state(value):
    """Return parameters and public attributes of what is no one else's."""
    if isinstance(value, RetrievalIndex):
        # Earlier versions, and what they described, knew of no other storage.
        small = () if value.storage == "float32" else ("storage",)
        return {n: describe(getattr(value, n)) for n in (*_OF_AN_INDEX, *small)}
    if hasattr(value, "to_numpy"):  # a DataFrame
        columns = value.columns.to_numpy(dtype=object)
        return {"columns": columns.tolist(), "values": describe(value.to_numpy())}
    if isinstance(value, Pipeline):
        return {"steps": describe(value.steps)}
    is_own = type(value).__module__.startswith("sklearn_xmodal.")
    if is_own and hasattr(value, "get_n_splits"):
        return {"parameters": {name: describe(v) for name, v in vars(value).items()}}
    is_net = hasattr(value, "module_")
    if not is_own or is_net or not isinstance(value, BaseEstimator):
        return {}
    parameters = value.get_params(deep=False)
    names = [n for n in dir(value) if n.endswith("_") and not n.startswith("_")]
    attributes = {n: getattr(value, n) for n in names if hasattr(value, n)}
    return {
        "parameters": {name: describe(v) for name, v in parameters.items()},
        "attributes": {name: _brief(v) for name, v in attributes.items()},
    }


def _brief(value):
    is_long = isinstance(value, np.ndarray) and value.size > _MOST_VALUES
    if is_long:
        return {"array": value.dtype.str, "shape": list(value.shape)}
    return {"sparse": value.format} if sparse.issparse(value) else describe(value)
