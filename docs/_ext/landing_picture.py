"""The picture of the landing page, drawn at build: what the code below it finds."""

from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from sklearn.model_selection import train_test_split

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.datasets import load_unicode_glyphs

FOLDER = Path(__file__).resolve().parents[1] / "_static" / "generated"
#: Held-out names, chosen to look different.
QUERIES = (
    "dots-1247",
    "eight of hearts",
    "small letter o with horn and hook above",
    "triangle-headed rightwards",
    "smiling with heart-shaped eyes",
)
N_FOUND = 6
#: Text, paper, ink, frame, frame of what belongs to the query.
THEMES = {
    "light": ("#22272e", "#ffffff", "#22272e", "#d5dae1", "#0a7d91"),
    "dark": ("#e6e9ee", "#1f242c", "#e6e9ee", "#444c58", "#3fb1c5"),
}


def find():
    """Return the pictures found for every query, and which of them is its own."""
    glyphs = load_unicode_glyphs()
    train, test = train_test_split(
        np.arange(len(glyphs.texts)), stratify=glyphs.target, random_state=0
    )
    retriever = CCARetriever(60, alpha=1).fit(glyphs.image[train], glyphs.text[train])
    index = RetrievalIndex(retriever, image=glyphs.image[test], ids=test)
    own = [test[glyphs.texts[test] == query][0] for query in QUERIES]
    found = index.search(text=glyphs.text[own], k=N_FOUND).ids
    return glyphs.images[found], found == np.reshape(own, (-1, 1))


def _box(axes, x, y, width, height, **style):
    shape = "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **style))


def draw(pictures, is_own, theme):
    """Draw one row per query, in units of one tile."""
    text, paper, ink, frame, frame_own = THEMES[theme]
    left, step = 4.0, 1.12
    size = (left + N_FOUND * step, len(QUERIES) * step)
    figure = Figure(figsize=(0.8 * size[0], 0.8 * size[1]))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    levels = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (paper, ink)]
    )
    for i, query in enumerate(QUERIES):
        y = step * i + 0.06
        _box(axes, 0.06, y + 0.08, left - 0.75, 0.84, fc=paper, ec=frame, lw=1)
        label = fill(query, 24)
        axes.text(0.24, y + 0.5, label, color=text, va="center", fontsize=13)
        axes.annotate(
            "", (left - 0.12, y + 0.5), (left - 0.6, y + 0.5),
            arrowprops={"arrowstyle": "-|>", "color": text, "lw": 1.2},
        )  # fmt: skip
        for j, (picture, own) in enumerate(zip(pictures[i], is_own[i], strict=True)):
            x = left + step * j
            edge, width = (frame_own, 3) if own else (frame, 1)
            _box(axes, x, y, 1, 1, fc=paper, ec=edge, lw=width)
            share = picture[..., None] / 255  # of ink
            colours = ((1 - share) * levels[0] + share * levels[1]) / 255
            extent = (x + 0.07, x + 0.93, y + 0.93, y + 0.07)
            axes.imshow(colours, extent=extent, interpolation="bicubic", zorder=2)
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")  # as before imshow
    return figure


def write_pictures(app):
    """Write both pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = find()
    for theme in THEMES:
        path = FOLDER / f"landing_{theme}.png"
        draw(*found, theme).savefig(path, dpi=200, transparent=True)


def setup(app):
    """Draw before anything is read."""
    app.connect("builder-inited", write_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
