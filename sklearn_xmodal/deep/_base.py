"""What all retrievers around two trained encoders share."""

from abc import abstractmethod

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.deep._net import NonFiniteLossError
from sklearn_xmodal.deep._preprocessing import InputMap, fit_input_map
from sklearn_xmodal.deep._training import PairDataset, Side


class NetworkRetriever(BaseRetriever):
    """Base of the retrievers that train a net of skorch on pairs.

    A subclass builds the net in ``_fit`` and hands it to ``_train_anew``; it learns
    what its codes need beside the net in ``_set_representation(data)``, and turns
    prepared features into codes in ``_vectors(x, modality)``.
    """

    _dtypes = (np.float64, np.float32)

    # At a time.
    _encode_rows = 4096

    @abstractmethod
    def _set_representation(self, data):
        """Learn from the outputs of the trained module; set `n_components_`."""

    @abstractmethod
    def _vectors(self, x, modality):
        """Return the codes of prepared features, a Tensor on the CPU."""

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
