"""How the items of an index come and go."""

from typing import Any

from sklearn_xmodal.neighbors._backends import SEARCH_PARAMS, check_index_params
from sklearn_xmodal.neighbors._coding import CodingMixin
from sklearn_xmodal.neighbors._encoding import named
from sklearn_xmodal.neighbors._gallery import Gallery
from sklearn_xmodal.neighbors._lock import SharedLock
from sklearn_xmodal.neighbors._parts import (
    are_texts,
    joined_rows,
    parts_of,
    sequences_of,
)


class ChangesMixin(CodingMixin):
    """The part of an index that adds and removes items."""

    backend: str
    storage: str
    index_params: dict
    _kind: str
    _gallery: Gallery
    _engine: Any
    _lock: SharedLock

    @named()
    def add(
        self,
        *,
        image=None,
        text=None,
        vectors=None,
        ids=None,
        labels=None,
        payload=None,
    ):
        """Append items to the gallery.

        Nothing is changed where anything is wrong. With "faiss", lists and centroids
        stay those of the first items, and so do the bits of "binary". Values outside
        of the range of an "int8" column make it wider, and all items are coded anew.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_new, ...), \
                default=None
            Images, for a gallery of images.

        text : {array-like, sparse matrix, DataFrame} of shape (n_new, ...), \
                default=None
            Texts, for a gallery of texts. A gallery of both takes either or both.

        vectors : array-like of shape (n_new, n_components) or dict, default=None
            Ready codes, for any gallery, instead of `image` and `text`. To a gallery of
            both modalities they come as a dict ``{"image": ..., "text": ...}`` of one
            or both.

        ids : sequence of shape (n_new,) or dict, default=None
            New ids. By default integers that count on from the number of items ever
            added. For new items of both modalities `ids`, `labels` and `payload` are
            dicts, as in the constructor.

        labels : sequence of shape (n_new,) or dict, default=None
            Needed if and only if the index was built with labels.

        payload : sequence of shape (n_new,) or dict, default=None
            Needed if and only if the index was built with payload.

        Raises
        ------
        ValueError
            If an id is in the index already, lengths or widths differ, the items are
            of the other modality, or the gallery is smoothed.
        """
        if self.n_smoothing_neighbors is not None:
            raise ValueError(
                "A smoothed gallery cannot be added to: every vector depends on all "
                "items. Build a new index, or one without n_smoothing_neighbors."
            )
        parts = self._new_parts(parts_of(image, text, vectors))
        codes = [self._codes(part) for part in parts]
        sizes = [len(Z) for Z in codes]
        new = self._with_hubness(joined_rows(codes))
        sequences = sequences_of(parts, sizes, ids, labels, payload)
        with self._lock.writing():
            items = self._gallery.check_new(len(new), *sequences)
            self._gallery.add(new, *items, is_text=are_texts(parts, sizes))
            self._engine.add(self._gallery.vectors, len(new))
            self._update_hubness("add", self._gallery.vectors, len(new))

    def remove(self, ids):
        """Take items out of the gallery.

        Nothing is changed where anything is wrong. This copies the vectors that stay:
        remove many at a time.

        Parameters
        ----------
        ids : sequence or set
            Ids of the items.

        Raises
        ------
        KeyError
            If an id is not in the index.

        ValueError
            If an id is given twice.
        """
        with self._lock.writing():
            keep = self._gallery.remaining(ids)
            self._gallery.keep(keep)
            self._engine.keep(self._gallery.vectors, keep)
            self._update_hubness("keep", self._gallery.vectors, keep)

    def set_index_params(self, **params):
        """Change what an approximate search does.

        Parameters
        ----------
        **params : int
            ``efSearch`` of "hnsw", ``nprobe`` of "ivf" and "ivfpq", ``oversampling`` of
            "ivfpq" and of the storage "binary": higher finds more, and takes longer.

        Returns
        -------
        self : RetrievalIndex
            This index.

        Raises
        ------
        ValueError
            If the index has no such parameter, or building depends on it.
        """
        fixed = sorted(set(params) - SEARCH_PARAMS)
        if self._kind == "exact" or fixed:
            raise ValueError(
                f"Only {sorted(SEARCH_PARAMS)} can be changed, of a faiss index or a "
                f"binary one. Got {fixed or sorted(params)} for backend="
                f"{self.backend!r} and storage={self.storage!r}."
            )
        params = check_index_params(self._kind, self.index_params | params)
        with self._lock.writing():
            self.index_params = self._engine.params = params
        return self

    def _update_hubness(self, method, *args):
        if self._hubness is not None:
            options = {"n_jobs": self.n_jobs, "verbose": self.verbose}
            getattr(self._hubness, method)(*args, **options)
