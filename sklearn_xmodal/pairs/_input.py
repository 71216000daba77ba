"""The three forms of input, told apart in one place."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import validate_data

from sklearn_xmodal.pairs._pairs import ImageTextPairs
from sklearn_xmodal.utils._validation import check_numbers, count

# The two modalities are data, which metadata routing is to leave alone.
DATA_ARGUMENTS = {"X_img": UNUSED, "X_txt": UNUSED}


class ResolvedInput(NamedTuple):
    """What the arguments of a method meant."""

    form: str  # "arrays", "pairs" or "stacked"
    image: object
    text: object
    y: object


def resolve_input(estimator, method, X_img, X_txt=None, y=None, *, reset=False):
    """Decide which of the three input forms a call used, and take it apart.

    The type of the first argument and `n_image_features` decide, never the shape of the
    second argument. A fit, `reset=True`, records `n_features_in_`. A TypeError if there
    is an argument too many for the form, a ValueError if a side is missing.
    """
    if reset:  # of an earlier fit, perhaps in another form
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if isinstance(X_img, tuple):
        raise TypeError(
            f"{method} takes two matrices, ImageTextPairs or a stacked matrix. Got a "
            "tuple as X_img: in a Pipeline, pass ImageTextPairs(X_img, X_txt)."
        )
    if isinstance(X_img, ImageTextPairs):
        y = _second_is_y(method, "ImageTextPairs", X_txt, y)
        return ResolvedInput("pairs", X_img.image, X_img.text, y)
    if estimator.n_image_features is not None:
        y = _second_is_y(method, "a stacked matrix (n_image_features is set)", X_txt, y)
        X = X_img
        if not hasattr(X, "iloc"):  # a DataFrame keeps its columns
            X = check_numbers(
                X, "X", accept_sparse="csr", dtype=None, ensure_all_finite=False
            )
        X = validate_data(estimator, X, reset=reset, skip_check_array=True)
        pairs = ImageTextPairs.from_stacked(X, estimator.n_image_features)
        return ResolvedInput("stacked", pairs.image, pairs.text, y)
    _check_two_arrays(method, X_img, X_txt)
    return ResolvedInput("arrays", X_img, X_txt, y)


def _second_is_y(method, first, second, y):
    if method == "transform" and second is not None:
        raise TypeError(
            f"transform takes one argument when the first is {first}. Got two."
        )
    if second is not None and y is not None:
        raise TypeError(
            f"{method} takes at most two arguments when the first is {first}: "
            "the pairs and y. Got three."
        )
    return second if y is None else y


def _check_two_arrays(method, X_img, X_txt):
    if X_txt is None:
        raise ValueError(
            f"{method} needs both modalities: {method}(X_img, X_txt, ...), "
            f"{method}(ImageTextPairs(X_img, X_txt), ...), or one stacked matrix and "
            "n_image_features. Got no text side (X_txt=None)."
        )
    if _n_dimensions(X_txt) == 1:
        raise ValueError(
            f"The second argument of {method} must be the text features, a matrix of "
            "shape (n_samples, n_text_features). Got a 1-D array, which looks like "
            f"labels: call {method}(X_img, X_txt, y). Raw strings go into "
            "ImageTextPairs."
        )
    n_image, n_text = n_rows(X_img, "X_img"), n_rows(X_txt, "X_txt")
    if n_image != n_text:
        raise ValueError(
            "Image and text must have the same number of rows, one pair per row. "
            f"Got {count(n_image, 'image row')} and {count(n_text, 'text row')}."
        )


def _n_dimensions(X):
    try:
        return len(X.shape) if hasattr(X, "shape") else np.ndim(X)
    except ValueError:
        return 2  # rows of different length, which are refused later


def n_rows(X, name):
    """Return the number of rows of features of any kind."""
    try:
        return X.shape[0] if hasattr(X, "shape") else len(X)
    except (TypeError, IndexError):
        raise TypeError(
            f"{name} must be a matrix with one row per pair. Got {type(X).__name__}."
        ) from None
