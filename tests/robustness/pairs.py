"""Containers of pairs: what they hold, how they are cut, what is refused."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import ImageTextPairs, KernelPairs, ModalityTransformer
from tests.robustness import containers, labels, values
from tests.robustness.case import Entry
from tests.robustness.containers import same
from tests.robustness.estimators import TRAIN
from tests.robustness.values import instead, wrong

SIDES = dict(zip(("X_img", "X_txt"), TRAIN, strict=False))
HELD = [
    *containers.ARRAYS,
    *containers.DTYPES,
    *containers.FRAMES,
    *containers.SPARSE,
    *values.OTHER_LENGTH,
    wrong("ragged rows", values.ragged),
    instead("a scalar", 3.0),
    instead("a scalar array", np.array(3.0)),
    instead("a string", "features.npy"),
    instead("an object", Ellipsis),
    instead("a dict", {"a": [1.0, 2.0]}),
    instead("a set", {1.0, 2.0}),
    wrong("a generator", lambda x: (row for row in x)),
    wrong("pairs", lambda x: ImageTextPairs(x, x)),
]
ROWS = [
    same("list", list),
    same("int32", lambda r: r.astype(np.int32)),
    same("uint8", lambda r: r.astype(np.uint8)),
    same("negative", lambda r: r - 24),
    same("mask", lambda r: np.isin(np.arange(24), r), np.sort),
    same("list of bools", lambda r: np.isin(np.arange(24), r).tolist(), np.sort),
    same("slice", lambda r: slice(3, 9), lambda r: np.arange(3, 9)),
    same("no rows", lambda r: [], lambda r: r[:0]),
    same("rows with Ellipsis", lambda r: (r, Ellipsis)),
    same("Series", pd.Series),
    same("a row twice", lambda r: np.append(r, r[0]), lambda r: [*r, r[0]]),
    wrong("one integer", lambda r: 3, words="single integer"),
    wrong("numpy integer", lambda r: np.int64(3), words="single integer"),
    wrong("rows and columns", lambda r: (r, 0), words="rows only"),
    wrong("too large", lambda r: [100], words="rows|out of"),
    wrong("too small", lambda r: [-25], words="rows|out of"),
    wrong("fractions", lambda r: r + 0.5, words="rows"),
    wrong("whole floats", lambda r: r.astype(float), words="rows"),
    wrong("strings", lambda r: ["a"], words="rows"),
    wrong("a string", lambda r: "image", words="rows"),
    wrong("None", lambda r: None, words="rows"),
    wrong("short mask", lambda r: np.ones(3, dtype=bool), words="rows|mask"),
    wrong("two dimensions", lambda r: r.reshape(2, -1), words="rows"),
]


def _hold(X_img, X_txt):
    pairs = ImageTextPairs(X_img, X_txt)
    assert len(pairs) == 24
    assert pairs.shape == (24, 9)
    assert repr(pairs).startswith("ImageTextPairs(image=(24, 5)")
    return pairs[::2]


def _hold_kernels(X_img, X_txt):
    kernels = KernelPairs(X_img, X_txt)
    assert kernels.shape == (24, 24)
    return kernels[np.ix_([1, 2], [3, 4, 5])]


def _cut(key):
    pairs = ImageTextPairs(TRAIN[0], sparse.csr_array(TRAIN[1]))
    return pairs[key]


def _cut_frames(key):
    return ImageTextPairs(*(pd.DataFrame(X) for X in TRAIN[:2]))[key]


def _from_stacked(X, n_image_features):
    return ImageTextPairs.from_stacked(X, n_image_features)


def _to_stacked(X_img, X_txt):
    return ImageTextPairs(X_img, X_txt).to_stacked()


def _transform(X_img, X_txt, y):
    # The scalers take dense and sparse input alike.
    transformer = ModalityTransformer(
        image=StandardScaler(with_mean=False), text=StandardScaler(with_mean=False)
    )
    return transformer.fit_transform(ImageTextPairs(X_img, X_txt), y)


def _passthrough(X_img, X_txt):
    return ModalityTransformer().fit_transform(ImageTextPairs(X_img, X_txt))


COUNTS = [
    same("numpy integer", np.int64),
    *[instead(repr(n), n) for n in (0, -1, 9, 10, 2.5, "5", None, [5], True)],
]


ENTRIES = [
    Entry("ImageTextPairs", _hold, SIDES, {"X_img": HELD, "X_txt": HELD}),
    Entry(
        "KernelPairs",
        _hold_kernels,
        {name: np.clip(X @ X.T, -99, 99) for name, X in SIDES.items()},
        {
            name: [*HELD, wrong("one row as a vector", lambda x: x[0]),
                   wrong("another width", lambda x: x[:, 1:])]
            for name in SIDES
        },
    ),
    Entry("ImageTextPairs[]", _cut, {"key": np.arange(3, 9)}, {"key": ROWS},
          errors=(TypeError, IndexError)),
    Entry("ImageTextPairs[] of DataFrames", _cut_frames, {"key": np.arange(3, 9)},
          {"key": ROWS}, errors=(TypeError, IndexError)),
    Entry(
        "ImageTextPairs.from_stacked",
        _from_stacked,
        {"X": np.hstack(TRAIN[:2]), "n_image_features": 5},
        {
            "X": [
                *labels.renamed(
                    [c for c in HELD if c.name not in
                     ("no rows", "one row", "a row less", "a row more")],
                    "X|stacked",
                ),
                wrong("one row as a vector", lambda x: x[0]),
                wrong("three dimensions", lambda x: np.dstack([x, x])),
                wrong("one column", lambda x: x[:, :1]),
            ],
            "n_image_features": COUNTS,
        },
    ),
    Entry("ImageTextPairs.to_stacked", _to_stacked, SIDES,
          {"X_img": [*HELD, wrong("three dimensions", lambda x: np.dstack([x, x])),
                     wrong("strings", lambda x: np.full(len(x), "a")),
                     instead("None", None)]}),
    Entry("ModalityTransformer", _transform, {**SIDES, "y": TRAIN[2]},
          {"X_img": [*containers.ARRAYS, *containers.FRAMES,
                     *containers.SPARSE, *values.OTHER_LENGTH],
           "X_txt": [instead("None", None)]}),
    Entry("ModalityTransformer(passthrough)", _passthrough, SIDES,
          {"X_img": [*containers.ARRAYS, *containers.DTYPES, *containers.SPARSE]}),
]  # fmt: skip
