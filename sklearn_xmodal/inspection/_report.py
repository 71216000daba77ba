"""The report of a diagnosis: text, table and figure."""

from html import escape
from typing import Any

import numpy as np
from scipy.stats import norm

from sklearn_xmodal.inspection._case import MODALITIES
from sklearn_xmodal.inspection._findings import spectrum
from sklearn_xmodal.utils._frames import as_frame
from sklearn_xmodal.utils._html import table
from sklearn_xmodal.utils._optional import check_matplotlib

_IMAGE, _TEXT, _OTHER, _GREY = "#0072B2", "#D55E00", "#009E73", "#888888"
_UNKNOWN = (
    "Mismatched pairs unknown: own pairs do not stand out from others, so it cannot be "
    "told which belong together."
)
# Cosines of a histogram.
_MOST_SHOWN = 100_000


class Diagnosis:
    """What :func:`diagnose` found: findings, measures, and how they look.

    ``print(diagnosis)`` shows the text.

    Attributes
    ----------
    findings : list of Finding
        What is wrong, the most severe first; empty where nothing is.

    measures : dict of str to tuple of two float
        Every measure, beside what it would be if nothing were wrong; of mean average
        precision, beside what it seldom is with one modality in a random order. The
        number of mismatched pairs is NaN, "unknown" in the text, where own pairs do not
        stand out from others.

    pair_quality : ndarray of shape (n_pairs,)
        As by :func:`pair_quality`, by the codes or, where it tells pairs apart better,
        by the cosine of the features. `None` where neither does.

    See Also
    --------
    diagnose : What returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.inspection import diagnose
    >>> Z_img = np.random.default_rng(0).normal(size=(100, 8))
    >>> diagnosis = diagnose(Z_img, Z_img + 3 * np.eye(8)[0])
    >>> diagnosis.findings[0].advice
    'CosineRetriever(center=True).fit(X_img, X_txt)'
    """

    findings: list
    measures: dict
    pair_quality: Any
    _title: str
    _drawn: dict

    @classmethod
    def _of(cls, case, findings, measures):
        """Keep what was found, and the few numbers of the case that are drawn."""
        self = cls()
        self.findings = findings
        self.measures = {m.name: (m.value, m.reference) for m in measures}
        self.pair_quality = None if case.mixture is None else case.mixture[0]
        self._title = f"{case.n} pairs, codes of width {case.codes[0].shape[1]}"
        self._drawn = _drawn_of(case, self.measures)
        return self

    def __str__(self):
        found = [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        width = max(map(len, self.measures))
        rows = [("", "value", "reference")]
        rows += [(n, _number(v), _number(r)) for n, (v, r) in self.measures.items()]
        table = [f"{n.ljust(width)}  {v:>9}  {r:>9}" for n, v, r in rows]
        found = found or ["Nothing found."]
        parts = [self._title, "\n".join(found), "\n".join(table), self._unknown]
        return "\n\n".join(filter(None, parts))

    @property
    def _unknown(self):
        """What an unknown number of mismatched pairs means, empty where it is known."""
        return "" if np.isfinite(self.measures["mismatched pairs"][0]) else _UNKNOWN

    def __repr__(self):
        names = ", ".join(repr(finding.name) for finding in self.findings)
        return f"Diagnosis([{names}])"

    def to_frame(self):
        """Return the measures as a table.

        Returns
        -------
        frame : pandas.DataFrame of shape (n_measures, 2)
            Columns "value" and "reference", the measures as index.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return as_frame(
            list(self.measures.values()),
            "Diagnosis.to_frame",
            index=list(self.measures),
            columns=["value", "reference"],
        )

    def _repr_html_(self):
        found = "".join(f"<li>{escape(str(finding))}</li>" for finding in self.findings)
        rows = [(n, _number(v), _number(r)) for n, (v, r) in self.measures.items()]
        measures = table(["measure", "value", "reference"], rows)
        return (
            f"<p><strong>{escape(self._title)}</strong></p>"
            f"{f'<ol>{found}</ol>' if found else '<p>Nothing found.</p>'}"
            f"<details><summary>Measures</summary>{measures}"
            f"{escape(self._unknown)}</details>"
        )

    def plot(self, figure=None):
        """Draw cosines, scores of pairs, singular values and retrieval scores.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw, a new figure if `None`.

        Returns
        -------
        figure : matplotlib Figure or SubFigure
            With four axes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("Diagnosis.plot")
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(9, 6.5), layout="constrained")
        axes = figure.subplots(2, 2)
        _draw_cosines(axes[0, 0], self._drawn)
        _draw_pair_scores(axes[0, 1], self._drawn)
        _draw_spectra(axes[1, 0], self._drawn)
        _draw_precision(axes[1, 1], self._drawn)
        figure.suptitle(
            "; ".join(finding.name for finding in self.findings) or "nothing found"
        )
        return figure


