"""Image-text pairs as one object that can be sliced by rows."""

from numbers import Integral
from typing import Self

import numpy as np
from scipy import sparse

from sklearn_xmodal.utils._containers import as_matrix, check_same_index
from sklearn_xmodal.utils._features import is_dict
from sklearn_xmodal.utils._validation import canonical, count

MODALITIES = ("image", "text")


class ImageTextPairs:
    """Image features and text features whose rows are pairs.

    scikit-learn's splitters and searches need one object that can be sliced
    by rows. This is it: row ``i`` of `image` belongs to row ``i`` of `text`,
    and each side keeps its own type, so sparse text can stand beside dense
    images without a copy. It carries no labels: pass `y` separately.

    Parameters
    ----------
    image : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...), \
            default=None
        The image side. `None` where only text is to be projected.

    text : {array-like, sparse matrix, DataFrame} of shape (n_samples, ...), \
            default=None
        The text side. Raw strings, shape (n_samples,), are fine where a
        :class:`ModalityTransformer` turns them into features.

    Attributes
    ----------
    shape : tuple of int
        Rows, and columns of both sides together.

    Raises
    ------
    ValueError
        If the sides differ in their number of rows, or both are missing; if both have
        an index, as DataFrames do, and these differ.

    See Also
    --------
    ModalityTransformer : One transformer per side of such pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal import ImageTextPairs
    >>> pairs = ImageTextPairs(np.ones((4, 3)), np.zeros((4, 2)))
    >>> pairs[:2]
    ImageTextPairs(image=(2, 3) float64, text=(2, 2) float64)
    >>> pairs.shape
    (4, 5)
    """

    __slots__ = ("image", "text")

    def __init__(self, image=None, text=None):
        self.image = _as_side(image, "image")
        self.text = _as_side(text, "text")
        if self.image is None and self.text is None:
            raise ValueError(
                "ImageTextPairs needs at least one side. Got image=None and text=None."
            )
        if self.image is not None and self.text is not None:
            check_known_size(self.image)
            check_known_size(self.text)
            n_image, n_text = self.image.shape[0], self.text.shape[0]
            if n_image != n_text:
                raise ValueError(
                    "Image and text must have the same number of rows, one pair per "
                    f"row. Got {count(n_image, 'image row')} and "
                    f"{count(n_text, 'text row')}."
                )
            check_same_index(self.image, self.text, ("image", "text"))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and columns of both sides together."""
        return len(self), sum(_n_columns(s) for s in self._sides() if s is not None)

    def __len__(self) -> int:
        side = self.text if self.image is None else self.image
        return side.shape[0]

    def __getitem__(self, key) -> Self:
        """Return the pairs of some rows: a slice, a mask or an array of integers."""
        if isinstance(key, tuple):
            # scikit-learn asks for array[rows, ...]
            key, *rest = key
            if any(r is not Ellipsis for r in rest):
                raise TypeError(
                    "ImageTextPairs can be indexed by rows only. "
                    f"Got {1 + len(rest)} indices; index .image or .text for columns."
                )
        if isinstance(key, (int, np.integer)):
            raise TypeError(
                "ImageTextPairs are indexed by a slice, a mask or an array of rows. "
                f"Got the single integer {key}; use pairs[[{key}]]."
            )
        if not isinstance(key, slice):
            key = _as_rows(key, len(self))
        return type(self)(*(_take_rows(side, key) for side in self._sides()))

    def __iter__(self):
        # It would run over rows in one reader's mind, over sides in another's.
        raise TypeError(
            "ImageTextPairs are not iterable: take a side, pairs.image or pairs.text. "
            "What goes through texts one by one, such as a vectorizer, is applied to "
            "them by ModalityTransformer(text=TfidfVectorizer())."
        )

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "ImageTextPairs hold two matrices and are not an array. A transformer of "
            "one matrix is applied to either side by ModalityTransformer(image="
            "StandardScaler(), text=StandardScaler()), for example; pairs.image, "
            "pairs.text and pairs.to_stacked() are matrices."
        )

    def __repr__(self):
        sides = zip(MODALITIES, self._sides(), strict=True)
        inner = ", ".join(f"{name}={_describe(side)}" for name, side in sides)
        return f"{type(self).__name__}({inner})"

    def _sides(self):
        return self.image, self.text

    @classmethod
    def from_stacked(cls, X, n_image_features) -> Self:
        """Split one matrix whose first columns are the image features.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Image columns, then text columns.

        n_image_features : int
            Number of image columns, at least 1 and fewer than all.

        Returns
        -------
        pairs : ImageTextPairs
            Views into `X` where its type allows.

        Raises
        ------
        ValueError
            If `X` is not a matrix, or no column would be left for one side.
        """
        X = _as_side(X, "stacked")
        if len(X.shape) != 2:
            raise ValueError(
                "X must be a matrix of shape (n_samples, n_features). Got shape "
                f"{tuple(X.shape)}."
            )
        check_n_image_features(n_image_features, X.shape[1])
        if hasattr(X, "iloc"):
            return cls(X.iloc[:, :n_image_features], X.iloc[:, n_image_features:])
        return cls(X[:, :n_image_features], X[:, n_image_features:])

    def to_stacked(self):
        """Return one matrix, image columns first.

        Returns
        -------
        X : {ndarray, csr_matrix, DataFrame} of shape (n_samples, n_features)
            Sparse if either side is, a DataFrame if both sides are.

        Raises
        ------
        ValueError
            If a side is missing or no matrix.
        """
        for name, side in zip(MODALITIES, self._sides(), strict=True):
            if side is None or len(side.shape) != 2:
                got = None if side is None else f"of shape {tuple(side.shape)}"
                raise ValueError(
                    f"to_stacked needs two matrices. Got {name} features {got}."
                )
        return stack_columns(self.image, self.text)


def stack_columns(image, text):
    """Put two matrices side by side in the type that holds both."""
    if sparse.issparse(image) or sparse.issparse(text):
        return sparse.hstack([image, text], format="csr")
    if hasattr(image, "iloc") and hasattr(text, "iloc"):
        import pandas as pd

        # By position: equal indexes may hold a value twice.
        return pd.concat([image, text.set_axis(image.index, axis=0)], axis=1)
    return np.hstack([image, text])


def check_n_image_features(n_image_features, n_features):
    """Raise an error unless both modalities get at least one column."""
    if not isinstance(n_image_features, Integral) or isinstance(n_image_features, bool):
        raise TypeError(
            "n_image_features must be an integer, the number of image columns. Got "
            f"{type(n_image_features).__name__}."
        )
    if n_image_features < 1 or not n_image_features < n_features:
        raise ValueError(
            "n_image_features must leave at least one column for each modality: "
            "1 <= n_image_features < number of columns. "
            f"Got n_image_features={n_image_features} for X with "
            f"n_features={n_features}."
        )


def _as_side(X, name):
    if X is None:
        return None
    if isinstance(X, ImageTextPairs):
        raise TypeError(f"{name} must be a matrix. Got ImageTextPairs; use its sides.")
    if is_dict(X):
        raise TypeError(
            f"{name} must be a matrix, or a list of raw items. Got a dict with the "
            f"keys {list(X)[:5]}: pass its values, ImageTextPairs(image=..., text=...)."
        )
    X = as_matrix(X, strict=False)
    if sparse.issparse(X):
        return canonical(X.tocsr())
    if hasattr(X, "shape") and hasattr(X, "__getitem__"):
        side = X
    else:
        try:
            side = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"The {name} side must have rows of equal length: {error}"
            ) from None
    if len(side.shape) == 0:
        raise ValueError(
            f"The {name} side must have rows. Got a scalar: {type(X).__name__}. A "
            "single raw item goes into a list, and of a file pass what it holds."
        )
    return side


def _as_rows(key, n_rows):
    """Return a mask or row numbers that both sides understand in the same way."""
    rows = np.asarray(key)
    if rows.size == 0:
        rows = rows.astype(np.intp)
    if rows.ndim != 1 or rows.dtype.kind not in "biu":
        raise TypeError(
            "ImageTextPairs are indexed by a slice, a mask or a 1-D array of rows. Got "
            f"an array of shape {rows.shape} and type {rows.dtype}."
        )
    if rows.dtype.kind == "b":
        if len(rows) == n_rows:
            return rows
        raise IndexError(
            f"A mask of rows must have {n_rows} entries, one per pair. Got {len(rows)}."
        )
    if rows.size and (rows.max() >= n_rows or rows.min() < -n_rows):
        raise IndexError(
            f"Numbers of rows must be from 0 to {n_rows - 1}, or negative. Got "
            f"values from {rows.min()} to {rows.max()}."
        )
    return rows


def _take_rows(side, key):
    if side is None:
        return None
    return side.iloc[key] if hasattr(side, "iloc") else side[key]


def _n_columns(side):
    return int(np.prod(side.shape[1:], dtype=int))


def _describe(side):
    if side is None:
        return "None"
    if hasattr(side, "iloc"):
        return f"{side.shape} {type(side).__name__}"
    kind = " sparse" if sparse.issparse(side) else ""
    return f"{tuple(side.shape)} {side.dtype}{kind}"


def check_known_size(X):
    """Raise a ValueError for a Dask array that does not know its own shape."""
    if any(size != size for size in X.shape):  # NaN
        raise ValueError(
            "Dask arrays must have chunks of known size, since rows are pairs. Got "
            f"shape {X.shape}. Call X.compute_chunk_sizes() first."
        )
