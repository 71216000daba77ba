"""Retrievers that work in the principal axes of both modalities.

There a ridge and a whitening are divisions, and there are never more axes than pairs.
"""

from typing import Any, NamedTuple

import numpy as np

from sklearn_xmodal.base import BaseRetriever, ClassLabelsMixin
from sklearn_xmodal.cross_decomposition._moments import fill, pair_moments, row_blocks
from sklearn_xmodal.cross_decomposition._problems import MomentSide, RowSide
from sklearn_xmodal.cross_decomposition._whitening import Root
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.utils._class_embeddings import (
    check_vectors_vary,
    class_memberships,
    class_vectors,
)


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

    A subclass finds coordinates along principal axes, and returns what `projections`
    or `directions` make of them.
    """

    @property
    def image_weights_(self):
        """Directions in columns, for centred image features."""
        return self.image_encoder_.weights

    @property
    def text_weights_(self):
        """The same of the texts."""
        return self.text_encoder_.weights

    @property
    def image_mean_(self):
        """Mean of the image features."""
        return self.image_encoder_.mean

    @property
    def text_mean_(self):
        """Mean of the text features."""
        return self.text_encoder_.mean


def projections(image, text, U_img, U_txt, scales=None):
    """Return encoders for coordinates (r, k) along the axes."""
    return tuple(
        LinearEncoder(mean=side.mean, weights=side.weights(U), scales=scales)
        for side, U in ((image, U_img), (text, U_txt))
    )


def directions(image, text, U_img, U_txt, scales):
    """Do the same for directions without a sign, and return what they got."""
    W_img, W_txt = image.weights(U_img), text.weights(U_txt)
    W = np.vstack([W_img, W_txt])
    largest = W[np.abs(W).argmax(axis=0), np.arange(W.shape[1])]
    signs = np.where(largest < 0, -1.0, 1.0)
    encoders = (
        LinearEncoder(mean=image.mean, weights=W_img * signs, scales=scales),
        LinearEncoder(mean=text.mean, weights=W_txt * signs, scales=scales),
    )
    return encoders, signs


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
