"""Contrastive learning of two encoders."""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import nn
from torch.nn import functional as F

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._labels import known_targets
from sklearn_xmodal.deep._layers import row_mean
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    SHARED_CONSTRAINTS,
    documented,
)
from sklearn_xmodal.deep._preprocessing import unchanged_map
from sklearn_xmodal.deep._two_encoders import TwoEncoders, WeightedLoss, same_class
from sklearn_xmodal.encoders import IdentityEncoder
from sklearn_xmodal.encoders._network import MeanCodeBlock
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._row_keys import row_keys
from sklearn_xmodal.utils._sklearn_compat import StrOptions

# A learnt temperature stays above it, as in Radford et al. (ICML 2021).
_LEAST_TEMPERATURE = 0.01


class ContrastiveOutputs(NamedTuple):
    """What one batch gives to the loss."""

    codes: tuple  # image (s, b, d), text (s, b, d)
    temperature: torch.Tensor  # (s, 1, 1)


class ContrastiveModule(TwoEncoders):
    """Two encoders, and a temperature that training may change."""

    def _add_heads(self, init, chance, *, temperature, learns_temperature):
        start = torch.full((self.n_members, 1, 1), math.log(temperature))
        self.log_temperature = nn.Parameter(start, requires_grad=learns_temperature)

    def temperature(self):
        """Return the temperatures, (s, 1, 1)."""
        if not self.log_temperature.requires_grad:
            return self.log_temperature.exp()
        return self.log_temperature.clamp(min=math.log(_LEAST_TEMPERATURE)).exp()

    def forward(self, image, text, target):
        """Return `ContrastiveOutputs`."""
        codes = super().forward(image, text, target)
        return ContrastiveOutputs(codes, self.temperature())


def supervised_contrastive_loss(z_img, z_txt, same, temperature, weight=None):
    r"""Find those that belong to an item among the batch of the other modality.

    .. math:: -\frac{1}{2b} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i} \log
        \frac{e^{s_{ip} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{pi} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(z_{v,i}, z_{t,j})

    The outer form of Khosla et al. (NeurIPS 2020) across two modalities; where
    nothing but the other half of a pair belongs to an item, it is symmetric InfoNCE.

    (..., b, d), (..., b, d), (b, b) -> (...), with one temperature or one per member
    (..., 1, 1). With weights (b,) every item is as often in all sums.
    """
    image, text = F.normalize(z_img, dim=-1), F.normalize(z_txt, dim=-1)
    similarity = image @ text.mT / temperature  # (..., b, b)
    share = same.to(similarity.dtype)
    if weight is not None:
        share = share * weight
    share = share / share.sum(dim=-1, keepdim=True)
    to_text = _log_softmax(similarity, weight)
    to_image = _log_softmax(similarity.mT, weight)
    return -row_mean((share * (to_text + to_image)).sum(dim=-1), weight) / 2


def _log_softmax(similarity, weight):
    """Return logarithms of the shares of items that count as often as weights say."""
    if weight is None:
        return similarity.log_softmax(dim=-1)
    return similarity - (similarity + weight.log()).logsumexp(dim=-1, keepdim=True)


class ContrastiveLoss(WeightedLoss):
    """Finding what belongs to an item among the batch."""

    TERMS = ("contrastive_loss",)

    def terms(self, outputs, target, weight):
        """Return the term; pairs without labels have numbers for targets."""
        z_img, z_txt = outputs.codes
        return [
            supervised_contrastive_loss(
                z_img, z_txt, same_class(target), outputs.temperature, weight
            )
        ]


def class_targets(retriever, y):
    """Return class indices or an indicator: who shares a class belongs together.

    A pair without a label belongs to itself alone.
    """
    target = known_targets(retriever._check_classes(y), retriever.classes_)
    return target if target.ndim == 1 else np.maximum(target, 0)


def pair_targets(sides):
    """Return a number for every pair, the same for those with an item in common.

    No code could tell them apart.
    """
    return _linked(*(_places_of_equal_rows(sides[name]) for name in MODALITIES))


def _linked(image, text):
    """Return a number for every pair, given places of its items, each below n."""
    n = len(image)
    links = sparse.coo_array((np.ones(n), (image, n + text)), shape=(2 * n, 2 * n))
    return connected_components(links, directed=False)[1][image].astype(np.int64)


def _places_of_equal_rows(X):
    """Return a number for every row, the same where all features are the same."""
    numbers: dict = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in row_keys(X)])


def _short_keys(X):
    """Return 64 bits for every row, the same where all features are the same."""
    return [int.from_bytes(key[:8], "little", signed=True) for key in row_keys(X)]


class PositivesMixin(ClassLabelsMixin, TwoEncoderRetriever):
    """Mixin of the contrastive retrievers: what belongs to an item, by `positives`."""

    _takes_unlabelled = True

    positives: str

    @property
    def _links_pairs(self):
        """Whether pairs that have an item in common belong to each other."""
        return self.positives == "pairs"

    def _targets(self, y, sides):
        if self.positives == "classes":
            return class_targets(self, y)
        return pair_targets(sides) if self._links_pairs else super()._targets(y, sides)

    def _streamed_targets(self, y, sides, n_before):
        if self._links_pairs:
            return np.array([_short_keys(sides[name]) for name in MODALITIES]).T
        target = super()._streamed_targets(y, sides, n_before)
        return target if target.ndim == 1 else np.maximum(target, 0)

    def _batch_targets(self, target):
        if not self._links_pairs:
            return target
        places = (np.unique(x, return_inverse=True)[1] for x in target.T.cpu().numpy())
        return torch.from_numpy(_linked(*places)).to(target.device)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.positives == "classes"
        return tags


