"""Expectations over all orders of one group of tied items.

A group has `t` items behind `c` better ones, with `r` relevant items inside and `b`
relevant ones before. Every order of the group is equally likely, so the item at
place `c + j` is relevant with probability `r / t`.
"""

from functools import lru_cache

import numpy as np
from scipy.special import gammaln


@lru_cache(maxsize=4)
def _partial_sums(of, n):
    """Add up the first 0, 1, ..., n terms of a series.

    Their differences cancel leading digits, hence the extended precision (where
    the platform has one).
    """
    places = np.arange(1, n + 1, dtype=np.longdouble)
    table = np.zeros(n + 1, dtype=np.longdouble)
    terms = 1 / places if of == "harmonic" else 1 / np.log2(places + 1)
    np.cumsum(terms, out=table[1:])
    table.flags.writeable = False
    return table


def harmonic_numbers(n):
    """Add up 1 / place over the first 0, 1, ..., n places."""
    return _partial_sums("harmonic", n)


def discount_sums(n):
    """Add up 1 / log2(place + 1) over the first 0, 1, ..., n places."""
    return _partial_sums("discount", n)


def expected_precisions(c, t, b, r, *, k, n_gallery):
    r"""Sum of the precisions at the relevant places up to k, in expectation.

    A relevant item at place :math:`c + j` finds :math:`(j - 1)(r - 1) / (t - 1)`
    relevant ones of its own group before it.
    """
    harmonic = harmonic_numbers(n_gallery)
    m = np.clip(k - c, 0, t)  # places of the group before the cut-off
    # sum over j = 1..m of 1 / (c + j), and of (j - 1) / (c + j)
    inverse = harmonic[c + m] - harmonic[c]
    weighted = m - (c + 1) * inverse
    return r / t * ((b + 1) * inverse + (r - 1) / np.maximum(t - 1, 1) * weighted)


def expected_ratio(before, c, t, b, r, *, k, n_gallery):
    """Mean of the precisions at the relevant places up to k, in expectation.

    Numerator and divisor depend on each other. Given that x of the first k - c
    places of the group are relevant, any order of these places is equally likely.
    """
    m = k - c
    x = np.arange(max(0, m - (t - r)), min(m, r) + 1)
    log_p = -gammaln(x + 1) - gammaln(r - x + 1)
    log_p -= gammaln(m - x + 1) + gammaln(t - r - m + x + 1)
    p = np.exp(log_p - log_p.max())
    precisions = before + expected_precisions(c, m, b, x, k=k, n_gallery=n_gallery)
    return np.sum(p * precisions / np.maximum(b + x, 1)) / p.sum()


def chance_to_find_one(c, t, r, k):
    """Probability that a relevant item of the group lies among the first k."""
    m = min(k - c, t - r + 1)
    return 1.0 if m > t - r else 1 - _chance_of_none(t, r, m)[-1]


def expected_inverse_of_first(c, t, r, k):
    """Inverse place of the first relevant item, in expectation; 0 beyond place k."""
    m = min(k - c, t - r + 1)  # places that can hold it
    none_before = _chance_of_none(t, r, m)[:-1]
    j = np.arange(m)
    return np.sum(none_before * r / (t - j) / (c + 1 + j))


def _chance_of_none(t, r, m):
    """Probabilities that the first 0, 1, ..., m items of a group are irrelevant."""
    j = np.arange(m)
    return np.concatenate(([1.0], np.cumprod((t - r - j) / (t - j))))


def for_each_distinct(function, *columns):
    """Call a function of integers once for each distinct row of arguments."""
    if not columns[0].size:
        return np.empty(0)
    rows, expand = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return np.array([function(*row) for row in rows.tolist()])[expand.ravel()]
