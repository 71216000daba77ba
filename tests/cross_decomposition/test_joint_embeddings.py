"""Cosine and adapters of a joint embedding, against their formulas and each other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, normalize

from sklearn_xmodal import (
    AdapterRetriever,
    AdapterRetrieverCV,
    CCARetriever,
    CosineRetriever,
    ImageTextPairs,
    ModalityTransformer,
    RetrievalIndex,
    load,
    save,
)
from sklearn_xmodal.cross_decomposition._adapter import JointMoments
from sklearn_xmodal.metrics import get_retrieval_scorer, retrieval_score
from tests.conftest import JOINT_RETRIEVERS, SEEDS

P = 6
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def draw(seed=0, n=60, p=P):
    """Return pairs of a joint space with a gap between the modalities."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, p)) * np.linspace(2, 0.5, p)
    gap = rng.normal(size=p)
    X_img = shared + 0.5 * rng.normal(size=(n, p)) + gap
    X_txt = 3 * (shared + 0.5 * rng.normal(size=(n, p)) - gap)
    return X_img, X_txt


def cosines(Z_img, Z_txt):
    return normalize(Z_img) @ normalize(Z_txt).T


def at_unit_variance(X):
    X = X - X.mean(axis=0)
    return X / np.sqrt(X.var(axis=0).mean())


def covariances(X_img, X_txt):
    A, B = at_unit_variance(X_img), at_unit_variance(X_txt)
    return A.T @ A / len(A), A.T @ B / len(A), B.T @ B / len(A)


@EVERY_SEED
class TestCosine:
    def test_codes_are_the_features_to_the_last_bit(self, seed):
        X_img, X_txt = draw(seed)
        X_img[0, 0] = -0.0
        for dtype in ("f4", "f8"):
            sides = X_img.astype(dtype), X_txt.astype(dtype)
            for Z, X in zip(
                CosineRetriever().fit_transform(*sides), sides, strict=True
            ):
                assert Z.dtype == X.dtype
                assert Z.tobytes() == X.tobytes()
                assert not np.shares_memory(Z, X)

    @pytest.mark.parametrize("center", [True, 0.5, 0])
    def test_a_part_of_the_training_mean_is_taken_away(self, seed, center):
        X_img, X_txt = draw(seed)
        est = CosineRetriever(center=center).fit(X_img[:30], X_txt[:30])
        new_img, new_txt = X_img[30:], X_txt[30:]
        assert_allclose(
            est.transform_image(new_img), new_img - center * X_img[:30].mean(axis=0)
        )
        dense = est.transform_text(new_txt)
        assert_allclose(dense, new_txt - center * X_txt[:30].mean(axis=0))
        assert_allclose(est.transform_text(sparse.csr_matrix(new_txt)), dense)


