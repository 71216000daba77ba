"""What an index is on disk: arrays, and a document of everything else."""

from pathlib import Path

import numpy as np

from sklearn_xmodal.neighbors._files import (
    DOCUMENT,
    check_name,
    read_array,
    read_document,
    replacing,
)
from sklearn_xmodal.neighbors._gallery import Gallery, check_items
from sklearn_xmodal.persistence import save
from sklearn_xmodal.utils._blocks import row_blocks

_SCALARS = (str, int, float, bool, type(None))
# Squared length of a unit vector and a hubness of at most 1, and rounding.
_LONGEST_SQUARED = 2.001


def write_index(path, state, arrays, retriever=None):
    """Save an index into a folder.

    Parameters
    ----------
    path : str or path-like
        The folder.

    state : dict
        What JSON can hold.

    arrays : dict
        Stem of the file name -> ndarray.

    retriever : estimator, default=None
        Goes along.
    """
    with replacing(path) as writer:
        files = {stem: writer.write_array(stem, a) for stem, a in arrays.items()}
        name = None
        if retriever is not None:
            place = writer.new_path("retriever")
            save(retriever, place)
            name = place.name
        writer.write_document({**state, "arrays": files, "retriever": name})


def read_index(path, *, mmap_mode, verify):
    """Read what `write_index` has written.

    Parameters
    ----------
    path : str or path-like
        The folder.

    mmap_mode : {"r", "c"} or None
        How to open the vectors.

    verify : bool
        Whether to compute checksums of arrays, and look for values that cannot be.

    Returns
    -------
    state : dict
        The document.

    arrays : dict
        The arrays.

    retriever : Path or None
        Where the retriever is, if one was saved.
    """
    state = read_document(path)
    try:
        entries, name = state["arrays"], state["retriever"]
        arrays = {
            stem: read_array(
                path,
                entry,
                mmap_mode=mmap_mode if stem == "vectors" else None,
                verify=verify,
            )
            for stem, entry in entries.items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{Path(path) / DOCUMENT} is not what RetrievalIndex.save writes: {error}."
        ) from None
    if name is None:
        return state, arrays, None
    return state, arrays, Path(path) / check_name(path, name)


def gallery_state(gallery):
    """Return what the document says of the items.

    Parameters
    ----------
    gallery : Gallery
        The items.

    Returns
    -------
    state : dict
        Ids, labels, payload and the next id.

    Raises
    ------
    TypeError
        If a value cannot be held by JSON.
    """
    labels, payload = gallery.labels, gallery.payload
    return {
        "ids": _encoded(gallery.ids.tolist(), "ids"),
        "labels": None if labels is None else _encoded(labels.tolist(), "labels"),
        "payload": None if payload is None else _encoded(payload, "payload", True),
        "next_id": gallery.next_id,
    }


def gallery_from(state, vectors):
    """Return the items of an index.

    Parameters
    ----------
    state : dict
        As made by `gallery_state`.

    vectors : ndarray of shape (n_items, n_columns)
        As read.

    Returns
    -------
    gallery : Gallery
        The items.
    """
    items = [
        None if state[name] is None else [decode_value(v) for v in state[name]]
        for name in ("ids", "labels", "payload")
    ]
    items = check_items(len(vectors), *items)
    return Gallery(vectors, *items, next_id=int(state["next_id"]))


def check_unit_vectors(vectors, verify):
    """Raise a ValueError unless an array can be the vectors of an index.

    Parameters
    ----------
    vectors : ndarray
        As read.

    verify : bool
        Whether to look at the values, too.

    Returns
    -------
    vectors : ndarray of shape (n, n_columns)
        The same.

    Raises
    ------
    ValueError
        If it is no matrix of float32, or has rows too long or not finite.
    """
    is_right = vectors.dtype == np.float32 and vectors.ndim == 2 and vectors.size
    if not is_right or not vectors.flags.c_contiguous:
        raise ValueError("vectors must be a C-contiguous matrix of float32")
    for rows in row_blocks(*vectors.shape) if verify else []:
        squares = np.einsum("ij,ij->i", vectors[rows], vectors[rows])
        if not (squares <= _LONGEST_SQUARED).all():  # nor is NaN
            raise ValueError("vectors must not be longer than 1")
    return vectors


def encode_value(value, name, *, nested=False):
    """Return a value as JSON can hold it, so that it comes back the same.

    Parameters
    ----------
    value : object
        A str, int, float, bool, None, or a tuple of those; with `nested` also lists
        and dictionaries with str keys.

    name : str
        Named in the error.

    nested : bool, default=False
        Whether it is payload.

    Returns
    -------
    encoded : object
        For `json.dumps`.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if type(value) in _SCALARS:
        return value
    if type(value) is tuple:
        return {"tuple": [encode_value(v, name, nested=nested) for v in value]}
    if nested and type(value) is list:
        return [encode_value(v, name, nested=True) for v in value]
    if nested and type(value) is dict and all(type(key) is str for key in value):
        inner = {k: encode_value(v, name, nested=True) for k, v in value.items()}
        return {"dict": inner}
    more = ", lists and dicts with str keys" if nested else ""
    raise TypeError(
        f"{name} can be saved if they are str, int, float, bool, None, tuples of "
        f"those{more}. Got {value!r} of type {type(value).__name__}."
    )


def decode_value(encoded):
    """Return what `encode_value` was given.

    Parameters
    ----------
    encoded : object
        From `json.loads`.

    Returns
    -------
    value : object
        The value.
    """
    if isinstance(encoded, list):
        return [decode_value(v) for v in encoded]
    if not isinstance(encoded, dict):
        return encoded
    ((kind, inner),) = encoded.items()
    if kind == "tuple":
        return tuple(decode_value(v) for v in inner)
    return {key: decode_value(v) for key, v in inner.items()}


def _encoded(values, name, nested=False):
    return [encode_value(value, name, nested=nested) for value in values]
