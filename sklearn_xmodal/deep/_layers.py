"""Layers of all networks of the package.

Several networks of one shape, the members of an ensemble, run as one with stacked
weights: tensors have a leading dimension s of members. Every layer draws its chances
from a generator of its own, so that a fit neither reads nor moves the global random
state of torch.
"""

import itertools
from math import prod, sqrt

import torch
from torch import nn

from sklearn_xmodal.encoders._network import Perceptron

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


class GradientReversal(nn.Module):
    """The identity, whose gradient is multiplied by minus `strength`.

    Lets one optimiser minimise the discriminator's loss in the discriminator
    and maximise it in the encoders (Ganin and Lempitsky, ICML 2015).
    """

    def __init__(self):
        super().__init__()
        self.strength = 0.0

    def forward(self, x):
        """Return x."""
        return _ReverseGradient.apply(x, self.strength)


class SeededDropout(nn.Module):
    """Zeros with probability p, a multiple of 2**-16, drawn from a generator.

    Where several processes share a batch, each draws for all rows and keeps what is for
    its own: zeros are those of one process, and so are the states of generators.
    """

    share = None  # of the batch, on several processes

    def __init__(self, p, generator):
        super().__init__()
        self.p = p
        self.generator = generator  # on the device of the inputs

    def forward(self, x):
        """Return x in evaluation, a randomly thinned and rescaled x in training."""
        if not self.training or self.p == 0:
            return x
        draws = self._draw(x.shape, x.device)
        n_dropped = min(round(self.p * 2**16), 2**16 - 1)
        mask = (draws >= n_dropped - 2**15).to(x.dtype)
        return x * mask.mul_(2**16 / (2**16 - n_dropped))

    def _draw(self, shape, device):
        """Return numbers of 16 bits, with a share those of own rows (s, b_own, i)."""
        if self.share is not None:
            own, n_rows = self.share.own_rows, sum(self.share.counts)
            n_members, n_own, width = shape
            n_parts = n_own // (own.stop - own.start)  # images before texts, or one
            shape = (n_members, n_parts, n_rows, width)
        # Four 16-bit draws per 64 random bits: many times faster than one
        # Bernoulli draw per entry.
        n_draws = prod(shape)
        words = torch.empty(-(-n_draws // 4), dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self.generator)
        draws = words.view(torch.int16)[:n_draws].view(shape)
        return draws if self.share is None else draws[:, :, own].flatten(1, 2)


class StackedLinear(nn.Module):
    """One linear layer per member, (s, b, i) -> (s, b, o).

    It starts from torch's usual distribution, drawn on the CPU in any case, so that
    all devices start alike.
    """

    def __init__(self, n_members, n_in, n_out, generator):
        super().__init__()
        bound = 1 / sqrt(n_in)
        weight = torch.empty(n_members, n_in, n_out)
        bias = torch.empty(n_members, 1, n_out)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound, generator=generator))
        self.low_precision = False

    def forward(self, x):
        """Map (s, b, i) to (s, b, o), in low precision by products in bfloat16."""
        if self.low_precision and self.training:
            return torch.bmm(x.bfloat16(), self.weight.bfloat16()).float() + self.bias
        return torch.baddbmm(self.bias, x, self.weight)


def perceptron(
    n_members, sizes, activation, dropout, init_generator, dropout_generator
):
    """Return linear layers with activation and dropout between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        if layers:
            layers += [
                ACTIVATIONS[activation](),
                SeededDropout(dropout, dropout_generator),
            ]
        layers.append(StackedLinear(n_members, n_in, n_out, init_generator))
    return nn.Sequential(*layers)


def row_mean(values, weight):
    """Average over the rows of a batch, (..., b) -> (...).

    Weights (b,) are relative to their mean over all pairs; None is 1.
    """
    return (values if weight is None else values * weight).mean(dim=-1)


def frozen_layers(layers, activation="identity"):
    """Return linear layers as a part of an encoder, with copies of their weights."""
    linear = [layer for layer in layers if isinstance(layer, StackedLinear)]
    return Perceptron(
        weights=[layer.weight.detach().cpu().numpy().copy() for layer in linear],
        biases=[layer.bias.detach().cpu().numpy().copy() for layer in linear],
        activation=activation,
    )
