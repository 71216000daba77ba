"""One file of text and tensors in the layout of safetensors, every byte under checksum.

========  ========================================================================
8 bytes   length n of the header, little-endian
n bytes   header in JSON: ``__metadata__`` with format version, two checksums and
          the document; then type, shape and place of every tensor; then spaces
the rest  the tensors without gaps from a multiple of 64 on, wide types first, so
          that all are aligned and large ones can be mapped into memory
========  ========================================================================

Any reader of safetensors opens it. It is written and read here, rather than by that
library, because nothing is to be parsed before its checksum holds, because one open
file has to serve from the first byte to the last (a save may replace it meanwhile),
and because large arrays should pass through memory once.

The first checksum is of the length and the header, with zeros in its own place; the
second, which is in the header, of the tensors. They find damage, not forgery: what
is read is checked as that of a stranger.
"""

import hashlib
import json
import os
import re
import stat
from math import prod
from typing import NamedTuple

import numpy as np

from sklearn_xmodal.persistence._errors import InvalidFileError

#: Changes where older versions could not read what newer ones write. The first
#: checksum keeps its meaning in all versions.
FORMAT_VERSION = 2
#: Numpy's name of a type -> that of safetensors.
DTYPES = {
    "|b1": "BOOL",
    "|u1": "U8",
    "|i1": "I8",
    "<u2": "U16",
    "<i2": "I16",
    "<f2": "F16",
    "<u4": "U32",
    "<i4": "I32",
    "<f4": "F32",
    "<u8": "U64",
    "<i8": "I64",
    "<f8": "F64",
}
#: What is read before any checksum holds.
MAX_HEADER = 2**26
_MAX_DIMENSIONS = 32  # of arrays before NumPy 2
#: Of arrays without values, which cost nothing in a file: lists of their rows would.
_MOST_EMPTY_ROWS = 2**16
_ALIGNMENT = 64
#: Files with holes of that much, and hardly anything else, are no models.
_HOLES = 2**26
_LEAST_SHARE_OF_DATA = 1 / 16
_READ_BYTES = 2**20
_NUMPY_NAMES = {name: dtype for dtype, name in DTYPES.items()}
_BLANK = "0" * 64
_START = (
    '{"__metadata__":{"sklearn_xmodal":"%d","sha256":"%s","data_sha256":"%s",'
    '"document":'
)
_STARTS = re.compile(
    rb'\{"__metadata__":\{"sklearn_xmodal":"(\d{1,9})","sha256":"([0-9a-f]{64})",'
    rb'"data_sha256":"([0-9a-f]{64})","'
)
_FOREIGN = {
    b"\x80": "a pickle or joblib file, which would run code",
    b"PK\x03\x04": "a zip archive, such as those of torch.save, skops or numpy.savez",
    b"\x93NUMPY": "an array of numpy.save",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
}


class Header(NamedTuple):
    """What stands before the tensors."""

    version: int  # of the format
    document: dict
    data_sha256: str
    tensors: list  # (name, dtype, shape, number of bytes), in order


def write(file, document, tensors):
    """Write a document for JSON and its tensors, name -> C-contiguous array."""
    # Sorting is stable: otherwise in the order of the document.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    header = _header(document, ordered, _BLANK)
    file.write(len(header).to_bytes(8, "little") + header)
    checksum = hashlib.sha256()
    for _, array in ordered:
        values = array.reshape(-1).view(np.uint8)
        file.write(values)
        checksum.update(values)
    header = _header(document, ordered, checksum.hexdigest())
    header = header.replace(_BLANK.encode(), _header_checksum(header).encode(), 1)
    file.seek(8)
    file.write(header)


