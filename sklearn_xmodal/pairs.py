"""Image-text pairs as one object, and transformers that treat each side alone."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_xmodal.utils._sklearn_compat import (
    HasMethods,
    StrOptions,
    in_output_container,
    validate_on_fit,
)
from sklearn_xmodal.utils._validation import count

MODALITIES = ("image", "text")
# The two modalities are data, which metadata routing is to leave alone.
DATA_ARGUMENTS = {"X_img": UNUSED, "X_txt": UNUSED}


class ImageTextPairs:
    """Image features and text features whose rows are pairs.

    scikit-learn's splitters and searches need one object that can be sliced
    by rows. This is it: row ``i`` of `image` belongs to row ``i`` of `text`,
    and each side keeps its own type, so sparse text can stand beside dense
    images without a copy. It carries no labels: pass `y` separately.

    Parameters
    ----------
    image : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...), \
            default=None
        The image side. `None` where only text is to be projected.

    text : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...), \
            default=None
        The text side. Raw strings, shape (n_samples,), are fine where a
        :class:`ModalityTransformer` turns them into features.

    Attributes
    ----------
    shape : tuple of int
        Rows, and columns of both sides together.

    Raises
    ------
    ValueError
        If the sides differ in their number of rows, or both are missing.

    See Also
    --------
    ModalityTransformer : One transformer per side of such pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import ImageTextPairs
    >>> pairs = ImageTextPairs(np.ones((4, 3)), np.zeros((4, 2)))
    >>> pairs[:2]
    ImageTextPairs(image=(2, 3) float64, text=(2, 2) float64)
    >>> pairs.shape
    (4, 5)
    """

    __slots__ = ("image", "text")

    # Iterating would run over rows in one reader's mind, over sides in another's.
    __iter__ = None

    def __init__(self, image=None, text=None):
        self.image = _as_side(image, "image")
        self.text = _as_side(text, "text")
        if self.image is None and self.text is None:
            raise ValueError(
                "ImageTextPairs needs at least one side. Got image=None and text=None."
            )
        if self.image is not None and self.text is not None:
            n_image, n_text = self.image.shape[0], self.text.shape[0]
            if n_image != n_text:
                raise ValueError(
                    "Image and text must have the same number of rows, one pair per "
                    f"row. Got {count(n_image, 'image row')} and "
                    f"{count(n_text, 'text row')}."
                )

    @property
    def shape(self):
        """Rows, and columns of both sides together."""
        return len(self), sum(_n_columns(s) for s in self._sides() if s is not None)

    def __len__(self):
        side = self.text if self.image is None else self.image
        return side.shape[0]

    def __getitem__(self, key):
        """Return the pairs of some rows: a slice, a mask or an array of integers."""
        if isinstance(key, tuple):
            # scikit-learn asks for array[rows, ...]
            key, *rest = key
            if any(r is not Ellipsis for r in rest):
                raise TypeError(
                    "ImageTextPairs can be indexed by rows only. "
                    f"Got {1 + len(rest)} indices; index .image or .text for columns."
                )
        if isinstance(key, (int, np.integer)):
            raise TypeError(
                "ImageTextPairs are indexed by a slice, a mask or an array of rows. "
                f"Got the single integer {key}; use pairs[[{key}]]."
            )
        return ImageTextPairs(*(_take_rows(side, key) for side in self._sides()))

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "ImageTextPairs hold two matrices and are not an array. Use "
            "pairs.to_stacked(), or an estimator of sklearn_xmodal."
        )

    def __repr__(self):
        sides = zip(MODALITIES, self._sides(), strict=True)
        inner = ", ".join(f"{name}={_describe(side)}" for name, side in sides)
        return f"ImageTextPairs({inner})"

    def _sides(self):
        return self.image, self.text

    @classmethod
    def from_stacked(cls, X, n_image_features):
        """Split one matrix whose first columns are the image features.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Image columns, then text columns.

        n_image_features : int
            Number of image columns, at least 1 and fewer than all.

        Returns
        -------
        pairs : ImageTextPairs
            Views into `X` where its type allows.

        Raises
        ------
        ValueError
            If `X` is not a matrix, or no column would be left for one side.
        """
        X = _as_side(X, "stacked")
        if len(X.shape) != 2:
            raise ValueError(
                "X must be a matrix of shape (n_samples, n_features). Got shape "
                f"{tuple(X.shape)}."
            )
        check_n_image_features(n_image_features, X.shape[1])
        if hasattr(X, "iloc"):
            return cls(X.iloc[:, :n_image_features], X.iloc[:, n_image_features:])
        return cls(X[:, :n_image_features], X[:, n_image_features:])

    def to_stacked(self):
        """Return one matrix, image columns first.

        Returns
        -------
        X : {ndarray, csr_matrix, DataFrame} of shape (n_samples, n_features)
            Sparse if either side is, a DataFrame if both sides are.

        Raises
        ------
        ValueError
            If a side is missing.
        """
        for name, side in zip(MODALITIES, self._sides(), strict=True):
            if side is None:
                raise ValueError(f"to_stacked needs both sides. Got {name}=None.")
        return stack_columns(self.image, self.text)


def stack_columns(image, text):
    """Put two matrices side by side in the type that holds both."""
    if sparse.issparse(image) or sparse.issparse(text):
        return sparse.hstack([image, text], format="csr")
    if hasattr(image, "iloc") and hasattr(text, "iloc"):
        import pandas as pd

        # Rows are pairs by position, whatever the two indices say.
        return pd.concat([image, text.set_axis(image.index, axis=0)], axis=1)
    return np.hstack([image, text])


def check_n_image_features(n_image_features, n_features):
    """Raise a ValueError unless both modalities get at least one column."""
    if not 1 <= n_image_features < n_features:
        raise ValueError(
            "n_image_features must leave at least one column for each modality: "
            "1 <= n_image_features < number of columns. "
            f"Got n_image_features={n_image_features} for X with "
            f"n_features={n_features}."
        )


def _as_side(X, name):
    if X is None:
        return None
    if isinstance(X, ImageTextPairs):
        raise TypeError(f"{name} must be a matrix. Got ImageTextPairs; use its sides.")
    if sparse.issparse(X):
        return X.tocsr()
    if hasattr(X, "shape") and hasattr(X, "__getitem__"):
        side = X
    else:
        try:
            side = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"The {name} side must have rows of equal length: {error}"
            ) from None
    if len(side.shape) == 0:
        raise ValueError(
            f"The {name} side must have rows. Got a scalar: {type(X).__name__}."
        )
    return side


def _take_rows(side, key):
    if side is None:
        return None
    if not isinstance(key, slice):
        key = np.asarray(key)
        if key.size == 0:
            key = key.astype(np.intp)
    return side.iloc[key] if hasattr(side, "iloc") else side[key]


def _n_columns(side):
    return int(np.prod(side.shape[1:], dtype=int))


def _describe(side):
    if side is None:
        return "None"
    if hasattr(side, "iloc"):
        return f"{side.shape} {type(side).__name__}"
    kind = " sparse" if sparse.issparse(side) else ""
    return f"{tuple(side.shape)} {side.dtype}{kind}"


class ResolvedInput(NamedTuple):
    """What the arguments of a method meant."""

    form: str  # "arrays", "pairs" or "stacked"
    image: object
    text: object
    y: object


def resolve_input(estimator, method, X_img, X_txt=None, y=None, *, reset=False):
    """Decide which of the three input forms a call used, and take it apart.

    The type of the first argument and `n_image_features` decide, never the
    shape of the second argument.

    Parameters
    ----------
    estimator : estimator instance
        With a parameter `n_image_features`.

    method : str
        Name of the calling method, for errors.

    X_img, X_txt, y : object
        The arguments as the user gave them.

    reset : bool, default=False
        Whether the call is a fit, which records `n_features_in_`.

    Returns
    -------
    resolved : ResolvedInput
        Form, image side, text side and labels.

    Raises
    ------
    TypeError
        If there is an argument too many for the form.

    ValueError
        If a side is missing, or labels stand where the text should be.
    """
    if reset:  # of an earlier fit, perhaps in another form
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    if isinstance(X_img, ImageTextPairs):
        y = _second_is_y(method, "ImageTextPairs", X_txt, y)
        return ResolvedInput("pairs", X_img.image, X_img.text, y)
    if estimator.n_image_features is not None:
        y = _second_is_y(method, "a stacked matrix (n_image_features is set)", X_txt, y)
        X = validate_data(
            estimator,
            X_img,
            accept_sparse="csr",
            dtype=None,
            ensure_all_finite=False,
            reset=reset,
            # A DataFrame keeps its columns; each side is checked by itself.
            skip_check_array=hasattr(X_img, "iloc"),
        )
        pairs = ImageTextPairs.from_stacked(X, estimator.n_image_features)
        return ResolvedInput("stacked", pairs.image, pairs.text, y)
    _check_two_arrays(method, X_img, X_txt)
    return ResolvedInput("arrays", X_img, X_txt, y)


def _second_is_y(method, first, second, y):
    if method == "transform" and second is not None:
        raise TypeError(
            f"transform takes one argument when the first is {first}. Got two."
        )
    if second is not None and y is not None:
        raise TypeError(
            f"{method} takes at most two arguments when the first is {first}: "
            "the pairs and y. Got three."
        )
    return second if y is None else y


def _check_two_arrays(method, X_img, X_txt):
    if X_txt is None:
        raise ValueError(
            f"{method} needs both modalities: {method}(X_img, X_txt, ...), "
            f"{method}(ImageTextPairs(X_img, X_txt), ...), or one stacked matrix and "
            "n_image_features. Got no text side (X_txt=None)."
        )
    ndim = len(X_txt.shape) if hasattr(X_txt, "shape") else np.ndim(X_txt)
    if ndim == 1:
        raise ValueError(
            f"The second argument of {method} must be the text features, a matrix of "
            "shape (n_samples, n_text_features). Got a 1-D array, which looks like "
            f"labels: call {method}(X_img, X_txt, y). Raw strings go into "
            "ImageTextPairs."
        )
    n_image, n_text = _n_rows(X_img), _n_rows(X_txt)
    if n_image != n_text:
        raise ValueError(
            "Image and text must have the same number of rows, one pair per row. "
            f"Got {count(n_image, 'image row')} and {count(n_text, 'text row')}."
        )


def _n_rows(X):
    try:
        return X.shape[0] if hasattr(X, "shape") else len(X)
    except (TypeError, IndexError):
        raise TypeError(
            "Each modality must be a matrix with one row per pair. "
            f"Got {type(X).__name__}."
        ) from None


class ModalityTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
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

    __metadata_request__fit = DATA_ARGUMENTS
    __metadata_request__transform = DATA_ARGUMENTS

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

    @validate_on_fit
    def fit(self, X_img, X_txt=None, y=None):
        """Fit each transformer on its side.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Pairs, the image features, or a stacked matrix.

        X_txt : matrix of shape (n_samples, n_text_features), default=None
            The text features in the two-array form, otherwise `y`.

        y : array-like of shape (n_samples,), default=None
            Labels, handed to both transformers.

        Returns
        -------
        self : ModalityTransformer
            The fitted transformer.
        """
        data = resolve_input(self, "fit", X_img, X_txt, y, reset=True)
        for modality in MODALITIES:
            side = getattr(data, modality)
            if side is None:
                raise ValueError(
                    f"fit needs both modalities. Got pairs with {modality}=None."
                )
            transformer = getattr(self, modality)
            if isinstance(transformer, str):  # "passthrough"
                transformer = FunctionTransformer(feature_names_out="one-to-one")
            transformer = clone(transformer)
            self._set_side_output(transformer)
            transformer.fit(side, data.y)
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

    def fit_transform(self, X_img, X_txt=None, y=None):
        """Fit, then transform the same pairs.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`.

        X_txt : matrix of shape (n_samples, n_text_features), default=None
            As in `fit`.

        y : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        pairs : ImageTextPairs, tuple of two matrices, or one matrix
            In the form of the input.
        """
        self.fit(X_img, X_txt, y)
        if isinstance(X_img, ImageTextPairs) or self.n_image_features is not None:
            return self.transform(X_img)
        return self.transform(X_img, X_txt)

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
            transformer = getattr(self, f"{modality}_transformer_")
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
            self._sklearn_output_config = {"transform": transform}
            for modality in MODALITIES:
                self._set_side_output(getattr(self, f"{modality}_transformer_", None))
        return self

    def _set_side_output(self, transformer):
        config = getattr(self, "_sklearn_output_config", {})
        if config and hasattr(transformer, "set_output"):
            transformer.set_output(**config)

    def _transform_side(self, modality, X):
        if X is None:
            return None
        return getattr(self, f"{modality}_transformer_").transform(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        sides = [_input_tags(getattr(self, modality)) for modality in MODALITIES]
        for ability in ("allow_nan", "sparse", "string"):
            able = all(side is None or getattr(side, ability) for side in sides)
            setattr(tags.input_tags, ability, able)
        # Whatever the two transformers do to the dtype.
        tags.transformer_tags.preserves_dtype = []
        return tags


def _input_tags(transformer):
    """Tags of what a transformer accepts; None where that is not restricted."""
    if not hasattr(transformer, "__sklearn_tags__"):  # "passthrough"
        return None
    return get_tags(transformer).input_tags


def _without_names(side):
    return side if sparse.issparse(side) else np.asarray(side)
