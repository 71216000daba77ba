"""Retrievers: fit, partial_fit, transform and score with odd data."""

from functools import partial

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags

from sklearn_xmodal import (
    CCARetriever,
    ContrastiveAdapterRetriever,
    CosineRetriever,
    KCCARetriever,
    ProcrustesRetriever,
)
from tests.conftest import ALL_RETRIEVERS, JOINT_RETRIEVERS, RETRIEVERS
from tests.robustness import containers, labels, values
from tests.robustness.case import REFUSED, SAME, Change, Entry
from tests.robustness.containers import SINGLE, same
from tests.robustness.values import wrong

FEATURES = [
    *containers.ARRAYS,
    *containers.DTYPES,
    *containers.FRAMES,
    *containers.SPARSE,
    *values.NOT_NUMBERS,
    *values.NOT_A_MATRIX,
    *values.NOT_A_FRAME,
    *values.NOT_A_SPARSE_MATRIX,
    *values.TOO_LARGE,
]
CONSTANT = [
    wrong("all constant", np.ones_like),
    wrong("all zero", np.zeros_like),
    wrong("constant but for rounding", lambda x: 1e9 + 1e-9 * np.sign(x)),
    wrong("csr of zeros", lambda x: sparse.csr_array(np.zeros_like(x))),
    wrong("constant float32", lambda x: np.ones_like(x, dtype=np.float32)),
]
#: Ridges and widths of kernels are relative to the features, whose scale is free.
SCALES = [
    same("scale 1e100", lambda x: x * 1e100),
    same("scale 1e-100", lambda x: x * 1e-100),
    same("scale 1e30 in float32", lambda x: (x * 1e30).astype(np.float32), rtol=SINGLE),
    same("scale 1e-30 in float32", lambda x: (x * 1e-30).astype(np.float32),
         rtol=SINGLE),
    same("csr of scale 1e100", lambda x: sparse.csr_array(x * 1e100)),
    same("csr of scale 1e-100", lambda x: sparse.csr_array(x * 1e-100)),
    same("far from the origin", lambda x: x + 1e6, rtol=1e-4),
]  # fmt: skip
ROWS = [
    Change("no rows", lambda x: x[:0], words="X_img|image|0 sample"),
    Change("one row", lambda x: x[:1], words="X_img|image|1 sample"),
]
LABELS = [*labels.KINDS, *labels.UNLABELLED, *labels.NOT_ONE_LABEL, *labels.NO_LABELS,
          *labels.NOT_SORTABLE, *labels.CONTINUOUS, *labels.OTHER_LENGTH]  # fmt: skip

#: What labels may be that are only recorded.
NOT_LEARNT_FROM = [
    *[f"y-{change.name}" for change in labels.CONTINUOUS],
    "y-all NaN",
    "y-all minus one",
]

_N, _P, _Q = 24, 5, 4


def _data(seed, n_text_features=_Q):
    """Whole numbers with some zeros, that one byte holds: exact in every type."""
    rng = np.random.default_rng(seed)
    y = np.arange(_N) % 3
    latent = rng.normal(size=(3, 3))[y] * 2 + rng.normal(size=(_N, 3))
    sides = [
        latent @ rng.normal(size=(3, width)) + 0.3 * rng.normal(size=(_N, width))
        for width in (_P, n_text_features)
    ]
    return *(np.clip(np.rint(4 * X), -100, 100) for X in sides), y


TRAIN, TEST = _data(0), _data(1)
GOOD = dict(zip(("X_img", "X_txt", "y"), TRAIN, strict=True))
NEW = dict(zip(("new_img", "new_txt"), TEST, strict=False))


def train_for(name):
    """Return good arguments of the `fit` of a retriever."""
    return _data(0, _P) if name in JOINT_RETRIEVERS else TRAIN


def test_for(name):
    """Return pairs and labels that such a fit has not seen."""
    return _data(1, _P) if name in JOINT_RETRIEVERS else TEST


MAKERS = {
    **ALL_RETRIEVERS,
    "CCARetriever(oas)": lambda **params: CCARetriever(3, alpha="oas", **params),
    "MSLNRetriever": lambda **params: RETRIEVERS["MSLNRetriever"](
        **{"max_epochs": 1, "n_estimators": 2, "batch_size": 8, **params}
    ),
    # Two classes have one direction.
    "MvDARetriever": lambda **params: RETRIEVERS["MvDARetriever"](
        **{"n_components": None, **params}
    ),
    "KCCARetriever(nystroem)": lambda **params: KCCARetriever(
        3, approximation="nystroem", n_landmarks=12, **params
    ),
    "KCCARetriever(rff)": lambda **params: KCCARetriever(
        3, approximation="rff", n_landmarks=40, **params
    ),
    "KCCARetriever(linear)": lambda **params: KCCARetriever(
        3, kernel="linear", **params
    ),
}
IN_PARTS = (
    "AdapterRetriever",
    "CCARetriever",
    "PLSRetriever",
    "RidgeRetriever",
    "MSLNRetriever",
)
#: Those to which it matters where the origin is.
NOT_CENTRED = ("ASIFRetriever", *JOINT_RETRIEVERS)


def _learns_from_labels(name):
    return get_tags(MAKERS[name]()).target_tags.required


#: Those whose codes are in the units of the features.
IN_UNITS_OF_FEATURES = (
    ContrastiveAdapterRetriever,
    CosineRetriever,
    ProcrustesRetriever,
)


def similarities(retriever, new_img, new_txt):
    """What retrieval depends on: products of the codes of unseen pairs."""
    Z_img, Z_txt = retriever.transform(new_img, new_txt)
    products = Z_img.astype(float) @ Z_txt.T.astype(float)
    if isinstance(retriever, IN_UNITS_OF_FEATURES):
        products /= np.linalg.norm(products)
    return products


def _fit(make, method, X_img, X_txt, y, new_img, new_txt):
    fitted = getattr(make(), method)(X_img, X_txt, y)
    return similarities(fitted, new_img, new_txt)


def _fit_entry(name, make, method):
    differs = {"X_img-tuple": REFUSED, "X_txt-tuple": REFUSED}
    if not _learns_from_labels(name):
        differs |= dict.fromkeys(NOT_LEARNT_FROM, SAME)
    if name == "CCARetrieverCV":  # which scores by them
        differs |= {"y-all NaN": REFUSED, "y-all minus one": REFUSED}
    sides = [*FEATURES, *CONSTANT, *values.OTHER_LENGTH]
    scales = SCALES[: -1 if name in NOT_CENTRED else None]
    changes = {
        "X_img": sides,
        "X_txt": sides,
        "y": LABELS,
        "X_img,new_img": scales,
        "X_txt,new_txt": scales,
        "X_img,X_txt,y": ROWS,
    }
    if "(" in name:  # a variant, which shares validation with the plain one
        sides = [*containers.DTYPES, *containers.SPARSE, *CONSTANT]
        changes |= {"X_img": sides, "X_txt": sides, "y": labels.OTHER_LENGTH}
    call = partial(_fit, make, method)
    # A cosine takes features that do not vary.
    without = [c.name for c in CONSTANT] if name == "CosineRetriever" else []
    return Entry(
        f"{name}.{method}",
        call,
        dict(zip(GOOD, train_for(name), strict=True))
        | dict(zip(NEW, test_for(name), strict=False)),
        changes,
        differs,
        without=tuple(without),
    )


ENTRIES = [
    *(_fit_entry(name, make, "fit") for name, make in MAKERS.items()),
    *(_fit_entry(name, MAKERS[name], "partial_fit") for name in IN_PARTS),
]
