"""Names of the retrieval metrics, their formulas and options."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_xmodal.metrics._engine import _formulas
from sklearn_xmodal.metrics._engine._grades import GAINS, check_relevance_option
from sklearn_xmodal.metrics._engine._options import (
    check_one_of,
    check_ranking_options,
    directions_of,
)
from sklearn_xmodal.utils._scaling import weighted_median

DENOMINATORS = ("min", "relevant", "retrieved")


@dataclass(frozen=True)
class Metric:
    """What to compute of a ranking, and how queries are summed up."""

    per_query: Any  # per_query(ranked, **options), of shape (n_rows,)
    cutoff: str  # whether there is a rank k: "needed", "optional" or "none"
    short_name: str  # what scorers and reports call it
    is_error: bool = False  # lower is better: queries have a median, not a mean
    takes_grades: bool = False  # of relevance, which otherwise is or is not

    def summarize(self, scores, sample_weight=None):
        """Mean, or median, of the queries that have a value; nan if none has."""
        counts = ~np.isnan(scores)
        if sample_weight is not None:
            counts &= sample_weight > 0
        scores = scores[counts]
        if not scores.size:
            return float("nan")
        if sample_weight is None:
            return float(np.median(scores) if self.is_error else scores.mean())
        weights = sample_weight[counts]
        if self.is_error:
            return float(weighted_median(scores, weights))
        return float(np.average(scores, weights=weights))


METRICS = {
    "mean_average_precision": Metric(_formulas.average_precision, "optional", "map"),
    "mean_average_precision_at_r": Metric(
        _formulas.average_precision_at_r, "none", "map_at_r"
    ),
    "mean_reciprocal_rank": Metric(_formulas.reciprocal_rank, "optional", "mrr"),
    "ndcg_at_k": Metric(
        _formulas.normalized_gain, "optional", "ndcg", takes_grades=True
    ),
    "r_precision": Metric(_formulas.r_precision, "none", "r_precision"),
    "precision_at_k": Metric(_formulas.precision, "needed", "precision"),
    "recall_at_k": Metric(_formulas.recall, "needed", "recall"),
    "hit_rate_at_k": Metric(_formulas.hit_rate, "needed", "hit_rate"),
    "median_rank_error": Metric(
        _formulas.first_rank, "none", "median_rank", is_error=True
    ),
}


def make_metric(name, *, k=None, denominator="min", gain="linear", relevance=None):
    """Metric of a name with its options bound, refusing those that it has not."""
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(
            f"metric must be one of {sorted(METRICS)}. Got {name!r}{_longer(name)}."
        )
    metric = METRICS[name]
    _check_cutoff(name, metric.cutoff, k)
    check_one_of("denominator", denominator, DENOMINATORS)
    check_one_of("gain", gain, GAINS)
    options = {} if metric.cutoff == "none" else {"k": k}
    if name == "ndcg_at_k":
        options["gain"] = gain
    elif gain != "linear":
        raise ValueError(
            f"gain is an option of ndcg_at_k only. Got {gain!r} for {name}."
        )
    check_relevance_option(relevance)
    if isinstance(relevance, str) and not metric.takes_grades:
        raise ValueError(
            f"relevance={relevance!r} makes grades, which only ndcg_at_k takes, and "
            f"callables. Got metric={name!r}, where items are relevant or not."
        )
    if name == "mean_average_precision":
        options["denominator"] = denominator
    elif denominator != "min":
        raise ValueError(
            "denominator is an option of mean_average_precision only. Got "
            f"{denominator!r} for {name}."
        )
    return replace(metric, per_query=partial(metric.per_query, **options))


def _check_cutoff(name, cutoff, k):
    check_ranking_options(k=k)
    if cutoff == "needed" and k is None:
        raise ValueError(
            f"k must be given for {name}: over the whole gallery it says nothing about "
            "the ranking. Got None."
        )
    if cutoff == "none" and k is not None:
        raise ValueError(f"k must be None for {name}, which has no cut-off. Got {k}.")


def check_metric(
    metric, *, k, denominator, ties, zero_division, gain="linear", relevance=None
):
    """Metric of a name with its options, or a callable, which has no k."""
    if not callable(metric):
        if not isinstance(metric, str) or metric not in METRICS:
            raise ValueError(
                "metric must be a callable metric(y_true, y_score) or one of "
                f"{sorted(METRICS)}. Got {metric!r}{_longer(metric)}."
            )
        options = {"k": k, "denominator": denominator}
        metric = make_metric(metric, **options, gain=gain, relevance=relevance)
    elif k is not None:
        raise ValueError(
            f"k must be None for a callable metric. Got {k!r}. Bind the cut-off "
            "with functools.partial(metric, k=...)."
        )
    elif denominator != "min":
        raise ValueError(
            f"denominator must be 'min' for a callable metric. Got {denominator!r}."
        )
    elif gain != "linear":
        raise ValueError(f"gain must be 'linear' for a callable metric. Got {gain!r}.")
    check_relevance_option(relevance)
    check_ranking_options(
        ties=ties,
        zero_division=zero_division,
        only_nan=getattr(metric, "is_error", False),
    )
    return metric


def _longer(metric):
    """Return the metric whose short name, that of a scorer, stands in its place."""
    metric = str(metric).lower().replace("@r", "_at_r")
    short_name, at, k = metric.partition("@")
    for name, known in METRICS.items():
        if short_name == known.short_name:
            meant = f"metric={name!r}{f', k={k}' if at else ''}"
            return f", the name of a scorer, see get_retrieval_scorer; say {meant}"
    return ""


class ScoreRequest:
    """What a scorer computes: a metric by name or callable, a direction, options."""

    def __init__(self, metric, direction, **options):
        directions_of(direction)
        checked = check_metric(metric, **options)
        self.metric = metric
        self.direction = direction
        self.options = options
        self.sign = -1 if getattr(checked, "is_error", False) else 1
