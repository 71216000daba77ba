"""Score on test parts what was chosen and fitted on training parts."""

import time
import warnings
from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.base import clone

from sklearn_xmodal.metrics._engine import split_codes, told_once
from sklearn_xmodal.protocols._checks import (
    check_classes,
    check_groups,
    check_pairs,
    classes_of,
    count_classes,
    labelled_rows,
    labels_of,
    takes_groups,
)
from sklearn_xmodal.protocols._methods import FULL, Method, split_by_width
from sklearn_xmodal.protocols._records import Records
from sklearn_xmodal.protocols._repeats import repeated_pictures, warn_of_repeats
from sklearn_xmodal.protocols._scores import score_codes
from sklearn_xmodal.protocols._splits import inner_folds, split_pairs
from sklearn_xmodal.protocols._tuning import tune
from sklearn_xmodal.utils._sklearn_compat import is_search


def evaluate(
    methods,
    pairs,
    y=None,
    protocol="standard",
    *,
    groups=None,
    n_splits=10,
    random_state=0,
    budget=None,
    n_jobs=None,
    validate=True,
):
    """Tune, refit and score methods on the same random splits: nested evaluation.

    Everything is chosen on folds of the training part, with as many candidates for
    every method, and everything that is fitted is fitted inside. Each test part is
    scored once per method.

    Parameters
    ----------
    methods : dict of str to {Method, estimator}
        What to compare, by name. A :class:`Method` is tuned, behind features that are
        chosen for all alike. An estimator with ``fit(pairs, y)``, such as a retriever,
        a Pipeline that ends in one, or a search over one, is cloned and fitted as it
        is.

    pairs : ImageTextPairs of shape (n_samples, ...)
        All pairs.

    y : array-like of shape (n_samples,), default=None
        Class labels. If `None`, only in the standard protocol, nothing but the other
        half of a pair is relevant.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        How test parts are drawn, see :func:`split_pairs`.

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to, such as the picture of several texts. It decides
        twice: no group is on both sides of a split or a fold, see :func:`split_pairs`,
        and a picture that is repeated in a group, with the same features, is one query
        and one item in all scores, those of the tuning too. A search that is given as
        an estimator gets the groups if its `cv` takes any; how it scores is its own.

    n_splits : int, default=10
        Number of splits.

    random_state : int, default=0
        Seed of features and methods. Split i and its folds are drawn with
        ``random_state + i``.

    budget : Budget, default=None
        Tuning of each method. `None` for `FULL`.

    n_jobs : int, default=None
        Fits of a search at a time.

    validate : bool, default=True
        Whether to cross-validate also where there is nothing to choose.

    Returns
    -------
    records : list of dict
        One per split and method, see :func:`evaluate_split`, with two more keys:
        "method", the name, and "random_state", the seed of the split. The list has
        `to_frame`, a ``pandas.DataFrame`` of them, and notebooks show a table of means.

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs, or a method is no method.

    ValueError
        If the protocol is not known, labels are missing, do not fit or have too few
        classes, or a method cannot be fitted.

    Warns
    -----
    UserWarning
        If items of a test part have the features of one in its training part, see
        :func:`count_repeats`; if methods for vectors of one joint model are left out,
        since images and texts differ in width.

    See Also
    --------
    evaluate_split : One method on one split.
    sklearn_xmodal.metrics.paired_comparison : Whether one method is ahead of another.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs, PLSRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.protocols import METHODS, QUICK, evaluate
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> pairs = ImageTextPairs(X_img, X_txt)
    >>> methods = {"CCA": METHODS["cca"], "PLS": PLSRetriever(4)}
    >>> records = evaluate(methods, pairs, y, n_splits=2, budget=QUICK)
    >>> [(record["split"], record["method"]) for record in records]
    [(0, 'CCA'), (0, 'PLS'), (1, 'CCA'), (1, 'PLS')]
    >>> all(record["mean"] > record["chance"] for record in records)
    True
    """
    _check_methods(methods)
    _check_random_state(random_state)
    check_pairs(pairs)
    methods, left_out = split_by_width(methods, pairs)
    if left_out:
        warnings.warn(f"Left out: {left_out}.", UserWarning, stacklevel=2)
    options = {"random_state": random_state, "budget": budget, "groups": groups}
    options |= {"n_jobs": n_jobs, "validate": validate}
    return Records(
        {
            "method": name,
            "random_state": random_state + split,
            **evaluate_split(method, pairs, y, protocol, split, **options),
        }
        for split in range(n_splits)
        for name, method in methods.items()
    )


