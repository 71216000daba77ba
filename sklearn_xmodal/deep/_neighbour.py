"""What the four deep neighbours of MSLN share: parameters, training, codes."""

import numpy as np
import torch

from sklearn_xmodal.deep._base import NetworkRetriever
from sklearn_xmodal.deep._neighbour_net import build_neighbour_net
from sklearn_xmodal.deep._parameters import (
    PARAMETER_CONSTRAINTS,
    check_callbacks,
    check_layer_sizes,
    resolve_device,
)
from sklearn_xmodal.deep._representation import enough_rows, of_members

_SHARED = (
    "n_components",
    "n_estimators",
    "n_input_components",
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "input_dropout",
    "max_epochs",
    "max_steps",
    "batch_size",
    "optimizer",
    "lr",
    "lr_scheduler",
    "weight_decay",
    "callbacks",
    "device",
    "n_image_features",
    "random_state",
    "verbose",
)
#: Those of the parameters that all of them have.
SHARED_CONSTRAINTS = {name: PARAMETER_CONSTRAINTS[name] for name in _SHARED}


class NeighbourRetriever(NetworkRetriever):
    """Base of the retrievers that train two encoders and take their outputs as codes.

    A subclass names its loss, a key of `LOSSES`, and writes the methods below.
    """

    _loss: str

    def _targets(self, y, n_pairs):
        """Return what the loss is told of every pair: its number, where no labels."""
        return np.arange(n_pairs)

    def _module_options(self):
        """Return the arguments of the module that are the method's own."""
        return {}

    def _loss_options(self):
        """Return the arguments of the loss."""
        return {}

    def _fit(self, X_img, X_txt, y):
        target = self._targets(y, X_img.shape[0])
        check_callbacks(self.callbacks)
        check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        self.device_ = resolve_device(self.device)
        seeds = self._seeds()
        sides = {"image": X_img, "text": X_txt}
        self._fit_input_maps(sides, seeds[0], self.n_input_components)
        data = self._dataset(X_img, X_txt, target)
        self._train_anew(build_neighbour_net(self, data, seeds[1:]), data)

    def _set_representation(self, data):
        self.n_components_ = self.n_estimators * self.n_components

    def _vectors(self, x, modality):
        return of_members(self._outputs(x, modality)).cpu()

    def _outputs(self, x, modality):
        """Return what the encoders say, shape (s, b, d)."""
        with torch.inference_mode():
            return self.net_.module_.encode(enough_rows(x), modality)[:, : len(x)]
