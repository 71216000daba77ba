"""What a batch of pairs may be, and what may yield batches."""

from collections.abc import Mapping
from contextlib import contextmanager

from sklearn_xmodal.pairs._pairs import ImageTextPairs

_NAMES = ("X_img", "X_txt", "y", "sample_weight")


def each_batch(batches):
    """Iterate over batches, given what yields them or a function that returns that.

    A bag of Dask comes part by part: iterating over it would compute all of it first.
    """
    if callable(batches):
        batches = batches()
    if type(batches).__module__.startswith("dask.bag"):
        return (x for part in batches.to_delayed() for x in part.compute())
    if _is_data(batches) or not hasattr(batches, "__iter__"):
        raise TypeError(
            "batches must be an iterable of batches, such as a list or a DataLoader, "
            f"or a function that returns one. Got {type(batches).__name__}. All pairs "
            "at once are for fit."
        )
    return iter(batches)


def _is_data(batches):
    """Tell what can be iterated over, but holds no batches: letters, rows, columns."""
    is_table = hasattr(batches, "shape") or hasattr(batches, "column_names")
    return is_table or isinstance(batches, str | bytes | Mapping)


def is_one_shot(batches):
    """Tell whether batches can be read only once, as those of a generator."""
    return not callable(batches) and hasattr(type(batches), "__next__")


@contextmanager
def in_batch(number):
    """Let errors say which batch is to blame."""
    try:
        yield
    except Exception as error:
        error.add_note(f"In batch {number} of fit_batches, from 0.")
        raise


def arguments_of(batch, n_image_features):
    """Return X_img, X_txt, y and sample_weight as `fit` takes them."""
    if isinstance(batch, Mapping):
        return _named(batch)
    values = list(batch) if isinstance(batch, tuple | list) else [batch]
    is_one = n_image_features is not None or (
        bool(values) and isinstance(values[0], ImageTextPairs)
    )
    if is_one:  # both modalities are in the first
        values[1:1] = [None]
    if not 2 <= len(values) <= 4:
        data = "(X, y, sample_weight)" if is_one else "(X_img, X_txt, y, sample_weight)"
        raise TypeError(
            f"A batch must be a tuple {data}, of which the last two may be missing, or "
            f"a dict of these. Got {_what(batch)}.{_advice(batch)}"
        )
    return *values, *[None] * (4 - len(values))


def _named(batch):
    unknown = [name for name in batch if name not in _NAMES]
    if unknown or "X_img" not in batch:
        raise TypeError(
            f"A batch must be a dict with some of the keys {', '.join(_NAMES)}. Got "
            f"{list(batch)[:5]}."
        )
    return [batch.get(name) for name in _NAMES]


def _advice(batch):
    """Return what to do with a table, or with a matrix that is no batch."""
    if hasattr(batch, "columns"):
        return " Of a table give the columns: (batch['image'], batch['text'])."
    if hasattr(batch, "shape"):
        return " All pairs at once are for fit; one batch is [(X_img, X_txt)]."
    return ""


def _what(batch):
    kind = type(batch).__name__
    return f"{len(batch)} items" if isinstance(batch, tuple | list) else f"a {kind}"
