"""What a search returns."""

from typing import NamedTuple

import numpy as np


class SearchResult(NamedTuple):
    """What a search found, one row per query, best first.

    Parameters
    ----------
    scores : ndarray of shape (n_queries, n_found)
        Cosines in float32 (their means in a smoothed gallery; less the hubness of the
        item where that is corrected, of a dynamic correction for some queries).

    ids : ndarray of shape (n_queries, n_found)
        Ids of the items: int64 where all ids of the index are integers, otherwise
        of dtype object.
    """

    scores: np.ndarray
    ids: np.ndarray
