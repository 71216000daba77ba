"""Indexes of faiss, built from vectors or put together from saved arrays.

faiss has files of its own, and trusts what it reads from them. Saved here are only
arrays, which are checked, so that a damaged file cannot lead outside of memory.
"""

import numpy as np

from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._entries import check_entries

#: What is kept of each type beside the vectors; of "hnsw" also `_NODES`.
_GRAPHS = {
    "flat": (),
    "hnsw": ("levels", "neighbors", "entry_point"),
    "ivf": ("centroids",),
}
#: Where rows of the gallery and nodes are not the same.
_NODES = ("nodes", "removed_vectors")
# faiss wants that many training vectors per list.
_LEAST_PER_LIST = 39


def import_faiss():
    """Return the module faiss, or raise an ImportError that says what to do."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            'backend="faiss" needs the package faiss-cpu, which is not installed: '
            'pip install "sklearn-xmodal[faiss]", or use backend="exact".'
        ) from error
    return faiss


def make_index(index_type, params, vectors):
    """Return an empty faiss index of inner products.

    It is trained on the vectors, (n_items, n_columns), where its type needs that.
    """
    faiss = import_faiss()
    n_columns = vectors.shape[1]
    if index_type == "flat":
        return faiss.IndexFlatIP(n_columns)
    if index_type == "hnsw":
        index = faiss.IndexHNSWFlat(n_columns, params["M"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = params["efConstruction"]
        return index
    index = _empty_ivf(faiss, n_columns, _n_lists(params["nlist"], len(vectors)))
    index.cp.min_points_per_centroid = 1  # or else it warns on standard error
    index.train(vectors)
    return index


def _empty_ivf(faiss, n_columns, n_lists):
    quantizer = faiss.IndexFlatIP(n_columns)
    index = faiss.IndexIVFFlat(
        quantizer, n_columns, n_lists, faiss.METRIC_INNER_PRODUCT
    )
    quantizer.this.disown()
    index.own_fields = True
    return index


def _n_lists(nlist, n_items):
    if nlist is None:
        nlist = min(int(4 * n_items**0.5), n_items // _LEAST_PER_LIST)
    return max(1, min(nlist, n_items))


def graph_of(index_type, index, nodes):
    """Return what `load_index` needs beside the gallery, whose rows are some nodes."""
    faiss = import_faiss()
    if index_type == "ivf":
        quantizer = faiss.downcast_index(index.quantizer)
        return {"centroids": quantizer.reconstruct_n(0, quantizer.ntotal)}
    if index_type == "flat":
        return {}
    graph = {
        "levels": faiss.vector_to_array(index.hnsw.levels),
        "neighbors": faiss.vector_to_array(index.hnsw.neighbors),
        "entry_point": int(index.hnsw.entry_point),
    }
    if not np.array_equal(nodes, np.arange(index.ntotal)):
        # Searches pass through nodes that are not there any more.
        (removed,) = np.nonzero(np.bincount(nodes, minlength=index.ntotal) == 0)
        storage = faiss.downcast_index(index.storage)
        graph["nodes"] = nodes.astype(np.int64)
        graph["removed_vectors"] = storage.reconstruct_batch(removed)
    return graph


def load_index(index_type, params, vectors, graph):
    """Return a faiss index of vectors, and the node of each, without building it anew.

    The graph is that of `graph_of`; a ValueError says what cannot be one.
    """
    more = _NODES if index_type == "hnsw" and _NODES[0] in graph else ()
    check_entries(graph, (*_GRAPHS[index_type], *more))
    if index_type == "hnsw":
        return _load_hnsw(params, vectors, graph)
    nodes = np.arange(len(vectors))
    if index_type == "flat":
        index = make_index(index_type, params, vectors)
        index.add(vectors)
        return index, nodes
    centroids, n_columns = graph["centroids"], vectors.shape[1]
    if not _is_array(centroids, np.float32, (centroids.shape[0], n_columns)):
        raise ValueError("centroids must be float32 vectors as wide as the gallery")
    index = _empty_ivf(import_faiss(), n_columns, centroids.shape[0])
    index.quantizer.add(np.ascontiguousarray(centroids))
    index.is_trained = True
    index.add(vectors)
    return index, nodes


def _load_hnsw(params, gallery, graph):
    faiss = import_faiss()
    levels, neighbors = graph["levels"], graph["neighbors"]
    vectors, nodes = gallery, np.arange(len(gallery))
    if _NODES[0] in graph:
        nodes = graph["nodes"]
        vectors = _node_vectors(gallery, nodes, graph["removed_vectors"], len(levels))
    index = make_index("hnsw", params, vectors)
    offsets = _checked_offsets(faiss, index.hnsw, len(vectors), levels, neighbors)
    entry_point = graph["entry_point"]
    if not (0 <= entry_point < len(vectors) and levels[entry_point] == levels.max()):
        raise ValueError("searches must start from a node of the highest level")
    for name, array in (
        ("levels", levels),
        ("neighbors", neighbors),
        ("offsets", offsets.astype(np.uint64)),
    ):
        faiss.copy_array_to_vector(array, getattr(index.hnsw, name))
    index.hnsw.entry_point = int(entry_point)
    index.hnsw.max_level = int(levels.max()) - 1
    index.storage.add(vectors)
    index.ntotal = len(vectors)
    return index, nodes


def _node_vectors(gallery, nodes, removed, n_nodes):
    """Put vectors of nodes together from the gallery and from those not in it."""
    if not _is_array(nodes, np.int64, (len(gallery),)) or not _within(
        nodes, 0, n_nodes - 1
    ):
        raise ValueError("nodes must be places in the graph, one per item")
    (others,) = np.nonzero(np.bincount(nodes, minlength=n_nodes) == 0)
    shape = len(others), gallery.shape[1]
    if not _is_array(removed, np.float32, shape) or not np.isfinite(removed).all():
        raise ValueError("removed_vectors must be finite, one per node without items")
    vectors = np.empty((n_nodes, gallery.shape[1]), dtype=np.float32)
    vectors[nodes], vectors[others] = gallery, removed
    for rows in row_blocks(*gallery.shape):
        if not np.array_equal(vectors[nodes[rows]], gallery[rows]):
            raise ValueError("items of one node must have the same vector")
    return vectors


def _checked_offsets(faiss, hnsw, n_items, levels, neighbors):
    """Where the neighbours of each node start, if all of them can be followed."""
    # Neighbours of a node up to each level, (n_levels + 1,)
    up_to = faiss.vector_to_array(hnsw.cum_nneighbor_per_level).astype(np.int64)
    if not _is_array(levels, np.int32, (n_items,)) or not _within(
        levels, 1, len(up_to) - 1
    ):
        raise ValueError("levels must be counts of levels, one per item")
    offsets = np.concatenate([[0], np.cumsum(up_to[levels])])
    if not _is_array(neighbors, np.int32, (offsets[-1],)) or not _within(
        neighbors, -1, n_items - 1
    ):
        raise ValueError("neighbors must be rows of the gallery, or -1")
    for level in range(1, levels.max()):
        (nodes,) = np.nonzero(levels > level)
        slots = np.arange(up_to[level], up_to[level + 1])
        linked = neighbors[offsets[nodes, None] + slots]
        if (levels[linked[linked >= 0]] <= level).any():
            raise ValueError("neighbors must be on the level that they are linked on")
    return offsets


def _is_array(array, dtype, shape):
    return array.dtype == dtype and array.shape == shape


def _within(array, low, high):
    return low <= array.min() and array.max() <= high
