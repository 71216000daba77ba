"""The picture of the landing page, drawn at build: what the code below it finds."""

from itertools import product
from pathlib import Path
from textwrap import fill

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.datasets import load_emoji_pairs
from sklearn_xmodal.model_selection import ClassDisjointShuffleSplit

FOLDER = Path(__file__).resolve().parents[1] / "_static" / "generated"
#: Names of held-out subgroups, chosen to look different.
QUERIES = (
    "evergreen tree",
    "sleepy face",
    "purple square",
    "rightwards pushing hand",
    "suspension railway",
)
N_FOUND = 6
#: Room for a name, in tiles, letters of a line of it, pictures: wide, and for phones.
WIDTHS = {"": (4.0, 24, N_FOUND), "_narrow": (2.5, 12, 3)}
#: Text, paper, frame, frame of what is right.
THEMES = {
    "light": ("#22272e", "#ffffff", "#d5dae1", "#0a7d91"),
    "dark": ("#e6e9ee", "#1f242c", "#444c58", "#3fb1c5"),
}


def find():
    """Return the pictures found for every query, and which are of its subgroup."""
    emoji = load_emoji_pairs()
    splitter = ClassDisjointShuffleSplit(1, test_size=0.5, random_state=0)
    train, test = next(splitter.split(emoji.image, emoji.target))
    retriever = CCARetriever(alpha=1).fit(emoji.image[train], emoji.text[train])
    index = RetrievalIndex(retriever, image=emoji.image[test], ids=test)
    asked = [test[emoji.names[test] == query][0] for query in QUERIES]
    found = index.search(text=emoji.text[asked], k=N_FOUND).ids
    return emoji.images[found], emoji.target[found] == emoji.target[asked, None]


def _box(axes, x, y, width, height, **style):
    shape = "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, **style))


def draw(pictures, is_right, theme, width):
    """Draw one row per query, in units of one tile."""
    text, paper, frame, frame_right = THEMES[theme]
    left, n_letters, n_found = WIDTHS[width]
    step = 1.12
    size = (left + n_found * step, len(QUERIES) * step)
    figure = Figure(figsize=(0.8 * size[0], 0.8 * size[1]))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, size[0]), ylim=(size[1], 0))
    axes.axis("off")
    for i, query in enumerate(QUERIES):
        y = step * i + 0.06
        _box(axes, 0.06, y + 0.08, left - 0.75, 0.84, fc=paper, ec=frame, lw=1)
        label = fill(query, n_letters)
        axes.text(0.24, y + 0.5, label, color=text, va="center", fontsize=13)
        axes.annotate(
            "", (left - 0.12, y + 0.5), (left - 0.6, y + 0.5),
            arrowprops={"arrowstyle": "-|>", "color": text, "lw": 1.2},
        )  # fmt: skip
        for j, (picture, right) in enumerate(
            zip(pictures[i, :n_found], is_right[i, :n_found], strict=True)
        ):
            x = left + step * j
            edge, width = (frame_right, 3) if right else (frame, 1)
            # The drawings are on white.
            _box(axes, x, y, 1, 1, fc="#ffffff", ec=edge, lw=width)
            extent = (x + 0.07, x + 0.93, y + 0.93, y + 0.07)
            axes.imshow(picture, extent=extent, interpolation="bicubic", zorder=2)
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")  # as before imshow
    return figure


def write_pictures(app):
    """Write both pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = find()
    for theme, width in product(THEMES, WIDTHS):
        path = FOLDER / f"landing_{theme}{width}.png"
        draw(*found, theme, width).savefig(path, dpi=200, transparent=True)


def setup(app):
    """Draw before anything is read."""
    app.connect("builder-inited", write_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
