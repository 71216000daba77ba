"""Kernel canonical correlation analysis, exact, without a 2n x 2n eigenproblem."""

from numbers import Integral, Real

import numpy as np
from scipy import linalg, sparse
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels
from sklearn.preprocessing import KernelCenterer
from sklearn.utils import check_random_state

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._linalg import inverse_root, relative_powers, stable_svd
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions
from sklearn_xmodal.utils._validation import per_modality, validate_tuples

_AUTO_COMPONENTS = 20
_OVERSAMPLING = 10
# Residuals enter the correlations squared: this leaves them exact to rounding.
_RESIDUAL_TOLERANCE = 1e-7


class _Smoother:
    r"""The ridge smoother :math:`A = K (K + \lambda I)^{-1}` of one modality."""

    def __init__(self, K, ridge, modality):
        self.ridge = ridge
        # Relative error of a solve: rounding times the condition number, or some more.
        self.rounding = 10 * np.finfo(float).eps * (1 + linalg.norm(K) / ridge)
        regularised = K.copy()
        regularised.flat[:: len(K) + 1] += ridge
        try:
            self._factor = linalg.cho_factor(
                regularised, lower=True, overwrite_a=True, check_finite=False
            )
        except linalg.LinAlgError:
            raise ValueError(
                f"The {modality} kernel plus its ridge must be positive definite. Got "
                f"a matrix that is not, with a ridge of {ridge:.3g}. Use a positive "
                "semi-definite kernel, or raise alpha."
            ) from None

    def solve(self, B):
        """Return dual coefficients of the ridge regression of B on the kernel."""
        return linalg.cho_solve(self._factor, B, check_finite=False)

    def __call__(self, B):
        # K (K + ridge)^-1 B, without another product with K
        return B - self.ridge * self.solve(B)


class _Basis:
    """An orthonormal basis that grows by blocks, with its smoothed image."""

    def __init__(self, smooth, n):
        self.smooth = smooth
        self.Q = np.empty((n, 0))
        self.AQ = np.empty((n, 0))

    def extend(self, block):
        """Append the part of block outside the basis; return it smoothed."""
        for _ in range(2):  # twice is enough for orthogonality to rounding
            block = block - self.Q @ (self.Q.T @ block)
        block, _ = linalg.qr(block, mode="economic")
        smoothed = self.smooth(block)
        self.Q = np.hstack([self.Q, block])
        self.AQ = np.hstack([self.AQ, smoothed])
        return smoothed


def _rayleigh_ritz(image, text, k):
    r"""Solve the problem for variates that are smoothed vectors of two bases.

    With :math:`a = (K_v + \lambda_v I)^{-1} Q_v c` the constraint becomes
    :math:`c^\top Q_v^\top A_v Q_v c = 1`, likewise for the text, and the
    objective :math:`c^\top (A_v Q_v)^\top (A_t Q_t) d`.
    """
    # Directions of the null space of a kernel would be noise, blown up.
    root_img = inverse_root(image.Q.T @ image.AQ, image.smooth.rounding)
    root_txt = inverse_root(text.Q.T @ text.AQ, text.smooth.rounding)
    U, S, Vt = stable_svd(root_img.T @ (image.AQ.T @ text.AQ) @ root_txt)
    return S[:k], root_img @ U[:, :k], root_txt @ Vt[:k].T


def _residual(image, text, S, c, d):
    """Largest violation of the optimality conditions A_v g = S f and A_t f = S g."""
    f, g = image.AQ @ c, text.AQ @ d  # variates, (n, k)
    error = max(
        linalg.norm(image.smooth(g) - f * S, axis=0).max(),
        linalg.norm(text.smooth(f) - g * S, axis=0).max(),
    )
    return error / linalg.norm(f, axis=0).max()


def _canonical_pairs(smooth_img, smooth_txt, n, k, random_state):
    """Leading canonical pairs by Rayleigh-Ritz over two growing block Krylov spaces.

    Every step costs a few triangular solves with thin blocks. Where the
    spaces would grow to the size of the problem, it is solved whole.
    """
    width = k + _OVERSAMPLING
    image, text = _Basis(smooth_img, n), _Basis(smooth_txt, n)
    block = random_state.standard_normal((n, width))
    block -= block.mean(axis=0)
    checked = 0
    while 2 * (image.Q.shape[1] + width) < n:
        # What smooths well on one side is what the other side must explain.
        block = text.extend(image.extend(block))
        if image.Q.shape[1] < 1.25 * checked:
            continue  # the check costs more than a step once the spaces are large
        checked = image.Q.shape[1]
        S, c, d = _rayleigh_ritz(image, text, k)
        if len(S) == k and _residual(image, text, S, c, d) < _RESIDUAL_TOLERANCE:
            break
    else:
        image, text = _Basis(smooth_img, n), _Basis(smooth_txt, n)
        image.extend(np.eye(n))
        text.extend(np.eye(n))
        S, c, d = _rayleigh_ritz(image, text, k)
    # Signs from the variates, not from the basis: chance has no part in them.
    variates = image.AQ @ c
    largest = np.abs(variates).argmax(axis=0)
    signs = np.sign(variates[largest, np.arange(len(S))])
    dual_img, dual_txt = smooth_img.solve(image.Q @ c), smooth_txt.solve(text.Q @ d)
    return S, dual_img * signs, dual_txt * signs


