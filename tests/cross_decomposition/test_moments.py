"""Second moments against exact rational arithmetic, however the rows are cut."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal.cross_decomposition._engine import _moments
from sklearn_xmodal.cross_decomposition._engine._moments import (
    condensed_rows,
    pair_moments,
)
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
P, Q = 3, 2


def draw(seed, n=40, shift=0.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, P)) + shift).astype(dtype)
    Y = (X[:, :Q] + rng.standard_normal((n, Q)) - shift / 2).astype(dtype)
    return X, Y


def exact_moments(X, Y, weights=None):
    """Mean and covariance of all columns in rational arithmetic, rounded once."""
    A = [[Fraction(float(v)) for v in row] for row in np.hstack([X, Y])]
    w = [Fraction(float(v)) for v in (np.ones(len(A)) if weights is None else weights)]
    total, width = sum(w), len(A[0])
    mean = [
        sum(wi * row[j] for wi, row in zip(w, A, strict=True)) / total
        for j in range(width)
    ]
    A = [[v - m for v, m in zip(row, mean, strict=True)] for row in A]
    covariance = [
        [
            float(sum(wi * r[i] * r[j] for wi, r in zip(w, A, strict=True)) / total)
            for j in range(width)
        ]
        for i in range(width)
    ]
    return mean, np.array(covariance)


def whole(moments):
    image, text, cross = moments.covariances()
    image, text = (np.tril(C) + np.tril(C, -1).T for C in (image, text))
    return np.block([[image, cross], [cross.T, text]])


def assert_exact(moments, X, Y, weights=None, rtol=1e-14):
    mean, covariance = exact_moments(X, Y, weights)
    deviation = np.sqrt(np.diag(covariance))
    scale = np.outer(deviation, deviation)
    assert_allclose(whole(moments) / scale, covariance / scale, rtol=0, atol=rtol)
    # Both parts of the mean together are right far beyond the digits of one.
    high = map(Fraction, moments.mean.high.tolist())
    low = map(Fraction, moments.mean.low.tolist())
    errors = [float(m - h - lo) for m, h, lo in zip(mean, high, low, strict=True)]
    assert np.abs(errors / deviation).max() < 1e-14


@EVERY_SEED
class TestExact:
    @pytest.mark.parametrize("shift", [0.0, 1.0, 1e6, -1e9], ids=str)
    def test_one_pass(self, seed, shift):
        X, Y = draw(seed, shift=shift)
        assert_exact(pair_moments(X, Y), X, Y)

    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_float32_is_summed_in_float64(self, seed, shift):
        X, Y = draw(seed, shift=shift, dtype=np.float32)
        assert_exact(pair_moments(X, Y), X, Y)

    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_blocks_of_rows(self, seed, shift, monkeypatch):
        monkeypatch.setattr(_moments, "_BLOCK_VALUES", 1)
        X, Y = draw(seed, n=1001, shift=shift)
        assert_exact(pair_moments(X, Y), X, Y)

    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    @pytest.mark.parametrize("cuts", [[1], [20], [3, 4, 30]], ids=str)
    def test_merged_parts(self, seed, shift, cuts):
        X, Y = draw(seed, shift=shift)
        X[20:] += 1e3  # parts that differ
        parts = [
            pair_moments(A, B)
            for A, B in zip(np.split(X, cuts), np.split(Y, cuts), strict=True)
        ]
        merged = parts[0]
        for part in parts[1:]:
            merged = merged.merged(part)
        assert_exact(merged, X, Y)
        assert merged.n_samples == len(X)

    @pytest.mark.parametrize("shift", [0.0, 1e6], ids=str)
    def test_weights(self, seed, shift):
        X, Y = draw(seed, shift=shift)
        weights = np.random.default_rng(seed).random(len(X))
        assert_exact(pair_moments(X, Y, weights), X, Y, weights)
        parts = [pair_moments(X[r], Y[r], weights[r]) for r in (slice(9), slice(9, 40))]
        assert_exact(parts[0].merged(parts[1]), X, Y, weights)

    def test_scales_sixteen_orders_apart(self, seed):
        X, Y = draw(seed)
        X, Y = X * [1e-8, 1.0, 1e8], Y * [1e8, 1e-8]
        assert_exact(pair_moments(X, Y), X, Y)

    def test_sparse(self, seed):
        X, Y = draw(seed)
        Y = np.where(Y > 0, Y, 0.0)
        expected = pair_moments(X, Y)
        for container in (sparse.csr_matrix, sparse.csr_array):
            got = pair_moments(X, container(Y))
            assert_array_equal(got.products, expected.products)


@EVERY_SEED
class TestIdentities:
    def test_integer_weights_are_repeated_rows(self, seed):
        X, Y = draw(seed, shift=1e3)
        weights = np.random.default_rng(seed).integers(0, 4, len(X))
        weighted = pair_moments(X, Y, weights.astype(float))
        repeated = pair_moments(np.repeat(X, weights, 0), np.repeat(Y, weights, 0))
        assert_allclose(whole(weighted), whole(repeated), rtol=1e-12, atol=1e-14)
        assert weighted.mean.weight == repeated.n_samples

    def test_merging_leaves_both_parts_alone(self, seed):
        a, b = pair_moments(*draw(seed)), pair_moments(*draw(seed + 10))
        before = a.products.copy(), b.products.copy()
        a.merged(b)
        assert_array_equal(a.products, before[0])
        assert_array_equal(b.products, before[1])

    def test_parts_without_weight_change_nothing(self, seed):
        X, Y = draw(seed)
        full, none = pair_moments(X, Y), pair_moments(X, Y, np.zeros(len(X)))
        assert none.n_samples == 0
        for merged in (full.merged(none), none.merged(full)):
            assert_array_equal(np.tril(merged.products), np.tril(full.products))
            assert_array_equal(merged.mean.high, full.mean.high)

    def test_constant_columns_have_no_variance(self, seed):
        X, Y = draw(seed, n=997)
        X[:, 1] = 1e6 + 0.1
        parts = [pair_moments(X[r], Y[r]) for r in (slice(5), slice(5, 997))]
        for moments in (pair_moments(X, Y), parts[0].merged(parts[1])):
            assert whole(moments)[1, 1] < 1e-30

    @pytest.mark.parametrize("weighted", [False, True])
    def test_condensed_rows_have_the_same_moments(self, seed, weighted, monkeypatch):
        monkeypatch.setattr(_moments, "_BLOCK_VALUES", 1)
        X, Y = draw(seed, n=200, shift=1e3)
        weights = np.random.default_rng(seed).random(200) if weighted else None
        moments = pair_moments(X, Y, weights)
        R = condensed_rows(X, Y, weights, mean=moments.mean)
        assert len(R) <= P + Q
        assert_allclose(R.T @ R / moments.mean.weight, whole(moments), rtol=1e-12)
