"""Fitted retrievers: transform and score with odd data, in all forms of input."""

from functools import cache, partial

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_xmodal import CCARetriever, ImageTextPairs, KCCARetriever, KernelPairs
from tests.conftest import NETWORKS
from tests.robustness import containers, labels, values
from tests.robustness.case import REFUSED, SAME, Change, Entry
from tests.robustness.containers import same
from tests.robustness.estimators import (
    CONSTANT,
    FEATURES,
    GOOD,
    LABELS,
    MAKERS,
    NOT_LEARNT_FROM,
    TEST,
    TRAIN,
    similarities,
    test_for,
    train_for,
)
from tests.robustness.values import instead, wrong

WIDTHS = [
    wrong("a column less", lambda x: x[:, 1:]),
    wrong("a column more", lambda x: np.hstack([x, x[:, :1]])),
    wrong("one column", lambda x: x[:, :1]),
    wrong("csr with a column less", lambda x: sparse.csr_array(x[:, 1:])),
    wrong("DataFrame with a column less", lambda x: pd.DataFrame(x[:, 1:])),
]
FEW_ROWS = [
    wrong("no rows", lambda x: x[:0]),
    same("one row", lambda x: x[:1], lambda x: x[:1].copy()),
    same("one row of csr", lambda x: sparse.csr_array(x[:1]), lambda x: x[:1]),
    same("one row of float32 csc",
         lambda x: sparse.csc_array(x[:1].astype(np.float32)), lambda x: x[:1],
         rtol=containers.SINGLE),
    same("rows twice", lambda x: np.repeat(x, 2, axis=0),
         lambda x: x[np.repeat(np.arange(len(x)), 2)]),
]  # fmt: skip


@cache
def fitted(name):
    return MAKERS[name]().fit(*train_for(name))


@cache
def fitted_to_frames(name):
    sides = zip(train_for(name), ("i", "t"), strict=False)
    frames = (named(X, modality) for X, modality in sides)
    return MAKERS[name]().fit(*frames, TRAIN[2])


def named(X, modality):
    return pd.DataFrame(X, columns=[f"{modality}{j}" for j in range(X.shape[1])])


NAMED = [
    same("the same names", lambda x: x),
    same("other index", lambda x: x.set_axis(range(len(x), 0, -1), axis=0)),
    same("no names", lambda x: x.to_numpy()),
    same("csr", lambda x: sparse.csr_array(x.to_numpy())),
    wrong("columns in another order", lambda x: x[x.columns[::-1]]),
    wrong("a column missing", lambda x: x.drop(columns=x.columns[0])),
    wrong("a column renamed", lambda x: x.rename(columns={x.columns[0]: "other"})),
    wrong("a column more", lambda x: x.assign(more=0.0)),
    wrong("numbers as names", lambda x: x.set_axis(list("abcdefgh"[: x.shape[1]]),
                                                   axis=1)),
    wrong("NaN", lambda x: x.mask(x == x.iloc[0, 0])),
    wrong("a word", lambda x: x.astype(object).where(x != x.iloc[0, 0], "word")),
    wrong("no rows", lambda x: x.iloc[:0]),
    same("one row", lambda x: x.iloc[:1], lambda x: x.iloc[:1].copy()),
]  # fmt: skip


def transform_entries():
    for name in MAKERS:
        sides = [*FEATURES, *WIDTHS, *FEW_ROWS]
        if "(" in name:
            sides = [*containers.DTYPES, *containers.SPARSE, *FEW_ROWS]
        if name in NETWORKS:  # which compute in float32
            sides = [*sides, wrong("another scale", lambda x: x * 1e100)]
        for modality, argument, X in zip(
            ("image", "text"), ("X_img", "X_txt"), test_for(name), strict=False
        ):
            yield Entry(
                f"{name}.transform_{modality}",
                partial(_transform, name, modality, argument),
                {argument: X},
                {argument: sides},
            )
            yield Entry(
                f"{name}(DataFrame).transform_{modality}",
                partial(_transform_frame, name, modality, argument),
                {argument: named(X, modality[0])},
                {argument: NAMED},
            )


def _transform(name, modality, argument, **arguments):
    return getattr(fitted(name), f"transform_{modality}")(arguments[argument])


def _transform_frame(name, modality, argument, **arguments):
    method = getattr(fitted_to_frames(name), f"transform_{modality}")
    return method(arguments[argument])


