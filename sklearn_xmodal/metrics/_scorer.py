"""Scorers of cross-modal retrieval for model selection, by options or short names."""

import re
from difflib import get_close_matches
from inspect import signature

from sklearn.metrics import get_scorer_names

from sklearn_xmodal.metrics._embedding import cross_modal_score
from sklearn_xmodal.metrics._engine._codes import CodePairs, encoded_pairs
from sklearn_xmodal.metrics._engine._hints import told_once
from sklearn_xmodal.metrics._engine._metric import METRICS, ScoreRequest, make_metric
from sklearn_xmodal.metrics._engine._options import DIRECTIONS
from sklearn_xmodal.utils._sklearn_compat import WeightedScorer

# Short names: [direction_]metric[@k].
_LONG_NAMES = {
    ("neg_" if metric.is_error else "") + metric.short_name: name
    for name, metric in METRICS.items()
}
_PREFIXES = ("", *(f"{direction}_" for direction in DIRECTIONS))
_CUTOFFS = (1, 5, 10)
_GRAMMAR = re.compile(
    rf"(?:({'|'.join(DIRECTIONS)})_)?"
    rf"({'|'.join(sorted(_LONG_NAMES))})(?:@([1-9][0-9]*))?"
)


def make_retrieval_scorer(
    metric="mean_average_precision",
    *,
    direction="mean",
    k=None,
    denominator="min",
    gain="linear",
    relevance=None,
    ties="average",
    zero_division="raise",
):
    """Make a scorer of cross-modal retrieval for ``scoring=``.

    The scorer calls ``estimator.transform(X)`` and scores the codes of both
    modalities by :func:`cross_modal_score`. It works with a single estimator or a
    pipeline, in searches and in `cross_validate`, also with several processes.

    Parameters
    ----------
    metric : str or callable, default="mean_average_precision"
        What to compute: a name, see :func:`retrieval_score`, or a callable that
        receives the whole relevance and score matrices,
        ``metric(y_true, y_score) -> float``, higher is better; make it a module-level
        function if the scorer is to be pickled. The scorer of "median_rank_error"
        negates it, like those of scikit-learn whose names begin with "neg".

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery, or the mean of both directions.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; MAP@R, R-precision, the median rank and callables have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    gain : {"linear", "exponential"}, default="linear"
        What a grade is worth in nDCG, see :func:`ndcg_at_k_score`.

    relevance : {"shared_labels", "jaccard"}, default=None
        Grades of multi-label rows for nDCG, see :func:`retrieval_score`: the number of
        common labels, or their share. By default one common label is enough.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None, groups=None) -> float``.
        Without `y`, only the other half of the same pair is relevant; weights and
        groups, the ids of repeated pictures, are those of :func:`cross_modal_score`.
        A search hands groups over where metadata routing is enabled and
        ``scorer.set_score_request(groups=True)`` asks for them. `transform` may answer
        with an object that has the attributes `image` and `text`, with a tuple
        ``(Z_img, Z_txt)``, or with one matrix whose left half is the image code and
        whose right half the text code.

    Raises
    ------
    ValueError
        If `metric`, `direction` or an option is not valid.

    TypeError
        If `k` is not an integer, or `relevance` a matrix.

    See Also
    --------
    get_retrieval_scorer : Scorers by their short names, several in one pass.
    cross_modal_score : The score itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from sklearn_xmodal.metrics import make_retrieval_scorer
    >>> scorer = make_retrieval_scorer(direction="image_to_text", k=1)
    >>> scorer
    make_retrieval_scorer('mean_average_precision', direction='image_to_text', k=1)
    >>> X = np.array([[1.0, 0.1, 0.9, 0.3], [0.2, 1.0, 0.1, 0.7]])
    >>> scorer(FunctionTransformer().fit(X), X, ["cat", "dog"])
    1.0
    """
    if not (relevance is None or isinstance(relevance, str)):
        raise TypeError(
            "relevance must be a name for a scorer, which sees parts of the pairs and "
            f"cannot know their rows of a matrix. Got {type(relevance).__name__}. Use "
            "cross_modal_score, or y of several labels per pair."
        )
    return RetrievalScorer(
        metric,
        direction,
        k=k,
        denominator=denominator,
        gain=gain,
        relevance=relevance,
        ties=ties,
        zero_division=zero_division,
    )


class RetrievalScorer(WeightedScorer, ScoreRequest):
    """Callable of `make_retrieval_scorer`: picklable, its repr is how it was made."""

    @told_once()
    def __call__(self, estimator, X, y=None, sample_weight=None, groups=None):
        Z_img, Z_txt, y, sample_weight, groups = encoded_pairs(
            estimator, X, y, sample_weight, groups
        )
        return self.sign * cross_modal_score(
            Z_img,
            Z_txt,
            y,
            groups=groups,
            direction=self.direction,
            metric=self.metric,
            sample_weight=sample_weight,
            **self.options,
        )

    def _accept_sample_weight(self):
        """Answer for no callable, which has no scores of queries to weigh."""
        return not callable(self.metric)

    def __repr__(self):
        metric = self.metric
        if callable(metric):
            metric = getattr(metric, "__name__", type(metric).__name__)
        else:
            metric = repr(metric)
        defaults = signature(make_retrieval_scorer).parameters
        given = {
            name: value
            for name, value in self.options.items()
            if value != defaults[name].default
        }
        options = {"direction": self.direction, **given}
        listed = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"make_retrieval_scorer({metric}{listed})"


