"""Data sets by name, and the user's own files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.cli._files import (
    Table,
    find_key,
    is_number,
    locate,
    read,
    split_key,
    table_to_features,
)
from sklearn_xmodal.datasets import load_unicode_glyphs, make_paired_modalities
from sklearn_xmodal.pairs import ImageTextPairs

RELEVANT_BY_CLASS, RELEVANT_BY_PAIR = "class", "pair"
#: Values above these have squares whose sums overflow.
_LARGEST = {np.dtype(np.float64): 1e150, np.dtype(np.float32): 1e15}
_LARGEST_CLASS = 2**53  # the whole numbers that a float holds exactly
_FLAGS = ("true", "false")


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
    """Return the checked `RetrievalData` that the command line names.

    A CommandError if a name is unknown or a file cannot serve.
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
    image = _as_features(read(arguments.image, "image"), "image", arguments.image)
    text_source = _find_text(arguments)
    text = _as_features(read(text_source, "text"), "text", text_source)
    n = image.shape[0]
    if text.shape[0] != n:
        raise CommandError(
            f"image and text must have the same number of rows, one pair per row: got "
            f"{n} in {arguments.image} and {text.shape[0]} in {text_source}"
        )
    y, test_rows = None, None
    labels_source = arguments.labels or _find_source(arguments.image, "labels")
    if labels_source is not None:
        y = _as_labels(read(labels_source, "labels"), n, labels_source)
    if arguments.test is not None:
        test_rows = _as_rows(read(arguments.test, "test"), n, arguments.test)
    elif found := find_key(arguments.image, "test"):
        path, key = found
        print(f"{path} holds {key}: give --test {path}:{key} to use that split.")
    name = Path(split_key(arguments.image)[0]).stem
    return RetrievalData(name, ImageTextPairs(image, text), y, test_rows)


def _find_text(arguments):
    """Return the source of the text features, another array than the image's."""
    source = arguments.text or _find_source(arguments.image, "text")
    image = locate(arguments.image, "image")
    if source is None or (arguments.text is None and locate(source, "text") == image):
        raise CommandError("--text is missing: the text features, one row per pair")
    if locate(source, "text") == image:
        raise CommandError(
            f"--image and --text must be different: got {source} for both, give the "
            "text features of the pairs"
        )
    return source


def _find_source(source, role):
    found = find_key(source, role)
    return None if found is None else ":".join(found)


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


def _as_features(X, role, source):
    where = f"--{role} {source}"
    X = table_to_features(X) if isinstance(X, Table) else X
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise CommandError(
            f"{where} must be a numeric matrix, one row per pair: got shape {X.shape} "
            f"of type {X.dtype}"
        )
    if X.shape[0] < 2 or X.shape[1] < 1:
        raise CommandError(
            f"{where} must have at least 2 rows and 1 column: got shape {X.shape}"
        )
    if X.dtype not in _LARGEST:
        with np.errstate(over="ignore"):
            X = X.astype(np.float64)
    values = X.data if sparse.issparse(X) else X
    if not np.isfinite(values).all():
        raise CommandError(
            f"{where} holds NaN or infinity: fill in or drop those pairs"
        )
    largest = np.abs(values).max(initial=0)
    if largest > _LARGEST[X.dtype]:
        raise CommandError(
            f"{where} must hold values whose squares do not overflow, at most "
            f"{_LARGEST[X.dtype]:g} as {X.dtype}: got {largest:.3g}, rescale them"
        )
    if not (X.max(axis=0) - X.min(axis=0)).sum() > 0:
        raise CommandError(f"{where} must vary: all rows are the same")
    return X


