"""Extras of the package that may not be installed where its tests run."""

import doctest
import importlib.util

import pytest

#: Module -> the extra that brings it.
EXTRA_OF = {
    "PIL": "datasets",
    "dask": "dask",
    "distributed": "dask",
    "faiss": "faiss",
    "lancedb": "lancedb",
    "matplotlib": "plot",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "pandas": "tables",
    "pooch": "datasets",
    "pyarrow": "tables",
    "safetensors": "dev",
    "skimage": "images",
    "skops": "persistence",
}


def absent_extra(error):
    """Return what to install where an ImportError came for want of an extra, or None.

    A module that is there and does not import, or that no extra brings, is a fault.
    """
    while error is not None:
        module = (getattr(error, "name", None) or "").partition(".")[0]
        if module in EXTRA_OF and importlib.util.find_spec(module) is None:
            return f'needs {module}: pip install ".[{EXTRA_OF[module]}]"'
        error = error.__cause__
    return None


@pytest.hookimpl(wrapper=True)
def skip_for_want_of_extra(item):
    """Skip a test, or an example, that fails for want of an extra."""
    try:
        return (yield)
    except (ImportError, doctest.UnexpectedException) as error:
        is_example = isinstance(error, doctest.UnexpectedException)
        reason = absent_extra(error.exc_info[1] if is_example else error)
        if reason is not None:
            pytest.skip(reason)
        raise
