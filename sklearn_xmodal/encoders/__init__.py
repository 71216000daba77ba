"""What a fitted retriever is: an encoder of images and an encoder of texts.

Each is a small frozen object, a map from features to codes, that lives without the
retriever: it can be called, saved, loaded and exported by itself.
"""

from sklearn_xmodal.encoders._anchors import AnchorEncoder
from sklearn_xmodal.encoders._base import Encoder
from sklearn_xmodal.encoders._compose import (
    Chain,
    Concat,
    EstimatorEncoder,
    ViewEncoder,
)
from sklearn_xmodal.encoders._kernel import FourierMap, KernelEncoder, KernelMap
from sklearn_xmodal.encoders._linear import IdentityEncoder, LinearEncoder
from sklearn_xmodal.encoders._network import NetworkEncoder
from sklearn_xmodal.encoders._posterior import PosteriorEncoder

__all__ = [
    "AnchorEncoder",
    "Chain",
    "Concat",
    "Encoder",
    "EstimatorEncoder",
    "FourierMap",
    "IdentityEncoder",
    "KernelEncoder",
    "KernelMap",
    "LinearEncoder",
    "NetworkEncoder",
    "PosteriorEncoder",
    "ViewEncoder",
]
