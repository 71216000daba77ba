"""``xmodal fit``: tune one retriever on all pairs, and keep it in a file."""

import sys
import warnings
from contextlib import closing
from importlib.util import find_spec

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_xmodal.cli._data import load_own_data
from sklearn_xmodal.cli._errors import CommandError, told
from sklearn_xmodal.cli._options import (
    add_data_options,
    add_tuning_options,
    as_fraction,
    one_of,
    one_of_methods,
    path_of_file,
)
from sklearn_xmodal.cli._progress import Progress
from sklearn_xmodal.cli._seen import ENTRY, remember
from sklearn_xmodal.cli._small import (
    say_small_classes,
    silent_about_small_classes,
)
from sklearn_xmodal.cli._splits import class_codes, hold_out, tell_repeats
from sklearn_xmodal.cli._workers import jobs_for
from sklearn_xmodal.inspection._spaces import look_joint
from sklearn_xmodal.metrics._engine import EACH_COPY_COUNTS, split_codes
from sklearn_xmodal.persistence import save
from sklearn_xmodal.protocols import (
    ALL_METHODS,
    FULL,
    PROTOCOLS,
    QUICK,
    score_codes,
    tune,
)
from sklearn_xmodal.protocols._features import SCALED_MEANS
from sklearn_xmodal.protocols._methods import split_by_width
from sklearn_xmodal.protocols._repeats import repeated_pictures

_DESCRIPTION = """\
Choose features and parameters of one retriever by grid search, fit it on all
pairs that are given, and save it. The file holds no code (no pickle). Words
that are given by --words become part of the model: it then searches by words.
With --test it is fitted to the other pairs, and scored on these.
"""
_EPILOG = """\
examples:
  xmodal fit --image mine.npz --save my.xmodal
      arrays X_img, X_txt and y, if it has labels
  xmodal fit --image mine.npz --test 0.2 --save my.xmodal
      keeps a fifth of the pairs back, and says how well the model does on them
  xmodal fit --image photos.npy --words photos.csv:caption --method cca --save my.xmodal
      captions as they are; xmodal search my.xmodal --query "red car" then takes words
  xmodal fit --image photos.parquet --text captions.parquet --labels kinds.csv \\
      --protocol extendable --save my.xmodal
      for a search among classes that training does not see

exit status:
  0 done, 2 something must be mended (one line says what), 130 interrupted by Ctrl-C:
  a file that was there is still there, as a whole
"""
_JOINT = "images and texts look like vectors of one joint model"
_TEST_HELP = (
    "pairs that the model is not fitted to, but scored on before it is saved: a "
    "fraction such as 0.2 (of every class; of the classes, where --protocol is for "
    "unseen ones; of whole groups), or a file of row numbers from 0 or of a mask"
)


