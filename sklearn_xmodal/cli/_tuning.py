"""Split rows by protocol, and tune one method inside the training part."""

from functools import partial

import numpy as np
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    train_test_split,
)
from sklearn.pipeline import Pipeline

from sklearn_xmodal.cli._methods import candidate_features
from sklearn_xmodal.cross_decomposition import CCARetriever
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
)

PROTOCOLS = ("standard", "extendable")
_TEST_PAIRS = 0.3  # of every class, standard
_TEST_CLASSES = 0.5  # extendable


def split_rows(n_rows, y, protocol, seed):
    """Draw a training and a test part.

    Parameters
    ----------
    n_rows : int
        Number of pairs.

    y : ndarray of shape (n_rows,) or None
        Labels; `None` draws pairs at random.

    protocol : {"standard", "extendable"}
        30 % of the pairs of every class, or all pairs of half of the classes.

    seed : int
        Of the draw.

    Returns
    -------
    train, test : ndarray of int
        Row numbers.
    """
    rows = np.arange(n_rows)
    if protocol == "extendable":
        splitter = ClassDisjointShuffleSplit(
            1, test_size=_TEST_CLASSES, random_state=seed
        )
        return next(splitter.split(rows, y))
    return train_test_split(rows, test_size=_TEST_PAIRS, stratify=y, random_state=seed)


def inner_folds(n_rows, y, protocol, seed, n_folds):
    """Return folds of the training part that imitate the protocol.

    Parameters
    ----------
    n_rows : int
        Number of training pairs.

    y : ndarray of shape (n_rows,) or None
        Their labels.

    protocol : {"standard", "extendable", "generalized"}
        Stratified folds for the first, class-disjoint ones for the others. These
        take two classes to learn from and two to search among: of fewer than four,
        none are held out, and folds are stratified.

    seed : int
        Of the shuffle.

    n_folds : int
        At most this many; class-disjoint ones hold two classes or more each.

    Returns
    -------
    folds : list of tuple of ndarray
        Row numbers of training and validation.
    """
    if y is None:
        splitter = KFold(n_folds, shuffle=True, random_state=seed)
    elif protocol != "standard" and (n_classes := len(np.unique(y))) >= 4:
        n_folds = min(n_folds, n_classes // 2)
        splitter = ClassDisjointKFold(n_folds, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.arange(n_rows), y))


def choose_features(pairs, y, folds, seed):
    """Choose how to scale either modality: what suits CCA on the inner folds.

    The choice is made once and serves every method, so that none has more
    candidates than another.

    Parameters
    ----------
    pairs : ImageTextPairs
        The training part.

    y : ndarray of shape (n_samples,) or None
        Its labels.

    folds : list of tuple of ndarray
        Row numbers of training and validation.

    seed : int
        Of the randomised decompositions.

    Returns
    -------
    name : str
        The modalities that are scaled.

    features : ModalityTransformer
        Unfitted.
    """
    n_fit_rows = min(len(fit) for fit, _ in folds)
    candidates = candidate_features(pairs, n_fit_rows, seed)
    pipeline = Pipeline([("features", None), ("retriever", CCARetriever())])
    grid = {"features": list(candidates.values())}
    search = GridSearchCV(pipeline, grid, cv=folds, refit=False, error_score="raise")
    search.fit(pairs, y)
    return list(candidates.items())[search.best_index_]


def tune(
    method,
    pairs,
    y,
    protocol,
    *,
    seed,
    split_seed,
    n_jobs,
    budget,
    validate=True,
    progress=None,
):
    """Choose features, compare the candidates of a method and refit the best.

    Parameters
    ----------
    method : Method
        What to tune.

    pairs : ImageTextPairs
        The training part.

    y : ndarray of shape (n_samples,) or None
        Its labels.

    protocol : {"standard", "extendable", "generalized"}
        What the retriever is for.

    seed, split_seed : int
        Of the method, and of the folds.

    n_jobs : int
        Fits at a time.

    budget : Budget
        Number of candidates and folds, length of training.

    validate : bool, default=True
        Whether to cross-validate also where there is nothing to choose.

    progress : Progress, default=None
        Hears of the epochs of every network that the search trains.

    Returns
    -------
    pipeline : Pipeline
        The best one, fitted on the whole training part.

    score : float
        Its mean score over the inner folds; NaN where it was not validated.

    parameters : dict
        What won: the candidate, and which modalities were scaled.
    """
    folds = inner_folds(len(pairs), y, protocol, split_seed, budget.n_folds)
    scaled, features = choose_features(pairs, y, folds, seed)
    candidates = method.candidates_for(protocol, budget.n_candidates)
    retriever = method.build(seed, budget, protocol)
    if progress is not None and method.trains_network:
        _report_epochs(retriever, progress, n_fits=len(candidates) * len(folds) + 1)
    best = Pipeline([("features", clone(features)), ("retriever", retriever)])
    if len(candidates) == 1 and not validate:
        retriever.set_params(**candidates[0])
        return best.fit(pairs, y), float("nan"), {**candidates[0], "scaled": scaled}
    cheaper = clone(retriever).set_params(**method.while_tuning)
    grid = [
        {f"retriever__{name}": [value] for name, value in candidate.items()}
        for candidate in candidates
    ]
    search = GridSearchCV(
        Pipeline([("features", features), ("retriever", cheaper)]),
        grid,
        cv=folds,
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )
    with parallel_config(prefer=_workers(method)):
        search.fit(pairs, y)
    best.set_params(**search.best_params_).fit(pairs, y)
    won = {k.removeprefix("retriever__"): v for k, v in search.best_params_.items()}
    return best, float(search.best_score_), {**won, "scaled": scaled}


def _workers(method):
    """Return where joblib runs the fits of a search.

    Networks are trained in threads: torch mostly works outside of the interpreter's
    lock. In a process that began with other methods, loading torch looks like a leak
    of 300 MB, for which joblib ends the process, with a warning.
    """
    return "threads" if method.trains_network else "processes"


def _report_epochs(retriever, progress, n_fits):
    from sklearn_xmodal.deep.training import EpochReport

    begin_fit = partial(progress.begin_fit, n_fits)
    retriever.set_params(callbacks=[EpochReport(begin_fit)])
