"""Multi-view discriminant analysis: one discriminant space of both modalities."""

from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._class_moments import ClassMomentsMixin
from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    LinearRetriever,
    directions,
)
from sklearn_xmodal.utils._linalg import relative_powers, stable_svd
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality


class MvDARetriever(ClassMomentsMixin, LinearRetriever):
    r"""Multi-view discriminant analysis for cross-modal retrieval.

    Linear discriminant analysis of images and texts projected into one space, where
    all items of a class, of either modality, are to lie together [1]_:

    .. math:: \max_w \frac{w^\top S w}{w^\top D w}, \quad w^\top = (w_v^\top, w_t^\top).

    S is the scatter between, and D the scatter within the classes of the 2 n
    projected items. Every modality is centred first, so that

    .. math:: S = \frac{1}{2} \sum_k p_k \mu_k \mu_k^\top, \qquad
        S + D = \mathrm{diag}(C_{vv} + \alpha_v s_v I, \; C_{tt} + \alpha_t s_t I),

    where :math:`p_k` is the share of class k, :math:`\mu_k` its mean image on top of
    its mean text, C are covariances, and s, the unit of the ridge, is the mean variance
    of a modality. So the directions are the left singular vectors of the
    :math:`\sqrt{p_k} \, \mu_k` side by side, after a whitening of both modalities.
    Images and texts are tied by their labels: which image belongs to which text plays
    no role.

    Parameters
    ----------
    n_components : int, default=None
        Number of directions. `None` takes all that exist, at most one fewer than
        classes.

    alpha : float or tuple of float, default=0.1
        Ridge relative to the mean variance of the modality, at least 0. A tuple
        gives ``(image, text)``. For classes that are not in training ten times as
        much is often better.

    component_power : float, default=1.0
        Every coordinate is multiplied by its eigenvalue, relative to the largest, to
        this power. 0 gives directions of unit scatter.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    eigenvalues_ : ndarray of shape (n_components_,)
        Share of the scatter along a direction that is between classes,
        :math:`\rho = w^\top S w / w^\top (S + D) w`, largest first; the objective
        is :math:`\rho / (1 - \rho)`.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        Directions :math:`w_v` in columns, scaled to :math:`w^\top (S + D) w = 1`.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        Directions :math:`w_t` in columns.

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the image features.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the text features.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels.

    n_unlabelled_ : int
        Number of pairs without a label, which were left out.

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
    ThreeViewCCARetriever : Uses pairs and labels.
    RidgeRetriever : Predicts class indicators.
    sklearn.discriminant_analysis.LinearDiscriminantAnalysis : Of one modality.

    Notes
    -----
    The data are read block by block, and neither copied nor, where sparse, densified
    as a whole. With fewer samples than features the products of rows replace the
    covariances. Directions with less than about 1e-12 of the variance of the largest
    get no weight.

    References
    ----------
    .. [1] M. Kan, S. Shan, H. Zhang, S. Lao, X. Chen, "Multi-view discriminant
       analysis", IEEE Transactions on Pattern Analysis and Machine Intelligence,
       2016.

    Examples
    --------
    >>> from sklearn_xmodal import MvDARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, n_classes=5, random_state=0)
    >>> mvda = MvDARetriever().fit(X_img, X_txt, y)
    >>> mvda.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _takes_indicator = False

    _fitted = ("eigenvalues_",)

    _old_spellings = {"eigenvalue_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left"), tuple],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=0.1,
        component_power=1.0,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.component_power = component_power
        self.n_image_features = n_image_features

    def _solve(self, problem):
        axes, shares = problem.axes, problem.counts.shares()
        roots = [
            side.whitening(alpha)
            for side, alpha in zip(axes, per_modality(self.alpha, "alpha"), strict=True)
        ]
        # Columns sqrt(p_k) mu_k, whitened: covariances with memberships are p_k mu_k.
        M = np.vstack(
            [
                root * side.with_classes / np.sqrt(shares)
                for side, root in zip(axes, roots, strict=True)
            ]
        )
        U, S, _ = stable_svd(M)
        k = self._count_components(S)
        self.eigenvalues_ = S[:k] ** 2 / 2
        halves = np.split(U[:, :k], [len(roots[0])])
        coordinates = [root * half for root, half in zip(roots, halves, strict=True)]
        scales = relative_powers(self.eigenvalues_, self.component_power)
        return directions(axes, coordinates, scales)[0]

    def _count_components(self, S):
        """Return how many directions to keep; class means sum to zero."""
        rank = int(np.count_nonzero(S[0] * len(S) * np.finfo(float).eps < S))
        available = max(1, min(rank, len(self.classes_) - 1))
        if self.n_components is None:
            return available
        if self.n_components > available:
            raise ValueError(
                f"n_components must be at most {available}, the number of directions "
                "along which the class means differ (fewer than classes). Got "
                f"n_components={self.n_components}."
            )
        return self.n_components