def _add_options(parser):
    add_data_options(parser, test=_TEST_HELP)
    parser.add_argument(
        "--refit",
        action="store_true",
        help="after the score of --test, tune again and fit to all pairs, and save "
        "that: what was scored is the procedure, no longer the model",
    )
    group = parser.add_argument_group("retriever")
    group.add_argument(
        "--method",
        type=one_of_methods(),
        metavar="NAME",
        help="which one (default: adapter-cv where images and texts look like vectors "
        "of one joint model, such as CLIP's; otherwise msln with labels, cca without): "
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
    fraction = _fraction(arguments)
    data = load_own_data(arguments)
    name = _method_of(data, arguments.method)
    method = ALL_METHODS[name]
    _check(data, name, arguments.protocol)
    if data.test_rows is not None and arguments.protocol != "standard":
        raise CommandError(
            f"--protocol {arguments.protocol} draws its own pairs to keep back: give "
            "--test a fraction, such as 0.2"
        )
    print(data.describe())
    train, test = _usable_rows(data, method, arguments.protocol), None
    if fraction or data.test_rows is not None:
        rows, test = hold_out(data, arguments.protocol, fraction, arguments.seed)
        train, everything = np.intersect1d(train, rows), train
        tell_repeats(data, train, test, "--test")
    with closing(Progress(1 + arguments.refit)) as progress:
        found = _tuned(data, train, method, arguments, progress)
        card = {"method": name, "protocol": arguments.protocol, "data": data.name}
        if test is not None:
            card["held_out"] = _scores(found[0], data, train, test, arguments.protocol)
            print(_say_scores(card["held_out"]))
        if arguments.refit:
            train = everything
            found = _tuned(data, train, method, arguments, progress)
    pipeline, score, chosen = found
    texts = data.pairs.text if data.words is None else data.texts
    card |= {"n_pairs": len(train), "validation_mAP": score, "parameters": chosen}
    card[ENTRY] = remember(data.pairs.image[train], texts[train])
    if method.trains_network:
        pipeline[-1].set_params(callbacks=None)  # signs of life have no place in files
    if data.words is not None:
        pipeline = Pipeline([("words", data.words), *pipeline.steps])
    with told(f"cannot write {arguments.save}"):
        save(pipeline, arguments.save, card=card)
    settings = ", ".join(f"{key}={value}" for key, value in sorted(chosen.items()))
    print(f"{method.title} ({settings}), mAP {score:.3f} in validation.")
    if "scaled" in chosen:
        print(SCALED_MEANS)
    of = "" if len(train) == len(data.pairs) else f", fitted to {len(train):,} pairs"
    print(f"Wrote {arguments.save}{of}. To search: {_next(arguments.save, data)}")


def _method_of(data, asked):
    """Return the method that was asked for, or one that suits the data."""
    is_joint = data.words is None and look_joint(data.pairs.image, data.pairs.text)
    usual = "cca" if data.y is None else "msln"
    if is_joint and asked is None:
        print(f"{_JOINT}: adapter-cv; --method {usual} otherwise", file=sys.stderr)
    elif is_joint and not ALL_METHODS[asked].is_joint:
        print(f"Warning: {_JOINT}: --method adapter-cv is for these", file=sys.stderr)
    return asked or ("adapter-cv" if is_joint else usual)


def _fraction(arguments):
    """Take the fraction out of --test, None where it names a file or nothing."""
    if arguments.refit and arguments.test is None:
        raise CommandError("--refit needs --test: without, all pairs are fitted to")
    fraction = as_fraction(arguments.test)
    if fraction is None:
        return None
    if not 0 < fraction < 1:
        raise CommandError(
            f"--test must be a fraction between 0 and 1, or a file: got {fraction:g}"
        )
    arguments.test = None
    return fraction


def _tuned(data, rows, method, arguments, progress):
    """Return the Pipeline that a search has found, its score and what was chosen."""
    groups = None if data.groups is None else data.groups[rows]
    budget = QUICK if arguments.quick else FULL
    if data.y is not None:
        known = rows[data.labelled[rows]]
        y = data.y[known]
        if words := say_small_classes(y, budget.n_folds, arguments.protocol):
            data.warn(words)
    with told(method.title), silent_about_small_classes():
        progress.begin(f"{method.title}, {arguments.protocol} protocol")
        found = tune(
            method,
            data.pairs[rows],
            None if data.y is None else data.y[rows],
            arguments.protocol,
            groups=groups,
            budget=budget,
            random_state=arguments.seed,
            n_jobs=jobs_for(method, data.pairs, arguments.n_jobs),
            begin_fit=progress.begin_fit,
        )
        progress.end(f"mAP {found[1]:.3f} in validation")
    return found


def _scores(pipeline, data, train, test, protocol):
    """Return what a model scores on pairs that it was not fitted to."""
    y, pairs, options = class_codes(data), data.pairs[test], {}
    if data.groups is not None:
        options["groups"] = repeated_pictures(pairs, data.groups[test])
    if protocol == "generalized":
        options["seen_classes"] = np.unique(y[train])
    with told("--test"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", f".*{EACH_COPY_COUNTS}")
        Z_img, Z_txt = split_codes(pipeline.transform(pairs))
        y = None if y is None else y[test]
        scores = score_codes(Z_img, Z_txt, y, protocol, **options)
    return {"n_pairs": len(test), **scores}


def _say_scores(scores):
    found = "\n".join(
        f"  {name.replace('_', ' ')}: {value:.3f}"
        for name, value in scores.items()
        if name not in ("n_pairs", "mean", "chance")
    )
    return (
        f"On {scores['n_pairs']:,} pairs kept back: mAP {scores['mean']:.3f}, "
        f"by chance {scores['chance']:.3f}.\n{found}"
    )


def _check(data, name, protocol):
    """Raise a CommandError where the data do not allow the method or the protocol."""
    if data.y is None and ALL_METHODS[name].needs_labels:
        raise CommandError(f"--method {name} needs class labels (--labels)")
    if data.y is None and protocol != "standard":
        raise CommandError(f"--protocol {protocol} needs class labels (--labels)")
    _, left_out = split_by_width({name: ALL_METHODS[name]}, data.pairs)
    if left_out:
        raise CommandError(f"--method: cannot be fitted: {left_out}")


def _usable_rows(data, method, protocol):
    """Return rows to learn from; those without a label where they are of use."""
    rows = np.arange(len(data.pairs))
    if data.y is None or (protocol == "standard" and not method.needs_labels):
        return rows
    return rows[data.labelled]


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
