"""Pictures of any size and kind, read one by one as grey levels from 0 to 1."""

from importlib import import_module
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from sklearn_xmodal.utils._validation import check_numbers

_WHITE = (1.0, 1.0, 1.0)
# What stands for full intensity; other integers may not exceed that of bytes.
_FULL = {"uint8": 255.0, "uint16": 65535.0}


class PictureTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Base of the transformers that describe pictures one by one.

    A subclass has the parameters `shape` and `n_jobs`, and names in `_fitted` what its
    files hold.
    """

    _fitted: tuple = ()

    def _describe_each(self, X, describe):
        """Return ``describe(grey)`` of every picture, in their order."""
        pictures = check_pictures(X)
        shape = check_shape(self.shape)
        return Parallel(self.n_jobs)(
            delayed(_describe)(describe, picture, i, shape)
            for i, picture in enumerate(pictures)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def import_skimage(module):
    """Return a module of scikit-image, or say how to get it."""
    try:
        return import_module(f"skimage.{module}")
    except ImportError as error:
        raise ImportError(
            "Features of pictures need scikit-image, which is not installed. "
            'Install it with: pip install "sklearn-xmodal[images]"'
        ) from error


def check_pictures(X):
    """Validate that X is a sequence of pictures; they themselves are read later."""
    n_dimensions = getattr(X, "ndim", None)
    is_of_objects = n_dimensions == 1 and getattr(X.dtype, "kind", None) == "O"
    if not (isinstance(X, list | tuple) or is_of_objects or n_dimensions in (3, 4)):
        got = type(X).__name__ if n_dimensions is None else f"shape {X.shape}"
        raise ValueError(
            "X must be a sequence of pictures: a list or a 1-D object array of them, "
            "or an array of shape (n_samples, height, width) or (n_samples, height, "
            f"width, channels). Got {got}."
        )
    if len(X) == 0:
        raise ValueError("X must hold at least one picture. Got none.")
    return X


def check_shape(shape):
    """Validate the parameter `shape`; None stays None."""
    if shape is None:
        return None
    is_pair = isinstance(shape, tuple | list) and len(shape) == 2
    if not is_pair or not all(isinstance(n, Integral) and not n < 1 for n in shape):
        raise ValueError(
            "shape must be None or (height, width), two integers above 0. Got "
            f"{shape!r}."
        )
    return tuple(shape)


def read_grey(picture, name="X[0]"):
    """Validate one picture and return its grey levels in float32, from 0, black, to 1.

    One channel (grey), three (red, green, blue) or four (with opacity; the picture is
    laid on white). Bytes, 16-bit unsigned integers, booleans, other integers from 0 to
    255, or floats from 0 to 1.
    """
    picture = check_numbers(
        picture, name, ensure_2d=False, allow_nd=True, dtype=None, ensure_min_samples=0
    )
    n_channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.ndim not in (2, 3) or n_channels not in (1, 3, 4) or 0 in picture.shape:
        raise ValueError(
            f"{name} must be a picture of shape (height, width), or with a third axis "
            f"of 1, 3 or 4 channels. Got shape {picture.shape}."
        )
    levels = _levels(picture, name)
    color = import_skimage("color")
    if n_channels == 4:
        levels = color.rgba2rgb(levels, background=_WHITE)
    if n_channels > 1:
        return color.rgb2gray(levels)
    return levels.reshape(picture.shape[:2])


def _levels(picture, name):
    """Bring all channels to floats from 0 to 1."""
    if picture.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers. Got type {picture.dtype}.")
    full = 1.0 if picture.dtype.kind in "bf" else _FULL.get(picture.dtype.name, 255.0)
    low, high = picture.min(), picture.max()
    if low < 0 or high > full:
        raise ValueError(
            f"{name} must hold levels from 0 to {full:g}, as pictures of type "
            f"{picture.dtype} do. Got values from {low} to {high}. Divide by the "
            "largest that there can be."
        )
    return picture.astype(np.float32) / np.float32(full)


def _describe(describe, picture, i, shape):
    grey = read_grey(picture, f"X[{i}]")
    if shape is not None and grey.shape != shape:
        transform = import_skimage("transform")
        grey = transform.resize(grey, shape, order=1)  # smoothed where it shrinks
    return describe(grey)
