"""The embeddings of a joint model as they are: the baseline of everything fitted."""

from numbers import Integral, Real

import numpy as np

from sklearn_xmodal.base import BaseRetriever, SampleWeightMixin
from sklearn_xmodal.encoders import IdentityEncoder
from sklearn_xmodal.utils._sklearn_compat import Interval


class OneWidthRetriever(BaseRetriever):
    """Base of the retrievers of embeddings that share a space already."""

    def _check_pairs(self, *args, **options):
        X_img, X_txt, y = super()._check_pairs(*args, **options)
        p, q = X_img.shape[1], X_txt.shape[1]
        if p != q:
            raise ValueError(
                "The image and text features must have one width, as those of one "
                f"joint model (CLIP, SigLIP) do. Got {p} image features and {q} text "
                "features. For two encoders that were trained apart take CCARetriever, "
                "MSLNRetriever where there are labels, or ASIFRetriever where pairs "
                "come and go."
            )
        return X_img, X_txt, y


class CosineRetriever(SampleWeightMixin, OneWidthRetriever):
    r"""Compare the embeddings of one joint model as they are.

    For features that already share a space, such as those of CLIP or SigLIP: codes are
    the features, and similarity is their cosine. Nothing is learnt, so this is what
    anything fitted has to beat. With `center`, a part c of the mean of the training
    items is taken away in each modality,

    .. math::
        z_v = x_v - c \mu_v, \qquad z_t = x_t - c \mu_t,

    which closes the modality gap [1]_: images lie around one point of such a space and
    texts around another. One gallery that holds both images and texts needs
    ``center=1``. For search from one modality to the other, all of it, half of it and
    nothing may each be best: try 0, 0.5 and 1. Labels are not used.

    Parameters
    ----------
    center : bool or float, default=False
        The part c of the mean, from 0 to 1; `True` is 1, `False` is 0.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`; they are recorded, not learnt from. Only defined if
        there were 1-D class labels.

    n_components_ : int
        Number of columns of the codes, that of the features of either modality.

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
    AdapterRetriever : Fits a joint embedding to pairs of one's own.
    CCARetriever : For two encoders that know nothing of each other.

    References
    ----------
    .. [1] W. Liang, Y. Zhang, Y. Kwon, S. Yeung, J. Zou, "Mind the gap: understanding
       the modality gap in multi-modal contrastive representation learning", NeurIPS
       2022.

    Examples
    --------
    >>> from sklearn_xmodal import CosineRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(
    ...     200, n_image_features=16, n_text_features=16, random_state=0
    ... )
    >>> cosine = CosineRetriever(center=True).fit(X_img, X_txt)
    >>> cosine.transform_text(X_txt[:3]).shape
    (3, 16)
    """

    _parameter_constraints: dict = {
        "center": ["boolean", Interval(Real, 0, 1, closed="both")],
        "n_image_features": [Integral, None],
    }

    def __init__(self, *, center=False, n_image_features=None):
        self.center = center
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        part = float(self.center)
        means = [
            part * _mean(X, sample_weight) if part else None for X in (X_img, X_txt)
        ]
        return [IdentityEncoder(n_features=X_img.shape[1], mean=mean) for mean in means]


def _mean(X, weights):
    if weights is None:
        return np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    return np.asarray(weights @ X / weights.sum(), dtype=np.float64).ravel()
