"""Splitters that keep classes out of training."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    GroupShuffleSplit,
    StratifiedShuffleSplit,
)
from sklearn.utils import indexable

from sklearn_xmodal.utils._containers import as_plain, check_same_index
from sklearn_xmodal.utils._sklearn_compat import safe_indexing
from sklearn_xmodal.utils._validation import (
    as_labels,
    check_not_signs,
    check_same_length,
    check_seed,
    check_some_labelled,
    encode_labels,
    is_continuous,
    is_labelled,
)


class ClassDisjointKFold(BaseCrossValidator):
    """K-fold cross-validation over classes instead of samples.

    Each class is in the test set of exactly one fold, with all its samples, and in the
    training set of all others. An ordinary splitter puts samples of every class on
    both sides. An estimator that learns from labels then retrieves classes that it
    was trained on, and its score says little about classes that nobody has trained
    on: usually it is far higher. To measure (and to tune for) retrieval of unseen
    classes, the classes themselves have to be held out.

    The splitter reads `y`; no `groups` are needed.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of classes.

    shuffle : bool, default=False
        Whether to shuffle the classes before they are divided, into folds with equal
        numbers of classes. By default classes are divided such that the folds have
        similar numbers of samples.

    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling, only with ``shuffle=True``. Pass an int for the same
        folds in every call.

    See Also
    --------
    ClassDisjointShuffleSplit : Random classes in each split.
    class_disjoint_train_test_split : A single split.
    sklearn.model_selection.GroupKFold : The same for groups other than classes.

    Notes
    -----
    The gallery of a fold holds only its own classes. Retrieval among few classes is
    easier by chance alone, so scores of folds with different numbers of classes
    should be read beside the chance level.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.model_selection import ClassDisjointKFold
    >>> X = np.zeros((6, 2))
    >>> y = np.array(["cat", "dog", "cow", "cat", "dog", "cow"])
    >>> for train, test in ClassDisjointKFold(n_splits=3).split(X, y):
    ...     print(np.unique(y[train]), np.unique(y[test]))
    ['cat' 'cow'] ['dog']
    ['cat' 'dog'] ['cow']
    ['cow' 'dog'] ['cat']
    """

    def __init__(self, n_splits=5, *, shuffle=False, random_state=None):
        # scikit-learn's splitters check their parameters here, so does this one.
        GroupKFold(n_splits, shuffle=shuffle, random_state=random_state)
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Generate indices of training and test samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Data, only its length counts.

        y : array-like of shape (n_samples,), default=None
            Class labels of any type. Optional in name only, as in every splitter
            that reads labels. Samples without a label (-1, None or NaN) are on
            neither side, since they may be of the classes of the other.

        groups : object, default=None
            Ignored, exists for compatibility.

        Yields
        ------
        train : ndarray
            Training indices of the fold.

        test : ndarray
            Test indices of the fold.

        Raises
        ------
        ValueError
            If `y` is missing, multi-label or continuous, or has fewer classes than
            there are folds.
        """
        rows, codes = _classes_of(X, y, groups, type(self).__name__)
        n_classes = codes.max() + 1
        if n_classes < self.n_splits:
            raise ValueError(
                "Each fold needs a class of its own. Got "
                f"n_splits={self.n_splits} for {n_classes} classes in y. Choose at "
                f"most {n_classes} folds."
            )
        check_seed(self.random_state)  # with an error that names it
        folds = GroupKFold(
            self.n_splits, shuffle=self.shuffle, random_state=self.random_state
        )
        for train, test in folds.split(codes, groups=codes):
            yield rows[train], rows[test]

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored, exist for compatibility.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return self.n_splits


