"""Displays: what metrics and codes look like.

matplotlib is imported when something is drawn, not before.
"""
