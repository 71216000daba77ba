"""Each thing that may be wrong: how it is measured, and when it is said.

A check takes a `Case` and returns its measures and its finding, or None. Where a null
distribution is known, it decides; a gain has to be more than `WORTH`, with 99 %.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import skew, t

from sklearn_xmodal.inspection._case import MODALITIES, K, surely_higher
from sklearn_xmodal.inspection._quality import SURELY, log_evidence
from sklearn_xmodal.inspection._rows import same_rows
from sklearn_xmodal.metrics import k_occurrence_skewness
from sklearn_xmodal.utils._unit import to_unit_length

# The least gain of a score that is worth a line.
WORTH = 0.01
# Part of the pairs that are called mismatched that may be right, and the odds of there
# being any: what chance does once in a hundred times.
_FALSE_SHARE = 0.1
_ODDS = np.log(100)
# Draws of a permutation, of which none may be as high.
_N_SWAPS = 99
# Galleries of normal draws.
_N_GALLERIES = 10
_SHOWN = 12
# Scores in single precision differ by less.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Parameters
    ----------
    name : str
        What it is: "collapsed rank", "constant columns", "not of one joint model",
        "no better than chance", "same items on both sides of the split", "mismatched
        pairs", "worse than the raw cosine", "modality gap", "hubness" or "repeated
        items".

    severity : float
        From 0 to 1: the part of the pairs or columns concerned, or what a score would
        gain without it.

    message : str
        What was measured, in words.

    advice : str
        What to do: a line of code.

    rows : sequence, default=()
        Rows of the pairs concerned; of items on both sides of a split, pairs of rows:
        here, and in the training part.

    Examples
    --------
    >>> from sklearn_xmodal.inspection import Finding
    >>> print(Finding("hubness", 0.05, "Few texts are near all.", "hubness='csls'"))
    hubness (0.05): Few texts are near all.
        hubness='csls'
    """

    name: str
    severity: float
    message: str
    advice: str
    rows: Any = ()

    def __str__(self):
        return f"{self.name} ({self.severity:.2f}): {self.message}\n    {self.advice}"


@dataclass(frozen=True)
class Measure:
    """One number, and what it would be if nothing were wrong."""

    name: str
    value: float
    reference: float


def check_rank(case):
    """Effective ranks of centred unit codes (Roy and Vetterli, 2007)."""
    width = case.codes[0].shape[1]
    values = [spectrum(units[case.rows]) for units in case.units]
    ranks = [effective_rank(v) for v in values]
    # Of the variance, in which noise of many directions does not add up.
    used = [effective_rank(v**2) for v in values]
    measures = [
        Measure(f"effective rank of {m} codes{what}", rank, width)
        for what, found in (("", ranks), (", by variance", used))
        for m, rank in zip(MODALITIES, found, strict=True)
    ]
    needed = _rank_needed(case.n_apart)
    worst = int(np.argmin(used))
    # What is narrow itself has not collapsed.
    if used[worst] >= min(needed, width / 2):
        return measures, None
    return measures, Finding(
        "collapsed rank",
        1.0,
        f"the variance of {MODALITIES[worst]} codes of width {width} has an effective "
        f"rank of {used[worst]:.1f}: too few directions to tell {case.n_apart} "
        f"{'pairs' if case.y is None else 'classes'} apart, which takes {needed:.1f}.",
        "CCARetriever(alpha=1.0).fit(X_train_img, X_train_txt)  # does not collapse",
    )


def _rank_needed(n_apart):
    """Directions that tell so many apart if each has eight steps.

    Two classes may lie on a line, whose cosines are 1 and -1, but not three.
    """
    return max(np.log2(n_apart) / 3, 1.5 if n_apart > 2 else 1.0)


def spectrum(units):
    """Singular values of centred codes, descending."""
    centred = units - units.mean(axis=0)
    gram = centred @ centred.T if len(centred) < centred.shape[1] else None
    gram = centred.T @ centred if gram is None else gram
    return np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1], 0))


