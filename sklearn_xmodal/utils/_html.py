"""What notebooks show: tables and pictures in HTML, without a colour of their own.

Colours and fonts are those of the page, so that light and dark themes suit.
"""

import base64
import io
from html import escape
from pathlib import Path

import numpy as np

_CELL = "padding:0.2em 0.7em;text-align:right"
_NAME = "padding:0.2em 0.7em;text-align:left"
_MOST_PIXELS = 160  # of a side of a picture


def table(heads, rows, *, caption=None):
    """Return an HTML table; the first cell of a row is its name.

    Parameters
    ----------
    heads : sequence of str
        Of the columns, that of the names first.
    rows : sequence of sequences
        Numbers are shown with three digits, everything else as it is.
    caption : str, default=None
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(h)}</th>' for h in heads)
    lines = []
    for name, *cells in rows:
        cells = "".join(f'<td style="{_CELL}">{escape(shown(c))}</td>' for c in cells)
        name = f'<th scope="row" style="{_NAME}">{escape(shown(name))}</th>'
        lines.append(f"<tr>{name}{cells}</tr>")
    title = ""
    if caption:
        title = f'<caption style="text-align:left">{escape(caption)}</caption>'
    return (  # a wide one is moved by keys too
        '<div style="overflow-x:auto" tabindex="0">'
        '<table style="border-collapse:collapse">'
        f"{title}<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
        "</table></div>"
    )


def shown(value):
    """Return a cell as text."""
    if isinstance(value, float | np.floating):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def image(picture, description):
    """Return an HTML picture that holds its own data.

    Parameters
    ----------
    picture : ndarray of shape (height, width) or (height, width, 3 or 4), path or PIL \
            image
        Levels are 0 to 1 in floating point, 0 to 255 in integers.
    description : str
        For those who do not see it.
    """
    buffer = io.BytesIO()
    _as_pil(picture).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(description)}" '
        'style="max-width:100%;image-rendering:auto">'
    )


def _as_pil(picture):
    """Return a small PIL image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'Showing pictures needs Pillow: pip install "sklearn-xmodal[datasets]".'
        ) from error
    if isinstance(picture, str | Path):
        with Image.open(picture) as file:
            found = file.convert("RGBA")
    elif hasattr(picture, "save"):
        found = picture.copy()
    else:
        found = Image.fromarray(_levels(picture))
    found.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    return found


def _levels(picture):
    """Return levels from 0 to 255, uint8."""
    levels = np.asarray(picture)
    is_colour = levels.ndim == 3 and levels.shape[2] in (3, 4)
    if (levels.ndim != 2 and not is_colour) or levels.dtype.kind not in "buif":
        raise ValueError(
            "A picture must be an array of shape (height, width), or with 3 or 4 "
            "channels last, a path or a PIL image. Got an array of shape "
            f"{levels.shape} and type {levels.dtype}."
        )
    if levels.dtype.kind in "fb":
        levels = 255 * np.nan_to_num(levels.astype(np.float64))
    return levels.clip(0, 255).round().astype(np.uint8)
