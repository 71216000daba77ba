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
    "ivfpq": ("centroids", "rotation", "codebook"),
}
#: Types that learn from vectors, which `fit_queries` are for.
LEARNING = ("ivf", "ivfpq")
#: Where rows of the gallery and nodes are not the same.
_NODES = ("nodes", "removed_vectors")
# faiss wants that many training vectors per list.
_LEAST_PER_LIST = 39
# Columns that share one byte by default, and bits of it.
_COLUMNS_PER_BYTE = 4
_N_BITS = 8


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


def make_index(index_type, params, vectors, *, spherical=False):
    """Return an empty faiss index of inner products.

    It is trained on the vectors, (n_items, n_columns), where its type needs that, with
    centroids of unit length if it is spherical: else long ones draw all vectors.
    """
    faiss = import_faiss()
    n_columns = vectors.shape[1]
    if index_type == "flat":
        return faiss.IndexFlatIP(n_columns)
    if index_type == "hnsw":
        index = faiss.IndexHNSWFlat(n_columns, params["M"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = params["efConstruction"]
        return index
    n_lists = _n_lists(params["nlist"], len(vectors))
    if index_type == "ivf":
        index = _empty_ivf(faiss, n_columns, n_lists)
    else:
        index = _make_quantised(params["M"], n_lists, vectors)
    ivf_of(index).cp.spherical = spherical
    ivf_of(index).cp.min_points_per_centroid = 1  # or else it warns on standard error
    # A codebook has two words at least.
    index.train(vectors if len(vectors) > 1 else np.repeat(vectors, 2, axis=0))
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


def ivf_of(index):
    """Return the lists of an index, which may turn its vectors before."""
    return import_faiss().extract_index_ivf(index)


def _make_quantised(n_bytes, n_lists, vectors):
    """Return an index of product quantisation that is not trained.

    Its vectors are turned, so that all bytes have as much to tell, and get columns of
    zeros where `n_bytes` does not divide them.
    """
    n_items, n_columns = vectors.shape
    n_bytes = min(n_columns, n_bytes or -(-n_columns // _COLUMNS_PER_BYTE))
    width = n_bytes * -(-n_columns // n_bytes)
    # No more words of a codebook than items to learn them from.
    n_bits = min(_N_BITS, max(1, n_items.bit_length() - 1))
    turning = import_faiss().RandomRotationMatrix(n_columns, width)
    turning.init(0)
    return _turned(turning, n_lists, n_bytes, n_bits)


def _turned(turning, n_lists, n_bytes, n_bits):
    faiss = import_faiss()
    quantizer = faiss.IndexFlatIP(turning.d_out)
    index = faiss.IndexIVFPQ(
        quantizer,
        turning.d_out,
        n_lists,
        n_bytes,
        n_bits,
        faiss.METRIC_INNER_PRODUCT,
    )
    quantizer.this.disown()
    index.own_fields = True
    index.pq.cp.min_points_per_centroid = 1
    whole = faiss.IndexPreTransform(turning, index)
    turning.this.disown()
    index.this.disown()
    whole.own_fields = True
    return whole


def _graph_of_quantised(index):
    faiss = import_faiss()
    lists = faiss.downcast_index(index.index)
    turning = faiss.downcast_VectorTransform(index.chain.at(0))
    quantizer, pq = faiss.downcast_index(lists.quantizer), lists.pq
    rotation = faiss.vector_to_array(turning.A)
    codebook = faiss.vector_to_array(pq.centroids)
    return {
        "centroids": quantizer.reconstruct_n(0, quantizer.ntotal),
        "rotation": rotation.reshape(turning.d_out, turning.d_in),
        "codebook": codebook.reshape(pq.M, pq.ksub, pq.dsub),
    }


def _load_quantised(vectors, graph):
    faiss = import_faiss()
    centroids, rotation, codebook = (
        graph[name] for name in ("centroids", "rotation", "codebook")
    )
    n_bytes, n_words, n_each = codebook.shape
    width, n_bits = n_bytes * n_each, n_words.bit_length() - 1
    if n_words != 2**n_bits or not 1 <= n_bits <= _N_BITS or not n_bytes or not n_each:
        raise ValueError("codebook must have words for up to 8 bits")
    for array, shape in (
        (codebook, codebook.shape),
        (rotation, (width, vectors.shape[1])),
        (centroids, (max(1, len(centroids)), width)),
    ):
        if not _is_array(array, np.float32, shape) or not np.isfinite(array).all():
            raise ValueError("centroids, rotation and codebook must fit each other")
    turning = faiss.LinearTransform(vectors.shape[1], width)
    faiss.copy_array_to_vector(np.ascontiguousarray(rotation).ravel(), turning.A)
    turning.is_trained = True
    index = _turned(turning, len(centroids), n_bytes, n_bits)
    lists = faiss.downcast_index(index.index)
    lists.quantizer.add(np.ascontiguousarray(centroids))
    flat = np.ascontiguousarray(codebook).ravel()
    faiss.copy_array_to_vector(flat, lists.pq.centroids)
    lists.is_trained = index.is_trained = True
    lists.precompute_table()
    index.add(vectors)
    return index


def graph_of(index_type, index, nodes):
    """Return what `load_index` needs beside the gallery, whose rows are some nodes."""
    faiss = import_faiss()
    if index_type == "ivf":
        quantizer = faiss.downcast_index(index.quantizer)
        return {"centroids": quantizer.reconstruct_n(0, quantizer.ntotal)}
    if index_type == "ivfpq":
        return _graph_of_quantised(index)
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
    if index_type == "ivfpq":
        return _load_quantised(vectors, graph), nodes
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
