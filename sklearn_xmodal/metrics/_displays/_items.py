"""Queries, and the items they retrieve."""

from numbers import Integral

import numpy as np

from sklearn_xmodal.metrics._displays._base import (
    COLOURS,
    WORDS,
    RetrievalDisplay,
    ShownPairs,
    check_matplotlib,
    check_one_each,
    encode_classes,
    settle_layout,
)
from sklearn_xmodal.metrics._displays._cells import Cells, Items
from sklearn_xmodal.metrics._engine._options import (
    DIRECTIONS,
    check_one_of,
    check_ranking_options,
)
from sklearn_xmodal.utils._validation import check_numbers, check_seed

RIGHT, WRONG = COLOURS[:2]

# A picture is one unit high and wide; one unit of a new figure in inches.
_INCHES = 0.8
_GAP, _CAPTION, _HEADING = 0.1, 0.24, 0.55


class RetrievedItemsDisplay(RetrievalDisplay):
    """Grid of queries and the items that each of them retrieves first.

    One row is one query: the query itself, then its first items, framed by a solid
    line where they are relevant and by a dashed one in another colour where they are
    not. Items are pictures or texts that you supply; without them, class and row
    number are written instead, as for single items that are None or NaN. Equally
    similar items keep the order of the gallery.

    Colours of pictures may be bytes, or floats from 0 to 1 or from 0 to 255. Other
    ranges, and shades of grey that are no bytes, reach from the least to the largest
    value shown.

    Parameters
    ----------
    queries : ndarray of shape (n_queries,)
        Row numbers of the queries.

    retrieved : ndarray of shape (n_queries, k)
        Row numbers of the retrieved items, the best first.

    is_relevant : ndarray of shape (n_queries, k), dtype bool
        Which of them are right.

    images : sequence of length n_samples, default=None
        What shows the images: pictures of shape (h, w), (h, w, 3) or (h, w, 4), or
        strings.

    texts : sequence of length n_samples, default=None
        What shows the texts: strings, or pictures.

    y : array-like of shape (n_samples,), default=None
        Labels of the pairs.

    direction : {"image_to_text", "text_to_image"}, default="image_to_text"
        Modality of the queries and of the gallery.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the grid.

    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    RetrievalConfusionDisplay : The same over all queries, by class.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn_xmodal.metrics import RetrievedItemsDisplay
    >>> display = RetrievedItemsDisplay.from_predictions(
    ...     [[1.0, 0.1], [0.2, 1.0], [0.9, 0.2]],
    ...     [[0.9, 0.3], [0.1, 0.7], [0.8, 0.9]],
    ...     ["cat", "dog", "cat"],
    ...     texts=["a tabby", "a terrier", "a kitten"],
    ...     queries=[0, 1],
    ...     k=2,
    ...     ax=Figure().subplots(),
    ... )
    >>> display.retrieved
    array([[0, 2],
           [1, 2]])
    >>> display.is_relevant
    array([[ True,  True],
           [ True, False]])
    """

    _leaves_out = False  # rows are those of the pictures and texts

    def __init__(
        self,
        queries,
        retrieved,
        is_relevant,
        *,
        images=None,
        texts=None,
        y=None,
        direction="image_to_text",
    ):
        self.queries = queries
        self.retrieved = retrieved
        self.is_relevant = is_relevant
        self.images = images
        self.texts = texts
        self.y = None if y is None else np.asarray(y)
        self.direction = direction

    @classmethod
    def from_predictions(
        cls,
        Z_img,
        Z_txt,
        y=None,
        *,
        groups=None,
        images=None,
        texts=None,
        direction="image_to_text",
        k=5,
        queries=5,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Rank the gallery for some queries and show what comes first.

        Parameters
        ----------
        Z_img : array-like of shape (n_samples, n_components)
            Image codes, compared by cosine similarity.

        Z_txt : array-like of shape (n_samples, n_components)
            Text codes of the same pairs.

        y : array-like of shape (n_samples,), default=None
            Labels of any type, one per pair. If `None`, only the other half of the
            same pair is relevant, with `groups` all texts of the picture.

        groups : array-like of shape (n_samples,), default=None
            Ids of repeated pictures, each of which counts once, as in
            :func:`cross_modal_score`.

        images : sequence of length n_samples, default=None
            What shows the images: an array of shape (n_samples, h, w) or (n_samples,
            h, w, 3), a list of pictures of any sizes, or strings.

        texts : sequence of length n_samples, default=None
            What shows the texts: strings, or pictures.

        direction : {"image_to_text", "text_to_image"}, default="image_to_text"
            Modality of the queries and of the gallery.

        k : int, default=5
            Number of items per query. Not more than the gallery holds.

        queries : int or array-like of int, default=5
            How many queries to draw, from as many classes as possible, or their row
            numbers. Of a repeated picture one row is drawn.

        random_state : int, RandomState instance or None, default=None
            Decides which queries are drawn.

        ax : matplotlib Axes, default=None
            Where to plot. By default a new figure of fitting size.

        **kwargs : dict
            Further keyword arguments of `plot`.

        Returns
        -------
        display : RetrievedItemsDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If items, labels or queries do not fit the codes.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        check_ranking_options(k=k)
        check_one_of("direction", direction, DIRECTIONS)
        pairs = ShownPairs(Z_img, Z_txt, groups)
        n_samples = pairs.n_pairs
        for name, items in (("images", images), ("texts", texts)):
            if items is not None:
                check_one_each(items, n_samples, name, "item per pair")
        labels = pairs.picture
        if y is not None:
            _, labels = encode_classes(y, n_samples, purpose="A grid of items")
            pairs.check_labels(labels)
        asked, _, held = direction.split("_")
        queries = _check_queries(
            queries, None if y is None else labels, pairs.rows[asked], n_samples,
            random_state,
        )  # fmt: skip
        items = pairs.picture[queries] if asked == "image" else queries
        costs = pairs.costs(direction).tied(items)  # (n_queries, n_items)
        retrieved = pairs.rows[held][np.argsort(costs, axis=1, kind="stable")[:, :k]]
        display = cls(
            queries,
            retrieved,
            labels[retrieved] == labels[queries, None],
            images=images,
            texts=texts,
            y=y,
            direction=direction,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        cmap="gray",
        right_color=RIGHT,
        wrong_color=WRONG,
        fontsize=8,
        title=None,
    ):
        """Plot the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot; the axes are emptied. By default a new figure of fitting
            size.

        cmap : str or matplotlib Colormap, default="gray"
            Colours of pictures of a single channel.

        right_color : matplotlib color, default="#0072B2"
            Frame of relevant items.

        wrong_color : matplotlib color, default="#D55E00"
            Frame of the others, which is dashed.

        fontsize : float, default=8
            Size of texts in points.

        title : str, default=None
            Text above the grid, by default the direction.

        Returns
        -------
        display : RetrievedItemsDisplay
            This object, with `ax_` and `figure_`.
        """
        query, _, gallery = self.direction.split("_")
        n_queries, k = self.retrieved.shape
        sides = {m: Items(self, m) for m in (query, gallery)}
        left, step = sides[query].width + 2 * _GAP, sides[gallery].width + _GAP
        has_caption = self.y is not None and "picture" in [
            side.kind for side in sides.values()
        ]
        row_height = 1 + _GAP + (_CAPTION if has_caption else 0)
        size = np.array([left + k * step, n_queries * row_height + _HEADING])
        ax = self._axes(ax, figsize=size * _INCHES + 0.15)
        ax.set_axis_off()
        ax.set(xlim=(-_GAP / 2, size[0]), ylim=(size[1] - _HEADING, -_HEADING))
        ax.set_aspect("equal", anchor="NW")
        cells = Cells(ax, self._unit_in_points(size), fontsize, cmap)
        for i, row in enumerate(self.queries):
            top = i * row_height
            cells.draw(sides[query], row, 0, top)
            for j, item in enumerate(self.retrieved[i]):
                is_right = self.is_relevant[i, j]
                frame = {
                    "edgecolor": right_color if is_right else wrong_color,
                    "linestyle": "-" if is_right else (0, (3, 1.2)),
                    "linewidth": 1.8,
                }
                cells.draw(sides[gallery], item, left + j * step, top, **frame)
        self._write_heading(size, right_color, wrong_color, title, fontsize)
        return self

    def _unit_in_points(self, size):
        """Size of a picture, once the layout of the figure is settled."""
        settle_layout(self.figure_)
        box = self.ax_.get_window_extent()
        pixels = min(np.array([box.width, box.height]) / size)
        return pixels * 72 / self.figure_.dpi

    def _write_heading(self, size, right_color, wrong_color, title, fontsize):
        """Write the title, and what the frames mean, above the grid."""
        from matplotlib.lines import Line2D

        words = WORDS[self.direction] if title is None else title
        heading = {"va": "center", "fontsize": fontsize + 2, "parse_math": False}
        self.ax_.text(0, -_HEADING + 0.2, words, **heading)
        what = "class"
        if self.y is None:  # right items of other rows are of a repeated picture
            others = self.retrieved != np.asarray(self.queries)[:, None]
            what = "picture" if (self.is_relevant & others).any() else "pair"
        handles = [
            Line2D([], [], color=right_color, linewidth=1.8, label=f"same {what}"),
            Line2D([], [], color=wrong_color, linewidth=1.8, label=f"other {what}",
                   linestyle=(0, (3, 1.2))),
        ]  # fmt: skip
        self.ax_.legend(
            handles=handles,
            loc="center right",
            bbox_to_anchor=(size[0], -_HEADING + 0.2),
            bbox_transform=self.ax_.transData,
            ncols=2,
            frameon=False,
            fontsize=fontsize + 1,
            borderaxespad=0,
        )


def _check_queries(queries, labels, rows, n_samples, random_state):
    """Row numbers of the queries; a number of `rows` is drawn class by class."""
    if isinstance(queries, Integral) and not isinstance(queries, bool):
        if queries < 1:
            raise ValueError(f"queries must be at least 1. Got {queries}.")
        rng = check_seed(random_state)
        order = rng.permutation(rows)
        if labels is not None:
            # How many of the same class come before, then a random order of classes.
            turn = np.empty(order.size, dtype=np.intp)
            seen = np.zeros(labels.max() + 1, dtype=np.intp)
            for place, label in enumerate(labels[order]):
                turn[place] = seen[label]
                seen[label] += 1
            classes = rng.permutation(seen.size)[labels[order]]
            order = order[np.lexsort((classes, turn))]
        return order[:queries]
    queries = check_numbers(queries, "queries", ensure_2d=False, dtype=None)
    if queries.ndim != 1 or queries.dtype.kind not in "iu":
        raise ValueError(
            "queries must be a number, or a 1-D array of row numbers. Got shape "
            f"{queries.shape} of type {queries.dtype}."
        )
    if queries.min() < 0 or queries.max() >= n_samples:
        raise ValueError(
            f"queries must be row numbers from 0 to {n_samples - 1}. Got values from "
            f"{queries.min()} to {queries.max()}."
        )
    return queries