def evaluate_split(
    method,
    pairs,
    y=None,
    protocol="standard",
    split=0,
    *,
    groups=None,
    rows=None,
    cv=None,
    random_state=0,
    budget=None,
    n_jobs=None,
    validate=True,
    begin_fit=None,
    return_codes=False,
):
    """Tune, refit and score one method on one split.

    What :func:`evaluate` does once, for programs that run splits side by side, continue
    after an end, or have a test part of their own.

    Parameters
    ----------
    method : {Method, estimator}
        A method that is tuned, or an estimator that is cloned and fitted as it is.

    pairs : ImageTextPairs of shape (n_samples, ...)
        All pairs.

    y : array-like of shape (n_samples,), default=None
        Class labels. If `None`, only in the standard protocol, nothing but the other
        half of a pair is relevant.

    protocol : {"standard", "extendable", "generalized"}, default="standard"
        How the test part is drawn, see :func:`split_pairs`.

    split : int, default=0
        Number of the split. It and its folds are drawn with ``random_state + split``.

    groups : array-like of shape (n_samples,), default=None
        What each pair belongs to, for the splitting and for the scoring, see
        :func:`evaluate`.

    rows : tuple of (train, test) row numbers, default=None
        A split that is given, instead of one that is drawn; of whole groups.

    cv : splitter or iterable of (train, test) row numbers, default=None
        Folds of the training part that a `Method` is tuned on. If `None`, those of
        :func:`inner_folds`.

    random_state : int, default=0
        Seed of features and method.

    budget : Budget, default=None
        Tuning of the method. `None` for `FULL`.

    n_jobs : int, default=None
        Fits of a search at a time.

    validate : bool, default=True
        Whether to cross-validate also where there is nothing to choose.

    begin_fit : callable, default=None
        Signs of life of networks, see :func:`tune`.

    return_codes : bool, default=False
        Whether the record has "codes", image and text codes of the test part.

    Returns
    -------
    record : dict
        Of the split, "protocol" and "split". Of the test part, "image_to_text" to
        "chance" as from :func:`score_codes`. Sizes: "n_train", "n_train_unlabelled"
        (those of them without a label), "n_test", "n_test_classes" (`None` without
        labels) and, with groups, "n_test_images", the pictures that were counted once.
        Of the tuning, "validation_score" (NaN where there was none) and "parameters",
        what won (of a search that was given as an estimator, its `best_score_` and
        `best_params_`). "seconds" to tune, fit and encode.

    Raises
    ------
    TypeError
        If `pairs` are no ImageTextPairs, or the method is no method.

    ValueError
        If the protocol is not known, labels are missing, do not fit or have too few
        classes, the parts of a given split share rows or groups, `random_state` is no
        whole number, or the method cannot be fitted.

    Warns
    -----
    UserWarning
        If items of the test part have the features of one in the training part, see
        :func:`count_repeats`.

    See Also
    --------
    evaluate : Several methods on several splits.

    Examples
    --------
    >>> from sklearn_xmodal import ImageTextPairs
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.protocols import METHODS, evaluate_split
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> pairs = ImageTextPairs(X_img, X_txt)
    >>> record = evaluate_split(METHODS["cca"], pairs, y, "extendable", split=3)
    >>> record["n_test_classes"], record["mean"] > record["chance"]
    (3, True)
    """
    _check_method(method, type(method).__name__)
    check_pairs(pairs)
    y = check_classes(pairs, y, protocol)
    seed = _check_random_state(random_state) + split
    groups = check_groups(pairs, groups, y, protocol)
    if rows is None:
        rows = split_pairs(pairs, y, protocol, groups=groups, random_state=seed)
    train, test = _check_rows(rows, groups)
    test = labelled_rows(y, np.asarray(test))
    warn_of_repeats(pairs, train, test)
    y_train, y_test = labels_of(y, train), labels_of(y, test)
    options = {"budget": FULL if budget is None else budget, "n_jobs": n_jobs}
    options["groups"] = labels_of(groups, train)
    options |= {"random_state": random_state, "validate": validate, "cv": cv}
    start = time.perf_counter()
    estimator, validation_score, parameters = _fit(
        method, pairs[train], y_train, protocol, seed, begin_fit=begin_fit, **options
    )
    Z_img, Z_txt = split_codes(estimator.transform(pairs[test]))
    seconds = time.perf_counter() - start
    is_generalized = protocol == "generalized"
    seen_classes = classes_of(y_train) if is_generalized else None
    pictures, n_test = None, {"n_test": len(test)}
    if groups is not None:
        pictures = repeated_pictures(pairs[test], groups[test])
        n_test["n_test_images"] = len(set(pictures.tolist()))
    scoring = {"seen_classes": seen_classes, "groups": pictures}
    with told_once():
        scores = score_codes(Z_img, Z_txt, y_test, protocol, **scoring)
    record = {
        "protocol": protocol,
        "split": split,
        **scores,
        "n_train": len(train),
        "n_train_unlabelled": len(train) - len(labelled_rows(y, np.asarray(train))),
        **n_test,
        "n_test_classes": count_classes(y_test),
        "validation_score": validation_score,
        "parameters": parameters,
        "seconds": seconds,
    }
    return {**record, "codes": (Z_img, Z_txt)} if return_codes else record


