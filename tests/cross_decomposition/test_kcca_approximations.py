"""Landmarks and random features against the exact kernel, in blocks and at scale."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel

from sklearn_xmodal import CCARetriever, KCCARetriever
from sklearn_xmodal.cross_decomposition._engine._kernel_maps import (
    choose_landmarks,
    random_features,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import FourierMap, KernelMap
from sklearn_xmodal.utils import _blocks
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
BOTH = pytest.mark.parametrize("approximation", ["nystroem", "rff"])


def draw(seed, n=120, **params):
    """Paired features of moderate width, and labels."""
    return make_paired_modalities(
        n,
        n_image_features=9,
        n_text_features=8,
        random_state=seed,
        **params,
    )


@EVERY_SEED
class TestAllRowsAsLandmarks:
    @pytest.mark.parametrize("alpha", [10.0, (0.05, 1.0)])
    @pytest.mark.parametrize(
        "kernel", ["rbf", "laplacian", "linear", "cosine", ("poly", "rbf")]
    )
    def test_is_the_exact_solution(self, seed, kernel, alpha):
        X, Y, _ = draw(seed)
        params = {"kernel": kernel, "alpha": alpha}
        exact = KCCARetriever(5, **params).fit(X[:90], Y[:90])
        est = KCCARetriever(5, approximation="nystroem", n_landmarks=90, **params)
        est.fit(X[:90], Y[:90])
        np.testing.assert_allclose(
            est.canonical_correlations_, exact.canonical_correlations_, atol=1e-10
        )
        for Z, expected in zip(est.transform(X, Y), exact.transform(X, Y), strict=True):
            np.testing.assert_allclose(Z, expected, atol=1e-6)

    def test_is_what_more_landmarks_than_rows_mean(self, seed):
        X, Y, _ = draw(seed)
        codes = [
            KCCARetriever(3, approximation="nystroem", n_landmarks=m).fit_transform(
                X, Y
            )[0]
            for m in (120, 5000)
        ]
        np.testing.assert_array_equal(*codes)

    def test_takes_precomputed_kernels(self, seed):
        X, Y, _ = draw(seed)
        K_img, K_txt = rbf_kernel(X, gamma=0.02), rbf_kernel(Y, gamma=0.03)
        params = {"n_components": 3, "approximation": "nystroem", "n_landmarks": 30}
        given = KCCARetriever(kernel="precomputed", **params)
        given.fit(K_img[:100, :100], K_txt[:100, :100])
        named = KCCARetriever(gamma=(0.02, 0.03), **params).fit(X[:100], Y[:100])
        np.testing.assert_allclose(
            given.transform_image(K_img[100:, :100]),
            named.transform_image(X[100:]),
            atol=1e-8,
        )


@EVERY_SEED
class TestFewerFeatures:
    def test_nystroem_is_linear_cca_of_the_features_of_scikit_learn(self, seed):
        X, Y, _ = draw(seed)
        n, alpha = 100, 2.0
        est = KCCARetriever(3, approximation="nystroem", n_landmarks=20, alpha=alpha)
        est.fit(X[:n], Y[:n])
        features, ridges = [], []
        for Z, basis, gamma in (
            (X, est.X_image_fit_, est.image_gamma_),
            (Y, est.X_text_fit_, est.text_gamma_),
        ):
            nystroem = Nystroem("rbf", gamma=gamma, n_components=20, random_state=0)
            F = nystroem.fit(basis).transform(Z)
            features.append(F)
            centred = F[:n] - F[:n].mean(axis=0)
            eigenvalue = 1 - (F[:n].mean(axis=0) ** 2).sum()  # mean, exact diagonal
            ridges.append(alpha * eigenvalue / n / np.square(centred).mean(0).mean())
        cca = CCARetriever(3, alpha=tuple(ridges))
        cca.fit(features[0][:n], features[1][:n])
        np.testing.assert_allclose(
            est.canonical_correlations_, cca.canonical_correlations_, rtol=1e-7
        )
        Z, expected = est.transform_text(Y), cca.transform_text(features[1])
        np.testing.assert_allclose(
            Z * np.sign(Z[0]), expected * np.sign(expected[0]), atol=1e-6
        )

    @pytest.mark.parametrize("landmarks", ["uniform", "k-means++"])
    def test_nystroem_scores_like_the_exact_solution(self, seed, landmarks):
        X, Y, y = draw(seed, n=900, n_classes=10)
        exact = KCCARetriever().fit(X[:600], Y[:600])
        est = KCCARetriever(
            approximation="nystroem", n_landmarks=150, landmarks=landmarks
        ).fit(X[:600], Y[:600])
        test = X[600:], Y[600:], y[600:]
        assert abs(est.score(*test) / exact.score(*test) - 1) < 0.02

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
    def test_random_features_reproduce_the_kernel(self, seed, kernel):
        X, _, _ = draw(seed)
        chance = np.random.RandomState(seed)
        F = random_features(kernel, 0.05, X.mean(axis=0), 9, 40_000, chance).apply(X)
        expected = pairwise_kernels(X, metric=kernel, gamma=0.05)
        np.testing.assert_allclose(F @ F.T, expected, atol=0.04)
        np.testing.assert_allclose(np.square(F).sum(axis=1), 1)

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
    def test_many_random_features_are_close_to_the_exact_solution(self, seed, kernel):
        X, Y, _ = draw(seed)
        exact = KCCARetriever(4, kernel=kernel).fit(X, Y)
        est = KCCARetriever(4, kernel=kernel, approximation="rff", n_landmarks=500)
        est.fit(X, Y)
        np.testing.assert_allclose(
            est.canonical_correlations_, exact.canonical_correlations_, atol=0.05
        )
        assert not hasattr(est, "X_image_fit_")


@EVERY_SEED
@BOTH
class TestBlocks:
    def test_do_not_change_the_result(self, seed, approximation, monkeypatch):
        X, Y, _ = draw(seed, n=400)
        est = KCCARetriever(3, approximation=approximation, n_landmarks=40)
        whole = est.fit(X, Y).transform(X, Y)
        monkeypatch.setattr(_blocks, "_MOST_BYTES", 40_000)
        for Z, expected in zip(est.fit(X, Y).transform(X, Y), whole, strict=True):
            np.testing.assert_allclose(Z, expected, atol=1e-8)

    def test_are_all_that_is_held(self, seed, approximation, monkeypatch):
        X, Y, _ = draw(seed, n=2000)
        largest = []
        for cls in (KernelMap, FourierMap):

            def encode(self, X, inner=cls._encode):
                values = inner(self, X)
                largest.append(values.nbytes)
                return values

            monkeypatch.setattr(cls, "_encode", encode)
        est = KCCARetriever(2, approximation=approximation, n_landmarks=50)
        with config_context(working_memory=0.5):
            est.fit(X, Y)
        assert len(largest) > 10
        assert max(largest) < 2**19

    def test_come_from_files_and_sparse_matrices(self, seed, approximation, tmp_path):
        X, Y, _ = draw(seed)
        Y = np.where(Y > 0, Y, 0)
        est = KCCARetriever(3, approximation=approximation, n_landmarks=40)
        expected = est.fit(X, Y).transform(X, Y)
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        est.fit(mapped, Y)
        np.testing.assert_array_equal(est.transform_image(mapped), expected[0])
        est.fit(X, sparse.csr_array(Y))
        np.testing.assert_allclose(
            est.transform_text(sparse.csr_array(Y)), expected[1], atol=1e-7
        )

    def test_float32_is_kept_and_close(self, seed, approximation):
        X, Y, _ = draw(seed)
        X32, Y32 = X.astype(np.float32), Y.astype(np.float32)
        est = KCCARetriever(3, approximation=approximation, n_landmarks=40)
        wide = est.fit(X32.astype(float), Y32.astype(float)).transform(X, Y)
        for Z, expected in zip(
            est.fit(X32, Y32).transform(X32, Y32), wide, strict=True
        ):
            assert Z.dtype == np.float32
            np.testing.assert_allclose(Z, expected, atol=1e-4)

    def test_tiny_ridge_is_fine(self, seed, approximation):
        X, Y, _ = draw(seed)
        est = KCCARetriever(3, approximation=approximation, alpha=1e-13)
        S = est.set_params(n_landmarks=80).fit(X, Y).canonical_correlations_
        np.testing.assert_allclose(S, 1, atol=1e-6)

    def test_far_origin_costs_no_digits(self, seed, approximation):
        X, Y, _ = draw(seed)
        est = KCCARetriever(3, approximation=approximation, gamma=0.02, n_landmarks=40)
        near = est.fit(X, Y).canonical_correlations_
        far = est.fit(X + 1e6, Y).canonical_correlations_
        np.testing.assert_allclose(far, near, atol=1e-7)


class TestLandmarks:
    @pytest.mark.parametrize("method", ["uniform", "k-means++"])
    def test_are_different_rows_in_order(self, method):
        X = draw(0, n=2000)[0]
        random = np.random.RandomState(0)
        rows = choose_landmarks(X, np.arange(2000), 50, method, random, "image")
        assert len(rows) == 50
        assert (np.diff(rows) > 0).all()

    def test_of_k_means_are_further_apart(self):
        rng = np.random.RandomState(0)
        X = np.random.default_rng(0).standard_normal((1000, 3)) ** 3
        spread = {}
        for method in ("uniform", "k-means++"):
            rows = choose_landmarks(X, np.arange(1000), 20, method, rng, "image")
            spread[method] = np.mean(np.linalg.norm(X[rows], axis=1))
        assert spread["k-means++"] > 1.5 * spread["uniform"]

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_of_repeated_items_are_taken_once(self):
        X = np.repeat(np.eye(4), 30, axis=0)
        random = np.random.RandomState(0)
        rows = choose_landmarks(X, np.arange(120), 10, "k-means++", random, "image")
        assert 4 <= len(rows) <= 10
        est = KCCARetriever(2, approximation="nystroem", n_landmarks=50)
        assert est.fit(X, X + 1).n_components_ == 2

    def test_follow_the_random_state(self):
        X, Y, _ = draw(0)
        first, same, other = (
            KCCARetriever(
                2, approximation="nystroem", n_landmarks=20, random_state=seed
            )
            .fit(X, Y)
            .X_image_fit_
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"approximation": "nystrom"}, "'approximation' .* Got 'nystrom'"),
            ({"n_landmarks": 0}, "'n_landmarks' parameter .* Got 0"),
            ({"landmarks": "random"}, "'landmarks' parameter .* Got 'random'"),
            (
                {"approximation": "rff", "kernel": ("rbf", "poly")},
                "needs kernel=\"rbf\" .* Got 'poly' for the text: use .*nystroem",
            ),
            (
                {"approximation": "nystroem", "n_landmarks": 3, "n_components": 4},
                "at most 3, .* Got n_components=4. .* raise n_landmarks",
            ),
            (
                {"approximation": "nystroem", "kernel": "sigmoid", "gamma": 1.0},
                "image kernel of the landmarks must be positive semi-definite. Got",
            ),
        ],
        ids=str,
    )
    def test_parameters(self, params, match):
        X, Y, _ = draw(0)
        with pytest.raises(ValueError, match=match):
            KCCARetriever(**{"n_components": 2, **params}).fit(X, Y)

    @BOTH
    def test_features_must_vary(self, approximation):
        X, Y, _ = draw(0)
        est = KCCARetriever(2, approximation=approximation, n_landmarks=30)
        with pytest.raises(ValueError, match="text features must vary"):
            est.fit(X, np.full_like(Y, 0.1))

    def test_landmarks_of_constant_features_are_refused(self):
        X, Y, _ = draw(0)
        est = KCCARetriever(2, approximation="nystroem", n_landmarks=30)
        with pytest.raises(ValueError, match="image features must vary"):
            est.set_params(kernel="linear").fit(np.ones_like(X), Y)

    @pytest.mark.parametrize("n_landmarks", [20, 200])
    def test_precomputed_kernel_of_landmarks_must_be_semi_definite(self, n_landmarks):
        A = np.random.default_rng(0).standard_normal((60, 60))
        indefinite = A + A.T + 5 * np.eye(60)
        est = KCCARetriever(2, kernel="precomputed", approximation="nystroem")
        est.set_params(n_landmarks=n_landmarks)
        with pytest.raises(ValueError, match=r"text kernel of .* semi-definite"):
            est.fit(A @ A.T, indefinite)

    def test_k_means_needs_features(self):
        K = np.eye(60)
        est = KCCARetriever(2, kernel="precomputed", approximation="nystroem")
        est.set_params(landmarks="k-means++", n_landmarks=20)
        with pytest.raises(
            ValueError, match=r"needs features. Got a precomputed image"
        ):
            est.fit(K, K)
