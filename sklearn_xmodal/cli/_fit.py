"""``xmodal fit``: tune one retriever on all pairs, and keep it in a file."""

from contextlib import closing
from importlib.util import find_spec

from sklearn.pipeline import Pipeline

from sklearn_xmodal.cli._data import load_own_data
from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.cli._options import (
    add_data_options,
    add_tuning_options,
    one_of,
    path_of_file,
)
from sklearn_xmodal.cli._progress import Progress
from sklearn_xmodal.persistence import save
from sklearn_xmodal.protocols import ALL_METHODS, FULL, PROTOCOLS, QUICK, tune
from sklearn_xmodal.protocols._methods import split_by_width

_DESCRIPTION = """\
Choose features and parameters of one retriever by grid search, fit it on all
pairs that are given, and save it. The file holds no code (no pickle). Words
that are given by --words become part of the model: it then searches by words.
"""
_EPILOG = """\
examples:
  xmodal fit --image mine.npz --save my.xmodal
      arrays X_img, X_txt and y, if it has labels
  xmodal fit --image photos.npy --words photos.csv:caption --method cca --save my.xmodal
      captions as they are; xmodal search my.xmodal --query "red car" then takes words
  xmodal fit --image photos.parquet --text captions.parquet --labels kinds.csv \\
      --protocol extendable --save my.xmodal
      for a search among classes that training does not see

exit status:
  0 done, 2 something must be mended (one line says what), 130 interrupted by Ctrl-C:
  a file that was there is still there, as a whole
"""


def _add_options(parser):
    add_data_options(parser, without=("test",))
    group = parser.add_argument_group("retriever")
    group.add_argument(
        "--method",
        type=one_of(tuple(ALL_METHODS)),
        metavar="NAME",
        help="which one (default: msln with labels, cca without): "
        f"{', '.join(ALL_METHODS)}",
    )
    group.add_argument(
        "--protocol",
        type=one_of(PROTOCOLS),
        default="standard",
        metavar="NAME",
        help="what it is for. standard: classes seen in training; extendable: classes "
        "that are not; generalized: both (default: standard)",
    )
    add_tuning_options(group)
    parser.add_argument(
        "--save",
        required=True,
        type=path_of_file,
        metavar="FILE",
        help="where the model goes, such as my.xmodal",
    )


def _run(arguments):
    if find_spec("skops") is None:  # better now than after the work
        raise CommandError(
            "saving what stands before the retriever needs skops: pip install "
            '"sklearn-xmodal[persistence]"'
        )
    data = load_own_data(arguments)
    name = arguments.method or ("cca" if data.y is None else "msln")
    method = ALL_METHODS[name]
    _check(data, name, arguments.protocol)
    print(data.describe())
    pairs, y, groups = _training_part(data, method, arguments.protocol)
    with told(method.title), closing(Progress(1)) as progress:
        progress.begin(f"{method.title}, {arguments.protocol} protocol")
        pipeline, score, chosen = tune(
            method,
            pairs,
            y,
            arguments.protocol,
            groups=groups,
            budget=QUICK if arguments.quick else FULL,
            random_state=arguments.seed,
            n_jobs=arguments.n_jobs,
            begin_fit=progress.begin_fit,
        )
        progress.end(f"mAP {score:.3f} in validation")
    if method.trains_network:
        pipeline[-1].set_params(callbacks=None)  # signs of life have no place in files
    if data.words is not None:
        pipeline = Pipeline([("words", data.words), *pipeline.steps])
    card = {"method": name, "protocol": arguments.protocol, "data": data.name}
    card |= {"n_pairs": len(pairs), "validation_mAP": score, "parameters": chosen}
    with told(f"cannot write {arguments.save}"):
        save(pipeline, arguments.save, card=card)
    settings = ", ".join(f"{key}={value}" for key, value in sorted(chosen.items()))
    print(f"{method.title} ({settings}), mAP {score:.3f} in validation.")
    print(f"Wrote {arguments.save}. To search: {_next(arguments.save, data)}")


def _check(data, name, protocol):
    """Raise a CommandError where the data do not allow the method or the protocol."""
    if data.y is None and ALL_METHODS[name].needs_labels:
        raise CommandError(f"--method {name} needs class labels (--labels)")
    if data.y is None and protocol != "standard":
        raise CommandError(f"--protocol {protocol} needs class labels (--labels)")
    _, left_out = split_by_width({name: ALL_METHODS[name]}, data.pairs)
    if left_out:
        raise CommandError(f"--method: cannot be fitted: {left_out}")


def _training_part(data, method, protocol):
    """Return pairs, labels and groups; pairs without a label where they are of use."""
    pairs, y, groups = data.pairs, data.y, data.groups
    if y is None or (protocol == "standard" and not method.needs_labels):
        return pairs, y, groups
    known = data.labelled
    return pairs[known], y[known], None if groups is None else groups[known]


def _next(path, data):
    query = "--query-text TEXTS" if data.words is None else '--query "some words"'
    return f"xmodal search {path} --image PICTURES {query}"


COMMAND = (
    "tune one retriever on all pairs, and save it",
    _DESCRIPTION,
    _EPILOG,
    _add_options,
    _run,
)
