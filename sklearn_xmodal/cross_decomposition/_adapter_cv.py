"""An adapter whose dials are chosen by cross-validation from shared moments."""

from numbers import Integral

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.model_selection import check_cv
from sklearn.preprocessing import normalize

from sklearn_xmodal.cross_decomposition._adapter import (
    AdapterRetriever,
    BaseAdapter,
    JointMoments,
    centred,
    most_rows,
    part_of_mean,
)
from sklearn_xmodal.cross_decomposition._engine._folds import TrainingProblems
from sklearn_xmodal.metrics import get_retrieval_scorer
from sklearn_xmodal.pairs._pairs import ImageTextPairs
from sklearn_xmodal.utils._cv_results import cv_results
from sklearn_xmodal.utils._sklearn_compat import (
    StrOptions,
    check_parameters,
    weights_to_score,
)

_ALPHAS = (10.0, 30.0, 100.0, 300.0, np.inf)
# Pairs among which the partner is told: more make the likelihood dearer, not better.
_MOST_PAIRS = 250
# Logarithms of inverse temperatures of cosines between which the best one lies.
_SHARPNESS = (0.0, 7.0)


class AdapterRetrieverCV(BaseAdapter):
    r"""Adapt a joint embedding, with `alpha` and `center` by cross-validation.

    The dials of :class:`AdapterRetriever` from one pass over the data: second moments
    are summed once for every fold, and those of a training part are the merged ones of
    the other folds. Every pair of `alphas` and `centers` is scored on held-out pairs,
    the embedding as it is (``alpha=inf``, ``center=0``) among them.

    Parameters
    ----------
    alphas : sequence of floats, default=None
        Values of `alpha` to try. `None` is 10, 30, 100, 300 and infinity.

    centers : sequence of bools or floats, default=None
        Values of `center` to try. `None` is 0, 0.5 and 1 where both modalities are
        adapted, and 0 otherwise.

    adapt : {"both", "image", "text"}, default="both"
        As in :class:`AdapterRetriever`.

    cv : int, cross-validation generator or iterable, default=None
        Splits, as in :class:`~sklearn.model_selection.GridSearchCV`; `None` is
        5 folds. With several captions per picture take splits by picture, such as
        those of :class:`~sklearn.model_selection.GroupKFold`.

    scoring : str or callable, default=None
        Name of a scorer, see :func:`~sklearn_xmodal.metrics.get_retrieval_scorer`,
        or ``scorer(estimator, pairs, y)``. `None` is the mean log likelihood of the
        other half of a held-out pair, see Notes.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    alpha_ : float
        The one with the best mean score; of equal ones that comes first in
        `cv_results_`.

    center_ : float
        The same of `centers`.

    best_score_ : float
        Their mean score over the splits.

    best_index_ : int
        Their place in `cv_results_`.

    cv_results_ : dict of arrays
        "params", "param_alpha", "param_center", "split0_test_score" and so on,
        "mean_test_score", "std_test_score" and "rank_test_score", as in
        :class:`~sklearn.model_selection.GridSearchCV`.

    n_splits_ : int
        Number of splits.

    singular_values_ : ndarray of shape (n_components_,)
        As in :class:`AdapterRetriever`, like all that follow: of all samples.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        What centred image features are multiplied by. Not defined for ``adapt="text"``.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        The same of the texts. Not defined for ``adapt="image"``.

    image_mean_ : ndarray of shape (n_image_features_,)
        What is subtracted from image features. Not defined for ``adapt="text"``.

    text_mean_ : ndarray of shape (n_text_features_,)
        What is subtracted from text features. Not defined for ``adapt="image"``.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`. Only defined if there were 1-D class labels.

    n_components_ : int
        Number of columns of the codes, that of the features of either modality.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    AdapterRetriever : The same for given dials.
    CosineRetriever : The embedding as it is.

    Notes
    -----
    Ranks are too coarse a measure for the few pairs that people have: ten held-out
    pairs are nearly all found, whatever the dials. The default score is the logarithm
    of the softmax over the cosines of a query with held-out items of the other
    modality, at its partner, at the temperature that suits the split best, the mean of
    both directions. Held-out pairs are compared in groups of at most 250.

    Examples
    --------
    >>> from sklearn_xmodal import AdapterRetrieverCV
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(
    ...     200, n_image_features=16, n_text_features=16, random_state=0
    ... )
    >>> adapter = AdapterRetrieverCV(alphas=(1, 10, 100)).fit(X_img, X_txt)
    >>> adapter.transform_text(X_txt[:3]).shape
    (3, 16)
    """

    _fitted = (
        "alpha_",
        "center_",
        "best_score_",
        "best_index_",
        "cv_results_",
        "n_splits_",
    )

    _parameter_constraints: dict = {
        "alphas": ["array-like", None],
        "centers": ["array-like", None],
        "adapt": [StrOptions({"both", "image", "text"})],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        alphas=None,
        *,
        centers=None,
        adapt="both",
        cv=None,
        scoring=None,
        n_image_features=None,
    ):
        self.alphas = alphas
        self.centers = centers
        self.adapt = adapt
        self.cv = cv
        self.scoring = scoring
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        grid = self._grid()
        pairs = ImageTextPairs(X_img, X_txt)
        score = self._scorer(pairs, y, sample_weight)
        splits = list(check_cv(self.cv, y).split(pairs, y))
        data = TrainingProblems(
            X_img, X_txt, sample_weight, splits, most_rows=most_rows(X_img)
        )
        scores = np.empty((len(grid), len(splits)))
        for j, (_, test) in enumerate(splits):
            moments = JointMoments(data.problem(j))
            alphas = dict.fromkeys(alpha for alpha, _ in grid)
            found = {alpha: self._adapted(moments, alpha)[0] for alpha in alphas}
            for i, (alpha, center) in enumerate(grid):
                encoders = centred(found[alpha], moments.means, center)
                scores[i, j] = score(encoders, test)
        self._record_search(grid, scores)
        return self._solve(data.whole())

    def _solve(self, problem):
        return self._record(JointMoments(problem), self.alpha_, self.center_)

    def _grid(self):
        """Return pairs of alpha and center, alphas slowest."""
        alphas = _ALPHAS if self.alphas is None else self.alphas
        centers = self.centers
        if centers is None:
            centers = (0.0, 0.5, 1.0) if self.adapt == "both" else (0.0,)
        for name, values in (("alphas", alphas), ("centers", centers)):
            if len(values) == 0:
                raise ValueError(f"{name} must hold at least one value. Got none.")
        grid = []
        for alpha in alphas:
            for center in centers:
                one = AdapterRetriever(alpha, center=center, adapt=self.adapt)
                try:
                    check_parameters(one)
                except ValueError as error:
                    raise ValueError(
                        "alphas and centers must hold values of alpha and center: "
                        f"{error}"
                    ) from None
                grid.append((float(alpha), part_of_mean(self.adapt, center)))
        return grid

    def _scorer(self, pairs, y, sample_weight):
        """Return ``score(encoders, rows)`` of two encoders on held-out pairs."""
        if self.scoring is None:
            ones = np.ones(len(pairs)) if sample_weight is None else sample_weight
            return lambda encoders, rows: _likelihood(encoders, pairs[rows], ones[rows])
        scorer = get_retrieval_scorer(self.scoring)
        one = AdapterRetriever(adapt=self.adapt)
        one.n_image_features_ = self.n_image_features_
        one.n_text_features_ = self.n_text_features_
        one.n_features_in_ = self.n_features_in_
        one._feature_names = {"image": None, "text": None}

        def score(encoders, rows):
            one._set_encoders(*encoders)
            labels = None if y is None else y[rows]
            weights = weights_to_score(scorer, sample_weight, rows)
            return scorer(one, pairs[rows], labels, **weights)

        return score

    def _record_search(self, grid, scores):
        alphas, centers = (np.array(values) for values in zip(*grid, strict=True))
        self.cv_results_ = {
            "params": [{"alpha": alpha, "center": center} for alpha, center in grid],
            "param_alpha": alphas,
            "param_center": centers,
            **cv_results(scores),
        }
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.n_splits_ = scores.shape[1]
        self.alpha_, self.center_ = grid[self.best_index_]


def _likelihood(encoders, pairs, weights):
    """Return the mean log likelihood of partners at the best temperature."""
    sides = (pairs.image, pairs.text)
    codes = (encode(X) for encode, X in zip(encoders, sides, strict=True))
    Z_img, Z_txt = (normalize(Z.astype(np.float64)) for Z in codes)
    n_groups = -(-len(Z_img) // _MOST_PAIRS)
    groups = np.array_split(np.arange(len(Z_img)), n_groups)
    cosines = [(Z_img[rows] @ Z_txt[rows].T, weights[rows]) for rows in groups]

    def loss(log_sharpness):
        total = 0.0
        for S, w in cosines:
            S = np.exp(log_sharpness) * S
            chances = logsumexp(S, axis=0) + logsumexp(S, axis=1)
            total += w @ (chances - 2 * S.diagonal())
        return total / (2 * weights.sum())

    # Concave in the inverse temperature, so that there is one maximum.
    found = minimize_scalar(loss, bounds=_SHARPNESS, options={"xatol": 1e-2})
    return -found.fun
