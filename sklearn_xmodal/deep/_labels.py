"""Labels as targets of a network, and which of their pairs it is trained on."""

import math

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit
from sklearn_xmodal.utils._validation import is_labelled, sorted_labels


def encoded_labels(y, names=None):
    """Return the classes, and class indices or the indicator as it is.

    Names are those of the columns of the indicator. Of pairs without a label the
    indices are negative, and no two are the same.
    """
    if y.ndim == 2:
        return np.arange(y.shape[1]) if names is None else names, y
    classes, places = sorted_labels(y[is_labelled(y)])
    return classes, _indices(y, places)


def _indices(y, places):
    indices = -1 - np.arange(len(y))
    indices[is_labelled(y)] = places
    return indices


def check_tells_apart(classes, retriever):
    """Raise a ValueError where there is a classifier, and one class for it."""
    if len(classes) < 2 and retriever.classification_weight:
        of_training = " left to train on" if retriever.early_stopping else ""
        raise ValueError(
            "y must hold at least two classes to tell apart. Got one class"
            f"{of_training}: {classes.tolist()}. Set classification_weight=0 to learn "
            "from the pairs of one class, or use ContrastiveRetriever."
        )


_FIRST_CALL = (
    "y must hold labels of the first call only: name all of them there, in classes=."
)


def known_targets(y, classes, names=None, rule=_FIRST_CALL):
    """Return class indices of labels that must be known, an indicator as it is."""
    if y.ndim == 2:
        if y.shape[1] != len(classes):
            raise ValueError(
                "y must have one column per class of the first call, "
                f"{len(classes)}. Got {y.shape[1]}."
            )
        if names is not None and not np.array_equal(names, classes):
            raise ValueError(
                "The columns of y must be those of the first call, in the same order. "
                f"Got {names[:5].tolist()}, expected {classes[:5].tolist()} (first "
                "five shown)."
            )
        return y
    labels = y[is_labelled(y)]
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise ValueError(
            f"{rule} Got {len(unknown)} others, such as {unknown[:5].tolist()}."
        )
    return _indices(y, np.searchsorted(classes, labels))


def check_continues(retriever, y):
    """Raise a ValueError unless a fit can go on from the weights of the last one."""
    classes, _ = encoded_labels(y, retriever._label_names)
    widths = [retriever.n_image_features_, retriever.n_text_features_]
    before = [len(retriever.image_mean_), len(retriever.text_mean_)]
    is_same_kind = retriever.net_.module_.multi_label == (y.ndim == 2)
    known = retriever._net_classes
    if widths != before or not is_same_kind or not np.array_equal(classes, known):
        raise ValueError(
            "warm_start=True needs the features and classes of the fit before. Got "
            f"{widths} features and classes {classes[:5]}..., where it had "
            f"{before} and {known[:5]}... Fit a clone instead."
        )


def split_off_validation(y, retriever, seed):
    """Return rows of the training and of the validation part, `None` for no part."""
    if not retriever.early_stopping:
        return slice(None), None
    rows = np.arange(len(y))
    fraction = retriever._settings["validation_fraction"]
    options = {"test_size": fraction, "random_state": seed}
    if retriever.early_stopping == "class_disjoint":
        # Among the pairs of one class every ranking is perfect.
        if y.ndim == 1:
            n_classes = len(np.unique(y[is_labelled(y)]))
            options["test_size"] = max(2, math.ceil(fraction * n_classes))
        return next(ClassDisjointShuffleSplit(1, **options).split(rows, y))
    labelled = is_labelled(y)
    stratify = y[labelled] if y.ndim == 1 else None
    try:
        train, valid = train_test_split(rows[labelled], stratify=stratify, **options)
        return np.concatenate([train, rows[~labelled]]), valid
    except ValueError as error:
        raise ValueError(
            "early_stopping holds out pairs of every class and trains on others of "
            f"the same class. Got validation_fraction={fraction} for {len(y)} pairs: "
            f"{error} Raise it, or use early_stopping='class_disjoint'."
        ) from None
