"""Kernel canonical correlation analysis."""

from numbers import Integral, Real
from operator import attrgetter

import numpy as np
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.cross_decomposition._engine._dask import take_rows
from sklearn_xmodal.cross_decomposition._engine._kernel_maps import (
    check_shift_invariant,
    choose_landmarks,
    random_features,
    solve_features,
)
from sklearn_xmodal.cross_decomposition._engine._kernel_moments import (
    KernelMoments,
    kernel_moments,
)
from sklearn_xmodal.cross_decomposition._engine._kernel_solver import exact_pairs
from sklearn_xmodal.cross_decomposition._engine._kernels import check_square
from sklearn_xmodal.cross_decomposition._engine._partial_fit import PartialFitMixin
from sklearn_xmodal.cross_decomposition._engine._spread import scale_kernel
from sklearn_xmodal.encoders import KernelEncoder, KernelMap
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._containers import as_matrix
from sklearn_xmodal.utils._linalg import relative_powers
from sklearn_xmodal.utils._memory import check_memory
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    StrOptions,
    get_feature_names,
)
from sklearn_xmodal.utils._validation import (
    check_modality,
    counting_rows,
    per_modality,
    validate_tuples,
)

_AUTO_COMPONENTS = 20
# Items whose largest variate is made positive.
_SIGN_SAMPLE = 1000


def _sums_are_enough(estimator):
    """Raise an AttributeError where the maps depend on all the pairs."""
    if estimator.approximation is None or not isinstance(estimator.landmarks, tuple):
        raise AttributeError(
            "KCCARetriever learns from parts only where what kernel values are against "
            'does not depend on the pairs: approximation="nystroem" or "rff", and '
            "landmarks=(L_img, L_txt), features of some pairs. Got approximation="
            f"{estimator.approximation!r} and landmarks of type "
            f"{type(estimator.landmarks).__name__}."
        )
    return True