def effective_rank(values):
    """Exponential of the entropy of singular values, 0 of none."""
    total = values.sum()
    if total <= 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def check_constant(case):
    """Columns of codes that never change, but for rounding."""
    measures, found = [], {}
    for modality, Z in zip(MODALITIES, case.codes, strict=True):
        rounding = 8 * np.finfo(Z.dtype).eps * np.abs(Z).max(axis=0)
        (columns,) = np.nonzero(np.ptp(Z, axis=0) <= rounding)
        measures.append(Measure(f"constant {modality} columns", len(columns), 0))
        if len(columns):
            found[modality] = columns
    if not found:
        return measures, None
    share = max(len(c) for c in found.values()) / case.codes[0].shape[1]
    words = " and ".join(
        f"columns {_list(columns)} of {modality} codes"
        for modality, columns in found.items()
    )
    return measures, Finding(
        "constant columns",
        share,
        f"{words} are the same for all pairs and tell nothing.",
        "ModalityTransformer(image=VarianceThreshold(), text=VarianceThreshold())",
    )


def check_spaces(case):
    """Whether both modalities are vectors of one joint model."""
    cosine, by_chance, are_two = case.spaces
    measures = [Measure("cosine of pairs, both sides centred", cosine, by_chance)]
    if not are_two:
        return measures, None
    width = case.codes[0].shape[1]
    return measures, Finding(
        "not of one joint model",
        1.0,
        "halves of pairs are related, but not by the same coordinates: the mean cosine "
        f"of pairs, both sides centred, is {cosine:.3f}, and with one side turned at "
        f"random it is above {by_chance:.3f} once in ten times. So cosines across say "
        f"nothing, though both sides have {width} columns.",
        "CCARetriever(alpha=1.0).fit(X_train_img, X_train_txt)  # learns a space",
    )


def check_chance(case):
    """Whether retrieval is better than in a random order of one modality."""
    score, (mean, highest) = np.nanmean(case.own_precision), case.random_orders
    measures = [Measure("mean average precision", score, highest)]
    if score > highest + _ROUNDING or case.spaces[2]:  # which is the cause
        return measures, None
    return measures, Finding(
        "no better than chance",
        1.0,
        f"mean average precision is {score:.3f}; with one modality in a random order "
        f"it is {mean:.3f} on average, and seldom above {highest:.3f}. Nothing was "
        "learnt, or the rows of one modality are in another order.",
        "X_txt.loc[X_img.index]  # bring rows into one order by their ids",
    )


def check_split(case):
    """Items that are in the training part, too."""
    if case.train is None:
        return [], None
    sources = case.row_sources(case.codes, case.features)
    known = case.row_sources(*case.train)
    repeats = [_repeats(a, b) for a, b in zip(known, sources, strict=True)]
    measures = [
        Measure(f"{m}s that the training part has, too", len(found), 0)
        for m, found in zip(MODALITIES, repeats, strict=True)
    ]
    images, texts = repeats
    if not images and not texts:
        return measures, None
    # Texts that many share, such as tags, repeat without harm.
    concerned = images or {row: texts[row] for row in texts}
    severity = len(images) / case.n if images else 0.0
    what = "picture" if images else "text"
    row, other = next(iter(concerned.items()))
    return measures, Finding(
        "same items on both sides of the split",
        severity,
        f"{len(images)} of {case.n} pictures and {len(texts)} texts are in the "
        f"training part, too: row {row} here and row {other} there are the same "
        f"{what}.",
        "GroupShuffleSplit(1).split(X_img, groups=picture_ids)",
        [(int(a), int(b)) for a, b in concerned.items()],
    )


def _repeats(known, rows):
    """Row here -> row of the training part that is the same."""
    n = known.shape[0]
    is_sparse = sparse.issparse(known) or sparse.issparse(rows)
    stack = sparse.vstack if is_sparse else np.vstack
    numbers = same_rows(stack([known, rows]))
    return {i: int(k) for i, k in enumerate(numbers[n:]) if k < n}


