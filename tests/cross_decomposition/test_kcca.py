"""Kernel CCA against the textbook eigenproblem, linear CCA and explicit features."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import linalg, sparse
from scipy.spatial.distance import pdist
from sklearn import config_context
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils import get_tags

from sklearn_xmodal import CCARetriever, ImageTextPairs, KCCARetriever, KernelPairs
from sklearn_xmodal.cross_decomposition._engine import _kernel_solver
from sklearn_xmodal.cross_decomposition._engine._spread import scale_kernel
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import KernelMap
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
KERNELS = ["rbf", "poly", "linear", "laplacian", "cosine", "chi2", "additive_chi2"]
#: Small enough for the whole problem, large enough for block Krylov spaces.
SIZES = [25, 150]


def draw(seed, n=60, p=7, q=5, n_shared=3):
    """Non-negative features (for chi2) that share some latent dimensions."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, n_shared))
    X = shared @ rng.standard_normal((n_shared, p)) + rng.standard_normal((n, p))
    Y = shared @ rng.standard_normal((n_shared, q)) + rng.standard_normal((n, q))
    return np.exp(X / 3), np.exp(Y / 3)


def centred(K):
    H = np.eye(len(K)) - 1 / len(K)
    return H @ K @ H


def ridge_of(K, alpha):
    return alpha * np.trace(K) / len(K)


def textbook_correlations(K_v, K_t, alphas):
    """Solve the 2n x 2n generalised eigenproblem, null spaces made definite."""
    n = len(K_v)
    K_v, K_t = centred(K_v), centred(K_t)
    A = np.block([[np.zeros((n, n)), K_v @ K_t], [K_t @ K_v, np.zeros((n, n))]])
    constraints = [
        K @ (K + ridge_of(K, alpha) * np.eye(n)) + 1e-13 * np.trace(K) ** 2 * np.eye(n)
        for K, alpha in zip((K_v, K_t), alphas, strict=True)
    ]
    B = linalg.block_diag(*constraints)
    return linalg.eigh(A, (B + B.T) / 2, eigvals_only=True)[::-1]


def smoother_root(K, alpha):
    """Symmetric root of K (K + ridge)^-1."""
    K = centred(K)
    w, V = linalg.eigh(K)
    w = np.maximum(w, 0)
    return V * np.sqrt(w / (w + ridge_of(K, alpha))) @ V.T


def root_correlations(K_v, K_t, alphas):
    """Solve in the square-root form: the same problem without null spaces."""
    roots = smoother_root(K_v, alphas[0]), smoother_root(K_t, alphas[1])
    return linalg.svd(roots[0] @ roots[1], compute_uv=False)


def kernel_of(X, kernel, gamma, **params):
    options = {"gamma": gamma, "degree": 3, "coef0": 1, **params}
    return pairwise_kernels(X, metric=kernel, filter_params=True, **options)


def resolved(X, gamma, random_state=None):
    return scale_kernel(X, "rbf", gamma, random_state, "image")[0]


def kernels_of(est, X, Y, kernel="rbf"):
    kernel_img, kernel_txt = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    return (
        kernel_of(X, kernel_img, est.image_gamma_),
        kernel_of(Y, kernel_txt, est.text_gamma_),
    )


