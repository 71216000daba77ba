"""What a batch of pairs may be."""

from collections.abc import Mapping

from sklearn_xmodal.pairs._pairs import ImageTextPairs

_NAMES = ("X_img", "X_txt", "y", "sample_weight")


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
            f"a dict of these. Got {_what(batch)}."
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


def _what(batch):
    kind = type(batch).__name__
    return f"{len(batch)} items" if isinstance(batch, tuple | list) else f"a {kind}"
