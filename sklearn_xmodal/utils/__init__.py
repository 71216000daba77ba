"""Tools shared by every part of the package."""
