"""Semantic autoencoder: a regression on class vectors that must lead back."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.cross_decomposition._engine import (
    ClassVectorsRetriever,
    linear_encoders,
)
from sklearn_xmodal.utils._linalg import stable_eigh
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality


class SemanticAutoencoderRetriever(ClassVectorsRetriever):
    r"""Semantic autoencoder: both modalities mapped to class vectors and back.

    One linear autoencoder per modality, whose code must be the vector of the class
    and whose decoder is the transposed encoder [1]_:

    .. math::
        \min_W \lVert W x - e \rVert^2 + \mu \lVert x - W^\top e \rVert^2,

    summed over the training items, where x are features and e class vectors, both
    centred and divided by one global scale each. Setting the gradient to zero gives
    a Sylvester equation

    .. math:: A W + W B = C, \quad
        A = \mu C_{ee}, \; B = C_{xx}, \; C = (1 + \mu) C_{ex}

    of covariances. A and B are symmetric, so that their eigenvectors
    :math:`U, V` solve it entry by entry, also where A is singular, as it is for
    one-hot class vectors:

    .. math:: (U^\top W V)_{ij} = \frac{(U^\top C V)_{ij}}{a_i + b_j}.

    The decoder acts like a ridge whose strength follows the variance of the class
    vectors. In [1]_ the first term has the weight :math:`\lambda = 1 / \mu`. Codes
    are :math:`W x`.

    Parameters
    ----------
    reconstruction_weight : float or tuple of float, default=0.1
        :math:`\mu`, at least 0, which leaves a least squares regression. A tuple
        gives ``(image, text)``.

    class_embeddings : mapping, DataFrame or None, default=None
        Vector :math:`e` per label: a mapping from label to vector, or a
        DataFrame with one row per label. Only labels seen in `fit` are needed.
        `None` is one-hot. For multi-label `y` labels are column numbers, and
        an item takes the mean over its classes.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        :math:`W^\top` for centred image features; their scale is in it.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        :math:`W^\top` for centred text features; their scale is in it.

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
        The vectors used, in the order of `classes_`, as they were given.

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
    RidgeRetriever : With an ordinary ridge instead of the decoder.

    Notes
    -----
    The data are read block by block, and neither copied nor, where sparse, densified
    as a whole. With fewer samples than features the products of rows replace the
    covariance. Directions with less than about 1e-12 of the variance of the largest
    get no weight.

    References
    ----------
    .. [1] E. Kodirov, T. Xiang, S. Gong, "Semantic autoencoder for zero-shot
       learning", CVPR 2017.

    Examples
    --------
    >>> from sklearn_xmodal import SemanticAutoencoderRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y, vectors = make_paired_modalities(
    ...     100, n_classes=3, n_shared=4, random_state=0, return_class_vectors=True
    ... )
    >>> sae = SemanticAutoencoderRetriever(class_embeddings=dict(enumerate(vectors)))
    >>> sae.fit(X_img, X_txt, y).transform_text(X_txt[:2]).shape
    (2, 4)
    """

    _fitted = ("class_embeddings_",)

    _parameter_constraints: dict = {
        "reconstruction_weight": [Interval(Real, 0, None, closed="left"), tuple],
        "class_embeddings": [Mapping, "array-like", None],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        *,
        reconstruction_weight=0.1,
        class_embeddings=None,
        n_image_features=None,
    ):
        self.reconstruction_weight = reconstruction_weight
        self.class_embeddings = class_embeddings
        self.n_image_features = n_image_features

    def _solve(self, problem):
        vectors, axes = self._vectors_of_classes(problem.counts), problem.axes
        covariance = problem.counts.covariance(vectors)
        scale = np.sqrt(np.trace(covariance) / len(covariance))
        a, U = stable_eigh(covariance / scale**2)
        weights = per_modality(self.reconstruction_weight, "reconstruction_weight")
        solved = [
            _encoder(side, vectors / scale, np.maximum(a, 0), U, weight)
            for side, weight in zip(axes, weights, strict=True)
        ]
        return linear_encoders(axes, solved)


def _encoder(side, vectors, a, U, weight):
    """Solve the Sylvester equation in the axes of x and of e; return W transposed."""
    scale = np.sqrt(side.variance)
    b = side.variances / side.variance
    cross = side.with_classes @ vectors @ U / scale  # (r, n_class_features)
    W = (1 + weight) * cross / (weight * a + b[:, None])
    return side.root(W @ U.T / scale)
