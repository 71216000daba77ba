"""The skorch nets: terms in their history, and how that of MSLN is put together."""

import math

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, LRScheduler, PassthroughScoring
from skorch.dataset import unpack_data

from sklearn_xmodal.deep._inputs import inputs_of_members
from sklearn_xmodal.deep._losses import MSLNLoss
from sklearn_xmodal.deep._modules import MSLNModule, SeededDropout
from sklearn_xmodal.deep._parameters import resolve_optimizer
from sklearn_xmodal.deep._training import (
    EpochProgress,
    ReversalSchedule,
    ShuffledBatches,
    ValidationScore,
)

LOSS_TERMS = (
    "correlation_loss",
    "reconstruction_loss",
    "adversarial_loss",
    "classification_loss",
    "contrastive_loss",
)
# max_steps="auto": so many epochs, within so many steps.
_AUTO_EPOCHS = 20
_AUTO_STEPS = (400, 800)
# Optimisers of torch with a one-kernel step, on the CPU and on CUDA.
_FUSED = ("Adam", "AdamW", "SGD")


class NonFiniteLossError(ValueError):
    """Training went astray: a loss is infinite or NaN."""


class TermsNet(NeuralNet):
    """A skorch net of several members that keeps the loss terms of every batch.

    It also keeps the weights of the last epoch that left them finite.
    """

    _good_weights = None

    #: Whether more training follows, by `partial_fit` of the retriever.
    continues = False

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the total loss, the mean over the members."""
        total, terms = self.criterion_(y_pred, y_true)
        # (terms, members) -> terms; waits for CUDA once
        values = torch.stack(list(terms.values())).mean(dim=1).tolist()
        if not np.isfinite(values).all():
            wrong = {
                name: value
                for name, value in zip(terms, values, strict=True)
                if not np.isfinite(value)
            }
            raise NonFiniteLossError(
                f"Training must keep the losses finite. Got {wrong} in epoch "
                f"{len(self.history)} with lr={self.lr}. Lower lr or the weight of "
                "that term, or scale features that hold outliers. The retriever has "
                "the weights of the last good epoch, if there was one."
            )
        for name, value in zip(terms, values, strict=True):
            self.history.record_batch(name, value)
        return total.mean()

    def train_step_single(self, batch, **fit_params):
        """Compute gradients: every member descends its own loss, not its share."""
        # Where need be: it walks over every module.
        if not (self.module_.training and self.criterion_.training):
            self._set_training(True)
        inputs, target = unpack_data(batch)
        y_pred = self.infer(inputs, **fit_params)
        loss = self.get_loss(y_pred, target, X=inputs, training=True)
        (loss * self.module_.n_members).backward()
        return {"loss": loss, "y_pred": y_pred}

    def on_train_begin(self, net, **kwargs):
        """Keep the weights that training starts from, unless they are fresh."""
        super().on_train_begin(net, **kwargs)
        if self.history:
            self._keep_weights()

    def on_epoch_end(self, net, **kwargs):
        """Keep the weights of the epoch."""
        super().on_epoch_end(net, **kwargs)
        self._keep_weights()

    def _keep_weights(self):
        if self.has_finite_weights():
            weights = self.module_.state_dict().items()
            self._good_weights = {name: w.clone() for name, w in weights}

    def has_finite_weights(self):
        """Tell whether no weight is infinite or NaN."""
        weights = self.module_.state_dict().values()
        return all(bool(torch.isfinite(w).all()) for w in weights)

    def drop_unfinished_epoch(self):
        """Forget what the history holds of an epoch that was cut short."""
        if self.history and "train_loss" not in self.history[-1]:
            self.history.pop()

    def return_to_good_weights(self):
        """Go back to the last finite weights, and tell whether there were any."""
        if self._good_weights is None:
            return False
        self.module_.load_state_dict(self._good_weights)
        return True

    def generators(self):
        """Return the generators of chance: of dropout, and of batches."""
        layers = self.module_.modules()
        dropout = [x.generator for x in layers if isinstance(x, SeededDropout)]
        return dropout[0], self.iterator_train__generator

    def pause(self):
        """Keep what prediction needs: no generators, evaluation mode."""
        self._set_generators(None, None)
        self._good_weights = None
        self.module_.eval()

    def _set_generators(self, dropout, batches):
        for layer in self.module_.modules():
            if isinstance(layer, SeededDropout):
                layer.generator = dropout
        self.iterator_train__generator = batches


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
    """Return the net that `fit` trains.

    Parameters
    ----------
    retriever : MSLNRetriever
        Its parameters.

    data : PairDataset
        Training pairs.

    seeds : tuple of int
        Of initial weights, dropout and batches.

    score : callable, default=None
        Module -> mAP on held-out pairs, for early stopping.

    checkpoint : TrainingCheckpoint, default=None
        Writes the state after every epoch.

    Returns
    -------
    net : MSLNNet
        Not initialised.
    """
    n_epochs, n_steps = training_length(retriever, len(data))
    callbacks = scheduled(retriever, n_steps, [ReversalSchedule(n_steps)])
    if score is not None:
        callbacks += _early_stopping(retriever, score)
    last = [] if checkpoint is None else [checkpoint]
    return _build(retriever, data, seeds, n_epochs, callbacks, last)


def training_length(retriever, n_pairs):
    """Return how many epochs and steps `fit` takes.

    Parameters
    ----------
    retriever : NetworkRetriever
        Its `max_epochs`, `max_steps` and `batch_size`.

    n_pairs : int
        Training pairs.

    Returns
    -------
    n_epochs, n_steps : int
        Steps are those of whole epochs.
    """
    steps_per_epoch = math.ceil(n_pairs / retriever.batch_size)
    n_epochs = retriever.max_epochs
    if n_epochs is None:
        max_steps = retriever.max_steps
        if max_steps == "auto":
            lower, upper = _AUTO_STEPS
            max_steps = min(max(_AUTO_EPOCHS * steps_per_epoch, lower), upper)
        n_epochs = math.ceil(max_steps / steps_per_epoch)
    return n_epochs, n_epochs * steps_per_epoch


def scheduled(retriever, n_steps, callbacks):
    """Return callbacks with the schedule of the learning rate behind them."""
    if retriever.lr_scheduler is None:
        return callbacks
    policy = torch.optim.lr_scheduler.CosineAnnealingLR
    return [*callbacks, LRScheduler(policy, T_max=n_steps, step_every="batch")]


def build_partial_net(retriever, data, seeds):
    """Return the net that `partial_fit` trains: constant rate, a pass at a time.

    Parameters
    ----------
    retriever : MSLNRetriever
        Its parameters.

    data : PairDataset
        Pairs of the first call.

    seeds : tuple of int
        Of initial weights, dropout and batches.

    Returns
    -------
    net : MSLNNet
        Not initialised.
    """
    callbacks = [ReversalSchedule(_AUTO_STEPS[0])]
    net = _build(retriever, data, seeds, retriever.max_epochs or 1, callbacks)
    net.continues = True
    return net


def restored_net(optimizer, options):
    """Return a net from what was stored of one, with the callbacks of `partial_fit`.

    Those of `fit`, schedules among them, have done their work.

    Parameters
    ----------
    optimizer : type
        Class of the optimiser.

    options : dict
        Other arguments of the net, no classes, callbacks and generators.

    Returns
    -------
    net : MSLNNet
        Initialised.
    """
    has_contrastive = options["module__n_contrastive_components"] > 0
    callbacks = _with_records([ReversalSchedule(_AUTO_STEPS[0])], has_contrastive)
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


def _early_stopping(retriever, score):
    stop = EarlyStopping(
        monitor="valid_score",
        lower_is_better=False,
        patience=retriever.n_iter_no_change,
        threshold=retriever.tol,
        threshold_mode="abs",
        load_best=True,
        sink=print if retriever.verbose > 1 else _silent,
    )
    return [ValidationScore(score), stop]


def _build(retriever, data, seeds, n_epochs, callbacks, last_callbacks=()):
    has_contrastive = retriever.contrastive_weight_ > 0
    callbacks = _with_records(callbacks, has_contrastive)
    return MSLNNet(
        MSLNModule,
        module__n_image_features=data.image.width,
        module__n_text_features=data.text.width,
        module__class_embeddings=retriever.class_embeddings_,
        module__multi_label=data.target.ndim == 2,
        module__n_members=retriever.n_estimators,
        module__n_inputs=inputs_of_members(retriever),
        module__n_components=retriever.n_components,
        module__n_contrastive_components=(
            retriever.n_contrastive_components if has_contrastive else 0
        ),
        module__hidden_layer_sizes=retriever.hidden_layer_sizes,
        module__discriminator_layer_sizes=retriever.discriminator_layer_sizes,
        module__activation=retriever.activation,
        module__code_activation=retriever.code_activation,
        module__dropout=retriever.dropout,
        module__input_dropout=retriever.input_dropout,
        module__init_seed=seeds[0],
        module__dropout_seed=seeds[1],
        module__device=retriever.device_,
        module__precision=retriever.precision,
        criterion=MSLNLoss,
        criterion__correlation_weight=retriever.correlation_weight,
        criterion__reconstruction_weight=retriever.reconstruction_weight,
        criterion__adversarial_weight=retriever.adversarial_weight,
        criterion__classification_weight=retriever.classification_weight,
        criterion__contrastive_weight=retriever.contrastive_weight_,
        criterion__temperature=retriever.temperature,
        iterator_train=ShuffledBatches,
        **loop_options(retriever, seeds[2], n_epochs, callbacks, last_callbacks),
    )


def loop_options(retriever, seed, n_epochs, callbacks, last_callbacks=()):
    """Return the arguments of a net that say how it is trained.

    Parameters
    ----------
    retriever : NetworkRetriever
        Its parameters and `device_`.

    seed : int
        Of the batches.

    n_epochs : int
        Length of the training.

    callbacks, last_callbacks : list
        Before and after those of the user.

    Returns
    -------
    options : dict
        Arguments of `NeuralNet`, no module, criterion and iterator.
    """
    callbacks = [*callbacks]
    if retriever.verbose == 1:
        name = type(retriever).__name__.removesuffix("Retriever")
        callbacks.append(EpochProgress(n_epochs, name))
    optimizer = resolve_optimizer(retriever.optimizer)
    options = {
        "optimizer": optimizer,
        "lr": retriever.lr,
        "max_epochs": n_epochs,
        "batch_size": retriever.batch_size,
        "iterator_train__generator": torch.Generator().manual_seed(seed),
        "train_split": None,
        "callbacks": [*callbacks, *(retriever.callbacks or []), *last_callbacks],
        "device": retriever.device_,
        "verbose": retriever.verbose,
        "optimizer__weight_decay": retriever.weight_decay,
    }
    if optimizer.__name__ in _FUSED:
        options["optimizer__fused"] = True
    if retriever.verbose < 2:
        options["callbacks__print_log"] = None
    return options


def recorded(terms):
    """Return callbacks that record the means of loss terms over every epoch."""
    return [(name, PassthroughScoring(name, on_train=True)) for name in terms]


def _with_records(callbacks, has_contrastive):
    """Put what records terms in front: early stopping ends an epoch for the rest."""
    terms = LOSS_TERMS if has_contrastive else LOSS_TERMS[:-1]
    return [*recorded(terms), *callbacks]


def _silent(*args, **kwargs):
    """Print nothing."""
