"""Deep supervised cross-modal retrieval."""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._labels import known_targets
from sklearn_xmodal.deep._layers import StackedLinear, row_mean
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    SHARED_CONSTRAINTS,
    documented,
)
from sklearn_xmodal.deep._two_encoders import TwoEncoders, WeightedLoss, same_class


class DSCMROutputs(NamedTuple):
    """What one batch gives to the loss."""

    codes: tuple  # image (s, b, d), text (s, b, d)
    class_logits: tuple  # image (s, b, c), text (s, b, c)


class DSCMRModule(TwoEncoders):
    """Two encoders, and a linear label space P on the codes."""

    def _add_heads(self, init, chance, *, n_classes):
        s, d = self.n_members, self.n_components
        self.classifier = StackedLinear(s, d, n_classes, init)

    def forward(self, image, text, target):
        """Return `DSCMROutputs`."""
        codes = super().forward(image, text, target)
        return DSCMROutputs(codes, tuple(self.classifier(z) for z in codes))


def label_loss(logits_img, logits_txt, target, weight=None):
    r"""Distance of linear predictions from the class indicator.

    .. math:: \frac{1}{b} \sum_i \lVert P^\top z_{v,i} - y_i \rVert_2
        + \lVert P^\top z_{t,i} - y_i \rVert_2

    The paper writes the norm of the whole batch over b; its authors compute this.

    Targets are class indices (b,) or a binary indicator (b, c);
    (..., b, c), (..., b, c) -> (...).
    """
    if target.ndim == 1:
        target = F.one_hot(target, logits_img.shape[-1])
    target = target.to(logits_img.dtype)
    errors = (
        torch.linalg.vector_norm(logits - target, dim=-1)
        for logits in (logits_img, logits_txt)
    )
    return row_mean(sum(errors), weight)


def similarity_loss(z_img, z_txt, same, weight=None):
    r"""Negative log likelihood of who shares a class with whom.

    .. math:: \frac{1}{b^2} \sum_{ij} \log(1 + e^{\Gamma_{ij}}) - S_{ij} \Gamma_{ij},
        \quad \Gamma_{ij} = \tfrac12 \cos(a_i, b_j)

    summed over image and text, image and image, text and text. S is 1 for a shared
    class, else 0.

    (..., b, d), (..., b, d), (b, b) -> (...). With weights (b,) two items count as
    often as the product of theirs says.
    """
    image, text = F.normalize(z_img, dim=-1), F.normalize(z_txt, dim=-1)
    same = same.to(image.dtype)
    loss = 0.0
    for a, b in ((image, text), (image, image), (text, text)):
        half_cosine = a @ b.mT / 2
        of_pairs = F.softplus(half_cosine) - same * half_cosine
        if weight is None:
            loss = loss + of_pairs.mean(dim=(-2, -1))
        else:
            loss = loss + row_mean(row_mean(of_pairs, weight), weight)
    return loss


def invariance_loss(z_img, z_txt, weight=None):
    r"""Distance between the two codes of a pair.

    .. math:: \frac{1}{b} \sum_i \lVert z_{v,i} - z_{t,i} \rVert_2

    About the norm see :func:`label_loss`. (..., b, d), (..., b, d) -> (...).
    """
    return row_mean(torch.linalg.vector_norm(z_img - z_txt, dim=-1), weight)


class DSCMRLoss(WeightedLoss):
    """Label space, common space and modality invariance."""

    TERMS = ("label_loss", "similarity_loss", "invariance_loss")

    def terms(self, outputs, target, weight):
        """Return the terms."""
        z_img, z_txt = outputs.codes
        logits_img, logits_txt = outputs.class_logits
        return [
            label_loss(logits_img, logits_txt, target, weight),
            similarity_loss(z_img, z_txt, same_class(target), weight),
            invariance_loss(z_img, z_txt, weight),
        ]


