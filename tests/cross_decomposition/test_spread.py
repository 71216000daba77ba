"""Means and variances of features, however the rows are cut."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from sklearn_xmodal.cross_decomposition._engine._spread import column_spread
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def draw(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((300, 4)) * [1.0, 2.0, 0.1, 5.0] + shift


def parts_of(X, cuts):
    parts = [column_spread(part) for part in np.split(X, cuts)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merged(part)
    return merged


@EVERY_SEED
@pytest.mark.parametrize("shift", [0.0, 1e6, [0.0, 1e3, -1e6, 1.0]], ids=str)
@pytest.mark.parametrize("cuts", [[], [1], [70, 200], [5, 6, 290]], ids=str)
def test_merged_parts_say_what_numpy_says_of_the_whole(seed, shift, cuts):
    X = draw(seed, shift)
    spread = parts_of(X, cuts)
    assert_allclose(spread.mean.high, X.mean(axis=0), rtol=1e-14, atol=1e-14)
    assert_allclose(spread.variance(), X.var(), rtol=1e-9)
    assert not spread.is_sparse


@EVERY_SEED
def test_parts_that_differ_count_the_difference(seed):
    X = draw(seed)
    X[150:] += 1e3
    assert_allclose(parts_of(X, [150]).variance(), X.var(), rtol=1e-12)


@EVERY_SEED
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_zeros_of_sparse_features_count(seed, container):
    X = np.where(draw(seed) > 0.5, draw(seed), 0.0)
    spread = column_spread(container(X))
    merged = column_spread(container(X[:90])).merged(column_spread(X[90:]))
    for found in (spread, merged):
        assert_allclose(found.mean.high, X.mean(axis=0), rtol=1e-13)
        assert_allclose(found.variance(), X.var(), rtol=1e-12)
        assert found.is_sparse


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_features_have_no_variance(value, dtype):
    assert parts_of(np.full((300, 4), value, dtype=dtype), [7, 120]).variance() == 0


@EVERY_SEED
def test_float32_is_summed_in_float64(seed):
    X = draw(seed, 1e3).astype(np.float32)
    assert_allclose(column_spread(X).variance(), X.astype(np.float64).var(), rtol=1e-12)
