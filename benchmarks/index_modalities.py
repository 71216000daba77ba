"""What approximate indexes find for queries of their own and of the other modality.

Every split takes a fifth of the pairs away: the gallery are the images of the others,
and queries are the images (in-modal) and the texts (cross-modal) of what was taken.
Codes are those of CCA of the others, or, of a joint model, the vectors themselves.
`fit_queries` are the texts of the others. Equal effort: "ivf" with as many probes as
compare a tenth of the gallery, between two numbers of probes by interpolation, and
"ivfpq" of one list, with one byte for eight values and two candidates for each item to
be found.
``python -m benchmarks.index_modalities --data-home FOLDER``.
"""

import argparse
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks._datasets import JOINT, load
from benchmarks._environment import write_environment
from benchmarks._journal import write_csv
from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import CCARetriever, RetrievalIndex

SETS = ("coco", "glyphs", "pictograms")
QUERIES = {"image": "in-modal", "text": "cross-modal"}
_N_COMPONENTS, _K, _EFFORT, _COLUMNS_PER_BYTE = 64, 10, 0.1, 8


def measure(name, pairs, seed):
    """Return a row per kind of index, way to train it and modality of the queries."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    taken, others = np.split(order, [len(order) // 5])
    codes = codes_of(name, pairs, others)
    gallery, known = codes["image"][others], codes["text"][others]
    rows = []
    for trained, fit_queries in (("gallery", None), ("fit_queries", known)):
        options = {"vectors": {"image": gallery}, "backend": "faiss"}
        if fit_queries is not None:
            options["fit_queries"] = {"text": fit_queries}
        ivf = RetrievalIndex(**options, index_type="ivf")
        params = {"nlist": 1, "nprobe": 1, "oversampling": 2}
        params["M"] = gallery.shape[1] // _COLUMNS_PER_BYTE
        pq = RetrievalIndex(**options, index_type="ivfpq", index_params=params)
        for side, kind in QUERIES.items():
            query = {side: codes[side][taken]}
            found = {"ivf": recall_at_effort(ivf, query, len(taken), len(others))}
            found["ivfpq"] = pq.recall(vectors=query, k=_K)
            rows += [
                {"data": name, "seed": seed, "index": index, "trained": trained,
                 "queries": kind, "recall": value}
                for index, value in found.items()
            ]  # fmt: skip
    return rows


def codes_of(name, pairs, rows):
    """Return codes of all pairs by modality, learned from some rows."""
    if name in JOINT:
        return {"image": pairs.image, "text": pairs.text}
    retriever = CCARetriever(_N_COMPONENTS, alpha=1).fit(pairs[rows])
    Z = retriever.transform(pairs)
    return {"image": Z.image, "text": Z.text}


def recall_at_effort(index, query, n_queries, n_items):
    """Return the recall where a share of the gallery is compared."""
    import faiss

    statistics, n_lists = faiss.cvar.indexIVF_stats, index._engine.index.nlist
    efforts, recalls = [0.0], [0.0]
    for nprobe in range(1, n_lists + 1):
        index.set_index_params(nprobe=nprobe)
        statistics.reset()
        recalls.append(index.recall(vectors=query, k=_K))
        efforts.append(statistics.ndis / n_queries / n_items)
        if efforts[-1] >= _EFFORT:
            break
    return float(np.interp(_EFFORT, efforts, recalls))


def markdown(rows):
    """Return a table of means over the splits, and of what fit_queries change."""

    def values(trained, **of):
        return np.array(
            [
                row["recall"]
                for row in rows
                if row["trained"] == trained and of.items() <= row.items()
            ]
        )

    cells = []
    for index in ("ivf", "ivfpq"):
        for name in dict.fromkeys(row["data"] for row in rows):
            for kind in QUERIES.values():
                of = {"data": name, "index": index, "queries": kind}
                plain, fitted = values("gallery", **of), values("fit_queries", **of)
                gain = fitted - plain
                span = f"{gain.mean():+.3f} ({gain.min():+.3f} to {gain.max():+.3f})"
                means = f"{plain.mean():.3f}", f"{fitted.mean():.3f}"
                cells.append([index, name, kind, *means, span])
    columns = {"index": WORDS, "data": WORDS, "queries": WORDS, "gallery": NUMBERS,
               "fit_queries": NUMBERS, "change": NUMBERS}  # fmt: skip
    return "\n".join(table(columns, cells)) + "\n"


def main():
    """Measure, and write rows, a table and the versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, default=None)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/index_modalities")
    )
    args = parser.parse_args()
    seeds, rows = range(args.first_seed, args.first_seed + args.splits), []
    with threadpool_limits(1):
        for name in args.sets:
            pairs, _ = load(name, args.data_home)
            for seed in tqdm(seeds, desc=name, leave=False):
                rows += measure(name, pairs, seed)
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, list(rows[0]), args.out / "results.csv")
    text = markdown(rows)
    print(text)
    (args.out / "README.md").write_text(
        "# Approximate indexes, and queries of the other modality\n\n"
        f"Share of the exact {_K} best images that an index finds at equal effort, "
        "trained on the gallery, and with texts of other pairs as `fit_queries`. Means "
        f"of {len(seeds)} splits; of the change, in brackets, the lowest and the "
        "highest. The power of the map that `fit_queries` learn was chosen on other "
        f"splits of the same data.\n\n{text}"
    )
    write_environment(args.out / "environment.json")


if __name__ == "__main__":
    main()
