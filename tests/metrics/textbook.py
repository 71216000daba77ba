"""Metrics of one ranking as textbooks write them, one loop each."""

from itertools import pairwise, permutations
from math import log2

import numpy as np


def average_precision(relevance, order, k=None, denominator="min"):
    k = len(relevance) if k is None else k
    found, total = 0, 0.0
    for place, item in enumerate(order[:k], start=1):
        if relevance[item]:
            found += 1
            total += found / place
    n_relevant = int(np.sum(relevance))
    divisor = {"min": min(k, n_relevant), "relevant": n_relevant, "retrieved": found}
    return total / max(divisor[denominator], 1)


def _hits(relevance, order, k):
    return sum(bool(relevance[item]) for item in order[:k])


def precision(relevance, order, k):
    return _hits(relevance, order, k) / k


def average_precision_at_r(relevance, order):
    n_relevant = int(np.sum(relevance))
    total = 0.0
    for place in range(1, n_relevant + 1):
        if relevance[order[place - 1]]:
            total += precision(relevance, order, place)
    return total / n_relevant


def r_precision(relevance, order):
    return precision(relevance, order, int(np.sum(relevance)))


def recall(relevance, order, k):
    return _hits(relevance, order, k) / sum(relevance)


def hit_rate(relevance, order, k):
    return float(_hits(relevance, order, k) > 0)


def ndcg(relevance, order, k=None):
    k = len(relevance) if k is None else k
    gain = sum(
        1 / log2(place + 1)
        for place, item in enumerate(order[:k], start=1)
        if relevance[item]
    )
    n_best = min(k, int(sum(relevance)))
    return gain / sum(1 / log2(place + 1) for place in range(1, n_best + 1))


def first_rank(relevance, order):
    for place, item in enumerate(order, start=1):
        if relevance[item]:
            return float(place)
    raise AssertionError("a query without relevant items")


def reciprocal_rank(relevance, order, k=None):
    rank = first_rank(relevance, order)
    return 1 / rank if k is None or rank <= k else 0.0


def orders_allowed_by(scores):
    """Every order of the gallery that the scores allow."""
    for order in permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            yield order


def expected(loop, relevance, scores, **options):
    """Mean of a metric over every order that the scores allow."""
    values = [loop(relevance, order, **options) for order in orders_allowed_by(scores)]
    return np.mean(values)
