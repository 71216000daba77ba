"""What an index is given, by modality, and what belongs to the rows of each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.neighbors._gallery import MODALITIES, check_same_rows
from sklearn_xmodal.neighbors._items import as_list, check_length, check_order


class Part(NamedTuple):
    """Rows of one modality, which ready codes may not have."""

    modality: str | None
    X: Any
    are_codes: bool
    argument: str = "vectors"  # where codes come from

    @property
    def name(self):
        """How users write it."""
        if not self.are_codes:
            return self.modality
        return self.argument + (f"[{self.modality!r}]" if self.modality else "")


def parts_of(image, text, vectors):
    """Return what is given as a list of parts, images first; never none."""
    sides = zip(MODALITIES, (image, text), strict=True)
    features = {modality: X for modality, X in sides if X is not None}
    if bool(features) == (vectors is not None):
        got = [*features, "vectors"] if features else ["none"]
        raise ValueError(
            "Either features (image, text or both) or vectors must be given. Got "
            f"{' and '.join(got)}."
        )
    if features:
        return parts_by_modality(features, "features", False)
    if isinstance(vectors, Mapping):
        return parts_by_modality(vectors, "vectors", True)
    return [Part(None, vectors, True)]


def parts_by_modality(values, name, are_codes):
    """Return the parts of a dict, images first."""
    if not values or not set(values) <= set(MODALITIES):
        raise ValueError(
            f"{name} by modality must be a dict with the keys 'image', 'text' or both. "
            f"Got {list(values)}."
        )
    return [Part(m, values[m], are_codes) for m in MODALITIES if m in values]


def modality_of(parts):
    """Return "image", "text", "both", or None where no modality is known."""
    return "both" if len(parts) == 2 else parts[0].modality


def are_texts(parts, sizes):
    """Tell the rows of texts among those of all parts, (n_rows,), where it is known."""
    if parts[0].modality is None:
        return None
    return np.repeat([part.modality == "text" for part in parts], sizes)


def joined_rows(codes):
    """Return the rows of one or two matrices, below each other."""
    return codes[0] if len(codes) == 1 else np.concatenate(codes)


def sequences_of(parts, sizes, ids, labels, payload):
    """Return ids, labels and payload of all rows as one sequence each, or None.

    Those of both modalities are dicts; `sizes` are numbers of rows of the parts.
    """
    given = {"ids": ids, "labels": labels, "payload": payload}
    return [_sequence(values, name, parts, sizes) for name, values in given.items()]


def _sequence(values, name, parts, sizes):
    if values is None:
        return None
    sides = _sides_of(values, name, parts)
    for part, side in zip(parts, sides, strict=True):
        check_same_rows(part.X, part.name, **{name: side})
    if len(parts) == 1:
        return sides[0]
    joined = []
    for part, n_rows, side in zip(parts, sizes, sides, strict=True):
        side_name = f"{name}[{part.modality!r}]"
        check_order(side, side_name)
        side = as_list(side, side_name)
        check_length(side, n_rows, side_name)
        joined += side
    return joined


def _sides_of(values, name, parts):
    given = [part.modality for part in parts]
    if isinstance(values, Mapping) and given != [None]:
        if set(values) != set(given):
            raise ValueError(
                f"{name} by modality must have the keys of what is given, "
                f"{' and '.join(map(repr, given))}. Got {list(values)}."
            )
        return [values[modality] for modality in given]
    if len(parts) > 1:
        raise ValueError(
            f"{name} of items of both modalities must be a dict, {{'image': ..., "
            f"'text': ...}}. Got {type(values).__name__}."
        )
    return [values]
