"""Blocks of the representation in plain numpy."""

import numpy as np
from scipy import linalg
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_xmodal import CCARetriever


def unit(Z):
    return Z / np.linalg.norm(Z, axis=-1, keepdims=True)


def cosines(A, B):
    return unit(A) @ unit(B).T


def cosines_of_ridges(kind, train, new):
    """Return the mean over ridges of the cosines of canonical variates."""
    similarity = 0
    for alpha, power in kind.SETTINGS:
        cca = CCARetriever(alpha=alpha, correlation_power=power).fit(*train)
        codes = (Z[:, : kind.N_COMPONENTS] for Z in cca.transform(*new))
        similarity += cosines(*codes) / len(kind.SETTINGS)
    return similarity


def kernel_features(train, new):
    """Return both in coordinates whose products are a kernel, all train landmarks."""
    gamma = 1 / np.median(pdist(train)) ** 2
    K = rbf_kernel(train, gamma=gamma)
    root = linalg.sqrtm(linalg.pinvh(K)).real
    return K @ root, rbf_kernel(new, train, gamma=gamma) @ root
