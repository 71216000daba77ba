"""The parameters of all networks: what they may be, and how docstrings tell of them."""

from collections.abc import Mapping
from inspect import cleandoc, signature
from numbers import Integral, Real
from os import PathLike
from string import Template

import numpy as np
from skorch.callbacks import Callback

from sklearn_xmodal.deep._advanced import as_shown, described
from sklearn_xmodal.deep.blocks._weights import TARGET_CLASSES
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._budget import USUAL_COMPONENTS
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
    "n_input_components": [_at_least_one, tuple, StrOptions({"auto"}), None],
    "hidden_layer_sizes": [tuple, list],
    "dropout": [_probability],
    "correlation_weight": [_weight],
    "reconstruction_weight": [_weight],
    "adversarial_weight": [_weight],
    "classification_weight": [_weight],
    "contrastive_weight": [_weight, StrOptions({"auto"})],
    "locked": [StrOptions(set(MODALITIES)), None],
    "class_embeddings": [Mapping, "array-like", None],
    "max_epochs": [_at_least_one, None],
    "max_steps": [_at_least_one, StrOptions({"auto"})],
    "batch_size": [_at_least_one],
    "lr": [_positive],
    "warm_start": ["boolean"],
    "early_stopping": ["boolean", StrOptions({"stratified", "class_disjoint"})],
    "callbacks": [list, None],
    "checkpoint_dir": [str, PathLike, None],
    "advanced": [dict, None],
    "device": [str],
    "n_image_features": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

_SHARED = (
    "n_components",
    "n_estimators",
    "hidden_layer_sizes",
    "dropout",
    "max_epochs",
    "max_steps",
    "batch_size",
    "lr",
    "callbacks",
    "advanced",
    "device",
    "n_image_features",
    "random_state",
    "verbose",
)
#: Those of the parameters that all networks have.
SHARED_CONSTRAINTS = {
    **{name: PARAMETER_CONSTRAINTS[name] for name in _SHARED},
    "n_input_components": [_at_least_one, None],
}

#: What all of them say of these parameters, in place of ``$name`` in a docstring.
SHARED_DOCS = {
    "encoder_parameters": """
n_input_components : int or None, default=128
    Principal components of either modality that the networks see, at most, all of
    them as many: in :class:`MSLNRetriever` a whole number is from half of it to all.
    `None` keeps all features.

hidden_layer_sizes : tuple of int, default=(256,)
    Hidden layers of both encoders.

dropout : float, default=0.5
    Probability of dropping a hidden unit of the encoders.
""",
    "loop_parameters": """
max_epochs : int, default=None
    Passes over the training pairs. `None` takes as many as `max_steps` needs.

max_steps : int or "auto", default=$max_steps
    Optimiser steps, rounded up to whole epochs, where `max_epochs` is not given.
    ``"auto"`` is 20 epochs, but at least 400 and at most 800 steps.

batch_size : int, default=$batch_size
    Pairs per step, at most: batches are of even size.

lr : float, default=$lr
    Learning rate at the start.

callbacks : list of skorch callbacks, default=None
    Added to the training loop.

$advanced

device : str, default="auto"
    Where to train: a torch device, or ``"auto"`` for CUDA where it exists and the
    CPU otherwise.

n_image_features : int, default=None
    If set, inputs are single matrices whose first `n_image_features` columns are
    the image features.

random_state : int, RandomState instance or None, default=None
    Initial weights, batches and dropout. An int gives the same network at every
    fit. The global generators of numpy and torch are not used, except numpy's to
    draw a seed where this is `None`.

verbose : int, default=0
    1 shows a progress bar over epochs, 2 and more the table of skorch.
""",
    "input_attributes": """
image_mean_ : ndarray of shape (n_image_features_,)
    Mean of the training images.

text_mean_ : ndarray of shape (n_text_features_,)
    Mean of the training texts.

image_components_ : ndarray or None
    Principal directions of the images in rows, `None` where all features are kept.

text_components_ : ndarray or None
    Principal directions of the texts.

image_scale_ : float
    Root mean square of the centred and reduced image features.

text_scale_ : float
    Root mean square of the centred and reduced text features.

image_encoder_ : Encoder
    From image features to codes; it lives without the retriever.

text_encoder_ : Encoder
    The same of the texts.

device_ : str
    The device used.

n_components_ : int
    Length of the vectors that `transform` returns.

n_image_features_ : int
    Number of image features.

n_text_features_ : int
    Number of text features.

n_features_in_ : int
    Number of features of both modalities.

feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Column names of a stacked input. Only defined if it had names.
""",
    "input_notes": """
Features are centred, reduced to their principal components and divided by one
global scale per modality inside; put anything else, such as
:class:`~sklearn.preprocessing.StandardScaler`, in front with
:class:`~sklearn_xmodal.ModalityTransformer`. Codes are computed in float32.
Memory-mapped and sparse features are read batch by batch, and `fit_batches` reads
whatever yields batches. `sample_weight` makes all sums over pairs weighted ones, which
is the same as repeated pairs where a batch holds all. A network that would not fit into
memory is refused before it is made.
""",
}


