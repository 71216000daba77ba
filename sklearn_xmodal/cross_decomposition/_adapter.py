"""Adapt a joint embedding to pairs of one's own, in closed form."""

from numbers import Integral, Real

import numpy as np
from scipy import linalg

from sklearn_xmodal.cross_decomposition._cosine import OneWidthRetriever
from sklearn_xmodal.cross_decomposition._engine._problems import (
    RowProblem,
    pair_problem,
)
from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    MomentsRetriever,
    SpectralRetriever,
)
from sklearn_xmodal.encoders import IdentityEncoder, LinearEncoder
from sklearn_xmodal.utils._linalg import stable_eigh, stable_svd
from sklearn_xmodal.utils._memory import check_memory
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions

#: Part of the means that is taken away unless told otherwise.
_HALF = 0.5


class JointMoments:
    """Moments of both modalities at unit mean variance, decomposed once for all ridges.

    Of a problem of two modalities with one width, p. Where few pairs are given by their
    rows, all happens in the space of r dimensions that these span: in those that are
    left covariances are zero, so that only the identity is there, whatever the ridge.
    """

    def __init__(self, problem):
        sides = problem.sides
        self.means = [side.mean for side in sides]
        self.scales = [1 / np.sqrt(side.variance) for side in sides]
        if isinstance(problem, RowProblem):
            covariances = self._from_rows(sides)
        else:
            covariances = self._from_moments(problem)
        self._spectra = [stable_eigh(C) for C in covariances]

    def _from_moments(self, problem):
        p = len(self.means[0])
        columns = [np.full(p, scale) for scale in self.scales]
        self._cross = problem.scaled(columns).cross
        self._span, self._rest = None, np.empty((p, 0))
        return [side.covariance / side.variance for side in problem.sides]

    def _from_rows(self, sides):
        p = len(self.means[0])
        check_memory(
            3 * 8 * p**2,
            f"What an adapter of {p} features multiplies by",
            "Reduce the features first, with TruncatedSVD in a ModalityTransformer.",
        )
        rows = np.vstack(
            [
                side.centred_rows() * (scale / np.sqrt(side.weight))
                for side, scale in zip(sides, self.scales, strict=True)
            ]
        )
        basis = linalg.qr(rows.T)[0]  # (p, p)
        self._span, self._rest = np.hsplit(basis, [len(rows)])
        A, B = np.vsplit(rows @ self._span, 2)
        self._cross = A.T @ B
        return A.T @ A, B.T @ B

    def both(self, alpha):
        """Return weights of images and texts, (p, p) each, and singular values (p,)."""
        p, n_rest = self._rest.shape
        if np.isinf(alpha):
            return [scale * np.eye(p) for scale in self.scales], np.ones(p)
        prior, cross = self._towards_identity(alpha)
        # Symmetric roots, which do not turn the space: a ridge without end leaves it.
        roots = [V / np.sqrt(w) @ V.T for w, V in self._ridged(prior)]
        U, S, Vt = stable_svd(roots[0] @ cross @ roots[1])
        rest = self._rest / np.sqrt(prior)  # of singular values 1, which none exceeds
        weights = [
            scale * np.hstack([rest, self._of_features(root @ (axes * np.sqrt(S)))])
            for scale, root, axes in zip(self.scales, roots, (U, Vt.T), strict=True)
        ]
        return weights, np.concatenate([np.ones(n_rest), S])

    def onto_image(self, alpha):
        """Return weights that predict images from texts, (p, p)."""
        prior, cross = self._towards_identity(alpha)
        return self.scales[1] / self.scales[0] * self._predicting(prior, 1, cross.T)

    def onto_text(self, alpha):
        """Return weights that predict texts from images, (p, p)."""
        prior, cross = self._towards_identity(alpha)
        return self.scales[0] / self.scales[1] * self._predicting(prior, 0, cross)

    def _predicting(self, prior, side, cross):
        """Return the ridge regression of one side onto the other, (p, p)."""
        w, V = self._ridged(prior)[side]
        within = self._of_features((V / w @ V.T) @ cross)
        return self._of_features(within.T).T + self._rest @ self._rest.T

    def _of_features(self, W):
        """Return weights of features for those of coordinates, (r, k) -> (p, k)."""
        return W if self._span is None else self._span @ W

    def _towards_identity(self, alpha):
        """Return the weight of the identity, and the cross-covariance mixed with it."""
        prior = 1.0 if np.isinf(alpha) else alpha / (1 + alpha)
        return prior, (1 - prior) * self._cross + prior * np.eye(len(self._cross))

    def _ridged(self, prior):
        return [((1 - prior) * np.maximum(w, 0.0) + prior, V) for w, V in self._spectra]


def most_rows(X_img):
    """Return up to how many pairs of this width rows are the cheaper way."""
    return (X_img.shape[1] - 1) // 2


