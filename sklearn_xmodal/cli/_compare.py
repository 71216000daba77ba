"""Split, tune inside the training part, score once on the test part."""

import warnings
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.cli._progress import Progress
from sklearn_xmodal.cli._small import (
    say_small_classes,
    silent_about_small_classes,
)
from sklearn_xmodal.cli._splits import class_codes, draw_split, tell_repeats
from sklearn_xmodal.cli._workers import begin_workers, jobs_for
from sklearn_xmodal.metrics import retrieval_precision_recall_curve
from sklearn_xmodal.metrics._engine import EACH_COPY_COUNTS
from sklearn_xmodal.protocols import (
    ALL_METHODS,
    METHODS,
    evaluate_split,
    split_pairs,
)
from sklearn_xmodal.protocols._methods import split_by_width
from sklearn_xmodal.protocols._repeats import (
    ON_BOTH_SIDES,
    repeated_pictures,
)

#: What is compared unless told otherwise: among seen, and among unseen classes.
_USUAL_PROTOCOLS = ("standard", "extendable")
_MIN_CLASSES = 4
_MIN_CLASS_SIZE = 5
_MIN_TRAINING_PAIRS = 12
_MIN_GROUPS = 6  # two in each of three parts


@dataclass
class Run:
    """One method on one split."""

    protocol: str
    split: int
    method: str
    image_to_text: float
    text_to_image: float
    chance: float
    seconds: float
    n_train: int
    n_test: int
    n_test_classes: int | None
    validation_score: float
    parameters: dict
    test_rows: np.ndarray = field(repr=False)
    codes: tuple = field(repr=False)  # image (n_test, d), text (n_test, d)
    curves: dict = field(repr=False)  # direction -> (precision, recall)
    n_train_unlabelled: int = 0
    n_test_images: int | None = None  # with groups, in which a picture counts once
    _: KW_ONLY
    # Without labels, how often the other half of a pair is among the first ones.
    recall_at_1: float | None = None
    recall_at_5: float | None = None
    recall_at_10: float | None = None
    # Of the generalized protocol, by the class of the query.
    seen: float | None = None
    unseen: float | None = None

    @property
    def mean(self):
        """Mean over both directions."""
        return (self.image_to_text + self.text_to_image) / 2


def plan(data, methods, protocols, *, default=tuple(METHODS), n_splits=1, seed=0):
    """Return methods and protocols that the data allow; `None` is the usual ones.

    A CommandError if something was asked for that cannot be run.
    """
    splits = {"n_splits": n_splits, "seed": seed}
    if data.y is None:
        return _plan_pairs(data, methods, protocols, default, **splits)
    methods = _methods_of_width(data, methods, default)
    if protocols is not None:
        for protocol in protocols:
            if reason := _obstacle(data, protocol, **splits):
                raise CommandError(f"--protocol {protocol} {reason}")
        return methods, list(dict.fromkeys(protocols))
    reasons = {name: _obstacle(data, name, **splits) for name in _USUAL_PROTOCOLS}
    possible = [protocol for protocol in _USUAL_PROTOCOLS if not reasons[protocol]]
    if not possible:
        raise CommandError(f"--protocol standard {reasons['standard']}")
    for protocol in _USUAL_PROTOCOLS:
        if reasons[protocol]:
            print(f"Left out: the {protocol} protocol {reasons[protocol]}.")
    return methods, possible


def _plan_pairs(data, methods, protocols, default, **splits):
    """Plan for pairs without labels."""
    reason = _bad_groups(data, "standard") or _too_few(data, "standard", **splits)
    if reason:
        raise CommandError(f"--protocol standard {reason}")
    without_labels = [m for m in default if not ALL_METHODS[m].needs_labels]
    methods = _methods_of_width(data, methods, without_labels)
    for name in methods:
        if ALL_METHODS[name].needs_labels:
            raise CommandError(f"--methods {name} needs class labels (--labels)")
    for protocol in protocols or []:
        if protocol != "standard":
            raise CommandError(
                f"--protocol {protocol} needs class labels (--labels): it keeps "
                "classes apart"
            )
    return methods, ["standard"]


