"""Find pairs whose halves do not belong together, from features."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GroupKFold, KFold, check_cv

from sklearn_xmodal.cross_decomposition import CCARetriever, CosineRetriever
from sklearn_xmodal.inspection._quality import belonging, pair_scores
from sklearn_xmodal.metrics._engine import check_groups, split_codes
from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.pairs._input import DATA_ARGUMENTS, resolve_input
from sklearn_xmodal.utils._containers import check_same_indexes
from sklearn_xmodal.utils._sklearn_compat import (
    HasMethods,
    safe_indexing,
    validate_on_fit,
)
from sklearn_xmodal.utils._validation import check_same_length


class MismatchedPairDetector(BaseEstimator):
    r"""Find pairs whose halves do not belong together, and weigh pairs by that.

    Captions of the wrong picture, rows out of order in a part of a file: such pairs
    teach a retriever what is not so. Every pair gets the probability that its halves
    belong together, see :func:`pair_quality`, from codes of a retriever that was fitted
    to *other* pairs, so that none vouches for itself. The probabilities are weights for
    ``retriever.fit(..., sample_weight=detector.sample_weight_)``.

    Parameters
    ----------
    estimator : estimator, default=None
        The retriever, or a Pipeline or search that ends in one. `None` is
        ``CCARetriever(alpha=1)`` or, where both modalities have one width and it tells
        own from other items better, ``CosineRetriever()``.

    cv : int, cross-validation generator or iterable, default=5
        Folds, each of which gets its codes from a retriever of the others. An int is
        the number of random ones, which keep groups together. Every pair has to be
        in one test part.

    random_state : int, RandomState instance or None, default=None
        Seed of the folds where `cv` is an int.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    pair_quality_ : ndarray of shape (n_pairs,)
        Probability that the halves belong together.

    sample_weight_ : ndarray of shape (n_pairs,)
        Weights for a fit: the same.

    mismatched_ : ndarray of shape (n_pairs,) of bool
        Which pairs more likely do not belong together than do.

    pair_scores_ : ndarray of shape (n_pairs,)
        By how many standard deviations the halves are nearer to each other than those
        of wrong pairs; NaN where a fold has no other pair to compare with.

    estimator_ : estimator
        A copy of the retriever that codes are of, not fitted.

    n_features_in_ : int
        Number of columns of a stacked input. Only defined for one.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    pair_quality : The same from codes.
    diagnose : What else may be wrong.

    Notes
    -----
    What several pairs share, such as one text with several drawings, has to be on one
    side of a fold, or the other drawings teach the wrong text: pass `groups`.

    Right pairs that look like no others get a low weight, too. On a set in which all
    pairs match that costs little or nothing, see :doc:`/user_guide/diagnosis` for
    measurements.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.inspection import MismatchedPairDetector
    >>> X_img, X_txt, y = make_paired_modalities(300, noise=0.3, random_state=0)
    >>> X_txt[[3, 150]] = X_txt[[150, 3]]
    >>> detector = MismatchedPairDetector(random_state=0).fit(X_img, X_txt)
    >>> np.flatnonzero(detector.mismatched_)
    array([  3, 150])
    >>> retriever = CCARetriever(4)
    >>> retriever.fit(X_img, X_txt, sample_weight=detector.sample_weight_)
    CCARetriever(n_components=4)
    """

    __metadata_request__fit = DATA_ARGUMENTS

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self, estimator=None, *, cv=5, random_state=None, n_image_features=None
    ):
        self.estimator = estimator
        self.cv = cv
        self.random_state = random_state
        self.n_image_features = n_image_features

    @validate_on_fit
    def fit(self, X_img, X_txt=None, y=None, groups=None):
        """Find the pairs.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_pairs, n_features)
            Image features, pairs, or a stacked matrix.

        X_txt : {array-like, sparse matrix} of shape (n_pairs, n_text_features), \
                default=None
            Text features in the two-array form; in the other two forms the
            second argument is `y`.

        y : array-like of shape (n_pairs,) or (n_pairs, n_classes), default=None
            Labels, for an estimator that learns from them and for `cv`.

        groups : array-like of shape (n_pairs,), default=None
            Ids of what several pairs share, such as the picture of several captions.
            Folds keep it together, and its pairs are no wrong pairs of each other.

        Returns
        -------
        self : MismatchedPairDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If the rows do not pair up, there are too few pairs or groups for the folds,
            or a pair is not in exactly one test part of `cv`.
        """
        _, image, text, y = resolve_input(self, "fit", X_img, X_txt, y, reset=True)
        for modality, side in (("image", image), ("text", text)):
            if side is None:
                raise ValueError(
                    f"fit needs both modalities. Got pairs with {modality}=None."
                )
        pairs = ImageTextPairs(image, text)
        check_same_indexes({"X_img": image, "X_txt": text, "y": y, "groups": groups})
        if y is not None:
            check_same_length(pairs, y)
        if groups is not None:
            groups = check_groups(groups, len(pairs), "groups").items
        folds = self._folds(pairs, y, groups)
        found = [
            (_scores_of(estimator, pairs, y, groups, folds), estimator)
            for estimator in self._candidates(pairs)
        ]
        scores, self.estimator_ = max(found, key=lambda one: np.nanmean(one[0]))
        self.pair_scores_ = scores
        self.pair_quality_ = belonging(scores)
        self.sample_weight_ = self.pair_quality_.copy()
        self.mismatched_ = self.pair_quality_ < 0.5
        return self

    def _folds(self, pairs, y, groups):
        """Training and test rows, where each pair is tested once."""
        n, cv = len(pairs), self.cv
        if isinstance(cv, Integral):
            make = KFold if groups is None else GroupKFold
            cv = make(cv, shuffle=True, random_state=self.random_state)
        folds = list(check_cv(cv, y).split(pairs, y, groups))
        n_tests = np.bincount(np.concatenate([test for _, test in folds]), minlength=n)
        if (n_tests != 1).any():
            row = int(np.argmax(n_tests != 1))
            raise ValueError(
                "Each pair must be in one test part of cv, as those of KFold and "
                f"GroupKFold are. Got {n_tests[row]} test parts for row {row}."
            )
        return folds

    def _candidates(self, pairs):
        """Return retrievers to get codes from."""
        if self.estimator is not None:
            return [clone(self.estimator)]
        widths = [np.shape(side)[1:] for side in (pairs.image, pairs.text)]
        is_joint = widths[0] == widths[1]
        return [CCARetriever(alpha=1.0), *([CosineRetriever()] if is_joint else [])]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _scores_of(estimator, pairs, y, groups, folds):
    """Scores of pairs by retrievers that were fitted to others, (n_pairs,)."""
    scores = np.empty(len(pairs))
    for train, test in folds:
        labels = None if y is None else safe_indexing(y, train)
        fitted = clone(estimator).fit(pairs[train], labels)
        codes = split_codes(fitted.transform(pairs[test]))
        own = None if groups is None else groups[test]
        scores[test] = pair_scores(*codes, groups=own)
    return scores
