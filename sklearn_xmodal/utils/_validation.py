"""Checks that several parts of the package need, with errors that help."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length, check_random_state

from sklearn_xmodal.utils._sklearn_compat import validate_parameter_constraints

# Squares of larger values overflow, and of their inverses underflow.
_LARGEST = 1e150


def count(n, noun):
    """Return "1 row" or "5 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check_numbers(X, name, **options):
    """Validate an array by scikit-learn's `check_array`, whose errors name nothing.

    What it turns into numbers without a word is refused too: dates, and the values
    under a mask. A sparse result has sorted indices and no duplicates; the caller's own
    matrix is left as it is.
    """
    try:
        X = X if hasattr(X, "shape") else np.asarray(X)
        _check_kind(X)
        if options.get("ensure_2d", True):
            _refuse_flat(X)
        # Of long doubles, which are infinite then, and of sums of huge values.
        with np.errstate(over="ignore", invalid="ignore"):
            X = check_array(X, input_name=name, **options)
    except (ValueError, TypeError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must be an array of numbers. {error}") from None
    return canonical(X) if sparse.issparse(X) else X


def canonical(X):
    """Return a CSR matrix with sorted indices and without duplicates.

    The same object, or a mended copy: much code computes with single entries.
    """
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _refuse_flat(X):
    """Raise without printing all values; what is no number, check_array refuses."""
    is_numeric = getattr(getattr(X, "dtype", None), "kind", None) in set("biufc")
    if is_numeric and X.ndim == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array of shape {X.shape}. Reshape your data: a "
            "single item is X.reshape(1, -1)."
        )


def _check_kind(X):
    is_frame = hasattr(X, "iloc") and X.ndim == 2
    dtypes = list(X.dtypes) if is_frame else [getattr(X, "dtype", None)]
    if any(getattr(dtype, "kind", None) in ("m", "M") for dtype in dtypes):
        raise TypeError("Got dates or durations. Convert them to numbers.")
    check_not_masked(X)


def check_not_masked(X):
    """Raise a ValueError where values of an array are masked."""
    if np.ma.is_masked(X):
        raise ValueError(
            f"Got a masked array with {count(np.ma.count_masked(X), 'masked value')}, "
            "which would count like all others. Fill them in, or drop these rows."
        )


def check_sample_weight(sample_weight, n, *, at_least, noun="pair"):
    """Return a weight of at least 0 per row, (n,) in float64; None stays None.

    A ValueError where fewer than `at_least` are positive; it calls rows by `noun`.
    """
    if sample_weight is None:
        return None
    sample_weight = check_numbers(
        sample_weight,
        "sample_weight",
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
    )
    if sample_weight.ndim == 0:
        sample_weight = np.full(n, sample_weight)
    if sample_weight.shape != (n,):
        raise ValueError(
            f"sample_weight must be one number, or one for each of {count(n, noun)}. "
            f"Got shape {sample_weight.shape}."
        )
    if sample_weight.min() < 0:
        raise ValueError(
            f"sample_weight must be at least 0. Got {sample_weight.min():g} in row "
            f"{sample_weight.argmin()}. Drop such pairs, or give them weight 0."
        )
    n_positive = np.count_nonzero(sample_weight)
    if n_positive < at_least:
        raise ValueError(
            f"sample_weight must be above zero for at least {count(at_least, noun)}. "
            f"Got {count(n_positive, 'positive weight')}."
        )
    with np.errstate(over="ignore"):
        total = sample_weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            "sample_weight must have a finite sum. Got "
            f"{sample_weight.max():g} as the largest of {count(n, 'weight')}. Divide "
            "them by their mean."
        )
    return sample_weight


def counting_rows(weights, A):
    """Return the rows of positive weight; A itself, which may be None, if all have."""
    if A is None or weights is None or weights.all():
        return A
    return (A.tocsr() if sparse.issparse(A) else A)[weights > 0]


def check_seed(random_state):
    """Return a generator, or raise a ValueError that names the argument."""
    try:
        return check_random_state(random_state)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "random_state must be None, an integer from 0 to 2**32 - 1 or an instance "
            f"of RandomState. Got {random_state!r}: {error}"
        ) from None