def _header(document, tensors, data_sha256):
    entries, stop = [], 0
    for name, array in tensors:
        start, stop = stop, stop + array.nbytes
        entry = {
            "dtype": DTYPES[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        entries.append(f",{json.dumps(name)}:{_dumps(entry)}")
    opening = _START % (FORMAT_VERSION, _BLANK, data_sha256)
    text = f"{opening}{json.dumps(_dumps(document))}}}{''.join(entries)}}}"
    header = text.encode("ascii")
    header += b" " * (-(8 + len(header)) % _ALIGNMENT)
    if len(header) > MAX_HEADER:
        raise ValueError(
            f"Parameters and other text must fit into {MAX_HEADER:,} bytes. Got "
            f"{len(header):,}. Store long lists of numbers as arrays."
        )
    return header


def _dumps(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _header_checksum(header):
    """Return the checksum of a header and its length, with zeros in its place."""
    key = b'"sha256":"'
    start = header.index(key) + len(key)
    stop = start + len(_BLANK)
    checksum = hashlib.sha256(len(header).to_bytes(8, "little"))
    checksum.update(header[:start] + _BLANK.encode() + header[stop:])
    return checksum.hexdigest()


def open_file(path):
    """Open a regular file at its first byte: a pipe would wait for a writer.

    That is looked at again once it is open, since names change.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"path must be that of a file that save has written. Got {str(path)!r}, "
            "which does not exist."
        ) from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise InvalidFileError(
            f"path must be that of a file that save has written. Got {str(path)!r}, "
            f"which is {kind}."
        )
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        check_solid(file)
    except BaseException:
        file.close()
        raise
    return file


def check_solid(file):
    """Raise unless a file is regular, and has the bytes that its size tells of.

    Holes read as zeros and take no room: a few bytes would be taken for terabytes.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise InvalidFileError("The file must be a regular one. Got something else.")
    n_stored = 512 * getattr(status, "st_blocks", status.st_size)
    if n_stored >= _LEAST_SHARE_OF_DATA * status.st_size or status.st_size < _HOLES:
        return
    try:
        hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE)
    except (AttributeError, OSError):  # a system that knows of no holes
        return
    finally:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
    if hole < status.st_size:
        raise InvalidFileError(
            f"The file must hold the {status.st_size:,} bytes of its size. Got "
            f"{n_stored:,} and holes, as no version of save leaves them: do not use it."
        )


def read_header(file):
    """Read and check what stands before the tensors; the file is left at the first.

    Nothing is parsed before its checksum holds. A file that is foreign, damaged, forged
    or newer is an InvalidFileError.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    start = file.read(len(_START % (0, _BLANK, _BLANK)) + 9)
    found = _STARTS.match(start)
    if found is None:
        file.seek(0)
        raise InvalidFileError(
            f"The file must be one that sklearn_xmodal.save has written. Got "
            f"{_looks_like(file.read(40), size)}."
        )
    if length > MAX_HEADER:
        raise damaged(f"its header claims {length:,} bytes")
    if 8 + length > size:
        raise damaged(f"it ends within the header, after {size:,} bytes")
    header = start[:length] + file.read(max(0, length - len(start)))
    file.seek(8 + length)
    if len(header) != length or _header_checksum(header) != found[2].decode():
        raise damaged("the checksum of its header does not match")
    version = _checked_version(int(found[1]))
    document, tensors = _parse(header)
    stop = 8 + length + sum(n_bytes for *_, n_bytes in tensors)
    if stop != size:
        raise damaged(f"it has {size:,} bytes, where its header tells of {stop:,}")
    return Header(version, document, found[3].decode(), tensors)


def _looks_like(start, size):
    if not size:
        return "an empty file"
    for magic, kind in _FOREIGN.items():
        if start.startswith(magic):
            return kind
    if start[8:10] == b'{"':
        return "a safetensors file from elsewhere, or the damaged start of one"
    return f"a file of {size:,} bytes that starts with {start[:8]!r}"


def _checked_version(version):
    if version < 1:
        raise forged(f"format version {version}")
    if version > FORMAT_VERSION:
        raise InvalidFileError(
            f"The file must have a format version of at most {FORMAT_VERSION}. Got "
            f"{version}: a newer sklearn_xmodal has written it. Update this one."
        )
    return version


def _parse(header):
    try:
        entries = json.loads(header, parse_constant=no_constant)
        document = json.loads(
            entries.pop("__metadata__")["document"], parse_constant=no_constant
        )
        tensors, stop = [], 0
        for name, entry in entries.items():
            start = stop
            dtype, shape = np.dtype(_NUMPY_NAMES[entry["dtype"]]), entry["shape"]
            stop = start + n_values(shape) * dtype.itemsize
            if entry["data_offsets"] != [start, stop]:
                raise ValueError(f"tensor {name} is out of place")
            tensors.append((name, dtype, tuple(shape), stop - start))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise forged(f"header: {error!r}") from error
    if not isinstance(document, dict):
        raise forged("header: the document is no object")
    return document, tensors


def n_values(shape):
    """Return how many values an array of a file has; a ValueError for what is none."""
    if len(shape) > _MAX_DIMENSIONS or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"shape {shape!r}")
    if prod(shape) == 0 and max(shape) > _MOST_EMPTY_ROWS:
        raise ValueError(f"shape {shape!r} of nothing")
    return prod(shape)


def no_constant(name):
    """Refuse a number that is none, for `json.loads`."""
    raise ValueError(f"{name} in JSON")


def read_tensors(file, header, *, mapped=(), verify=True):
    """Read and check the tensors, name -> array that owns its memory.

    Those named in `mapped` are memory maps of the file instead. Without `verify` no
    checksum is computed, and they are not read.
    """
    tensors: dict[str, np.ndarray] = {}
    checksum = hashlib.sha256()
    for name, dtype, shape, n_bytes in header.tensors:
        if name in mapped and n_bytes:
            start = file.tell()
            tensors[name] = np.memmap(file, dtype, "r", start, shape)
            file.seek(start)
            _skip(file, n_bytes, checksum if verify else None)
            continue
        array = tensors[name] = np.empty(shape, dtype)
        values = array.reshape(-1).view(np.uint8)
        if file.readinto(values) != n_bytes:
            raise damaged("it has become shorter while it was read")
        checksum.update(values.data)
    if verify and checksum.hexdigest() != header.data_sha256:
        raise damaged("the checksum of its arrays does not match")
    for name, array in tensors.items():
        # Other bytes in a boolean are undefined behaviour.
        if array.dtype == bool and array.view(np.uint8).max(initial=0) > 1:
            raise forged(f"tensor {name}: no booleans")
    return tensors


def _skip(file, n_bytes, checksum):
    """Go on behind a tensor, through its bytes where there is a checksum."""
    if checksum is None:
        file.seek(n_bytes, os.SEEK_CUR)
        return
    while n_bytes:
        values = file.read(min(n_bytes, _READ_BYTES))
        if not values:
            raise damaged("it has become shorter while it was read")
        checksum.update(values)
        n_bytes -= len(values)


def damaged(what):
    """Return the error for a file that has changed since it was written."""
    return InvalidFileError(
        f"The file must be whole. Got a damaged one: {what}. Copy it again from where "
        "it came from, or save it again."
    )


def forged(what):
    """Return the error for a file that no version of `save` has written."""
    return InvalidFileError(
        f"The file must hold what sklearn_xmodal.save writes. Got something else: "
        f"{what}. Its checksum holds, so it was made by other means: do not use it."
    )
