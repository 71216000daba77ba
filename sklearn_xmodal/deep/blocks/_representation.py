"""What an item is represented by: blocks whose cosines add up to the similarity."""

from functools import partial
from math import sqrt

import numpy as np
import torch

from sklearn_xmodal.deep._layers import enough_rows, of_members, unit
from sklearn_xmodal.deep.blocks._familiarity import Familiarity
from sklearn_xmodal.deep.blocks._variates import landmark_rows
from sklearn_xmodal.deep.blocks._weights import depend_on_familiarity
from sklearn_xmodal.pairs._pairs import MODALITIES

#: Sharpens the posterior.
POSTERIOR_TEMPERATURE = 0.7


class Representation:
    """What was learnt from the outputs of a trained network on the training pairs.

    Networks are in evaluation mode, and features are prepared.
    """

    def __init__(self, variates):
        #: Block -> solved variates, those of "canonical" and "kernel" that are in use.
        self.variates = variates
        #: Modality -> means over the training pairs: "code" (s, 1, d), "contrastive"
        #: (s, 1, g), "posterior" (c,).
        self.centres = {}
        #: Modality -> `Familiarity`, where weights depend on it.
        self.familiarity = {}

    def fit(self, network, data, weights, n_rows):
        """Learn from all pairs, so many rows at a time, and return self."""
        with torch.inference_mode():
            for name in MODALITIES:
                side = getattr(data, name)
                self.fit_centres(network, side.blocks(n_rows), name)
                if depend_on_familiarity(weights):
                    # The same ones at every epoch of early stopping.
                    rows = landmark_rows(len(data), np.random.RandomState(0))
                    self.fit_familiarity(network, side.rows(rows), name)
        return self

    def fit_centres(self, network, batches, modality):
        """Learn the means of codes and posteriors over batches (b, p or q)."""
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
        """Learn how near training items (b, p or q) are to each other, after that."""
        z, _ = network.encode(x, modality)
        centre = torch.as_tensor(self.centres[modality]["code"], device=x.device)
        self.familiarity[modality] = Familiarity(of_members(z - centre))

    def blocks(self, network, x, modality, weights):
        """Return blocks side by side, each of the root of its weight long, (b, width).

        Weights are block -> weight of its cosine in the similarity; of two, the first
        is for items that are not familiar at all, the second for those that are.
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
            "posterior": lambda: unit(
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


def _mean_posterior(network, z):
    """Average over the members, (s, b, d) -> (b, c)."""
    return network.posterior(z, POSTERIOR_TEMPERATURE).mean(dim=0)


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
    sides = {modality: unit(x), other: unit(predicted)}
    return torch.cat([sides["image"], sides["text"]], dim=1) / sqrt(2)


def _length(weight, familiarity):
    """Return the length of a block, the square root of its weight."""
    if not isinstance(weight, tuple):
        return sqrt(weight)
    least, most = weight
    return (least + (most - least) * familiarity).sqrt()