def _number(value):
    if not np.isfinite(value):
        return "unknown"
    return f"{value:d}" if isinstance(value, int) else f"{value:.3f}"


def _drawn_of(case, measures):
    """Keep the few numbers that a figure shows."""
    cosines = case.cosines()
    wrong = ~np.eye(len(cosines), dtype=bool)
    step = max(1, wrong.sum() // _MOST_SHOWN)
    within = [units[case.rows] @ units[case.rows].T for units in case.units]
    names = ("", ", CSLS", ", raw cosine")
    found = {n: measures.get(f"mean average precision{n}") for n in names}
    bars = {"chance": found[""][1], "codes": found[""][0]}
    bars |= {n[2:]: found[n][0] for n in names[1:] if found[n] is not None}
    return {
        "own": np.diag(cosines),
        "wrong": cosines[wrong][::step],
        "within": [c[wrong][::step] for c in within],
        "pair_scores": case.pair_scores,
        "mixture": None if case.mixture is None else case.mixture[1:],
        "spectra": [spectrum(units[case.rows]) for units in case.units],
        "bars": bars,
    }


def _draw_cosines(ax, drawn):
    """Cosines of pairs, of wrong pairs, and within each modality."""
    values = [drawn["own"], drawn["wrong"], *drawn["within"]]
    names = ["own pair", "wrong pairs", "two images", "two texts"]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    bins = np.linspace(low - 1e-6, high + 1e-6, 41)
    for v, name, colour in zip(
        values, names, (_OTHER, _GREY, _IMAGE, _TEXT), strict=True
    ):
        ax.hist(
            v, bins, density=True, histtype="step", lw=1.6, color=colour, label=name
        )
    ax.set(xlabel="cosine", yticks=[], title="Cosines")
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.legend(frameon=False, fontsize="small", ncols=2, loc="upper left")


def _draw_pair_scores(ax, drawn):
    """Scores of pairs beside what wrong pairs would have."""
    scores, mixture = drawn["pair_scores"], drawn["mixture"]
    bins = np.linspace(min(-3, scores.min()), scores.max() + 0.5, 41)
    ax.hist(scores, bins, color=_GREY, alpha=0.5, label="pairs")
    x = np.linspace(bins[0], bins[-1], 200)
    unit = len(scores) * (bins[1] - bins[0])
    share = 1.0 if mixture is None else mixture[0]
    wrong = unit * share * norm.pdf(x)
    ax.plot(x, wrong, color=_TEXT, label=f"wrong pairs, {share:.0%}")
    if mixture is not None:
        right = unit * (1 - share) * norm.pdf(x, *mixture[1:])
        ax.plot(x, right, color=_OTHER, label="right pairs")
    ax.set_yscale("log")  # a few wrong pairs are to be seen
    ax.set_ylim(0.3, 2 * len(scores))
    ax.set(xlabel="score of a pair", ylabel="pairs", title="Do halves belong together?")
    ax.legend(frameon=False, fontsize="small", loc="upper left")


def _draw_spectra(ax, drawn):
    """Singular values relative to the largest."""
    for modality, values, colour in zip(
        MODALITIES, drawn["spectra"], (_IMAGE, _TEXT), strict=True
    ):
        top = values[0] if values[0] > 0 else 1.0
        ax.plot(1 + np.arange(len(values)), values / top, color=colour, label=modality)
    ax.set(xlabel="direction", ylabel="singular value", title="How many directions")
    ax.set_ylim(0, 1.05)
    ax.legend(frameon=False, fontsize="small")


def _draw_precision(ax, drawn):
    """Draw retrieval scores side by side."""
    names, heights = list(drawn["bars"]), list(drawn["bars"].values())
    colours = [_GREY, _IMAGE, _OTHER, _TEXT][: len(names)]
    bars = ax.bar(names, heights, color=colours)
    ax.bar_label(bars, fmt="%.2f", padding=2)
    ax.set_ylim(0, 1.12 * max(*heights, 0.01))
    ax.set(ylabel="mean average precision", title="Retrieval")