@EVERY_SEED
class TestOracles:
    @pytest.mark.parametrize("n", SIZES)
    @pytest.mark.parametrize("kernel", KERNELS)
    def test_square_root_form(self, seed, kernel, n):
        X, Y = draw(seed, n=n)
        est = KCCARetriever(3, kernel=kernel, alpha=0.3).fit(X, Y)
        expected = root_correlations(*kernels_of(est, X, Y, kernel), (0.3, 0.3))
        np.testing.assert_allclose(
            est.canonical_correlations_, expected[:3], atol=1e-11
        )

    @pytest.mark.parametrize("n", SIZES)
    @pytest.mark.parametrize("kernel", ["rbf", "poly", "laplacian", "cosine"])
    def test_codes_of_the_square_root_form(self, seed, kernel, n):
        X, Y = draw(seed, n=n)
        est = KCCARetriever(3, kernel=kernel, component_power=0).fit(X, Y)
        roots = [smoother_root(K, 10.0) for K in kernels_of(est, X, Y, kernel)]
        U, _, Vt = linalg.svd(roots[0] @ roots[1])
        expected = roots[0] @ U[:, :3], roots[1] @ Vt[:3].T
        for Z, variates in zip(est.transform(X, Y), expected, strict=True):
            signs = np.sign((Z * variates).sum(axis=0))
            np.testing.assert_allclose(Z, variates * signs * np.sqrt(n), atol=1e-6)

    @pytest.mark.parametrize("kernel", ["rbf", "laplacian", ("poly", "rbf")])
    def test_generalised_eigenproblem(self, seed, kernel):
        X, Y = draw(seed, n=40)
        alphas = (0.2, 1.5)
        est = KCCARetriever(3, kernel=kernel, alpha=alphas).fit(X, Y)
        expected = textbook_correlations(*kernels_of(est, X, Y, kernel), alphas)
        np.testing.assert_allclose(est.canonical_correlations_, expected[:3], atol=1e-8)

    def test_hard_case_of_many_pairs_and_little_ridge(self, seed):
        X, Y = draw(seed, n=600)
        for kernel in ("rbf", "linear"):
            est = KCCARetriever(4, kernel=kernel, alpha=1e-3).fit(X, Y)
            expected = root_correlations(*kernels_of(est, X, Y, kernel), (1e-3, 1e-3))
            np.testing.assert_allclose(
                est.canonical_correlations_, expected[:4], atol=1e-8
            )

    @pytest.mark.parametrize("n", SIZES)
    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    def test_duals_meet_the_constraint(self, seed, n, kernel):
        X, Y = draw(seed, n=n)
        est = KCCARetriever(4, kernel=kernel, alpha=(0.1, 2.0)).fit(X, Y)
        K_v, K_t = map(centred, kernels_of(est, X, Y, kernel))
        a, b = est.image_dual_coef_, est.text_dual_coef_
        for K, dual, alpha in ((K_v, a, 0.1), (K_t, b, 2.0)):
            G = dual.T @ K @ (K @ dual + ridge_of(K, alpha) * dual) / n
            np.testing.assert_allclose(G, np.eye(4), atol=1e-9)
        np.testing.assert_allclose(
            a.T @ K_v @ K_t @ b / n, np.diag(est.canonical_correlations_), atol=1e-9
        )

    @pytest.mark.parametrize("n", [40, 150])
    def test_linear_kernel_is_linear_cca(self, seed, n):
        X, Y = draw(seed, n=n + 20)
        p, q = X.shape[1], Y.shape[1]
        alphas = (0.3, 2.0)
        kcca = KCCARetriever(3, kernel="linear", alpha=alphas).fit(X[:n], Y[:n])
        as_cca = alphas[0] * p / n, alphas[1] * q / n
        cca = CCARetriever(3, alpha=as_cca).fit(X[:n], Y[:n])
        np.testing.assert_allclose(
            kcca.canonical_correlations_, cca.canonical_correlations_, atol=1e-10
        )
        signs = np.sign((kcca.transform_image(X[n:]) * cca.transform_image(X[n:]))[0])
        for Z, expected in zip(
            kcca.transform(X[n:], Y[n:]), cca.transform(X[n:], Y[n:]), strict=True
        ):
            np.testing.assert_allclose(Z * signs, expected, atol=1e-5)

    def test_polynomial_kernel_is_linear_cca_of_its_features(self, seed):
        # (gamma <x, y> + 1)^2 as an inner product of all monomials up to degree 2.
        X, Y = draw(seed, n=70, p=3, q=2)
        gamma, n = 0.5, 50

        def monomials(X):
            i, j = np.triu_indices(X.shape[1], 1)
            return np.hstack(
                [
                    np.sqrt(2 * gamma) * X,
                    gamma * X**2,
                    gamma * np.sqrt(2) * X[:, i] * X[:, j],
                ]
            )

        F, G = monomials(X), monomials(Y)
        np.testing.assert_allclose(
            F @ F.T + 1, kernel_of(X, "poly", gamma, degree=2), atol=1e-10
        )
        options = {"kernel": "poly", "degree": 2, "gamma": gamma, "coef0": 1}
        kcca = KCCARetriever(2, alpha=0.5, **options).fit(X[:n], Y[:n])
        cca = CCARetriever(2, alpha=(0.5 * F.shape[1] / n, 0.5 * G.shape[1] / n))
        cca.fit(F[:n], G[:n])
        signs = np.sign((kcca.transform_image(X[n:]) * cca.transform_image(F[n:]))[0])
        for Z, expected in zip(
            kcca.transform(X[n:], Y[n:]), cca.transform(F[n:], G[n:]), strict=True
        ):
            np.testing.assert_allclose(Z * signs, expected, atol=1e-7)

    def test_training_items_get_their_variates(self, seed):
        X, Y = draw(seed)
        est = KCCARetriever(3, component_power=0).fit(X, Y)
        K = centred(kernel_of(X, "rbf", est.image_gamma_))
        np.testing.assert_allclose(
            est.transform_image(X), K @ est.image_dual_coef_, atol=1e-10
        )
        np.testing.assert_allclose(est.transform_image(X).mean(axis=0), 0, atol=1e-12)


