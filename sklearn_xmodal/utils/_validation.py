"""Checks that several parts of the package need, with errors that help."""

from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length, check_random_state

from sklearn_xmodal.utils._containers import as_matrix, as_plain, check_same_index
from sklearn_xmodal.utils._features import (
    check_finite,
    check_not_masked,
    count,
    explained,
)
from sklearn_xmodal.utils._sklearn_compat import validate_parameter_constraints

_LABEL_SETS = (
    "Sets of labels become an indicator with "
    "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)."
)
# What to do where no pair has a label.
LEARN_FROM_PAIRS = "CCARetriever and KCCARetriever learn from pairs alone."
SCORE_BY_PAIRS = "Leave y away to ask for the other half of each pair."
SPLIT_BY_PAIRS = "Split pairs at random, with ShuffleSplit for example."


def check_numbers(X, name, *, modality=None, **options):
    """Validate an array by scikit-learn's `check_array`, whose errors name nothing.

    What it turns into numbers without a word is refused too: dates, and the values
    under a mask. A sparse result has sorted indices and no duplicates; the caller's own
    matrix is left as it is. Errors about the features of a modality say what makes
    features of raw items.
    """
    given = X
    try:
        X = as_matrix(X)
        X = X if hasattr(X, "shape") else np.asarray(X)
        _check_kind(X)
        if options.get("ensure_2d", True):
            _refuse_flat(X)
        # Of long doubles, which are infinite then, and of sums of huge values.
        with np.errstate(over="ignore", invalid="ignore"):
            X = check_array(X, input_name=name, **options)
    except (ValueError, TypeError, OverflowError) as error:
        raise explained(error, given, name, modality) from None
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
        raise ValueError("Expected 2D array, got 1D array.")


def _check_kind(X):
    is_frame = hasattr(X, "iloc") and X.ndim == 2
    dtypes = list(X.dtypes) if is_frame else [getattr(X, "dtype", None)]
    if any(getattr(dtype, "kind", None) in ("m", "M") for dtype in dtypes):
        raise TypeError("Got dates or durations. Convert them to numbers.")
    check_not_masked(X)


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
    X = check_numbers(
        X,
        f"The {modality} features",
        modality=modality,
        accept_sparse="csr",
        dtype=dtype,
        ensure_all_finite=False,
        ensure_min_samples=ensure_min_samples,
        estimator=estimator,
    )
    check_finite(X, f"the {modality} features")
    return X


def as_labels(y, name="y", *, allow_missing=False):
    """Return labels as an array, refusing what cannot be told apart by equality.

    Of lists of mixed types as an array of objects, where NumPy would turn numbers into
    strings. A column becomes 1-D, a sparse indicator stays. A TypeError if a label is
    complex, structured or not hashable, a ValueError if one is missing, unless that is
    allowed, or infinite.
    """
    if sparse.issparse(y):
        return y
    y = as_plain(y)
    try:
        check_not_masked(y)
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            f"{name} must be an array of labels. {error} {_LABEL_SETS}"
        ) from None
    if array.ndim == 0 and y is not None:
        raise ValueError(
            f"{name} must hold one label per row. Got a single {type(y).__name__}."
        )
    if array.dtype.kind in "cV":
        raise TypeError(
            f"{name} must hold labels of a simple type, such as numbers or strings. "
            f"Got an array of type {array.dtype}."
        )
    if array.dtype.kind in "US" and array.ndim == 1 and not isinstance(y, np.ndarray):
        array = _as_objects_if_mixed(y, array)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    _check_finite_labels(array, name, allow_missing)
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
        labels = set(y.tolist())
    except TypeError as error:
        raise TypeError(
            f"{name} must hold hashable labels, such as numbers or strings. Got "
            f"{error}. {_LABEL_SETS}"
        ) from None
    if any(isinstance(label, frozenset) for label in labels):  # which have no order
        raise TypeError(f"{name} must hold labels. Got frozensets. {_LABEL_SETS}")


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
            f"{', '.join(kinds)}. Convert them to strings: y.astype(str), or "
            "[str(label) for label in y] of a list; where a label is missing, it "
            "should stay None."
        ) from None


def united_labels(one, other):
    """Return the distinct labels of two sorted arrays of them, sorted.

    A ValueError if they cannot be compared, as numbers with strings.
    """
    texts = [labels.dtype.kind in "US" for labels in (one, other)]
    if texts[0] != texts[1]:  # which NumPy would make strings of
        one, other = one.astype(object), other.astype(object)
    return sorted_labels(np.concatenate([one, other]))[0]


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
    """Validate labels: class labels of any type, or a binary indicator.

    Rows may be without a label, see `is_labelled`.
    """
    y = as_labels(y, allow_missing=True)
    if y.ndim == 1:
        return y
    if sparse.issparse(y):
        y = y.tocsr()
    values = y.data if sparse.issparse(y) else y
    is_indicator = y.ndim == 2 and values.dtype.kind in "biuf"
    if is_indicator and (values == -1).any():
        labelled = y[is_labelled(y)]
        values = labelled.data if sparse.issparse(y) else labelled
    if not is_indicator or not np.isin(values, (0, 1)).all():
        raise ValueError(
            "y must be class labels of shape (n_samples,) or a binary indicator of "
            f"shape (n_samples, n_classes). Got shape {y.shape} with other values "
            "than 0 and 1, and rows of -1 for pairs without labels. After "
            "ImageTextPairs or a stacked matrix the second argument is y, not the "
            f"text. {_LABEL_SETS}"
        )
    return y


