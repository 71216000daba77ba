"""Kernel CCA past n x n: features whose inner products approximate the kernel.

Ridge CCA of the features from their second moments, which are sums over blocks of
rows: memory depends on the number of features, not on that of rows.
"""

from typing import NamedTuple

import numpy as np
from sklearn.cluster import kmeans_plusplus
from sklearn.utils.random import sample_without_replacement

from sklearn_xmodal.cross_decomposition._engine._dask import take_rows
from sklearn_xmodal.cross_decomposition._engine._kernels import (
    check_spectrum,
    check_varies,
    diagonal_sum,
    square,
)
from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    summed_moments,
)
from sklearn_xmodal.cross_decomposition._engine._problems import MomentProblem
from sklearn_xmodal.cross_decomposition._engine._signs import signs_of
from sklearn_xmodal.encoders import FourierMap
from sklearn_xmodal.encoders._kernel import MOST_ROWS, value_blocks
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._blocks import row_blocks, working_memory
from sklearn_xmodal.utils._linalg import leading_svd, stable_eigh

# k-means++ runs over so many rows per landmark at most; the rest adds nothing.
_SAMPLE_PER_LANDMARK = 20


def random_features(kernel, gamma, origin, n_features, n_outputs, random_state):
    """Draw a FourierMap of an even number of outputs, `n_outputs` at least."""
    gamma = 1 / n_features if gamma is None else gamma
    shape = n_features, -(-n_outputs // 2)
    if kernel == "rbf":
        frequencies = np.sqrt(2 * gamma) * random_state.standard_normal(shape)
    else:
        frequencies = gamma * random_state.standard_cauchy(shape)
    return FourierMap(frequencies=frequencies, origin=origin)


def whitener(found, modality):
    r"""Return R so that values times R are Nystroem features; None: values are.

    With landmarks' kernel matrix :math:`V \operatorname{diag}(w) V^\top`, R is
    :math:`V / \sqrt{w}`.
    """
    if isinstance(found, FourierMap):
        return None
    w, V = stable_eigh(square(found))
    mean = max(abs(w.mean()), np.finfo(float).tiny)
    check_spectrum(w[-1] / mean, f"{modality} kernel of the landmarks")
    rank = int(np.count_nonzero(w > len(w) * np.finfo(float).eps * w[0]))
    return V[:, :rank] / np.sqrt(w[:rank])


def check_shift_invariant(kernel, modality):
    """Raise a ValueError unless a kernel has random Fourier features here."""
    if kernel not in ("rbf", "laplacian"):
        raise ValueError(
            'approximation="rff" needs kernel="rbf" or "laplacian". Got '
            f'{kernel!r} for the {modality}: use approximation="nystroem".'
        )


def choose_landmarks(X, among, n_landmarks, method, random_state, modality):
    """Choose the rows that stand for all, in order; all where there are no more.

    They are `among` some rows, which are in order. "k-means++" gives fewer than
    `n_landmarks` where items are repeated.
    """
    n = len(among)
    if n_landmarks >= n:
        return among
    size = n_landmarks * (1 if method == "uniform" else _SAMPLE_PER_LANDMARK)
    rows = sample_without_replacement(n, min(n, size), random_state=random_state)
    rows = among[np.sort(rows)]
    if method == "uniform":
        return rows
    sample = take_rows(X, rows, modality).astype(np.float64)
    _, seeds = kmeans_plusplus(sample, n_landmarks, random_state=random_state)
    return rows[np.unique(seeds)]


class FeatureMoments(NamedTuple):
    """Moments of the features of two maps, and sums of kernel values k(x, x)."""

    pairs: PairMoments
    diagonals: np.ndarray  # (2,)

    def merged(self, other):
        """Return the moments of the rows of both."""
        diagonals = self.diagonals + other.diagonals
        return FeatureMoments(self.pairs.merged(other.pairs), diagonals)


def feature_moments(X_img, X_txt, sample_weight=None, *, maps, whiteners):
    """Sum the moments of the features of two maps, a KernelMap or FourierMap each.

    Features are their values times whiteners of shape (n_values, n_features); None is
    the values themselves.
    """
    sides = X_img, X_txt
    widths = [
        found.n_components_ if R is None else R.shape[1]
        for found, R in zip(maps, whiteners, strict=True)
    ]
    diagonals = [
        diagonal_sum(found, X, sample_weight)
        for found, X in zip(maps, sides, strict=True)
    ]
    blocks = _feature_blocks(sides, sample_weight, maps, whiteners, widths)
    return FeatureMoments(summed_moments(blocks, *widths), np.array(diagonals))


def _feature_blocks(sides, sample_weight, maps, whiteners, widths):
    """Yield blocks of features as `summed_moments` takes them, in one buffer."""
    # As much again for the features as for the values.
    size = sum(2 * m._bytes_per_row(X) for m, X in zip(maps, sides, strict=True))
    batches = row_blocks(sides[0].shape[0], size, working_memory(), most=MOST_ROWS)
    buffer = np.empty((batches[0].stop + 1, sum(widths)))
    blocks = [value_blocks(m, X, batches) for m, X in zip(maps, sides, strict=True)]
    for rows, parts in zip(batches, zip(*blocks, strict=True), strict=True):
        A = buffer[: len(parts[0][1]) + 1]
        columns = A[:-1, : widths[0]], A[:-1, widths[0] :]
        for (_, values), R, out in zip(parts, whiteners, columns, strict=True):
            if R is None:
                out[...] = values
            else:
                np.matmul(values, R, out=out)
        yield A, None if sample_weight is None else sample_weight[rows]


def solve_features(features, maps, whiteners, alphas, k, sample):
    """Return at most k leading canonical pairs of the features of two maps.

    Ridge CCA as `CCARetriever` solves it, from FeatureMoments: correlations (r,),
    largest first; what values of the maps are multiplied with, two of (n_values, r),
    for variates of unit variance (ridge included); what is then subtracted, the means,
    two of (r,). `alphas` are relative to the mean eigenvalue of the centred kernel
    matrix. The largest variates of the `sample`, some image features, are positive.
    """
    problem = MomentProblem(features.pairs)
    relative = [
        _relative_ridge(side, total / side.weight, alpha, modality)
        for side, total, alpha, modality in zip(
            problem.sides, features.diagonals, alphas, MODALITIES, strict=True
        )
    ]
    whitened = problem.whitened(relative)
    U, S, Vt = leading_svd(whitened.cross, min(k, *whitened.cross.shape))
    weights = whitened.directions(U, Vt)
    offsets = [side.mean @ W for side, W in zip(problem.sides, weights, strict=True)]
    duals = [W if R is None else R @ W for R, W in zip(whiteners, weights, strict=True)]
    values = value_blocks(maps[0], sample)
    variates = [block @ duals[0] - offsets[0] for _, block in values]
    signs = signs_of(np.vstack(variates))
    return S, [D * signs for D in duals], [mean * signs for mean in offsets]


def _relative_ridge(side, mean_diagonal, alpha, modality):
    """Return the ridge relative to the mean variance of the features."""
    n = side.weight
    # The trace of the centred kernel matrix over n: what features miss included.
    scale = mean_diagonal - side.mean @ side.mean
    check_varies(scale, max(n, 1) * np.finfo(float).eps * mean_diagonal, modality)
    return alpha * scale / n / side.variance