@EVERY_SEED
class TestAdapter:
    @pytest.mark.parametrize("alpha", [0.3, 30.0])
    @pytest.mark.parametrize("center", [None, True, 0])
    def test_similarities_are_those_of_the_formula(self, seed, alpha, center):
        X_img, X_txt = draw(seed)
        est = AdapterRetriever(alpha, center=center).fit(X_img, X_txt)
        C_ii, C_it, C_tt = covariances(X_img, X_txt)
        ridge = alpha * np.eye(P)
        R_i, R_t = (linalg.inv(linalg.sqrtm(C + ridge).real) for C in (C_ii, C_tt))
        U, S, Vt = linalg.svd(R_i @ (C_it + ridge) @ R_t)
        part = 0.5 if center is None else center
        A, B = X_img - part * X_img.mean(axis=0), X_txt - part * X_txt.mean(axis=0)
        expected = cosines(A @ R_i @ (U * S**0.5), B @ R_t @ (Vt.T * S**0.5))
        assert_allclose(cosines(*est.transform(X_img, X_txt)), expected, atol=1e-9)
        assert_allclose(est.singular_values_, S, rtol=1e-9)

    @pytest.mark.parametrize("center", [0, 0.5, True])
    def test_without_end_it_ranks_as_the_cosine(self, seed, center):
        X_img, X_txt = draw(seed)
        plain = CosineRetriever(center=center).fit(X_img, X_txt)
        expected = cosines(*plain.transform(X_img, X_txt))
        for alpha, atol in ((1e9, 1e-8), (np.inf, 1e-12)):
            est = AdapterRetriever(alpha, center=center).fit(X_img, X_txt)
            found = cosines(*est.transform(X_img, X_txt))
            assert_allclose(found, expected, atol=atol)
            for axis in (0, 1):
                assert_array_equal(found.argsort(axis), expected.argsort(axis))

    def test_towards_zero_its_directions_are_those_of_cca(self, seed):
        X_img, X_txt = draw(seed)
        est = AdapterRetriever(1e-10).fit(X_img, X_txt)
        cca = CCARetriever(alpha=0).fit(X_img, X_txt)
        assert_allclose(est.singular_values_, cca.canonical_correlations_, atol=1e-6)
        for name in ("image_weights_", "text_weights_"):
            a, b = (normalize(getattr(one, name), axis=0) for one in (est, cca))
            assert_allclose(abs((a * b).sum(axis=0)), 1, atol=1e-6)

    @pytest.mark.parametrize("adapt", ["image", "text"])
    def test_one_side_alone(self, seed, adapt):
        X_img, X_txt = draw(seed)
        sides = (X_img, X_txt) if adapt == "image" else (X_txt, X_img)
        C, cross, _ = covariances(*sides)
        W = linalg.solve(C + 2 * np.eye(P), cross + 2 * np.eye(P))
        est = AdapterRetriever(2, adapt=adapt).fit(X_img.astype("f4"), X_txt)
        Z_img, Z_txt = est.transform(X_img.astype("f4"), X_txt)
        mapped, kept = (Z_img, Z_txt) if adapt == "image" else (Z_txt, Z_img)
        assert kept.tobytes() == sides[1].astype(kept.dtype).tobytes()
        assert_allclose(normalize(mapped), normalize(sides[0] @ W), atol=1e-5)

    @pytest.mark.parametrize("adapt", ["both", "text"])
    def test_pairs_in_parts_and_weights(self, seed, adapt):
        X_img, X_txt = draw(seed, n=12)
        weights = np.arange(12) % 3
        whole = AdapterRetriever(2, adapt=adapt).fit(
            *(np.repeat(X, weights, axis=0) for X in (X_img, X_txt))
        )
        weighted = AdapterRetriever(2, adapt=adapt)
        weighted.fit(X_img, X_txt, sample_weight=weights)
        parts = AdapterRetriever(2, adapt=adapt)
        for rows in (slice(0, 7), slice(7, None)):
            parts.partial_fit(X_img[rows], X_txt[rows], sample_weight=weights[rows])
        expected = cosines(*whole.transform(X_img, X_txt))
        for est in (weighted, parts):
            assert_allclose(cosines(*est.transform(X_img, X_txt)), expected, atol=1e-10)


