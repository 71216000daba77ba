"""The parameters of MSLN: what they may be, and what their names stand for."""

from collections.abc import Mapping
from inspect import signature
from numbers import Integral, Real
from os import PathLike

import torch
from skorch.callbacks import Callback

from sklearn_xmodal.deep._modules import ACTIVATIONS
from sklearn_xmodal.deep._representation import TARGET_CLASSES
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions

_weight = Interval(Real, 0, None, closed="left")
_positive = Interval(Real, 0, None, closed="neither")
_probability = Interval(Real, 0, 1, closed="left")
_at_least_one = Interval(Integral, 1, None, closed="left")

#: Parameter -> what it may be.
PARAMETER_CONSTRAINTS = {
    "n_components": [_at_least_one],
    "target_classes": [StrOptions(set(TARGET_CLASSES))],
    "block_weights": [Mapping, None],
    "n_estimators": [_at_least_one],
    "n_input_components": [_at_least_one, None],
    "min_input_share": [Interval(Real, 0, 1, closed="right")],
    "denoise_inputs": ["boolean", StrOptions({"auto"})],
    "n_contrastive_components": [_at_least_one],
    "hidden_layer_sizes": [tuple, list],
    "discriminator_layer_sizes": [tuple, list],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "code_activation": [StrOptions(set(ACTIVATIONS))],
    "dropout": [_probability],
    "input_dropout": [_probability],
    "correlation_weight": [_weight],
    "reconstruction_weight": [_weight],
    "adversarial_weight": [_weight],
    "classification_weight": [_weight],
    "contrastive_weight": [_weight, StrOptions({"auto"})],
    "temperature": [_positive],
    "class_embeddings": [Mapping, "array-like", None],
    "max_epochs": [_at_least_one, None],
    "max_steps": [_at_least_one, StrOptions({"auto"})],
    "batch_size": [_at_least_one],
    "optimizer": [str, type],
    "lr": [_positive],
    "lr_scheduler": [StrOptions({"cosine"}), None],
    "weight_decay": [_weight],
    "warm_start": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "validation": [StrOptions({"stratified", "class_disjoint"})],
    "n_iter_no_change": [_at_least_one],
    "tol": [_weight],
    "callbacks": [list, None],
    "checkpoint_dir": [str, PathLike, None],
    "resume_from": [str, PathLike, None],
    "precision": [StrOptions({"float32", "bfloat16"})],
    "device": [str],
    "n_image_features": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


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


def resolve_contrastive_weight(retriever):
    """Return the weight of the contrastive term: the less, the more seen classes."""
    if retriever.contrastive_weight != "auto":
        return retriever.contrastive_weight
    return {"seen": 0.0, "both": 0.3, "unseen": 1.0}[retriever.target_classes]
