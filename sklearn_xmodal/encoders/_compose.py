"""Encoders made of encoders, and of the estimators of other packages."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders._base import Encoder
from sklearn_xmodal.encoders._checks import check_fit_together, check_members
from sklearn_xmodal.utils._unit import to_unit_length

_FLOATS = (np.float32, np.float64)
#: What a file may ask an estimator to do with rows.
_METHODS = {"transform", "predict_proba", "predict_log_proba", "decision_function"}


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Chain(Encoder):
    """Encoders one after the other, each of what the one before has made.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    steps : list of Encoder
        At least one.
    """

    kind: ClassVar[str] = "chain"
    _most_rows: ClassVar[None] = None

    steps: list[Encoder]

    def __post_init__(self):
        check_members(self, "steps")
        super().__post_init__()
        for one, after in pairwise(self.steps):
            check_fit_together(one, after.n_features_in_, f"features of {after!r}")

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.steps[0].n_features_in_

    @property
    def n_components_(self):
        """Number of columns of the codes."""
        return self.steps[-1].n_components_

    def _width(self):
        return self.steps[0]._width()

    def _checked(self, X, name, first_row=0):
        self._check_columns(X, name)
        return self.steps[0]._checked(X, name, first_row)

    def _arrays(self):
        return [on for step in self.steps for on in step._arrays()]

    def _with_arrays_of(self, networks):
        return replace(self, steps=[s._with_arrays_of(networks) for s in self.steps])

    def _encode(self, X):
        for step in self.steps:
            X = step.apply(X)
        return X


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Concat(Encoder):
    r"""Unit codes of several encoders side by side, :math:`\sqrt{w_m} z_m / |z_m|`.

    The inner product of two such codes is the weighted mean of the members' cosines.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    encoders : list of Encoder
        Members, of the same modality.

    weights : ndarray of shape (n_encoders,)
        Positive numbers w.
    """

    kind: ClassVar[str] = "concat"
    _shapes: ClassVar[dict] = {"weights": ("n_encoders",)}
    _most_rows: ClassVar[None] = None

    encoders: list[Encoder]
    weights: np.ndarray

    def __post_init__(self):
        check_members(self, "encoders")
        super().__post_init__()
        if len(self.weights) != len(self.encoders) or not (self.weights > 0).all():
            raise ValueError(
                f"weights of Concat must be {len(self.encoders)} positive numbers, one "
                f"per encoder. Got {self.weights.tolist()}."
            )
        widths = [encoder.n_features_in_ for encoder in self.encoders]
        if len({width for width in widths if width is not None}) > 1:
            raise ValueError(
                "encoders of Concat must be of one modality, so of one number of "
                f"features. Got {widths}."
            )

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.encoders[0].n_features_in_

    @property
    def n_components_(self):
        """Number of columns of the codes of all members."""
        return sum(encoder.n_components_ for encoder in self.encoders)

    def _arrays(self):
        return [on for encoder in self.encoders for on in encoder._arrays()]

    def _with_arrays_of(self, networks):
        encoders = [encoder._with_arrays_of(networks) for encoder in self.encoders]
        return replace(self, encoders=encoders)

    def _encode(self, X):
        codes = [encoder.apply(X) for encoder in self.encoders]
        # Numbers of NumPy keep the products in float64.
        weighted = zip(np.sqrt(self.weights), codes, strict=True)
        parts = [length * to_unit_length(Z) for length, Z in weighted]
        return np.concatenate(parts, axis=1).astype(X.dtype, copy=False)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class EstimatorEncoder(Encoder):
    """A fitted estimator of another package as an encoder.

    It takes what the estimator takes, also what is no matrix of numbers.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    estimator : estimator
        With a method that maps every row of one modality by itself.

    method : str, default="transform"
        Name of that method, such as ``"predict_proba"``.

    side : {"image", "text"}, default=None
        Where the method takes and returns ImageTextPairs, the side of this modality.

    n_features_in_ : int, default=None
        Number of columns that it takes, if it is known.

    n_components_ : int, default=None
        Number of columns that it returns, if it is known.
    """

    kind: ClassVar[str] = "estimator"
    _most_rows: ClassVar[None] = None

    estimator: Any
    method: str = "transform"
    side: str | None = None
    n_features_in_: int | None = None
    n_components_: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if not callable(getattr(self.estimator, self.method, None)):
            raise TypeError(
                "estimator of EstimatorEncoder must be a fitted estimator with a "
                f"method {self.method!r}. Got {type(self.estimator).__name__}."
            )
        if self.side not in (None, "image", "text"):
            raise ValueError(
                "side of EstimatorEncoder must be 'image', 'text' or None. Got "
                f"{self.side!r}."
            )

    def _check(self):
        _check_estimator(self.estimator)
        if self.method not in _METHODS:
            raise ValueError(f"method must be in {sorted(_METHODS)}. Got {self.method}")

    def _width(self):
        known = self.n_features_in_
        if known is None and self.side is None:  # else they are of both modalities
            return getattr(self.estimator, "n_features_in_", None)
        return known

    def _checked(self, X, name, first_row=0):
        self._check_columns(X, name)
        return X

    def _step_name(self):
        """Return what errors call this step."""
        return (
            f"{self.method} of {type(self.estimator).__name__} (an EstimatorEncoder; "
            "export what follows, as pipe[-1], and do this step before it)"
        )

    def _encode(self, X):
        encode = getattr(self.estimator, self.method)
        Z = encode(X) if self.side is None else self._encoded_side(encode, self.side, X)
        Z = Z.tocsr() if sparse.issparse(Z) else np.asarray(Z)
        dtype = getattr(X, "dtype", None)
        if dtype in _FLOATS:
            return Z.astype(dtype, copy=False)
        return Z if Z.dtype in _FLOATS else Z.astype(np.float64)

    def _encoded_side(self, encode, side, X):
        from sklearn_xmodal.pairs import ImageTextPairs

        pairs = encode(ImageTextPairs(**{side: X}))
        if not isinstance(pairs, ImageTextPairs):
            raise TypeError(
                "transform must take ImageTextPairs with one side and return the same, "
                "as a retriever and a Pipeline of ModalityTransformer and retriever "
                f"do. Got {type(pairs).__name__} from "
                f"{type(self.estimator).__name__}."
            )
        return getattr(pairs, side)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class ViewEncoder(Encoder):
    """One view of a model of lists of views, such as those of cca-zoo.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    estimator : estimator
        Whose `transform` takes a list of matrices and encodes every one by itself.

    place : int
        Of this modality in the list.

    fillers : list of ndarray of shape (1, n_features)
        An item of every view, which stands in for those that are not there.

    n_components_ : int
        Number of columns that it returns.
    """

    kind: ClassVar[str] = "view"
    _most_rows: ClassVar[None] = None

    estimator: Any
    place: int
    fillers: list[np.ndarray]
    n_components_: int

    def _check(self):
        _check_estimator(self.estimator)

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.fillers[self.place].shape[1]

    def _encode(self, X):
        views = [np.repeat(filler, X.shape[0], axis=0) for filler in self.fillers]
        views[self.place] = X.toarray() if sparse.issparse(X) else X
        Z = self.estimator.transform(views)[self.place]
        return np.asarray(Z).astype(X.dtype, copy=False)


def _check_estimator(estimator):
    if not hasattr(estimator, "get_params"):
        kind = type(estimator).__name__
        raise ValueError(f"estimator must be a model of scikit-learn. Got a {kind}")
