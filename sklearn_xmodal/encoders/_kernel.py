"""Kernel encoders: values against training items, or what approximates a kernel."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from sklearn_xmodal.encoders._base import MOST_ROWS, Encoder
from sklearn_xmodal.encoders._checks import check_fit_together, check_members
from sklearn_xmodal.utils._blocks import row_blocks, working_memory

#: Kernels that are computed here; the others are those of scikit-learn.
OWN_KERNELS = ("linear", "poly", "polynomial", "sigmoid", "rbf", "laplacian", "cosine")


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class KernelMap(Encoder):
    """Items to their kernel values against a basis of items.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    kernel : str or callable
        As in :class:`~sklearn_xmodal.KCCARetriever`; ``"precomputed"`` takes values as
        they are.

    basis : {ndarray, sparse matrix} of shape (n_basis, n_features)
        Training items.

    params : dict
        Parameters of the kernel: ``gamma``, ``degree`` and ``coef0``, or those of a
        callable.

    origin : ndarray of shape (n_features,), default=None
        Subtracted from all items first.

    columns : ndarray of shape (n_basis,), default=None
        Which of the precomputed values count; `None` is all.

    n_jobs : int, default=None
        Parallel jobs of kernels that are scikit-learn's.
    """

    kind: ClassVar[str] = "kernel_values"
    _shapes: ClassVar[dict] = {
        "basis": ("n_basis", "n_features_in_"),
        "origin": ("n_features_in_",),
    }

    kernel: object
    basis: Any
    params: dict
    origin: np.ndarray | None = None
    columns: np.ndarray | None = None
    n_jobs: int | None = None

    def _check(self):
        wrong = [
            v for v in self.params.values() if not isinstance(v, Real | str | None)
        ]
        if wrong:
            raise ValueError(
                f"params of KernelMap must be numbers. Got a {type(wrong[0]).__name__}."
            )

    @property
    def n_features_in_(self):
        """Number of features, or of precomputed values."""
        return self.basis.shape[1]

    @property
    def n_components_(self):
        """Number of items in the basis."""
        return self.basis.shape[0]

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        # The values, and as much again for what computing them takes.
        return 16 * self.basis.shape[0] + 8 * X.shape[1]

    def _encode(self, X):
        if self.kernel == "precomputed":
            X = X if self.columns is None else X[:, self.columns]
            X = X.toarray() if sparse.issparse(X) else X
            return np.array(X, dtype=np.float64, order="C")
        basis = self.basis
        if isinstance(X.shape[0], str) and sparse.issparse(basis):
            basis = basis.toarray()  # graphs have no sparse constants
        return self._values(shifted(X, self.origin), shifted(basis, self.origin))

    def _values(self, X, Y):
        """Return the kernel between shifted items, (n, m) in float64."""
        # In float64 throughout: rounding to float32 costs the kernel its definiteness.
        if self.kernel in OWN_KERNELS:
            return kernel_values(self.kernel, X, Y, **self.params)
        from sklearn.metrics.pairwise import pairwise_kernels

        K = pairwise_kernels(
            X,
            Y,
            metric=self.kernel,
            filter_params=True,
            n_jobs=self.n_jobs,
            **self.params,
        )
        return K.toarray() if sparse.issparse(K) else np.ascontiguousarray(K)


def kernel_values(kernel, X, Y, *, gamma=None, degree=3, coef0=1):
    """Return a kernel of Scholkopf and Smola (2002) between rows, (n, m).

    `gamma=None` is 1 / n_features.
    """
    gamma = 1.0 / Y.shape[1] if gamma is None else gamma
    if kernel == "rbf":
        K = _squared_distances(X, Y)
        K *= -gamma
        return np.exp(K, out=K)
    if kernel == "laplacian":
        K = _manhattan_distances(X, Y)
        K *= -gamma
        return np.exp(K, out=K)
    if kernel == "cosine":
        X, Y = _unit(X), _unit(Y)
    K = _products(X, Y)
    if kernel in ("linear", "cosine"):
        return K
    K *= gamma
    K += coef0
    if kernel == "sigmoid":
        return np.tanh(K, out=K)
    K **= degree
    return K


def value_blocks(found, X, batches=None):
    """Yield slices of rows, and what a map makes of them, (n, n_values) in float64."""
    width, budget = found._bytes_per_row(X), working_memory()
    for rows in batches or row_blocks(X.shape[0], width, budget, most=MOST_ROWS):
        yield rows, found._encode(X[rows])


def shifted(X, origin):
    """Return features in float64, dense where an origin is subtracted."""
    X = X.astype(np.float64, copy=False)
    if origin is None:
        return X
    return (X.toarray() if sparse.issparse(X) else X) - origin


def _products(X, Y):
    K = X @ Y.T
    return K.toarray() if sparse.issparse(K) else K


def _squares(X):
    if sparse.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", X, X)


def _squared_distances(X, Y):
    # By products, the fast way; features are centred, so that few digits cancel.
    # In place, as pages of fresh memory cost more here than the arithmetic.
    K = _products(X, Y)
    K *= -2
    K += _squares(X)[:, None]
    K += _squares(Y)[None, :]
    return np.maximum(K, 0.0, out=K)


def _manhattan_distances(X, Y):
    from scipy.spatial.distance import cdist

    X, Y = (A.toarray() if sparse.issparse(A) else A for A in (X, Y))
    return cdist(X, Y, "cityblock")


def _unit(X):
    length = np.sqrt(_squares(X))
    length = np.where(length > 0, length, 1.0)
    if sparse.issparse(X):
        return sparse.diags(1 / length).tocsr() @ X
    return X / length[:, None]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FourierMap(Encoder):
    r"""Items to random Fourier features, for kernels of differences.

    The features are :math:`\cos(\omega_j^\top x), \sin(\omega_j^\top x)` over the
    square root of the number of frequencies, drawn from the Fourier transform of the
    kernel [1]_.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    frequencies : ndarray of shape (n_features, n_frequencies)
        In columns.

    origin : ndarray of shape (n_features,), default=None
        Subtracted from all items first.

    References
    ----------
    .. [1] A. Rahimi, B. Recht, "Random features for large-scale kernel machines",
       NIPS, 2007.
    """

    kind: ClassVar[str] = "fourier_features"
    _shapes: ClassVar[dict] = {
        "frequencies": ("n_features_in_", "n_frequencies"),
        "origin": ("n_features_in_",),
    }

    frequencies: np.ndarray
    origin: np.ndarray | None = None

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.frequencies.shape[0]

    @property
    def n_components_(self):
        """Number of random features, two per frequency."""
        return 2 * self.frequencies.shape[1]

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        return 32 * self.frequencies.shape[1] + 8 * X.shape[1]

    def _encode(self, X):
        phases = shifted(X, self.origin) @ self.frequencies
        features = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
        features /= np.sqrt(self.frequencies.shape[1])
        return features


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class KernelEncoder(Encoder):
    r"""Combine kernel values: :math:`z = (k(x)^\top A - b) \operatorname{diag}(s)`.

    Parameters
    ----------
    feature_names_in_ : ndarray of shape (n_features_in_,), default=None
        Column names of the features, which tables must have.

    values : KernelMap or FourierMap
        From items to kernel values, or to features in their place.

    dual_coef : ndarray of shape (n_values, n_components_)
        Coefficients A in columns.

    offset : ndarray of shape (n_components_,)
        What the mean of the training items has, b.

    scales : ndarray of shape (n_components_,)
        Factors s of the columns of the codes.
    """

    kind: ClassVar[str] = "kernel"
    _shapes: ClassVar[dict] = {
        "dual_coef": ("n_values", "n_components_"),
        "offset": ("n_components_",),
        "scales": ("n_components_",),
    }

    values: Encoder
    dual_coef: np.ndarray
    offset: np.ndarray
    scales: np.ndarray

    def __post_init__(self):
        check_members(self, "values", is_list=False)
        super().__post_init__()
        check_fit_together(self.values, len(self.dual_coef), "rows of dual_coef")

    @property
    def n_features_in_(self):
        """Number of features of the modality."""
        return self.values.n_features_in_

    @property
    def n_components_(self):
        """Number of columns of the codes."""
        return self.dual_coef.shape[1]

    def _bytes_per_row(self, X):
        """Return what `_encode` allocates for a row."""
        return self.values._bytes_per_row(X)

    def _step_name(self):
        """Return what errors call this step."""
        kernel = getattr(self.values, "kernel", None)
        return f"KernelEncoder with {kernel=}" if kernel else super()._step_name()

    def _encode(self, X):
        # The means of rows need no subtracting: exact coefficients sum to zero.
        Z = self.values._encode(X) @ (self.dual_coef * self.scales)
        return (Z - self.offset * self.scales).astype(X.dtype, copy=False)