@documented
class DSCMRRetriever(ClassLabelsMixin, TwoEncoderRetriever):
    r"""Deep supervised cross-modal retrieval.

    Two encoders, which end in one and the same linear layer, are trained with three
    terms [1]_, :math:`\lambda_1 J_1 + \lambda_2 J_2 + \lambda_3 J_3`:

    - label space: a linear layer P shared by both modalities predicts the class
      indicator y, :math:`J_1 = \frac1n \sum_i \lVert P^\top z_{v,i} - y_i \rVert_2 +
      \lVert P^\top z_{t,i} - y_i \rVert_2`;
    - common space: the negative log likelihood of who shares a class with whom,
      :math:`J_2 = \frac{1}{n^2} \sum_{ij} \log(1 + e^{\Gamma_{ij}}) - S_{ij}
      \Gamma_{ij}` with :math:`\Gamma_{ij}` half the cosine of two codes, and S 1 for a
      shared class, else 0; over image and text, image and image, text and text;
    - modality invariance: :math:`J_3 = \frac1n \sum_i \lVert z_{v,i} - z_{t,i}
      \rVert_2`.

    Parameters
    ----------
    n_components : int, default=64
        Size d of the code.

    n_estimators : int, default=1
        Networks that are trained side by side, as one program with stacked weights;
        their codes, of unit length, are put side by side.

    $encoder_parameters

    label_weight : float, default=1.0
        :math:`\lambda_1`, which is 1 in [1]_.

    similarity_weight : float, default=1.0
        :math:`\lambda_2`, :math:`\lambda` in [1]_, where it is 0.001.

    invariance_weight : float, default=0.1
        :math:`\lambda_3`, :math:`\eta` in [1]_.

    $loop_parameters

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The fitted net; ``net_.module_`` is the torch module.

    history_ : skorch.history.History
        One record per epoch: ``train_loss`` and the unweighted terms ``label_loss``,
        ``similarity_loss`` and ``invariance_loss``, means over networks.

    n_iter_ : int
        Number of epochs that were run.

    classes_ : ndarray of shape (n_classes,)
        Labels; names or numbers of columns for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, which were left out.

    $input_attributes

    See Also
    --------
    ACMRRetriever : Triplets and an adversary instead of pairwise similarities.
    RidgeRetriever : The label space alone, linear, in closed form.

    Notes
    -----
    $input_notes

    Norms are means over pairs, as the authors compute them; the paper writes the norm
    of the whole batch, divided by n.

    References
    ----------
    .. [1] L. Zhen, P. Hu, X. Wang, D. Peng, "Deep supervised cross-modal retrieval",
       CVPR 2019.

    Examples
    --------
    >>> from sklearn_xmodal import DSCMRRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> dscmr = DSCMRRetriever(8, max_steps=50, random_state=0).fit(X_img, X_txt, y)
    >>> dscmr.score(X_img, X_txt, y) > 0.5
    True
    """

    _parameter_constraints: dict = {
        **SHARED_CONSTRAINTS,
        "label_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "similarity_weight": PARAMETER_CONSTRAINTS["classification_weight"],
        "invariance_weight": PARAMETER_CONSTRAINTS["classification_weight"],
    }

    _module = DSCMRModule
    _loss = DSCMRLoss

    def __init__(
        self,
        n_components=64,
        *,
        n_estimators=1,
        n_input_components=128,
        hidden_layer_sizes=(256,),
        dropout=0.5,
        label_weight=1.0,
        similarity_weight=1.0,
        invariance_weight=0.1,
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
        self.label_weight = label_weight
        self.similarity_weight = similarity_weight
        self.invariance_weight = invariance_weight
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
        if not len(self.hidden_layer_sizes):
            raise ValueError(
                "hidden_layer_sizes must hold at least one layer: the one after it is "
                "shared by both modalities, whose widths differ. Got "
                f"{self.hidden_layer_sizes!r}."
            )
        return known_targets(self._check_classes(y), self.classes_)

    def _module_options(self, data):
        return {"n_classes": len(self.classes_), "shares_last_layer": True}

    def _loss_options(self):
        return {
            "label_loss": self.label_weight,
            "similarity_loss": self.similarity_weight,
            "invariance_loss": self.invariance_weight,
        }
