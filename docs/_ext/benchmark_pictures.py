"""Pictures of benchmarks, drawn at every build from the rows of their results.

Each is drawn for light and for dark pages, and again for phones: narrow, with letters
of the same size. The numbers behind are offered beside them.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from measured import (
    RESULTS,
    Change,
    accuracy,
    changes,
    differences,
    protocols_of,
    rows_of,
    short,
    subject_of,
)

FOLDER = Path(__file__).resolve().parents[1] / "_static" / "generated"
#: Changes that are nearer to nothing in both protocols are not drawn.
WORTH_A_ROW = 0.003
#: Changes beyond have an arrow and their figure.
_FARTHEST = 0.1
_GAIN = re.compile(r"\(([+-][\d.]+), ([+-][\d.]+) to ([+-][\d.]+)\)")
_TITLES = {
    "standard": "seen classes",
    "extendable": "unseen classes",
    "generalized": "queries of both kinds",
}


#: More data sets share one panel, without their intervals.
_PANELS = 3
#: Where labels may be broken, names of classes among them, and after how many letters.
_PIECES, _LETTERS = re.compile(r"(?<= )|(?<=[a-z)])(?=[A-Z(])"), 23


class Theme(NamedTuple):
    """Colours that people with any kind of colour vision tell apart, and the room."""

    ink: str
    pale: str
    one: str
    other: str
    is_narrow: bool = False

    def label(self, text, n_letters=_LETTERS):
        """Return a label in as many lines as its place wants."""
        if not self.is_narrow:
            return text
        lines = [""]
        for piece in _PIECES.split(text):
            if lines[-1] and len((lines[-1] + piece).rstrip()) > n_letters:
                lines.append("")
            lines[-1] += piece
        return "\n".join(map(str.rstrip, lines))


THEMES = {
    "light": Theme("#22272e", "#c3c9d1", "#0a6d80", "#b65a17"),
    "dark": Theme("#e6e9ee", "#4a5361", "#5cc3d6", "#f0a262"),
}
THEMES |= {f"{k}_narrow": t._replace(is_narrow=True) for k, t in THEMES.items()}


def title_of(protocol, name=None):
    """Say in words which queries a protocol has, of data with labels or without."""
    if name is not None and not any(row["n_test_classes"] for row in rows_of(name)):
        return "pairs without labels"
    return _TITLES.get(protocol, protocol)


def _axes(theme, labels, width=4.8, columns=1):
    """Return a figure and panels for rows of marks, the first on top.

    Panels stand side by side, or below each other where there is little room.
    """
    labels = [theme.label(label) for label in labels]
    n_rows, n_lines = len(labels), max(1 + text.count("\n") for text in labels)
    stacked = columns if theme.is_narrow else 1
    height = stacked * (0.9 + (0.105 + 0.13 * n_lines) * n_rows)
    figure = Figure((3.0 if theme.is_narrow else width, height), layout="constrained")
    FigureCanvasAgg(figure)
    shape = (columns, 1) if theme.is_narrow else (1, columns)
    panels = figure.subplots(*shape, sharey=not theme.is_narrow, squeeze=False).ravel()
    for axes in panels:
        axes.set_ylim(n_rows - 0.4, -0.6)
        axes.set_yticks(range(n_rows), labels)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=theme.pale, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure, panels


def _legend(figure, axes, columns):
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center", ncols=columns, frameon=False,
    )  # fmt: skip


def draw_accuracy(theme, name, protocol):
    """Draw the mean of every method, and its data sets as shares of their best."""
    measured = accuracy(name, protocol)
    best = {
        dataset: max(measured.mean(m, dataset) for m in measured.scores
                     if dataset in measured.scores[m])
        for dataset in measured.datasets
    }  # fmt: skip
    labels = [f"{method}  {short(measured.mean(method))}" for method in measured.scores]
    figure, (axes,) = _axes(theme, labels)
    one = {"color": theme.one, "alpha": 0.55, "markersize": 5}
    mean = {"color": theme.other, "markersize": 13, "markeredgewidth": 3}
    for i, (method, own) in enumerate(measured.scores.items()):
        shares = [measured.mean(method, d) / best[d] for d in best if d in own]
        axes.plot(shares, [i] * len(shares), "o", **one)
        axes.plot(np.mean(shares), i, "|", **mean)
    axes.plot([], [], "o", label="one data set", **one)
    axes.plot([], [], "|", label="their mean", **mean)
    axes.set_xlabel(theme.label("mAP / mAP of the best method", 16))
    _legend(figure, axes, 2)
    return figure


def draw_differences(theme, name, protocol):
    """Draw what MSLN, or else the best method, is above every other one.

    A panel per data set, with intervals; many data sets are marks of one panel.
    """
    found = differences(name, protocol)
    others = [m for m in accuracy(name, protocol).scores if m in {*_methods(found)}]
    is_many = len(found) > _PANELS
    n_panels = 1 if is_many else len(found)
    figure, panels = _axes(theme, others, width=4.2 + 0.6 * n_panels, columns=n_panels)
    for k, (dataset, by_method) in enumerate(found.items()):
        axes = panels[0 if is_many else k]
        for i, change in enumerate(map(by_method.get, others)):
            if change is not None:
                _mark(axes, change, i, theme.one, "o", farthest=1, is_bare=is_many)
        if not is_many:
            axes.set_title(dataset, loc="left", fontsize="medium")
    for axes in panels:
        axes.axvline(0, color=theme.ink, linewidth=1)
    what = "filled: the interval excludes zero" if is_many else "95 % intervals"
    subject = subject_of(name, protocol)
    figure.supxlabel(
        theme.label(f"mAP of {subject} less that of the other, {what}"),
        fontsize="medium",
    )
    return figure


def _methods(found):
    return (method for by_method in found.values() for method in by_method)


@cache
def worthwhile_changes():
    """Return the variants of MSLN that are drawn, by what they lose, and the others.

    Blocks of the representation are not among them.
    """
    found = {protocol: changes(protocol) for protocol in protocols_of("attribution")}
    size, loss = {}, {}
    for by_variant in found.values():
        for variant, change in by_variant.items():
            if not variant.startswith("block "):
                size[variant] = max(size.get(variant, 0), abs(change.mean))
                loss[variant] = min(loss.get(variant, 1), change.mean)
    drawn = sorted((v for v in size if size[v] >= WORTH_A_ROW), key=loss.get)
    return drawn, [variant for variant in size if size[variant] < WORTH_A_ROW]


def draw_changes(theme, variants):
    """Draw what changes of MSLN add to mAP, with intervals over the data sets."""
    figure, (axes,) = _axes(theme, variants)
    styles = zip((theme.one, theme.other), "os", (-0.16, 0.16), strict=True)
    for protocol, (color, marker, shift) in zip(
        protocols_of("attribution"), styles, strict=True
    ):
        found = changes(protocol)
        for i, change in enumerate(map(found.get, variants)):
            if change is not None:
                _mark(axes, change, i + shift, color, marker)
        axes.plot([], [], marker, color=color, label=title_of(protocol))
    axes.axvline(0, color=theme.ink, linewidth=1)
    axes.set_xlim(-_FARTHEST, _FARTHEST / 2)
    axes.set_xlabel(theme.label("added mAP, 95 % intervals", 16))
    _legend(figure, axes, 2)
    return figure


def _mark(axes, change, y, color, marker, farthest=_FARTHEST, *, is_bare=False):
    """Draw mean and interval, filled where that excludes zero; or the mean alone."""
    if change.mean < -farthest:
        axes.annotate(
            short(change.mean, signed=True), (-farthest, y), (12, 0),
            textcoords="offset points", va="center", color=color,
            arrowprops={"arrowstyle": "-|>", "color": color},
        )  # fmt: skip
        return
    if not is_bare:
        axes.plot([change.low, change.high], [y, y], color=color, linewidth=1.2)
    axes.plot(change.mean, y, marker, color=color, markersize=5,
              markerfacecolor="none" if change.is_open else color)  # fmt: skip


def draw_joint(theme):
    """Draw what fitting to few pairs of a joint embedding does."""
    found = {}
    for row in rows_of("joint"):
        own = found.setdefault(row["method"], {}).setdefault(int(row["n_pairs"]), [])
        own.append((row["recall_at_1"], row["mixed_at_10"]))
    sizes = sorted({n for own in found.values() for n in own})
    methods = sorted(found, key=lambda m: -np.mean(found[m][sizes[-1]], axis=0)[0])
    figure, panels = _axes(theme, methods, width=5.4, columns=2)
    for i, method in enumerate(methods):
        for n, size in zip(sizes, (3, 5.5, 8), strict=True):
            panels[0].plot(
                np.mean(found[method][n], axis=0)[0], i, "o", color=theme.one,
                markersize=size, markerfacecolor="none",
                label=f"{n} pairs" if i == 0 else None,
            )  # fmt: skip
        mixed = np.mean(found[method][sizes[-1]], axis=0)[1]
        panels[1].plot(mixed, i, "s", color=theme.other, markersize=5)
    panels[0].set_xlabel("Recall@1")
    panels[1].set_xlabel("mixed gallery")
    for axes in panels:
        axes.set_xlim(-0.03, 0.7)
    _legend(figure, panels[0], 2 if theme.is_narrow else 3)
    return figure


def draw_hubness(theme):
    """Draw what corrections for hubs add, of the means of both directions."""
    text = (RESULTS / "hubness" / "README.md").read_text(encoding="utf-8")
    gains = {}
    for line in text.splitlines():
        cells = line.replace("`", "").split(" | ")
        match = _GAIN.search(cells[2]) if len(cells) > 2 else None
        if match:
            own = gains.setdefault(cells[0].strip("| "), {})
            own[cells[1]] = Change(*map(float, match.groups()))
    rows = []
    for codes, own in gains.items():
        rows += [(codes, None), *own.items()]
    figure, (axes,) = _axes(theme, [label for label, _ in rows])
    for i, (_, change) in enumerate(rows):
        if change is None:
            axes.axhline(i - 0.5, color=theme.pale, linewidth=0.8)
        else:
            _mark(axes, change, i, theme.one, "o", farthest=1)
    axes.axvline(0, color=theme.ink, linewidth=1)
    for label, (_, change) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(theme.other if change is None else theme.ink)
    axes.set_xlabel(theme.label("added Recall@1 or mAP, 95 % intervals"))
    return figure


def _has_accuracy(folder):
    with (folder / "results.csv").open(encoding="utf-8") as lines:
        return {"dataset", "protocol", "method", "chance"} <= set(
            lines.readline().strip().split(",")
        )


@cache
def pictures():
    """Map the names of all pictures to (what draws it, its arguments, its words)."""
    found = {}
    for folder in sorted(path.parent for path in RESULTS.glob("*/results.csv")):
        if _has_accuracy(folder):
            for protocol in protocols_of(folder.name):
                of, key = (folder.name, protocol), f"{folder.name}_{protocol}"
                title = title_of(protocol, folder.name)
                found[key] = (
                    draw_accuracy, of,
                    f"Mean average precision of every method: {title}",
                )  # fmt: skip
                found[f"{key}_differences"] = (
                    draw_differences, of,
                    f"{subject_of(*of)} less every other method, {title}",
                )  # fmt: skip
    drawn, _ = worthwhile_changes()
    blocks = dict.fromkeys(
        variant
        for protocol in reversed(protocols_of("attribution"))
        for variant in changes(protocol)
        if variant.startswith("block ")
    )
    words = "What each {} adds to mAP, on seen and on unseen classes"
    found["attribution_changes"] = draw_changes, (drawn,), words.format("change")
    found["attribution_blocks"] = draw_changes, ([*blocks],), words.format("block")
    found["joint"] = draw_joint, (), "Recall@1 of what is fitted to 50 to 250 pairs"
    found["hubness"] = draw_hubness, (), "What corrections for hubs add, by codes"
    return found


def write_pictures(app):
    """Draw all pictures in both themes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (draw, arguments, _) in pictures().items():
        for theme, colors in THEMES.items():
            style = {
                "text.color": colors.ink, "axes.labelcolor": colors.ink,
                "axes.edgecolor": colors.pale, "xtick.color": colors.ink,
                "ytick.color": colors.ink, "xtick.labelcolor": colors.ink,
                "font.size": 9.5, "legend.fontsize": 9.5,
                "svg.hashsalt": name,
            }  # fmt: skip
            with rc_context(style):
                figure = draw(colors, *arguments)
                path = FOLDER / f"{name}_{theme}.svg"
                figure.savefig(path, transparent=True, metadata={"Date": None})


def setup(app):
    """Draw before anything is read."""
    app.connect("builder-inited", write_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
