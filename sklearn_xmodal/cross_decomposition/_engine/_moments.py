"""Centred second moments of pairs: summed in blocks, merged without losing digits."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import blas

from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._entries import check_entries
from sklearn_xmodal.utils._memory import check_memory

# Rows of a block: about this many values, to stay in the cache, but enough rows for
# the matrix product to run at its full speed.
_BLOCK_VALUES = 2**19
_BLOCK_ROWS = 256
# A column that varies by fewer roundings of its mean counts as constant.
_MOST_ROUNDINGS = 256


class Mean(NamedTuple):
    """Weighted column means in two parts, since one float cannot hold all digits.

    Beside a mean of 1e6 its rounding error is a constant column that both
    modalities share, and would pass for a perfect correlation.
    """

    weight: float
    high: np.ndarray  # (n_columns,)
    low: np.ndarray  # (n_columns,), what rounding took from `high`

    @classmethod
    def subtracted_from(cls, A, weights):
        """Centre the rows of A in place, and return their mean."""
        weight = weights.sum()
        high = weights @ A / weight
        A -= high
        low = weights @ A / weight
        A -= low
        return cls(weight, high, low)

    def step_to(self, other):
        """Return how far the other mean is away."""
        return (other.high - self.high) + (other.low - self.low)

    def merged(self, other):
        """Return the mean of the rows of both."""
        if not self.weight or not other.weight:
            return other if other.weight else self
        weight = self.weight + other.weight
        step = self.step_to(other) * (other.weight / weight) + self.low
        high = self.high + step
        # The rounding error of this sum, exactly (Knuth).
        back = high - self.high
        low = (self.high - (high - back)) + (step - back)
        return Mean(weight, high, low)

    def of_columns(self, columns):
        """Return the mean of some of the columns."""
        return Mean(self.weight, self.high[columns], self.low[columns])


_ENTRIES = (
    "n_samples",
    "n_image_features",
    "weight",
    "mean",
    "mean_rounding",
    "products",
)


class PairMoments(NamedTuple):
    """Means and centred sums of products of image and text columns side by side."""

    n_samples: int  # rows of positive weight
    n_image_features: int
    mean: Mean
    products: np.ndarray  # (p + q, p + q), zero above the diagonal

    def merged(self, other):
        r"""Return the moments of the rows of both.

        Between two groups the sum of products grows by
        :math:`\frac{w_a w_b}{w_a + w_b} d d^\top`, where d is the difference of
        their means [1]_: nothing large is subtracted, wherever the means lie.

        References
        ----------
        .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing
           the sample variance", The American Statistician, 1983.
        """
        products = np.asfortranarray(self.products + other.products)
        add_products(products, _row_between(self.mean, other.mean)[None, :])
        return PairMoments(
            self.n_samples + other.n_samples,
            self.n_image_features,
            self.mean.merged(other.mean),
            products,
        )

    def state(self):
        """Return what a file holds, by names that stay."""
        return {
            "n_samples": self.n_samples,
            "n_image_features": self.n_image_features,
            "weight": self.mean.weight,
            "mean": self.mean.high,
            "mean_rounding": self.mean.low,
            "products": self.products,
        }

    @classmethod
    def from_state(cls, state):
        """Return the moments from what `state` gave."""
        check_entries(state, _ENTRIES)
        mean = Mean(state["weight"], state["mean"], state["mean_rounding"])
        return cls(
            state["n_samples"], state["n_image_features"], mean, state["products"]
        )

    def covariances(self):
        """Return those of images and texts, zero above the diagonal, and between both.

        The first two are in Fortran order.
        """
        p, weight = self.n_image_features, self.mean.weight
        image, text = self.products[:p, :p] / weight, self.products[p:, p:] / weight
        return image, text, self.products[p:, :p].T / weight


def pair_moments(X_img, X_txt, sample_weight=None):
    """Sum the second moments of pairs, (n, p) and (n, q) of any float type, in float64.

    One pass over the data, which are neither copied nor, where sparse, densified as
    a whole. Weights (n,) are at least 0, `None` is 1 for all.
    """
    p, q = X_img.shape[1], X_txt.shape[1]
    return summed_moments(_pair_blocks(X_img, X_txt, sample_weight), p, q)


def _pair_blocks(X_img, X_txt, sample_weight):
    """Yield blocks of rows as `summed_moments` takes them, in one buffer."""
    n, p = X_img.shape
    width = p + X_txt.shape[1]
    blocks = cache_blocks(n, width)
    buffer = np.empty((blocks[0].stop + 1, width))
    for rows in blocks:
        A = buffer[: rows.stop - rows.start + 1]
        fill(A[:-1, :p], X_img[rows])
        fill(A[:-1, p:], X_txt[rows])
        yield A, None if sample_weight is None else sample_weight[rows]


def summed_moments(blocks, n_image_features, n_text_features):
    """Sum the second moments of blocks of rows around their mean.

    A block is a float64 array with image and text columns side by side, which is
    overwritten, and weights of its rows, or `None` for 1. One row more at the end of
    the array is room for the difference of means: every block is centred by its own
    mean, which joins the others by Chan's formula, see `PairMoments.merged`.
    """
    width = n_image_features + n_text_features
    check_memory(
        2 * 8 * width**2,
        f"The second moments of {n_image_features} image and {n_text_features} text "
        "features",
        "Reduce the features first, with TruncatedSVD in a ModalityTransformer.",
    )
    mean = Mean(0.0, np.zeros(width), np.zeros(width))
    products = np.zeros((width, width), order="F")
    n_samples = 0
    for A, weights in blocks:
        ones = np.ones(len(A) - 1) if weights is None else weights
        if not ones.any():
            continue
        block = Mean.subtracted_from(A[:-1], ones)
        if weights is not None:
            A[:-1] *= np.sqrt(weights)[:, None]
        # As a row more of the block, the difference of means costs nothing.
        A[-1] = _row_between(mean, block)
        add_products(products, A)
        mean = mean.merged(block)
        n_samples += int(np.count_nonzero(ones))
    return PairMoments(n_samples, n_image_features, mean, products)


def class_sums(X, mean, memberships):
    """Return sums of centred features times memberships, (n_features, n_classes)."""
    n, p = X.shape
    sums = np.zeros((memberships.shape[1], p))
    for rows in cache_blocks(n, p):
        A = np.empty((rows.stop - rows.start, p))
        fill(A, X[rows])
        A -= mean
        sums += memberships[rows].T @ A
    return sums.T


def condensed_rows(X_img, X_txt, sample_weight=None, *, mean):
    """Return at most p + q rows, (n_rows, p + q), with all moments of centred pairs.

    The triangular factor of both modalities side by side, updated block by block:
    unlike the moments it does not square the condition number. `mean` is that of
    these pairs, or of more pairs that these belong to.
    """
    n, p = X_img.shape
    width = p + X_txt.shape[1]
    R = np.empty((0, width))
    for rows in cache_blocks(n, width, least=2 * width):
        A = np.empty((rows.stop - rows.start, width))
        fill(A[:, :p], X_img[rows])
        fill(A[:, p:], X_txt[rows])
        A -= mean.high
        A -= mean.low
        if sample_weight is not None:
            A *= np.sqrt(sample_weight[rows])[:, None]
        R = condense(R, A)
    return R


def condense(R, A):
    """Return a triangular factor of the rows of both, or the rows if they are few."""
    rows = np.vstack([R, A])
    return np.linalg.qr(rows, mode="r") if len(rows) > rows.shape[1] else rows


def cache_blocks(n_rows, n_columns, least=_BLOCK_ROWS):
    """Cut rows into slices that stay in the cache."""
    return row_blocks(n_rows, n_columns, _BLOCK_VALUES, least=least)


def fill(out, X):
    """Write dense or sparse features into a float64 array."""
    out[...] = X.toarray() if sparse.issparse(X) else X


def add_products(products, A):
    """Add the products of the columns of A to the lower triangle, in place."""
    blas.dsyrk(1.0, A.T, beta=1.0, c=products, lower=1, overwrite_c=1)


def find_varying(variances, mean, modality):
    """Return which columns, (n_features,), are more than rounding around their mean.

    At least one is, or it is an error, which names the modality.
    """
    varies = variances > (_MOST_ROUNDINGS * np.finfo(float).eps * mean) ** 2
    if not varies.any():
        raise ValueError(
            f"The {modality} features must vary: every column is constant over the "
            f"samples, so there is nothing to correlate. Got {len(varies)} such "
            "columns."
        )
    return varies


def _row_between(mean, other):
    weight = mean.weight + other.weight
    factor = np.sqrt(mean.weight * other.weight / weight) if weight else 0.0
    return factor * mean.step_to(other)