@EVERY_SEED
class TestFewPairs:
    """Fewer than half as many pairs as features, and one more than that."""

    @pytest.mark.parametrize("n", [3, 9, 10])
    @pytest.mark.parametrize("alpha", [0.3, 30.0])
    def test_similarities_are_those_of_the_formula(self, seed, n, alpha):
        X_img, X_txt = draw(seed, n=n + 5, p=20)
        est = AdapterRetriever(alpha).fit(X_img[:n], X_txt[:n])
        C_ii, C_it, C_tt = covariances(X_img[:n], X_txt[:n])
        ridge = alpha * np.eye(20)
        R_i, R_t = (linalg.inv(linalg.sqrtm(C + ridge).real) for C in (C_ii, C_tt))
        U, S, Vt = linalg.svd(R_i @ (C_it + ridge) @ R_t)
        A, B = X_img - X_img[:n].mean(axis=0) / 2, X_txt - X_txt[:n].mean(axis=0) / 2
        expected = cosines(A @ R_i @ (U * S**0.5), B @ R_t @ (Vt.T * S**0.5))
        assert_allclose(cosines(*est.transform(X_img, X_txt)), expected, atol=1e-10)
        assert_allclose(est.singular_values_, S, rtol=1e-10)

    @pytest.mark.parametrize("adapt", ["image", "text"])
    def test_one_side_alone(self, seed, adapt):
        X_img, X_txt = draw(seed, n=8, p=20)
        sides = (X_img, X_txt) if adapt == "image" else (X_txt, X_img)
        C, cross, _ = covariances(*sides)
        W = linalg.solve(C + 2 * np.eye(20), cross + 2 * np.eye(20))
        est = AdapterRetriever(2, adapt=adapt).fit(X_img, X_txt)
        mapped = getattr(est, f"transform_{adapt}")(sides[0])
        assert_allclose(normalize(mapped), normalize(sides[0] @ W), atol=1e-10)

    @pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
    @pytest.mark.parametrize("adapt", ["both", "text"])
    def test_weights_repeat_pairs_of_any_container(self, seed, form, adapt):
        X_img, X_txt = draw(seed, n=9, p=30)
        X_img, X_txt = np.where(X_img > 0, X_img, 0), np.where(X_txt > 0, X_txt, 0)
        weights = np.arange(9) % 3
        repeated = (np.repeat(X, weights, axis=0) for X in (X_img, X_txt))
        expected = AdapterRetriever(2, adapt=adapt).fit(*repeated)
        est = AdapterRetriever(2, adapt=adapt)
        est.fit(form(X_img), form(X_txt), sample_weight=weights)
        assert_allclose(
            cosines(*est.transform(form(X_img), form(X_txt))),
            cosines(*expected.transform(X_img, X_txt)),
            atol=1e-10,
        )

    def test_search_equals_folds_by_hand_where_folds_are_few_and_all_are_not(
        self, seed
    ):
        X_img, X_txt = draw(seed, n=12, p=22)  # 8 to train on, of 10 at most, then 12
        est = AdapterRetrieverCV([1.0, 30.0], centers=[0.5], cv=3, scoring="map")
        est.fit(X_img, X_txt)
        for i, alpha in enumerate([1.0, 30.0]):
            for j, (train, test) in enumerate(KFold(3).split(X_img)):
                one = AdapterRetriever(alpha).fit(X_img[train], X_txt[train])
                expected = one.score(X_img[test], X_txt[test])
                found = est.cv_results_[f"split{j}_test_score"][i]
                assert_allclose(found, expected, atol=1e-12)
        whole = AdapterRetriever(est.alpha_).fit(X_img, X_txt)
        assert_allclose(est.singular_values_, whole.singular_values_)


@pytest.mark.parametrize("n", [4, 60], ids=["few", "many"])
def test_widths_beyond_the_memory_are_refused(n, monkeypatch):
    monkeypatch.setattr("sklearn_xmodal.utils._memory.usable_memory", lambda: 5e4)
    with pytest.raises(ValueError, match=r"must fit into memory.* Reduce the features"):
        AdapterRetriever().fit(*draw(n=n, p=60))


@pytest.mark.parametrize("center", [True, 0.5])
def test_the_mean_of_a_cosine_is_weighted(center):
    X_img, X_txt = draw(n=12)
    weights = np.arange(12) % 3
    rows = np.repeat(np.arange(12), weights)
    for form in (np.asarray, sparse.csr_matrix):
        est = CosineRetriever(center=center)
        est.fit(form(X_img), form(X_txt), sample_weight=weights)
        for Z, X in zip(est.transform(X_img, X_txt), (X_img, X_txt), strict=True):
            assert_allclose(Z, X - center * X[rows].mean(axis=0))