def _methods_of_width(data, asked, default):
    """Return names of the methods asked for, or of all that the widths allow."""
    names = list(dict.fromkeys(asked or default))
    kept, left_out = split_by_width(
        {name: ALL_METHODS[name] for name in names}, data.pairs
    )
    if left_out and asked:
        raise CommandError(f"--methods: cannot be compared: {left_out}")
    if left_out:
        print(f"Left out: {left_out}.")
    return list(kept)


def _obstacle(data, protocol, **splits):
    """Return why a protocol cannot be run on the data, or None."""
    if reason := _bad_groups(data, protocol):
        return reason
    if protocol == "standard":
        return (
            _too_small_classes(data)
            or _too_few(data, protocol, **splits)
            or _bad_classes(data, **splits)
        )
    if (n_classes := len(set(data.y[data.labelled]))) < _MIN_CLASSES:
        return f"needs at least {_MIN_CLASSES} classes: got {n_classes}"
    try:
        return _too_few(data, protocol, **splits)
    except ValueError as error:  # a class too small to be on both sides
        return f"cannot be drawn: {error}"


def _bad_groups(data, protocol):
    """Return why groups cannot be kept together, or None."""
    if data.groups is None:
        return None
    if protocol == "standard" and data.test_rows is not None:
        train, test = (data.groups[rows] for rows in draw_split(data, protocol, 0))
        if n_shared := len(np.intersect1d(train, test)):
            return (
                "needs a test part (--test) of whole groups (--groups): got "
                f"{n_shared} groups on both sides"
            )
    elif protocol == "standard":
        known = data.groups if data.y is None else data.groups[data.labelled]
        if (n_groups := len(np.unique(known))) < _MIN_GROUPS:
            return f"needs at least {_MIN_GROUPS} groups (--groups): got {n_groups}"
    else:
        known = data.labelled
        pairs = set(zip(data.groups[known], data.y[known], strict=True))
        if n_mixed := len(pairs) - len(set(data.groups[known])):
            return (
                "needs groups (--groups) of one class each, which it keeps apart: got "
                f"{n_mixed} times a second class in a group"
            )
    return None


def _too_few(data, protocol, **splits):
    """Return that the smallest training part is too small, or None."""
    n_train = min(_training_sizes(data, protocol, **splits))
    if n_train >= _MIN_TRAINING_PAIRS:
        return None
    return (
        f"needs at least {_MIN_TRAINING_PAIRS} training pairs to tune and compare: got "
        f"{n_train} of {len(data.pairs)} pairs"
    )


def _training_sizes(data, protocol, **splits):
    """Yield the numbers of training pairs that can be validated."""
    if protocol == "standard" and data.test_rows is None and data.groups is None:
        # Classes too small to be split change no size.
        known = data.pairs if data.y is None else data.y[data.labelled]
        yield len(split_pairs(known, random_state=0)[0])
        return
    for train, _ in _draw_all(data, protocol, **splits):
        yield len(train) if data.y is None else int(data.labelled[train].sum())


def _draw_all(data, protocol, *, n_splits, seed):
    for split in range(_count_splits(data, protocol, n_splits)):
        yield draw_split(data, protocol, seed + split)


def _too_small_classes(data):
    """Return that a class cannot be on both sides of a split, or None."""
    classes, sizes = np.unique(data.y[data.labelled], return_counts=True)
    if len(classes) < 2:
        hint = "" if data.labelled.all() else ", -1 and blanks being no label"
        return f"needs labels of at least 2 classes: got {len(classes)}{hint}"
    if data.test_rows is None and sizes.min() < _MIN_CLASS_SIZE:
        return (
            f"needs at least {_MIN_CLASS_SIZE} pairs of every class: the smallest has "
            f"{sizes.min()}. Leave such classes out with --min-class-size "
            f"{_MIN_CLASS_SIZE}"
        )
    return None


