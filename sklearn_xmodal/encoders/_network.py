"""Network encoders: trained networks without the framework that trained them.

Shapes: b items, s members of the ensemble, d columns of a code.
"""

import copy
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders import _arrays
from sklearn_xmodal.encoders._base import Encoder, Part
from sklearn_xmodal.encoders._linear import LinearEncoder

# Matrix products of fewer rows take other ways, whose last digits differ.
_LEAST_ROWS = 8


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class InputMap(Part):
    """From features to what networks see: centred, in main directions, scaled."""

    kind: ClassVar[str] = "input_map"

    mean: np.ndarray  # (n_features,)
    # (n_directions, n_features), of unit length or less; None: all features
    components: np.ndarray | None
    scale: float

    @property
    def width(self):
        """Number of values that the networks see."""
        return len(self.mean if self.components is None else self.components)

    def apply(self, X):
        """Map rows to float32, (n, p) -> (n, width); sparse become dense."""
        X = X.toarray() if sparse.issparse(X) else X
        X = X - self.mean
        if self.components is not None:
            X = X @ self.components.T
        return (X / self.scale).astype(np.float32, order="C")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Perceptron(Part):
    """Linear layers of all members, an activation between them."""

    kind: ClassVar[str] = "perceptron"

    weights: list[np.ndarray]  # (s, i, o) per layer
    biases: list[np.ndarray]  # (s, 1, o) per layer
    activation: str = "identity"

    def apply(self, x, on):
        """Map (b, i) or (s, b, i) to (s, b, o)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if i:
                x = on.activation(self.activation, x)
            x = on.linear(x, on.constant(weight), on.constant(bias))
        return x

    @property
    def n_members(self):
        """Number of members."""
        return len(self.weights[0])


class Codes(NamedTuple):
    """What the networks make of the items of one modality."""

    code: Any  # z (s, b, d)
    contrastive: Any  # g (s, b, g)
    locked: Any  # what they say of the inputs of the other modality, (s, b, width)

    @classmethod
    def of_outputs(cls, outputs, n_components, n_locked, activate):
        """Cut the outputs of an encoder, of which the locked ones are not activated."""
        end = outputs.shape[2] - n_locked
        codes = activate(outputs[..., :end])
        return cls(
            code=codes[..., :n_components],
            contrastive=codes[..., n_components:],
            locked=outputs[..., end:],
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Branch(Part):
    """The encoder of one modality in a network: features to `Codes`."""

    kind: ClassVar[str] = "branch"
    version: ClassVar[int] = 2

    perceptron: Perceptron
    n_components: int
    code_activation: str = "identity"
    n_inputs: tuple | None = None  # of every member, the first ones; None: all
    skip: Perceptron | None = None  # a linear way past the hidden layers
    n_locked: int = 0  # the last ones of the outputs

    @classmethod
    def from_state(cls, state, version):
        """Read what `state` gave, which in version 1 had neither of the last two."""
        if version == 1:
            state, version = {**state, "skip": None, "n_locked": 0}, 2
        return super().from_state(state, version)

    def apply(self, x, on):
        """Return `Codes`, (b, w) -> (s, b, ...)."""
        if self.n_inputs is not None and min(self.n_inputs) < x.shape[1]:
            seen = np.arange(x.shape[1]) < np.array(self.n_inputs)[:, None, None]
            x = x * on.array(seen.astype(np.float32))  # (s, b, w)
        z = self.perceptron.apply(x, on)
        if self.skip is not None:
            z = z + self.skip.apply(x, on)
        activate = partial(on.activation, self.code_activation)
        return Codes.of_outputs(z, self.n_components, self.n_locked, activate)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Classifier(Part):
    """The probability of every class, given codes."""

    kind: ClassVar[str] = "classifier"

    layer: Perceptron
    multi_label: bool

    def posterior(self, z, temperature, on):
        """Return probabilities, (s, b, d) -> (s, b, c)."""
        logits = self.layer.apply(z, on) / temperature
        return on.sigmoid(logits) if self.multi_label else on.softmax(logits)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CodeBlock(Part):
    """Codes of all members side by side: of unit length, around the training mean."""

    kind: ClassVar[str] = "code_block"

    centre: np.ndarray | None  # (s, 1, d)
    contrastive: bool = False
    scaled: bool = True  # to unit length

    def apply(self, x, codes, on):
        """Return the block, (b, s * d)."""
        found = codes.contrastive if self.contrastive else codes.code
        if self.centre is not None:
            found = found - on.constant(self.centre)
        n_members = found.shape[0]
        if not self.scaled:
            return on.members_joined(found, n_members)
        return on.members_joined(on.unit(found), n_members) / sqrt(n_members)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class MeanCodeBlock(Part):
    """The mean of the unit codes of all members."""

    kind: ClassVar[str] = "mean_code_block"

    def apply(self, x, codes, on):
        """Return the block, (b, d)."""
        return on.mean(on.unit(codes.code), 0)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PosteriorBlock(Part):
    """Unit vectors of the members' mean posterior, less that of the training items."""

    kind: ClassVar[str] = "posterior_block"

    classifier: Classifier
    temperature: float
    centre: np.ndarray  # (c,)

    def apply(self, x, codes, on):
        """Return the block, (b, c)."""
        posterior = self.classifier.posterior(codes.code, self.temperature, on)
        return on.unit(on.mean(posterior, 0) - on.constant(self.centre))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ReconstructionBlock(Part):
    """An item beside what its codes predict of the other modality."""

    kind: ClassVar[str] = "reconstruction_block"

    classifier: Classifier
    class_embeddings: np.ndarray  # (c, e)
    decoder: Perceptron  # of the other modality
    is_first: bool  # whether the item's own modality comes first: images do

    def apply(self, x, codes, on):
        """Return the block, (b, p + q)."""
        z, g, _ = codes
        posterior = self.classifier.posterior(z, 1.0, on)  # (s, b, c)
        n_classes = on.at_least(on.total(posterior, -1, keepdims=True), 1.0)
        e = posterior @ on.constant(self.class_embeddings) / n_classes  # (s, b, e)
        predicted = self.decoder.apply(on.joined([z, g, e], 2), on)
        sides = [on.unit(x), on.unit(on.mean(predicted, 0))]
        return on.joined(sides if self.is_first else sides[::-1], 1) / sqrt(2)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LockedBlock(Part):
    """Inputs of the locked modality, and where the other one's items lie among them."""

    kind: ClassVar[str] = "locked_block"

    is_locked: bool  # whether the item's own modality is

    def apply(self, x, codes, on):
        """Return the block, (b, width of the locked inputs)."""
        if self.is_locked:
            return on.unit(x)
        return on.unit(on.mean(on.unit(codes.locked), 0))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class VariatesBlock(Part):
    """Unit canonical variates of several ridges side by side.

    Of the features themselves, or of their Gaussian kernel values against landmarks
    where there are some.
    """

    kind: ClassVar[str] = "variates_block"

    mean: np.ndarray  # (r,)
    weights: list[np.ndarray]  # (r, k) per ridge
    landmarks: np.ndarray | None = None  # (m, w)
    gamma: float | None = None
    root: np.ndarray | None = None  # (m, r)

    def apply(self, x, codes, on):
        """Return the block, (b, k of all ridges)."""
        centred = self.features(on.cast(x, "float64"), on) - on.constant(self.mean)
        parts = [
            on.cast(on.unit(centred @ on.constant(W)), "float32") for W in self.weights
        ]
        return on.joined(parts, 1) / sqrt(len(parts))

    def features(self, x, on):
        """Return what is correlated, (b, w) -> (b, r) in float64."""
        if self.landmarks is None:
            return x
        return gaussian_kernel(x, self.landmarks, self.gamma, on) @ on.constant(
            self.root
        )