def documented(cls):
    """Fill in what networks share, and defaults, where a docstring says ``$name``."""
    if cls.__doc__:  # python -OO leaves none
        parameters = signature(cls).parameters.values()
        own = {p.name: as_shown(p.default) for p in parameters}
        own["advanced"] = described(cls._default_settings)
        shared = {
            name: Template(text.strip()).substitute(own)
            for name, text in SHARED_DOCS.items()
        }
        # Without indentation, which only some versions of Python take off.
        cls.__doc__ = Template(cleandoc(cls.__doc__)).substitute(own, **shared) + "\n"
    return cls


def check_callbacks(callbacks):
    """Raise a TypeError unless callbacks are those of skorch."""
    for callback in callbacks or []:
        found = (
            callback[1] if isinstance(callback, tuple) and callback[1:] else callback
        )
        if not isinstance(found, Callback | type):
            raise TypeError(
                "callbacks must hold skorch callbacks, or (name, callback) tuples. Got "
                f"{callback!r}."
            )


def check_input_components(n_components):
    """Raise a ValueError unless a tuple is of the least and of the most."""
    if not isinstance(n_components, tuple):
        return
    least, most = n_components if len(n_components) == 2 else (None, None)
    is_range = isinstance(most, Integral) and (
        not (least < 1 or most < least)
        if isinstance(least, Integral)
        else isinstance(least, Real) and not least <= 0 and least <= 1 and not most < 1
    )
    if not is_range:
        raise ValueError(
            "n_input_components must be a whole number of at least 1 or a tuple "
            "(least, most) of two, in order, of which the first may be a float in "
            f"(0, 1], a share of the other. Got {n_components!r}."
        )


# What old spellings of MSLN have become.


def with_least_share(n_components, share):
    """Return `n_input_components` with a `min_input_share`."""
    if n_components is None:
        return None
    if n_components == "auto":
        n_components = USUAL_COMPONENTS  # which was the default
    most = n_components[1] if isinstance(n_components, tuple) else n_components
    return float(share), most


def with_held_out(early_stopping, validation):
    """Return `early_stopping` with what `validation` held out."""
    return validation if early_stopping else False


def with_checkpoint(checkpoint_dir, resume_from):
    """Return the folder to go on from, which is the one that is written to."""
    return checkpoint_dir if resume_from is None else resume_from


# Which values of the new parameters were those of old ones.


def is_old_count(n_components):
    """Tell a number of inputs, or None, from what a tuple says."""
    return not isinstance(n_components, tuple)


def is_old_switch(early_stopping):
    """Tell whether early stopping is only switched on or off."""
    return isinstance(early_stopping, bool | np.bool_)


def is_old_folder(checkpoint_dir):
    """Tell that all folders were."""
    return True
