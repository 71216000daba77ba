"""What locking the codes of texts to a pretrained space does: mAP, beside free codes.

Pictures and texts come from two encoders that know nothing of each other, and several
pictures share one text. Unseen classes: half of the classes is kept for the test. Seen
classes: 30 % of the texts are, with all their pictures. Nothing is tuned. Features are
read from an .npz file with ``X_img``, ``T_emoji``, the row of its text of every
picture (``emoji``) and class labels ``y``: ``python -m benchmarks.locked FILE``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import CCARetriever, ContrastiveRetriever
from sklearn_xmodal.metrics import cross_modal_score, paired_comparison
from sklearn_xmodal.protocols import split_pairs

FREE = "ContrastiveRetriever(n_estimators=3)"
METHODS = {
    FREE: ContrastiveRetriever(n_estimators=3, device="cpu"),
    'ContrastiveRetriever(locked="text", n_estimators=3)': ContrastiveRetriever(
        locked="text", n_estimators=3, device="cpu"
    ),
    "CCARetriever(alpha=1)": CCARetriever(alpha=1.0),
}


def split(protocol, y, texts, seed):
    """Return rows to train and to test on."""
    if protocol == "unseen":
        return split_pairs(y, y, "extendable", random_state=seed)
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=seed)
    return next(splitter.split(y, y, texts))


def measure(X_img, X_txt, texts, y, seeds):
    """Return a row per protocol, method and seed."""
    rows = []
    for protocol in ("unseen", "seen"):
        for seed in seeds:
            train, test = split(protocol, y, texts, seed)
            sizes = {"n_train": len(train), "n_test": len(test)}
            for name, method in METHODS.items():
                est = clone(method)
                if "random_state" in est.get_params():
                    est.set_params(random_state=seed)
                start = time.process_time()
                est.fit(X_img[train], X_txt[train])
                seconds = time.process_time() - start
                codes = est.transform(X_img[test], X_txt[test])
                row = {"protocol": protocol, "method": name, "seed": seed, **sizes}
                row["map"] = cross_modal_score(*codes, y[test])
                rows.append({**row, "fit_seconds": round(seconds, 1)})
            print(f"{protocol} {seed} done", flush=True)
    return rows


def markdown(rows):
    """Return a table: means, and intervals of 95 % of the gain over free codes."""

    def of(protocol, name):
        found = [r for r in rows if (r["protocol"], r["method"]) == (protocol, name)]
        return sorted(found, key=lambda row: row["seed"])

    def cell(protocol, name):
        own, free = of(protocol, name), of(protocol, FREE)
        scores, others = (np.array([r["map"] for r in some]) for some in (own, free))
        if name == FREE:
            return f"{scores.mean():.3f}"
        sizes = {
            key: int(np.mean([row[key] for row in own]))
            for key in ("n_train", "n_test")
        }
        gain = paired_comparison(scores, others, **sizes)
        low, high = gain.confidence_interval
        mean = f"{scores.mean():.3f} ({gain.mean_difference:+.3f}"
        return f"{mean}, {low:+.3f} to {high:+.3f})"

    columns = {"": WORDS, "unseen classes": NUMBERS, "seen classes": NUMBERS}
    columns["fit, seconds"] = NUMBERS
    cells = []
    for name in METHODS:
        seconds = np.mean([r["fit_seconds"] for r in rows if r["method"] == name])
        scores = [cell(protocol, name) for protocol in ("unseen", "seen")]
        cells.append([f"`{name}`", *scores, f"{seconds:.0f}"])
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Measure, and write rows, a table and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help=".npz with X_img, T_emoji, emoji and y")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/locked"))
    args = parser.parse_args()
    with np.load(args.file) as file:
        X_img, y = file["X_img"].astype(np.float32), file["y"]
        texts = file["emoji"]
        X_txt = file["T_emoji"].astype(np.float32)[texts]
    seeds = range(args.first_seed, args.first_seed + args.splits)
    with threadpool_limits(1):
        rows = measure(X_img, X_txt, texts, y, seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    (args.out / "README.md").write_text(
        f"# Locked codes: {args.file.stem}\n\n"
        f"mAP, the mean of both directions, {len(seeds)} splits; in brackets the gain "
        "over free codes in the same split, and its 95 % interval, corrected for pairs "
        "that splits share (Nadeau and Bengio, 2003). Nothing is tuned.\n\n"
        f"{markdown(rows)}"
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
