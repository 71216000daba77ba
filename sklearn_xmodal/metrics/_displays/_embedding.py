"""A flat picture of the common space."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA

from sklearn_xmodal.metrics._displays._base import (
    COLOURS,
    RetrievalDisplay,
    ShownPairs,
    check_matplotlib,
    encode_classes,
    ink,
    palette,
    settle_layout,
)
from sklearn_xmodal.metrics._displays._names import (
    LETTER_BY_LETTER,
    legend_label,
    short_names,
    width_in_points,
)
from sklearn_xmodal.utils._unit import to_unit_length

_MARKERS = {"image": "o", "text": "^"}
_MOST_NAMES = 40
_NAME_SIZE = 8


class JointEmbeddingDisplay(RetrievalDisplay):
    """Scatter plot of the codes of both modalities in two dimensions.

    Codes are scaled to unit length, as the cosine is the similarity, and both
    modalities are reduced together. Colours are classes and markers modalities: a
    good common space mixes the markers and separates the colours. More classes than
    the eight colours have their names written into the plot.

    Parameters
    ----------
    embedding : dict of str to ndarray of shape (n_samples, 2)
        Points under the keys "image" and "text", of images perhaps fewer.

    y : array-like of shape (n_samples,), default=None
        Labels of the pairs.

    axis_labels : tuple of two str, default=("First dimension", "Second dimension")
        What the axes show.

    image_rows : ndarray of shape (n_images,), default=None
        Which pair each point of an image is of, where a picture of several pairs has
        one point. By default point i is of pair i.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the points.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    RetrievalConfusionDisplay : Which classes are mixed, without loss of dimensions.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.metrics import JointEmbeddingDisplay
    >>> X_img, X_txt, y = make_paired_modalities(100, random_state=0)
    >>> cca = CCARetriever(4).fit(X_img, X_txt)
    >>> display = JointEmbeddingDisplay.from_estimator(
    ...     cca, X_img, X_txt, y, ax=Figure().subplots()
    ... )
    >>> display.embedding["text"].shape
    (100, 2)
    """

    def __init__(
        self,
        embedding,
        y=None,
        *,
        axis_labels=("First dimension", "Second dimension"),
        image_rows=None,
    ):
        self.embedding = embedding
        self.y = y
        self.axis_labels = axis_labels
        self.image_rows = image_rows

    @classmethod
    def from_predictions(
        cls, Z_img, Z_txt, y=None, *, groups=None, transformer=None, ax=None, **kwargs
    ):
        """Reduce the codes to two dimensions and plot them.

        Parameters
        ----------
        Z_img : array-like of shape (n_samples, n_components)
            Image codes.

        Z_txt : array-like of shape (n_samples, n_components)
            Text codes of the same pairs.

        y : array-like of shape (n_samples,), default=None
            Labels of any type, one per pair. If `None`, colours are modalities.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, each of which is one point.

        transformer : object with `fit_transform`, default=None
            Makes two columns of the unit codes of both modalities, images first. A
            copy is fitted. By default a PCA.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : JointEmbeddingDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the transformer does not return two columns.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        pairs = ShownPairs(Z_img, Z_txt, groups)
        rows = pairs.rows["image"]
        if y is not None:
            purpose = "A scatter plot by class"
            pairs.check_labels(encode_classes(y, pairs.n_pairs, purpose=purpose)[1])
        unit = to_unit_length(np.vstack([*pairs.codes.values()]))
        points, axis_labels = _reduce(unit, transformer)
        embedding = {"image": points[: rows.size], "text": points[rows.size :]}
        display = cls(
            embedding,
            y,
            axis_labels=axis_labels,
            image_rows=None if groups is None else rows,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, class_names=None, **kwargs):
        """Plot the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        class_names : bool, default=None
            Whether to write the name of each class beside its median instead of into
            the legend. By default from 9 to 40 classes; with more, neither is shown.

        **kwargs : dict
            Options of the points, as in `matplotlib.axes.Axes.scatter`.

        Returns
        -------
        display : JointEmbeddingDisplay
            This object, with `ax_` and `figure_`.
        """
        ax = self._axes(ax, figsize=(7, 5))
        n_samples = len(self.embedding["text"])
        options = {
            "s": float(np.clip(6000 / n_samples, 12, 36)),
            "alpha": 0.75,
            "linewidths": 0.3,
            "edgecolors": "white",
            **kwargs,
        }
        classes = []
        # A colour per point.
        number = {
            modality: np.full(len(self.embedding[modality]), i)
            for i, modality in enumerate(_MARKERS)
        }
        if self.y is not None:
            classes, labels = encode_classes(self.y, n_samples, purpose="Colours")
            rows = slice(None) if self.image_rows is None else self.image_rows
            number = {"image": labels[rows], "text": labels}
        self._scatter(number, options)
        if class_names is None:
            class_names = len(COLOURS) < len(classes) <= _MOST_NAMES
        in_legend = [] if class_names or len(classes) > len(COLOURS) else classes
        ax.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        ax.spines[["top", "right"]].set_visible(False)
        self._explain(in_legend, by_modality=not classes)
        if class_names and classes:
            both = np.vstack([self.embedding["image"], self.embedding["text"]])
            labels = np.concatenate([number["image"], number["text"]])
            centres = [
                np.median(both[labels == i], axis=0) for i in range(len(classes))
            ]
            _write_names(ax, short_names([*map(str, classes)]), np.array(centres))
        return self

    def _scatter(self, number, options):
        """Draw both modalities in a mixed order, so that none hides the other."""
        colours = np.array(palette(self.ax_))
        for chunk in range(8):
            for modality, marker in _MARKERS.items():
                size = number[modality].size
                here = np.arange(size) * 8 // size == chunk
                if here.any():
                    x, y = self.embedding[modality][here].T
                    c = colours[number[modality][here] % colours.size]
                    self.ax_.scatter(x, y, c=c, marker=marker, **options)

    def _explain(self, classes, *, by_modality):
        """Add a legend of markers, and of colours if there are few classes."""
        from matplotlib.lines import Line2D

        modality_colours = COLOURS[:2] if by_modality else ("0.5", "0.5")
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=modality)
            for (modality, marker), colour in zip(
                _MARKERS.items(), modality_colours, strict=True
            )
        ]
        handles += [
            Line2D(
                [],
                [],
                color=colour,
                marker="s",
                linestyle="",
                label=legend_label(str(name)),
            )
            for name, colour in zip(classes, palette(self.ax_), strict=False)
        ]
        self.ax_.legend(
            handles=handles, frameon=False, loc="upper left", bbox_to_anchor=(1, 1)
        )


