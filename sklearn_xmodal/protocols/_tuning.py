"""Tune one method inside the training part."""

from functools import partial

from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer

from sklearn_xmodal.pairs import ModalityTransformer
from sklearn_xmodal.protocols._checks import (
    check_classes,
    check_groups,
    check_pairs,
    folds_of,
)
from sklearn_xmodal.protocols._features import choose_features
from sklearn_xmodal.protocols._methods import FULL
from sklearn_xmodal.protocols._repeats import fit_search
from sklearn_xmodal.protocols._splits import inner_folds


def tune(
    method,
    pairs,
    y=None,
    protocol="standard",
    *,
    groups=None,
    cv=None,
    budget=None,
    random_state=None,
    n_jobs=None,
    validate=True,
    begin_fit=None,
):
    """Choose features, compare the candidates of a method and refit the best.

    Everything is chosen on folds of the pairs that are given, the training part. The
    score is mean average precision of both directions.

    Parameters
    ----------
    method : Method
        What to tune, one of `METHODS` or your own.

    pairs : ImageTextPairs of shape (n_samples, ...)
        The training part.

    y : array-like of shape (n_samples,), default=None
        Its labels. If `None`, only the other half of a pair is relevant.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        What the retriever is for.

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to, such as the picture of several texts. No group is on
        both sides of a fold, and a picture that is repeated in a group, with the same
        features, counts once in scores.

    cv : splitter or iterable of (train, test) row numbers, default=None
        Folds to choose on. If `None`, those of :func:`inner_folds`. A splitter that
        takes groups gets them.

    budget : Budget, default=None
        Number of candidates and folds, length of training. `None` for `FULL`.

    random_state : int or None, default=None
        Seed of the features, of the method and of the folds.

    n_jobs : int, default=None
        Fits at a time, as in :class:`~sklearn.model_selection.GridSearchCV`.

    validate : bool, default=True
        Whether to cross-validate also where there is nothing to choose.

    begin_fit : callable, default=None
        For signs of life of methods that train networks. Whenever a training begins,
        ``begin_fit(n_fits)`` is called with the number of trainings of the whole
        search, and returns a function, which is called after every epoch with the
        number of epochs done and of those to do.

    Returns
    -------
    pipeline : Pipeline
        Features and retriever of the best candidate, fitted on all pairs.

    score : float
        Its mean score over the folds; NaN where it was not validated.

    parameters : dict
        What won: the candidate, and as "scaled" the modalities that are scaled.

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs.

    ValueError
        If the protocol is not known, labels are missing or do not fit, or a candidate
        cannot be fitted.

    See Also
    --------
    evaluate : The same on several training parts, with a score on the test parts.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.protocols import METHODS, split_pairs, tune
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> pairs = ImageTextPairs(X_img, X_txt)
    >>> train, test = split_pairs(pairs, y, random_state=0)
    >>> pipeline, score, parameters = tune(
    ...     METHODS["cca"], pairs[train], y[train], random_state=0
    ... )
    >>> sorted(parameters)
    ['alpha', 'scaled']
    >>> pipeline.transform(pairs[test]).shape[0] == len(test)
    True
    """
    check_pairs(pairs)
    y = check_classes(pairs, y, protocol)
    if y is None and method.needs_labels:
        raise ValueError(f"{method.title} needs class labels y. Got y=None.")
    budget = FULL if budget is None else budget
    groups = check_groups(pairs, groups, y, protocol)
    if cv is None:
        options = {"n_splits": budget.n_folds, "random_state": random_state}
        cv = inner_folds(pairs, y, protocol, groups=groups, **options)
    folds = folds_of(cv, pairs, y, groups)
    if method.is_joint:
        unit = ModalityTransformer(image=Normalizer(), text=Normalizer())
        scaled, features = "none", unit
    else:
        scaled, features = choose_features(
            pairs, y, cv=folds, groups=groups, random_state=random_state
        )
    candidates = method.candidates_for(protocol, budget.n_candidates)
    retriever = method.make_retriever(
        protocol, budget=budget, random_state=random_state
    )
    if begin_fit is not None and method.trains_network:
        _report_epochs(retriever, begin_fit, n_fits=len(candidates) * len(folds) + 1)
    best = Pipeline([("features", clone(features)), ("retriever", retriever)])
    if len(candidates) == 1 and not validate:
        won, score = candidates[0], float("nan")
    else:
        cheaper = clone(retriever).set_params(**method.while_tuning or {})
        search = Pipeline([("features", features), ("retriever", cheaper)])
        won, score = _search(
            method, search, candidates, pairs, y, groups, cv=folds, n_jobs=n_jobs
        )
    retriever.set_params(**won)
    return best.fit(pairs, y), score, {**won, "scaled": scaled}


def _search(method, pipeline, candidates, pairs, y, groups, **options):
    """Return the best candidate, and its mean score over the folds."""
    grid = [
        {f"retriever__{name}": [value] for name, value in candidate.items()}
        for candidate in candidates
    ]
    search = GridSearchCV(pipeline, grid, refit=False, error_score="raise", **options)
    with parallel_config(prefer=_workers(method)):
        fit_search(search, pairs, y, groups)
    return candidates[search.best_index_], float(search.best_score_)


def _workers(method):
    """Return where joblib runs the fits of a search.

    Networks are trained in threads: torch mostly works outside of the interpreter's
    lock. In a process that began with other methods, loading torch looks like a leak
    of 300 MB, for which joblib ends the process, with a warning.
    """
    return "threads" if method.trains_network else "processes"


def _report_epochs(retriever, begin_fit, n_fits):
    from sklearn_xmodal.deep import EpochReport

    retriever.set_params(callbacks=[EpochReport(partial(begin_fit, n_fits))])
