"""Ids, labels and payload of items: what they may be, and which are the same."""

import datetime
from collections.abc import Mapping, Set

import numpy as np

from sklearn_xmodal.utils._validation import count

#: What files hold as it is.
SCALARS = (str, int, float, bool, type(None))
_NUMPY_SCALARS = (np.number, np.bool_, np.str_, np.bytes_)


def check_items(n, ids, labels, payload, next_id=0):
    """Validate what belongs to n new items, whose ids count on from `next_id`.

    Returns ids and labels as arrays of shape (n,), integers or objects, and payload as
    a list; the last two may be None.
    """
    for name, values in (("ids", ids), ("labels", labels), ("payload", payload)):
        check_order(values, name)
    if ids is None:
        ids = np.arange(next_id, next_id + n)
    else:
        ids = check_hashable(ids, "ids")
        check_length(ids, n, "ids")
        _check_distinct(ids)
    if labels is not None:
        labels = check_hashable(labels, "labels")
        check_length(labels, n, "labels")
    if payload is not None:
        payload = storable_payload(payload)
        check_length(payload, n, "payload")
    return ids, labels, payload


def check_hashable(values, name):
    """Return ids or labels as an array of shape (n,), of integers or of objects."""
    values = [plain(value) for value in as_list(values, name)]
    for value in values:
        _check_id(value, name)
    if all(type(value) is int and abs(value) < 2**63 for value in values):
        return np.array(values, dtype=np.int64)
    return np.fromiter(values, dtype=object, count=len(values))


def plain(value):
    """Return the Python object that a number, string or date of a library stands for.

    Of NumPy, of tensors without axes, and of pyarrow, also within tuples. Whatever
    Python has no equal of stays.
    """
    if type(value) in SCALARS:
        return value
    if type(value) is tuple:
        return tuple(map(plain, value))
    if hasattr(value, "as_py"):  # pyarrow, whose scalars equal nothing else
        return value.as_py()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.timedelta64):  # a number for NumPy, and loses its unit
        item = value.item()
        return item if isinstance(item, datetime.timedelta) else value
    is_tensor = _shape(value) == () and not isinstance(value, np.generic)
    if isinstance(value, _NUMPY_SCALARS) or (is_tensor and hasattr(value, "item")):
        return value.item()
    return value


def keys(values):
    """Return what ids or labels from `check_hashable` are compared by, a list."""
    if values.dtype == np.int64:
        return values.tolist()
    return [key(value) for value in values.tolist()]


def key(value):
    """Return what an id or label from `plain` is compared by.

    Dates and times without a time zone are their moment, whatever library and unit
    they are in; a date is its midnight, as for NumPy. Everything else is itself.
    """
    if type(value) in SCALARS:
        return value
    if type(value) is tuple:
        return tuple(map(key, value))
    if isinstance(value, datetime.date) and getattr(value, "tzinfo", None) is None:
        # pandas has nanoseconds, which NumPy would not ask it for.
        value = getattr(value, "to_datetime64", lambda of=value: np.datetime64(of))()
    elif isinstance(value, datetime.timedelta):
        value = getattr(value, "to_timedelta64", lambda of=value: np.timedelta64(of))()
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _ticks(value)
    return value


def _ticks(value):
    """Return kind, unit and number of a NumPy time, in the coarser of two units."""
    kind = type(value)
    for unit in ("us", "ns"):
        try:
            ticks = value.astype(f"{kind.__name__}[{unit}]")
            is_exact = ticks == value
        except TypeError:  # durations in months or years
            return value
        if is_exact:
            return kind, unit, int(ticks.astype(np.int64))
    return value


def storable_payload(payload):
    """Return payload as a list of what files hold, else raise an error.

    Numbers and strings of NumPy and of tensors become those of Python, and arrays
    lists.
    """
    try:
        return [_storable(value) for value in as_list(payload, "payload")]
    except RecursionError:
        raise ValueError(
            "payload must not be nested without end. Got a list or dict that holds "
            "itself, or hundreds of levels."
        ) from None


def _storable(value):
    value = plain(value)
    if type(value) in SCALARS:
        return value
    if isinstance(value, np.ndarray) and not np.ma.is_masked(value):
        if value.dtype.kind in "biufUO":
            return [_storable(item) for item in value.tolist()]
    elif type(value) in (list, tuple):
        return type(value)(map(_storable, value))
    elif type(value) is dict:
        names = [plain(name) for name in value]
        if all(type(name) is str for name in names):
            return dict(zip(names, map(_storable, value.values()), strict=True))
    raise TypeError(
        "payload must be what files can hold: str, int, float, bool, None, arrays of "
        "these, or tuples, lists and dicts with str keys of these. Got "
        f"{value!r} of type {type(value).__name__}. Convert it, or keep such objects "
        "in a dict by their ids."
    )


def _check_id(value, name):
    try:
        hash(value)
        is_hashable = isinstance(value, np.generic) or _shape(value) is None
    except TypeError:
        is_hashable = False
    if not is_hashable:  # nor are tensors, of which each equals itself alone
        raise TypeError(
            f"{name} must be hashable, such as int, str or tuple. Got {value!r} of "
            f"type {type(value).__name__}."
        )
    if _is_nan(value):
        raise ValueError(f"{name} must not be NaN. Got {value!r}.")


def _shape(value):
    return getattr(value, "shape", None)


def _is_nan(value):
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True


def as_list(values, name):
    """Return values that have an order and are more than one, as a list."""
    is_single = isinstance(values, (str, bytes)) or _shape(values) == ()
    if is_single or not hasattr(values, "__iter__"):
        raise TypeError(
            f"{name} must be a list or an array. Got {values!r} of type "
            f"{type(values).__name__}; put a single one into a list."
        )
    if isinstance(values, Mapping) or (hasattr(values, "iloc") and values.ndim > 1):
        raise TypeError(
            f"{name} must be a list or an array. Got {type(values).__name__}, of which "
            "the keys would be taken."
        )
    if np.ma.is_masked(values):
        n_masked = count(np.ma.count_masked(values), "value")
        raise ValueError(
            f"{name} must not be masked. Got a masked array with {n_masked} missing."
        )
    return list(values)


def check_order(values, name):
    """Raise a TypeError for sets."""
    if isinstance(values, Set):
        raise TypeError(
            f"{name} must be in the order of the items. Got a {type(values).__name__}, "
            "which has no order."
        )


def check_length(values, n, name):
    """Raise a ValueError unless there is one value per item."""
    if len(values) != n:
        raise ValueError(
            f"{name} must have one entry per item. Got {len(values)} for "
            f"{count(n, 'item')}."
        )


def _check_distinct(ids):
    all_keys = keys(ids)
    if len(set(all_keys)) == len(all_keys):
        return
    seen = set()
    for id_, its_key in zip(ids.tolist(), all_keys, strict=True):
        if its_key in seen:
            raise ValueError(f"ids must be distinct. Got {id_!r} more than once.")
        seen.add(its_key)
