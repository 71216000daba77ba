"""Kernel CCA past n x n: features whose inner products approximate the kernel.

Ridge CCA of the features from their second moments, which are sums over blocks of
rows: memory depends on the number of features, not on that of rows.
"""

import numpy as np
from scipy import linalg
from sklearn.cluster import kmeans_plusplus

from sklearn_xmodal.cross_decomposition._kernel_solver import signs_of
from sklearn_xmodal.cross_decomposition._kernels import (
    check_varies,
    row_blocks,
    shifted,
)
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._linalg import inverse_root, stable_svd

# k-means++ runs over so many rows per landmark at most; the rest adds nothing.
_SAMPLE_PER_LANDMARK = 20
# Items whose largest variate is made positive.
_SIGN_SAMPLE = 1000


class FourierMap:
    r"""Items to random Fourier features, for kernels of differences.

    Pairs :math:`\cos(w_j^\top x), \sin(w_j^\top x)` with frequencies :math:`w_j` from
    the Fourier transform of the kernel: Gaussian for ``"rbf"``, Cauchy for
    ``"laplacian"`` (Rahimi and Recht, "Random features for large-scale kernel
    machines", NIPS 2007).

    Parameters
    ----------
    kernel : {"rbf", "laplacian"}
        The kernel.

    gamma : float or None
        Its coefficient, `None` for 1 / n_features.

    origin : ndarray of shape (n_features,) or None
        Subtracted from all features.

    n_features : int
        Number of input features.

    n_outputs : int
        Number of random features, rounded up to an even number.

    random_state : RandomState instance
        Draws the frequencies.
    """

    def __init__(self, kernel, gamma, origin, n_features, n_outputs, random_state):
        self.origin = origin
        gamma = 1 / n_features if gamma is None else gamma
        shape = n_features, -(-n_outputs // 2)
        if kernel == "rbf":
            self.frequencies = np.sqrt(2 * gamma) * random_state.standard_normal(shape)
        else:
            self.frequencies = gamma * random_state.standard_cauchy(shape)

    def bytes_per_row(self, X):
        """Return what `blocks` allocates for a row."""
        return 32 * self.frequencies.shape[1] + 8 * X.shape[1]

    def blocks(self, X, batches=None):
        """Yield slices of rows, and their features of shape (n_rows, n_outputs)."""
        for rows in batches or row_blocks(X.shape[0], self.bytes_per_row(X)):
            phases = shifted(X[rows], self.origin) @ self.frequencies
            features = np.hstack([np.cos(phases), np.sin(phases)])
            features /= np.sqrt(phases.shape[1])
            yield rows, features

    def mean_diagonal(self, X):
        """Return the mean over items of their kernel value with themselves."""
        return 1.0

    def whitener(self, modality):
        """Return None: the values are features as they are."""

    def sample(self, X):
        """Return some training items."""
        return X[:_SIGN_SAMPLE]

    @property
    def n_values(self):
        """Number of random features."""
        return 2 * self.frequencies.shape[1]


def check_shift_invariant(kernel, modality):
    """Raise a ValueError unless a kernel has random Fourier features here.

    Parameters
    ----------
    kernel : str or callable
        The kernel.

    modality : {"image", "text"}
        Named in the error.

    Raises
    ------
    ValueError
        If it is neither rbf nor laplacian.
    """
    if kernel not in ("rbf", "laplacian"):
        raise ValueError(
            'approximation="rff" needs kernel="rbf" or "laplacian". Got '
            f'{kernel!r} for the {modality}: use approximation="nystroem".'
        )


def choose_landmarks(X, n_landmarks, method, random_state):
    """Choose the rows that stand for all.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Training features of one modality.

    n_landmarks : int
        How many; all rows where there are no more.

    method : {"uniform", "k-means++"}
        How.

    random_state : RandomState instance
        Draws them.

    Returns
    -------
    rows : ndarray of int
        In order; fewer than `n_landmarks` where items are repeated.
    """
    n = X.shape[0]
    if n_landmarks >= n:
        return np.arange(n)
    order = random_state.permutation(n)
    if method == "uniform":
        return np.sort(order[:n_landmarks])
    sample = np.sort(order[: _SAMPLE_PER_LANDMARK * n_landmarks])
    _, seeds = kmeans_plusplus(
        X[sample].astype(np.float64), n_landmarks, random_state=random_state
    )
    return sample[np.unique(seeds)]


def feature_moments(sides, maps, whiteners):
    """Return means of map values, and means and covariance of both features.

    Parameters
    ----------
    sides : tuple of two {ndarray, sparse matrix} of shape (n_samples, ...)
        Training images and texts, memory-mapped if need be.

    maps : tuple of two
        A :class:`KernelMap` or a :class:`FourierMap` per modality.

    whiteners : tuple of two ndarray of shape (n_values, n_features) or None
        What the values of a map are multiplied with to become features.

    Returns
    -------
    value_means : list of two ndarray of shape (n_values,)
        Means of the values per modality.

    mean : ndarray of shape (n_image_features + n_text_features,)
        Of the features of both modalities side by side.

    C : ndarray of shape (n_image_features + n_text_features, ...)
        Their covariance.
    """
    n = sides[0].shape[0]
    # As much again for the features as for the values.
    size = sum(2 * m.bytes_per_row(X) for m, X in zip(maps, sides, strict=True))
    batches = list(row_blocks(n, size))
    blocks = [m.blocks(X, batches) for m, X in zip(maps, sides, strict=True)]
    shift, value_sums, total, C = None, [0.0, 0.0], 0.0, 0.0
    for (_, V), (_, T) in zip(*blocks, strict=True):
        value_sums = [
            s + A.sum(axis=0) for s, A in zip(value_sums, (V, T), strict=True)
        ]
        F = np.hstack(
            [A if R is None else A @ R for A, R in zip((V, T), whiteners, strict=True)]
        )
        if shift is None:  # close to the mean, which must not cost the products digits
            shift = F.mean(axis=0)
        F -= shift
        total = total + F.sum(axis=0)
        C += F.T @ F
    total /= n
    C /= n
    C -= np.outer(total, total)
    return [s / n for s in value_sums], shift + total, C


def ridge_cca(C, n_image_features, ridges):
    """Return correlations and weights of ridge CCA from a joint covariance.

    Parameters
    ----------
    C : ndarray of shape (n_features, n_features)
        Covariance of both modalities side by side, image first.

    n_image_features : int
        Where the text starts.

    ridges : tuple of two floats
        Added to the variances of either modality.

    Returns
    -------
    S : ndarray of shape (r,)
        Correlations, largest first.

    W_img : ndarray of shape (n_image_features, r)
        Weights with unit variance, ridge included.

    W_txt : ndarray of shape (n_features - n_image_features, r)
        Likewise.
    """
    p = n_image_features
    roots = []
    for A, ridge in zip((C[:p, :p], C[p:, p:]), ridges, strict=True):
        regularised = A.copy()
        regularised.flat[:: len(A) + 1] += ridge
        roots.append(_whitening_root(regularised))
    U, S, Vt = stable_svd(roots[0].T @ C[:p, p:] @ roots[1])
    return S, roots[0] @ U, roots[1] @ Vt.T


def _whitening_root(A):
    """Return W with W' A W = I, the cheap way where the ridge outweighs rounding."""
    try:
        L = linalg.cholesky(A, lower=True)
    except linalg.LinAlgError:
        return inverse_root(A)
    inverse, _ = linalg.lapack.dtrtri(L, lower=1)
    return inverse.T


def approximate_pairs(sides, maps, alphas, k):
    r"""Return the leading canonical pairs of the features of two maps.

    Parameters
    ----------
    sides : tuple of two {ndarray, sparse matrix} of shape (n_samples, ...)
        Training images and texts.

    maps : tuple of two
        A :class:`KernelMap` or a :class:`FourierMap` per modality.

    alphas : tuple of two floats
        Ridges relative to the mean eigenvalue of the centred kernel matrix.

    k : int
        Number of pairs.

    Returns
    -------
    S : ndarray of shape (r,)
        Correlations, largest first; r is at most k.

    duals : list of two ndarray of shape (n_values, r)
        What centred values of the maps are multiplied with, for variates of unit
        variance (ridge included).

    means : list of two ndarray of shape (n_values,)
        Means of the values.

    Raises
    ------
    ValueError
        If a kernel is not positive semi-definite, or features do not vary.
    """
    n = sides[0].shape[0]
    whiteners = [m.whitener(name) for m, name in zip(maps, MODALITIES, strict=True)]
    means, mean, C = feature_moments(sides, maps, whiteners)
    p = maps[0].n_values if whiteners[0] is None else whiteners[0].shape[1]
    ridges = []
    parts = zip(maps, sides, (mean[:p], mean[p:]), alphas, MODALITIES, strict=True)
    for found, X, centre, alpha, modality in parts:
        total = found.mean_diagonal(X)
        # The trace of the centred kernel matrix over n: what features miss included.
        scale = total - centre @ centre
        check_varies(scale, n * np.finfo(float).eps * total, modality)
        ridges.append(alpha * scale / n)
    S, *weights = ridge_cca(C, p, ridges)
    duals = [
        W[:, :k] if R is None else R @ W[:, :k]
        for R, W in zip(whiteners, weights, strict=True)
    ]
    sample = maps[0].blocks(maps[0].sample(sides[0]))
    variates = [(values - means[0]) @ duals[0] for _, values in sample]
    signs = signs_of(np.vstack(variates))
    return S[:k], [D * signs for D in duals], means
