"""What searches the vectors of a gallery: the package itself, or faiss."""

from numbers import Integral

from sklearn_xmodal.neighbors._binary_backend import BinaryBackend
from sklearn_xmodal.neighbors._exact import search_exact
from sklearn_xmodal.neighbors._faiss_backend import FaissBackend
from sklearn_xmodal.neighbors._faiss_index import LEARNING, import_faiss
from sklearn_xmodal.utils._entries import check_entries

#: Parameters of each type of index of faiss with their defaults, in its words but for
#: ``oversampling``.
INDEX_PARAMS: dict[str, dict] = {
    "flat": {},
    "hnsw": {"M": 32, "efConstruction": 40, "efSearch": 64},
    "ivf": {"nlist": None, "nprobe": 16},
    "ivfpq": {"nlist": None, "nprobe": 16, "M": None, "oversampling": 20},
}
#: Those of the package's own search, by what it reads.
_OWN_PARAMS: dict[str, dict] = {"exact": {}, "binary": {"oversampling": 20}}
#: What of them can be changed later.
SEARCH_PARAMS = {"efSearch", "nprobe", "oversampling"}
_OF_FAISS = (
    'index_type and index_params are of backend="faiss", the latter also of '
    'storage="binary". Got {} without.'
)
# Those that are chosen from the items where they are None.
_CHOSEN = {("ivf", "nlist"), ("ivfpq", "nlist"), ("ivfpq", "M")}


def kind_of(backend, index_type, storage):
    """Return what searches: a key of the tables of parameters."""
    if backend == "faiss":
        if storage == "binary":
            raise ValueError(
                'storage="binary" is of backend="exact". Got backend="faiss", which '
                'takes "float32", "float16" and "int8", and has index_type="ivfpq".'
            )
        return index_type
    if index_type != "flat":
        raise ValueError(_OF_FAISS.format(f"index_type={index_type!r}"))
    return "binary" if storage == "binary" else "exact"


def check_index_params(kind, params):
    """Return checked parameters of a kind of search, with the defaults filled in."""
    if kind in INDEX_PARAMS:
        import_faiss()
    elif kind == "exact" and params is not None:
        raise ValueError(_OF_FAISS.format(f"index_params={params!r}"))
    defaults = {**INDEX_PARAMS, **_OWN_PARAMS}[kind]
    params = {} if params is None else params
    unknown = sorted(set(params) - set(defaults), key=str)
    if unknown:
        raise ValueError(
            f"index_params of a search by {kind!r} must be among {sorted(defaults)}. "
            f"Got {unknown[0]!r}."
        )
    return defaults | {n: _check_count(kind, n, value) for n, value in params.items()}


def _check_count(kind, name, value):
    if value is None and (kind, name) in _CHOSEN:
        return None
    least = 2 if (kind, name) == ("hnsw", "M") else 1
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

    def n_small_bytes(self, n_items):
        """Bytes that a search reads beside the vectors: none."""
        return 0

    def search(self, *args, **kwargs):
        """Find the best rows, see `search_exact`."""
        return search_exact(*args, **kwargs)


def check_fit_queries(kind, fit_queries):
    """Raise a ValueError where there is nothing that queries could train."""
    if fit_queries is not None and kind not in LEARNING:
        raise ValueError(
            f"fit_queries train an index_type among {LEARNING}. Got a search by "
            f"{kind!r}, which learns nothing from vectors or takes them as they are."
        )


def make_engine(kind, params, vectors, fit_queries=None):
    """Return what searches vectors (n_items, n_columns), trained for some queries."""
    if kind == "exact":
        return ExactBackend()
    if kind == "binary":
        return BinaryBackend(params, vectors)
    return FaissBackend(kind, params, vectors, fit_queries)


def load_engine(kind, params, vectors, graph):
    """Return what `make_engine` has made, from what its method `graph` gave."""
    if kind == "exact":
        check_entries(graph, ())
        return ExactBackend()
    if kind == "binary":
        return BinaryBackend.from_graph(params, vectors, graph)
    return FaissBackend.from_graph(kind, params, vectors, graph)