def get_retrieval_scorer(scoring):
    r"""Scorer of a short name, for ``scoring=``.

    A name is made of three parts, ``[direction_]metric[@k]``:

    - the direction "image_to_text" or "text_to_image"; without it, the mean of both;
    - "map", "map_at_r", "r_precision", "mrr", "ndcg", "precision", "recall", "hit_rate"
      or "neg_median_rank" (negative, so that higher is better);
    - any cut-off. Precision, recall and hit rate need one, MAP@R, R-precision and the
      median rank have none; without one the others rank the whole gallery.

    For example "map", "image_to_text_map@50", "recall@10", "text_to_image_hit_rate@1".

    Parameters
    ----------
    scoring : str, callable, or list of str
        Name of one scorer; a scorer, which is returned as it is; or several names, for
        one scorer that returns a dict. That one transforms the data once and ranks
        each gallery once for all names, while a dict of scorers repeats this for
        each.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None, groups=None)``, a float or,
        for a list, a dict of floats. See :func:`make_retrieval_scorer`.

    Raises
    ------
    ValueError
        If a name is not known, or the list is empty.

    See Also
    --------
    get_retrieval_scorer_names : Names to choose from.
    make_retrieval_scorer : All options, and metrics of one's own.

    Notes
    -----
    ``scoring="map"`` alone would look for a scorer of scikit-learn: always pass the
    result of this function. In a search over several metrics, `refit` is one of the
    names.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import get_retrieval_scorer
    >>> get_retrieval_scorer("image_to_text_recall@10")
    make_retrieval_scorer('recall_at_k', direction='image_to_text', k=10)
    >>> scoring = {name: get_retrieval_scorer(name) for name in ["map", "hit_rate@1"]}
    >>> get_retrieval_scorer(["map", "hit_rate@1"])  # the same, faster
    get_retrieval_scorer(['map', 'hit_rate@1'])
    """
    if callable(scoring):
        return scoring
    if isinstance(scoring, list | tuple):
        return MultipleRetrievalScorer(scoring)
    direction, metric, k = _parse(scoring)
    return make_retrieval_scorer(metric, direction=direction, k=k)


def get_retrieval_scorer_names() -> list[str]:
    """List the names of scorers that `get_retrieval_scorer` knows.

    Returns
    -------
    names : list of str
        Sorted. Cut-offs stand for any other: only those at 1, 5 and 10 are listed.

    See Also
    --------
    get_retrieval_scorer : What the parts of a name mean.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import get_retrieval_scorer_names
    >>> get_retrieval_scorer_names()[:4]
    ['hit_rate@1', 'hit_rate@10', 'hit_rate@5', 'image_to_text_hit_rate@1']
    """
    names = []
    for short_name, name in _LONG_NAMES.items():
        cutoff = METRICS[name].cutoff
        ends = [] if cutoff == "needed" else [""]
        ends += [] if cutoff == "none" else [f"@{k}" for k in _CUTOFFS]
        names += [prefix + short_name + end for prefix in _PREFIXES for end in ends]
    return sorted(names)


class MultipleRetrievalScorer(WeightedScorer):
    """Scorer of several names, in one pass over the data."""

    def __init__(self, names):
        if not names:
            raise ValueError(
                "scoring must name at least one scorer. Got an empty list."
            )
        self.names = list(names)
        for name in names:
            _parse(name)

    @told_once()
    def __call__(self, estimator, X, y=None, sample_weight=None, groups=None):
        pairs = CodePairs(*encoded_pairs(estimator, X, y, sample_weight, groups))
        asked = {name: _parse(name) for name in self.names}
        scores: dict = {name: [] for name in self.names}
        for side in DIRECTIONS:
            here = [name for name in self.names if asked[name][0] in (side, "mean")]
            if not here:
                continue
            metrics = [make_metric(asked[name][1], k=asked[name][2]) for name in here]
            values = pairs.score(metrics, side, ties="average", zero_division="raise")
            for name, metric, row in zip(here, metrics, values, strict=True):
                sign = -1 if metric.is_error else 1
                scores[name].append(sign * metric.summarize(row, pairs.weights[side]))
        return {name: sum(both) / len(both) for name, both in scores.items()}

    def __repr__(self):
        return f"get_retrieval_scorer({self.names!r})"


def _parse(name):
    """Direction, metric and cut-off of a scorer's name."""
    found = _GRAMMAR.fullmatch(name) if isinstance(name, str) else None
    if found:
        direction, short_name, k = found.groups()
        metric, k = _LONG_NAMES[short_name], k and int(k)
        try:
            make_metric(metric, k=k)
        except ValueError as error:
            raise ValueError(f"scoring={name!r} is no name: {error}") from None
        return direction or "mean", metric, k
    raise ValueError(
        "scoring must be a name '[direction_]metric[@k]', with the direction "
        "'image_to_text' or 'text_to_image' and the metric one of "
        f"{sorted(_LONG_NAMES)}. Got {name!r}{_nearest(name)}. "
        "get_retrieval_scorer_names() lists the usual ones."
    )


def _nearest(name):
    """Return which name may have been meant, if there is one like it."""
    if name in get_scorer_names():
        return (
            ", which scikit-learn has for predictions. Of rankings, 'hit_rate@1' is "
            "the share of queries whose first item is right"
        )
    long = {long: short for short, long in _LONG_NAMES.items()}
    known = {n.replace("@", "_at_"): n for n in [*long, *get_retrieval_scorer_names()]}
    text = str(name).lower().replace("@", "_at_").replace("-", "_")
    found = get_close_matches(text, known, n=1, cutoff=0.7)
    if not found:
        return ""
    meant = known[found[0]]
    return f". Did you mean {long.get(meant, meant)!r}?"