class KCCARetriever(BaseRetriever):
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
        the "features" are kernel values against the training items. A tuple
        gives ``(image, text)``.

    alpha : float or tuple of two floats, default=10.0
        Ridge relative to the mean eigenvalue of the centred kernel matrix,
        above 0. A tuple gives ``(image, text)``.

    gamma : float, {"scale"}, None or tuple of two, default="scale"
        Coefficient of the rbf, laplacian, polynomial, sigmoid and chi-squared
        kernels. ``"scale"`` is 1 / (n_features * variance of all values),
        `None` is the kernel's own default. A tuple gives ``(image, text)``.

    degree : float or tuple of two floats, default=3
        Degree of the polynomial kernel.

    coef0 : float or tuple of two floats, default=1
        Constant of the polynomial and sigmoid kernels.

    kernel_params : dict or tuple of two, default=None
        Keyword arguments of a callable kernel.

    correlation_power : float, default=1.0
        Every canonical variate is multiplied by its correlation to this power.
        0 gives unit variates.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    random_state : int, RandomState instance or None, default=0
        Start of the block iteration. Correlations are exact to rounding and codes
        to some seven digits, so it hardly matters.

    n_jobs : int, default=None
        Parallel jobs of the kernel computation, see
        :func:`sklearn.metrics.pairwise.pairwise_kernels`.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Maxima of the objective, largest first.

    image_dual_coef_ : ndarray of shape (n_samples, n_components_)
        Coefficients :math:`a` in columns.

    text_dual_coef_ : ndarray of shape (n_samples, n_components_)
        Coefficients :math:`b` in columns.

    X_image_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_image_features_)
        The training images, kept for the kernel.

    X_text_fit_ : {ndarray, sparse matrix} of shape (n_samples, n_text_features_)
        The training texts, kept for the kernel.

    image_gamma_ : float or None
        The value used.

    text_gamma_ : float or None
        The value used.

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
    Memory is that of two kernel matrices and two factors of the same size,
    32 bytes times n_samples squared; time that of two Cholesky factors and a
    few thin blocks of triangular solves.

    References
    ----------
    .. [1] D. Hardoon, S. Szedmak, J. Shawe-Taylor, "Canonical correlation
       analysis: an overview with application to learning methods", Neural
       Computation, 2004.

    Examples
    --------
    >>> from sklearn_xmodal import KCCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> kcca = KCCARetriever(n_components=4, kernel=("rbf", "linear"))
    >>> kcca.fit(X_img, X_txt).transform_image(X_img[:3]).shape
    (3, 4)
    """

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
            StrOptions({"scale"}),
            Interval(Real, 0, None, closed="left"),
            tuple,
            None,
        ],
        "degree": [Interval(Real, 0, None, closed="left"), tuple],
        "coef0": [Interval(Real, None, None, closed="neither"), tuple],
        "kernel_params": [dict, tuple, None],
        "correlation_power": [Interval(Real, 0, None, closed="left")],
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
        correlation_power=1.0,
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
        self.correlation_power = correlation_power
        self.n_image_features = n_image_features
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, X_img, X_txt, y):
        validate_tuples(self)
        n = X_img.shape[0]
        k = self._check_n_components(n)
        self.X_image_fit_, self.X_text_fit_ = X_img, X_txt
        smooth_img = self._fit_modality(X_img, "image")
        smooth_txt = self._fit_modality(X_txt, "text")
        random_state = check_random_state(self.random_state)
        S, dual_img, dual_txt = _canonical_pairs(
            smooth_img, smooth_txt, n, k, random_state
        )
        available = int(np.count_nonzero(n * np.finfo(float).eps * S[0] < S))
        if self.n_components == "auto":
            k = max(1, min(k, available))
        elif k > available:
            raise ValueError(
                f"n_components must be at most {available}, the number of canonical "
                "directions that these kernels have on these data. Got "
                f"n_components={self.n_components}."
            )
        self.canonical_correlations_ = S[:k]
        # Variates of unit variance (plus ridge), as in CCARetriever.
        self.image_dual_coef_ = dual_img[:, :k] * np.sqrt(n)
        self.text_dual_coef_ = dual_txt[:, :k] * np.sqrt(n)
        self.n_components_ = k

    def _check_n_components(self, n_samples):
        if self.n_components == "auto":
            return min(_AUTO_COMPONENTS, n_samples - 1)
        if self.n_components >= n_samples:
            raise ValueError(
                "n_components must be smaller than the number of samples. Got "
                f"n_components={self.n_components} for n_samples={n_samples}."
            )
        return self.n_components

    def _fit_modality(self, X, modality):
        """Centre the training kernel of one modality and factorise it."""
        index = MODALITIES.index(modality)
        kernel = per_modality(self.kernel, "kernel")[index]
        if kernel == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(
                f"A precomputed {modality} kernel must be square in fit, training "
                f"items by training items. Got shape {X.shape}."
            )
        gamma = per_modality(self.gamma, "gamma")[index]
        setattr(self, f"{modality}_gamma_", _gamma(X, gamma))
        setattr(self, f"_{modality}_origin", _origin(X, kernel))
        K = self._kernel(X, modality)
        # Not for users: whatever container they want, this must stay an array.
        centerer = KernelCenterer().set_output(transform="default").fit(K)
        K = centerer.transform(K, copy=False)
        setattr(self, f"_{modality}_centerer", centerer)
        scale = np.trace(K) / len(K)
        rounding = len(K) * np.finfo(float).eps * abs(centerer.K_fit_all_)
        if not scale > max(rounding, np.finfo(float).tiny):
            raise ValueError(
                f"The {modality} features must vary: the centred {modality} kernel "
                "matrix is zero to rounding, so there is nothing to correlate."
            )
        alpha = per_modality(self.alpha, "alpha")[index]
        return _Smoother(K, alpha * scale, modality)

    def _kernel(self, X, modality):
        """Kernel between some items and the training items, (n_samples, n_fit)."""
        index = MODALITIES.index(modality)
        kernel = per_modality(self.kernel, "kernel")[index]
        if kernel == "precomputed":
            K = X.toarray() if sparse.issparse(X) else X
            return np.array(K, dtype=np.float64)
        if callable(kernel):
            params = per_modality(self.kernel_params, "kernel_params")[index] or {}
        else:
            params = {
                "gamma": getattr(self, f"{modality}_gamma_"),
                "degree": per_modality(self.degree, "degree")[index],
                "coef0": per_modality(self.coef0, "coef0")[index],
            }
        # In float64 throughout: rounding to float32 costs the kernel its definiteness.
        origin = getattr(self, f"_{modality}_origin")
        fitted = getattr(self, f"X_{modality}_fit_")
        X, fitted = (A.astype(np.float64, copy=False) for A in (X, fitted))
        K = pairwise_kernels(
            X if origin is None else X - origin,
            fitted if origin is None else fitted - origin,
            metric=kernel,
            filter_params=True,
            n_jobs=self.n_jobs,
            **params,
        )
        return K.toarray() if sparse.issparse(K) else K

    def _encode(self, X, modality):
        centerer = getattr(self, f"_{modality}_centerer")
        K = centerer.transform(self._kernel(X, modality), copy=False)
        weights = relative_powers(self.canonical_correlations_, self.correlation_power)
        Z = K @ (getattr(self, f"{modality}_dual_coef_") * weights)
        return Z.astype(X.dtype, copy=False)


def _origin(X, kernel):
    """Return the means to subtract, or None where that would change the result.

    These kernels, once centred, do not depend on the origin of the features; far
    from it they would lose their digits to the length of the means.
    """
    if sparse.issparse(X) or kernel not in ("linear", "rbf", "laplacian"):
        return None
    return X.mean(axis=0, dtype=np.float64)


def _gamma(X, gamma):
    if gamma != "scale":
        return gamma
    n_values = X.shape[0] * X.shape[1]
    if sparse.issparse(X):
        mean = X.sum(dtype=np.float64) / n_values
        # Values that are not stored are zeros, each mean**2 away from the mean.
        squares = np.square(X.data - mean, dtype=np.float64).sum()
        variance = squares / n_values + (1 - X.nnz / n_values) * mean**2
    else:
        mean, variance = X.mean(dtype=np.float64), X.var(dtype=np.float64)
    varies = variance > (n_values * np.finfo(float).eps * mean) ** 2
    return 1.0 / (X.shape[1] * variance) if varies else 1.0
