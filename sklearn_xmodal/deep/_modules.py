"""The network of MSLN, top to bottom in the order of the paper.

Every module draws its chances from a generator of its own, so that a fit
neither reads nor moves the global random state of torch.
"""

import itertools
from math import sqrt
from typing import NamedTuple

import torch
from torch import nn

ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}


class Outputs(NamedTuple):
    """What one batch gives to the losses. b = batch size, d = code size."""

    inputs: tuple  # image (b, p), text (b, q)
    codes: tuple  # image (b, d), text (b, d)
    reconstructions: dict  # (source, target) -> (b, p) or (b, q)
    modality_logits: tuple  # image (b,), text (b,)
    class_logits: tuple  # image (b, c), text (b, c)


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
    """Dropout that draws from a generator of its own.

    Parameters
    ----------
    p : float
        Probability of a zero, rounded to a multiple of 2**-16.

    generator : torch.Generator
        Source of chance, on the device of the inputs.
    """

    def __init__(self, p, generator):
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, x):
        """Return x in evaluation, a randomly thinned and rescaled x in training."""
        if not self.training or self.p == 0:
            return x
        # Four 16-bit draws per 64 random bits: many times faster than one
        # Bernoulli draw per entry.
        n_words = -(-x.numel() // 4)
        words = torch.empty(n_words, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None, generator=self.generator)
        draws = words.view(torch.int16)[: x.numel()].view(x.shape)
        n_dropped = min(round(self.p * 2**16), 2**16 - 1)
        mask = (draws >= n_dropped - 2**15).to(x.dtype)
        return x * mask.mul_(2**16 / (2**16 - n_dropped))


def seeded_linear(n_in, n_out, generator):
    """Return a linear layer with torch's usual initial distribution.

    Drawn on the CPU in any case, so that all devices start alike.
    """
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = 1 / sqrt(n_in)
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def perceptron(sizes, activation, dropout, init_generator, dropout_generator):
    """Return linear layers with activation and dropout between them."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        if layers:
            layers += [
                ACTIVATIONS[activation](),
                SeededDropout(dropout, dropout_generator),
            ]
        layers.append(seeded_linear(n_in, n_out, init_generator))
    return nn.Sequential(*layers)


class MSLNModule(nn.Module):
    """Two encoders, two decoders, a modality discriminator and a classifier.

    Parameters
    ----------
    n_image_features, n_text_features : int
        Widths p and q of the inputs.

    class_embeddings : ndarray of shape (n_classes, e)
        One vector per class, joined to the code before the decoders.

    n_components : int
        Size d of the code.

    hidden_layer_sizes : tuple of int
        Hidden layers of the encoders; the decoders mirror them.

    discriminator_layer_sizes : tuple of int
        Hidden layers of the discriminator.

    activation, code_activation : str
        Of the hidden layers and of the code, keys of `ACTIVATIONS`.

    dropout, input_dropout : float
        Probabilities of a zero in hidden layers and in the inputs.

    init_seed, dropout_seed : int
        Of the initial weights and of the dropout.

    device : str
        Where the network will live.
    """

    def __init__(
        self,
        n_image_features,
        n_text_features,
        class_embeddings,
        *,
        n_components,
        hidden_layer_sizes,
        discriminator_layer_sizes,
        activation,
        code_activation,
        dropout,
        input_dropout,
        init_seed,
        dropout_seed,
        device,
    ):
        super().__init__()
        init = torch.Generator().manual_seed(init_seed)
        chance = torch.Generator(device).manual_seed(dropout_seed)
        n_classes, n_class_features = class_embeddings.shape
        hidden, mirrored = tuple(hidden_layer_sizes), tuple(hidden_layer_sizes[::-1])

        def network(sizes, rate=0.0):
            return perceptron(sizes, activation, rate, init, chance)

        def encoder(n_features):
            return nn.Sequential(
                SeededDropout(input_dropout, chance),
                network((n_features, *hidden, n_components), dropout),
                ACTIVATIONS[code_activation](),
            )

        def decoder(n_features):
            n_in = n_components + n_class_features
            return network((n_in, *mirrored, n_features), dropout)

        self.encoders = nn.ModuleDict(
            {"image": encoder(n_image_features), "text": encoder(n_text_features)}
        )
        self.decoders = nn.ModuleDict(
            {"image": decoder(n_image_features), "text": decoder(n_text_features)}
        )
        self.reversal = GradientReversal()
        self.discriminator = network((n_components, *discriminator_layer_sizes, 1))
        self.classifier = seeded_linear(n_components, n_classes, init)
        embeddings = torch.as_tensor(class_embeddings, dtype=torch.float32)
        self.register_buffer("class_embeddings", embeddings)

    def embed_classes(self, target):
        """Return the vector of each item's class, or the mean over its classes.

        Parameters
        ----------
        target : Tensor of shape (b,) or (b, n_classes)
            Class indices or a binary indicator.

        Returns
        -------
        e : Tensor of shape (b, e)
            Zero where an item has no class.
        """
        if target.ndim == 1:
            return self.class_embeddings[target]
        target = target.to(self.class_embeddings.dtype)
        n_labels = target.sum(dim=1, keepdim=True).clamp(min=1)
        return target @ self.class_embeddings / n_labels

    def forward(self, image, text, target):
        """Return everything that the losses need.

        Parameters
        ----------
        image : Tensor of shape (b, p)
            Image features.

        text : Tensor of shape (b, q)
            Text features.

        target : Tensor of shape (b,) or (b, n_classes)
            Classes; they reach the decoders only.

        Returns
        -------
        outputs : Outputs
            Codes, reconstructions and logits.
        """
        # (b, p) -> (b, d) and (b, q) -> (b, d), joined: what follows is shared by
        # both codes and runs once.
        z = torch.cat([self.encoders["image"](image), self.encoders["text"](text)])
        e = self.embed_classes(target).repeat(2, 1)  # (2b, e)
        joined = torch.cat([z, e], dim=1)  # (2b, d + e)
        reconstructions = {}
        for goal, decoder in self.decoders.items():
            from_image, from_text = decoder(joined).chunk(2)
            reconstructions["image", goal] = from_image
            reconstructions["text", goal] = from_text
        return Outputs(
            inputs=(image, text),
            codes=z.chunk(2),
            reconstructions=reconstructions,
            modality_logits=self.discriminator(self.reversal(z)).squeeze(1).chunk(2),
            class_logits=self.classifier(z).chunk(2),
        )