SCORED = dict(zip(("X_img", "X_txt", "y"), TEST, strict=True))
#: A score only asks which labels are equal.
SCORE_LABELS = [
    *labels.KINDS,
    *labels.WITHOUT_ORDER,
    *labels.UNLABELLED,
    *labels.NOT_ONE_LABEL,
    *labels.NO_LABELS,
    *labels.OTHER_LENGTH,
]


def _score(name, X_img, X_txt, y):
    return fitted(name).score(X_img, X_txt, y)


def _both(name, X_img, X_txt):
    return fitted(name).transform(X_img, X_txt)


def score_entries():
    lengths = values.OTHER_LENGTH
    for name in ("CCARetriever", "MSLNRetriever"):
        yield Entry(
            f"{name}.score",
            partial(_score, name),
            SCORED,
            {
                "X_img": [*FEATURES, *WIDTHS, *lengths],
                "X_txt": [*FEATURES, *WIDTHS, *lengths],
                "y": SCORE_LABELS,
                "X_img,X_txt,y": [
                    Change("no rows", lambda x: x[:0], words="image"),
                    same("one row", lambda x: x[:1], lambda x: x[:1].copy()),
                    same("one class", lambda x: x[TEST[2] == 0],
                         lambda x: x[TEST[2] == 0].copy()),
                ],
            },
            {"X_img-tuple": REFUSED, "X_txt-tuple": REFUSED},
        )  # fmt: skip
        yield Entry(
            f"{name}.transform",
            partial(_both, name),
            {"X_img": TEST[0], "X_txt": TEST[1]},
            {
                "X_img": [*FEATURES, *WIDTHS, *lengths],
                "X_txt": [*FEATURES, *WIDTHS, *lengths],
            },
            {"X_img-tuple": REFUSED, "X_txt-tuple": REFUSED},
        )


# The other two forms of input


def _fit_pairs(X_img, X_txt, y):
    fitted = CCARetriever(3).fit(ImageTextPairs(X_img, X_txt), y)
    return similarities(fitted, *TEST[:2])


def _fit_stacked(X, y):
    fitted = CCARetriever(3, n_image_features=5).fit(X, y)
    return np.asarray(fitted.transform(X))


def _transform_stacked(X):
    fitted = CCARetriever(3, n_image_features=5).fit(np.hstack(TRAIN[:2]))
    return np.asarray(fitted.transform(X))


def form_entries():
    lengths = values.OTHER_LENGTH
    yield Entry(
        "CCARetriever.fit(pairs)",
        _fit_pairs,
        GOOD,
        {
            "X_img": [*FEATURES, *CONSTANT, *lengths],
            "X_txt": [*FEATURES, *CONSTANT, *lengths],
            "y": LABELS,
        },
        dict.fromkeys(NOT_LEARNT_FROM, SAME),
    )
    stacked = [*FEATURES, *CONSTANT]
    words = r"image|text|X|\by\b"
    yield Entry(
        "CCARetriever(n_image_features).fit",
        _fit_stacked,
        {"X": np.hstack(TRAIN[:2]), "y": TRAIN[2]},
        {"X": labels.renamed([*stacked, *lengths], words), "y": LABELS},
        dict.fromkeys(NOT_LEARNT_FROM, SAME) | {"X-tuple": REFUSED},
        without=("pairs",),
    )
    yield Entry(
        "CCARetriever(n_image_features).transform",
        _transform_stacked,
        {"X": np.hstack(TEST[:2])},
        {"X": labels.renamed([*FEATURES, *WIDTHS, *FEW_ROWS], words)},
        {"X-tuple": REFUSED},
        # scikit-learn warns of names that fit has not seen.
        without=tuple(c.name for c in FEATURES if c.name.startswith("DataFrame")),
    )


# What only some retrievers have

WEIGHTS = [
    same("integers", lambda w: w.astype(int)),
    same("float32", lambda w: w.astype(np.float32)),
    same("list", list),
    same("Series", pd.Series),
    same("read-only", containers.read_only),
    same("strided", containers.strided),
    same("bool", lambda w: w > 1, lambda w: (w > 1).astype(float)),
    same("one number", lambda w: 1.0, np.ones_like),
    same("scale 1e100", lambda w: w * 1e100),
    same("scale 1e-100", lambda w: w * 1e-100),
    same("None", lambda w: None, np.ones_like),
    *values.NOT_NUMBERS,
    wrong("negative", lambda w: -w),
    wrong("all zero", np.zeros_like),
    wrong("one positive", lambda w: np.eye(len(w))[0]),
    wrong("a weight less", lambda w: w[:-1]),
    wrong("a matrix", lambda w: np.outer(w, w)),
    wrong("no weights", lambda w: w[:0]),
    wrong("a string", lambda w: "balanced"),
    wrong("a dict", lambda w: {0: 1.0}),
]


