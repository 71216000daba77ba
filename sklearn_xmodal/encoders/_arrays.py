"""The operations of a network on arrays of NumPy; those on tensors are in `deep`."""

import numpy as np
from scipy.special import expit

_TINY = 1e-12  # length below which torch divides by this instead


def array(values):
    """Return values as the arrays of this module: as they are."""
    return values


def constant(values):
    """Return what never changes as the arrays of this module."""
    return values


def to_numpy(x):
    """Return an array of NumPy."""
    return x


def cast(x, dtype):
    """Return x as "float32" or "float64"."""
    return x.astype(dtype, copy=False)


def linear(x, weight, bias):
    """Map (b, i) or (s, b, i) to (s, b, o), one layer per member."""
    return x @ weight + bias


def activation(name, x):
    """Apply an activation by its name in scikit-learn."""
    if name == "relu":
        return np.maximum(x, 0)
    if name == "tanh":
        return np.tanh(x)
    return expit(x) if name == "logistic" else x


def unit(x):
    """Scale the last axis to unit length."""
    length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    return x / np.maximum(length, _TINY)


def softmax(x):
    """Normalise powers along the last axis."""
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


def sigmoid(x):
    """Apply the logistic function."""
    return expit(x)


def mean_of_largest(x, k):
    """Average the k largest of every row, (b, n) -> (b, 1)."""
    return np.mean(np.sort(x, axis=1)[:, -k:], axis=1, keepdims=True)


def mean(x, axis):
    """Average over an axis."""
    return np.mean(x, axis=axis)


def total(x, axis, keepdims=False):
    """Sum over an axis."""
    return np.sum(x, axis=axis, keepdims=keepdims)


def at_least(x, least):
    """Replace smaller values."""
    return np.maximum(x, least)


def exp(x):
    """Apply the exponential function."""
    return np.exp(x)


def sqrt(x):
    """Take the square root."""
    return np.sqrt(x)


def joined(parts, axis):
    """Put arrays side by side along an axis."""
    return np.concatenate(parts, axis=axis)


def members_joined(z, n_members):
    """Put members side by side, (s, b, d) -> (b, s * d)."""
    return np.concatenate([z[i] for i in range(n_members)], axis=1)


def with_rows(x, n_rows):
    """Add rows of zeros where there are fewer."""
    n_missing = n_rows - x.shape[0]
    return np.pad(x, ((0, n_missing), (0, 0))) if n_missing > 0 else x
