"""Neural retrievers: the only place that imports torch and skorch."""

from sklearn_xmodal.deep._msln import MSLNRetriever
from sklearn_xmodal.deep._onnx import export_onnx

__all__ = ["MSLNRetriever", "export_onnx"]
