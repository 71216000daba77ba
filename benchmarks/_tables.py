"""What the rows say: means, wins, paired gains with intervals, a picture."""

import itertools

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sklearn_xmodal.metrics import paired_comparison


def _unique(rows, name):
    return list(dict.fromkeys(row[name] for row in rows))


def _select(rows, **values):
    return [row for row in rows if all(row[k] == v for k, v in values.items())]


def write_tables(rows, path):
    """Write one Markdown table of means and one of gains per protocol."""
    lines = [
        "# Accuracy of the retrievers",
        "",
        "mAP over the full ranking by cosine, mean of both directions and of all "
        "splits (generalized: harmonic mean of queries from seen and unseen classes). "
        "All choices by cross-validation inside the training part, among at most "
        "three candidates per method. Made by `python -m benchmarks.retrieval`; one "
        "row per split in `results.csv`.",
    ]
    for protocol in _unique(rows, "protocol"):
        own = _select(rows, protocol=protocol)
        lines += ["", f"## {protocol.capitalize()} protocol", "", *_means(own)]
        lines += ["", *_wins(own), "", *_gains(own)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scores(rows):
    """Map methods to data sets to the mAP of every split, the best method first."""
    scores = {
        method: {
            dataset: {
                row["split"]: row["mean"]
                for row in _select(rows, method=method, dataset=dataset)
            }
            for dataset in _unique(_select(rows, method=method), "dataset")
        }
        for method in _unique(rows, "method")
    }
    return dict(sorted(scores.items(), key=lambda item: -_mean_of_means(item[1])))


def _mean(by_split):
    return float(np.mean(list(by_split.values())))


def _mean_of_means(by_dataset):
    return float(np.mean([_mean(by_split) for by_split in by_dataset.values()]))


def _best(scores, dataset):
    candidates = [method for method in scores if dataset in scores[method]]
    return max(candidates, key=lambda method: _mean(scores[method][dataset]))


def _n_splits(rows, dataset):
    return len(_unique(_select(rows, dataset=dataset), "split"))


def _means(rows):
    """One row per method; its mean counts where it ran on all data sets."""
    scores, datasets = _scores(rows), _unique(rows, "dataset")
    best = {dataset: _best(scores, dataset) for dataset in datasets}
    lines = [
        _splits_of(rows, datasets),
        "",
        "| method | mean | " + " | ".join(datasets) + " |",
        "|---|" + "--:|" * (1 + len(datasets)),
    ]
    for method, own in scores.items():
        overall = _digits(_mean_of_means(own)) if len(own) == len(datasets) else ""
        cells = [
            _cell(own.get(d), _n_splits(rows, d), is_best=best[d] == method)
            for d in datasets
        ]
        lines.append(_line(method, overall, *cells))
    chance = [
        np.mean([row["chance"] for row in _select(rows, dataset=d)]) for d in datasets
    ]
    cells = [_digits(level) for level in (np.mean(chance), *chance)]
    return [*lines, _line("*chance*", *cells)]


def _splits_of(rows, datasets):
    numbers = sorted({_n_splits(rows, dataset) for dataset in datasets})
    text = " to ".join(str(n) for n in dict.fromkeys((numbers[0], numbers[-1])))
    return f"Splits per data set: {text}; where a method has fewer, in parentheses."


def _digits(score):
    """Three digits, no leading zero: tables of many data sets are wide."""
    return f"{score:.3f}".removeprefix("0")


def _line(*cells):
    return "| " + " | ".join(cells) + " |"


def _cell(by_split, n_splits, *, is_best):
    if not by_split:
        return "-"
    text = _digits(_mean(by_split))
    if len(by_split) < n_splits:
        text += f" ({len(by_split)})"
    return f"**{text}**" if is_best else text


def _wins(rows):
    """Count how often every method is above those that are best somewhere."""
    scores = _scores(rows)
    found = {_best(scores, dataset) for dataset in _unique(rows, "dataset")}
    rivals = [method for method in scores if method in found]
    flat = {
        method: {
            (dataset, split): score
            for dataset, by_split in own.items()
            for split, score in by_split.items()
        }
        for method, own in scores.items()
    }
    lines = [
        "Pairs of data set and split in which the method of the row is above that of "
        "the column, and the mean difference. Columns: the methods that are best on "
        "some data set.",
        "",
        "| | " + " | ".join(rivals) + " |",
        "|---|" + "--:|" * len(rivals),
    ]
    for method in scores:
        cells = [
            "" if rival == method else _duel(flat[method], flat[rival])
            for rival in rivals
        ]
        lines.append(_line(method, *cells))
    return lines


def _duel(one, other):
    shared = one.keys() & other.keys()
    if not shared:
        return "-"
    differences = [one[key] - other[key] for key in shared]
    share = np.mean(np.array(differences) > 0)
    return f"{share:.0%}, {np.mean(differences):+.3f}"


def _gains(rows):
    """Compare the best method of each data set with each of the others."""
    lines = [
        "Paired differences between the method with the best mean and the others, "
        "with 95 % intervals corrected for overlapping training sets (Nadeau and "
        "Bengio, 2003).",
        "",
        "| data | best | against | difference | 95 % interval | wins, ties, losses |",
        "|---|---|---|--:|---|---|",
    ]
    scores = _scores(rows)
    for dataset in _unique(rows, "dataset"):
        own = _select(rows, dataset=dataset)
        by_split = {m: scores[m][dataset] for m in scores if dataset in scores[m]}
        best = _best(scores, dataset)
        for other, other_scores in by_split.items():
            shared = sorted(by_split[best].keys() & other_scores.keys())
            if other == best or len(shared) < 2:
                continue
            sizes = [_select(own, method=best, split=split)[0] for split in shared]
            gain = paired_comparison(
                [by_split[best][split] for split in shared],
                [other_scores[split] for split in shared],
                n_train=[row["n_train"] for row in sizes],
                n_test=[row["n_test"] for row in sizes],
            )
            low, high = gain.confidence_interval
            lines.append(
                f"| {dataset} | {best} | {other} | {gain.mean_difference:+.3f} "
                f"| [{low:+.3f}, {high:+.3f}] "
                f"| {gain.n_wins}, {gain.n_ties}, {gain.n_losses} |"
            )
    return lines


def draw(rows, path):
    """Draw mAP as a share of that of the best method, one panel per protocol."""
    protocols, datasets = _unique(rows, "protocol"), _unique(rows, "dataset")
    n_methods = len(_unique(rows, "method"))
    figure = Figure(
        figsize=(4.6 * len(protocols), 1.6 + 0.28 * n_methods), layout="constrained"
    )
    panels = figure.subplots(1, len(protocols), sharex=True, squeeze=False)[0]
    markers = itertools.cycle("osD^v<>PX*hd")
    styles = {
        dataset: {"marker": next(markers), "color": colormaps["tab20"](i % 20)}
        for i, dataset in enumerate(datasets)
    }
    for axes, protocol in zip(panels, protocols, strict=True):
        _draw_shares(axes, _scores(_select(rows, protocol=protocol)), styles)
        axes.set_title(f"{protocol} protocol", loc="left")
        axes.set_xlabel("mAP / mAP of the best method")
    handles = [
        Line2D([], [], linestyle="", label=dataset, **style)
        for dataset, style in styles.items()
    ]
    handles.append(Line2D([], [], color="k", linewidth=2.5, label="mean"))
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=120, facecolor="white")


def _draw_shares(axes, scores, styles):
    """Draw a point per data set and the mean of every method, the best on top."""
    for i, own in enumerate(scores.values()):
        shares = {
            dataset: _mean(by_split) / _mean(scores[_best(scores, dataset)][dataset])
            for dataset, by_split in own.items()
        }
        for dataset, share in shares.items():
            axes.plot(share, i, markersize=5, alpha=0.8, **styles[dataset])
        mean = np.mean(list(shares.values()))
        axes.vlines(mean, i - 0.38, i + 0.38, "k", linewidth=2.5)
    axes.set_yticks(range(len(scores)), scores)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
