"""Displays: their entrances for data."""

from functools import partial

import numpy as np

from sklearn_xmodal import metrics
from tests.robustness.case import REFUSED, Entry
from tests.robustness.containers import same
from tests.robustness.estimators import FEATURES, TEST
from tests.robustness.methods import fitted
from tests.robustness.ranking import (
    CODES,
    GOOD_LEVELS,
    HASHED,
    LEVELS,
    NO_K,
    SCORED,
    Y_GALLERY,
    Z_GALLERY,
)
from tests.robustness.tools import SEEDS
from tests.robustness.values import instead, wrong

PAIRS = {"Z_img": Z_GALLERY, "Z_txt": Z_GALLERY[::-1].copy(), "y": Y_GALLERY}
#: Good codes are checked in one place for all displays: once is enough.
BAD_CODES = [change for change in CODES if change.outcome == REFUSED]
OF_PAIRS = {"Z_img": BAD_CODES, "Z_txt": BAD_CODES, "y": HASHED}
KS = [same("numpy integer", np.int64), *[instead(repr(k), k) for k in NO_K]]
WAYS = [instead(repr(v), v) for v in ("no way", "", None, 1, [], {}, Ellipsis)]
ZERO = [instead(repr(v), v) for v in ("warn", 0.5, None, [], 2)]
NAMES = [instead(repr(v), v) for v in (["a"], list("abcd"), 3, [], "ab")]
WORDS = np.array([f"item {i}" for i in range(len(Y_GALLERY))])
PICTURES = np.arange(len(WORDS) * 12.0).reshape(-1, 3, 4)
ITEMS = [
    same("list", list),
    same("object array", lambda items: np.array(list(items), dtype=object)
         if items.ndim == 1 else items.astype(object).astype(float)),
    wrong("an item less", lambda items: items[:-1]),
    wrong("no items", lambda items: items[:0]),
    instead("a number", 3),
    instead("an object", Ellipsis),
    instead("numbers", list(range(len(WORDS)))),
    instead("pictures of four dimensions", np.zeros((len(WORDS), 2, 2, 2, 2))),
    instead("pictures of two channels", np.zeros((len(WORDS), 2, 2, 2))),
    same("Nones", lambda items: [None] * len(items)),
]  # fmt: skip
QUERIES = [
    same("numpy integer", np.int64),
    instead("zero", 0),
    *[instead(repr(v), v) for v in (-1, 2.5, "two", [100], [-1], [0.5], ["a"], [],
                                    [[0, 1]], {}, Ellipsis, True, [True])],
]  # fmt: skip


def _axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def _draw(make, attributes, **arguments):
    display = make(**arguments, ax=_axes())
    return [getattr(display, name) for name in attributes]


def _entry(name, attributes, more, changes, method="from_predictions"):
    call = partial(_draw, getattr(getattr(metrics, name), method), attributes)
    return Entry(f"{name}.{method}", call, PAIRS | more, OF_PAIRS | changes)


def _from_estimator(name, attributes, X_img, X_txt, y):
    make = getattr(metrics, name).from_estimator
    display = make(fitted("CCARetriever"), X_img, X_txt, y, ax=_axes())
    return [getattr(display, attribute) for attribute in attributes]


def _losses(estimator, terms):
    display = metrics.LossCurveDisplay.from_estimator(
        estimator, terms=terms, ax=_axes()
    )
    return display.losses


ENTRIES = [
    _entry(
        "RetrievalPrecisionRecallDisplay",
        ("precision", "recall", "chance"),
        {"direction": "both", "recall_levels": GOOD_LEVELS, "zero_division": "raise"},
        {"direction": WAYS, "recall_levels": LEVELS, "zero_division": ZERO},
    ),
    _entry(
        "PrecisionAtKDisplay",
        ("precision", "k", "chance"),
        {"direction": "both", "k": 3, "zero_division": "raise"},
        {"direction": WAYS, "k": KS, "zero_division": ZERO, "Z_img": CODES},
    ),
    _entry(
        "RetrievalConfusionDisplay",
        ("confusion", "k"),
        {"direction": "mean", "k": 3, "display_labels": None},
        {"direction": WAYS, "k": KS, "display_labels": NAMES,
         "y": [*HASHED, instead("None", None)]},
    ),
    _entry(
        "JointEmbeddingDisplay",
        ("embedding",),
        {"transformer": None},
        {"transformer": [instead(repr(v), v) for v in ("PCA", 3, [], {}, Ellipsis)],
         "Z_img,Z_txt": [wrong("one column", lambda z: z[:, :1], words="components")]},
    ),
    _entry(
        "RetrievedItemsDisplay",
        ("queries", "retrieved", "is_relevant"),
        {"images": PICTURES, "texts": WORDS, "direction": "image_to_text", "k": 3,
         "queries": 2, "random_state": 0},
        {"images": ITEMS, "texts": ITEMS, "direction": WAYS, "k": KS,
         "queries": QUERIES, "random_state": SEEDS},
    ),
    Entry(
        "RetrievalPrecisionRecallDisplay.from_estimator",
        partial(_from_estimator, "RetrievalPrecisionRecallDisplay", ("precision",)),
        dict(zip(("X_img", "X_txt", "y"), TEST, strict=True)),
        {"X_img": FEATURES, "y": SCORED},
        {"X_img-tuple": REFUSED},
        without=("pairs",),
    ),
    Entry(
        "LossCurveDisplay.from_estimator",
        _losses,
        {"estimator": fitted("MSLNRetriever"), "terms": ["train_loss"]},
        {
            "estimator": [
                wrong("without history", lambda _: fitted("CCARetriever")),
                instead("a string", "MSLN"),
                instead("None", None),
                wrong("a class", type),
                wrong("not fitted", lambda e: type(e)(), words="fitted"),
            ],
            "terms": [
                same("tuple", tuple),
                *[instead(repr(v), v) for v in ("train_loss", ["no"], [3], 3)],
            ],
        },
    ),
]  # fmt: skip
