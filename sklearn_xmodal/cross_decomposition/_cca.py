"""Canonical correlation analysis with a ridge, in closed form."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from sklearn_xmodal.cross_decomposition._engine._permutation import permutation_test
from sklearn_xmodal.cross_decomposition._engine._problems import (
    MomentProblem,
    pair_problem,
)
from sklearn_xmodal.cross_decomposition._engine._retrievers import (
    MomentsRetriever,
    SpectralRetriever,
)
from sklearn_xmodal.utils._linalg import relative_powers
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    StrOptions,
    check_parameters,
)
from sklearn_xmodal.utils._validation import check_seed, per_modality, validate_tuples

# Stands for a shrinkage of 1, where nothing but the mean variance is left.
_LARGEST_ALPHA = 1e12


class BaseCCA(SpectralRetriever):
    r"""Base of the retrievers that solve ridge CCA.

    With roots R of the ridged covariances, :math:`R^\top (C + \alpha s I) R = I`:

    .. math::
        R_v^\top C_{vt} R_t = U S V^\top, \qquad W_v = R_v U, \quad W_t = R_t V.
    """

    def _solve_with(self, problem, alpha):
        alphas = ridges(problem, alpha)
        whitened = problem.whitened(alphas)
        U, S, Vt = self._decompose(whitened.cross, problem.n_samples)
        weights = whitened.directions(U, Vt)
        self.alpha_, self.canonical_correlations_ = np.array(alphas), S
        # Relative to the largest, since a strong ridge makes all of them tiny.
        scales = relative_powers(S, self.component_power)
        return self._encoders(problem.sides, weights, scales)


def canonical_weights(moments, alpha, component_power):
    """Return what leads from centred features to canonical variates, two of (p, k)."""
    cca = CCARetriever(alpha=alpha, component_power=component_power)
    encoders = cca._solve(MomentProblem(moments))
    return tuple(encoder.weights * encoder.scales for encoder in encoders)


def ridges(problem, alpha):
    """Return the ridge of either modality relative to its variance, as numbers."""
    return [
        _oas_alpha(side) if isinstance(a, str) else float(a)
        for side, a in zip(problem.sides, per_modality(alpha, "alpha"), strict=True)
    ]


def _oas_alpha(side):
    r"""Return the ridge of the oracle approximating shrinkage of a covariance [1]_.

    The shrunk covariance :math:`(1 - \rho) C + \rho s I` has the directions of
    :math:`C + \frac{\rho}{1 - \rho} s I`.

    References
    ----------
    .. [1] Y. Chen, A. Wiesel, Y. C. Eldar, A. O. Hero, "Shrinkage algorithms for
       MMSE covariance estimation", IEEE Transactions on Signal Processing, 2010.
    """
    n, p = side.weight, len(side.mean)
    # Relative to the squared variance, so that no scale overflows.
    mean_square = side.squared_norm() / p**2
    numerator = mean_square + 1
    denominator = (n + 1) * (mean_square - 1 / p)
    shrinkage = min(numerator / denominator, 1.0) if denominator > 0 else 1.0
    return shrinkage / max(1 - shrinkage, 1 / _LARGEST_ALPHA)


class CCARetriever(MomentsRetriever, BaseCCA):
    r"""Ridge canonical correlation analysis for cross-modal retrieval.

    Finds pairs of directions in which image and text features vary together:

    .. math::
        \max_{w_v, w_t} w_v^\top C_{vt} w_t \quad \text{such that} \quad
        w_v^\top (C_{vv} + \alpha_v s_v I) w_v =
        w_t^\top (C_{tt} + \alpha_t s_t I) w_t = 1,

    where :math:`C` are the covariances and :math:`s` is the mean variance of a
    modality, so that one grid of `alpha` serves data of every scale. For
    ``alpha=0`` this is textbook CCA [1]_ [2]_; as `alpha` grows the directions
    become those of partial least squares, the singular vectors of
    :math:`C_{vt}`. With fewer samples than features the best value is often
    near that end. Labels are not used.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of directions. `None` takes all that exist:
        at most the number of features of the narrower modality, and fewer
        than samples.

    alpha : float, "oas" or tuple of two of these, default=1.0
        Ridge relative to the mean variance of the modality, at least 0. "oas"
        takes the one of the oracle approximating shrinkage [4]_, which suits the
        estimation of a Gaussian covariance from as many samples as the sum of
        `sample_weight` says: weights are repetitions, so that ten times the weights
        give a smaller ridge. A grid search for retrieval often wants more. A tuple
        gives ``(image, text)``.

    component_power : float, default=1.0
        Every canonical variate is multiplied by its correlation to this power
        [3]_, so that the noisy tail counts less in the cosine. 0 gives
        variates of unit variance, the textbook form.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Maxima of the objective, largest first. With a ridge they are smaller
        than the correlations of the variates.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        Directions :math:`w_v` in columns.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        Directions :math:`w_t` in columns.

    image_loadings_ : ndarray of shape (n_image_features_, n_components_)
        Correlations of the image features with their variates over the samples;
        0 for a constant feature.

    text_loadings_ : ndarray of shape (n_text_features_, n_components_)
        Correlations of the text features with their variates.

    alpha_ : ndarray of shape (2,)
        The ridge that was used for images and for texts.

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
    KCCARetriever : The same with kernels.
    sklearn.covariance.OAS : The shrinkage behind "oas".
    sklearn.cross_decomposition.CCA : Iterative CCA for regression.

    Notes
    -----
    Time is that of three matrix products, two Cholesky factors and one
    singular value decomposition, truncated where few components are wanted; the
    data are read once, block by block, and neither copied nor, where sparse,
    densified as a whole. For a covariance close to singular and hardly any ridge,
    triangular factors of the centred data themselves take over: slower, and exact
    to rounding. With fewer samples than features the products of rows replace the
    covariance of the modality. Directions without variance get no weight. float32
    features are summed in float64 and encoded in float32.

    Canonical similarity analysis, CSA [5]_, compares the first s variates of
    ``CCARetriever(s, alpha=0, component_power=0)``, scaled to unit length, by the sum
    of their products weighted by the correlations :math:`\rho`. This is no cosine of
    variates: that of ``component_power=0.5`` has the same sum over the lengths weighted
    by :math:`\rho`, and so is the similarity of CSA divided by
    :math:`(\sum_i \rho_i \hat z_i^2)^{1/2}` of both unit codes, and ranks differ by
    that of the gallery. The user guide has the exact form in two lines.

    References
    ----------
    .. [1] H. Hotelling, "Relations between two sets of variates", Biometrika,
       1936.
    .. [2] H. D. Vinod, "Canonical ridge and econometrics of joint production",
       Journal of Econometrics, 1976.
    .. [3] Y. Gong, Q. Ke, M. Isard, S. Lazebnik, "A multi-view embedding space
       for modeling internet images, tags, and their semantics", International
       Journal of Computer Vision, 2014.
    .. [4] Y. Chen, A. Wiesel, Y. C. Eldar, A. O. Hero, "Shrinkage algorithms for
       MMSE covariance estimation", IEEE Transactions on Signal Processing, 2010.
    .. [5] P.-h. Li, S. P. Chinchali, U. Topcu, "CSA: Data-efficient mapping of
       unimodal features to multimodal features", ICLR 2025.

    Examples
    --------
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> cca = CCARetriever(n_components=4).fit(X_img, X_txt)
    >>> cca.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _fitted = ("canonical_correlations_", "image_loadings_", "text_loadings_", "alpha_")

    _old_spellings = {"correlation_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"oas"}), tuple],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        component_power=1.0,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.component_power = component_power
        self.n_image_features = n_image_features

    def permutation_test(
        self, X_img, X_txt=None, *, n_permutations=999, random_state=None
    ):
        """Test how many canonical components are more than chance.

        The stepwise test of Winkler et al. [1]_ with the largest canonical value
        as statistic: step j asks whether anything is left to find when components
        0 to j - 1 are taken out of both modalities, by breaking the pairs at random
        and solving again. Correlations of fitted components alone say little: with
        few samples and many features they are high for any data. The retriever
        need not be fitted, and is left as it is.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Independent pairs, in any form that `fit` takes.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        n_permutations : int, default=999
            The smallest p-value is ``1 / (1 + n_permutations)``.

        random_state : int, RandomState instance or None, default=None
            Of the permutations.

        Returns
        -------
        result : Bunch
            `p_values` of shape (n_components,), which never fall: the number of
            values up to a level is the number of components, with the probability
            of any false one bounded by that level. `statistics`, the canonical
            correlations, of the same shape. `null_distribution`, of shape
            (n_permutations, n_components).

        Raises
        ------
        ValueError
            If the pairs are not valid for `fit`, or `n_permutations` is below 1.

        Notes
        -----
        Needs dense variates of all pairs, one column per direction of a modality.

        References
        ----------
        .. [1] A. M. Winkler, O. Renaud, S. M. Smith, T. E. Nichols, "Permutation
           inference for canonical correlation analysis", NeuroImage, 2020.

        Examples
        --------
        >>> from sklearn_xmodal import CCARetriever
        >>> from sklearn_xmodal.datasets import make_paired_modalities
        >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
        >>> test = CCARetriever(n_components=8, alpha=0.1).permutation_test(
        ...     X_img, X_txt, n_permutations=99, random_state=0
        ... )
        >>> int((test.p_values <= 0.01).sum())  # what the generator shares
        4
        """
        if not isinstance(n_permutations, Integral) or n_permutations < 1:
            raise ValueError(
                "n_permutations must be an integer of at least 1. Got "
                f"{n_permutations!r}."
            )
        copy = clone(self)
        check_parameters(copy)
        validate_tuples(copy)
        X_img, X_txt, _ = copy._check_pairs("permutation_test", X_img, X_txt, None)
        problem = pair_problem(X_img, X_txt)
        whitened = problem.whitened(ridges(problem, copy.alpha))
        k = len(copy._decompose(whitened.cross, problem.n_samples)[1])
        rng = check_seed(random_state)
        orders = (rng.permutation(X_img.shape[0]) for _ in range(n_permutations))
        return permutation_test(problem, whitened, X_img, X_txt, k, orders)

    def _solve(self, problem):
        return self._solve_with(problem, self.alpha)
