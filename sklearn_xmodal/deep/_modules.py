"""The network of MSLN, top to bottom in the order of the paper.

Several networks of one shape, the members of an ensemble, run as one with stacked
weights: tensors have a leading dimension s of members. Every module draws its
chances from a generator of its own, so that a fit neither reads nor moves the
global random state of torch.
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
    codes: tuple  # image (s, b, d), text (s, b, d)
    contrastive_codes: tuple | None  # image (s, b, g), text (s, b, g)
    reconstructions: dict  # (source, target) -> (s, b, p) or (s, b, q)
    modality_logits: tuple  # image (s, b), text (s, b)
    class_logits: tuple  # image (s, b, c), text (s, b, c)


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


class StackedLinear(nn.Module):
    """One linear layer per member, with torch's usual initial distribution.

    Drawn on the CPU in any case, so that all devices start alike.

    Parameters
    ----------
    n_members, n_in, n_out : int
        Sizes s, i and o.

    generator : torch.Generator
        Source of the initial weights.
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
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        if layers:
            layers += [
                ACTIVATIONS[activation](),
                SeededDropout(dropout, dropout_generator),
            ]
        layers.append(StackedLinear(n_members, n_in, n_out, init_generator))
    return nn.Sequential(*layers)


def _input_mask(n_inputs, width):
    """Return which of the first features every member sees, (s, 1, width), or None."""
    if n_inputs is None or min(n_inputs) >= width:
        return None
    seen = torch.arange(width) < torch.tensor(n_inputs)[:, None]
    return seen.float().unsqueeze(1)


class MSLNModule(nn.Module):
    """Two encoders, two decoders, a modality discriminator and a classifier.

    Parameters
    ----------
    n_image_features, n_text_features : int
        Widths p and q of the inputs.

    class_embeddings : ndarray of shape (n_classes, e)
        One vector per class, joined to the codes before the decoders.

    multi_label : bool
        Whether an item may have several classes.

    n_members : int
        Networks in the ensemble.

    n_inputs : tuple of int or None
        How many of the first features every member sees, `None` for all.

    n_components : int
        Size d of the code.

    n_contrastive_components : int
        Size g of the contrastive code; 0 for none.

    hidden_layer_sizes : tuple of int
        Hidden layers of the encoders; the decoders mirror them.

    discriminator_layer_sizes : tuple of int
        Hidden layers of the discriminator.

    activation, code_activation : str
        Of the hidden layers and of the codes, keys of `ACTIVATIONS`.

    dropout, input_dropout : float
        Probabilities of a zero in hidden layers and in the inputs.

    init_seed, dropout_seed : int
        Of the initial weights and of the dropout.

    device : str
        Where the network will live.

    precision : {"float32", "bfloat16"}
        Of the matrix products in training.
    """

    def __init__(
        self,
        n_image_features,
        n_text_features,
        class_embeddings,
        *,
        multi_label,
        n_members,
        n_inputs,
        n_components,
        n_contrastive_components,
        hidden_layer_sizes,
        discriminator_layer_sizes,
        activation,
        code_activation,
        dropout,
        input_dropout,
        init_seed,
        dropout_seed,
        device,
        precision,
    ):
        super().__init__()
        self.multi_label = multi_label
        self.n_members = n_members
        self.n_components = n_components
        self.n_contrastive_components = n_contrastive_components
        init = torch.Generator().manual_seed(init_seed)
        chance = torch.Generator(device).manual_seed(dropout_seed)
        n_classes, n_class_features = class_embeddings.shape
        hidden, mirrored = tuple(hidden_layer_sizes), tuple(hidden_layer_sizes[::-1])
        n_codes = n_components + n_contrastive_components

        def network(sizes, rate=0.0):
            return perceptron(n_members, sizes, activation, rate, init, chance)

        def encoder(n_features):
            return nn.Sequential(
                SeededDropout(input_dropout, chance),
                network((n_features, *hidden, n_codes), dropout),
                ACTIVATIONS[code_activation](),
            )

        def decoder(n_features):
            n_in = n_codes + n_class_features
            return network((n_in, *mirrored, n_features), dropout)

        self.encoders = nn.ModuleDict(
            {"image": encoder(n_image_features), "text": encoder(n_text_features)}
        )
        self.decoders = nn.ModuleDict(
            {"image": decoder(n_image_features), "text": decoder(n_text_features)}
        )
        self.reversal = GradientReversal()
        self.discriminator = network((n_components, *discriminator_layer_sizes, 1))
        self.classifier = StackedLinear(n_members, n_components, n_classes, init)
        widths = {"image": n_image_features, "text": n_text_features}
        for modality, width in widths.items():
            mask = _input_mask(n_inputs, width)
            self.register_buffer(f"{modality}_mask", mask, persistent=False)
        embeddings = torch.as_tensor(class_embeddings, dtype=torch.float32)
        self.register_buffer("class_embeddings", embeddings)
        for layer in self.modules():
            if isinstance(layer, StackedLinear):
                layer.low_precision = precision == "bfloat16"

    def encode(self, x, modality):
        """Return the code and the contrastive code of one modality.

        Parameters
        ----------
        x : Tensor of shape (b, p) or (b, q)
            Features.

        modality : {"image", "text"}
            Which encoder.

        Returns
        -------
        z : Tensor of shape (s, b, d)
            The code, which classifier and discriminator read.

        g : Tensor of shape (s, b, g)
            The contrastive code; g may be 0. Decoders read both.
        """
        mask = getattr(self, f"{modality}_mask")
        x = x.expand(self.n_members, -1, -1) if mask is None else x * mask
        codes = self.encoders[modality](x)
        return codes[..., : self.n_components], codes[..., self.n_components :]

    def embed_classes(self, target):
        """Return the vector of each item's class, or the mean over its classes.

        Parameters
        ----------
        target : Tensor of shape (b,) or (..., b, n_classes)
            Class indices, a binary indicator, or probabilities.

        Returns
        -------
        e : Tensor of shape (..., b, e)
            Zero where an item has no class.
        """
        if target.ndim == 1:
            return self.class_embeddings[target]
        target = target.to(self.class_embeddings.dtype)
        n_labels = target.sum(dim=-1, keepdim=True).clamp(min=1)
        return target @ self.class_embeddings / n_labels

    def posterior(self, z, temperature=1.0):
        """Return the probability of every class, shape (s, b, c), given codes."""
        logits = self.classifier(z) / temperature
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

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
        z_img, g_img = self.encode(image, "image")  # (s, b, d), (s, b, g)
        z_txt, g_txt = self.encode(text, "text")
        # What follows is shared by both codes and runs once.
        z = torch.cat([z_img, z_txt], dim=1)  # (s, 2b, d)
        e = self.embed_classes(target).repeat(2, 1)  # (2b, e)
        g = torch.cat([g_img, g_txt], dim=1)  # (s, 2b, g)
        joined = torch.cat([z, g, e.expand(self.n_members, -1, -1)], dim=2)
        reconstructions = {}
        for goal, decoder in self.decoders.items():
            from_image, from_text = decoder(joined).chunk(2, dim=1)
            reconstructions["image", goal] = from_image
            reconstructions["text", goal] = from_text
        modality_logits = self.discriminator(self.reversal(z)).squeeze(2)  # (s, 2b)
        return Outputs(
            inputs=(image, text),
            codes=(z_img, z_txt),
            contrastive_codes=(g_img, g_txt) if g_img.shape[2] else None,
            reconstructions=reconstructions,
            modality_logits=modality_logits.chunk(2, dim=1),
            class_logits=self.classifier(z).chunk(2, dim=1),
        )
