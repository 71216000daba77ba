"""Precision against the cut-off, at all cut-offs from one ranking."""

import numpy as np

from sklearn_xmodal.metrics._displays._base import check_matplotlib
from sklearn_xmodal.metrics._displays._curves import (
    DIRECTIONS_TO_DRAW,
    CurveDisplay,
    mean_with_empty,
    share_relevant,
)
from sklearn_xmodal.metrics._engine._codes import CodePairs
from sklearn_xmodal.metrics._engine._costs import CosineCosts
from sklearn_xmodal.metrics._engine._options import check_ranking_options, directions_of
from sklearn_xmodal.metrics._engine._scoring import queries_to_rank, ranked_blocks


class PrecisionAtKDisplay(CurveDisplay):
    r"""Precision against the cut-off (scope), one curve per direction.

    The precision at cut-off :math:`k` is the share of relevant items among the first
    :math:`k`, in expectation over all orders of equally similar items, averaged over
    queries. It cannot exceed :math:`R / k` where a query has :math:`R` relevant items,
    and over the whole gallery it is the chance level. All cut-offs come from one
    ranking of the gallery.

    Parameters
    ----------
    precision : dict of str to ndarray of shape (n_cutoffs,)
        Precision, under one or both of the keys "image_to_text" and "text_to_image".

    k : ndarray of shape (n_cutoffs,)
        Cut-off ranks.

    chance : float, default=None
        Share of relevant items in the gallery, the precision of a random ranking.

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
    RetrievalPrecisionRecallDisplay : Precision against recall.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal.metrics import PrecisionAtKDisplay
    >>> display = PrecisionAtKDisplay.from_predictions(
    ...     [[1.0, 0.1], [0.2, 1.0], [0.9, 0.2]],
    ...     [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]],
    ...     ["cat", "dog", "cat"],
    ...     ax=Figure().subplots(),
    ... )
    >>> display.precision["image_to_text"].round(2)
    array([1.  , 0.83, 0.56])
    """

    def __init__(self, precision, k, *, chance=None, name=None):
        self.precision = precision
        self.k = k
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
        k=None,
        zero_division="raise",
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compute the precision at all cut-offs from codes and plot it.

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

        k : int, default=None
            Largest cut-off rank. If `None`, the size of the gallery, of both the
            smaller one.

        zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
            Precision of a query without relevant items. By default this is an error.
            With `np.nan` the query is left out of the mean.

        name : str, default=None
            Name of the method in the legend, letter by letter: no mathematics.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : PrecisionAtKDisplay
            The display, plotted.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_ranking_options(k=k, zero_division=zero_division)
        ways = directions_of(direction, DIRECTIONS_TO_DRAW)
        pairs = CodePairs(Z_img, Z_txt, y, groups=groups)
        n_items = min(pairs.relevance[way].shape[1] for way in ways)
        k = n_items if k is None else min(k, n_items)
        precision, shares = {}, []
        for way in ways:
            costs, relevance = CosineCosts(*pairs.codes[way]), pairs.relevance[way]
            precision[way] = _precision_up_to_k(costs, relevance, k, zero_division)
            shares.append(share_relevant(relevance, zero_division))
        chance = float(np.mean(shares))
        display = cls(precision, np.arange(1, k + 1), chance=chance, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax=None, *, name=None, plot_chance_level=True, log_scale=True, **kwargs
    ):
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        name : str, default=None
            Name of the method in the legend, by default that of the display.

        plot_chance_level : bool, default=True
            Whether to draw the chance level, if it is known.

        log_scale : bool, default=True
            Whether the axis of the cut-offs is logarithmic: the first ranks are what
            a user sees.

        **kwargs : dict
            Options of the lines, as in `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : PrecisionAtKDisplay
            This object, with `ax_` and `figure_`.
        """
        self._plot_curves(self.k, ax, name, plot_chance_level, kwargs)
        self.ax_.set(xlabel="Cut-off rank k", ylabel="Precision at k")
        if log_scale:
            self.ax_.set_xscale("log")
            # 10, not 10^1.
            self.ax_.xaxis.set_major_formatter("{x:,.0f}")
        else:
            self.ax_.xaxis.get_major_locator().set_params(integer=True)
        return self


def _precision_up_to_k(costs, relevance, k, zero_division):
    """Mean expected precision at the cut-offs 1, ..., k."""
    queries = queries_to_rank(relevance, zero_division)
    n_queries, n_gallery = relevance.shape
    # Expected relevant items at each rank, summed over queries. A tied group has the
    # same at all its ranks: its ends are marked, and cumulated below.
    singles = np.zeros(n_gallery + 1)
    steps = np.zeros(n_gallery + 1)
    for _, ranked in ranked_blocks(costs, relevance, queries):
        places, tied = ranked.n_above, ranked.tied
        single = np.ones(places.size, dtype=bool)
        single[tied] = False
        singles += np.bincount(places[single], minlength=n_gallery + 1)
        density = ranked.n_relevant_tied / ranked.n_tied
        np.add.at(steps, places[tied], density)
        np.add.at(steps, places[tied] + ranked.n_tied, -density)
    n_found = np.cumsum(singles + np.cumsum(steps))[:k]
    total = n_found / np.arange(1, k + 1)
    return mean_with_empty(total, queries.size, n_queries, zero_division)
