"""Adapting few pairs of wide vectors: in the space that they span, beside all of it.

CPU seconds of a fit with the defaults, in one process with one thread. The yardstick is
the same fit by second moments, p x p decompositions for every fold and ridge, which is
how pairs are fitted from half as many as features on.
"""

import time
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from sklearn_xmodal import AdapterRetriever, AdapterRetrieverCV
from sklearn_xmodal.cross_decomposition import _adapter, _adapter_cv
from sklearn_xmodal.metrics import cross_modal_score

_RETRIEVERS = (AdapterRetrieverCV(), AdapterRetriever())


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, nargs="+", default=[50, 100, 250])
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")


def run(args):
    rows = []
    for n in tqdm(args.pairs, leave=False):
        X_img, X_txt = make_pairs(n + 250, args.width)
        train, test = slice(n), slice(n, None)
        for retriever in _RETRIEVERS:
            fit = (retriever, X_img[train], X_txt[train])
            fits = [(timed(*fit), by_moments(*fit)) for _ in range(args.repeats)]
            few, all_ = (min(seconds) for seconds in zip(*fits, strict=True))
            score = cross_modal_score(*retriever.transform(X_img[test], X_txt[test]))
            rows.append(
                {
                    "retriever": repr(retriever),
                    "n_pairs": n,
                    "width": args.width,
                    "seconds": few,
                    "seconds_by_moments": all_,
                    "ratio": all_ / few,
                    "score": score,
                }
            )
    return rows


def make_pairs(n, width):
    """Pairs of a joint space: what they share, of more and less weight, and noise."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, width)) * np.geomspace(1, 0.1, width)
    return [shared + 0.3 * rng.standard_normal((n, width)) for _ in range(2)]


def timed(retriever, X_img, X_txt):
    """Fit, and return the CPU seconds that it took."""
    start = time.process_time()
    retriever.fit(X_img, X_txt)
    return time.process_time() - start


def by_moments(*fit):
    """Return the seconds of the same fit with no number of rows that is few."""
    with (
        patch.object(_adapter, "most_rows", lambda X: 0),
        patch.object(_adapter_cv, "most_rows", lambda X: 0),
    ):
        return timed(*fit)


def markdown(rows):
    """Return the table of the results."""
    columns = {"fit": WORDS} | dict.fromkeys(
        ["pairs", "features", "CPU seconds", "by moments", "ratio"], NUMBERS
    )
    cells = (
        [
            f"`{row['retriever']}`",
            f"{row['n_pairs']:,}",
            f"2 x {row['width']}",
            f"{row['seconds']:.3g}",
            f"{row['seconds_by_moments']:.3g}",
            f"{row['ratio']:.1f}",
        ]
        for row in rows
    )
    return "\n".join(table(columns, cells)) + "\n"
