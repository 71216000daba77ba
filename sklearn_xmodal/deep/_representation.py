"""What an item is represented by: blocks whose cosines add up to the similarity."""

from math import sqrt
from numbers import Real

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_xmodal.cross_decomposition import CCARetriever
from sklearn_xmodal.utils._linalg import stable_eigh

BLOCKS = (
    "code",
    "contrastive",
    "posterior",
    "soft_posterior",
    "canonical",
    "reconstruction",
)
#: Weights of the blocks by what is searched for.
DEFAULT_WEIGHTS = {
    "seen": {"code": 1.0, "posterior": 2.0},
    "unseen": {"contrastive": 1.0, "canonical": 1.0, "reconstruction": 0.5},
    "both": {
        "contrastive": 1.0,
        "canonical": 1.0,
        "reconstruction": 0.5,
        "code": 0.5,
        "soft_posterior": 4.0,
    },
}
#: Sharpens the posterior.
POSTERIOR_TEMPERATURE = 0.7
#: (alpha, correlation_power) of the canonical variates: no single ridge suits all data.
CANONICAL = ((0.1, 2.0), (1.0, 1.0), (10.0, 2.0))

_LEAST_ROWS = 8


class Representation:
    """What was learnt from the outputs of a trained network on the training pairs.

    Parameters
    ----------
    canonical : dict
        Modality -> list of canonical weights, each (width, r).

    Attributes
    ----------
    centres : dict
        Modality -> dict of the means of "code" (s, 1, d), "contrastive"
        (s, 1, g) and "posterior" (c,) over the training pairs.
    """

    def __init__(self, canonical):
        self.canonical = canonical
        self.centres = {}

    def fit_centres(self, network, batches, modality):
        """Learn the means of codes and posteriors over the training pairs.

        Parameters
        ----------
        network : MSLNModule
            In evaluation mode.

        batches : iterable of Tensor of shape (b, p)
            Prepared features of one modality.

        modality : {"image", "text"}
            Which.
        """
        sums, n_rows = dict.fromkeys(("code", "contrastive", "posterior"), 0.0), 0
        for x in batches:
            z, g = network.encode(x, modality)
            sums["code"] += z.double().sum(dim=1, keepdim=True)
            sums["contrastive"] += g.double().sum(dim=1, keepdim=True)
            sums["posterior"] += _mean_posterior(network, z).double().sum(dim=0)
            n_rows += len(x)
        self.centres[modality] = {
            name: (total / n_rows).float().cpu().numpy() for name, total in sums.items()
        }

    def blocks(self, network, x, modality, weights):
        """Return one vector per item.

        Parameters
        ----------
        network : MSLNModule
            In evaluation mode.

        x : Tensor of shape (b, p) or (b, q)
            Prepared features.

        modality : {"image", "text"}
            Which.

        weights : dict
            Block name -> weight of its cosine in the similarity.

        Returns
        -------
        v : Tensor of shape (b, width)
            Blocks of unit length times the square root of their weight.
        """
        n_rows = len(x)
        # Few rows take other kernels, whose rounding would tell them from the same
        # rows among many.
        x = F.pad(x, (0, 0, 0, max(_LEAST_ROWS - n_rows, 0)))
        z, g = network.encode(x, modality)
        centres = {
            name: torch.as_tensor(mean, device=x.device)
            for name, mean in self.centres[modality].items()
        }
        posterior = _mean_posterior(network, z) - centres["posterior"]
        makers = {
            "code": lambda: _of_members(z - centres["code"]),
            "contrastive": lambda: _of_members(g - centres["contrastive"]),
            "posterior": lambda: _unit(posterior),
            "soft_posterior": lambda: posterior,
            "canonical": lambda: _variates(x, self.canonical[modality]),
            "reconstruction": lambda: _reconstruction(network, x, z, modality),
        }
        parts = [sqrt(w) * makers[name]() for name, w in weights.items() if w]
        return torch.cat(parts, dim=1)[:n_rows]


def _unit(z):
    return F.normalize(z, dim=-1)


def _mean_posterior(network, z):
    """Average over the members, (s, b, d) -> (b, c)."""
    return network.posterior(z, POSTERIOR_TEMPERATURE).mean(dim=0)


