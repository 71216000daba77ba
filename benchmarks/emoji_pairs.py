"""Make the files of ``load_emoji_pairs``, and measure what their reduction loses.

``python -m benchmarks.emoji_pairs make FOLDER OUT`` reads three files and writes two,
which the package ships: ``sklearn_xmodal/datasets/data/emoji_pairs.npz`` and
``emoji_pairs.webp``. ``python -m benchmarks.emoji_pairs measure FOLDER`` compares
retrieval from all features with retrieval from the reduced ones. FOLDER holds

- ``pictograms.npz``: ``X_img`` (n, 1280), EfficientNet-Lite0 trained on ImageNet, the
  mean of its last map, of drawings of 224 x 224 pixels; ``T_emoji`` (m, 384),
  all-MiniLM-L6-v2 of "name: keywords"; ``emoji`` (n,), the row of ``T_emoji`` of each
  drawing; ``y`` subgroup, ``group`` and ``source`` (n,), ``sentence`` and ``character``
  (m,), strings;
- ``pictures.npz``: the drawings as PNG files, one after another in ``png`` (bytes),
  with their ends in ``end``;
- ``class_names.npz``, of ``python -m benchmarks.encode_class_names``: names of the
  subgroups by the encoder of the texts.

Drawings: @iconify/json 2.2.535. Names, keywords, subgroups: emojibase-data 17.0.0.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks._class_names import SUBGROUPS, in_words
from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import CCARetriever, ImageTextPairs, SemanticMatchingRetriever
from sklearn_xmodal.metrics import paired_comparison
from sklearn_xmodal.protocols import evaluate

#: Sets of drawings whose licences allow to ship them with what they need.
DRAWINGS = {"fluent-emoji-flat": "fluent", "noto": "noto", "twemoji": "twemoji"}
#: Widths of the features that are shipped. Not the same: the sides are of two models,
#: and methods for one joint space go by equal widths.
N_IMAGE, N_TEXT = 208, 160
#: Columns of the sheet of pictures, and the side of each in pixels.
SHEET_COLUMNS, SIDE = 72, 40
_QUALITY = 40
METHODS = {
    "CCARetriever(alpha=1)": CCARetriever(alpha=1.0),
    "SemanticMatchingRetriever()": SemanticMatchingRetriever(),
}


def read(folder):
    """Return the arrays of the drawings that are shipped, and their rows.

    Of drawings that are alike in every feature only the first is kept.
    """
    with np.load(folder / "pictograms.npz", allow_pickle=False) as file:
        data = dict(file)
    rows = np.flatnonzero(np.isin(data["source"], list(DRAWINGS)))
    _, first = np.unique(data["X_img"][rows], axis=0, return_index=True)
    rows = rows[np.sort(first)]
    used, emoji = np.unique(data["emoji"][rows], return_inverse=True)
    subgroups = [SUBGROUPS.get(name, name) for name in data["y"][rows].tolist()]
    return rows, {
        "image": data["X_img"][rows].astype(np.float64),
        "text": data["T_emoji"][used].astype(np.float64),
        "emoji": emoji.astype(np.uint16),
        "drawing": np.array([DRAWINGS[name] for name in data["source"][rows]]),
        "subgroup": np.array(subgroups),
        "category": data["group"][rows],
        "sentence": data["sentence"][used],
        "character": data["character"][used],
    }


def read_names(folder, subgroups):
    """Return the vectors of what subgroups are called, in their alphabetical order."""
    with np.load(folder / "class_names.npz", allow_pickle=False) as file:
        vectors = dict(zip(file["names"].tolist(), file["X"], strict=True))
    return np.array([vectors[in_words(name)] for name in np.unique(subgroups)], float)


def directions_of(X, n_components):
    """Return the strongest directions in columns, of what is not centred.

    So inner products are kept as well as can be.
    """
    directions = np.linalg.eigh(X.T @ X)[1][:, ::-1][:, :n_components]
    largest = np.abs(directions).argmax(axis=0)
    return directions * np.sign(directions[largest, np.arange(directions.shape[1])])


def reduce(X, n_components):
    """Return the coordinates along the strongest directions, in float16."""
    return (X @ directions_of(X, n_components)).astype(np.float16)


def make(folder, out):
    """Write the two files of the package into a folder."""
    rows, data = read(folder)
    names = read_names(folder, data["subgroup"])
    directions = directions_of(data["text"], N_TEXT)
    data["class_embeddings"] = (names @ directions).astype(np.float16)
    data["image"] = reduce(data["image"], N_IMAGE)
    data["text"] = reduce(data["text"], N_TEXT)
    np.savez_compressed(out / "emoji_pairs.npz", **data)
    sheet = draw_sheet(folder / "pictures.npz", rows)
    sheet.save(out / "emoji_pairs.webp", quality=_QUALITY, method=6)


def draw_sheet(path, rows):
    """Return one picture of all drawings, row by row."""
    with np.load(path, allow_pickle=False) as file:
        png, ends = file["png"].tobytes(), file["end"]
    n_rows = -(-len(rows) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (SHEET_COLUMNS * SIDE, n_rows * SIDE), "white")
    for place, row in enumerate(rows):
        start = ends[row - 1] if row else 0
        picture = Image.open(io.BytesIO(png[start : ends[row]])).convert("RGB")
        picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        line, column = divmod(place, SHEET_COLUMNS)
        sheet.paste(picture, (column * SIDE, line * SIDE))
    return sheet


def measure(folder, n_splits, seed):
    """Return a row per reduction, protocol, method and split."""
    _, data = read(folder)
    sizes = {"all": None, "shipped": (N_IMAGE, N_TEXT), "halved": (104, 80)}
    rows = []
    for name, size in sizes.items():
        sides = data["image"], data["text"]
        if size is not None:
            sides = [reduce(X, k) for X, k in zip(sides, size, strict=True)]
        image, text = (np.asarray(X, dtype=np.float32) for X in sides)
        pairs = ImageTextPairs(image, text[data["emoji"]])
        for protocol in ("extendable", "standard"):
            found = evaluate(
                METHODS,
                pairs,
                data["subgroup"],
                protocol,
                groups=data["emoji"],
                n_splits=n_splits,
                random_state=seed,
            )
            columns = ("protocol", "method", "split", "mean", "n_train", "n_test")
            rows += [{"features": name} | {c: r[c] for c in columns} for r in found]
            print(f"{name}, {protocol}: done", flush=True)
    return rows


def markdown(rows):
    """Return a table: means, and 95 % intervals of the loss against all features."""

    def cell(features, protocol, method):
        own, full = (
            [r for r in rows
             if (r["features"], r["protocol"], r["method"]) == (name, protocol, method)]
            for name in (features, "all")
        )  # fmt: skip
        mean = np.mean([r["mean"] for r in own])
        if features == "all":
            return f"{mean:.3f}"
        change = paired_comparison(
            [r["mean"] for r in own],
            [r["mean"] for r in full],
            n_train=[r["n_train"] for r in own],
            n_test=[r["n_test"] for r in own],
        )
        low, high = change.confidence_interval
        gain = f"{change.mean_difference:+.3f}, {low:+.3f} to {high:+.3f}"
        return f"{mean:.3f} ({gain})"

    titles = {
        "all": "all, 1280 and 384",
        "shipped": f"shipped, {N_IMAGE} and {N_TEXT}",
        "halved": "half of these",
    }
    columns = {"protocol": WORDS, "method": WORDS} | dict.fromkeys(
        titles.values(), NUMBERS
    )
    cells = [
        [protocol, f"`{method}`", *(cell(name, protocol, method) for name in titles)]
        for protocol in ("extendable", "standard")
        for method in METHODS
    ]
    return "\n".join(table(columns, cells)) + "\n"


def report(args):
    """Measure, and write rows, a table and the versions."""
    with threadpool_limits(1):
        rows = measure(args.folder, args.splits, args.first_seed)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    (args.out / "README.md").write_text(
        "# Reduced features of the emoji pairs\n\n"
        f"mAP, the mean of both directions, {args.splits} splits, no emoji on both "
        "sides; in brackets the change against all features on the same splits, and "
        "its 95 % interval, corrected for pairs that splits share (Nadeau and Bengio, "
        "2003). Nothing is tuned. Made by `python -m benchmarks.emoji_pairs "
        f"measure`.\n\n{markdown(rows)}"
    )
    write_environment(args.out / "environment.json")


def main():
    """Make, or measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="write emoji_pairs.npz and .webp")
    making.add_argument("folder", type=Path)
    making.add_argument("out", type=Path)
    measuring = commands.add_parser("measure", help="what the reduction loses")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--splits", type=int, default=5)
    measuring.add_argument("--first-seed", type=int, default=0)
    measuring.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/emoji_pairs")
    )
    args = parser.parse_args()
    if args.command == "make":
        make(args.folder, args.out)
    else:
        report(args)


if __name__ == "__main__":
    main()
