"""Retrievers of one width for tools that choose two: the narrower side is padded.

scikit-learn's checks hand over matrices of 1 to 30 columns, of which the first is the
image. With columns of zeros beside the narrower modality, all that these classes share
with those of the package is checked, which is everything but the refusal of two widths.
Names of classes have the width of texts, too.
"""

import numpy as np
from scipy import sparse

from sklearn_xmodal import (
    AdapterRetriever,
    AdapterRetrieverCV,
    ContrastiveAdapterRetriever,
    CosineRetriever,
    VocabularyRetriever,
)
from sklearn_xmodal.cross_decomposition._cosine import OneWidthRetriever
from sklearn_xmodal.encoders import Chain, LinearEncoder
from sklearn_xmodal.metrics._engine import unit_rows


class _Padded(OneWidthRetriever):
    """Mixin, left of a retriever of one width, that takes any two."""

    def _check_pairs(self, *arguments, **options):
        sides = super(OneWidthRetriever, self)._check_pairs(*arguments, **options)
        return self._padded(*sides)

    def _check_more_pairs(self, *arguments, **options):
        return self._padded(*super()._check_more_pairs(*arguments, **options))

    def _padded(self, X_img, X_txt, y):
        return *(_widened(X, self._width) for X in (X_img, X_txt)), y

    @property
    def _width(self):
        return max(self.n_image_features_, self.n_text_features_)

    def _set_encoders(self, image, text):
        super()._set_encoders(
            _behind_padding(image, self.n_image_features_),
            _behind_padding(text, self.n_text_features_),
        )


def _widened(X, width):
    missing = width - X.shape[1]
    if sparse.issparse(X):
        zeros = type(X)((X.shape[0], missing), dtype=X.dtype)
        return type(X)(sparse.hstack([X, zeros], format="csr"))
    return np.pad(X, [(0, 0), (0, missing)])


def _behind_padding(encoder, n_features):
    width = encoder.n_features_in_
    pad = LinearEncoder(mean=np.zeros(n_features), weights=np.eye(n_features, width))
    return Chain(steps=[pad, encoder])


class PaddedAdapterRetriever(_Padded, AdapterRetriever):
    """An adapter of any two widths."""


class PaddedAdapterRetrieverCV(_Padded, AdapterRetrieverCV):
    """An adapter of any two widths that chooses its dials."""


class PaddedContrastiveAdapterRetriever(_Padded, ContrastiveAdapterRetriever):
    """A trained adapter of any two widths."""


class PaddedCosineRetriever(_Padded, CosineRetriever):
    """A cosine of any two widths."""


#: By the names of those that they are padded ones of.
PADDED = {
    cls.__name__.removeprefix("Padded"): cls
    for cls in (
        PaddedAdapterRetriever,
        PaddedAdapterRetrieverCV,
        PaddedContrastiveAdapterRetriever,
        PaddedCosineRetriever,
    )
}


class NamedRetriever(VocabularyRetriever):
    """One with three names of any width."""

    def _codes_of_names(self, text_encoder):
        names = np.random.RandomState(0).randn(3, text_encoder.n_features_in_)
        return unit_rows(text_encoder.apply(names), "names")
