"""Scores of Dask arrays of codes: queries by blocks, on the workers of a cluster."""

import numpy as np

from sklearn_xmodal.utils._containers import is_dask_array
from sklearn_xmodal.utils._validation import check_labels, check_same_length


def is_lazy(*codes):
    """Return whether any codes are a Dask array."""
    return any(map(is_dask_array, codes))


def refuse_with_dask(**options):
    """Raise a TypeError where there are options that codes in memory alone have."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise TypeError(
            f"Dask arrays of codes are scored without {given[0]}. Got {given[0]}: "
            "bring the codes into memory first, with Z.compute()."
        )


def scores_by_blocks(score, Z_query, Z_gallery, y_query, y_gallery, options):
    """Return one score per query, (n_queries,), of codes of which some are Dask arrays.

    `score` is `retrieval_score`. A worker holds the codes of the gallery, one block of
    queries, and what `score` needs for it.
    """
    import dask
    import dask.array as da

    if not is_dask_array(Z_query):
        Z_query = da.from_array(np.asarray(Z_query))
    Z_query = Z_query.rechunk({1: -1})
    n = Z_query.shape[0]
    if n != n or Z_gallery.shape[0] != Z_gallery.shape[0]:
        raise ValueError(
            "Codes must have chunks of known size, since rows have labels. Call "
            "Z.compute_chunk_sizes() first."
        )
    y_query, y_gallery = _labels(Z_query, Z_gallery, y_query, y_gallery)
    gallery = dask.delayed(np.asarray)(Z_gallery)
    y_gallery = dask.delayed(y_gallery, traverse=False)
    score, parts, start = dask.delayed(score), [], 0
    for block, size in zip(
        Z_query.to_delayed().ravel(), Z_query.chunks[0], strict=True
    ):
        y = y_query[start : start + size]
        start += size
        if size:
            parts.append(score(block, gallery, y, y_gallery, average=False, **options))
    return np.concatenate(dask.compute(*parts))


def _labels(Z_query, Z_gallery, y_query, y_gallery):
    """Return labels of both sides; without any, rows that pair up have one."""
    n, m = Z_query.shape[0], Z_gallery.shape[0]
    if y_query is None and y_gallery is None:
        if n != m:
            raise ValueError(
                "Without labels row i of the gallery is the answer to row i of the "
                f"queries. Got {n} queries and {m} items."
            )
        return np.arange(n), np.arange(n)
    labels = []
    for Z, y, name in (
        (Z_query, y_query, "y_query"),
        (Z_gallery, y_gallery, "y_gallery"),
    ):
        if y is None:
            raise ValueError(
                f"Both sides need labels where one has some. Got no {name}."
            )
        y = check_labels(np.asarray(y) if is_dask_array(y) else y)
        check_same_length(Z, y, name)
        labels.append(y)
    return labels
