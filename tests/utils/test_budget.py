"""How many components the classes are worth, against refits without each pair."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_xmodal.utils import _budget
from sklearn_xmodal.utils._budget import (
    MANY_COMPONENTS,
    USUAL_COMPONENTS,
    worthwhile_components,
)

RNG = np.random.RandomState(0)


def draw(seed=0, n=600, n_features=300, first=0):
    """Return features of falling variance, and classes from 20 of them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, n_features)) * np.linspace(2, 1, n_features)
    directions = rng.standard_normal((20, 6))
    return X, (X[:, first : first + 20] @ directions).argmax(axis=1)


def test_share_is_that_of_refits_without_each_pair():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 4))
    x -= x.mean(axis=0)
    indicator = np.eye(3)[rng.integers(3, size=30)]
    unit = np.linalg.eigvalsh(x.T @ x).mean()
    shares = []
    for ridge in _budget._RIDGES:
        errors = []
        for i in range(30):
            # A free constant, and the same ridge: with the pair left out.
            A = np.hstack([x, np.ones((30, 1))])[np.arange(30) != i]
            penalty = np.diag([ridge * unit] * 4 + [0.0])
            Y = indicator[np.arange(30) != i]
            weights = np.linalg.solve(A.T @ A + penalty, A.T @ Y)
            errors.append(indicator[i] - np.append(x[i], 1) @ weights)
        total = ((indicator - indicator.mean(axis=0)) ** 2).sum()
        shares.append(1 - np.square(errors).sum() / total)
    assert _budget._explained_share(x, indicator) == pytest.approx(max(shares))


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array, np.float32])
def test_many_are_taken_where_the_classes_lie_in_them(convert):
    X, y = draw(first=200)
    assert worthwhile_components(convert(X), X[:, :5], y, RNG) == MANY_COMPONENTS
    X, y = draw(first=0)
    assert worthwhile_components(convert(X), X[:, :5], y, RNG) == USUAL_COMPONENTS


def test_labels_of_any_kind():
    X, y = draw(first=200)
    y = y.astype(np.int64)
    names = np.array(["a", "b", "c", "d", "e", "f"], dtype=object)[y]
    names[:100] = None
    for labels in (names, np.eye(6, dtype=int)[y]):
        assert worthwhile_components(X, X, labels, RNG) == MANY_COMPONENTS


def test_copies_do_not_count():
    # A left-out pair is predicted from its copies, the better the more components.
    X, _ = draw(n=400)
    y = np.random.default_rng(0).integers(6, size=400)
    copies = np.repeat(np.arange(400), 3)
    rng = np.random.RandomState(0)
    assert worthwhile_components(X[copies], X[copies], y[copies], rng) == 128


@pytest.mark.parametrize("n", [2, 256])
def test_few_pairs_or_features_keep_the_usual_number(n):
    X, y = draw(first=200)
    assert worthwhile_components(X[:n], X[:n], y[:n], RNG) == USUAL_COMPONENTS
    narrow = X[:, 200:]
    assert worthwhile_components(narrow, narrow, y, RNG) == USUAL_COMPONENTS


def test_no_more_rows_are_read_than_it_says(monkeypatch):
    monkeypatch.setattr(_budget, "_MOST_ROWS", 300)
    X, y = draw(first=200)

    class Watched(np.ndarray):
        n_read = 0

        def __getitem__(self, key):
            if isinstance(key, np.ndarray):
                Watched.n_read = max(Watched.n_read, len(key))
            return np.asarray(self)[key]

    worthwhile_components(X.view(Watched), X, y, RNG)
    assert Watched.n_read == 300
