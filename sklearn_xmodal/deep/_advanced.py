"""What networks have beside their parameters: settings in one dict, `advanced`."""

from functools import partial
from numbers import Integral, Real
from textwrap import fill
from typing import NamedTuple

from sklearn_xmodal.deep._layers import ACTIVATIONS
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)


class Setting(NamedTuple):
    """What a setting may be, as for parameters, and what it means."""

    constraints: list
    meaning: str


_count = Interval(Integral, 1, None, closed="left")
_at_least_zero = Interval(Real, 0, None, closed="left")
_activation = StrOptions(set(ACTIVATIONS))
_names = '"identity", "logistic", "relu" or "tanh"'

#: All that there are, in the order of docstrings.
SETTINGS = {
    "activation": Setting([_activation], f"of the hidden layers, {_names}"),
    "code_activation": Setting([_activation], f"of the codes, {_names}"),
    "skip_connection": Setting(
        ["boolean"],
        "whether codes are the sum of what the hidden layers and what one linear map "
        "of the inputs give",
    ),
    "decoder_layer_sizes": Setting(
        [tuple, list, None],
        "hidden layers of the decoders, `None` for those of the encoders in reverse",
    ),
    "input_dropout": Setting(
        [Interval(Real, 0, 1, closed="left")],
        "probability of dropping an input of the encoders",
    ),
    "denoise_inputs": Setting(
        ["boolean", StrOptions({"auto"})],
        "whether to shrink the principal component of variance v to "
        r":math:`1 - 0.9 v_0 / v` of its length, where :math:`v_0` is the variance of "
        "the last one: a Wiener filter that takes most of the last one for noise, of "
        "which all have as much. Only modalities with at least as many features as the "
        "last network sees components; matters where variances are alike, as those of "
        'scaled word counts are. "auto" does so for ``target_classes="unseen"``',
    ),
    "n_contrastive_components": Setting([_count], "size of the contrastive code"),
    "temperature": Setting(
        [Interval(Real, 0, None, closed="neither")],
        r":math:`\tau` of the contrastive term, which divides its cosines",
    ),
    "discriminator_layer_sizes": Setting(
        [tuple, list], "hidden layers of the discriminator of modalities"
    ),
    "optimizer": Setting(
        [str, type], "name of a class of `torch.optim`, or such a class"
    ),
    "lr_scheduler": Setting(
        [StrOptions({"cosine"}), None],
        '"cosine" lowers the learning rate to 0 over the training, `None` keeps it',
    ),
    "weight_decay": Setting([_at_least_zero], "handed to the optimiser"),
    "precision": Setting(
        [StrOptions({"float32", "bfloat16"})],
        'of the matrix products in training, "float32" or "bfloat16"; weights and '
        "everything else stay in float32. Fewer bits pay for layers of thousands of "
        "units on GPUs",
    ),
    "validation_fraction": Setting(
        [Interval(Real, 0, 1, closed="neither")],
        "share of pairs that early stopping holds out, or of classes, at least two of "
        "them",
    ),
    "n_iter_no_change": Setting(
        [_count], "epochs without improvement before early stopping"
    ),
    "tol": Setting([_at_least_zero], "least gain in mAP that counts as an improvement"),
}
#: Name -> default of those that all networks have.
SHARED_SETTINGS = {
    "activation": "relu",
    "input_dropout": 0.2,
    "optimizer": "AdamW",
    "lr_scheduler": "cosine",
    "weight_decay": 0.001,
}


_HEAD = """advanced : dict, default=None
    What is seldom changed, by name, as in ``{"optimizer": "SGD"}``. What it does not
    name has its default:

"""


def described(defaults):
    """Return the entry of a docstring for `advanced`."""
    entries = [
        fill(
            f"- ``{name}``, default {as_shown(defaults[name])}: {setting.meaning}",
            width=84,
            initial_indent="    ",
            subsequent_indent="      ",
        )
        for name, setting in SETTINGS.items()
        if name in defaults
    ]
    return _HEAD + ";\n".join(entries) + "."


def as_shown(value):
    """Return a default as docstrings write it."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def check_settings(retriever):
    """Raise an error unless `advanced` holds settings of the retriever."""
    given = retriever.advanced or {}
    unknown = sorted(set(given) - set(retriever._default_settings), key=str)
    if unknown:
        raise ValueError(
            "advanced must have no other keys than "
            f"{', '.join(retriever._default_settings)}. Got {unknown}."
        )
    constraints = {name: SETTINGS[name].constraints for name in given}
    caller = f"{type(retriever).__name__}(advanced=...)"
    validate_parameter_constraints(constraints, given, caller)
    for name in given:
        if name.endswith("layer_sizes") and given[name] is not None:
            check_layer_sizes(given[name], name)


def check_layer_sizes(sizes, name):
    """Raise a ValueError unless sizes are whole numbers of at least 1."""
    if not all(isinstance(size, Integral) and not size < 1 for size in sizes):
        raise ValueError(
            f"{name} must hold whole numbers of at least 1, one per hidden layer. "
            f"Got {sizes!r}."
        )


def once_parameters(defaults):
    """Return the old spellings of settings, which were parameters by the same names."""
    return {
        name: OldSpelling("advanced", partial(_with_setting, name), default)
        for name, default in defaults.items()
    }


def _with_setting(name, advanced, value):
    return {**(advanced or {}), name: value}
