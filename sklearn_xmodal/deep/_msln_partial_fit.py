"""Training of MSLN on pairs that come bit by bit."""

import warnings
from typing import Any

import numpy as np

from sklearn_xmodal.deep._base import TwoEncoderRetriever
from sklearn_xmodal.deep._labels import (
    check_tells_apart,
    encoded_labels,
    known_targets,
)
from sklearn_xmodal.deep._msln_training import build_partial_net, check_goes_on
from sklearn_xmodal.deep.blocks import updated_variates
from sklearn_xmodal.deep.training import NonFiniteLossError, PairSample
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS
from sklearn_xmodal.utils._class_embeddings import class_vectors
from sklearn_xmodal.utils._sklearn_compat import validate_on_fit
from sklearn_xmodal.utils._validation import (
    as_labels,
    check_not_signs,
    check_sample_weight,
    counting_rows,
)


class GoesOnMixin(TwoEncoderRetriever):
    """Mixin of `MSLNRetriever`: ``partial_fit``, and what the net goes on from."""

    __metadata_request__partial_fit = DATA_ARGUMENTS

    _variates: Any

    @validate_on_fit
    def partial_fit(self, X_img, X_txt=None, y=None, classes=None, sample_weight=None):
        """Train for one pass over some of the pairs, or for `max_epochs` passes.

        For pairs that come bit by bit. The first call fixes classes, principal
        components and scales, so it should see a fair sample; the learning rate
        stays constant, and reversal reaches its strength after 400 steps. Canonical
        variates are those of all pairs so far; means of the other blocks, and
        familiarity, those of 300 pairs that are drawn at random from all so far and
        kept. After `fit` it goes on from there. Of the parameters that the training
        depends on, only `max_epochs` may be another one from call to call: others are
        an error.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            As in `fit`; where classes are known, all of these pairs may be without a
            label.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call where its `y`
            does not hold them all. Not used for multi-label `y`.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`. In the training they count relative to their mean in the call,
            in means and moments of all pairs so far as they are.

        Returns
        -------
        self : MSLNRetriever
            The retriever, fitted a little more.

        Raises
        ------
        ValueError
            If a label or a feature was not there in the first call, or if a parameter
            is another one than then.
        """
        with self._as_before_unless_fitted():
            is_interrupted = self._fit_more(X_img, X_txt, y, classes, sample_weight)
        if is_interrupted:
            raise KeyboardInterrupt
        return self

    def _fit_more(self, X_img, X_txt, y, classes, sample_weight):
        """Train on some pairs, and tell whether the user cut that short."""
        first = not hasattr(self, "net_")
        check = self._check_pairs if first else self._check_more_pairs
        X_img, X_txt, y = check("partial_fit", X_img, X_txt, y, sample_weight)
        weight = check_sample_weight(
            sample_weight, X_img.shape[0], at_least=2 if first else 1
        )
        X_img, X_txt, y, weight = (
            counting_rows(weight, A) for A in (X_img, X_txt, y, weight)
        )
        y = self._check_targets(y, needs_some=first and classes is None)
        self._check_parameters()
        seed = self._seeds()[0]
        if first:
            self._resolve_parameters()
            if classes is None or y.ndim == 2:
                check_not_signs(y)
                classes = y
            else:
                classes = np.atleast_1d(as_labels(classes, "classes"))
            self.classes_, _ = encoded_labels(classes, self._label_names)
            check_tells_apart(self.classes_, self)
            self.class_embeddings_ = class_vectors(self.class_embeddings, self.classes_)
        sides = {"image": X_img, "text": X_txt}
        if first:
            self._resolve_input_components(sides, y, seed)
        maps = self._input_maps(sides, seed, first, weight)
        target = known_targets(y, self.classes_, self._label_names)
        data = self._dataset(sides, maps, target, weight)
        if first:
            self._start_variates(data, seed)
            self._sample = PairSample.empty(data)
        else:
            if self._sample is None:
                warnings.warn(
                    "The retriever is from a file of a version that kept no sample of "
                    "its training pairs, for partial_fit to take means of blocks "
                    "from: they begin with these pairs. Give it a fair sample first.",
                    stacklevel=4,
                )
                self._sample = PairSample.empty(data)
            check_goes_on(self, data)
        self._variates = updated_variates(self._variates, data)
        self._sample = self._sample.with_more(data)
        so_far = self._sample.dataset(maps, self.device_)
        n_before = 0 if first or not self.net_.continues else len(self.net_.history)
        try:
            is_interrupted = self._train_a_little(data)
        except NonFiniteLossError:
            if hasattr(self, "net_") and len(self.net_.history) > n_before:
                # With the weights of the last good epoch.
                self._set_encoders(*self._encoders(so_far))
            raise
        self._set_encoders(*self._encoders(so_far))
        return is_interrupted

    def _train_a_little(self, data):
        """Train the net of the last call, or a new one from the weights there are."""
        weights = self.net_.module_.state_dict() if hasattr(self, "net_") else None
        if weights is not None and self.net_.continues:
            net = self.net_
            net.max_epochs = self.max_epochs or 1
            net.resume(*self._seeds(len(net.history))[2:])
        else:
            net = build_partial_net(self, data, self._seeds()[1:]).start_from(weights)
        return self._train(net, data)