@EVERY_SEED
class TestSolver:
    @pytest.mark.parametrize("kernel", ["rbf", "linear", "poly"])
    def test_block_iteration_and_whole_problem_agree(self, seed, kernel, monkeypatch):
        X, Y = draw(seed, n=150)
        est = KCCARetriever(3, kernel=kernel)
        iterated = est.fit(X, Y).transform(X, Y)
        # Blocks as wide as the problem leave no room for an iteration.
        monkeypatch.setattr(_kernel_solver, "_LEAST_WIDTH", 150)
        whole = est.fit(X, Y).transform(X, Y)
        for Z, expected in zip(iterated, whole, strict=True):
            np.testing.assert_allclose(Z, expected, atol=1e-6)

    @pytest.mark.parametrize("alpha", [1e-4, 1e-2, 1e4])
    def test_steps_are_few_for_any_ridge(self, seed, alpha, monkeypatch):
        X, Y = draw(seed, n=600, p=40, q=30)
        steps = []
        solve = _kernel_solver._Problem.solve

        def count(problem, B):
            if problem.n == 600:  # not the few items that it starts from
                steps.append(B.shape[1])
            return solve(problem, B)

        monkeypatch.setattr(_kernel_solver._Problem, "solve", count)
        est = KCCARetriever(4, alpha=alpha).fit(X, Y)
        expected = root_correlations(*kernels_of(est, X, Y), (alpha, alpha))[:4]
        np.testing.assert_allclose(est.canonical_correlations_, expected, rtol=1e-8)
        assert max(steps) < 30
        assert len(steps) < 11

    def test_correlations_that_are_all_equal(self, seed):
        # Far narrower than the distances, the kernel is the identity matrix.
        X, Y = draw(seed, n=200)
        est = KCCARetriever(40, gamma=1e6, alpha=1.0).fit(X, Y)
        np.testing.assert_allclose(est.canonical_correlations_, 0.5, rtol=1e-2)

    @pytest.mark.parametrize("n", [40, 200])
    def test_modalities_without_any_correlation(self, seed, n):
        for draws in range(seed, 30, 3):  # of rounding, which is all there is
            rng = np.random.default_rng(draws)
            Q, _ = np.linalg.qr(np.hstack([np.ones((n, 1)), rng.normal(size=(n, 8))]))
            est = KCCARetriever(kernel="linear").fit(Q[:, 1:5], Q[:, 5:])
            # Their squares are of the size of rounding.
            np.testing.assert_allclose(est.canonical_correlations_, 0, atol=1e-6)
            assert np.isfinite(est.transform_image(Q[:, 1:5])).all()
            one = KCCARetriever(1, kernel="linear").fit(Q[:, 1:5], Q[:, 5:])
            assert one.n_components_ == 1

    @pytest.mark.parametrize("kernel", ["rbf", "linear"])
    def test_chance_hardly_matters(self, seed, kernel):
        X, Y = draw(seed, n=200)
        first = KCCARetriever(4, kernel=kernel, random_state=seed).fit(X, Y)
        other = KCCARetriever(4, kernel=kernel, random_state=99).fit(X, Y)
        np.testing.assert_allclose(
            first.canonical_correlations_, other.canonical_correlations_, atol=1e-12
        )
        for Z, expected in zip(
            first.transform(X, Y), other.transform(X, Y), strict=True
        ):
            np.testing.assert_allclose(Z, expected, atol=2e-6)

    def test_no_state_of_chance_is_needed_or_kept(self, seed):
        X, Y = draw(seed)
        first, second = (KCCARetriever(3).fit_transform(X, Y) for _ in range(2))
        assert first[0].tobytes() == second[0].tobytes()
        assert first[1].tobytes() == second[1].tobytes()

    def test_largest_training_variate_is_positive(self, seed):
        X, Y = draw(seed, n=150)
        Z = KCCARetriever(3, kernel="linear").fit(X, Y).transform_image(X)
        assert (Z[np.abs(Z).argmax(axis=0), np.arange(3)] > 0).all()


