"""How long a network is trained, and by what: the arguments of its net."""

import math
from inspect import signature

import torch
from skorch.callbacks import EarlyStopping, LRScheduler, PassthroughScoring

from sklearn_xmodal.deep.training._callbacks import EpochProgress, ValidationScore
from sklearn_xmodal.deep.training._memory import check_training_fits
from sklearn_xmodal.deep.training._processes import is_first

# max_steps="auto": so many epochs, within so many steps.
AUTO_EPOCHS = 20
AUTO_STEPS = (400, 800)
# Optimisers of torch with a one-kernel step, on the CPU and on CUDA.
_FUSED = ("Adam", "AdamW", "SGD")


def training_length(retriever, n_pairs, at_least=0):
    """Return how many epochs, and steps in whole epochs, `fit` takes.

    Steps that are left to the data are so many at least.
    """
    steps_per_epoch = math.ceil(n_pairs / retriever.batch_size)
    n_epochs = retriever.max_epochs
    if n_epochs is None:
        max_steps = retriever.max_steps
        if max_steps == "auto":
            lower, upper = AUTO_STEPS
            max_steps = min(max(AUTO_EPOCHS * steps_per_epoch, lower), upper)
            max_steps = max(max_steps, at_least)
        n_epochs = math.ceil(max_steps / steps_per_epoch)
    return n_epochs, n_epochs * steps_per_epoch


def net_options(retriever, data, seeds, n_epochs, callbacks, last_callbacks=()):
    """Return the arguments of the net that trains a `TwoEncoderRetriever`.

    Seeds are those of initial weights, dropout and batches. Callbacks come before
    those of the user, the last ones after them.
    """
    callbacks = [*callbacks]
    verbose = retriever.verbose if is_first() else 0
    if verbose == 1:
        name = type(retriever).__name__.removesuffix("Retriever")
        callbacks.append(EpochProgress(n_epochs, name))
    settings = retriever._settings
    optimizer = resolve_optimizer(settings["optimizer"])
    module = {
        "n_image_features": data.image.width,
        "n_text_features": data.text.width,
        **retriever._network_sizes(data),
        "input_dropout": settings["input_dropout"],
        "init_seed": seeds[0],
        "dropout_seed": seeds[1],
        "device": retriever.device_,
        **retriever._module_options(data),
    }
    batch_size, device = retriever.batch_size, retriever.device_
    check_training_fits(retriever._module, module, len(data), batch_size, device)
    options = {
        "module": retriever._module,
        **{f"module__{name}": value for name, value in module.items()},
        "criterion": retriever._loss,
        **{f"criterion__{k}": v for k, v in retriever._loss_options().items()},
        "optimizer": optimizer,
        "optimizer__weight_decay": settings["weight_decay"],
        "lr": retriever.lr,
        "max_epochs": n_epochs,
        "batch_size": retriever.batch_size,
        "iterator_train__generator": torch.Generator().manual_seed(seeds[2]),
        "train_split": None,
        "callbacks": [*callbacks, *(retriever.callbacks or []), *last_callbacks],
        "device": retriever.device_,
        "verbose": verbose,
    }
    if optimizer.__name__ in _FUSED:
        options["optimizer__fused"] = True
    if verbose < 2:
        options["callbacks__print_log"] = None
    return options


def recorded(terms):
    """Return callbacks that record the means of loss terms over every epoch.

    They come first: early stopping ends an epoch for those behind it.
    """
    return [(name, PassthroughScoring(name, on_train=True)) for name in terms]


def schedule_of_rate(retriever, n_steps):
    """Return callbacks that lower the learning rate over so many steps, if any."""
    if retriever._settings["lr_scheduler"] is None:
        return []
    policy = torch.optim.lr_scheduler.CosineAnnealingLR
    return [LRScheduler(policy, T_max=n_steps, step_every="batch")]


def early_stopping(retriever, score):
    """Return callbacks that stop at the best held-out score, module -> mAP."""
    stop = EarlyStopping(
        monitor="valid_score",
        lower_is_better=False,
        patience=retriever._settings["n_iter_no_change"],
        threshold=retriever._settings["tol"],
        threshold_mode="abs",
        load_best=True,
        sink=print if retriever.verbose > 1 and is_first() else _silent,
    )
    return [ValidationScore(score), stop]


def _silent(*args, **kwargs):
    """Print nothing."""


def resolve_device(device):
    """Return a device of torch that is there; "auto" is CUDA if it can be."""
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


def usable_device(device):
    """Return a device if this machine has it, else the CPU."""
    try:
        return resolve_device(device)
    except ValueError:
        return "cpu"


def resolve_optimizer(optimizer):
    """Return the class of an optimiser, given it or its name in `torch.optim`."""
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
