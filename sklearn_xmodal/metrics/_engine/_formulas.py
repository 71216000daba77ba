"""The formulas of the metrics, for single queries, as functions of a `RankedBlock`.

Each takes a cut-off rank `k` (`None` for the whole gallery) and returns an array of
shape (n_rows,). Tied items count in expectation over their orders (`_ties.py`).
"""

import numpy as np

from sklearn_xmodal.metrics._engine._grades import GradedBlock, normalized_graded_gain
from sklearn_xmodal.metrics._engine._ties import (
    chance_to_find_one,
    discount_sums,
    expected_inverse_of_first,
    expected_precisions,
    expected_ratio,
    for_each_distinct,
)


def average_precision(ranked, *, k=None, denominator="min"):
    """Precisions at the relevant places up to k, summed and divided.

    The divisor is min(k, R) ("min"), R ("relevant"), or the relevant items among the
    first k ("retrieved").
    """
    k = _cutoff(ranked, k)
    gains = _precisions(ranked, k)
    total = ranked.sum_per_query(gains)
    if denominator == "retrieved" and k < ranked.n_gallery:
        scores = _divide_by_found(ranked, gains, total, k)
    elif denominator == "relevant":
        scores = total / ranked.n_relevant
    else:
        scores = total / np.minimum(k, ranked.n_relevant)
    return np.minimum(scores, 1.0)


def average_precision_at_r(ranked):
    """Precisions at the relevant places up to R, summed and divided by R."""
    gains = _precisions(ranked, _r_of_entries(ranked))
    return np.minimum(ranked.sum_per_query(gains) / ranked.n_relevant, 1.0)


def _precisions(ranked, k):
    """Precision at each entry, 0 beyond rank k: a number, or one for each entry."""
    gains = ranked.n_relevant_above + 1.0
    gains /= ranked.n_above + 1.0
    if np.ndim(k) or k < ranked.n_gallery:
        gains[ranked.n_above >= k] = 0
    tied = ranked.tied
    if tied.size:
        gains[tied] = expected_precisions(
            ranked.n_above[tied],
            ranked.n_tied,
            ranked.n_relevant_above[tied],
            ranked.n_relevant_tied,
            k=k[tied] if np.ndim(k) else k,
            n_gallery=ranked.n_gallery,
        )
    return gains


def _divide_by_found(ranked, gains, total, k):
    """Divide by the relevant items found, a random number where a group is cut."""
    scores = total / np.maximum(_n_found(ranked, k), 1)
    for group in np.flatnonzero(
        (ranked.n_above[ranked.tied] < k)
        & (ranked.n_above[ranked.tied] + ranked.n_tied > k)
    ):
        entry = ranked.tied[group]
        row = np.searchsorted(ranked.indptr, entry, side="right") - 1
        scores[row] = expected_ratio(
            total[row] - gains[entry],
            ranked.n_above[entry],
            ranked.n_tied[group],
            ranked.n_relevant_above[entry],
            ranked.n_relevant_tied[group],
            k=k,
            n_gallery=ranked.n_gallery,
        )
    return scores


def precision(ranked, *, k=None):
    """Share of relevant items among k places; places beyond the gallery are misses."""
    return _n_found(ranked, _cutoff(ranked, k)) / (k or ranked.n_gallery)


def recall(ranked, *, k=None):
    """Share of all relevant items found in the first k places."""
    found = _n_found(ranked, _cutoff(ranked, k))
    return np.minimum(found / ranked.n_relevant, 1.0)


def r_precision(ranked):
    """Share of relevant items among the first R, as many as there are."""
    found = _n_found(ranked, _r_of_entries(ranked))
    return np.minimum(found / ranked.n_relevant, 1.0)


def _r_of_entries(ranked):
    """Relevant items of the query of each entry."""
    return np.repeat(ranked.n_relevant, np.diff(ranked.indptr))


def _n_found(ranked, k):
    """Relevant items among the first k, linear in the places of a tied group."""
    found = (ranked.n_above < k).astype(float)
    if ranked.tied.size:
        k = k[ranked.tied] if np.ndim(k) else k
        places = np.clip(k - ranked.n_above[ranked.tied], 0, ranked.n_tied)
        found[ranked.tied] = places * ranked.n_relevant_tied / ranked.n_tied
    return ranked.sum_per_query(found)


def normalized_gain(ranked, *, k=None, gain="linear"):
    """Discounted cumulative gain divided by that of the best ranking.

    Either gain of a relevant item is 1 where there are no grades.
    """
    k = _cutoff(ranked, k)
    if isinstance(ranked, GradedBlock):
        return normalized_graded_gain(ranked, k, gain)
    sums = discount_sums(ranked.n_gallery)
    gains = np.diff(sums.astype(float))[ranked.n_above]
    gains[ranked.n_above >= k] = 0
    if ranked.tied.size:
        # The average discount of the places of a group, up to k.
        above = ranked.n_above[ranked.tied]
        held = sums[np.minimum(above + ranked.n_tied, k)] - sums[np.minimum(above, k)]
        gains[ranked.tied] = ranked.n_relevant_tied / ranked.n_tied * held
    best = sums[np.minimum(ranked.n_relevant, k)].astype(float)
    return np.minimum(ranked.sum_per_query(gains) / best, 1.0)


def hit_rate(ranked, *, k=None):
    """Whether at least one relevant item lies among the first k."""
    k = _cutoff(ranked, k)
    hits = (ranked.n_above[ranked.indptr[:-1]] < k).astype(float)
    rows, *group = _first_groups(ranked, k)
    hits[rows] = for_each_distinct(
        lambda c, t, r: chance_to_find_one(c, t, r, k), *group
    )
    return hits


def reciprocal_rank(ranked, *, k=None):
    """One divided by the place of the first relevant item; zero beyond k."""
    k = _cutoff(ranked, k)
    above = ranked.n_above[ranked.indptr[:-1]]
    inverse = np.where(above < k, 1 / (above + 1), 0.0)
    rows, *group = _first_groups(ranked, k)
    inverse[rows] = for_each_distinct(
        lambda c, t, r: expected_inverse_of_first(c, t, r, k), *group
    )
    return inverse


def first_rank(ranked):
    """Place of the first relevant item, counted from 1.

    The first of r relevant items is expected at place (t + 1) / (r + 1) of a group.
    """
    places = ranked.n_above[ranked.indptr[:-1]] + 1.0
    rows, c, t, r = _first_groups(ranked, ranked.n_gallery)
    places[rows] = c + (t + 1) / (r + 1)
    return places


def _first_groups(ranked, k):
    """Find the groups before k that hold the first relevant item of a query.

    Returns their rows, items above, sizes and relevant sizes.
    """
    rows = np.searchsorted(ranked.indptr, ranked.tied, side="right") - 1
    c = ranked.n_above[ranked.tied]
    chosen = (ranked.indptr[rows] == ranked.tied) & (c < k)
    group = c, ranked.n_tied, ranked.n_relevant_tied
    return rows[chosen], *(values[chosen] for values in group)


def _cutoff(ranked, k):
    return ranked.n_gallery if k is None else min(k, ranked.n_gallery)


def interpolated_precision(ranked, recall_levels):
    """Best precision at or beyond each recall level, (n_rows, n_levels).

    A group of tied items is one cut-off: it is retrieved as a whole or not at all.
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
