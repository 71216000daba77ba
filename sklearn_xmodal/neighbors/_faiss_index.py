"""Indexes of faiss, built from vectors or put together from saved arrays.

faiss has files of its own, and trusts what it reads from them. Saved here are only
arrays, which are checked, so that a damaged file cannot lead outside of memory.
"""

import numpy as np

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


def load_index(index_type, params, vectors, graph):
    """Return a faiss index of vectors without building its graph or centroids.

    The graph has "levels", "neighbors" and "entry_point" of HNSW, or the "centroids" of
    lists; a ValueError says what cannot be those of such an index.
    """
    faiss = import_faiss()
    n_items, n_columns = vectors.shape
    if index_type == "ivf":
        centroids = graph["centroids"]
        if not _is_array(centroids, np.float32, (centroids.shape[0], n_columns)):
            raise ValueError("centroids must be float32 vectors as wide as the gallery")
        index = _empty_ivf(faiss, n_columns, centroids.shape[0])
        index.quantizer.add(np.ascontiguousarray(centroids))
        index.is_trained = True
    else:
        index = make_index(index_type, params, vectors)
    if index_type != "hnsw":
        index.add(vectors)
        return index
    levels, neighbors = graph["levels"], graph["neighbors"]
    offsets = _checked_offsets(faiss, index.hnsw, n_items, levels, neighbors)
    entry_point = graph["entry_point"]
    if not (0 <= entry_point < n_items and levels[entry_point] == levels.max()):
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
    index.ntotal = n_items
    return index


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
