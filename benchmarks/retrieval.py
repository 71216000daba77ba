"""Accuracy of every method on every data set, nested and resumable.

All choices are made by cross-validation inside the training part, with the same
number of candidates for every method; the test part is scored once. A run that was
killed continues where it stopped.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._environment import write_environment
from benchmarks._journal import Journal, write_csv
from benchmarks._methods import BUDGET, METHODS, Method
from benchmarks._tables import TITLE, draw, write_tables
from sklearn_xmodal.protocols import PROTOCOLS, QUICK, evaluate_split

__all__ = ["METHODS", "Method", "main"]  # what docs/user_guide/own_method.md needs

COLUMNS = ["dataset", "protocol", "split", "method", "image_to_text", "text_to_image"]
COLUMNS += ["mean", "seen", "unseen", "chance", "n_train", "n_test", "n_test_classes"]
COLUMNS += ["validation_score", "parameters"]
RECALLS = ["recall_at_1", "recall_at_5", "recall_at_10"]


def build_parser(methods=METHODS):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retrieval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dataset",
        nargs="+",
        choices=_datasets.NAMES,
        default=list(_datasets.EMBEDDED),
        metavar="NAME",
        help=f"any of {', '.join(_datasets.NAMES)} (default: those that need no file)",
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        choices=PROTOCOLS,
        default=["standard", "extendable"],
        help="standard: test classes are seen in training; extendable: they are not; "
        "generalized: queries of either kind against a gallery of both "
        "(default: the first two)",
    )
    parser.add_argument(
        "--methods", nargs="+", choices=list(methods), default=list(methods)
    )
    parser.add_argument("--splits", type=int, default=10, help="default: 10")
    parser.add_argument("--seed", type=int, default=0, help="split i uses seed + i")
    parser.add_argument("--n-jobs", type=int, default=1, help="splits at a time")
    parser.add_argument(
        "--quick", action="store_true", help="two candidates, short training"
    )
    parser.add_argument(
        "--data-home",
        type=Path,
        default=os.environ.get("SKLEARN_XMODAL_DATA"),
        help="folder of the data files (default: $SKLEARN_XMODAL_DATA)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/retrieval")
    )
    parser.add_argument("--title", default=TITLE, help="heading of the tables")
    return parser


def run_task(key, data_home, seed, quick, methods=METHODS):
    """Tune and score one method on one split; return its row."""
    dataset, protocol, split, name = key
    pairs, y = _datasets.load(dataset, data_home)
    # One thread per task: the same bits however many tasks run at a time.
    with threadpool_limits(1):
        record = evaluate_split(
            methods[name],
            pairs,
            y,
            protocol,
            split,
            groups=_datasets.load_groups(dataset, data_home),
            random_state=seed,
            budget=QUICK if quick else BUDGET,
            n_jobs=1,
            validate=False,
        )
    parameters = sorted(record["parameters"].items())
    names = {"dataset": dataset, "protocol": protocol, "split": split}
    return {
        **names,
        "method": methods[name].title,
        **record,
        "parameters": " ".join(f"{k}={v}" for k, v in parameters),
    }


def suits(key, methods):
    """Return whether a method can be scored on a data set in a protocol.

    Data without labels are vectors of a joint model, for which the joint methods are.
    """
    dataset, protocol, _, name = key
    if dataset in _datasets.JOINT:
        return protocol == "standard" and not methods[name].needs_labels
    return not methods[name].is_joint


def _order(key, methods):
    dataset, protocol, split, name = key
    return (
        _datasets.NAMES.index(dataset),
        PROTOCOLS.index(protocol),
        split,
        list(methods).index(name),
    )


def run(arguments, methods=METHODS):
    """Do the tasks that are not done yet, then write tables and pictures."""
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    budget = QUICK if arguments.quick else BUDGET
    settings = {"seed": arguments.seed, **budget._asdict()}
    journal = Journal(out / "journal.jsonl", settings)
    keys = [
        (dataset, protocol, split, name)
        for split in range(arguments.splits)
        for dataset in arguments.dataset
        for protocol in arguments.protocol
        for name in arguments.methods
    ]
    keys = [key for key in keys if suits(key, methods)]
    options = arguments.data_home, arguments.seed, arguments.quick, methods
    journal.complete(keys, run_task, *options, n_jobs=arguments.n_jobs)
    rows = journal.sorted_rows(partial(_order, methods=methods))
    more = [name for name in RECALLS if any(name in row for row in rows)]
    write_csv(rows, [*COLUMNS, *more], out / "results.csv")
    seconds = ["dataset", "protocol", "split", "method", "seconds"]
    write_csv(rows, seconds, out / "seconds.csv")
    write_environment(out / "environment.json")
    write_tables(rows, out / "README.md", arguments.title)
    draw(rows, out / "map.png")


def main(argv=None, methods=METHODS):
    arguments = build_parser(methods).parse_args(argv)
    try:
        run(arguments, methods)
    except (FileNotFoundError, ValueError) as error:
        print(f"benchmarks.retrieval: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
