"""A comparison as one page of HTML that needs nothing else."""

from sklearn_xmodal.report._page import write_report

__all__ = ["write_report"]
