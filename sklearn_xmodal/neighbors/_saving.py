"""Saving and loading of an index."""

from copy import copy
from numbers import Integral

import numpy as np

from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.neighbors._backends import (
    check_index_params,
    kind_of,
    load_engine,
)
from sklearn_xmodal.neighbors._centring import Centring
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._encoding import check_same_width
from sklearn_xmodal.neighbors._gallery import MODALITIES, Gallery
from sklearn_xmodal.neighbors._hubness import HubnessCorrection
from sklearn_xmodal.neighbors._items import SCALARS, check_items, storable_payload
from sklearn_xmodal.neighbors._lock import SharedLock
from sklearn_xmodal.neighbors._storage import checked_stored, parts_of_stored
from sklearn_xmodal.persistence import InvalidFileError, save
from sklearn_xmodal.persistence._files import read
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._entries import check_entries, check_hashes

_PARAMS = (
    "backend",
    "index_type",
    "index_params",
    "storage",
    "n_smoothing_neighbors",
)
_ITEMS = ("ids", "labels", "payload")
_LAST_ID = 2**62
# Of parameters of faiss, which allocates for them.
_LARGEST_PARAM = 2**24
# Squared length of a unit vector and a hubness of at most 1, and rounding.
_LONGEST_SQUARED = 2.001


class SaveMixin:
    """The part of an index that knows what belongs on the disk."""

    _file_version = 3

    image_encoder: Encoder | None
    text_encoder: Encoder | None
    backend: str
    index_type: str
    index_params: dict
    storage: str
    _kind: str

    def save(self, path, *, include_retriever=True):
        """Save the index into one file, as :func:`sklearn_xmodal.save` does.

        The retriever goes along. A file that is there is replaced in one step:
        whoever loads it, or whatever happens meanwhile, finds the old one or the new
        one, whole.

        Parameters
        ----------
        path : str or path-like
            The file. An existing one is replaced.

        include_retriever : bool, default=True
            Whether to save the retriever, too.

        Raises
        ------
        ValueError
            If the path is that of a folder, a pipe or a device, or the index is empty.

        TypeError
            If an id or a label is not str, int, float, bool, None or a tuple of
            those. If the retriever has no place in a file, such as one with a function
            for a kernel.

        See Also
        --------
        load : The way back.
        """
        index = copy(self)
        # Files know the class of the package only: what a subclass adds is its own.
        index.__class__ = next(
            c for c in type(self).__mro__ if SaveMixin in c.__bases__
        )
        if not include_retriever:
            index.retriever = index.image_encoder = index.text_encoder = None
        save(index, path)

    @classmethod
    def load(
        cls,
        path,
        *,
        retriever=None,
        mmap_mode="r",
        verify=True,
        n_jobs=None,
        verbose=0,
    ):
        """Load an index from its file.

        No code of the file is run. Trust the figures of an index no more than who
        wrote it.

        Parameters
        ----------
        path : str or path-like
            The file, or the folder that an earlier version has saved an index to.

        retriever : estimator, default=None
            What encodes queries, instead of the one that was saved; it must be the one
            that the gallery was encoded with. Without either, only vectors can be
            searched.

        mmap_mode : {"r", None}, default="r"
            Map the vectors, which are then read from the file when they are needed,
            or hold them in memory.

        verify : bool, default=True
            Whether to look for damage among the arrays. This reads all of them once.

        n_jobs : int, default=None
            As in the constructor.

        verbose : int, default=0
            As in the constructor.

        Returns
        -------
        index : RetrievalIndex
            Which gives the bytes that the saved one gives for the same vectors.
            Features are encoded anew: where the retriever is a network, its codes, and
            with them the scores, can differ by rounding, some 1e-6.

        Raises
        ------
        FileNotFoundError
            If there is no index.

        InvalidFileError
            A `ValueError`, if the file is damaged, foreign or written by a newer
            version.

        Examples
        --------
        >>> import os, tempfile
        >>> from sklearn_xmodal import RetrievalIndex
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "index.xmodal")
        ...     RetrievalIndex(vectors=[[1, 0], [0, 1]], ids=["a", "b"]).save(path)
        ...     index = RetrievalIndex.load(path, mmap_mode=None)
        >>> index.search(vectors=[[0, 3]], k=1).ids
        array([['b']], dtype=object)
        """
        check_params(mmap_mode=mmap_mode, n_jobs=n_jobs, verbose=verbose)
        index = read(path, mmap_mode=mmap_mode, verify=verify)
        if not issubclass(cls, type(index)):
            raise InvalidFileError(
                f"path must be that of an index. Got {str(path)!r}, which holds a "
                f"{type(index).__name__}; use sklearn_xmodal.load."
            )
        index.__class__ = cls
        if retriever is not None:
            index._take_retriever(retriever)
        index.n_jobs, index.verbose = n_jobs, verbose
        return index

    def _get_file_state(self):
        # What is handed out stays as it is when the gallery changes: see `Gallery`.
        with self._lock.reading():
            if len(self._gallery) == 0:
                raise ValueError("An index must hold items to be saved. Got none left.")
            gallery, hubness = self._gallery, self._hubness
            codes, ranges = parts_of_stored(gallery.vectors)
            return {
                "image_encoder": self.image_encoder,
                "text_encoder": self.text_encoder,
                "modality": self.modality,
                **{name: getattr(self, name) for name in _PARAMS},
                "hubness": None if hubness is None else hubness.state(),
                "vectors": codes,
                "ranges": ranges,
                "ids": _storable(gallery.ids, "ids"),
                "labels": _storable(gallery.labels, "labels"),
                "is_text": gallery.is_text if self.modality == "both" else None,
                "means": None if self._centring is None else self._centring.means,
                # Checked again: lists and dicts are handed out, and can be changed.
                "payload": None
                if gallery.payload is None
                else storable_payload(gallery.payload),
                "next_id": gallery.next_id,
                "graph": self._engine.graph(gallery.vectors),
            }

    def _set_file_state(self, state, version):
        """Take over what was read, with the checks of things from strangers."""
        self.retriever = None
        names = {
            "image_encoder",
            "text_encoder",
            "modality",
            "hubness",
            "vectors",
            "ranges",
            "is_text",
            "means",
            "next_id",
            "graph",
            *_PARAMS,
            *_ITEMS,
        }
        check_entries(state, names)
        for name in ("image_encoder", "text_encoder"):
            if not isinstance(state[name], Encoder | None):
                raise ValueError(f"the {name} is a {type(state[name]).__name__}")
            setattr(self, name, state[name])
        if state["modality"] not in (*MODALITIES, "both", None):
            raise ValueError(f"the modality is {state['modality']!r}")
        self.modality, self.n_jobs, self.verbose = state["modality"], None, 0
        self._lock = SharedLock()
        for name in _PARAMS:
            check_params(**{name: state[name]})
            setattr(self, name, state[name])
        self._kind = kind_of(self.backend, self.index_type, self.storage)
        self.index_params = check_index_params(self._kind, self.index_params or None)
        if any((v or 0) > _LARGEST_PARAM for v in self.index_params.values()):
            raise ValueError(f"index_params is {self.index_params!r:.100}")
        vectors = checked_stored(state["vectors"], state["ranges"], self.storage)
        ids, labels = (_storable(state[name], name) for name in ("ids", "labels"))
        for values in (ids, labels):  # hashes of strings cannot be chosen
            check_hashes(v for v in _objects_in(values) if type(v) is not str)
        items = check_items(len(vectors), ids, labels, state["payload"])
        next_id = state["next_id"]
        if not isinstance(next_id, Integral) or not 0 <= int(next_id) < _LAST_ID:
            raise ValueError(f"next_id is {next_id!r:.40}")
        is_text = _checked_is_text(state["is_text"], self.modality, len(vectors))
        self._gallery = Gallery(vectors, *items, is_text=is_text, next_id=int(next_id))
        self._hubness = None
        if state["hubness"] is not None:
            queries = checked_stored(state["hubness"]["queries"], None, "float32")
            check_same_width(queries, vectors.shape[1] - 1)
            self._hubness = HubnessCorrection.from_state(vectors, **state["hubness"])
        self._centring = _checked_centring(state["means"], self)
        self._engine = load_engine(
            self._kind, self.index_params, vectors, state["graph"]
        )

    def _check_vectors(self):
        """Raise a ValueError if vectors have values that cannot be."""
        queries = [] if self._hubness is None else [self._hubness.queries]
        for vectors in (self._gallery.vectors, *queries):
            for rows in row_blocks(*vectors.shape):
                block = vectors[rows]
                squares = np.einsum("ij,ij->i", block, block)
                if not (squares <= _LONGEST_SQUARED).all():  # nor is NaN
                    raise ValueError("vectors must not be longer than 1")


