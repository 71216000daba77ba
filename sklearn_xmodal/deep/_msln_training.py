"""How the network of MSLN is trained: nets for `fit`, for `partial_fit`, from files."""

import math
from numbers import Integral

import numpy as np
import torch

from sklearn_xmodal.deep._arrays import TorchArrays
from sklearn_xmodal.deep._msln_network import MSLNLoss, MSLNModule
from sklearn_xmodal.deep.blocks import block_weights, contrastive_weight, represent
from sklearn_xmodal.deep.training import (
    EpochProgress,
    ReversalSchedule,
    ShuffledBatches,
    TermsNet,
    early_stopping,
    net_options,
    recorded,
    training_length,
)
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.utils._budget import MANY_COMPONENTS

# Of the components of a modality, the share that the first network sees.
_LEAST_SHARE = 0.5
# Steps at least, where the data tell that many components are worth seeing.
_STEPS_FOR_MANY = 800
# Steps until reversal has its strength where nobody knows how many follow.
_PARTIAL_STEPS = 400
# Attributes of the net that `partial_fit` leaves as they were, how users call them, and
# those among them that are no parameters.
_KEPT = ("lr", "batch_size", "module__", "criterion__", "optimizer__")
_NAMES = {"module__n_members": "n_estimators", "module__n_inputs": "n_input_components"}
_FREE = {"init_seed", "dropout_seed", "device", "class_embeddings", "fused"}


class MSLNNet(TermsNet):
    """The net of MSLN, which may go on from the weights of another."""

    def start_from(self, weights):
        """Build the module, with given weights or fresh ones where that is None."""
        self.initialize()
        if weights is None:
            return self
        shapes = {name: tuple(w.shape) for name, w in weights.items()}
        for name, weight in self.module_.state_dict().items():
            if shapes.get(name) != tuple(weight.shape):
                raise ValueError(
                    "warm_start and partial_fit need a network of the same sizes. Got "
                    f"{tuple(weight.shape)} for {name}, where it had "
                    f"{shapes.get(name)}. Leave n_estimators, n_components and the "
                    "like as they were, or fit a clone."
                )
        # These are data, and may be others than before.
        own = {"class_embeddings": self.module_.class_embeddings}
        self._good_weights = {**weights, **own}
        self.module_.load_state_dict(self._good_weights)
        return self

    def resume(self, dropout_seed, batch_seed):
        """Go on after a pause, with the steps counted from where it was."""
        chance = torch.Generator(self.device).manual_seed(dropout_seed)
        self._set_generators(chance, torch.Generator().manual_seed(batch_seed))
        n_steps = sum(len(epoch["batches"]) for epoch in self.history)
        for _, callback in self.callbacks_:
            if isinstance(callback, ReversalSchedule):
                callback.first_step = n_steps


def build_net(retriever, data, seeds, score=None, checkpoint=None):
    """Return the net that `fit` trains, not initialised.

    Seeds are those of initial weights, dropout and batches. A score, module -> mAP on
    held-out pairs, is for early stopping.
    """
    components = retriever.n_input_components, retriever.n_input_components_
    at_least = _STEPS_FOR_MANY if components == ("auto", MANY_COMPONENTS) else 0
    n_epochs, n_steps = training_length(retriever, data.n_pairs, at_least)
    callbacks = retriever._schedules(n_steps)
    if score is not None:
        callbacks += early_stopping(retriever, score)
    last = [] if checkpoint is None else [checkpoint]
    return _build(retriever, data, seeds, n_epochs, callbacks, last)


def build_partial_net(retriever, data, seeds):
    """Return the net that `partial_fit` trains: constant rate, a pass at a time."""
    callbacks = [ReversalSchedule(_PARTIAL_STEPS)]
    net = _build(retriever, data, seeds, retriever.max_epochs or 1, callbacks)
    net.continues = True
    return net


