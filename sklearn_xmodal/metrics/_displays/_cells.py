"""Draw pictures and texts into the cells of a grid."""

import textwrap

import numpy as np

from sklearn_xmodal.metrics._displays._base import ink
from sklearn_xmodal.metrics._displays._names import (
    ELLIPSIS,
    LETTER_BY_LETTER,
    shortened,
    width_in_points,
)

# In units of a picture.
_WIDTHS = {"picture": 1.0, "text": 2.5, "name": 1.3}
_PAD = 0.06
# What an item is called that is not there: None, NaN, and those of pandas.
_ABSENT = ("None", "nan", "NaT", "<NA>")


class Items:
    """How to show the items of one modality."""

    def __init__(self, display, modality):
        items = {"image": display.images, "text": display.texts}[modality]
        if hasattr(items, "iloc"):  # the index of a Series is not the row number
            items = list(items)
        self.items, self.y, self.modality = items, display.y, modality
        rows = range(0 if items is None else len(items))
        first = next((row for row in rows if not self.is_absent(row)), None)
        if first is None:
            self.kind = "name"
        elif isinstance(items[first], str):
            self.kind = "text"
        else:
            self.kind = "picture"
            shown = np.union1d(display.queries, display.retrieved)
            pictures = [self.picture(r) for r in shown if not self.is_absent(r)]
            self.limits = {
                is_grey: _value_limits([p for p in pictures if _is_grey(p) == is_grey])
                for is_grey in (True, False)
            }
        self.width = _WIDTHS[self.kind]

    def is_absent(self, row):
        """Whether there is nothing to show: items are None, or this one is missing."""
        item = None if self.items is None else self.items[row]
        is_something = isinstance(item, str) or getattr(item, "shape", ()) != ()
        return not is_something and str(item) in _ABSENT

    def name(self, row):
        """Class of an item, or nothing."""
        return "" if self.y is None else str(self.y[row])

    def text(self, row):
        """Words of an item, or of its place where there are none."""
        if self.is_absent(row):
            return f"{self.modality} {row}"
        item = self.items[row]
        return item if isinstance(item, str) else self._refuse(row)

    def picture(self, row):
        """Array of shape (h, w) or (h, w, 3 or 4)."""
        picture = np.asarray(self.items[row])
        is_picture = picture.ndim in (2, 3) and picture.shape[2:] in ((), (3,), (4,))
        if not is_picture or picture.dtype.kind not in "biuf":
            self._refuse(row)
        return picture

    def scaled(self, row):
        """Return a picture as matplotlib shows it, colours as bytes, and its limits."""
        picture = self.picture(row)
        black, white = self.limits[_is_grey(picture)]
        if _is_grey(picture) or picture.dtype == np.uint8:
            return picture, (black, white)
        shares = (picture.astype(float) - black) / ((white - black) or 1)
        if picture.shape[2] == 4:  # opacity has limits of its own
            opacity = picture[..., 3]
            shares[..., 3] = opacity / (255 if opacity.max() > 1 else 1)
        return (255 * np.clip(np.nan_to_num(shares), 0, 1)).astype(np.uint8), (0, 255)

    def _refuse(self, row):
        item = np.asarray(self.items[row])
        raise ValueError(
            f"{self.modality}s must hold strings, or pictures of shape (h, w), "
            "(h, w, 3) or (h, w, 4), and None where there is nothing to show. Got "
            f"shape {item.shape} and type {item.dtype} in row {row}."
        )


