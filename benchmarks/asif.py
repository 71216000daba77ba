"""What the defaults of ASIFRetriever were chosen by: neighbours and powers on a grid.

Development splits only, drawn with seeds of 100 and more, which no other table uses.
Pictograms: mAP on unseen classes, all four drawings of a text, 600 and 2,500 training
pairs. CLIP's vectors of COCO: Recall@1 of 250 pairs, 100 and 250 training pairs.
Features are as in the files: ``python -m benchmarks.asif --data-home FOLDER``.
"""

import argparse
import os
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import ASIFRetriever
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.protocols import split_pairs

FIRST_SEED = 100
NEIGHBORS = (25, 50, 100, 150, 250, 500)
POWERS = (1, 2, 3, 5, 8)
N_TEST = {"pictograms": 600, "coco": 250}


def cases(data_home):
    """Yield names of cases, how to split them, and how to score codes."""
    pairs, y = _datasets.load_pictograms(data_home, drawings=None)
    for n in (600, 2500):
        yield f"pictograms, {n}", 3, partial(_unseen_classes, pairs, y, n)
    pairs, _ = _datasets.load("coco", data_home)
    for n in (100, 250):
        yield f"coco, {n}", 5, partial(_other_pairs, pairs, n)


def _unseen_classes(pairs, y, n_train, seed):
    """Return training pairs, test pairs, and what scores codes of the latter."""
    train, test = split_pairs(pairs, y, "extendable", random_state=seed)
    rng = np.random.default_rng(seed)
    train = rng.permutation(train)[:n_train]
    test = rng.permutation(test)[: N_TEST["pictograms"]]
    return pairs[train], pairs[test], partial(_map, y[test])


def _map(y, Z_img, Z_txt):
    return cross_modal_score(Z_img, Z_txt, y)


def _other_pairs(pairs, n_train, seed):
    order = np.random.default_rng(seed).permutation(len(pairs))
    test, rest = order[: N_TEST["coco"]], order[N_TEST["coco"] :]
    return pairs[rest[:n_train]], pairs[test], _recall


def _recall(Z_img, Z_txt):
    return cross_modal_score(Z_img, Z_txt, metric="recall_at_k", k=1)


def measure(data_home):
    """Return a row per case, seed, number of neighbours and power."""
    rows = []
    for name, n_splits, split in cases(data_home):
        for seed in range(FIRST_SEED, FIRST_SEED + n_splits):
            train, test, score = split(seed)
            for k, power in _settings(len(train)):
                asif = ASIFRetriever(n_neighbors=k, power=power).fit(train)
                codes = asif.transform(test)
                row = {"case": name, "seed": seed, "n_neighbors": k, "power": power}
                rows.append({**row, "score": score(codes.image, codes.text)})
        print(f"{name} done", flush=True)
    return rows


def markdown(rows):
    """Return a table per case, and one of what a setting loses on the best of each."""
    means, losses = {}, {}
    for name in dict.fromkeys(row["case"] for row in rows):
        of_case = _means([row for row in rows if row["case"] == name])
        means[name] = of_case
        for setting in _settings():
            k, power = setting
            # More neighbours than anchors are all of them.
            most = max(n for n, _ in of_case)
            score = of_case[min(k, most), power]
            losses.setdefault(setting, []).append(max(of_case.values()) - score)
    lines = []
    for name, of_case in means.items():
        lines += ["", f"## {name} training pairs", "", *_grid(of_case, max)]
    mean_losses = {setting: float(np.mean(each)) for setting, each in losses.items()}
    return "\n".join(
        [
            "## Mean loss on the best setting of each case",
            "",
            *_grid(mean_losses, min),
            *lines,
            "",
        ]
    )


def _settings(n_anchors=NEIGHBORS[-1]):
    """Return the grid, of all numbers that are not below the number of anchors one."""
    n_below = sum(k < n_anchors for k in NEIGHBORS)
    return [(k, power) for k in NEIGHBORS[: n_below + 1] for power in POWERS]


def _means(rows):
    settings = dict.fromkeys((row["n_neighbors"], row["power"]) for row in rows)
    return {
        (k, power): float(
            np.mean(
                [
                    row["score"]
                    for row in rows
                    if (row["n_neighbors"], row["power"]) == (k, power)
                ]
            )
        )
        for k, power in settings
    }


def _grid(values, best):
    """One row per number of neighbours, one column per power; the best in bold."""
    chosen = best(values.values())
    columns = {"neighbours": WORDS} | {f"power {p}": NUMBERS for p in POWERS}
    return table(
        columns,
        [
            [
                str(k),
                *(
                    f"**{values[k, p]:.3f}**"
                    if values[k, p] == chosen
                    else f"{values[k, p]:.3f}"
                    for p in POWERS
                ),
            ]
            for k in dict.fromkeys(k for k, _ in values)
        ],
    )


def main():
    """Measure, and write rows, tables and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-home", type=Path, default=os.environ.get("SKLEARN_XMODAL_DATA")
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/asif"))
    args = parser.parse_args()
    with threadpool_limits(1):
        rows = measure(args.data_home)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    (args.out / "README.md").write_text(
        "# Neighbours and powers of ASIF\n\n"
        "The defaults, 150 neighbours and a power of 5, and what is around them. "
        "Development splits alone (seeds of 100 and more), features as they are. "
        "Pictograms: mAP on unseen classes, mean of three splits; coco: Recall@1 of "
        "250 pairs by CLIP's vectors, the mean of five. Mean of both directions. Made "
        f"by `python -m benchmarks.asif`.\n\n{markdown(rows)}",
        encoding="utf-8",
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
