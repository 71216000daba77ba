"""What each ingredient of MSLN is worth: the default with one thing changed.

Nothing is tuned: every variant is trained on the training part with the defaults,
apart from its own change, and scored once on the test part. Splits are others than
those of `benchmarks.retrieval`, since what is found here may decide on defaults. A run
that was killed continues where it stopped, and variants that are new join those that
are done: one that changes its meaning needs a new name.
"""

import argparse
import copy
import os
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.stats import ttest_1samp
from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._class_names import class_name_vectors
from benchmarks._environment import write_environment
from benchmarks._journal import Journal, write_csv
from benchmarks._markdown import NUMBERS, WORDS
from benchmarks._markdown import table as markdown_table
from benchmarks._methods import BUDGET
from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.protocols import choose_features, inner_folds, split_pairs

PROTOCOLS = {"standard": "seen", "extendable": "unseen"}
#: Features of today, and one set of features of 2015.
DATASETS = ("pictograms", "glyphs-encoded", "emoji")
DEFAULT = "default"
_LEAST_SETS = 3  # that an interval over data sets takes
#: Class embeddings instead of one-hot vectors; words only where classes have names.
EMBEDDINGS = {f"class embeddings: {kind}": kind for kind in ("none", "random", "words")}
#: Variant -> parameters that differ from the default.
VARIANTS = {
    DEFAULT: {},
    "no adversary": {"adversarial_weight": 0.0},
    "no reconstruction loss": {"reconstruction_weight": 0.0},
    **{name: {} for name in EMBEDDINGS},  # `class_vectors` has the parameter
    "adversary ten times as strong": {"adversarial_weight": 1.0},
    "reconstruction loss ten times as strong": {"reconstruction_weight": 1.0},
    "no correlation loss": {"correlation_weight": 0.0},
    "correlation loss ten times as strong": {"correlation_weight": 1.0},
    "no classification loss": {"classification_weight": 0.0},
    "no skip connection": {"advanced": {"skip_connection": False}},
    "decoders of 512 hidden units": {"advanced": {"decoder_layer_sizes": (512,)}},
    "256 hidden units": {"hidden_layer_sizes": (256,)},
    "1,024 hidden units": {"hidden_layer_sizes": (1024,)},
    "128 components": {"n_input_components": 128},
    "256 components": {"n_input_components": 256},
    "64 components in every network": {"n_input_components": (64, 64)},
    "all components in every network": {"n_input_components": None},
    "for seen and unseen classes": {"target_classes": "both"},
    "one network": {"n_estimators": 1},
    "five networks": {"n_estimators": 5},
    "400 steps": {"max_steps": 400},
    "1,600 steps": {"max_steps": 1600},
    "no dropout": {"dropout": 0.0, "advanced": {"input_dropout": 0.0}},
    "no dropout of inputs": {"advanced": {"input_dropout": 0.0}},
    "constant learning rate": {"advanced": {"lr_scheduler": None}},
    "a third of the learning rate": {"lr": 1e-3},
    "tanh hidden units": {"advanced": {"activation": "tanh"}},
    "identity hidden units": {"advanced": {"activation": "identity"}},
    "discriminator with layers of 256 and 256": {
        "advanced": {"discriminator_layer_sizes": (256, 256)}
    },
}
#: The same for one protocol.
VARIANTS_OF_PROTOCOL = {
    "standard": {
        "with a contrastive code": {"contrastive_weight": 1.0, "locked": None},
        "noise taken off the inputs": {"advanced": {"denoise_inputs": True}},
        "early stopping": {"early_stopping": True},
    },
    "extendable": {
        "no contrastive code": {"contrastive_weight": 0.0},
        "no locked block": {"locked": None},
        "locked image": {"locked": "image"},
        "inputs with their noise": {"advanced": {"denoise_inputs": False}},
        "early stopping": {"early_stopping": "class_disjoint"},
    },
}


def build_parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attribution",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dataset", nargs="+", choices=_datasets.NAMES, default=DATASETS
    )
    parser.add_argument(
        "--protocol", nargs="+", choices=list(PROTOCOLS), default=list(PROTOCOLS)
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        choices=_all_variants(),
        default=_all_variants(),
        metavar="NAME",
        help=f"any of {', '.join(_all_variants())} (default: all)",
    )
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--seed", type=int, default=100, help="split i uses seed + i")
    parser.add_argument("--n-jobs", type=int, default=1, help="networks at a time")
    parser.add_argument("--device", default="cpu", help="where MSLN trains")
    parser.add_argument(
        "--data-home", type=Path, default=os.environ.get("SKLEARN_XMODAL_DATA")
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/attribution_modern")
    )
    return parser


