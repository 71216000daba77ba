"""Weights of a vote: those given, and the search for the best on held-out pairs."""

from itertools import combinations
from math import comb

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

from sklearn_xmodal.metrics import get_retrieval_scorer, make_retrieval_scorer
from sklearn_xmodal.metrics._engine import (
    CACHED_BYTES,
    TOLERANCE_OF_FLOAT64,
    CosineCosts,
    ScoreRequest,
    directions_of,
    make_metric,
    make_relevance,
    queries_to_rank,
    rank_block,
    scores_to_fill,
)
from sklearn_xmodal.utils._validation import check_numbers, check_sample_weight

_MOST_CANDIDATES = 20_000


def check_weights(weights, n_estimators):
    """Validate one weight per estimator, dropped ones included; in float64."""
    weights = check_numbers(weights, "weights", ensure_2d=False, dtype=np.float64)
    if weights.shape != (n_estimators,):
        raise ValueError(
            "weights must hold one number per estimator, shape "
            f"({n_estimators},). Got shape {weights.shape}."
        )
    if (weights < 0).any():
        raise ValueError(
            "weights must not be negative: a code carries their square root. Got "
            f"{weights.min():g}."
        )
    return weights


def shares(weights):
    """Scale weights to sum to 1; a ValueError if all are zero."""
    if not weights.any():
        raise ValueError(
            "weights must be positive for one estimator that is not dropped at least. "
            f"Got {weights.tolist()}."
        )
    weights = weights / weights.max()  # whose sum no float could hold
    return weights / weights.sum()


def weight_grid(n_members, n_steps):
    """List weights that are multiples of 1 / n_steps and sum to 1.

    Equal weights are among them: (n_candidates, n_members), the most equal ones first.
    A ValueError if there are too many.
    """
    n_places = n_steps + n_members - 1
    n_candidates = comb(n_places, n_members - 1)
    if n_candidates > _MOST_CANDIDATES:
        raise ValueError(
            "n_weight_steps must leave a number of candidates that can be tried, "
            f"{_MOST_CANDIDATES} at most. Got n_weight_steps={n_steps} with "
            f"{n_members} estimators, which makes {n_candidates}."
        )
    # Bars among stars: what lies between two bars is one weight.
    bars = np.array(list(combinations(range(n_places), n_members - 1)), dtype=int)
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, n_places)))
    steps = np.diff(edges, axis=1) - 1
    steps = steps[np.argsort((steps**2).sum(axis=1), kind="stable")]
    grid = steps / n_steps
    if n_steps % n_members:
        grid = np.vstack([np.full(n_members, 1 / n_members), grid])
    return grid


def check_scorer(scoring):
    """Return the `ScoreRequest` of a scorer, or of its name.

    A ValueError for scorers that do not say what they compute of similarities.
    """
    if scoring is None:
        return make_retrieval_scorer()
    scorer = get_retrieval_scorer(scoring)
    if not isinstance(scorer, ScoreRequest) or callable(scorer.metric):
        raise ValueError(
            "scoring must be the name of a scorer, see get_retrieval_scorer, or made "
            f"by make_retrieval_scorer with the name of a metric. Got {scoring!r}. For "
            "others, search over weights with GridSearchCV."
        )
    if scorer.options.get("relevance") is not None:
        raise ValueError(
            "scoring must have relevant items and others to choose weights by. Got "
            f"{scoring!r}, which grades them: search over weights with GridSearchCV."
        )
    return scorer


def score_weights(codes, y, weights, scorer, sample_weight=None):
    """Score every candidate (n_candidates, n_members) on the same held-out pairs.

    The similarities of all members to a block of queries are computed once; each
    candidate adds them up and ranks. Codes are image and text of every member, rows of
    unit length or zero, and `sample_weight` weighs them as queries.
    """
    sample_weight = check_sample_weight(sample_weight, len(codes[0][0]), at_least=1)
    options = scorer.options
    metric = make_metric(
        scorer.metric, k=options["k"], denominator=options["denominator"]
    )
    n = len(codes[0][0])
    relevance = make_relevance(y, y, n, n, ("y", "y"))
    queries = queries_to_rank(relevance, options["zero_division"])
    sides = directions_of(scorer.direction)
    scores = np.zeros(len(weights))
    for side in sides:
        values = scores_to_fill(len(weights), relevance, options["zero_division"])
        order = slice(None, None, 1 if side == "image_to_text" else -1)
        vote = _VoteCosts([pair[order] for pair in codes])
        for block in vote.blocks(queries):
            columns = relevance.columns(block)
            vote.read(block)
            for row, candidate in zip(values, weights, strict=True):
                ranked = rank_block(
                    vote(candidate),
                    columns,
                    ties=options["ties"],
                    tolerance=vote.tolerance,
                )
                row[block] = metric.per_query(ranked)
        scores += [metric.summarize(row, sample_weight) for row in values]
    return scorer.sign * scores / len(sides)


class _VoteCosts:
    """Negated similarities of a vote, for a block of queries and any weights."""

    def __init__(self, codes):
        self._members = [CosineCosts(query, gallery) for query, gallery in codes]
        # Sums of exact cosines round, too.
        self.tolerance = max(
            TOLERANCE_OF_FLOAT64, *(member.tolerance for member in self._members)
        )
        # A code of zeros leaves its item to the other members.
        self._is_there = np.array([gallery.any(axis=1) for _, gallery in codes])
        self._read = []

    def blocks(self, queries):
        """Cut queries into parts whose similarities fit into memory."""
        row = sum(member.bytes_per_row for member in self._members)
        row += 2 * self._is_there.shape[1] * np.dtype(np.float64).itemsize
        budget = min(get_config()["working_memory"] * 2**20, CACHED_BYTES)
        for batch in gen_batches(queries.size, max(1, int(budget // row))):
            yield queries[batch]

    def read(self, queries):
        """Compute what every member says of the queries."""
        self._read = [member(queries) for member in self._members]

    def __call__(self, weights):
        """Add it up, (n_queries, n_gallery)."""
        total = np.zeros(self._read[0].shape)
        for weight, costs in zip(weights, self._read, strict=True):
            if weight > 0:
                total += weight * costs
        # The length of the query changes no order of its gallery.
        if not self._is_there.all():
            length = np.sqrt(weights @ self._is_there)
            total /= np.where(length > 0, length, 1)
        return total
