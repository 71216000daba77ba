"""Canonical correlation analysis with a ridge, in closed form."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from sklearn.utils.extmath import svd_flip

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.utils._linalg import relative_powers, stable_svd
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._validation import per_modality, validate_tuples

# Rows are centred in blocks of about this many values, to bound the memory.
_BLOCK_VALUES = 2**22
# Second moments serve while they cost fewer than some five digits.
_LEAST_PIVOT = 1e-5


class _Centre(NamedTuple):
    """Column means in two parts, since one float cannot hold them to the last digit.

    Beside a mean of 1e6 its rounding error is a constant column that both
    modalities share, and would pass for a perfect correlation.
    """

    mean: np.ndarray  # (n_features,)
    remainder: np.ndarray  # (n_features,)
    varies: np.ndarray  # (n_features,), whether a column is more than rounding noise
    variance: float  # mean over columns

    def subtract_from(self, X):
        X = X.toarray() if sparse.issparse(X) else X
        return X.astype(np.float64, copy=False) - self.mean - self.remainder


def _row_blocks(n_rows, n_columns):
    step = max(4 * n_columns, _BLOCK_VALUES // n_columns)
    return [slice(start, start + step) for start in range(0, n_rows, step)]


def _centre(X, modality):
    """Find the column means of X, and the columns that vary around them."""
    n, p = X.shape
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
    centre = _Centre(mean, np.zeros(p), np.ones(p, dtype=bool), 0.0)
    total, squares = np.zeros(p), np.zeros(p)
    for rows in _row_blocks(n, p):
        A = centre.subtract_from(X[rows])
        total += A.sum(axis=0)
        squares += np.einsum("ij,ij->j", A, A)
    remainder = total / n
    variances = squares / n - remainder**2
    # The bound on the rounding error of a mean, as in StandardScaler.
    varies = variances > (n * np.finfo(float).eps * mean) ** 2
    if not varies.any():
        raise ValueError(
            f"The {modality} features must vary: every column is constant over the "
            f"{n} samples, so there is nothing to correlate. Got {p} such columns."
        )
    return _Centre(mean, remainder, varies, variances[varies].sum() / p)


def _second_moments(X_img, X_txt, centre_img, centre_txt):
    """Return centred covariances, summed block by block in float64.

    Subtracting the mean before the product, not after, keeps all digits where
    the mean is large beside the spread.
    """
    n, p, q = X_img.shape[0], X_img.shape[1], X_txt.shape[1]
    image, text, cross = np.zeros((p, p)), np.zeros((q, q)), np.zeros((p, q))
    for rows in _row_blocks(n, p + q):
        A = centre_img.subtract_from(X_img[rows])  # (b, p)
        B = centre_txt.subtract_from(X_txt[rows])  # (b, q)
        image += A.T @ A
        text += B.T @ B
        cross += A.T @ B
    return image / n, text / n, cross / n


def _condensed_rows(X_img, X_txt, centre_img, centre_txt):
    """Return at most p + q rows per modality with all moments of the centred pairs.

    The triangular factor of both modalities side by side, updated block by
    block: unlike the moments it does not square the condition number.
    """
    n, p, q = X_img.shape[0], X_img.shape[1], X_txt.shape[1]
    R = np.empty((0, p + q))
    for rows in _row_blocks(n, p + q):
        A = centre_img.subtract_from(X_img[rows])
        B = centre_txt.subtract_from(X_txt[rows])
        R = np.vstack([R, np.hstack([A, B])])
        if len(R) > p + q:
            R = np.linalg.qr(R, mode="r")
    return R[:, :p], R[:, p:]


def _ridge_inverse_root(C, centre, alpha):
    r"""Return W with :math:`W^\top (C + ridge I) W = I`, or None.

    Columns are brought to unit diagonal first, so that their scales cost no
    digits; None means that being close to singular would still cost too many.
    """
    keep = np.flatnonzero(centre.varies)
    diagonal = np.diag(C)[keep] + alpha * centre.variance
    scale = 1 / np.sqrt(diagonal)
    A = C[np.ix_(keep, keep)] * scale[:, None] * scale
    np.fill_diagonal(A, 1.0)
    try:
        L = linalg.cholesky(A, lower=True)
    except linalg.LinAlgError:
        return None
    # The square of the pivots' range estimates the condition number from below.
    pivots = np.diag(L)
    if (pivots.min() / pivots.max()) ** 2 < _LEAST_PIVOT:
        return None
    inverse, _ = linalg.lapack.dtrtri(L, lower=1)
    W = np.zeros((len(C), len(keep)))
    W[keep] = scale[:, None] * inverse.T
    return W


def _whitened_rows(A, n_samples, centre, alpha):
    """Return ridge-whitened coordinates of the rows of A, and weights leading to them.

    Directions within rounding error of zero are dropped.
    """
    keep = np.flatnonzero(centre.varies)
    A = A[:, keep]
    # Without a ridge the scales of the columns are free: one scale for all keeps
    # those directions that only small columns have.
    scale = 1.0 if alpha else 1 / linalg.norm(A, axis=0)
    U, S, Vt = stable_svd(A * scale)
    rank = np.count_nonzero(max(A.shape) * np.finfo(float).eps * S[0] < S)
    U, S, Vt = U[:, :rank], S[:rank], Vt[:rank]
    deviation = np.sqrt(S**2 / n_samples + alpha * centre.variance)
    W = np.zeros((len(centre.varies), rank))
    W[keep] = (Vt * scale).T / deviation
    return U * (S / deviation), W


def _whitened_cross_covariance(X_img, X_txt, centres, alphas):
    """Return the cross-covariance of ridge-whitened modalities, and the whiteners."""
    n = X_img.shape[0]
    if n > max(X_img.shape[1], X_txt.shape[1]):
        C_img, C_txt, C_cross = _second_moments(X_img, X_txt, *centres)
        W_img = _ridge_inverse_root(C_img, centres[0], alphas[0])
        W_txt = _ridge_inverse_root(C_txt, centres[1], alphas[1])
        if W_img is not None and W_txt is not None:
            return W_img.T @ C_cross @ W_txt, W_img, W_txt
    A, B = _condensed_rows(X_img, X_txt, *centres)
    Z_img, W_img = _whitened_rows(A, n, centres[0], alphas[0])
    Z_txt, W_txt = _whitened_rows(B, n, centres[1], alphas[1])
    return Z_img.T @ Z_txt / n, W_img, W_txt


class CCARetriever(BaseRetriever):
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

    alpha : float or tuple of two floats, default=1.0
        Ridge relative to the mean variance of the modality, at least 0. A
        tuple gives ``(image, text)``.

    correlation_power : float, default=1.0
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

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the image features.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the text features.

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
    sklearn.cross_decomposition.CCA : Iterative CCA for regression.

    Notes
    -----
    Time is that of three matrix products, two Cholesky factors and one
    singular value decomposition; the data are read block by block and not
    copied. With fewer samples than features, or a covariance close to singular
    and hardly any ridge, orthogonal factors of the centred data themselves take
    over: slower, and exact to rounding. Directions without variance get no
    weight.

    References
    ----------
    .. [1] H. Hotelling, "Relations between two sets of variates", Biometrika,
       1936.
    .. [2] H. D. Vinod, "Canonical ridge and econometrics of joint production",
       Journal of Econometrics, 1976.
    .. [3] Y. Gong, Q. Ke, M. Isard, S. Lazebnik, "A multi-view embedding space
       for modeling internet images, tags, and their semantics", International
       Journal of Computer Vision, 2014.

    Examples
    --------
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> cca = CCARetriever(n_components=4).fit(X_img, X_txt)
    >>> cca.transform_text(X_txt[:3]).shape
    (3, 4)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left"), tuple],
        "correlation_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alpha=1.0,
        correlation_power=1.0,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.correlation_power = correlation_power
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y):
        validate_tuples(self)
        alphas = per_modality(self.alpha, "alpha")
        n = X_img.shape[0]
        centres = _centre(X_img, "image"), _centre(X_txt, "text")
        K, W_img, W_txt = _whitened_cross_covariance(X_img, X_txt, centres, alphas)
        U, S, Vt = stable_svd(K)  # the singular values are the correlations
        k = self._check_n_components(S, n)
        self.image_mean_, self.text_mean_ = (c.mean + c.remainder for c in centres)
        self.canonical_correlations_ = S[:k]
        # Signs from the weights, since those of U depend on the way of whitening.
        W_img, W_txt_rows = svd_flip(W_img @ U[:, :k], (W_txt @ Vt[:k].T).T)
        self.image_weights_, self.text_weights_ = W_img, W_txt_rows.T
        self.n_components_ = k

    def _encode(self, X, modality):
        weights = getattr(self, f"{modality}_weights_") * self._variate_weights()
        mean = getattr(self, f"{modality}_mean_")
        if sparse.issparse(X):
            Z = X @ weights - mean @ weights
        else:
            # What rounding takes from the mean moves all codes alike: put it back.
            rounded = mean.astype(X.dtype)
            Z = (X - rounded) @ weights.astype(X.dtype) - (mean - rounded) @ weights
        return Z.astype(X.dtype, copy=False)

    def _variate_weights(self):
        # Relative to the largest, which a strong ridge makes tiny.
        return relative_powers(self.canonical_correlations_, self.correlation_power)

    def _check_n_components(self, S, n_samples):
        """Return how many components to keep of those with singular values S."""
        available = min(len(S), n_samples - 1)
        if self.n_components is None:
            noise = S[0] * len(S) * np.finfo(float).eps
            return max(1, min(available, int(np.count_nonzero(noise < S))))
        if self.n_components > available:
            raise ValueError(
                f"n_components must be at most {available}, the largest number of "
                "canonical directions of these data (bounded by the rank of both "
                f"modalities and by n_samples - 1). Got n_components="
                f"{self.n_components} for n_samples={n_samples}."
            )
        return self.n_components
