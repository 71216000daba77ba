"""Benchmarks: run them as ``python -m benchmarks.NAME`` from the checkout."""
