"""Fits from sums over pairs: bit by bit, batch by batch, or merged from many."""

from abc import abstractmethod
from typing import Any

from sklearn.utils.metadata_routing import UNUSED

from sklearn_xmodal.base import SampleWeightMixin
from sklearn_xmodal.cross_decomposition._engine._dask import DaskPairsMixin
from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    pair_moments,
)
from sklearn_xmodal.pairs._batches import arguments_of, each_batch, in_batch
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS, n_rows
from sklearn_xmodal.utils._sklearn_compat import validate_on_fit
from sklearn_xmodal.utils._validation import (
    check_sample_weight,
    count,
    counting_rows,
    validate_tuples,
)

_OF_A_FIT = ("_moments", "image_encoder_", "text_encoder_", "classes_", "n_unlabelled_")


class PartialFitMixin(DaskPairsMixin, SampleWeightMixin):
    """Mixin, left of the base, for retrievers that need no more than sums over pairs.

    So they learn from pairs that come bit by bit, from Dask arrays, and from what
    others of their kind have seen. A subclass says in `_moments_type` and
    ``_moments_of`` what the sums are, and in ``_solve_moments`` what follows from them.
    """

    __metadata_request__partial_fit = {**DATA_ARGUMENTS, "solve": UNUSED}

    #: What `_moments_of` returns: it has `merged`, `state` and `from_state`.
    _moments_type: Any = PairMoments

    @validate_on_fit
    def partial_fit(self, X_img, X_txt=None, y=None, sample_weight=None, solve=True):
        """Add pairs to those of earlier calls, and learn from all of them.

        What is kept are the second moments, merged without loss of digits, so that
        the result is that of one `fit` on all pairs, in any order. Only for a
        covariance close to singular and hardly any ridge do moments hold fewer
        digits than the data: where a column is the sum of others but for a part r
        of its spread, about 1e-16 / r^2 is the error, and below 1e-6 the direction
        is dropped. `fit` looks at the data again then, `partial_fit` cannot. A call
        costs the product of its rows, and the solution of the whole problem: give
        it ten times as many rows as features, or ``solve=False``.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`. The first call needs two pairs, later ones need one.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            As in `fit`. A part may lack some of the classes.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        solve : bool, default=True
            Whether to learn from the pairs so far. With `False` they are only summed,
            also where there are too few of them or one class, and the retriever
            counts as not fitted until a later call, or
            :func:`~sklearn_xmodal.merge`, learns from all.

        Returns
        -------
        self : PartialFitMixin
            The retriever, fitted to all pairs so far.

        Raises
        ------
        ValueError
            As in `fit`; also if the features are not those of the first call, or
            if the retriever was fitted by `fit`, which keeps no moments. The
            retriever is then as it was before the call.
        """
        with self._as_before_unless_fitted():
            pairs = X_img, X_txt, y, sample_weight
            self._add_pairs("partial_fit", *pairs, at_least=2 if solve else 1)
            self._learn_or_wait(solve)
        return self

    @validate_on_fit
    def fit_batches(self, batches):
        """Learn from pairs that come in batches, in one pass, and solve once.

        The result is that of one `fit` on all pairs. Nothing but sums is kept of a
        batch, so memory is bounded by the largest of them.

        Parameters
        ----------
        batches : iterable or callable
            What yields batches: a generator, a list, a DataLoader of torch, a bag of
            Dask; or a function that returns one of these. A batch is a tuple or list of
            the data that `fit` takes, in its order: ``(X_img, X_txt)``, ``(X_img,
            X_txt, y)`` or ``(X_img, X_txt, y, sample_weight)``, with ImageTextPairs or
            a stacked matrix in place of both matrices if need be; or a dict of these by
            name. They may have any number of rows; columns of vectors of Arrow tables
            are matrices, and are not copied.

        Returns
        -------
        self : PartialFitMixin
            The retriever, fitted to all pairs. `partial_fit` may go on with it.

        Raises
        ------
        ValueError
            As in `fit` and `partial_fit`; also if there is no batch. A note says which
            batch is to blame. The retriever is then as it was before the call.

        TypeError
            If a batch is none of these.
        """
        with self._as_before_unless_fitted():
            for name in _OF_A_FIT:
                self.__dict__.pop(name, None)
            for number, batch in enumerate(each_batch(batches)):
                with in_batch(number):
                    pairs = arguments_of(batch, self.n_image_features)
                    if n_rows(pairs[0], "X_img"):  # filters leave empty ones
                        self._add_pairs("fit_batches", *pairs, at_least=1)
            if "_moments" not in vars(self):
                raise ValueError(
                    "fit_batches needs at least one batch with pairs. Got none: a "
                    "generator can be read only once."
                )
            self._learn_or_wait(solve=True)
        return self

    def _moments_of(self, X_img, X_txt, y, sample_weight):
        """Return the sums over some validated pairs, or over blocks of Dask arrays."""
        return pair_moments(X_img, X_txt, sample_weight)

    @abstractmethod
    def _solve_moments(self, moments):
        """Return both encoders for the moments of all pairs."""

    def _counting_pairs(self, weights, X_img, X_txt, y):
        """Return what the sums are over: X_img, X_txt, y, and weights."""
        return X_img, X_txt, y, weights

    def _add_pairs(self, method, X_img, X_txt, y, sample_weight, *, at_least):
        before = vars(self).get("_moments")
        if before is None and "image_encoder_" in vars(self):
            raise ValueError(
                "partial_fit must begin the fit itself, since fit keeps no moments to "
                f"add to. Got a {type(self).__name__} fitted by fit. Use partial_fit "
                "for all pairs, or clone the retriever first."
            )
        pairs = X_img, X_txt, y, sample_weight
        if before is None:
            pairs = self._check_pairs(method, *pairs, at_least=at_least)
        else:
            pairs = self._check_more_pairs(method, *pairs)
            at_least = 1
        X_img, X_txt, y = pairs
        n = X_img.shape[0]
        weights = check_sample_weight(sample_weight, n, at_least=at_least)
        classes = None if before is None else vars(self).get("classes_")
        self._record_classes(counting_rows(weights, y), classes)
        counting = self._counting_pairs(weights, X_img, X_txt, y)
        moments = self._moments_of(*counting)
        self._moments = moments if before is None else before.merged(moments)

    def _learn_or_wait(self, solve):
        """Set the encoders for the moments, or take old ones away."""
        if not solve:
            found = "image_encoder_", "text_encoder_", *self._fitted
            for name in (*found, *self._sometimes_fitted):
                self.__dict__.pop(name, None)
            return
        n = n_pairs(self._moments)
        if n < 2:
            n_unlabelled = vars(self).get("n_unlabelled_", 0)
            others = (
                f", and {n_unlabelled} without a label in y" if n_unlabelled else ""
            )
            raise ValueError(
                f"{type(self).__name__} needs at least 2 pairs that count. Got "
                f"{count(n, 'pair')}{others}."
            )
        validate_tuples(self)
        self._set_encoders(*self._solve_moments(self._moments))

    def __sklearn_is_fitted__(self):
        return "image_encoder_" in vars(self)

    def _get_file_state(self):
        if "_moments" in vars(self) and not self.__sklearn_is_fitted__():
            raise ValueError(
                f"{type(self).__name__} must be fitted to be stored. Got one that "
                "partial_fit(solve=False) has left with sums alone: call merge([...]), "
                "or use pickle or joblib to send it elsewhere."
            )
        return super()._get_file_state()

    def _more_state(self):
        moments = vars(self).get("_moments")
        return {"moments": None if moments is None else moments.state()}

    def _take_more_state(self, state):
        moments = state.pop("moments", None)  # which early versions did not keep
        if moments is not None:
            self._moments = self._moments_type.from_state(moments)

    def _check_takes_dask(self):
        """Moments are sums over blocks."""


def n_pairs(moments):
    """Return the number of pairs of positive weight."""
    return getattr(moments, "pairs", moments).n_samples
