"""A loader of files, as the command loads them."""

from argparse import Namespace

import numpy as np
import pytest

from sklearn_xmodal.cli._data import load_data
from tests.cli.written import IMAGE, TEXT

TABLE_OPTIONS = dict.fromkeys(
    ["words", "groups", "header", "id_column", "separator", "encoding"]
)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a loader of files in the working folder."""
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", IMAGE)
    np.save("text.npy", TEXT)
    np.savez("pairs.npz", X_img=IMAGE, X_txt=TEXT)

    def load(image="image.npy", text="text.npy", labels=None, test=None, **options):
        named = {"image": image, "text": text, "labels": labels, "test": test}
        settings = {"dataset": None, "min_class_size": 1, "seed": 0, "without": ()}
        return load_data(Namespace(**{**settings, **TABLE_OPTIONS, **named, **options}))

    return load