def _checked_is_text(is_text, modality, n_items):
    """Tell texts from images, (n_items,), where there are such."""
    if modality != "both":
        if is_text is not None:
            raise ValueError(f"is_text must be None for items of {modality!r}")
        return None if modality is None else np.full(n_items, modality == "text")
    if is_text.dtype != bool or is_text.shape != (n_items,):
        raise ValueError("is_text must be boolean, one value per item")
    return is_text


def _checked_centring(means, index):
    """Return what takes means away, if these can be means of unit vectors."""
    if means is None:
        return None
    check_entries(means, MODALITIES)
    for mean in means.values():
        is_right = mean.dtype == np.float64 and mean.shape == (index.n_components,)
        if not is_right or not mean @ mean <= _LONGEST_SQUARED:  # nor is NaN
            raise ValueError("means must be those of vectors of float64")
    if index.modality is None:
        raise ValueError("means must be of items of some modality")
    return Centring(means)


def _objects_in(values):
    """Return the ids or labels of which hashes were not made by NumPy's integers."""
    is_needed = values is not None and getattr(values, "dtype", object) != np.int64
    return values if is_needed else ()


def _storable(values, name):
    """Return ids or labels, if files may hold them."""
    if values is None or getattr(values, "dtype", object) == np.int64:
        return values
    for value in values:
        _check_storable(value, name)
    return values


def _check_storable(value, name):
    if type(value) is tuple:
        for item in value:
            _check_storable(item, name)
    elif type(value) not in SCALARS:
        raise TypeError(
            f"{name} can be saved if they are str, int, float, bool, None or tuples of "
            f"those. Got {value!r} of type {type(value).__name__}."
        )
