"""Canonical correlation analysis of three views: images, texts and class vectors."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._problems import pair_axes
from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    ClassVectorsRetriever,
    directions,
)
from sklearn_xmodal.utils._linalg import relative_powers, stable_eigh
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality


class ThreeViewCCARetriever(ClassVectorsRetriever):
    r"""Canonical correlation analysis of images, texts and class vectors.

    Projects the three views of every pair to nearly the same place [1]_:

    .. math::
        \min_{W_1, W_2, W_3} \sum_{i < j} \lVert X_i W_i - X_j W_j \rVert_F^2
        \quad \text{such that} \quad
        \sum_i W_i^\top (C_{ii} + \alpha_i s_i I) W_i = I,

    where :math:`X_1, X_2` are image and text features, the rows of :math:`X_3` the
    vectors of their classes, all centred, and s the mean variance of a view. It is
    the generalised eigenproblem

    .. math::
        \sum_{j=1}^{3} C_{ij} w_j + \alpha_i s_i w_i =
        \lambda (C_{ii} + \alpha_i s_i I) w_i, \qquad i = 1, 2, 3,

    and every coordinate of a code is multiplied by its eigenvalue to a power, so that
    the cosine of codes is the similarity of [1]_. Pairs tie images to texts, and
    labels pull the pairs of a class together.

    Parameters
    ----------
    n_components : int, default=None
        Number of directions. `None` takes all with an eigenvalue above 1, those
        along which the views agree.

    alpha : float or tuple of float, default=1.0
        Ridges :math:`\alpha_1, \alpha_2` relative to the mean variance of the
        modality, at least 0. A tuple gives ``(image, text)``.

    class_alpha : float, default=1.0
        :math:`\alpha_3`. The larger, the less the classes count beside the pairs;
        with 0 only the number of classes matters, not where their vectors lie.

    component_power : float, default=4.0
        Power of the eigenvalues, relative to the largest. 4 is the choice of [1]_.

    class_embeddings : mapping, DataFrame or None, default=None
        Vector per label: a mapping from label to vector, or a DataFrame with one row
        per label. Only labels seen in `fit` are needed. `None` is one-hot. For
        multi-label `y` labels are column numbers, and an item takes the mean over its
        classes.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    eigenvalues_ : ndarray of shape (n_components_,)
        :math:`\lambda`, largest first, at most 3; 1 is no agreement between views.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        :math:`W_1`.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        :math:`W_2`.

    class_weights_ : ndarray of shape (n_class_features, n_components_)
        :math:`W_3`.

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

    class_embeddings_ : ndarray of shape (n_classes, n_class_features)
        The vectors used, in the order of `classes_`, as they were given.

    n_components_ : int
        Number of directions.

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
    CCARetriever : Two views, without labels.
    MvDARetriever : Labels without pairs.

    Notes
    -----
    The data are read block by block, and neither copied nor, where sparse, densified
    as a whole. With fewer samples than features the products of rows replace the
    covariances. Directions with less than about 1e-12 of the variance of the largest
    get no weight. The eigenproblem has one row per direction of all three views.

    References
    ----------
    .. [1] Y. Gong, Q. Ke, M. Isard, S. Lazebnik, "A multi-view embedding space
       for modeling internet images, tags, and their semantics", International
       Journal of Computer Vision, 2014.

    Examples
    --------
    >>> from sklearn_xmodal import ThreeViewCCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> cca = ThreeViewCCARetriever(n_components=4).fit(X_img, X_txt, y)
    >>> cca.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _fitted = ("eigenvalues_", "class_weights_", "class_embeddings_")

    _old_spellings = {"eigenvalue_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left"), tuple],
        "class_alpha": [Interval(Real, 0, None, closed="left")],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "class_embeddings": [Mapping, "array-like", None],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        class_alpha=1.0,
        component_power=4.0,
        class_embeddings=None,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.class_alpha = class_alpha
        self.component_power = component_power
        self.class_embeddings = class_embeddings
        self.n_image_features = n_image_features

    def _axes(self, X_img, X_txt, memberships, sample_weight):
        return pair_axes(X_img, X_txt, memberships, sample_weight)

    def _solve(self, problem):
        vectors = self._vectors_of_classes(problem.counts)
        R_cls = _whitening(problem.counts.covariance(vectors), self.class_alpha)
        image, text, cross, _ = problem
        alphas = per_modality(self.alpha, "alpha")
        # Whitened by R_i, the problem is that of a symmetric matrix with the blocks
        # R_i' C_ij R_j and identities on its diagonal; then W_i = R_i U_i.
        R_img, R_txt = image.whitening(alphas[0]), text.whitening(alphas[1])
        eigenvalues, U = _eigenvectors(
            R_img * cross * R_txt.T,
            R_img * (image.with_classes @ vectors @ R_cls),
            R_txt * (text.with_classes @ vectors @ R_cls),
        )
        k = self._count_components(eigenvalues)
        ends = [len(R_img), len(R_img) + len(R_txt)]
        U_img, U_txt, U_cls = np.split(U[:, :k], ends)
        self.eigenvalues_ = eigenvalues[:k]
        scales = relative_powers(self.eigenvalues_, self.component_power)
        coordinates = R_img * U_img, R_txt * U_txt
        encoders, signs = directions((image, text), coordinates, scales)
        self.class_weights_ = R_cls @ U_cls * signs
        return encoders

    def _count_components(self, eigenvalues):
        """Return how many directions to keep."""
        rounding = len(eigenvalues) * np.finfo(float).eps * eigenvalues[0]
        available = max(1, int(np.count_nonzero(eigenvalues > 1 + rounding)))
        if self.n_components is None:
            return available
        if self.n_components > available:
            raise ValueError(
                f"n_components must be at most {available}, the number of directions "
                "along which the three views agree (eigenvalue above 1). Got "
                f"n_components={self.n_components}."
            )
        return self.n_components


def _whitening(covariance, alpha):
    """Return W with W' (C + ridge) W = I on the range of the class vectors."""
    w, V = stable_eigh(covariance)
    rank = np.count_nonzero(w > len(w) * np.finfo(float).eps * w[0])
    return V[:, :rank] / np.sqrt(w[:rank] + alpha * np.trace(covariance) / len(w))


def _eigenvectors(image_text, image_class, text_class):
    """Solve the eigenproblem in whitened coordinates, where the blocks are these."""
    p, q = image_text.shape
    K = np.eye(p + q + image_class.shape[1])
    # Only the lower triangle is read.
    K[p : p + q, :p] = image_text.T
    K[p + q :, :p] = image_class.T
    K[p + q :, p : p + q] = text_class.T
    return stable_eigh(K)