def _of_members(z):
    """Put unit codes of all members side by side, (s, b, d) -> (b, s * d)."""
    return _unit(z).transpose(0, 1).flatten(1) / sqrt(len(z))


def _variates(x, weights):
    """Return canonical variates for each ridge, (b, p) -> (b, r of all ridges)."""
    variates = [_unit(x @ torch.as_tensor(W, device=x.device)) for W in weights]
    return torch.cat(variates, dim=1) / sqrt(len(weights))


def _reconstruction(network, x, z, modality):
    """Return an item beside what its code predicts of the other modality, (b, p + q).

    The cosine of such blocks is the mean of two: predicted with real text, real
    with predicted image. Seen classes lend their embeddings in proportion to
    the posterior.
    """
    e = network.embed_classes(network.posterior(z))  # (s, b, e)
    other = "text" if modality == "image" else "image"
    predicted = network.decoders[other](torch.cat([z, e], dim=2)).mean(dim=0)
    sides = {modality: _unit(x), other: _unit(predicted)}
    return torch.cat([sides["image"], sides["text"]], dim=1) / sqrt(2)


def joint_moments(batches):
    """Return sums of products of the prepared features of pairs.

    Parameters
    ----------
    batches : iterable of tuple of Tensor
        Prepared features, image (b, p) and text (b, q).

    Returns
    -------
    moments : ndarray of shape (p + q, p + q)
        Both modalities side by side.
    """
    moments = 0.0
    for image, text in batches:
        joint = torch.cat([image, text], dim=1).double()
        moments = moments + joint.T @ joint
    return moments.cpu().numpy()


def canonical_weights(moments, width):
    """Return the weights of canonical variates of the prepared training pairs.

    Parameters
    ----------
    moments : ndarray of shape (p + q, p + q)
        Sums or means of products, see :func:`joint_moments`.

    width : int
        Number p of prepared image features.

    Returns
    -------
    weights : dict
        Modality -> one matrix per entry of `CANONICAL`; variates are features
        times it.
    """
    # Canonical analysis sees means and second moments only: these rows have those
    # of all pairs, about the origin of the input map.
    w, V = stable_eigh(moments)
    root = (V * np.sqrt(np.maximum(w, 0))).T * sqrt(len(w))
    rows = np.vstack([root, -root])
    weights = {"image": [], "text": []}
    for alpha, power in CANONICAL:
        cca = CCARetriever(alpha=alpha, correlation_power=power)
        cca.set_output(transform="default").fit(rows[:, :width], rows[:, width:])
        # The origin stays where it is, so the codes of unit vectors are the weights.
        codes = {
            "image": cca.transform_image(np.eye(width)),
            "text": cca.transform_text(np.eye(len(w) - width)),
        }
        for modality, W in codes.items():
            weights[modality].append(W.astype(np.float32))
    return weights


def block_weights(target_classes, custom, has_contrastive):
    """Return the weight of every block.

    Parameters
    ----------
    target_classes : {"seen", "unseen", "both"}
        Chooses the defaults.

    custom : mapping or None
        Goes before the defaults.

    has_contrastive : bool
        Whether the network has a contrastive code.

    Returns
    -------
    weights : dict
        Name -> weight, at least one above 0.

    Raises
    ------
    ValueError
        If a block is unknown or missing, or a weight is not a number of at least 0.
    """
    if custom is None:
        weights = dict(DEFAULT_WEIGHTS[target_classes])
        if "contrastive" in weights and not has_contrastive:
            weights["code"] = weights.pop("contrastive") + weights.get("code", 0.0)
        return weights
    available = [b for b in BLOCKS if b != "contrastive" or has_contrastive]
    unknown = sorted(set(custom) - set(available), key=str)
    if unknown:
        raise ValueError(
            f"block_weights must be over {', '.join(available)} ('contrastive' needs "
            f"contrastive_weight > 0). Got {unknown}."
        )
    weights = {name: custom[name] for name in available if name in custom}
    are_weights = all(isinstance(w, Real) and 0 <= w < np.inf for w in weights.values())
    if not are_weights or not any(weights.values()):
        raise ValueError(
            "block_weights must be finite, at least 0, and one of them above 0. Got "
            f"{dict(custom)}."
        )
    return weights
