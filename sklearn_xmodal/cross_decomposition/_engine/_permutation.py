"""How many canonical components are more than chance: a stepwise permutation test."""

import numpy as np
from scipy import linalg, sparse
from sklearn.utils import Bunch

# What rounding may take from a statistic that equals the observed one.
_ROUNDING = 1e-10


def permutation_test(problem, whitened, X_img, X_txt, n_components, permutations):
    """Compare every canonical value of a whitened problem with those of broken pairs.

    Step j keeps only what the components before it have not explained, in both
    modalities and including what belongs to no component, and breaks the pairs by
    permuting the images: the largest canonical value of what remains is the
    statistic. A p-value is at least that of the step before.
    """
    # All directions, not only those of components: both matrices are square.
    U, S, Vt = linalg.svd(whitened.cross, lapack_driver="gesvd")
    sides = zip(problem.sides, (X_img, X_txt), whitened.directions(U, Vt), strict=True)
    Z_img, Z_txt = (_variates(side, X, W) for side, X, W in sides)
    statistics = S[:n_components]
    null = np.array(
        [_step_statistics(Z_img[p].T @ Z_txt / len(p), len(statistics))
         for p in permutations]
    )  # fmt: skip
    exceeds = null >= statistics * (1 - _ROUNDING)
    p_values = (1 + exceeds.sum(axis=0)) / (1 + len(null))
    return Bunch(
        statistics=statistics,
        p_values=np.maximum.accumulate(p_values),
        null_distribution=null,
    )


def _variates(side, X, W):
    Z = X @ W - side.mean @ W if sparse.issparse(X) else (X - side.mean) @ W
    return Z - Z.mean(axis=0)


def _step_statistics(cross, n_steps):
    """Return the largest singular value of every trailing block."""
    return [
        linalg.svd(cross[j:, j:], compute_uv=False, lapack_driver="gesvd")[0]
        for j in range(n_steps)
    ]
