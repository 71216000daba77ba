"""The objectives of MSLN's neighbours, each a mean over the batch.

Leading dimensions are those of an ensemble: every member has its own loss.
"""

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_xmodal.deep._losses import adversarial_loss, classification_loss

# Keeps the covariance of codes that are all equal invertible.
_TINY = 1e-12


def same_class(target):
    """Tell which pairs of a batch belong together.

    Parameters
    ----------
    target : Tensor of shape (n,) or (n, n_classes)
        Class indices, or a binary indicator: one shared class is enough.

    Returns
    -------
    same : bool Tensor of shape (n, n)
        True on the diagonal, also for pairs without a class.
    """
    if target.ndim == 1:
        return target[:, None] == target
    target = target.double()
    own = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return (target @ target.T > 0) | own


def supervised_contrastive_loss(z_img, z_txt, same, temperature):
    r"""Find those that belong to an item among the batch of the other modality.

    .. math:: -\frac{1}{2n} \sum_i \frac{1}{|P_i|} \sum_{p \in P_i} \log
        \frac{e^{s_{ip} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{pi} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(z_{v,i}, z_{t,j})

    The outer form of Khosla et al. (NeurIPS 2020) across two modalities; where
    nothing but the other half of a pair belongs to an item, it is symmetric InfoNCE.

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    same : bool Tensor of shape (n, n)
        What belongs together, symmetric, true on the diagonal.

    temperature : float or Tensor of shape (..., 1, 1)
        Divides the cosines.

    Returns
    -------
    loss : Tensor of shape (...)
        Mean over both directions and all items.
    """
    image, text = F.normalize(z_img, dim=-1), F.normalize(z_txt, dim=-1)
    similarity = image @ text.mT / temperature  # (..., n, n)
    share = same.to(similarity.dtype)
    share = share / share.sum(dim=-1, keepdim=True)
    to_text = similarity.log_softmax(dim=-1)
    to_image = similarity.mT.log_softmax(dim=-1)
    return -(share * (to_text + to_image)).sum(dim=-1).mean(dim=-1) / 2


def total_correlation_loss(z_img, z_txt, alpha):
    r"""Minus the sum of the canonical correlations of a batch.

    .. math:: - \lVert (C_{vv} + r_v I)^{-1/2} C_{vt} (C_{tt} + r_t I)^{-1/2}
        \rVert_*, \quad r = \alpha \operatorname{tr}(C) / d

    with the nuclear norm, the sum of all singular values. Andrew, Arora, Bilmes,
    Livescu (ICML 2013), where the ridges are absolute numbers.

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    alpha : tuple of float
        Ridges of both modalities relative to the mean variance.

    Returns
    -------
    loss : Tensor of shape (...)
        Between -d and 0; NaN where codes are not finite.

    Raises
    ------
    ValueError
        If a ridge is lost in the rounding of the covariance.
    """
    if not all(bool(torch.isfinite(z).all()) for z in (z_img, z_txt)):
        return torch.full_like(z_img[..., 0, 0], torch.nan)  # LAPACK would raise
    image, text = (
        _whitened(z, ridge) for z, ridge in zip((z_img, z_txt), alpha, strict=True)
    )  # (..., d, n)
    correlation = image @ text.mT / z_img.shape[-2]
    return -torch.linalg.svdvals(correlation).sum(dim=-1).to(z_img.dtype)


def _whitened(z, ridge):
    """Return centred codes of unit ridged covariance in columns, in float64."""
    z = z.double()
    z = z - z.mean(dim=-2, keepdim=True)
    covariance = z.mT @ z / z.shape[-2]  # (..., d, d)
    scale = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1)[..., None, None]
    identity = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    try:
        root = torch.linalg.cholesky(covariance + (ridge * scale + _TINY) * identity)
    except torch.linalg.LinAlgError:
        raise ValueError(
            "alpha must be large enough for the covariance of the codes of a batch to "
            f"be inverted. Got {ridge} for batches of {z.shape[-2]} pairs and "
            f"{z.shape[-1]} components. Raise alpha or batch_size."
        ) from None
    return torch.linalg.solve_triangular(root, z.mT, upper=False)


def triplet_loss(z_img, z_txt, same, margin, negative_weight):
    r"""Distances of what belongs together, and margins to what does not.

    .. math:: \frac{1}{n} \sum_i \frac{1}{|P_i|} \sum_{j \in P_i} d(v_i, t_j)
        + \lambda \frac{1}{|N_i|} \sum_{k \in N_i} \max(0, \mu - d(v_i, t_k))

    and the same from texts to images, with d the Euclidean distance, :math:`P_i`
    the items of the other modality that share a class with i, and :math:`N_i` all
    others. Wang et al. (ACM MM 2017), with all triplets of the batch, as means.

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    same : bool Tensor of shape (n, n)
        What belongs together, symmetric, true on the diagonal.

    margin : float
        :math:`\mu`.

    negative_weight : float
        :math:`\lambda`.

    Returns
    -------
    loss : Tensor of shape (...)
        Sum over both directions.
    """
    # The plain way: that by products has no gradient for near items.
    distance = torch.cdist(z_img, z_txt, compute_mode="donot_use_mm_for_euclid_dist")
    positive = same.to(distance.dtype)
    negative = 1 - positive
    # Symmetric, therefore the same counts in both directions.
    positive = positive / positive.sum(dim=-1, keepdim=True)
    negative = negative / negative.sum(dim=-1, keepdim=True).clamp(min=1)
    too_near = (margin - distance).clamp(min=0)
    loss = 0.0
    for near, far in ((distance, too_near), (distance.mT, too_near.mT)):
        of_items = (positive * near + negative_weight * negative * far).sum(dim=-1)
        loss = loss + of_items.mean(dim=-1)
    return loss