def check_pairs_match(case):
    """Pairs whose halves do not belong together, see `pair_quality`."""
    # Codes in two directions hold chance neighbours of any pair.
    # Where right pairs are no further out than one wrong pair in a hundred, as by codes
    # that know classes alone, those that fail look like wrong ones.
    is_known = case.mixture is not None and case.mixture[2] > SURELY
    if not is_known or check_rank(case)[1] is not None:
        return [Measure("mismatched pairs", np.nan, 0)], None
    quality = case.mixture[0]
    order = np.argsort(quality, kind="stable")
    expected = np.cumsum(quality[order]) / np.arange(1, case.n + 1)
    n_found = int(np.searchsorted(expected, _FALSE_SHARE, side="right"))
    # An exchange takes two; a single pair that stands out is in many a clean set.
    is_clear = n_found > 1 and log_evidence(case.pair_scores, case.mixture) > _ODDS
    measures = [Measure("mismatched pairs", n_found if is_clear else 0, 0)]
    if not is_clear:
        return measures, None
    rows = np.sort(order[:n_found])
    return measures, Finding(
        "mismatched pairs",
        n_found / case.n,
        f"{n_found} of {case.n} pairs look swapped, at most a tenth of them wrongly "
        f"named: rows {_list(rows)}.",
        "retriever.fit(X_img, X_txt, sample_weight="
        "MismatchedPairDetector().fit(X_img, X_txt).sample_weight_)",
        rows.tolist(),
    )


def check_raw(case):
    """Whether the cosine of the features is better than the retriever."""
    raw = case.raw_precision
    if raw is None:
        return [], None
    score = np.nanmean(case.own_precision)
    measures = [Measure("mean average precision, raw cosine", np.nanmean(raw), score)]
    gain, low = surely_higher(raw, case.own_precision)
    if low <= WORTH:
        return measures, None
    return measures, Finding(
        "worse than the raw cosine",
        gain,
        f"the cosine of the features as they are has a mean average precision of "
        f"{np.nanmean(raw):.3f}, the retriever {score:.3f}: it loses {gain:.2f}.",
        "CosineRetriever()  # or AdapterRetrieverCV(), which starts from there",
    )


def check_gap(case):
    """Distance of the means of both modalities (Liang et al., 2022)."""
    image, text = case.units
    difference = image - text
    gap = float(np.linalg.norm(difference.mean(axis=0)))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (_N_SWAPS, case.n))
    by_chance = np.linalg.norm(signs @ difference, axis=1).max() / case.n
    centre = difference.mean(axis=0) / 2
    found = _found_among_both(case, image, text)
    closed = _found_among_both(case, image - centre, text + centre)
    measures = [
        Measure("modality gap", gap, by_chance),
        Measure(
            f"other half in the first {K} of a mixed gallery", *_means(found, closed)
        ),
    ]
    gain, low = surely_higher(closed, found)
    if gap <= by_chance or low <= WORTH:
        return measures, None
    return measures, Finding(
        "modality gap",
        gain,
        f"images lie around one point and texts around another, {gap:.2f} apart (by "
        f"chance {by_chance:.2f}). In a gallery of both, the other half of a pair is "
        f"among the first {K} for {found.mean():.0%}; with the gap closed, for "
        f"{closed.mean():.0%}.",
        "CosineRetriever(center=True).fit(X_img, X_txt)",
    )


def _means(*values):
    return [float(np.nanmean(v)) for v in values]


def _found_among_both(case, image, text):
    """How often the other half is near among both modalities, per ranked pair."""
    rows, n = case.rows, len(case.rows)
    both = np.vstack([image[rows], text[rows]])
    both /= np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-300)
    cosines = both @ both.T
    # Neither the item itself, nor the same one of another pair.
    for side, ids in enumerate(case.items):
        block = slice(side * n, (side + 1) * n)
        cosines[block, block][ids[rows][:, None] == ids[rows]] = -np.inf
    other = np.roll(np.arange(2 * n), n)
    own = cosines[np.arange(2 * n), other]
    hits = (cosines > own[:, None]).sum(axis=1) < K
    return hits.reshape(2, n).mean(axis=0)


def check_hubs(case):
    """Few items near to many queries, and what CSLS gains."""
    k = min(K, len(case.rows) - 1)
    found = {}
    for direction, a in (("image to text", 0), ("text to image", 1)):
        query, gallery = (case.units[side][case.rows] for side in (a, 1 - a))
        skewness = k_occurrence_skewness(query, gallery, k=k)
        found[direction] = skewness, _usual_skewness(query, gallery, k)
    cosines = case.cosines()
    corrected = case.precision(
        cosines - _crowding(cosines), cosines.T - _crowding(cosines.T)
    )
    measures = [Measure(f"hubness, {d}", *values) for d, values in found.items()]
    both = _means(corrected, case.own_precision)
    measures.append(Measure("mean average precision, CSLS", *both))
    gain, low = surely_higher(corrected, case.own_precision)
    direction = max(found, key=lambda d: found[d][0] - found[d][1])
    skewness, usual = found[direction]
    by_chance = 1 / np.sqrt(k) + SURELY * np.sqrt(6 / len(case.rows))
    # Either the ranking suffers from it, or there are more hubs than usual.
    harms = low > WORTH and max(s for s, _ in found.values()) > by_chance
    if not harms and (skewness <= usual or gain <= 0):
        return measures, None
    return measures, Finding(
        "hubness",
        max(gain, 0.0),
        f"CSLS brings mean average precision from {both[1]:.3f} to {both[0]:.3f}. From "
        f"{direction} some items are near to many queries: the skewness of the "
        f"{k}-occurrence is {skewness:.1f} ({usual:.1f} among normally distributed "
        "codes of the same mean and variance).",
        f"RetrievalIndex(retriever, {_CORRECTED[direction]})",
    )


