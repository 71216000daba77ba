"""From features to what the network sees: centring, main directions, one scale."""

import math

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.decomposition import PCA

from sklearn_xmodal.encoders._network import InputMap
from sklearn_xmodal.utils._linalg import stable_eigh, stable_svd
from sklearn_xmodal.utils._scaling import mean_and_scale

# Main directions are learnt from at most so many rows.
_PCA_ROWS = 2**14
# Up to this width from the whole covariance, beyond it by a randomised method.
_WIDEST_COVARIANCE = 1024
# Of the last direction's variance. Less than all of it: features that were whitened
# keep all directions.
_NOISE_SHARE = 0.9


def fit_input_map(
    X, modality, n_directions, n_least, rng, denoise=False, sample_weight=None
):
    """Learn the map of one modality (n, n_features), read block by block.

    At most `n_directions` principal components are kept; `None`, and up to `n_least`
    features, keep the features. `denoise` takes the last of `n_directions` for noise,
    which all of them have as much of, and shrinks each to the share of its variance
    that is not noise, as a Wiener filter does. The scale brings the root mean square of
    the training rows to 1. Positive weights make means and variances weighted ones.
    """
    mean, scale = mean_and_scale(X, modality, sample_weight)
    if n_directions is None or X.shape[1] <= n_least:
        return InputMap(mean=mean, components=None, scale=scale)
    if X.shape[0] > _PCA_ROWS:
        rows = np.sort(rng.choice(X.shape[0], _PCA_ROWS, replace=False))
        X = X[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
    stands_for_others = X.shape[1] >= n_directions
    n_directions = min(n_directions, X.shape[1], X.shape[0] - 1)
    components, variances = _main_directions(X, mean, n_directions, rng, sample_weight)
    kept = variances > np.finfo(np.float32).eps * variances[0]
    components, variances = components[kept], variances[kept]
    if denoise and stands_for_others:
        gains = 1 - _NOISE_SHARE * variances[-1] / variances
        components, variances = components * gains[:, None], variances * gains**2
    scale = math.sqrt(variances.mean())
    return InputMap(mean=mean, components=components, scale=scale)


def unchanged_map(X, modality, sample_weight=None, center=0.0):
    """Return a map of the features less a part of their mean, to root mean square 1."""
    mean, scale = mean_and_scale(X, modality, sample_weight)
    scale = math.hypot(scale, (1 - center) * math.sqrt(np.mean(mean**2)))
    return InputMap(mean=center * mean, components=None, scale=scale)


def _main_directions(X, mean, n_directions, rng, sample_weight):
    """Return orthonormal directions (n_directions, n_features) and their variances."""
    roots = None if sample_weight is None else _relative_roots(sample_weight)
    if sparse.issparse(X) and n_directions >= X.shape[1]:
        X = X.toarray()  # no wider than the directions, of which arpack finds fewer
    if not sparse.issparse(X):
        X = X.astype(np.float64) - mean
        if roots is not None:
            X *= roots
        if X.shape[1] <= _WIDEST_COVARIANCE:
            variances, V = stable_eigh(X.T @ X / X.shape[0])
            return _fixed_signs(V[:, :n_directions].T), variances[:n_directions]
    if roots is not None:
        return _weighted_directions(X, mean, n_directions, rng, roots)
    solver = "arpack" if sparse.issparse(X) else "randomized"
    seed = int(rng.randint(2**31 - 1))
    pca = PCA(n_directions, svd_solver=solver, random_state=seed).fit(X)
    variances = pca.explained_variance_ * (1 - 1 / X.shape[0])  # over n, as above
    return _fixed_signs(pca.components_), variances


def _relative_roots(sample_weight):
    """Return roots of weights relative to their mean, (n, 1)."""
    return np.sqrt(sample_weight / sample_weight.mean())[:, None]


def _weighted_directions(X, mean, n_directions, rng, roots):
    """Return what `_main_directions` does of wide rows, given the roots of weights.

    Sparse rows are centred and weighted on the way, dense ones were before.
    """
    if n_directions == min(X.shape):  # which arpack does not take
        _, S, Vt = stable_svd(X)
    else:
        operator = _centred_and_weighted(X, mean, roots) if sparse.issparse(X) else X
        start = rng.uniform(-1, 1, min(X.shape))
        _, S, Vt = svds(operator, n_directions, v0=start)
        S, Vt = S[::-1], Vt[::-1]
    return _fixed_signs(Vt), S**2 / X.shape[0]


def _centred_and_weighted(X, mean, roots):
    roots = roots.ravel()

    def product(v):
        return roots * (X @ v.ravel() - mean @ v.ravel())

    def transposed_product(u):
        u = roots * u.ravel()
        return X.T @ u - mean * u.sum()

    return LinearOperator(
        X.shape, matvec=product, rmatvec=transposed_product, dtype=np.float64
    )


def _fixed_signs(directions):
    """Make the largest entry of every direction positive."""
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return directions * signs[:, None]