def gaussian_kernel(x, landmarks, gamma, on):
    """Return kernel values, (b, w) -> (b, m) in float64."""
    landmarks = on.constant(landmarks)
    squares = [on.total(a * a, 1) for a in (x, landmarks)]
    distances = squares[0][:, None] + squares[1] - 2 * x @ landmarks.T
    return on.exp(-gamma * on.at_least(distances, 0.0))


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Familiarity(Part):
    """Nearness to the training items' codes, as a number between 0 and 1."""

    kind: ClassVar[str] = "familiarity"

    landmarks: np.ndarray  # (m, s * d), unit codes
    n_neighbors: int
    mean: float
    spread: float
    tolerance: float

    def of(self, code, on):
        """Return the familiarity of unit codes, (b, s * d) -> (b, 1)."""
        cosines = code @ on.constant(self.landmarks).T
        nearness = on.mean_of_largest(cosines, self.n_neighbors)
        return on.sigmoid((nearness - self.mean) / self.spread / self.tolerance + 1)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class NetworkEncoder(Encoder):
    """Trained networks of one modality, and the blocks that make up a code.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    input_map : InputMap
        From features to what the networks see.

    branch : Branch
        From there to the networks' own codes.

    blocks : list
        Parts of the code; at least one.

    block_weights : list
        One number per block, or a pair: for items that are wholly unfamiliar, and for
        familiar ones.

    n_components_ : int
        Number of columns of the codes.

    familiarity : Familiarity, default=None
        Needed where a weight is a pair.

    familiar_code : CodeBlock, default=None
        What the familiarity looks at.

    projection : LinearEncoder, default=None
        Of what the blocks make, in float64.
    """

    kind: ClassVar[str] = "network"

    input_map: InputMap
    branch: Branch
    blocks: list[Any]
    block_weights: list
    n_components_: int
    familiarity: Familiarity | None = None
    familiar_code: CodeBlock | None = None
    projection: LinearEncoder | None = None

    _most_rows: ClassVar[int] = 4096
    #: The operations on arrays, no field: a file holds none of them.
    on: ClassVar[Any] = _arrays

    def _with_arrays(self, on):
        """Return the same encoder with other operations, such as those of torch."""
        other = copy.copy(self)
        object.__setattr__(other, "on", on)
        return other

    def _arrays(self):
        return [self.on]

    def _with_arrays_of(self, networks):
        return self._with_arrays(next(networks))

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return len(self.input_map.mean)

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row, centred features included."""
        return 16 * X.shape[1] + 8 * self.n_components_

    def _encode(self, X):
        if isinstance(X.shape[0], str) and self.on is not _arrays:  # of a graph
            return self._with_arrays(_arrays)._encode(X)
        x = self.on.array(self.input_map.apply(X))
        Z = self.on.to_numpy(self._codes(x))
        if self.projection is not None:
            Z = self.projection._encode(Z.astype(np.float64)).astype(np.float32)
        return Z.astype(X.dtype, copy=False)

    def _codes(self, x):
        """Return the blocks side by side, (b, w) -> (b, d)."""
        n_rows = x.shape[0]
        if n_rows in range(_LEAST_ROWS):  # a graph has a name for it
            return self._joined(self.on.with_rows(x, _LEAST_ROWS))[:n_rows]
        return self._joined(x)

    def _joined(self, x):
        codes = self.branch.apply(x, self.on)
        familiarity = None
        if self.familiarity is not None and self.familiar_code is not None:
            code = self.familiar_code.apply(x, codes, self.on)
            familiarity = self.familiarity.of(code, self.on)
        parts = [
            self._length(weight, familiarity) * block.apply(x, codes, self.on)
            for weight, block in zip(self.block_weights, self.blocks, strict=True)
        ]
        return self.on.joined(parts, 1)

    def _length(self, weight, familiarity):
        """Return the length of a block, the square root of its weight."""
        if not isinstance(weight, tuple):
            return sqrt(weight)
        least, most = weight
        return self.on.sqrt(least + (most - least) * familiarity)
