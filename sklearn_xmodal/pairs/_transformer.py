"""One transformer per modality."""

from contextlib import contextmanager

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.pairs._input import DATA_ARGUMENTS, n_rows, resolve_input
from sklearn_xmodal.pairs._pairs import MODALITIES, ImageTextPairs, stack_columns
from sklearn_xmodal.utils._features import widths_told
from sklearn_xmodal.utils._sklearn_compat import (
    OUTPUT_CONFIG,
    HasMethods,
    ParallelDiagramMixin,
    StrOptions,
    in_output_container,
    validate_on_fit_of_members,
    weights_for,
)
from sklearn_xmodal.utils._validation import check_sample_weight


class ModalityTransformer(  # type: ignore[call-arg]  # scikit-learn has no types
    ParallelDiagramMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Apply one transformer to the images and another to the texts.

    The usual first step of a Pipeline: scaling or PCA for one modality,
    TF-IDF and truncated SVD for the other, all fitted inside the fold.

    Parameters
    ----------
    image : transformer or "passthrough", default="passthrough"
        Applied to the image side. A Pipeline is fine.

    text : transformer or "passthrough", default="passthrough"
        Applied to the text side.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_transformer_ : transformer
        The fitted image transformer.

    text_transformer_ : transformer
        The fitted text transformer.

    n_features_in_ : int
        Number of columns of a stacked input. Only defined if the input of
        `fit` was one.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    ImageTextPairs : The container that goes through a Pipeline.

    Notes
    -----
    A step that is no transformer of pairs, such as ``StandardScaler()`` itself, sees
    the first argument of ``Pipeline.fit`` only: ``pipe.fit(X_img, X_txt)`` would scale
    images and leave texts as they are, without an error. Put it in here, once per
    side, and fit the Pipeline to pairs.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> pairs = ImageTextPairs(X_img, X_txt)
    >>> pipe = make_pipeline(
    ...     ModalityTransformer(image=StandardScaler()), CCARetriever(2)
    ... )
    >>> pipe.fit(pairs, y).transform(ImageTextPairs(text=X_txt[:3]))
    ImageTextPairs(image=None, text=(3, 2) float64)
    """

    # Metadata routing asks the two transformers what they want.
    __metadata_request__fit = {**DATA_ARGUMENTS, "sample_weight": UNUSED}
    __metadata_request__transform = DATA_ARGUMENTS

    #: Names of fitted attributes, which files hold.
    _fitted = (
        "image_transformer_",
        "text_transformer_",
        "n_features_in_",
        "feature_names_in_",
    )

    _parameter_constraints: dict = {
        "image": [StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "text": [StrOptions({"passthrough"}), HasMethods(["fit", "transform"])],
        "n_image_features": [int, np.integer, None],
    }

    def __init__(
        self, *, image="passthrough", text="passthrough", n_image_features=None
    ):
        self.image = image
        self.text = text
        self.n_image_features = n_image_features

    @validate_on_fit_of_members
    def fit(self, X_img, X_txt=None, y=None, sample_weight=None):
        """Fit each transformer on its side.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Pairs, the image features, or a stacked matrix.

        X_txt : matrix of shape (n_samples, n_text_features), default=None
            The text features in the two-array form, otherwise `y`.

        y : array-like of shape (n_samples,), default=None
            Labels, handed to both transformers.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the pairs, handed to both transformers, but those that do not
            learn. With metadata routing, to those that request them.

        Returns
        -------
        self : ModalityTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If a side is missing, or weights are not valid.

        TypeError
            If a transformer does not take the weights.
        """
        data = resolve_input(
            self, "fit", X_img, X_txt, y, sample_weight=sample_weight, reset=True
        )
        for modality in MODALITIES:
            if getattr(data, modality) is None:
                raise ValueError(
                    f"fit needs both modalities. Got pairs with {modality}=None."
                )
        params = self._fit_params(data, sample_weight)
        for modality in MODALITIES:
            transformer = getattr(self, modality)
            if isinstance(transformer, str):  # "passthrough"
                transformer = FunctionTransformer(feature_names_out="one-to-one")
            transformer = clone(transformer)
            self._set_side_output(transformer)
            with _named_in_errors(transformer, modality):
                side = getattr(data, modality)
                transformer.fit(side, data.y, **params.get(modality, {}))
            setattr(self, f"{modality}_transformer_", transformer)
        return self

    def transform(self, X_img, X_txt=None):
        """Transform each side.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Pairs (a missing side stays missing), the image features, or a
            stacked matrix.

        X_txt : matrix of shape (n_samples, n_text_features), default=None
            The text features in the two-array form.

        Returns
        -------
        pairs : ImageTextPairs, tuple of two matrices, or one matrix
            In the form of the input.
        """
        check_is_fitted(self)
        form, image, text, _ = resolve_input(self, "transform", X_img, X_txt)
        image = self._transform_side("image", image)
        text = self._transform_side("text", text)
        if form == "arrays":
            return image, text
        if form == "pairs":
            return ImageTextPairs(image, text)
        Z = stack_columns(*(_without_names(side) for side in (image, text)))
        return in_output_container(Z, X_img, self.get_feature_names_out, self)

    def fit_transform(self, X_img, X_txt=None, y=None, sample_weight=None):
        """Fit, then transform the same pairs.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`.

        X_txt : matrix of shape (n_samples, n_text_features), default=None
            As in `fit`.

        y : array-like of shape (n_samples,), default=None
            As in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        pairs : ImageTextPairs, tuple of two matrices, or one matrix
            In the form of the input.
        """
        self.fit(X_img, X_txt, y, sample_weight)
        if isinstance(X_img, ImageTextPairs) or self.n_image_features is not None:
            return self.transform(X_img)
        return self.transform(X_img, X_txt)

    def get_metadata_routing(self):
        """Return which transformer requests what of metadata routing.

        Returns
        -------
        routing : MetadataRouter
            From `fit` and `fit_transform` to `fit` of both transformers.
        """
        mapping = MethodMapping()
        mapping.add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(method_mapping=mapping, **self._transformers())

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns, prefixed by their modality.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of a stacked input, if it had none in `fit`.

        Returns
        -------
        names : ndarray of str
            ``image__*``, then ``text__*``.
        """
        check_is_fitted(self)
        names = {"image": None, "text": None}
        if input_features is not None and self.n_image_features is not None:
            names["image"] = input_features[: self.n_image_features]
            names["text"] = input_features[self.n_image_features :]
        columns = []
        for modality in MODALITIES:
            transformer = self.transformer_of(modality)
            out = transformer.get_feature_names_out(names[modality])
            columns += [f"{modality}__{name}" for name in out]
        return np.asarray(columns, dtype=object)

    def set_output(self, *, transform=None):
        """Choose the container of the outputs, for both transformers.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            `None` leaves the setting as it is.

        Returns
        -------
        self : ModalityTransformer
            This object.
        """
        if transform is not None:
            setattr(self, OUTPUT_CONFIG, {"transform": transform})
            for modality in MODALITIES:
                self._set_side_output(getattr(self, f"{modality}_transformer_", None))
        return self

    def transformer_of(self, modality):
        """Return the fitted transformer of one side.

        Parameters
        ----------
        modality : {"image", "text"}
            The side.

        Returns
        -------
        transformer : estimator
            The one that `fit` made a clone of.
        """
        check_is_fitted(self)
        if modality == "image":
            return self.image_transformer_
        return self.text_transformer_

    def _transformers(self):
        """Return those that are to be fitted, by modality."""
        sides = {modality: getattr(self, modality) for modality in MODALITIES}
        return {m: side for m, side in sides.items() if not isinstance(side, str)}

    def _fit_params(self, data, sample_weight):
        """Return what `fit` of either transformer gets beside the data."""
        n = n_rows(data.image, "image")
        weights = check_sample_weight(sample_weight, n, at_least=1)
        if weights is not None and get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=weights)
            return {name: routed[name].fit for name in self._transformers()}
        sides = self._transformers().items()
        return {name: weights_for(side, weights) for name, side in sides}

    def _set_side_output(self, transformer):
        config = getattr(self, OUTPUT_CONFIG, {})
        if config and hasattr(transformer, "set_output"):
            transformer.set_output(**config)

    def _transform_side(self, modality, X):
        if X is None:
            return None
        transformer = self.transformer_of(modality)
        other = self.transformer_of("text" if modality == "image" else "image")
        widths = [getattr(t, "n_features_in_", None) for t in (transformer, other)]
        with (
            widths_told(X, widths[0], f"the {modality} features", widths[1]),
            _named_in_errors(transformer, modality),
        ):
            return transformer.transform(X)

    def _side_by_side(self):
        """Show both sides in the diagram, also one that passes through."""
        sides = [getattr(self, modality) for modality in MODALITIES]
        for i, modality in enumerate(MODALITIES):
            if not isinstance(sides[i], str):
                sides[i] = getattr(self, f"{modality}_transformer_", sides[i])
        return MODALITIES, sides

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        sides = [_input_tags(getattr(self, modality)) for modality in MODALITIES]
        for ability in ("allow_nan", "sparse", "string"):
            able = all(side is None or getattr(side, ability) for side in sides)
            setattr(tags.input_tags, ability, able)
        # Whatever the two transformers do to the dtype.
        tags.transformer_tags.preserves_dtype = []
        return tags


@contextmanager
def _named_in_errors(transformer, modality):
    """Say below an error of a transformer which one it was."""
    try:
        yield
    except Exception as error:
        name = type(transformer).__name__
        error.add_note(f"Raised by {name}, {modality}= of a ModalityTransformer.")
        raise


def _input_tags(transformer):
    """Tags of what a transformer accepts; None where that is not restricted."""
    if not hasattr(transformer, "__sklearn_tags__"):  # "passthrough"
        return None
    return get_tags(transformer).input_tags


def _without_names(side):
    return side if sparse.issparse(side) else np.asarray(side)
