"""What `diagnose` says of generated sets with one known defect, and of real ones.

Generated sets of every size and noise are drawn anew for each seed: without a defect
every finding is a false alarm, with one the question is whether it is named first. Of
real sets nobody knows the truth; the second table says how often each finding comes up
for held-out pairs of CCA, and of the cosine of CLIP's vectors, as they are.
``python -m benchmarks.diagnosis --data-home FOLDER``
"""

import argparse
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from benchmarks import _datasets
from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks.mismatched import read
from sklearn_xmodal import CCARetriever, CosineRetriever, ImageTextPairs
from sklearn_xmodal.inspection import diagnose

SIZES = ((200, 32), (500, 64), (1000, 128))
NOISES = (0.3, 0.6, 1.0)
REAL = ("glyphs", "digits", "wiki", "wiki100", "wikitf", "emoji", "mfeat", "ccv")


def clean(rng, n, d, noise):
    """Return codes of images and texts that mean the same, but for noise."""
    meaning = rng.normal(size=(n, d))
    return [meaning + noise * rng.normal(size=(n, d)) for _ in range(2)]


def gap(rng, images, texts, _):
    """Move both modalities apart."""
    step = rng.normal(size=images.shape[1])
    return {"X_img": images + step, "X_txt": texts - step}


def hubs(rng, images, texts, _):
    """Put texts on the side of all images by more or less."""
    common = rng.normal(size=images.shape[1])
    part = rng.exponential(size=(len(texts), 1))
    return {"X_img": images + common, "X_txt": texts + part * common}


def collapsed(rng, images, texts, _):
    """Keep two directions, and a hundredth of the others."""
    directions = rng.normal(size=(2, images.shape[1]))
    squeeze = lambda Z: Z[:, :2] @ directions + 0.01 * Z  # noqa: E731
    return {"X_img": squeeze(images), "X_txt": squeeze(texts)}


def swapped(rng, images, texts, _):
    """Give a twentieth of the texts to other images."""
    rows = rng.permutation(len(texts))[: len(texts) // 20]
    texts[rows] = texts[np.roll(rows, 1)]
    return {"X_img": images, "X_txt": texts}


def on_both_sides(rng, images, texts, noise):
    """Take two pairs into the training part."""
    train = clean(rng, *images.shape, noise)
    train[0][:2], train[1][:2] = images[[3, 50]], texts[[3, 50]]
    return {"X_img": images, "X_txt": texts, "train": tuple(train)}


def badly_fitted(rng, images, texts, noise):
    """Fit CCA to as many pairs as there are columns."""
    width = images.shape[1]
    cca = CCARetriever(alpha=0.1).fit(*clean(rng, width, width, noise))
    return {"X_img": images, "X_txt": texts, "estimator": cca}


def shuffled(rng, images, texts, _):
    """Bring the texts into another order."""
    return {"X_img": images, "X_txt": rng.permutation(texts)}


def turned(rng, images, texts, _):
    """Turn the texts' space at random: each model has coordinates of its own."""
    turn, _ = np.linalg.qr(rng.normal(size=(images.shape[1],) * 2))
    return {"X_img": images, "X_txt": texts @ turn}


DEFECTS = {
    "modality gap": gap,
    "hubness": hubs,
    "collapsed rank": collapsed,
    "mismatched pairs": swapped,
    "same items on both sides of the split": on_both_sides,
    "worse than the raw cosine": badly_fitted,
    "no better than chance": shuffled,
    "not of one joint model": turned,
}


def generated(seeds):
    """Return a row per set: what was wrong, and the findings."""
    rows = []
    for seed, (n, d), noise in product(seeds, SIZES, NOISES):
        kind = {"set": f"{n} x {d}, noise {noise}", "seed": seed}
        for defect in (None, *DEFECTS):
            rng = np.random.default_rng((seed, n, int(10 * noise)))
            images, texts = clean(rng, n, d, noise)
            args = {"X_img": images, "X_txt": texts}
            if defect:
                args = DEFECTS[defect](rng, images, texts, noise)
            found = [finding.name for finding in diagnose(**args).findings]
            rows.append({**kind, "defect": defect or "", "found": "; ".join(found)})
    return rows


def real(data_home, seeds):
    """Return a row per set and split: the findings."""
    sets = {name: _datasets.load(name, data_home)[0] for name in REAL}
    groups = {name: np.arange(len(pairs)) for name, pairs in sets.items()}
    for name in ("clip/coco500", "pictograms/pictograms"):
        X_img, texts, rows, _ = read(Path(data_home) / f"{name}.npz")
        sets[Path(name).name] = ImageTextPairs(X_img, texts[rows])
        groups[Path(name).name] = rows
    found = []
    for (name, pairs), seed in product(sets.items(), seeds):
        split = GroupShuffleSplit(1, test_size=0.4, random_state=seed)
        train, test = next(split.split(pairs, groups=groups[name]))
        is_joint = name == "coco500"
        estimator = CosineRetriever() if is_joint else CCARetriever(alpha=1.0)
        estimator.fit(pairs[train])
        own = groups[name][test]
        own = own if len(set(own)) < len(own) else None
        known = {"estimator": estimator, "train": pairs[train], "groups": own}
        names = [finding.name for finding in diagnose(pairs[test], **known).findings]
        found.append(
            {"set": name, "seed": seed, "defect": "", "found": "; ".join(names)}
        )
    return found


def _counts(rows):
    """Return how often each finding is among those of some rows."""
    return Counter(name for row in rows for name in row["found"].split("; ") if name)


def _generated_table(rows):
    columns = {"defect": WORDS, "named first": NUMBERS, "others beside it": WORDS}
    none = [row for row in rows if not row["defect"]]
    alarms = _counts(none)
    words = ", ".join(f"{name} {n}" for name, n in alarms.items()) or "none"
    cells = [["none", f"nothing found: {_share(none, '')}", words]]
    for defect in DEFECTS:
        own = [row for row in rows if row["defect"] == defect]
        others = _counts(own)
        others.pop(defect, None)
        words = ", ".join(f"{name} {n}" for name, n in others.items()) or "none"
        cells.append([defect, _share(own, defect), words])
    return "\n".join(table(columns, cells)) + "\n"


def _share(rows, name):
    n = sum(row["found"].split("; ")[0] == name for row in rows)
    return f"{n} of {len(rows)}"


def _real_table(rows):
    names = list(dict.fromkeys(name for row in rows for name in _counts([row])))
    columns = {"set": WORDS} | dict.fromkeys(names, NUMBERS)
    cells = []
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        found = _counts(own)
        cells.append([name, *(f"{found[n]} of {len(own)}" for n in names)])
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Diagnose all sets, and write rows, tables and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default="benchmarks/results/diagnosis")
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    with threadpool_limits(1):
        made = generated(seeds)
        print("generated sets done", flush=True)
        found = real(args.data_home, seeds)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(made + found, list(made[0]), out / "results.csv")
    sizes = ", ".join(f"{n} x {d}" for n, d in SIZES)
    (out / "README.md").write_text(
        "# What diagnose finds\n\n"
        f"Generated codes of {sizes}, with noise of {', '.join(map(str, NOISES))} of "
        f"what both modalities share, {len(seeds)} draws of each.\n\n"
        f"{_generated_table(made)}\n"
        "Real sets, as pairs without labels: held-out pairs, 40 % of all, of "
        f"`CCARetriever(alpha=1)`, of coco500 of `CosineRetriever()`; {len(seeds)} "
        "random splits.\n\n"
        f"{_real_table(found)}"
    )
    write_environment(out / "environment.json")


if __name__ == "__main__":
    main()
