"""Base classes of the retrievers that project centred features by weights."""

from abc import abstractmethod
from operator import attrgetter

import numpy as np

from sklearn_xmodal.base import (
    BaseRetriever,
    ClassLabelsMixin,
    SampleWeightMixin,
)
from sklearn_xmodal.cross_decomposition._engine._dask import DaskPairsMixin
from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._problems import (
    MomentProblem,
    pair_problem,
)
from sklearn_xmodal.cross_decomposition._engine._signs import signs_of
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS
from sklearn_xmodal.utils._class_embeddings import (
    check_vectors_vary,
    class_memberships,
    class_vectors,
)
from sklearn_xmodal.utils._linalg import leading_svd, stable_svd
from sklearn_xmodal.utils._sklearn_compat import validate_on_fit
from sklearn_xmodal.utils._validation import (
    check_sample_weight,
    counting_rows,
    validate_tuples,
)


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


class ClassVectorsRetriever(ClassLabelsMixin, LinearRetriever):
    """Base of those that learn from the vector of the class of every pair.

    A subclass has the parameter `class_embeddings`.
    """

    def _vectors_of_classes(self, y, sample_weight):
        """Validate labels; return class vectors, and who belongs to which class."""
        y = self._check_classes(y)
        vectors = class_vectors(self.class_embeddings, self.classes_, np.float64)
        memberships = class_memberships(y, self.classes_)
        check_vectors_vary(vectors, memberships, sample_weight)
        self.class_embeddings_ = vectors
        return vectors, memberships


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


class PartialFitMixin(SpectralRetriever):
    """Mixin for linear retrievers that need no more than the moments of pairs.

    So they learn from pairs that come bit by bit, and from Dask arrays.
    """

    __metadata_request__partial_fit = DATA_ARGUMENTS

    @validate_on_fit
    def partial_fit(self, X_img, X_txt=None, y=None, sample_weight=None):
        """Add pairs to those of earlier calls, and learn from all of them.

        What is kept are the second moments, merged without loss of digits, so that
        the result is that of one `fit` on all pairs, in any order. Only for a
        covariance close to singular and hardly any ridge do moments hold fewer
        digits than the data: where a column is the sum of others but for a part r
        of its spread, about 1e-16 / r^2 is the error, and below 1e-6 the direction
        is dropped. `fit` looks at the data again then, `partial_fit` cannot. A call
        costs the product of its rows, and the solution of the whole problem: give
        it ten times as many rows as features.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            As in `fit`. The first call needs two pairs, later ones need one.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            As in `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            As in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        self : SpectralRetriever
            The retriever, fitted to all pairs so far.

        Raises
        ------
        ValueError
            As in `fit`; also if the features are not those of the first call, or
            if the retriever was fitted by `fit`, which keeps no moments. The
            retriever is then as it was before the call.
        """
        with self._as_before_unless_fitted():
            self._add_pairs(X_img, X_txt, y, sample_weight)
        return self

    def _more_state(self):
        moments = getattr(self, "_moments", None)
        return {"moments": None if moments is None else moments.state()}

    def _take_more_state(self, state):
        moments = state.pop("moments")
        if moments is not None:
            self._moments = PairMoments.from_state(moments)

    def _add_pairs(self, X_img, X_txt, y, sample_weight):
        before = getattr(self, "_moments", None)
        if before is None and hasattr(self, "n_components_"):
            raise ValueError(
                "partial_fit must begin the fit itself, since fit keeps no moments to "
                f"add to. Got a {type(self).__name__} fitted by fit. Use partial_fit "
                "for all pairs, or clone the retriever first."
            )
        check = self._check_pairs if before is None else self._check_more_pairs
        X_img, X_txt, y = check("partial_fit", X_img, X_txt, y, sample_weight)
        least = 2 if before is None else 1
        sample_weight = check_sample_weight(
            sample_weight, X_img.shape[0], at_least=least
        )
        classes = getattr(self, "classes_", None)
        self._record_classes(counting_rows(sample_weight, y))
        if before is not None and classes is not None:
            seen = getattr(self, "classes_", classes)
            self._record_classes(np.array([*classes.tolist(), *seen.tolist()]))
        moments = pair_moments(X_img, X_txt, sample_weight)
        self._moments = moments if before is None else before.merged(moments)
        validate_tuples(self)
        self._set_encoders(*self._solve(MomentProblem(self._moments)))

    def _check_takes_dask(self):
        """Moments are sums over blocks."""
