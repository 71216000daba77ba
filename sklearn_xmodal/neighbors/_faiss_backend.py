"""Search of a gallery through faiss, with the scores and the order of exact search."""

import hashlib
from typing import NamedTuple

import numpy as np

from sklearn_xmodal.neighbors._exact import run_in_batches, search_exact
from sklearn_xmodal.neighbors._faiss_index import (
    LEARNING,
    graph_of,
    import_faiss,
    ivf_of,
    load_index,
    make_index,
)
from sklearn_xmodal.neighbors._query_map import QueryMap
from sklearn_xmodal.neighbors._scoring import rescore, rounding_error

# Queries of one call: a result does not depend on it, a progress bar does.
_BATCH_SIZE = 1024
# Nodes without a row stay in the index, and are skipped, up to this share of it.
_MOST_REMOVED = 0.5
# Nodes that "flat" finds beyond k: rounding decides which of near equals it leaves out.
_SPARE = 16


class _Rows(NamedTuple):
    """Rows of a gallery that may be found, node by node."""

    rows: np.ndarray  # those of a node are in ascending order
    n_each: np.ndarray  # (n_nodes,)
    starts: np.ndarray  # (n_nodes,)
    n_nodes: int  # that have a row

    @classmethod
    def of(cls, rows, n_each):
        """Return rows that are in order already."""
        starts = np.cumsum(n_each) - n_each
        return cls(rows, n_each, starts, int(np.count_nonzero(n_each)))


