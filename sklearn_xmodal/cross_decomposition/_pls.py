"""Partial least squares: the singular vectors of the cross-covariance."""

from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    MomentsRetriever,
)
from sklearn_xmodal.utils._linalg import relative_powers
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality


class PLSRetriever(MomentsRetriever):
    r"""Partial least squares for cross-modal retrieval.

    Finds pairs of orthonormal directions along which image and text features have
    the largest covariance, the singular vectors of the cross-covariance [1]_:

    .. math::
        \max_{w_v, w_t} w_v^\top C_{vt} w_t \quad \text{such that} \quad
        w_v^\top w_v = w_t^\top w_t = 1.

    It is where :class:`CCARetriever` ends for a strong ridge, and inverts nothing:
    a baseline without a parameter to tune, for few samples and many features.
    Labels are not used.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of directions. `None` takes all that exist: at most the
        number of features of the narrower modality, and fewer than samples.

    scale : bool or tuple of bool, default=True
        Whether features are brought to unit variance first. A tuple gives
        ``(image, text)``.

    component_power : float, default=0.0
        Every score is multiplied by its singular value, relative to the largest,
        to this power. With 0 the features are projected and no more.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    singular_values_ : ndarray of shape (n_components_,)
        Covariances of the pairs of scores, largest first.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        Directions in columns, for centred image features; the scale is in them.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        Directions in columns, for centred text features; the scale is in them.

    image_loadings_ : ndarray of shape (n_image_features_, n_components_)
        Correlations of the image features with their scores over the samples; 0
        for a constant feature.

    text_loadings_ : ndarray of shape (n_text_features_, n_components_)
        Correlations of the text features with their scores.

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the image features.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the text features.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`; they are recorded, not learnt from. Only defined if
        there were 1-D class labels.

    n_components_ : int
        Number of pairs of directions.

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
    CCARetriever : Takes the variance within either modality into account.
    sklearn.cross_decomposition.PLSSVD : The same decomposition of dense features.

    Notes
    -----
    The data are read once, block by block, and neither copied nor, where sparse,
    densified as a whole. With fewer samples than features the products of rows
    replace the covariances.

    References
    ----------
    .. [1] J. A. Wegelin, "A survey of partial least squares (PLS) methods, with
       emphasis on the two-block case", University of Washington, Department of
       Statistics, Technical Report 371, 2000.

    Examples
    --------
    >>> from sklearn_xmodal import PLSRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> pls = PLSRetriever(n_components=4).fit(X_img, X_txt)
    >>> pls.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _fitted = ("singular_values_", "image_loadings_", "text_loadings_")

    _old_spellings = {"singular_value_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "scale": ["boolean", tuple],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        scale=True,
        component_power=0.0,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.scale = scale
        self.component_power = component_power
        self.n_image_features = n_image_features

    def _solve(self, problem):
        # D_v C_vt D_t = U S V' with diagonal D; weights are D_v U and D_t V.
        scales = [
            side.unit_scale() if scale else side.varies.astype(np.float64)
            for side, scale in zip(
                problem.sides, per_modality(self.scale, "scale"), strict=True
            )
        ]
        scaled = problem.scaled(scales)
        U, S, Vt = self._decompose(scaled.cross, problem.n_samples)
        self.singular_values_ = S
        powers = relative_powers(S, self.component_power)
        return self._encoders(problem.sides, scaled.directions(U, Vt), powers)
