"""The setting of the paper as far as it is known: half of the classes is unseen.

X. Xu et al., "Modal-adversarial semantic learning network for extendable cross-modal
retrieval", ICMR 2018, trains on some classes and searches among others. Which, with
which features and with which sizes of the network, is not known to us. Here random
halves of the classes are held out, and training sees the pairs of the training list
that are of the other half. Queries are of the test list. Those who reported on such
settings took their gallery from either list, so both are scored; "generalized" queries
are of unseen classes, in the test list of all classes.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._environment import write_environment
from benchmarks._journal import Journal, write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._methods import BUDGET
from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.metrics import chance_level, retrieval_score
from sklearn_xmodal.protocols import METHODS as USUAL
from sklearn_xmodal.protocols import Method, tune

#: Both have a list of pairs to train on and one to test on.
DATASETS = {"wiki100": "Wikipedia", "pascal": "Pascal Sentence"}


def _network(title, retriever):
    options = {"needs_labels": True, "trains_network": True}
    return Method(title, retriever, [{}], **options)


METHODS = {
    "cca": USUAL["cca"],
    "kcca": USUAL["kcca"],
    "paper": _network("`from_paper()`", MSLNRetriever.from_paper(device="cpu")),
    "unseen": _network(
        "MSLN for unseen classes", MSLNRetriever(target_classes="unseen", device="cpu")
    ),
    "seen": _network(
        "MSLN for seen classes", MSLNRetriever(target_classes="seen", device="cpu")
    ),
    "default": _network("MSLN, defaults", MSLNRetriever(device="cpu")),
}
#: Setting -> whether queries are seen, list of the gallery, classes of the gallery.
SETTINGS = {
    "unseen, test gallery": (False, "test", "same"),
    "unseen, training gallery": (False, "train", "same"),
    "generalized": (False, "test", "all"),
    "seen, test gallery": (True, "test", "same"),
    "seen, training gallery": (True, "train", "same"),
}
JFSE = '"Joint feature synthesis and embedding", TPAMI 2020'
#: Kind of setting -> data set -> method -> what JFSE's tables say, image to text and
#: text to image. Table 6, 7 and 5.
REPORTED = {
    "unseen": {
        "wiki100": {
            "CCA": (0.238, 0.236),
            "KCCA": (0.279, 0.288),
            "ACMR": (0.276, 0.262),
            "MASLN": (0.284, 0.264),
            "JFSE": (0.343, 0.314),
        },
        "pascal": {
            "CCA": (0.207, 0.183),
            "KCCA": (0.310, 0.321),
            "ACMR": (0.306, 0.291),
            "MASLN": (0.307, 0.294),
            "JFSE": (0.382, 0.371),
        },
    },
    "generalized": {
        "wiki100": {
            "CCA": (0.134, 0.118),
            "KCCA": (0.187, 0.173),
            "ACMR": (0.251, 0.199),
            "MASLN": (0.255, 0.209),
            "JFSE": (0.283, 0.237),
        },
        "pascal": {
            "CCA": (0.129, 0.141),
            "KCCA": (0.166, 0.182),
            "ACMR": (0.250, 0.284),
            "MASLN": (0.252, 0.287),
            "JFSE": (0.310, 0.316),
        },
    },
    "seen": {
        "wiki100": {
            "CCA": (0.261, 0.267),
            "KCCA": (0.421, 0.520),
            "ACMR": (0.674, 0.863),
            "MASLN": (0.678, 0.872),
            "JFSE": (0.708, 0.906),
        },
        "pascal": {
            "CCA": (0.214, 0.183),
            "KCCA": (0.493, 0.497),
            "ACMR": (0.726, 0.756),
            "MASLN": (0.728, 0.759),
            "JFSE": (0.791, 0.896),
        },
    },
}
DIRECTIONS = {"image_to_text": ("image", "text"), "text_to_image": ("text", "image")}


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dataset", nargs="+", choices=list(DATASETS), default=list(DATASETS)
    )
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), default=list(METHODS)
    )
    parser.add_argument("--partitions", type=int, default=10, help="of the classes")
    parser.add_argument("--n-jobs", type=int, default=1, help="partitions at a time")
    parser.add_argument(
        "--data-home", type=Path, default=os.environ.get("SKLEARN_XMODAL_DATA")
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/reproduction")
    )
    return parser


def seen_rows(y, partition):
    """Return which pairs are of the half of the classes that training sees."""
    classes = np.unique(y)
    chosen = np.random.default_rng(partition).permutation(classes)
    return np.isin(y, chosen[: (len(classes) + 1) // 2])


def run_task(key, data_home):
    """Train one method on one half of the classes, and score it in all settings."""
    dataset, partition, name = key
    pairs, y = _datasets.load(dataset, data_home)
    is_train = np.zeros(len(y), dtype=bool)
    is_train[_datasets.training_list(dataset, data_home)] = True
    seen = seen_rows(y, partition)
    trained = np.flatnonzero(is_train & seen)
    with threadpool_limits(1):
        pipeline, _, _ = tune(
            METHODS[name],
            pairs[trained],
            y[trained],
            "extendable",
            budget=BUDGET,
            random_state=partition,
            validate=False,
        )
        codes = pipeline.transform(pairs)
        scores = {
            setting: score(codes, y, *parts(seen, is_train, *kind))
            for setting, kind in SETTINGS.items()
        }
    return {"scores": scores, "n_train": len(trained)}


def parts(seen, is_train, query_is_seen, gallery_list, gallery_classes):
    """Return rows of the queries and of the gallery of a setting."""
    own = seen == query_is_seen
    in_list = is_train == (gallery_list == "train")
    gallery = in_list & own if gallery_classes == "same" else in_list
    return np.flatnonzero(own & ~is_train), np.flatnonzero(gallery)


def score(codes, y, queries, gallery):
    """Return mAP of both directions, their mean, and what chance would give."""
    found = {
        name: retrieval_score(
            getattr(codes, query)[queries],
            getattr(codes, other)[gallery],
            y[queries],
            y[gallery],
        )
        for name, (query, other) in DIRECTIONS.items()
    }
    found["mean"] = float(np.mean(list(found.values())))
    return {**found, "chance": chance_level(y[queries], y[gallery])}


def run(arguments):
    """Do the tasks that are not done yet, then write rows and tables."""
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal.jsonl", {})
    keys = [
        (dataset, partition, name)
        for name in arguments.methods
        for dataset in arguments.dataset
        for partition in range(arguments.partitions)
    ]
    journal.complete(keys, run_task, arguments.data_home, n_jobs=arguments.n_jobs)
    write_results(journal.sorted_rows(_order), out)


def write_results(records, out):
    """Write what the journal has, of this run and of those before."""
    rows = [
        {"dataset": dataset, "setting": setting, "method": METHODS[name].title,
         "partition": partition, **record["scores"][setting],
         "n_train": record["n_train"]}
        for setting in SETTINGS
        for record in records
        for dataset, partition, name in [record["key"]]
    ]  # fmt: skip
    write_csv(rows, list(rows[0]), out / "results.csv")
    write_environment(out / "environment.json")
    (out / "README.md").write_text(markdown(rows), encoding="utf-8")


def _order(key):
    dataset, partition, name = key
    return list(DATASETS).index(dataset), list(METHODS).index(name), partition


def markdown(rows):
    """Return a table per setting: spread over partitions, and what others report."""
    text = __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
    lines = [
        "# The paper's setting, over partitions of the classes",
        "",
        text,
        "",
        "mAP of the whole ranking by cosine, in both directions, and the spread of "
        f"their mean over the partitions. {_tuned(rows)}{_missing(rows)} Rows in "
        f"italics are what JFSE ({JFSE}) reports, on other features of these "
        "collections, for a partition that is not told: to see what size such figures "
        "have, not to be compared with the rest of the column; MASLN is the paper's "
        "network. Made by `python -m benchmarks.reproduction`; one row per partition "
        "in `results.csv`.",
    ]
    for setting in SETTINGS:
        lines += ["", f"## {setting.capitalize()}", "", *_table(rows, setting)]
    return "\n".join(lines) + "\n"


def _tuned(rows):
    """Say which methods with rows are tuned."""
    found = {row["method"] for row in rows}
    titles = [m.title for m in METHODS.values() if not m.trains_network]
    titles = [title for title in titles if title in found]
    if not titles:
        return "Nothing is tuned."
    return (
        f"{' and '.join(titles)} {'are' if len(titles) > 1 else 'is'} tuned on classes "
        "held out of the training part; of the networks nothing is."
    )


def _missing(rows):
    """Name what the benchmark can run and has no rows of."""
    found = {(row["dataset"], row["method"]) for row in rows}
    lines = []
    for title in (method.title for method in METHODS.values()):
        without = [name for d, name in DATASETS.items() if (d, title) not in found]
        if without:
            everywhere = len(without) == len(DATASETS)
            lines.append(title if everywhere else f"{title} on {' and '.join(without)}")
    return f" Not run: {'; '.join(lines)}." if lines else ""


def _table(rows, setting):
    columns = {"data": WORDS, "method": WORDS, "image to text": NUMBERS}
    columns |= dict.fromkeys(["text to image", "mean", "sd"], NUMBERS)
    columns |= dict.fromkeys(["least", "most", "partitions"], NUMBERS)
    lines = []
    for dataset, title in DATASETS.items():
        own = [r for r in rows if (r["dataset"], r["setting"]) == (dataset, setting)]
        if not own:
            continue
        for method in dict.fromkeys(r["method"] for r in own):
            some = [r for r in own if r["method"] == method]
            lines.append([title, method, *_spread(some)])
        chance = [r["chance"] for r in own]
        lines.append([title, "chance", "", "", f"{np.mean(chance):.3f}", *[""] * 4])
        reported = REPORTED[setting.split(",")[0]][dataset]
        for method, scores in reported.items():
            cells = [f"*{x:.3f}*" for x in (*scores, np.mean(scores))]
            lines.append([title, f"*{method}, as reported*", *cells, *[""] * 4])
    return table(columns, lines)


def _spread(rows):
    """Return the cells of one method."""
    means = [r["mean"] for r in rows]
    directions = [np.mean([r[name] for r in rows]) for name in DIRECTIONS]
    sd = np.std(means, ddof=1) if len(means) > 1 else float("nan")
    cells = [*directions, np.mean(means), sd, min(means), max(means)]
    return [*(f"{x:.3f}" for x in cells), str(len(rows))]


def main(argv=None):
    arguments = build_parser().parse_args(argv)
    try:
        run(arguments)
    except (FileNotFoundError, ValueError) as error:
        print(f"benchmarks.reproduction: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
