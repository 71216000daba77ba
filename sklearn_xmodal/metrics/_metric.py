"""Names of the retrieval metrics, and their options."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_xmodal.metrics import _per_query
from sklearn_xmodal.metrics._blocks import check_ranking_options

DENOMINATORS = ("min", "relevant", "retrieved")


@dataclass(frozen=True)
class Metric:
    """What to compute of a ranking, and how queries are summed up.

    Parameters
    ----------
    per_query : callable
        ``per_query(ranked, **options)`` of shape (n_rows,).
    cutoff : {"needed", "optional", "none"}
        Whether the metric has a cut-off rank.
    short_name : str
        What scorers and reports call it.
    is_error : bool
        Whether lower is better. The summary is then the median, not the mean.
    """

    per_query: Any
    cutoff: str
    short_name: str
    is_error: bool = False

    def summarize(self, scores):
        """Mean, or median, of the queries that have a value; nan if none has."""
        scores = scores[~np.isnan(scores)]
        if not scores.size:
            return float("nan")
        return float(np.median(scores) if self.is_error else scores.mean())


METRICS = {
    "mean_average_precision": Metric(_per_query.average_precision, "optional", "map"),
    "mean_reciprocal_rank": Metric(_per_query.reciprocal_rank, "optional", "mrr"),
    "ndcg_at_k": Metric(_per_query.normalized_gain, "optional", "ndcg"),
    "precision_at_k": Metric(_per_query.precision, "needed", "precision"),
    "recall_at_k": Metric(_per_query.recall, "needed", "recall"),
    "hit_rate_at_k": Metric(_per_query.hit_rate, "needed", "hit_rate"),
    "median_rank_error": Metric(
        _per_query.first_rank, "none", "median_rank", is_error=True
    ),
}


def make_metric(name, *, k=None, denominator="min"):
    """Look up a metric and bind its options, refusing those that it has not.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    k : int, default=None
        Cut-off rank.
    denominator : {"min", "relevant", "retrieved"}, default="min"
        Only for average precision.

    Returns
    -------
    metric : Metric
        Its `per_query` needs no options.
    """
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(f"metric must be one of {sorted(METRICS)}. Got {name!r}.")
    metric = METRICS[name]
    _check_k(name, metric.cutoff, k)
    if denominator not in DENOMINATORS:
        raise ValueError(
            f"denominator must be one of {list(DENOMINATORS)}. Got {denominator!r}."
        )
    options = {} if metric.cutoff == "none" else {"k": k}
    if name == "mean_average_precision":
        options["denominator"] = denominator
    elif denominator != "min":
        raise ValueError(
            "denominator is an option of mean_average_precision only. Got "
            f"{denominator!r} for {name}."
        )
    bound = partial(metric.per_query, **options)
    return Metric(bound, metric.cutoff, metric.short_name, metric.is_error)


def _check_k(name, cutoff, k):
    check_ranking_options(k=k)
    if cutoff == "needed" and k is None:
        raise ValueError(
            f"k must be given for {name}: over the whole gallery it says nothing about "
            "the ranking. Got None."
        )
    if cutoff == "none" and k is not None:
        raise ValueError(f"k must be None for {name}, which has no cut-off. Got {k}.")
