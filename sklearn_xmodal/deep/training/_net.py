"""The skorch net of all networks: loss terms in the history, weights to return to."""

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import unpack_data

from sklearn_xmodal.deep._layers import SeededDropout
from sklearn_xmodal.deep.training._processes import (
    Share,
    average_gradients,
    is_shared,
    with_all_rows,
)
from sklearn_xmodal.deep.training._skorch_compat import set_training


class NonFiniteLossError(ValueError):
    """Training went astray: a loss is infinite or NaN."""


class TermsNet(NeuralNet):
    """A skorch net of several members that keeps the loss terms of every batch.

    It also keeps the weights of the last epoch that left them finite.
    """

    _good_weights = None

    #: Whether more training follows, by `partial_fit` of the retriever.
    continues = False

    #: Whether the user has interrupted a callback of the last training.
    is_interrupted = False

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the total loss, the mean over the members."""
        target, weight = y_true if isinstance(y_true, tuple) else (y_true, None)
        total, terms = self.criterion_(y_pred, target, weight)
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
            set_training(self)
        inputs, target = unpack_data(batch)
        if is_shared():
            self._set_dropout(share=Share.of_batch(_n_rows(batch)))
        y_pred = self.infer(inputs, **fit_params)
        if is_shared():
            y_pred = with_all_rows(y_pred, _n_rows(batch))
        loss = self.get_loss(y_pred, target, X=inputs, training=True)
        (loss * self.module_.n_members).backward()
        if is_shared():
            average_gradients(self.module_.parameters())
        return {"loss": loss, "y_pred": y_pred}

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Count the pairs of the batch, also where other processes have some."""
        super().on_batch_end(net, batch, training, **kwargs)
        self.history.record_batch("train_batch_size", _n_rows(batch))

    def on_train_begin(self, net, **kwargs):
        """Keep the weights that training starts from, unless they are fresh."""
        super().on_train_begin(net, **kwargs)
        self._set_dropout(share=None)  # of a training that an error ended
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
        self._set_dropout(share=None)
        self._good_weights = None
        self.__dict__.pop("is_interrupted", None)
        self.module_.eval()

    def _set_generators(self, dropout, batches):
        self._set_dropout(generator=dropout)
        self.iterator_train__generator = batches

    def _set_dropout(self, **attributes):
        for layer in self.module_.modules():
            if isinstance(layer, SeededDropout):
                vars(layer).update(attributes)


def _n_rows(batch):
    """Return how many pairs a batch has, on all processes together."""
    _, target = batch
    return len(target[0] if isinstance(target, (tuple, list)) else target)
