"""ASIF: items are compared by which training pairs they are near."""

from dataclasses import replace
from numbers import Integral, Real
from operator import attrgetter

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.encoders import AnchorEncoder
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._sklearn_compat import Interval
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import count

# Of numbers in a row of unit length.
_ROUNDING = 16 * np.finfo(float).eps


class ASIFRetriever(BaseRetriever):
    r"""Similarities to the nearest training pairs, without any training (ASIF).

    The training pairs are anchors. An image is described by its cosines with the
    images of the anchors, a text by those with their texts, so that both have one
    number per anchor pair [1]_. For an item x of unit length and the anchors
    :math:`a_j` of its modality,

    .. math::
        z_j = \max(x^\top a_j, 0)^p \text{ among the } k \text{ largest}, \qquad
        z_j = 0 \text{ else},

    and z is scaled to unit length. Nothing is fitted: pairs come and go by
    :meth:`add_pairs` and :meth:`remove_pairs`, and the columns in which two codes meet
    name the pairs that are the reason for their similarity. Labels are not used.

    Parameters
    ----------
    n_neighbors : int, default=150
        How many of the largest similarities count, k; all of them where there are no
        more anchors. Those that equal the last one count, too.

    power : float, default=5
        The power p of the similarities, above 0. The larger, the more the nearest
        anchors count.

    n_image_features : int, default=None
        If set, inputs are single matrices whose first `n_image_features`
        columns are the image features.

    Attributes
    ----------
    image_anchors_ : matrix of shape (n_components_, n_image_features_)
        Images of the anchor pairs, of unit length; CSR where they were sparse.

    text_anchors_ : matrix of shape (n_components_, n_text_features_)
        Texts of the anchor pairs, of unit length.

    image_encoder_ : Encoder
        From image features to codes; it lives without the retriever.

    text_encoder_ : Encoder
        From text features to codes.

    classes_ : ndarray of shape (n_classes,)
        Labels seen in `fit`; they are recorded, not learnt from. Only defined if
        there were 1-D class labels.

    n_components_ : int
        Number of anchor pairs.

    n_image_features_ : int
        Number of image features.

    n_text_features_ : int
        Number of text features.

    n_features_in_ : int
        Number of features of both modalities.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names of a stacked input. Only defined if it had names.

    See Also
    --------
    CCARetriever : Learns directions instead of keeping the pairs.
    KCCARetriever : Similarities to training pairs, combined by what they share.
    sklearn.neighbors.KNeighborsRegressor : Predicts by the nearest training items.

    Notes
    -----
    Codes are dense, since search and scores take dense ones: n items and m anchors
    are n m numbers. Encoding costs n m products of features in float64. A pair counts
    once: there are no weights, and a pair that is not to count is left out. Equal
    anchors, such as a picture with several texts, are as many neighbours. Features are
    not centred; :class:`ModalityTransformer` with a
    :class:`~sklearn.preprocessing.StandardScaler` does that.

    References
    ----------
    .. [1] A. Norelli, M. Fumero, V. Maiorca, L. Moschella, E. Rodolà, F. Locatello,
       "ASIF: Coupled data turns unimodal models to multimodal without training",
       NeurIPS 2023.

    Examples
    --------
    >>> from sklearn_xmodal import ASIFRetriever
    >>> from sklearn_xmodal.datasets import make_paired_modalities
    >>> X_img, X_txt, y = make_paired_modalities(200, random_state=0)
    >>> asif = ASIFRetriever(n_neighbors=20).fit(X_img[:150], X_txt[:150])
    >>> asif.transform_text(X_txt[:3]).shape
    (3, 150)
    >>> asif.add_pairs(X_img[150:], X_txt[150:]).n_components_
    200
    """

    image_anchors_ = property(
        attrgetter("image_encoder_.anchors"),
        doc="Images of the anchor pairs, of unit length.",
    )
    text_anchors_ = property(
        attrgetter("text_encoder_.anchors"),
        doc="Texts of the anchor pairs, of unit length.",
    )

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "power": [Interval(Real, 0, None, closed="neither")],
        "n_image_features": [Integral, None],
    }

    def __init__(self, *, n_neighbors=150, power=5, n_image_features=None):
        self.n_neighbors = n_neighbors
        self.power = power
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y):
        sides = [_unit(X) for X in (X_img, X_txt)]
        _check_vary(sides)
        return [
            AnchorEncoder(
                anchors=anchors, n_neighbors=self.n_neighbors, power=self.power
            )
            for anchors in sides
        ]

    def add_pairs(self, X_img, X_txt=None):
        """Add anchor pairs, after those that are there.

        The result is that of `fit` to all pairs, by the parameters that it had. Codes
        of earlier calls have fewer columns: encode again what is to be compared.

        Parameters
        ----------
        X_img : ImageTextPairs or matrix of shape (n_samples, n_features)
            Pairs in any form that `fit` takes, at least one.

        X_txt : {array-like, sparse matrix} of shape (n_samples, n_text_features), \
                default=None
            Text features in the two-array form. In the other forms labels, which
            are not used.

        Returns
        -------
        self : ASIFRetriever
            The retriever with more anchors.

        Raises
        ------
        NotFittedError
            If there is no fit to add to.

        ValueError
            If the features are not those of `fit`, or the rows do not pair up. The
            retriever is then as it was before the call.
        """
        check_is_fitted(self)
        with self._as_before_unless_fitted():
            *sides, _ = self._check_more_pairs("add_pairs", X_img, X_txt, None)
            encoders = (self.image_encoder_, self.text_encoder_)
            joined = [
                _stacked(encoder.anchors, _unit(X))
                for encoder, X in zip(encoders, sides, strict=True)
            ]
            self._set_anchors(joined)
        return self

    def remove_pairs(self, rows):
        """Remove anchor pairs; those after them move up.

        The result is that of `fit` to the other pairs, by the parameters that it had.

        Parameters
        ----------
        rows : int or array-like of shape (n_removed,) or (n_components_,)
            Which pairs go: their rows, counted from 0 in the order of `fit` and
            `add_pairs` less what was removed since, or a mask.

        Returns
        -------
        self : ASIFRetriever
            The retriever with fewer anchors.

        Raises
        ------
        NotFittedError
            If the retriever is not fitted.

        TypeError
            If rows are neither integers nor a mask.

        ValueError
            If a row does not exist or is given twice, or fewer than two pairs would
            be left, or none that differ. The retriever is then as it was before the
            call.
        """
        check_is_fitted(self)
        kept = _others(rows, self.n_components_)
        self._set_anchors([self.image_anchors_[kept], self.text_anchors_[kept]])
        return self

    def _set_anchors(self, sides):
        _check_vary(sides)
        encoders = (self.image_encoder_, self.text_encoder_)
        self._set_encoders(
            *(
                replace(encoder, anchors=anchors)
                for encoder, anchors in zip(encoders, sides, strict=True)
            )
        )


