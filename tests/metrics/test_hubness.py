"""Skewness of the k-occurrence: as its definition says, with shares where items tie."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import skew

from sklearn_xmodal.metrics import _hubness, k_occurrence_skewness


def _textbook(query, gallery, k):
    """Count, for each query, its k nearest; then take the three moments."""
    counts = [0] * len(gallery)
    for q in query:
        cosines = [q @ g / (np.linalg.norm(q) * np.linalg.norm(g)) for g in gallery]
        for item in sorted(range(len(gallery)), key=lambda j: -cosines[j])[:k]:
            counts[item] += 1
    mean = sum(counts) / len(counts)
    variance = sum((n - mean) ** 2 for n in counts) / len(counts)
    return sum((n - mean) ** 3 for n in counts) / len(counts) / variance**1.5


@pytest.mark.parametrize(
    ("k", "dtype"), [(1, np.float64), (7, np.float32), (39, np.float64)]
)
def test_it_is_that_of_the_textbook(k, dtype, monkeypatch):
    rng = np.random.default_rng(k)
    query = rng.normal(size=(30, 6)).astype(dtype)
    gallery = (rng.normal(size=(40, 6)) + 0.5).astype(dtype)
    expected = _textbook(query.astype(float), gallery.astype(float), k)
    assert_allclose(k_occurrence_skewness(query, gallery, k=k), expected, rtol=1e-12)
    monkeypatch.setattr(_hubness, "CACHED_BYTES", 1)  # a query at a time
    assert_allclose(k_occurrence_skewness(query, gallery, k=k), expected, rtol=1e-12)


def _expected_counts(cosines, k):
    """Mean membership over every choice of k items that the cosines allow, exact."""
    counts = [Fraction(0)] * len(cosines[0])
    for row in cosines:
        best = sorted(row, reverse=True)[:k]
        allowed = [
            chosen
            for chosen in combinations(range(len(row)), k)
            if sorted((row[j] for j in chosen), reverse=True) == best
        ]
        for chosen in allowed:
            for j in chosen:
                counts[j] += Fraction(1, len(allowed))
    return [float(n) for n in counts]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_tied_items_share_the_last_places(k):
    # Along axes, so that products are exact, and of any length, which does not count.
    rng = np.random.default_rng(k)
    query = rng.integers(-1, 2, size=(9, 3))
    gallery = np.eye(3)[[0, 0, 1, 2, 2, 2, 1]] * rng.choice([-1, 1], size=(7, 1))
    counts = _expected_counts((query @ gallery.T).tolist(), k)
    scaled = gallery * rng.integers(1, 9, size=(7, 1))
    turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    for turn in (np.eye(3), turned):  # which rounds
        got = k_occurrence_skewness(query @ turn, scaled @ turn, k=k)
        assert_allclose(got, skew(counts), rtol=1e-9)


def test_equal_items_are_no_hubs():
    codes = np.random.default_rng(0).normal(size=(5, 3))
    assert k_occurrence_skewness(codes, np.ones((7, 3)), k=3) == 0
    assert k_occurrence_skewness(codes, codes, k=5) == 0


def test_a_hub_makes_it_large_and_its_removal_small():
    rng = np.random.default_rng(100)
    own = np.eye(50)
    query = own + 0.1 * rng.normal(size=own.shape)
    assert k_occurrence_skewness(query, own, k=1) == 0
    hub = np.vstack([own[1:] - 0.5, np.ones(50)])
    assert k_occurrence_skewness(np.abs(query) + 0.5, hub, k=1) > 5


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "at least 1"),
        (5, ValueError, "must not exceed the number of gallery items, 4. Got 5"),
        (1.5, TypeError, "k must be an int"),
        (None, TypeError, "k must be an int. Got None"),
        (True, TypeError, "k must be an int"),
    ],
)
def test_bad_k_is_refused(k, error, message):
    with pytest.raises(error, match=message):
        k_occurrence_skewness(np.eye(4), np.eye(4), k=k)


def test_codes_of_two_spaces_are_refused():
    with pytest.raises(ValueError, match="must lie in the same space"):
        k_occurrence_skewness(np.eye(4), np.eye(3), k=1)
