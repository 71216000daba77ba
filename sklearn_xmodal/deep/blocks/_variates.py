"""Canonical variates of the prepared features, from sums over batches of pairs."""

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import pdist

from sklearn_xmodal.cross_decomposition._cca import canonical_weights
from sklearn_xmodal.cross_decomposition._engine import PairMoments, pair_moments
from sklearn_xmodal.deep._arrays import TorchArrays
from sklearn_xmodal.encoders._network import VariatesBlock, gaussian_kernel
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._entries import check_entries
from sklearn_xmodal.utils._linalg import inverse_root
from sklearn_xmodal.utils._scaling import weighted_median

_N_LANDMARKS = 300


def familiar_rows(n_rows):
    """Return the training pairs that familiarity is measured by, always the same."""
    return landmark_rows(n_rows, np.random.RandomState(0))


def landmark_rows(n_rows, rng):
    """Draw the training pairs that others are compared with, in their order."""
    rows = rng.choice(n_rows, min(_N_LANDMARKS, n_rows), replace=False)
    return torch.from_numpy(np.sort(rows))


class LinearVariates:
    """Canonical variates of features, for several ridges side by side.

    Canonical analysis sees means and second moments only, so pairs may come batch
    by batch, and more of them later. After `solve`, `weights` has one matrix (width, r)
    per ridge for every modality, and `means` what is subtracted before, (width,).
    """

    #: (alpha, component_power): no single ridge suits all data.
    SETTINGS = ((0.1, 2.0), (1.0, 1.0), (10.0, 2.0))
    #: Pairs of directions at most; None for all.
    N_COMPONENTS: int | None = None
    #: What files hold beside the moments.
    _KERNEL: tuple = ()

    def __init__(self):
        self._moments: Any = None  # PairMoments of the batches so far

    def prepare(self, data, rng):
        """Learn from the first pairs what `features` needs: here nothing."""

    def features(self, x, modality):
        """Return what is correlated, in float64: here the features themselves."""
        return x.double()

    def update(self, data):
        """Take the pairs of a data set into account, some at a time."""
        for batch, weight in zip(data.blocks(), data.block_weights(), strict=True):
            image, text = (
                self.features(x, name).cpu().numpy()
                for x, name in zip(batch, MODALITIES, strict=True)
            )
            moments = pair_moments(image, text, weight)
            if self._moments is not None:
                moments = self._moments.merged(moments)
            self._moments = moments

    def solve(self):
        """Find the weights for all pairs so far, and return self."""
        mean, p = self._moments.mean, self._moments.n_image_features
        self.means = dict(
            zip(MODALITIES, np.split(mean.high + mean.low, [p]), strict=True)
        )
        sides = zip(
            *(
                canonical_weights(self._moments, alpha, power)
                for alpha, power in self.SETTINGS
            ),
            strict=True,
        )
        self.weights = {
            name: [W[:, : self.N_COMPONENTS] for W in of_ridges]
            for name, of_ridges in zip(MODALITIES, sides, strict=True)
        }
        return self

    def state(self):
        """Return what a file holds to take more pairs into account."""
        return {"moments": self._moments.state()}

    @classmethod
    def from_state(cls, state):
        """Return variates from what `state` gave, not solved."""
        check_entries(state, {"moments", *cls._KERNEL})
        self = cls()
        self._moments = PairMoments.from_state(state["moments"])
        for name in cls._KERNEL:
            setattr(self, name, state[name])
        return self

    def block(self, modality):
        """Return the part of an encoder that has the variates of one modality."""
        return VariatesBlock(mean=self.means[modality], weights=self.weights[modality])


class KernelVariates(LinearVariates):
    """Canonical variates for two Gaussian kernels, by Nystroem's method.

    Items are described by their kernel values with some of the training items, the
    landmarks; the kernel's width is the median distance between landmarks.
    """

    SETTINGS = ((0.3, 2.0), (3.0, 1.0), (30.0, 1.0))
    N_COMPONENTS = 20
    _KERNEL = ("landmarks", "gammas", "roots")

    def prepare(self, data, rng):
        """Draw the landmarks, and learn the kernels' widths."""
        index = landmark_rows(len(data), rng)
        self.landmarks = {}  # modality -> prepared features (r, p)
        self.gammas = {}  # modality -> coefficient of the squared distance
        self.roots = {}  # modality -> inverse root of the landmarks' kernel (r, r)
        for name in MODALITIES:
            x = getattr(data, name).rows(index).double()
            self.landmarks[name] = x.cpu().numpy()
            weight = None if data.weight is None else data.weight[index]
            self.gammas[name] = 1 / _median_distance(self.landmarks[name], weight) ** 2
            K = self._kernel(x, name).cpu().numpy()
            # Looser than rounding: what lies below are copies of other landmarks.
            self.roots[name] = inverse_root(K, 1e-10)

    def features(self, x, modality):
        """Return kernel values in coordinates whose products are the kernel."""
        root = torch.as_tensor(self.roots[modality], device=x.device)
        return self._kernel(x.double(), modality) @ root

    def state(self):
        """Return what a file holds: the moments, and the kernels."""
        return {
            **super().state(),
            "landmarks": self.landmarks,
            "gammas": self.gammas,
            "roots": self.roots,
        }

    def block(self, modality):
        """Return the part of an encoder that has the variates of kernel values."""
        return replace(
            super().block(modality),
            landmarks=self.landmarks[modality],
            gamma=self.gammas[modality],
            root=self.roots[modality],
        )

    def _kernel(self, x, modality):
        landmarks, gamma = self.landmarks[modality], self.gammas[modality]
        return gaussian_kernel(x, landmarks, gamma, TorchArrays(x.device))


def _median_distance(X, weight):
    """Return the median of the distances above 0 between rows, 1 if there are none."""
    distances = pdist(X)
    apart = distances > 0
    if not apart.any():
        return 1.0
    if weight is None:
        return np.median(distances[apart])
    # As often as both items of a pair are repeated, in the order of pdist.
    i, j = np.triu_indices(len(X), 1)
    return weighted_median(distances[apart], (weight[i] * weight[j])[apart])


#: Blocks that do not need the network.
VARIATES = {"canonical": LinearVariates, "kernel": KernelVariates}


def start_variates(weights, data, rng):
    """Return the variates of the blocks that have a weight, prepared for the pairs."""
    variates = {name: cls() for name, cls in VARIATES.items() if weights.get(name)}
    for of_block in variates.values():
        of_block.prepare(data, rng)
    return variates


def updated_variates(variates, data):
    """Return variates that take more pairs into account; those given stay."""
    updated = {name: copy(of_block) for name, of_block in variates.items()}
    for of_block in updated.values():
        of_block.update(data)
        of_block.solve()
    return updated
