"""How often one gallery of images and texts gives the other half of a pair.

Every split draws 250 pairs, whose 500 items are one gallery, and in turn its queries,
left out of their own answers. Vectors are searched as they are, around the mean of each
modality in the gallery, and around those of the other pairs. Features are read from an
.npz file with the arrays ``X_img`` and ``X_txt``, as in `benchmarks.joint`:
``python -m benchmarks.mixed FILE``.
"""

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import RetrievalIndex
from sklearn_xmodal.metrics import modality_gap_score

N_PAIRS = 250
K = 10
SIDES = ("image", "text")
CENTRES = {
    "as they are": lambda others: False,
    "center=True": lambda others: True,
    "center, means of other pairs": lambda others: others,
}


def measure(X, seeds):
    """Return a row per split and way to centre; `X` are vectors by modality."""
    rows = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(X["image"]))
        gallery, others = (
            {side: X[side][part] for side in SIDES}
            for part in (order[:N_PAIRS], order[N_PAIRS:])
        )
        for name, center_by in CENTRES.items():
            index = RetrievalIndex(vectors=gallery, center=center_by(others))
            found = {f"{side}_query": found_by(index, gallery, side) for side in SIDES}
            gap = modality_gap_score(index.vectors[:N_PAIRS], index.vectors[N_PAIRS:])
            rows.append({"vectors": name, "seed": seed, **found, "gap": gap})
    return rows


def found_by(index, gallery, side):
    """Return how often items of a modality have the other half among the first K."""
    images = np.arange(N_PAIRS)
    texts = images + N_PAIRS
    own, other = (images, texts) if side == "image" else (texts, images)
    query = {side: gallery[side]}
    ids = index.search(vectors=query, ids_query=own, k=K).ids
    return float((ids == other[:, None]).any(axis=1).mean())


def markdown(rows):
    """Return a table of means over the splits, with the lowest and the highest."""

    def cell(name, column):
        values = [row[column] for row in rows if row["vectors"] == name]
        return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"

    columns = {"": WORDS, "text query": NUMBERS, "image query": NUMBERS, "gap": NUMBERS}
    names = ("text_query", "image_query", "gap")
    cells = [[name, *(cell(name, column) for column in names)] for name in CENTRES]
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Measure, and write rows, a table and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help=".npz with X_img and X_txt")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mixed"))
    args = parser.parse_args()
    with np.load(args.file) as file:
        X = {"image": file["X_img"], "text": file["X_txt"]}
    seeds = range(args.first_seed, args.first_seed + args.splits)
    with threadpool_limits(1):
        rows = measure(X, seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    text = markdown(rows)
    print(text)
    (args.out / "README.md").write_text(
        f"# One gallery of images and texts: {args.file.stem}\n\n"
        f"How often the other half of a pair is among the first {K} of one gallery of "
        f"{N_PAIRS} images and {N_PAIRS} texts, the query left out, and the distance "
        f"between the mean codes of the modalities. Means of {len(seeds)} splits, in "
        f"brackets the lowest and the highest.\n\n{text}"
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
