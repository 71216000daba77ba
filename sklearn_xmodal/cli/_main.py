"""A comparison: from arguments to table, file and pictures."""

import textwrap
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sklearn_xmodal.cli._again import say_lines
from sklearn_xmodal.cli._compare import compare, plan
from sklearn_xmodal.cli._data import RELEVANT_BY_PAIR, load_data
from sklearn_xmodal.cli._errors import CommandError
from sklearn_xmodal.cli._options import (
    add_data_options,
    add_tuning_options,
    as_fraction,
    one_of,
    one_of_methods,
    positive_int,
)
from sklearn_xmodal.cli._pictures import draw_all
from sklearn_xmodal.cli._report import format_conclusion, format_tables, write_csv
from sklearn_xmodal.protocols import ALL_METHODS, FULL, METHODS, PROTOCOLS, QUICK
from sklearn_xmodal.report import write_report
from sklearn_xmodal.utils._row_keys import row_keys

#: What is compared unless told otherwise.
LIGHT = tuple(
    name
    for name, method in ALL_METHODS.items()
    if name in METHODS or not method.trains_network
)
_HEAVY = tuple(name for name in ALL_METHODS if name not in LIGHT)

_FIRST_LOOK = (
    "A first look (--quick): few settings, two folds, networks of 150 steps. The full "
    "run may say otherwise."
)
EPILOG = """\
examples:
  xmodal compare
      compares methods on the emoji, in the first two protocols
  xmodal compare --image wikipedia.npz:X_img --text wikipedia.npz:X_txt \\
      --labels wikipedia.npz:y --test wikipedia.npz:test_idx --protocol standard
      the same on your own features, with a given test part
  xmodal compare --image photos.csv --text captions.npz --labels kinds.csv
      one file per part: .npy, .npz (one array, NAME.npz:KEY, or a scipy sparse
      matrix), CSV, also as .csv.gz, Parquet, Feather. A label that is blank, NaN or
      None, or -1 among numbers, is none: such pairs serve methods that need no labels
  xmodal compare --image photos.npy --words photos.csv:caption \\
      --labels photos.csv:kind --methods cca msln
      captions as they are, and labels, from columns of one table

exit status:
  0 done, 2 something must be mended (one line says what), 130 interrupted by Ctrl-C:
  what was finished is reported and written, 141 the reader of the output has gone
"""

COMPARE_DESCRIPTION = (
    "Tune cross-modal retrievers by grid search inside the training part,\n"
    "score them on a test part, and write a table, a CSV file and pictures."
)


def add_compare_options(parser):
    """Add all that a comparison takes."""
    add_data_options(parser, default="emoji")
    run = parser.add_argument_group("comparison")
    run.add_argument(
        "--protocol",
        nargs="+",
        type=one_of(PROTOCOLS),
        metavar="NAME",
        help="standard: test classes are seen in training; extendable: they are not; "
        "generalized: both kinds in one gallery (default: the first two)",
    )
    run.add_argument(
        "--methods",
        nargs="+",
        type=one_of_methods(),
        metavar="NAME",
        help=f"what to compare (default: {', '.join(LIGHT)}, as far as the data "
        f"allow). Those that train networks take minutes: msln, and on request "
        f"{', '.join(_HEAVY)}",
    )
    run.add_argument(
        "--splits",
        type=positive_int,
        default=1,
        metavar="N",
        help="training and test parts drawn per protocol (default: 1)",
    )
    add_tuning_options(run)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("xmodal-results"),
        metavar="FOLDER",
        help="where results.csv and the pictures go (default: xmodal-results)",
    )


def run(arguments):
    """Load, compare, report."""
    if as_fraction(arguments.test) is not None:
        raise CommandError(
            f"--test must be a file of row numbers or of a mask here: got "
            f"{arguments.test}. Without it a random 30 % of every class is the test "
            "part, of whole groups with --groups; xmodal fit --test takes a fraction"
        )
    data = load_data(arguments)
    print(data.describe())
    splits = {"n_splits": arguments.splits, "seed": arguments.seed}
    methods, protocols = plan(
        data,
        arguments.methods,
        arguments.protocol,
        default=LIGHT,
        **splits,
    )
    out = _make_folder(arguments.out)
    if data.relevance == RELEVANT_BY_PAIR:
        _say_what_is_relevant(data)
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
        said = report(runs, data, out, arguments) if runs else ""
    print(f"\n{textwrap.fill(said, 88)}")


def _say_what_is_relevant(data):
    """Print what is relevant without labels, and whether pictures repeat for it."""
    if data.groups is not None:
        print(
            "No labels: a picture and its texts are relevant to each other. It is "
            "repeated where a group has the same image features again."
        )
        return
    print("No labels: only the other half of a pair is relevant.")
    n_images = len(set(row_keys(data.pairs.image)))
    if n_images <= 0.9 * len(data.pairs):
        data.warn(
            f"{len(data.pairs):,} pairs have {n_images:,} different pictures, and each "
            "copy counts as an item of its own. --groups, the picture of each pair, "
            "counts it once."
        )


def report(runs, data, out, arguments):
    """Print the tables, write the files; return what came out, in words."""
    conclusion = format_conclusion(runs)
    if arguments.quick:
        conclusion = f"{_FIRST_LOOK} {conclusion}"
    print(format_tables(runs))
    try:
        print(f"Wrote {write_csv(runs, out / 'results.csv')}")
        for path in _draw(runs, data, out):
            print(f"Wrote {path}")
        page = out / "report.html"
        say = None if arguments.image is None else partial(say_lines, arguments)
        leads = write_report(page, runs, data, conclusion, say)
        print(f"Wrote {page}, to be opened in a browser")
    except OSError as error:
        raise CommandError(f"cannot write to --out {out}: {error.strerror}") from None
    return " ".join(filter(None, (conclusion, leads, _say_warnings(data))))


def _say_warnings(data):
    """Return that there were warnings of the data, empty where there were none."""
    if not data.warnings:
        return ""
    n = len(data.warnings)
    what = "the warning" if n == 1 else f"the {n} warnings"
    return (
        f"But read all this with care: {what} about the data, above and in "
        f"report.html, {'speaks' if n == 1 else 'speak'} against these figures."
    )


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
