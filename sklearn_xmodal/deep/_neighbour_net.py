"""The network of MSLN's neighbours, and the skorch net that trains it.

Two encoders, and beside them whatever the loss of a method asks for. Tensors have a
leading dimension s of networks, as in those of MSLN.
"""

import itertools
import math
from typing import NamedTuple

import torch
from torch import nn

from sklearn_xmodal.deep._modules import (
    ACTIVATIONS,
    GradientReversal,
    SeededDropout,
    StackedLinear,
    perceptron,
)
from sklearn_xmodal.deep._neighbour_losses import LOSSES
from sklearn_xmodal.deep._net import (
    TermsNet,
    loop_options,
    recorded,
    scheduled,
    training_length,
)
from sklearn_xmodal.deep._training import EvenBatches, ReversalSchedule

# A learnt temperature stays above it, as in Radford et al. (ICML 2021).
_LEAST_TEMPERATURE = 0.01


class NeighbourOutputs(NamedTuple):
    """What one batch gives to the losses. b = batch size, d = code size."""

    codes: tuple  # image (s, b, d), text (s, b, d)
    class_logits: tuple | None = None  # image (s, b, c), text (s, b, c)
    modality_logits: tuple | None = None  # image (s, b), text (s, b)
    temperature: torch.Tensor | None = None  # (s, 1, 1)
    encoder_weights: tuple = ()  # (s, i, o) of every layer


class NeighbourModule(nn.Module):
    """Two encoders, and what a method wants beside them.

    Parameters
    ----------
    n_image_features, n_text_features : int
        Widths p and q of the inputs.

    n_members : int
        Networks that are trained side by side.

    n_components : int
        Size d of the code.

    hidden_layer_sizes : tuple of int
        Hidden layers of both encoders.

    activation : str
        Of the hidden layers, a key of `ACTIVATIONS`.

    dropout, input_dropout : float
        Probabilities of a zero in hidden layers and in the inputs.

    init_seed, dropout_seed : int
        Of the initial weights and of the dropout.

    device : str
        Where the network will live.

    shares_last_layer : bool, default=False
        Whether both encoders end in the same layer.

    n_classes : int, default=0
        Outputs c of a linear layer on either code; 0 for none.

    discriminator_layer_sizes : tuple of int, default=None
        Hidden layers of a modality classifier behind gradient reversal; `None` for
        no classifier.

    temperature : float, default=None
        Temperature to begin with; `None` for none.

    learns_temperature : bool, default=False
        Whether training changes it.
    """

    def __init__(
        self,
        n_image_features,
        n_text_features,
        *,
        n_members,
        n_components,
        hidden_layer_sizes,
        activation,
        dropout,
        input_dropout,
        init_seed,
        dropout_seed,
        device,
        shares_last_layer=False,
        n_classes=0,
        discriminator_layer_sizes=None,
        temperature=None,
        learns_temperature=False,
    ):
        super().__init__()
        self.n_members = n_members
        init = torch.Generator().manual_seed(init_seed)
        chance = torch.Generator(device).manual_seed(dropout_seed)
        widths = {"image": n_image_features, "text": n_text_features}

        def body(n_features):
            layers = [SeededDropout(input_dropout, chance)]
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

        self.bodies = nn.ModuleDict({name: body(n) for name, n in widths.items()})
        own = {"both": n_image_features} if shares_last_layer else widths
        self.last_layers = nn.ModuleDict({name: last(n) for name, n in own.items()})
        self.classifier = self.discriminator = None
        if n_classes:
            self.classifier = StackedLinear(n_members, n_components, n_classes, init)
        if discriminator_layer_sizes is not None:
            self.reversal = GradientReversal()
            sizes = (n_components, *discriminator_layer_sizes, 1)
            self.discriminator = perceptron(
                n_members, sizes, activation, 0.0, init, chance
            )
        self.log_temperature = None
        if temperature is not None:
            start = torch.full((n_members, 1, 1), math.log(temperature))
            self.log_temperature = nn.Parameter(start, requires_grad=learns_temperature)

    def encode(self, x, modality):
        """Return the codes of one modality.

        Parameters
        ----------
        x : Tensor of shape (b, p) or (b, q)
            Features.

        modality : {"image", "text"}
            Which encoder.

        Returns
        -------
        z : Tensor of shape (s, b, d)
            Codes.
        """
        hidden = self.bodies[modality](x.expand(self.n_members, -1, -1))
        is_shared = "both" in self.last_layers
        return self.last_layers["both" if is_shared else modality](hidden)

    def temperature(self):
        """Return the temperatures, shape (s, 1, 1), or None."""
        if self.log_temperature is None:
            return None
        if not self.log_temperature.requires_grad:
            return self.log_temperature.exp()
        return self.log_temperature.clamp(min=math.log(_LEAST_TEMPERATURE)).exp()

    def forward(self, image, text, target):
        """Return everything that the losses need.

        Parameters
        ----------
        image : Tensor of shape (b, p)
            Image features.

        text : Tensor of shape (b, q)
            Text features.

        target : Tensor
            Not used: labels reach the losses only.

        Returns
        -------
        outputs : NeighbourOutputs
            Codes and what was made of them.
        """
        codes = self.encode(image, "image"), self.encode(text, "text")
        found = {"temperature": self.temperature()}
        if self.classifier is not None:
            found["class_logits"] = tuple(self.classifier(z) for z in codes)
        if self.discriminator is not None:
            found["modality_logits"] = tuple(
                self.discriminator(self.reversal(z)).squeeze(2) for z in codes
            )
        layers = [*self.bodies.modules(), *self.last_layers.values()]
        weights = tuple(x.weight for x in layers if isinstance(x, StackedLinear))
        return NeighbourOutputs(codes, encoder_weights=weights, **found)


