"""Small data, and files of them as users write them."""

from pathlib import Path

import numpy as np
import pandas as pd

N = 12
RNG = np.random.default_rng(0)
IMAGE, TEXT = RNG.normal(size=(N, 4)), RNG.normal(size=(N, 3))
KINDS = np.array(["ant", "bee", "cat"])[np.arange(N) % 3]
MASK = np.arange(N) >= 8


def write(name, text):
    """Write a text as it is, and return the name of the file."""
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        file.write(text)
    return name


def to_csv(values, name="data.csv", **options):
    """Write a table as pandas does, and return the name of the file."""
    pd.DataFrame(values).to_csv(name, **options)
    return name


def lines(values):
    """Return one line per value."""
    return "\n".join(map(str, values)) + "\n"
