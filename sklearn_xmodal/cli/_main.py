"""From arguments to table, file and pictures."""

import argparse
import os
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

from sklearn_xmodal._version import __version__
from sklearn_xmodal.cli._compare import PROTOCOLS, compare, plan
from sklearn_xmodal.cli._data import DATASETS, RELEVANT_BY_PAIR, load_data
from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.cli._files import KEYS
from sklearn_xmodal.cli._pictures import draw_all
from sklearn_xmodal.cli._report import format_conclusion, format_tables, write_csv
from sklearn_xmodal.protocols import FULL, METHODS, QUICK
from sklearn_xmodal.report import write_report
from sklearn_xmodal.utils._row_keys import row_keys

_EPILOG = """\
examples:
  python -m sklearn_xmodal
      compares all methods on the emoji, in both protocols
  python -m sklearn_xmodal --image wikipedia.npz:X_img --text wikipedia.npz:X_txt \\
      --labels wikipedia.npz:y --test wikipedia.npz:test_idx --protocol standard
      the same on your own features, with a given test part
  python -m sklearn_xmodal --image photos.csv --text captions.npz --labels kinds.csv
      one file per part: .npy, .npz (one array, NAME.npz:KEY, or a scipy sparse
      matrix), CSV, also as .csv.gz, Parquet, Feather. A label that is blank, NaN or
      None, or -1 among numbers, is none: such pairs serve methods that need no labels
"""


def build_parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_xmodal",
        description=(
            "Tune cross-modal retrievers by grid search inside the training part, "
            "score them on a test part, and write a table, a CSV file and pictures."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset",
        metavar="NAME",
        help=f"a data set that needs no download: {', '.join(DATASETS)} "
        "(default: emoji, unless --image is given)",
    )
    data.add_argument(
        "--image", metavar="FILE[:KEY]", help="image features, one row per pair"
    )
    data.add_argument(
        "--text",
        metavar="FILE[:KEY]",
        help="text features (default: the file of --image, if that is an .npz)",
    )
    data.add_argument(
        "--labels",
        metavar="FILE[:KEY]",
        help="class labels (default: the file of --image, if it holds them). "
        "Without labels only the other half of a pair is relevant",
    )
    data.add_argument(
        "--test",
        metavar="FILE[:KEY]",
        help="rows of the test part in the standard protocol, as row numbers "
        "from 0 or as a mask (default: a random 30 %% of every class)",
    )
    data.add_argument(
        "--groups",
        metavar="FILE[:KEY]",
        help="what each pair belongs to, such as the picture of several captions: no "
        "group lies in both the training and the test part, and a picture that is "
        "repeated in its group counts once in scores",
    )
    data.add_argument(
        "--min-class-size",
        type=_positive_int,
        default=1,
        metavar="N",
        help="leave out classes with fewer pairs (default: 1)",
    )
    _add_table_options(parser)
    run = parser.add_argument_group("comparison")
    run.add_argument(
        "--protocol",
        nargs="+",
        choices=PROTOCOLS,
        help="standard: test classes are seen in training; extendable: they are not "
        "(default: both)",
    )
    run.add_argument(
        "--methods",
        nargs="+",
        choices=list(METHODS),
        help="what to compare (default: all that the data allow)",
    )
    run.add_argument(
        "--splits",
        type=_positive_int,
        default=1,
        metavar="N",
        help="training and test parts drawn per protocol (default: 1)",
    )
    run.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of all chance (default: 0)"
    )
    run.add_argument(
        "--n-jobs",
        type=_n_jobs,
        default=-1,
        metavar="N",
        help="fits of a grid search at a time, -1 for as many as cores (default: -1)",
    )
    run.add_argument(
        "--quick",
        action="store_true",
        help="two candidates per method, two folds, short training",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("xmodal-results"),
        metavar="FOLDER",
        help="where results.csv and the pictures go (default: xmodal-results)",
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _add_table_options(parser):
    tables = parser.add_argument_group(
        "tables (CSV and the like)",
        "What is not given is found out, and said; a file that can be read in two "
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


def _yes_or_no(text):
    part, _, said = text.rpartition("=")
    if said not in ("yes", "no") or (part and part not in KEYS):
        raise argparse.ArgumentTypeError(
            f"must be yes, no, or PART=yes or PART=no with PART one of "
            f"{', '.join(KEYS)}: got {text!r}"
        )
    return dict.fromkeys([part] if part else KEYS, said == "yes")


def _positive_int(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


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


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        0, or 2 where something in the input must be mended.
    """
    arguments = build_parser().parse_args(argv)
    try:
        run(arguments)
    except CommandError as error:
        print(f"sklearn_xmodal: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sklearn_xmodal: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def run(arguments):
    """Load, compare, report."""
    data = load_data(arguments)
    splits = {"n_splits": arguments.splits, "seed": arguments.seed}
    methods, protocols = plan(data, arguments.methods, arguments.protocol, **splits)
    out = _make_folder(arguments.out)
    print(data.describe())
    if data.relevance == RELEVANT_BY_PAIR:
        print(_say_what_is_relevant(data))
    elif not data.labelled.all():
        print(
            "Pairs without a label: in the standard protocol they train the methods "
            "that need no labels. Elsewhere they are left out."
        )
    runs: list = []
    try:
        for done in compare(
            data,
            methods,
            protocols,
            **splits,
            n_jobs=arguments.n_jobs,
            budget=QUICK if arguments.quick else FULL,
        ):
            runs.append(done)  # noqa: PERF402, to keep what came before an error
    finally:
        # What is done is reported, whatever ended the work.
        leads = report(runs, data, out) if runs else ""
    print(f"\n{textwrap.fill(f'{format_conclusion(runs)} {leads}'.strip(), 88)}")


def _say_what_is_relevant(data):
    """Return what is relevant without labels, and whether pictures repeat for it."""
    if data.groups is not None:
        return (
            "No labels: a picture and its texts are relevant to each other. It is "
            "repeated where a group has the same image features again."
        )
    line = "No labels: only the other half of a pair is relevant."
    n_images = len(set(row_keys(data.pairs.image)))
    if n_images > 0.9 * len(data.pairs):
        return line
    return (
        f"{line}\nWarning: {len(data.pairs):,} pairs have {n_images:,} different "
        "pictures, and each copy counts as an item of its own. --groups, the picture "
        "of each pair, counts it once."
    )


def report(runs, data, out):
    """Print the tables, write the files; return what the report says of leads."""
    print(format_tables(runs))
    try:
        print(f"Wrote {write_csv(runs, out / 'results.csv')}")
        for path in _draw(runs, data, out):
            print(f"Wrote {path}")
        page = out / "report.html"
        leads = write_report(page, runs, data, format_conclusion(runs))
        print(f"Wrote {page}, to be opened in a browser")
    except OSError as error:
        raise CommandError(f"cannot write to --out {out}: {error.strerror}") from None
    return leads


def _draw(runs, data, out):
    if find_spec("matplotlib") is None:
        print('No pictures: they need `pip install "sklearn-xmodal[plot]"`.')
        return ()
    return draw_all(runs, data, out)


def _make_folder(path):
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (path / "results.csv").open("a", encoding="utf-8"):
            pass  # better now than after the work
    except OSError as error:
        raise CommandError(f"cannot write to --out {path}: {error.strerror}") from None
    return path
