"""Draw pictures and texts into the cells of a grid."""

import textwrap

import numpy as np

# In units of a picture.
_WIDTHS = {"picture": 1.0, "text": 2.5, "name": 1.3}
_PAD = 0.06
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


class Items:
    """How to show the items of one modality."""

    def __init__(self, display, modality):
        items = {"image": display.images, "text": display.texts}[modality]
        if hasattr(items, "iloc"):  # the index of a Series is not the row number
            items = list(items)
        self.items, self.y, self.modality = items, display.y, modality
        if items is None:
            self.kind = "name"
        elif isinstance(items[0], str):
            self.kind = "text"
        else:
            self.kind = "picture"
            self.limits = _value_limits(self, display)
        self.width = _WIDTHS[self.kind]

    def name(self, row):
        """Class of an item, or nothing."""
        return "" if self.y is None else str(self.y[row])

    def text(self, row):
        """Words of an item."""
        if self.kind == "text":
            return self.items[row]
        return f"{self.modality} {row}"

    def picture(self, row):
        """Array of shape (h, w) or (h, w, 3 or 4)."""
        picture = np.asarray(self.items[row])
        is_picture = picture.ndim in (2, 3) and picture.shape[2:] in ((), (3,), (4,))
        if not is_picture or picture.dtype.kind not in "biuf":
            raise ValueError(
                f"{self.modality}s must hold strings, or pictures of shape (h, w), "
                f"(h, w, 3) or (h, w, 4). Got shape {picture.shape} and type "
                f"{picture.dtype} in row {row}."
            )
        return picture


class Cells:
    """Draw items into cells of one height."""

    def __init__(self, ax, unit_in_points, fontsize, cmap):
        self.ax, self.unit = ax, unit_in_points
        self.fontsize, self.cmap = fontsize, cmap

    def draw(self, side, row, x, top, **frame):
        """Draw one item with its upper left corner at (x, top)."""
        from matplotlib.patches import Rectangle

        frame = {"edgecolor": "0.6", "linewidth": 0.8, **frame}
        cell = Rectangle((x, top), side.width, 1, facecolor="none", **frame)
        self.ax.add_patch(cell).set_zorder(3)
        name = side.name(row)
        if side.kind == "picture":
            self._show(side.picture(row), side.limits, x, top)
            small = {"fontsize": 0.85 * self.fontsize, "color": "0.25"}
            name = _cut(name, self._n_letters(side.width))
            self._write([name], x, top + 1.04, **small)
            return
        x, top, inside = x + _PAD, top + _PAD, {"clip_path": cell}
        n_letters = self._n_letters(side.width - 0.1)
        n_lines = max(1, int(0.9 * self.unit / (1.25 * self.fontsize)))
        if name:
            # Bold letters are wider.
            name = _cut(name, int(0.9 * n_letters))
            self._write([name], x, top, fontweight="bold", **inside)
            n_lines -= 1
            top += 1.3 * self.fontsize / self.unit
        if n_lines:
            lines = textwrap.wrap(
                side.text(row),
                n_letters,
                max_lines=n_lines,
                placeholder=f" {_ELLIPSIS}",
            )
            self._write(lines, x, top, **inside)

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

    def _n_letters(self, width):
        # The mean width of a letter is 0.56 of the size of the font.
        return max(4, int(width * self.unit / (0.56 * self.fontsize)))

    def _write(self, lines, x, top, **style):
        style = {"fontsize": self.fontsize, "linespacing": 1.15, **style}
        text = "\n".join(lines)
        self.ax.text(x, top, text, va="top", parse_math=False, clip_on=True, **style)


def _cut(text, n_letters):
    if len(text) <= n_letters:
        return text
    return text[: n_letters - 1].rstrip() + _ELLIPSIS


def _value_limits(side, display):
    """Black and white of the pictures: those of bytes, or the extremes shown."""
    rows = np.union1d(display.queries, display.retrieved)
    pictures = [side.picture(row) for row in rows]
    if pictures[0].dtype == np.uint8:
        return 0, 255
    return min(map(np.min, pictures)), max(map(np.max, pictures))
