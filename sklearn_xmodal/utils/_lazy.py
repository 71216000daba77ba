"""Dask arrays that stay lazy: their blocks are encoded where they are."""

import numpy as np

from sklearn_xmodal.utils._validation import check_modality


def encoded_blocks(X, encoder, modality, dtypes):
    """Return codes of a Dask array as one, whose blocks are encoded where they are."""
    import dask

    X = X.rechunk({1: -1})
    dtype = X.dtype if X.dtype in dtypes else np.dtype(dtypes[0])
    k = encoder.n_components_
    return X.map_blocks(
        _encoded,
        dask.delayed(encoder, traverse=False),  # once, not in every task
        modality,
        dtypes,
        dtype=dtype,
        chunks=(X.chunks[0], (k,)),
        meta=np.empty((0, k), dtype),
    )


def _encoded(X, encoder, modality, dtypes):
    if not X.shape[0]:
        return np.empty((0, encoder.n_components_), dtypes[0])
    X = check_modality(X, modality, dtype=list(dtypes), estimator=None)
    return encoder._finite_codes(X, f"the {modality} features")
