"""One call that says what ails codes, and what to do."""

from types import SimpleNamespace

from sklearn_xmodal.inspection._case import Case
from sklearn_xmodal.inspection._findings import CHECKS
from sklearn_xmodal.inspection._report import Diagnosis
from sklearn_xmodal.metrics._engine import split_codes
from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.pairs._input import resolve_input
from sklearn_xmodal.utils._containers import check_same_indexes

_CODES = SimpleNamespace(n_image_features=None)


def diagnose(X_img, X_txt=None, y=None, *, estimator=None, train=None, groups=None):
    """Say what ails codes, or a fitted retriever, and what to do.

    Looks for

    - codes that have collapsed to few directions, or have constant columns;
    - codes of images and of texts that are not of one space, though of one width;
    - retrieval that is no better than chance;
    - items that are in the training part, too;
    - pairs whose halves do not belong together;
    - a retriever that loses to the cosine of the features as they are;
    - a modality gap that keeps images and texts apart in one gallery;
    - hubs, items that are near to many queries;
    - repeated pictures or texts, where only the own one counts as right.

    Parameters
    ----------
    X_img : ImageTextPairs or matrix of shape (n_pairs, n_components)
        Codes of images or pairs of codes. With `estimator`, features: whatever it
        takes, a stacked matrix where it has `n_image_features` set. Pairs should be
        others than it was fitted to.

    X_txt : {array-like, sparse matrix} of shape (n_pairs, n_components), default=None
        Codes of texts, or features. Beside ImageTextPairs, or a stacked matrix, the
        argument in this place is `y`.

    y : array-like of shape (n_pairs,) or (n_pairs, n_classes), default=None
        Labels, by which retrieval is scored; pairs without one (-1, None or NaN) are
        left out of scores. Without labels the other half of a pair is the right answer.

    estimator : estimator, default=None
        A fitted retriever, or a Pipeline or search that ends in one.

    train : ImageTextPairs or tuple of two matrices, default=None
        The training part, in the same form, codes or features: whether items are on
        both sides of the split.

    groups : array-like of shape (n_pairs,), default=None
        Ids of what several pairs share, such as the picture of several captions: they
        are right answers to each other where there are no labels.

    Returns
    -------
    diagnosis : Diagnosis
        With `findings`, the most severe first. ``print(diagnosis)`` shows them with
        their advice; ``diagnosis.plot()`` makes a figure.

    Raises
    ------
    ValueError
        If there are fewer than ten pairs, or labelled ones, labels of one class, one
        group alone, or codes, labels and groups that do not fit together.

    TypeError
        If `estimator` is no retriever, or `train` no pairs.

    See Also
    --------
    MismatchedPairDetector : Finds mismatched pairs among training pairs.
    sklearn_xmodal.metrics.retrieval_report : Scores alone.
    sklearn_xmodal.protocols.count_repeats : Repeats alone.

    Notes
    -----
    What decides is a null distribution where there is one: random orders of the rows of
    one modality, random swaps of the halves of pairs. A gain (of CSLS, of
    closing the gap, of the raw cosine) is said if it is more than .01 with 99 %.
    Rankings are looked at for at most 1,000 pairs at equal distances, everything else
    for all. How often each alarm is false is measured in
    :doc:`/user_guide/diagnosis`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.inspection import diagnose
    >>> rng = np.random.default_rng(0)
    >>> Z_img = rng.normal(size=(200, 8))
    >>> Z_txt = Z_img + 0.2 * rng.normal(size=(200, 8))
    >>> diagnose(Z_img, Z_txt)
    Diagnosis([])
    >>> Z_txt[[3, 150]] = Z_txt[[150, 3]]
    >>> print(diagnose(Z_img, Z_txt).findings[0].message)
    2 of 200 pairs look swapped, at most a tenth of them wrongly named: rows [3, 150].
    """
    _check_estimator(X_img, estimator)
    is_stacked = getattr(estimator, "n_image_features", None) is not None
    form = estimator if is_stacked else _CODES
    _, image, text, y = resolve_input(form, "diagnose", X_img, X_txt, y)
    pairs = _complete(ImageTextPairs(image, text), "diagnose")
    check_same_indexes({"X_img": image, "X_txt": text, "y": y, "groups": groups})
    train = None if train is None else _train_pairs(train, form)
    case = Case(
        _codes(pairs, estimator),
        y,
        groups,
        features=None if estimator is None else (pairs.image, pairs.text),
        train=None if train is None else _known(train, estimator),
    )
    measures, findings = [], []
    for check in CHECKS:
        found, finding = check(case)
        measures += found
        findings += [] if finding is None else [finding]
    findings.sort(key=lambda finding: -finding.severity)
    return Diagnosis._of(case, findings, measures)


def _check_estimator(X_img, estimator):
    """Raise a TypeError for what is no instance, or is in another place."""
    if hasattr(X_img, "fit"):
        raise TypeError(
            "diagnose takes a retriever by its name: diagnose(X_img, X_txt, "
            f"estimator=...). Got {X_img!r} as X_img."
        )
    if estimator is not None and (
        isinstance(estimator, type) or not hasattr(estimator, "transform")
    ):
        raise TypeError(
            "estimator must be a fitted retriever, or a Pipeline or search that ends "
            f"in one. Got {estimator!r}."
        )


def _complete(pairs, what):
    for modality in ("image", "text"):
        if getattr(pairs, modality) is None:
            raise ValueError(
                f"{what} needs both modalities. Got pairs with {modality}=None."
            )
    return pairs


def _train_pairs(train, form):
    """Return the training part as pairs, whatever its form."""
    if isinstance(train, tuple | list) and len(train) == 2:
        train = ImageTextPairs(*train)
    elif not isinstance(train, ImageTextPairs):
        if form is _CODES:
            raise TypeError(
                "train must be ImageTextPairs, or a tuple of images and texts. Got "
                f"{type(train).__name__}."
            )
        _, image, text, _ = resolve_input(form, "diagnose", train)
        train = ImageTextPairs(image, text)
    return _complete(train, "train")


def _codes(pairs, estimator):
    """Return both codes of pairs."""
    if estimator is None:
        return pairs.image, pairs.text
    return split_codes(estimator.transform(pairs))


def _known(train, estimator):
    """Return codes, and features where there is an estimator, of the training part."""
    features = None if estimator is None else (train.image, train.text)
    return _codes(train, estimator), features