class NeighbourNet(TermsNet):
    """The net of all neighbours of MSLN, trained in batches of even size."""

    def __init__(
        self, module=NeighbourModule, *, iterator_train=EvenBatches, **options
    ):
        super().__init__(module, iterator_train=iterator_train, **options)


def build_neighbour_net(retriever, data, seeds):
    """Return the net that `fit` trains.

    Parameters
    ----------
    retriever : NeighbourRetriever
        Its parameters, and the name and options of its loss and module.

    data : PairDataset
        Training pairs.

    seeds : tuple of int
        Of initial weights, dropout and batches.

    Returns
    -------
    net : NeighbourNet
        Initialised.
    """
    loss = LOSSES[retriever._loss]
    n_epochs, n_steps = training_length(retriever, len(data))
    callbacks = recorded(loss.TERMS)
    module = retriever._module_options()
    if module.get("discriminator_layer_sizes") is not None:
        callbacks.append(ReversalSchedule(n_steps))
    callbacks = scheduled(retriever, n_steps, callbacks)
    module |= {
        "n_image_features": data.image.width,
        "n_text_features": data.text.width,
        "n_members": retriever.n_estimators,
        "n_components": retriever.n_components,
        "hidden_layer_sizes": retriever.hidden_layer_sizes,
        "activation": retriever.activation,
        "dropout": retriever.dropout,
        "input_dropout": retriever.input_dropout,
        "init_seed": seeds[0],
        "dropout_seed": seeds[1],
        "device": retriever.device_,
    }
    return NeighbourNet(
        criterion=loss,
        **{f"module__{name}": value for name, value in module.items()},
        **{f"criterion__{k}": v for k, v in retriever._loss_options().items()},
        **loop_options(retriever, seeds[2], n_epochs, callbacks),
    ).initialize()


def restored_neighbour_net(loss, optimizer, options):
    """Return a net from what was stored of one, which has done its training.

    Parameters
    ----------
    loss : str
        Key of `LOSSES`.

    optimizer : type
        Class of the optimiser.

    options : dict
        Other arguments of the net, no classes, callbacks and generators.

    Returns
    -------
    net : NeighbourNet
        Initialised.
    """
    return NeighbourNet(
        criterion=LOSSES[loss],
        optimizer=optimizer,
        iterator_train__generator=None,
        train_split=None,
        callbacks=recorded(LOSSES[loss].TERMS),
        **options,
    ).initialize()
