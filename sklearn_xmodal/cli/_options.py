"""Options that several commands share, and what their values must be."""

import argparse
from functools import partial
from pathlib import Path

from sklearn_xmodal.cli._data import DATASETS
from sklearn_xmodal.cli._files import PARTS
from sklearn_xmodal.protocols import ALL_METHODS

#: What may be given of the pairs, and how help tells of it.
_DATA_HELP = {
    "text": "text features (default: the file of --image, if that is an .npz)",
    "words": "texts as they are, such as captions, instead of --text: their words are "
    "counted. A .txt file has one text a line",
    "labels": "class labels (default: the file of --image, if it holds them). Without "
    "labels only the other half of a pair is relevant",
    "test": "rows of the test part in the standard protocol, as row numbers from 0 or "
    "as a mask (default: a random 30 %% of every class)",
    "groups": "what each pair belongs to, such as the picture of several captions: no "
    "group lies in both the training and the test part, and a picture that is repeated "
    "in its group counts once in scores",
}


def add_data_options(parser, *, default=None, without=(), **helps):
    """Add what names the pairs, but for some parts; the help of others is given."""
    data = parser.add_argument_group(
        "data",
        "FILE is .npy, .npz (its arrays are FILE.npz:KEY), a scipy sparse .npz,\n"
        ".csv, .tsv or .txt, also as .gz, .bz2 or .xz, .parquet or .feather. Of a\n"
        "table with more in it, labels, groups, words and ids are one column,\n"
        'FILE.csv:COLUMN, and features several, "FILE.csv:image_*" (in quotes, since\n'
        "shells read *), or one column of lists, FILE.parquet:COLUMN.",
    )
    names = ", ".join(DATASETS)
    note = f" (default: {default}, unless --image is given)" if default else ""
    data.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"a data set that needs no download: {names}{note}",
    )
    data.add_argument(
        "--image",
        metavar="FILE[:KEY]",
        help="image features, one row per pair",
    )
    for name, text in (_DATA_HELP | helps).items():
        if name not in without:
            metavar = "FRACTION|FILE[:KEY]" if name in helps else "FILE[:KEY]"
            data.add_argument(f"--{name}", metavar=metavar, help=text)
    data.add_argument(
        "--min-class-size",
        type=positive_int,
        default=1,
        metavar="N",
        help="leave out classes with fewer pairs (default: 1)",
    )
    parser.set_defaults(seed=0, without=without, **dict.fromkeys(without))
    add_table_options(parser)


def add_table_options(parser):
    """Add how tables are written."""
    tables = parser.add_argument_group(
        "tables (CSV and the like)",
        "What is not given is found out, and said; a file that can be read in two\n"
        "ways is an error.",
    )
    tables.add_argument(
        "--header",
        nargs="+",
        type=_yes_or_no,
        metavar="[PART=]yes|no",
        help="whether the first row names the columns, in all files or in that of one "
        "part, such as labels=yes",
    )
    tables.add_argument(
        "--id-column",
        nargs="+",
        type=_yes_or_no,
        metavar="[PART=]yes|no",
        help="whether the first column names the rows, and is left out",
    )
    tables.add_argument(
        "--separator",
        metavar="CHARACTER",
        help="between columns: a character, tab or space",
    )
    tables.add_argument(
        "--encoding", metavar="NAME", help="of text, such as latin-1 (default: UTF-8)"
    )


def add_tuning_options(group):
    """Add what a search for parameters takes."""
    group.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of all chance (default: 0)"
    )
    group.add_argument(
        "--jobs",
        "--n-jobs",
        dest="n_jobs",
        type=_n_jobs,
        default=-1,
        metavar="N",
        help="fits of a grid search at a time, -1 for as many as cores, or one where "
        "the data are so small that this is faster (default: -1)",
    )
    group.add_argument(
        "--quick",
        action="store_true",
        help="two candidates per method, two folds, short training",
    )


def one_of(names, spellings=()):
    """Return a type of options with few values, in any case, which usage does not list.

    Other spellings of names are a dict.
    """
    known = {**dict(spellings), **{name: name for name in names}}
    known = {spelling.lower(): name for spelling, name in known.items()}

    def choose(text):
        if text.lower() not in known:
            raise argparse.ArgumentTypeError(
                f"invalid choice: {text!r} (choose from {', '.join(names)})"
            )
        return known[text.lower()]

    return choose


def one_of_methods():
    """Return a type of options that name a method.

    As tables print it, and by the class of its retriever, too; a class of several
    methods is the first one.
    """
    spellings = {method.title: name for name, method in ALL_METHODS.items()}
    # Built in functions, which do not say their class.
    spellings |= {"MSLNRetriever": "msln", "VotingRetriever": "voting"}
    for name, method in ALL_METHODS.items():
        build = method.build
        if hasattr(build, "fit"):
            spellings.setdefault(type(build).__name__, name)
        elif isinstance(build, partial):  # a network, by the name of its class
            spellings.setdefault(build.args[0], name)
    return one_of(tuple(ALL_METHODS), spellings)


def as_fraction(text):
    """Return the number that is given for --test, None for a file or nothing."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def positive_int(text):
    """Return a number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def path_of_file(text):
    """Return the path of a file that may be written."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file, {text} is a folder")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def _yes_or_no(text):
    part, _, said = text.rpartition("=")
    if said not in ("yes", "no") or (part and part not in PARTS):
        raise argparse.ArgumentTypeError(
            f"must be yes, no, or PART=yes or PART=no with PART one of "
            f"{', '.join(PARTS)}: got {text!r}"
        )
    return dict.fromkeys([part] if part else PARTS, said == "yes")


def _n_jobs(text):
    value = int(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must not be 0, use 1 or -1 for all cores")
    return value


def _seed(text):
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2**31 - 1, got {value}")
    return value
