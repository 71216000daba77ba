"""Data sets of paired images and texts: bundled and synthetic."""

from sklearn_xmodal.datasets._samples_generator import (
    make_paired_modalities,
    make_paired_multilabel,
)
from sklearn_xmodal.datasets._unicode_glyphs import load_unicode_glyphs

__all__ = ["load_unicode_glyphs", "make_paired_modalities", "make_paired_multilabel"]
