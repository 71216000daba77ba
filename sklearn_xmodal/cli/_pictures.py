"""Bars, curves, and sheets of what was retrieved."""

import numpy as np

from sklearn_xmodal.metrics import RetrievedItemsDisplay

# Okabe and Ito's colours without yellow, to be told apart by everybody; of the usual
# methods each has its own, the others go on with broken lines.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7")
_LINES = ("solid", "dashed", "dotted", "dashdot")
_GREY = "#7f7f7f"
_OWN = {
    "raw cosine (nothing fitted)": _GREY,
    "MSLN": _COLOURS[1],
    "CCA": _COLOURS[0],
    "KCCA": _COLOURS[4],
    "semantic matching": _COLOURS[2],
    "adapter": _COLOURS[3],
    "text adapter": _COLOURS[5],
}
_N_QUERIES, _N_PICTURES, _N_TEXTS = 8, 8, 4
_FONT_SIZE = 7
#: Of a sheet, in heights of a picture, with its margins.
_SHEET = np.array([12.2, 23.2])
_MIN_INCHES, _MAX_LETTERS = 0.7, 30  # of a picture, and of a class below it


def draw_all(runs, data, folder):
    """Draw every picture that the data allow, and yield the path of each."""
    yield _save(_bars(runs, data.name), folder / "map.png")
    yield _save(_curves(runs, data.name), folder / "precision_recall.png")
    if data.pictures is None or data.texts is None:
        return
    for protocol in dict.fromkeys(run.protocol for run in runs):
        own = [run for run in runs if run.protocol == protocol]
        best = _best_method(own)
        run = next(run for run in own if run.method == best)
        yield _save(_sheet(run, data), folder / f"retrieved_{protocol}.png")


def _best_method(runs):
    """Return the method that the table shows to be the best."""
    scores: dict = {}
    for run in runs:
        scores.setdefault(run.method, []).append(run.mean)
    return max(scores, key=lambda name: np.mean(scores[name]))


def _figure(width, height):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path):
    figure.savefig(path, dpi=120, facecolor="white")
    return path


def _tidy(axes):
    axes.spines[["top", "right"]].set_visible(False)


def _style_of(methods):
    """Return colour and line of every method, no two alike."""
    others = [method for method in methods if method not in _OWN]
    styles = {method: (_OWN[method], "solid") for method in methods if method in _OWN}
    for i, method in enumerate(others):
        line = _LINES[1 + i // len(_COLOURS) % (len(_LINES) - 1)]
        styles[method] = (_COLOURS[i % len(_COLOURS)], line)
    return styles


def _bars(runs, title):
    protocols = list(dict.fromkeys(run.protocol for run in runs))
    methods = list(dict.fromkeys(run.method for run in runs))
    styles = _style_of(methods)
    figure = _figure(2.2 + 2.8 * len(protocols), 1.7 + 0.28 * len(methods))
    grid = figure.subplots(1, len(protocols), sharey=True, squeeze=False)
    for axes, protocol in zip(grid[0], protocols, strict=True):
        own = [run for run in runs if run.protocol == protocol]
        chance = np.mean([run.chance for run in own])
        axes.axvline(chance, color="k", linestyle="dotted", label="chance")
        for method in dict.fromkeys(run.method for run in own):
            means = [run.mean for run in own if run.method == method]
            error = np.std(means, ddof=1) if len(means) > 1 else None
            mean, colour = np.mean(means), styles[method][0]
            (bar,) = axes.barh(method, mean, xerr=error, color=colour)
            axes.annotate(
                f"{mean:.3f}",
                (mean + (error or 0), bar.get_y() + bar.get_height() / 2),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_title(_protocol_label(protocol), loc="left", fontsize=10)
        axes.set_xlabel("mAP, mean of both directions")
        axes.margins(x=0.2)
        axes.set_xlim(left=0)
        _tidy(axes)
    grid[0, 0].invert_yaxis()
    line = grid[0, -1].get_legend_handles_labels()
    figure.legend(*line, loc="outside lower right", frameon=False, fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _protocol_label(protocol):
    kinds = {"standard": "seen", "extendable": "unseen", "generalized": "both kinds of"}
    return f"{protocol} ({kinds[protocol]} classes)"


def _curves(runs, title):
    protocols = list(dict.fromkeys(run.protocol for run in runs))
    directions = {"image_to_text": "image to text", "text_to_image": "text to image"}
    styles = _style_of(dict.fromkeys(run.method for run in runs))
    figure = _figure(8.4, 3.2 * len(protocols))
    grid = figure.subplots(len(protocols), 2, sharex=True, sharey="row", squeeze=False)
    for row, protocol in zip(grid, protocols, strict=True):
        own = [run for run in runs if run.protocol == protocol]
        chance = np.mean([run.chance for run in own])
        for axes, (direction, text) in zip(row, directions.items(), strict=True):
            for method in dict.fromkeys(run.method for run in own):
                curves = [r.curves[direction] for r in own if r.method == method]
                precision = np.mean([p for p, _ in curves], axis=0)
                axes.plot(
                    curves[0][1],
                    precision,
                    marker="o",
                    markersize=3,
                    color=styles[method][0],
                    linestyle=styles[method][1],
                    label=method,
                )
            if protocol != "generalized":  # whose chance is a mean of two galleries
                axes.axhline(chance, color="k", linestyle=(0, (1, 3)), label="chance")
            axes.set_title(f"{protocol}, {text}", loc="left", fontsize=10)
            _tidy(axes)
        row[0].set_ylabel("interpolated precision")
        row[0].set_ylim(bottom=0)  # after both plots: the axis is shared
    for axes in grid[-1]:
        axes.set_xlabel("recall")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def _inches(name):
    from matplotlib.textpath import TextPath

    return 1.05 * TextPath((0, 0), name, size=_FONT_SIZE).get_extents().width / 72


def _sheet(run, data):
    """Show some text queries with the pictures they find, and the reverse."""
    Z_img, Z_txt = run.codes
    # As wide as the widest class below a picture.
    names = {str(label)[:_MAX_LETTERS] for label in data.y}
    inches = max(_MIN_INCHES, *map(_inches, names))
    figure = _figure(*_SHEET * inches)
    figure.suptitle(f"{run.method}, {run.protocol} protocol", x=0.01, ha="left")
    directions = {"text_to_image": _N_PICTURES, "image_to_text": _N_TEXTS}
    for axes, (direction, k) in zip(
        figure.subplots(2, 1), directions.items(), strict=True
    ):
        RetrievedItemsDisplay.from_predictions(
            Z_img,
            Z_txt,
            data.y[run.test_rows],
            images=data.pictures[run.test_rows],
            texts=data.texts[run.test_rows],
            direction=direction,
            k=k,
            queries=_N_QUERIES,
            random_state=0,
            ax=axes,
            cmap="gray_r",
            fontsize=_FONT_SIZE,
        )
    return figure
