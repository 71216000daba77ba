"""Split rows by protocol, and tune one method inside the training part."""

import numpy as np
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    train_test_split,
)

from sklearn_xmodal.cli._methods import tuned_pipeline
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

    protocol : {"standard", "extendable"}
        Stratified or class-disjoint folds.

    seed : int
        Of the shuffle.

    n_folds : int
        At most this many, and no more than classes.

    Returns
    -------
    folds : list of tuple of ndarray
        Row numbers of training and validation.
    """
    if y is None:
        splitter = KFold(n_folds, shuffle=True, random_state=seed)
    elif protocol == "extendable":
        n_folds = min(n_folds, len(np.unique(y)))
        splitter = ClassDisjointKFold(n_folds, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.arange(n_rows), y))


def tune(method, pairs, y, protocol, *, seed, split_seed, n_jobs, budget):
    """Search the grid of a method by cross-validation and refit the best.

    Parameters
    ----------
    method : Method
        What to tune.

    pairs : ImageTextPairs
        The training part.

    y : ndarray of shape (n_samples,) or None
        Its labels.

    protocol : {"standard", "extendable"}
        Decides the folds.

    seed, split_seed : int
        Of the method, and of the folds.

    n_jobs : int
        Processes.

    budget : Budget
        Size of the grid, number of folds, length of training.

    Returns
    -------
    search : GridSearchCV
        Fitted.

    parameters : dict
        What won, by short names.
    """
    folds = inner_folds(len(pairs), y, protocol, split_seed, budget.n_folds)
    n_fit_rows = min(len(fit) for fit, _ in folds)
    pipeline, grid = tuned_pipeline(method, pairs, n_fit_rows, seed, budget)
    search = GridSearchCV(pipeline, grid, cv=folds, n_jobs=n_jobs, error_score="raise")
    search.fit(pairs, y)
    return search, _plain(search.best_params_, grid)


def _plain(parameters, grid):
    plain = {}
    for name, value in parameters.items():
        if name == "features":
            value = "scaled" if value is grid["features"][0] else "unscaled"
        plain[name.removeprefix("retriever__")] = value
    return plain
