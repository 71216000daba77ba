"""How sure a comparison is: over splits, and over the queries of one split."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy import stats

from sklearn_xmodal.utils._containers import check_same_index
from sklearn_xmodal.utils._frames import as_frame
from sklearn_xmodal.utils._html import table
from sklearn_xmodal.utils._validation import check_numbers, check_seed

# Numbers in a block of resamples.
_BLOCK = 2**22


class _Statistic:
    """What both kinds of results show: one row."""

    def to_frame(self):
        """Return a table of one row.

        Returns
        -------
        frame : pandas.DataFrame of shape (1, n_attributes)
            The ends of the interval as columns "low" and "high".

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return as_frame([self._row()], f"{type(self).__name__}.to_frame")

    def _row(self):
        row: dict = {}
        for name, value in vars(self).items():
            is_interval = name == "confidence_interval"
            row |= {"low": value[0], "high": value[1]} if is_interval else {name: value}
        return row

    def _repr_html_(self):
        rows = [
            (name.replace("_", " "), f"{v:.4g}" if isinstance(v, float) else v)
            for name, v in self._row().items()
        ]
        return table([type(self).__name__, ""], rows)


@dataclass(frozen=True, repr=False)
class PairedComparison(_Statistic):
    """Result of `paired_comparison`.

    Attributes
    ----------
    mean_difference : float
        Mean of a - b over splits.
    standard_error : float
        Standard error of the mean difference.
    confidence_interval : tuple of two float
        Lower and upper end.
    confidence_level : float
        How often intervals that are made this way hold the true mean.
    p_value : float
        Two-sided p-value of the t-test that belongs to the interval.
    n_splits, n_wins, n_ties, n_losses : int
        Number of splits, and how often a was above, equal to and below b.
    sign_test_p_value : float
        Two-sided p-value of the exact sign test, ties left out.
    wilcoxon_p_value : float
        Two-sided p-value of the Wilcoxon signed-rank test, ties left out.
    corrected : bool
        Whether the standard error allows for overlapping training sets.
    """

    mean_difference: float
    standard_error: float
    confidence_interval: tuple[float, float]
    confidence_level: float
    p_value: float
    n_splits: int
    n_wins: int
    n_ties: int
    n_losses: int
    sign_test_p_value: float
    wilcoxon_p_value: float
    corrected: bool

    def __repr__(self):
        low, high = self.confidence_interval
        how = "corrected" if self.corrected else "uncorrected"
        return (
            f"PairedComparison over {self.n_splits} splits\n"
            f"  a - b: {self.mean_difference:+.4f}, {100 * self.confidence_level:g} % "
            f"interval {low:+.4f} to {high:+.4f} ({how}), p={self.p_value:.2g}\n"
            f"  wins {self.n_wins}, ties {self.n_ties}, losses {self.n_losses}: "
            f"sign test p={self.sign_test_p_value:.2g}, "
            f"Wilcoxon p={self.wilcoxon_p_value:.2g}"
        )


def paired_comparison(
    scores_a, scores_b, *, n_train=None, n_test=None, confidence_level=0.95
):
    r"""Compare two methods that were scored on the same splits.

    The training sets of different splits share most of their samples, so the
    differences :math:`d_j` of :math:`J` splits are correlated and their spread
    understates the error of their mean. With the sizes of the parts, the variance is
    corrected after Nadeau and Bengio [1]_:

    .. math:: \mathrm{se}^2 = \left( \frac{1}{J} + \frac{n_\mathrm{test}}
        {n_\mathrm{train}} \right) \frac{1}{J - 1} \sum_j (d_j - \bar{d})^2

    and the interval is that of Student's t with :math:`J - 1` degrees of freedom.
    Without the sizes the second term of the sum is left out: right for independent
    training and test sets only, otherwise too narrow.

    Parameters
    ----------
    scores_a : array-like of shape (n_splits,)
        Scores of the first method, higher is better.

    scores_b : array-like of shape (n_splits,)
        Scores of the second method on the same splits.

    n_train : int or array-like of shape (n_splits,), default=None
        Number of training samples, of all or of each split.

    n_test : int or array-like of shape (n_splits,), default=None
        Number of test samples. Where sizes vary, the mean of their ratio counts.

    confidence_level : float, default=0.95
        Level of the interval, between 0 and 1.

    Returns
    -------
    comparison : PairedComparison
        With the attributes `mean_difference` (a - b), `standard_error`,
        `confidence_interval`, `p_value`, `n_wins`, `n_ties`, `n_losses`,
        `sign_test_p_value`, `wilcoxon_p_value` and `corrected`. Scores that agree to
        twelve digits are ties.

    Raises
    ------
    ValueError
        If the scores differ in number, are fewer than two or not finite, or if only
        one of the sizes is given.

    See Also
    --------
    bootstrap_difference_interval : For the queries of a single split.

    Notes
    -----
    Sign test and Wilcoxon test take the splits as independent, and are as optimistic
    as the uncorrected interval: read them as counts.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the generalization error", Machine
       Learning 52, 2003.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import paired_comparison
    >>> cca, kcca = [0.31, 0.35, 0.33, 0.30], [0.28, 0.33, 0.33, 0.26]
    >>> paired_comparison(cca, kcca, n_train=700, n_test=300)
    PairedComparison over 4 splits
      a - b: +0.0225, 95 % interval -0.0223 to +0.0673 (corrected), p=0.21
      wins 3, ties 1, losses 0: sign test p=0.25, Wilcoxon p=0.25
    """
    _check_level(confidence_level)
    a, b = _check_both(scores_a, scores_b)
    _check_same_length(a, b, "split")
    n_splits = a.size
    # What differs by rounding alone is a tie.
    difference = np.where(np.isclose(a, b, rtol=1e-12, atol=0), 0.0, a - b)
    ratio = _size_ratio(n_train, n_test, n_splits)
    mean = difference.mean()
    error = math.sqrt((1 / n_splits + ratio) * difference.var(ddof=1))
    t = stats.t(n_splits - 1)
    half = t.ppf((1 + confidence_level) / 2) * error
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    sign_test, wilcoxon = 1.0, 1.0
    if wins + losses:
        sign_test = float(stats.binomtest(wins, wins + losses).pvalue)
        wilcoxon = float(stats.wilcoxon(difference[difference != 0]).pvalue)
    return PairedComparison(
        mean_difference=float(mean),
        standard_error=float(error),
        confidence_interval=(float(mean - half), float(mean + half)),
        confidence_level=float(confidence_level),
        p_value=float(2 * t.sf(abs(mean) / error)) if error else float(mean == 0),
        n_splits=n_splits,
        n_wins=wins,
        n_ties=n_splits - wins - losses,
        n_losses=losses,
        sign_test_p_value=sign_test,
        wilcoxon_p_value=wilcoxon,
        corrected=n_train is not None,
    )


