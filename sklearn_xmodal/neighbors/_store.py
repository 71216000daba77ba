"""What a database of vectors must do to hold the items of an index."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

#: Columns that the payload cannot have.
OWN_COLUMNS = ("id", "vector", "modality", "label")


class Condition(NamedTuple):
    """Which items a search may find: those that meet all of this.

    Parameters
    ----------
    values : dict, default={}
        Name of a column -> list of the values that it may have.

    exclude : tuple, default=()
        Ids of items that are not to be found.

    where : object, default=None
        A filter in the language of the database, as the user gave it.
    """

    values: Mapping[str, Sequence] = {}
    exclude: Sequence = ()
    where: Any = None


@runtime_checkable
class VectorStore(Protocol):
    """What :class:`DatabaseIndex` asks of a database: five methods and a number.

    Rows have the columns ``id`` (int or str, distinct), ``vector`` (float32, of unit
    length or zero), ``modality`` ("image", "text" or None), ``label`` if there are
    labels, and those of the payload. The index encodes, checks and scores; a store
    only writes, filters and finds candidates.

    Attributes
    ----------
    n_components : int or None
        Width of the vectors; None before the first ones are written.
    """

    n_components: int | None

    def __init__(self) -> None:  # of a protocol it would show arguments
        pass

    def upsert(self, rows: Mapping[str, Any]) -> None:
        """Write rows; those with an id that is there take the place of the old ones.

        All of them or none, and when this returns they stay, whatever happens.

        Parameters
        ----------
        rows : dict of str to sequence
            Columns of one length; ``vector`` is an ndarray of shape (n_rows,
            n_components).
        """

    def delete(self, ids: Sequence) -> None:
        """Delete the rows of some ids, which are there.

        Parameters
        ----------
        ids : list
            Ids.
        """

    def search(
        self, vectors: np.ndarray, k: int, condition: Condition, *, exact: bool
    ) -> list[tuple[Sequence, np.ndarray]]:
        """Find rows with large inner products.

        Parameters
        ----------
        vectors : ndarray of shape (n_queries, n_components)
            Queries.

        k : int
            Rows to find, no more than meet the condition.

        condition : Condition
            What rows must meet; to be applied before the search, not to its results.

        exact : bool
            Whether all rows must be compared, not an approximate index be asked.

        Returns
        -------
        found : list of (ids, vectors)
            Per query, in any order: the k best by float32, or about those.
        """

    def get(self, ids: Sequence, columns: Sequence[str] | None) -> Mapping[Any, dict]:
        """Return columns of some rows.

        Parameters
        ----------
        ids : list
            Ids, some of which may not be there.

        columns : list of str or None
            Names; None for all but id, vector, modality and label.

        Returns
        -------
        rows : dict of dict
            Id -> column -> value, of the ids that are there.
        """

    def count(self, condition: Condition) -> int:
        """Return how many rows meet a condition.

        Parameters
        ----------
        condition : Condition
            What they must meet.

        Returns
        -------
        n_rows : int
            Their number.
        """