def _bad_classes(data, **splits):
    """Return why a test part does not suit the standard protocol, or None."""
    if data.test_rows is None and data.groups is None:
        return None
    part = "--groups" if data.test_rows is None else "--test"
    for train, test in _draw_all(data, "standard", **splits):
        trained = set(data.y[train[data.labelled[train]]].tolist())
        tested = set(data.y[test].tolist())
        if len(tested) < 2:
            return (
                f"needs a test part ({part}) of at least 2 classes: got {len(tested)}"
            )
        if unseen := sorted(tested - trained):
            return (
                f"needs test classes that training sees: {part} takes all pairs of "
                f"{len(unseen)} classes, such as {unseen[0]!r}"
            )
    return None


def compare(data, methods, protocols, *, n_splits, seed, n_jobs, budget):
    """Tune and score every method on every split; yield each `Run` when it is done."""
    steps = [
        (protocol, split, method)
        for protocol in protocols
        for split in range(_count_splits(data, protocol, n_splits))
        for method in methods
    ]
    begin_workers([ALL_METHODS[name] for name in methods], data.pairs, n_jobs)
    options = {"seed": seed, "n_jobs": n_jobs, "budget": budget}
    with closing(Progress(len(steps))) as progress:
        for protocol, split, name in steps:
            if name == methods[0]:
                where = f"{protocol} protocol, split {split + 1}"
                train, test = draw_split(data, protocol, seed + split)
                tell_repeats(data, train, test, where)
                _tell_small_classes(data, protocol, train, where, budget)
            title = ALL_METHODS[name].title
            progress.begin(f"{title}, {protocol} protocol, split {split + 1}")
            run = _run(data, protocol, split, name, progress=progress, **options)
            yield run  # before it is told: what is told has been kept
            progress.end(f"mAP {run.mean:.3f} in {run.seconds:.0f} s")


def _count_splits(data, protocol, n_splits):
    # A given test part is one split, however many are asked for.
    return 1 if protocol == "standard" and data.test_rows is not None else n_splits


def _tell_small_classes(data, protocol, train, where, budget):
    if data.y is None:
        return
    y = data.y[train[data.labelled[train]]]
    if words := say_small_classes(y, budget.n_folds, protocol):
        data.warn(f"{where}: {words}")


def _run(data, protocol, split, name, *, seed, n_jobs, budget, progress):
    method = ALL_METHODS[name]
    train, test = draw_split(data, protocol, seed + split)
    if method.needs_labels:
        train = train[data.labelled[train]]
    y = class_codes(data)
    pictures = None
    if data.groups is not None:
        pictures = repeated_pictures(data.pairs[test], data.groups[test])
    y_test = None if y is None else y[test]
    try:
        with warnings.catch_warnings(), silent_about_small_classes():
            for told in (ON_BOTH_SIDES, EACH_COPY_COUNTS):
                warnings.filterwarnings("ignore", f".*{told}")
            record = evaluate_split(
                method,
                data.pairs,
                y,
                protocol,
                split,
                groups=data.groups,
                rows=(train, test),
                random_state=seed,
                budget=budget,
                n_jobs=jobs_for(method, data.pairs, n_jobs),
                begin_fit=progress.begin_fit,
                return_codes=True,
            )
            curves = _curves(record["codes"], y_test, pictures)
    except ValueError as error:
        raise CommandError(f"{method.title}: {str(error).splitlines()[0]}") from error
    del record["mean"]  # a property of Run
    return Run(method=method.title, test_rows=test, curves=curves, **record)


def _curves(codes, y, pictures):
    """Return direction -> (precision, recall)."""
    image, text = codes
    curve = retrieval_precision_recall_curve
    return {
        "image_to_text": curve(image, text, y, y, ids_query=pictures),
        "text_to_image": curve(text, image, y, y, ids_gallery=pictures),
    }
