"""Data sets of paired images and texts: bundled, downloaded and synthetic."""

from sklearn_xmodal.datasets._base import get_data_home
from sklearn_xmodal.datasets._ccv import fetch_ccv
from sklearn_xmodal.datasets._digits import load_digits_halves
from sklearn_xmodal.datasets._emoji import fetch_emoji
from sklearn_xmodal.datasets._emoji_pairs import load_emoji_pairs
from sklearn_xmodal.datasets._mfeat import fetch_mfeat
from sklearn_xmodal.datasets._pascal_sentence import fetch_pascal_sentence
from sklearn_xmodal.datasets._samples_generator import (
    make_paired_modalities,
    make_paired_multilabel,
)
from sklearn_xmodal.datasets._unicode_glyphs import load_unicode_glyphs
from sklearn_xmodal.datasets._wikipedia import fetch_wikipedia

__all__ = [
    "fetch_ccv",
    "fetch_emoji",
    "fetch_mfeat",
    "fetch_pascal_sentence",
    "fetch_wikipedia",
    "get_data_home",
    "load_digits_halves",
    "load_emoji_pairs",
    "load_unicode_glyphs",
    "make_paired_modalities",
    "make_paired_multilabel",
]
