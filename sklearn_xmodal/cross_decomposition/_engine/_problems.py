"""Two sides and how they vary together: whitened, scaled, or along principal axes."""

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._dask import summed
from sklearn_xmodal.cross_decomposition._engine._moments import (
    condense,
    condensed_rows,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._sides import MomentSide, RowSide
from sklearn_xmodal.cross_decomposition._engine._whitening import (
    Diagonal,
    cholesky_root,
    eigen_root,
    whitened_rows,
)
from sklearn_xmodal.utils._class_embeddings import weighted_memberships
from sklearn_xmodal.utils._containers import is_dask_array
from sklearn_xmodal.utils._memory import check_memory


class Whitened(NamedTuple):
    """Cross-covariance in coordinates of both sides, and the ways back to features."""

    cross: np.ndarray  # (r_img, r_txt)
    image: Any  # coordinates (r_img, k) -> weights of features (n_image_features, k)
    text: Any  # the same of the texts

    def directions(self, U, Vt):
        """Return weights of features for pairs of directions, (r, k) and (k, r)."""
        return self.image(U), self.text(Vt.T)


class Problem(ABC):
    """Two sides, and what they share whichever way they are known."""

    sides: tuple  # image, text

    def axes(self, X_img=None, X_txt=None, memberships=None):
        """Return the axes of image and text, and their cross-covariance.

        The features may be read again for memberships, which are weighted.
        """
        image, text = self.sides
        image, text = image.axes(X_img, memberships), text.axes(X_txt, memberships)
        return image, text, self._cross_along(image, text)

    @abstractmethod
    def _cross_along(self, image, text):
        """Return the cross-covariance in coordinates of axes, (r_img, r_txt)."""

    def _by_rows(self, coordinates):
        (Z_img, image), (Z_txt, text) = coordinates
        return Whitened(Z_img.T @ Z_txt / self.sides[0].weight, image, text)


class MomentProblem(Problem):
    """Pairs by their PairMoments, the way for more samples than features.

    `read_rows` returns rows with the same moments, see `condensed_rows`. It is called
    where a covariance is close to singular, since the moments have lost half of the
    digits then. `dtypes` are those of the features.
    """

    def __init__(self, moments, read_rows=None, dtypes=(np.float64, np.float64)):
        image, text, self._cross = moments.covariances()
        mean, p = moments.mean, moments.n_image_features
        self.n_samples = moments.n_samples
        self.sides = (
            MomentSide(mean.of_columns(slice(p)), image, "image", dtypes[0]),
            MomentSide(mean.of_columns(slice(p, None)), text, "text", dtypes[1]),
        )
        self._read_rows = read_rows
        self._rows = None

    def whitened(self, alphas):
        """Whiten both sides with their ridges."""
        roots = [
            cholesky_root(side.covariance, side, alpha)
            for side, alpha in zip(self.sides, alphas, strict=True)
        ]
        if any(root is None for root in roots) and self._read_rows is not None:
            return self._whitened_by_rows(alphas)
        return self._crossed(
            eigen_root(side, alpha) if root is None else root
            for side, alpha, root in zip(self.sides, alphas, roots, strict=True)
        )

    def scaled(self, scales):
        """Multiply the columns of both sides; no whitening."""
        return self._crossed(map(Diagonal, scales))

    def axes_with(self, sums):
        """Return what `axes` does from `class_sums` of image and text columns."""
        parts = np.split(sums, [len(self.sides[0].mean)])
        image, text = (
            side.axes_with(part) for side, part in zip(self.sides, parts, strict=True)
        )
        return image, text, self._cross_along(image, text)

    def _cross_along(self, image, text):
        return image.root.W.T @ self._cross @ text.root.W

    def _crossed(self, roots):
        image, text = roots
        cross = text.transposed_times(image.transposed_times(self._cross).T).T
        return Whitened(cross, image, text)

    def _whitened_by_rows(self, alphas):
        if self._rows is None:
            self._rows = np.hsplit(self._read_rows(), [len(self.sides[0].mean)])
        return self._by_rows(
            whitened_rows(A, side, alpha)
            for A, side, alpha in zip(self._rows, self.sides, alphas, strict=True)
        )


class RowProblem(Problem):
    """Pairs by their rows, the way for fewer samples than features."""

    def __init__(self, X_img, X_txt, sample_weight=None):
        self.n_samples = _count_samples(X_img, sample_weight)
        self.sides = (
            RowSide(X_img, sample_weight, "image"),
            RowSide(X_txt, sample_weight, "text"),
        )

    def whitened(self, alphas):
        """Whiten both sides with their ridges."""
        return self._by_rows(
            side.whitened(alpha) for side, alpha in zip(self.sides, alphas, strict=True)
        )

    def scaled(self, scales):
        """Multiply the columns of both sides; no whitening."""
        return self._by_rows(
            side.scaled(scale) for side, scale in zip(self.sides, scales, strict=True)
        )

    def _cross_along(self, image, text):
        return image.rows.T @ text.rows / self.sides[0].weight


def pair_problem(X_img, X_txt, sample_weight=None, most_rows=None):
    """Choose the way for these pairs: arrays, sparse matrices or Dask arrays.

    By moments where there are more samples than `most_rows`, by default than features
    in either modality, and for Dask arrays, whose rows are elsewhere.
    """
    n = _count_samples(X_img, sample_weight)
    if most_rows is None:
        most_rows = max(X_img.shape[1], X_txt.shape[1])
    if is_dask_array(X_img) or n > most_rows:
        return moment_problem(X_img, X_txt, sample_weight)
    if sample_weight is not None and not sample_weight.all():
        rows = np.flatnonzero(sample_weight)
        X_img, X_txt, sample_weight = X_img[rows], X_txt[rows], sample_weight[rows]
    check_memory(
        2 * 8 * n**2,
        f"The products of {n} rows of more features than rows",
        "Reduce the features first, with TruncatedSVD in a ModalityTransformer, or use "
        "fewer pairs.",
    )
    return RowProblem(X_img, X_txt, sample_weight)


def pair_axes(X_img, X_txt, memberships, sample_weight=None):
    """Return the axes of image and text, and their cross-covariance (r_img, r_txt).

    Weights are positive, `None` is 1 for all.
    """
    memberships = weighted_memberships(memberships, sample_weight)
    problem = pair_problem(X_img, X_txt, sample_weight)
    return problem.axes(X_img, X_txt, memberships)


def moment_problem(X_img, X_txt, sample_weight=None):
    """Return pairs by their moments, however few they are."""
    sides = {"image": X_img, "text": X_txt}
    moments = summed(pair_moments, sides, sample_weight)
    mean = moments.mean  # not the products, which are copied and can go

    def read_rows():
        rows_of = partial(condensed_rows, mean=mean)
        return summed(rows_of, sides, sample_weight, merge=condense)

    return MomentProblem(moments, read_rows, (X_img.dtype, X_txt.dtype))


def _count_samples(X, sample_weight):
    return X.shape[0] if sample_weight is None else np.count_nonzero(sample_weight)
