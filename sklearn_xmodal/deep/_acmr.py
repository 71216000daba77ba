"""Adversarial cross-modal retrieval."""

from typing import NamedTuple

import torch

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._advanced import SHARED_SETTINGS, once_parameters
from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._labels import known_targets
from sklearn_xmodal.deep._layers import (
    GradientReversal,
    StackedLinear,
    perceptron,
    row_mean,
)
from sklearn_xmodal.deep._msln_network import adversarial_loss, classification_loss
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    SHARED_CONSTRAINTS,
    documented,
)
from sklearn_xmodal.deep._two_encoders import TwoEncoders, WeightedLoss, same_class
from sklearn_xmodal.deep.training import ReversalSchedule


class ACMROutputs(NamedTuple):
    """What one batch gives to the loss."""

    codes: tuple  # image (s, b, d), text (s, b, d)
    class_logits: tuple  # image (s, b, c), text (s, b, c)
    modality_logits: tuple  # image (s, b), text (s, b)
    encoder_weights: tuple  # (s, i, o) of every layer


class ACMRModule(TwoEncoders):
    """Two encoders, a linear label classifier, and an adversary on the codes."""

    def _add_heads(self, init, chance, *, n_classes, discriminator_layer_sizes):
        s, d = self.n_members, self.n_components
        self.classifier = StackedLinear(s, d, n_classes, init)
        self.reversal = GradientReversal()
        sizes = (d, *discriminator_layer_sizes, 1)
        self.discriminator = perceptron(s, sizes, self.activation, 0.0, init, chance)

    def forward(self, image, text, target):
        """Return `ACMROutputs`."""
        codes = super().forward(image, text, target)
        layers = [*self.bodies.modules(), *self.last_layers.values()]
        return ACMROutputs(
            codes,
            tuple(self.classifier(z) for z in codes),
            tuple(self.discriminator(self.reversal(z)).squeeze(2) for z in codes),
            tuple(x.weight for x in layers if isinstance(x, StackedLinear)),
        )


def triplet_loss(z_img, z_txt, same, margin, negative_weight, weight=None):
    r"""Distances of what belongs together, and margins to what does not.

    .. math:: \frac{1}{b} \sum_i \frac{1}{|P_i|} \sum_{j \in P_i} d(v_i, t_j)
        + \lambda \frac{1}{|N_i|} \sum_{k \in N_i} \max(0, \mu - d(v_i, t_k))

    and the same from texts to images, with d the Euclidean distance, :math:`P_i`
    the items of the other modality that share a class with i, and :math:`N_i` all
    others. Wang et al. (ACM MM 2017), with all triplets of the batch, as means.

    (..., b, d), (..., b, d), (b, b) -> (...), summed over both directions. With weights
    (b,) every item is as often in all sums.
    """
    # The plain way: that by products has no gradient for near items.
    distance = torch.cdist(z_img, z_txt, compute_mode="donot_use_mm_for_euclid_dist")
    positive = same.to(distance.dtype)
    negative = 1 - positive
    if weight is not None:
        positive, negative = positive * weight, negative * weight
    # `same` is symmetric, therefore the same counts in both directions.
    positive = positive / positive.sum(dim=-1, keepdim=True)
    n_negative = negative.sum(dim=-1, keepdim=True)
    negative = negative / n_negative.masked_fill(n_negative == 0, 1)
    too_near = (margin - distance).clamp(min=0)
    loss = 0.0
    for near, far in ((distance, too_near), (distance.mT, too_near.mT)):
        of_items = (positive * near + negative_weight * negative * far).sum(dim=-1)
        loss = loss + row_mean(of_items, weight)
    return loss


def weight_norm_loss(weights):
    """Sum the squares of all weights of a network, (..., i, o) per layer -> (...)."""
    return sum(w.square().sum(dim=(-2, -1)) for w in weights)


class ACMRLoss(WeightedLoss):
    """Label prediction, triplets, adversary and regularisation."""

    TERMS = (
        "classification_loss",
        "triplet_loss",
        "adversarial_loss",
        "regularization_loss",
    )

    def __init__(self, *, margin, negative_weight, **weights):
        super().__init__(**weights)
        self.margin = margin
        self.negative_weight = negative_weight

    def terms(self, outputs, target, weight):
        """Return the terms."""
        z_img, z_txt = outputs.codes
        logits_img, logits_txt = outputs.class_logits
        from_img, from_txt = outputs.modality_logits
        same = same_class(target)
        return [
            classification_loss(logits_img, logits_txt, target, weight),
            triplet_loss(z_img, z_txt, same, self.margin, self.negative_weight, weight),
            adversarial_loss(from_img, from_txt, weight),
            weight_norm_loss(outputs.encoder_weights),
        ]


