"""Some queries, and what they retrieve."""

import textwrap
from html import escape

import numpy as np

from sklearn_xmodal.protocols._repeats import repeated_pictures
from sklearn_xmodal.report._pictures import picture_uri
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import check_seed

_N_QUERIES, _N_PICTURES, _N_TEXTS = 8, 8, 4
_LETTERS = 56  # of a text


def sheet(run, data, direction):
    """Return the HTML of queries of one run and of the items they find first."""
    shown = Items(data, run.test_rows)
    to_image = direction == "text_to_image"
    queries, gallery = run.codes[::-1] if to_image else run.codes
    drawn = shown.draw(_N_QUERIES)
    ids, k = (shown.picture, _N_PICTURES) if to_image else (shown.text, _N_TEXTS)
    rows = []
    for query, found in zip(
        drawn, nearest(queries[drawn], gallery, ids, k), strict=True
    ):
        items = "".join(_item(shown, query, row, as_picture=to_image) for row in found)
        asked = _show(shown, query, as_picture=not to_image)
        kind = "pictures" if to_image else "texts"
        rows.append(
            f'<div class="query"><div class="asked">{asked}</div>'
            f'<ol class="found {kind}">{items}</ol></div>'
        )
    return f'<div class="sheet">{"".join(rows)}</div>'


def nearest(queries, gallery, ids, k):
    """Yield, per query, the k first rows of different ids by cosine similarity."""
    gallery = to_unit_length(np.asarray(gallery, dtype=np.float64))
    for query in to_unit_length(np.asarray(queries, dtype=np.float64)):
        order = np.argsort(-(gallery @ query), kind="stable")
        first = np.unique(ids[order], return_index=True)[1]
        yield order[np.sort(first)[:k]]


class Items:
    """What is to be shown of the rows of a test part."""

    def __init__(self, data, rows):
        self.names = [f"row {row}" for row in rows]
        if data.names is not None:
            self.names = [str(name) for name in data.names[rows]]
        self.labels = None if data.y is None else np.array(data.y[rows].tolist())
        self.pictures = None if data.pictures is None else data.pictures[rows]
        self.texts = None if data.texts is None else data.texts[rows]
        every = np.arange(len(rows))
        groups = every if data.groups is None else data.groups[rows]
        self.group = np.unique(groups, return_inverse=True)[1]
        # Which items are the same to the eye.
        self.text = self.picture = every
        if self.texts is not None:
            self.text = np.unique(self.texts, return_inverse=True)[1]
        if data.groups is not None:
            self.picture = repeated_pictures(data.pairs[rows], groups)

    def draw(self, n):
        """Return rows of different texts, of as many classes as possible."""
        order = check_seed(0).permutation(len(self.names))
        if self.labels is not None:
            first = np.unique(self.labels[order], return_index=True)[1]
            others = np.setdiff1d(np.arange(len(order)), first)
            order = order[np.concatenate([np.sort(first), others])]
        kept = np.sort(np.unique(self.text[order], return_index=True)[1])
        return order[kept[:n]]

    def is_right(self, query, row):
        """Say whether an item is relevant to a query."""
        if self.labels is not None:
            return self.labels[query] == self.labels[row]
        return self.group[query] == self.group[row]


def _item(shown, query, row, *, as_picture):
    """Return an item, marked as right or wrong."""
    right = bool(shown.is_right(query, row))
    word, mark = ("right", "&#10003;") if right else ("wrong", "&#10007;")
    return (
        f'<li class="{word}">{_show(shown, row, as_picture=as_picture)}'
        f'<span class="mark" role="img" aria-label="{word}">{mark}</span></li>'
    )


def _show(shown, row, *, as_picture):
    """Return picture or text of a row, with its class."""
    label = "" if shown.labels is None else escape(str(shown.labels[row]))
    under = f'<span class="class">{label}</span>'
    text = shown.names[row] if shown.texts is None else str(shown.texts[row])
    if as_picture and shown.pictures is not None:
        alt = escape(", ".join(filter(None, (text, label))))
        uri = picture_uri(shown.pictures[row])
        return f'<img src="{uri}" alt="{alt}" title="{alt}">{under}'
    if as_picture:
        text = shown.names[row]
    words = (
        f'<span class="words" title="{escape(text)}">{escape(_shorten(text))}</span>'
    )
    return f"{words}{under}"


def _shorten(text):
    """Return the first words, or letters where there are no blanks, as in Chinese."""
    dots = "\N{HORIZONTAL ELLIPSIS}"
    short = textwrap.shorten(text, _LETTERS, placeholder=dots)
    few = len(text) > _LETTERS > 2 * len(short)
    return f"{text[: _LETTERS - 1]}{dots}" if few else short
