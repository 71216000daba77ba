"""What the rows say: means, paired gains with intervals, a picture."""

import numpy as np
from matplotlib.figure import Figure

from sklearn_xmodal.metrics import paired_comparison

_COLOURS = {
    "CCA": "#7a8ba3",
    "KCCA": "#3b6ea8",
    "semantic matching": "#6f9e6e",
    "PLS": "#b9a7c9",
    "Procrustes": "#8d6fb0",
    "semantic correlation matching": "#3f7a4c",
    "ridge regression": "#b5bd61",
    "semantic autoencoder": "#8c8f2f",
    "MvDA": "#5fb3b3",
    "three-view CCA": "#20344f",
    "deep CCA": "#7fa8d1",
    "contrastive": "#c98bb9",
    "ACMR": "#a34a28",
    "DSCMR": "#7a5c3e",
    "MSLN": "#d1603d",
    "MSLN, four losses": "#e3a857",
}


def _unique(rows, name):
    return list(dict.fromkeys(row[name] for row in rows))


def _select(rows, **values):
    return [row for row in rows if all(row[k] == v for k, v in values.items())]


def write_tables(rows, path):
    """Write one Markdown table of means and one of gains per protocol."""
    lines = [
        "# Accuracy of the retrievers",
        "",
        "mAP over the full ranking by cosine, mean of both directions, mean and "
        "standard deviation over splits (generalized: harmonic mean of queries from "
        "seen and unseen classes). All choices by cross-validation inside the "
        "training part, among at most three candidates per method. Made by "
        "`python -m benchmarks.retrieval`; one row per split in `results.csv`.",
    ]
    for protocol in _unique(rows, "protocol"):
        own = _select(rows, protocol=protocol)
        lines += ["", f"## {protocol.capitalize()} protocol", "", *_means(own)]
        lines += ["", *_wins(own), "", *_gains(own)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _means(rows):
    methods = _unique(rows, "method")
    lines = [
        "| data | splits | chance | " + " | ".join(methods) + " |",
        "|---|--:|--:|" + "--:|" * len(methods),
    ]
    for dataset in _unique(rows, "dataset"):
        own = _select(rows, dataset=dataset)
        means = {
            method: [row["mean"] for row in _select(own, method=method)]
            for method in methods
        }
        best = max((m for m in methods if means[m]), key=lambda m: np.mean(means[m]))
        cells = [_cell(means[method], method == best) for method in methods]
        n_splits = len(_unique(own, "split"))
        chance = np.mean([row["chance"] for row in own])
        lines.append(
            f"| {dataset} | {n_splits} | {chance:.3f} | " + " | ".join(cells) + " |"
        )
    return lines


def _cell(scores, is_best):
    if not scores:
        return "-"
    text = f"{np.mean(scores):.3f}"
    if len(scores) > 1:
        text += f" ± {np.std(scores, ddof=1):.3f}"
    return f"**{text}**" if is_best else text


def _wins(rows):
    """Count in how many data sets and splits each method is above each other."""
    methods = _unique(rows, "method")
    scores = {
        method: {
            (row["dataset"], row["split"]): row["mean"]
            for row in _select(rows, method=method)
        }
        for method in methods
    }
    lines = [
        "Pairs of data set and split in which the method of the row is above that of "
        "the column, and the mean difference.",
        "",
        "| | " + " | ".join(methods) + " |",
        "|---|" + "--:|" * len(methods),
    ]
    for method in methods:
        cells = [_duel(scores[method], scores[other]) for other in methods]
        cells[methods.index(method)] = ""
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
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
    for dataset in _unique(rows, "dataset"):
        own = _select(rows, dataset=dataset)
        methods = _unique(own, "method")
        by_split = {
            m: {row["split"]: row["mean"] for row in _select(own, method=m)}
            for m in methods
        }
        best = max(methods, key=lambda m: np.mean(list(by_split[m].values())))
        for other in methods:
            shared = sorted(by_split[best].keys() & by_split[other].keys())
            if other == best or len(shared) < 2:
                continue
            sizes = [_select(own, method=best, split=split)[0] for split in shared]
            gain = paired_comparison(
                [by_split[best][split] for split in shared],
                [by_split[other][split] for split in shared],
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
    """Draw mAP above chance per data set, one panel per protocol."""
    protocols, datasets = _unique(rows, "protocol"), _unique(rows, "dataset")
    methods = _unique(rows, "method")
    inches = max(0.62, 0.1 * len(methods))  # per data set
    step = min(0.17, 0.9 / len(methods))
    figure = Figure(
        figsize=(2 + 3.4 * len(protocols), 1.4 + inches * len(datasets)),
        layout="constrained",
    )
    panels = figure.subplots(1, len(protocols), sharey=True, squeeze=False)[0]
    for axes, protocol in zip(panels, protocols, strict=True):
        for i, dataset in enumerate(datasets):
            own = _select(rows, protocol=protocol, dataset=dataset)
            for j, method in enumerate(methods):
                scores = [row["mean"] for row in _select(own, method=method)]
                if not scores:
                    continue
                height = i + (j - (len(methods) - 1) / 2) * step
                deviation = np.std(scores, ddof=1) if len(scores) > 1 else 0
                axes.errorbar(
                    np.mean(scores),
                    height,
                    xerr=deviation,
                    fmt="o",
                    markersize=5,
                    color=_COLOURS.get(method),
                    label=method if i == 0 else None,
                )
            if own:
                chance = np.mean([row["chance"] for row in own])
                label = "chance" if i == 0 else None
                axes.vlines(chance, i - 0.4, i + 0.4, "k", "dotted", label=label)
        axes.set_title(protocol, loc="left")
        axes.set_xlabel("mAP ± standard deviation over splits")
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(datasets)), datasets)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.savefig(path, dpi=120, facecolor="white")
