"""Split, tune inside the training part, score once on the test part."""

import time
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.cli._methods import METHODS
from sklearn_xmodal.cli._progress import Progress
from sklearn_xmodal.cli._tuning import PROTOCOLS, split_rows, tune
from sklearn_xmodal.metrics import (
    chance_level,
    retrieval_precision_recall_curve,
    retrieval_score,
)

_MIN_CLASSES = 4
_MIN_CLASS_SIZE = 5
_MIN_TRAINING_PAIRS = 12


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

    @property
    def mean(self):
        """Mean over both directions."""
        return (self.image_to_text + self.text_to_image) / 2


def plan(data, methods, protocols):
    """Return methods and protocols that the data allow.

    Parameters
    ----------
    data : RetrievalData
        The data.

    methods, protocols : list of str or None
        As asked for; `None` is everything possible.

    Returns
    -------
    methods, protocols : list of str
        What will be run.

    Raises
    ------
    CommandError
        If something was asked for that cannot be run.
    """
    _check_size(data)
    if data.y is None:
        return _plan_pairs(methods, protocols)
    methods = list(dict.fromkeys(methods or METHODS))
    if protocols is not None:
        for protocol in protocols:
            if reason := _obstacle(data, protocol):
                raise CommandError(f"--protocol {protocol} {reason}")
        return methods, list(dict.fromkeys(protocols))
    reasons = {protocol: _obstacle(data, protocol) for protocol in PROTOCOLS}
    possible = [protocol for protocol in PROTOCOLS if not reasons[protocol]]
    if not possible:
        raise CommandError(f"--protocol standard {reasons['standard']}")
    for protocol in PROTOCOLS:
        if reasons[protocol]:
            print(f"Left out: the {protocol} protocol {reasons[protocol]}.")
    return methods, possible


def _plan_pairs(methods, protocols):
    """Plan for pairs without labels."""
    without_labels = [m for m in METHODS if not METHODS[m].needs_labels]
    methods = list(dict.fromkeys(methods or without_labels))
    for name in methods:
        if METHODS[name].needs_labels:
            raise CommandError(f"--methods {name} needs class labels (--labels)")
    if "extendable" in (protocols or []):
        raise CommandError(
            "--protocol extendable needs class labels (--labels): it keeps classes "
            "apart"
        )
    return methods, ["standard"]


def _obstacle(data, protocol):
    """Return why a protocol cannot be run on the data, or None."""
    classes, sizes = np.unique(data.y, return_counts=True)
    if protocol == "extendable":
        if len(classes) < _MIN_CLASSES:
            return f"needs at least {_MIN_CLASSES} classes: got {len(classes)}"
        return None
    if len(classes) < 2:
        return f"needs labels of at least 2 classes: got {len(classes)}"
    if data.test_rows is None:
        if sizes.min() >= _MIN_CLASS_SIZE:
            return None
        return (
            f"needs at least {_MIN_CLASS_SIZE} pairs of every class: the smallest has "
            f"{sizes.min()}. Leave such classes out with --min-class-size "
            f"{_MIN_CLASS_SIZE}"
        )
    trained = np.unique(np.delete(data.y, data.test_rows))
    tested = np.unique(data.y[data.test_rows])
    if len(tested) < 2:
        return f"needs a test part (--test) of at least 2 classes: got {len(tested)}"
    if unseen := sorted(set(tested.tolist()) - set(trained.tolist())):
        return (
            "needs test classes that training sees: --test takes all pairs of "
            f"{len(unseen)} classes, such as {unseen[0]!r}"
        )
    return None


def _check_size(data):
    n_train = len(data.pairs) * 0.7
    if data.test_rows is not None:
        n_train = len(data.pairs) - len(data.test_rows)
    if n_train < _MIN_TRAINING_PAIRS:
        raise CommandError(
            f"at least {_MIN_TRAINING_PAIRS} training pairs are needed to tune and "
            f"compare: got {int(n_train)} of {len(data.pairs)} pairs"
        )


def compare(data, methods, protocols, *, n_splits, seed, n_jobs, budget):
    """Tune and score every method on every split.

    Parameters
    ----------
    data : RetrievalData
        The data.

    methods, protocols : list of str
        What to run.

    n_splits : int
        Splits per protocol.

    seed : int
        Split i uses seed + i.

    n_jobs : int
        Fits at a time.

    budget : Budget
        Tuning of each method.

    Yields
    ------
    run : Run
        As soon as it is done.
    """
    steps = [
        (protocol, split, method)
        for protocol in protocols
        for split in range(_count_splits(data, protocol, n_splits))
        for method in methods
    ]
    options = {"seed": seed, "n_jobs": n_jobs, "budget": budget}
    with closing(Progress(len(steps))) as progress:
        for protocol, split, name in steps:
            title = METHODS[name].title
            progress.begin(f"{title}, {protocol} protocol, split {split + 1}")
            run = _run(data, protocol, split, name, progress=progress, **options)
            progress.end(f"mAP {run.mean:.3f} in {run.seconds:.0f} s")
            yield run


def _count_splits(data, protocol, n_splits):
    # A given test part is one split, however many are asked for.
    return 1 if protocol == "standard" and data.test_rows is not None else n_splits


def _split(data, protocol, seed):
    if protocol == "standard" and data.test_rows is not None:
        return np.setdiff1d(np.arange(len(data.pairs)), data.test_rows), data.test_rows
    return split_rows(len(data.pairs), data.y, protocol, seed)


def _run(data, protocol, split, name, *, seed, n_jobs, budget, progress):
    method = METHODS[name]
    train, test = _split(data, protocol, seed + split)
    pairs, y = data.pairs[train], None if data.y is None else data.y[train]
    start = time.perf_counter()
    try:
        pipeline, validation_score, parameters = tune(
            method,
            pairs,
            y,
            protocol,
            seed=seed,
            split_seed=seed + split,
            n_jobs=n_jobs,
            budget=budget,
            progress=progress,
        )
    except ValueError as error:
        raise CommandError(f"{method.title}: {str(error).splitlines()[0]}") from error
    codes = pipeline.transform(data.pairs[test])
    seconds = time.perf_counter() - start
    y_test = None if data.y is None else data.y[test]
    directions = {
        "image_to_text": (codes.image, codes.text),
        "text_to_image": (codes.text, codes.image),
    }
    return Run(
        protocol=protocol,
        split=split,
        method=method.title,
        **{d: retrieval_score(*zz, y_test, y_test) for d, zz in directions.items()},
        chance=_chance(y_test, len(test)),
        seconds=seconds,
        n_train=len(train),
        n_test=len(test),
        n_test_classes=None if y_test is None else len(np.unique(y_test)),
        validation_score=validation_score,
        parameters=parameters,
        test_rows=test,
        codes=(codes.image, codes.text),
        curves={
            d: retrieval_precision_recall_curve(*zz, y_test, y_test)
            for d, zz in directions.items()
        },
    )


def _chance(y, n):
    y = np.arange(n) if y is None else y
    return chance_level(y, y)
