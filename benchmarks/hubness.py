"""What corrections for hubs do: retrieval with and without, and skewness of hits.

Reference queries are the training data. CSLS and the softmaxes have published
parameters; k and alpha of NNN are chosen, as by its authors, on pairs that are held out
of the training part. Files are .npz: pairs ``X_img`` and ``X_txt``, such as CLIP's of
500 pictures of COCO and their captions (Recall@1 of 250 test pairs), or, of texts with
several pictures each, texts ``T_emoji``, pictures ``X_img``, the text ``emoji`` and the
class ``y`` of each (mAP by classes; no text is in both parts):
``python -m benchmarks.hubness FILE FILE``.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import skew
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import (
    AdapterRetriever,
    CCARetriever,
    CosineRetriever,
    ImageTextPairs,
    ModalityTransformer,
    SemanticMatchingRetriever,
)
from sklearn_xmodal.metrics import (
    hit_rate_at_k_score,
    mean_average_precision_score,
    paired_comparison,
)
from sklearn_xmodal.neighbors import correct_hubness

N_TRAIN = N_TEST = 250
K_OCCURRENCE = 10
NONE, CHOSEN = "none", "`nnn`, chosen"
CORRECTIONS = {
    NONE: None,
    "`csls`": {"kind": "csls", "n_hubness_neighbors": 10},
    CHOSEN: {"kind": "nnn"},
    "`inverted_softmax`": {"kind": "inverted_softmax", "inverse_temperature": 20.0},
    "`dynamic_inverted_softmax`": {
        "kind": "dynamic_inverted_softmax",
        "inverse_temperature": 20.0,
    },
}
NNN = [
    {"n_hubness_neighbors": k, "hubness_weight": alpha}
    for k in (1, 4, 16, 64)
    for alpha in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
]
DIRECTIONS = {"image to text": ("image", "text"), "text to image": ("text", "image")}


class Data(NamedTuple):
    """Pairs of rows, the text that each row has, classes, and how they are judged."""

    name: str
    pairs: ImageTextPairs
    text: np.ndarray
    y: np.ndarray
    has_classes: bool

    @property
    def metric(self):
        """What is measured."""
        return "mAP" if self.has_classes else "Recall@1"

    def score(self, y_true, y_score):
        """Value of the metric."""
        if self.has_classes:
            return mean_average_precision_score(y_true, y_score)
        return hit_rate_at_k_score(y_true, y_score, k=1)

    def methods(self):
        """Return what makes the codes, by name."""
        if not self.has_classes:
            return {
                "CosineRetriever()": CosineRetriever(),
                "AdapterRetriever()": AdapterRetriever(),
                "CCARetriever(alpha=10)": CCARetriever(alpha=10.0),
            }
        fewer = ModalityTransformer(image=PCA(256, random_state=0))
        return {
            "CCARetriever(alpha=1)": CCARetriever(alpha=1.0),
            "SemanticMatchingRetriever()": make_pipeline(
                fewer, SemanticMatchingRetriever()
            ),
        }

    def splits(self, n_splits, first_seed):
        """Yield rows of training and test parts."""
        if self.has_classes:
            folds = StratifiedGroupKFold(5, shuffle=True, random_state=first_seed)
            yield from folds.split(self.text, self.y, self.text)
            return
        for seed in range(first_seed, first_seed + n_splits):
            order = np.random.default_rng(seed).permutation(len(self.y))
            yield order[N_TEST : N_TEST + N_TRAIN], order[:N_TEST]


def read(path):
    """Return the data of a file."""
    with np.load(path) as file:
        X_img = file["X_img"].astype(np.float32)
        if "T_emoji" not in file:
            ids = np.arange(len(X_img))
            X_txt = file["X_txt"].astype(np.float32)
            return Data(path.stem, ImageTextPairs(X_img, X_txt), ids, ids, False)
        text = file["emoji"]
        X_txt = file["T_emoji"].astype(np.float32)[text]
        return Data(path.stem, ImageTextPairs(X_img, X_txt), text, file["y"], True)


class Sides(NamedTuple):
    """Codes of images and of distinct texts, by modality, and their classes."""

    codes: dict
    y: dict

    @classmethod
    def of(cls, method, data, rows):
        """Encode some rows."""
        pairs = method.transform(data.pairs[rows])
        _, first = np.unique(data.text[rows], return_index=True)
        y = data.y[rows]
        codes = {"image": pairs.image, "text": pairs.text[first]}
        return cls(codes, {"image": y, "text": y[first]})


def scores_of(method, data, train, test):
    """Return relevance, scores, and those of reference queries, by direction."""
    known, new = (Sides.of(method, data, rows) for rows in (train, test))
    found = {}
    for direction, (query, gallery) in DIRECTIONS.items():
        found[direction] = (
            new.y[query][:, None] == new.y[gallery],
            cosine_similarity(new.codes[query], new.codes[gallery]),
            cosine_similarity(known.codes[query], new.codes[gallery]),
        )
    return found


def chosen_inside(method, data, train):
    """Return parameters of NNN that are best on pairs held out of the training part."""
    splitter = GroupShuffleSplit(1, test_size=1 / 3, random_state=0)
    ((first, held_out),) = splitter.split(train, groups=data.text[train])
    first, held_out = train[first], train[held_out]
    method = clone(method).fit(data.pairs[first], data.y[first])
    found = scores_of(method, data, first, held_out).values()

    def mean_score(params):
        return np.mean(
            [
                data.score(y_true, correct_hubness(scores, references, "nnn", **params))
                for y_true, scores, references in found
            ]
        )

    return max(NNN, key=mean_score)


def skewness_of(scores):
    """Skewness of the k-occurrence, of a score matrix."""
    found = np.argpartition(-scores, K_OCCURRENCE - 1, axis=1)[:, :K_OCCURRENCE]
    return float(skew(np.bincount(found.ravel(), minlength=scores.shape[1])))


def measure(data, n_splits, first_seed):
    """Return a row per split, codes, correction and direction."""
    rows = []
    for split, (train, test) in enumerate(data.splits(n_splits, first_seed)):
        for codes, method in data.methods().items():
            chosen = chosen_inside(method, data, train)
            method.fit(data.pairs[train], data.y[train])
            found = scores_of(method, data, train, test)
            for name, correction in CORRECTIONS.items():
                extra = chosen if name == CHOSEN else {}
                for direction, (y_true, scores, references) in found.items():
                    if correction is not None:
                        params = {**correction, **extra}
                        scores = correct_hubness(scores, references, **params)
                    rows.append(
                        {
                            "data": data.name,
                            "codes": codes,
                            "correction": name.replace("`", ""),
                            "direction": direction,
                            "split": split,
                            "n_train": len(train),
                            "n_test": len(test),
                            "score": data.score(y_true, scores),
                            "skewness": skewness_of(scores),
                            **extra,
                        }
                    )
        print(f"{data.name}: split {split} done", flush=True)
    return rows


def markdown(rows, data):
    """Return a table of one data set: means, gains with their intervals, skewness."""

    def values(codes, name, direction, key):
        """Values of the splits; no direction means the mean of both."""
        if direction is None:
            return np.mean([values(codes, name, d, key) for d in DIRECTIONS], axis=0)
        own = (codes, name.replace("`", ""), direction)
        keys = ("codes", "correction", "direction")
        return np.array([r[key] for r in rows if tuple(r[k] for k in keys) == own])

    sizes = {key: rows[0][key] for key in ("n_train", "n_test")}

    def cell(codes, name, direction):
        own, raw = (values(codes, n, direction, "score") for n in (name, NONE))
        if name == NONE:
            return f"{own.mean():.3f}"
        gain = paired_comparison(own, raw, **sizes)
        low, high = gain.confidence_interval
        return (
            f"{own.mean():.3f} ({gain.mean_difference:+.3f}, {low:+.3f} to {high:+.3f})"
        )

    columns = {"codes": WORDS, "correction": WORDS}
    columns |= {f"{data.metric}, mean": NUMBERS}
    columns |= {f"{data.metric}, {direction}": NUMBERS for direction in DIRECTIONS}
    columns |= {f"skewness, {direction}": NUMBERS for direction in DIRECTIONS}
    cells = [
        [
            f"`{codes}`",
            name,
            *(cell(codes, name, direction) for direction in (None, *DIRECTIONS)),
            *(
                f"{values(codes, name, direction, 'skewness').mean():.2f}"
                for direction in DIRECTIONS
            ),
        ]
        for codes in data.methods()
        for name in CORRECTIONS
    ]
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Measure, and write rows, tables and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", help=".npz files")
    parser.add_argument("--splits", type=int, default=20, help="of pairs; classes: 5")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/hubness"))
    args = parser.parse_args()
    rows, tables = [], []
    with threadpool_limits(1):
        for data in map(read, args.files):
            own = measure(data, args.splits, args.first_seed)
            rows += own
            n_splits = 1 + max(row["split"] for row in own)
            tables.append(f"## {data.name}, {n_splits} splits\n\n{markdown(own, data)}")
    args.out.mkdir(parents=True, exist_ok=True)
    columns = {key: None for row in rows for key in row}
    write_csv(rows, list(columns), args.out / "results.csv")
    (args.out / "README.md").write_text(
        "# Corrections for hubs\n\n"
        "Reference queries are those of the training part. In brackets the gain over "
        "no correction in the same split, and its 95 % interval, corrected for pairs "
        "that splits share (Nadeau and Bengio, 2003). Skewness: of how often items are "
        f"among the first {K_OCCURRENCE}, mean of the splits. CSLS with k = 10, both "
        "softmaxes with an inverse temperature of 20, k and alpha of NNN chosen on "
        "pairs held out of the training part. Made by `python -m benchmarks.hubness`; "
        "one row per split in `results.csv`.\n\n" + "\n".join(tables)
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
