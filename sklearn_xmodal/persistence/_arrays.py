"""Arrays of numbers, of strings and of objects, and sparse matrices."""

import re

import numpy as np
from scipy import sparse

from sklearn_xmodal.persistence._codec import Kind
from sklearn_xmodal.persistence._container import DTYPES

_CHARACTERS = re.compile(r"[<>|][US][1-9]\d{0,8}")
_NUMBERS = re.compile(r"[<>|][biuf][1248]")
_LAST_CHARACTER = 0x10FFFF
_PARTS = ("data", "indices", "indptr")  # of a sparse matrix
_SPARSE = {
    cls.__name__: cls
    for cls in (
        sparse.csr_array,
        sparse.csr_matrix,
        sparse.csc_array,
        sparse.csc_matrix,
    )
}


def checked_dtype(dtype, path):
    """Return a type of numbers with little end first, or raise a TypeError."""
    little = dtype.newbyteorder("<")
    if little.str not in DTYPES:
        raise TypeError(
            f"{path} must be of integers, of floats of at most 64 bits, of booleans or "
            f"of strings to be stored. Got dtype {dtype}; convert it."
        )
    return little


def named_dtype(name):
    """Return the type of numbers of a name from a file: NumPy takes lists and more."""
    if not isinstance(name, str) or not _NUMBERS.fullmatch(name):
        raise ValueError(f"dtype {name!r:.40}")
    return np.dtype(name)


def _is_array(value):
    return type(value) in (np.ndarray, np.memmap)


def _encode_array(value, encoder, path):
    # In its own order: products of the same numbers in another order of memory are
    # not the same to the last bit.
    axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
    if value.flags.c_contiguous:
        axes.sort()
    little = checked_dtype(value.dtype, path)
    array = np.asarray(value.transpose(axes), dtype=little, order="C")
    node = {"tensor": encoder.add_tensor(array, path)}
    if axes != sorted(axes):
        node["axes"] = axes
    if value.dtype.str != little.str:
        node["dtype"] = value.dtype.str
    return node


def _decode_array(node, decoder):
    array = decoder.take_tensor(node["tensor"])
    if "dtype" in node:
        dtype = named_dtype(node["dtype"])
        if dtype.newbyteorder("<") != array.dtype:
            raise ValueError(f"dtype {node['dtype']!r}")
        array = array.astype(dtype)
    if "axes" in node:
        axes = node["axes"]
        if sorted(axes) != list(range(array.ndim)):
            raise ValueError(f"axes {axes!r}")
        return array.transpose(np.argsort(axes))
    return array.T if node.get("order") == "F" else array  # that of format 1


def _encode_characters(value, encoder, path):
    dtype, unit = value.dtype, np.dtype("u4" if value.dtype.kind == "U" else "u1")
    if dtype.byteorder == ">":
        dtype = dtype.newbyteorder("<")
    codes = np.empty((*value.shape, dtype.itemsize // unit.itemsize), unit)
    if codes.size:
        contiguous = np.array(value, dtype=dtype, order="C")
        codes[...] = contiguous.reshape(*value.shape, 1).view(unit)
    return {"tensor": encoder.add_tensor(codes, path), "dtype": value.dtype.str}


def _decode_characters(node, decoder):
    codes = decoder.take_tensor(node["tensor"])
    if not _CHARACTERS.fullmatch(node["dtype"]):
        raise ValueError(f"dtype {node['dtype']!r}")
    dtype = np.dtype(node["dtype"])
    n_codes = dtype.itemsize // codes.itemsize
    if codes.dtype.kind != "u" or codes.shape[-1] != n_codes:
        raise ValueError(f"characters for {dtype}")
    if dtype.kind == "U" and codes.max(initial=0) > _LAST_CHARACTER:
        raise ValueError("characters beyond Unicode")
    if not codes.size:
        return np.empty(codes.shape[:-1], dtype)
    return codes.view(dtype.newbyteorder("<"))[..., 0].astype(dtype, copy=False)


def _is_strings(value):
    return (
        _is_array(value)
        and value.dtype == object
        and value.size > 0
        and all(type(item) is str for item in value.flat)
    )


def _encode_strings(value, encoder, path):
    # Millions of names or ids are no text for JSON.
    parts = [item.encode("utf-8", "surrogatepass") for item in value.flat]
    text = np.frombuffer(b"".join(parts), np.uint8)
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    return {
        "text": encoder.add_tensor(text, f"{path}.text"),
        "lengths": encoder.add_tensor(lengths.reshape(value.shape), f"{path}.lengths"),
    }


def _decode_strings(node, decoder):
    lengths = decoder.take_tensor(node["lengths"])
    text = decoder.take_tensor(node["text"]).tobytes()
    if lengths.min() < 0 or lengths.max() > len(text) or lengths.sum() != len(text):
        raise ValueError("lengths of strings")
    strings, stops = np.empty(lengths.size, dtype=object), np.cumsum(lengths)
    for i, (length, stop) in enumerate(zip(lengths.flat, stops, strict=True)):
        strings[i] = text[stop - length : stop].decode("utf-8", "surrogatepass")
    return strings.reshape(lengths.shape)


def _encode_objects(value, encoder, path):
    items = encoder.encode(list(value.flat), path)
    return {"shape": list(value.shape), "items": items}


def _decode_objects(node, decoder):
    items = decoder.decode(node["items"])
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(node["shape"])


def _encode_sparse(value, encoder, path):
    parts = {
        name: _encode_array(getattr(value, name), encoder, f"{path}.{name}")
        for name in _PARTS
    }
    return {"class": type(value).__name__, "shape": list(value.shape), **parts}


def _decode_sparse(node, decoder):
    parts = tuple(_decode_array(node[k], decoder) for k in _PARTS)
    matrix = _SPARSE[node["class"]](parts, shape=tuple(node["shape"]))
    # Wrong indices would read beyond the memory of the matrix. SciPy does not look at
    # them where the last pointer says that there are none.
    matrix.check_format(full_check=True)
    if (np.diff(matrix.indptr) < 0).any():
        raise ValueError("indptr of a sparse matrix must never fall")
    return matrix


KINDS = {
    "array": Kind(
        lambda value: _is_array(value) and value.dtype.kind not in "USO",
        _encode_array,
        _decode_array,
        is_shared=True,
    ),
    "characters": Kind(
        lambda value: _is_array(value) and value.dtype.kind in "US",
        _encode_characters,
        _decode_characters,
        is_shared=True,
    ),
    "strings": Kind(_is_strings, _encode_strings, _decode_strings, is_shared=True),
    "objects": Kind(
        lambda value: _is_array(value) and value.dtype == object,
        _encode_objects,
        _decode_objects,
        is_shared=True,
    ),
    "sparse": Kind(
        lambda value: type(value) in _SPARSE.values(),
        _encode_sparse,
        _decode_sparse,
        is_shared=True,
    ),
}
