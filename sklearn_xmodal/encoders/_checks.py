"""What the fields of an encoder must be, whoever has made it."""

from dataclasses import fields

import numpy as np
from scipy import sparse


def check_fields(encoder):
    """Make arrays of lists, and hold them to the shapes that the class names.

    A ValueError or TypeError that names the field if that cannot be.
    """
    optional = {f.name for f in fields(encoder) if f.default is None}
    sizes: dict = {}
    for name, shape in encoder._shapes.items():
        values = getattr(encoder, name)
        if values is None and name in optional:
            continue
        values = _as_array(encoder, name, values)
        _check_shape(encoder, name, values.shape, shape, sizes)
        object.__setattr__(encoder, name, values)
    if encoder.feature_names_in_ is not None:
        _check_names(encoder)


def _as_array(encoder, name, values):
    if not sparse.issparse(values):
        try:
            values = np.asarray(values)
        except ValueError as error:  # rows of different length
            raise ValueError(f"{_field(encoder, name)} be an array. {error}") from None
        if values.dtype.kind not in "fiub":
            raise TypeError(
                f"{_field(encoder, name)} be an array of real numbers. Got "
                f"{type(getattr(encoder, name)).__name__} of type {values.dtype}."
            )
    return values


def _check_shape(encoder, name, found, shape, sizes):
    """Check one shape, and add its sizes to those that the next ones must have."""
    is_fine = len(found) == len(shape) and all(
        sizes.setdefault(size, n) == n for size, n in zip(shape, found, strict=True)
    )
    if not is_fine:
        words = ", ".join(shape) + ("," if len(shape) == 1 else "")
        known = ", ".join(f"{s} = {sizes[s]}" for s in shape if s in sizes)
        raise ValueError(
            f"{_field(encoder, name)} have shape ({words})"
            f"{f', with {known}' if known else ''}. Got shape {found}."
        )


def _check_names(encoder):
    names = np.asarray(encoder.feature_names_in_, dtype=object)
    if names.shape != (encoder.n_features_in_,):
        raise ValueError(
            f"{_field(encoder, 'feature_names_in_')} name every one of "
            f"{encoder.n_features_in_} features. Got shape {names.shape}; None is "
            "without names."
        )
    object.__setattr__(encoder, "feature_names_in_", names)


def check_members(encoder, name, *, is_list=True):
    """Raise a TypeError unless a field is an encoder, or a list of at least one."""
    from sklearn_xmodal.encoders._base import Encoder

    value = getattr(encoder, name)
    members = value if is_list and isinstance(value, list | tuple) else [value]
    if not members or (is_list and members is not value):
        raise TypeError(
            f"{_field(encoder, name)} be a list of at least one encoder. Got {value!r}."
        )
    for member in members:
        if not isinstance(member, Encoder):
            raise TypeError(
                f"{_field(encoder, name)} hold encoders. Got {type(member).__name__}; "
                "EstimatorEncoder(estimator=...) makes one of a fitted transformer."
            )


def check_fit_together(encoder, n_taken, what):
    """Raise a ValueError unless the codes of an encoder are as wide as what follows."""
    width = encoder.n_components_
    if width is not None and n_taken is not None and width != n_taken:
        raise ValueError(
            f"Codes of {encoder!r} must be as wide as what takes them. Got {n_taken} "
            f"{what}."
        )


def _field(encoder, name):
    return f"{name} of {type(encoder).__name__} must"
