"""To and from the list-of-views form: ``fit([X_img, X_txt])`` instead of pairs."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_xmodal.base import SampleWeightMixin
from sklearn_xmodal.encoders import ViewEncoder
from sklearn_xmodal.pairs._pairs import MODALITIES, ImageTextPairs
from sklearn_xmodal.utils._sklearn_compat import (
    HasMethods,
    validate_on_fit_of_members,
    weights_for,
)
from sklearn_xmodal.utils._validation import check_numbers

# Training pairs that tell whether a model encodes views one by one.
_N_PROBES = 8

_FLOATS = [np.float64, np.float32]

# Relative to the largest entry: float32 models round.
_PROBE_TOLERANCE = 1e-4


class ViewsRetriever(MetaEstimatorMixin, SampleWeightMixin):
    """Retriever made of a model of lists of views, such as those of cca-zoo.

    The model is fitted by ``fit([X_img, X_txt])`` and encodes by
    ``transform([X_img, X_txt])``, which returns one matrix per view; the cosine of
    their rows is the similarity. Such a model wants both views to encode one. The
    other one is then filled with a training item, which is only right where it does
    not matter: `fit` compares codes of some training items with and without their
    other half, and refuses models in which they differ.

    Parameters
    ----------
    estimator : object
        With ``fit(views)`` and ``transform(views)``. A clone is fitted, of what is no
        scikit-learn estimator a deep copy. If its `fit` has an argument `y`, it gets
        the labels; weights need an argument `sample_weight`. A model that is fitted
        already and to be left so goes into
        :class:`~sklearn.frozen.FrozenEstimator`.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    estimator_ : object
        The fitted model.

    image_filler_ : ndarray of shape (1, n_image_features_)
        What stands for images where texts are encoded.

    text_filler_ : ndarray of shape (1, n_text_features_)
        What stands for texts where images are encoded.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`. Only defined if there were 1-D class labels.

    n_components_ : int
        Width of the codes.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    ViewsModel : The other direction.
    CCARetriever : The canonical variates themselves, without labels.

    Notes
    -----
    Views are handed over as dense matrices. Encoding n items of one modality costs
    memory and time for n items of the other, too.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import ViewsRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> class CrossCovariance:
    ...     def fit(self, views):
    ...         self.means = [view.mean(axis=0) for view in views]
    ...         A, B = (v - m for v, m in zip(views, self.means))
    ...         U, _, Vt = np.linalg.svd(A.T @ B, full_matrices=False)
    ...         self.weights = U, Vt.T
    ...         return self
    ...
    ...     def transform(self, views):
    ...         return [
    ...             (v - m) @ w for v, m, w in zip(views, self.means, self.weights)
    ...         ]
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> retriever = ViewsRetriever(CrossCovariance()).fit(X_img, X_txt)
    >>> retriever.transform_text(X_txt[:3]).shape
    (3, 15)
    """

    _fitted = ("estimator_", "image_filler_", "text_filler_")

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "transform"])],
        "n_image_features": [Integral, None],
    }

    def __init__(self, estimator, *, n_image_features=None):
        self.estimator = estimator
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        if isinstance(self.estimator, type):
            raise TypeError(
                f"estimator must be an instance. Got the class {self.estimator!r}."
            )
        views = [_dense(X_img), _dense(X_txt)]
        model = clone(self.estimator, safe=False)
        labels = (y,) if has_fit_parameter(model, "y") else ()
        weights = weights_for(model, sample_weight)
        # The model is the user's own: its parameters are checked, too.
        with config_context(skip_parameter_validation=False):
            model.fit(views, *labels, **weights)
        self.estimator_ = model
        fillers = [view[:1].copy() for view in views]
        self.image_filler_, self.text_filler_ = fillers
        probes = [view[-_N_PROBES:] for view in views]
        together = self._codes_of_views(probes)
        if together[0].shape[1] != together[1].shape[1]:
            raise ValueError(
                "estimator must give both views codes of the same width. Got "
                f"{together[0].shape[1]} and {together[1].shape[1]} columns."
            )
        width = together[0].shape[1]
        encoders = [
            ViewEncoder(estimator=model, place=i, fillers=fillers, n_components_=width)
            for i in range(len(views))
        ]
        self._check_alone(encoders, probes, together)
        return encoders

    def _check_alone(self, encoders, views, together):
        """Compare codes of pairs with those of one item alone."""
        for modality, encoder, view, expected in zip(
            MODALITIES, encoders, views, together, strict=True
        ):
            alone = np.vstack([encoder.apply(row[None]) for row in view])
            size = np.abs(expected).max()
            if not np.abs(alone - expected).max() <= _PROBE_TOLERANCE * size:
                raise ValueError(
                    "estimator must encode every item of a view by itself. Got "
                    f"{type(self.estimator_).__name__}, whose {modality} codes change "
                    "with the other view, with the other rows or from call to call."
                )

    def _codes_of_views(self, views):
        codes = self.estimator_.transform(views)
        if not isinstance(codes, list | tuple) or len(codes) != len(views):
            raise TypeError(
                "transform of estimator must return a list of two matrices, one per "
                f"view. Got {type(codes).__name__} from "
                f"{type(self.estimator_).__name__}."
            )
        return [
            check_numbers(Z, f"codes of {modality} views", dtype=_FLOATS)
            for modality, Z in zip(MODALITIES, codes, strict=True)
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            target = get_tags(self.estimator).target_tags
            tags.target_tags.required = target.required
            tags.target_tags.multi_output = target.multi_output
        return tags


class ViewsModel(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Model of lists of views made of a retriever, for tools such as those of cca-zoo.

    Parameters
    ----------
    retriever : estimator
        A retriever, or a Pipeline or search that ends in one. A clone is fitted.

    Attributes
    ----------
    retriever_ : estimator
        The fitted retriever.

    n_views_ : int
        2, images and texts.

    n_features_per_view_ : list of int
        Number of features of either.

    See Also
    --------
    ViewsRetriever : The other direction.

    Examples
    --------
    >>> from sklearn_xmodal import CCARetriever, ViewsModel
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> model = ViewsModel(CCARetriever(2)).fit([X_img, X_txt])
    >>> Z_img, Z_txt = model.transform([X_img, X_txt])
    >>> Z_txt.shape
    (200, 2)
    """

    # The views are data, which metadata routing is to leave alone.
    __metadata_request__fit = {"views": UNUSED}
    __metadata_request__transform = {"views": UNUSED}
    __metadata_request__score = {"views": UNUSED}

    _fitted = ("retriever_", "n_views_", "n_features_per_view_")
    _parameter_constraints: dict = {"retriever": [HasMethods(["fit", "transform"])]}

    def __init__(self, retriever):
        self.retriever = retriever

    @validate_on_fit_of_members
    def fit(self, views, y=None, sample_weight=None):
        """Fit the retriever to pairs.

        Parameters
        ----------
        views : list of two matrices of shape (n_samples, n_features)
            Image features and text features.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels, for retrievers that learn from them.

        sample_weight : array-like of shape (n_samples,), default=None
            How often every pair counts, for retrievers that take weights.

        Returns
        -------
        self : ViewsModel
            The fitted model.
        """
        pairs = _as_pairs(views)
        weights = weights_for(self.retriever, sample_weight)
        self.retriever_ = clone(self.retriever).fit(pairs, y, **weights)
        self.n_views_ = len(MODALITIES)
        self.n_features_per_view_ = [pairs.image.shape[1], pairs.text.shape[1]]
        return self

    def transform(self, views):
        """Encode both views.

        Parameters
        ----------
        views : list of two matrices of shape (n_samples, n_features)
            Image features and text features.

        Returns
        -------
        codes : list of two matrices of shape (n_samples, n_components)
            Image codes and text codes.
        """
        check_is_fitted(self)
        codes = self.retriever_.transform(_as_pairs(views))
        return [codes.image, codes.text]

    def fit_transform(self, views, y=None, **fit_params):
        """Fit, then encode the same pairs.

        Parameters
        ----------
        views : list of two matrices of shape (n_samples, n_features)
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            As in `fit`.

        **fit_params : dict
            What else `fit` takes: `sample_weight`.

        Returns
        -------
        codes : list of two matrices of shape (n_samples, n_components)
            As in `transform`.
        """
        return self.fit(views, y, **fit_params).transform(views)

    def score(self, views, y=None, sample_weight=None, groups=None):
        """Mean average precision over both directions, as that of the retriever.

        Parameters
        ----------
        views : list of two matrices of shape (n_samples, n_features)
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels. Without them only the other half of a pair is relevant.

        sample_weight : array-like of shape (n_samples,), default=None
            How much every pair counts as a query.

        groups : array-like of shape (n_samples,), default=None
            Ids of rows of the first view that are repeated, as in `score` of the
            retriever.

        Returns
        -------
        score : float
            Between 0 and 1, best is 1.
        """
        check_is_fitted(self)
        given = {"sample_weight": sample_weight, "groups": groups}
        given = {name: value for name, value in given.items() if value is not None}
        return self.retriever_.score(_as_pairs(views), y, **given)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Neither a matrix nor pairs: scikit-learn's checks cannot make such input.
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        if hasattr(self.retriever, "__sklearn_tags__"):
            tags.target_tags = get_tags(self.retriever).target_tags
        return tags


def _as_pairs(views):
    if not isinstance(views, list | tuple) or len(views) != len(MODALITIES):
        got = f"{len(views)} views" if isinstance(views, list | tuple) else type(views)
        raise ValueError(
            "views must be a list of two matrices, image features and text features. "
            f"Got {got}."
        )
    return ImageTextPairs(*views)


def _dense(X):
    return X.toarray() if sparse.issparse(X) else X
