"""What retrieval scores where the rows of one modality are in a random order."""

import numpy as np
from scipy.stats import t

# Orders of each modality that are drawn, of 1,000 pairs in half a second.
_N_ORDERS = 12


def compare_orders(relevance, scores):
    """Mean average precision of random orders of one modality: mean, and highest.

    The highest is what one more order exceeds once in a hundred times. Codes that
    cluster do so in any order, and a cluster that happens to hold a class more often
    ranks many of it first: the mean is above that of a random ranking. It is above by
    more if labels are right for one of the modalities, which may be either.

    `relevance` and `scores` are those of images and texts, (n_pairs, n_pairs).
    """
    to_text, to_image = (np.argsort(-side, axis=1) for side in (scores, scores.T))
    rng = np.random.default_rng(0)
    relevance = np.ascontiguousarray(relevance)
    reverse = np.ascontiguousarray(relevance.T)
    found = [
        [_score_of_order(a, b, ranking, back, rng) for _ in range(_N_ORDERS)]
        for a, b, ranking, back in (
            (relevance, reverse, to_text, to_image),
            (reverse, relevance, to_image, to_text),
        )
    ]
    mean = np.mean(found, axis=1)
    error = np.std(found, axis=1, ddof=1) * np.sqrt(1 + 1 / _N_ORDERS)
    # Of one more draw, by Student's t. Scores by pairs alone are skewed.
    highest = np.max(mean + t.isf(0.01, _N_ORDERS - 1) * error)
    return float(mean.max()), float(max(highest, np.max(found)))


def _score_of_order(relevance, reverse, ranking, back, rng):
    """Score rankings, whose gallery items come to random rows."""
    order = rng.permutation(len(ranking))
    hits = np.take_along_axis(relevance[:, order], ranking, axis=1)
    hits_back = np.take_along_axis(reverse[order], back, axis=1)
    return (_precision(hits) + _precision(hits_back)) / 2


def _precision(hits):
    """Mean average precision of ranked relevance, (n_queries, n_gallery)."""
    n_hits = np.count_nonzero(hits, axis=1)
    precision = np.where(hits, np.cumsum(hits, axis=1, dtype=np.float32), 0)
    sums = precision @ (1 / np.arange(1.0, 1 + hits.shape[1])).astype(np.float32)
    return np.mean(sums[n_hits > 0] / n_hits[n_hits > 0], dtype=np.float64)
