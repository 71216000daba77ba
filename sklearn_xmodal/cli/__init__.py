"""The command: tune, compare and picture retrievers on one data set."""

from sklearn_xmodal.cli._main import main

__all__ = ["main"]
