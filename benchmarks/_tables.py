"""What the rows say: means, wins, paired gains with intervals, a picture.

``python -m benchmarks._tables FOLDER ...`` writes the tables of folders of results
anew, from their rows.
"""

import csv
import itertools
import sys
from pathlib import Path

import numpy as np

from benchmarks._datasets import TOLD, VARIANTS
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal.metrics import paired_comparison

TITLE = "Accuracy of the retrievers"
#: What a paired comparison says, in words.
BETTER, OPEN = "better", "open"


def _unique(rows, name):
    return list(dict.fromkeys(row[name] for row in rows))


def _select(rows, **values):
    return [row for row in rows if all(row[k] == v for k, v in values.items())]


def write_tables(rows, path, title=TITLE):
    """Write one Markdown table of means and one of gains per protocol."""
    lines = [f"# {title}", "", *_introduction(rows)]
    for protocol in _unique(rows, "protocol"):
        own = _select(rows, protocol=protocol)
        lines += ["", f"## {protocol.capitalize()} protocol", "", *_means(own)]
        lines += _recalls(own)
        lines += ["", *_wins(own), "", *_gains(own)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _introduction(rows):
    """Say what is measured, and on which data, as far as rows have them."""
    harmonic = ""
    if "generalized" in _unique(rows, "protocol"):
        harmonic = (
            " (generalized: harmonic mean of queries from seen and unseen classes)"
        )
    lines = [
        "mAP over the full ranking by cosine, mean of both directions and of all "
        f"splits{harmonic}. All choices by cross-validation inside the training part, "
        "among at most three candidates per method. Made by `python -m "
        "benchmarks.retrieval`; one row per split in `results.csv`.",
        "",
    ]
    for dataset in _unique(rows, "dataset"):
        own = _select(rows, dataset=dataset)
        told = f": {TOLD[dataset]}" if dataset in TOLD else ""
        lines.append(f"- **{dataset}** ({_sizes(own)}){told}.")
    return lines


def _sizes(rows):
    """Count pairs, and classes where a protocol tests all of them."""
    text = f"{rows[0]['n_train'] + rows[0]['n_test']:,} pairs"
    whole = [row for row in rows if row["protocol"] != "extendable"]
    if whole and whole[0].get("n_test_classes"):
        text += f", {whole[0]['n_test_classes']} classes"
    return text


def _scores(rows):
    """Map methods to data sets to the mAP of every split, the best method first."""
    scores = {}
    for row in rows:
        own = scores.setdefault(row["method"], {}).setdefault(row["dataset"], {})
        own[row["split"]] = row["mean"]
    return dict(sorted(scores.items(), key=lambda item: -_overall(item[1], rows)))


def _mean(by_split):
    return float(np.mean(list(by_split.values())))


def _independent(rows):
    """Return the data sets that count once, all where there are but variants."""
    datasets = _unique(rows, "dataset")
    return [d for d in datasets if d not in VARIANTS] or datasets


def _overall(by_dataset, rows):
    """Mean over the data sets that are no variants, of those that a method has."""
    counted = set(_independent(rows))
    means = [_mean(by_dataset[d]) for d in by_dataset if d in counted]
    return float(np.mean(means)) if means else 0.0


def _best(scores, dataset):
    candidates = [method for method in scores if dataset in scores[method]]
    return max(candidates, key=lambda method: _mean(scores[method][dataset]))


def _n_splits(rows, dataset):
    return len(_unique(_select(rows, dataset=dataset), "split"))


def _means(rows):
    """One row per method; its mean counts where it ran on all data sets."""
    scores, datasets = _scores(rows), _unique(rows, "dataset")
    best = {dataset: _best(scores, dataset) for dataset in datasets}
    chance = {
        d: {0: np.mean([row["chance"] for row in _select(rows, dataset=d)])}
        for d in datasets
    }
    lines = [
        [
            method,
            _digits(_overall(own, rows)) if own.keys() >= set(datasets) else "",
            *(
                _cell(own.get(d), _n_splits(rows, d), is_best=best[d] == method)
                for d in datasets
            ),
        ]
        for method, own in scores.items()
    ]
    levels = [_overall(chance, rows), *map(_mean, chance.values())]
    columns = {"method": WORDS, "mean": NUMBERS, **dict.fromkeys(datasets, NUMBERS)}
    return [
        _explanation(rows, datasets),
        "",
        *table(columns, [*lines, ["*chance*", *map(_digits, levels)]]),
    ]


def _recalls(rows):
    """One row per method of data without labels, where there are such."""
    rows = [row for row in rows if "recall_at_1" in row]
    if not rows:
        return []
    datasets, cutoffs = _unique(rows, "dataset"), (1, 5, 10)
    columns = [(d, f"recall_at_{k}") for d in datasets for k in cutoffs]
    titles = [f"{d}, R@{k}" for d in datasets for k in cutoffs]
    cells = [
        [
            method,
            *(
                _digits(np.mean([row[name] for row in own if row["dataset"] == d]))
                for d, name in columns
            ),
        ]
        for method in _scores(rows)
        if (own := _select(rows, method=method))
    ]
    return [
        "",
        "Without labels only the other half of a pair is relevant: how often it is "
        "among the first k, the mean of both directions.",
        "",
        *table({"method": WORDS, **dict.fromkeys(titles, NUMBERS)}, cells),
    ]


def _explanation(rows, datasets):
    numbers = sorted({_n_splits(rows, dataset) for dataset in datasets})
    n_splits = " to ".join(str(n) for n in dict.fromkeys((numbers[0], numbers[-1])))
    text = f"Splits per data set: {n_splits}"
    fewer = [
        (method, dataset)
        for method, own in _scores(rows).items()
        for dataset, by_split in own.items()
        if 0 < len(by_split) < _n_splits(rows, dataset)
    ]
    text += "; where a method has fewer, in parentheses." if fewer else "."
    variants = [d for d in datasets if d not in _independent(rows)]
    if variants:
        text += f" Means leave out variants of other sets: {', '.join(variants)}."
    return text


def _digits(score):
    """Three digits, no leading zero: tables of many data sets are wide."""
    return f"{score:.3f}".removeprefix("0")


def _cell(by_split, n_splits, *, is_best):
    if not by_split:
        return "-"
    text = _digits(_mean(by_split))
    if len(by_split) < n_splits:
        text += f" ({len(by_split)})"
    return f"**{text}**" if is_best else text


def _wins(rows):
    """Count how often every method is above those that are best somewhere."""
    scores, datasets = _scores(rows), _independent(rows)
    found = {_best(scores, dataset) for dataset in datasets}
    rivals = [method for method in scores if method in found]
    flat = {
        method: {
            (dataset, split): score
            for dataset in datasets
            for split, score in own.get(dataset, {}).items()
        }
        for method, own in scores.items()
    }
    duels = [
        [
            method,
            *(
                "" if rival == method else _duel(flat[method], flat[rival])
                for rival in rivals
            ),
        ]
        for method in scores
    ]
    return [
        "Pairs of data set and split, variants left out, in which the method of the "
        "row is above that of the column, and the mean difference. Columns: the "
        "methods that are best on some data set.",
        "",
        *table({"": WORDS, **dict.fromkeys(rivals, NUMBERS)}, duels),
    ]


def _duel(one, other):
    shared = one.keys() & other.keys()
    if not shared:
        return "-"
    differences = [one[key] - other[key] for key in shared]
    share = np.mean(np.array(differences) > 0)
    return f"{share:.0%}, {np.mean(differences):+.3f}"


def compared(rows, one, other):
    """Compare two methods on the splits that they share, in rows of one data set.

    None where these are fewer than two.
    """
    rows_of_one, rows_of_other = (
        {row["split"]: row for row in _select(rows, method=m)} for m in (one, other)
    )
    shared = sorted(rows_of_one.keys() & rows_of_other.keys())
    if len(shared) < 2:
        return None
    return paired_comparison(
        [rows_of_one[split]["mean"] for split in shared],
        [rows_of_other[split]["mean"] for split in shared],
        n_train=[rows_of_one[split]["n_train"] for split in shared],
        n_test=[rows_of_one[split]["n_test"] for split in shared],
    )


def _gains(rows):
    """Compare the best method of each data set with each of the others."""
    lines = []
    scores = _scores(rows)
    for dataset in _unique(rows, "dataset"):
        own = _select(rows, dataset=dataset)
        by_split = {m: scores[m][dataset] for m in scores if dataset in scores[m]}
        best = _best(scores, dataset)
        for other in by_split:
            gain = compared(own, best, other)
            if other == best or gain is None:
                continue
            low, high = gain.confidence_interval
            lines.append(
                [
                    dataset,
                    best,
                    other,
                    f"{gain.mean_difference:+.3f}",
                    f"[{low:+.3f}, {high:+.3f}]",
                    f"{gain.n_wins}, {gain.n_ties}, {gain.n_losses}",
                    BETTER if low > 0 else OPEN,
                ]
            )
    columns = {
        "data": WORDS,
        "best": WORDS,
        "against": WORDS,
        "difference": NUMBERS,
        "95 % interval": WORDS,
        "wins, ties, losses": WORDS,
        "in words": WORDS,
    }
    n_open = sum(line[-1] == OPEN for line in lines)
    return [
        "Paired differences between the method with the best mean and the others, "
        "with 95 % intervals corrected for overlapping training sets (Nadeau and "
        f"Bengio, 2003). *{BETTER.capitalize()}*: the interval is above zero, so other "
        "splits of these data would hardly turn the order round. "
        f"*{OPEN.capitalize()}*: these splits do not tell which of the two is better, "
        "which is not to say that they are equally good. Splits share most of their "
        "pairs: they are no independent trials, and winning all of them says less than "
        "it seems to. The best mean was picked with all scores in view, "
        f"which flatters it a little. Open: {n_open} of {len(lines)} comparisons.",
        "",
        *table(columns, lines),
    ]


def draw(rows, path):
    """Draw mAP as a share of that of the best method, one panel per protocol."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

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
        own = _select(rows, protocol=protocol)
        _draw_shares(axes, _scores(own), styles, set(_independent(own)))
        axes.set_title(f"{protocol} protocol", loc="left")
        axes.set_xlabel("mAP / mAP of the best method")
    handles = [
        Line2D([], [], linestyle="", label=dataset, **style)
        for dataset, style in styles.items()
    ]
    handles.append(Line2D([], [], color="k", linewidth=2.5, label="mean"))
    figure.legend(handles=handles, loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=120, facecolor="white")


def _draw_shares(axes, scores, styles, counted):
    """Draw a point per data set and the mean of every method, the best on top."""
    for i, own in enumerate(scores.values()):
        shares = {
            dataset: _mean(by_split) / _mean(scores[_best(scores, dataset)][dataset])
            for dataset, by_split in own.items()
        }
        for dataset, share in shares.items():
            axes.plot(share, i, markersize=5, alpha=0.8, **styles[dataset])
        mean = np.mean([shares[d] for d in shares if d in counted])
        axes.vlines(mean, i - 0.38, i + 0.38, "k", linewidth=2.5)
    axes.set_yticks(range(len(scores)), scores)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)


def read_rows(path):
    """Return the rows of a file of results, with numbers where there are some."""
    with Path(path).open(encoding="utf-8", newline="") as lines:
        return [
            {column: number(value) for column, value in row.items()}
            for row in csv.DictReader(lines)
        ]


def number(text):
    """Return the number that a cell holds, or its text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        readme = folder / "README.md"
        title = readme.read_text(encoding="utf-8").split("\n", 1)[0]
        write_tables(
            read_rows(folder / "results.csv"), readme, title.removeprefix("# ")
        )
