"""What an index tells of its items."""

from typing import Any

import numpy as np

from sklearn_xmodal.neighbors._centring import Centring
from sklearn_xmodal.neighbors._gallery import MODALITIES, Gallery
from sklearn_xmodal.neighbors._hubness import HubnessCorrection
from sklearn_xmodal.neighbors._lock import SharedLock
from sklearn_xmodal.neighbors._result import SearchResult
from sklearn_xmodal.utils._validation import count


class ContentsMixin:
    """The part of an index that hands out what it holds."""

    backend: str
    index_type: str
    storage: str
    modality: str | None
    _centring: Centring | None
    _engine: Any
    _gallery: Gallery
    _hubness: HubnessCorrection | None
    _lock: SharedLock

    def get_payload(self, ids):
        """Return what was given with some items.

        Parameters
        ----------
        ids : array-like
            Ids in any shape, such as those that a search returned. A list is one
            dimension, so that it may hold tuples.

        Returns
        -------
        payload : ndarray of the same shape
            Of dtype object.

        Raises
        ------
        KeyError
            If an id is not in the index.

        ValueError
            If the index was built without payload.

        Examples
        --------
        >>> from sklearn_xmodal import RetrievalIndex
        >>> index = RetrievalIndex(vectors=[[1, 0], [0, 1]], payload=["x", {"n": 2}])
        >>> index.get_payload(index.search(vectors=[[0, 1]], k=2).ids)
        array([[{'n': 2}, 'x']], dtype=object)
        """
        shape = ids.shape if isinstance(ids, np.ndarray) else (-1,)
        ids = ids.ravel() if isinstance(ids, np.ndarray) else ids
        with self._lock.reading():
            payload = self._gallery.payload
            if payload is None:
                raise ValueError(
                    "get_payload needs an index built with payload. This one has none."
                )
            places = self._gallery.places_of(ids).tolist()
            found = np.empty(len(places), dtype=object)
            for i, place in enumerate(places):
                found[i] = payload[place]
        return found.reshape(shape)

    def _result(self, scores, found, positions):
        """Return scores and rows (n_queries, n_found) with what belongs to the items.

        `positions` are the rows that passed the filters, None where there was none.
        """
        gallery, filters = self._gallery, ""
        if positions is not None:
            filters = f"{len(positions):,} of {len(gallery):,} items pass the filters."
        own = {}
        if self.modality == "both":
            own["modality"] = np.where(gallery.is_text[found], "text", "image")
        return SearchResult._of(
            scores,
            gallery.ids[found],
            own=own,
            of_items={"label": gallery.labels, "payload": gallery.payload},
            found=found,
            filters=filters,
        )

    @property
    def ids(self):
        """Ids of all items, in their order; a copy."""
        with self._lock.reading():
            return self._gallery.ids.copy()

    @property
    def labels(self):
        """Labels of all items, in their order, or None; a copy."""
        with self._lock.reading():
            labels = self._gallery.labels
            return None if labels is None else labels.copy()

    @property
    def modalities(self):
        """Modality of all items, "image" or "text", or None where none is known."""
        with self._lock.reading():
            is_text = self._gallery.is_text
        return None if is_text is None else np.where(is_text, "text", "image")

    @property
    def vectors(self):
        """Vectors of all items, not to be written to: unit length unless smoothed.

        Of a `storage` that is not float32 they are a copy, and rounded.
        """
        with self._lock.reading():
            vectors = self._gallery.vectors[:][:, : self.n_components]
        vectors.flags.writeable = False
        return vectors

    @property
    def n_components(self):
        """Width of the codes."""
        n_columns = self._gallery.vectors.shape[1]
        return n_columns if self._hubness is None else n_columns - 1

    def __len__(self) -> int:
        return len(self._gallery)

    def __contains__(self, id_):
        return id_ in self._gallery

    def __repr__(self):
        of = "vectors"
        if self.modality is not None:
            of = " and ".join(MODALITIES) if self.modality == "both" else self.modality
            of = f"{'' if self._centring is None else 'centred '}{of} codes"
        kind = "" if self.backend == "exact" else f", index_type={self.index_type!r}"
        return (
            f"RetrievalIndex({count(len(self), 'item')}, {self.n_components} columns "
            f"of {of}, backend={self.backend!r}{kind}{self._held()})"
        )

    def _held(self):
        """Tell the bytes of what is held small."""
        n_items = len(self)
        small = self._engine.n_small_bytes(n_items)
        if self.storage == "float32" and not small:
            return ""
        held = _bytes(self._gallery.vectors.nbytes)
        if small:
            held = f"{_bytes(small)} searched, {held} for candidates"
        return f", storage={self.storage!r}: {held}"


def _bytes(n_bytes):
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} GB"
