"""Moments of kernel features: sums over pairs, once landmarks or frequencies are known.

Parts agree where their maps do. Whiteners of equal landmarks may still differ between
machines, since eigenvectors do: features are turned onto those of the other part then.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from sklearn_xmodal.cross_decomposition._engine._dask import summed
from sklearn_xmodal.cross_decomposition._engine._kernel_maps import (
    FeatureMoments,
    feature_moments,
    whitener,
)
from sklearn_xmodal.cross_decomposition._engine._kernels import square
from sklearn_xmodal.cross_decomposition._engine._moments import Mean, PairMoments
from sklearn_xmodal.encoders import FourierMap
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._entries import check_entries

_ENTRIES = ("maps", "whiteners", "gammas", "sample", "pairs", "diagonals")
# Means and variances of the same landmarks differ by rounding between machines.
_SAME = 1e-9


class KernelMoments(NamedTuple):
    """Moments of features, and what made features of the pairs."""

    maps: list  # KernelMap or FourierMap of images and of texts
    whiteners: list  # (n_values, n_features) or None
    gammas: list
    sample: Any  # image features of some pairs, which signs are of
    features: FeatureMoments

    @property
    def pairs(self):
        """The moments of the features."""
        return self.features.pairs

    def merged(self, other):
        """Return the moments of the rows of both."""
        for modality, *maps in zip(MODALITIES, self.maps, other.maps, strict=True):
            _check_same(modality, *maps)
        features = self.features.merged(other._turned_to(self))
        maps, whiteners, gammas, sample, _ = self
        return KernelMoments(maps, whiteners, gammas, sample, features)

    def state(self):
        """Return what a file holds, by names that stay."""
        state = {name: getattr(self, name) for name in _ENTRIES}
        diagonals = self.features.diagonals
        return {**state, "pairs": self.pairs.state(), "diagonals": diagonals}

    @classmethod
    def from_state(cls, state):
        """Return the moments from what `state` gave."""
        check_entries(state, _ENTRIES)
        pairs = PairMoments.from_state(state["pairs"])
        features = FeatureMoments(pairs, state["diagonals"])
        maps, whiteners, gammas, sample = (state[name] for name in _ENTRIES[:4])
        return cls(maps, whiteners, gammas, sample, features)

    @property
    def diagonals(self):
        """Sums of kernel values of items with themselves."""
        return self.features.diagonals

    def _turned_to(self, other):
        """Return the moments of the features that another part would have."""
        whiteners = [*zip(self.whiteners, other.whiteners, strict=True)]
        if all(R is S or np.array_equal(R, S) for R, S in whiteners):
            return self.features
        turns = [
            np.eye(found.n_components_) if R is None else R.T @ square(found) @ S
            for found, (R, S) in zip(self.maps, whiteners, strict=True)
        ]
        pairs = _turned(self.pairs, linalg.block_diag(*turns), len(turns[0].T))
        return FeatureMoments(pairs, self.diagonals)


def kernel_moments(maps, gammas, sample, sides, sample_weight=None):
    """Sum the moments of both sides, arrays or Dask arrays, for maps of the two."""
    whiteners = [whitener(m, name) for m, name in zip(maps, MODALITIES, strict=True)]
    moments_of = partial(feature_moments, maps=maps, whiteners=whiteners)
    named = dict(zip(MODALITIES, sides, strict=True))
    features = summed(moments_of, named, sample_weight)
    return KernelMoments(maps, whiteners, gammas, sample, features)


def _turned(moments, T, n_image_features):
    """Return the moments of columns times T, (n_columns, n_new_columns)."""
    mean, lower = moments.mean, np.tril(moments.products)
    products = lower + np.tril(lower, -1).T
    return PairMoments(
        moments.n_samples,
        n_image_features,
        Mean(mean.weight, mean.high @ T, mean.low @ T),
        np.asfortranarray(np.tril(T.T @ products @ T)),
    )


def _check_same(modality, one, other):
    """Raise a ValueError unless two maps give the same features of the same items."""
    if isinstance(one, FourierMap) or isinstance(other, FourierMap):
        names = "frequencies", "origin"
        same = type(one) is type(other)
    else:
        names = "basis", "origin"
        same = one.kernel == other.kernel and _is_same_dict(one.params, other.params)
    if same and all(_is_close(getattr(one, n), getattr(other, n)) for n in names):
        return
    raise ValueError(
        f"Every part must have the same {modality} landmarks, kernel, gamma and "
        "random_state. Got others. Draw landmarks once, for example 1,000 pairs, and "
        "pass landmarks=(L_img, L_txt) to every part."
    )


def _is_same_dict(one, other):
    return one.keys() == other.keys() and all(
        _is_close(one[key], other[key]) for key in one
    )


def _is_close(a, b):
    if a is b:
        return True
    if sparse.issparse(a) or sparse.issparse(b):
        a, b = (A.toarray() if sparse.issparse(A) else A for A in (a, b))
    try:
        return np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=_SAME, atol=0)
    except TypeError:  # no numbers
        return bool(a == b)