@EVERY_SEED
class TestKernels:
    def test_precomputed_equals_named(self, seed):
        X, Y = draw(seed, n=80)
        named = KCCARetriever(3).fit(X[:60], Y[:60])
        gamma_v, gamma_t = named.image_gamma_, named.text_gamma_
        given = KCCARetriever(3, kernel="precomputed").fit(
            rbf_kernel(X[:60], gamma=gamma_v), rbf_kernel(Y[:60], gamma=gamma_t)
        )
        K_new = rbf_kernel(X[60:], X[:60], gamma=gamma_v)
        before = K_new.copy()
        np.testing.assert_allclose(
            given.transform_image(K_new), named.transform_image(X[60:]), atol=1e-9
        )
        np.testing.assert_array_equal(K_new, before)

    def test_callable_equals_named(self, seed):
        X, Y = draw(seed, n=30)
        named = KCCARetriever(2, gamma=0.5).fit(X, Y)

        def gauss(x, y, width):
            return np.exp(-np.square(x - y).sum() / width)

        est = KCCARetriever(2, kernel=gauss, kernel_params={"width": 2.0}).fit(X, Y)
        np.testing.assert_allclose(
            est.transform_text(Y[:5]), named.transform_text(Y[:5]), atol=1e-9
        )

    def test_each_modality_has_its_own_parameters(self, seed):
        X, Y = draw(seed, n=40)
        est = KCCARetriever(
            2,
            kernel=("poly", "laplacian"),
            degree=(2, 3),
            gamma=(0.1, 0.7),
            coef0=(3.0, 0.0),
            alpha=(0.5, 4.0),
        ).fit(X, Y)
        K_v = kernel_of(X, "poly", 0.1, degree=2, coef0=3.0)
        K_t = kernel_of(Y, "laplacian", 0.7)
        expected = root_correlations(K_v, K_t, (0.5, 4.0))[:2]
        np.testing.assert_allclose(est.canonical_correlations_, expected, atol=1e-11)

    @pytest.mark.parametrize("shift", [0.0, 1e3, 1e7])
    def test_gamma_scale_is_that_of_svc(self, seed, shift):
        X, Y = draw(seed)
        X = X + shift
        svc = SVC(gamma="scale", random_state=0).fit(X, Y[:, 0] > np.median(Y[:, 0]))
        if shift < 1e7:  # a kernel from squared lengths has no digits left there
            est = KCCARetriever(2).fit(X, Y)
            np.testing.assert_allclose(est.image_gamma_, svc._gamma, rtol=1e-9)
        np.testing.assert_allclose(resolved(X, "scale"), svc._gamma, rtol=1e-9)

    def test_gamma_scale_counts_the_zeros_of_sparse_features(self, seed):
        X, _ = draw(seed)
        X = np.where(X > 1, X, 0)
        np.testing.assert_allclose(
            resolved(sparse.csr_matrix(X), "scale"),
            1 / (7 * X.var()),
            rtol=1e-12,
        )

    @pytest.mark.parametrize("shift", [0.0, 1e7])
    def test_gamma_median_is_that_of_all_distances(self, seed, shift):
        X, Y = draw(seed)
        est = KCCARetriever(2, gamma=("median", "scale")).fit(X + shift, Y)
        np.testing.assert_allclose(
            est.image_gamma_, 1 / np.median(pdist(X)) ** 2, rtol=1e-6
        )
        scaled = KCCARetriever(2, gamma=("median", "scale")).fit(1e3 * X, Y)
        np.testing.assert_allclose(
            scaled.transform_image(1e3 * X), est.transform_image(X + shift), atol=1e-5
        )

    def test_gamma_median_of_a_sample_is_close(self, seed):
        X, _ = draw(seed, n=3000)
        found = resolved(X, "median", np.random.RandomState(seed))
        np.testing.assert_allclose(found, 1 / np.median(pdist(X)) ** 2, rtol=0.1)

    def test_gamma_median_takes_duplicates_and_sparse_features(self, seed):
        X = np.where(np.arange(60)[:, None] < 50, 0, draw(seed)[0])
        distances = pdist(X)
        expected = 1 / np.median(distances[distances > 0]) ** 2
        chance = np.random.RandomState(0)
        for features in (X, sparse.csr_array(X)):
            found = resolved(features, "median", chance)
            np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_gamma_none_is_the_kernels_own(self, seed):
        X, Y = draw(seed)
        est = KCCARetriever(2, gamma=None).fit(X, Y)
        expected = KCCARetriever(2, gamma=(1 / 7, 1 / 5)).fit(X, Y)
        assert est.image_gamma_ is None
        np.testing.assert_allclose(
            est.transform_text(Y), expected.transform_text(Y), atol=1e-9
        )

    @pytest.mark.parametrize("kernel", ["linear", "rbf", "cosine", "poly"])
    def test_sparse_text_equals_dense(self, seed, kernel):
        X, Y = draw(seed)
        Y = np.where(Y > 0.8, Y, 0)
        dense = KCCARetriever(3, kernel=kernel).fit(X, Y)
        mixed = KCCARetriever(3, kernel=kernel).fit(X, sparse.csr_array(Y))
        Z = mixed.transform_text(sparse.csr_matrix(Y))
        assert isinstance(Z, np.ndarray)
        np.testing.assert_allclose(Z, dense.transform_text(Y), atol=1e-7)

    def test_float32_is_kept_and_close(self, seed):
        X, Y = draw(seed)
        X32, Y32 = X.astype(np.float32), Y.astype(np.float32)
        narrow = KCCARetriever(3).fit(X32, Y32).transform(X32, Y32)
        wide = KCCARetriever(3).fit(X, Y).transform(X, Y)
        for Z, expected in zip(narrow, wide, strict=True):
            assert Z.dtype == np.float32
            np.testing.assert_allclose(Z, expected, atol=1e-4)

    def test_float32_leaves_the_kernel_definite(self, seed):
        X, Y = (Z.astype(np.float32) for Z in draw(seed, n=100, p=3))
        est = KCCARetriever(2, kernel="linear", alpha=1e-8).fit(X, Y)
        assert est.canonical_correlations_[0] > 0.5

    @pytest.mark.parametrize("power", [0.0, 2.0])
    def test_variates_are_weighted_by_powers_of_their_correlation(self, seed, power):
        X, Y = draw(seed)
        unit = KCCARetriever(3, component_power=0).fit(X, Y)
        est = KCCARetriever(3, component_power=power).fit(X, Y)
        S = unit.canonical_correlations_
        np.testing.assert_allclose(
            est.transform_image(X), unit.transform_image(X) * (S / S[0]) ** power
        )

    def test_scale_of_the_kernel_does_not_matter(self, seed):
        X, Y = draw(seed)
        plain = KCCARetriever(3, kernel="linear").fit(X, Y)
        scaled = KCCARetriever(3, kernel="linear").fit(1e5 * X, 1e-5 * Y)
        np.testing.assert_allclose(
            scaled.transform_image(1e5 * X), plain.transform_image(X), atol=1e-8
        )