class ClassDisjointShuffleSplit(BaseCrossValidator):
    """Random splits into training classes and test classes.

    Each split draws the test classes anew and puts all their samples into the test
    set. With an ordinary splitter, every class would be on both sides, and the score
    would overstate how well unseen classes are retrieved: see
    :class:`ClassDisjointKFold`. Different splits may share test classes.

    The splitter reads `y`; no `groups` are needed.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.

    test_size : float or int, default=None
        Share (float) or number (int) of the *classes* for the test set. If `None`,
        the complement of `train_size`, or 0.2 if that is also `None`.

    train_size : float or int, default=None
        Share or number of the classes for the training set. If `None`, all classes
        that are not in the test set.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws. Pass an int for the same splits in every call.

    See Also
    --------
    ClassDisjointKFold : Each class is tested exactly once.
    class_disjoint_train_test_split : A single split.
    sklearn.model_selection.GroupShuffleSplit : The same for groups.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit
    >>> y = np.repeat([0, 1, 2, 3], 5)
    >>> cv = ClassDisjointShuffleSplit(n_splits=2, test_size=0.5, random_state=0)
    >>> for train, test in cv.split(np.zeros((20, 3)), y):
    ...     print(np.unique(y[train]), np.unique(y[test]))
    [0 1] [2 3]
    [1 3] [0 2]
    """

    def __init__(
        self, n_splits=10, *, test_size=None, train_size=None, random_state=None
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Generate indices of training and test samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Data, only its length counts.

        y : array-like of shape (n_samples,), default=None
            Class labels of any type. Optional in name only, as in every splitter
            that reads labels. Samples without a label (-1, None or NaN) are on
            neither side, since they may be of the classes of the other.

        groups : object, default=None
            Ignored, exists for compatibility.

        Yields
        ------
        train : ndarray
            Training indices of the split.

        test : ndarray
            Test indices of the split.

        Raises
        ------
        ValueError
            If `y` is missing, multi-label or continuous, or if its classes cannot be
            divided as asked.
        """
        _check_n_splits(self.n_splits)
        rows, codes = _classes_of(X, y, groups, type(self).__name__)
        splits = GroupShuffleSplit(
            self.n_splits,
            test_size=self.test_size,
            train_size=self.train_size,
            random_state=check_seed(self.random_state),
        )
        try:
            for train, test in splits.split(codes, groups=codes):
                yield rows[train], rows[test]
        except (ValueError, TypeError) as error:
            raise ValueError(
                "Both sides of a split need classes of their own; test_size and "
                f"train_size count classes. Got {codes.max() + 1} classes in y with "
                f"test_size={self.test_size} and train_size={self.train_size}. "
                "Change the sizes."
            ) from error

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored, exist for compatibility.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits


class GeneralizedShuffleSplit(BaseCrossValidator):
    """Random splits whose test set holds unseen classes and pairs of seen ones.

    Some classes are kept out of training with all their samples. Of every other
    class a share of the samples is kept out too, so that queries of both kinds meet a
    gallery of both: the generalized protocol, see
    :func:`~sklearn_xmodal.metrics.generalized_retrieval_score`.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.

    test_size : float or int, default=0.5
        Share (float) or number (int) of the *classes* that training does not see.

    seen_test_size : float, default=0.3
        Share of the samples of every seen class for the test set.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws. Pass an int for the same splits in every call.

    See Also
    --------
    ClassDisjointShuffleSplit : Unseen classes alone in the test set.
    sklearn.model_selection.StratifiedShuffleSplit : Seen classes alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.model_selection import GeneralizedShuffleSplit
    >>> y = np.repeat([0, 1, 2, 3], 10)
    >>> cv = GeneralizedShuffleSplit(n_splits=1, random_state=0)
    >>> for train, test in cv.split(np.zeros((40, 3)), y):
    ...     print(np.bincount(y[train], minlength=4), np.bincount(y[test]))
    [7 7 0 0] [ 3  3 10 10]
    """

    def __init__(
        self, n_splits=10, *, test_size=0.5, seen_test_size=0.3, random_state=None
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.seen_test_size = seen_test_size
        self.random_state = random_state

    def split(self, X, y=None, groups=None):
        """Generate indices of training and test samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Data, only its length counts.

        y : array-like of shape (n_samples,), default=None
            Class labels of any type. Optional in name only, as in every splitter
            that reads labels. Samples without a label (-1, None or NaN) are on
            neither side, since they may be of the classes of the other.

        groups : object, default=None
            Ignored, exists for compatibility.

        Yields
        ------
        train : ndarray
            Training indices of the split.

        test : ndarray
            Test indices of the split.

        Raises
        ------
        ValueError
            If `y` is missing, multi-label or continuous, or if its classes or their
            samples cannot be divided as asked.
        """
        _check_n_splits(self.n_splits)
        random_state = check_seed(self.random_state)
        by_class = ClassDisjointShuffleSplit(
            self.n_splits, test_size=self.test_size, random_state=random_state
        )
        rows, codes = _classes_of(X, y, groups, type(self).__name__)
        by_sample = StratifiedShuffleSplit(
            1, test_size=self.seen_test_size, random_state=random_state
        )
        for seen, unseen in by_class.split(codes, codes):
            try:
                train, test = next(by_sample.split(seen, codes[seen]))
            except (ValueError, TypeError) as error:
                smallest = np.bincount(codes[seen])[np.unique(codes[seen])].min()
                raise ValueError(
                    "Every seen class needs samples on both sides of a split. Got "
                    f"{smallest} samples in the smallest and seen_test_size="
                    f"{self.seen_test_size}: {error}"
                ) from error
            test = np.sort(np.concatenate([seen[test], unseen]))
            yield rows[seen[train]], rows[test]

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored, exist for compatibility.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        return self.n_splits


def class_disjoint_train_test_split(
    *arrays, y, test_size=None, train_size=None, random_state=None
):
    """Split data into training classes and test classes.

    Like :func:`sklearn.model_selection.train_test_split`, but no class is on both
    sides. A score on the test set then tells how well classes are retrieved that
    nobody has trained on, which an ordinary split overstates.

    Parameters
    ----------
    *arrays : sequence of indexables with the same length
        Lists, arrays, sparse matrices, DataFrames, or anything with rows that can be
        sliced.

    y : array-like of shape (n_samples,)
        Class labels of any type. Samples without a label (-1, None or NaN) are left
        out of both parts.

    test_size : float or int, default=None
        Share (float) or number (int) of the *classes* for the test set. If `None`,
        the complement of `train_size`, or 0.2 if that is also `None`.

    train_size : float or int, default=None
        Share or number of the classes for the training set. If `None`, all classes
        that are not in the test set.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw. Pass an int for the same split in every call.

    Returns
    -------
    splitting : list of length 2 * len(arrays) + 2
        Training and test part of each array, and of `y` at the end.

    Raises
    ------
    ValueError
        If lengths differ, `y` is multi-label or continuous, or its classes cannot be
        divided as asked.

    See Also
    --------
    ClassDisjointKFold : Each class is tested exactly once.
    ClassDisjointShuffleSplit : Several random splits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.model_selection import class_disjoint_train_test_split
    >>> X, y = np.arange(8).reshape(4, 2), ["cat", "dog", "cat", "cow"]
    >>> X_train, X_test, y_train, y_test = class_disjoint_train_test_split(
    ...     X, y=y, test_size=1, random_state=0
    ... )
    >>> y_train, y_test
    (['cat', 'cat', 'cow'], ['dog'])
    """
    arrays = tuple(map(as_plain, arrays))
    for i, array in enumerate(arrays):
        check_same_index(array, y, (f"arrays[{i}]", "y"))
        check_same_index(arrays[0], array, ("arrays[0]", f"arrays[{i}]"))
    try:
        *arrays, y = indexable(*arrays, as_plain(y))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"All arrays and y must have rows, as many in each. {error}"
        ) from None
    splitter = ClassDisjointShuffleSplit(
        1, test_size=test_size, train_size=train_size, random_state=random_state
    )
    train, test = next(splitter.split(y, y))
    return [
        safe_indexing(array, rows) for array in (*arrays, y) for rows in (train, test)
    ]


def _check_n_splits(n_splits):
    if not isinstance(n_splits, Integral) or n_splits < 1:
        raise ValueError(
            f"n_splits must be an integer of at least 1. Got {n_splits!r}."
        )


def _classes_of(X, y, groups, name):
    """Return the rows that have a label, and the number of their class from 0."""
    if groups is not None:
        warnings.warn(
            f"The groups parameter is ignored by {name}, which keeps the classes of y "
            "apart.",
            UserWarning,
            stacklevel=3,
        )
    if y is None:
        raise ValueError(
            f"{name} needs the class labels y: it keeps classes apart. Got y=None."
        )
    given, y = y, as_labels(y, allow_missing=True)
    if y.ndim != 1:
        raise ValueError(
            f"{name} needs 1-D class labels y. Got shape {y.shape}. Multi-label "
            "samples link their classes, so classes cannot be kept apart; split by "
            "one main class per sample."
        )
    check_same_length(X, given)
    if y.size == 0:
        raise ValueError(f"{name} needs class labels y. Got none: an empty array.")
    if is_continuous(y):
        raise ValueError(
            f"{name} needs class labels y. Got continuous values of type {y.dtype}. "
            "Bin them."
        )
    check_not_signs(y)
    labelled = is_labelled(y)
    check_some_labelled(labelled)
    return np.flatnonzero(labelled), encode_labels(y[labelled])[1]
