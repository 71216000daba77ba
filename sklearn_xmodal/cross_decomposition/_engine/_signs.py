"""Signs of directions, which are solutions up to their sign.

The entry of largest size becomes positive. Which entries count:

- of a pair of canonical or PLS directions the weights of the image, since the signs of
  singular vectors depend on the way of whitening;
- of directions in principal axes (Procrustes, MvDA, three views) the weights of both
  modalities, of which either may be zero;
- of kernel directions the variates of the images, since coefficients depend on the
  start of the iteration.
"""

import numpy as np


def signs_of(entries):
    """Return the sign of the largest entry of every column, (m, k) -> (k,).

    0 for a column of zeros, whose other half then counts for nothing, too.
    """
    largest = np.abs(entries).argmax(axis=0)
    return np.sign(entries[largest, np.arange(entries.shape[1])])
