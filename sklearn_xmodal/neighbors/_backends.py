"""What searches the vectors of a gallery: the package itself, or faiss."""

from numbers import Integral

import numpy as np

from sklearn_xmodal.neighbors._exact import rescore, run_in_batches, search_exact
from sklearn_xmodal.neighbors._faiss_index import import_faiss, load_index, make_index
from sklearn_xmodal.utils._entries import check_entries

#: Parameters of each type of index, in faiss's words, with their defaults; those of a
#: search can be changed later.
INDEX_PARAMS: dict[str, dict] = {
    "flat": {},
    "hnsw": {"M": 32, "efConstruction": 40, "efSearch": 64},
    "ivf": {"nlist": None, "nprobe": 16},
}
#: What is kept of each type beside the vectors, see `load_index`.
GRAPHS = {
    "flat": (),
    "hnsw": ("levels", "neighbors", "entry_point"),
    "ivf": ("centroids",),
}
SEARCH_PARAMS = {"efSearch", "nprobe"}

# Queries of one call: a result does not depend on it, a progress bar does.
_BATCH_SIZE = 1024
# Removed rows stay in the index, and are skipped, up to this share of it.
_MOST_REMOVED = 0.5


def check_index_params(backend, index_type, params):
    """Return checked parameters of a faiss index, with the defaults filled in."""
    if backend != "faiss":
        if index_type != "flat" or params is not None:
            raise ValueError(
                'index_type and index_params are of backend="faiss". Got '
                f"index_type={index_type!r} and index_params={params!r} for "
                f"backend={backend!r}."
            )
        return {}
    import_faiss()
    defaults = INDEX_PARAMS[index_type]
    params = {} if params is None else params
    unknown = sorted(set(params) - set(defaults), key=str)
    if unknown:
        raise ValueError(
            f"index_params of index_type={index_type!r} must be among "
            f"{sorted(defaults)}. Got {unknown[0]!r}."
        )
    checked = {name: _check_count(name, value) for name, value in params.items()}
    return defaults | checked


def _check_count(name, value):
    if value is None and name == "nlist":
        return None
    least = 2 if name == "M" else 1
    is_count = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_count or value < least:
        raise ValueError(
            f"index_params[{name!r}] must be an int of at least {least}. Got {value!r}."
        )
    return int(value)


class ExactBackend:
    """Search that needs nothing beside the vectors of the gallery."""

    def add(self, gallery, n_new):
        """Take in the last rows of the gallery."""

    def keep(self, gallery, mask):
        """Forget all rows but those of a mask; the gallery is what is left."""

    def graph(self, gallery):
        """Return what `load_engine` needs beside the gallery."""
        return {}

    def search(self, *args, **kwargs):
        """Find the best rows, see `search_exact`."""
        return search_exact(*args, **kwargs)


class FaissBackend:
    """A faiss index over vectors, float32 of shape (n_items, n_columns).

    faiss cannot take a row out of an HNSW graph. `places` therefore says which row of
    the gallery each row of the index is, -1 for none, and searches skip those.
    """

    def __init__(self, index_type, params, vectors):
        self.index_type = index_type
        self.params = params
        self._build(vectors)

    def _build(self, vectors):
        self.index = make_index(self.index_type, self.params, vectors)
        self.index.add(vectors)
        self.places = np.arange(len(vectors))

    def add(self, gallery, n_new):
        """Take in the last rows of the gallery."""
        n_old = len(gallery) - n_new
        if n_old == 0:
            self._build(gallery)
            return
        self.index.add(np.ascontiguousarray(gallery[n_old:]))
        self.places = np.append(self.places, np.arange(n_old, len(gallery)))

    def keep(self, gallery, mask):
        """Forget all rows but those of a mask; the gallery is what is left."""
        places = np.where(mask, np.cumsum(mask) - 1, -1)
        is_there = self.places >= 0
        self.places[is_there] = places[self.places[is_there]]
        n_removed = np.count_nonzero(self.places < 0)
        if len(gallery) and n_removed > _MOST_REMOVED * self.places.size:
            self._build(gallery)

    def search(self, query, gallery, k, *, positions=None, n_jobs=None, verbose=0):
        """Find k gallery rows for each query, as `search_exact` does.

        A query for which faiss finds fewer, because a filter or the lists that it
        visits leave too little, is searched exactly.
        """
        params = self._search_params(gallery, positions)
        found = np.empty((len(query), k), dtype=np.intp)

        def fill(batch):
            rows = self.index.search(query[batch], k, params=params)[1]
            found[batch] = np.where(rows < 0, -1, self.places[rows])

        run_in_batches(fill, len(query), _BATCH_SIZE, n_jobs, verbose)
        scores = np.empty(found.shape, dtype=np.float32)
        is_full = (found >= 0).all(axis=1)
        scores[is_full], found[is_full] = _ranked(
            query[is_full], gallery, found[is_full]
        )
        if not is_full.all():
            scores[~is_full], found[~is_full] = search_exact(
                query[~is_full], gallery, k, positions=positions, n_jobs=n_jobs
            )
        return scores, found

    def graph(self, gallery):
        """Return what `load_index` needs beside the gallery, by name."""
        if (self.places < 0).any():
            return FaissBackend(self.index_type, self.params, gallery).graph(gallery)
        faiss = import_faiss()
        if self.index_type == "hnsw":
            hnsw = self.index.hnsw
            return {
                "levels": faiss.vector_to_array(hnsw.levels),
                "neighbors": faiss.vector_to_array(hnsw.neighbors),
                "entry_point": int(hnsw.entry_point),
            }
        if self.index_type == "ivf":
            quantizer = faiss.downcast_index(self.index.quantizer)
            return {"centroids": quantizer.reconstruct_n(0, quantizer.ntotal)}
        return {}

    @classmethod
    def from_graph(cls, index_type, params, gallery, graph):
        """Return a backend without building its graph or training its centroids."""
        self = cls.__new__(cls)
        self.index_type, self.params = index_type, params
        self.places = np.arange(len(gallery))
        self.index = load_index(index_type, params, gallery, graph)
        return self

    def _search_params(self, gallery, positions):
        faiss = import_faiss()
        selector = None
        if positions is not None or (self.places < 0).any():
            allowed = np.zeros(len(gallery) + 1, dtype=bool)  # the last is place -1
            allowed[slice(-1) if positions is None else positions] = True
            bits = np.packbits(allowed[self.places], bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        if self.index_type == "hnsw":
            return faiss.SearchParametersHNSW(
                sel=selector, efSearch=self.params["efSearch"]
            )
        if self.index_type == "ivf":
            return faiss.SearchParametersIVF(sel=selector, nprobe=self.params["nprobe"])
        return faiss.SearchParameters(sel=selector)


def _ranked(query, gallery, found):
    """Score what was found exactly, and order it as exact search does."""
    rows = np.repeat(np.arange(len(query)), found.shape[1])
    scores = rescore(query, gallery, rows, found.ravel()).reshape(found.shape)
    order = np.lexsort((found, -scores), axis=1)
    return (np.take_along_axis(a, order, axis=1) for a in (scores, found))


def make_engine(backend, index_type, index_params, vectors):
    """Return what searches vectors, float32 of shape (n_items, n_columns)."""
    if backend == "exact":
        return ExactBackend()
    return FaissBackend(index_type, index_params, vectors)


def load_engine(backend, index_type, index_params, vectors, graph):
    """Return what `make_engine` has made, from what its method `graph` gave."""
    check_entries(graph, GRAPHS[index_type])
    if backend == "exact":
        return ExactBackend()
    return FaissBackend.from_graph(index_type, index_params, vectors, graph)
