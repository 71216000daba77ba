"""
Searching large galleries
=========================

Exact search compares a query with every item. Approximate indexes look at a part of the
gallery and miss some. Here is what both cost on 100,000 items; set `n_items` to a
million for the figures of the user guide, which takes some minutes.
"""

# %%
# A gallery
# ---------
# Codes around the centres of classes, as those of a retriever lie. An index can be
# built from a fitted retriever or, as here, from codes alone.

import time

import numpy as np

from sklearn_xmodal import RetrievalIndex

n_items = 100_000
rng = np.random.default_rng(0)
centres = rng.standard_normal((1000, 64), dtype=np.float32)


def draw(n):
    """Return n codes near random centres."""
    noise = rng.standard_normal((n, 64), dtype=np.float32)
    return centres[rng.integers(1000, size=n)] + noise


gallery, queries = draw(n_items), draw(500)

# %%
# Three indexes
# -------------
# `recall` is the share of the ten best items that an index finds. Exact search has 1 by
# definition. HNSW and IVF need the extra `faiss`; one parameter of each trades time for
# recall, and can be changed after building.


def timed(index):
    """Return CPU seconds of a search for all queries."""
    start = time.process_time()
    index.search(vectors=queries, k=10)
    return time.process_time() - start


exact = RetrievalIndex(vectors=gallery)
curves = {"exact": [(timed(exact), 1.0)]}
values = {"hnsw": ("efSearch", (16, 64, 256)), "ivf": ("nprobe", (1, 4, 16))}
for kind, (name, settings) in values.items():
    index = RetrievalIndex(vectors=gallery, backend="faiss", index_type=kind)
    curves[kind] = []
    for value in settings:
        index.set_index_params(**{name: value})
        recall = index.recall(vectors=queries, k=10)
        curves[kind].append((timed(index), recall))

# %%
# Time against recall
# -------------------
# Towards the upper right is better. Times are those of the machine that built this
# page.

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (kind, points), marker in zip(curves.items(), "os^", strict=True):
    seconds, recall = np.transpose(points)
    ax.plot(len(queries) / seconds, recall, marker=marker, label=kind)
ax.set(xscale="log", xlabel="queries per CPU second", ylabel="recall of the best ten")
ax.xaxis.set_minor_formatter(NullFormatter())
ax.set_title(f"{n_items:,} items")
ax.legend()
plt.show()
