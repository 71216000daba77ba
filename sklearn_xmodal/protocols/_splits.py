"""Training and test parts, and folds of a training part, by protocol."""

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from sklearn_xmodal.protocols._checks import (
    check_classes,
    count_classes,
    labelled_rows,
)

_TEST_PAIRS = 0.3  # of every class that training sees
_TEST_CLASSES = 0.5  # that training does not see
#: Two to learn from, and two to search among.
_MIN_CLASSES = 4


def split_pairs(pairs, y=None, protocol="standard", *, random_state=None):
    """Draw a training part and a test part.

    Parameters
    ----------
    pairs : ImageTextPairs or array-like of shape (n_samples, ...)
        Only the number of rows counts.

    y : array-like of shape (n_samples,), default=None
        Class labels of any type. Without labels, only in the standard protocol, pairs
        are drawn whatever their class. Pairs without a label (-1, None or NaN) go to
        the training part in the standard protocol. In the others they go nowhere,
        since they may be of the classes that training is not to see.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        What the test part holds:

        - "standard": 30 % of the pairs of every class;
        - "extendable": all pairs of half of the classes, which training does not see;
        - "generalized": the same, and 30 % of the pairs of every other class.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. Pass an int for the same split in every call.

    Returns
    -------
    train : ndarray of int
        Row numbers of the training part.

    test : ndarray of int
        Row numbers of the test part: all the others that have a label.

    Raises
    ------
    ValueError
        If the protocol is not known, labels are missing, of several classes per pair
        or not one per row, a class is too small to be on both sides, or there are
        fewer than four classes to be kept apart.

    See Also
    --------
    inner_folds : Folds of the training part in the same manner.
    sklearn_xmodal.model_selection.ClassDisjointShuffleSplit : Extendable splits with
        a choice of sizes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.protocols import split_pairs
    >>> y = np.repeat(["cat", "cow", "dog", "owl"], 10)
    >>> train, test = split_pairs(y, y, "extendable", random_state=0)
    >>> print(np.unique(y[train]), np.unique(y[test]))
    ['cat' 'cow'] ['dog' 'owl']
    """
    y = check_classes(pairs, y, protocol)
    rows = np.arange(len(pairs))
    if protocol == "standard":
        labelled = labelled_rows(y, rows)
        train, test = train_test_split(
            labelled,
            test_size=_TEST_PAIRS,
            stratify=None if y is None else y[labelled],
            random_state=random_state,
        )
        return np.concatenate([train, np.setdiff1d(rows, labelled)]), test
    if (n_classes := count_classes(y)) < _MIN_CLASSES:
        raise ValueError(
            f"The {protocol} protocol needs at least {_MIN_CLASSES} classes, two to "
            f"learn from and two to search among. Got {n_classes} in y."
        )
    if protocol == "extendable":
        splitter = ClassDisjointShuffleSplit(
            1, test_size=_TEST_CLASSES, random_state=random_state
        )
    else:
        splitter = GeneralizedShuffleSplit(
            1,
            test_size=_TEST_CLASSES,
            seen_test_size=_TEST_PAIRS,
            random_state=random_state,
        )
    return next(splitter.split(rows, y))


def inner_folds(pairs, y=None, protocol="standard", *, n_splits=3, random_state=None):
    """Divide a training part into folds that imitate the protocol.

    What is chosen on them is chosen for the task of the test part, without a look at
    it: for classes that training does not see, the folds keep classes apart too.

    Parameters
    ----------
    pairs : ImageTextPairs or array-like of shape (n_samples, ...)
        The training part. Only the number of rows counts.

    y : array-like of shape (n_samples,), default=None
        Its labels. Without labels, only in the standard protocol, folds are random.
        Pairs without one are in the training parts only, as in :func:`split_pairs`.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        Stratified folds for the first, class-disjoint ones for the others. These take
        two classes to learn from and two to search among: of fewer than four, none
        are held out, and folds are stratified.

    n_splits : int, default=3
        At most this many; class-disjoint ones hold two classes or more each.

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle. Pass an int for the same folds in every call.

    Returns
    -------
    folds : list of tuple of ndarray
        Row numbers of training and validation, for ``cv=`` of scikit-learn's tools.

    Raises
    ------
    ValueError
        If the protocol is not known, labels are missing, of several classes per pair
        or not one per row, or every class is smaller than the number of folds.

    See Also
    --------
    split_pairs : Training and test part.
    sklearn_xmodal.model_selection.ClassDisjointKFold : Folds that keep classes apart.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.protocols import inner_folds
    >>> y = np.repeat(["cat", "cow", "dog", "owl"], 10)
    >>> for fit, validate in inner_folds(y, y, "extendable", random_state=0):
    ...     print(np.unique(y[fit]), np.unique(y[validate]))
    ['cat' 'cow'] ['dog' 'owl']
    ['dog' 'owl'] ['cat' 'cow']
    """
    y = check_classes(pairs, y, protocol)
    n_classes = count_classes(y)
    if y is None:
        splitter = KFold(n_splits, shuffle=True, random_state=random_state)
    elif protocol != "standard" and n_classes >= _MIN_CLASSES:
        n_splits = min(n_splits, n_classes // 2)
        splitter = ClassDisjointKFold(n_splits, shuffle=True, random_state=random_state)
    else:
        splitter = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
    rows = np.arange(len(pairs))
    labelled = labelled_rows(y, rows)
    others = np.setdiff1d(rows, labelled)
    if isinstance(splitter, ClassDisjointKFold):
        others = others[:0]  # they may be of the classes that are held out
    y = None if y is None else y[labelled]
    return [
        (np.concatenate([labelled[train], others]), labelled[test])
        for train, test in splitter.split(labelled, y)
    ]
