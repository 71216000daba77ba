"""Checks that several parts of the package need, with errors that help."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from sklearn_xmodal.utils._sklearn_compat import validate_parameter_constraints


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
    """Raise a ValueError that names the modality where X has NaN or infinity.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Numeric features.

    modality : {"image", "text"}
        Named in the error.

    Raises
    ------
    ValueError
        If any value is NaN or infinite.
    """
    values = X.data if sparse.issparse(X) else X
    # A sum is finite only if every term is: one pass, no mask, for clean data.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum(dtype=np.float64)):
            return
    bad = ~np.isfinite(values)
    if not bad.any():
        return
    what = "NaN" if np.isnan(values).any() else "infinity"
    row = X.tocoo().row[bad][0] if sparse.issparse(X) else np.argwhere(bad)[0, 0]
    raise ValueError(
        f"The {modality} features must be finite. Input X contains {what}: "
        f"{count(int(bad.sum()), 'bad value')}, the first in row {row}. "
        "Impute or drop these rows (in both modalities, they are pairs)."
    )


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