class FaissBackend:
    """A faiss index whose nodes are vectors of a gallery, float32 (n_items, n_columns).

    faiss cannot take a node out of an HNSW graph, and loses nodes there among equals,
    which link to each other alone. `nodes` therefore says which node each row of the
    gallery is: several rows may be one node, and searches skip nodes without a row.
    """

    def __init__(self, index_type, params, vectors, fit_queries=None):
        self.index_type = index_type
        self.params = params
        self._map = None if fit_queries is None else QueryMap.learned(fit_queries)
        self._build(vectors)

    def _build(self, vectors):
        vectors = vectors[:]  # in float32
        distinct, nodes = vectors, np.arange(len(vectors))
        self._known = None
        if self.index_type == "hnsw":
            self._known = _KnownVectors()
            nodes = self._known.nodes_of(vectors, 0)
            distinct = vectors[np.unique(nodes, return_index=True)[1]]
        distinct = self._mapped(distinct)
        self.index = make_index(
            self.index_type, self.params, distinct, spherical=self._map is not None
        )
        self.index.add(np.ascontiguousarray(distinct))
        self._set_nodes(nodes)

    def _mapped(self, vectors):
        return vectors if self._map is None else self._map.of_items(vectors)

    def _set_nodes(self, nodes):
        self.nodes = nodes
        self._rows = _Rows.of(
            np.argsort(nodes, kind="stable"),
            np.bincount(nodes, minlength=self.index.ntotal),
        )

    def add(self, gallery, n_new):
        """Take in the last rows of the gallery."""
        n_old, n_nodes = len(gallery) - n_new, self.index.ntotal
        if n_old == 0:
            self._build(gallery)
            return
        new = gallery[n_old:]
        nodes = np.arange(n_nodes, n_nodes + n_new)
        if self.index_type == "hnsw":
            if self._known is None:
                self._known = _KnownVectors(gallery[:n_old], self.nodes)
            nodes = self._known.nodes_of(new, n_nodes)
            is_new = nodes >= n_nodes
            new = new[is_new][np.unique(nodes[is_new], return_index=True)[1]]
        self.index.add(np.ascontiguousarray(self._mapped(new)))
        self._set_nodes(np.append(self.nodes, nodes))

    def keep(self, gallery, mask):
        """Forget all rows but those of a mask; the gallery is what is left."""
        self._set_nodes(self.nodes[mask])
        n_removed = self.index.ntotal - self._rows.n_nodes
        if len(gallery) and n_removed > _MOST_REMOVED * self.index.ntotal:
            self._build(gallery)

    def search(self, query, gallery, k, *, positions=None, n_jobs=None, verbose=0):
        """Find k gallery rows for each query, as `search_exact` does.

        Of "flat" they are the same. Of the others, a query for which faiss finds fewer
        than k, because a filter or the lists that it visits leave too little, is
        searched exactly.
        """
        rows = self._searched(len(gallery), positions)
        params = self._search_params(rows)
        n_nodes = k + _SPARE if self.index_type == "flat" else k
        n_nodes = min(rows.n_nodes, n_nodes * self.params.get("oversampling", 1))
        nodes = np.empty((len(query), n_nodes), dtype=np.intp)
        worst = np.empty(len(query), dtype=np.float32)

        def fill(batch):
            asked = query[batch]
            if self._map is not None:
                asked = self._map.of_queries(asked)
            products, nodes[batch] = self.index.search(asked, n_nodes, params=params)
            worst[batch] = products[:, -1]

        run_in_batches(fill, len(query), _BATCH_SIZE, n_jobs, verbose)
        scores, found = _best_rows(query, gallery, k, nodes, rows)
        is_right = (found >= 0).all(axis=1)
        if self.index_type == "flat" and n_nodes < rows.n_nodes:
            # What faiss left out scores no more than that, nor do equals of the last.
            bound = worst + rounding_error(query, gallery.shape[1])
            is_right &= scores[:, -1] > bound
        if not is_right.all():
            scores[~is_right], found[~is_right] = search_exact(
                query[~is_right], gallery, k, positions=positions, n_jobs=n_jobs
            )
        return scores, found

    def _searched(self, n_items, positions):
        """Rows of all nodes, or those at some positions."""
        if positions is None:
            return self._rows
        is_allowed = np.zeros(n_items, dtype=bool)
        is_allowed[positions] = True
        n_each = np.bincount(self.nodes[positions], minlength=self.index.ntotal)
        return _Rows.of(self._rows.rows[is_allowed[self._rows.rows]], n_each)

    def _search_params(self, rows):
        faiss = import_faiss()
        selector = None
        if rows.n_nodes < self.index.ntotal:
            bits = np.packbits(rows.n_each > 0, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
        if self.index_type == "hnsw":
            return faiss.SearchParametersHNSW(
                sel=selector, efSearch=self.params["efSearch"]
            )
        if self.index_type in LEARNING:
            params = faiss.SearchParametersIVF(
                sel=selector, nprobe=self.params["nprobe"]
            )
            if self.index_type == "ivf":
                return params
            return faiss.SearchParametersPreTransform(index_params=params)
        return faiss.SearchParameters(sel=selector)

    def n_small_bytes(self, n_items):
        """Bytes that a search reads of all items, where these are no vectors."""
        if self.index_type != "ivfpq":
            return 0
        return n_items * ivf_of(self.index).code_size

    def graph(self, gallery):
        """Return what `load_index` needs beside the gallery, by name."""
        maps = {} if self._map is None else self._map.state()
        return maps | graph_of(self.index_type, self.index, self.nodes)

    @classmethod
    def from_graph(cls, index_type, params, gallery, graph):
        """Return a backend without building its graph or training its centroids."""
        self = cls.__new__(cls)
        self.index_type, self.params = index_type, params
        self._known = self._map = None
        if index_type in LEARNING:
            self._map, graph = QueryMap.popped(graph, gallery.shape[1])
        vectors = self._mapped(gallery[:])
        self.index, nodes = load_index(index_type, params, vectors, graph)
        self._set_nodes(nodes)
        return self


class _KnownVectors:
    """Which node has which vector: digests of the vectors, and their nodes, sorted."""

    def __init__(self, vectors=None, nodes=None):
        self.digests = np.empty(0, dtype="S32")
        self.nodes = np.empty(0, dtype=np.intp)
        if vectors is not None:
            digests, first = np.unique(_digests(vectors), return_index=True)
            self.digests, self.nodes = digests, nodes[first]

    def nodes_of(self, vectors, n_nodes):
        """Nodes of vectors, (n_vectors,); what is new counts on from `n_nodes`."""
        digests, first, inverse = np.unique(
            _digests(vectors), return_index=True, return_inverse=True
        )
        places = np.searchsorted(self.digests, digests)
        is_new = np.ones(len(digests), dtype=bool)
        inside = places < len(self.digests)
        is_new[inside] = self.digests[places[inside]] != digests[inside]
        nodes = np.empty(len(digests), dtype=np.intp)
        nodes[~is_new] = self.nodes[places[~is_new]]
        # In the order of the vectors, as if there were no equals.
        (new,) = np.nonzero(is_new)
        nodes[new[np.argsort(first[new])]] = np.arange(n_nodes, n_nodes + len(new))
        self.digests = np.insert(self.digests, places[is_new], digests[is_new])
        self.nodes = np.insert(self.nodes, places[is_new], nodes[is_new])
        return nodes[inverse.ravel()]


def _digests(vectors):
    """Return a text per row that no two different rows share, (n_rows,)."""
    blake = hashlib.blake2b
    # A zero has two signs, of which the sum leaves one.
    return np.array(
        [blake(row + np.float32(0), digest_size=16).hexdigest() for row in vectors],
        dtype="S32",
    )


def _best_rows(query, gallery, k, nodes, rows):
    """Return the k best rows of the nodes found, ordered as exact search does.

    Scores and rows, (n_queries, k); rows are -1 where there are fewer.
    """
    is_found = nodes >= 0
    node_scores = np.full(nodes.shape, -np.inf, dtype=np.float32)
    which, _ = np.nonzero(is_found)
    first = rows.rows[rows.starts[nodes[is_found]]]
    node_scores[is_found] = rescore(query, gallery, which, first)
    order = np.argsort(-node_scores, axis=1, kind="stable")
    nodes = np.take_along_axis(nodes, order, axis=1)
    node_scores = np.take_along_axis(node_scores, order, axis=1)
    n_each = np.where(nodes >= 0, rows.n_each[nodes], 0)
    is_needed = _are_needed(node_scores, n_each, k)
    which, _ = np.nonzero(is_needed)
    # The first rows of every node, one after the other.
    n_each = np.minimum(n_each[is_needed], k)
    within = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    found = rows.rows[np.repeat(rows.starts[nodes[is_needed]], n_each) + within]
    scores, which = np.repeat(node_scores[is_needed], n_each), np.repeat(which, n_each)
    order = np.lexsort((found, -scores, which))
    n_found = np.bincount(which, minlength=len(query))
    rank = np.arange(len(which)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
    order, rank, which = (part[rank < k] for part in (order, rank, which))
    best = np.full((len(query), k), -1, dtype=np.intp)
    best_scores = np.zeros((len(query), k), dtype=np.float32)
    best[which, rank], best_scores[which, rank] = found[order], scores[order]
    return best_scores, best


def _are_needed(scores, n_each, k):
    """Mask of nodes, best first, before which there are fewer than k better rows."""
    before = np.cumsum(n_each, axis=1) - n_each
    is_worse = np.ones(scores.shape, dtype=bool)
    is_worse[:, 1:] = scores[:, 1:] < scores[:, :-1]
    # Equal scores have the same rows before them.
    better = np.maximum.accumulate(np.where(is_worse, before, 0), axis=1)
    return (better < k) & (n_each > 0)
