"""The rank engine: from scores to the places of relevant items, and to metrics.

Metrics and displays use its modules. Other parts use what is imported here, and nothing
else of it. In the order of a ranking:

- `_options`: what the caller asks for;
- `_codes`: codes of queries and galleries, validated;
- `_groups`: which rows are the same item, and `_hints`: who has not said so;
- `_equal`: which similarities count as equal;
- `_costs`: negated scores, of a matrix or as cosines of codes;
- `_relevance`: which gallery items are relevant to which query;
- `_grades`: how relevant, and what nDCG makes of it;
- `_own`: both without the query itself, where it is in the gallery;
- `_mixed`: queries in a gallery of both modalities, which holds them;
- `_ranking`: the places of the relevant items, for a block of queries;
- `_formulas`: the value of each metric at these places, and `_ties`: its expectation
  over the orders of items with equal scores;
- `_metric`: the formulas by name;
- `_scoring`: all of this, for a few queries at a time.
"""

from sklearn_xmodal.metrics._engine._codes import (
    check_pairs,
    labelled_codes,
    split_codes,
    unit_rows,
)
from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._equal import TOLERANCE_OF_FLOAT64
from sklearn_xmodal.metrics._engine._groups import check_groups
from sklearn_xmodal.metrics._engine._hints import EACH_COPY_COUNTS, told_once
from sklearn_xmodal.metrics._engine._metric import ScoreRequest, make_metric
from sklearn_xmodal.metrics._engine._options import directions_of
from sklearn_xmodal.metrics._engine._ranking import rank_block
from sklearn_xmodal.metrics._engine._relevance import make_relevance
from sklearn_xmodal.metrics._engine._scoring import (
    CACHED_BYTES,
    queries_to_rank,
    scores_to_fill,
)

__all__ = [
    "CACHED_BYTES",
    "EACH_COPY_COUNTS",
    "TOLERANCE_OF_FLOAT64",
    "CosineCosts",
    "ScoreRequest",
    "check_groups",
    "check_pairs",
    "directions_of",
    "labelled_codes",
    "make_metric",
    "make_relevance",
    "queries_to_rank",
    "rank_block",
    "scores_to_fill",
    "split_codes",
    "told_once",
    "unit_rows",
]
