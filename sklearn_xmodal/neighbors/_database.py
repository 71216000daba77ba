"""An index whose items lie in a database."""

from collections.abc import Mapping

import numpy as np

from sklearn_xmodal.neighbors._coding import CodingMixin
from sklearn_xmodal.neighbors._constraints import check_params
from sklearn_xmodal.neighbors._encoding import named
from sklearn_xmodal.neighbors._gallery import check_same_rows
from sklearn_xmodal.neighbors._items import (
    as_list,
    check_hashable,
    check_items,
    check_length,
    storable_payload,
)
from sklearn_xmodal.neighbors._parts import modality_of, parts_of
from sklearn_xmodal.neighbors._result import SearchResult
from sklearn_xmodal.neighbors._scoring import rescore, rounding_error
from sklearn_xmodal.neighbors._store import OWN_COLUMNS, Condition, VectorStore
from sklearn_xmodal.utils._validation import count

# Candidates beyond k, so that rounding does not decide which items are found.
_SPARE = 16
_EVERYTHING = Condition()


class DatabaseIndex(CodingMixin):
    """Gallery in a database of vectors, searched by either modality.

    For what outgrows memory, or is to be shared and changed by several programs. The
    database filters and finds candidates; encoding, scores and order are those of
    :class:`~sklearn_xmodal.RetrievalIndex`: without an approximate index, search finds
    the same items. Equal scores are in the order of the ids.

    Parameters
    ----------
    retriever : estimator, default=None
        What encodes, as in :class:`~sklearn_xmodal.RetrievalIndex`. Without one, items
        and queries are `vectors`.

    store : VectorStore
        Where the items are, such as :class:`LanceDBStore`. What lies there already is
        found at once; it must have been encoded by the same retriever.

    Raises
    ------
    TypeError
        If the store has not the methods of a :class:`VectorStore`.

    See Also
    --------
    sklearn_xmodal.RetrievalIndex : In memory, or mapped from one file.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_xmodal import CCARetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> from sklearn_xmodal.neighbors import DatabaseIndex, LanceDBStore
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> retriever = CCARetriever(4).fit(X_img, X_txt)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index = DatabaseIndex(retriever, store=LanceDBStore(folder))
    ...     index.upsert(text=X_txt, ids=range(200), payload={"price": range(200)})
    ...     ids = index.search(image=X_img[:2], k=3, where="price < 100").ids
    >>> ids.shape, bool((ids < 100).all())
    ((2, 3), True)
    """

    n_smoothing_neighbors = None
    n_jobs = None
    verbose = 0
    modality = "both"

    @named(1)
    def __init__(self, retriever=None, *, store):
        if not isinstance(store, VectorStore):
            raise TypeError(
                "store must be a VectorStore, such as LanceDBStore(folder). Got "
                f"{type(store).__name__}."
            )
        self.store = store
        self._centring = self._hubness = None
        self._take_retriever(retriever)

    @property
    def n_components(self):  # type: ignore[override]
        """Width of the codes; None before there are some."""
        return self.store.n_components

    @named()
    def upsert(
        self, *, image=None, text=None, vectors=None, ids, labels=None, payload=None
    ):
        """Write items; those with an id that is there replace the old ones.

        Nothing is written where anything is wrong.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), \
                default=None
            Images, in the form that the retriever takes.

        text : {array-like, sparse matrix, DataFrame} of shape (n_items, ...), \
                default=None
            Texts, instead of images. A table may have both.

        vectors : array-like of shape (n_items, n_components) or dict, default=None
            Ready codes, instead of either. A dict with the key "image" or "text" says
            their modality.

        ids : sequence of shape (n_items,)
            Distinct ids, all int or all str.

        labels : sequence of shape (n_items,), default=None
            One label per item, all of a type that the database has.

        payload : dict or sequence of dicts, default=None
            Columns: name -> one value per item, or one dict per item.

        Raises
        ------
        ValueError
            If ids repeat, lengths differ, or the database has other columns.

        TypeError
            If ids are of other types.
        """
        parts = parts_of(image, text, vectors)
        if len(parts) > 1:
            raise ValueError(
                "Items of one modality must be written at a time. Got both; call "
                "upsert for either."
            )
        codes = self._codes(parts[0])
        n_items = len(codes)
        check_same_rows(parts[0].X, parts[0].name, ids=ids, labels=labels)
        ids, labels, _ = check_items(n_items, ids, labels, None)
        rows = {
            "id": _check_ids(ids),
            "vector": codes,
            "modality": [modality_of(parts)] * n_items,
        }
        if labels is not None:
            rows["label"] = labels.tolist()
        self.store.upsert(rows | _columns(payload, n_items))

    def remove(self, ids):
        """Delete items.

        Parameters
        ----------
        ids : sequence or set
            Ids of the items.

        Raises
        ------
        KeyError
            If an id is not in the database; nothing is deleted.
        """
        ids = check_hashable(ids, "ids").tolist()
        self._check_known(ids, self.store.get(ids, []))
        self.store.delete(ids)

    @named()
    def search(
        self,
        *,
        image=None,
        text=None,
        vectors=None,
        weights=None,
        k=10,
        modality=None,
        labels=None,
        exclude=None,
        where=None,
        exact=False,
    ) -> SearchResult:
        """Find the items with the largest scores; the database applies all filters.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Images to search by.

        text : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Texts to search by; with `image` as in
            :meth:`sklearn_xmodal.RetrievalIndex.search`.

        vectors : array-like of shape (n_queries, n_components) or dict, default=None
            Ready codes to search by, instead of `image` and `text`.

        weights : tuple of two floats, default=None
            How much image and text count in queries of both.

        k : int, default=10
            Items to find per query. Where fewer pass the filters, all of these are
            returned.

        modality : {"image", "text"}, default=None
            Modality of the items that may be found.

        labels : sequence or set, default=None
            Labels of the items that may be found.

        exclude : sequence or set, default=None
            Ids of items that are not to be found.

        where : object, default=None
            A filter on the payload in the language of the database, such as
            ``"price < 10"`` for LanceDB. It is handed over as it is: never put
            together from the words of strangers.

        exact : bool, default=False
            Whether to compare all items even if there is an approximate index. A query
            for which that finds fewer than `k` is searched so in any case.

        Returns
        -------
        result : SearchResult
            The pair ``(scores, ids)``, each of shape (n_queries, min(k, number of
            items that pass the filters)), best first; equal scores in the order of
            ids.

        Raises
        ------
        ValueError
            If the queries are wrong, as in
            :meth:`sklearn_xmodal.RetrievalIndex.search`, or no item passes the filters.
        """
        check_params(k=k, modality=modality)
        query = self._query(parts_of(image, text, vectors), weights)
        values = {"modality": None if modality is None else [modality]}
        values["label"] = _list_or_none(labels, "labels")
        condition = Condition(
            {name: v for name, v in values.items() if v is not None},
            [] if exclude is None else check_hashable(exclude, "exclude").tolist(),
            where,
        )
        result = None
        while result is None:
            result = self._best(query, k, condition, exact)
        return result

    @named()
    def recall(
        self, *, image=None, text=None, vectors=None, weights=None, k: int = 10
    ) -> float:
        """Share of the exact k best items that an approximate index finds.

        Parameters
        ----------
        image : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Images to search by. Some hundred queries tell the recall to a per cent.

        text : {array-like, sparse matrix, DataFrame} of shape (n_queries, ...), \
                default=None
            Texts to search by; queries of either modality may have another recall.

        vectors : array-like of shape (n_queries, n_components) or dict, default=None
            Ready codes to search by.

        weights : tuple of two floats, default=None
            How much image and text count in queries of both.

        k : int, default=10
            Items to find per query.

        Returns
        -------
        recall : float
            Mean over the queries; an item that scores as much as the k-th counts.
        """
        options = {"image": image, "text": text, "vectors": vectors}
        options |= {"weights": weights, "k": k}
        found = self.search(**options)
        exact = self.search(**options, exact=True)
        return float(np.mean(found.scores >= exact.scores[:, -1:]))

    def get_payload(self, ids):
        """Return what was written with some items.

        Parameters
        ----------
        ids : array-like
            Ids in any shape, such as those that a search returned.

        Returns
        -------
        payload : ndarray of the same shape
            Of dicts: name of a column -> value.

        Raises
        ------
        KeyError
            If an id is not in the database.
        """
        shape = ids.shape if isinstance(ids, np.ndarray) else (-1,)
        ids = check_hashable(np.ravel(ids), "ids").tolist()
        rows = self.store.get(list(dict.fromkeys(ids)), None)
        self._check_known(ids, rows)
        found = np.empty(len(ids), dtype=object)
        for i, id_ in enumerate(ids):
            found[i] = rows[id_]
        return found.reshape(shape)

    def __len__(self):
        return self.store.count(_EVERYTHING)

    def __contains__(self, id_):
        return bool(self.store.get([id_], []))

    def __repr__(self):
        return (
            f"DatabaseIndex({count(len(self), 'item')}, {self.n_components} columns, "
            f"store={type(self.store).__name__})"
        )

    def _best(self, query, k, condition, exact):
        """Return scores and ids, or None where items went meanwhile.

        So many candidates are asked for that rounding leaves out none of the best k.
        """
        n_searched = self.store.count(condition)
        if n_searched == 0:
            raise ValueError(
                "At least one item must pass the filters. Got none of "
                f"{count(len(self), 'item')}."
            )
        k = min(k, n_searched)
        scores = np.empty((len(query), k), dtype=np.float32)
        ids = np.empty((len(query), k), dtype=object)
        # The database rounds both what it finds and what it leaves out.
        error = 2 * rounding_error(query, query.shape[1])
        pending, n_asked = np.arange(len(query)), min(n_searched, k + _SPARE)
        while pending.size:
            answers = self.store.search(query[pending], n_asked, condition, exact=exact)
            again, is_short = [], False
            for i, (found, vectors) in zip(pending, answers, strict=True):
                best, found = _ordered(query[i : i + 1], found, vectors)
                if len(found) < k:
                    is_short = True
                    again.append(i)
                elif n_asked < n_searched and best[k - 1] <= best[-1] + error[i]:
                    again.append(i)
                else:
                    scores[i], ids[i] = best[:k], found[:k]
            if is_short and exact:
                return None
            exact = exact or is_short  # what an approximate index does not find
            pending, n_asked = np.array(again, int), min(n_searched, 4 * n_asked)
        if all(type(id_) is int for id_ in ids.flat):
            ids = ids.astype(np.int64)
        np.clip(scores, -1, 1, out=scores)
        return SearchResult(scores, ids)

    def _check_known(self, ids, rows):
        unknown = [id_ for id_ in ids if id_ not in rows]
        if unknown:
            raise KeyError(
                f"ids must be in the database. Got {count(len(unknown), 'unknown id')},"
                f" the first is {unknown[0]!r}."
            )


