"""What all retrievers around two trained encoders share."""

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.deep._layers import enough_rows, of_members
from sklearn_xmodal.deep._parameters import check_callbacks, check_layer_sizes
from sklearn_xmodal.deep._preprocessing import InputMap, fit_input_map
from sklearn_xmodal.deep._two_encoders import NeighbourNet, TwoEncoders
from sklearn_xmodal.deep.training import (
    NonFiniteLossError,
    PairDataset,
    Side,
    net_options,
    recorded,
    resolve_device,
    schedule_of_rate,
    training_length,
)


class TwoEncoderRetriever(BaseRetriever):
    """Base of the retrievers that train two encoders on pairs, with a net of skorch.

    A subclass names its module and its loss, and says in the methods behind them what
    differs from encoders whose outputs are the codes.
    """

    _module: type = TwoEncoders
    _loss: type

    _dtypes = (np.float64, np.float32)

    # At a time.
    _encode_rows = 4096

    def _targets(self, y, n_pairs):
        """Return what the loss is told of every pair: its number, where no labels."""
        return np.arange(n_pairs)

    def _module_options(self, data):
        """Return the arguments of the module that are the method's own."""
        return {}

    def _loss_options(self):
        """Return the arguments of the loss."""
        return {}

    def _schedules(self, n_steps):
        """Return callbacks that steer a training of so many steps."""
        return schedule_of_rate(self, n_steps)

    def _set_representation(self, data):
        """Learn from the outputs of the trained module; set `n_components_`."""
        self.n_components_ = self.n_estimators * self.n_components

    def _vectors(self, x, modality):
        """Return the codes of prepared features, a Tensor on the CPU."""
        return of_members(self._outputs(x, modality)).cpu()

    def _outputs(self, x, modality):
        """Return what the encoders say, (b, p or q) -> (s, b, d)."""
        with torch.inference_mode():
            return self.net_.module_.encode(enough_rows(x), modality)[:, : len(x)]

    def _fit(self, X_img, X_txt, y):
        target = self._targets(y, X_img.shape[0])
        check_callbacks(self.callbacks)
        check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        self.device_ = resolve_device(self.device)
        seeds = self._seeds()
        sides = {"image": X_img, "text": X_txt}
        self._fit_input_maps(sides, seeds[0], self.n_input_components)
        data = self._dataset(X_img, X_txt, target)
        n_epochs, n_steps = training_length(self, len(data))
        callbacks = [*recorded(self._loss.TERMS), *self._schedules(n_steps)]
        options = net_options(self, data, seeds[1:], n_epochs, callbacks)
        self._train_anew(NeighbourNet(**options).initialize(), data)

    def _seeds(self, call=0):
        """Draw the seeds of inputs, weights, dropout and batches."""
        rng = check_random_state(self.random_state)
        return rng.randint(2**31 - 1, size=(call + 1, 4))[-1].tolist()

    def _train_anew(self, net, data, checkpoint=None):
        """Train a new net in place of the one of the last fit."""
        vars(self).pop("net_", None)
        try:
            is_interrupted = self._train(net, data, checkpoint)
        except NonFiniteLossError:
            if hasattr(self, "net_"):
                self._set_representation(data)
            raise
        self._set_representation(data)
        if is_interrupted:
            raise KeyboardInterrupt

    def _train(self, net, data, checkpoint=None):
        """Train, take what was learnt, and tell whether the user cut that short."""
        n_epochs = net.max_epochs
        if checkpoint is not None and checkpoint.start is not None:
            n_epochs -= checkpoint.start.load_into(net).n_epochs
        try:
            net.partial_fit(data, epochs=n_epochs)
        except NonFiniteLossError:
            if net.return_to_good_weights():
                self._take(net)
            raise
        # skorch keeps a user's interrupt, within an epoch, to itself. Callbacks stop
        # between two epochs.
        is_interrupted = "train_loss" not in net.history[-1]
        self._take(net)
        return is_interrupted

    def _take(self, net):
        net.drop_unfinished_epoch()
        net.pause()
        self.net_, self.history_ = net, net.history
        self.n_iter_ = len(self.history_)

    def _fit_input_maps(self, sides, seed, n_least, denoise=False):
        rng = np.random.RandomState(seed)
        for name, X in sides.items():
            found = fit_input_map(
                X, name, self.n_input_components, n_least, rng, denoise
            )
            setattr(self, f"{name}_mean_", found.mean)
            setattr(self, f"{name}_components_", found.components)
            setattr(self, f"{name}_scale_", found.scale)

    def _side(self, X, modality, device=None):
        values = (getattr(self, f"{modality}_{k}_") for k in InputMap._fields)
        return Side(X, InputMap(*values), device or self.device_)

    def _dataset(self, X_img, X_txt, target):
        return PairDataset(
            self._side(X_img, "image"), self._side(X_txt, "text"), target
        )

    def _encode(self, X, modality):
        # Not device_: a net from a CUDA machine may have been loaded without one.
        device = next(self.net_.module_.parameters()).device
        side = self._side(X, modality, device)
        blocks = [self._vectors(x, modality) for x in side.blocks(self._encode_rows)]
        return torch.cat(blocks).numpy().astype(X.dtype, copy=False)

    def _after_load(self):
        """Take the device that a net from a CUDA machine has found here."""
        if hasattr(self, "net_"):
            self.device_ = self.net_.device
