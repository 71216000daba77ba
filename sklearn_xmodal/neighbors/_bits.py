"""One bit per value: which side of a hyperplane a vector lies on.

Vectors are centred and turned so that signs lose little of them: iterative quantisation
(ITQ; Gong, Lazebnik, Gordo and Perronnin, "Iterative quantization: a Procrustean
approach to learning binary codes for large-scale image retrieval", TPAMI 2013). Queries
keep their values, and are scored against the mean vector of each side.
"""

from typing import NamedTuple

import numpy as np

from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._entries import check_entries

# Turns of ITQ, which change little after that many, and vectors they are learned from.
_N_TURNS = 10
_LEARNED_FROM = 10_000
# What no value of a coder is beyond.
_LARGEST = 2


class BitCoder(NamedTuple):
    """Mean (n_columns,), rotation (n_columns, n_columns) and scale (n_columns,)."""

    mean: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray

    @classmethod
    def learned(cls, vectors):
        """Return what codes vectors like these, of which a sample is taken."""
        step = -(-len(vectors) // _LEARNED_FROM)
        X = vectors[::step].astype(np.float64)
        mean = X.mean(axis=0)
        X -= mean
        # Principal axes first: so ITQ starts from, and it needs fewer turns.
        rotation = np.linalg.eigh(X.T @ X)[1]
        random = np.random.default_rng(0).normal(size=rotation.shape)
        rotation = rotation @ np.linalg.qr(random)[0]
        for _ in range(_N_TURNS):
            left, _, right = np.linalg.svd(X.T @ np.sign(X @ rotation))
            rotation = left @ right
        scale = np.abs(X @ rotation).mean(axis=0)
        return cls(*(part.astype(np.float32) for part in (mean, rotation, scale)))

    def state(self):
        """Return what files hold."""
        return {n: getattr(self, n) for n in ("mean", "rotation", "scale")}

    @classmethod
    def from_state(cls, state, n_columns):
        """Return what codes vectors of so many columns, after checks of a file."""
        shapes = {
            "mean": (n_columns,),
            "rotation": (n_columns, n_columns),
            "scale": (n_columns,),
        }
        check_entries(state, shapes)
        for name, array in state.items():
            is_right = array.dtype == np.float32 and array.shape == shapes[name]
            if not is_right or not np.abs(array).max() <= _LARGEST:  # nor is NaN
                raise ValueError("bits must be those of a rotation of unit vectors")
        return cls(**state)

    def bits(self, vectors):
        """Code vectors, (n_items, n_columns): bytes of eight columns each."""
        n_bytes = -(-vectors.shape[1] // 8)
        bits = np.empty((len(vectors), n_bytes), dtype=np.uint8)
        for rows in row_blocks(*vectors.shape):
            turned = (vectors[rows] - self.mean) @ self.rotation
            bits[rows] = np.packbits(turned > 0, axis=1)
        return bits

    def queries(self, query):
        """Return queries to be multiplied with signs, in float32."""
        return (query @ self.rotation) * self.scale


class Signs:
    """Rows of bits, which come out as vectors of unit length in float32."""

    def __init__(self, bits, n_columns):
        self.bits, self.shape = bits, (len(bits), n_columns)
        length = n_columns**-0.5
        self._sides = np.array([-length, length], dtype=np.float32)

    def __getitem__(self, rows):
        bits = np.unpackbits(self.bits[rows], axis=1, count=self.shape[1])
        return self._sides[bits]
