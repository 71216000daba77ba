"""Second moments of Dask arrays: one task per block of rows, summed as a tree.

Dask is imported only where one of its arrays was passed in.
"""

from functools import reduce

import numpy as np

from sklearn_xmodal.cross_decomposition._moments import (
    PairMoments,
    condense,
    condensed_rows,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._problems import MomentProblem
from sklearn_xmodal.utils._validation import check_modality

# Results that one task merges.
_FAN_IN = 4


def is_dask_array(X):
    """Return whether X is a Dask array, without importing Dask.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    is_dask_array : bool
        True for :class:`dask.array.Array`.
    """
    return type(X).__module__.startswith("dask.array")


def check_known_size(*arrays):
    """Raise a ValueError where the size of a Dask array is not known.

    Parameters
    ----------
    *arrays : object
        Dask arrays, and other things, which are left alone.

    Raises
    ------
    ValueError
        If the chunks of a Dask array have unknown sizes.
    """
    for X in arrays:
        if is_dask_array(X) and np.isnan(X.shape).any():
            raise ValueError(
                "Dask arrays must have chunks of known size, since rows are pairs. Got "
                f"shape {X.shape}. Call X.compute_chunk_sizes() first."
            )


def check_dask_pairs(X_img, X_txt):
    """Raise an error where these are not two Dask matrices of known size.

    Parameters
    ----------
    X_img : dask array
        Image features.

    X_txt : object
        Text features.

    Raises
    ------
    TypeError
        If the text is no Dask array.

    ValueError
        If one of them is no matrix, or has too few rows.
    """
    if not is_dask_array(X_txt):
        raise TypeError(
            "Both modalities must be Dask arrays where one is. Got text of type "
            f"{type(X_txt).__name__}: use dask.array.from_array."
        )
    for modality, X in (("image", X_img), ("text", X_txt)):
        if X.ndim != 2 or X.shape[0] < 2:
            raise ValueError(
                f"The {modality} features must be a matrix of at least 2 rows. Got "
                f"shape {X.shape}."
            )


def dask_problem(X_img, X_txt, sample_weight, name):
    """Sum the moments of both arrays where their blocks are.

    Parameters
    ----------
    X_img : dask array of shape (n_samples, n_image_features)
        Image features, dense or sparse blocks.

    X_txt : dask array of shape (n_samples, n_text_features)
        Text features; blocks of rows are cut as those of the images.

    sample_weight : ndarray of shape (n_samples,) or None
        Checked weights.

    name : str
        Of the estimator, for errors.

    Returns
    -------
    problem : MomentProblem
        Where a covariance is close to singular, it goes through the blocks once
        more, for their triangular factors.
    """
    from dask import compute, delayed

    blocks = _aligned_blocks(X_img, X_txt, sample_weight)
    parts = [delayed(_block_moments)(*block, name) for block in blocks]
    (moments,) = compute(_tree(delayed(_merged), parts))

    def read_rows():
        mean = delayed(moments.mean)
        parts = [delayed(_block_rows)(*block, mean, name) for block in blocks]
        return compute(_tree(delayed(_condensed), parts))[0]

    return MomentProblem(moments, read_rows)


def _aligned_blocks(X_img, X_txt, sample_weight):
    """Return tuples of delayed images and texts, and weights, of the same rows."""
    X_img = X_img.rechunk({1: -1})
    X_txt = X_txt.rechunk({0: X_img.chunks[0], 1: -1})
    sizes = X_img.chunks[0]
    weights = [None] * len(sizes)
    if sample_weight is not None:
        weights = np.split(sample_weight, np.cumsum(sizes)[:-1])
    image, text = (X.to_delayed().ravel() for X in (X_img, X_txt))
    blocks = zip(image, text, weights, strict=True)
    return [block for block, size in zip(blocks, sizes, strict=True) if size]


def _tree(merge, parts):
    """Merge a few parts per task until one is left."""
    while len(parts) > 1:
        parts = [merge(parts[i : i + _FAN_IN]) for i in range(0, len(parts), _FAN_IN)]
    return parts[0]


def _block_moments(X_img, X_txt, sample_weight, name):
    return pair_moments(*_checked(X_img, X_txt, name), sample_weight)


def _block_rows(X_img, X_txt, sample_weight, mean, name):
    return condensed_rows(*_checked(X_img, X_txt, name), mean, sample_weight)


def _checked(X_img, X_txt, name):
    return [
        check_modality(X, modality, dtype=[np.float64, np.float32], estimator=name)
        for X, modality in ((X_img, "image"), (X_txt, "text"))
    ]


def _merged(parts):
    return reduce(PairMoments.merged, parts)


def _condensed(parts):
    return reduce(condense, parts)
