"""What all retrievers around two trained encoders share."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sklearn_xmodal.deep._advanced import (
    SHARED_SETTINGS,
    check_layer_sizes,
    check_settings,
    once_parameters,
)
from sklearn_xmodal.deep._arrays import TorchArrays
from sklearn_xmodal.deep._from_batches import FromBatchesMixin
from sklearn_xmodal.deep._parameters import check_callbacks
from sklearn_xmodal.deep._preprocessing import fit_input_map
from sklearn_xmodal.deep._state import net_from_state, net_state
from sklearn_xmodal.deep._two_encoders import NeighbourNet, TwoEncoders, restored_net
from sklearn_xmodal.deep.training import (
    NonFiniteLossError,
    PairDataset,
    PreparedSide,
    StreamedPairs,
    check_same_pairs,
    check_same_start,
    check_sizes_fit,
    net_options,
    recorded,
    resolve_device,
    schedule_of_rate,
    training_length,
)
from sklearn_xmodal.encoders import NetworkEncoder
from sklearn_xmodal.encoders._network import CodeBlock
from sklearn_xmodal.pairs._pairs import MODALITIES


class TwoEncoderRetriever(FromBatchesMixin):
    """Base of the retrievers that train two encoders on pairs, with a net of skorch.

    A subclass names its module and its loss, and says in the methods behind them what
    differs from encoders whose outputs are the codes.
    """

    _module: type = TwoEncoders
    _loss: Any  # class of a module with `TERMS`

    _fitted: tuple = ("device_", "n_iter_")
    _fitted_within = ("net_", "history_")

    # What `advanced` may hold, name -> default.
    _default_settings: dict = SHARED_SETTINGS
    _old_spellings = once_parameters(SHARED_SETTINGS)

    @property
    def _settings(self):
        """What `advanced` says, and the defaults of what it does not."""
        return {**self._default_settings, **(self.advanced or {})}

    def _check_parameters(self):
        """Check what does not depend on the data."""
        check_settings(self)
        check_callbacks(self.callbacks)
        check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        check_sizes_fit(self.n_estimators, self.n_components, self.hidden_layer_sizes)

    def _targets(self, y, sides):
        """Return what the loss is told of every pair: its number, where no labels."""
        return np.arange(sides["image"].shape[0])

    def _network_sizes(self, data):
        """Return the arguments of the module about its layers."""
        return {
            "n_members": self.n_estimators,
            "n_components": self.n_components,
            "hidden_layer_sizes": self.hidden_layer_sizes,
            "activation": self._settings["activation"],
            "dropout": self.dropout,
        }

    def _module_options(self, data):
        """Return the arguments of the module that are the method's own."""
        return {}

    def _loss_options(self):
        """Return the arguments of the loss."""
        return {}

    def _schedules(self, n_steps):
        """Return callbacks that steer a training of so many steps."""
        return schedule_of_rate(self, n_steps)

    def _encoders(self, data):
        """Return the encoders of the trained module: unit codes side by side."""
        return [
            self._encoder_of_codes(data, modality, CodeBlock(centre=None))
            for modality in MODALITIES
        ]

    def _encoder_of_codes(self, data, modality, block, **options):
        """Return an encoder of nothing but the module's codes."""
        width = self.n_estimators * self.n_components
        return NetworkEncoder(
            input_map=getattr(data, modality).input_map,
            branch=self.net_.module_.branch(modality),
            blocks=[block],
            block_weights=[1.0],
            **{"n_components_": width, **options},
        )._with_arrays(self._arrays())

    def _arrays(self):
        # Not device_: a net from a CUDA machine may have been loaded without one.
        return TorchArrays(str(next(self.net_.module_.parameters()).device))

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        self._check_parameters()
        sides = {"image": X_img, "text": X_txt}
        return self._fit_targets(sides, self._targets(y, sides), sample_weight)

    def _fit_targets(self, sides, target, sample_weight):
        """Train anew on what the loss is told of every pair."""
        self.device_ = resolve_device(self.device)
        seeds = self._seeds()
        maps = self._fit_input_maps(sides, seeds[0], sample_weight=sample_weight)
        data = self._dataset(sides, maps, target, sample_weight)
        n_epochs, n_steps = training_length(self, data.n_pairs)
        callbacks = [*recorded(self._loss.TERMS), *self._schedules(n_steps)]
        options = net_options(self, data, seeds[1:], n_epochs, callbacks)
        return self._train_anew(NeighbourNet(**options).initialize(), data)

    def _more_state(self):
        return {"net": net_state(self.net_)}

    def _take_more_state(self, state):
        self.net_ = net_from_state(state.pop("net"), self._module, self._restored_net)
        self.history_ = self.net_.history
        # That of a net from a CUDA machine which has found none here.
        state["device_"] = self.net_.device
        for name in ("image_encoder_", "text_encoder_"):
            if isinstance(state[name], NetworkEncoder):
                state[name] = state[name]._with_arrays(self._arrays())

    def _restored_net(self, optimizer, options):
        return restored_net(type(self), optimizer, options)

    def _seeds(self, call=0):
        """Draw the seeds of inputs, weights, dropout and batches."""
        rng = check_random_state(self.random_state)
        return rng.randint(2**31 - 1, size=(call + 1, 4))[-1].tolist()

    def _train_anew(self, net, data, checkpoint=None):
        """Train a new net in place of that of the last fit; return its encoders."""
        try:
            is_interrupted = self._train(net, data, checkpoint)
        except NonFiniteLossError:
            if vars(self).get("net_") is net:  # with weights of a good epoch
                self._set_encoders(*self._encoders(data.sample))
            raise
        encoders = self._encoders(data.sample)
        if is_interrupted:
            self._set_encoders(*encoders)
            raise KeyboardInterrupt
        return encoders

    def _train(self, net, data, checkpoint=None):
        """Train, take what was learnt, and tell whether the user cut that short."""
        n_epochs = net.max_epochs
        if checkpoint is not None and checkpoint.start is not None:
            n_epochs = checkpoint.start.load_into(net).n_epochs_left(n_epochs)
        check_same_start(net, n_epochs)
        try:
            net.partial_fit(data, epochs=n_epochs)
        except NonFiniteLossError:
            if net.return_to_good_weights():
                self._take(net)
            raise
        # skorch keeps a user's interrupt to itself. Callbacks stop between two epochs,
        # and those that take long tell of one that comes then.
        is_interrupted = net.is_interrupted or "train_loss" not in net.history[-1]
        self._take(net)
        return is_interrupted

    def _take(self, net):
        net.drop_unfinished_epoch()
        net.pause()
        self.net_, self.history_ = net, net.history
        self.n_iter_ = len(self.history_)

    def _fit_input_maps(self, sides, seed, sample_weight=None):
        """Return what the networks see of either modality, name -> InputMap."""
        n_kept = self.n_input_components
        return self._reducing_maps(
            sides, seed, n_kept, n_kept, sample_weight=sample_weight
        )

    def _reducing_maps(
        self, sides, seed, n_least, n_most, denoise=False, sample_weight=None
    ):
        """Return maps onto main directions, of `n_most` at most."""
        rng = np.random.RandomState(seed)
        return {
            name: fit_input_map(X, name, n_most, n_least, rng, denoise, sample_weight)
            for name, X in sides.items()
        }

    def _dataset(self, sides, maps, target, sample_weight=None):
        check_same_pairs(self, sides, target, sample_weight)
        image, text = (
            PreparedSide(sides[name], maps[name], self.device_) for name in MODALITIES
        )
        data = PairDataset(image, text, target, sample_weight)
        return data if self._stream is None else StreamedPairs(data, self._stream)

    @property
    def image_mean_(self):
        """What is subtracted from images."""
        return self.image_encoder_.input_map.mean

    @property
    def text_mean_(self):
        """What is subtracted from texts."""
        return self.text_encoder_.input_map.mean

    @property
    def image_components_(self):
        """Main directions of the images in rows; None where all features are seen."""
        return self.image_encoder_.input_map.components

    @property
    def text_components_(self):
        """Main directions of the texts."""
        return self.text_encoder_.input_map.components

    @property
    def image_scale_(self):
        """What reduced images are divided by."""
        return self.image_encoder_.input_map.scale

    @property
    def text_scale_(self):
        """What reduced texts are divided by."""
        return self.text_encoder_.input_map.scale