class Cells:
    """Draw items into cells of one height."""

    def __init__(self, ax, unit_in_points, fontsize, cmap):
        self.ax, self.unit = ax, unit_in_points
        self.fontsize, self.cmap, self.ink = fontsize, cmap, ink(ax)

    def draw(self, side, row, x, top, **frame):
        """Draw one item with its upper left corner at (x, top)."""
        from matplotlib.patches import Rectangle

        frame = {"edgecolor": "0.6", "linewidth": 0.8, **frame}
        cell = Rectangle((x, top), side.width, 1, facecolor="none", **frame)
        self.ax.add_patch(cell).set_zorder(3)
        is_picture = side.kind == "picture"
        if is_picture and not side.is_absent(row):
            picture, limits = side.scaled(row)
            self._show(picture, limits, x, top)
        if is_picture:  # its name stands below
            size = 0.85 * self.fontsize
            words, small = side.name(row), {"fontsize": size}
            name = self._in_lines(words, side.width, 1, is_name=True, **small)
            self._write(name, x, top + 1.04, alpha=0.75, **small)
            if not side.is_absent(row):
                return
        self._write_into(cell, side, row, x + _PAD, top + _PAD)

    def _write_into(self, cell, side, row, x, top):
        """Write the class of an item and its words into its cell."""
        words, width = side.text(row), side.width - 2 * _PAD
        n_lines = max(1, int(0.9 * self.unit / (1.25 * self.fontsize)))
        name = side.name(row)
        if name and side.kind != "picture":
            # Where there is nothing else, a long name has more lines.
            most = n_lines - 1 if side.is_absent(row) else 1
            names = self._in_lines(
                name, width, max(most, 1), is_name=True, weight="bold"
            )
            self._write(names, x, top, cell, fontweight="bold")
            n_lines -= len(names)
            top += (1.15 * len(names) + 0.15) * self.fontsize / self.unit
        if n_lines:
            self._write(self._in_lines(words, width, n_lines), x, top, cell)

    def _show(self, picture, limits, x, top):
        height, width = picture.shape[:2]
        # Centred in its square.
        right, low = np.array([width, height]) / max(height, width)
        x, top = x + (1 - right) / 2, top + (1 - low) / 2
        self.ax.imshow(
            picture,
            cmap=self.cmap,
            vmin=limits[0],
            vmax=limits[1],
            extent=(x, x + right, top + low, top),
            aspect="equal",
        )

    def _in_lines(self, text, width, most, *, is_name=False, **font):
        """Return at most so many lines that fit; names keep both ends."""
        # Letters that are drawn in few pixels are wider than their outlines.
        text, room = " ".join(text.split()), 0.94 * width * self.unit
        font = {"fontsize": self.fontsize, **font}
        wide = width_in_points(text, **font) / max(len(text), 1)
        lines = []
        for n_letters in range(max(4, int(1.1 * room / max(wide, 0.1))), 3, -1):
            # Lines seldom end where words do.
            n_kept = int((0.8 if most > 1 else 1) * most * n_letters)
            lines = textwrap.wrap(
                shortened(text, n_kept) if is_name else text,
                n_letters,
                max_lines=most,
                placeholder=f" {ELLIPSIS}",
            )
            if all(width_in_points(line, **font) <= room for line in lines):
                break
        return lines

    def _write(self, lines, x, top, cell=None, **style):
        style = {"fontsize": self.fontsize, "linespacing": 1.15, **style}
        style = {"color": self.ink, "va": "top", "clip_on": True, **style}
        text = self.ax.text(x, top, "\n".join(lines), **LETTER_BY_LETTER, **style)
        if cell is not None:  # among the arguments the axes would take its place
            text.set_clip_path(cell)


def _is_grey(picture):
    return picture.ndim == 2


def _value_limits(pictures):
    """Black and white of pictures that are seen together.

    Of bytes those of bytes. Colours in floats are from 0 to 1 or from 0 to 255, if
    they can be; otherwise, and of shades of grey, the extremes count.
    """
    if not pictures or pictures[0].dtype == np.uint8:
        return 0, 255
    colours = [picture[..., :3] for picture in pictures]
    if _is_grey(pictures[0]):
        colours = pictures
    values = np.concatenate([colour[np.isfinite(colour)] for colour in colours])
    least, most = (values.min(), values.max()) if values.size else (0, 1)
    if _is_grey(pictures[0]) or least < 0 or most > 255:
        return least, most
    return 0, 1 if most <= 1 and pictures[0].dtype.kind in "fb" else 255
