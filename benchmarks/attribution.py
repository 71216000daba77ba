"""What each ingredient of MSLN is worth: the default with one thing changed.

Nothing is tuned: every variant is trained on the training part with the defaults,
apart from its own change, and scored once on the test part. A run that was killed
continues where it stopped, and variants that are new join those that are done: one
that changes its meaning needs a new name.
"""

import argparse
import copy
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import ttest_1samp
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks import _datasets
from benchmarks._environment import write_environment
from benchmarks._journal import Journal, write_csv
from benchmarks._methods import BUDGET
from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.protocols import choose_features, inner_folds, split_pairs

PROTOCOLS = {"standard": "seen", "extendable": "unseen"}
DATASETS = (
    "glyphs", "digits", "wiki", "wiki100", "wikitf", "pascal", "emoji", "mfeat", "ccv"
)  # fmt: skip
DEFAULT = "default"
#: Variant -> parameters that differ from the default.
VARIANTS = {
    DEFAULT: {},
    "for seen and unseen classes": {"target_classes": "both"},
    "one network": {"n_estimators": 1},
    "five networks": {"n_estimators": 5},
    "all 128 components in every network": {"n_input_components": (128, 128)},
    "64 components in every network": {"n_input_components": (64, 64)},
    "code of 128": {"n_components": 128},
    "tanh code": {"advanced": {"code_activation": "tanh"}},
    "512 hidden units": {"hidden_layer_sizes": (512,)},
    "no dropout": {"dropout": 0.0, "advanced": {"input_dropout": 0.0}},
    "no dropout of inputs": {"advanced": {"input_dropout": 0.0}},
    "no correlation loss": {"correlation_weight": 0.0},
    "correlation loss ten times as strong": {"correlation_weight": 1.0},
    "no reconstruction loss": {"reconstruction_weight": 0.0},
    "reconstruction loss ten times as strong": {"reconstruction_weight": 1.0},
    "no adversary": {"adversarial_weight": 0.0},
    "adversary ten times as strong": {"adversarial_weight": 1.0},
    "no classification loss": {"classification_weight": 0.0},
    "constant learning rate": {"advanced": {"lr_scheduler": None}},
    "a third of the learning rate": {"lr": 1e-3},
    "1,200 steps": {"max_steps": 1200},
    "no weight decay": {"advanced": {"weight_decay": 0.0}},
    "Adam": {"advanced": {"optimizer": "Adam"}},
    "RMSprop": {"advanced": {"optimizer": "RMSprop"}},
    "tanh hidden units": {"advanced": {"activation": "tanh"}},
    "identity hidden units": {"advanced": {"activation": "identity"}},
    "batches of 64": {"batch_size": 64},
    "batches of 256": {"batch_size": 256},
    "discriminator with layers of 256 and 256": {
        "advanced": {"discriminator_layer_sizes": (256, 256)}
    },
}
#: The same for one protocol.
VARIANTS_OF_PROTOCOL = {
    "standard": {
        "with a contrastive code": {"contrastive_weight": 1.0},
        "noise taken off the inputs": {"advanced": {"denoise_inputs": True}},
        "early stopping": {"early_stopping": True},
    },
    "extendable": {
        "no contrastive code": {"contrastive_weight": 0.0},
        "inputs with their noise": {"advanced": {"denoise_inputs": False}},
        "twice the temperature": {"advanced": {"temperature": 0.2}},
        "contrastive code of 16": {"advanced": {"n_contrastive_components": 16}},
        "contrastive code of 128": {"advanced": {"n_contrastive_components": 128}},
        "early stopping": {"early_stopping": "class_disjoint"},
    },
}
#: Class embeddings instead of one-hot vectors; words only where classes have names.
EMBEDDINGS = ("none", "random", "words")


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
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--n-jobs", type=int, default=1, help="splits at a time")
    parser.add_argument("--device", default="cpu", help="where MSLN trains")
    parser.add_argument(
        "--data-home", type=Path, default=os.environ.get("SKLEARN_XMODAL_DATA")
    )
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/attribution")
    )
    return parser


def class_vectors(kind, dataset, data_home, y, seed):
    """Return a vector per label, or None where classes have no names."""
    labels = np.unique(y).tolist()
    if kind == "none":
        return {label: [0.0] for label in labels}
    if kind == "random":
        rng = np.random.default_rng(seed)
        return {label: rng.standard_normal(25) for label in labels}
    words = _datasets.load_class_embeddings(dataset, data_home)
    if words is None:
        return None
    # One scale, as one-hot and random vectors have theirs.
    words = words / np.linalg.norm(words, axis=1, keepdims=True).mean()
    return {label: words[label] for label in labels}


def variants_of(dataset, protocol, data_home, y, seed):
    """Return name -> parameters of MSLNRetriever for one data set."""
    found = {**VARIANTS, **VARIANTS_OF_PROTOCOL[protocol]}
    for kind in EMBEDDINGS:
        vectors = class_vectors(kind, dataset, data_home, y, seed)
        if vectors is not None:
            found[f"class embeddings: {kind}"] = {"class_embeddings": vectors}
    return found


