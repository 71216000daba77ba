"""Which classes are retrieved for which."""

import numpy as np
from sklearn.utils import gen_batches

from sklearn_xmodal.metrics._displays._base import (
    WORDS,
    RetrievalDisplay,
    ShownPairs,
    check_matplotlib,
    check_one_each,
    encode_classes,
)
from sklearn_xmodal.metrics._displays._names import (
    LETTER_BY_LETTER,
    short_names,
    width_in_points,
    wrapped,
)
from sklearn_xmodal.metrics._engine._options import check_ranking_options, directions_of
from sklearn_xmodal.metrics._engine._scoring import CACHED_BYTES

_MOST_VALUES = 12


class RetrievalConfusionDisplay(RetrievalDisplay):
    r"""Heat map of the classes that the queries of each class retrieve.

    Row :math:`a` holds, for each class :math:`b`, the share of items of class
    :math:`b` among the first :math:`k` retrieved by a query of class :math:`a`,
    averaged over these queries. Rows add up to 1, and the diagonal is the precision
    at :math:`k` of each class. Where items tie with the one at rank :math:`k`, the
    places left over count for all of them in equal parts, which is the expectation
    over all orders: the order of the gallery has no say.

    Parameters
    ----------
    confusion : ndarray of shape (n_classes, n_classes)
        Shares, queries in rows.

    display_labels : list of length n_classes
        Names of the classes.

    k : int
        Number of retrieved items that were counted.

    direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
        Modality of the queries and of the gallery.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The heat map.

    text_ : ndarray of shape (n_classes, n_classes) or None
        Texts with the shares, `None` if they are not shown.

    ax_ : matplotlib Axes
        Axes with the heat map.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    PrecisionAtKDisplay : Precision at all cut-offs, over all classes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal.metrics import RetrievalConfusionDisplay
    >>> display = RetrievalConfusionDisplay.from_predictions(
    ...     [[1.0, 0.1], [0.2, 1.0], [0.9, 0.2]],
    ...     [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]],
    ...     ["cat", "dog", "cat"],
    ...     k=2,
    ...     direction="image_to_text",
    ...     ax=Figure().subplots(),
    ... )
    >>> display.display_labels
    ['cat', 'dog']
    >>> display.confusion
    array([[1. , 0. ],
           [0.5, 0.5]])
    """

    def __init__(self, confusion, display_labels, k, *, direction="mean"):
        self.confusion = confusion
        self.display_labels = display_labels
        self.k = k
        self.direction = direction

    @classmethod
    def from_predictions(
        cls,
        Z_img,
        Z_txt,
        y,
        *,
        groups=None,
        k=10,
        direction="mean",
        display_labels=None,
        ax=None,
        **kwargs,
    ):
        """Compute the shares from codes and plot them.

        Parameters
        ----------
        Z_img : array-like of shape (n_samples, n_components)
            Image codes, compared by cosine similarity.

        Z_txt : array-like of shape (n_samples, n_components)
            Text codes of the same pairs.

        y : array-like of shape (n_samples,)
            Labels of any type, one per pair.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, each of which counts once, as in
            :func:`cross_modal_score`.

        k : int, default=10
            Number of retrieved items to count. Not more than the gallery holds, of
            both the smaller one.

        direction : {"image_to_text", "text_to_image", "mean"}, default="mean"
            Modality of the queries and of the gallery, or the mean of both.

        display_labels : array-like of shape (n_classes,), default=None
            Names to show, in the order of the sorted labels. By default the labels.
            They are shown letter by letter, in lines of 30; with more than 12 classes
            in one line, without the middle of longer ones.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : RetrievalConfusionDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If there is not one label per pair, or not one name per class.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_ranking_options(k=k)
        ways = directions_of(direction)
        pairs = ShownPairs(Z_img, Z_txt, groups)
        sizes = [len(pairs.codes[way.split("_")[2]]) for way in ways]
        k = min(sizes) if k is None else min(k, *sizes)
        classes, labels = encode_classes(y, pairs.n_pairs, purpose="A class confusion")
        pairs.check_labels(labels)
        if display_labels is not None:
            check_one_each(
                display_labels, len(classes), "display_labels", "name per class"
            )
            classes = list(display_labels)
        confusion = np.mean(
            [_class_shares(pairs, way, labels, len(classes), k) for way in ways],
            axis=0,
        )
        display = cls(confusion, classes, k, direction=direction)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        include_values=None,
        values_format=".2f",
        cmap="Blues",
        xticks_rotation=None,
        colorbar=True,
    ):
        """Plot the heat map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure that grows with the classes.

        include_values : bool, default=None
            Whether to write the shares into the cells. By default up to 12 classes.

        values_format : str, default=".2f"
            Format of the shares.

        cmap : str or matplotlib Colormap, default="Blues"
            Colours, from 0 to the largest share.

        xticks_rotation : float, default=None
            Angle of the class names below the map in degrees. By default 0 if they
            have room, otherwise 45 or, with many classes, 90.

        colorbar : bool, default=True
            Whether to add a bar that explains the colours.

        Returns
        -------
        display : RetrievalConfusionDisplay
            This object, with `im_`, `text_`, `ax_` and `figure_`.
        """
        names, fontsize = _tick_names(self.display_labels)
        n_classes, inches = len(names), _longest_line(names, fontsize)
        side = np.clip(2.5 + 0.3 * n_classes, 4, 14) + max(inches - 1, 0)
        ax = self._axes(ax, figsize=(side + 0.8, side))
        self.im_ = ax.imshow(
            self.confusion, cmap=cmap, vmin=0, interpolation="nearest", aspect="equal"
        )
        if colorbar:
            self.figure_.colorbar(self.im_, ax=ax, shrink=0.8, label="Share retrieved")
        angle = xticks_rotation
        if angle is None:
            angle = _tick_angle(names)
        slanted = {"ha": "right", "rotation_mode": "anchor"} if 0 < angle < 90 else {}
        everyone, written = range(n_classes), {"fontsize": fontsize, **LETTER_BY_LETTER}
        ax.set_xticks(everyone, names, rotation=angle, **written, **slanted)
        ax.set_yticks(everyone, names, **written)
        ax.set(xlabel="Class of the retrieved items", ylabel="Class of the query")
        words = WORDS.get(self.direction, "both directions")
        ax.set_title(f"First {self.k} retrieved, {words}", fontsize=11)
        if include_values is None:
            include_values = n_classes <= _MOST_VALUES
        self.text_ = self._write_values(values_format) if include_values else None
        return self

    def _write_values(self, values_format):
        """Write the shares into the cells, light on dark and dark on light."""
        texts = np.empty(self.confusion.shape, dtype=object)
        for (row, column), share in np.ndenumerate(self.confusion):
            red, green, blue, _ = self.im_.cmap(self.im_.norm(share))
            is_dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            texts[row, column] = self.ax_.text(
                column,
                row,
                format(share, values_format),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if is_dark else "black",
            )
        return texts


def _tick_names(labels):
    """Return the names beside the map, and their size: several lines if few classes."""
    names = [str(label) for label in labels]
    if len(names) <= _MOST_VALUES:
        return [wrapped(name) for name in names], 10
    return short_names(names), 8


def _longest_line(names, fontsize):
    lines = [line for name in names for line in name.split("\n")]
    return max(width_in_points(line, fontsize) for line in lines) / 72


def _tick_angle(names):
    if max(map(len, names)) * len(names) <= 40:
        return 0
    return 45 if len(names) <= _MOST_VALUES else 90


def _class_shares(pairs, way, labels, n_classes, k):
    """Mean share of each class among the first k items, by class of the query."""
    costs = pairs.costs(way)
    asked, _, held = way.split("_")
    labels, of_items = labels[pairs.rows[asked]], labels[pairs.rows[held]]
    total = np.zeros(n_classes**2)
    n_rows = max(1, CACHED_BYTES // costs.bytes_per_row)
    for batch in gen_batches(labels.size, n_rows):
        queries = np.arange(batch.start, batch.stop)
        block = costs.tied(queries)  # (n_rows, n_gallery)
        last = np.partition(block, k - 1, axis=1)[:, k - 1]
        row, column = np.nonzero(block <= last[:, None])
        is_tied = block[row, column] == last[row]
        n_above = np.bincount(row[~is_tied], minlength=queries.size)
        n_tied = np.bincount(row[is_tied], minlength=queries.size)
        weight = np.where(is_tied, ((k - n_above) / n_tied)[row], 1.0)
        cell = labels[queries[row]] * n_classes + of_items[column]
        total += np.bincount(cell, weight, minlength=n_classes**2)
    n_queries = np.bincount(labels, minlength=n_classes)
    return total.reshape(n_classes, n_classes) / (k * n_queries[:, None])
