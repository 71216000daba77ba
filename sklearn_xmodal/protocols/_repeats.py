"""Pictures and texts that are on both sides of a split."""

import warnings

import numpy as np
from sklearn import config_context

from sklearn_xmodal.metrics import make_retrieval_scorer
from sklearn_xmodal.protocols._checks import check_pairs
from sklearn_xmodal.utils._row_keys import row_keys

#: How every warning of repeats begins, behind the counts.
ON_BOTH_SIDES = "have the features of one in the training part"


def repeated_pictures(pairs, groups):
    """Return the number of every pair's picture, which repeats with its group.

    What is only kept together, such as pictures of one person, differs in features.
    """
    keys = zip(groups.tolist(), row_keys(pairs.image), strict=True)
    number_of: dict = {}
    return np.array([number_of.setdefault(key, len(number_of)) for key in keys])


def fit_search(search, pairs, y, groups):
    """Fit a search; of groups, a repeated picture counts once in its scores.

    Nothing but metadata routing hands rows of them to a scorer.
    """
    if groups is None:
        return search.fit(pairs, y)
    with config_context(enable_metadata_routing=True):
        search.scoring = make_retrieval_scorer().set_score_request(groups=True)
        return search.fit(pairs, y, groups=repeated_pictures(pairs, groups))


def count_repeats(pairs, train, test):
    """Count the test items whose features a training item has too.

    Five captions of one picture are five pairs with the same picture. With some of them
    in the training part, a score on the others says how well that picture is
    remembered. Features that many items share, such as tags, repeat without harm.

    Parameters
    ----------
    pairs : ImageTextPairs of shape (n_samples, ...)
        All pairs.

    train : array-like of int
        Row numbers of the training part.

    test : array-like of int
        Row numbers of the test part.

    Returns
    -------
    n_repeats : dict of str to int
        Rows of the test part that are repeats, of "image" and of "text".

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs.

    See Also
    --------
    sklearn.model_selection.StratifiedGroupKFold : Keeps groups together.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs
    >>> from sklearn_xmodal.protocols import count_repeats
    >>> pairs = ImageTextPairs([[1, 2], [1, 2], [3, 4]], [[1], [2], [3]])
    >>> count_repeats(pairs, train=[0], test=[1, 2])
    {'image': 1, 'text': 0}
    """
    check_pairs(pairs)
    n_repeats = {}
    for modality in ("image", "text"):
        keys = list(row_keys(getattr(pairs, modality)))
        trained = {keys[row] for row in train}
        n_repeats[modality] = sum(keys[row] in trained for row in test)
    return n_repeats


def describe_repeats(n_repeats, n_test):
    """Return what `count_repeats` has found as words, empty where that is nothing."""
    names = {"image": "pictures", "text": "texts"}
    found = [
        f"{count} of {n_test} test {names[modality]}"
        for modality, count in n_repeats.items()
        if count
    ]
    if not found:
        return ""
    return f"{' and '.join(found)} {ON_BOTH_SIDES}"


def warn_of_repeats(pairs, train, test):
    """Warn where items of the test part are in the training part too."""
    if words := describe_repeats(count_repeats(pairs, train, test), len(test)):
        warnings.warn(
            f"{words}. The score may say how well these are remembered. Keep pairs of "
            "one picture together: pass its id as groups.",
            UserWarning,
            stacklevel=3,
        )