@dataclass(frozen=True, repr=False)
class BootstrapInterval(_Statistic):
    """Result of `bootstrap_score_interval`.

    Attributes
    ----------
    mean : float
        Mean over queries.
    standard_error : float
        Standard deviation of the resampled means.
    confidence_interval : tuple of two float
        Lower and upper end.
    confidence_level : float
        How often intervals that are made this way hold the true mean.
    n_queries : int
        Number of queries.
    """

    mean: float
    standard_error: float
    confidence_interval: tuple[float, float]
    confidence_level: float
    n_queries: int

    def __repr__(self):
        low, high = self.confidence_interval
        return (
            f"BootstrapInterval({self.mean:.4f} +- {self.standard_error:.4f}, "
            f"{100 * self.confidence_level:g} % interval [{low:.4f}, {high:.4f}] over "
            f"{self.n_queries} queries)"
        )


def bootstrap_score_interval(
    scores_per_query,
    *,
    confidence_level=0.95,
    n_resamples=2000,
    method="BCa",
    random_state=None,
):
    """Bootstrap the mean score over the queries of one split.

    Queries are drawn with replacement and their scores averaged, which shows how far
    the mean would move with other queries [1]_. The fitted model and the gallery stay
    as they are: for the spread over training sets, use several splits.

    Parameters
    ----------
    scores_per_query : array-like of shape (n_queries,)
        One score per query, as from ``retrieval_score(..., average=False)``.

    confidence_level : float, default=0.95
        Level of the interval, between 0 and 1.

    n_resamples : int, default=2000
        Number of resamples.

    method : {"BCa", "percentile", "basic"}, default="BCa"
        Kind of interval, see :func:`scipy.stats.bootstrap`. "BCa" corrects for bias
        and skewness; its time grows with the square of the number of queries.

    random_state : int, RandomState instance or None, default=None
        Decides the resamples.

    Returns
    -------
    interval : BootstrapInterval
        With the attributes `mean`, `standard_error`, `confidence_interval`,
        `confidence_level` and `n_queries`.

    Raises
    ------
    ValueError
        If there are fewer than two scores, or one is not finite.

    See Also
    --------
    bootstrap_difference_interval : Two methods on the same queries.
    paired_comparison : Two methods on several splits.

    Notes
    -----
    The interval takes queries as independent. Queries of one class tend to succeed or
    fail together; with few classes it is too narrow for a statement about others.

    References
    ----------
    .. [1] Efron and Tibshirani, "An introduction to the bootstrap", Chapman and Hall,
       1993.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import bootstrap_score_interval
    >>> interval = bootstrap_score_interval(
    ...     [0.2, 0.9, 0.4, 1.0, 0.6, 0.5, 0.1, 0.7], random_state=0
    ... )
    >>> round(interval.mean, 2)
    0.55
    >>> interval.n_queries
    8
    """
    scores = _check_scores(scores_per_query, "scores_per_query")
    return _bootstrap(scores, confidence_level, n_resamples, method, random_state)


