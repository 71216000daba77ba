"""What an item is represented by: blocks whose cosines add up to the similarity."""

from functools import partial
from math import sqrt
from numbers import Real

import numpy as np
import torch
from torch.nn import functional as F

from sklearn_xmodal.deep._familiarity import Familiarity
from sklearn_xmodal.deep._variates import KernelVariates, LinearVariates

BLOCKS = (
    "code",
    "contrastive",
    "posterior",
    "canonical",
    "kernel",
    "reconstruction",
)
#: Weights of the blocks by what is searched for.
DEFAULT_WEIGHTS = {
    "seen": {"code": 1.0, "posterior": 2.0},
    "unseen": {
        "contrastive": 1.0,
        "canonical": 1.0,
        "kernel": 1.0,
        "reconstruction": 0.5,
        "code": 0.25,
    },
}
#: What may be searched for.
TARGET_CLASSES = (*DEFAULT_WEIGHTS, "both")
#: Sharpens the posterior.
POSTERIOR_TEMPERATURE = 0.7
#: Blocks that do not need the network.
VARIATES = {"canonical": LinearVariates, "kernel": KernelVariates}

_LEAST_ROWS = 8


class Representation:
    """What was learnt from the outputs of a trained network on the training pairs.

    Parameters
    ----------
    variates : dict
        Block -> solved variates, those of "canonical" and "kernel" that are in use.

    Attributes
    ----------
    centres : dict
        Modality -> dict of the means of "code" (s, 1, d), "contrastive"
        (s, 1, g) and "posterior" (c,) over the training pairs.

    familiarity : dict
        Modality -> `Familiarity`, where `fit_familiarity` was called.
    """

    def __init__(self, variates):
        self.variates = variates
        self.centres = {}
        self.familiarity = {}

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

    def fit_familiarity(self, network, x, modality):
        """Learn how near training items are to each other, after `fit_centres`.

        Parameters
        ----------
        network : MSLNModule
            In evaluation mode.

        x : Tensor of shape (b, p)
            Prepared features of some training items of one modality.

        modality : {"image", "text"}
            Which.
        """
        z, _ = network.encode(x, modality)
        centre = torch.as_tensor(self.centres[modality]["code"], device=x.device)
        self.familiarity[modality] = Familiarity(of_members(z - centre))

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
            Block name -> weight of its cosine in the similarity; of two, the first is
            for items that are not familiar at all, the second for those that are.

        Returns
        -------
        v : Tensor of shape (b, width)
            Blocks of unit length times the square root of their weight.
        """
        return self.joined(network, enough_rows(x), modality, weights)[: len(x)]

    def joined(self, network, x, modality, weights):
        """Return the same for any number of rows, one by one to rounding only."""
        z, g = network.encode(x, modality)
        centres = {
            name: torch.as_tensor(mean, device=x.device)
            for name, mean in self.centres[modality].items()
        }
        code = of_members(z - centres["code"])
        makers = {
            "code": lambda: code,
            "contrastive": lambda: of_members(g - centres["contrastive"]),
            "posterior": lambda: _unit(
                _mean_posterior(network, z) - centres["posterior"]
            ),
            "reconstruction": lambda: _reconstruction(network, x, z, g, modality),
            **{
                name: partial(_of_ridges, variates, x, modality)
                for name, variates in self.variates.items()
            },
        }
        familiarity = None
        if depend_on_familiarity(weights):
            familiarity = self.familiarity[modality].of(code)
        parts = [
            _length(w, familiarity) * makers[name]() for name, w in weights.items() if w
        ]
        return torch.cat(parts, dim=1)


def enough_rows(x):
    """Add rows of zeros where there are few.

    Few rows take other kernels, whose rounding would tell them from the same rows
    among many.
    """
    return F.pad(x, (0, 0, 0, max(_LEAST_ROWS - len(x), 0)))


def _unit(z):
    return F.normalize(z, dim=-1)


def _mean_posterior(network, z):
    """Average over the members, (s, b, d) -> (b, c)."""
    return network.posterior(z, POSTERIOR_TEMPERATURE).mean(dim=0)


def of_members(z):
    """Put unit codes of all members side by side, (s, b, d) -> (b, s * d)."""
    return _unit(z).transpose(0, 1).flatten(1) / sqrt(len(z))


def _of_ridges(variates, x, modality):
    """Put unit variates of all ridges side by side, (b, p) -> (b, r of all ridges)."""
    parts = variates.transform(x, modality)
    return torch.cat(parts, dim=1) / sqrt(len(parts))


def _reconstruction(network, x, z, g, modality):
    """Return an item beside what its codes predict of the other modality, (b, p + q).

    The cosine of such blocks is the mean of two: predicted with real text, real
    with predicted image. Seen classes lend their embeddings in proportion to
    the posterior.
    """
    e = network.embed_classes(network.posterior(z))  # (s, b, e)
    other = "text" if modality == "image" else "image"
    predicted = network.decoders[other](torch.cat([z, g, e], dim=2)).mean(dim=0)
    sides = {modality: _unit(x), other: _unit(predicted)}
    return torch.cat([sides["image"], sides["text"]], dim=1) / sqrt(2)


def depend_on_familiarity(weights):
    """Tell whether the weights of the blocks differ from item to item."""
    return any(isinstance(w, tuple) for w in weights.values())


def _length(weight, familiarity):
    """Return the length of a block, the square root of its weight."""
    if not isinstance(weight, tuple):
        return sqrt(weight)
    least, most = weight
    return (least + (most - least) * familiarity).sqrt()


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
        Name -> weight, at least one above 0. For both kinds of classes name -> weights
        for unseen and for seen ones, in shares of the whole.

    Raises
    ------
    ValueError
        If a block is unknown or missing, or a weight is not a number of at least 0.
    """
    if custom is not None:
        return _checked(custom, has_contrastive)
    if target_classes != "both":
        return _default(target_classes, has_contrastive)
    shares = []
    for kind in ("unseen", "seen"):
        weights = _default(kind, has_contrastive)
        total = sum(weights.values())
        shares.append({name: w / total for name, w in weights.items()})
    return {
        name: tuple(of_kind.get(name, 0.0) for of_kind in shares)
        for name in BLOCKS
        if any(name in of_kind for of_kind in shares)
    }


def _default(target_classes, has_contrastive):
    """Return the default weights; the code takes the place of a missing block."""
    weights = dict(DEFAULT_WEIGHTS[target_classes])
    if "contrastive" in weights and not has_contrastive:
        weights["code"] = weights.pop("contrastive") + weights.get("code", 0.0)
    return weights


def _checked(custom, has_contrastive):
    """Return weights that a user has chosen."""
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
