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
        cca = CCARetriever(alpha=alpha, component_power=power).fit(*train)
        codes = (Z[:, : kind.N_COMPONENTS] for Z in cca.transform(*new))
        similarity += cosines(*codes) / len(kind.SETTINGS)
    return similarity


def familiarity(train, new):
    """Return how much new items look like training ones, all of which are landmarks."""

    def nearness(C):
        return np.sort(C, axis=1)[:, -3:].mean(axis=1)

    among_themselves = unit(train) @ unit(train).T
    np.fill_diagonal(among_themselves, -2)
    usual = nearness(among_themselves)
    z = (nearness(cosines(new, train)) - usual.mean()) / usual.std()
    return 1 / (1 + np.exp(-1 - z / 1.25))


def kernel_features(train, new):
    """Return both in coordinates whose products are a kernel, all train landmarks."""
    gamma = 1 / np.median(pdist(train)) ** 2
    K = rbf_kernel(train, gamma=gamma)
    root = linalg.sqrtm(linalg.pinvh(K)).real
    return K @ root, rbf_kernel(new, train, gamma=gamma) @ root
