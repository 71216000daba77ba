"""The four terms of the objective, each a mean over the batch."""

import torch
from torch import nn
from torch.nn import functional as F


def correlation_loss(z_img, z_txt):
    r"""Squared distance between the two codes of a pair.

    .. math:: \frac{1}{n} \sum_i \lVert z_{v,i} - z_{t,i} \rVert_2^2

    Parameters
    ----------
    z_img, z_txt : Tensor of shape (n, d)
        Codes.

    Returns
    -------
    loss : Tensor of shape ()
        Summed over the d dimensions, averaged over pairs.
    """
    return (z_img - z_txt).square().sum(dim=1).mean()


def reconstruction_loss(reconstructions, x_img, x_txt):
    r"""Squared error of both modalities rebuilt from both codes.

    Parameters
    ----------
    reconstructions : dict
        Decoded batches by (source of the code, target modality), the four
        pairs of "image" and "text".

    x_img : Tensor of shape (n, p)
        Image features.

    x_txt : Tensor of shape (n, q)
        Text features.

    Returns
    -------
    loss : Tensor of shape ()
        Sum of four mean squared errors. Each is a mean over its entries, so a
        wide modality does not outweigh a narrow one.
    """
    targets = {"image": x_img, "text": x_txt}
    return sum(
        F.mse_loss(decoded, targets[target])
        for (_, target), decoded in reconstructions.items()
    )


def adversarial_loss(logits_img, logits_txt):
    r"""Sigmoid cross-entropy of the modality discriminator (image is 1, text is 0).

    Parameters
    ----------
    logits_img, logits_txt : Tensor of shape (n,)
        Discriminator outputs for image codes and for text codes.

    Returns
    -------
    loss : Tensor of shape ()
        Mean over the 2n codes.
    """
    image = F.binary_cross_entropy_with_logits(logits_img, torch.ones_like(logits_img))
    text = F.binary_cross_entropy_with_logits(logits_txt, torch.zeros_like(logits_txt))
    return (image + text) / 2


def classification_loss(logits_img, logits_txt, target):
    r"""Cross-entropy of the shared classifier on both codes.

    Parameters
    ----------
    logits_img, logits_txt : Tensor of shape (n, n_classes)
        Classifier outputs.

    target : Tensor of shape (n,) or (n, n_classes)
        Class indices: softmax cross-entropy. Or a binary indicator: sigmoid
        cross-entropy, summed over classes.

    Returns
    -------
    loss : Tensor of shape ()
        Sum of the means over image codes and over text codes.
    """
    if target.ndim == 1:
        return F.cross_entropy(logits_img, target) + F.cross_entropy(logits_txt, target)
    target = target.to(logits_img.dtype)
    image = F.binary_cross_entropy_with_logits(logits_img, target, reduction="none")
    text = F.binary_cross_entropy_with_logits(logits_txt, target, reduction="none")
    return (image + text).sum(dim=1).mean()


class MSLNLoss(nn.Module):
    r"""Weighted sum of the four terms.

    Parameters
    ----------
    correlation_weight : float
        Weight of :func:`correlation_loss`.

    reconstruction_weight : float
        Weight of :func:`reconstruction_loss`.

    adversarial_weight : float
        Weight of :func:`adversarial_loss`.

    classification_weight : float
        Weight of :func:`classification_loss`.
    """

    def __init__(
        self,
        *,
        correlation_weight,
        reconstruction_weight,
        adversarial_weight,
        classification_weight,
    ):
        super().__init__()
        self.weights = {
            "correlation_loss": correlation_weight,
            "reconstruction_loss": reconstruction_weight,
            "adversarial_loss": adversarial_weight,
            "classification_loss": classification_weight,
        }

    def forward(self, outputs, target):
        """Return the total and a dict of the unweighted terms."""
        terms = {
            "correlation_loss": correlation_loss(*outputs.codes),
            "reconstruction_loss": reconstruction_loss(
                outputs.reconstructions, *outputs.inputs
            ),
            "adversarial_loss": adversarial_loss(*outputs.modality_logits),
            "classification_loss": classification_loss(*outputs.class_logits, target),
        }
        total = sum(self.weights[name] * value for name, value in terms.items())
        return total, terms
