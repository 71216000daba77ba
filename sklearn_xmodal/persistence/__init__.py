"""Models in files without pickle, which anybody may load."""

from sklearn_xmodal.persistence._errors import InvalidFileError
from sklearn_xmodal.persistence._files import load, read_card, save
from sklearn_xmodal.persistence._onnx import export_onnx

__all__ = ["InvalidFileError", "export_onnx", "load", "read_card", "save"]
