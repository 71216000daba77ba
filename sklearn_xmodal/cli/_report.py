"""The table on the screen, what it says, and the tidy file."""

import csv
import textwrap
from itertools import groupby

import numpy as np

_PROTOCOL_TEXT = {
    "standard": "Standard protocol: the classes of the test part were seen in training",
    "extendable": "Extendable protocol: no class of the test part was seen in training",
    "generalized": "Generalized protocol: queries of seen and of unseen classes, one "
    "gallery of both",
}
_WHERE = {
    "standard": "On seen classes",
    "extendable": "On unseen classes",
    "generalized": "On seen and unseen classes together",
}
_COLUMNS = {
    "image->text": "image_to_text",
    "text->image": "text_to_image",
    "mean": "mean",
    "chance": "chance",
}
_KINDS = {"seen": "seen", "unseen": "unseen"}
_RECALLS = {f"R@{k}": f"recall_at_{k}" for k in (1, 5, 10)}


def format_tables(runs):
    """Return one table per protocol, mean (and deviation) over its splits."""
    blocks = []
    for protocol in dict.fromkeys(run.protocol for run in runs):
        chosen = [run for run in runs if run.protocol == protocol]
        blocks.append(_format_table(protocol, chosen))
    return "\n".join(blocks) + "\n"


def _format_table(protocol, runs):
    what = _PROTOCOL_TEXT[protocol]
    by_pair = runs[0].n_test_classes is None
    if by_pair:
        what = "Paired retrieval: one relevant item per query"
        if _count_images(runs[0]):
            what = "Paired retrieval: all texts of a picture are relevant to it"
    n_splits = len({run.split for run in runs})
    lines = ["", f"{what}.", _describe_splits(runs, n_splits)]
    columns = _COLUMNS | (_RECALLS if by_pair else {})
    columns |= _KINDS if protocol == "generalized" else {}
    widths = [_width(name, n_splits) for name in (*columns, "seconds")]
    methods = list(dict.fromkeys(run.method for run in runs))
    first = max(len(name) for name in ["method", *methods])
    header = _row((*columns, "seconds"), widths)
    lines.append(f"{'method':<{first}}{header}")
    for method in methods:
        own = [run for run in runs if run.method == method]
        cells = [
            *(_cell([getattr(run, c) for run in own], 3) for c in columns.values()),
            f"{np.mean([run.seconds for run in own]):.1f}",
        ]
        lines.append(f"{method:<{first}}{_row(cells, widths)}")
    return "\n".join(lines)


def _width(name, n_splits):
    if n_splits > 1:
        return 16
    return 8 if name in _RECALLS or name in _KINDS else 13


def _row(cells, widths):
    return "".join(
        f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
    )


def _describe_splits(runs, n_splits):
    first = runs[0]
    classes = (
        "" if first.n_test_classes is None else (f" of {first.n_test_classes} classes")
    )
    sizes = sorted({run.n_train for run in runs if run.split == first.split})
    without = f" ({sizes[0]:,} with labels)" if len(sizes) > 1 else ""
    line = (
        f"mAP, {sizes[-1]:,} training pairs{without}, {first.n_test:,} test pairs"
        f"{classes}"
    )
    if n_images := _count_images(first):
        line += f", whose {n_images:,} pictures count once each"
    if n_splits > 1:
        line += f" (first of {n_splits} splits; mean ± standard deviation)"
    if first.protocol == "generalized":
        line += (
            ".\nseen, unseen: mAP of queries of such classes, in both directions; the "
            "other columns\njoin the two by their harmonic mean"
        )
    if first.n_test_classes is None:
        found = "the picture or one of its texts" if n_images else "the other half"
        line += f".\nR@k: {found} among the first k, mean of both directions"
    return line + "."


def _count_images(run):
    """Return the number of pictures of a test part that repeats them, otherwise 0."""
    n_images = run.n_test_images
    return 0 if n_images in (None, run.n_test) else n_images


def _cell(values, digits):
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def format_conclusion(runs):
    """Return what the tables say: who leads, how far above chance, ahead of whom."""
    sentences = []
    for protocol in dict.fromkeys(run.protocol for run in runs):
        chosen = [run for run in runs if run.protocol == protocol]
        sentences.append(_conclude(protocol, chosen))
    return textwrap.fill(" ".join(sentences), 88)


def _conclude(protocol, runs):
    by_pair = runs[0].n_test_classes is None
    where = "In paired retrieval" if by_pair else _WHERE[protocol]
    n_splits = len({run.split for run in runs})
    splits = "one split" if n_splits == 1 else f"mean of {n_splits} splits"
    (best, leaders), *rest = _rank(runs)
    if rest:
        verb = "leads with" if len(leaders) == 1 else "lead with"
        second, followers = rest[0]
        behind = f", ahead of {_enumerate(followers)} ({second:.3f})"
    else:
        verb = "has" if len(leaders) == 1 else "are level with"
        behind = ""
    above = _beside_chance(best, np.mean([run.chance for run in runs]))
    return (
        f"{where} ({splits}) {_enumerate(leaders)} {verb} mAP {best:.3f}, {above}"
        f"{behind}."
    )


def _rank(runs):
    """Return (mAP, methods), the best first; equal is what the table shows as equal."""
    means = {}
    for name in dict.fromkeys(run.method for run in runs):
        means[name] = np.mean([run.mean for run in runs if run.method == name])
    names = sorted(means, key=lambda name: means[name], reverse=True)
    groups = groupby(names, key=lambda name: _cell([means[name]], 3))
    return [(means[level[0]], level) for level in (list(g) for _, g in groups)]


def _beside_chance(score, chance):
    ratio = score / chance
    if ratio < 0.95:
        return "below chance"
    return "about chance" if ratio < 1.05 else f"{ratio:,.1f} times chance"


def _enumerate(names):
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def write_csv(runs, path):
    """Write one row per method and split, and return the path."""
    columns = ["protocol", "split", "method", "image_to_text", "text_to_image", "mean"]
    columns += ["chance", "seconds", "n_train", "n_test", "n_test_classes"]
    columns += ["n_test_images", "validation_score", "parameters", *_RECALLS.values()]
    columns += _KINDS.values()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for run in runs:
            row = {name: getattr(run, name) for name in columns}
            parameters = sorted(run.parameters.items())
            row["parameters"] = " ".join(f"{k}={v}" for k, v in parameters)
            writer.writerow(["" if v is None else v for v in row.values()])
    return path