def _ordered(query, ids, vectors):
    """Return scores of candidates, largest first, and ids; equals by their ids."""
    rows = np.arange(len(vectors))
    scores = rescore(query, vectors, np.zeros_like(rows), rows)
    order = sorted(rows, key=lambda row: (-scores[row], ids[row]))
    return scores[order], [ids[row] for row in order]


def _check_ids(ids):
    ids = ids.tolist()
    if {*map(type, ids)} not in ({int}, {str}):
        kinds = sorted({type(id_).__name__ for id_ in ids})
        raise TypeError(
            f"ids of a database must be all int or all str. Got {', '.join(kinds)}."
        )
    return ids


def _columns(payload, n_items):
    """Return the columns of a payload by name."""
    if payload is None:
        return {}
    if not isinstance(payload, Mapping):
        payload = as_list(payload, "payload")
        check_length(payload, n_items, "payload")
        if not all(isinstance(row, Mapping) for row in payload):
            raise TypeError("payload must be columns by name, or one dict per item.")
        names = list(dict.fromkeys(name for row in payload for name in row))
        payload = {name: [row.get(name) for row in payload] for name in names}
    for name, values in payload.items():
        if not isinstance(name, str) or name in OWN_COLUMNS:
            raise ValueError(
                f"Columns of the payload must be str, and none of {OWN_COLUMNS}. Got "
                f"{name!r}."
            )
        check_length(as_list(values, f"payload[{name!r}]"), n_items, "payload")
    return {name: storable_payload(values) for name, values in payload.items()}


def _list_or_none(values, name):
    return None if values is None else check_hashable(values, name).tolist()
