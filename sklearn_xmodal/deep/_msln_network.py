"""The network of MSLN and its losses, top to bottom in the order of the paper.

X. Xu, J. Song, H. Lu, Y. Yang, F. Shen, Z. Huang, "Modal-adversarial semantic learning
network for extendable cross-modal retrieval", ICMR 2018.

======================  ==============================================================
v, t                    image (b, p) and text (b, q) features of b pairs
y                       their classes: indices (b,), or a binary indicator (b, c)
f_v, f_t                encoders, `encoders`
z_v, z_t                codes (s, b, d): z_v = f_v(v), z_t = f_t(t)
e_y                     embedding of the class (b, e), which the decoders see only
g_v, g_t                contrastive codes (s, b, g), which are not in the paper
l                       where the items of one modality lie among the inputs of the
                        other one, which is locked (s, b, p or q); not in the paper
======================  ==============================================================

s is the number of networks side by side, the members of an ensemble. Losses are means
over the batch, where the paper has sums, one per member: their leading dimensions are
those of the codes. With weights of the pairs (b,) they are weighted means, as
`row_mean` takes them. The paper's layer sizes, weights and total are not known to us.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_xmodal.deep._layers import (
    ACTIVATIONS,
    GradientReversal,
    SeededDropout,
    StackedLinear,
    frozen_layers,
    perceptron,
    row_mean,
)
from sklearn_xmodal.encoders._network import Branch, Codes

# Share of its usual size that the linear way past the hidden layers begins with.
_SKIP_START = 0.5


class Outputs(NamedTuple):
    """What one batch gives to the losses."""

    inputs: tuple  # v (b, p), t (b, q)
    codes: tuple  # z_v (s, b, d), z_t (s, b, d)
    contrastive_codes: tuple | None  # g_v (s, b, g), g_t (s, b, g)
    locked_codes: tuple | None  # l (s, b, p or q), and the locked inputs (b, p or q)
    reconstructions: dict  # (source, target) -> (s, b, p) or (s, b, q)
    modality_logits: tuple  # image (s, b), text (s, b)
    class_logits: tuple  # image (s, b, c), text (s, b, c)


class MSLNModule(nn.Module):
    """Two encoders, two decoders, a modality discriminator and a classifier."""

    class_embeddings: torch.Tensor  # (c, e)

    def __init__(
        self,
        n_image_features,  # p
        n_text_features,  # q
        class_embeddings,  # e_y for every class y, (c, e)
        *,
        multi_label,  # whether an item may have several classes
        n_members,  # s
        n_inputs,  # how many of the first features every member sees; None: all
        n_components,  # d
        n_contrastive_components,  # g; 0: no contrastive code
        hidden_layer_sizes,  # of the encoders
        discriminator_layer_sizes,
        activation,  # of hidden layers, a key of ACTIVATIONS
        code_activation,
        dropout,  # of hidden layers of encoders and decoders
        input_dropout,
        init_seed,
        dropout_seed,
        device,  # where the network will live
        precision,  # of the products in training: "float32" or "bfloat16"
        # As networks of files from before these options are.
        decoder_layer_sizes=None,  # hidden layers; None: the encoders' in reverse
        skip_connection=False,  # whether codes are sums with a linear map of inputs
        locked=None,  # modality whose inputs are a goal of the other's encoder
    ):
        super().__init__()
        self.multi_label = multi_label
        self.n_members = n_members
        self.n_components = n_components
        self.n_contrastive_components = n_contrastive_components
        self.activation, self.code_activation = activation, code_activation
        self.n_inputs = n_inputs
        self.locked = locked
        init = torch.Generator().manual_seed(init_seed)
        chance = torch.Generator(device).manual_seed(dropout_seed)
        n_classes, n_class_features = class_embeddings.shape
        hidden = tuple(hidden_layer_sizes)
        of_decoders = hidden[::-1]
        if decoder_layer_sizes is not None:
            of_decoders = tuple(decoder_layer_sizes)
        n_codes = n_components + n_contrastive_components
        widths = {"image": n_image_features, "text": n_text_features}
        self.n_locked = {m: widths.get(locked, 0) * (m != locked) for m in widths}

        def network(sizes, rate=0.0):
            return perceptron(n_members, sizes, activation, rate, init, chance)

        def encoder(modality):
            n_out = n_codes + self.n_locked[modality]
            return nn.Sequential(
                SeededDropout(input_dropout, chance),
                network((widths[modality], *hidden, n_out), dropout),
                ACTIVATIONS[code_activation](),
            )

        def skip(modality):
            n_out = n_codes + self.n_locked[modality]
            layer = StackedLinear(n_members, widths[modality], n_out, init)
            with torch.no_grad():  # beside the other way, not in its place
                layer.weight.mul_(_SKIP_START)
                layer.bias.zero_()
            return layer

        def decoder(n_features):
            n_in = n_codes + n_class_features  # e_y beside the codes
            return network((n_in, *of_decoders, n_features), dropout)

        # In the order in which their weights are drawn.
        self.encoders = nn.ModuleDict({m: encoder(m) for m in widths})
        self.decoders = nn.ModuleDict({m: decoder(n) for m, n in widths.items()})
        self.reversal = GradientReversal()
        self.discriminator = network((n_components, *discriminator_layer_sizes, 1))
        self.classifier = StackedLinear(n_members, n_components, n_classes, init)
        skips = {m: skip(m) for m in widths} if skip_connection else {}
        self.skips = nn.ModuleDict(skips)
        for modality, width in widths.items():
            mask = _input_mask(n_inputs, width)
            self.register_buffer(f"{modality}_mask", mask, persistent=False)
        embeddings = torch.as_tensor(class_embeddings, dtype=torch.float32)
        self.register_buffer("class_embeddings", embeddings)
        for layer in self.modules():
            if isinstance(layer, StackedLinear):
                layer.low_precision = precision == "bfloat16"

    def encode(self, x, modality):
        """Return `Codes`, (b, p or q) -> (s, b, ...)."""
        mask = getattr(self, f"{modality}_mask")  # (s, 1, p or q), or None
        x = x.expand(self.n_members, -1, -1) if mask is None else x * mask
        drop_inputs, layers, activation = self.encoders[modality].children()
        x = drop_inputs(x)
        codes = layers(x)  # (s, b, d + g + ...)
        if modality in self.skips:
            codes = codes + self.skips[modality](x)
        n_locked = self.n_locked[modality]
        return Codes.of_outputs(codes, self.n_components, n_locked, activation)

    def branch(self, modality):
        """Return f_v or f_t as a part of an encoder, which never changes."""
        _, layers, _ = self.encoders[modality].children()
        return Branch(
            perceptron=frozen_layers(layers.children(), self.activation),
            skip=frozen_layers([self.skips[modality]]) if self.skips else None,
            n_components=self.n_components,
            code_activation=self.code_activation,
            n_inputs=self.n_inputs,
            n_locked=self.n_locked[modality],
        )

    def embed_classes(self, target):
        """Return e_y, the mean over y where an item has several classes.

        The target y holds indices (b,), or an indicator or probabilities
        (..., b, c). Shape (..., b, e), zero where an item has no class, or no label:
        negative indices, or a row of -1.
        """
        if target.ndim == 1:
            embeddings = self.class_embeddings[target.clamp(min=0)]
            return embeddings * (target >= 0).unsqueeze(-1)
        target = target.clamp(min=0).to(self.class_embeddings.dtype)
        n_labels = target.sum(dim=-1, keepdim=True).clamp(min=1)
        return target @ self.class_embeddings / n_labels

    def posterior(self, z, temperature=1.0):
        """Return the probability of every class, (s, b, d) -> (s, b, c)."""
        logits = self.classifier(z) / temperature
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

    def forward(self, image, text, target):
        """Return `Outputs` for v (b, p), t (b, q) and y (b,) or (b, c)."""
        z_v, g_v, l_v = self.encode(image, "image")  # f_v(v): (s, b, d), (s, b, g)
        z_t, g_t, l_t = self.encode(text, "text")  # f_t(t)
        # What follows is the same for both codes and runs once, on 2b rows.
        z = torch.cat([z_v, z_t], dim=1)  # (s, 2b, d)
        g = torch.cat([g_v, g_t], dim=1)  # (s, 2b, g)
        e_y = self.embed_classes(target).repeat(2, 1)  # (2b, e)
        e_y = e_y.expand(self.n_members, -1, -1)  # (s, 2b, e)
        joined = torch.cat([z, g, e_y], dim=2)  # (s, 2b, d + g + e)
        reconstructions = {}
        for goal, decoder in self.decoders.items():
            from_v, from_t = decoder(joined).chunk(2, dim=1)  # (s, b, p or q), twice
            reconstructions["image", goal] = from_v
            reconstructions["text", goal] = from_t
        modality_logits = self.discriminator(self.reversal(z)).squeeze(2)  # (s, 2b)
        class_logits = self.classifier(z)  # (s, 2b, c)
        return Outputs(
            inputs=(image, text),
            codes=(z_v, z_t),
            contrastive_codes=(g_v, g_t) if g_v.shape[2] else None,
            locked_codes={None: None, "text": (l_v, text), "image": (l_t, image)}[
                self.locked
            ],
            reconstructions=reconstructions,
            modality_logits=modality_logits.chunk(2, dim=1),
            class_logits=class_logits.chunk(2, dim=1),
        )


def _input_mask(n_inputs, width):
    """Return which of the first features every member sees, (s, 1, width), or None."""
    if n_inputs is None or min(n_inputs) >= width:
        return None
    seen = torch.arange(width) < torch.tensor(n_inputs)[:, None]
    return seen.float().unsqueeze(1)


def reversal_strength(progress):
    """Return the strength of gradient reversal at a share p of the training.

    2 / (1 + exp(-10 p)) - 1, from 0 to almost 1 (Ganin and Lempitsky, ICML 2015).
    `ReversalSchedule` sets it before every step.
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


