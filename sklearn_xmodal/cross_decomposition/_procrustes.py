"""Orthogonal Procrustes analysis of the principal components of both modalities."""

from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    MomentsRetriever,
    directions,
)
from sklearn_xmodal.utils._linalg import relative_powers, stable_svd
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import Interval


class ProcrustesRetriever(MomentsRetriever):
    r"""Orthogonal map between the principal components of images and of texts.

    Both modalities are centred and reduced to the same number of principal
    components, :math:`Z_v` and :math:`Z_t`, since an orthogonal map needs equal
    widths. Then images are rotated onto texts [1]_:

    .. math::
        \min_Q \lVert Z_v Q - Z_t \rVert_F \quad \text{such that} \quad Q^\top Q = I,
        \qquad Q = U V^\top, \quad Z_v^\top Z_t = U S V^\top.

    Codes are :math:`Z_v U S^p` and :math:`Z_t V S^p`, with S relative to its
    largest value. For p = 0 they have the cosines of :math:`Z_v Q` with :math:`Z_t`:
    distances within either modality stay what they were. p = 1 is the re-weighting of
    [2]_, which lets directions count by how much both modalities share along them.
    Labels are not used.

    Parameters
    ----------
    n_components : int, default=None
        Number of principal components of either modality. `None` takes as many as
        the modality with fewer of them has.

    component_power : float, default=0.0
        The power p of the singular values, at least 0.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    singular_values_ : ndarray of shape (n_components_,)
        S over the number of samples: covariances of the pairs of scores, largest
        first.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        Orthonormal directions in columns, for centred image features.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        Orthonormal directions in columns, for centred text features.

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
        Number of components.

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
    PLSRetriever : The same without the reduction: singular vectors of the whole
        cross-covariance.
    CCARetriever : Whitens the modalities first.

    Notes
    -----
    Where both modalities keep all their directions, it is
    ``PLSRetriever(scale=False)``. The data are read block by block, and neither copied
    nor, where sparse, densified as a whole. With fewer samples than features the
    products of rows replace the covariances.

    References
    ----------
    .. [1] P. H. Schönemann, "A generalized solution of the orthogonal Procrustes
       problem", Psychometrika, 1966.
    .. [2] M. Artetxe, G. Labaka, E. Agirre, "Generalizing and improving bilingual
       word embedding mappings with a multi-step framework of linear transformations",
       AAAI 2018.

    Examples
    --------
    >>> from sklearn_xmodal import ProcrustesRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> procrustes = ProcrustesRetriever(n_components=4).fit(X_img, X_txt)
    >>> procrustes.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _fitted = ("singular_values_",)

    _old_spellings = {"singular_value_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self, n_components=None, *, component_power=0.0, n_image_features=None
    ):
        self.n_components = n_components
        self.component_power = component_power
        self.n_image_features = n_image_features

    def _solve(self, problem):
        image, text, cross = problem.axes()
        k = self._count_components(cross)
        U, S, Vt = stable_svd(cross[:k, :k])  # of Z_v' Z_t / n
        self.singular_values_ = S
        coordinates = [np.zeros((r, k)) for r in cross.shape]
        coordinates[0][:k], coordinates[1][:k] = U, Vt.T
        scales = relative_powers(S, self.component_power)
        return directions((image, text), coordinates, scales)[0]

    def _count_components(self, cross):
        available = min(cross.shape)
        if self.n_components is None:
            return available
        if self.n_components > available:
            raise ValueError(
                f"n_components must be at most {available}, the number of principal "
                "components of the modality with fewer of them. Got "
                f"n_components={self.n_components}."
            )
        return self.n_components
