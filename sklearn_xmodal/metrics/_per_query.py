"""Retrieval metrics of single queries, as functions of a `RankedBlock`."""

from functools import lru_cache

import numpy as np


def average_precision(ranked, *, k=None):
    r"""Average precision of each query, in expectation over tied orders.

    For a group of :math:`t` tied items behind :math:`c` better ones, with
    :math:`r` relevant items inside and :math:`b` relevant ones before, the item at
    place :math:`c + j` is relevant with probability :math:`r / t`, and finds
    :math:`(j - 1)(r - 1) / (t - 1)` relevant ones of its own group before it.

    Parameters
    ----------
    ranked : RankedBlock
        Places of the relevant items.
    k : int, default=None
        Cut-off rank, by default the whole gallery.

    Returns
    -------
    scores : ndarray of shape (n_rows,)
        Average precision, divided by min(k, R).
    """
    k = ranked.n_gallery if k is None else min(k, ranked.n_gallery)
    gains = (ranked.n_relevant_above + 1) / (ranked.n_above + 1)
    if k < ranked.n_gallery:
        gains[ranked.n_above >= k] = 0
    tied = ranked.tied
    if tied.size:
        gains[tied] = _expected_gain(
            ranked.n_above[tied],
            ranked.n_tied,
            ranked.n_relevant_above[tied],
            ranked.n_relevant_tied,
            k=k,
            n_gallery=ranked.n_gallery,
        )
    scores = ranked.sum_per_query(gains) / np.minimum(k, ranked.n_relevant)
    return np.minimum(scores, 1.0)


def _expected_gain(c, t, b, r, *, k, n_gallery):
    """Sum up, in expectation, the precisions at the relevant places of tied groups."""
    harmonic = _harmonic_numbers(n_gallery)
    m = np.clip(k - c, 0, t)  # places of the group before the cut-off
    # sum over j = 1..m of 1 / (c + j), and of (j - 1) / (c + j)
    inverse = harmonic[c + m] - harmonic[c]
    weighted = m - (c + 1) * inverse
    return r / t * ((b + 1) * inverse + (r - 1) / np.maximum(t - 1, 1) * weighted)


@lru_cache(maxsize=1)
def _harmonic_numbers(n):
    """Partial sums H_0, ..., H_n of the harmonic series.

    Their differences cancel leading digits, hence the extended precision (where
    the platform has one).
    """
    table = np.zeros(n + 1, dtype=np.longdouble)
    np.cumsum(1 / np.arange(1, n + 1, dtype=np.longdouble), out=table[1:])
    table.flags.writeable = False
    return table


def interpolated_precision(ranked, recall_levels):
    """Best precision at or beyond each recall level, for each query.

    A group of tied items is one cut-off: it is retrieved as a whole or not at all.

    Parameters
    ----------
    ranked : RankedBlock
        Places of the relevant items.
    recall_levels : ndarray of shape (n_levels,)
        Levels in [0, 1].

    Returns
    -------
    precision : ndarray of shape (n_rows, n_levels)
        Interpolated precision.
    """
    n_retrieved, found = ranked.retrieved_with()
    precision = found / n_retrieved
    # The rounding of 0.1 * 30 must not ask for a fourth item.
    needed = np.ceil(np.outer(ranked.n_relevant, recall_levels) - 1e-9)
    interpolated = np.empty(needed.shape)
    for i, (start, stop) in enumerate(
        zip(ranked.indptr[:-1], ranked.indptr[1:], strict=True)
    ):
        best_beyond = np.maximum.accumulate(precision[start:stop][::-1])[::-1]
        interpolated[i] = best_beyond[found[start:stop].searchsorted(needed[i])]
    return interpolated


METRICS = {"mean_average_precision": average_precision}


def get_metric(name):
    """Per-query function of a metric's name."""
    if name not in METRICS:
        raise ValueError(f"metric must be one of {sorted(METRICS)}. Got {name!r}.")
    return METRICS[name]
