"""What an index holds: one vector, id, label and payload per item."""

import numpy as np

from sklearn_xmodal.neighbors._items import (
    check_hashable,
    check_items,
    check_order,
    key,
    keys,
    plain,
)
from sklearn_xmodal.neighbors._storage import appended, chosen
from sklearn_xmodal.utils._containers import check_same_index
from sklearn_xmodal.utils._validation import count

MODALITIES = ("image", "text")


class Gallery:
    """Items in the order in which they were added.

    Vectors are in float32, C-contiguous, or `SmallVectors`; a memory map is only copied
    by changes. Ids, labels and payload come from `check_items`. `is_text` tells the two
    modalities apart, (n_items,), where they are known. Everything that can be wrong is
    found out before anything is changed.
    """

    def __init__(
        self, vectors, ids, labels=None, payload=None, *, is_text=None, next_id=0
    ):
        self._buffer = vectors
        self.ids = ids
        self.labels = labels
        self.payload = payload
        self.is_text = is_text
        #: What the next item without an id of its own gets.
        self.next_id = next_id
        self._codes = None
        self._places = _places(ids)

    def __len__(self):
        return self.ids.size

    def __contains__(self, id_):
        try:
            return key(plain(id_)) in self._places
        except TypeError:  # not hashable, so the id of nothing
            return False

    @property
    def vectors(self):
        """Vectors of all items, (n_items, n_columns)."""
        return chosen(self._buffer, slice(len(self)))

    def check_new(self, n_new, ids, labels, payload):
        """Validate what comes with new items; return the last three arguments."""
        for name, new, own in (
            ("labels", labels, self.labels),
            ("payload", payload, self.payload),
        ):
            if (new is None) != (own is None):
                has, got = ("none", "some") if own is None else ("some", "none")
                raise ValueError(
                    f"{name} must be given for all items or for none. The gallery has "
                    f"{has}. Got {got} for the new items."
                )
        are_given = ids is not None
        ids, labels, payload = check_items(n_new, ids, labels, payload, self.next_id)
        self._check_unknown(ids, are_given)
        return ids, labels, payload

    def _check_unknown(self, ids, are_given):
        known = [
            id_
            for id_, its_key in zip(ids.tolist(), keys(ids), strict=True)
            if its_key in self._places
        ]
        if known and not are_given:
            raise ValueError(
                f"ids must be given: without, they count on from {self.next_id}, the "
                "number of items ever added, and some of the index are such numbers. "
                f"Got {count(len(known), 'known id')}, the first is {known[0]!r}."
            )
        if known:
            raise ValueError(
                "ids must not be in the index already. Got "
                f"{count(len(known), 'known id')}, the first is {known[0]!r}. Remove "
                "these items first to replace them."
            )

    def add(self, vectors, ids, labels, payload, *, is_text=None):
        """Append items that `check_new` has seen."""
        n_old = len(self)
        places = _places(ids, n_old)
        self._buffer = appended(self._buffer, n_old, vectors)
        self._places.update(places)
        self.next_id += ids.size
        if labels is not None:
            self.labels, self._codes = _joined(self.labels, labels), None
        if payload is not None:
            self.payload = self.payload + payload
        if is_text is not None:
            self.is_text = np.concatenate([self.is_text, is_text])
        self.ids = _joined(self.ids, ids)

    def remaining(self, ids):
        """Mask of the items that are left after removing some by their ids."""
        places = self.places_of(ids)
        keep = np.ones(len(self), dtype=bool)
        keep[places] = False
        if len(self) - np.count_nonzero(keep) < places.size:
            raise ValueError("ids to remove must be distinct. Got some id twice.")
        return keep

    def keep(self, mask):
        """Drop all items but those of a mask."""
        buffer = chosen(self.vectors, mask)
        ids = self.ids[mask]
        places = _places(ids)
        if self.labels is not None:
            self.labels, self._codes = self.labels[mask], None
        if self.payload is not None:
            kept = np.flatnonzero(mask).tolist()
            self.payload = [self.payload[place] for place in kept]
        if self.is_text is not None:
            self.is_text = self.is_text[mask]
        self._buffer, self.ids, self._places = buffer, ids, places

    def places_of(self, ids):
        """Rows of some ids; a KeyError names the first that is not there."""
        ids = check_hashable(ids, "ids")
        try:
            return np.array([self._places[k] for k in keys(ids)], dtype=np.intp)
        except KeyError:
            unknown = [id_ for id_ in ids.tolist() if id_ not in self]
            raise KeyError(
                f"ids must be in the index. Got {count(len(unknown), 'unknown id')}, "
                f"the first is {unknown[0]!r}."
            ) from None

    def allowed(self, mask, labels, exclude, modality=None):
        """Rows that pass all filters, ascending; None where there is no filter."""
        given = {
            "modality": modality is not None,
            "mask": mask is not None,
            "labels": labels is not None,
            "exclude": exclude is not None,
        }
        if not any(given.values()):
            return None
        allowed = np.ones(len(self), dtype=bool)
        if modality is not None:
            allowed &= self._is_of(modality)
        if mask is not None:
            allowed &= self._check_mask(mask)
        if labels is not None:
            allowed &= self._has_label(labels)
        if exclude is not None:
            places = self._places_or_none(exclude, "exclude")
            allowed[places[places >= 0]] = False
        if not allowed.any():
            names = " and ".join(name for name, is_given in given.items() if is_given)
            raise ValueError(
                f"At least one item must pass the filters. Got {names} that together "
                f"let none of {count(len(self), 'item')} through."
            )
        return np.flatnonzero(allowed)

    def own_rows(self, ids, n_queries, positions):
        """Row of the item that each query is, (n_queries,); -1 if it is not searched.

        `positions` are the rows that are searched, ascending; None stands for all.
        """
        check_order(ids, "ids_query")
        own = self._places_or_none(ids, "ids_query")
        if len(own) != n_queries:
            raise ValueError(
                f"ids_query must have one id per query. Got {len(own)} for "
                f"{count(n_queries, 'row')} of queries."
            )
        if positions is not None:
            own[~np.isin(own, positions)] = -1
        return own

    def _places_or_none(self, ids, name):
        """Rows of some ids, or -1 where they are not there."""
        places = (self._places.get(k, -1) for k in keys(check_hashable(ids, name)))
        return np.fromiter(places, dtype=np.intp)

    def _is_of(self, modality):
        if self.is_text is None:
            raise ValueError(
                "modality can only select items of an index that was given images, "
                "texts or vectors by modality. This one has vectors alone."
            )
        return self.is_text == (modality == "text")

    def _check_mask(self, mask):
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (len(self),):
            raise ValueError(
                f"mask must be boolean, one value per item: shape ({len(self)},). Got "
                f"{mask.dtype} of shape {mask.shape}. To leave items out by their ids "
                "there is exclude."
            )
        return mask

    def _has_label(self, labels):
        if self.labels is None:
            raise ValueError(
                "labels can only select items of an index built with labels. This one "
                "has none."
            )
        if self._codes is None:
            self._codes = _codes(keys(self.labels))
        codes, code_of = self._codes
        is_wanted = np.zeros(len(code_of), dtype=bool)
        for label in keys(check_hashable(labels, "labels")):
            if label in code_of:
                is_wanted[code_of[label]] = True
        return is_wanted[codes]


def check_same_rows(X, name, **values):
    """Raise a ValueError where what belongs to items is indexed differently."""
    for of, value in values.items():
        check_same_index(X, value, (name, of))


def _places(ids, start=0):
    """Return the row of every id by what it is compared by."""
    return {its_key: start + i for i, its_key in enumerate(keys(ids))}


def _codes(labels):
    """Return a number per item, and which label has which."""
    code_of: dict = {}
    codes = (code_of.setdefault(label, len(code_of)) for label in labels)
    return np.fromiter(codes, dtype=np.intp, count=len(labels)), code_of


def _joined(old, new):
    if old.dtype != new.dtype:
        old, new = old.astype(object), new.astype(object)
    return np.concatenate([old, new])