class BaseAdapter(OneWidthRetriever, SpectralRetriever):
    """Base of the adapters, which differ in how `alpha` and `center` are found."""

    _sometimes_fitted = ("singular_values_",)

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        self.__dict__.pop("_moments", None)  # of `partial_fit`
        return self._solve(
            pair_problem(X_img, X_txt, sample_weight, most_rows=most_rows(X_img))
        )

    def _record(self, moments, alpha, center):
        """Return the encoders, and set the singular values where there are some."""
        encoders, S = self._adapted(moments, alpha)
        self.__dict__.pop("singular_values_", None)
        if S is not None:
            self.singular_values_ = S
        return centred(encoders, moments.means, center)

    def _adapted(self, moments, alpha):
        """Return encoders without centring, and singular values, or None."""
        p = len(moments.means[0])
        same, zero = IdentityEncoder(n_features=p), np.zeros(p)
        if self.adapt == "text":
            weights = moments.onto_image(alpha)
            return [same, LinearEncoder(mean=zero, weights=weights)], None
        if self.adapt == "image":
            weights = moments.onto_text(alpha)
            return [LinearEncoder(mean=zero, weights=weights), same], None
        weights, S = moments.both(alpha)
        return [LinearEncoder(mean=zero, weights=W) for W in weights], S


def part_of_mean(adapt, center):
    """Return the part of the means to take away; one side alone has none."""
    if adapt == "both":
        return _HALF if center is None else float(center)
    if center:
        raise ValueError(
            f"center must be None or 0 with adapt={adapt!r}: the other modality stays "
            f"as it is, and its mean with it. Got center={center!r}."
        )
    return 0.0


def centred(encoders, means, center):
    """Return linear encoders that take a part of the means away first."""
    if not center:
        return encoders
    return [
        LinearEncoder(mean=center * mean, weights=encoder.weights)
        for encoder, mean in zip(encoders, means, strict=True)
    ]


class AdapterRetriever(MomentsRetriever, BaseAdapter):
    r"""Adapt a joint embedding (CLIP, SigLIP) to pairs of one's own, carefully.

    Ridge CCA forgets the space that a joint model brings along, and needs many pairs to
    find one as good. Here the ridge pulls towards the identity instead. With both
    modalities scaled to unit mean variance, and covariances C around the means,

    .. math::
        (C_{vv} + \alpha I)^{-1/2} (C_{vt} + \alpha I) (C_{tt} + \alpha I)^{-1/2}
        = U S V^\top,

    and codes are

    .. math::
        z_v = (x_v - c \mu_v)^\top (C_{vv} + \alpha I)^{-1/2} U S^{1/2}, \qquad
        z_t = (x_t - c \mu_t)^\top (C_{tt} + \alpha I)^{-1/2} V S^{1/2}.

    One dial, between "trust the model" (``alpha=inf``, the cosine of
    :class:`CosineRetriever` with the same `center`) and "trust my pairs" (`alpha`
    towards 0, the space of :class:`CCARetriever`). Labels are not used.

    Parameters
    ----------
    alpha : float, default=100.0
        Weight of the identity relative to the mean variance of a modality, above 0;
        infinity is allowed.

    center : bool, float or None, default=None
        The part c of each modality's mean that is taken away, from 0 to 1. `None` is a
        half where both modalities are adapted, and nothing otherwise. One gallery that
        holds images and texts needs 1.

    adapt : {"both", "image", "text"}, default="both"
        What is mapped. With "text" the codes of images are the image features
        themselves, to the last bit, so that an index of them stays valid: texts are
        mapped by the ridge regression onto images whose weights shrink to the identity,
        :math:`(C_{tt} + \alpha I)^{-1} (C_{tv} + \alpha I)`. "image" is the converse.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    singular_values_ : ndarray of shape (n_components_,)
        S, largest first. Only defined with ``adapt="both"``.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        What centred image features are multiplied by. Not defined for ``adapt="text"``.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        The same of the texts. Not defined for ``adapt="image"``.

    image_mean_ : ndarray of shape (n_image_features_,)
        What is subtracted from image features: c times their mean. Not defined for
        ``adapt="text"``.

    text_mean_ : ndarray of shape (n_text_features_,)
        What is subtracted from text features. Not defined for ``adapt="image"``.

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
    AdapterRetrieverCV : Finds `alpha` and `center` itself.
    CosineRetriever : The embedding as it is.
    CCARetriever : For two encoders that know nothing of each other.

    Notes
    -----
    Any number of pairs from two will do, since what they do not tell stays as the model
    has it. The data are read once, in blocks; the rest takes memory of matrices of the
    square of the width, and time of its cube. Where there are fewer than half as many
    pairs as features, all happens in the space that the pairs span.

    Examples
    --------
    >>> from sklearn_xmodal import AdapterRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(
    ...     200, n_image_features=16, n_text_features=16, random_state=0
    ... )
    >>> adapter = AdapterRetriever(alpha=10).fit(X_img, X_txt)
    >>> adapter.transform_text(X_txt[:3]).shape
    (3, 16)
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="right")],
        "center": ["boolean", Interval(Real, 0, 1, closed="both"), None],
        "adapt": [StrOptions({"both", "image", "text"})],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self, alpha=100.0, *, center=None, adapt="both", n_image_features=None
    ):
        self.alpha = alpha
        self.center = center
        self.adapt = adapt
        self.n_image_features = n_image_features

    def _solve(self, problem):
        center = part_of_mean(self.adapt, self.center)
        moments = JointMoments(problem)
        return self._record(moments, self.alpha, center)