def _all_variants():
    names = (name for protocol in PROTOCOLS for name in variants_of(protocol))
    return list(dict.fromkeys(names))


def class_vectors(kind, dataset, data_home, y, seed):
    """Return a vector per label, or None where classes have no names."""
    labels = np.unique(y).tolist()
    if kind == "none":
        return {label: [0.0] for label in labels}
    if kind == "random":
        rng = np.random.default_rng(seed)
        return {label: rng.standard_normal(25) for label in labels}
    return class_name_vectors(dataset, data_home)


def variants_of(protocol):
    """Return name -> parameters of MSLNRetriever, but for class embeddings."""
    return {**VARIANTS, **VARIANTS_OF_PROTOCOL[protocol]}


def suits(key, data_home):
    """Tell whether a variant is of the protocol, and can be had for the data set."""
    dataset, protocol, _, variant = key
    if EMBEDDINGS.get(variant) == "words":
        return class_name_vectors(dataset, data_home) is not None
    return variant in variants_of(protocol)


@lru_cache(maxsize=1)
def parts(dataset, protocol, split, data_home):
    """Return pairs and labels of training and test part, with features chosen."""
    pairs, y = _datasets.load(dataset, data_home)
    groups = _datasets.load_groups(dataset, data_home)
    train, test = split_pairs(pairs, y, protocol, groups=groups, random_state=split)
    trained, y_train = pairs[train], y[train]
    of_trained = None if groups is None else groups[train]
    folds = inner_folds(
        trained,
        y_train,
        protocol,
        groups=of_trained,
        n_splits=BUDGET.n_folds,
        random_state=split,
    )
    _, features = choose_features(
        trained, y_train, cv=folds, groups=of_trained, random_state=0
    )
    known = features.fit_transform(trained, y_train)
    return known, y_train, features.transform(pairs[test]), y[test]


def run_task(key, data_home, device):
    """Train and score one variant on one split; return mAP, the default's by block."""
    dataset, protocol, split, variant = key
    with threadpool_limits(1):
        known, y_train, new, y_test = parts(dataset, protocol, split, data_home)
        retriever = fitted_variant(key, known, y_train, data_home, device)
        scores = {variant: score(retriever, new, y_test)}
        if variant == DEFAULT:
            scores |= scores_by_block(retriever, new, y_test)
    return {"scores": scores, "n_train": len(y_train), "n_test": len(y_test)}


def fitted_variant(key, pairs, y, data_home, device):
    """Return MSLN with its change, fitted."""
    dataset, protocol, split, variant = key
    changes = dict(variants_of(protocol)[variant])
    if variant in EMBEDDINGS:
        kind = EMBEDDINGS[variant]
        vectors = class_vectors(kind, dataset, data_home, y, split)
        changes["class_embeddings"] = vectors
    retriever = MSLNRetriever(
        target_classes=PROTOCOLS[protocol], device=device, random_state=split
    )
    return retriever.set_params(**changes).fit(pairs, y)


def score(retriever, pairs, y):
    codes = retriever.transform(pairs)
    return cross_modal_score(codes.image, codes.text, y)


def scores_by_block(retriever, pairs, y):
    """Score a fitted retriever with each block left out, and alone."""
    weights, scores = retriever.block_weights_, {}
    for block in weights:
        others = {name: w for name, w in weights.items() if name != block}
        for name, kept in (("left out", others), ("alone", {block: 1.0})):
            other = reweighed(retriever, kept)
            scores[f"block {block} {name}"] = score(other, pairs, y)
    return scores


def reweighed(retriever, weights):
    """Return a fitted retriever whose blocks have other weights, without training."""
    names = [name for name, weight in retriever.block_weights_.items() if weight]
    other = copy.copy(retriever)
    other.image_encoder_, other.text_encoder_ = (
        _reweighed(encoder, dict(zip(names, encoder.blocks, strict=True)), weights)
        for encoder in (retriever.image_encoder_, retriever.text_encoder_)
    )
    return other


def _reweighed(encoder, blocks, weights):
    kept = {name: weight for name, weight in weights.items() if weight}
    return replace(
        encoder,
        blocks=[blocks[name] for name in kept],
        block_weights=list(kept.values()),
    )


def run(arguments):
    """Do the tasks that are not done yet, then write rows and tables."""
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal.jsonl", {})
    keys = [
        (dataset, protocol, arguments.seed + i, variant)
        for i in range(arguments.splits)
        for dataset in arguments.dataset
        for protocol in arguments.protocol
        for variant in arguments.variants
    ]
    keys = [key for key in keys if suits(key, arguments.data_home)]
    options = arguments.data_home, arguments.device
    journal.complete(keys, run_task, *options, n_jobs=arguments.n_jobs)
    write_results(journal.sorted_rows(_order), out)


