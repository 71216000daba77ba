"""Whether both modalities share their coordinates, as vectors of one joint model do."""

import numpy as np

# Quantile of N(0, 1): what one turn in ten exceeds. Of codes of width 2 that agree as
# much as can be, the mean cosine is 1.4 standard deviations or more above 0.
_SELDOM = 1.28
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
    image, text = (side - side.mean(axis=0) for side in units)
    n, width = image.shape
    cosine = float(np.einsum("ij,ij->", image, text)) / n
    image, text = image @ image.T, text @ text.T
    related = np.vdot(image, text)
    by_chance = _SELDOM * float(np.sqrt(max(related, 0.0) / width)) / n
    if width < 2 or cosine >= by_chance:
        return cosine, by_chance, False
    rng = np.random.default_rng(0)
    orders = (rng.permutation(n) for _ in range(_N_ORDERS))
    others = max(np.vdot(image, text[np.ix_(order, order)]) for order in orders)
    return cosine, by_chance, bool(related > others)
