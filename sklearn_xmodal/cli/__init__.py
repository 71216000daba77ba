"""The command: tune, compare, fit, search and diagnose without a line of code."""

from sklearn_xmodal.cli._program import main, xmodal

__all__ = ["main", "xmodal"]