def bootstrap_difference_interval(
    scores_a,
    scores_b,
    *,
    confidence_level=0.95,
    n_resamples=2000,
    method="BCa",
    random_state=None,
):
    """Bootstrap the mean difference of two methods over the same queries.

    Queries are drawn with replacement, each with both of its scores: what makes a
    query hard for both methods cancels. Otherwise as
    :func:`bootstrap_score_interval`.

    Parameters
    ----------
    scores_a : array-like of shape (n_queries,)
        One score per query of the first method.

    scores_b : array-like of shape (n_queries,)
        Scores of the second method for the same queries.

    confidence_level : float, default=0.95
        Level of the interval, between 0 and 1.

    n_resamples : int, default=2000
        Number of resamples.

    method : {"BCa", "percentile", "basic"}, default="BCa"
        Kind of interval, see :func:`scipy.stats.bootstrap`.

    random_state : int, RandomState instance or None, default=None
        Decides the resamples.

    Returns
    -------
    interval : BootstrapInterval
        Of the mean of a - b.

    Raises
    ------
    ValueError
        If the scores differ in number, are fewer than two or not finite.

    See Also
    --------
    paired_comparison : Two methods on several splits.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import bootstrap_difference_interval
    >>> interval = bootstrap_difference_interval(
    ...     [0.3, 0.9, 0.5, 1.0, 0.8], [0.2, 0.9, 0.4, 0.7, 0.7], random_state=0
    ... )
    >>> round(interval.mean, 2)
    0.12
    """
    a, b = _check_both(scores_a, scores_b)
    _check_same_length(a, b, "query")
    return _bootstrap(a - b, confidence_level, n_resamples, method, random_state)


def _bootstrap(scores, confidence_level, n_resamples, method, random_state):
    """Bootstrap the mean of validated scores."""
    _check_level(confidence_level)
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(
            f"n_resamples must be an integer of at least 1. Got {n_resamples!r}."
        )
    if method not in ("BCa", "percentile", "basic"):
        raise ValueError(
            f"method must be 'BCa', 'percentile' or 'basic'. Got {method!r}."
        )
    mean = float(scores.mean())
    error, interval = 0.0, (mean, mean)
    if np.ptp(scores) > 0:  # scipy refuses data without spread
        result = stats.bootstrap(
            (scores,),
            np.mean,
            n_resamples=n_resamples,
            confidence_level=confidence_level,
            method=method,
            batch=max(1, _BLOCK // scores.size),
            random_state=check_seed(random_state),
        )
        error = float(result.standard_error)
        low, high = result.confidence_interval
        interval = (float(low), float(high))
    return BootstrapInterval(
        mean, error, interval, float(confidence_level), scores.size
    )


def _check_level(confidence_level):
    if not isinstance(confidence_level, Real) or not 0 < float(confidence_level) < 1:
        raise ValueError(
            f"confidence_level must lie between 0 and 1. Got {confidence_level!r}."
        )


def _check_both(scores_a, scores_b):
    names = ("scores_a", "scores_b")
    check_same_index(scores_a, scores_b, names)
    return _check_scores(scores_a, names[0]), _check_scores(scores_b, names[1])


def _check_scores(scores, name):
    """Validate one score per split or query."""
    scores = check_numbers(
        scores,
        name,
        ensure_2d=False,
        ensure_all_finite=False,
        ensure_min_samples=0,
        dtype=np.float64,
    )
    if scores.ndim != 1:
        raise ValueError(f"{name} must be 1-D. Got shape {scores.shape}.")
    if scores.size < 2:
        raise ValueError(f"{name} must hold at least 2 scores. Got {scores.size}.")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise ValueError(
            f"{name} must be finite. Got {bad.size} values of NaN or infinity, the "
            f"first in place {bad[0]}. Drop these places, in both methods alike."
        )
    return scores


def _check_same_length(a, b, what):
    if a.size != b.size:
        raise ValueError(
            f"scores_a and scores_b must hold one score per {what}, the same in both. "
            f"Got {a.size} and {b.size} scores."
        )


def _size_ratio(n_train, n_test, n_splits):
    """Mean of n_test / n_train, 0 where the sizes are not known."""
    if n_train is None and n_test is None:
        return 0.0
    if n_train is None or n_test is None:
        raise ValueError(
            "n_train and n_test must be given together, or neither of them. Got "
            f"n_train={n_train!r} and n_test={n_test!r}."
        )
    sizes = {}
    for name, size in (("n_train", n_train), ("n_test", n_test)):
        sizes[name] = size = check_numbers(
            size, name, dtype=np.float64, ensure_2d=False, ensure_min_samples=0
        )
        if size.shape not in ((), (n_splits,)) or not (size > 0).all():
            raise ValueError(
                f"{name} must be a positive number, or one for each of {n_splits} "
                f"splits. Got {size.tolist()}."
            )
    return float(np.mean(sizes["n_test"] / sizes["n_train"]))