def test_an_index_of_images_stays_valid():
    X_img, X_txt = draw()
    before = RetrievalIndex(CosineRetriever().fit(X_img, X_txt), image=X_img)
    est = AdapterRetriever(3, adapt="text").fit(X_img, X_txt)
    after = RetrievalIndex(est, image=X_img)
    expected = after.search(text=X_txt[:5], k=4)
    found = before.search(vectors=est.transform_text(X_txt[:5]), k=4)
    assert_array_equal(found.ids, expected.ids)


def test_a_refit_forgets_what_the_other_kind_has():
    X_img, X_txt = draw()
    est = AdapterRetriever().fit(X_img, X_txt).set_params(adapt="text")
    est.fit(X_img, X_txt)
    assert not hasattr(est, "singular_values_")
    assert not hasattr(est, "image_weights_")


class TestCrossValidation:
    @pytest.mark.parametrize("adapt", ["both", "image"])
    def test_scores_are_those_of_a_grid_search(self, adapt):
        X_img, X_txt = draw()
        alphas, centers = [1.0, 10.0, np.inf], [0.0, 1.0] if adapt == "both" else [0.0]
        est = AdapterRetrieverCV(
            alphas, centers=centers, adapt=adapt, cv=3, scoring="recall@1"
        ).fit(X_img, X_txt)
        grid = GridSearchCV(
            AdapterRetriever(adapt=adapt),
            {"alpha": alphas, "center": centers},
            cv=3,
            scoring=get_retrieval_scorer("recall@1"),
        ).fit(ImageTextPairs(X_img, X_txt))
        for name in ("mean_test_score", "rank_test_score", "split2_test_score"):
            assert_allclose(est.cv_results_[name], grid.cv_results_[name], atol=1e-12)
        assert est.cv_results_["params"] == grid.cv_results_["params"]
        assert {"alpha": est.alpha_, "center": est.center_} == grid.best_params_
        expected = cosines(*grid.best_estimator_.transform(X_img, X_txt))
        assert_allclose(cosines(*est.transform(X_img, X_txt)), expected, atol=1e-10)

    def test_the_default_score_is_the_likelihood_of_held_out_partners(self):
        X_img, X_txt = draw(n=40)
        est = AdapterRetrieverCV([3.0], centers=[0.5], cv=4).fit(X_img, X_txt)
        for j, (train, test) in enumerate(KFold(4).split(X_img)):
            one = AdapterRetriever(3.0).fit(X_img[train], X_txt[train])
            S = cosines(*one.transform(X_img[test], X_txt[test]))
            best = max(
                np.mean(
                    [
                        2 * np.diag(b * S)
                        - np.log(np.exp(b * S).sum(axis=0))
                        - np.log(np.exp(b * S).sum(axis=1))
                    ]
                )
                / 2
                for b in np.geomspace(1, 300, 2000)
            )
            assert_allclose(est.cv_results_[f"split{j}_test_score"], best, atol=1e-4)

    def test_all_centers_share_what_is_decomposed(self, monkeypatch):
        solved, both = [], JointMoments.both
        monkeypatch.setattr(
            JointMoments, "both", lambda self, a: solved.append(a) or both(self, a)
        )
        AdapterRetrieverCV([1.0, 30.0], centers=[0, 0.5, 1], cv=3).fit(*draw())
        assert len(solved) == 2 * 3 + 1

    def test_more_held_out_pairs_than_a_group_takes(self):
        X_img, X_txt = draw(n=600)
        est = AdapterRetrieverCV([1.0, 30.0], cv=2).fit(X_img, X_txt)
        assert est.n_splits_ == 2
        assert est.cv_results_["mean_test_score"].max() < 0

    def test_empty_and_wrong_grids(self):
        X_img, X_txt = draw()
        with pytest.raises(ValueError, match="alphas must hold at least one value"):
            AdapterRetrieverCV([]).fit(X_img, X_txt)
        with pytest.raises(ValueError, match="alphas and centers must hold values"):
            AdapterRetrieverCV([-1.0]).fit(X_img, X_txt)