def _reduce(codes, transformer):
    """Two columns of the codes, and what to call them."""
    if transformer is None:
        if codes.shape[1] < 2:
            raise ValueError(
                "A picture in two dimensions needs codes of at least 2 components. Got "
                f"{codes.shape[1]}."
            )
        pca = PCA(2, svd_solver="full")
        points = pca.fit_transform(codes)
        labels = [
            f"{order} principal component ({share:.0%})"
            for order, share in zip(
                ("First", "Second"), pca.explained_variance_ratio_, strict=True
            )
        ]
        return points, tuple(labels)
    if not hasattr(transformer, "fit_transform"):
        raise TypeError(
            "transformer must have a method fit_transform. Got "
            f"{type(transformer).__name__}."
        )
    transformer = clone(transformer, safe=False)
    points = np.asarray(transformer.fit_transform(codes))
    if points.shape != (len(codes), 2):
        raise ValueError(
            "transformer must return two columns. Got shape "
            f"{points.shape} for {len(codes)} codes from {type(transformer).__name__}."
        )
    name = type(transformer).__name__
    return points, (f"First dimension of {name}", f"Second dimension of {name}")


def _write_names(ax, names, centres):
    """Write names beside their places, moved apart where they would overlap."""
    settle_layout(ax.figure)
    ax.autoscale_view()
    to_points = 72 / ax.figure.dpi
    places = ax.transData.transform(centres) * to_points
    widths = [width_in_points(name, _NAME_SIZE) + 6 for name in names]
    sizes = np.column_stack([widths, np.full(len(names), 1.7 * _NAME_SIZE)])
    offsets = _move_apart(places, sizes) - places
    colours = palette(ax)
    written = ink(ax)
    behind = "black" if written == "white" else "white"
    for i, (name, centre, offset) in enumerate(
        zip(names, centres, offsets, strict=True)
    ):
        colour = colours[i % len(colours)]
        ax.annotate(
            name,
            centre,
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_NAME_SIZE,
            color=written,
            bbox={"boxstyle": "round,pad=0.15", "fc": behind, "ec": colour,
                  "alpha": 0.85},
            arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.6,
                        "shrinkA": 0, "shrinkB": 0},
            **LETTER_BY_LETTER,
        )  # fmt: skip


def _move_apart(places, sizes, n_steps=200):
    """Move boxes up and down until no two overlap; centres and sizes are (n, 2)."""
    places = places.copy()
    # Boxes in one place part in a fixed order.
    places[:, 1] += 1e-3 * np.arange(len(places))
    for _ in range(n_steps):
        gap = places[:, None] - places[None]  # (n, n, 2)
        overlap = (sizes[:, None] + sizes[None]) / 2 - np.abs(gap)
        clash = (overlap > 0).all(axis=-1)
        np.fill_diagonal(clash, False)
        if not clash.any():
            break
        push = np.sign(gap[..., 1]) * np.where(clash, overlap[..., 1], 0)
        places[:, 1] += 0.4 * push.sum(axis=1)
    return places
