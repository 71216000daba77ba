"""Data sets by name, and the user's own files."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.datasets import load_unicode_glyphs, make_paired_modalities
from sklearn_xmodal.pairs import ImageTextPairs

RELEVANT_BY_CLASS, RELEVANT_BY_PAIR = "class", "pair"
_KEYS = {
    "image": ("X_img", "image", "images"),
    "text": ("X_txt", "text", "texts"),
    "labels": ("y", "labels", "target"),
    "test": ("test_idx", "test"),
}


@dataclass
class RetrievalData:
    """Pairs, labels and what is needed to show them."""

    name: str
    pairs: ImageTextPairs
    y: np.ndarray | None
    test_rows: np.ndarray | None = None
    pictures: np.ndarray | None = None  # (n, height, width), for display
    texts: np.ndarray | None = None  # (n,) strings, for display

    @property
    def relevance(self):
        """What makes a gallery item relevant."""
        return RELEVANT_BY_PAIR if self.y is None else RELEVANT_BY_CLASS

    def describe(self):
        """Return one line about the data."""
        image, text = self.pairs.image, self.pairs.text
        line = (
            f"{self.name}: {len(self.pairs):,} pairs, {image.shape[1]:,} image features"
            f", {text.shape[1]:,} text features"
        )
        if self.y is not None:
            line += f", {len(np.unique(self.y))} classes"
        return line + "."


def _load_glyphs(seed):
    try:
        glyphs = load_unicode_glyphs()
    except (ImportError, OSError) as error:
        raise CommandError(f"cannot load the glyphs: {error}") from None
    return RetrievalData(
        name="Unicode glyphs",
        pairs=ImageTextPairs(glyphs.image, glyphs.text),
        y=np.asarray(glyphs.target_names)[glyphs.target],
        pictures=glyphs.images,
        texts=glyphs.texts,
    )


def _make_synthetic(seed):
    X_img, X_txt, y = make_paired_modalities(600, n_classes=10, random_state=seed)
    return RetrievalData("Synthetic pairs", ImageTextPairs(X_img, X_txt), y)


#: Data sets that need no download, by name.
DATASETS = {"glyphs": _load_glyphs, "synthetic": _make_synthetic}


def load_data(arguments):
    """Return the data that the command line names.

    Parameters
    ----------
    arguments : argparse.Namespace
        With `dataset`, `image`, `text`, `labels`, `test`, `min_class_size`
        and `seed`.

    Returns
    -------
    data : RetrievalData
        Checked: finite 2-D features, equal rows.

    Raises
    ------
    CommandError
        If a name is unknown or a file cannot serve.
    """
    if arguments.image is None:
        for option in ("text", "labels", "test"):
            if getattr(arguments, option) is not None:
                raise CommandError(f"--{option} needs --image as well")
        name = arguments.dataset or "glyphs"
        if name not in DATASETS:
            raise CommandError(
                f"unknown data set {name!r}: choose from {', '.join(DATASETS)}, or "
                "give your own files with --image, --text and --labels"
            )
        data = DATASETS[name](arguments.seed)
    elif arguments.dataset is not None:
        raise CommandError("give either --dataset or --image, not both")
    else:
        data = _load_files(arguments)
    return _drop_small_classes(data, arguments.min_class_size)


def _load_files(arguments):
    image = _as_features(_read(arguments.image, "image"), "image", arguments.image)
    text_source = arguments.text or _same_npz(arguments.image)
    if text_source is None:
        raise CommandError("--text is missing: the text features, one row per pair")
    text = _as_features(_read(text_source, "text"), "text", text_source)
    n = image.shape[0]
    if text.shape[0] != n:
        raise CommandError(
            f"image and text must have the same number of rows, one pair per row: got "
            f"{n} in {arguments.image} and {text.shape[0]} in {text_source}"
        )
    y = None
    if arguments.labels is not None:
        y = _as_labels(_read(arguments.labels, "labels"), n, arguments.labels)
    elif (source := _same_npz(arguments.image)) and _find_key(source, "labels"):
        y = _as_labels(_read(source, "labels"), n, source)
    test_rows = None
    if arguments.test is not None:
        test_rows = _as_rows(_read(arguments.test, "test"), n, arguments.test)
    name = Path(_split_key(arguments.image)[0]).stem
    return RetrievalData(name, ImageTextPairs(image, text), y, test_rows)


def _drop_small_classes(data, min_class_size):
    if data.y is None or min_class_size <= 1:
        return data
    if data.test_rows is not None:
        raise CommandError(
            "--min-class-size and --test do not go together: row numbers would shift"
        )
    classes, index, sizes = np.unique(data.y, return_inverse=True, return_counts=True)
    keep = sizes[index] >= min_class_size
    if not keep.any():
        raise CommandError(
            f"no class has {min_class_size} pairs (--min-class-size): the largest has "
            f"{sizes.max()}"
        )
    if not keep.all():
        n_classes = int((sizes < min_class_size).sum())
        print(
            f"Left out {n_classes} of {len(classes)} classes with fewer than "
            f"{min_class_size} pairs: {int((~keep).sum())} pairs."
        )
    data.pairs, data.y = data.pairs[keep], data.y[keep]
    data.pictures = None if data.pictures is None else data.pictures[keep]
    data.texts = None if data.texts is None else data.texts[keep]
    return data


def _split_key(source):
    """Split FILE.npz:KEY; other colons belong to the path."""
    path, colon, key = source.rpartition(":")
    if colon and path.endswith(".npz"):
        return path, key
    return source, None


def _same_npz(source):
    path, _ = _split_key(source)
    return path if path.endswith(".npz") else None


def _find_key(path, role):
    """Return the key under which an .npz file holds this role, or None."""
    with _open(path, np.load, allow_pickle=False) as archive:
        return next((key for key in _KEYS[role] if key in archive.files), None)


def _read(source, role):
    path, key = _split_key(source)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        return _read_npz(path, key, role)
    if suffix == ".npy":
        return _open(path, np.load, allow_pickle=False)
    if suffix in (".csv", ".tsv", ".txt"):
        return _open(path, _read_table, role=role)
    raise CommandError(
        f"cannot read {path} for --{role}: expected .npz, .npy, .csv, .tsv or .txt"
    )


def _open(path, reader, **options):
    if not Path(path).is_file():
        raise CommandError(f"no such file: {path}")
    try:
        return reader(path, **options)
    except CommandError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader raise
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CommandError(f"cannot read {path}: {detail}") from None


def _read_npz(path, key, role):
    with _open(path, np.load, allow_pickle=False) as archive:
        names = archive.files
        if key is None and {"data", "indices", "indptr", "shape"} <= set(names):
            return _open(path, sparse.load_npz).tocsr()
        if key is None:
            key = next((name for name in _KEYS[role] if name in names), None)
        if key is None and len(names) == 1:
            key = names[0]
        if key is None:
            raise CommandError(
                f"{path} holds {len(names)} arrays, say which one is the {role}: "
                f"--{role} {path}:KEY with KEY one of {', '.join(names)}"
            )
        if key not in names:
            raise CommandError(
                f"{path} holds no array {key!r}: it has {', '.join(names)}"
            )
        return _open(path, lambda _: archive[key])


def _read_table(path, role):
    """Read a table with or without a header line."""
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    if not rows:
        raise CommandError(f"{path} is empty")
    widths = Counter(map(len, rows))
    if len(widths) > 1:
        raise CommandError(
            f"{path} must have the same number of columns in all rows: got "
            f"{', '.join(f'{n} rows of {w}' for w, n in sorted(widths.items()))}"
        )
    if role == "labels":
        return np.array(rows)
    if _as_numbers(rows[:1]) is None:
        rows = rows[1:]
    table = _as_numbers(rows)
    if table is None:
        row = next(i for i, row in enumerate(rows) if _as_numbers([row]) is None)
        raise CommandError(
            f"{path} must hold numbers: got {rows[row][:3]} in row {row}"
        )
    return table


def _as_numbers(rows):
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        return None


def _as_features(X, role, source):
    if not sparse.issparse(X) and (X.ndim != 2 or X.dtype.kind not in "biuf"):
        raise CommandError(
            f"--{role} {source} must be a numeric matrix, one row per pair: got shape "
            f"{X.shape} of type {X.dtype}"
        )
    X = X.astype(np.float64) if X.dtype.kind in "biu" else X
    if not np.isfinite(X.data if sparse.issparse(X) else X).all():
        raise CommandError(f"--{role} {source} holds NaN or infinity")
    if X.shape[0] and not (X.max(axis=0) - X.min(axis=0)).sum() > 0:
        raise CommandError(f"--{role} {source} must vary: all rows are the same")
    return X


def _as_labels(y, n, source):
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
        if len(y) == n + 1:  # a table with a header line
            y = y[1:]
    if y.ndim != 1:
        raise CommandError(
            f"--labels {source} must be one label per pair: got shape {y.shape}"
        )
    if len(y) != n:
        raise CommandError(
            f"--labels {source} must have one label per pair: got {len(y)} labels for "
            f"{n} pairs"
        )
    if y.dtype.kind == "f":
        if not np.array_equal(y, np.round(y)):
            raise CommandError(f"--labels {source} must be classes: got fractions")
        y = y.astype(np.int64)
    if y.dtype.kind not in "biuUS":
        raise CommandError(f"--labels {source} must be numbers or strings: {y.dtype}")
    return y


def _as_rows(rows, n, source):
    rows = np.asarray(rows).ravel()
    if rows.dtype.kind == "b" and len(rows) == n:
        rows = np.flatnonzero(rows)
    if rows.dtype.kind == "f" and np.array_equal(rows, np.round(rows)):
        rows = rows.astype(np.int64)
    if rows.dtype.kind not in "iu":
        raise CommandError(
            f"--test {source} must be row numbers or a mask of {n} entries: got "
            f"{len(rows)} values of type {rows.dtype}"
        )
    rows = np.unique(rows)
    if not len(rows) or rows[0] < 0 or rows[-1] >= n or len(rows) == n:
        raise CommandError(
            f"--test {source} must name some rows from 0 to {n - 1}, not all: got "
            f"{len(rows)} rows"
        )
    return rows
