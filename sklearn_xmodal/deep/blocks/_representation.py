"""What an item is represented by: blocks whose cosines add up to the similarity."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sklearn_xmodal.deep._layers import frozen_layers
from sklearn_xmodal.deep.blocks._familiarity import fit_familiarity
from sklearn_xmodal.deep.blocks._variates import familiar_rows
from sklearn_xmodal.deep.blocks._weights import depend_on_familiarity
from sklearn_xmodal.encoders import NetworkEncoder
from sklearn_xmodal.encoders._network import (
    Classifier,
    CodeBlock,
    LockedBlock,
    PosteriorBlock,
    ReconstructionBlock,
)
from sklearn_xmodal.pairs._pairs import MODALITIES

#: Sharpens the posterior.
POSTERIOR_TEMPERATURE = 0.7


def represent(network, data, weights, variates, on):
    """Return the encoders of a trained network, and the blocks beside its codes.

    Weights are block -> weight of its cosine in the similarity; of two, the first is
    for items that are not familiar at all, the second for those that are. Variates are
    block -> solved variates. The training pairs tell the means of what the network
    says; `on` are the operations on its device.
    """
    with torch.inference_mode():
        return [
            _encoder(network, data, modality, weights, variates, on)
            for modality in MODALITIES
        ]


def _encoder(network, data, modality, weights, variates, on):
    side = getattr(data, modality)
    centres = _centres(network, side, modality, data.block_weights())
    code, familiarity = CodeBlock(centre=centres["code"]), None
    if depend_on_familiarity(weights):
        codes = network.encode(side.rows(familiar_rows(len(data))), modality)
        familiarity = fit_familiarity(code.apply(None, codes, on))
    names = [name for name, weight in weights.items() if weight]
    makers = {
        "code": lambda: code,
        "contrastive": lambda: CodeBlock(
            centre=centres["contrastive"], contrastive=True
        ),
        "posterior": lambda: PosteriorBlock(
            classifier=_classifier(network),
            temperature=POSTERIOR_TEMPERATURE,
            centre=centres["posterior"],
        ),
        "reconstruction": lambda: _reconstruction(network, modality),
        "locked": lambda: LockedBlock(is_locked=modality == network.locked),
    }
    blocks = [
        variates[name].block(modality) if name in variates else makers[name]()
        for name in names
    ]
    encoder = NetworkEncoder(
        input_map=side.input_map,
        branch=network.branch(modality),
        blocks=blocks,
        block_weights=[weights[name] for name in names],
        n_components_=0,
        familiarity=familiarity,
        familiar_code=None if familiarity is None else code,
    )
    nothing = on.array(np.zeros((1, side.width), np.float32))
    width = encoder._with_arrays(on)._codes(nothing).shape[1]
    return replace(encoder, n_components_=width)._with_arrays(on)


def _centres(network, side, modality, weights):
    """Return the means of codes (s, 1, d), (s, 1, g) and posteriors (c,)."""
    sums: dict[str, Any] = dict.fromkeys(("code", "contrastive", "posterior"), 0.0)
    total_weight = 0.0
    for x, weight in zip(side.blocks(), weights, strict=True):
        z, g, _ = network.encode(x, modality)
        posterior = network.posterior(z, POSTERIOR_TEMPERATURE).mean(dim=0)
        found = {"code": z, "contrastive": g, "posterior": posterior}
        w = None if weight is None else torch.tensor(weight[:, None]).to(x.device)
        for name, values in found.items():
            values = values.double() if w is None else values.double() * w
            sums[name] += values.sum(dim=-2, keepdim=name != "posterior")
        total_weight += len(x) if weight is None else weight.sum()
    return {
        name: (total / total_weight).float().cpu().numpy()
        for name, total in sums.items()
    }


def _classifier(network):
    layer = frozen_layers([network.classifier])
    return Classifier(layer=layer, multi_label=network.multi_label)


def _reconstruction(network, modality):
    """Return the block of an item beside what its codes predict of the other modality.

    The cosine of such blocks is the mean of two: predicted with real text, real
    with predicted image. Seen classes lend their embeddings in proportion to
    the posterior.
    """
    other = "text" if modality == "image" else "image"
    decoder = frozen_layers(network.decoders[other], network.activation)
    return ReconstructionBlock(
        classifier=_classifier(network),
        class_embeddings=network.class_embeddings.cpu().numpy().copy(),
        decoder=decoder,
        is_first=modality == "image",
    )