def is_labelled(y):
    """Return which rows of labels, from `as_labels`, have one: bool, (n_samples,).

    Rows without have -1, as in scikit-learn's semi-supervised estimators, or what is
    missing otherwise: None, NaN, NaT, NA. Those of an indicator are -1 throughout.
    """
    if y.ndim == 2:
        n_missing = np.asarray((y == -1).sum(axis=1)).ravel()
        return n_missing < y.shape[1]
    if y.dtype.kind == "O":
        has_none = (_is_missing(v) or _is_minus_one(v) for v in y)
        return ~np.fromiter(has_none, dtype=bool, count=len(y))
    if y.dtype.kind in "mM":
        return ~np.isnat(y)
    if y.dtype.kind in "if":
        return (y == y) & (y != -1)
    return np.ones(len(y), dtype=bool)


def _is_minus_one(label):
    return isinstance(label, Number) and label == -1


def check_all_named(ids, rule):
    """Raise a ValueError, which begins with the rule, where a row of ids has none."""
    unnamed = np.flatnonzero(~is_labelled(ids))
    if unnamed.size:
        row = unnamed[0]
        raise ValueError(
            f"{rule}. Got {ids[row]!r}, which stands for no label, in row {row}. Give "
            "it an id of its own."
        )


def check_some_labelled(labelled, advice):
    """Raise a ValueError, which ends in the advice, where no row has a label."""
    if not labelled.any():
        raise ValueError(
            "y must hold labels of some pairs at least. Got none: all are missing "
            f"(-1, None or NaN). {advice}"
        )


def check_not_signs(y):
    """Raise a ValueError where labels are -1 and one other, which leaves one class."""
    if y is None or y.ndim != 1 or y.dtype.kind not in "ifO":
        return
    labels = y[is_labelled(y)]
    if len(labels) == len(y) or not len(labels) or (labels != labels[0]).any():
        return
    if any(map(_is_minus_one, y)):
        raise ValueError(
            "Labels y must hold at least two classes where some are -1, since -1 means "
            f"that a pair has no label. Got -1 and {labels.tolist()[0]!r} alone. Write "
            "two classes as 0 and 1: (y > 0).astype(int)."
        )


def names_of_labels(y):
    """Return the names of the columns of an indicator, None where it is no table."""
    columns = getattr(y, "columns", None)
    if columns is None or len(columns) < 2:
        return None
    names = as_labels(list(columns), "The columns of y")
    if len(set(columns)) < len(columns):
        raise ValueError(
            "The columns of y are the names of its classes, and must be distinct. Got "
            f"{list(columns[:5])} (first five shown)."
        )
    return names


def check_same_length(X, y, name="y"):
    """Raise a ValueError unless there is one label per row, of the same index."""
    try:
        check_consistent_length(X, y)
    except ValueError as error:
        raise ValueError(f"{name} must hold one label per row. {error}") from None
    check_same_index(X, y, ("X", name))


def is_continuous(y):
    """Return whether y holds numbers that are not whole, so no class labels."""
    if y.dtype.kind != "f":
        return False
    y = y[np.isfinite(y)]
    return bool((y != np.floor(y)).any())


def _check_finite_labels(y, name, allow_missing):
    """Raise a ValueError where labels are infinite or, unless allowed, missing."""
    if y.ndim == 0 or y.size == 0 or y.dtype.kind not in "fmMO":
        return
    if allow_missing and y.ndim == 1:
        bad = np.isinf(y) if y.dtype.kind == "f" else np.zeros(len(y), dtype=bool)
    elif y.dtype.kind == "O":
        bad = np.fromiter(map(_is_missing, y.flat), dtype=bool, count=y.size)
    else:
        bad = ~np.isfinite(y)  # of dates: NaT
    missing = bad.reshape(len(y), -1).any(axis=1)
    if missing.any():
        hint = "Leave these rows out, here and of what the labels belong to."
        if y.ndim > 1:
            hint += " In an indicator y, a row of -1 is a pair without labels."
        raise ValueError(
            f"{name} must not be missing (None, NaN or infinite). Got "
            f"{count(int(missing.sum()), 'missing label')}, the first in row "
            f"{int(np.argmax(missing))}. {hint}"
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
    elif X.shape[1] == n_features + n_other_features:
        hint = " That is the width of both: of stacked pairs, pass one side."
    elif X.shape[1] == getattr(estimator, "n_components_", None):
        hint = " That is the width of codes, which metrics.cross_modal_score compares."
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


def check_pair_labels(X, y):
    """Validate labels beside one modality; None stays None."""
    if y is None:
        return None
    y = check_labels(y)
    check_same_length(X, y)
    return y


def check_several_classes(classes):
    """Raise a ValueError where there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(
            "y must hold at least two classes to tell apart. Got one class: "
            f"{classes.tolist()}."
        )


def check_class_targets(y, estimator, *, takes_indicator=True):
    """Validate the labels, from `check_labels`, of an estimator that cannot do without.

    An indicator becomes a dense integer matrix.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None. It learns from class labels: use CCARetriever or KCCARetriever "
            "without."
        )
    if y.ndim == 2 and not takes_indicator:
        raise ValueError(
            f"{type(estimator).__name__} needs one class per pair, y of shape "
            f"(n_samples,). Got a multi-label indicator of shape {y.shape}. "
            "RidgeRetriever and SemanticMatchingRetriever take several."
        )
    if y.ndim == 2:
        return np.asarray(y.toarray() if sparse.issparse(y) else y, dtype=np.int64)
    if is_continuous(y):
        fractions = y[np.isfinite(y) & (y != np.floor(y))]
        raise ValueError(
            "y must be class labels. Got continuous values (unknown label type "
            f"'continuous'), such as {fractions[0]}. Bin them."
        )
    return y
