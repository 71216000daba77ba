"""Pairs that do not match: how many are found, and what weighing pairs by that gains.

A part of the texts is given to other pictures. `MismatchedPairDetector` looks at the
training pairs, and CCA is fitted to them three times: as they are, with the weights of
the detector, and without the wrong pairs. Test pairs are right. Nothing is tuned.
``python -m benchmarks.mismatched pictograms.npz coco500.npz``: a file holds ``X_img``
and ``X_txt``, or drawings ``X_img``, the row ``emoji`` of the text ``T_emoji`` of each,
and classes ``y``. Drawings of one emoji are together in training or test, and get one
text.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import CCARetriever, CosineRetriever
from sklearn_xmodal.inspection import MismatchedPairDetector
from sklearn_xmodal.metrics import cross_modal_score, paired_comparison

SHARES = (0.0, 0.2, 0.4, 0.6)
TEST_SIZE = 0.3
RATIO = {"n_train": 70, "n_test": 30}
SCORES = {"map": "mAP", "recall_at_1": "Recall@1"}


def read(file):
    """Return pictures, texts, the row of the text of each picture, and classes."""
    with np.load(file) as data:
        X_img = data["X_img"].astype(np.float32)
        if "T_emoji" in data:
            return X_img, data["T_emoji"].astype(np.float32), data["emoji"], data["y"]
        rows = np.arange(len(X_img))
        return X_img, data["X_txt"].astype(np.float32), rows, rows


def give_away(rows, share, seed):
    """Return the row of the text of each picture, a part of them of another one."""
    ids = np.unique(rows)
    chosen = np.random.default_rng(seed).permutation(ids)[: round(share * len(ids))]
    text_of = np.arange(ids.max() + 1)
    text_of[chosen] = np.roll(chosen, 1)
    return text_of[rows]


def measure(file, seeds):
    """Return a row per share of wrong pairs and seed."""
    X_img, texts, rows, y = read(file)
    is_joint = X_img.shape[1] == texts.shape[1]
    estimator = CosineRetriever() if is_joint else CCARetriever(alpha=1.0)
    found = []
    for seed in seeds:
        splitter = GroupShuffleSplit(1, test_size=TEST_SIZE, random_state=seed)
        train, test = next(splitter.split(X_img, groups=rows))
        for share in SHARES:
            given = give_away(rows[train], share, seed)
            is_wrong = given != rows[train]
            detector = MismatchedPairDetector(estimator, random_state=seed)
            detector.fit(X_img[train], texts[given], groups=rows[train])
            quality = detector.pair_quality_
            row = {"data": Path(file).stem, "share": share, "seed": seed}
            row["auc"] = roc_auc_score(is_wrong, -quality) if share else np.nan
            row["estimated_share"] = 1 - quality.mean()
            row["right_ones_flagged"] = detector.mismatched_[~is_wrong].mean()
            weights = {"as_they_are": None, "weighted": detector.sample_weight_}
            weights["without_wrong"] = (~is_wrong).astype(float)
            for name, weight in weights.items() if not is_joint else ():
                method = CCARetriever(alpha=1.0)
                method.fit(X_img[train], texts[given], sample_weight=weight)
                codes = method.transform(X_img[test], texts[rows[test]])
                row[f"map_{name}"] = cross_modal_score(*codes, y[test])
                row[f"recall_at_1_{name}"] = cross_modal_score(
                    *codes, rows[test], metric="hit_rate_at_k", k=1
                )
            found.append(row)
        print(f"{Path(file).stem}: split {seed} done", flush=True)
    return found


def _found(rows):
    """Return a table of how well wrong pairs are found."""
    columns = {"data": WORDS, "shuffled": NUMBERS, "AUC": NUMBERS}
    columns |= {"estimated share": NUMBERS, "right pairs below 0.5": NUMBERS}
    cells = []
    for key in dict.fromkeys((r["data"], r["share"]) for r in rows):
        own = [r for r in rows if (r["data"], r["share"]) == key]
        auc, share, flagged = (
            np.array([r[n] for r in own])
            for n in ("auc", "estimated_share", "right_ones_flagged")
        )
        ranks = f"{auc.mean():.3f} ({auc.min():.3f} to {auc.max():.3f})"
        cells.append(
            [
                key[0],
                f"{key[1]:.0%}",
                ranks if key[1] else "",
                f"{share.mean():.1%} ({share.min():.1%} to {share.max():.1%})",
                f"{flagged.mean():.2%}",
            ]
        )
    return "\n".join(table(columns, cells)) + "\n"


def _refitted(rows):
    """Return a table of scores, and of gains with intervals of 95 %."""
    rows = [r for r in rows if "map_weighted" in r]
    if not rows:
        return "Not measured: of features of a joint model nothing is fitted.\n"
    columns = {"score": WORDS, "shuffled": NUMBERS, "as they are": NUMBERS}
    columns |= {"gain by weights": NUMBERS, "gain without the wrong pairs": NUMBERS}
    cells = []
    for name, words in SCORES.items():
        for share in SHARES:
            own = [r for r in rows if r["share"] == share]
            plain, *others = (
                np.array([r[f"{name}_{kind}"] for r in own])
                for kind in ("as_they_are", "weighted", "without_wrong")
            )
            gains = [_gain(other, plain) for other in others]
            cells.append([words, f"{share:.0%}", f"{plain.mean():.3f}", *gains])
    return "\n".join(table(columns, cells)) + "\n"


def _gain(scores, plain):
    gain = paired_comparison(scores, plain, **RATIO)
    low, high = gain.confidence_interval
    return f"{gain.mean_difference:+.4f} ({low:+.4f} to {high:+.4f})"


def main():
    """Measure, and write rows, tables and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", help=".npz with pairs")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/mismatched")
    )
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.splits)
    with threadpool_limits(1):
        rows = [row for file in args.files for row in measure(file, seeds)]
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(
        rows, list(dict.fromkeys(c for r in rows for c in r)), args.out / "results.csv"
    )
    (args.out / "README.md").write_text(
        "# Pairs that do not match\n\n"
        "A part of the texts is given to other pictures, of the training pairs alone: "
        f"{1 - TEST_SIZE:.0%} of all, {len(seeds)} splits. `MismatchedPairDetector` "
        "with `CCARetriever(alpha=1)`, of features of one joint model with "
        "`CosineRetriever()`. Mean, in brackets the least and the most of all splits: "
        "how well the quality of pairs tells wrong ones from right ones, which share "
        "of wrong ones it sees, and which part of the right ones gets a quality below "
        f"0.5.\n\n{_found(rows)}\n"
        "Scores on right test pairs of `CCARetriever(alpha=1)`, fitted to the pairs as "
        "they are, with `sample_weight=detector.sample_weight_`, and without the wrong "
        "pairs; gains with intervals of 95 %, corrected for pairs that splits share "
        "(Nadeau and Bengio, 2003).\n\n"
        f"{_refitted(rows)}"
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
