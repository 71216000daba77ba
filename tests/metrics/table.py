"""Every metric in one table: name, public function, textbook loop, options to try."""

from dataclasses import dataclass, field
from typing import Any

from sklearn_xmodal.metrics import (
    hit_rate_at_k_score,
    mean_average_precision_at_r_score,
    mean_average_precision_score,
    mean_reciprocal_rank_score,
    median_rank_error,
    ndcg_at_k_score,
    precision_at_k_score,
    r_precision_score,
    recall_at_k_score,
)
from tests.metrics import textbook


@dataclass(frozen=True)
class Case:
    """One metric with one set of options."""

    name: str
    function: Any
    loop: Any
    options: dict = field(default_factory=dict)

    def __str__(self):
        return "-".join([self.name, *map(str, self.options.values())])


def _cases(name, function, loop, options):
    return [Case(name, function, loop, option) for option in options]


_AP = (mean_average_precision_score, textbook.average_precision)
_NEEDED = [{"k": k} for k in (1, 2, 4, 7, 20)]
_OPTIONAL = [{}, *_NEEDED]

CASES = [
    *_cases("mean_average_precision", *_AP, _OPTIONAL),
    *_cases(
        "mean_average_precision",
        *_AP,
        [
            {"k": k, "denominator": denominator}
            for k in (1, 3, 5, 20)
            for denominator in ("relevant", "retrieved")
        ],
    ),
    *_cases(
        "mean_average_precision_at_r",
        mean_average_precision_at_r_score,
        textbook.average_precision_at_r,
        [{}],
    ),
    *_cases("r_precision", r_precision_score, textbook.r_precision, [{}]),
    *_cases(
        "mean_reciprocal_rank",
        mean_reciprocal_rank_score,
        textbook.reciprocal_rank,
        _OPTIONAL,
    ),
    *_cases("ndcg_at_k", ndcg_at_k_score, textbook.ndcg, _OPTIONAL),
    *_cases("precision_at_k", precision_at_k_score, textbook.precision, _NEEDED),
    *_cases("recall_at_k", recall_at_k_score, textbook.recall, _NEEDED),
    *_cases("hit_rate_at_k", hit_rate_at_k_score, textbook.hit_rate, _NEEDED),
    *_cases("median_rank_error", median_rank_error, textbook.first_rank, [{}]),
]
