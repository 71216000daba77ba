"""The course of a training."""

from collections.abc import Iterable

import numpy as np
from sklearn.exceptions import NotFittedError

from sklearn_xmodal.metrics._displays._base import (
    Display,
    check_matplotlib,
    ink,
    palette,
)
from sklearn_xmodal.metrics._displays._names import legend_label


class LossCurveDisplay(Display):
    """Losses of a network per epoch of its training.

    Use `from_estimator` to make one.

    Parameters
    ----------
    losses : dict of str to list of float
        Curves by name, one value per epoch, NaN where there is none.

    valid_score : list of float, default=None
        Score of the held-out part per epoch, where there was one.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the losses.

    score_ax_ : matplotlib Axes or None
        Axes with the score of the held-out part, on the right.

    figure_ : matplotlib Figure
        Figure of the axes.

    lines_ : dict of str to matplotlib Line2D
        Lines by name, "valid_score" among them.

    See Also
    --------
    sklearn_xmodal.MSLNRetriever : Whose `history_` this shows.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal.metrics import LossCurveDisplay
    >>> losses = {"train_loss": [3.0, 2.0, 1.5]}
    >>> display = LossCurveDisplay(losses).plot(ax=Figure().subplots())
    >>> list(display.lines_)
    ['train_loss']
    """

    def __init__(self, losses, *, valid_score=None):
        self.losses = losses
        self.valid_score = valid_score

    @classmethod
    def from_estimator(cls, estimator, *, terms=None, ax=None, **kwargs):
        """Plot the history of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            With a `history_` as that of :class:`~sklearn_xmodal.MSLNRetriever`, or a
            Pipeline or search that ends in one.

        terms : list of str, default=None
            Which losses to draw, such as ``["train_loss", "contrastive_loss"]``. All
            by default: the weighted total ``train_loss`` and the terms as they are,
            without their weights.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If the estimator is of a kind that keeps no history, or `terms` is a
            string.
        ValueError
            If a term is not in the history.
        sklearn.exceptions.NotFittedError
            If the estimator has not been fitted.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        epochs = _history(estimator)
        losses = {name: _column(epochs, name) for name in _terms(epochs, terms)}
        is_scored = any("valid_score" in epoch for epoch in epochs)
        score = _column(epochs, "valid_score") if is_scored else None
        return cls(losses, valid_score=score).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, log_scale=False, **kwargs):
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        log_scale : bool, default=False
            Whether the axis of the losses is logarithmic.

        **kwargs : dict
            Options of all lines, as in `matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay
            This object, with `ax_`, `score_ax_`, `figure_` and `lines_`.
        """
        ax = self._axes(ax)
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        kwargs = normalize_kwargs(kwargs, Line2D)  # "lw" is "linewidth"
        self.score_ax_, self.lines_, colours = None, {}, palette(ax)
        for i, (name, values) in enumerate(self.losses.items()):
            style = {
                "color": colours[i % len(colours)],
                "linewidth": 2.5 if name == "train_loss" else 1.5,
                "label": legend_label(_words(name)),
                **kwargs,
            }
            (self.lines_[name],) = ax.plot(range(1, len(values) + 1), values, **style)
        ax.set(xlabel="Epoch", ylabel="Loss", yscale="log" if log_scale else "linear")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines[["top", "right"]].set_visible(False)
        if self.valid_score is not None:
            self._plot_score(ax, kwargs)
        # Above the axes: inside, it would not know where the score is.
        ax.legend(
            handles=list(self.lines_.values()),
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=3,
            frameon=False,
        )
        return self

    def _plot_score(self, ax, options):
        self.score_ax_ = ax.twinx()
        style = {
            "color": ink(ax),
            "linestyle": ":",
            "label": "held-out score (right)",
            **options,
        }
        epochs = range(1, len(self.valid_score) + 1)
        (line,) = self.score_ax_.plot(epochs, self.valid_score, **style)
        self.score_ax_.set_ylabel("mAP of the held-out part")
        self.score_ax_.spines["top"].set_visible(False)
        self.lines_["valid_score"] = line


def _words(name):
    if name == "train_loss":
        return "weighted total"
    return name.removesuffix("_loss").replace("_", " ")


def _terms(epochs, terms):
    """Names of the losses to draw; an epoch may lack some, also the last one."""
    known = dict.fromkeys(
        name for epoch in epochs for name in epoch if name.endswith("_loss")
    )
    names = sorted(known, key=lambda name: name != "train_loss")
    if terms is None:
        return names
    if isinstance(terms, str) or not isinstance(terms, Iterable):
        raise TypeError(
            f"terms must be a list of names. Got {terms!r}. Pass [{terms!r}]."
        )
    if unknown := [str(name) for name in terms if name not in known]:
        raise ValueError(
            f"terms must be among {', '.join(names)}. Got {', '.join(unknown)}."
        )
    return list(terms)


def _column(epochs, name):
    return [epoch.get(name, np.nan) for epoch in epochs]


def _history(estimator):
    """Return the records of the estimator at the end of pipelines and searches."""
    while True:
        if hasattr(estimator, "history_"):
            if not estimator.history_:
                raise NotFittedError(
                    f"{type(estimator).__name__} must be fitted for at least one "
                    "epoch to have losses. Got an empty history_: call fit."
                )
            return list(estimator.history_)
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            break
    name = type(estimator).__name__
    if hasattr(estimator, "max_epochs") or hasattr(estimator, "estimator"):
        raise NotFittedError(
            f"{name} must be fitted to have a history. Got none: call fit, on a search "
            "with refit=True."
        )
    raise TypeError(
        f"The estimator must keep a history of its training, as MSLNRetriever does in "
        f"history_. Got {name}, which has none."
    )
