"""``xmodal data``: what data there are, and how own files are understood."""

import numpy as np
from scipy import sparse

from sklearn_xmodal.cli._compare import plan
from sklearn_xmodal.cli._data import DATASETS, load_data
from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.cli._main import LIGHT
from sklearn_xmodal.cli._options import add_data_options, path_of_file

_DESCRIPTION = """\
Without options, list the data sets that need no download. With own files, say
how they are understood (header, id column, classes) and which comparisons they
allow, before any work is done.
"""
_EPILOG = """\
examples:
  xmodal data
  xmodal data --image photos.csv --words photos.csv:caption --labels photos.csv:kind
  xmodal data --dataset synthetic --save example.npz
      a file that shows how own ones may look

exit status:
  0 done, 2 something must be mended (one line says what)
"""


def _add_options(parser):
    add_data_options(parser)
    parser.add_argument(
        "--save",
        type=path_of_file,
        metavar="FILE.npz",
        help="write the pairs as one .npz file, with arrays X_img, X_txt and y, "
        "and words, groups and test where there are some",
    )


def _run(arguments):
    if arguments.save and arguments.save.suffix != ".npz":
        raise CommandError(f"--save must be an .npz file: got {arguments.save}")
    if arguments.image is None and arguments.dataset is None:
        if arguments.save:
            raise CommandError("--save needs --dataset or --image")
        _list()
        return
    data = load_data(arguments)
    print(data.describe())
    if data.y is not None:
        classes, sizes = np.unique(
            data.y[data.labelled].astype(str), return_counts=True
        )
        order = np.argsort(-sizes, kind="stable")
        shown = [f"{classes[i]} ({sizes[i]})" for i in order[:8]]
        rest = f" and {len(classes) - 8} more" if len(classes) > 8 else ""
        print(f"Classes: {', '.join(shown)}{rest}.")
    try:
        methods, protocols = plan(data, None, None, default=LIGHT)
        print(f"Protocols: {', '.join(protocols)}. Methods: {', '.join(methods)}.")
    except CommandError as error:
        print(f"No comparison: {error}.")
    if arguments.save:
        with told(f"cannot write {arguments.save}"):
            _save(data, arguments.save)


def _list():
    """Print a line per data set."""
    for name, make in DATASETS.items():
        try:
            print(f"{name}: {make(0).describe()}")
        except CommandError as error:  # of what is not installed
            print(f"{name}: {error}")


def _save(data, path):
    arrays = {"X_img": data.pairs.image, "X_txt": data.pairs.text}
    arrays = {k: X.toarray() if sparse.issparse(X) else X for k, X in arrays.items()}
    if data.y is not None:
        # Strings without None, so that no file holds Python objects.
        arrays["y"] = np.array(["" if label is None else label for label in data.y])
    if data.texts is not None:
        arrays["words"] = np.array([str(text) for text in data.texts])
    more = {"groups": data.groups, "test": data.test_rows}
    arrays |= {name: rows for name, rows in more.items() if rows is not None}
    np.savez_compressed(path, **arrays)
    print(f"Wrote {path}: {', '.join(arrays)}")


COMMAND = (
    "data sets that are there, and how own files are understood",
    _DESCRIPTION,
    _EPILOG,
    _add_options,
    _run,
)