def weight_norm_loss(weights):
    """Sum the squares of all weights of a network.

    Parameters
    ----------
    weights : sequence of Tensor of shape (..., i, o)
        One per layer.

    Returns
    -------
    loss : Tensor of shape (...)
        Sum over layers.
    """
    return sum(w.square().sum(dim=(-2, -1)) for w in weights)


def label_loss(logits_img, logits_txt, target):
    r"""Distance of linear predictions from the class indicator.

    .. math:: \frac{1}{n} \sum_i \lVert P^\top z_{v,i} - y_i \rVert_2
        + \lVert P^\top z_{t,i} - y_i \rVert_2

    Zhen, Hu, Wang, Peng (CVPR 2019), who write the norm of the whole batch over n and
    compute this.

    Parameters
    ----------
    logits_img, logits_txt : Tensor of shape (..., n, n_classes)
        Predictions.

    target : Tensor of shape (n,) or (n, n_classes)
        Class indices or a binary indicator.

    Returns
    -------
    loss : Tensor of shape (...)
        Mean over pairs, not squared.
    """
    if target.ndim == 1:
        target = F.one_hot(target, logits_img.shape[-1])
    target = target.to(logits_img.dtype)
    errors = (
        torch.linalg.vector_norm(logits - target, dim=-1)
        for logits in (logits_img, logits_txt)
    )
    return sum(errors).mean(dim=-1)


def similarity_loss(z_img, z_txt, same):
    r"""Negative log likelihood of who shares a class with whom.

    .. math:: \frac{1}{n^2} \sum_{ij} \log(1 + e^{\Gamma_{ij}}) - S_{ij} \Gamma_{ij},
        \quad \Gamma_{ij} = \tfrac12 \cos(a_i, b_j)

    summed over image and text, image and image, text and text. S is 1 for a shared
    class, else 0. Zhen, Hu, Wang, Peng (CVPR 2019).

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    same : bool Tensor of shape (n, n)
        S.

    Returns
    -------
    loss : Tensor of shape (...)
        Sum of three means over all n^2 pairs of items.
    """
    image, text = F.normalize(z_img, dim=-1), F.normalize(z_txt, dim=-1)
    same = same.to(image.dtype)
    loss = 0.0
    for a, b in ((image, text), (image, image), (text, text)):
        half_cosine = a @ b.mT / 2
        of_pairs = F.softplus(half_cosine) - same * half_cosine
        loss = loss + of_pairs.mean(dim=(-2, -1))
    return loss


def invariance_loss(z_img, z_txt):
    r"""Distance between the two codes of a pair.

    .. math:: \frac{1}{n} \sum_i \lVert z_{v,i} - z_{t,i} \rVert_2

    Zhen, Hu, Wang, Peng (CVPR 2019); about the norm see :func:`label_loss`.

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    Returns
    -------
    loss : Tensor of shape (...)
        Mean over pairs, not squared.
    """
    return torch.linalg.vector_norm(z_img - z_txt, dim=-1).mean(dim=-1)


class NeighbourLoss(nn.Module):
    """Weighted sum of terms, which a subclass computes.

    Parameters
    ----------
    **weights : float
        Weight by term; 1 where none is given.
    """

    #: Names of the terms.
    TERMS: tuple = ()

    def __init__(self, **weights):
        super().__init__()
        self.weights = weights

    def forward(self, outputs, target):
        """Return the totals and a dict of the unweighted terms, one per member."""
        terms = dict(zip(self.TERMS, self.terms(outputs, target), strict=True))
        total = sum(self.weights.get(name, 1.0) * v for name, v in terms.items())
        return total, terms


class ContrastiveLoss(NeighbourLoss):
    """The term of :class:`ContrastiveRetriever`."""

    TERMS = ("contrastive_loss",)

    def terms(self, outputs, target):
        """Return the terms; pairs without labels have numbers for targets."""
        same = same_class(target)
        return [supervised_contrastive_loss(*outputs.codes, same, outputs.temperature)]


class DCCALoss(NeighbourLoss):
    """The term of :class:`DCCARetriever`.

    Parameters
    ----------
    alpha : tuple of float
        Ridges.
    """

    TERMS = ("correlation_loss",)

    def __init__(self, *, alpha):
        super().__init__()
        self.alpha = alpha

    def terms(self, outputs, target):
        """Return the terms, which do not look at the targets."""
        return [total_correlation_loss(*outputs.codes, self.alpha)]


class DSCMRLoss(NeighbourLoss):
    """The terms of :class:`DSCMRRetriever`."""

    TERMS = ("label_loss", "similarity_loss", "invariance_loss")

    def terms(self, outputs, target):
        """Return the terms."""
        return [
            label_loss(*outputs.class_logits, target),
            similarity_loss(*outputs.codes, same_class(target)),
            invariance_loss(*outputs.codes),
        ]


class ACMRLoss(NeighbourLoss):
    """The terms of :class:`ACMRRetriever`.

    Parameters
    ----------
    margin, negative_weight : float
        Of the triplets.

    **weights : float
        Weight by term.
    """

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

    def terms(self, outputs, target):
        """Return the terms."""
        same = same_class(target)
        return [
            classification_loss(*outputs.class_logits, target),
            triplet_loss(*outputs.codes, same, self.margin, self.negative_weight),
            adversarial_loss(*outputs.modality_logits),
            weight_norm_loss(outputs.encoder_weights),
        ]


#: Name in files -> class.
LOSSES = {cls.__name__: cls for cls in (ACMRLoss, ContrastiveLoss, DCCALoss, DSCMRLoss)}
