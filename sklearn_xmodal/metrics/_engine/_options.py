"""What the caller of a ranking may ask for, checked before any work is done."""

from numbers import Integral, Real

import numpy as np

DIRECTIONS = ("image_to_text", "text_to_image")


def check_one_of(name, value, options):
    """Refuse a value that is not among the options, which are strings."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {list(options)}. Got {value!r}.")


def directions_of(direction, allowed=(*DIRECTIONS, "mean")):
    """Directions that are asked for: the one of that name, otherwise both."""
    check_one_of("direction", direction, allowed)
    return (direction,) if direction in DIRECTIONS else DIRECTIONS


def check_ranking_options(
    *, k=None, ties="average", zero_division="raise", only_nan=False
):
    """Refuse options that no metric understands; `only_nan` refuses 0 and 1, too."""
    if k is not None and (not isinstance(k, Integral) or isinstance(k, bool)):
        raise TypeError(f"k must be an int or None. Got {k!r}.")
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, or None for all ranks. Got {k}.")
    if ties not in ("average", "stable"):
        raise ValueError(f"ties must be 'average' or 'stable'. Got {ties!r}.")
    is_value = isinstance(zero_division, Real) and (
        zero_division in (0, 1) or np.isnan(float(zero_division))
    )
    if not (is_value or zero_division == "raise"):
        raise ValueError(
            f"zero_division must be 'raise', 0.0, 1.0 or np.nan. Got {zero_division!r}."
        )
    if only_nan and zero_division in (0, 1):
        raise ValueError(
            "zero_division must be 'raise' or np.nan here: no rank and no curve stands "
            f"for a query without relevant items. Got {zero_division!r}."
        )
