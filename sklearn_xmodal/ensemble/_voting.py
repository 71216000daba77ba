"""Late fusion: the weighted vote of several retrievers on what is similar."""

from contextlib import suppress
from numbers import Integral

import numpy as np
from sklearn import config_context
from sklearn.base import MetaEstimatorMixin
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from sklearn_xmodal.base import SampleWeightMixin, encoder_of
from sklearn_xmodal.encoders import Concat
from sklearn_xmodal.ensemble._members import (
    encoders_of,
    fitted_member,
    pairs_for,
    set_arrays_of_members,
    take_tags,
)
from sklearn_xmodal.ensemble._weights import (
    check_scorer,
    check_weights,
    score_weights,
    shares,
    weight_grid,
)
from sklearn_xmodal.metrics._engine import unit_rows
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._cv_results import cv_results
from sklearn_xmodal.utils._sklearn_compat import (
    BaseComposition,
    Interval,
    ParallelDiagramMixin,
    StrOptions,
    check_member_names,
    member_params,
    safe_split,
    set_member_params,
)
from sklearn_xmodal.utils._validation import (
    SCORE_BY_PAIRS,
    check_some_labelled,
    is_labelled,
)


class VotingRetriever(
    ParallelDiagramMixin, MetaEstimatorMixin, SampleWeightMixin, BaseComposition
):
    r"""Vote of several retrievers: the weighted mean of their similarities.

    The similarity of an image x and a text t is

    .. math::
        s(x, t) = \sum_m w_m \cos(f_m(x), g_m(t)), \qquad
        w_m \ge 0, \quad \sum_m w_m = 1,

    with the codes f and g of the members. One vector per item carries it: the codes
    of all members, each scaled to unit length and multiplied by
    :math:`\sqrt{w_m}`, side by side. Cosines of these vectors are s, so that whatever
    searches codes searches the vote. It helps where members err on different pairs.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        Members: retrievers, or Pipelines and searches that end in one. All get the
        same validated pairs and `y`. ``set_params(cca="drop")`` drops the member
        "cca", and ``set_params(cca__alpha=1)`` sets a parameter of it. One that is
        fitted already and to be left so goes into
        :class:`~sklearn.frozen.FrozenEstimator`.

    weights : array-like of shape (n_estimators,), "cv" or None, default=None
        Weight of every estimator, dropped ones included; only their proportions count.
        `None` is equal weights. ``"cv"`` chooses them on held-out pairs: members are
        fitted once per split, candidates are scored from their similarities, and then
        the members are fitted to all pairs.

    cv : int, cross-validation generator or iterable, default=None
        Splits for ``weights="cv"``, as in
        :class:`~sklearn.model_selection.GridSearchCV`; `None` is 5 folds. For unseen
        classes take :class:`~sklearn_xmodal.model_selection.ClassDisjointKFold`.

    scoring : str or scorer, default=None
        What ``weights="cv"`` maximises: a name, see
        :func:`~sklearn_xmodal.metrics.get_retrieval_scorer`, or a scorer of
        :func:`~sklearn_xmodal.metrics.make_retrieval_scorer`. `None` is the mean
        average precision of both directions.

    n_weight_steps : int, default=10
        Candidates for ``weights="cv"`` are all multiples of ``1 / n_weight_steps``
        that sum to 1, and equal weights.

    n_jobs : int, default=None
        Number of members that are fitted in parallel. `None` means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    estimators_ : list of estimator
        Fitted members, without dropped ones.

    weights_ : ndarray of shape (n_members,)
        Their weights, with sum 1.

    cv_results_ : dict of arrays
        "params", "param_weights", "split0_test_score" and so on,
        "mean_test_score", "std_test_score" and "rank_test_score", as in
        :class:`~sklearn.model_selection.GridSearchCV`. Only defined for
        ``weights="cv"``.

    best_index_ : int
        Place of the best weights in `cv_results_`, the most equal of equally good
        ones. Only defined for ``weights="cv"``.

    best_score_ : float
        Their mean score. Only defined for ``weights="cv"``.

    n_splits_ : int
        Number of splits. Only defined for ``weights="cv"``.

    named_estimators_ : Bunch
        Fitted members by name; dropped ones are "drop".

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`. Only defined if there were 1-D class labels.

    n_components_ : int
        Width of the codes of all members with a positive weight.

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
    sklearn.ensemble.VotingClassifier : The same for classifiers.
    sklearn_xmodal.model_selection.ClassDisjointKFold : Folds of unseen classes.

    Notes
    -----
    Members get numbers, not names of columns or strings: what needs those stands
    before the vote, in a Pipeline. A member that gives an item a code of zeros says
    nothing of it, and the sum over the others is divided by the square root of their
    weights. A member of weight 0 is fitted, but takes no room in the codes.

    Members get the `sample_weight` of `fit`, a Pipeline for its last step, and must
    take it; held-out pairs of ``weights="cv"`` are weighed by it as queries.

    Held-out scores are those of pairs that a member has not seen, unless it is
    frozen: fit such a vote to other pairs than its members.

    Examples
    --------
    >>> from sklearn_xmodal import (
    ...     CCARetriever, SemanticMatchingRetriever, VotingRetriever
    ... )
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> members = [("cca", CCARetriever(4)), ("sm", SemanticMatchingRetriever())]
    >>> vote = VotingRetriever(members, weights="cv").fit(X_img, X_txt, y)
    >>> vote.weights_
    array([0.2, 0.8])
    >>> vote.transform_text(X_txt[:2]).shape
    (2, 9)
    """

    _takes_zero_weights = True  # splits and precomputed kernels are of all pairs

    _fitted = ("estimators_", "weights_")
    _sometimes_fitted = ("cv_results_", "best_index_", "best_score_", "n_splits_")

    _parameter_constraints: dict = {
        "estimators": [list],
        "weights": ["array-like", StrOptions({"cv"}), None],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "n_weight_steps": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "n_image_features": [Integral, None],
    }

    def __init__(
        self,
        estimators,
        *,
        weights=None,
        cv=None,
        scoring=None,
        n_weight_steps=10,
        n_jobs=None,
        n_image_features=None,
    ):
        self.estimators = estimators
        self.weights = weights
        self.cv = cv
        self.scoring = scoring
        self.n_weight_steps = n_weight_steps
        self.n_jobs = n_jobs
        self.n_image_features = n_image_features

    @property
    def named_estimators(self):
        """Unfitted members by name, as attributes too."""
        return Bunch(**dict(self.estimators))

    @property
    def named_estimators_(self):
        """Fitted members by name, as attributes too; dropped ones are "drop"."""
        fitted = iter(self.estimators_)
        return Bunch(
            **{
                name: "drop" if _is_dropped(estimator) else next(fitted)
                for name, estimator in self.estimators
            }
        )

    def get_params(self, deep=True):
        """Return the parameters, with `deep` those of the members too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return members by name, and their parameters as
            ``name__parameter``.

        Returns
        -------
        params : dict
            Name -> value.
        """
        return member_params(self, "estimators", deep)

    def set_params(self, **params):
        """Set parameters, members by their names, and parameters of members.

        Parameters
        ----------
        **params : dict
            Name -> value: ``cca=CCARetriever(4)``, ``cca="drop"`` or
            ``cca__alpha=0.1`` for a member "cca".

        Returns
        -------
        self : VotingRetriever
            This retriever.
        """
        return set_member_params(self, "estimators", params)

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        members = self._check_estimators()
        pairs = pairs_for(self, X_img, X_txt)
        # Members are the user's own: their parameters are checked, too.
        with config_context(skip_parameter_validation=False):
            weights = self._choose_weights(members, pairs, y, sample_weight)
            self.estimators_ = Parallel(n_jobs=self.n_jobs)(
                delayed(fitted_member)(member, pairs, y, sample_weight)
                for member in members
            )
        self.weights_ = weights
        voters = [m for m, w in zip(self.estimators_, weights, strict=True) if w > 0]
        encoders = zip(*(encoders_of(voter, pairs) for voter in voters), strict=True)
        weights = weights[weights > 0]
        return [Concat(encoders=list(e), weights=weights) for e in encoders]

    def _take_more_state(self, state):
        super()._take_more_state(state)
        members = zip(state["estimators_"], state["weights_"], strict=True)
        voters = [member for member, weight in members if weight > 0]
        set_arrays_of_members(state, voters)

    def _check_estimators(self):
        """Return the members that take part."""
        named = all(
            isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
            for item in self.estimators
        )
        if not self.estimators or not named:
            raise ValueError(
                "estimators must be a list of tuples (name, retriever), with one at "
                f"least. Got {self.estimators!r}."
            )
        try:
            check_member_names(self, [name for name, _ in self.estimators])
        except ValueError as error:
            raise ValueError(f"estimators must have names of their own. {error}") from (
                None
            )
        members = []
        for name, estimator in self.estimators:
            if _is_dropped(estimator):
                continue
            is_member = hasattr(estimator, "fit") and hasattr(estimator, "transform")
            if isinstance(estimator, type) or not is_member:
                raise TypeError(
                    "estimators must be retrievers, Pipelines that end in one, or "
                    f"'drop'. Got {estimator!r} for {name!r}."
                )
            members.append(estimator)
        if not members:
            raise ValueError("estimators must not all be dropped. Got no other one.")
        return members

    def _choose_weights(self, members, pairs, y, sample_weight):
        for name in ("cv_results_", "best_index_", "best_score_", "n_splits_"):
            self.__dict__.pop(name, None)  # of an earlier fit
        if isinstance(self.weights, str):  # "cv"
            return self._search_weights(members, pairs, y, sample_weight)
        if self.weights is None:
            return shares(np.ones(len(members)))
        weights = check_weights(self.weights, len(self.estimators))
        kept = [not _is_dropped(estimator) for _, estimator in self.estimators]
        return shares(weights[kept])

    def _search_weights(self, members, pairs, y, sample_weight):
        scorer = check_scorer(self.scoring)
        candidates = weight_grid(len(members), self.n_weight_steps)
        splits = [
            (train, _with_labels(y, test))
            for train, test in check_cv(self.cv, y).split(pairs, y)
        ]
        scores = np.empty((len(candidates), len(splits)))
        for j, (train, test) in enumerate(splits):
            codes = Parallel(n_jobs=self.n_jobs)(
                delayed(_held_out_codes)(member, pairs, y, sample_weight, train, test)
                for member in members
            )
            y_test = None if y is None else y[test]
            counts = None if sample_weight is None else sample_weight[test]
            scores[:, j] = score_weights(codes, y_test, candidates, scorer, counts)
        self.cv_results_ = {
            "params": [{"weights": weights} for weights in candidates.tolist()],
            "param_weights": candidates,
            **cv_results(scores),
        }
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.n_splits_ = len(splits)
        return candidates[self.best_index_]

    def _side_by_side(self):
        return tuple(zip(*self.estimators, strict=True))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        with suppress(AttributeError, TypeError, ValueError):  # what fit refuses
            take_tags(tags, [m for _, m in self.estimators if not _is_dropped(m)])
        return tags


def _is_dropped(estimator):
    return isinstance(estimator, str) and estimator == "drop"


def _with_labels(y, rows):
    """Leave out rows without a label, which are nobody's right answer."""
    if y is None:
        return rows
    rows = np.arange(y.shape[0])[rows]  # of lists and masks, too
    labelled = is_labelled(y[rows])
    check_some_labelled(labelled, SCORE_BY_PAIRS)
    return rows[labelled]


def _held_out_codes(member, pairs, y, sample_weight, train, test):
    """Fit a member to one part of the pairs, and encode the other."""
    train_pairs, y_train = safe_split(member, pairs, y, train)
    test_pairs, _ = safe_split(member, pairs, y, test, train)
    weights = None if sample_weight is None else sample_weight[train]
    fitted = fitted_member(member, train_pairs, y_train, weights)
    return tuple(
        _unit_code(fitted, getattr(test_pairs, modality), modality)
        for modality in MODALITIES
    )


def _unit_code(member, X, modality):
    return unit_rows(encoder_of(member, modality).apply(X), f"{modality} codes")
