"""Checks that several parts of the package need, with errors that help."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from sklearn_xmodal.utils._sklearn_compat import validate_parameter_constraints

# Squares of larger values overflow, and of their inverses underflow.
_LARGEST = 1e150


def count(n, noun):
    """Return "1 row" or "5 rows"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def check_modality(X, modality, *, dtype, estimator, ensure_min_samples=1):
    """Validate the matrix of one modality.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        The features of one modality.

    modality : {"image", "text"}
        Named in every error.

    dtype : dtype or list of dtype
        Accepted types, the first is the one to convert to.

    estimator : estimator instance
        Named in errors.

    ensure_min_samples : int, default=1
        Fewest rows.

    Returns
    -------
    X : {ndarray, csr_matrix, csr_array} of shape (n_samples, n_features)
        The same values, not copied where the type is fine already.

    Raises
    ------
    ValueError
        If `X` is not a finite numeric matrix with enough rows.
    """
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=dtype,
        ensure_all_finite=False,
        ensure_min_samples=ensure_min_samples,
        input_name=f"X_{modality}",
        estimator=estimator,
    )
    check_finite(X, modality)
    return X


def check_finite(X, modality):
    """Raise a ValueError that names the modality where values cannot be used.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Numeric features.

    modality : {"image", "text"}
        Named in the error.

    Raises
    ------
    ValueError
        If any value is NaN or infinite, or if squares would over- or underflow.
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


def check_labels(y):
    """Validate labels.

    Parameters
    ----------
    y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes)
        Class labels of any type, or a binary indicator. A column is taken as 1-D.

    Returns
    -------
    y : {ndarray, sparse matrix}
        The same labels.

    Raises
    ------
    ValueError
        If a label is missing, or `y` is a matrix that is no binary indicator.
    """
    if not sparse.issparse(y):
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y.ravel()
        check_not_missing(y)
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


def _is_binary(values):
    return bool(np.isin(values, (0, 1)).all())


def is_continuous(y):
    """Return whether y holds numbers that are not whole, so no class labels.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels without missing values.

    Returns
    -------
    is_continuous : bool
        True where any value has a fraction.
    """
    return y.dtype.kind == "f" and bool((y != np.floor(y)).any())


def check_not_missing(y):
    """Raise a ValueError where labels are None, NaN or another missing value.

    Parameters
    ----------
    y : ndarray
        Labels.

    Raises
    ------
    ValueError
        If any label is missing.
    """
    if y.dtype.kind in "fcmM":
        missing = (y != y).reshape(len(y), -1).any(axis=1)
    elif y.dtype.kind == "O" and y.ndim == 1:
        missing = np.fromiter(map(_is_missing, y), dtype=bool, count=len(y))
    else:
        return
    if missing.any():
        raise ValueError(
            "Labels y must not be missing (None or NaN). Got "
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


def check_width(X, modality, n_features, n_other_features, estimator):
    """Raise a ValueError where one modality has not the width seen in fit.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_columns)
        Features of one modality.

    modality : {"image", "text"}
        Which one.

    n_features, n_other_features : int
        Widths of this and of the other modality in fit.

    estimator : estimator instance
        Named in the error.

    Raises
    ------
    ValueError
        If `n_columns` differs from `n_features`.
    """
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
    """Return the image and the text value of a parameter that may be a pair.

    Parameters
    ----------
    value : object or tuple of length 2
        One value for both modalities, or ``(image, text)``.

    name : str
        The parameter, named in the error.

    Returns
    -------
    image, text : object
        One value per modality.

    Raises
    ------
    ValueError
        If a tuple has not two entries.
    """
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

    Parameters
    ----------
    estimator : estimator instance
        With ``_parameter_constraints``; parameters that may be a tuple
        ``(image, text)`` have `tuple` among them.

    Raises
    ------
    ValueError
        If a tuple has not two entries, or one of them is not allowed.
    """
    constraints = {
        name: [constraint for constraint in allowed if constraint is not tuple]
        for name, allowed in estimator._parameter_constraints.items()
        if tuple in allowed
    }
    pairs = [per_modality(getattr(estimator, name), name) for name in constraints]
    for values in zip(*pairs, strict=True):
        validate_parameter_constraints(
            constraints,
            dict(zip(constraints, values, strict=True)),
            type(estimator).__name__,
        )


def check_class_targets(y, estimator):
    """Validate the labels of an estimator that cannot do without.

    Parameters
    ----------
    y : {ndarray, sparse matrix} or None
        As returned by :func:`check_labels`.

    estimator : estimator instance
        Named in errors.

    Returns
    -------
    y : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Labels as they are, an indicator as a dense integer matrix.

    Raises
    ------
    ValueError
        If there are no labels, or continuous ones.
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
