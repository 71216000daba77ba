"""What searches the vectors of a gallery: the package itself, or faiss."""

from numbers import Integral

from sklearn_xmodal.neighbors._exact import search_exact
from sklearn_xmodal.neighbors._faiss_backend import FaissBackend
from sklearn_xmodal.neighbors._faiss_index import import_faiss
from sklearn_xmodal.utils._entries import check_entries

#: Parameters of each type of index, in faiss's words, with their defaults; those of a
#: search can be changed later.
INDEX_PARAMS: dict[str, dict] = {
    "flat": {},
    "hnsw": {"M": 32, "efConstruction": 40, "efSearch": 64},
    "ivf": {"nlist": None, "nprobe": 16},
}
SEARCH_PARAMS = {"efSearch", "nprobe"}


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


def make_engine(backend, index_type, index_params, vectors):
    """Return what searches vectors, float32 of shape (n_items, n_columns)."""
    if backend == "exact":
        return ExactBackend()
    return FaissBackend(index_type, index_params, vectors)


def load_engine(backend, index_type, index_params, vectors, graph):
    """Return what `make_engine` has made, from what its method `graph` gave."""
    if backend == "exact":
        check_entries(graph, ())
        return ExactBackend()
    return FaissBackend.from_graph(index_type, index_params, vectors, graph)
