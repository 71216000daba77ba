"""Saving and loading of an index."""

from sklearn_xmodal.neighbors._backends import (
    check_index_params,
    load_engine,
)
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._encoding import check_same_width
from sklearn_xmodal.neighbors._hubness import HubnessCorrection
from sklearn_xmodal.neighbors._lock import SharedLock
from sklearn_xmodal.neighbors._storage import (
    check_unit_vectors,
    gallery_from,
    gallery_state,
    read_index,
    write_index,
)
from sklearn_xmodal.persistence import load

_PARAMS = ("backend", "index_type", "index_params", "n_smoothing_neighbors")


class SaveMixin:
    """The part of an index that knows what belongs on the disk."""

    def save(self, path, *, include_retriever=True):
        """Save the index into a folder, as arrays and JSON.

        The retriever goes along, as by :func:`sklearn_xmodal.save`. An index that is
        there is replaced in one step: whoever loads it, or whatever happens meanwhile,
        finds the old one or the new one, whole.

        Parameters
        ----------
        path : str or path-like
            A new folder, or one that an index was saved to.

        include_retriever : bool, default=True
            Whether to save the retriever, too.

        Raises
        ------
        ValueError
            If the path is that of a file or of a folder with other files, or the
            index is empty.

        TypeError
            If an id or a label is not str, int, float, bool, None or a tuple of
            those; payload may have lists and dicts with str keys, too. If the
            retriever has no place in a file, such as one with a function for a kernel.

        See Also
        --------
        load : The way back.
        """
        retriever = self.retriever if include_retriever else None
        with self._lock.reading():
            if len(self) == 0:
                raise ValueError("An index must hold items to be saved. Got none left.")
            state, arrays = self._parts()
            write_index(path, state, arrays, retriever)

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
        """Load an index from a folder.

        No code of a file is run. Trust the figures of an index no more than who
        wrote it.

        Parameters
        ----------
        path : str or path-like
            The folder.

        retriever : estimator, default=None
            What encodes queries, instead of the one that was saved; it must be the one
            that the gallery was encoded with. Without either, only vectors can be
            searched.

        mmap_mode : {"r", None}, default="r"
            Map the vectors, which are then read from the file when they are needed,
            or hold them in memory.

        verify : bool, default=True
            Whether to look for damage. This reads every file once.

        n_jobs : int, default=None
            As in the constructor.

        verbose : int, default=0
            As in the constructor.

        Returns
        -------
        index : RetrievalIndex
            Which answers as the saved one does.

        Raises
        ------
        FileNotFoundError
            If there is no index.

        ValueError
            If a file is damaged, foreign or written by a newer version.

        Examples
        --------
        >>> import os, tempfile
        >>> from sklearn_xmodal import RetrievalIndex
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "index")
        ...     RetrievalIndex(vectors=[[1, 0], [0, 1]], ids=["a", "b"]).save(path)
        ...     index = RetrievalIndex.load(path, mmap_mode=None)
        >>> index.search(vectors=[[0, 3]], k=1).ids
        array([['b']], dtype=object)
        """
        check_params(mmap_mode=mmap_mode, n_jobs=n_jobs, verbose=verbose)
        state, arrays, saved = read_index(path, mmap_mode=mmap_mode, verify=verify)
        self = cls.__new__(cls)
        if retriever is None and saved is not None:
            retriever = load(saved)
        self._take_retriever(retriever)
        self.n_jobs, self.verbose = n_jobs, verbose
        self._lock = SharedLock()
        try:
            self._set_parts(state, arrays, verify)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path} is not what RetrievalIndex.save writes: {error}."
            ) from None
        return self

    def _parts(self):
        """Return what JSON can hold, and arrays."""
        vectors = self._gallery.vectors
        more, entry_point = self._engine.arrays(vectors)
        arrays = {"vectors": vectors, **more}
        if self._hubness is not None:
            arrays["hubness_queries"] = self._hubness.queries
        state = {
            "modality": self.modality,
            "entry_point": entry_point,
            **{name: getattr(self, name) for name in _PARAMS},
            "hubness": None if self._hubness is None else self._hubness.params,
            **gallery_state(self._gallery),
        }
        return state, arrays

    def _set_parts(self, state, arrays, verify):
        """Take over what was read, with the checks of things from strangers."""
        if state["modality"] not in ("image", "text", None):
            raise ValueError(f"the modality is {state['modality']!r}")
        self.modality = state["modality"]
        for name in _PARAMS:
            check_params(**{name: state[name]})
            setattr(self, name, state[name])
        self.index_params = check_index_params(
            self.backend, self.index_type, self.index_params or None
        )
        vectors = check_unit_vectors(arrays["vectors"], verify)
        self._gallery = gallery_from(state, vectors)
        self._hubness = None
        if state["hubness"] is not None:
            queries = check_unit_vectors(arrays["hubness_queries"], verify)
            check_same_width(queries, vectors.shape[1] - 1)
            self._hubness = HubnessCorrection(queries=queries, **state["hubness"])
        self._engine = load_engine(
            self.backend,
            self.index_type,
            self.index_params,
            vectors,
            arrays,
            state["entry_point"],
        )
