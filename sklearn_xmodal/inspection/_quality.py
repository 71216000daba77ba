"""How likely the halves of a pair belong together, from cosines."""

import warnings

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from sklearn_xmodal.inspection._rows import same_rows
from sklearn_xmodal.metrics._engine import check_groups, check_pairs
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._unit import to_unit_length

# Items that every pair is compared with: a million wrong pairs are known from them.
_N_OTHERS = 1000
# Nearest ones of these whose cosines an own cosine has to stand out from, as in CSLS.
_N_NEAREST = 10
# Values that differ by less are equal, but for rounding.
_ROUNDING = 1e-12
# Quantile of N(0, 1): what chance exceeds once in a hundred times.
SURELY = 2.33
# Steps of the mixture's fit, which mostly ends after some dozens.
_MOST_STEPS = 2000
# Least share of either component.
_TINY = 1e-12
# Least spread of right pairs, half that of wrong ones: where nearly all right ones are
# above all wrong ones, their scores pile up there, and the others are no outliers.
_NARROWEST = 0.5
# The most that right pairs may spread where there are no wrong ones, and their furthest
# mean.
_WIDEST = 1.5
_FURTHEST = 20.0


def pair_quality(Z_img, Z_txt, *, groups=None):
    r"""Probability of each pair that its halves belong together.

    The cosine of an image and a text says little by itself: it depends on how crowded
    the space is around both. So it is taken relative to the cosines with the nearest
    others, as CSLS [1]_ does,

    .. math:: t_{ij} = \cos(v_i, t_j) - r(v_i) / 2 - r(t_j) / 2,

    where r is the mean cosine with the ten nearest items of the other modality. How
    :math:`t_{ij}` is distributed where the halves do *not* belong together is known:
    any image with the text of another pair is such a case. Brought to a standard normal
    distribution by that, the own values of all pairs are a mixture of N(0, 1), pairs
    that do not match, and N(m, s) with s from 0.5 to 1, pairs that do. The shares, m
    and s are fitted by maximum likelihood, and the probability is that of the second.

    Codes have to be of pairs that their encoder was not fitted to, or nearly every pair
    looks right: :class:`MismatchedPairDetector` does that.

    Parameters
    ----------
    Z_img : array-like of shape (n_pairs, n_components)
        Image codes.

    Z_txt : array-like of shape (n_pairs, n_components)
        Text codes of the same pairs.

    groups : array-like of shape (n_pairs,), default=None
        Ids of what is the same thing, such as several drawings of it: pairs of one
        group are not taken for wrong pairs of each other. Pairs with equal codes of
        images or of texts never are.

    Returns
    -------
    quality : ndarray of shape (n_pairs,)
        Between 0 and 1; 0.5 of a pair without others to compare it with. Where own
        cosines are no higher than those of wrong pairs, 0.5 throughout, with a warning.

    Raises
    ------
    ValueError
        If the codes are not finite matrices of one shape, or no pair has others to be
        compared with.

    See Also
    --------
    MismatchedPairDetector : The same from features, out of sample.
    diagnose : Says which pairs look mismatched, among other things.

    Notes
    -----
    Each pair is compared with at most 1,000 others, taken at equal distances, so the
    cost is linear in the number of pairs. A mixture of which no component is known, as
    :class:`~sklearn.mixture.GaussianMixture` fits it, splits the right pairs into two
    halves where all are right; and a second component of any variance swallows a fifth
    of wrong pairs where codes are weak.

    References
    ----------
    .. [1] A. Conneau, G. Lample, M. Ranzato, L. Denoyer, H. Jegou, "Word translation
       without parallel data", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.inspection import pair_quality
    >>> rng = np.random.default_rng(0)
    >>> Z_img = rng.normal(size=(200, 8))
    >>> Z_txt = Z_img + 0.3 * rng.normal(size=(200, 8))
    >>> Z_txt[[3, 150]] = Z_txt[[150, 3]]
    >>> np.flatnonzero(pair_quality(Z_img, Z_txt) < 0.5)
    array([  3, 150])
    """
    return belonging(pair_scores(Z_img, Z_txt, groups=groups))


def pair_scores(Z_img, Z_txt, *, groups=None):
    """Own values t, brought to N(0, 1) of wrong pairs, (n_pairs,).

    NaN where there is no other pair to compare with.
    """
    Z_img, Z_txt = check_pairs(Z_img, Z_txt)
    n = len(Z_img)
    sides = [to_unit_length(Z.astype(np.float64)) for Z in (Z_img, Z_txt)]
    items = [same_rows(Z) for Z in (Z_img, Z_txt)]
    if groups is not None:
        items.append(check_groups(groups, n, "groups").items)
    others = np.unique(np.linspace(0, n - 1, min(n, _N_OTHERS)).astype(int))
    nearness = np.empty((2, n))
    for rows in row_blocks(n, 2 * len(others), 2**22):
        same = _any_same(items, rows, others)
        for side in (0, 1):
            cosines = sides[side][rows] @ sides[1 - side][others].T
            nearness[side, rows] = _nearness(cosines, same)
    own = np.einsum("ij,ij->i", *sides) - nearness.mean(axis=0)
    image, text = nearness[:, others] / 2
    wrong = sides[0][others] @ sides[1][others].T - image[:, None] - text
    wrong = np.sort(wrong[~_any_same(items, others, others)])
    return np.where(np.isnan(own), np.nan, _normal_scores(own, wrong))