@pytest.mark.parametrize("name", JOINT_RETRIEVERS)
class TestContract:
    def test_unequal_widths_are_refused(self, name):
        X_img, X_txt = draw()
        est = JOINT_RETRIEVERS[name]()
        advice = r"CCARetriever, MSLNRetriever where there are labels, or ASIF"
        with pytest.raises(ValueError, match=f"one width.*Got 6 im.*4 text.*{advice}"):
            est.fit(X_img, X_txt[:, :4])
        with pytest.raises(ValueError, match=r"one width.*Got 4 image.*6 text"):
            est.fit(X_img[:, :4], X_txt)
        assert not hasattr(est, "image_encoder_")

    def test_stacked_pipelined_and_saved(self, name, tmp_path):
        X_img, X_txt = draw()
        est = JOINT_RETRIEVERS[name]().fit(X_img, X_txt, np.arange(60) % 3)
        expected = cosines(*est.transform(X_img, X_txt))
        stacked = JOINT_RETRIEVERS[name](n_image_features=P)
        Z = stacked.fit_transform(np.hstack([X_img, X_txt]))
        assert_allclose(cosines(Z[:, :P], Z[:, P:]), expected, atol=1e-12)
        save(est, tmp_path / "model")
        loaded = load(tmp_path / "model")
        for modality, X in (("image", X_img), ("text", X_txt)):
            codes = getattr(est, f"transform_{modality}")(X)
            again = getattr(loaded, f"transform_{modality}")(X)
            assert_array_equal(again, codes)
        assert_array_equal(loaded.classes_, [0, 1, 2])
        unit = ModalityTransformer(image=Normalizer(), text=Normalizer())
        piped = make_pipeline(unit, clone(est)).fit(ImageTextPairs(X_img, X_txt))
        assert 0 < piped.score(ImageTextPairs(X_img, X_txt)) <= 1


@pytest.mark.parametrize("adapt", ["image", "text"])
def test_centring_needs_both_modalities(adapt):
    X_img, X_txt = draw()
    with pytest.raises(ValueError, match=r"center must be None or 0 .* Got center=0.5"):
        AdapterRetriever(center=0.5, adapt=adapt).fit(X_img, X_txt)


def test_partial_fit_refuses_unequal_widths():
    X_img, X_txt = draw()
    with pytest.raises(ValueError, match="one width"):
        AdapterRetriever().partial_fit(X_img, X_txt[:, :4])


@pytest.mark.thorough
@pytest.mark.parametrize("n_pairs", [50, 250])
def test_on_clip_features_it_does_no_harm_where_cca_does(n_pairs, shared_data):
    with np.load(shared_data / "clip" / "coco500.npz") as file:
        X_img, X_txt = file["X_img"], file["X_txt"]
    rows = np.random.default_rng(0).permutation(500)
    train, test = rows[:n_pairs], rows[250:]
    found = {}
    for est in (
        CosineRetriever(),
        AdapterRetriever(),
        AdapterRetrieverCV(),
        CCARetriever(),
    ):
        Z_img, Z_txt = est.fit(X_img[train], X_txt[train]).transform(
            X_img[test], X_txt[test]
        )
        ids = np.arange(len(test))
        found[type(est)] = np.mean(
            [
                retrieval_score(a, b, ids, ids, metric="recall_at_k", k=1)
                for a, b in ((Z_img, Z_txt), (Z_txt, Z_img))
            ]
        )
    raw = found[CosineRetriever]
    assert found[AdapterRetriever] > raw - 0.01
    assert found[AdapterRetrieverCV] > raw - 0.01
    assert found[CCARetriever] < raw - 0.2
