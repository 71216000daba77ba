"""Ridge CCA whose ridge is chosen by cross-validation from shared moments."""

from numbers import Integral, Real

import numpy as np
from sklearn.model_selection import check_cv

from sklearn_xmodal.cross_decomposition._cca import BaseCCA, CCARetriever
from sklearn_xmodal.cross_decomposition._engine._folds import TrainingProblems
from sklearn_xmodal.metrics import get_retrieval_scorer
from sklearn_xmodal.pairs._pairs import ImageTextPairs
from sklearn_xmodal.utils._cv_results import cv_results
from sklearn_xmodal.utils._old_spellings import OldSpelling
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    check_parameters,
    weights_to_score,
)
from sklearn_xmodal.utils._validation import validate_tuples


class CCARetrieverCV(BaseCCA):
    """Ridge CCA with built-in cross-validation of `alpha`.

    The same choice as :class:`~sklearn.model_selection.GridSearchCV` makes over
    `alpha` of :class:`CCARetriever`, at a fraction of the cost: second moments are
    summed once for every fold, those of a training part are the merged ones of the
    other folds, and every value of the grid starts from them. Where folds overlap,
    moments are summed once per training part; with fewer samples than features,
    products of rows are decomposed once per training part.

    Parameters
    ----------
    n_components : int, default=None
        As in :class:`CCARetriever`.

    alphas : sequence of floats, "oas" or tuples, default=(0.001, 0.01, 0.1, 1.0, 10.0)
        Values of `alpha` of :class:`CCARetriever` to try; a tuple gives
        ``(image, text)``.

    cv : int, cross-validation generator or iterable, default=None
        Splits, as in :class:`~sklearn.model_selection.GridSearchCV`; `None` is
        5 folds. For unseen classes take `ClassDisjointKFold`.

    scoring : str or callable, default=None
        Name of a scorer, see :func:`~sklearn_xmodal.metrics.get_retrieval_scorer`,
        or ``scorer(estimator, pairs, y)``. `None` is the mean average precision of
        both directions, `score`. Without labels in `fit`, only the other half of a
        pair is relevant.

    component_power : float, default=1.0
        As in :class:`CCARetriever`.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    alpha_ : float, "oas" or tuple
        The one of `alphas` with the best mean score, the first of equal ones.

    best_score_ : float
        Its mean score over the splits.

    best_index_ : int
        Its place in `alphas`.

    cv_results_ : dict of arrays
        "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score" and "rank_test_score", as in
        :class:`~sklearn.model_selection.GridSearchCV`.

    n_splits_ : int
        Number of splits.

    canonical_correlations_ : ndarray of shape (n_components_,)
        As in :class:`CCARetriever`, like all that follow: of all samples.

    image_weights_ : ndarray of shape (n_image_features_, n_components_)
        Directions of the images in columns.

    text_weights_ : ndarray of shape (n_text_features_, n_components_)
        Directions of the texts in columns.

    image_loadings_ : ndarray of shape (n_image_features_, n_components_)
        Correlations of the image features with their variates.

    text_loadings_ : ndarray of shape (n_text_features_, n_components_)
        Correlations of the text features with their variates.

    image_mean_ : ndarray of shape (n_image_features_,)
        Mean of the image features.

    text_mean_ : ndarray of shape (n_text_features_,)
        Mean of the text features.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`. Only defined if there were 1-D class labels.

    n_components_ : int
        Number of pairs of directions.

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
    CCARetriever : One value of `alpha`.
    sklearn_xmodal.model_selection.ClassDisjointKFold : Folds of unseen classes.

    Notes
    -----
    `sample_weight` counts in the fits, and in the scores of a scorer that takes it,
    as all of this package do, but those of a callable metric.

    Examples
    --------
    >>> from sklearn_xmodal import CCARetrieverCV
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> search = CCARetrieverCV(alphas=[0.01, 1.0, 100.0], cv=3).fit(X_img, X_txt, y)
    >>> search.alpha_
    1.0
    """

    _fitted = (
        "canonical_correlations_",
        "image_loadings_",
        "text_loadings_",
        "alpha_",
        "cv_results_",
        "best_index_",
        "best_score_",
        "n_splits_",
    )

    _old_spellings = {"correlation_power": OldSpelling("component_power")}
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "alphas": ["array-like"],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "component_power": [Interval(Real, 0, None, closed="left")],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        n_components=None,
        *,
        alphas=(0.001, 0.01, 0.1, 1.0, 10.0),
        cv=None,
        scoring=None,
        component_power=1.0,
        n_image_features=None,
    ):
        self.n_components = n_components
        self.alphas = alphas
        self.cv = cv
        self.scoring = scoring
        self.component_power = component_power
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        candidates = self._candidates()
        scorer = _score if self.scoring is None else get_retrieval_scorer(self.scoring)
        pairs = ImageTextPairs(X_img, X_txt)
        splits = list(check_cv(self.cv, y).split(pairs, y))
        data = TrainingProblems(X_img, X_txt, sample_weight, splits)
        scores = np.empty((len(candidates), len(splits)))
        for j, (_, test) in enumerate(splits):
            problem = data.problem(j)
            args = pairs[test], None if y is None else y[test]
            weights = weights_to_score(scorer, sample_weight, test)
            for i, candidate in enumerate(candidates):
                candidate._set_encoders(*candidate._solve(problem))
                scores[i, j] = scorer(candidate, *args, **weights)
        self._record(candidates, scores)
        encoders = self._solve(data.whole())
        self.alpha_ = candidates[self.best_index_].alpha
        return encoders

    def _solve(self, problem):
        best = self.cv_results_["params"][self.best_index_]
        return self._solve_with(problem, best["alpha"])

    def _candidates(self):
        """Return a retriever for every alpha, complete but for its components."""
        if len(self.alphas) == 0:
            raise ValueError("alphas must hold at least one value. Got none.")
        candidates = []
        for alpha in self.alphas:
            candidate = CCARetriever(
                self.n_components, alpha=alpha, component_power=self.component_power
            )
            try:
                check_parameters(candidate)
                validate_tuples(candidate)
            except ValueError as error:
                raise ValueError(f"alphas must hold values of alpha: {error}") from None
            candidate.n_image_features_ = self.n_image_features_
            candidate.n_text_features_ = self.n_text_features_
            candidate.n_features_in_ = self.n_features_in_
            candidate._feature_names = {"image": None, "text": None}
            candidates.append(candidate)
        return candidates

    def _record(self, candidates, scores):
        alphas = np.empty(len(candidates), dtype=object)
        alphas[:] = [candidate.alpha for candidate in candidates]
        self.cv_results_ = {
            "params": [{"alpha": alpha} for alpha in alphas],
            "param_alpha": alphas,
            **cv_results(scores),
        }
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.n_splits_ = scores.shape[1]


def _score(estimator, pairs, y, sample_weight=None):
    return estimator.score(pairs, y, sample_weight=sample_weight)
