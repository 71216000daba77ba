"""Charts as SVG in the colours of the page."""

from html import escape

import numpy as np

#: Of a track, the part that the highest value takes; the rest is for its figure.
_FULL = 80
#: Strokes of lines, beside their colours: nothing is told by colour alone.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 4", "1 4")


def bars(summary):
    """Return mean and interval of each method as a line of a chart, best first."""
    ends = [method.interval or (method.mean,) * 2 for method in summary.methods]
    highest = max(*(high for _, high in ends), summary.chance)

    def share(value):
        return f"{_FULL * max(value, 0) / highest:.2f}%"

    lines = "".join(
        f'<div class="name">{escape(method.name)}</div><div class="track">'
        f'<div class="bar{" best" if i == 0 else ""}" style="width:'
        f'{share(method.mean)}"></div><div class="whisker" style="left:{share(low)};'
        f'width:{share(high - low)}"></div><div class="level" style="left:'
        f'{share(summary.chance)}"></div><div class="value" style="left:{share(high)}">'
        f"{method.mean:.3f}</div></div>"
        for i, (method, (low, high)) in enumerate(
            zip(summary.methods, ends, strict=True)
        )
    )
    label = "Mean average precision: " + ", ".join(
        f"{method.name} {method.mean:.3f}" for method in summary.methods
    )
    return (
        f'<div class="bars" role="img" aria-label="{escape(label)}">{lines}</div>'
        '<p class="small key"><span class="level"></span> what codes without '
        f"information would score, {summary.chance:.3f}</p>"
    )


def curves(summary, direction, words):
    """Return precision at each recall of the methods, and of chance."""
    width, height, left, bottom = 330, 220, 34, 30
    means = {}
    for method in summary.methods:
        own = [run for run in summary.runs if run.method == method.name]
        precision = np.mean([run.curves[direction][0] for run in own], axis=0)
        means[method.name] = own[0].curves[direction][1], precision
    highest = max(float(p.max()) for _, p in means.values())
    top = max(0.1, np.ceil(highest * 10) / 10)

    def point(recall, precision):
        x = left + recall * (width - left - 8)
        return f"{x:.1f} {8 + (1 - precision / top) * (height - bottom - 8):.1f}"

    parts = []
    for value in (0, top / 2, top):
        y = point(0, value).split()[1]
        parts.append(
            f'<path class="grid" d="M{left} {y}H{width - 8}"/>'
            f'<text class="small" x="{left - 5}" y="{float(y) + 3:.1f}" '
            f'text-anchor="end">{value:.2g}</text>'
        )
    for i, (recall, precision) in enumerate(means.values()):
        line = "L".join(point(r, p) for r, p in zip(recall, precision, strict=True))
        parts.append(
            f'<path class="curve c{i % 7}" stroke-dasharray="{DASHES[i % 7]}" '
            f'd="M{line}"/>'
        )
    chance = f"M{point(0, summary.chance)}L{point(1, summary.chance)}"
    parts.append(f'<path class="chance" d="{chance}"/>')
    for recall in (0, 0.5, 1):
        x = point(recall, 0).split()[0]
        parts.append(
            f'<text class="small" x="{x}" y="{height - bottom + 14}" '
            f'text-anchor="middle">{recall:g}</text>'
        )
    parts.append(
        f'<text class="small" x="{(left + width) / 2}" y="{height - 3}" '
        f'text-anchor="middle">recall, {words}</text>'
    )
    return _svg(width, height, f"Precision against recall, {words}", parts)


def legend(names):
    """Return names beside their strokes."""
    items = "".join(
        f'<li><svg width="34" height="10" aria-hidden="true"><path class="curve '
        f'c{i % 7}" stroke-dasharray="{DASHES[i % 7]}" d="M1 5H33"/></svg> '
        f"{escape(name)}</li>"
        for i, name in enumerate(names)
    )
    return (
        f'<ul class="legend">{items}<li><svg width="34" height="10" aria-hidden="true">'
        '<path class="chance" d="M1 5H33"/></svg> chance</li></ul>'
    )


def _svg(width, height, label, parts):
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
