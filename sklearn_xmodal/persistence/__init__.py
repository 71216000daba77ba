"""Models in files without pickle, which anybody may load."""

from sklearn_xmodal.persistence._errors import InvalidFileError
from sklearn_xmodal.persistence._files import load, read_card, save

__all__ = ["InvalidFileError", "load", "read_card", "save"]
