"""Curves per direction, and precision against recall."""

import numpy as np

from sklearn_xmodal.metrics._curve import check_levels, mean_curve
from sklearn_xmodal.metrics._displays._base import (
    WORDS,
    RetrievalDisplay,
    check_matplotlib,
    ink,
)
from sklearn_xmodal.metrics._displays._names import legend_label
from sklearn_xmodal.metrics._engine._codes import CodePairs
from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._options import (
    DIRECTIONS,
    check_ranking_options,
    directions_of,
)
from sklearn_xmodal.metrics._engine._relevance import count_relevant
from sklearn_xmodal.metrics._engine._scoring import queries_to_rank

# What `direction` may be: curves have no mean, but both may stand in one picture.
DIRECTIONS_TO_DRAW = ("both", *DIRECTIONS)

_STYLES = {"image_to_text": ("-", "o"), "text_to_image": ("--", "s")}
_MOST_MARKERS = 30


class CurveDisplay(RetrievalDisplay):
    """One curve per direction: colour is the method, dash the direction."""

    precision: dict
    chance: float | None
    name: str | None

    @classmethod
    def _estimator_options(cls, estimator):
        return {"name": type(estimator).__name__}

    def _plot_curves(self, x, ax, name, plot_chance, options):
        ax = self._axes(ax)
        name = self.name if name is None else name
        for direction, precision in self.precision.items():
            dash, marker = _STYLES[direction]
            words = [name, WORDS[direction]] if name else [WORDS[direction]]
            style = {
                "linestyle": dash,
                "marker": marker if len(x) <= _MOST_MARKERS else None,
                "markersize": 4,
                "label": legend_label(", ".join(words), 60),
                **options,
            }
            (line,) = ax.plot(x, precision, **style)
            options = {"color": line.get_color(), **options}
        if plot_chance and self.chance is not None:
            self._plot_chance(ax)
        ax.set_ylim(bottom=0)
        ax.spines[["top", "right"]].set_visible(False)
        handles, labels = ax.get_legend_handles_labels()
        is_chance = [label.startswith("chance") for label in labels]
        chance_last = np.argsort(is_chance, kind="stable")
        ax.legend(
            [handles[i] for i in chance_last],
            [labels[i] for i in chance_last],
            frameon=False,
        )

    def _plot_chance(self, ax):
        label = f"chance ({self.chance:.2g})"
        # Another display in the same axes has the same chance level.
        if all(line.get_label() != label for line in ax.get_lines()):
            style = {"color": ink(ax), "linestyle": ":", "linewidth": 1}
            ax.axhline(self.chance, label=label, **style)


def share_relevant(relevance, zero_division):
    """Share of relevant items in the gallery, mean over queries."""
    queries = queries_to_rank(relevance, zero_division)
    n_relevant = count_relevant(relevance, queries).sum()
    n_queries, n_gallery = relevance.shape
    return mean_with_empty(
        n_relevant / n_gallery, queries.size, n_queries, zero_division
    )


def mean_with_empty(total, n_ranked, n_queries, zero_division):
    """Mean over queries; those without relevant items add `zero_division`, or NaN."""
    n_empty = n_queries - n_ranked
    if n_empty and not np.isnan(zero_division):
        return (total + n_empty * zero_division) / n_queries
    return total / n_ranked if n_ranked else total * np.nan


class RetrievalPrecisionRecallDisplay(CurveDisplay):
    """Precision-recall curves of retrieval, one per direction.

    The curves hold the interpolated precision at eleven levels of recall, averaged
    over queries: see :func:`retrieval_precision_recall_curve`. Use `from_estimator`
    or `from_predictions` to make one. Plot several in the same `ax` to compare
    methods: each has a colour, and each direction a line style.

    Parameters
    ----------
    precision : dict of str to ndarray of shape (n_levels,)
        Interpolated precision, under one or both of the keys "image_to_text" and
        "text_to_image".

    recall : ndarray of shape (n_levels,)
        Levels of recall.

    chance : float, default=None
        Share of relevant items in the gallery, the precision of a collapsed embedding
        at every level. A random ranking lies a little above, as interpolation takes
        the best cut-off.

    name : str, default=None
        Name of the method in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    PrecisionAtKDisplay : Precision against the cut-off.
    retrieval_precision_recall_curve : The numbers.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.metrics import RetrievalPrecisionRecallDisplay
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> cca = CCARetriever(2).fit(X_img, X_txt)
    >>> display = RetrievalPrecisionRecallDisplay.from_estimator(
    ...     cca, X_img, X_txt, y, ax=Figure().subplots()
    ... )
    >>> display.recall.round(1)
    array([0. , 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1. ])
    """

    def __init__(self, precision, recall, *, chance=None, name=None):
        self.precision = precision
        self.recall = recall
        self.chance = chance
        self.name = name

    @classmethod
    def from_predictions(
        cls,
        Z_img,
        Z_txt,
        y=None,
        *,
        groups=None,
        direction="both",
        recall_levels=None,
        zero_division="raise",
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compute the curves from codes and plot them.

        Parameters
        ----------
        Z_img : array-like of shape (n_samples, n_components)
            Image codes, compared by cosine similarity.

        Z_txt : array-like of shape (n_samples, n_components)
            Text codes of the same pairs.

        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels or a binary indicator. If `None`, only the other half of the same
            pair is relevant.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, each of which counts once, as in
            :func:`cross_modal_score`.

        direction : {"both", "image_to_text", "text_to_image"}, default="both"
            Modality of the queries and of the gallery.

        recall_levels : array-like of shape (n_levels,), default=None
            Levels between 0 and 1. By default the eleven points 0, 0.1, ..., 1.

        zero_division : {"raise", np.nan}, default="raise"
            Whether a query without relevant items is an error, or left out.

        name : str, default=None
            Name of the method in the legend, letter by letter: no mathematics.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : RetrievalPrecisionRecallDisplay
            The display, plotted.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_ranking_options(zero_division=zero_division, only_nan=True)
        levels = check_levels(recall_levels)
        pairs = CodePairs(Z_img, Z_txt, y, groups=groups)
        precision, shares = {}, []
        for way in directions_of(direction, DIRECTIONS_TO_DRAW):
            costs, relevance = CosineCosts(*pairs.codes[way]), pairs.relevance[way]
            precision[way] = mean_curve(costs, relevance, levels, zero_division)[0]
            shares.append(share_relevant(relevance, zero_division))
        chance = float(np.mean(shares))
        display = cls(precision, levels, chance=chance, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, plot_chance_level=True, **kwargs):
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        name : str, default=None
            Name of the method in the legend, by default that of the display.

        plot_chance_level : bool, default=True
            Whether to draw the chance level, if it is known.

        **kwargs : dict
            Options of the lines, as in `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : RetrievalPrecisionRecallDisplay
            This object, with `ax_` and `figure_`.
        """
        self._plot_curves(self.recall, ax, name, plot_chance_level, kwargs)
        self.ax_.set(xlabel="Recall", ylabel="Interpolated precision")
        return self