def _fit_weighted(name, sample_weight):
    fitted = MAKERS[name]().fit(*train_for(name), sample_weight=sample_weight)
    return similarities(fitted, *test_for(name)[:2])


def weight_entries():
    weights = 1.0 + np.arange(len(TRAIN[2])) % 3
    for name in ("AdapterRetriever", "CCARetriever", "CCARetrieverCV", "PLSRetriever"):
        yield Entry(
            f"{name}.fit(sample_weight)",
            partial(_fit_weighted, name),
            {"sample_weight": weights},
            {"sample_weight": WEIGHTS},
        )


KERNELS = [
    *containers.ARRAYS,
    *containers.FRAMES,
    *containers.SPARSE,
    *values.NOT_NUMBERS,
    *values.NOT_A_MATRIX,
    *values.NOT_A_FRAME,
    *values.NOT_A_SPARSE_MATRIX,
    wrong("not square", lambda x: x[:, :-1]),
    wrong("not symmetric", np.triu),
    wrong("indefinite", lambda x: x - 10 * np.diag(np.diag(x))),
    wrong("all constant", np.ones_like),
    wrong("all zero", np.zeros_like),
    same("1e100", lambda x: x * 1e100),
    same("1e-100", lambda x: x * 1e-100),
]


def _fit_kernels(X_img, X_txt):
    kcca = KCCARetriever(3, kernel="precomputed").fit(KernelPairs(X_img, X_txt))
    codes = kcca.transform(KernelPairs(X_img, X_txt))
    return codes.image @ codes.text.T


def kernel_entries():
    kernels = {
        f"X_{m}": X @ X.T + 10 * np.eye(len(X))
        for m, X in zip(("img", "txt"), TRAIN, strict=False)
    }
    yield Entry(
        'KCCARetriever("precomputed").fit',
        _fit_kernels,
        kernels,
        {"X_img": KERNELS, "X_txt": KERNELS},
        without=("csr of bools",),
    )


def _permutation_test(X_img, X_txt, n_permutations, random_state):
    return CCARetriever(3).permutation_test(
        X_img, X_txt, n_permutations=n_permutations, random_state=random_state
    )["p_values"]


def permutation_entries():
    counts = [
        same("numpy integer", np.int64),
        *[instead(repr(value), value) for value in (0, -1, 2.5, "9", None, [9])],
    ]
    states = [
        same("numpy integer", np.int64),
        same("RandomState", np.random.RandomState),
        *[instead(repr(value), value) for value in (-1, 2.5, "0", [0, "a"], {})],
    ]
    yield Entry(
        "CCARetriever.permutation_test",
        _permutation_test,
        {"X_img": TRAIN[0], "X_txt": TRAIN[1], "n_permutations": 9, "random_state": 0},
        {
            "X_img": [*FEATURES, *CONSTANT, *values.OTHER_LENGTH],
            "n_permutations": counts,
            "random_state": states,
        },
        {"X_img-tuple": REFUSED, "X_txt-tuple": REFUSED},
    )


# Class embeddings, and labels that come later

EMBEDDINGS = {label: np.array([1.0, label, -2.0]) for label in range(3)}


def _each_vector(change):
    return lambda table: {label: change(vector) for label, vector in table.items()}


def _last_vector(change):
    return lambda table: {**table, 2: change(table[2])}


