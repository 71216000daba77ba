"""From features of one modality to unit vectors, through a fitted retriever."""

import functools

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.metrics._engine import unit_rows
from sklearn_xmodal.neighbors._exact import run_in_batches
from sklearn_xmodal.pairs import ImageTextPairs
from sklearn_xmodal.utils._containers import as_matrix
from sklearn_xmodal.utils._features import widths_told
from sklearn_xmodal.utils._validation import count

# Rows that are encoded at a time: features may be sparse, or in a file.
_BATCH_SIZE = 8192


def named(n_positional=0):
    """Let a method of an index say what its data are called, where they have no name.

    So many arguments may come without one.
    """

    def decorate(method):
        @functools.wraps(method)
        def checked(self, *args, **kwargs):
            if len(args) > n_positional:
                raise TypeError(
                    "An index must be told what it gets: image=X, text=X, or vectors=X "
                    f"for ready codes. Got {type(args[n_positional]).__name__} without "
                    "a name."
                )
            return method(self, *args, **kwargs)

        return checked

    return decorate


def check_same_width(vectors, n_components):
    """Return codes that lie in the space of the gallery, else raise a ValueError."""
    if vectors.shape[1] != n_components:
        raise ValueError(
            "Codes must lie in the space of the gallery, which has "
            f"{count(n_components, 'column')}. Got {vectors.shape[1]}."
        )
    return vectors


def check_retriever(retriever):
    """Return what encodes: a fitted retriever, or Pipeline that ends in one.

    Of a search, that is its best estimator. A TypeError if it is something else, a
    ValueError if it is a Pipeline over stacked matrices.
    """
    if not hasattr(retriever, "fit") or isinstance(retriever, type):
        raise TypeError(
            "retriever must be a fitted retriever, a Pipeline or a search over one. "
            f"Got {retriever!r}. Ready codes go into vectors."
        )
    check_is_fitted(retriever)
    if hasattr(retriever, "estimator") and hasattr(retriever, "cv_results_"):
        if not hasattr(retriever, "best_estimator_"):
            raise TypeError(
                f"{type(retriever).__name__} must be fitted with refit=True: without "
                "there is no estimator to encode with."
            )
        retriever = retriever.best_estimator_
    last = retriever.steps[-1][1] if hasattr(retriever, "steps") else retriever
    if not (hasattr(last, "transform_image") and hasattr(last, "transform_text")):
        raise TypeError(
            "retriever must be a retriever of sklearn_xmodal or a Pipeline that ends "
            f"in one: it encodes either modality alone. Got {type(last).__name__}."
        )
    if last is not retriever and getattr(last, "n_image_features", None) is not None:
        raise ValueError(
            "A Pipeline must prepare either modality alone. Got one over stacked "
            f"matrices (n_image_features={last.n_image_features}), whose steps need "
            "both at once. Put the steps into a ModalityTransformer, or pass ready "
            "codes as vectors."
        )
    return retriever


def encode(encoder, X, modality, *, other=None, verbose=0):
    """Encode features of one modality in batches, to rows of unit length, or zero.

    In float32, (n_samples, n_components). The encoder of the other modality tells
    whether features are of that one.
    """
    pairs = _as_pairs(X, modality)
    widths = encoder._width(), None if other is None else other._width()
    name = f"the {modality} features"

    def codes(batch):
        X = getattr(pairs[batch], modality)
        with widths_told(X, widths[0], name, widths[1]):
            return encoder._checked_codes(X, name, batch.start)

    return _in_batches(codes, len(pairs), f"codes of the {modality}s", verbose)


def last_features(retriever, X, modality):
    """Return features of one modality as the last step of a Pipeline gets them."""
    pairs = _as_pairs(X, modality)
    if hasattr(retriever, "steps") and len(retriever.steps) > 1:
        pairs = retriever[:-1].transform(pairs)
    return getattr(pairs, modality)


def check_vectors(vectors, name, *, verbose=0):
    """Validate ready vectors and scale them to unit length, in float32.

    A memory map is read in batches.
    """
    if sparse.issparse(vectors):
        raise TypeError(f"{name} must be dense. Got a sparse matrix; use toarray().")
    is_tuple = isinstance(vectors, tuple) and len(vectors) == 2
    if isinstance(vectors, ImageTextPairs) or (is_tuple and np.ndim(vectors[0]) == 2):
        raise TypeError(
            f"{name} must be one matrix. Got {type(vectors).__name__}; codes of both "
            "modalities come as a dict, {'image': Z_img, 'text': Z_txt}."
        )
    vectors = as_matrix(vectors)
    vectors = vectors if isinstance(vectors, np.ndarray) else np.asarray(vectors)
    n_rows = vectors.shape[0] if vectors.ndim else 0
    if vectors.ndim != 2 or n_rows == 0:
        raise ValueError(
            f"{name} must be a matrix with at least one row, of shape (n_samples, "
            f"n_components). Got shape {vectors.shape}."
        )
    return _in_batches(lambda batch: vectors[batch], n_rows, name, verbose)


def _as_pairs(X, modality):
    if isinstance(X, ImageTextPairs):
        raise TypeError(
            f"{modality} must be the features of one modality. Got ImageTextPairs; "
            f"use its side, pairs.{modality}."
        )
    pairs = ImageTextPairs(**{modality: X})
    if len(pairs) == 0:
        raise ValueError(
            f"{modality} must have at least one row. Got shape {pairs.shape}."
        )
    return pairs


def _check_finite(Z, name, start):
    is_bad = ~np.isfinite(Z)
    if is_bad.any():
        what = "NaN" if np.isnan(Z).any() else "infinity"
        row = start + int(np.argmax(is_bad.any(axis=1)))
        raise ValueError(
            f"{name} must be finite. Input {name} contains {what}: "
            f"{count(np.count_nonzero(is_bad), 'bad value')}, the first in row {row}."
        )


def _in_batches(codes, n_rows, name, verbose):
    """Return unit vectors of `codes(batch)` for slices of rows."""
    vectors = None

    def fill(batch):
        nonlocal vectors
        Z = codes(batch)
        # In float64, so that lengths are 1 to the last bit of float32.
        Z = check_array(Z, dtype=np.float64, input_name=name, ensure_all_finite=False)
        _check_finite(Z, name, batch.start)
        unit = unit_rows(Z, name)
        if vectors is None:
            vectors = np.empty((n_rows, unit.shape[1]), dtype=np.float32)
        vectors[batch] = unit

    run_in_batches(fill, n_rows, _BATCH_SIZE, n_jobs=1, verbose=verbose)
    return vectors