def _any_same(items, rows, others):
    """Which pairs share anything, (n_rows, n_others)."""
    return np.any([ids[rows][:, None] == ids[others] for ids in items], axis=0)


def _nearness(cosines, same):
    """Mean cosine with the nearest of those that share nothing, NaN where none is."""
    cosines = np.where(same, -np.inf, cosines)
    k = min(_N_NEAREST, cosines.shape[1])
    nearest = -np.partition(-cosines, k - 1, axis=1)[:, :k]
    n_found = np.isfinite(nearest).sum(axis=1)
    total = np.where(np.isfinite(nearest), nearest, 0).sum(axis=1)
    return np.where(n_found, total / np.maximum(n_found, 1), np.nan)


def _normal_scores(values, wrong):
    """Quantiles of N(0, 1) at which values lie among sorted ones of wrong pairs."""
    # The middle of those that are equal, but for rounding.
    n_below = np.searchsorted(wrong, values - _ROUNDING, side="left")
    n_below = (n_below + np.searchsorted(wrong, values + _ROUNDING, side="right")) / 2
    return norm.ppf((n_below + 0.5) / (len(wrong) + 1))


def tell_apart(scores):
    """Whether own values of pairs are above those of wrong ones, with 99 %."""
    return scores.mean() * np.sqrt(len(scores)) > SURELY


def belonging(scores):
    """Probabilities of the second component of the mixture, (n_pairs,).

    0.5 of pairs without a score, and throughout, with a warning, where nothing can be
    told; a ValueError where no pair has a score.
    """
    known = np.isfinite(scores)
    if not known.any():
        raise ValueError(
            "Pairs must have others to be compared with, which share neither their "
            f"image nor their text nor their group. Got none for any of {len(scores)}."
        )
    quality = np.full(len(scores), 0.5)
    if tell_apart(scores[known]):
        quality[known] = fit_mixture(scores[known])[0]
    else:
        warnings.warn(
            "Own cosines of pairs are no higher than those of wrong pairs, so nothing "
            "can be said of single pairs: all get the quality 0.5. Either the codes "
            "tell nothing, or the rows of one modality are in another order.",
            UserWarning,
            stacklevel=3,
        )
    return quality


def fit_mixture(scores):
    """Fit a share of N(0, 1) and the rest of N(m, s): probabilities, share, m, s."""
    share, mean, spread = 0.2, max(scores.mean(), 1.0), 1.0
    for _ in range(_MOST_STEPS):
        before = share, mean, spread
        # Beyond the highest ratio of both densities pairs match as well as there.
        peak = mean / (1 - spread**2) if spread < 1 else np.inf
        at = np.minimum(scores, peak)
        ratio = norm.logpdf(at, mean, spread) - norm.logpdf(at)
        quality = expit(ratio + np.log1p(-share) - np.log(share))
        share = np.clip(1 - quality.mean(), _TINY, 1 - _TINY)
        mean = (quality @ scores) / quality.sum()
        spread = np.sqrt(quality @ (scores - mean) ** 2 / quality.sum())
        spread = np.clip(spread, _NARROWEST, 1.0)
        if np.allclose(before, (share, mean, spread), rtol=0, atol=1e-7):
            break
    return quality, float(share), float(mean), float(spread)


def log_evidence(scores, mixture):
    """Return how much more likely scores are with wrong pairs among them, as a log.

    Without, they are of one normal distribution, which may be wider. How far above the
    wrong pairs a score is, is known up to the last ten of these, and censored beyond.
    """
    m = min(len(scores), _N_OTHERS)
    end = norm.isf(_N_NEAREST / (m * (m - 1) + 1))
    inside, n_beyond = scores[scores < end], np.count_nonzero(scores >= end)

    def loss(values):
        share, mean, spread = values
        within, beyond = (
            norm.logpdf(inside, mean, spread),
            norm.logsf(end, mean, spread),
        )
        if share:
            wrong, right = np.log(share), np.log1p(-share)
            within = np.logaddexp(wrong + norm.logpdf(inside), right + within)
            beyond = np.logaddexp(wrong + norm.logsf(end), right + beyond)
        return -(within.sum() + n_beyond * beyond)

    _, share, mean, spread = mixture
    start, means = max(share, 1e-6), (0.0, _FURTHEST)
    both = minimize(
        loss,
        (start, mean, spread),
        bounds=((1e-9, 0.9), means, (_NARROWEST, 1.0)),
        method="Nelder-Mead",
    )
    one = minimize(
        lambda values: loss((0.0, *values)),
        (scores.mean(), min(max(scores.std(), _NARROWEST), _WIDEST)),
        bounds=(means, (_NARROWEST, _WIDEST)),
        method="Nelder-Mead",
    )
    return float(one.fun - both.fun)
