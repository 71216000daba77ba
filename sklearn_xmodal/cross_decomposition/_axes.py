"""Retrievers that work in the principal axes of both modalities.

There a ridge and a whitening are divisions, and there are never more axes than pairs.
"""

from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.base import BaseRetriever, ClassLabelsMixin
from sklearn_xmodal.cross_decomposition._moments import fill, pair_moments, row_blocks
from sklearn_xmodal.cross_decomposition._problems import MomentSide, RowSide
from sklearn_xmodal.cross_decomposition._whitening import Root
from sklearn_xmodal.utils._class_embeddings import (
    check_vectors_vary,
    class_memberships,
    class_vectors,
)
from sklearn_xmodal.utils._linalg import centred_product


class Axes(NamedTuple):
    """Principal axes of one modality, r in number."""

    mean: np.ndarray  # (n_features,)
    variance: float  # mean over the features, the unit of ridges
    variances: np.ndarray  # (r,), along the axes
    with_classes: Any  # (r, n_classes), covariances with memberships, or None
    weights: Any  # callable: coordinates (r, k) -> weights of features (n_features, k)

    def ridged(self, alpha):
        """Return the variances along the axes with a relative ridge."""
        return self.variances + alpha * self.variance


def modality_axes(X, modality, memberships):
    """Find the principal axes of one modality.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Its features, read block by block.

    modality : {"image", "text"}
        Named in errors.

    memberships : csr_matrix of shape (n_samples, n_classes)
        See :func:`~sklearn_xmodal.utils._class_embeddings.class_memberships`.

    Returns
    -------
    axes : Axes
        From second moments where there are more samples than features.
    """
    if X.shape[0] > X.shape[1]:
        moments = pair_moments(X, X[:, :0])
        side = MomentSide(moments.mean, moments.covariances()[0], modality)
        return _by_moments(side, X, memberships)[0]
    return _by_rows(RowSide(X, None, modality), memberships)[0]


def pair_axes(X_img, X_txt, memberships=None):
    """Find the principal axes of both modalities, and how they vary together.

    Parameters
    ----------
    X_img : {ndarray, sparse matrix} of shape (n_samples, n_image_features)
        Image features.

    X_txt : {ndarray, sparse matrix} of shape (n_samples, n_text_features)
        Text features.

    memberships : csr_matrix of shape (n_samples, n_classes), default=None
        As in :func:`modality_axes`.

    Returns
    -------
    image, text : Axes
        Of both modalities.

    cross : ndarray of shape (r_img, r_txt)
        Covariances between the coordinates along their axes.
    """
    n = X_img.shape[0]
    if n <= max(X_img.shape[1], X_txt.shape[1]):
        image, Z_img = _by_rows(RowSide(X_img, None, "image"), memberships)
        text, Z_txt = _by_rows(RowSide(X_txt, None, "text"), memberships)
        return image, text, Z_img.T @ Z_txt / n
    moments = pair_moments(X_img, X_txt)
    p = moments.n_image_features
    C_img, C_txt, C = moments.covariances()
    image = MomentSide(moments.mean.of_columns(slice(p)), C_img, "image")
    text = MomentSide(moments.mean.of_columns(slice(p, None)), C_txt, "text")
    image, V_img = _by_moments(image, X_img, memberships)
    text, V_txt = _by_moments(text, X_txt, memberships)
    return image, text, V_img.T @ C @ V_txt


def _by_moments(side, X, memberships):
    variances, V = side.axes()
    with_classes = None
    if memberships is not None:
        with_classes = V.T @ _class_covariances(X, side.mean, memberships)
    return Axes(side.mean, side.variance, variances, with_classes, Root(V)), V


def _by_rows(side, memberships):
    Z, weights = side.axes()  # (n_samples, r)
    variances = np.einsum("ij,ij->j", Z, Z) / len(Z)
    with_classes = None if memberships is None else (memberships.T @ Z).T / len(Z)
    return Axes(side.mean, side.variance, variances, with_classes, weights), Z


def _class_covariances(X, mean, memberships):
    """Return covariances of features with memberships, (n_features, n_classes)."""
    n, p = X.shape
    sums = np.zeros((memberships.shape[1], p))
    for rows in row_blocks(n, p):
        A = np.empty((rows.stop - rows.start, p))
        fill(A, X[rows])
        A -= mean
        sums += memberships[rows].T @ A
    return sums.T / n


class AxesRetriever(BaseRetriever):
    """Base of retrievers that project centred features by weights.

    A subclass finds coordinates along principal axes, and hands them to
    `_set_projections`.
    """

    def _set_projections(self, image, text, U_img, U_txt):
        """Set means and weights from coordinates (r, k) along the axes."""
        self.image_mean_, self.text_mean_ = image.mean, text.mean
        self.image_weights_ = image.weights(U_img)
        self.text_weights_ = text.weights(U_txt)
        self.n_components_ = U_img.shape[1]

    def _set_directions(self, image, text, U_img, U_txt):
        """Do the same for directions without a sign, and return what they got."""
        self._set_projections(image, text, U_img, U_txt)
        W = np.vstack([self.image_weights_, self.text_weights_])
        largest = W[np.abs(W).argmax(axis=0), np.arange(W.shape[1])]
        signs = np.where(largest < 0, -1.0, 1.0)
        self.image_weights_ *= signs
        self.text_weights_ *= signs
        return signs

    def _code_weights(self, modality):
        """Return what centred features are multiplied with."""
        return getattr(self, f"{modality}_weights_")

    def _encode(self, X, modality):
        mean = getattr(self, f"{modality}_mean_")
        return centred_product(X, mean, self._code_weights(modality))


class ClassVectorsRetriever(ClassLabelsMixin, AxesRetriever):
    """Base of those that learn from the vector of the class of every pair.

    A subclass has the parameter `class_embeddings`.
    """

    def _vectors_of_classes(self, y):
        """Validate labels; return class vectors, and who belongs to which class."""
        y = self._check_classes(y)
        vectors = class_vectors(self.class_embeddings, self.classes_, np.float64)
        memberships = class_memberships(y, self.classes_)
        check_vectors_vary(vectors, memberships)
        self.class_embeddings_ = vectors
        return vectors, memberships