class KCCARetriever(PartialFitMixin, BaseRetriever):
    r"""Regularised kernel canonical correlation analysis for retrieval.

    Ridge CCA in the feature spaces of two kernels [1]_:

    .. math::
        \max_{a, b} a^\top K_v K_t b \quad \text{such that} \quad
        a^\top K_v (K_v + \lambda_v I) a = b^\top K_t (K_t + \lambda_t I) b = 1

    with centred kernel matrices and :math:`\lambda` = `alpha` times the mean
    eigenvalue of the kernel matrix. With linear kernels this is
    :class:`CCARetriever`, whose `alpha` is then the one here times the number
    of features over the number of samples. Labels are not used.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of canonical pairs, fewer than samples. ``"auto"`` takes 20, or as
        many as there are where the data have fewer.

    kernel : str, callable or tuple of two, default="rbf"
        Any name of :func:`sklearn.metrics.pairwise.pairwise_kernels`, a
        callable of two rows that returns a number, or ``"precomputed"``, where
        the "features" are kernel values against the training items; in
        cross-validation these must come as :class:`KernelPairs`. A tuple gives
        ``(image, text)``.

    alpha : float or tuple of two floats, default=10.0
        Ridge relative to the mean eigenvalue of the centred kernel matrix,
        above 0. A tuple gives ``(image, text)``.

    gamma : float, {"scale", "median"}, None or tuple of two, default="scale"
        Coefficient of the rbf, laplacian, polynomial, sigmoid and chi-squared
        kernels. ``"scale"`` is 1 / (n_features * variance of all values),
        ``"median"`` is 1 / (median distance)**2, of the Euclidean distances above 0
        among at most 1,000 random training items, `None` is the kernel's own
        default. A tuple gives ``(image, text)``.

    degree : float or tuple of two floats, default=3
        Degree of the polynomial kernel.

    coef0 : float or tuple of two floats, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict or tuple of two, default=None
        Keyword arguments of a callable kernel.

    approximation : {"nystroem", "rff"}, default=None
        What to take instead of the kernel matrices, past some 10,000 samples:
        ``"nystroem"`` kernel values against landmarks [2]_, ``"rff"`` random Fourier
        features [3]_, which the kernels ``"rbf"`` and ``"laplacian"`` have. `None` is
        exact. `alpha` means the same throughout. See the notes.

    n_landmarks : int, default=1000
        Number of landmarks per modality, at most all samples, where the approximation
        is exact; or of random features, rounded up to an even number. Not used by the
        exact form.

    landmarks : {"uniform", "k-means++"} or tuple of two matrices, default="uniform"
        How landmarks are drawn from the training items: all alike, or far apart, as
        k-means++ seeds among at most 20 times as many items. Or the image and the text
        features of the landmarks themselves, as many as you like: then `n_landmarks`
        only counts random features, `gamma` is taken from the landmarks, and all that
        is left are sums over pairs, so that `partial_fit`, `fit_batches` and
        :func:`~sklearn_xmodal.merge` are there.

    component_power : float, default=1.0
        Every canonical variate is multiplied by its correlation to this power.
        0 gives unit variates.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    random_state : int, RandomState instance or None, default=0
        Start of the block iteration, which hardly matters: correlations are exact to
        rounding and codes to some six digits. Also draws the sample of
        ``gamma="median"``, the landmarks and the random features.

    n_jobs : int, default=None
        Parallel jobs of the kernel computation, see
        :func:`sklearn.metrics.pairwise.pairwise_kernels`.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Maxima of the objective, largest first.

    image_dual_coef_ : ndarray of shape (n_samples, n_components_)
        Coefficients :math:`a` in columns; one row per landmark or random feature
        where there is an approximation.

    text_dual_coef_ : ndarray of shape (n_samples, n_components_)
        Coefficients :math:`b`, likewise.

    X_image_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_image_features_)
        The training images, kept for the kernel; only the landmarks where there
        are any, not defined for ``"rff"``.

    X_text_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_text_features_)
        The training texts, likewise.

    image_gamma_ : float or None
        What `gamma` has come to for the images, a number unless it is `None`.

    text_gamma_ : float or None
        What `gamma` has come to for the texts, a number unless it is `None`.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`; they are recorded, not learnt from. Only defined if
        there were 1-D class labels.

    n_components_ : int
        Number of canonical pairs.

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
    CCARetriever : The linear form, whose cost does not grow with n squared.
    sklearn.decomposition.KernelPCA : Kernels for one modality.

    Notes
    -----
    Dask arrays need an approximation: landmarks are fetched, all else is summed by
    blocks, on the workers of a cluster if there is one. With the exact form or
    precomputed kernels they are a TypeError.

    Memory is that of two kernel matrices and one factor of the same size, 24 bytes
    times n_samples squared; time that of the kernels, one Cholesky factorisation of
    their sum and, whatever the ridge, some ten thin blocks of products.

    The approximations fit ridge CCA to explicit features, from means and second
    moments that are sums over blocks of rows: memory is some 100 MB and a few matrices
    of n_landmarks by n_landmarks, whatever n_samples. Memory-mapped features and Dask
    arrays are read up to four times: for `gamma` and the means, for the landmarks and
    for the moments. Time grows with n_samples * n_landmarks**2. Landmarks adapt to the
    data; random features need many more for features of many dimensions. The ridge is
    relative to the kernel's own mean eigenvalue, what the features miss included.
    Choose `alpha` for the approximation itself: far below the default, landmarks can
    overfit more than the exact form does.

    `sample_weight` counts in kernels, ridges and the scale of `gamma`, as repeating the
    pairs would. Landmarks are drawn among the pairs of positive weight alike.

    Kernels must be positive semi-definite. Where that is not known beforehand
    (callables, ``"precomputed"``, ``"sigmoid"``) one more factorisation per modality
    checks it, and an eigenvalue below -0.001 times the mean one is an error.

    `transform` holds kernel values of as many items as fit the ``working_memory`` of
    :func:`sklearn.set_config`.

    References
    ----------
    .. [1] D. Hardoon, S. Szedmak, J. Shawe-Taylor, "Canonical correlation
       analysis: an overview with application to learning methods", Neural
       Computation, 2004.
    .. [2] C. Williams, M. Seeger, "Using the Nystroem method to speed up kernel
       machines", NIPS, 2000.
    .. [3] A. Rahimi, B. Recht, "Random features for large-scale kernel machines",
       NIPS, 2007.

    Examples
    --------
    >>> from sklearn_xmodal import KCCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> kcca = KCCARetriever(n_components=4, kernel=("rbf", "linear"))
    >>> kcca.fit(X_img, X_txt).transform_image(X_img[:3]).shape
    (3, 4)
    """

    _takes_zero_weights = True  # kernel matrices and Dask arrays stay whole

    _moments_type = KernelMoments

    _fitted = ("canonical_correlations_", "image_gamma_", "text_gamma_")

    _old_spellings = {"correlation_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "kernel": [
            StrOptions({*PAIRWISE_KERNEL_FUNCTIONS, "precomputed"}),
            callable,
            tuple,
        ],
        "alpha": [Interval(Real, 0, None, closed="neither"), tuple],
        "gamma": [
            StrOptions({"scale", "median"}),
            Interval(Real, 0, None, closed="left"),
            tuple,
            None,
        ],
        "degree": [Interval(Real, 0, None, closed="left"), tuple],
        "coef0": [Interval(Real, None, None, closed="neither"), tuple],
        "kernel_params": [dict, tuple, None],
        "approximation": [StrOptions({"nystroem", "rff"}), None],
        "n_landmarks": [Interval(Integral, 1, None, closed="left")],
        "landmarks": [
            StrOptions({"uniform", "k-means++"}),
            "array-like",
            "sparse matrix",
            tuple,
        ],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        kernel="rbf",
        alpha=10.0,
        gamma="scale",
        degree=3,
        coef0=1,
        kernel_params=None,
        approximation=None,
        n_landmarks=1000,
        landmarks="uniform",
        component_power=1.0,
        n_image_features=None,
        random_state=0,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.alpha = alpha
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.approximation = approximation
        self.n_landmarks = n_landmarks
        self.landmarks = landmarks
        self.component_power = component_power
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_takes_dask(self):
        if self.approximation is None:
            raise TypeError(
                "KCCARetriever takes Dask arrays only with an approximation, since "
                "the exact form holds kernel values between all pairs. Got "
                'approximation=None. Use approximation="nystroem".'
            )
        if "precomputed" in per_modality(self.kernel, "kernel"):
            raise TypeError(
                "Precomputed kernels must be arrays in memory. Got Dask arrays. Name "
                "the kernel, and pass the features."
            )

    image_dual_coef_ = property(
        attrgetter("image_encoder_.dual_coef"),
        doc="Coefficients of the image kernel in columns.",
    )
    text_dual_coef_ = property(
        attrgetter("text_encoder_.dual_coef"),
        doc="Coefficients of the text kernel in columns.",
    )
    X_image_fit_ = property(
        attrgetter("image_encoder_.values.basis"),
        doc="Training images, or landmarks; not defined for random features.",
    )
    X_text_fit_ = property(
        attrgetter("text_encoder_.values.basis"),
        doc="Training texts, or landmarks; not defined for random features.",
    )

    partial_fit = available_if(_sums_are_enough)(PartialFitMixin.partial_fit)
    fit_batches = available_if(_sums_are_enough)(PartialFitMixin.fit_batches)

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        self.__dict__.pop("_moments", None)  # of `partial_fit`
        validate_tuples(self)
        among = counting_rows(sample_weight, np.arange(X_img.shape[0]))
        k = self._check_n_components(len(among))
        if self.approximation is not None:
            moments = self._moments_of(X_img, X_txt, y, sample_weight)
            return self._solve_moments(moments)
        if not isinstance(self.landmarks, str):
            _refuse_landmarks("approximation=None, which has none")
        _check_kernels_fit(len(among))
        random_state = check_random_state(self.random_state)
        alphas = per_modality(self.alpha, "alpha")
        maps, gammas = self._maps((X_img, X_txt), among, sample_weight, random_state)
        weights = None if sample_weight is None else sample_weight[among]
        found = exact_pairs(maps, alphas, k, random_state, weights)
        return self._encoders(maps, gammas, len(among), k, *found)

    def _moments_of(self, X_img, X_txt, y, sample_weight):
        sides = X_img, X_txt
        random_state = check_random_state(self.random_state)
        if not isinstance(self.landmarks, str):
            sources, among, weights = self._check_landmarks(sides), None, None
        else:
            among = counting_rows(sample_weight, np.arange(X_img.shape[0]))
            sources, weights = sides, sample_weight
        maps, gammas = self._maps(sources, among, weights, random_state)
        sample = self._sample(maps[0], sources[0], among)
        return kernel_moments(maps, gammas, sample, sides, sample_weight)

    def _solve_moments(self, moments):
        n = moments.pairs.n_samples
        k = self._check_n_components(n)
        maps, whiteners, gammas, sample, features = moments
        alphas = per_modality(self.alpha, "alpha")
        found = solve_features(features, maps, whiteners, alphas, k, sample)
        return self._encoders(maps, gammas, n, k, *found)

    def _encoders(self, maps, gammas, n, k, S, duals, offsets):
        """Return the encoders of at most k pairs; variates are values times duals."""
        self.image_gamma_, self.text_gamma_ = gammas
        k = self._check_available(S, n, k)
        self.canonical_correlations_ = S[:k]
        scales = relative_powers(S[:k], self.component_power)
        return [
            KernelEncoder(
                values=found, dual_coef=dual[:, :k], offset=offset[:k], scales=scales
            )
            for found, dual, offset in zip(maps, duals, offsets, strict=True)
        ]

    def _sample(self, found, X, among):
        """Return image features of some items, whose largest variate is positive."""
        if isinstance(found, KernelMap):
            return found.basis
        if among is None:
            return X[:_SIGN_SAMPLE]
        return take_rows(X, among[:_SIGN_SAMPLE], "image")

    def _check_landmarks(self, sides):
        """Return the landmarks that the user gave, as features of either modality."""
        if not isinstance(self.landmarks, tuple):
            _refuse_landmarks(f"one of type {type(self.landmarks).__name__}")
        landmarks = per_modality(self.landmarks, "landmarks")
        if any(isinstance(L, str) for L in landmarks):
            _refuse_landmarks(f"landmarks={landmarks!r}")
        if "precomputed" in per_modality(self.kernel, "kernel"):
            _refuse_landmarks("a precomputed kernel")
        checked = []
        for L, X, modality in zip(landmarks, sides, MODALITIES, strict=True):
            L = as_matrix(L)
            names, seen = get_feature_names(L), self._feature_names[modality]
            both_named = names is not None and seen is not None
            differ = both_named and not np.array_equal(names, seen)
            L = check_modality(L, modality, dtype=list(self._dtypes), estimator=None)
            if L.shape[1] != X.shape[1] or differ:
                raise ValueError(
                    f"The {modality} landmarks must have the columns of the {modality} "
                    f"features, of which there are {X.shape[1]}. Got {L.shape[1]} "
                    f"columns{' of other names' if differ else ''}."
                )
            checked.append(L)
        return checked

    def _check_n_components(self, n_samples):
        if self.n_components == "auto":
            return min(_AUTO_COMPONENTS, n_samples - 1)
        if self.n_components >= n_samples:
            raise ValueError(
                "n_components must be smaller than the number of samples. Got "
                f"n_components={self.n_components} for n_samples={n_samples}."
            )
        return self.n_components

    def _check_available(self, S, n_samples, k):
        """Return how many of the pairs with correlations S to keep."""
        rounding = n_samples * np.finfo(float).eps * S[0]
        available = max(1, int(np.count_nonzero(rounding < S)))
        if self.n_components == "auto":
            return min(k, available)
        if k > available:
            advice = "" if self.approximation is None else ", or raise n_landmarks"
            raise ValueError(
                f"n_components must be at most {available}, the number of canonical "
                "directions that these kernels have on these data. Got "
                f"n_components={self.n_components}. Lower it{advice}."
            )
        return k

    def _maps(self, sides, among, sample_weight, random_state):
        """Return what stands for the kernels of both modalities, and their gammas.

        Training items are `among` the rows, those of positive weight; with `None` the
        sides are the landmarks.
        """
        settings = zip(
            per_modality(self.kernel, "kernel"),
            per_modality(self.gamma, "gamma"),
            per_modality(self.degree, "degree"),
            per_modality(self.coef0, "coef0"),
            per_modality(self.kernel_params, "kernel_params"),
            strict=True,
        )
        maps, gammas = [], []
        for X, modality, (kernel, gamma, degree, coef0, params) in zip(
            sides, MODALITIES, settings, strict=True
        ):
            if kernel == "precomputed":
                check_square(X, modality)
            gamma, origin = scale_kernel(
                X, kernel, gamma, random_state, modality, sample_weight
            )
            if not callable(kernel):
                params = {"gamma": gamma, "degree": degree, "coef0": coef0}
            gammas.append(gamma)
            maps.append(
                self._map(
                    X, among, modality, kernel, params or {}, origin, random_state
                )
            )
        return maps, gammas

    def _map(self, X, among, modality, kernel, params, origin, random_state):
        if self.approximation == "rff":
            check_shift_invariant(kernel, modality)
            shape = X.shape[1], self.n_landmarks
            return random_features(
                kernel, params["gamma"], origin, *shape, random_state
            )
        rows = self._basis_rows(X, among, kernel, modality, random_state)
        return KernelMap(
            kernel=kernel,
            basis=X if rows is None else take_rows(X, rows, modality),
            params=params,
            origin=origin,
            columns=rows,
            n_jobs=self.n_jobs,
        )

    def _basis_rows(self, X, among, kernel, modality, random_state):
        """Return which rows kernel values are against; None for all."""
        if among is None:  # landmarks that were given
            return None
        if self.approximation is None:
            return None if len(among) == X.shape[0] else among
        if self.landmarks == "k-means++" and kernel == "precomputed":
            raise ValueError(
                f'landmarks="k-means++" needs features. Got a precomputed {modality} '
                'kernel: use landmarks="uniform".'
            )
        return choose_landmarks(
            X, among, self.n_landmarks, self.landmarks, random_state, modality
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kernels = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,)
        # One side alone cannot be cut by columns while the other is not.
        tags.input_tags.pairwise = all(
            isinstance(kernel, str) and kernel == "precomputed" for kernel in kernels
        )
        return tags


def _refuse_landmarks(got):
    raise ValueError(
        'landmarks must be "uniform", "k-means++" or, with an approximation of kernels '
        "that are not precomputed, a tuple of two matrices, the image and the text "
        f"features of the landmarks. Got {got}."
    )


def _check_kernels_fit(n):
    """Raise a ValueError where two kernel matrices and a factor do not fit."""
    check_memory(
        3 * 8 * n**2,
        f"The kernel matrices of {n} pairs",
        "Use approximation='nystroem' or 'rff', or fewer pairs.",
    )
