"""How an index finds rows of its gallery."""

from functools import partial
from typing import Any

import numpy as np

from sklearn_xmodal.neighbors._backends import ExactBackend
from sklearn_xmodal.neighbors._gallery import Gallery
from sklearn_xmodal.neighbors._hubness import HubnessCorrection
from sklearn_xmodal.neighbors._own import search_others
from sklearn_xmodal.neighbors._scoring import rescore


class FindingMixin:
    """The part of an index that asks an engine."""

    n_jobs: int | None
    verbose: int
    _gallery: Gallery
    _hubness: HubnessCorrection | None

    def _found(self, engine: Any, query, k, positions, own=None):
        """Scores and rows of what is found, of shape (n_queries, n_found)."""
        if len(self._gallery) == 0:
            raise ValueError("The index must hold items to be searched. Got none left.")
        n_searched = len(self._gallery) if positions is None else positions.size
        query = self._corrected(engine, query, own)

        def search(k):
            return self._best(engine, query, k, positions)

        if own is None:
            scores, found = search(min(k, n_searched))
        else:
            scores, found = search_others(search, own, k, n_searched)
        return self._clipped(scores), found

    def _best(self, engine, query, k, positions=None):
        return engine.search(
            query,
            self._gallery.vectors,
            k,
            positions=positions,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def _corrected(self, engine, query, own=None):
        """Append the column of hubness to queries; an engine finds their nearest."""
        if self._hubness is None:
            return query

        def find_nearest(query):
            if own is None:
                return self._best(engine, query, 1)[1][:, 0]
            search = partial(self._best, engine, query)
            return search_others(search, own, 1, len(self._gallery))[1][:, 0]

        return self._hubness.extend_queries(query, find_nearest)

    def _scores_of(self, query, found):
        """Score rows (n_queries, n_found) of the gallery exactly."""
        query = self._corrected(ExactBackend(), query)
        rows = np.repeat(np.arange(len(found)), found.shape[1])
        scores = rescore(query, self._gallery.vectors, rows, found.ravel())
        return self._clipped(scores.reshape(found.shape))

    def _clipped(self, scores):
        if self._hubness is None:  # else scores are no cosines
            np.clip(scores, -1, 1, out=scores)
        return scores
