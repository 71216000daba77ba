"""The contract of every retriever, written once."""

from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.encoders import Chain, Encoder, EstimatorEncoder
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.metrics._engine import labelled_codes, told_once
from sklearn_xmodal.pairs import ImageTextPairs, ModalityTransformer
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS, resolve_input
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._containers import as_matrix, is_dask_array
from sklearn_xmodal.utils._entries import check_entries
from sklearn_xmodal.utils._lazy import encoded_blocks
from sklearn_xmodal.utils._old_spellings import OldSpellingsMixin
from sklearn_xmodal.utils._sklearn_compat import (
    OUTPUT_CONFIG,
    get_feature_names,
    in_output_container,
    validate_on_fit,
)
from sklearn_xmodal.utils._validation import (
    LEARN_FROM_PAIRS,
    check_class_targets,
    check_modality,
    check_not_signs,
    check_pair_labels,
    check_sample_weight,
    check_several_classes,
    check_some_labelled,
    check_width,
    counting_rows,
    is_continuous,
    is_labelled,
    names_of_labels,
    sorted_labels,
    united_labels,
)

_ALWAYS_FITTED = (
    "n_image_features_",
    "n_text_features_",
    "n_features_in_",
    "image_encoder_",
    "text_encoder_",
)
_SOMETIMES_FITTED = ("classes_", "feature_names_in_", "n_unlabelled_")