def correlation_loss(z_v, z_t, weight=None):
    r"""Squared distance between the two codes of a pair, L_cor.

    .. math:: \frac{1}{b} \sum_i \lVert z_{v,i} - z_{t,i} \rVert_2^2

    (..., b, d), (..., b, d) -> (...)
    """
    return row_mean((z_v - z_t).square().sum(dim=-1), weight)


def reconstruction_loss(reconstructions, v, t, weight=None):
    """Squared error of both modalities rebuilt from both codes, L_rec = L_I + L_T.

    Four terms, {(source of the code, target): (..., b, p or q)}, (b, p), (b, q) ->
    (...). Each is a mean over its entries, so a wide modality does not outweigh a
    narrow one.
    """
    targets = {"image": v, "text": t}
    errors = [
        (decoded - targets[target]).square()
        for (_, target), decoded in reconstructions.items()
    ]
    if weight is None:
        return sum(error.mean(dim=(-2, -1)) for error in errors)
    return sum(row_mean(error.mean(dim=-1), weight) for error in errors)


def adversarial_loss(logits_v, logits_t, weight=None):
    """Sigmoid cross-entropy of the modality discriminator, L_adv: image 1, text 0.

    The discriminator minimises it; behind the gradient reversal the encoders maximise
    it. Mean over the 2b codes, (..., b), (..., b) -> (...).
    """
    # -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x)
    return row_mean(F.softplus(-logits_v) + F.softplus(logits_t), weight) / 2


