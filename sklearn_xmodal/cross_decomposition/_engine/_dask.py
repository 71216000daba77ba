"""All that is known of Dask: what `fit` takes, some rows, sums over blocks as a tree.

Dask is imported only where one of its arrays was passed in.
"""

import sys
from functools import reduce

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.pairs._input import resolve_input
from sklearn_xmodal.pairs._pairs import (
    MODALITIES,
    ImageTextPairs,
    check_known_size,
)
from sklearn_xmodal.utils._containers import is_dask_array
from sklearn_xmodal.utils._validation import (
    check_labels,
    check_modality,
    check_not_signs,
    names_of_labels,
)

# Results that one task merges.
_FAN_IN = 4
# What all tasks share is sent with them, since it must outlive any worker.
_LARGEST_GRAPH = "2 GiB"


class DaskPairsMixin(BaseRetriever):
    """Mixin, left of the base retriever, whose `fit` leaves Dask arrays as they are."""

    def _check_pairs(self, method, X_img, X_txt, y, sample_weight=None, *, at_least=2):
        image = X_img.image if isinstance(X_img, ImageTextPairs) else X_img
        if method != "fit" or not is_dask_array(image):
            pairs = X_img, X_txt, y, sample_weight
            return super()._check_pairs(method, *pairs, at_least=at_least)
        self._check_takes_dask()
        return _check_dask_pairs(self, X_img, X_txt, y, sample_weight)

    def _check_takes_dask(self):
        """Raise a TypeError where sums over blocks are not enough."""


def _check_dask_pairs(estimator, X_img, X_txt, y, sample_weight):
    """Take Dask arrays in any form apart, and record their widths as `fit` does.

    Values are checked where they are read. Labels come into memory.
    """
    for X in (X_img, X_txt):
        if is_dask_array(X):
            check_known_size(X)
    data = resolve_input(
        estimator, "fit", X_img, X_txt, y, sample_weight=sample_weight, reset=True
    )
    _check_matrices(data.image, data.text)
    estimator._label_names = names_of_labels(data.y)
    y = None if data.y is None else check_labels(_in_memory(data.y))
    check_not_signs(y)
    check_consistent_length(data.image, data.text, y)
    estimator._feature_names = dict.fromkeys(MODALITIES)
    estimator.n_image_features_ = data.image.shape[1]
    estimator.n_text_features_ = data.text.shape[1]
    estimator.n_features_in_ = data.image.shape[1] + data.text.shape[1]
    return data.image, data.text, y


def _in_memory(y):
    return np.asarray(y) if is_dask_array(y) else y


def _check_matrices(X_img, X_txt):
    if not is_dask_array(X_txt):
        raise TypeError(
            "Both modalities must be Dask arrays where one is. Got text of type "
            f"{type(X_txt).__name__}: use dask.array.from_array."
        )
    for modality, X in zip(MODALITIES, (X_img, X_txt), strict=True):
        if X.ndim != 2 or X.shape[0] < 2:
            raise ValueError(
                f"The {modality} features must be a matrix of at least 2 rows. Got "
                f"shape {X.shape}."
            )


def take_rows(X, rows, modality):
    """Return some rows of a modality in memory; of a Dask array nothing else comes.

    `rows` are in increasing order.
    """
    if not is_dask_array(X):
        return X[rows]
    from dask import compute, delayed

    X = X.rechunk({1: -1})
    ends = np.cumsum(X.chunks[0])
    cuts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    blocks = zip(X.to_delayed().ravel(), cuts, ends - X.chunks[0], strict=True)
    parts = [
        delayed(_block_rows)(block, wanted - start, modality)
        for block, wanted, start in blocks
        if wanted.size
    ]
    parts = compute(*parts)
    if any(sparse.issparse(part) for part in parts):
        return sparse.vstack(parts, format="csr")
    return np.concatenate(parts)


def _block_rows(X, rows, modality):
    return _checked(X, modality)[rows]


def summed(function, sides, *in_memory, merge=None):
    """Return what a function says of all rows of `sides`, modality -> features.

    The function takes the features, and what is in memory of the same rows, such as
    weights, but for what is None. For Dask arrays it is called where the blocks of the
    first side are, and its results are merged as a tree by `merge`, by default their
    method ``merged``.
    """
    rows = [A for A in in_memory if A is not None]
    if not is_dask_array(next(iter(sides.values()))):
        return function(*sides.values(), *rows)
    import dask

    # One task for what all share, not a copy in each.
    function, merge = dask.delayed(function), dask.delayed(_Merge(merge))
    parts = [
        dask.delayed(_on_block)(function, *block, names=tuple(sides))
        for block in _aligned_blocks(sides, rows)
    ]
    while len(parts) > 1:
        parts = [merge(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    # Its defaults are there once it is imported, and only then a cluster can be.
    has_cluster = "distributed" in sys.modules
    warning = "distributed.admin.large-graph-warning-threshold"
    with dask.config.set({warning: _LARGEST_GRAPH} if has_cluster else {}):
        return parts[0].compute()


class _Merge:
    """Merge a list of results."""

    def __init__(self, merge):
        self.merge = merge

    def __call__(self, parts):
        return reduce(self.merge or (lambda a, b: a.merged(b)), parts)


def _aligned_blocks(sides, in_memory):
    """Return delayed features, and what is in memory of the same rows."""
    arrays = [X.rechunk({1: -1}) for X in sides.values()]
    sizes = arrays[0].chunks[0]
    columns = [X.rechunk({0: sizes}).to_delayed().ravel() for X in arrays]
    ends = np.cumsum(sizes)
    rows = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    columns += [[A[part] for part in rows] for A in in_memory]
    blocks = zip(*columns, strict=True)
    return [block for block, size in zip(blocks, sizes, strict=True) if size]


def _on_block(function, *block, names):
    n_sides = len(names)
    features = [_checked(X, name) for X, name in zip(block, names, strict=False)]
    return function(*features, *block[n_sides:])


def _checked(X, modality):
    return check_modality(X, modality, dtype=[np.float64, np.float32], estimator=None)