@documented
class ContrastiveRetriever(PositivesMixin):
    r"""Two encoders that find the other half of a pair among a batch.

    Encoders :math:`f_v, f_t` map image features and text features to codes
    :math:`z_v, z_t`, which are trained to be nearer to what belongs to them than to all
    else in the batch, by a softmax over cosines in both directions:

    .. math:: -\frac{1}{2n} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i} \log
        \frac{e^{s_{ip} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{pi} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(z_{v,i}, z_{t,j}).

    With ``positives="pairs"`` nothing but the other half belongs to an item,
    :math:`P_i = \{i\}`: symmetric InfoNCE [1]_ [2]_, which needs no labels. With
    ``positives="classes"`` all items of the same class do, the supervised form [3]_.

    With `locked` the codes of one modality are its features, and the other one alone
    learns to reach them: locked-image or locked-text tuning (LiT) [4]_. A pretrained
    space keeps what it knows of items that training does not show, and an index of its
    vectors stays valid.

    Parameters
    ----------
    n_components : int, default=64
        Size d of the code. Not used with `locked`, where the code is as wide as the
        locked features.

    n_estimators : int, default=1
        Networks that are trained side by side, as one program with stacked weights;
        their codes, of unit length, are put side by side, or averaged with `locked`.

    $encoder_parameters

    positives : {"pairs", "classes"}, default="pairs"
        What belongs to an item: the other half of its pair, or everything of the other
        modality that shares a class with it, its other half included. The latter needs
        `y`, which may be multi-label; it suits the classes of the training pairs, and
        harms search among others.

    temperature : float, default=0.1
        :math:`\tau`, which divides the cosines.

    learn_temperature : bool, default=False
        Whether training goes on from `temperature` to a better one, of at least 0.01.

    locked : {"image", "text"}, default=None
        The modality whose codes are its features, to the last bit; `None` trains both.
        Pairs that have an item in common then belong to each other.

    $loop_parameters

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss``.

    n_iter_ : int
        Number of epochs that were run.

    temperature_ : float
        The temperature after training, mean over networks.

    classes_ : ndarray of shape (n_classes,)
        Labels, if `y` was given; column numbers for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, each of which belongs
        to itself alone. Only defined if `y` was given.

    $input_attributes

    See Also
    --------
    MSLNRetriever : Has such a code, among others.
    DCCARetriever : Learns from pairs alone, too.

    Notes
    -----
    $input_notes

    With `locked`, `fit_batches` finds the pairs that have an item in common within each
    batch.

    Of the locked modality all features are seen as they are, and its ``image_mean_``
    or ``text_mean_``, components and scale are not defined.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals, "Representation learning with
       contrastive predictive coding", 2018, arXiv:1807.03748.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.
    .. [3] P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020.
    .. [4] X. Zhai et al., "LiT: zero-shot transfer with locked-image text tuning", CVPR
       2022.

    Examples
    --------
    >>> from sklearn_xmodal import ContrastiveRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> contrastive = ContrastiveRetriever(8, max_steps=50, random_state=0)
    >>> contrastive.fit(X_img, X_txt).score(X_img, X_txt, y) > 0.5
    True
    """

    _fitted = ("device_", "n_iter_", "temperature_")
    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "positives": [StrOptions({"pairs", "classes"})],
        "temperature": PARAMETER_CONSTRAINTS["lr"],
        "learn_temperature": ["boolean"],
        "locked": [StrOptions(set(MODALITIES)), None],
    }

    _module = ContrastiveModule
    _loss = ContrastiveLoss

    def __init__(
        self,
        n_components=64,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        dropout=0.5,
        positives="pairs",
        temperature=0.1,
        learn_temperature=False,
        locked=None,
        max_epochs=None,
        max_steps="auto",
        batch_size=128,
        lr=0.003,
        callbacks=None,
        advanced=None,
        device="auto",
        n_image_features=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.n_estimators = n_estimators
        self.n_input_components = n_input_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.positives = positives
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.locked = locked
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

    @property
    def _links_pairs(self):
        return super()._links_pairs and self.locked is not None

    def _fit_input_maps(self, sides, seed, sample_weight=None):
        others = {name: X for name, X in sides.items() if name != self.locked}
        maps = super()._fit_input_maps(others, seed, sample_weight)
        if self.locked is not None:
            X = sides[self.locked]
            maps[self.locked] = unchanged_map(X, self.locked, sample_weight)
        return maps

    def _network_sizes(self, data):
        sizes = super()._network_sizes(data)
        if self.locked is not None:
            sizes["n_components"] = getattr(data, self.locked).width
        return sizes

    def _module_options(self, data):
        return {
            "temperature": self.temperature,
            "learns_temperature": self.learn_temperature,
            "locked": self.locked,
        }

    def _encoders(self, data):
        self.temperature_ = self.net_.module_.temperature().mean().item()
        if self.locked is None:
            return super()._encoders(data)
        width = getattr(data, self.locked).width
        return [
            IdentityEncoder(n_features=width)
            if name == self.locked
            else self._encoder_of_codes(
                data, name, MeanCodeBlock(), n_components_=width
            )
            for name in MODALITIES
        ]
