"""The table on the screen and the tidy file."""

import csv

import numpy as np

_PROTOCOL_TEXT = {
    "standard": "Standard protocol: the classes of the test part were seen in training",
    "extendable": "Extendable protocol: no class of the test part was seen in training",
}
_COLUMNS = ("image->text", "text->image", "mean", "chance", "seconds")


def format_tables(runs):
    """Return one table per protocol, mean (and deviation) over its splits.

    Parameters
    ----------
    runs : list of Run
        All results.

    Returns
    -------
    text : str
        Ready to print.
    """
    blocks = []
    for protocol in dict.fromkeys(run.protocol for run in runs):
        chosen = [run for run in runs if run.protocol == protocol]
        blocks.append(_format_table(protocol, chosen))
    return "\n".join(blocks) + "\n"


def _format_table(protocol, runs):
    by_pair = runs[0].n_test_classes is None
    what = (
        "Paired retrieval: one relevant item per query"
        if by_pair
        else (_PROTOCOL_TEXT[protocol])
    )
    n_splits = len({run.split for run in runs})
    lines = ["", f"{what}.", _describe_splits(runs, n_splits)]
    width = 13 if n_splits == 1 else 16
    methods = list(dict.fromkeys(run.method for run in runs))
    first = max(len(name) for name in ["method", *methods])
    header = "".join(f"{name:>{width}}" for name in _COLUMNS)
    lines.append(f"{'method':<{first}}{header}")
    for method in methods:
        own = [run for run in runs if run.method == method]
        cells = [
            _cell([run.image_to_text for run in own], 3),
            _cell([run.text_to_image for run in own], 3),
            _cell([run.mean for run in own], 3),
            _cell([run.chance for run in own], 3),
            f"{np.mean([run.seconds for run in own]):.1f}",
        ]
        row = "".join(f"{cell:>{width}}" for cell in cells)
        lines.append(f"{method:<{first}}{row}")
    return "\n".join(lines)


def _describe_splits(runs, n_splits):
    first = runs[0]
    classes = (
        "" if first.n_test_classes is None else (f" of {first.n_test_classes} classes")
    )
    line = (
        f"mAP, {first.n_train:,} training pairs, {first.n_test:,} test pairs{classes}"
    )
    if n_splits > 1:
        line += f" (first of {n_splits} splits; mean ± standard deviation)"
    return line + "."


def _cell(values, digits):
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def write_csv(runs, path):
    """Write one row per method and split.

    Parameters
    ----------
    runs : list of Run
        All results.

    path : Path
        The file, overwritten.

    Returns
    -------
    path : Path
        The same.
    """
    columns = ["protocol", "split", "method", "image_to_text", "text_to_image", "mean"]
    columns += ["chance", "seconds", "n_train", "n_test", "n_test_classes"]
    columns += ["validation_score", "parameters"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for run in runs:
            row = {name: getattr(run, name) for name in columns}
            parameters = sorted(run.parameters.items())
            row["parameters"] = " ".join(f"{k}={v}" for k, v in parameters)
            writer.writerow(["" if v is None else v for v in row.values()])
    return path
