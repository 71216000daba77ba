"""Ridge regression of both modalities on what their classes are."""

from collections.abc import Mapping
from numbers import Integral, Real

from sklearn_xmodal.cross_decomposition._engine import (
    ClassVectorsRetriever,
    linear_encoders,
)
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality


class RidgeRetriever(ClassVectorsRetriever):
    r"""Ridge regression of both modalities on class indicators or class vectors.

    Image features :math:`x` predict the vector :math:`e_y` of the class, and text
    features do the same with weights of their own [1]_:

    .. math::
        \min_{W, b} \frac{1}{n} \sum_i \lVert W^\top x_i + b - e_{y_i} \rVert^2
        + \alpha s \lVert W \rVert_F^2, \qquad
        W = (C_{xx} + \alpha s I)^{-1} C_{xe},

    where C are covariances and s is the mean variance of the modality, so that one
    grid of `alpha` serves data of every scale. Codes are the predictions less the
    mean class vector, :math:`W^\top (x - \bar x)`. Images and texts never meet in
    training. For the classes of the training pairs it is a strong baseline; codes of
    items of other classes say which of the known ones they resemble.

    Parameters
    ----------
    alpha : float or tuple of float, default=0.1
        Ridge relative to the mean variance of the modality, at least 0. A tuple
        gives ``(image, text)``. For classes that are not in training ten times as
        much is often better.

    class_embeddings : mapping, DataFrame or None, default=None
        Vector :math:`e_y` per label: a mapping from label to vector, or a
        DataFrame with one row per label. Only labels seen in `fit` are needed.
        `None` is one-hot, the class indicator. For multi-label `y` labels are column
        numbers, and an item takes the mean over its classes.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        W for centred image features.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        W for centred text features.

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the image features.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the text features.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels; names or numbers of columns for multi-label `y`.

    n_unlabelled_ : int
        Number of pairs without a label, which were left out.

    class_embeddings_ : ndarray of shape (n_classes, n_components_)
        The vectors used, in the order of `classes_`.

    n_components_ : int
        Length of the class vectors.

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
    SemanticAutoencoderRetriever : The regression must also lead back to the features.
    SemanticMatchingRetriever : Logistic instead of squared loss.
    sklearn.linear_model.RidgeClassifier : Ridge regression on indicators, to classify.

    Notes
    -----
    The data are read block by block, and neither copied nor, where sparse, densified
    as a whole. With fewer samples than features the products of rows replace the
    covariance. Directions with less than about 1e-12 of the variance of the largest
    get no weight.

    References
    ----------
    .. [1] A. E. Hoerl, R. W. Kennard, "Ridge regression: biased estimation for
       nonorthogonal problems", Technometrics, 1970.

    Examples
    --------
    >>> from sklearn_xmodal import RidgeRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(100, n_classes=3, random_state=0)
    >>> ridge = RidgeRetriever().fit(X_img, X_txt, y)
    >>> ridge.transform_text(X_txt[:2]).shape
    (2, 3)
    """

    _fitted = ("class_embeddings_",)

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left"), tuple],
        "class_embeddings": [Mapping, "array-like", None],
        "n_image_features": [Integral, None],
    }

    def __init__(self, *, alpha=0.1, class_embeddings=None, n_image_features=None):
        self.alpha = alpha
        self.class_embeddings = class_embeddings
        self.n_image_features = n_image_features

    def _solve(self, problem):
        vectors, axes = self._vectors_of_classes(problem.counts), problem.axes
        # In the axes V of C_xx: W = V (variances + alpha s)^-1 V' C_xe
        weights = [
            side.root(side.with_classes @ vectors / side.ridged(alpha)[:, None])
            for side, alpha in zip(axes, per_modality(self.alpha, "alpha"), strict=True)
        ]
        return linear_encoders(axes, weights)