def _unit(X):
    return to_unit_length(X.astype(np.float64, copy=False))


def _check_vary(sides):
    """Raise a ValueError if all anchors of a modality are one, but for rounding."""
    for modality, anchors in zip(MODALITIES, sides, strict=True):
        spread = anchors.max(axis=0) - anchors.min(axis=0)
        # A single feature has a sign for a direction, and may be taken as it is.
        if anchors.shape[1] > 1 and not spread.max() > _ROUNDING:
            raise ValueError(
                f"The {modality} features must vary in more than their length: every "
                "similarity to an anchor pair is the same. Got "
                f"{count(anchors.shape[0], 'pair')} of one direction."
            )


def _stacked(anchors, more):
    """Return rows of both, sparse if the first are."""
    if sparse.issparse(anchors):
        return sparse.vstack([anchors, type(anchors)(more)], format="csr")
    more = more.toarray() if sparse.issparse(more) else more
    return np.concatenate([anchors, more])


def _others(rows, n_pairs):
    """Return a mask of the pairs that are not in rows."""
    rows = np.asarray(rows)
    rows = rows.astype(np.intp) if rows.size == 0 else np.atleast_1d(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iub":
        raise TypeError(
            "rows must be integers, or a mask with one truth value per pair. Got "
            f"{f'shape {rows.shape}' if rows.ndim != 1 else rows.dtype}."
        )
    if rows.dtype.kind == "b":
        if len(rows) != n_pairs:
            raise ValueError(
                f"A mask must have {n_pairs} values, one per pair. Got {len(rows)}."
            )
        rows = np.flatnonzero(rows)
    kept = np.ones(n_pairs, dtype=bool)
    if len(rows) and not (rows.min() >= 0 and rows.max() < n_pairs):
        wrong = rows[(rows < 0) | (rows >= n_pairs)][0]
        raise ValueError(f"rows must be from 0 to {n_pairs - 1}. Got {wrong}.")
    kept[rows] = False
    n_kept = np.count_nonzero(kept)
    if n_pairs - n_kept != len(rows):
        raise ValueError(
            "rows must be given once each. Got "
            f"{count(len(rows), 'row')}, {n_pairs - n_kept} of them different."
        )
    if n_kept < 2:
        raise ValueError(
            "At least 2 pairs must be left, as fit needs. Got "
            f"{len(rows)} of {n_pairs} to remove."
        )
    return kept
