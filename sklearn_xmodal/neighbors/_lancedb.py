"""Items of an index in a table of LanceDB."""

from datetime import timedelta

import numpy as np

from sklearn_xmodal.neighbors._store import OWN_COLUMNS

# Queries of one call: LanceDB plans a search for each.
_BATCH_SIZE = 64
# Ids of one expression.
_MANY_IDS = 5000


def import_lancedb():
    """Return the module lancedb, or raise an ImportError that says what to do."""
    try:
        import lancedb
    except ImportError as error:
        raise ImportError(
            "LanceDBStore needs the package lancedb, which is not installed: "
            'pip install "sklearn-xmodal[lancedb]".'
        ) from error
    return lancedb


class LanceDBStore:
    """Table of a LanceDB database, in a folder or in an object store.

    The table may be larger than memory, and many processes may read it while one
    writes; each read sees all that was confirmed before. A write is one commit: killed
    at any moment, it is there as a whole or not at all. Needs the extra ``lancedb``.

    Parameters
    ----------
    uri : str or path-like
        Folder of the database, or an address that LanceDB knows, such as ``s3://...``.

    table : str, default="items"
        Name of the table, which the first `upsert` makes.

    search_params : dict, default=None
        For searches with an approximate index, by LanceDB's names: ``nprobes``,
        ``refine_factor``, ``ef``.

    Attributes
    ----------
    n_components : int or None
        Width of the vectors; None before the first ones are written.

    See Also
    --------
    DatabaseIndex : Encodes, searches and scores.

    Notes
    -----
    Without an approximate index every search compares all rows. `create_index` makes
    one; rows that are written later are compared one by one until `optimize`.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_xmodal.neighbors import DatabaseIndex, LanceDBStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     index = DatabaseIndex(store=LanceDBStore(folder))
    ...     index.upsert(vectors=[[1, 0], [0, 1]], ids=["a", "b"])
    ...     ids = index.search(vectors=[[0, 3]], k=1).ids
    >>> ids
    array([['b']], dtype=object)
    """

    def __init__(self, uri, *, table="items", search_params=None):
        # Each read asks for the newest version of the table.
        self.database = import_lancedb().connect(
            str(uri), read_consistency_interval=timedelta(0)
        )
        self.table_name = table
        self.search_params = {} if search_params is None else dict(search_params)
        self._opened = None

    @property
    def table(self):
        """Table of LanceDB, or None before the first rows are written."""
        if self._opened is None:
            try:
                self._opened = self.database.open_table(self.table_name)
            except (FileNotFoundError, ValueError):  # which one, is up to the version
                return None
        return self._opened

    @property
    def n_components(self):
        """Width of the vectors; None before the first ones are written."""
        table = self.table
        return None if table is None else table.schema.field("vector").type.list_size

    def upsert(self, rows):
        """Write rows in one commit, see `VectorStore.upsert`.

        Parameters
        ----------
        rows : dict of str to sequence
            Columns of one length.

        Raises
        ------
        ValueError
            If the columns are not those of the table, or have other types.
        """
        data = _arrow_table(rows)
        table = self.table
        if table is None:
            self._opened = self.database.create_table(self.table_name, data=data)
            return
        if set(data.column_names) != set(table.schema.names):
            raise ValueError(
                "Columns of new items must be those of the table, "
                f"{sorted(table.schema.names)}. Got {sorted(data.column_names)}."
            )
        data = _cast(data, table.schema)
        (
            table.merge_insert("id")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute(data)
        )

    def delete(self, ids):
        """Delete rows, see `VectorStore.delete`.

        Parameters
        ----------
        ids : list
            Ids; so many at a time that an expression can hold them.
        """
        ids = self._that_can_be(ids)
        for start in range(0, len(ids), _MANY_IDS):
            self.table.delete(_is_in("id", ids[start : start + _MANY_IDS]))

    def search(self, vectors, k, condition, *, exact=False):
        """Find rows with large inner products, see `VectorStore.search`.

        Parameters
        ----------
        vectors : ndarray of shape (n_queries, n_components)
            Queries.

        k : int
            Rows to find.

        condition : Condition
            Whose `where` is an expression of SQL.

        exact : bool, default=False
            Whether to leave an approximate index aside.

        Returns
        -------
        found : list of (ids, vectors)
            Per query.
        """
        found = []
        for start in range(0, len(vectors), _BATCH_SIZE):
            batch = vectors[start : start + _BATCH_SIZE]
            query = self.table.search(
                batch if len(batch) > 1 else batch[0], vector_column_name="vector"
            ).distance_type("dot")
            query = query.limit(k).select(["id", "vector", "_distance"])
            if exact:
                query = query.bypass_vector_index()
            for name, value in self.search_params.items():
                query = getattr(query, name)(value)
            where = self._expression(condition)
            if where is not None:
                query = query.where(where, prefilter=True)
            found += _by_query(query.to_arrow(), len(batch))
        return found

    def get(self, ids, columns=None):
        """Return columns of some rows, see `VectorStore.get`.

        Parameters
        ----------
        ids : list
            Ids.

        columns : list of str, default=None
            Names; by default those of the payload.

        Returns
        -------
        rows : dict of dict
            Id -> column -> value.
        """
        table = self.table
        if table is None:
            return {}
        if columns is None:
            columns = [n for n in table.schema.names if n not in OWN_COLUMNS]
        found, ids = {}, self._that_can_be(ids)
        for start in range(0, len(ids), _MANY_IDS):
            where = _is_in("id", ids[start : start + _MANY_IDS])
            query = table.search().where(where).select(["id", *columns])
            for row in query.limit(_MANY_IDS).to_arrow().to_pylist():
                found[row.pop("id")] = row
        return found

    def count(self, condition):
        """Return how many rows meet a condition, see `VectorStore.count`.

        Parameters
        ----------
        condition : Condition
            What they must meet.

        Returns
        -------
        n_rows : int
            Their number, 0 where there is no table yet.
        """
        table = self.table
        return 0 if table is None else table.count_rows(self._expression(condition))

    def create_index(self, index_type="IvfPq", **params):
        """Make an approximate index of the vectors, or make it anew.

        Parameters
        ----------
        index_type : str, default="IvfPq"
            A class of ``lancedb.index``: "IvfFlat", "IvfSq", "IvfPq", "HnswSq", ...

        **params : object
            Its parameters, such as ``num_partitions``.
        """
        import_lancedb()
        from lancedb import index

        config = getattr(index, index_type)(distance_type="dot", **params)
        self.table.create_index("vector", config=config, replace=True)

    def optimize(self):
        """Write small pieces together, and take new rows into the index."""
        self.table.optimize()

    def _expression(self, condition):
        """Return a condition in SQL, or None where all rows meet it."""
        absent = sorted(set(condition.values) - set(self.table.schema.names))
        if absent:
            raise ValueError(
                f"Filters must be of columns of the table, {self.table.schema.names}. "
                f"Got {absent[0]!r}."
            )
        parts = [_is_in(name, values) for name, values in condition.values.items()]
        excluded = self._that_can_be(condition.exclude)
        if excluded:
            parts.append(f"NOT {_is_in('id', excluded)}")
        if condition.where is not None:
            parts.append(f"({condition.where})")
        return " AND ".join(parts) or None

    def _that_can_be(self, ids):
        """Return those ids that are of the type of the table."""
        is_text = str(self.table.schema.field("id").type).endswith("string")
        return [id_ for id_ in ids if type(id_) is (str if is_text else int)]


