"""Procrustes analysis against scipy's, scikit-learn's components and identities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg, sparse
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.decomposition import PCA

from sklearn_xmodal import PLSRetriever, ProcrustesRetriever
from tests.labelled import EVERY_SEED, SHAPES, centre, draw

COMPONENTS = pytest.mark.parametrize("k", [1, 4, 6])


def components(X, k):
    return PCA(k, svd_solver="full").fit_transform(X)


@EVERY_SEED
class TestOracles:
    @SHAPES
    @COMPONENTS
    def test_scipy_on_principal_components(self, seed, n, p, q, k):
        X, T, _ = draw(seed, n, p, q)
        A, B = components(X, k), components(T, k)
        Q, total = linalg.orthogonal_procrustes(A, B)
        est = ProcrustesRetriever(k).fit(X, T)
        Z_img, Z_txt = est.transform(X, T)
        assert_allclose(Z_img @ Z_txt.T, A @ Q @ B.T, rtol=1e-8, atol=1e-8)
        assert_allclose(est.singular_values_.sum() * n, total, rtol=1e-10)

    @SHAPES
    def test_no_other_rotation_is_nearer(self, seed, n, p, q):
        X, T, _ = draw(seed, n, p, q)
        Z_img, Z_txt = ProcrustesRetriever(4).fit_transform(X, T)
        least = linalg.norm(Z_img - Z_txt)
        for Q in ortho_group.rvs(4, size=20, random_state=seed):
            assert linalg.norm(Z_img @ Q - Z_txt) > least

    def test_a_rotation_is_found(self, seed):
        X, _, _ = draw(seed)
        Q = ortho_group.rvs(8, random_state=seed)
        Z_img, Z_txt = ProcrustesRetriever().fit_transform(X, X @ Q + 3)
        assert_allclose(Z_img, Z_txt, atol=1e-8)


@EVERY_SEED
class TestIdentities:
    @SHAPES
    @COMPONENTS
    def test_distances_within_a_modality_are_those_of_its_components(
        self, seed, n, p, q, k
    ):
        X, T, _ = draw(seed, n, p, q)
        codes = ProcrustesRetriever(k).fit_transform(X, T)
        for Z, side in zip(codes, (X, T), strict=True):
            assert_allclose(pdist(Z), pdist(components(side, k)), atol=1e-8)

    def test_with_all_directions_it_is_pls(self, seed):
        X, T, _ = draw(seed, p=7, q=7)
        est = ProcrustesRetriever().fit(X, T)
        pls = PLSRetriever(scale=False).fit(X, T)
        assert_allclose(est.singular_values_, pls.singular_values_, rtol=1e-9)
        Z, Z_pls = (
            a @ b.T for a, b in (est.transform(X, T), pls.transform(X, T))
        )  # fmt: skip
        assert_allclose(Z, Z_pls, rtol=1e-7, atol=1e-7)

    @SHAPES
    def test_default_takes_as_many_components_as_both_have(self, seed, n, p, q):
        X, T, _ = draw(seed, n, p, q)
        assert ProcrustesRetriever().fit(X, T).n_components_ == min(n - 1, p, q)

    @pytest.mark.parametrize("power", [0.5, 1.0])
    def test_codes_are_multiplied_by_powers_of_singular_values(self, seed, power):
        X, T, _ = draw(seed)
        plain = ProcrustesRetriever().fit(X, T)
        S = plain.singular_values_
        est = ProcrustesRetriever(component_power=power).fit(X, T)
        for Z, unit in zip(est.transform(X, T), plain.transform(X, T), strict=True):
            assert_allclose(Z, unit * (S / S[0]) ** power, atol=1e-12)

    @SHAPES
    def test_directions_are_orthonormal(self, seed, n, p, q):
        X, T, _ = draw(seed, n, p, q)
        est = ProcrustesRetriever(5).fit(X, T)
        for W in (est.image_weights_, est.text_weights_):
            assert_allclose(W.T @ W, np.eye(5), atol=1e-9)

    def test_sparse_equals_dense(self, seed):
        for n, q in [(90, 6), (20, 30)]:
            X, T, _ = draw(seed, n, q=q)
            T = np.where(T > -7, T, 0.0)
            dense = ProcrustesRetriever(4).fit(X, T)
            mixed = ProcrustesRetriever(4).fit(X, sparse.csr_matrix(T))
            assert_allclose(mixed.text_weights_, dense.text_weights_, atol=1e-9)

    def test_labels_do_not_matter(self, seed):
        X, T, y = draw(seed)
        with_labels = ProcrustesRetriever(3).fit(X, T, y)
        without = ProcrustesRetriever(3).fit(X, T)
        assert_allclose(with_labels.image_weights_, without.image_weights_, atol=0)

    def test_constant_columns_get_no_weight(self, seed):
        X, T, _ = draw(seed)
        est = ProcrustesRetriever(3).fit(np.insert(X, 2, 1e6, axis=1), T)
        assert_allclose(est.image_weights_[2], 0, atol=0)
        assert linalg.norm(centre(est.transform_image(np.insert(X, 2, 1e6, axis=1))))


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "match"),
        [
            ({"n_components": 7}, r"n_components must be at most 6, .* Got n_comp"),
            ({"n_components": 0}, "'n_components' parameter of ProcrustesRetriever"),
            ({"component_power": -1}, "'component_power' parameter"),
        ],
        ids=str,
    )
    def test_name_the_argument(self, params, match):
        with pytest.raises(ValueError, match=match):
            ProcrustesRetriever(**params).fit(*draw())
