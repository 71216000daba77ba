"""Vectors of a gallery, in float32 or in fewer bytes.

Small ones are float16, or one byte per value: 256 steps over the range of each column.
Whoever asks for rows gets them in float32, so that nothing else knows how they lie.
"""

import numpy as np

from sklearn_xmodal.utils._blocks import row_blocks

#: Of `storage`, what one value is held in; "binary" has bits beside these bytes.
DTYPES = {
    "float32": np.float32,
    "float16": np.float16,
    "int8": np.uint8,
    "binary": np.uint8,
}
_N_STEPS = 255
# Rows are added in place while there is room; a full buffer grows by this factor.
_GROWTH = 1.5
# What a range of a column of unit vectors stays within, with its margin.
_WIDEST = 2
# Of ranges that a new item does not fit into, so that few changes code all items anew.
_MARGIN = 0.1


def stored(vectors, storage):
    """Return vectors (n_items, n_columns) of float32 as a gallery holds them."""
    if storage == "float32":
        return vectors
    if DTYPES[storage] is np.float16:
        return SmallVectors(vectors.astype(np.float16))
    return SmallVectors.of_ranges(vectors, vectors.min(axis=0), vectors.max(axis=0))


def appended(buffer, n_used, new):
    """Return a buffer with new rows, (n_new, n_columns), after those in use."""
    if isinstance(buffer, SmallVectors):
        return buffer.appended(n_used, new)
    n_all = n_used + len(new)
    if n_all > len(buffer) or not buffer.flags.writeable:
        shape = max(n_all, int(_GROWTH * n_used)), buffer.shape[1]
        old, buffer = buffer, np.empty(shape, dtype=buffer.dtype)
        buffer[:n_used] = old[:n_used]
    buffer[n_used:n_all] = new
    return buffer


def chosen(vectors, rows):
    """Return vectors of a slice or a mask, held as before."""
    if isinstance(vectors, SmallVectors):
        return SmallVectors(chosen(vectors.codes, rows), vectors.ranges)
    return vectors[rows]


def parts_of_stored(vectors):
    """Return the codes and the ranges that files hold."""
    if isinstance(vectors, SmallVectors):
        return vectors.codes, vectors.ranges
    return vectors, None


def checked_stored(codes, ranges, storage):
    """Return vectors of a file, if they are what `storage` says."""
    dtype = np.dtype(DTYPES[storage])
    is_right = codes.dtype == dtype and codes.ndim == 2 and codes.size
    if not is_right or not codes.flags.c_contiguous:
        raise ValueError(f"vectors must be a C-contiguous matrix of {dtype}")
    if dtype != np.uint8:
        if ranges is not None:
            raise ValueError("ranges must be None for vectors that are floats")
        return codes if dtype == np.float32 else SmallVectors(codes)
    shape = 2, codes.shape[1]
    if ranges.dtype != np.float32 or ranges.shape != shape:
        raise ValueError("ranges must be float32, two per column")
    if not (np.abs(ranges) <= _WIDEST).all() or (ranges[1] < 0).any():
        raise ValueError("ranges must be those of unit vectors")
    return SmallVectors(codes, ranges)


class SmallVectors:
    """Rows (n_items, n_columns) that are held small, and come out in float32.

    `ranges` is None for codes of float16, else the least value and the step of each
    column, (2, n_columns) in float32, for codes of uint8. Codes may be a memory map.
    """

    def __init__(self, codes, ranges=None):
        self.codes, self.ranges = codes, ranges

    @classmethod
    def of_ranges(cls, vectors, low, high):
        """Return vectors with one byte per value, between two bounds per column."""
        # A column of one value has no step; codes of it are 0.
        step = (high.astype(np.float64) - low) / _N_STEPS
        self = cls(None, np.stack([low, step]).astype(np.float32))
        self.codes = self._codes(vectors)
        return self

    @property
    def shape(self):
        """Number of rows and of columns."""
        return self.codes.shape

    @property
    def nbytes(self):
        """Bytes of the codes."""
        return self.codes.nbytes

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, rows):
        vectors = self.codes[rows].astype(np.float32)
        if self.ranges is not None:
            vectors *= self.ranges[1]
            vectors += self.ranges[0]
        return vectors

    def appended(self, n_used, new):
        """Return these with new rows after those in use; wider, if they must be."""
        if self.ranges is None:
            new = new.astype(np.float16)
            return SmallVectors(appended(self.codes, n_used, new))
        low = self.ranges[0].astype(np.float64)
        high = low + _N_STEPS * self.ranges[1].astype(np.float64)
        lower, higher = low - new.min(axis=0), new.max(axis=0) - high
        # By more than rounding.
        half = self.ranges[1] / 2
        if (lower <= half).all() and (higher <= half).all():
            new = self._codes(new)
            return SmallVectors(appended(self.codes, n_used, new), self.ranges)
        width = np.maximum(high, new.max(axis=0)) - np.minimum(low, new.min(axis=0))
        low = np.where(lower > half, low - lower - _MARGIN * width, low)
        high = np.where(higher > half, high + higher + _MARGIN * width, high)
        empty = np.empty((0, self.shape[1]), dtype=np.float32)
        wider = SmallVectors.of_ranges(empty, low, high)
        codes = np.empty((n_used + len(new), self.shape[1]), dtype=np.uint8)
        for rows in row_blocks(n_used, self.shape[1]):
            codes[:n_used][rows] = wider._codes(self[:n_used][rows])
        codes[n_used:] = wider._codes(new)
        return SmallVectors(codes, wider.ranges)

    def _codes(self, vectors):
        low, step = self.ranges.astype(np.float64)
        codes = np.empty(vectors.shape, dtype=np.uint8)
        for rows in row_blocks(*vectors.shape):
            places = (vectors[rows] - low) / np.where(step > 0, step, 1)
            codes[rows] = np.clip(np.rint(places), 0, _N_STEPS)
        return codes