def _arrow_table(rows):
    import pyarrow as pa

    vectors = np.ascontiguousarray(rows["vector"], dtype=np.float32)
    columns = {
        "id": pa.array(rows["id"]),
        "vector": pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.ravel()), vectors.shape[1]
        ),
        "modality": pa.array(rows["modality"], pa.string()),
    }
    others = {name: pa.array(v) for name, v in rows.items() if name not in columns}
    return pa.table(columns | others)


def _cast(data, schema):
    import pyarrow as pa

    data = data.select(schema.names)
    try:
        return data.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise ValueError(
            f"New items must have the types of the table, {_types(schema)}. Got "
            f"{_types(data.schema)}."
        ) from error


def _types(schema):
    return ", ".join(f"{f.name}: {f.type}" for f in schema if f.name != "vector")


def _by_query(table, n_queries):
    """Return ids and vectors of each query."""
    vectors = table.column("vector").combine_chunks().flatten().to_numpy()
    vectors = vectors.reshape(table.num_rows, -1)
    ids = np.array(table.column("id").to_pylist(), dtype=object)
    if n_queries == 1:
        return [(ids, vectors)]
    which = table.column("query_index").to_numpy()
    return [(ids[which == i], vectors[which == i]) for i in range(n_queries)]


def _is_in(name, values):
    others = [_literal(value) for value in values if value is not None]
    parts = [f"{name} IN ({', '.join(others)})"] if others else []
    if len(others) < len(values):
        parts.append(f"{name} IS NULL")
    return f"({' OR '.join(parts) or 'FALSE'})"


def _literal(value):
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        return f"'{escaped}'"
    return str(value).upper() if isinstance(value, bool) else repr(value)
