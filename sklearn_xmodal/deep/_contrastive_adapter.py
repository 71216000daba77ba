"""Contrastive learning of what little is added to a joint embedding."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.model_selection import check_cv
from torch import nn

from sklearn_xmodal.cross_decomposition._adapter import part_of_mean
from sklearn_xmodal.cross_decomposition._cosine import OneWidthRetriever
from sklearn_xmodal.deep._advanced import check_settings
from sklearn_xmodal.deep._contrastive import (
    ContrastiveLoss,
    ContrastiveModule,
    PositivesMixin,
    supervised_contrastive_loss,
)
from sklearn_xmodal.deep._layers import frozen_layers
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    check_callbacks,
    documented,
)
from sklearn_xmodal.deep._preprocessing import unchanged_map
from sklearn_xmodal.deep._two_encoders import same_class
from sklearn_xmodal.encoders import IdentityEncoder, LinearEncoder
from sklearn_xmodal.pairs._pairs import MODALITIES, ImageTextPairs
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions
from sklearn_xmodal.utils._unit import to_unit_length

#: Shares of the learnt change that are tried on held-out pairs.
_STRENGTHS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
# Held-out pairs that are compared with each other, at most.
_MOST_PAIRS = 250
# Logarithms of inverse temperatures of cosines between which the best one lies.
_SHARPNESS = (0.0, 7.0)


class ResidualModule(ContrastiveModule):
    """Adds to every input a linear map of it, which is nothing at the start."""

    def _add_heads(self, init, chance, **options):
        super()._add_heads(init, chance, **options)
        for layer in self.last_layers.values():
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
            layer.get_parameter("bias").requires_grad_(False)

    def encode(self, x, modality):
        """Return the codes of one modality, (b, p) -> (s, b, p)."""
        z = super().encode(x, modality)
        return z if modality == self.locked else x + self._share * z

    @property
    def _share(self):
        # Steps of Adam are as long in every weight: codes move alike in all widths.
        return self.n_components**-0.5

    def changes(self):
        """Return what is added to the identity, (p, p) in float64, by modality."""
        return {
            name: self._share * frozen_layers([layer]).weights[0][0].astype(np.float64)
            for name, layer in self.last_layers.items()
        }


@documented
class ContrastiveAdapterRetriever(PositivesMixin, OneWidthRetriever):
    r"""Adapt a joint embedding (CLIP, SigLIP) by contrastive training of a residual.

    The trained form of :class:`AdapterRetriever`, in the manner of CLIP-Adapter [1]_
    with the linear adapter that suits few pairs. Codes are the features, and a linear
    map of them that is zero at the start,

    .. math:: z_v = (x_v - c \mu_v)^\top (I + s D_v), \qquad
        z_t = (x_t - c \mu_t)^\top (I + s D_t),

    where the D minimise the loss of :class:`ContrastiveRetriever` in few and short
    steps. How much of that is used, the strength s, is chosen on held-out pairs, from
    nothing (:class:`CosineRetriever` with the same `center`, to the last bit) to all
    of it.

    Parameters
    ----------
    strength : float or "auto", default="auto"
        The share s of the learnt change, from 0 to 1. ``"auto"`` tries 0, 0.1, 0.25,
        0.5, 0.75 and 1 on held-out pairs, which takes a training per split more.

    center : bool, float or None, default=None
        The part c of each modality's mean that is taken away, from 0 to 1. `None` is a
        half where both modalities are adapted, and nothing otherwise. One gallery that
        holds images and texts needs 1.

    adapt : {"both", "image", "text"}, default="both"
        What is mapped. With "text" the codes of images are the image features
        themselves, to the last bit, so that an index of them stays valid. "image" is
        the converse.

    positives : {"pairs", "classes"}, default="pairs"
        What belongs to an item: the other half of its pair, or everything of the other
        modality that shares a class with it, its other half included. The latter needs
        `y`, which may be multi-label or the number of the picture that several
        captions describe.

    temperature : float, default=0.03
        What divides the cosines.

    cv : int, cross-validation generator or iterable, default=None
        Splits on which the strength is chosen, as in
        :class:`~sklearn.model_selection.GridSearchCV`; `None` is 5 folds. With several
        captions per picture take splits by picture.

    $loop_parameters

    Attributes
    ----------
    strength_ : float
        The share of the learnt change in the codes.

    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss``.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels, if `y` was given; column numbers for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, each of which belongs
        to itself alone. Only defined if `y` was given.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        The same of the texts.

    device_ : str
        The device used.

    n_components_ : int
        Number of columns of the codes, that of the features of either modality.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    AdapterRetrieverCV : In closed form, which is as good where there are no labels.
    CosineRetriever : The embedding as it is.
    ContrastiveRetriever : For two encoders that know nothing of each other.

    Notes
    -----
    The strength is chosen by the loss of held-out pairs, at the temperature that suits
    their cosines best; a share of learnt weights is what Wortsman et al. (CVPR 2022)
    call interpolation in weight space. `fit_batches` chooses it on the pairs that it
    holds, and finds those that have an item in common within each batch.

    References
    ----------
    .. [1] P. Gao et al., "CLIP-Adapter: better vision-language models with feature
       adapters", International Journal of Computer Vision, 2024.

    Examples
    --------
    >>> from sklearn_xmodal import ContrastiveAdapterRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(
    ...     200, n_image_features=16, n_text_features=16, random_state=0
    ... )
    >>> adapter = ContrastiveAdapterRetriever(max_steps=20, random_state=0)
    >>> adapter.fit(X_img, X_txt).transform_text(X_txt[:3]).shape
    (3, 16)
    """

    _fitted = ("device_", "n_iter_", "strength_")
    _parameter_constraints: dict = {
        "strength": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
        "center": ["boolean", Interval(Real, 0, 1, closed="both"), None],
        "adapt": [StrOptions({"both", "image", "text"})],
        "positives": [StrOptions({"pairs", "classes"})],
        "temperature": PARAMETER_CONSTRAINTS["lr"],
        "cv": ["cv_object"],
        **{
            name: PARAMETER_CONSTRAINTS[name]
            for name in (
                "max_epochs",
                "max_steps",
                "batch_size",
                "lr",
                "callbacks",
                "advanced",
                "device",
                "random_state",
                "verbose",
            )
        },
        "n_image_features": [Integral, None],
    }
    _default_settings = {
        "input_dropout": 0.0,
        "optimizer": "AdamW",
        "lr_scheduler": "cosine",
        "weight_decay": 0.01,
    }
    _old_spellings: ClassVar[dict] = {}

    _module = ResidualModule
    _loss = ContrastiveLoss

    def __init__(
        self,
        strength="auto",
        *,
        center=None,
        adapt="both",
        positives="pairs",
        temperature=0.03,
        cv=None,
        max_epochs=None,
        max_steps=100,
        batch_size=128,
        lr=0.01,
        callbacks=None,
        advanced=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.strength = strength
        self.center = center
        self.adapt = adapt
        self.positives = positives
        self.temperature = temperature
        self.cv = cv
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.callbacks = callbacks
        self.advanced = advanced
        self.device = device
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        check_settings(self)
        check_callbacks(self.callbacks)
        part_of_mean(self.adapt, self.center)

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        self._check_parameters()
        sides = {"image": X_img, "text": X_txt}
        target = self._targets(y, sides)
        self.strength_ = self.strength
        if self.strength == "auto":
            self.strength_ = self._chosen_strength(sides, target, y, sample_weight)
        return self._fit_targets(sides, target, sample_weight)

    @property
    def _locked(self):
        return {"both": None, "image": "text", "text": "image"}[self.adapt]

    def _chosen_strength(self, sides, target, y, sample_weight):
        """Return the share of the change with the least loss of held-out pairs."""
        pairs = ImageTextPairs(**sides)

        def part(rows):
            weight = None if sample_weight is None else sample_weight[rows]
            return {name: X[rows] for name, X in sides.items()}, target[rows], weight

        losses = []
        for train, test in check_cv(self.cv, y).split(pairs, y):
            _check_sizes(len(target[train]), len(target[test]))
            one = clone(self).set_params(callbacks=None, verbose=0)
            one.strength_, one._feature_names = 1.0, self._feature_names
            changed = one._fit_targets(*part(train))
            held_out = part(test)
            losses.append(
                [
                    _least_loss([_weakened(e, s) for e in changed], *held_out)
                    for s in _STRENGTHS
                ]
            )
        return _STRENGTHS[np.mean(losses, axis=0).argmin()]

    def _fit_input_maps(self, sides, seed, sample_weight=None):
        center = part_of_mean(self.adapt, self.center)
        return {
            name: unchanged_map(X, name, sample_weight, center)
            for name, X in sides.items()
        }

    def _network_sizes(self, data):
        return {
            "n_members": 1,
            "n_components": data.image.width,
            "hidden_layer_sizes": (),
            "activation": "identity",
            "dropout": 0.0,
        }

    def _module_options(self, data):
        return {
            "temperature": self.temperature,
            "learns_temperature": False,
            "locked": self._locked,
        }

    def _encoders(self, data):
        changes = self.net_.module_.changes()
        return [
            _encoder(
                getattr(data, name).input_map.mean, changes.get(name), self.strength_
            )
            for name in MODALITIES
        ]


def _check_sizes(n_train, n_test):
    """Raise a ValueError where a split cannot tell one strength from another."""
    if min(n_train, n_test) < 2:
        raise ValueError(
            "strength='auto' needs at least two pairs on both sides of every split of "
            f"cv. Got {n_train} to learn from and {n_test} held out. Lower cv, or set "
            "strength to a number from 0 to 1."
        )


def _encoder(mean, change, strength):
    """Return an encoder with a share of the change, which may be None."""
    p = len(mean)
    if change is None or not strength:
        return IdentityEncoder(n_features=p, mean=mean if mean.any() else None)
    return LinearEncoder(mean=mean, weights=np.eye(p) + strength * change)


def _weakened(encoder, strength):
    """Return an encoder with a share of its change."""
    if isinstance(encoder, IdentityEncoder):
        return encoder
    change = encoder.weights - np.eye(len(encoder.mean))
    return _encoder(encoder.mean, change, strength)


@torch.inference_mode()
def _least_loss(encoders, sides, target, weight):
    """Return the loss of held-out pairs at the temperature that suits them best."""
    codes = [
        # Of any size: torch takes lengths below 1e-12 for zero.
        torch.from_numpy(to_unit_length(encode.apply(sides[name]))).double()
        for name, encode in zip(MODALITIES, encoders, strict=True)
    ]
    n = len(target)
    weight = np.ones(n) if weight is None else weight / weight.mean()
    values = [*codes, torch.from_numpy(target), torch.from_numpy(weight)]
    n_groups = -(-n // _MOST_PAIRS)
    groups = list(zip(*(v.tensor_split(n_groups) for v in values), strict=True))

    def loss(log_sharpness):
        temperature = np.exp(-log_sharpness)
        losses = (
            len(t)
            * supervised_contrastive_loss(z_img, z_txt, same_class(t), temperature, w)
            for z_img, z_txt, t, w in groups
        )
        return sum(losses).item() / n

    # Convex in the inverse temperature, so that there is one minimum.
    return minimize_scalar(loss, bounds=_SHARPNESS, options={"xatol": 1e-2}).fun