CLASS_EMBEDDINGS = [
    same("DataFrame", lambda t: pd.DataFrame(t).T),
    same("DataFrame in another order", lambda t: pd.DataFrame(t).T.iloc[::-1]),
    same("Series of vectors", pd.Series),
    same("lists", _each_vector(list)),
    same("float32", _each_vector(np.float32)),
    same("integers", _each_vector(lambda v: v.astype(int))),
    same("read-only", _each_vector(containers.read_only)),
    same("strided", _each_vector(containers.strided)),
    same("more labels", lambda t: {**t, 9: t[0], "z": t[1]}),
    same("numpy labels", lambda t: {np.int64(label): v for label, v in t.items()}),
    wrong("a missing label", lambda t: {0: t[0], 1: t[1]}),
    wrong("a missing row", lambda t: pd.DataFrame(t).T.iloc[:2]),
    wrong("a row twice", lambda t: pd.concat([pd.DataFrame(t).T] * 2)),
    wrong("no labels", lambda t: {}),
    wrong("labels of another type", lambda t: {str(k): v for k, v in t.items()}),
    wrong("another width", _last_vector(lambda v: v[:2])),
    wrong("no width", _each_vector(lambda v: v[:0])),
    wrong("matrices", _each_vector(lambda v: v[None, :])),
    wrong("NaN", _last_vector(lambda v: v * np.nan)),
    wrong("infinity", _last_vector(lambda v: v * np.inf)),
    wrong("more than float32 holds", _last_vector(lambda v: v * 1e200)),
    wrong("complex", _last_vector(lambda v: v * 1j)),
    wrong("strings", _last_vector(lambda v: ["a", "b", "c"])),
    wrong("a word", _last_vector(lambda v: "word")),
    wrong("None", _last_vector(lambda v: None)),
    wrong("dates", _last_vector(lambda v: v.astype("datetime64[s]"))),
    wrong("masked", _last_vector(values.masked)),
    wrong("a matrix", lambda t: np.array(list(t.values()))),
    wrong("a list", lambda t: list(t.values())),
    instead("a string", "word2vec"),
    instead("a number", 3),
]
CLASSES = [
    same("list", list),
    same("more than there are", lambda c: [*c, 2], lambda c: [0, 1, 2]),
    same("another order", lambda c: c[::-1]),
    same("twice", lambda c: np.append(c, c)),
    wrong("a label less", lambda c: c[:-1], words="classes|y"),
    wrong("no labels", lambda c: c[:0], words="classes|y"),
    wrong("strings", lambda c: c.astype(str), words="classes|y"),
    wrong("NaN", lambda c: [0.0, 1.0, np.nan]),
    wrong("None inside", lambda c: [0, 1, None]),
    wrong("mixed types", lambda c: [0, 1, "a"], words="[Ll]abels"),
    wrong("complex", lambda c: c + 1j),
    wrong("ragged", lambda c: [[0], [1, 2]]),
    instead("a scalar", 1, words="classes|y"),
    instead("a string", "ab", words="classes|y"),
]


def _fit_embeddings(class_embeddings):
    fitted = MAKERS["MSLNRetriever"](class_embeddings=class_embeddings).fit(*TRAIN)
    return similarities(fitted, *TEST[:2])


def _fit_classes(classes):
    fitted = MAKERS["MSLNRetriever"]().partial_fit(*TRAIN, classes=classes)
    return similarities(fitted, *TEST[:2])


def _fit_more(y):
    fitted = MAKERS["MSLNRetriever"]().partial_fit(*TRAIN).partial_fit(*TRAIN[:2], y)
    return similarities(fitted, *TEST[:2])


def network_entries():
    yield Entry(
        "MSLNRetriever(class_embeddings)",
        _fit_embeddings,
        {"class_embeddings": EMBEDDINGS},
        {"class_embeddings": CLASS_EMBEDDINGS},
    )
    yield Entry(
        "MSLNRetriever.partial_fit(classes)",
        _fit_classes,
        {"classes": np.arange(3)},
        {"classes": CLASSES},
    )
    unseen = [
        wrong("an unseen label", lambda y: np.where(y == 0, 7, y)),
        wrong("unseen strings", lambda y: y.astype(str)),
        wrong("an indicator", lambda y: np.eye(4)[y]),
    ]
    of_numbers = [c for c in labels.UNLABELLED if c.name in labels.OF_NUMBERS]
    masked = [c for c in labels.NOT_ONE_LABEL if "masked" in c.name]  # others do
    yield Entry(
        "MSLNRetriever.partial_fit.partial_fit",
        _fit_more,
        {"y": TRAIN[2]},
        {"y": [*unseen, *of_numbers, *masked, *labels.OTHER_LENGTH]},
    )


ENTRIES = [
    *transform_entries(),
    *score_entries(),
    *form_entries(),
    *weight_entries(),
    *kernel_entries(),
    *permutation_entries(),
    *network_entries(),
]
