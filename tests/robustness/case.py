"""A case: one call of a public entry point with one thing odd or wrong about it.

It ends in the result of the plain call, or in a ValueError or TypeError that names
the argument. Whatever the end, the arguments are as they were.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import ImageTextPairs
from sklearn_xmodal.cli._errors import CommandError

SAME, REFUSED = "same", "refused"

#: How messages may call an argument that is not called by its own name.
NAMES = {
    "X_img": "X_img|[Ii]mage",
    "X_txt": "X_txt|[Tt]ext",
    "y": r"\by\b|[Ll]abels?\b",
    "Y": r"\by\b|[Ll]abels?\b",
    "Z_query": "Z_query|row of codes",
    "Z_gallery": "Z_gallery|row of codes",
    "y_query": "y_query|[Ll]abels?",
    "y_gallery": "y_gallery|[Ll]abels?",
}


def unchanged(x):
    return x


@dataclass(frozen=True)
class Change:
    """What is done to an argument, and what must come of it.

    Parameters
    ----------
    name : str
        Says what is odd.
    apply : callable
        Takes the good value of the argument, and returns the odd one.
    outcome : {"same", "refused"}
        Whether the result is that of the plain value, or an error.
    plain : callable
        Takes the good value, and returns what the odd one is to be equivalent to.
    words : str
        Pattern of the error, by default the name of the argument.
    rtol : float
        How close the result must be, relative to the largest.
    """

    name: str
    apply: Callable
    outcome: str = REFUSED
    plain: Callable = unchanged
    words: str | None = None
    rtol: float = 1e-6


@dataclass(frozen=True)
class Entry:
    """A public function or method, good arguments for it, and what may befall them.

    Parameters
    ----------
    name : str
        As users write it.
    call : callable
        Takes the arguments by name, and returns numbers to compare.
    arguments : dict
        Good ones.
    changes : dict
        Argument, or several joined by commas which all change -> list of Change.
    differs : dict
        "argument-change" -> outcome, where it is not that of the change.
    errors : tuple of type
        What an error may be.
    without : tuple of str
        Names of changes that mean nothing here.
    """

    name: str
    call: Callable
    arguments: dict[str, Any]
    changes: dict[str, list[Change]]
    differs: dict[str, str] = field(default_factory=dict)
    errors: tuple[type, ...] = (ValueError, TypeError, CommandError)
    without: tuple[str, ...] = ()

    def cases(self) -> Iterator["Case"]:
        """Yield one case per argument and change."""
        for names, changes in self.changes.items():
            for change in changes:
                if change.name not in self.without:
                    yield Case(self, names, change)


@dataclass(frozen=True)
class Case:
    """One change of one entry."""

    entry: Entry
    names: str
    change: Change

    def __str__(self):
        return f"{self.entry.name}-{self.names}-{self.change.name}"

    @property
    def outcome(self):
        key = f"{self.names}-{self.change.name}"
        return self.entry.differs.get(key, self.change.outcome)

    def check(self):
        """Make the call and hold it to its outcome."""
        arguments = self._changed(self.change.apply)
        before = fingerprint(arguments)
        if self.outcome == REFUSED:
            with pytest.raises(self.entry.errors) as caught:
                self.entry.call(**arguments)
            self._check_error(caught.value)
        else:
            got = numbers(self.entry.call(**arguments))
            assert_same(got, self._expected(), self.change.rtol)
        assert fingerprint(arguments) == before, "the call has changed its arguments"

    def _changed(self, apply):
        good = deepcopy(self.entry.arguments)
        return {**good, **{name: apply(good[name]) for name in self.names.split(",")}}

    def _expected(self):
        if self.change.plain is unchanged:
            return _plain_result(self.entry.name, _Ignored(self.entry))
        return numbers(self.entry.call(**self._changed(self.change.plain)))

    def _check_error(self, error):
        assert not isinstance(error, np.linalg.LinAlgError), repr(error)
        names = [NAMES.get(name, name) for name in self.names.split(",")]
        words = self.change.words or "|".join(names)
        assert re.search(words, str(error)), f"no /{words}/ in {error!r}"


@dataclass(frozen=True)
class _Ignored:
    """An argument that a cache does not look at."""

    value: Any = field(compare=False)


@cache
def _plain_result(name, entry):
    return numbers(entry.value.call(**deepcopy(entry.value.arguments)))


def numbers(result):
    """Return the arrays in a result, in order."""
    if isinstance(result, ImageTextPairs):
        result = [side for side in (result.image, result.text) if side is not None]
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, list | tuple):
        return [array for item in result for array in numbers(item)]
    if sparse.issparse(result):
        result = result.toarray()
    return [np.asarray(result)]


def assert_same(got, expected, rtol):
    """Compare arrays; numbers must be finite."""
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert a.shape == b.shape
        if b.dtype.kind not in "fiub" or a.dtype.kind not in "fiub":
            assert_array_equal(a, b)
            continue
        assert np.isfinite(a).all(), "not finite"
        a, b = a.astype(float), b.astype(float)
        assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max(initial=0))


def fingerprint(value):
    """Return something that is equal for values that are the same byte by byte."""
    if isinstance(value, dict):
        return [(key, fingerprint(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [fingerprint(item) for item in value]
    if isinstance(value, ImageTextPairs):
        return [fingerprint(value.image), fingerprint(value.text)]
    if isinstance(value, pd.DataFrame | pd.Series):
        return repr(
            (
                value.axes,
                value.dtypes if value.ndim == 2 else value.dtype,
                value.to_numpy(dtype=object).tolist(),
            )
        )
    if sparse.issparse(value):
        coo = value.tocoo(copy=True) if value.format in ("dok", "lil") else value
        parts = ("data", "indices", "indptr", "row", "col", "offsets")
        return [fingerprint(getattr(coo, part, None)) for part in parts]
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype == object else value.tobytes()
        return (
            value.dtype,
            value.shape,
            value.strides,
            value.flags.writeable,
            repr(content),
        )
    return repr(value)
