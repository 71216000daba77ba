"""Small labelled pairs of every shape, for the oracles of the supervised methods."""

import numpy as np
import pytest

from sklearn_xmodal.datasets import make_paired_modalities
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
#: Samples, image features, text features: tall, and wide on either side or both.
SHAPES = pytest.mark.parametrize(
    ("n", "p", "q"), [(90, 8, 6), (90, 6, 9), (20, 40, 6), (20, 6, 30), (20, 30, 40)]
)


def draw(seed=0, n=90, p=8, q=6, n_classes=4):
    """Draw pairs off the origin, whose columns differ in scale."""
    X, T, y = make_paired_modalities(
        n,
        n_classes=n_classes,
        n_image_features=p,
        n_text_features=q,
        class_sep=2.0,
        random_state=seed,
    )
    return X * np.linspace(1, 3, p) + 2, T * np.linspace(5, 1, q) - 7, y


def draw_vectors(seed, n_classes=4, width=3):
    """Draw one vector per class."""
    vectors = np.random.default_rng(seed).normal(size=(n_classes, width))
    return dict(enumerate(vectors)), vectors


def draw_indicator(seed, y):
    """Give some items a second class, and some none."""
    rng = np.random.default_rng(seed)
    Y = np.eye(y.max() + 1, dtype=int)[y]
    Y[rng.random(len(y)) < 0.3, 0] = 1
    Y[rng.choice(len(y), 2, replace=False)] = 0
    return Y


def centre(X):
    """Subtract the column means."""
    return X - X.mean(axis=0)


def up_to_sign(Z):
    """Turn every column so that its largest entry is positive."""
    return Z * np.sign(Z[np.abs(Z).argmax(axis=0), np.arange(Z.shape[1])])