class TestPrecomputedInModelSelection:
    @pytest.fixture
    def problem(self):
        X, Y, y = make_paired_modalities(90, random_state=0)
        return ImageTextPairs(X, Y), KernelPairs(rbf_kernel(X), rbf_kernel(Y)), y

    @pytest.mark.parametrize("n_jobs", [None, 2])
    def test_grid_search_finds_what_it_finds_with_features(self, problem, n_jobs):
        pairs, kernels, y = problem
        params = {"gamma": None}
        grid = {"alpha": [0.1, 1.0, 10.0]}
        named = GridSearchCV(KCCARetriever(3, **params), grid, cv=3)
        given = GridSearchCV(
            KCCARetriever(3, kernel="precomputed"), grid, cv=3, n_jobs=n_jobs
        )
        named.fit(pairs, y)
        given.fit(kernels, y)
        np.testing.assert_allclose(
            given.cv_results_["mean_test_score"],
            named.cv_results_["mean_test_score"],
            atol=1e-9,
        )
        assert given.best_params_ == named.best_params_
        assert isinstance(given.transform(kernels), ImageTextPairs)

    @pytest.mark.parametrize("kind", [sparse.csr_array, pd.DataFrame])
    def test_a_pipeline_and_other_containers_are_cut_alike(self, problem, kind):
        _, kernels, y = problem
        est = make_pipeline(KCCARetriever(3, kernel="precomputed"))
        expected = cross_val_score(est, kernels, y, cv=3)
        other = KernelPairs(kind(kernels.image), kernels.text)
        np.testing.assert_allclose(cross_val_score(est, other, y, cv=3), expected)

    def test_pairs_cut_by_rows_only_are_refused(self, problem):
        _, kernels, y = problem
        est = KCCARetriever(3, kernel="precomputed")
        pairs = ImageTextPairs(kernels.image, kernels.text)
        with pytest.raises(ValueError, match="square kernel matrix"):
            cross_val_score(est, pairs, y, cv=3)
        with pytest.raises(ValueError, match=r"Got shape \(60, 90\).* KernelPairs"):
            est.fit(kernels[:60], y[:60])

    def test_one_precomputed_side_is_refused(self, problem):
        pairs, kernels, y = problem
        mixed = ImageTextPairs(kernels.image, pairs.text)
        est = KCCARetriever(3, kernel=("precomputed", "rbf"))
        assert est.fit(mixed).n_components_ == 3
        with pytest.raises(ValueError, match="KernelPairs, precomputed on both sides"):
            cross_val_score(est, mixed, y, cv=3, error_score="raise")

    @pytest.mark.parametrize("kernel", ["rbf", np.dot, ("precomputed", "rbf")])
    def test_other_kernels_are_cut_by_rows(self, kernel):
        assert not get_tags(KCCARetriever(kernel=kernel)).input_tags.pairwise
        both = KCCARetriever(kernel=("precomputed", "precomputed"))
        assert get_tags(both).input_tags.pairwise