def write_results(records, out):
    """Write what the journal has, of this run and of those before."""
    rows = [
        {"dataset": dataset, "protocol": protocol, "split": split, "variant": name,
         "mean": score, "n_train": record["n_train"], "n_test": record["n_test"]}
        for record in records
        for dataset, protocol, split, _ in [record["key"]]
        for name, score in record["scores"].items()
    ]  # fmt: skip
    write_csv(rows, list(rows[0]), out / "results.csv")
    write_environment(out / "environment.json")
    (out / "README.md").write_text(markdown(rows), encoding="utf-8")


def _order(key):
    dataset, protocol, split, variant = key
    return (
        list(PROTOCOLS).index(protocol),
        list(variants_of(protocol)).index(variant),
        _datasets.NAMES.index(dataset),
        split,
    )


def markdown(rows):
    """Return one table per protocol: what every change adds to mAP."""
    lines = [
        "# What each ingredient of MSLN is worth on modern features",
        "",
        "mAP of MSLN with its defaults, and how much every change adds: over all data "
        f"sets{_about_intervals(rows)}, and per data set, mean over the splits that "
        "the variant was trained on (in parentheses, where these are fewer than the "
        "default has). Made by `python -m benchmarks.attribution`; one row per split "
        "in `results.csv`.",
    ]
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        own = [row for row in rows if row["protocol"] == protocol]
        kind = PROTOCOLS[protocol]
        lines += ["", f"## {protocol.capitalize()} protocol ({kind} classes)", ""]
        lines += table(own)
    return "\n".join(lines) + "\n"


def _about_intervals(rows):
    """Say what intervals are over, or why there are none."""
    n_sets = len({row["dataset"] for row in rows})
    if n_sets >= _LEAST_SETS:
        return (
            " with a 95 % interval of Student's t, whose sample is the data sets (bold "
            "where it excludes 0)"
        )
    n_splits = len({(row["dataset"], row["split"]) for row in rows}) / n_sets
    return (
        f" (without an interval, which takes {_LEAST_SETS} data sets at least; here "
        f"there are {n_sets}, with {n_splits:g} split{'s' * (n_splits != 1)} of each)"
    )


def table(rows):
    """Return the lines of one protocol's table."""
    scores = {}  # variant -> data set -> split -> mAP
    for row in rows:
        of_variant = scores.setdefault(row["variant"], {})
        of_variant.setdefault(row["dataset"], {})[row["split"]] = row["mean"]
    datasets = list(scores[DEFAULT])
    levels = {d: np.mean(list(scores[DEFAULT][d].values())) for d in datasets}
    cells = [DEFAULT, f"{np.mean(list(levels.values())):.3f}", ""]
    lines = [cells + [f"{levels[d]:.3f}" for d in datasets]]
    for variant in [name for name in scores if name != DEFAULT]:
        known = [d for d in datasets if d in scores[variant]]
        gains = {d: paired(scores, variant, d) for d in known}
        means = np.array([np.mean(of_splits) for of_splits in gains.values()])
        cells = [_cell(gains.get(d), len(scores[DEFAULT][d])) for d in datasets]
        lines.append([variant, *overall(means), *cells])
    columns = {"variant": WORDS, "all data sets": NUMBERS, "95 % interval": WORDS}
    columns |= dict.fromkeys(datasets, NUMBERS)
    if not any(line[2] for line in lines):
        del columns["95 % interval"]
        lines = [line[:2] + line[3:] for line in lines]
    return markdown_table(columns, lines)


def paired(scores, variant, dataset):
    """Return what a variant adds on every split that it has."""
    default = scores[DEFAULT][dataset]
    return [score - default[split] for split, score in scores[variant][dataset].items()]


def _cell(gains, n_splits):
    if gains is None:
        return ""
    number = f" ({len(gains)})" if len(gains) < n_splits else ""
    return f"{np.mean(gains):+.3f}{number}"


def overall(gains):
    """Return the cells of mean gain and interval, over data sets."""
    cells = [f"{gains.mean():+.3f}", ""]
    if len(gains) < _LEAST_SETS:
        return cells
    low, high = ttest_1samp(gains, 0).confidence_interval(0.95)
    cells[1] = f"[{low:+.3f}, {high:+.3f}]"
    return [f"**{cell}**" for cell in cells] if low > 0 or high < 0 else cells


def main(argv=None):
    arguments = build_parser().parse_args(argv)
    try:
        run(arguments)
    except (FileNotFoundError, ValueError) as error:
        print(f"benchmarks.attribution: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
