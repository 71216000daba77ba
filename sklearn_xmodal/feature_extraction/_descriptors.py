"""Descriptors of whole pictures: oriented gradients and local binary patterns."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.feature_extraction._pictures import (
    PictureTransformer,
    check_pictures,
    check_shape,
    import_skimage,
)
from sklearn_xmodal.utils._sklearn_compat import Interval, StrOptions, validate_on_fit

_POSITIVE = Interval(Integral, 1, None, closed="left")


class HOGTransformer(PictureTransformer):
    """Histograms of oriented gradients of pictures.

    Directions of the edges in a grid of cells, normalised over blocks of them [1]_, by
    :func:`skimage.feature.hog`. Pictures become grey and are brought to one size, so
    that the same features mean the same place.

    Parameters
    ----------
    shape : tuple of int, default=(64, 64)
        Height and width that pictures are resized to.

    orientations : int, default=9
        Bins of the directions.

    pixels_per_cell : int, default=8
        Height and width of a cell in pixels.

    cells_per_block : int, default=2
        Height and width of a block in cells.

    n_jobs : int, default=None
        Parallel jobs over pictures.

    Attributes
    ----------
    n_blocks_ : int
        Number of blocks of a picture; each gives `cells_per_block` ** 2 *
        `orientations` features.

    See Also
    --------
    BagOfVisualWords : Does not say where things are.
    LocalBinaryPatternTransformer : Texture.

    References
    ----------
    .. [1] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection",
       CVPR 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.feature_extraction import HOGTransformer
    >>> pictures = np.random.default_rng(0).random((2, 40, 30))
    >>> HOGTransformer(shape=(32, 32)).fit_transform(pictures).shape
    (2, 324)
    """

    _fitted = ("n_blocks_",)
    _parameter_constraints: dict = {
        "shape": [tuple, list],
        "orientations": [_POSITIVE],
        "pixels_per_cell": [_POSITIVE],
        "cells_per_block": [_POSITIVE],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        shape=(64, 64),
        orientations=9,
        pixels_per_cell=8,
        cells_per_block=2,
        n_jobs=None,
    ):
        self.shape = shape
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.n_jobs = n_jobs

    @validate_on_fit
    def fit(self, X, y=None):
        """Check the parameters; nothing is learnt from the pictures.

        Parameters
        ----------
        X : sequence of pictures
            Arrays of shape (height, width), or with a third axis of 1, 3 or 4 channels:
            bytes, or floats from 0 to 1.

        y : object, default=None
            Ignored, exists for compatibility.

        Returns
        -------
        self : HOGTransformer
            The fitted transformer.
        """
        check_pictures(X)
        cells = [n // self.pixels_per_cell for n in check_shape(self.shape)]
        blocks = [n - self.cells_per_block + 1 for n in cells]
        if min(blocks) < 1:
            raise ValueError(
                "shape must have room for one block of cells_per_block * "
                f"pixels_per_cell = {self.cells_per_block * self.pixels_per_cell} "
                f"pixels. Got {self.shape}."
            )
        self.n_blocks_ = blocks[0] * blocks[1]
        return self

    def transform(self, X):
        """Describe pictures.

        Parameters
        ----------
        X : sequence of pictures
            As in `fit`, of any sizes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features), dtype float32
            One row per picture.
        """
        check_is_fitted(self)
        hog = import_skimage("feature").hog
        return np.stack(self._describe_each(X, _Hog(hog, self)))

    @property
    def _n_features_out(self):
        return self.n_blocks_ * self.cells_per_block**2 * self.orientations


class _Hog:
    """Function of a picture that goes to other processes."""

    def __init__(self, hog, params):
        self.hog = hog
        self.options = {
            "orientations": params.orientations,
            "pixels_per_cell": (params.pixels_per_cell,) * 2,
            "cells_per_block": (params.cells_per_block,) * 2,
        }

    def __call__(self, grey):
        return self.hog(grey, **self.options).astype(np.float32)


class LocalBinaryPatternTransformer(PictureTransformer):
    """Histograms of local binary patterns of pictures.

    Every pixel is compared with points on a circle around it; the pattern of brighter
    and darker ones is its texture [1]_, by
    :func:`skimage.feature.local_binary_pattern`. Features are the shares of the
    patterns, in each cell of a grid, of the picture in 256 grey levels.

    Parameters
    ----------
    n_points : int, default=8
        Points on the circle, at most 24.

    radius : float, default=1.0
        Its radius in pixels.

    method : {"uniform", "nri_uniform"}, default="uniform"
        Which patterns are told apart: by the number of brighter points where these are
        neighbours, and all others as one (`n_points` + 2 patterns), or the same with
        the direction (`n_points` * (`n_points` - 1) + 3).

    n_cells : int, default=1
        Rows and columns of the grid. 1 is the whole picture.

    shape : tuple of int, default=None
        Height and width that pictures are resized to. `None` leaves them as they are.

    n_jobs : int, default=None
        Parallel jobs over pictures.

    Attributes
    ----------
    n_patterns_ : int
        Number of features of a cell.

    See Also
    --------
    HOGTransformer : Shape.

    References
    ----------
    .. [1] T. Ojala, M. Pietikainen, T. Maenpaa, "Multiresolution gray-scale and
       rotation invariant texture classification with local binary patterns", IEEE
       Transactions on Pattern Analysis and Machine Intelligence, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_xmodal.feature_extraction import LocalBinaryPatternTransformer
    >>> pictures = np.random.default_rng(0).random((2, 40, 30))
    >>> LocalBinaryPatternTransformer(n_cells=2).fit_transform(pictures).shape
    (2, 40)
    """

    _fitted = ("n_patterns_",)
    _parameter_constraints: dict = {
        "n_points": [Interval(Integral, 1, 24, closed="both")],
        "radius": [Interval(Real, 0, None, closed="neither")],
        "method": [StrOptions({"uniform", "nri_uniform"})],
        "n_cells": [_POSITIVE],
        "shape": [tuple, list, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        n_points=8,
        radius=1.0,
        method="uniform",
        n_cells=1,
        shape=None,
        n_jobs=None,
    ):
        self.n_points = n_points
        self.radius = radius
        self.method = method
        self.n_cells = n_cells
        self.shape = shape
        self.n_jobs = n_jobs

    @validate_on_fit
    def fit(self, X, y=None):
        """Check the parameters; nothing is learnt from the pictures.

        Parameters
        ----------
        X : sequence of pictures
            Arrays of shape (height, width), or with a third axis of 1, 3 or 4 channels:
            bytes, or floats from 0 to 1.

        y : object, default=None
            Ignored, exists for compatibility.

        Returns
        -------
        self : LocalBinaryPatternTransformer
            The fitted transformer.
        """
        check_pictures(X)
        check_shape(self.shape)
        P = self.n_points
        self.n_patterns_ = P + 2 if self.method == "uniform" else P * (P - 1) + 3
        return self

    def transform(self, X):
        """Describe pictures.

        Parameters
        ----------
        X : sequence of pictures
            As in `fit`, of any sizes.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features), dtype float32
            Shares of the patterns; those of a cell add up to 1, cells row by row.
        """
        check_is_fitted(self)
        patterns = import_skimage("feature").local_binary_pattern
        return np.stack(self._describe_each(X, _PatternShares(patterns, self)))

    @property
    def _n_features_out(self):
        return self.n_patterns_ * self.n_cells**2


class _PatternShares:
    """Function of a picture that goes to other processes."""

    def __init__(self, patterns, params):
        self.patterns = patterns
        self.options = params.n_points, params.radius, params.method
        self.n_cells, self.n_patterns = params.n_cells, params.n_patterns_

    def __call__(self, grey):
        if min(grey.shape) < self.n_cells:
            raise ValueError(
                "n_cells must be at most the height and width of every picture. Got "
                f"n_cells={self.n_cells} for one of shape {grey.shape}."
            )
        # Of whole levels: rounding of floats would decide between equal neighbours.
        levels = np.round(255 * grey).astype(np.uint8)
        patterns = self.patterns(levels, *self.options).astype(np.intp)
        shares = [
            np.bincount(cell.ravel(), minlength=self.n_patterns) / cell.size
            for row in np.array_split(patterns, self.n_cells, axis=0)
            for cell in np.array_split(row, self.n_cells, axis=1)
        ]
        return np.concatenate(shares).astype(np.float32)