def _fit(method, pairs, y, protocol, seed, **options):
    """Return what is fitted on the training part, its score there and parameters."""
    groups = options["groups"]
    if not isinstance(method, Method):
        to_split = groups is not None and is_search(method) and takes_groups(method.cv)
        of_cv = {"groups": groups} if to_split else {}
        estimator = clone(method).fit(pairs, y, **of_cv)
        score = float(getattr(estimator, "best_score_", np.nan))
        return estimator, score, getattr(estimator, "best_params_", {})
    cv, n_splits = options.pop("cv"), options["budget"].n_folds
    if cv is None:
        drawn = {"groups": groups, "n_splits": n_splits, "random_state": seed}
        cv = inner_folds(pairs, y, protocol, **drawn)
    return tune(method, pairs, y, protocol, cv=cv, **options)


def _check_methods(methods):
    if not isinstance(methods, Mapping):
        raise TypeError(
            "methods must be a dict of methods by name, such as "
            f"{{'CCA': METHODS['cca']}}. Got {type(methods).__name__}."
        )
    for name, method in methods.items():
        _check_method(method, name)


def _check_method(method, name):
    is_estimator = hasattr(method, "fit") and not isinstance(method, type)
    if not isinstance(method, Method) and not is_estimator:
        raise TypeError(
            "A method must be a Method, or an estimator with fit and transform. Got "
            f"{method!r} for {name!r}."
        )


def _check_random_state(random_state):
    if not isinstance(random_state, Integral):
        raise ValueError(
            "random_state must be a whole number, since split i is drawn with "
            f"random_state + i. Got {random_state!r}."
        )
    return random_state


def _check_rows(rows, groups):
    train, test = rows
    if n_shared := len(np.intersect1d(train, test)):
        raise ValueError(
            "The training and the test part must have no row in common. Got rows with "
            f"{n_shared} in both."
        )
    n_in_both = 0
    if groups is not None:
        n_in_both = len(np.intersect1d(groups[train], groups[test]))
    if n_in_both:
        raise ValueError(
            "The training and the test part must be of whole groups. Got rows with "
            f"{n_in_both} groups in both."
        )
    return train, test
