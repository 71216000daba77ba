"""The terms of the objective, each a mean over the batch.

Leading dimensions are those of an ensemble: every member has its own loss.
"""

from torch import nn
from torch.nn import functional as F


def correlation_loss(z_img, z_txt):
    r"""Squared distance between the two codes of a pair.

    .. math:: \frac{1}{n} \sum_i \lVert z_{v,i} - z_{t,i} \rVert_2^2

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    Returns
    -------
    loss : Tensor of shape (...)
        Summed over the d dimensions, averaged over pairs.
    """
    return (z_img - z_txt).square().sum(dim=-1).mean(dim=-1)


def reconstruction_loss(reconstructions, x_img, x_txt):
    r"""Squared error of both modalities rebuilt from both codes.

    Parameters
    ----------
    reconstructions : dict
        Decoded batches of shape (..., n, p) or (..., n, q) by (source of the
        code, target modality), the four pairs of "image" and "text".

    x_img : Tensor of shape (n, p)
        Image features.

    x_txt : Tensor of shape (n, q)
        Text features.

    Returns
    -------
    loss : Tensor of shape (...)
        Sum of four mean squared errors. Each is a mean over its entries, so a
        wide modality does not outweigh a narrow one.
    """
    targets = {"image": x_img, "text": x_txt}
    return sum(
        (decoded - targets[target]).square().mean(dim=(-2, -1))
        for (_, target), decoded in reconstructions.items()
    )


def adversarial_loss(logits_img, logits_txt):
    r"""Sigmoid cross-entropy of the modality discriminator (image is 1, text is 0).

    Parameters
    ----------
    logits_img, logits_txt : Tensor of shape (..., n)
        Discriminator outputs for image codes and for text codes.

    Returns
    -------
    loss : Tensor of shape (...)
        Mean over the 2n codes.
    """
    # -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x)
    return (F.softplus(-logits_img) + F.softplus(logits_txt)).mean(dim=-1) / 2


def classification_loss(logits_img, logits_txt, target):
    r"""Cross-entropy of the shared classifier on both codes.

    Parameters
    ----------
    logits_img, logits_txt : Tensor of shape (..., n, n_classes)
        Classifier outputs.

    target : Tensor of shape (n,) or (n, n_classes)
        Class indices: softmax cross-entropy. Or a binary indicator: sigmoid
        cross-entropy, summed over classes.

    Returns
    -------
    loss : Tensor of shape (...)
        Sum of the means over image codes and over text codes.
    """
    if target.ndim == 1:
        picked = target.unsqueeze(-1).expand(*logits_img.shape[:-1], 1)
        image, text = (
            -F.log_softmax(logits, dim=-1).gather(-1, picked).squeeze(-1)
            for logits in (logits_img, logits_txt)
        )
        return (image + text).mean(dim=-1)
    target = target.to(logits_img.dtype).expand_as(logits_img)
    image, text = (
        F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        for logits in (logits_img, logits_txt)
    )
    return (image + text).sum(dim=-1).mean(dim=-1)


def contrastive_loss(z_img, z_txt, temperature):
    r"""Find the other half of a pair among the batch (symmetric InfoNCE).

    .. math:: -\frac{1}{2n} \sum_i \log
        \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(z_{v,i}, z_{t,j})

    van den Oord, Li, Vinyals (2018), in the symmetric form of Radford et al.
    (ICML 2021).

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (..., n, d)
        Codes.

    temperature : float
        Divides the cosines.

    Returns
    -------
    loss : Tensor of shape (...)
        Mean over both directions and all pairs.
    """
    image, text = F.normalize(z_img, dim=-1), F.normalize(z_txt, dim=-1)
    similarity = image @ text.transpose(-1, -2) / temperature  # (..., n, n)
    own = similarity.diagonal(dim1=-2, dim2=-1)
    to_text = similarity.logsumexp(dim=-1)
    to_image = similarity.logsumexp(dim=-2)
    return ((to_text + to_image) / 2 - own).mean(dim=-1)


class MSLNLoss(nn.Module):
    r"""Weighted sum of the terms.

    Parameters
    ----------
    correlation_weight : float
        Weight of :func:`correlation_loss`, on the code and on the contrastive
        code.

    reconstruction_weight : float
        Weight of :func:`reconstruction_loss`.

    adversarial_weight : float
        Weight of :func:`adversarial_loss`.

    classification_weight : float
        Weight of :func:`classification_loss`.

    contrastive_weight : float
        Weight of :func:`contrastive_loss`; 0 where there is no contrastive
        code.

    temperature : float
        Of the contrastive term.
    """

    def __init__(
        self,
        *,
        correlation_weight,
        reconstruction_weight,
        adversarial_weight,
        classification_weight,
        contrastive_weight,
        temperature,
    ):
        super().__init__()
        self.weights = {
            "correlation_loss": correlation_weight,
            "reconstruction_loss": reconstruction_weight,
            "adversarial_loss": adversarial_weight,
            "classification_loss": classification_weight,
            "contrastive_loss": contrastive_weight,
        }
        self.temperature = temperature

    def forward(self, outputs, target):
        """Return the totals and a dict of the unweighted terms, one per member."""
        terms = {
            "correlation_loss": correlation_loss(*outputs.codes),
            "reconstruction_loss": reconstruction_loss(
                outputs.reconstructions, *outputs.inputs
            ),
            "adversarial_loss": adversarial_loss(*outputs.modality_logits),
            "classification_loss": classification_loss(*outputs.class_logits, target),
        }
        if outputs.contrastive_codes is not None:
            pair = outputs.contrastive_codes
            terms["correlation_loss"] = terms["correlation_loss"] + correlation_loss(
                *pair
            )
            terms["contrastive_loss"] = contrastive_loss(*pair, self.temperature)
        total = sum(self.weights[name] * value for name, value in terms.items())
        return total, terms
