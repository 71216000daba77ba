"""What the user hands to a network, checked and in the form that it needs."""

import math
from collections.abc import Mapping
from inspect import signature
from numbers import Integral

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit
from sklearn_xmodal.utils._validation import check_numbers


def check_layer_sizes(sizes, name):
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(
            f"{name} must hold whole numbers of at least 1, one per hidden layer. "
            f"Got {sizes!r}."
        )


def check_callbacks(callbacks):
    for callback in callbacks or []:
        found = (
            callback[1] if isinstance(callback, tuple) and callback[1:] else callback
        )
        if not isinstance(found, Callback | type):
            raise TypeError(
                "callbacks must hold skorch callbacks, or (name, callback) tuples. Got "
                f"{callback!r}."
            )


def inputs_of_members(retriever):
    """Return how many principal components every network sees, the last one all.

    Networks that see different things err differently, and no single number suits
    all data. `None` for all features.
    """
    n_most, n_members = retriever.n_input_components, retriever.n_estimators
    if n_most is None:
        return None
    # From the last one down, so that a single network sees all.
    shares = np.linspace(1.0, retriever.min_input_share, n_members)
    return tuple(math.ceil(share * n_most) for share in shares[::-1])


def class_vectors(class_embeddings, classes):
    """Return one finite vector per class, in the order of classes."""
    if class_embeddings is None:
        return np.eye(len(classes), dtype=np.float32)
    if hasattr(class_embeddings, "loc"):
        known = set(class_embeddings.index)
        table = class_embeddings.loc
    elif isinstance(class_embeddings, Mapping):
        known = set(class_embeddings)
        table = class_embeddings
    else:
        raise TypeError(
            "class_embeddings must be a mapping from label to vector, a DataFrame "
            f"indexed by label, or None. Got {type(class_embeddings).__name__}."
        )
    labels = classes.tolist()
    missing = [label for label in labels if label not in known]
    if missing:
        raise ValueError(
            "class_embeddings must hold a vector for every label seen in fit. Got none "
            f"for {len(missing)} of {len(labels)} labels, such as {missing[:5]}."
        )
    vectors = [np.atleast_1d(_class_vector(table[label])) for label in labels]
    shapes = sorted({vector.shape for vector in vectors})
    if len(shapes) > 1 or len(shapes[0]) > 1 or shapes[0] == (0,):
        raise ValueError(
            "class_embeddings must hold one vector per label, all of one length of at "
            f"least 1. Got shapes {shapes[:5]}."
        )
    matrix = np.stack(vectors)
    if not np.isfinite(matrix).all():
        bad = [
            lab
            for lab, row in zip(labels, matrix, strict=True)
            if not np.isfinite(row).all()
        ]
        raise ValueError(
            "class_embeddings must be finite. Got NaN or infinity for "
            f"{len(bad)} labels, such as {bad[:5]}."
        )
    return matrix


def _class_vector(vector):
    return check_numbers(
        vector,
        "class_embeddings",
        dtype=np.float32,
        ensure_2d=False,
        ensure_min_samples=0,
        ensure_all_finite=False,
        allow_nd=True,
    )


def known_targets(y, classes):
    """Return class indices of labels that must be known, an indicator as it is."""
    if y.ndim == 2:
        if y.shape[1] != len(classes):
            raise ValueError(
                "y must have one column per class of the first call, "
                f"{len(classes)}. Got {y.shape[1]}."
            )
        return y
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            "y must hold labels of the first call only: name all of them there, in "
            f"classes=. Got {len(unknown)} others, such as {unknown[:5].tolist()}."
        )
    return np.searchsorted(classes, y).astype(np.int64)


def resolve_device(device):
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            "device must be 'auto' or a torch device that is there, such as 'cpu' or "
            f"'cuda:0'. Got {device!r}: {str(error).splitlines()[0]}"
        ) from None
    return device


def resolve_optimizer(optimizer):
    found = optimizer
    if isinstance(optimizer, str):
        found = getattr(torch.optim, optimizer, None)
    is_optimizer = isinstance(found, type) and issubclass(found, torch.optim.Optimizer)
    if not is_optimizer or "weight_decay" not in signature(found).parameters:
        raise ValueError(
            "optimizer must be a class of torch.optim or the name of one, such as "
            f"'AdamW' or 'SGD', with a parameter weight_decay. Got {optimizer!r}."
        )
    return found


def check_continues(retriever, y):
    """Raise a ValueError unless a fit can go on from the weights of the last one."""
    classes = np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])
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
    fraction = retriever.validation_fraction
    options = {"test_size": fraction, "random_state": seed}
    if retriever.validation == "class_disjoint":
        # Among the pairs of one class every ranking is perfect.
        if y.ndim == 1:
            options["test_size"] = max(2, math.ceil(fraction * len(np.unique(y))))
        return next(ClassDisjointShuffleSplit(1, **options).split(rows, y))
    stratify = y if y.ndim == 1 else None
    try:
        return train_test_split(rows, stratify=stratify, **options)
    except ValueError as error:
        raise ValueError(
            "early_stopping holds out pairs of every class and trains on others of "
            f"the same class. Got validation_fraction={fraction} for {len(y)} pairs: "
            f"{error} Raise it, or use validation='class_disjoint'."
        ) from None