class BaseRetriever(  # type: ignore[call-arg]  # scikit-learn has no types
    OldSpellingsMixin,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
    metaclass=ABCMeta,
):
    """Base of the estimators that put images and texts into one space.

    A subclass stores its parameters, `n_image_features` among them, says what they may
    be in `_parameter_constraints`, and writes one method: ``_fit(X_img, X_txt, y)``,
    which learns from validated pairs and returns two encoders. Input forms, validation,
    scoring and output containers are here. ``ClassLabelsMixin`` is for methods
    that need labels; `_fitted` names what files hold beside the encoders.

    Attributes
    ----------
    image_encoder_ : Encoder
        From image features to codes; lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    n_components_ : int
        Number of columns of the codes.

    See Also
    --------
    sklearn_xmodal.ImageTextPairs : The container form of the input.
    sklearn_xmodal.encoders.Encoder : What an encoder is.
    """

    __metadata_request__fit = __metadata_request__transform = DATA_ARGUMENTS
    # Groups are mostly meant for the splitter, so they are no error without a request.
    __metadata_request__score = {**DATA_ARGUMENTS, "groups": False}

    #: Names of fitted attributes, beside those of every retriever, that files hold:
    #: what every fit sets, and what some fits do.
    _fitted: tuple = ()
    _sometimes_fitted: tuple = ()
    #: What `_more_state` makes of other attributes holds these.
    _fitted_within: tuple = ()

    # First one: what other types are converted to. The others are kept.
    _dtypes: tuple = (np.float64, np.float32)

    @abstractmethod
    def _fit(self, X_img, X_txt, y):
        """Learn from validated pairs, and return an encoder of images and of texts."""

    @property
    def n_components_(self):
        """Number of columns of the codes."""
        return self._encoder("image").n_components_

    @validate_on_fit
    def fit(self, X_img, X_txt=None, y=None):
        """Learn the common space from pairs.

        There are three forms: ``fit(X_img, X_txt, y)`` with two matrices;
        ``fit(pairs, y)`` with an :class:`ImageTextPairs`; and ``fit(X, y)``
        with one matrix, image columns first, where `n_image_features` is set.
        A Pipeline needs the second or third: of two matrices its steps transform
        the first one only, which is an error.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Image features, pairs, or a stacked matrix.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form; in the other two forms the
            second argument is `y`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Class labels, or a binary indicator matrix for several labels per
            pair, whose columns have the names of the classes if it is a DataFrame.
            Ignored by the methods that learn from the pairs alone. A pair without a
            label has -1, None or NaN, in an indicator a row of -1.

        Returns
        -------
        self : BaseRetriever
            The fitted retriever.

        Raises
        ------
        ValueError
            If a side is missing, the rows do not pair up (in number, or by the
            indexes of tables), or a value is NaN or infinite. The retriever is then
            as it was before the call.
        """
        with self._as_before_unless_fitted():
            X_img, X_txt, y = self._check_pairs("fit", X_img, X_txt, y)
            self._record_classes(y)
            self._set_encoders(*self._fit(*self._to_learn_from(y, X_img, X_txt, y)))
        return self

    def transform(self, X_img, X_txt=None):
        """Encode both modalities, in the form of the input.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Image features, pairs (a missing side stays missing), or a stacked
            matrix.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form.

        Returns
        -------
        Z : tuple of two matrices, ImageTextPairs, or one matrix
            Codes of shape (n_samples, n_components_) per modality; side by side in one
            matrix for a stacked input. Dask arrays for Dask arrays, not yet computed.
        """
        check_is_fitted(self)
        form, image, text, _ = resolve_input(self, "transform", X_img, X_txt)
        if form == "stacked":
            Z = np.hstack([self._codes(image, "image"), self._codes(text, "text")])
            return in_output_container(Z, X_img, self.get_feature_names_out, self)
        Z_img = None if image is None else self.transform_image(image)
        Z_txt = None if text is None else self.transform_text(text)
        return ImageTextPairs(Z_img, Z_txt) if form == "pairs" else (Z_img, Z_txt)

    def transform_image(self, X):
        """Encode images.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_image_features)
            Image features, any number of rows; no text is needed.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes; their cosine with text codes is the similarity.
        """
        return self._transform_modality(X, "image")

    def transform_text(self, X):
        """Encode texts.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_text_features)
            Text features, any number of rows; no image is needed.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes; their cosine with image codes is the similarity.
        """
        return self._transform_modality(X, "text")

    def fit_transform(self, X_img, X_txt=None, y=None, **fit_params):
        """Fit, then encode the same pairs.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            As in `fit`.

        **fit_params : dict
            What else `fit` takes, such as `sample_weight`.

        Returns
        -------
        Z : tuple of two matrices, ImageTextPairs, or one matrix
            As in `transform`.
        """
        self.fit(X_img, X_txt, y, **fit_params)
        if isinstance(X_img, ImageTextPairs) or self.n_image_features is not None:
            return self.transform(X_img)
        return self.transform(X_img, X_txt)

    def score(self, X_img, X_txt=None, y=None, sample_weight=None, groups=None):
        """Mean average precision over both directions of retrieval.

        Every image is a query against all given texts and every text against
        all given images, ranked by cosine; the whole ranking counts.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels: an item is relevant if it shares a class with the query.
            Without labels only the other half of the pair is. Where some pairs have
            no label, as in `fit`, these are left out.

        sample_weight : array-like of shape (n_samples,), default=None
            How much every pair counts as a query, at least 0. All pairs are in the
            gallery, whatever their weight.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, each of which counts once, see
            :func:`~sklearn_xmodal.metrics.cross_modal_score`. Searches hand them over
            if metadata routing and ``set_score_request(groups=True)`` say so.

        Returns
        -------
        score : float
            Between 0 and 1, best is 1.
        """
        check_is_fitted(self)
        more = {"sample_weight": sample_weight, "groups": groups}
        _, image, text, y = resolve_input(self, "score", X_img, X_txt, y, **more)
        for modality, side in zip(MODALITIES, (image, text), strict=True):
            if side is None:
                raise ValueError(
                    f"score needs both modalities. Got pairs with {modality}=None."
                )
        y = check_pair_labels(image, y)
        Z_img, Z_txt = self._codes(image, "image"), self._codes(text, "text")
        Z_img, Z_txt, y, weights, ids = labelled_codes(Z_img, Z_txt, y, **more)
        with told_once():
            return cross_modal_score(Z_img, Z_txt, y, sample_weight=weights, groups=ids)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns of the codes of a stacked input.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored, every code depends on every input column.

        Returns
        -------
        names : ndarray of str
            ``image_<class>0``, ... and then ``text_<class>0``, ...
        """
        check_is_fitted(self)
        names = [self._code_names(modality) for modality in MODALITIES]
        return np.concatenate(names)

    def set_output(self, *, transform=None):
        """Choose the container of the codes.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            `None` leaves the setting as it is.

        Returns
        -------
        self : BaseRetriever
            This retriever.
        """
        if transform is not None:
            setattr(self, OUTPUT_CONFIG, {"transform": transform})
        return self

    def _get_file_state(self):
        """Return what a file holds of a fit, nothing where there was none."""
        if "image_encoder_" not in vars(self):
            return {}
        names = [*_ALWAYS_FITTED, *self._fitted]
        optional = [*_SOMETIMES_FITTED, *self._sometimes_fitted]
        names += [name for name in optional if name in vars(self)]
        known = {*names, *self._fitted_within}
        more = [n for n in vars(self) if n.endswith("_") and n not in known]
        if more:
            raise TypeError(
                f"{type(self).__name__} must hold nothing but the attributes that it "
                f"names in _fitted to be stored. Got {', '.join(more)} beside these; "
                "delete what is not of the model, or use pickle or joblib."
            )
        return {name: getattr(self, name) for name in names} | self._more_state()

    def _set_file_state(self, state, version):
        """Take over what `_get_file_state` has returned."""
        if not state:
            return
        state = dict(state)
        self._take_more_state(state)
        optional = {*_SOMETIMES_FITTED, *self._sometimes_fitted} & set(state)
        check_entries(state, {*_ALWAYS_FITTED, *self._fitted, *optional})
        for name in _ALWAYS_FITTED:
            kind = Encoder if name.endswith("encoder_") else Integral
            if not isinstance(state[name], kind):
                raise ValueError(f"{name} is a {type(state[name]).__name__}")
        self.__dict__.update(state)
        self._feature_names = {
            name: self._encoder(name).feature_names_in_ for name in MODALITIES
        }
        for names in self._feature_names.values():
            if not (names is None or isinstance(names, np.ndarray)):
                raise ValueError(f"names of columns are a {type(names).__name__}")

    def _more_state(self):
        """Return what is private, by names that stay."""
        return {}

    def _take_more_state(self, state):
        """Take that out of a state again."""

    def _check_pairs(self, method, X_img, X_txt, y, sample_weight=None, *, at_least=2):
        """Validate pairs to learn from, and record their widths and names."""
        data = resolve_input(
            self, method, X_img, X_txt, y, sample_weight=sample_weight, reset=True
        )
        self._label_names = names_of_labels(data.y)
        sides, names = {}, {}
        for modality in MODALITIES:
            side = getattr(data, modality)
            if side is None:
                raise ValueError(
                    f"{method} needs both modalities. Got pairs with {modality}=None."
                )
            sides[modality] = self._check_side(
                side, modality, ensure_min_samples=at_least
            )
            is_stacked = data.form == "stacked"
            names[modality] = None if is_stacked else get_feature_names(side)
        self._feature_names = names
        self.n_image_features_ = sides["image"].shape[1]
        self.n_text_features_ = sides["text"].shape[1]
        self.n_features_in_ = self.n_image_features_ + self.n_text_features_
        y = check_pair_labels(sides["image"], data.y)
        if method == "fit":  # a part of the pairs may be of one class
            check_not_signs(y)
        return sides["image"], sides["text"], y

    def _to_learn_from(self, y, *arrays):
        """Return the rows that `_fit` gets: all, with a label or without."""
        return arrays

    def _check_more_pairs(self, method, X_img, X_txt, y, sample_weight=None):
        """Validate pairs with the features of those seen before."""
        _, X_img, X_txt, y = resolve_input(
            self, method, X_img, X_txt, y, sample_weight=sample_weight
        )
        self._label_names = names_of_labels(y)
        X_img = self._check_known_side(X_img, "image")
        X_txt = self._check_known_side(X_txt, "text")
        return X_img, X_txt, check_pair_labels(X_img, y)

    @contextmanager
    def _as_before_unless_fitted(self):
        """Take back what a fit has set that fails before there are new encoders."""
        before = vars(self).copy()
        try:
            yield
        except BaseException:
            encoder = vars(self).get("image_encoder_")
            if encoder is None or encoder is before.get("image_encoder_"):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _set_encoders(self, image, text):
        """End a fit: set what encodes, with the names of its columns."""
        self.image_encoder_ = image._named(self._feature_names["image"])
        self.text_encoder_ = text._named(self._feature_names["text"])
        self.__dict__.pop("_label_names", None)  # of this fit alone

    def _encoder(self, modality):
        return self.image_encoder_ if modality == "image" else self.text_encoder_

    def _record_classes(self, y, before=None):
        """Set `classes_`, which tells seen classes from unseen ones, to all so far."""
        self.__dict__.pop("classes_", None)
        if before is not None:
            self.classes_ = before
        if y is None or y.ndim != 1 or is_continuous(y):
            return
        labels = y[is_labelled(y)]
        if len(labels):
            found, _ = sorted_labels(labels)
            self.classes_ = found if before is None else united_labels(before, found)

    def _check_side(self, X, modality, ensure_min_samples=1):
        return check_modality(
            X,
            modality,
            dtype=list(self._dtypes),
            estimator=self,
            ensure_min_samples=ensure_min_samples,
        )

    def _codes(self, X, modality):
        """Validate and encode one modality; of a Dask array when it is computed."""
        if is_dask_array(X):
            width, other = self._widths(modality)
            check_width(X, modality, width, other, estimator=self)
            return encoded_blocks(X, self._encoder(modality), modality, self._dtypes)
        X = self._check_known_side(X, modality)
        return self._encoder(modality)._finite_codes(X, f"the {modality} features")

    def _check_known_side(self, X, modality):
        """Validate features of one modality, which must be those seen in fit."""
        if X is None:
            raise ValueError(f"The {modality} features must be given. Got None.")
        X = as_matrix(X)
        fitted = self._feature_names[modality]
        names = None if fitted is None else get_feature_names(X)
        if names is not None and not np.array_equal(fitted, names):
            raise ValueError(
                f"The columns of the {modality} features must be those seen in fit, in "
                f"the same order. Got {list(names[:5])}, expected {list(fitted[:5])} "
                "(first five shown)."
            )
        X = self._check_side(X, modality)
        width, other = self._widths(modality)
        check_width(X, modality, width, other, estimator=self)
        return X

    def _widths(self, modality):
        """Return the number of features of a modality, and of the other one."""
        widths = self.n_image_features_, self.n_text_features_
        return widths if modality == "image" else widths[::-1]

    def _transform_modality(self, X, modality):
        check_is_fitted(self)
        Z = self._codes(X, modality)
        return in_output_container(Z, X, lambda: self._code_names(modality), self)

    def _code_names(self, modality):
        stem = f"{modality}_{type(self).__name__.lower()}"
        return np.asarray(
            [f"{stem}{i}" for i in range(self.n_components_)], dtype=object
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = [np.dtype(d).name for d in self._dtypes]
        return tags


def encoder_of(estimator, modality, example=None):
    """Return what encodes one modality.

    Parameters
    ----------
    estimator : estimator
        A fitted retriever, or a fitted Pipeline or search whose last step is one; or
        what answers ImageTextPairs of one side with the same.

    modality : {"image", "text"}
        The side.

    example : {array-like, sparse matrix} of shape (1, n_features), default=None
        An item, which tells the width of codes of what is no retriever.

    Returns
    -------
    encoder : Encoder
        One of a Pipeline takes whatever its first step takes.

    Raises
    ------
    ValueError
        If `modality` is neither.

    TypeError
        If it is no estimator that encodes.

    NotFittedError
        If the retriever is not fitted.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
    >>> from sklearn_xmodal import encoder_of
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, _ = make_paired_modalities(100, random_state=0)
    >>> pipe = make_pipeline(ModalityTransformer(), CCARetriever(3))
    >>> pipe.fit(ImageTextPairs(X_img, X_txt))[-1].n_components_
    3
    >>> encoder_of(pipe, "text")(X_txt[:2]).shape
    (2, 3)
    """
    if not isinstance(modality, str) or modality not in MODALITIES:
        raise ValueError(
            "modality must be 'image' or 'text'. Got "
            f"{modality if isinstance(modality, str) else type(modality).__name__!r}."
        )
    if isinstance(estimator, Encoder):
        raise TypeError(
            "encoder_of takes a fitted retriever, or a Pipeline or search over one. "
            f"Got {type(estimator).__name__}, which is an encoder: call it."
        )
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, FrozenEstimator):
        return encoder_of(estimator.estimator, modality, example)
    if isinstance(estimator, BaseRetriever):
        check_is_fitted(estimator)
        return estimator._encoder(modality)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else None
    if isinstance(last, BaseRetriever | FrozenEstimator):
        steps = [_side_of(step, modality) for _, step in estimator.steps[:-1]]
        steps = [step for step in steps if step is not None]
        last = encoder_of(last, modality)
        return Chain(steps=[*steps, last]) if steps else last
    encoder = EstimatorEncoder(estimator=estimator, side=modality)
    if example is None:
        return encoder
    width = encoder.apply(example).shape[1]
    return replace(encoder, n_components_=width)


def _side_of(step, modality):
    """Return one side of a fitted step of pairs, None where it does nothing."""
    if step is None or isinstance(step, str):  # "passthrough"
        return None
    if isinstance(step, ModalityTransformer):
        step, side = step.transformer_of(modality), None
    else:
        side = modality
    if isinstance(step, FunctionTransformer) and step.func is None:
        return None
    return EstimatorEncoder(estimator=step, side=side)


class SampleWeightMixin(BaseRetriever):
    """Mixin, left of :class:`BaseRetriever`, for retrievers that weigh pairs.

    Their `_fit` has a fourth parameter, ``sample_weight=None``: an array of
    positive numbers, in which a weight of 2 is the pair twice.
    """

    # Whether `_fit` sees pairs of weight 0, too, which otherwise are left out before.
    _takes_zero_weights = False

    @validate_on_fit
    def fit(self, X_img, X_txt=None, y=None, sample_weight=None):
        """Learn the common space from pairs.

        There are three forms: ``fit(X_img, X_txt, y)`` with two matrices;
        ``fit(pairs, y)`` with an :class:`ImageTextPairs`; and ``fit(X, y)``
        with one matrix, image columns first, where `n_image_features` is set. Dask
        arrays, of the retrievers that take them, are read by their blocks, on the
        workers of a cluster if there is one. A Pipeline needs the second or third:
        of two matrices its steps transform the first one only, which is an error.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Image features, pairs, or a stacked matrix.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form; in the other two forms the
            second argument is `y`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Class labels, or a binary indicator matrix for several labels per pair,
            whose columns have the names of the classes if it is a DataFrame.
            Recorded, not learnt from, by the methods that learn from the pairs
            alone. A pair without a label has -1, None or NaN, in an indicator a row
            of -1; its weight counts wherever the pair does.

        sample_weight : array-like of shape (n_samples,), default=None
            How often every pair counts, at least 0: a weight of 2 is the pair twice,
            and a pair of weight 0 is left out.

        Returns
        -------
        self : BaseRetriever
            The fitted retriever.

        Raises
        ------
        ValueError
            If a side is missing, the rows do not pair up (in number, or by the
            indexes of tables), a value is NaN or infinite, or a weight is negative.
            The retriever is then as it was before the call.
        """
        with self._as_before_unless_fitted():
            X_img, X_txt, y = self._check_pairs("fit", X_img, X_txt, y, sample_weight)
            weights = check_sample_weight(sample_weight, X_img.shape[0], at_least=2)
            self._record_classes(counting_rows(weights, y))
            if not self._takes_zero_weights:
                X_img, X_txt, y, weights = (
                    counting_rows(weights, A) for A in (X_img, X_txt, y, weights)
                )
            kept = self._to_learn_from(y, X_img, X_txt, y, weights)
            self._set_encoders(*self._fit(*kept))
        return self

    @abstractmethod
    def _fit(self, X_img, X_txt, y, sample_weight=None):
        """Learn from validated pairs, and return an encoder of images and of texts."""


class ClassLabelsMixin(BaseRetriever):
    """Mixin, left of :class:`BaseRetriever`, for retrievers that need class labels."""

    # Whether an item may have several labels.
    _takes_indicator = True
    # Whether `_fit` makes use of pairs without a label.
    _takes_unlabelled = False

    def _to_learn_from(self, y, *arrays):
        """Return the rows that `_fit` gets, and set `n_unlabelled_`."""
        if y is None:
            return arrays
        labelled = is_labelled(y)
        self.n_unlabelled_ = int(np.count_nonzero(~labelled))
        if self._takes_unlabelled or not self.n_unlabelled_:
            return arrays
        check_some_labelled(labelled, LEARN_FROM_PAIRS)
        return tuple(None if A is None else A[labelled] for A in arrays)

    def _check_classes(self, y):
        """Validate labels of at least two classes, and set `classes_`.

        An indicator has the names or numbers of its columns for labels.
        """
        y = check_class_targets(y, self, takes_indicator=self._takes_indicator)
        check_some_labelled(is_labelled(y), LEARN_FROM_PAIRS)
        if y.ndim == 2:
            self.classes_ = self._names_of_columns(y)
        check_several_classes(self.classes_)
        return y

    def _names_of_columns(self, y):
        """Return the labels that the columns of an indicator stand for."""
        names = self._label_names
        return np.arange(y.shape[1]) if names is None else names

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = self._takes_indicator
        return tags
