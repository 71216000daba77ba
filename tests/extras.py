"""Extras of the package that may not be installed where its tests run."""

import importlib.util

#: Module -> the extra that brings it.
EXTRA_OF = {
    "PIL": "datasets",
    "dask": "dask",
    "distributed": "dask",
    "faiss": "faiss",
    "matplotlib": "plot",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "pandas": "dev",
    "pooch": "datasets",
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
