"""Splitters, generators of data sets, and statistics over scores."""

from functools import partial

import numpy as np

from sklearn_xmodal import datasets, metrics, model_selection
from tests.robustness import containers, labels, values
from tests.robustness.case import Entry
from tests.robustness.containers import same
from tests.robustness.values import instead, wrong

_NAN, _INF = float("nan"), float("inf")
X, Y = np.arange(48.0).reshape(24, 2), np.arange(24) % 6


#: Those for any number of classes.
MANY = [
    same("int8", lambda y: y.astype(np.int8)),
    same("whole float64", lambda y: y.astype(float)),
    same("negative", lambda y: y - 9),
    same("strings", lambda y: np.array(list("abcdef"))[y]),
    same("object strings", lambda y: np.array(list("abcdef"), dtype=object)[y]),
    same("bytes", lambda y: np.array([b"a", b"b", b"c", b"d", b"e", b"f"])[y]),
    same("integers of 30 digits", containers.each(lambda v: v + 10**30)),
    same("dates", lambda y: y.astype("datetime64[D]")),
    same("mixed types", lambda y: np.array([0, 1.5, "a", "b", (1,), b"c"], dtype=object)
         [y]),
    same("list", lambda y: y.tolist()),
    same("column", lambda y: y[:, None]),
    same("read-only", containers.read_only),
    same("strided", containers.strided),
]  # fmt: skip
BAD_Y = [
    *[c for c in labels.UNLABELLED if c.name in (*labels.OF_NUMBERS, "NaT")],
    *labels.NOT_ONE_LABEL,
    *[c for c in labels.NO_LABELS if c.name != "several columns of strings"],
    *labels.CONTINUOUS,
    *list(labels.OTHER_LENGTH),
    wrong("indicator", lambda y: np.eye(6)[y], words="1-D|y"),
    instead("None", None),
]  # fmt: skip
SIZES = [instead(repr(v), v) for v in (
    0, 6, 7, -1, 0.0, 1.0, 1.5, -0.2, "half", [0.5], {}, Ellipsis, _NAN)]  # fmt: skip
SEEDS = [
    same("numpy integer", np.int64),
    same("RandomState", np.random.RandomState),
    *[instead(repr(v), v) for v in (-1, 2**32, 0.5, "seed", {}, Ellipsis)],
]
N_SPLITS = [instead(repr(v), v, "n_splits|number of folds") for v in (
    0, -1, 2.5, "3", None, [3], {}, Ellipsis, _NAN)]  # fmt: skip


def _split(cls, X, y, **options):
    splits = cls(**options).split(X, y)
    return [part for split in splits for part in split]


def _split_once(X, y, **options):
    split = model_selection.class_disjoint_train_test_split
    return split(X, y=y, **options)[:2]


ROWS = [
    wrong("a row less", lambda x: x[:-1], words="row|length|samples"),
    wrong("no rows", lambda x: x[:0], words="row|length|samples"),
    instead("a number", 3, words="row|length|array"),
]
TEST_SIZE = {"test_size": SIZES, "random_state": SEEDS}


def splitter_entries():
    disjoint = model_selection.ClassDisjointShuffleSplit
    good = {"X": X, "y": Y}
    changes = {"X": ROWS, "y": [*MANY, *BAD_Y]}
    yield Entry(
        "ClassDisjointKFold",
        partial(_split, model_selection.ClassDisjointKFold),
        good | {"n_splits": 3, "shuffle": True, "random_state": 0},
        changes
        | {
            "n_splits": [same("numpy integer", np.int64), *N_SPLITS,
                         *[instead(repr(v), v) for v in (1, 7)]],
            "shuffle": [instead(repr(v), v) for v in ("yes", 1, None, [])],
            "random_state": SEEDS,
        },
    )  # fmt: skip
    yield Entry(
        "ClassDisjointShuffleSplit",
        partial(_split, disjoint),
        good | {"n_splits": 2, "test_size": 2, "random_state": 0},
        changes
        | {"n_splits": [same("numpy integer", np.int64), *N_SPLITS], **TEST_SIZE},
    )
    yield Entry(
        "ClassDisjointShuffleSplit(train_size)",
        partial(_split, disjoint, n_splits=2, random_state=0),
        good | {"test_size": 2, "train_size": 3},
        {"train_size": SIZES, "test_size,train_size": [
            wrong("more than all", lambda _: 4), wrong("1.2 of all", lambda _: 0.6)]},
    )  # fmt: skip
    yield Entry(
        "GeneralizedShuffleSplit",
        partial(_split, model_selection.GeneralizedShuffleSplit),
        good | {"n_splits": 2, "test_size": 2, "seen_test_size": 0.5,
                "random_state": 0},
        changes
        | {
            "n_splits": N_SPLITS,
            "seen_test_size": [instead(repr(v), v) for v in (
                0.0, 1.0, 1.5, -0.2, "half", [0.5], {}, Ellipsis, _NAN, 0, 1000)],
            **TEST_SIZE,
        },
    )  # fmt: skip
    yield Entry(
        "class_disjoint_train_test_split",
        _split_once,
        good | {"test_size": 2, "random_state": 0},
        {"X": ROWS, "y": [*MANY, *BAD_Y], **TEST_SIZE},
    )  # fmt: skip


