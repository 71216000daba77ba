"""Indexes for golden files: name -> function that makes one, and its queries."""

import numpy as np

from sklearn_xmodal import CCARetriever, RetrievalIndex
from tests.persistence.golden_models import draw


def _vectors(**params):
    """Return an index of codes, to which items are added later."""
    rng = np.random.default_rng(0)
    index = RetrievalIndex(vectors=rng.normal(size=(40, 3)), **params)
    query, more = rng.normal(size=(2, 3, 3))
    return index, {"vectors": query, "more_vectors": more}


def _gallery(**params):
    """Return an index of texts, with its retriever and all that is known of items."""
    X_img, X_txt, y, queries = draw()
    ids = [f"text {i}" for i in range(len(y))]
    index = RetrievalIndex(
        CCARetriever(2).fit(X_img, X_txt),
        text=X_txt,
        ids=ids,
        labels=np.array(["a", "b", "c"])[y],
        payload=[{"row": i, "of": [i % 2, None]} for i in range(len(y))],
        **params,
    )
    return index, {**queries, "payload": np.array(ids[:2], object)}


def _both():
    """Return an index of images and texts, some of which are gone."""
    X_img, X_txt, y, queries = draw()
    classes = np.array(["a", "b", "c"])
    index = RetrievalIndex(
        CCARetriever(2).fit(X_img, X_txt),
        image=X_img[:8],
        text=X_txt,
        ids={
            "image": [f"image {i}" for i in range(8)],
            "text": [f"text {i}" for i in range(len(y))],
        },
        labels={"image": classes[y[:8]], "text": classes[y]},
        center={"image": X_img, "text": X_txt},
    )
    index.remove(["image 3", "text 0"])
    return index, queries


def _with_hubness(make, **params):
    references = np.random.default_rng(1).normal(size=(6, 3))
    return make(hubness_queries=references, **params)


def _removed(**params):
    index, queries = _vectors(**params)
    index.remove([1, 39])
    return index, queries


def _mixed_ids():
    rng = np.random.default_rng(0)
    ids = ["a", 3, 2.5, True, None, ("t", (1, None))]
    index = RetrievalIndex(vectors=rng.normal(size=(6, 3)), ids=ids)
    return index, {"vectors": rng.normal(size=(3, 3))}


HNSW = {"M": 4, "efConstruction": 16, "efSearch": 16}
INDEXES = {
    "exact": _vectors,
    "exact-removed": _removed,
    "exact-mixed-ids": _mixed_ids,
    "exact-gallery": _gallery,
    "exact-both": _both,
    "exact-smoothed": lambda: _gallery(n_smoothing_neighbors=2),
    "exact-csls": lambda: _with_hubness(
        _vectors, hubness="csls", n_hubness_neighbors=2
    ),
    "exact-inverted-softmax": lambda: _with_hubness(
        _vectors, hubness="inverted_softmax", inverse_temperature=5.0
    ),
    "exact-nnn": lambda: _with_hubness(
        _vectors, hubness="nnn", n_hubness_neighbors=2, hubness_weight=1.25
    ),
    "exact-dynamic-inverted-softmax": lambda: _with_hubness(
        _removed, hubness="dynamic_inverted_softmax", inverse_temperature=5.0
    ),
    "exact-float16": lambda: _vectors(storage="float16"),
    "exact-int8-csls": lambda: _with_hubness(
        _vectors, storage="int8", hubness="csls", n_hubness_neighbors=2
    ),
    "exact-binary-removed": lambda: _removed(
        storage="binary", index_params={"oversampling": 3}
    ),
    "faiss-ivfpq-int8": lambda: _vectors(
        backend="faiss",
        index_type="ivfpq",
        index_params={"nlist": 4, "nprobe": 2, "M": 2, "oversampling": 2},
        storage="int8",
    ),
    "faiss-ivf-fit-queries": lambda: _vectors(
        backend="faiss",
        index_type="ivf",
        index_params={"nlist": 4, "nprobe": 2},
        fit_queries=np.random.default_rng(1).normal(size=(6, 3)),
    ),
    "faiss-flat": lambda: _vectors(backend="faiss"),
    "faiss-flat-gallery": lambda: _gallery(backend="faiss"),
    "faiss-hnsw": lambda: _vectors(
        backend="faiss", index_type="hnsw", index_params=HNSW
    ),
    "faiss-hnsw-removed": lambda: _removed(
        backend="faiss", index_type="hnsw", index_params=HNSW
    ),
    "faiss-hnsw-csls": lambda: _with_hubness(
        _vectors,
        hubness="csls",
        n_hubness_neighbors=2,
        backend="faiss",
        index_type="hnsw",
        index_params=HNSW,
    ),
    "faiss-hnsw-dynamic-inverted-softmax": lambda: _with_hubness(
        _removed,
        hubness="dynamic_inverted_softmax",
        backend="faiss",
        index_type="hnsw",
        index_params=HNSW,
    ),
    "faiss-ivf": lambda: _vectors(
        backend="faiss", index_type="ivf", index_params={"nlist": 4, "nprobe": 2}
    ),
}
