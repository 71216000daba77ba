"""Names that data bring along: shown letter by letter, whole or with both ends."""

import textwrap
import warnings

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

#: Options of a text of matplotlib: a dollar sign is no mathematics.
LETTER_BY_LETTER = {"parse_math": False}

_MOST_LETTERS, _MOST_LINES = 30, 3


def legend_label(name, n_letters=_MOST_LETTERS):
    """Return the label of a line whose name is any text.

    What begins with an underscore would be left out of legends, and a later legend of
    the same axes would read dollar signs as mathematics again.
    """
    import matplotlib as mpl

    name = wrapped(name, n_letters)
    if mpl.rcParams["text.parse_math"]:
        name = name.replace("$", r"\$")
    return f" {name}" if name.startswith("_") else name


def shortened(text, n_letters):
    """Return a text, without its middle where it is too long: ends tell names apart."""
    if len(text) <= n_letters:
        return text
    n_last = (n_letters - 1) // 2
    first, last = text[: n_letters - 1 - n_last], text[len(text) - n_last :]
    return first.rstrip() + ELLIPSIS + last.lstrip()


def wrapped(name, n_letters=_MOST_LETTERS):
    """Return a name in lines of `n_letters`; one of more than three loses its middle.

    A name that fits one line stays as it is, whatever its spaces.
    """
    if len(name) <= n_letters:
        return name
    return textwrap.fill(shortened(name, _MOST_LINES * n_letters), n_letters)


def short_names(names, n_letters=_MOST_LETTERS):
    """Return names of one line each, longer only where they would become alike."""
    longest = max(map(len, names), default=0)
    for most in range(n_letters, longest, n_letters):
        short = [shortened(name, most) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return list(names)


def width_in_points(text, fontsize, weight="normal"):
    """Return the width of a line in the default font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=fontsize, weight=weight)
    with warnings.catch_warnings():  # of missing glyphs: drawing says so itself
        warnings.simplefilter("ignore")
        return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