def check_modality(X, modality, *, dtype, estimator, ensure_min_samples=1):
    """Validate the matrix of one modality, which errors name: finite, of enough rows.

    The first of several `dtype` is the one to convert to. Values of a fine type are not
    copied; what is no number is a TypeError.
    """
    try:
        X = check_numbers(
            X,
            f"The {modality} features",
            accept_sparse="csr",
            dtype=dtype,
            ensure_all_finite=False,
            ensure_min_samples=ensure_min_samples,
            estimator=estimator,
        )
    except ValueError as error:
        if "could not convert string" not in str(error):
            raise
        raise ValueError(
            f"{error}. Raw strings need a vectorizer in front: a Pipeline of "
            f"ModalityTransformer({modality}=TfidfVectorizer()) and the retriever."
        ) from None
    check_finite(X, modality)
    return X


def check_finite(X, modality):
    """Raise a ValueError that names the modality where values cannot be used.

    They are NaN or infinite, or their squares would over- or underflow.
    """
    values = X.data if sparse.issparse(X) else X
    if values.size == 0 or _has_sane_squares(values):
        return
    # NaN and infinity show in the extremes: two passes, no mask.
    largest = max(float(values.max()), -float(values.min()))
    if not np.isfinite(largest):
        _raise_not_finite(X, values, modality)
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise ValueError(
            f"The {modality} features must have squares that a float can hold: "
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


def _raise_not_finite(X, values, modality):
    bad = ~np.isfinite(values)
    what = "NaN" if np.isnan(values).any() else "infinity"
    if sparse.issparse(X):
        row = np.searchsorted(X.indptr, np.flatnonzero(bad)[0], side="right") - 1
    else:
        row = np.argwhere(bad)[0][0]
    raise ValueError(
        f"The {modality} features must be finite. Input X contains {what}: "
        f"{count(int(bad.sum()), 'bad value')}, the first in row {row}. "
        "Impute or drop these rows (in both modalities, they are pairs)."
    )


def as_labels(y, name="y"):
    """Return labels as an array, refusing what cannot be told apart by equality.

    Of lists of mixed types as an array of objects, where NumPy would turn numbers into
    strings. A column becomes 1-D, a sparse indicator stays. A TypeError if a label is
    complex, structured or not hashable, a ValueError if one is missing.
    """
    if sparse.issparse(y):
        return y
    try:
        check_not_masked(y)
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of labels. {error}") from None
    if array.dtype.kind in "cV":
        raise TypeError(
            f"{name} must hold labels of a simple type, such as numbers or strings. "
            f"Got an array of type {array.dtype}."
        )
    if array.dtype.kind in "US" and array.ndim == 1 and not isinstance(y, np.ndarray):
        array = _as_objects_if_mixed(y, array)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    check_not_missing(array, name)
    if array.dtype.kind == "O" and array.ndim == 1:
        _check_hashable(array, name)
    return array


def _as_objects_if_mixed(y, array):
    one_type = str if array.dtype.kind == "U" else bytes
    labels = list(y)
    if all(isinstance(label, one_type) for label in labels):
        return array
    mixed = np.empty(len(labels), dtype=object)
    mixed[:] = labels
    return mixed


def _check_hashable(y, name):
    try:
        set(y.tolist())
    except TypeError as error:
        raise TypeError(
            f"{name} must hold hashable labels, such as numbers or strings. Got "
            f"{error}."
        ) from None


def sorted_labels(y):
    """Return distinct labels, sorted, and the place of every label among them.

    A ValueError if labels cannot be compared with each other.
    """
    try:
        return np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise ValueError(
            "Labels y must be of one kind that can be sorted. Got "
            f"{', '.join(kinds)}. Convert them to strings."
        ) from None


def encode_labels(y):
    """Return a list of distinct labels, and the place of every label in it.

    Sorted; in the order of appearance where they cannot be compared with each other.
    """
    labels = y.tolist()
    found = list(dict.fromkeys(labels))
    try:
        classes = sorted(found)
    except TypeError:
        classes = found
    places = {label: place for place, label in enumerate(classes)}
    return classes, np.fromiter((places[v] for v in labels), np.intp, len(labels))


def check_labels(y):
    """Validate labels: class labels of any type, or a binary indicator."""
    y = as_labels(y)
    if y.ndim == 1:
        return y
    values = y.data if sparse.issparse(y) else y
    if y.ndim != 2 or values.dtype.kind not in "biuf" or not _is_binary(values):
        raise ValueError(
            "y must be class labels of shape (n_samples,) or a binary indicator of "
            f"shape (n_samples, n_classes). Got shape {y.shape} with other values "
            "than 0 and 1. After ImageTextPairs or a stacked matrix the second "
            "argument is y, not the text."
        )
    return y


def check_same_length(X, y, name="y"):
    """Raise a ValueError unless there is one label per row."""
    try:
        check_consistent_length(X, y)
    except ValueError as error:
        raise ValueError(f"{name} must hold one label per row. {error}") from None


def _is_binary(values):
    return bool(np.isin(values, (0, 1)).all())


def is_continuous(y):
    """Return whether y holds numbers that are not whole, so no class labels."""
    return y.dtype.kind == "f" and bool((y != np.floor(y)).any())


def check_not_missing(y, name="y"):
    """Raise a ValueError where labels are None, NaN, infinite or missing otherwise."""
    if y.ndim == 0 or y.size == 0 or y.dtype.kind not in "fmMO":
        return
    if y.dtype.kind == "O":
        bad = np.fromiter(map(_is_missing, y.flat), dtype=bool, count=y.size)
    else:
        bad = ~np.isfinite(y)  # of dates: NaT
    missing = bad.reshape(len(y), -1).any(axis=1)
    if missing.any():
        raise ValueError(
            f"Labels {name} must not be missing (None, NaN or infinite). Got "
            f"{count(int(missing.sum()), 'missing label')}, the first in row "
            f"{int(np.argmax(missing))}. Drop these pairs."
        )


def _is_missing(label):
    if label is None:
        return True
    try:
        return bool(label != label)  # NaN
    except TypeError:
        return True  # pandas.NA has no truth value
    except ValueError:
        return False  # an array: no label, but not missing


def check_width(X, modality, n_features, n_other_features, estimator):
    """Raise a ValueError where one modality has not the width seen in fit."""
    if X.shape[1] == n_features:
        return
    hint = ""
    if X.shape[1] == n_other_features:
        other = "text" if modality == "image" else "image"
        hint = f" That is the width of the {other} features: use transform_{other}."
    raise ValueError(
        f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
        f"{n_features} features as input for the {modality} modality.{hint}"
    )


def per_modality(value, name):
    """Return the image and the text value of a parameter that may be a pair."""
    if not isinstance(value, tuple):
        return value, value
    if len(value) != 2:
        raise ValueError(
            f"{name} must be one value for both modalities or a tuple "
            f"(image, text). Got a tuple of length {len(value)}."
        )
    return value


def validate_tuples(estimator):
    """Hold both values of a tuple to what the parameter's constraints allow for one.

    Parameters that may be a tuple ``(image, text)`` have `tuple` among their
    constraints, and no `list`.
    """
    constraints = {
        name: [constraint for constraint in allowed if constraint is not tuple]
        for name, allowed in estimator._parameter_constraints.items()
        if tuple in allowed and list not in allowed
    }
    pairs = [per_modality(getattr(estimator, name), name) for name in constraints]
    for values in zip(*pairs, strict=True):
        validate_parameter_constraints(
            constraints,
            dict(zip(constraints, values, strict=True)),
            type(estimator).__name__,
        )


def check_class_targets(y, estimator):
    """Validate the labels, from `check_labels`, of an estimator that cannot do without.

    An indicator becomes a dense integer matrix.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None. It learns from class labels: use CCARetriever or KCCARetriever "
            "without."
        )
    if y.ndim == 2:
        return np.asarray(y.toarray() if sparse.issparse(y) else y, dtype=np.int64)
    if is_continuous(y):
        raise ValueError(
            "y must be class labels. Got continuous values (unknown label type "
            f"'continuous'), such as {y[y != np.floor(y)][0]}. Bin them."
        )
    return y
