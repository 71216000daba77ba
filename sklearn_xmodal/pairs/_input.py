"""The three forms of input, told apart in one place."""

from os import PathLike
from typing import NamedTuple

import numpy as np
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import validate_data

from sklearn_xmodal.pairs._pairs import ImageTextPairs
from sklearn_xmodal.utils._containers import (
    as_matrix,
    check_same_indexes,
    is_dask_array,
)
from sklearn_xmodal.utils._features import is_dict
from sklearn_xmodal.utils._sklearn_compat import pipelines_around
from sklearn_xmodal.utils._validation import check_numbers, count

# The two modalities are data, which metadata routing is to leave alone.
DATA_ARGUMENTS = {"X_img": UNUSED, "X_txt": UNUSED}


class ResolvedInput(NamedTuple):
    """What the arguments of a method meant."""

    form: str  # "arrays", "pairs" or "stacked"
    image: object
    text: object
    y: object


def resolve_input(estimator, method, X_img, X_txt=None, y=None, *, reset=False, **more):
    """Decide which of the three input forms a call used, and take it apart.

    The type of the first argument and `n_image_features` decide, never the shape of the
    second argument. A fit, `reset=True`, records `n_features_in_`. More arguments with
    one entry per pair, such as `sample_weight`, belong to the same rows. A TypeError if
    there is an argument too many for the form, a ValueError if a side is missing, or if
    indexes of tables differ.
    """
    if reset:  # of an earlier fit, perhaps in another form
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    check_argument(method, "X_img", X_img)
    if isinstance(X_img, ImageTextPairs):
        y = _second_is_y(method, "ImageTextPairs", X_txt, y)
        sides = {"pairs.image": X_img.image, "pairs.text": X_img.text}
        check_same_indexes({**sides, "y": y, **more})
        return ResolvedInput("pairs", X_img.image, X_img.text, y)
    if estimator.n_image_features is not None:
        y = _second_is_y(method, "a stacked matrix (n_image_features is set)", X_txt, y)
        X = as_matrix(X_img)
        check_same_indexes({"X": X, "y": y, **more})
        is_kept = hasattr(X, "iloc") or is_dask_array(X)
        if not is_kept:  # a DataFrame has its columns, and blocks are elsewhere
            X = check_numbers(
                X, "X", accept_sparse="csr", dtype=None, ensure_all_finite=False
            )
        X = validate_data(estimator, X, reset=reset, skip_check_array=True)
        pairs = ImageTextPairs.from_stacked(X, estimator.n_image_features)
        return ResolvedInput("stacked", pairs.image, pairs.text, y)
    X_img, X_txt = as_matrix(X_img), as_matrix(X_txt)
    _check_two_arrays(estimator, method, X_img, X_txt)
    sides = {"X_img": X_img, "X_txt": X_txt}
    check_same_indexes({**sides, "y": y, **more})
    return ResolvedInput("arrays", X_img, X_txt, y)


def check_argument(method, name, X):
    """Raise a TypeError for what is no features of any form, but often passed."""
    if is_dict(X):
        got = "a dict"
    elif isinstance(X, tuple):
        got = "a tuple"
    elif isinstance(X, list) and len(X) == 2 and _n_dimensions(X[0]) == 2:
        got = "a list of two"
    elif isinstance(X, str | PathLike):
        raise TypeError(
            f"{method} takes features, not the name of a file. Got {str(X)!r} as "
            f"{name}: read the file first, with numpy.load for example."
        )
    elif isinstance(X, bytes | bytearray | memoryview):
        raise TypeError(
            f"{method} takes features. Got {type(X).__name__} as {name}: read numbers "
            "from it first, with numpy.frombuffer for example."
        )
    else:
        return
    raise TypeError(
        f"{method} takes two matrices, ImageTextPairs or a stacked matrix. Got {got} "
        f"as {name}: pass two arguments or, in a Pipeline, pass ImageTextPairs(image="
        "..., text=...)."
    )


def _second_is_y(method, first, second, y):
    if method == "transform" and second is not None:
        raise TypeError(
            f"transform takes one argument when the first is {first}. Got two; labels "
            "are not needed."
        )
    if isinstance(second, ImageTextPairs):
        raise TypeError(
            f"The second argument of {method} must be y when the first is {first}. Got "
            "ImageTextPairs."
        )
    if second is not None and y is not None:
        raise TypeError(
            f"{method} takes at most two arguments when the first is {first}: "
            "the pairs and y. Got three."
        )
    return second if y is None else y


def _check_two_arrays(estimator, method, X_img, X_txt):
    check_argument(method, "X_txt", X_txt)
    for name, X in (("image", X_img), ("text", X_txt)):
        if X is None:
            raise ValueError(_missing(estimator, method, name))
    if isinstance(X_txt, ImageTextPairs):
        raise TypeError(
            f"The second argument of {method} must be the text features. Got "
            "ImageTextPairs, which hold both modalities and go first."
        )
    if _n_dimensions(X_txt) == 1:
        raise ValueError(
            f"The second argument of {method} must be the text features, a matrix of "
            f"shape (n_samples, n_text_features). Got a 1-D array{_looks(method)}"
        )
    if method != "transform":  # of which Pipelines hand on one argument
        _check_no_step_before(estimator, method)
    n_image, n_text = n_rows(X_img, "X_img"), n_rows(X_txt, "X_txt")
    if n_image != n_text:
        raise ValueError(
            "Image and text must have the same number of rows, one pair per row. "
            f"Got {count(n_image, 'image row')} and {count(n_text, 'text row')}."
        )


def _check_no_step_before(estimator, method):
    """Raise a ValueError where steps of a Pipeline have seen the first array alone."""
    pipelines = pipelines_around(estimator)
    for name, step in [step for pipe in pipelines for step in pipe.steps[:-1]]:
        if step is not None and step != "passthrough":
            kind = type(step).__name__
            raise ValueError(
                f"A Pipeline must be given pairs: {method}(ImageTextPairs(X_img, "
                f"X_txt), ...). Got two arrays, of which step {name!r} has seen the "
                f"images alone. For both, make it ModalityTransformer(image={kind}(), "
                f"text={kind}())."
            )


def _missing(estimator, method, name):
    """Return what to say of a modality that is not there."""
    other, X = ("text", "X_txt") if name == "image" else ("image", "X_img")
    got = f"Got no {name} side (X_{'img' if name == 'image' else 'txt'}=None)."
    if method == "transform":
        alone = f"transform(ImageTextPairs({other}={X}))"
        if hasattr(estimator, f"transform_{other}"):
            alone = f"transform_{other}({X}), or {alone}"
        return (
            f"transform needs both modalities: transform(X_img, X_txt). {got} Of "
            f"{other}s alone, call {alone}."
        )
    return (
        f"{method} needs both modalities: {method}(X_img, X_txt, ...), "
        f"{method}(ImageTextPairs(X_img, X_txt), ...), or one stacked matrix and "
        f"n_image_features. {got}"
    )


def _looks(method):
    """Return what a 1-D second argument may have been meant to be."""
    if method == "transform":
        return (
            ". A single item is X.reshape(1, -1); labels are not needed here, and raw "
            "strings go into ImageTextPairs."
        )
    return (
        f", which looks like labels: call {method}(X_img, X_txt, y). Raw texts go into "
        "ImageTextPairs, and through ModalityTransformer(text=TfidfVectorizer()) in a "
        "Pipeline."
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
