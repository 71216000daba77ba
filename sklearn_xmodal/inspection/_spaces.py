"""Whether both modalities share their coordinates, as vectors of one joint model do."""

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._unit import to_unit_length

# Quantile of N(0, 1): what one turn in ten exceeds. Of codes of width 2 that agree as
# much as can be, the mean cosine is 1.4 standard deviations or more above 0.
_SELDOM = 1.28
# So many times as high as by chance a mean cosine is no chance.
_CLEARLY = 2
# Pairs that are looked at, and the fewest.
_MOST_PAIRS, _LEAST_PAIRS = 1000, 10
# Orders of the texts that show what no relation looks like.
_N_ORDERS = 99


def compare_spaces(units):
    r"""Compare images and texts of pairs in their coordinates, and in any.

    Of centred unit vectors with cross-covariance C, the mean cosine of pairs is its
    trace. If the texts were turned at random, that would be 0 on average, with variance
    :math:`\|C\|_F^2 / d` (second moments of the Haar measure). Whether halves are
    related at all, :math:`\|C\|_F` says, against texts in another order.

    Parameters
    ----------
    units : list of two ndarrays of shape (n_pairs, n_components)
        Of length 1.

    Returns
    -------
    cosine, by_chance : float
        Mean cosine of pairs, both sides centred, and what one turn in ten exceeds.

    are_two : bool
        Whether halves are related, but not by the same coordinates.
    """
    cosine, by_chance, image, text = _mean_cosine(units)
    n, width = units[0].shape
    related = np.vdot(image, text)
    if width < 2 or cosine >= by_chance:
        return cosine, by_chance, False
    rng = np.random.default_rng(0)
    orders = (rng.permutation(n) for _ in range(_N_ORDERS))
    others = max(np.vdot(image, text[np.ix_(order, order)]) for order in orders)
    return cosine, by_chance, bool(related > others)


def look_joint(X_img, X_txt):
    """Whether features look like vectors of one joint model, which share coordinates.

    Matrices of finite numbers, dense or CSR, with a row per pair.
    """
    n, width = X_img.shape
    if n < _LEAST_PAIRS or width < 2 or X_txt.shape != X_img.shape:
        return False
    rows = np.unique(np.linspace(0, n - 1, min(n, _MOST_PAIRS)).astype(int))
    sides = (X[rows] for X in (X_img, X_txt))
    sides = (X.toarray() if sparse.issparse(X) else np.asarray(X) for X in sides)
    found = _mean_cosine([to_unit_length(X.astype(np.float64)) for X in sides])
    return is_clear(*found[:2])


def is_clear(cosine, by_chance):
    """Whether the mean cosine of centred pairs tells that coordinates are shared."""
    return bool(cosine > 0 and cosine >= _CLEARLY * by_chance)


def _mean_cosine(units):
    """Mean cosine of centred pairs, by chance, and Gram matrices of both sides."""
    image, text = (side - side.mean(axis=0) for side in units)
    n, width = image.shape
    cosine = float(np.einsum("ij,ij->", image, text)) / n
    image, text = image @ image.T, text @ text.T
    related = max(np.vdot(image, text), 0.0)
    return cosine, _SELDOM * float(np.sqrt(related / width)) / n, image, text
