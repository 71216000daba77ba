"""Image-text pairs, and transformers that treat each side alone."""

from sklearn_xmodal.pairs._kernels import KernelPairs
from sklearn_xmodal.pairs._pairs import ImageTextPairs
from sklearn_xmodal.pairs._transformer import ModalityTransformer

__all__ = ["ImageTextPairs", "KernelPairs", "ModalityTransformer"]