def check_goes_on(retriever, data):
    """Raise a ValueError where parameters are others than `partial_fit` goes on with.

    After `fit`, only those that inputs and blocks were made from.
    """
    net = retriever.net_
    new = build_partial_net(retriever, data, retriever._seeds()[1:])
    weight = contrastive_weight(retriever.target_classes, retriever.contrastive_weight)
    pairs = {}
    if net.continues:
        pairs = {
            _NAMES.get(name, name.rpartition("__")[2]): (getattr(new, name), value)
            for name, value in vars(net).items()
            if name.startswith(_KEPT)
        }
    pairs["n_input_components"] = new.module__n_inputs, net.module__n_inputs
    pairs["contrastive_weight"] = weight, retriever.contrastive_weight_
    changed = [
        f"{name}={found!r}, where it was {before!r}"
        for name, (found, before) in pairs.items()
        if name not in _FREE and _as_tuple(found) != _as_tuple(before)
    ]
    blocks = block_weights(
        retriever.target_classes, retriever.block_weights, weight, retriever.locked
    )
    if blocks != retriever.block_weights_:
        changed.append(
            f"block_weights={blocks}, where they were {retriever.block_weights_}"
        )
    if changed:
        raise ValueError(
            "partial_fit must go on with the parameters that it began with, but for "
            f"max_epochs. Got {'; '.join(changed)}. Leave them as they were, or fit a "
            "clone."
        )


def _as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


def _build(retriever, data, seeds, n_epochs, callbacks, last_callbacks=()):
    callbacks = [*recorded(_terms(retriever._module_options(data))), *callbacks]
    options = net_options(retriever, data, seeds, n_epochs, callbacks, last_callbacks)
    return MSLNNet(iterator_train=ShuffledBatches, **options)


def restored_net(optimizer, options):
    """Return a net from what was stored of one, with the callbacks of `partial_fit`.

    Those of `fit`, schedules among them, have done their work. Options are the other
    arguments of the net, no classes, callbacks and generators.
    """
    prefix = "module__"
    sizes = {k.removeprefix(prefix): v for k, v in options.items()}
    terms = _terms(sizes)
    callbacks = [*recorded(terms), ReversalSchedule(_PARTIAL_STEPS)]
    if options["verbose"] == 1:
        callbacks.append(EpochProgress(options["max_epochs"]))
    return MSLNNet(
        MSLNModule,
        criterion=MSLNLoss,
        optimizer=optimizer,
        iterator_train=ShuffledBatches,
        iterator_train__generator=None,
        train_split=None,
        callbacks=callbacks,
        **options,
    ).initialize()


def _terms(module_options):
    """Return the terms that a network has, given its options."""
    missing = set()
    if not module_options["n_contrastive_components"]:
        missing.add("contrastive_loss")
    if module_options.get("locked") is None:
        missing.add("locked_loss")
    return [name for name in MSLNLoss.TERMS if name not in missing]


def inputs_of_members(retriever):
    """Return how many principal components every network sees, the last one all.

    Networks that see different things err differently, and no single number suits
    all data. `None` for all features.
    """
    n_kept = retriever.n_input_components
    if n_kept is None:
        return None
    if n_kept == "auto":
        n_kept = retriever.n_input_components_
    least, most = n_kept if isinstance(n_kept, tuple) else (_LEAST_SHARE, n_kept)
    # From the last one down, so that a single network sees all.
    n_members = retriever.n_estimators
    is_count = isinstance(least, Integral)
    if is_count:
        counts = np.linspace(most, least, n_members)
    else:
        counts = np.linspace(1.0, least, n_members) * most
    return tuple(math.ceil(count) for count in counts[::-1])


def validation_score(retriever, data, held_out, y):
    """Return a function from module to mAP on held-out pairs, a `PairDataset`."""
    weights, variates = retriever.block_weights_, retriever._variates
    sides = [held_out.image.rows(slice(None)), held_out.text.rows(slice(None))]

    def score(module):
        on = TorchArrays(retriever.device_)  # which keeps what this epoch has learnt
        encoders = represent(module, data, weights, variates, on)
        with torch.inference_mode():
            image, text = (
                on.to_numpy(encoder._codes(x))
                for encoder, x in zip(encoders, sides, strict=True)
            )
        # Pairs without a class, which multi-label y may have, do not count.
        return cross_modal_score(image, text, y, zero_division=np.nan)

    return score
