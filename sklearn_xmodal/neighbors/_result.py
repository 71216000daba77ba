"""What a search returns."""

from html import escape
from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.utils._frames import as_frame
from sklearn_xmodal.utils._html import image

_MOST_QUERIES, _MOST_LETTERS = 20, 80  # that a notebook shows


class _Found(NamedTuple):
    scores: np.ndarray
    ids: np.ndarray


class SearchResult(_Found):
    """What a search found, one row per query, best first.

    It is the pair ``(scores, ids)``. In a notebook it shows the items, with their
    labels and payload, and what they were chosen from.

    Parameters
    ----------
    scores : ndarray of shape (n_queries, n_found)
        Cosines in float32 (their means in a smoothed gallery; less the hubness of the
        item where that is corrected, of a dynamic correction for some queries).

    ids : ndarray of shape (n_queries, n_found)
        Ids of the items: int64 where all ids of the index are integers, otherwise
        of dtype object.

    See Also
    --------
    sklearn_xmodal.RetrievalIndex.search : What returns it.

    Examples
    --------
    >>> from sklearn_xmodal import RetrievalIndex
    >>> index = RetrievalIndex(vectors=[[1, 0], [0, 1]], payload=["a car", "a dog"])
    >>> scores, ids = result = index.search(vectors=[[0, 1]], k=1)
    >>> result.to_frame()
       query  rank  id  score payload
    0      0     1   1    1.0   a dog
    """

    # What belongs to what was found, by name, (n_queries, n_found); and what belongs to
    # all items, with the rows that were found, to be selected when it is asked for.
    _own: Any = None
    _of_items: Any = None
    _found: Any = None
    _filters = ""
    _pictures: Any = None
    _queries: Any = None

    @classmethod
    def _of(cls, scores, ids, *, own, of_items, found, filters):
        """Return a result that can tell what belongs to its items."""
        self = cls(scores, ids)
        self._own, self._found, self._filters = own, found, filters
        self._of_items = {k: v for k, v in of_items.items() if v is not None}
        return self

    def _columns(self):
        """Name -> values of the items, (n_queries, n_found), beside scores and ids."""
        columns = dict(self._own or {})
        for name, values in (self._of_items or {}).items():
            columns[name] = np.empty(self.ids.shape, dtype=object)
            for place in np.ndindex(self.ids.shape):
                columns[name][place] = values[self._found[place]]
        return columns

    def __getstate__(self):
        # The items alone: not the whole gallery that they come from.
        return self.__dict__ | {
            "_own": self._columns(),
            "_of_items": None,
            "_found": None,
        }

    def to_frame(self):
        """Return what was found as a table, one row per query and item.

        Returns
        -------
        frame : pandas.DataFrame of shape (n_queries * n_found, n_columns)
            Columns "query" (the number of its row, or what `illustrate` has named it),
            "rank" from 1, "id", "score", and of an index that has them "modality",
            "label" and "payload".

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_queries, n_found = self.ids.shape
        names = self._named_queries()
        data = {
            "query": [name for name in names for _ in range(n_found)],
            "rank": np.tile(np.arange(1, n_found + 1), n_queries),
            "id": self.ids.ravel(),
            "score": self.scores.ravel(),
        }
        data |= {name: values.ravel() for name, values in self._columns().items()}
        return as_frame(data, "SearchResult.to_frame")

    def illustrate(self, pictures=None, *, queries=None):
        """Return the same result with what a notebook is to show of it.

        Parameters
        ----------
        pictures : mapping, sequence or callable, default=None
            Picture of an id, ``pictures[id]`` or ``pictures(id)``: an array of shape
            (height, width) or with 3 or 4 channels last (0 to 1 in floating point, 0 to
            255 in integers), a path, or a PIL image; `None` for an item without one. In
            a mapping ids without a picture may be left out.

        queries : sequence of shape (n_queries,), default=None
            What the queries are: texts, or pictures as above.

        Returns
        -------
        result : SearchResult
            A new one.

        Raises
        ------
        ValueError
            If `queries` are not as many as there are.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_xmodal import RetrievalIndex
        >>> index = RetrievalIndex(vectors=[[1, 0], [0, 1]])
        >>> result = index.search(vectors=[[0, 1]], k=1)
        >>> result = result.illustrate(np.zeros((2, 8, 8)), queries=["a black square"])
        >>> result.to_frame()["query"][0]
        'a black square'
        """
        if queries is not None and len(queries) != len(self.ids):
            raise ValueError(
                f"queries must be as many as were searched for, {len(self.ids)}. Got "
                f"{len(queries)}."
            )
        result = type(self)(*self)
        result.__dict__.update(self.__dict__)
        result._pictures, result._queries = pictures, queries
        return result

    def _named_queries(self):
        """Return a text for every query that is one, and numbers of the others."""
        given = [None] * len(self.ids) if self._queries is None else self._queries
        return [q if isinstance(q, str) else i for i, q in enumerate(given)]

    def _picture_of(self, id_):
        """Return the picture of an item, None where there is none."""
        if self._pictures is None:
            return None
        if callable(self._pictures):
            return self._pictures(id_)
        if hasattr(self._pictures, "keys"):
            return self._pictures.get(id_)
        return self._pictures[id_]

    def _repr_html_(self):
        columns = self._columns()
        names = self._named_queries()
        parts = [f"<p>{escape(self._filters)}</p>"] if self._filters else []
        for row, name in enumerate(names[:_MOST_QUERIES]):
            items = "".join(
                self._item(row, place, columns) for place in range(self.ids.shape[1])
            )
            heading = escape(name) if isinstance(name, str) else f"query {name}"
            if self._queries is not None and not isinstance(name, str):
                heading += "<br>" + image(self._queries[row], f"query {name}")
            parts.append(
                f'<p><strong>{heading}</strong></p><ol style="display:flex;'
                'flex-wrap:wrap;gap:1em;list-style:none;margin:0;padding:0">'
                f"{items}</ol>"
            )
        if (n_left := len(names) - _MOST_QUERIES) > 0:
            parts.append(f"<p>and {n_left:,} more queries</p>")
        return f"<div>{''.join(parts)}</div>"

    def _item(self, row, place, columns):
        """Return the picture, id, score and what else is known of one item."""
        id_, score = self.ids[row, place], self.scores[row, place]
        known = [_known(name, values[row, place]) for name, values in columns.items()]
        picture = self._picture_of(id_)
        shown = "" if picture is None else image(picture, f"item {id_}") + "<br>"
        lines = "".join(f"<br>{escape(line)}" for line in known)
        return (
            '<li style="max-width:11em;overflow-wrap:anywhere">'
            f"{shown}{place + 1}. <strong>{escape(str(id_))}</strong> {score:.3f}"
            f"{lines}</li>"
        )


def _known(name, value):
    """Return what is known of an item as a line; what speaks for itself has no name."""
    line = str(value) if name in ("modality", "payload") else f"{name} {value}"
    return line if len(line) <= _MOST_LETTERS else f"{line[:_MOST_LETTERS]}…"
