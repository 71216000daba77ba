import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg

from sklearn_xmodal.utils._linalg import (
    cholesky_in_place,
    inverse_root,
    leading_svd,
    stable_eigh,
    stable_svd,
)
from tests.conftest import SEEDS


def _matrix(seed, shape=(8, 5)):
    return np.random.default_rng(seed).normal(size=shape)


def _refuse(function, driver_name, refused):
    """The same function, which does not converge with one of its drivers."""

    def wrapped(A, **options):
        if options[driver_name] == refused:
            raise linalg.LinAlgError("did not converge")
        return function(A, **options)

    return wrapped


class TestSVD:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("shape", [(8, 5), (5, 8), (5, 5), (1, 4)], ids=str)
    def test_factors_multiply_to_the_matrix(self, seed, shape):
        A = _matrix(seed, shape)
        U, S, Vt = stable_svd(A)
        assert_allclose(U * S @ Vt, A, atol=1e-12)
        assert_allclose(U.T @ U, np.eye(min(shape)), atol=1e-12)
        assert_allclose(Vt @ Vt.T, np.eye(min(shape)), atol=1e-12)
        assert_array_equal(S, np.sort(S)[::-1])

    @pytest.mark.parametrize("seed", SEEDS)
    def test_signs_follow_the_largest_entry(self, seed):
        U, _, _ = stable_svd(_matrix(seed))
        largest = np.abs(U).argmax(axis=0)
        assert (U[largest, np.arange(U.shape[1])] > 0).all()

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_second_driver_gives_the_same(self, seed, monkeypatch):
        A = _matrix(seed)
        expected = stable_svd(A)
        monkeypatch.setattr(
            linalg, "svd", _refuse(linalg.svd, "lapack_driver", "gesdd")
        )
        for got, want in zip(stable_svd(A), expected, strict=True):
            assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
class TestLeadingSVD:
    @pytest.mark.parametrize("shape", [(90, 70), (70, 90), (80, 80), (9, 70)], ids=str)
    @pytest.mark.parametrize("k", [1, 5, 8])
    @pytest.mark.parametrize("slope", [0.01, 0.1, 0.5])
    def test_is_the_first_part_of_the_whole(self, seed, shape, k, slope):
        A = _matrix(seed, shape)
        U, S, Vt = linalg.svd(A, full_matrices=False)
        A = U * 10.0 ** (-slope * np.arange(len(S))) @ Vt
        expected = stable_svd(A)
        U, S, Vt = leading_svd(A, k)
        assert_allclose(S, expected[1][:k], rtol=1e-11, atol=1e-14)
        assert_allclose(U, expected[0][:, :k], atol=1e-9)
        assert_allclose(Vt, expected[2][:k], atol=1e-9)

    def test_equal_values_are_found(self, seed):
        Q = np.linalg.qr(_matrix(seed, (80, 80)))[0]
        U, S, Vt = leading_svd(Q, 4)
        assert_allclose(S, 1, atol=1e-13)
        assert_allclose(U.T @ Q @ Vt.T, np.eye(4), atol=1e-12)

    def test_whole_decomposition_takes_over(self, seed, monkeypatch):
        A = _matrix(seed, (80, 70))
        expected = leading_svd(A, 3)
        monkeypatch.setattr(linalg, "eigh", _raise)
        for got, want in zip(leading_svd(A, 3), expected, strict=True):
            assert_allclose(got, want, atol=1e-12)


def test_leading_svd_of_zeros_is_zero():
    assert_array_equal(leading_svd(np.zeros((80, 70)), 3)[1], 0)


def _raise(*args, **options):
    raise linalg.LinAlgError("did not converge")


class TestEigh:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_eigenvalues_decrease_and_rebuild_the_matrix(self, seed):
        A = _matrix(seed)
        A = A.T @ A
        w, V = stable_eigh(A)
        assert_array_equal(w, np.sort(w)[::-1])
        assert_allclose(V * w @ V.T, A, atol=1e-12)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_second_driver_gives_the_same(self, seed, monkeypatch):
        A = _matrix(seed)
        w, _ = stable_eigh(A.T @ A)
        monkeypatch.setattr(linalg, "eigh", _refuse(linalg.eigh, "driver", "evd"))
        again, V = stable_eigh(A.T @ A)
        assert_allclose(again, w, atol=1e-12)
        assert_allclose(V * again @ V.T, A.T @ A, atol=1e-12)


class TestCholesky:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_lower_triangle_alone_makes_the_factor_in_its_place(self, seed):
        M = _matrix(seed, (20, 6))
        A = np.asfortranarray(np.tril(M.T @ M) + np.triu(np.full((6, 6), np.nan), 1))
        L = cholesky_in_place(A)
        assert np.shares_memory(L, A)
        assert_allclose(np.tril(L), linalg.cholesky(M.T @ M, lower=True), atol=1e-12)

    def test_a_matrix_that_is_not_definite_has_none(self):
        assert cholesky_in_place(np.asfortranarray(np.diag([1.0, -1.0]))) is None


class TestInverseRoot:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("rank", [1, 3, 5])
    def test_whitens_the_range_of_the_matrix(self, seed, rank):
        B = _matrix(seed, (rank, 5))
        A = B.T @ B
        W = inverse_root(A)
        assert W.shape == (5, rank)
        assert_allclose(W.T @ A @ W, np.eye(rank), atol=1e-8)

    @pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e150])
    def test_scale_does_not_change_the_rank(self, scale):
        B = _matrix(0, (3, 5))
        W = inverse_root(scale * B.T @ B)
        assert_allclose(W * np.sqrt(scale), inverse_root(B.T @ B), rtol=1e-6)

    def test_a_zero_matrix_has_no_range(self):
        assert inverse_root(np.zeros((4, 4))).shape == (4, 0)


def test_the_smallest_matrices_have_decompositions():
    U, S, Vt = stable_svd(np.empty((3, 0)))
    assert [U.shape, S.shape, Vt.shape] == [(3, 0), (0,), (0, 0)]
    w, V = stable_eigh(np.empty((0, 0)))
    assert [w.shape, V.shape] == [(0,), (0, 0)]
    w, V = stable_eigh(np.array([[-3.0]]))
    assert (w.tolist(), V.tolist()) == ([-3.0], [[1.0]])
