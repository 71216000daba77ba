"""What the names of unseen classes are worth: probabilities of any vocabulary.

Who searches among classes that training has not seen may know what they are called.
Where the texts are vectors of sentences, a name is a text too: `VocabularyRetriever`
encodes it by the trained text encoder, and joins an item's probabilities of the names
to its code. "Names alone" is a weight of 1. Where texts are something else, ridge
regression of the seen classes' names learns the way from the features to the names,
which is no part of the package. Temperature and weight, the defaults of
`VocabularyRetriever`, were chosen on splits 100 and 101; nothing is tuned but what
stands before the methods.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._class_names import class_name_vectors
from benchmarks._environment import write_environment
from benchmarks._journal import Journal, write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._methods import BUDGET
from sklearn_xmodal import CCARetriever, MSLNRetriever, VocabularyRetriever
from sklearn_xmodal.metrics import cross_modal_score, paired_comparison
from sklearn_xmodal.protocols import choose_features, inner_folds, split_pairs
from sklearn_xmodal.utils._unit import to_unit_length

#: Those whose texts are vectors of the encoder that the names went through.
SENTENCES = ("pictograms", "glyphs-encoded")
DATASETS = (*SENTENCES, "emoji")
METHODS = {
    "CCA": CCARetriever(alpha=1.0),
    "MSLN": MSLNRetriever(target_classes="unseen", device="cpu"),
}
#: Of the way that is learnt; that of `VocabularyRetriever` is the same.
TEMPERATURE = 0.1
CODE = "code"


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vocabulary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", nargs="+", choices=DATASETS, default=DATASETS)
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), default=list(METHODS)
    )
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="split i uses seed + i")
    parser.add_argument("--n-jobs", type=int, default=1, help="splits at a time")
    parser.add_argument(
        "--data-home", type=Path, default=os.environ.get("SKLEARN_XMODAL_DATA")
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/vocabulary")
    )
    return parser


def codes_of(fold, retriever, features, vectors):
    """Return name of a variant -> codes of images and of texts of the test part."""
    known, y_train, new, y_test = fold
    unseen, seen = (
        np.array([vectors[label] for label in np.unique(y).tolist()])
        for y in (y_test, y_train)
    )
    code = _sides(retriever, new)
    learned = learnt(fold, vectors, unseen)
    ridge = [_joined(*pair) for pair in zip(code, learned, strict=True)]
    codes = {CODE: code, "names by ridge regression, joined": ridge}
    if features is None:  # texts are no vectors of sentences
        return codes
    vocabularies = {
        "names alone": (unseen, 1.0),
        "names, joined": (unseen, 0.5),
        "names of all classes, joined": (np.vstack([unseen, seen]), 0.5),
        "names of the seen classes, joined": (seen, 0.5),
    }
    for name, (some, weight) in vocabularies.items():
        texts = features.transformer_of("text").transform(some.astype(np.float32))
        named = VocabularyRetriever(
            FrozenEstimator(retriever), vocabulary=texts, weight=weight
        )
        codes[name] = _sides(named.fit(known), new)
    return codes


def _sides(retriever, pairs):
    codes = retriever.transform(pairs)
    return codes.image, codes.text


def learnt(fold, vectors, unseen):
    """Return probabilities of names by a way from features to names, learnt on seen.

    Less what each would be if nothing were known, at unit length.
    """
    known, y_train, new, _ = fold
    targets = np.array([vectors[label] for label in y_train.tolist()])
    mean, sides = targets.mean(axis=0), []
    for modality in ("image", "text"):
        X, X_new = (np.asarray(getattr(p, modality), float) for p in (known, new))
        alpha = X.var(axis=0).sum() * len(X) / X.shape[1]  # the mean eigenvalue
        codes = Ridge(alpha).fit(X, targets - mean).predict(X_new)
        cosines = to_unit_length(codes) @ to_unit_length(unseen - mean).T
        likely = softmax(cosines / TEMPERATURE, axis=1)
        sides.append(to_unit_length(likely - 1 / len(unseen)))
    return sides


def _joined(codes, block):
    """Return codes whose cosine is the mean of those of both."""
    return np.hstack([to_unit_length(np.asarray(codes, float)), block])


def run_task(key, data_home):
    """Fit one method on one split, and score it without and with names."""
    dataset, split, _ = key
    pairs, y = _datasets.load(dataset, data_home)
    vectors = class_name_vectors(dataset, data_home)
    train, test = split_pairs(pairs, y, "extendable", random_state=split)
    with threadpool_limits(1):
        folds = inner_folds(
            pairs[train],
            y[train],
            "extendable",
            n_splits=BUDGET.n_folds,
            random_state=split,
        )
        _, features = choose_features(pairs[train], y[train], cv=folds, random_state=0)
        known = features.fit_transform(pairs[train], y[train])
        fold = known, y[train], features.transform(pairs[test]), y[test]
        retriever = fitted(key, known, y[train])
        if dataset not in SENTENCES:
            features = None
        scores = scores_of(fold, retriever, features, vectors)
    return {"scores": scores, "n_train": len(train), "n_test": len(test)}


def fitted(key, pairs, y):
    """Return the method of a task, trained."""
    _, split, method = key
    retriever = clone(METHODS[method])
    if "random_state" in retriever.get_params():
        retriever.set_params(random_state=split)
    return retriever.fit(pairs, y)


def scores_of(fold, retriever, features, vectors):
    """Return mAP of the code, and of what names make of it."""
    codes = codes_of(fold, retriever, features, vectors)
    y_test = fold[-1]
    return {name: cross_modal_score(*sides, y_test) for name, sides in codes.items()}


def run(arguments):
    """Do the tasks that are not done yet, then write rows and tables."""
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal.jsonl", {})
    keys = [
        (dataset, arguments.seed + i, method)
        for i in range(arguments.splits)
        for dataset in arguments.dataset
        for method in arguments.methods
    ]
    journal.complete(keys, run_task, arguments.data_home, n_jobs=arguments.n_jobs)
    write_results(journal.sorted_rows(_order), out)


def write_results(records, out):
    """Write what the journal has, of this run and of those before."""
    rows = [
        {"dataset": dataset, "method": method, "split": split, "variant": name,
         "mean": score, "n_train": record["n_train"], "n_test": record["n_test"]}
        for record in records
        for dataset, split, method in [record["key"]]
        for name, score in record["scores"].items()
    ]  # fmt: skip
    write_csv(rows, list(rows[0]), out / "results.csv")
    write_environment(out / "environment.json")
    (out / "README.md").write_text(markdown(rows), encoding="utf-8")


def _order(key):
    dataset, split, method = key
    return DATASETS.index(dataset), list(METHODS).index(method), split


def markdown(rows):
    """Return a table: mAP of the code, and what names add to it."""
    columns = {
        "data": WORDS,
        "method": WORDS,
        "": WORDS,
        "splits": NUMBERS,
        "mAP": NUMBERS,
        "added": NUMBERS,
        "95 % interval": WORDS,
        "above": NUMBERS,
    }
    groups = dict.fromkeys((r["dataset"], r["method"], r["variant"]) for r in rows)
    lines = [_line(rows, *group) for group in groups]
    text = __doc__.split("\n\n", 1)[1].replace("\n", " ").strip()
    return "\n".join(
        [
            "# The names of unseen classes at search time",
            "",
            text,
            "",
            "Every split keeps half of the classes for the test. Intervals are "
            "corrected for overlapping training sets (Nadeau and Bengio, 2003); "
            '"above" counts the splits in which names add something.',
            "",
            "Made by `python -m benchmarks.vocabulary`; one row per split in "
            "`results.csv`.",
            "",
            *table(columns, lines),
            "",
        ]
    )


def _line(rows, dataset, method, variant):
    """Return the cells of one data set, method and variant."""
    own = [r for r in rows if (r["dataset"], r["method"]) == (dataset, method)]
    base = {r["split"]: r["mean"] for r in own if r["variant"] == CODE}
    some = [r for r in own if r["variant"] == variant]
    scores = [r["mean"] for r in some]
    cells = [dataset, method, variant, str(len(some)), f"{np.mean(scores):.3f}"]
    if variant == CODE:
        return [*cells, "", "", ""]
    if len(some) == 1:
        added = scores[0] - base[some[0]["split"]]
        return [*cells, f"{added:+.3f}", "", str(int(added > 0))]
    gain = paired_comparison(
        scores,
        [base[r["split"]] for r in some],
        n_train=[r["n_train"] for r in some],
        n_test=[r["n_test"] for r in some],
    )
    low, high = gain.confidence_interval
    interval = f"[{low:+.3f}, {high:+.3f}]"
    return [*cells, f"{gain.mean_difference:+.3f}", interval, str(gain.n_wins)]


def main(argv=None):
    arguments = build_parser().parse_args(argv)
    try:
        run(arguments)
    except (FileNotFoundError, ValueError) as error:
        print(f"benchmarks.vocabulary: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
