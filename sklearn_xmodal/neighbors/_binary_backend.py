"""Search that reads one bit per value of the gallery, and scores candidates again."""

import numpy as np

from sklearn_xmodal.neighbors._bits import BitCoder, Signs
from sklearn_xmodal.neighbors._exact import run_in_batches, search_exact
from sklearn_xmodal.neighbors._scoring import rescore
from sklearn_xmodal.neighbors._storage import appended

# Candidates that are ordered at a time.
_HELD_CANDIDATES = 2**20


class BinaryBackend:
    """Bits of a gallery, (n_items, n_bytes); its vectors are read for candidates only.

    These are ``oversampling`` times as many as are to be found. They are chosen, and
    scored, as in exact search: for any number of threads they are the same.
    """

    def __init__(self, params, vectors):
        self.params = params
        self._build(vectors)

    def _build(self, vectors):
        self.coder = BitCoder.learned(vectors)
        self.bits = self.coder.bits(vectors)

    def add(self, gallery, n_new):
        """Take in the last rows of the gallery."""
        n_old = len(gallery) - n_new
        if n_old == 0:
            self._build(gallery)
        else:
            self.bits = appended(self.bits, n_old, self.coder.bits(gallery[n_old:]))

    def keep(self, gallery, mask):
        """Forget all rows but those of a mask; the gallery is what is left."""
        self.bits = self.bits[: len(mask)][mask]

    def graph(self, gallery):
        """Return what `from_graph` needs beside the gallery."""
        return {"bits": self.bits[: len(gallery)], **self.coder.state()}

    @classmethod
    def from_graph(cls, params, gallery, graph):
        """Return the backend that gave a graph, after checks of it."""
        graph = dict(graph)
        bits = graph.pop("bits", None)
        n_items, n_columns = gallery.shape
        shape = n_items, -(-n_columns // 8)
        if bits is None or bits.dtype != np.uint8 or bits.shape != shape:
            raise ValueError("bits must be one per value of the gallery")
        coder = BitCoder.from_state(graph, n_columns)
        self = cls.__new__(cls)
        self.params, self.coder, self.bits = params, coder, bits
        return self

    def n_small_bytes(self, n_items):
        """Bytes that a search reads of all items."""
        return self.bits[:n_items].nbytes

    def search(self, query, gallery, k, *, positions=None, n_jobs=None, verbose=0):
        """Find k gallery rows for each query, as `search_exact` does, nearly always."""
        n_items, n_columns = gallery.shape
        n_searched = n_items if positions is None else positions.size
        n_candidates = min(n_searched, k * self.params["oversampling"])
        _, rows = search_exact(
            self.coder.queries(query),
            Signs(self.bits[:n_items], n_columns),
            n_candidates,
            positions=positions,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        rows.sort(axis=1)  # equal scores are in the order of the gallery
        scores = np.empty((len(query), k), dtype=np.float32)
        found = np.empty((len(query), k), dtype=np.intp)

        def fill(batch):
            among = rows[batch]
            which = np.repeat(np.arange(len(among)), n_candidates)
            exact = rescore(query[batch], gallery, which, among.ravel())
            exact = exact.reshape(among.shape)
            best = np.argsort(-exact, axis=1, kind="stable")[:, :k]
            scores[batch] = np.take_along_axis(exact, best, axis=1)
            found[batch] = np.take_along_axis(among, best, axis=1)

        run_in_batches(fill, len(query), max(1, _HELD_CANDIDATES // n_candidates))
        return scores, found
