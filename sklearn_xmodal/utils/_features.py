"""Features that cannot be used, and what to say of them; without scikit-learn."""

from collections.abc import Mapping
from contextlib import contextmanager

import numpy as np
from scipy import sparse

# Squares of larger values overflow, and of their inverses underflow.
_LARGEST = 1e150

#: What makes features of raw items.
_ADVICE = {
    "image": (
        "Pictures, and paths of them, need features first: one row of numbers per "
        "picture, from a network or from a transformer of sklearn_xmodal."
        "feature_extraction, as ModalityTransformer(image=...) in a Pipeline."
    ),
    "text": (
        "Raw texts need a vectorizer in front: a Pipeline of ModalityTransformer("
        "text=TfidfVectorizer()) and the retriever, fitted to ImageTextPairs."
    ),
    "names": (
        "Encode names as the texts were, by the same sentence encoder or vectorizer."
    ),
    "X": "Texts and paths of pictures need features first: rows of numbers.",
    None: "",
}


def count(n, noun):
    """Return "1 row" or "5 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def capital(name):
    """Return words as the beginning of a sentence; names of arguments stay."""
    return name[:1].upper() + name[1:] if " " in name else name


def width_error(X, expected, name, other=None):
    """Return the ValueError of features of another width than in fit, otherwise None.

    `other` is the width of the other modality. Columns with names are told of by these.
    """
    try:
        shape = np.shape(X)
    except ValueError:  # lists of several lengths
        return None
    is_named = any(isinstance(name, str) for name in getattr(X, "columns", ()))
    if expected is None or is_named or len(shape) != 2 or shape[1] == expected:
        return None
    hint = ""
    if shape[1] == other:
        told = "text" if "image" in name else "image"
        hint = f" That is the width of the {told} features: were these {told}s?"
    return ValueError(
        f"{capital(name)} must have the {expected} features of fit. Got {shape[1]} "
        f"features.{hint}"
    )


@contextmanager
def widths_told(X, expected, name, other=None):
    """Say of which modality features are that some step takes for too many or few."""
    try:
        yield
    except ValueError:
        if error := width_error(X, expected, name, other):
            raise error from None
        raise


def is_dict(X):
    """Whether something is a mapping by name; sparse matrices of one kind are dicts."""
    return isinstance(X, Mapping) and not sparse.issparse(X)


def check_not_masked(X):
    """Raise a ValueError where values of an array are masked."""
    if np.ma.is_masked(X):
        raise ValueError(
            f"Got a masked array with {count(np.ma.count_masked(X), 'masked value')}, "
            "which would count like all others. Fill them in, or drop these rows."
        )


def as_float_matrix(X, name):
    """Return a matrix of floats, dense or CSR; float32 and float64 stay as they are.

    A ValueError or TypeError that says what is wrong, of what is called `name`.
    """
    try:
        check_not_masked(X)
        matrix = X.tocsr() if sparse.issparse(X) else np.asarray(X)
        if matrix.ndim != 2:
            raise ValueError("Expected 2D array")
        if matrix.dtype in (np.float32, np.float64):
            return matrix
        if matrix.dtype.kind == "c":
            raise ValueError("Complex data not supported")
        if matrix.dtype.kind not in "fiubOU":
            raise TypeError(f"Got values of type {matrix.dtype}.")
        if hasattr(X, "iloc"):  # whose missing integers become NaN
            return np.asarray(X.astype(np.float64))
        return matrix.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise explained(error, X, name, "X") from None


def check_finite(X, name, first_row=0):
    """Raise a ValueError where the values of a float matrix cannot be used.

    They are NaN or infinite, or their squares would over- or underflow. `first_row` is
    the number of the first row where X is a part of what is called `name`.
    """
    values = X.data if sparse.issparse(X) else X
    if values.size == 0 or _has_sane_squares(values):
        return
    # NaN and infinity show in the extremes: two passes, no mask.
    largest = max(float(values.max()), -float(values.min()))
    if not np.isfinite(largest):
        _raise_not_finite(X, values, name, first_row)
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise ValueError(
            f"{capital(name)} must have squares that a float can hold: "
            f"largest magnitude between {1 / _LARGEST:g} and {_LARGEST:g}. Got "
            f"{largest:g}. Rescale them, with StandardScaler for example."
        )


def _has_sane_squares(values):
    """Return True where the sum of squares, one fast pass, settles it for clean data.

    It is between the largest square and that times the number of values.
    """
    if not (values.flags.c_contiguous or values.flags.f_contiguous):
        return False
    flat = values.ravel(order="K")
    with np.errstate(all="ignore"):
        total = float(np.dot(flat, flat))
    return values.size / _LARGEST**2 < total < _LARGEST**2


def _raise_not_finite(X, values, name, first_row):
    n_bad = int((~np.isfinite(values)).sum())
    what = "NaN" if np.isnan(values).any() else "infinity"
    raise ValueError(
        f"{capital(name)} must be finite. Input X contains {what}: "
        f"{count(n_bad, 'bad value')}, the first in row "
        f"{first_row + first_bad_row(X)}. Impute or drop these rows (of pairs in both "
        "modalities)."
    )


def first_bad_row(X):
    """Return the first row of a matrix, dense or CSR, that has NaN or infinity."""
    if sparse.issparse(X):
        place = np.flatnonzero(~np.isfinite(X.data))[0]
        return int(np.searchsorted(X.indptr, place, side="right")) - 1
    return int(np.argwhere(~np.isfinite(X))[0][0])


def explained(error, X, name, modality=None):
    """Return an error that says of `name` what must hold, what was got, what to do.

    `error` is what the conversion of X into numbers has raised; it says what is wrong,
    but neither of what nor what to do.
    """
    is_type = isinstance(error, TypeError) or is_dict(X)
    kind = TypeError if is_type else ValueError
    return kind(f"{capital(name)} {_what_must_hold(str(error), X, modality)}".rstrip())


def _what_must_hold(message, X, modality):
    if what := _about_type(X):
        return what
    if "could not convert string" in message:
        got = message.partition(": ")[2].removeprefix("np.str_(").removesuffix(")")
        return (
            "must be numbers. Got strings (could not convert string to float), such as "
            f"{got}. {_ADVICE[modality]}"
        )
    if "Found array with dim" in message or "Expected 2D" in message:
        return _about_dimensions(np.shape(X), modality)
    if "Complex" in message:
        return (
            "must be real numbers. Complex data not supported: got "
            f"{getattr(X, 'dtype', 'complex values')}."
        )
    if "float() argument" in message:
        return f"must be numbers. {message}. {_ADVICE[modality]}"
    for part, must in _OTHERS.items():
        if part in message:
            return f"{must}. {message}"
    return f"must be an array of numbers. {message}"


def _about_type(X):
    """Return what there is to say of a container that holds no matrix of numbers."""
    if hasattr(X, "image") and hasattr(X, "text") and not hasattr(X, "columns"):
        return (
            "must be the features of one modality. Got ImageTextPairs: take one side, "
            "pairs.image or pairs.text."
        )
    if is_dict(X):
        return f"must be a matrix. Got a dict with the keys {list(X)[:5]}."
    if columns := _columns_without_numbers(X):
        return f"must be numbers. Got {columns}. Drop them, or make numbers of them."
    return None


#: Parts of what scikit-learn says, and what that is about.
_OTHERS = {
    "minimum of": "must have enough rows and columns",
    "masked array": "must have no masked values",
    "dates or durations": "must be numbers",
    "inhomogeneous": "must have rows of equal length",
    "contains NaN": "must be finite",
    "contains infinity": "must be finite",
    "parse data was passed": "must be dense",
}


def _about_dimensions(shape, modality):
    must = f"must be a matrix, one row per item. Got a {len(shape)}D array of shape "
    if len(shape) == 1:
        return (
            f"{must}{shape}. Reshape your data: a single item is X.reshape(1, -1), a "
            "single feature X.reshape(-1, 1)."
        )
    advice = "Make one row of every item: X.reshape(len(X), -1)."
    return f"{must}{shape}. {_ADVICE['image'] if modality == 'image' else advice}"


def _columns_without_numbers(X):
    """Return which columns of a frame hold no numbers, "" if all do."""
    if not (hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2):
        return ""
    found = [name for name, column in X.items() if not _is_numeric(column)]
    if not found:
        return ""
    shown = ", ".join(map(repr, found[:5])) + (", ..." if len(found) > 5 else "")
    noun = "column" if len(found) == 1 else "columns"
    return f"{noun} {shown} with values such as {X[found[0]].iloc[0]!r}"


def _is_numeric(column):
    kind = getattr(column.dtype, "kind", "O")
    if kind in "mM":
        return False
    # Strings may be of numbers, which conversions take.
    return kind in "biufc" or not any(_is_word(value) for value in column)


def _is_word(value):
    try:
        float(value)
    except ValueError:
        return True
    except TypeError:
        return False
    return False