def classification_loss(logits_v, logits_t, target, weight=None):
    """Cross-entropy of the shared classifier on both codes, L_cls.

    In the account of the paper that we know it is L_dis, (5), with the softmax in (6).
    Class indices (b,) take that softmax; an indicator (b, c) takes sigmoids, summed
    over classes. Sum of the means over image and over text codes of pairs that have a
    label, which indices below zero and rows of -1 are not,
    (..., b, c), (..., b, c) -> (...).
    """
    if target.ndim == 1:
        labelled = target >= 0
        picked = target.clamp(min=0).unsqueeze(-1)
        picked = picked.expand(*logits_v.shape[:-1], 1)  # (..., b, 1)
        of_v, of_t = (
            -F.log_softmax(logits, dim=-1).gather(-1, picked).squeeze(-1)  # (..., b)
            for logits in (logits_v, logits_t)
        )
        return _mean_over(labelled, of_v + of_t, weight)
    labelled = (target >= 0).all(dim=-1)
    target = target.clamp(min=0).to(logits_v.dtype).expand_as(logits_v)
    of_v, of_t = (
        F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        for logits in (logits_v, logits_t)
    )  # (..., b, c)
    return _mean_over(labelled, (of_v + of_t).sum(dim=-1), weight)


def _mean_over(rows, values, weight):
    """Average over the last axis where rows (b,) are true; 0 where none is."""
    values = values if weight is None else values * weight
    return values.where(rows, 0).sum(dim=-1) / rows.sum().clamp(min=1)


