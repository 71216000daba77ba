"""Directions of codes around the mean of their modality, and between two codes."""

from collections.abc import Mapping

import numpy as np

from sklearn_xmodal.neighbors._gallery import MODALITIES
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import count

# Length of what is left of equal codes of float32 numbers, or of those of a network.
_ROUNDING = 1e-6


class Centring:
    """Takes the mean code of each modality away, so that both share one ranking.

    `means` are those of codes of unit length, in float64, by modality.
    """

    def __init__(self, means):
        self.means = means

    @classmethod
    def of(cls, codes):
        """Measure the means of codes of unit length, by modality."""
        for modality, Z in codes.items():
            if len(Z) < 2:
                raise ValueError(
                    "center needs at least two items of each modality: nothing is left "
                    f"of one without its own mean. Got {count(len(Z), modality)}. Hand "
                    "over reference data, center={'image': ..., 'text': ...}."
                )
        return cls({m: Z.mean(axis=0, dtype=np.float64) for m, Z in codes.items()})

    def apply(self, codes, part):
        """Return codes of one modality around their mean, of unit length or zero."""
        if part.modality is None:
            raise ValueError(
                "vectors of an index with center must say their modality: "
                "vectors={'image': Z} or vectors={'text': Z}. Got a matrix."
            )
        mean = self.means[part.modality]
        for rows in row_blocks(*codes.shape):
            codes[rows] = _directions(codes[rows].astype(np.float64) - mean)
        return codes


def check_center(center, modality):
    """Raise unless a gallery of some modality can be centred so."""
    is_by_modality = isinstance(center, Mapping) and set(center) == set(MODALITIES)
    if not is_by_modality and not isinstance(center, bool | np.bool_):
        raise ValueError(
            "center must be a bool or a dict of reference data, {'image': ..., 'text': "
            f"...}}. Got {list(center) if isinstance(center, Mapping) else center!r}."
        )
    if modality is None and (is_by_modality or center):
        raise ValueError(
            "center needs the modality of every item. Got vectors without one; pass "
            "vectors={'image': ..., 'text': ...}."
        )
    if modality != "both" and not is_by_modality and center:
        raise ValueError(
            "center=True takes the mean of the gallery's own items of each modality, "
            f"so it must hold both. Got {modality} alone. Hand over reference data, "
            "center={'image': ..., 'text': ...}."
        )


def check_weights(weights, n_parts):
    """Return the weights of the modalities of a query, or None for those of one."""
    if n_parts == 1:
        if weights is not None:
            raise ValueError(
                "weights are of queries of both modalities. Got those of one."
            )
        return None
    if weights is None:
        return 0.5, 0.5
    try:
        checked = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        checked = np.empty(0)
    is_right = checked.shape == (2,) and np.isfinite(checked).all()
    if not is_right or (checked < 0).any() or not checked.any():
        raise ValueError(
            "weights must be two numbers, of the image and of the text, at least 0 and "
            f"not both 0. Got {weights!r}."
        )
    return tuple(checked / checked.max())


def fused(codes, weights):
    """Return one code per row of two matrices: the direction of the weighted mean."""
    first, second = codes
    if len(first) != len(second):
        raise ValueError(
            "Queries of both modalities must have one image and one text each. Got "
            f"{count(len(first), 'image')} and {count(len(second), 'text')}. Repeat a "
            "single one for all, such as with np.repeat."
        )
    query = np.empty_like(first)
    for rows in row_blocks(*first.shape):
        mean = sum(
            weight * side[rows].astype(np.float64)
            for weight, side in zip(weights, codes, strict=True)
        )
        query[rows] = _directions(mean)
    return query


def _directions(Z):
    """Rows of unit length; rows of which only rounding is left become zero."""
    is_rounding = np.linalg.norm(Z, axis=1) <= _ROUNDING
    Z = to_unit_length(Z)
    Z[is_rounding] = 0
    return Z