@documented
class ACMRRetriever(ClassLabelsMixin, TwoEncoderRetriever):
    r"""Adversarial cross-modal retrieval.

    Two encoders are trained with a weighted sum of terms [1]_:

    - label prediction: one linear layer predicts the class from either code, by
      cross-entropy (sigmoid for multi-label `y`);
    - triplets between the modalities: for an image i, :math:`\frac{1}{|P_i|}
      \sum_{j \in P_i} d(v_i, t_j) + \lambda \frac{1}{|N_i|} \sum_{k \in N_i}
      \max(0, \mu - d(v_i, t_k))` with d the Euclidean distance of codes, :math:`P_i`
      the texts of the batch that share a class with it and :math:`N_i` all others; the
      same for texts;
    - adversary: a modality classifier tells image codes from text codes; a gradient
      reversal layer makes the encoders work against it, with a strength that grows from
      0 to 1 [2]_;
    - regularisation: the squares of all weights of the encoders.

    Parameters
    ----------
    n_components : int, default=64
        Size d of the code.

    n_estimators : int, default=1
        Networks that are trained side by side, as one program with stacked weights;
        their codes, of unit length, are put side by side.

    $encoder_parameters

    classification_weight : float, default=1.0
        Of the label prediction, :math:`\beta` in [1]_.

    triplet_weight : float, default=0.1
        Of the triplets, :math:`\alpha` in [1]_.

    adversarial_weight : float, default=0.1
        Of the adversary.

    regularization_weight : float, default=0.0001
        Of the squares of the weights.

    margin : float, default=1.0
        :math:`\mu`, a distance that items of different classes need not exceed.

    negative_weight : float, default=1.0
        :math:`\lambda` of the triplets.

    $loop_parameters

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss`` and the unweighted terms
        ``classification_loss``, ``triplet_loss``, ``adversarial_loss`` and
        ``regularization_loss``, means over networks.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels; names or numbers of columns for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, which were left out.

    $input_attributes

    See Also
    --------
    MSLNRetriever : Has an adversary, too, and reconstructs.
    DSCMRRetriever : Pairwise similarities, no adversary.

    Notes
    -----
    $input_notes

    In [1]_ triplets are sampled; here all of a batch count, as means, and the adversary
    has one output where [1]_ has two with a softmax, which is the same.

    References
    ----------
    .. [1] B. Wang, Y. Yang, X. Xu, A. Hanjalic, H. T. Shen, "Adversarial cross-modal
       retrieval", ACM MM 2017.
    .. [2] Y. Ganin, V. Lempitsky, "Unsupervised domain adaptation by
       backpropagation", ICML 2015.

    Examples
    --------
    >>> from sklearn_xmodal import ACMRRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> acmr = ACMRRetriever(8, max_steps=50, random_state=0).fit(X_img, X_txt, y)
    >>> acmr.score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "classification_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "triplet_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "adversarial_weight": PARAMETER_CONSTRAINTS["adversarial_weight"],
        "regularization_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "margin": PARAMETER_CONSTRAINTS["lr"],
        "negative_weight": PARAMETER_CONSTRAINTS["classification_weight"],
    }

    _default_settings = {
        **SHARED_SETTINGS,
        "discriminator_layer_sizes": (64,),
        "weight_decay": 0.0,
    }
    _old_spellings = once_parameters(_default_settings)

    _module = ACMRModule
    _loss = ACMRLoss

    def __init__(
        self,
        n_components=64,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        dropout=0.5,
        classification_weight=1.0,
        triplet_weight=0.1,
        adversarial_weight=0.1,
        regularization_weight=0.0001,
        margin=1.0,
        negative_weight=1.0,
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
        self.classification_weight = classification_weight
        self.triplet_weight = triplet_weight
        self.adversarial_weight = adversarial_weight
        self.regularization_weight = regularization_weight
        self.margin = margin
        self.negative_weight = negative_weight
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

    def _targets(self, y, sides):
        return known_targets(self._check_classes(y), self.classes_)

    def _module_options(self, data):
        return {
            "n_classes": len(self.classes_),
            "discriminator_layer_sizes": self._settings["discriminator_layer_sizes"],
        }

    def _schedules(self, n_steps):
        return [ReversalSchedule(n_steps), *super()._schedules(n_steps)]

    def _loss_options(self):
        return {
            "classification_loss": self.classification_weight,
            "triplet_loss": self.triplet_weight,
            "adversarial_loss": self.adversarial_weight,
            "regularization_loss": self.regularization_weight,
            "margin": self.margin,
            "negative_weight": self.negative_weight,
        }
