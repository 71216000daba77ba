"""What every encoder is: a frozen map from the features of one modality to codes."""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders._checks import check_fields
from sklearn_xmodal.utils._blocks import row_blocks, working_memory
from sklearn_xmodal.utils._containers import as_matrix
from sklearn_xmodal.utils._features import (
    as_float_matrix,
    capital,
    check_finite,
    first_bad_row,
    width_error,
    widths_told,
)

#: What a part is called in files -> class. Filled as classes are defined.
PARTS: dict = {}

#: Rows that go through at a time, however few bytes they take.
MOST_ROWS = 2**16


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Part:
    """What never changes once it is made, and is written to files by its fields."""

    #: Name in files, never to be changed.
    kind: ClassVar[str]
    #: Of the fields. A change of them needs a higher one, and a branch in `from_state`
    #: that reads the older one.
    version: ClassVar[int] = 1

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "kind" not in vars(cls):
            return
        known = PARTS.setdefault(cls.kind, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"kind must be unique, for it names the class in files. Got "
                f"{cls.kind!r}, which is that of {known.__module__}."
                f"{known.__qualname__}."
            )
        PARTS[cls.kind] = cls  # a class that was defined again

    def state(self):
        """Return what a file holds: the fields by name.

        Returns
        -------
        state : dict
            Of numbers, strings, arrays, lists, dicts and other parts.
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state, version):
        """Return a part from what `state` gave.

        Parameters
        ----------
        state : dict
            The fields.

        version : int
            The `version` of the class that wrote them.

        Returns
        -------
        part : Part
            Of this class.

        Raises
        ------
        ValueError
            If the version is unknown, or entries are missing or unknown.
        """
        if version != cls.version:
            raise ValueError(
                f"{cls.__name__} must have version {cls.version}. Got {version}."
            )
        names = {field.name for field in fields(cls)}
        if set(state) != names:
            raise ValueError(
                f"{cls.__name__} must have the entries {sorted(names)}. Got "
                f"{sorted(state)}."
            )
        _refuse_other_types(cls, state)
        part = cls(**state)
        part._check()
        return part

    def _check_types(self):
        """Raise a ValueError for fields of other types, of parts inside, too.

        For what is made of an older file, by other ways than `from_state`.
        """
        state = self.state()
        _refuse_other_types(type(self), state)
        self._check()
        for value in state.values():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, Part):
                    part._check_types()

    def _check(self):
        """Raise a ValueError for fields of a file whose types are not all."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Encoder(Part, ABC):
    """Base of the encoders: what a fitted retriever does to one modality.

    It needs NumPy and SciPy alone unless a model of another package is inside. Every
    encoder has `n_features_in_` and `n_components_`, the widths of features and codes.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features that it was fitted to, if they had some.
    """

    #: Fields that are arrays -> their shapes, in names of sizes that must agree.
    _shapes: ClassVar[dict] = {}

    feature_names_in_: Any = None
    #: That go through at a time; None where steps inside cut rows themselves.
    _most_rows: ClassVar[int | None] = MOST_ROWS

    # At run time properties of these names would be the defaults of fields.
    if TYPE_CHECKING:

        @property
        def n_features_in_(self) -> Any:
            """Number of features of the modality."""

        @property
        def n_components_(self) -> Any:
            """Number of columns of the codes."""

    def __post_init__(self):
        check_fields(self)

    def __repr__(self):
        widths = f"{self.n_features_in_} features -> {self.n_components_} columns"
        return f"{type(self).__name__}({widths})"

    def __call__(self, X):
        """Encode items of the modality.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features_in_)
            Features, any number of rows. float32 is kept, other numbers become
            float64.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes of the type of the features; their cosine with the codes of the other
            modality is the similarity.

        Raises
        ------
        ValueError
            If the columns are not those of fit, or a code is NaN or infinite.
        """
        return self._checked_codes(X, "X")

    def _checked_codes(self, X, name, first_row=0):
        """Encode what is called `name` in errors, any form of it, or a part."""
        with widths_told(X, self._width(), name):
            X = self._checked(X, name, first_row)
            return self._finite_codes(X, name, first_row)

    def _width(self):
        """Return the number of features that it takes, None where any will do."""
        return self.n_features_in_

    def _finite_codes(self, X, name, first_row=0):
        """Encode a float matrix, dense or CSR, and check the codes."""
        with np.errstate(over="ignore", invalid="ignore"):
            Z = self.apply(X)
        values = Z.data if sparse.issparse(Z) else Z
        if not np.isfinite(values).all():
            if getattr(X, "dtype", None) in (np.float32, np.float64):
                check_finite(X, name, first_row)  # some steps let NaN through
            raise ValueError(
                f"{capital(name)} must have codes that {Z.dtype} can hold: are they "
                "of the same scale as in fit? Got a code with NaN or infinity, the "
                f"first in row {first_row + first_bad_row(Z)}."
            )
        return Z

    def apply(self, X):
        """Encode without any check, in blocks of rows.

        Parameters
        ----------
        X : {ndarray, sparse matrix} of shape (n_samples, n_features_in_)
            Finite features in float32 or float64; sparse ones as CSR.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_)
            Codes.
        """
        shape = getattr(X, "shape", ())  # lists of raw items have none
        if shape and isinstance(shape[0], str):  # of a graph
            return self._recorded(X)
        if self._most_rows is None:
            return self._encode(X)
        width, budget = self._bytes_per_row(X), working_memory()
        blocks = row_blocks(X.shape[0], width, budget, most=self._most_rows)
        if len(blocks) == 1:
            return self._encode(X)
        Z = np.empty((X.shape[0], self.n_components_), dtype=X.dtype)
        for rows in blocks:
            Z[rows] = self._encode(X[rows])
        return Z

    @abstractmethod
    def _encode(self, X):
        """Encode one block of rows, (n, n_features_in_) -> (n, n_components_)."""

    def _step_name(self):
        """Return what errors call this step."""
        return type(self).__name__

    def _recorded(self, X):
        """Encode an array that is not there, or say that this step cannot."""
        from sklearn_xmodal.encoders._onnx import recorded

        return recorded(self, X)

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        return 8 * self.n_components_

    def to_onnx(self):
        """Return the encoder as an ONNX model: float32 features in, float32 codes out.

        Input and output are called ``features`` and ``codes``; the number of rows is
        free. What is computed in float64 here is so there.

        Returns
        -------
        model : onnx.ModelProto
            Of the operators of opset 18.

        Raises
        ------
        ImportError
            If the package onnx is missing.

        TypeError
            If a part of the encoder has no counterpart in ONNX.
        """
        from sklearn_xmodal.encoders._onnx import traced

        return traced(self)

    def _arrays(self):
        """Return the operations on arrays of the networks inside, in their order."""
        return []

    def _with_arrays_of(self, networks):
        """Return the same encoder with the next operations for every network inside."""
        return self

    def _named(self, names):
        """Return the same encoder with other column names of the features."""
        other = copy.copy(self)
        object.__setattr__(other, "feature_names_in_", names)
        return other

    def _checked(self, X, name, first_row=0):
        """Return a float matrix, dense or CSR, with the columns of fit."""
        X = as_matrix(X)
        self._check_columns(X, name)
        X = as_float_matrix(X, name)
        if error := width_error(X, self.n_features_in_, name):
            raise error
        check_finite(X, name, first_row)
        return X

    def _check_columns(self, X, name):
        expected, columns = self.feature_names_in_, getattr(X, "columns", None)
        if expected is None or columns is None or list(columns) == list(expected):
            return
        if not all(isinstance(column, str) for column in columns):  # as no names
            return
        raise ValueError(
            f"The columns of {name} must be those seen in fit, in the same order. Got "
            f"{list(columns[:5])}, expected {list(expected[:5])} (first five shown)."
        )


def _refuse_other_types(cls, state):
    for name, hint in _hints(cls).items():
        if not _is_of(state[name], hint):
            raise ValueError(
                f"{cls.__name__}.{name} must be of {hint}. Got a "
                f"{type(state[name]).__name__}."
            )


@cache
def _hints(cls):
    """Return the types of the fields that say one."""
    return {f.name: f.type for f in fields(cls) if f.type not in (Any, object)}


def _is_of(value, hint):
    """Tell whether a value is of the type of a field; numbers of NumPy are numbers."""
    if get_origin(hint) is list:
        (inner,) = get_args(hint)
        return type(value) is list and all(_is_of(item, inner) for item in value)
    if hint is Any:
        return True
    if get_origin(hint) is UnionType:
        return any(_is_of(value, one) for one in get_args(hint))
    wider = {
        bool: (bool, np.bool_),
        float: (Real, np.floating),
        int: (Integral, np.integer),
    }
    if hint is not bool and isinstance(value, bool):
        return False
    return isinstance(value, wider.get(hint, hint))