class TestMemory:
    @pytest.mark.parametrize("kernel", ["rbf", "laplacian", "precomputed"])
    @pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
    def test_codes_do_not_depend_on_the_number_of_rows_at_a_time(self, kernel, kind):
        X, Y = draw(0, n=250)
        X, Y = X[:150], kind(Y)
        if kernel == "precomputed":
            X = rbf_kernel(X)
            Y = kind(rbf_kernel(Y.toarray() if sparse.issparse(Y) else Y, Y[:150]))
        est = KCCARetriever(3, kernel=kernel).fit(X, Y[:150])
        whole = est.transform_text(Y)
        with config_context(working_memory=1e-3):
            np.testing.assert_allclose(est.transform_text(Y), whole, atol=1e-12)
        for i in (0, 249):
            Z = est.transform_text(Y[[i]])
            np.testing.assert_allclose(Z, whole[[i]], atol=1e-12)

    @pytest.mark.parametrize("megabytes", [0.1, 0.5])
    def test_kernels_of_new_items_fit_the_working_memory(self, megabytes, monkeypatch):
        X, Y = draw(0, n=600)
        est = KCCARetriever(3).fit(X[:150], Y[:150])
        sizes = []

        def measured(self, X, Y, inner=KernelMap._values):
            K = inner(self, X, Y)
            sizes.append(K.nbytes)
            return K

        monkeypatch.setattr(KernelMap, "_values", measured)
        with config_context(working_memory=megabytes):
            est.transform_image(X)
        assert sum(sizes) == 600 * 150 * 8
        assert 0.2 * megabytes * 2**20 < max(sizes) <= megabytes * 2**20