def run_task(key, known_scores, data_home, device):
    """Train and score what has no score yet on one split; return mAP by variant."""
    dataset, protocol, split = key
    pairs, y = _datasets.load(dataset, data_home)
    train, test = split_pairs(pairs, y, protocol, random_state=split)
    trained, y_train = pairs[train], y[train]
    with threadpool_limits(1):
        folds = inner_folds(
            trained, y_train, protocol, n_splits=BUDGET.n_folds, random_state=split
        )
        _, features = choose_features(trained, y_train, cv=folds, random_state=0)
        known = features.fit_transform(trained, y_train)
        new = features.transform(pairs[test])
        scores = dict(known_scores)
        variants = variants_of(dataset, protocol, data_home, y, split)
        for name in [name for name in variants if name not in scores]:
            retriever = MSLNRetriever(
                target_classes=PROTOCOLS[protocol], device=device, random_state=split
            )
            retriever.set_params(**variants[name]).fit(known, y_train)
            scores[name] = score(retriever, new, y[test])
            if name == DEFAULT:
                scores |= scores_by_block(retriever, new, y[test])
    return {"scores": scores, "n_train": len(train), "n_test": len(test)}


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
        (dataset, protocol, split)
        for split in range(arguments.splits)
        for dataset in arguments.dataset
        for protocol in arguments.protocol
    ]
    missing = [key for key in keys if not has_all(journal.rows.get(key), key[1])]
    parallel = Parallel(n_jobs=arguments.n_jobs, return_as="generator_unordered")
    bar = tqdm(total=len(keys), initial=len(keys) - len(missing), unit="task")
    with bar:
        for key, row in parallel(
            delayed(_keyed_task)(
                key,
                journal.rows.get(key, {"scores": {}})["scores"],
                arguments.data_home,
                arguments.device,
            )
            for key in missing
        ):
            journal.add(key, row)
            bar.update()
    keys.sort(key=lambda key: arguments.protocol.index(key[1]))
    rows = [
        {"dataset": key[0], "protocol": key[1], "split": key[2], "variant": variant,
         "mean": score, "n_train": journal.rows[key]["n_train"],
         "n_test": journal.rows[key]["n_test"]}
        for key in keys
        for variant, score in journal.rows[key]["scores"].items()
    ]  # fmt: skip
    write_csv(rows, list(rows[0]), out / "results.csv")
    write_environment(out / "environment.json")
    (out / "README.md").write_text(markdown(rows), encoding="utf-8")


def has_all(row, protocol):
    """Tell whether a row of the journal has every variant but class embeddings."""
    names = VARIANTS.keys() | VARIANTS_OF_PROTOCOL[protocol].keys()
    return row is not None and names <= row["scores"].keys()


def _keyed_task(key, *options):
    return key, run_task(key, *options)


def markdown(rows):
    """Return one table per protocol: what every change adds to mAP."""
    lines = [
        "# What each ingredient of MSLN is worth",
        "",
        "mAP of MSLN with its defaults, and how much every change adds: over all data "
        "sets with a 95 % interval of Student's t, whose sample is the data sets, and "
        "per data set, mean over splits. Changes whose interval excludes 0 are bold. "
        "Made by `python -m benchmarks.attribution`; one row per split in "
        "`results.csv`.",
    ]
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        own = [row for row in rows if row["protocol"] == protocol]
        kind = PROTOCOLS[protocol]
        lines += ["", f"## {protocol.capitalize()} protocol ({kind} classes)", ""]
        lines += table(own)
    return "\n".join(lines) + "\n"


def table(rows):
    """Return the lines of one protocol's table."""
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    scores = {(r["variant"], r["dataset"], r["split"]): r["mean"] for r in rows}
    splits = sorted({r["split"] for r in rows})
    lines = [
        "| variant | all data sets | 95 % interval | " + " | ".join(datasets) + " |",
        "|---|--:|---|" + "--:|" * len(datasets),
    ]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [d for d in datasets if (variant, d, splits[0]) in scores]
        # (splits, data sets) -> data sets
        one, default = (
            np.mean([[scores[name, d, split] for d in own] for split in splits], axis=0)
            for name in (variant, DEFAULT)
        )
        if variant == DEFAULT:
            style, values, cells = "{:.3f}", default, [f"{default.mean():.3f}", ""]
        else:
            style, values, cells = "{:+.3f}", one - default, overall(one - default)
        found = dict(zip(own, values, strict=True))
        cells += [style.format(found[d]) if d in found else "" for d in datasets]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return lines


def overall(gains):
    """Return the cells of mean gain and interval, over data sets."""
    cells = [f"{gains.mean():+.3f}", ""]
    if len(gains) < 3:
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