def _as_labels(y, n, source):
    where = f"--labels {source}"
    names = [f"row {i} (from 0)" for i in range(n)]
    if isinstance(y, Table):
        y = y.without_header() if len(y.rows) == n + 1 else y
        y, names = np.array(y.rows), [f"line {line}" for line in y.lines]
    if not sparse.issparse(y) and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if sparse.issparse(y) or y.ndim != 1:
        kind = "a sparse matrix of shape" if sparse.issparse(y) else "shape"
        raise CommandError(
            f"{where}: labels must be a 1-D array, one label per pair: got {kind} "
            f"{y.shape}"
        )
    if len(y) != n:
        raise CommandError(
            f"{where} must have one label per pair: got {len(y)} labels for {n} pairs"
        )
    if y.dtype.kind == "f":
        return _whole_labels(y, where)
    if y.dtype.kind in "US":
        return _named_labels(y, names, where)
    if y.dtype.kind not in "biu":
        raise CommandError(f"{where} must be numbers or strings: got type {y.dtype}")
    return y


def _whole_labels(y, where):
    if np.isnan(y).any():
        raise CommandError(
            f"{where} holds NaN: drop those pairs, {np.isnan(y).sum()} of {len(y)}"
        )
    bad = y[(y != np.round(y)) | (np.abs(y) > _LARGEST_CLASS)]
    if len(bad):
        raise CommandError(
            f"{where} must be classes, whole numbers or strings: got fractions or "
            f"huge numbers such as {bad[0]:.6g}"
        )
    return y.astype(np.int64)


def _named_labels(y, names, where):
    y = _strip(y)
    missing = np.flatnonzero((y == "") | (np.char.lower(y) == "nan"))
    if len(missing):
        i = missing[0]
        got = "nan" if y[i] else "an empty label"
        raise CommandError(
            f"{where} must name the class of every pair: got {got} in {names[i]}, "
            "drop that pair"
        )
    return y


def _strip(strings):
    if strings.dtype.kind == "S":
        strings = np.char.decode(strings, "utf-8", "backslashreplace")
    return np.char.strip(strings)


def _as_rows(values, n, source):
    where = f"--test {source}"
    values = _cut_header(values) if isinstance(values, Table) else values
    if sparse.issparse(values) or values.size != max(values.shape, default=1):
        raise CommandError(f"{where} must be a 1-D array: got shape {values.shape}")
    values = values.ravel()
    must = f"{where} must be row numbers or a mask of {n} entries"
    if values.dtype.kind in "US":
        values = _parse_rows(values, must)
    if values.dtype.kind not in "biuf":
        raise CommandError(f"{must}: got type {values.dtype}")
    if _is_mask(values, n):
        if len(values) != n:
            raise CommandError(f"{must}: got a mask of {len(values)}")
        rows = np.flatnonzero(values)
    else:
        good = (values >= 0) & (values < n) & (values == np.round(values))
        if not good.all():
            raise CommandError(f"{must}, from 0 to {n - 1}: got {values[~good][0]}")
        rows = np.unique(values).astype(np.int64)
    if len(rows) in (0, n):
        raise CommandError(
            f"{where} must name some of the {n} rows, not all: got {len(rows)}"
        )
    return rows


def _is_mask(values, n):
    if values.dtype.kind == "b":
        return True
    # More than two zeros and ones are no row numbers: some would come twice.
    return (len(values) == n or len(values) > 2) and bool(np.isin(values, (0, 1)).all())


def _cut_header(table):
    """Return the cells, below the header if there is one."""
    cells = np.array(table.rows)
    if cells.shape[1] == 1 and len(cells) > 1:
        first, flags = cells[0, 0].lower(), np.isin(np.char.lower(cells[1:]), _FLAGS)
        named = first not in _FLAGS and not is_number(first)
        if named or (first == "0" and flags.all()):  # pandas names a column 0
            cells = cells[1:]
    return cells


def _parse_rows(values, must):
    values = np.char.lower(_strip(values))
    if np.isin(values, _FLAGS).all():
        return values == "true"
    for value in values:
        if not is_number(value):
            raise CommandError(f"{must}: got {str(value)!r}")
    return values.astype(np.float64)