_CORRECTED = {
    "image to text": "text=X_txt, hubness='csls', hubness_queries=X_train_img",
    "text to image": "image=X_img, hubness='csls', hubness_queries=X_train_txt",
}


def _usual_skewness(query, gallery, k):
    """Bound of the skewness for a gallery of normal draws, of both directions 99 %."""
    rng = np.random.default_rng(0)
    mean, n = gallery.mean(axis=0), len(gallery)
    skews = []
    for _ in range(_N_GALLERIES):
        noise = rng.normal(size=(n, n)) @ (gallery - mean) / np.sqrt(n)
        cosines = query @ to_unit_length(mean + noise).T
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        counts = np.bincount(nearest.ravel(), minlength=n)
        skews.append(skew(counts) if np.ptp(counts) else 0.0)
    # Of one more draw, by Student's t.
    error = np.std(skews, ddof=1) * np.sqrt(1 + 1 / _N_GALLERIES)
    return float(np.mean(skews) + t.isf(0.005, _N_GALLERIES - 1) * error)


def _crowding(cosines):
    """Half the mean cosine of gallery items with near queries, (n_queries, n_gallery).

    Measured on the half of the queries that a query is not of, without the other half
    of the item's own pair, which no other item has.
    """
    cosines = cosines.copy()
    np.fill_diagonal(cosines, -np.inf)
    found = np.empty_like(cosines)
    for start in (0, 1):
        bank = cosines[1 - start :: 2]
        k = min(K, len(bank) - 1)
        nearest = -np.partition(-bank, k - 1, axis=0)[:k]
        found[start::2] = nearest.mean(axis=0) / 2
    return found


def check_repeats(case):
    """Pairs that share a picture or a text, where the partner is the only right one."""
    measures, shared = [], {}
    for modality, ids in zip(MODALITIES, case.items, strict=True):
        other = np.arange(case.n) if case.groups is None else case.groups
        rows = _shared(ids, other)
        measures.append(Measure(f"repeated {modality}s", len(rows), 0))
        if len(rows):
            shared[modality] = rows
    if case.y is not None or not shared:
        return measures, None
    modality = max(shared, key=lambda name: len(shared[name]))
    rows = shared[modality]
    ids = case.items[MODALITIES.index(modality)]
    same = np.flatnonzero(ids == ids[rows[0]])[:2]
    return measures, Finding(
        "repeated items",
        len(rows) / case.n,
        f"{len(rows)} of {case.n} pairs share their {modality} with others: rows "
        f"{_list(same)} are the same. As pairs count, what belongs to one is a wrong "
        "answer to the other.",
        "diagnose(..., groups=picture_ids)  # as in retrieval_report",
        rows.tolist(),
    )


def _shared(ids, groups):
    """Rows whose item is in another group, too."""
    pairs = np.unique(np.column_stack([ids, groups]), axis=0)
    items, n_groups = np.unique(pairs[:, 0], return_counts=True)
    return np.flatnonzero(np.isin(ids, items[n_groups > 1]))


def _list(rows):
    """Return the first rows as text."""
    shown = ", ".join(str(int(row)) for row in rows[:_SHOWN])
    return f"[{shown}{', ...' if len(rows) > _SHOWN else ''}]"


#: In the order in which equally severe ones are named: causes first.
CHECKS = (
    check_rank,
    check_constant,
    check_spaces,
    check_chance,
    check_split,
    check_pairs_match,
    check_raw,
    check_gap,
    check_hubs,
    check_repeats,
)
