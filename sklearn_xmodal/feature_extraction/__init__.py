"""Transformers from pictures to features, by the descriptors of scikit-image."""

from sklearn_xmodal.feature_extraction._descriptors import (
    HOGTransformer,
    LocalBinaryPatternTransformer,
)
from sklearn_xmodal.feature_extraction._visual_words import BagOfVisualWords

__all__ = ["BagOfVisualWords", "HOGTransformer", "LocalBinaryPatternTransformer"]