def contrastive_loss(g_v, g_t, temperature, weight=None):
    r"""Find the other half of a pair among the batch. Not in the paper.

    .. math:: -\frac{1}{2b} \sum_i \log
        \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ij} / \tau}}
        + \log \frac{e^{s_{ii} / \tau}}{\sum_j e^{s_{ji} / \tau}},
        \quad s_{ij} = \cos(g_{v,i}, g_{t,j})

    InfoNCE (van den Oord, Li, Vinyals, 2018) in the symmetric form of Radford et al.
    (ICML 2021), (..., b, g), (..., b, g) -> (...). With weights every item is as often
    among those that are summed over.
    """
    image, text = F.normalize(g_v, dim=-1), F.normalize(g_t, dim=-1)
    similarity = image @ text.transpose(-1, -2) / temperature  # (..., b, b)
    own = similarity.diagonal(dim1=-2, dim2=-1)  # (..., b)
    among_texts = among_images = similarity
    if weight is not None:
        among_texts = similarity + weight.log()
        among_images = similarity + weight.log()[:, None]
    to_text = among_texts.logsumexp(dim=-1)
    to_image = among_images.logsumexp(dim=-2)
    return row_mean((to_text + to_image) / 2 - own, weight)


def locked_loss(l_v, t, temperature, weight=None):
    r"""Find the own text among those of the batch, which stay as they are.

    .. math:: -\frac{1}{b} \sum_i \log
        \frac{e^{\cos(l_i, t_i) / \tau}}{\sum_j e^{\cos(l_i, t_j) / \tau}}

    One half of InfoNCE: what is found must not move, as in locked-image tuning (Zhai
    et al., CVPR 2022), here the other way round. (..., b, q), (b, q) -> (...). Equal
    texts do each other no harm.
    """
    similarity = F.normalize(l_v, dim=-1) @ F.normalize(t, dim=-1).T / temperature
    own = similarity.diagonal(dim1=-2, dim2=-1)  # (..., b)
    among = similarity if weight is None else similarity + weight.log()
    return row_mean(among.logsumexp(dim=-1) - own, weight)


class MSLNLoss(nn.Module):
    """Weighted sum of the terms.

    The correlation term also draws the two contrastive codes of a pair together.
    """

    TERMS = (
        "correlation_loss",
        "reconstruction_loss",
        "adversarial_loss",
        "classification_loss",
        "contrastive_loss",  # only where there is a contrastive code
        "locked_loss",  # only where a modality is locked
    )

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
            "locked_loss": contrastive_weight,
        }
        self.temperature = temperature

    def forward(self, outputs, target, weight=None):
        """Return the total (s,), and a dict of the terms (s,) before their weights."""
        (v, t), (z_v, z_t) = outputs.inputs, outputs.codes
        from_v, from_t = outputs.modality_logits
        logits_v, logits_t = outputs.class_logits
        correlation = correlation_loss(z_v, z_t, weight)
        terms = {
            "correlation_loss": correlation,
            "reconstruction_loss": reconstruction_loss(
                outputs.reconstructions, v, t, weight
            ),
            "adversarial_loss": adversarial_loss(from_v, from_t, weight),
            "classification_loss": classification_loss(
                logits_v, logits_t, target, weight
            ),
        }
        if outputs.contrastive_codes is not None:
            g_v, g_t = outputs.contrastive_codes
            terms["correlation_loss"] = correlation + correlation_loss(g_v, g_t, weight)
            terms["contrastive_loss"] = contrastive_loss(
                g_v, g_t, self.temperature, weight
            )
        if outputs.locked_codes is not None:
            found, locked = outputs.locked_codes
            terms["locked_loss"] = locked_loss(found, locked, self.temperature, weight)
        total = sum(self.weights[name] * value for name, value in terms.items())
        return total, terms
