"""Base classes of the retrievers that project centred features by weights."""

from abc import abstractmethod
from operator import attrgetter

import numpy as np

from sklearn_xmodal.base import BaseRetriever, SampleWeightMixin
from sklearn_xmodal.cross_decomposition._engine._class_moments import ClassMomentsMixin
from sklearn_xmodal.cross_decomposition._engine._dask import DaskPairsMixin
from sklearn_xmodal.cross_decomposition._engine._partial_fit import PartialFitMixin
from sklearn_xmodal.cross_decomposition._engine._problems import (
    MomentProblem,
    pair_problem,
)
from sklearn_xmodal.cross_decomposition._engine._signs import signs_of
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.utils._class_embeddings import class_vectors
from sklearn_xmodal.utils._linalg import leading_svd, stable_svd
from sklearn_xmodal.utils._validation import validate_tuples


class LinearRetriever(SampleWeightMixin, BaseRetriever):
    """Base of the retrievers whose encoders are linear.

    A subclass returns from `_fit` what `linear_encoders` makes of two sides and their
    weights.
    """

    image_weights_ = property(
        attrgetter("image_encoder_.weights"),
        doc="Directions in columns, for centred image features.",
    )
    text_weights_ = property(
        attrgetter("text_encoder_.weights"),
        doc="Directions in columns, for centred text features.",
    )
    image_mean_ = property(
        attrgetter("image_encoder_.mean"), doc="Mean of the image features."
    )
    text_mean_ = property(
        attrgetter("text_encoder_.mean"), doc="Mean of the text features."
    )


def linear_encoders(sides, weights, scales=None):
    """Return an encoder per side; weights (n_features, k) in the order of the sides."""
    return [
        LinearEncoder(mean=side.mean, weights=W, scales=scales)
        for side, W in zip(sides, weights, strict=True)
    ]


def directions(axes, coordinates, scales):
    """Return encoders of directions along the axes of image and text, and their signs.

    Coordinates are (r, k).
    """
    weights = [side.root(U) for side, U in zip(axes, coordinates, strict=True)]
    signs = signs_of(np.vstack(weights))
    return linear_encoders(axes, [W * signs for W in weights], scales), signs


class ClassVectorsRetriever(ClassMomentsMixin, LinearRetriever):
    """Base of those that learn from the vector of the class of every pair.

    A subclass has the parameter `class_embeddings`.
    """

    def _vectors_of_classes(self, counts):
        """Return the vectors of the classes, which the pairs are counted in."""
        vectors = class_vectors(self.class_embeddings, self.classes_, np.float64)
        counts.check_vectors_vary(vectors)
        self.class_embeddings_ = vectors
        return vectors


class SpectralRetriever(DaskPairsMixin, LinearRetriever):
    """Base of those that take pairs of directions from the cross-covariance (CCA, PLS).

    A subclass writes ``_solve(problem)``, which returns what `_encoders` makes of the
    weights that it finds.
    """

    _takes_zero_weights = True

    @abstractmethod
    def _solve(self, problem):
        """Return both encoders for a MomentProblem or RowProblem."""

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        validate_tuples(self)
        self.__dict__.pop("_moments", None)  # of `partial_fit`
        return self._solve(pair_problem(X_img, X_txt, sample_weight))

    def _check_takes_dask(self):
        raise TypeError(
            f"{type(self).__name__} scores held-out pairs and takes no Dask arrays. "
            "Pass arrays in memory, or choose alpha on a sample and fit "
            f"{type(self).__name__.removesuffix('CV')} with it."
        )

    def _decompose(self, cross, n_samples):
        """Return the leading singular triplets, as many as `n_components` says."""
        available = min(*cross.shape, n_samples - 1)
        if self.n_components is None:
            U, S, Vt = stable_svd(cross)
            noise = S[0] * len(S) * np.finfo(float).eps
            k = max(1, min(available, int(np.count_nonzero(noise < S))))
            return U[:, :k], S[:k], Vt[:k]
        if self.n_components > available:
            raise ValueError(
                f"n_components must be at most {available}, the largest number of "
                "directions of these data (bounded by the rank of both modalities "
                f"and by n_samples - 1). Got n_components={self.n_components} for "
                f"n_samples={n_samples}."
            )
        return leading_svd(cross, self.n_components)

    def _encoders(self, sides, weights, scales):
        """Return the encoders of pairs of directions, and set the loadings."""
        signs = signs_of(weights[0])
        weights = [np.ascontiguousarray(W * signs) for W in weights]
        self.image_loadings_, self.text_loadings_ = (
            side.loadings(W) for side, W in zip(sides, weights, strict=True)
        )
        return linear_encoders(sides, weights, scales)


class MomentsRetriever(PartialFitMixin, SpectralRetriever):
    """Base of those that solve a MomentProblem as they solve one of rows."""

    def _solve_moments(self, moments):
        return self._solve(MomentProblem(moments))
