"""What fitting to few pairs does to a joint embedding: Recall@1, beside the cosine.

Every split draws training pairs of several numbers, each a part of the next, and 250
other pairs to test. The dials of `AdapterRetrieverCV` and the strength of
`ContrastiveAdapterRetriever` are chosen inside the training pairs, nothing else is
tuned. Features are read from an .npz file with the arrays
``X_img`` and ``X_txt``, such as CLIP's of 500 pictures of COCO and their captions:
``python -m benchmarks.joint FILE``.
"""

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import (
    AdapterRetriever,
    AdapterRetrieverCV,
    ASIFRetriever,
    CCARetriever,
    ContrastiveAdapterRetriever,
    CosineRetriever,
    PLSRetriever,
    ProcrustesRetriever,
)
from sklearn_xmodal.metrics import (
    cross_modal_score,
    mixed_gallery_score,
    paired_comparison,
)

N_TEST = 250
N_TRAIN = (50, 100, 250)
RAW = "CosineRetriever()"
METHODS = {
    RAW: CosineRetriever(),
    "CosineRetriever(center=0.5)": CosineRetriever(center=0.5),
    "CosineRetriever(center=True)": CosineRetriever(center=True),
    "AdapterRetriever()": AdapterRetriever(),
    "AdapterRetrieverCV()": AdapterRetrieverCV(),
    'AdapterRetriever(adapt="text")': AdapterRetriever(adapt="text"),
    'AdapterRetrieverCV(adapt="text")': AdapterRetrieverCV(adapt="text"),
    "ContrastiveAdapterRetriever()": ContrastiveAdapterRetriever(
        device="cpu", random_state=0
    ),
    "CCARetriever(alpha=1)": CCARetriever(alpha=1.0),
    "CCARetriever(alpha=10)": CCARetriever(alpha=10.0),
    "PLSRetriever()": PLSRetriever(),
    "ProcrustesRetriever()": ProcrustesRetriever(),
    "ASIFRetriever()": ASIFRetriever(),
    "ASIFRetriever(n_neighbors=50)": ASIFRetriever(n_neighbors=50),
}


def measure(X_img, X_txt, seeds):
    """Return a row per method, number of training pairs and seed."""
    rows = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(X_img))
        test, rest = order[:N_TEST], order[N_TEST:]
        ids = np.arange(N_TEST)
        for n in N_TRAIN:
            train = rest[:n]
            for name, method in METHODS.items():
                method.fit(X_img[train], X_txt[train])
                codes = method.transform(X_img[test], X_txt[test])
                score = cross_modal_score(*codes, ids, metric="hit_rate_at_k", k=1)
                row = {"method": name, "n_pairs": n, "seed": seed}
                mixed = mixed_gallery_score(*codes, metric="hit_rate_at_k", k=10)
                rows.append({**row, "recall_at_1": score, "mixed_at_10": mixed})
        print(f"split {seed} done", flush=True)
    return rows


def markdown(rows):
    """Return a table: means, and intervals of 95 % of the gain over the cosine."""
    scores = {(r["method"], r["n_pairs"], r["seed"]): r["recall_at_1"] for r in rows}
    mixed = {
        name: np.mean(
            [
                row["mixed_at_10"]
                for row in rows
                if (row["method"], row["n_pairs"]) == (name, N_TRAIN[-1])
            ]
        )
        for name in METHODS
    }
    seeds = sorted({r["seed"] for r in rows})

    def cell(name, n):
        own, raw = (
            np.array([scores[m, n, seed] for seed in seeds]) for m in (name, RAW)
        )
        if name == RAW:
            return f"{own.mean():.3f}"
        gain = paired_comparison(own, raw, n_train=n, n_test=N_TEST)
        low, high = gain.confidence_interval
        return (
            f"{own.mean():.3f} ({gain.mean_difference:+.3f}, {low:+.3f} to {high:+.3f})"
        )

    columns = {"": WORDS} | {f"{n} pairs": NUMBERS for n in N_TRAIN}
    columns["mixed gallery"] = NUMBERS
    cells = [
        [f"`{name}`", *(cell(name, n) for n in N_TRAIN), f"{mixed[name]:.3f}"]
        for name in METHODS
    ]
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Measure, and write rows, a table and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help=".npz with X_img and X_txt")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/joint"))
    args = parser.parse_args()
    with np.load(args.file) as file:
        X_img, X_txt = file["X_img"], file["X_txt"]
    seeds = range(args.first_seed, args.first_seed + args.splits)
    with threadpool_limits(1):
        rows = measure(X_img, X_txt, seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    (args.out / "README.md").write_text(
        f"# Joint embeddings: {args.file.stem}\n\n"
        f"Recall@1, the mean of both directions, of {N_TEST} test pairs, {len(seeds)} "
        "splits; in brackets the gain over the cosine of the same split, and its 95 % "
        "interval, corrected for pairs that splits share (Nadeau and Bengio, 2003). "
        "Mixed gallery: how often the other half of a pair is among the first ten of "
        "one gallery that holds both modalities of all test pairs, after fitting to "
        f"{N_TRAIN[-1]} pairs.\n\n"
        f"{markdown(rows)}"
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
