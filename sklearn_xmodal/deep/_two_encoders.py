"""Two encoders and nothing else: the network that the methods beside MSLN build on.

ACMR, DSCMR, DCCA and contrastive learning add their heads and losses in files of their
own. Tensors have a leading dimension s of networks, as in that of MSLN.
"""

import itertools
from abc import abstractmethod

import torch
from torch import nn

from sklearn_xmodal.deep._layers import (
    ACTIVATIONS,
    SeededDropout,
    StackedLinear,
    frozen_layers,
)
from sklearn_xmodal.deep.training import EvenBatches, TermsNet, recorded
from sklearn_xmodal.encoders._network import Branch


class TwoEncoders(nn.Module):
    """Encoders of images and of texts; a subclass may put heads on their codes."""

    def __init__(
        self,
        n_image_features,  # p
        n_text_features,  # q
        *,
        n_members,  # s
        n_components,  # d
        hidden_layer_sizes,
        activation,  # of hidden layers, a key of ACTIVATIONS
        dropout,  # of hidden layers
        input_dropout,
        init_seed,
        dropout_seed,
        device,  # where the network will live
        shares_last_layer=False,  # whether both encoders end in the same layer
        locked=None,  # the modality whose inputs are its codes
        **heads,  # options of `_add_heads`
    ):
        super().__init__()
        self.n_members = n_members
        self.n_components = n_components
        self.activation = activation
        init = torch.Generator().manual_seed(init_seed)
        chance = torch.Generator(device).manual_seed(dropout_seed)
        widths = {"image": n_image_features, "text": n_text_features}
        self.locked = locked
        widths.pop(locked, None)

        def body(n_features):
            layers: list[nn.Module] = [SeededDropout(input_dropout, chance)]
            for sizes in itertools.pairwise((n_features, *hidden_layer_sizes)):
                layers += [
                    StackedLinear(n_members, *sizes, init),
                    ACTIVATIONS[activation](),
                    SeededDropout(dropout, chance),
                ]
            return nn.Sequential(*layers)

        def last(n_features):
            n_in = (n_features, *hidden_layer_sizes)[-1]
            return StackedLinear(n_members, n_in, n_components, init)

        # In the order in which their weights are drawn.
        self.bodies = nn.ModuleDict({name: body(n) for name, n in widths.items()})
        own = {"both": n_image_features} if shares_last_layer else widths
        self.last_layers = nn.ModuleDict({name: last(n) for name, n in own.items()})
        self._add_heads(init, chance, **heads)

    def _add_heads(self, *generators, **heads):
        """Make what a method wants beside the encoders, from init and chance."""

    def encode(self, x, modality):
        """Return the codes of one modality, (b, p or q) -> (s, b, d)."""
        x = x.expand(self.n_members, -1, -1)
        if modality == self.locked:
            return x
        hidden = self.bodies[modality](x)
        is_shared = "both" in self.last_layers
        return self.last_layers["both" if is_shared else modality](hidden)

    def branch(self, modality):
        """Return the encoder of one modality as a part that never changes."""
        last = self.last_layers["both" if "both" in self.last_layers else modality]
        layers = frozen_layers(
            [*self.bodies[modality].children(), last], self.activation
        )
        return Branch(perceptron=layers, n_components=self.n_components)

    def forward(self, image, text, target):
        """Return what the loss needs of a batch, here the codes (s, b, d), twice.

        Targets are not used: labels reach the losses only.
        """
        return self.encode(image, "image"), self.encode(text, "text")


class WeightedLoss(nn.Module):
    """Weighted sum of `TERMS`, in whose order a subclass computes them in `terms`.

    Weights are by the name of the term, 1 where none is given.
    """

    TERMS: tuple = ()

    def __init__(self, **weights):
        super().__init__()
        self.weights = weights

    @abstractmethod
    def terms(self, outputs, target, weight):
        """Return the terms (s,) of pairs with weights (b,), or None for equal ones."""

    def forward(self, outputs, target, weight=None):
        """Return the total (s,), and a dict of the terms (s,) before their weights."""
        found = self.terms(outputs, target, weight)
        terms = dict(zip(self.TERMS, found, strict=True))
        total = sum(self.weights.get(name, 1.0) * v for name, v in terms.items())
        return total, terms


def same_class(target):
    """Tell which pairs of a batch share a class, (b,) or (b, c) -> (b, b).

    True on the diagonal, also for pairs without a class.
    """
    if target.ndim == 1:
        return target[:, None] == target
    target = target.double()
    own = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return (target @ target.T > 0) | own


class NeighbourNet(TermsNet):
    """The net of `TwoEncoders`, by the name that it has in files."""

    def __init__(self, module, *, iterator_train=EvenBatches, **options):
        # Losses that compare the pairs of a batch would suffer from a small last one.
        super().__init__(module, iterator_train=iterator_train, **options)


def restored_net(method, optimizer, options):
    """Return a trained net from what was stored of one, given the retriever class.

    Options are its other arguments, no classes, callbacks and generators.
    """
    return NeighbourNet(
        method._module,
        criterion=method._loss,
        optimizer=optimizer,
        iterator_train__generator=None,
        train_split=None,
        callbacks=recorded(method._loss.TERMS),
        **options,
    ).initialize()
