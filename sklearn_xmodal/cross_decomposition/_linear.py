"""What the retrievers with linear projections share: fit, partial_fit, codes."""

from abc import abstractmethod

import numpy as np
from sklearn.utils.extmath import svd_flip

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.cross_decomposition._dask import are_dask_pairs, check_dask_pairs
from sklearn_xmodal.cross_decomposition._moments import PairMoments, pair_moments
from sklearn_xmodal.cross_decomposition._problems import (
    MomentProblem,
    moment_problem,
    pair_problem,
)
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS
from sklearn_xmodal.utils._linalg import leading_svd, relative_powers, stable_svd
from sklearn_xmodal.utils._sklearn_compat import validate_on_fit
from sklearn_xmodal.utils._validation import check_numbers, count, validate_tuples


class LinearRetriever(BaseRetriever):
    """Base of retrievers that project by weights found from second moments.

    A subclass writes ``_solve(problem)``, which returns what `_components` makes of
    the directions that it finds.
    """

    @abstractmethod
    def _solve(self, problem):
        """Return both encoders for a MomentProblem or RowProblem."""

    @property
    def image_weights_(self):
        """Directions in columns, for centred image features."""
        return self.image_encoder_.weights

    @property
    def text_weights_(self):
        """The same of the texts."""
        return self.text_encoder_.weights

    @property
    def image_mean_(self):
        """Mean of the image features."""
        return self.image_encoder_.mean

    @property
    def text_mean_(self):
        """Mean of the text features."""
        return self.text_encoder_.mean

    @validate_on_fit
    def fit(self, X_img, X_txt=None, y=None, sample_weight=None):
        """Learn the common space from pairs.

        There are three forms: ``fit(X_img, X_txt, y)`` with two matrices;
        ``fit(pairs, y)`` with an :class:`ImageTextPairs`; and ``fit(X, y)``
        with one matrix, image columns first, where `n_image_features` is set. Dask
        arrays are read by their blocks, on the workers of a cluster if there is
        one, except by those retrievers that score pairs themselves.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Image features, pairs, or a stacked matrix.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form; in the other two forms the
            second argument is `y`.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Class labels; recorded, not learnt from.

        sample_weight : array-like of shape (n_samples,), default=None
            How often every pair counts, at least 0.

        Returns
        -------
        self : LinearRetriever
            The fitted retriever.

        Raises
        ------
        ValueError
            If a side is missing, the rows do not pair up, a value is NaN or
            infinite, a weight is negative, or there are fewer components than
            asked for.
        """
        if are_dask_pairs(X_img):
            self._fit_dask(X_img, X_txt, y, sample_weight)
            return self
        X_img, X_txt, y = self._check_pairs("fit", X_img, X_txt, y)
        sample_weight = _check_weights(sample_weight, X_img, at_least=2)
        vars(self).pop("_moments", None)
        self._record_classes(y)
        self._set_encoders(*self._fit(X_img, X_txt, y, sample_weight))
        return self

    def _fit_dask(self, X_img, X_txt, y, sample_weight):
        raise TypeError(
            f"{type(self).__name__} scores held-out pairs and takes no Dask arrays. "
            "Pass arrays in memory, or choose alpha on a sample and fit CCARetriever "
            "with it."
        )

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        validate_tuples(self)
        return self._solve(pair_problem(X_img, X_txt, sample_weight))

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

    def _components(self, problem, whitened, U, S, Vt, power):
        """Return the encoders of components that were found in whitened coordinates."""
        # Signs from the weights, since those of U depend on the way of whitening.
        W_img, W_txt_rows = svd_flip(whitened.image(U), whitened.text(Vt.T).T)
        W_img, W_txt = np.ascontiguousarray(W_img), np.ascontiguousarray(W_txt_rows.T)
        image, text = problem.sides
        self.image_loadings_ = _loadings(image, W_img)
        self.text_loadings_ = _loadings(text, W_txt)
        # Relative to the largest, which a strong ridge makes tiny.
        scales = relative_powers(S, power)
        return (
            LinearEncoder(mean=image.mean, weights=W_img, scales=scales),
            LinearEncoder(mean=text.mean, weights=W_txt, scales=scales),
        )


class PartialFitMixin:
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
        self : LinearRetriever
            The retriever, fitted to all pairs so far.

        Raises
        ------
        ValueError
            As in `fit`; also if the features are not those of the first call, or
            if the retriever was fitted by `fit`, which keeps no moments. The
            retriever is then as it was before the call.
        """
        state = vars(self).copy()
        try:
            self._add_pairs(X_img, X_txt, y, sample_weight)
        except BaseException:
            vars(self).clear()
            vars(self).update(state)
            raise
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
        X_img, X_txt, y = check("partial_fit", X_img, X_txt, y)
        least = 2 if before is None else 1
        sample_weight = _check_weights(sample_weight, X_img, at_least=least)
        classes = getattr(self, "classes_", None)
        self._record_classes(y)
        if before is not None and classes is not None:
            seen = getattr(self, "classes_", classes)
            self._record_classes(np.array([*classes.tolist(), *seen.tolist()]))
        moments = pair_moments(X_img, X_txt, sample_weight)
        self._moments = moments if before is None else before.merged(moments)
        validate_tuples(self)
        self._set_encoders(*self._solve(MomentProblem(self._moments)))

    def _fit_dask(self, X_img, X_txt, y, sample_weight):
        X_img, X_txt, y = check_dask_pairs(self, X_img, X_txt, y)
        sample_weight = _check_weights(sample_weight, X_img, at_least=2)
        validate_tuples(self)
        vars(self).pop("_moments", None)
        self._record_classes(y)
        self._set_encoders(*self._solve(moment_problem(X_img, X_txt, sample_weight)))


def _check_weights(sample_weight, X, at_least):
    """Validate weights; None, for equal ones, stays None."""
    if sample_weight is None:
        return None
    sample_weight = check_numbers(
        sample_weight,
        "sample_weight",
        dtype=np.float64,
        ensure_2d=False,
        ensure_min_samples=0,
    )
    n = X.shape[0]
    if sample_weight.ndim == 0:
        sample_weight = np.full(n, sample_weight)
    if sample_weight.shape != (n,):
        raise ValueError(
            f"sample_weight must be one number, or one for each of {count(n, 'pair')}. "
            f"Got shape {sample_weight.shape}."
        )
    if sample_weight.min() < 0:
        raise ValueError(
            f"sample_weight must be at least 0. Got {sample_weight.min():g} in row "
            f"{sample_weight.argmin()}. Drop such pairs, or give them weight 0."
        )
    n_positive = np.count_nonzero(sample_weight)
    if n_positive < at_least:
        raise ValueError(
            f"sample_weight must be above zero for at least {at_least} pairs. Got "
            f"{count(n_positive, 'positive weight')}."
        )
    return sample_weight


def _loadings(side, weights):
    """Return correlations of the features with their variates."""
    covariance = side.covariance_times(weights)  # (n_features, k)
    variances = np.einsum("ij,ij->j", weights, covariance)
    deviation = np.sqrt(np.maximum(variances, 0.0))
    covariance /= np.where(deviation > 0, deviation, 1.0)
    return covariance * side.unit_scale()[:, None]
