"""Data sets by name, and the user's own files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._columns import (
    as_column,
    as_groups,
    as_labels,
    as_rows,
    as_words,
    canonical_name,
    read_column,
    settle_names,
)
from sklearn_xmodal.cli._errors import CommandError, UnclearFileError
from sklearn_xmodal.cli._features import Features, count_pairs, read_table
from sklearn_xmodal.cli._files import (
    KEYS,
    find_key,
    list_arrays,
    locate,
    open_file,
    read_array,
    split_key,
)
from sklearn_xmodal.cli._tables import Format, is_table
from sklearn_xmodal.cli._words import count_words
from sklearn_xmodal.datasets import (
    load_emoji_pairs,
    load_unicode_glyphs,
    make_paired_modalities,
)
from sklearn_xmodal.datasets._emoji_pairs import EMOJI_CREDIT
from sklearn_xmodal.pairs import ImageTextPairs, ModalityTransformer
from sklearn_xmodal.utils._validation import is_labelled

RELEVANT_BY_CLASS, RELEVANT_BY_PAIR = "class", "pair"
#: Values above these have squares whose sums overflow.
_LARGEST = {np.dtype(np.float64): 1e150, np.dtype(np.float32): 1e15}
_FILE_OPTIONS = (
    *("text", "words", "labels", "test", "groups"),
    *("header", "id_column", "separator", "encoding"),
)


@dataclass
class RetrievalData:
    """Pairs, labels and what is needed to show them."""

    name: str
    pairs: Any  # ImageTextPairs
    y: np.ndarray | None  # -1 or None where a pair has no label
    test_rows: np.ndarray | None = None
    groups: np.ndarray | None = None  # (n,) numbers of what is not split
    pictures: np.ndarray | None = None  # (n, height, width), or with 3 colours
    texts: np.ndarray | None = None  # (n,) strings, for display
    words: ModalityTransformer | None = None  # what made features of the texts
    names: np.ndarray | None = None  # (n,) strings: what files call the pairs
    credit: str = ""  # whom to name where they are shown
    warnings: list = field(default_factory=list)  # what was told of them

    def warn(self, text):
        """Print what speaks against the figures, and keep it for the page."""
        print(f"Warning: {text}")
        self.warnings.append(text)

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
            n_missing = int((~self.labelled).sum())
            line += f", {len(set(self.y[self.labelled]))} classes"
            if n_missing:
                line += f", {n_missing:,} pairs without a label"
        if self.groups is not None:
            line += f", {len(set(self.groups)):,} groups"
        return line + "."

    @property
    def labelled(self):
        """Which pairs have a label, bool of shape (n,)."""
        return is_labelled(self.y)


def _load_emoji(seed):
    try:
        emoji = load_emoji_pairs()
    except ImportError as error:
        raise CommandError(f"cannot load the emoji: {error}") from None
    return RetrievalData(
        name="Emoji",
        pairs=ImageTextPairs(emoji.image, emoji.text),
        y=emoji.target_names[emoji.target],
        groups=emoji.groups,
        pictures=emoji.images,
        texts=emoji.texts,
        credit=EMOJI_CREDIT,
    )


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
DATASETS = {"emoji": _load_emoji, "glyphs": _load_glyphs, "synthetic": _make_synthetic}


def load_own_data(arguments):
    """Return what `load_data` does, of data that are named: no set stands for them."""
    if arguments.image is None and arguments.dataset is None:
        raise CommandError("give your pairs: --image and --text, or --dataset")
    return load_data(arguments)


def load_data(arguments):
    """Return the checked `RetrievalData` that the command line names.

    A CommandError if a name is unknown or a file cannot serve.
    """
    if arguments.image is None:
        for option in _FILE_OPTIONS:
            if getattr(arguments, option) is not None:
                name = option.replace("_", "-")
                raise CommandError(f"--{name} needs --image as well")
        name = arguments.dataset or "emoji"
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
    if data.y is not None and not data.labelled.any():
        print("No pair has a label.")
        data.y = None
    return _drop_small_classes(data, arguments.min_class_size)


def _load_files(arguments):
    files = Files(arguments)
    image, text = files.features(arguments.image, "image"), _read_text(arguments, files)
    labels_source = arguments.labels or _find_source(arguments.image, "labels")
    labels = None if labels_source is None else files.column(labels_source, "labels")
    n = count_pairs(image, text, set() if labels is None else labels.counts())
    read = [image, text]
    image.settle(n, files.id_column.get("image"))
    if isinstance(text, Features):
        text.settle(n, files.id_column.get("text"))
    else:
        settle_names(text, n)
    y, groups, test_rows = None, None, None
    if labels is not None:
        settle_names(labels, n)
        y = as_labels(labels)
        read.append(labels)
    if arguments.groups is not None:
        column = files.column(arguments.groups, "groups")
        settle_names(column, n)
        groups = as_groups(column)
        read.append(column)
    if arguments.test is not None:
        column = files.column(arguments.test, "test")
        test_rows = as_rows(column, n)
        read.append(column)
    _tell_of_keys(arguments)
    # One table may hold several parts.
    for line in dict.fromkeys(filter(None, (part.describe() for part in read))):
        print(line)
    named = [part for part in read if len(part.ids or ()) == n]
    _check_same_ids(named)
    data = _as_data(arguments, image, text, y, test_rows, groups)
    names = named[0].ids if named else [f"row {i}" for i in range(n)]
    data.names = np.array(names, dtype=object)
    return data


def _tell_of_keys(arguments):
    """Print what the file of the images holds, and is not asked for."""
    path, _ = split_key(arguments.image)
    known = _used_arrays(arguments)
    for role, use in (("test", "to use that split"), ("groups", "to keep them whole")):
        found = find_key(arguments.image, role)
        known.add(found)
        if found and not (getattr(arguments, role) or role in arguments.without):
            source = ":".join(found)
            print(f"{found[0]} holds {found[1]}: give --{role} {source} {use}.")
    others = [name for name in list_arrays(path) if (path, name) not in known]
    if not others:
        return
    more = ""
    unnamed = [name for name in others if name not in set().union(*KEYS.values())]
    if unnamed and not (arguments.labels or find_key(arguments.image, "labels")):
        names = ", ".join(KEYS["labels"])
        more = (
            f" Labels are arrays named {names}; others by --labels {path}:{unnamed[0]}."
        )
    print(f"{path} holds {', '.join(others)}: not used.{more}")


def _used_arrays(arguments):
    """Return path and key of every part that is read, given or found."""
    sources = {role: getattr(arguments, role, None) for role in KEYS}
    if arguments.words is None:
        sources["text"] = _find_text(arguments)
    sources["labels"] = arguments.labels or _find_source(arguments.image, "labels")
    return {locate(source, role) for role, source in sources.items() if source}


def _read_text(arguments, files):
    """Return the `Features` of texts, or the `Column` of their words."""
    if arguments.words is None:
        return files.features(_find_text(arguments), "text")
    if arguments.text is not None:
        raise CommandError("give either --text or --words, not both")
    return files.column(arguments.words, "words")


def _as_data(arguments, image, text, y, test_rows, groups):
    """Return the checked `RetrievalData` of what was read."""
    X_img = check_features(image.X, f"--image {arguments.image}")
    data = RetrievalData(
        Path(split_key(arguments.image)[0]).stem, None, y, test_rows, groups
    )
    if isinstance(text, Features):
        X_txt = check_features(text.X, f"--text {text.source}")
        data.pairs = ImageTextPairs(X_img, X_txt)
    else:
        data.texts = np.array(as_words(text), dtype=object)
        data.words, data.pairs = count_words(X_img, data.texts, text.where)
        check_features(data.pairs.text, text.where)
    return data


class Files:
    """Reads the files that the command line names, as it says they are written."""

    def __init__(self, arguments):
        self.form = Format(arguments.separator, arguments.encoding)
        self.header = _by_role(arguments.header)
        self.id_column = _by_role(arguments.id_column)

    def features(self, source, role, *, at_least=2):
        """Return the `Features` of a file, of some rows at least."""
        path, pattern = split_key(source)
        if not is_table(path):
            array = read_array(source, role)
            if array.ndim != 2 or array.dtype.kind not in "biuf":
                raise CommandError(
                    f"--{role} {source} must be a numeric matrix, one row per pair: "
                    f"got shape {array.shape} of type {array.dtype}"
                )
            features = Features(source, array)
        else:
            said = self.header.get(role), self.id_column.get(role)
            features = open_file(path, read_table, self.form, *said, pattern)
        _check_shape(features.X, f"--{role} {source}", at_least)
        return features

    def column(self, source, role):
        """Return the `Column` of a file."""
        path, key = split_key(source)
        if not is_table(path):
            return as_column(read_array(source, role), role, source)
        said = self.header.get(role), self.id_column.get(role)
        return open_file(path, read_column, role, self.form, *said, key)


def _by_role(options):
    """Join what was said of all files, and of some."""
    return {role: said for option in options or () for role, said in option.items()}


def _check_same_ids(parts):
    """Raise a CommandError where files name their rows differently."""
    for other in parts[1:]:
        first, names = ([canonical_name(i) for i in p.ids] for p in (parts[0], other))
        if names != first:
            row = next(i for i, pair in enumerate(zip(first, names, strict=True))
                       if pair[0] != pair[1])  # fmt: skip
            raise CommandError(
                f"the id columns of {parts[0].source} and {other.source} must be the "
                f"same, row by row: got {first[row]!r} and {names[row]!r} in row {row} "
                "(from 0). Sort both alike, or save them without ids"
            )


def _find_text(arguments):
    """Return the source of the text features, another array than the image's."""
    source = arguments.text or _find_source(arguments.image, "text")
    image = locate(arguments.image, "image")
    if source is None or (arguments.text is None and locate(source, "text") == image):
        raise UnclearFileError(
            "--text is missing: the text features, one row per pair, or --words, the "
            "texts themselves",
            image[0],
        )
    if locate(source, "text") == image:
        raise UnclearFileError(
            f"--image and --text must be different: got {source} for both, give the "
            "text features of the pairs",
            image[0],
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
    labelled = data.labelled
    classes, index, sizes = np.unique(
        data.y[labelled], return_inverse=True, return_counts=True
    )
    keep = np.ones(len(data.y), dtype=bool)
    keep[labelled] = sizes[index] >= min_class_size
    if not (sizes >= min_class_size).any():
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
    for name in ("groups", "pictures", "texts", "names"):
        rows = getattr(data, name)
        setattr(data, name, None if rows is None else rows[keep])
    return data


def _check_shape(X, where, at_least=2):
    if X.shape[0] < at_least or X.shape[1] < 1:
        rows = "1 row" if at_least == 1 else f"{at_least} rows"
        raise CommandError(
            f"{where} must have at least {rows} and 1 column: got shape {X.shape}"
        )


def check_features(X, where, *, at_least=2):
    """Return features that retrievers can take."""
    _check_shape(X, where, at_least)
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
    if at_least > 1 and not (X.max(axis=0) - X.min(axis=0)).sum() > 0:
        raise CommandError(f"{where} must vary: all rows are the same")
    return X
