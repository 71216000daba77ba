"""Training and test parts, and folds of a training part, by protocol."""

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from sklearn_xmodal.protocols._checks import (
    check_classes,
    check_groups,
    count_classes,
    labelled_rows,
    takes_groups,
)
from sklearn_xmodal.utils._validation import is_labelled

_TEST_PAIRS = 0.3  # of every class that training sees
_GROUPED_SPLITS = 3  # the test part of grouped pairs with labels is one of three
_TEST_CLASSES = 0.5  # that training does not see
#: Two to learn from, and two to search among.
_MIN_CLASSES = 4


def split_pairs(pairs, y=None, protocol="standard", *, groups=None, random_state=None):
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

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to, such as the picture of several texts: no group is on
        both sides. In the standard protocol, test parts are then one of three parts
        that are stratified as far as whole groups can be. Where classes are kept
        apart, groups must be of one class each.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. Pass an int for the same split in every call.

    Returns
    -------
    train : ndarray of int
        Row numbers of the training part.

    test : ndarray of int
        Row numbers of the test part: all the others that have a label. A pair without
        one whose group is here is nowhere.

    Raises
    ------
    ValueError
        If the protocol is not known, labels are missing, of several classes per pair
        or not one per row, a class is too small to be on both sides, there are fewer
        than four classes to be kept apart, or groups cannot be kept together.

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
    groups = check_groups(pairs, groups, y, protocol)
    rows = np.arange(len(pairs))
    if protocol == "standard":
        labelled = labelled_rows(y, rows)
        train, test = _split_seen(labelled, y, groups, random_state)
        others = _apart(np.setdiff1d(rows, labelled), test, groups)
        return np.concatenate([train, others]), test
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
    if groups is None or protocol == "extendable":  # where whole classes are apart
        return next(splitter.split(rows, y))
    # Groups are drawn as one pair each, and then taken with all of their pairs.
    labelled = labelled_rows(y, rows)
    first = labelled[np.unique(groups[labelled], return_index=True)[1]]
    train, test = (
        labelled[np.isin(groups[labelled], groups[first[part]])]
        for part in next(splitter.split(first, y[first]))
    )
    return train, test


def _split_seen(labelled, y, groups, random_state):
    """Draw training and test rows of the same classes, groups as a whole."""
    y = None if y is None else y[labelled]
    if groups is None:
        options = {"test_size": _TEST_PAIRS, "random_state": random_state}
        return train_test_split(labelled, stratify=y, **options)
    groups = groups[labelled]
    _count_groups(groups, y, at_least=_GROUPED_SPLITS)
    if y is None:
        splitter = GroupShuffleSplit(
            1, test_size=_TEST_PAIRS, random_state=random_state
        )
    else:
        splitter = StratifiedGroupKFold(
            _GROUPED_SPLITS, shuffle=True, random_state=random_state
        )
    train, test = next(splitter.split(labelled, y, groups))
    return labelled[train], labelled[test]


def _count_groups(groups, y, *, at_least):
    """Return the number of groups with a label; too few for parts are refused."""
    n_groups = len(np.unique(groups if y is None else groups[is_labelled(y)]))
    if n_groups < at_least:
        raise ValueError(
            f"Pairs with a label must be of {at_least} groups at least, to be kept "
            f"whole in the parts of a split. Got {n_groups} in groups."
        )
    return n_groups


def _apart(rows, others, groups):
    """Return the rows of no group that the others are of."""
    if groups is None:
        return rows
    return rows[~np.isin(groups[rows], groups[others])]


def inner_folds(
    pairs,
    y=None,
    protocol="standard",
    *,
    groups=None,
    n_splits=3,
    random_state=None,
):
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

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to: no group is on both sides of a fold, as in
        :func:`split_pairs`.

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
        or not one per row, every class is smaller than the number of folds, or groups
        cannot be kept together.

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
    groups = check_groups(pairs, groups, y, protocol)
    n_classes = count_classes(y)
    if y is not None and protocol != "standard" and n_classes >= _MIN_CLASSES:
        n_splits = min(n_splits, n_classes // 2)
        splitter = ClassDisjointKFold
    elif groups is None:
        splitter = KFold if y is None else StratifiedKFold
    else:
        n_splits = min(n_splits, _count_groups(groups, y, at_least=2))
        splitter = GroupKFold if y is None else StratifiedGroupKFold
    splitter = splitter(n_splits, shuffle=True, random_state=random_state)
    rows = np.arange(len(pairs))
    labelled = labelled_rows(y, rows)
    others = np.setdiff1d(rows, labelled)
    if isinstance(splitter, ClassDisjointKFold):
        others = others[:0]  # they may be of the classes that are held out
    y = None if y is None else y[labelled]
    of_labelled = {} if groups is None else {"groups": groups[labelled]}
    if not takes_groups(splitter):  # whole classes are apart
        of_labelled = {}
    folds = (
        (labelled[train], labelled[test])
        for train, test in splitter.split(labelled, y, **of_labelled)
    )
    return [
        (np.concatenate([train, _apart(others, test, groups)]), test)
        for train, test in folds
    ]