# Generators

_COUNT = (0, -1, 2.5, "3", None, [3], {}, Ellipsis, _NAN)
_SIZE = (-1.0, _NAN, _INF, "1", None, [1.0], {}, Ellipsis, 1j)
GENERATED = {
    "n_samples": _COUNT,
    "n_classes": _COUNT,
    "n_image_features": (*_COUNT, 2),
    "n_text_features": (*_COUNT, 2),
    "n_shared": (*_COUNT, 100),
    "n_image_private": (-1, 2.5, "3", None, [3], Ellipsis, 100),
    "n_text_private": (-1, 2.5, "3", None, [3], Ellipsis, 100),
    "class_sep": _SIZE,
    "noise": _SIZE,
}
GOOD_GENERATED = {
    "n_samples": 12, "n_classes": 3, "n_image_features": 8, "n_text_features": 7,
    "n_shared": 2, "n_image_private": 1, "n_text_private": 1, "class_sep": 2.0,
    "noise": 0.5, "random_state": 0,
}  # fmt: skip


def generator_entries():
    for name, more in (
        ("make_paired_modalities", {"modality_gap": _SIZE}),
        ("make_paired_multilabel", {"n_labels": _COUNT}),
    ):
        options = GENERATED | more
        good = GOOD_GENERATED | ({"modality_gap": 1.0} if "modality_gap" in more else
                                 {"n_labels": 2})  # fmt: skip
        yield Entry(
            name,
            getattr(datasets, name),
            good,
            {
                option: [
                    same("numpy number", lambda v: np.array(v)[()]),
                    *[instead(repr(v), v) for v in wrong_values],
                ]
                for option, wrong_values in options.items()
            }
            | {"random_state": SEEDS},
        )


# Statistics

A = np.array([0.5, 0.25, 0.75, 0.5, 1.0, 0.0])
B = np.array([0.25, 0.5, 0.5, 0.25, 0.75, 0.0])
SCORES = [
    *list(containers.ARRAYS),
    same("float32", lambda a: a.astype(np.float32)),
    same("float16", lambda a: a.astype(np.float16)),
    same("object", lambda a: a.astype(object)),
    *values.NOT_NUMBERS,
    wrong("a matrix", lambda a: a[:, None]),
    wrong("one score", lambda a: a[:1]),
    wrong("no scores", lambda a: a[:0]),
    wrong("ragged", lambda a: [[1.0], [1.0, 2.0]]),
    instead("a number", 0.5),
    instead("a string", "scores"),
    instead("a dict", {"a": 1.0}),
    instead("None", None),
    instead("an object", Ellipsis),
]
LEVELS = [instead(repr(v), v) for v in (
    0, 1, -0.1, 95, "95", None, [0.95], _NAN, {}, Ellipsis)]  # fmt: skip
OTHER = [wrong("a score less", lambda a: a[:-1]), wrong("a score more", lambda a:
         np.append(a, 0.5))]  # fmt: skip
PARTS = [
    same("numpy integer", np.int64),
    same("float", float),
    same("one per split", lambda n: [n] * 6),
    *[instead(repr(v), v) for v in (0, -1, _NAN, _INF, "many", [700], [], {}, Ellipsis,
                                    [1, 2, 3, 4, 5, 0], [[700] * 6])],
]  # fmt: skip


def _interval(function, **arguments):
    found = function(**arguments)
    repr(found)
    return list(vars(found).values())


def statistics_entries():
    both = {"scores_a": A, "scores_b": B}
    of_both = {name: [*SCORES, *OTHER] for name in both}
    yield Entry(
        "paired_comparison",
        partial(_interval, metrics.paired_comparison),
        both | {"n_train": 700, "n_test": 300, "confidence_level": 0.95},
        of_both
        | {
            "n_train": [*PARTS, instead("None", None)],
            "n_test": [*PARTS, instead("None", None)],
            "confidence_level": LEVELS,
        },
    )
    options = {
        "confidence_level": LEVELS,
        "n_resamples": [
            same("numpy integer", np.int64),
            *[instead(repr(v), v) for v in (0, -1, 2.5, "9", None, [9], {}, Ellipsis)],
        ],
        "method": [instead(repr(v), v) for v in ("bca", "", None, 3, [], Ellipsis)],
        "random_state": SEEDS,
    }
    good = {"confidence_level": 0.9, "n_resamples": 50, "method": "percentile",
            "random_state": 0}  # fmt: skip
    yield Entry(
        "bootstrap_score_interval",
        partial(_interval, metrics.bootstrap_score_interval),
        {"scores_per_query": A} | good,
        {"scores_per_query": SCORES} | options,
    )
    yield Entry(
        "bootstrap_difference_interval",
        partial(_interval, metrics.bootstrap_difference_interval),
        both | good,
        of_both | options,
    )


ENTRIES = [*splitter_entries(), *generator_entries(), *statistics_entries()]