class TestErrors:
    @pytest.fixture
    def pair(self):
        return draw(0)

    @pytest.mark.parametrize("alpha", [0.1, 100.0])
    def test_kernel_matrix_must_be_semi_definite(self, alpha):
        A = np.random.default_rng(0).standard_normal((30, 30))
        indefinite = A + A.T + 5 * np.eye(30)
        w = linalg.eigvalsh(centred(indefinite))
        message = rf"image kernel .* semi-definite. Got .* of {w[0] / w.mean():.3g} "
        est = KCCARetriever(2, kernel="precomputed", alpha=alpha)
        with pytest.raises(ValueError, match=message):
            est.fit(indefinite, A @ A.T)
        with pytest.raises(ValueError, match=r"text kernel .* semi-definite"):
            est.fit(A @ A.T, indefinite)
        with pytest.raises(ValueError, match=r"image kernel .* semi-definite"):
            KCCARetriever(2, kernel="sigmoid", gamma=1.0, alpha=alpha).fit(*draw(0))

    def test_kernel_matrix_of_negative_trace_is_no_constant_modality(self):
        K = -np.eye(30)
        est = KCCARetriever(2, kernel="precomputed")
        with pytest.raises(
            ValueError, match=r"text kernel .* semi-definite. Got -0\.9"
        ):
            est.fit(-K, K)

    def test_rounding_of_float32_leaves_a_precomputed_kernel_good_enough(self):
        X, Y = draw(0, n=150)
        K_img, K_txt = (rbf_kernel(Z, gamma=2e-3).astype(np.float32) for Z in (X, Y))
        assert linalg.eigvalsh(centred(K_img.astype(float)))[0] < -1e-8
        est = KCCARetriever(2, kernel="precomputed").fit(K_img, K_txt)
        assert est.canonical_correlations_[0] > 0.2

    def test_ridge_must_outweigh_the_rounding_of_the_kernels(self):
        X, Y = draw(0, n=150)
        K_img, K_txt = (rbf_kernel(Z, gamma=2e-3).astype(np.float32) for Z in (X, Y))
        est = KCCARetriever(2, kernel="precomputed", alpha=1e-9)
        with pytest.raises(ValueError, match=r"sum of both kernels .* raise alpha"):
            est.fit(K_img, K_txt)

    def test_precomputed_kernel_must_be_symmetric(self):
        K = np.eye(30)
        wrong = K.copy()
        wrong[3, 5] = 0.25
        est = KCCARetriever(2, kernel="precomputed")
        with pytest.raises(ValueError, match=r"image kernel .*symmetric.* by 0\.25"):
            est.fit(wrong, K)
        with pytest.raises(ValueError, match=r"text kernel .*symmetric"):
            est.fit(sparse.csr_array(K), sparse.csr_array(wrong))

    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"alpha": -1.0}, r"'alpha' parameter .* Got -1\.0"),
            ({"alpha": 0.0}, r"'alpha' parameter .* Got 0\.0"),
            ({"alpha": (1.0, 0.0)}, r"'alpha' parameter .* Got 0\.0"),
            ({"alpha": (1.0, np.inf)}, "'alpha' parameter .* Got inf"),
            ({"alpha": (1.0, np.nan)}, "'alpha' parameter .* Got nan"),
            ({"alpha": (1.0, 1.0, 1.0)}, "alpha must be .* tuple of length 3"),
            ({"kernel": "nonsense"}, "'kernel' parameter .* Got 'nonsense'"),
            ({"kernel": ("rbf", "nonsense")}, "'kernel' parameter .* Got 'nonsense'"),
            ({"kernel": ("rbf",)}, "kernel must be .* tuple of length 1"),
            ({"gamma": ("scale", "auto")}, "'gamma' parameter .* Got 'auto'"),
            ({"gamma": (-1.0, "scale")}, r"'gamma' parameter .* Got -1\.0"),
            ({"degree": ("a", 2)}, "'degree' parameter .* Got 'a'"),
            ({"kernel_params": ({}, 3)}, "'kernel_params' parameter .* Got 3"),
            ({"n_components": 60}, "smaller than the number of samples. Got n_comp"),
        ],
        ids=str,
    )
    def test_parameters(self, pair, params, match):
        with pytest.raises(ValueError, match=match):
            KCCARetriever(**{"n_components": 2, **params}).fit(*pair)

    @pytest.mark.parametrize("n", SIZES)
    def test_rank_of_the_kernels_bounds_the_components(self, n):
        X, Y = draw(0, n=n, q=2)
        assert KCCARetriever(2, kernel="linear").fit(X, Y).n_components_ == 2
        with pytest.raises(ValueError, match=r"at most 2, .* Got n_components=3"):
            KCCARetriever(3, kernel="linear").fit(X, Y)

    def test_precomputed_kernel_must_be_square_in_fit(self, pair):
        X, Y = pair
        est = KCCARetriever(2, kernel=("rbf", "precomputed"))
        with pytest.raises(ValueError, match=r"text kernel must be square .*\(60, 5\)"):
            est.fit(X, Y)

    @pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "cosine"])
    @pytest.mark.parametrize("value", [0.1, 7.0, 1e6 + 0.1])
    def test_constant_modality(self, kernel, value):
        X, _ = draw(0, n=57)
        constant = np.full((57, 33), value)
        with pytest.raises(ValueError, match="text features must vary"):
            KCCARetriever(2, kernel=kernel).fit(X, constant)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "laplacian"])
def test_far_origin_costs_no_digits(kernel):
    X_img, X_txt, _ = make_paired_modalities(80, random_state=0)
    near = KCCARetriever(3, kernel=kernel, gamma=0.05).fit(X_img, X_txt)
    far = KCCARetriever(3, kernel=kernel, gamma=0.05).fit(X_img + 1e6, X_txt)
    assert_allclose(
        far.canonical_correlations_, near.canonical_correlations_, atol=1e-8
    )
    assert_allclose(
        far.transform_image(X_img[:5] + 1e6), near.transform_image(X_img[:5]), atol=1e-6
    )


def test_auto_takes_as_many_components_as_there_are():
    X_img, X_txt, _ = make_paired_modalities(80, random_state=0)
    assert KCCARetriever().fit(X_img, X_txt).n_components_ == 20
    linear = KCCARetriever(kernel="linear").fit(X_img[:, :3], X_txt)
    assert linear.n_components_ == 3
    assert KCCARetriever().fit(X_img[:8], X_txt[:8]).n_components_ <= 7
