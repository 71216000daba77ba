"""VotingRetriever: its similarity is the weighted sum of those of its members."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_html_repr, get_tags

from sklearn_xmodal import (
    BaseRetriever,
    CCARetriever,
    ImageTextPairs,
    KCCARetriever,
    KernelPairs,
    ModalityTransformer,
    MvDARetriever,
    PLSRetriever,
    RetrievalIndex,
    RidgeRetriever,
    SemanticMatchingRetriever,
    VotingRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.encoders import EstimatorEncoder
from sklearn_xmodal.ensemble._weights import weight_grid
from sklearn_xmodal.metrics import (
    cross_modal_score,
    get_retrieval_scorer,
    make_retrieval_scorer,
)
from sklearn_xmodal.model_selection import ClassDisjointKFold
from tests.labelled import EVERY_SEED, draw, draw_indicator

MEMBERS = [
    ("cca", CCARetriever(3)),
    ("ridge", RidgeRetriever()),
    ("pls", PLSRetriever(2)),
]


def cosines(retriever, X, T):
    Z_img, Z_txt = (
        Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in retriever.transform(X, T)
    )
    return Z_img @ Z_txt.T


class Silent(BaseRetriever):
    """Code: the features, but zeros for items whose first feature is positive."""

    _parameter_constraints: dict = {"n_image_features": [int, None]}

    def __init__(self, *, n_image_features=None):
        self.n_image_features = n_image_features

    def _fit(self, X_img, X_txt, y):
        silent = FunctionTransformer(lambda X: np.where(X[:, :1] > 0, 0.0, X))
        return [
            EstimatorEncoder(estimator=silent.fit(X), n_components_=X.shape[1])
            for X in (X_img, X_txt)
        ]


# The similarity


@EVERY_SEED
@pytest.mark.parametrize("weights", [None, (3.0, 1.0, 2.0), (1e300, 1e308, 1e308)])
def test_similarity_is_the_weighted_sum_of_cosines(seed, weights):
    X, T, y = draw(seed)
    vote = VotingRetriever(MEMBERS, weights=weights).fit(X[:60], T[:60], y[:60])
    w = np.ones(3) if weights is None else np.array(weights) / max(weights)
    parts = [
        clone(member).fit(X[:60], T[:60], y[:60]).transform(X[60:], T[60:])
        for _, member in MEMBERS
    ]
    expected = sum(
        w_m * (A @ B.T) / np.outer(np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1))
        for w_m, (A, B) in zip(w / w.sum(), parts, strict=True)
    )
    assert_allclose(cosines(vote, X[60:], T[60:]), expected, atol=1e-12)
    assert_allclose(vote.weights_, w / w.sum())


@EVERY_SEED
def test_item_without_a_code_is_left_to_the_other_members(seed):
    X, T, y = draw(seed, p=6, q=6)
    X, T = X - X.mean(axis=0), T - T.mean(axis=0)
    vote = VotingRetriever([("silent", Silent()), MEMBERS[0]], weights=[3, 1])
    vote.fit(X, T, y)
    silent, cca = (member.transform(X, T) for member in vote.estimators_)
    speaks = [(Z != 0).any(axis=1) for Z in silent]
    assert 0 < sum(speaks[0]) < len(X)
    A, B = (Z / np.maximum(np.linalg.norm(Z, axis=1), 1e-300)[:, None] for Z in silent)
    C, D = (Z / np.linalg.norm(Z, axis=1)[:, None] for Z in cca)
    there = [np.sqrt(0.75 * speak + 0.25) for speak in speaks]
    expected = (0.75 * A @ B.T + 0.25 * C @ D.T) / np.outer(*there)
    assert_allclose(cosines(vote, X, T), expected, atol=1e-12)


def test_member_of_no_weight_is_fitted_but_takes_no_room():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS, weights=[0, 2, 0]).fit(X, T, y)
    assert [type(m).__name__ for m in vote.estimators_] == [
        type(m).__name__ for _, m in MEMBERS
    ]
    assert vote.n_components_ == vote.named_estimators_.ridge.n_components_
    ridge = RidgeRetriever().fit(X, T, y)
    assert_allclose(cosines(vote, X, T), cosines(ridge, X, T), atol=1e-12)


def test_dropped_member_takes_its_weight_along():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS, weights=[1, 5, 3]).set_params(ridge="drop")
    vote.fit(X, T, y)
    assert vote.named_estimators_.ridge == "drop"
    assert_allclose(vote.weights_, [0.25, 0.75])
    both = VotingRetriever([MEMBERS[0], MEMBERS[2]], weights=[1, 3]).fit(X, T, y)
    assert_array_equal(vote.transform_text(T), both.transform_text(T))


def test_search_index_ranks_by_the_vote():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS, weights=[1, 2, 1]).fit(X, T, y)
    scores, ids = RetrievalIndex(vote, text=T).search(image=X[:5], k=4)
    expected = cosines(vote, X, T)[:5]
    assert_array_equal(ids, np.argsort(-expected, axis=1)[:, :4])
    assert_allclose(scores, -np.sort(-expected, axis=1)[:, :4], atol=1e-5)


# Members


def test_pipelines_and_searches_are_members():
    X, T, y = draw()
    scaled = make_pipeline(
        ModalityTransformer(image=StandardScaler(), text=PCA(3)), CCARetriever(2)
    )
    search = GridSearchCV(CCARetriever(), {"n_components": [2, 4]}, cv=2)
    vote = VotingRetriever([("pipe", scaled), ("search", search)]).fit(X, T, y)
    pairs = ImageTextPairs(X, T)
    best = search.fit(pairs, y)
    codes = [
        Z / np.linalg.norm(Z, axis=1, keepdims=True)
        for Z in (
            scaled.fit(pairs, y).transform(pairs).text,
            best.transform(pairs).text,
        )
    ]
    assert_allclose(vote.transform_text(T), np.hstack(codes) * np.sqrt(0.5), atol=1e-12)


def test_nested_parameters_are_set_by_name():
    vote = VotingRetriever([("pipe", make_pipeline(CCARetriever())), MEMBERS[2]])
    vote.set_params(pipe__ccaretriever__alpha=7.0, pls=PLSRetriever(4))
    assert vote.get_params()["pipe__ccaretriever__alpha"] == 7.0
    assert vote.named_estimators.pls.n_components == 4


def test_labels_are_needed_where_a_member_needs_them():
    X, T, _ = draw()
    free = VotingRetriever([MEMBERS[0], MEMBERS[2]])
    assert not get_tags(free).target_tags.required
    assert free.fit(X, T).score(X, T) > 0
    assert get_tags(VotingRetriever(MEMBERS)).target_tags.required
    with pytest.raises(ValueError, match="RidgeRetriever requires y"):
        VotingRetriever(MEMBERS).fit(X, T)


def test_several_labels_are_taken_where_all_members_take_them():
    X, T, y = draw()
    Y = draw_indicator(0, y)
    vote = VotingRetriever([*MEMBERS, ("sm", SemanticMatchingRetriever())])
    assert get_tags(vote).target_tags.multi_output
    assert vote.fit(X, T, Y).n_components_ == 3 + 4 + 2 + 4
    strict = VotingRetriever([*MEMBERS, ("mvda", MvDARetriever(2))])
    assert not get_tags(strict).target_tags.multi_output
    with pytest.raises(ValueError, match="MvDARetriever needs one class per pair"):
        strict.fit(X, T, Y)


def test_frozen_members_stay_as_they_are():
    X, T, y = draw()
    cca = CCARetriever(3).fit(X[:40], T[:40])
    pipe = make_pipeline(ModalityTransformer(), RidgeRetriever())
    pipe.fit(ImageTextPairs(X[:40], T[:40]), y[:40])
    members = [("cca", FrozenEstimator(cca)), ("pipe", FrozenEstimator(pipe))]
    vote = VotingRetriever(members, weights="cv", cv=3).fit(X[40:], T[40:], y[40:])
    assert [member.estimator for member in vote.estimators_] == [cca, pipe]
    by_hand = [cosines(cca, X, T), cosines(pipe.steps[-1][1], X, T)]
    expected = np.tensordot(vote.weights_, by_hand, 1)
    assert_allclose(cosines(vote, X, T), expected, atol=1e-12)


def test_frozen_member_of_other_features_is_refused():
    X, T, y = draw()
    frozen = FrozenEstimator(CCARetriever(3).fit(X[:, 1:], T))
    with pytest.raises(ValueError, match=r"must have the 7 features of fit\. Got 8"):
        VotingRetriever([("cca", frozen)]).fit(X, T, y)


def test_parameters_of_members_are_checked():
    X, T, y = draw()
    wrong = VotingRetriever([("cca", CCARetriever(alpha=-1.0))])
    with pytest.raises(ValueError, match="'alpha' parameter of CCARetriever"):
        wrong.fit(X, T, y)


def test_member_that_answers_with_no_pairs_is_refused():
    X, T, y = draw()

    class Matrix(ModalityTransformer):
        def transform(self, X_img, X_txt=None):
            return np.ones((3, 3))

    with pytest.raises(TypeError, match=r"same, as a retriever.*Got ndarray from Matr"):
        VotingRetriever([("matrix", Matrix())]).fit(X, T, y)


def test_member_whose_codes_differ_in_width_is_refused():
    X, T, y = draw(p=8, q=6)
    vote = VotingRetriever([("raw", ModalityTransformer())])
    with pytest.raises(ValueError, match="codes of different width: 8 and 6"):
        vote.fit(X, T, y)


def test_members_are_shown_side_by_side():
    html = estimator_html_repr(VotingRetriever(MEMBERS))
    assert "sk-parallel" in html
    assert [name for name, _ in MEMBERS if name not in html] == []


# The search for weights


def test_grid_holds_all_weights_the_most_equal_first():
    grid = weight_grid(3, 4)
    assert_allclose(grid.sum(axis=1), 1)
    assert_allclose(grid[0], 1 / 3)
    expected = {(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)}
    assert {tuple(row) for row in (grid[1:] * 4).round().astype(int)} == expected
    assert len(grid) == 1 + len(expected)
    spread = (grid**2).sum(axis=1)
    assert (np.diff(spread) > -1e-12).all()
    assert_array_equal(weight_grid(1, 10), [[1.0]])


LABELS = {"classes": lambda y: y, "none": lambda y: None}
SCORERS = {
    "default": None,
    "name": "text_to_image_recall@5",
    "error": "neg_median_rank",
    "stable": make_retrieval_scorer(ties="stable", k=7, denominator="relevant"),
}


def assert_search_is_that_of_scikit_learn(vote, pairs, y):
    """Compare with a search that fits every candidate anew."""
    vote = clone(vote).fit(pairs, y)
    single = clone(vote).set_params(weights=None)
    scoring = get_retrieval_scorer(vote.scoring or "map")
    grid = {"weights": vote.cv_results_["param_weights"].tolist()}
    search = GridSearchCV(single, grid, cv=vote.cv, scoring=scoring).fit(pairs, y)
    for key, values in vote.cv_results_.items():
        if key.endswith("test_score") and not key.startswith("rank"):
            assert_allclose(values, search.cv_results_[key], rtol=1e-9, err_msg=key)
    assert_allclose(vote.weights_, vote.cv_results_["param_weights"][vote.best_index_])
    assert vote.best_score_ == pytest.approx(search.best_score_)
    refitted = clone(single).set_params(weights=vote.weights_).fit(pairs, y)
    assert_array_equal(vote.transform(pairs).text, refitted.transform(pairs).text)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("scoring", SCORERS)
def test_search_equals_one_that_fits_every_candidate(labels, scoring):
    X, T, y = draw(n=60, n_classes=6)
    cv = ClassDisjointKFold(3) if labels == "classes" else KFold(3)
    members = MEMBERS if labels == "classes" else [MEMBERS[0], MEMBERS[2]]
    vote = VotingRetriever(
        members, weights="cv", cv=cv, scoring=SCORERS[scoring], n_weight_steps=3
    )
    pairs = ImageTextPairs(X, T)
    assert_search_is_that_of_scikit_learn(vote, pairs, LABELS[labels](y))


def test_search_with_several_labels_and_items_without_any():
    X, T, y = draw(n=60)
    vote = VotingRetriever(
        MEMBERS,
        weights="cv",
        cv=KFold(2),
        scoring=make_retrieval_scorer(zero_division=np.nan),
        n_weight_steps=3,
    )
    pairs = ImageTextPairs(X, T)
    assert_search_is_that_of_scikit_learn(vote, pairs, draw_indicator(0, y))


def test_search_with_items_that_a_member_says_nothing_of():
    X, T, y = draw(n=60, p=6, q=6)
    members = [("silent", Silent()), MEMBERS[0]]
    vote = VotingRetriever(members, weights="cv", cv=KFold(2), n_weight_steps=4)
    pairs = ImageTextPairs(X - X.mean(axis=0), T - T.mean(axis=0))
    assert_search_is_that_of_scikit_learn(vote, pairs, y)


def test_search_over_kernels_cuts_rows_and_columns():
    X, T, y = draw(n=40)
    kernels = KernelPairs(X @ X.T, T @ T.T)
    members = [
        (f"alpha{alpha}", KCCARetriever(2, kernel="precomputed", alpha=alpha))
        for alpha in (1, 100)
    ]
    vote = VotingRetriever(members, weights="cv", cv=KFold(2), n_weight_steps=2)
    assert get_tags(vote).input_tags.pairwise
    assert_search_is_that_of_scikit_learn(vote, kernels, y)


def test_memory_of_the_search_changes_no_score():
    X, T, y = draw(n=60)
    X, T = np.repeat(X, 2, axis=0), np.repeat(T, 2, axis=0)  # with ties
    vote = VotingRetriever(MEMBERS, weights="cv", cv=KFold(2), n_weight_steps=3)
    whole = clone(vote).fit(X, T, np.repeat(y, 2)).cv_results_
    with config_context(working_memory=0.01):  # blocks of one or two queries
        blocks = clone(vote).fit(X, T, np.repeat(y, 2)).cv_results_
    assert_allclose(blocks["mean_test_score"], whole["mean_test_score"], rtol=1e-12)


def test_equal_members_get_equal_weights():
    X, T, y = draw()
    twins = [("a", CCARetriever(3)), ("b", CCARetriever(3))]
    vote = VotingRetriever(twins, weights="cv", cv=3).fit(X, T, y)
    assert_array_equal(vote.weights_, [0.5, 0.5])


@EVERY_SEED
def test_search_leaves_out_a_member_that_knows_nothing(seed):
    X, T, y = draw(seed)
    rng = np.random.default_rng(seed)
    noise = FrozenEstimator(
        CCARetriever(3).fit(rng.normal(size=X.shape), rng.normal(size=T.shape))
    )
    vote = VotingRetriever(
        [("noise", noise), ("ridge", RidgeRetriever())], weights="cv", cv=3
    ).fit(X, T, y)
    assert vote.weights_[0] <= 0.2
    equal = VotingRetriever(vote.estimators).fit(X, T, y)
    assert vote.score(X, T, y) > equal.score(X, T, y)


def test_two_processes_give_what_one_gives():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS, weights="cv", cv=2, n_weight_steps=4)
    one, two = (clone(vote).set_params(n_jobs=n).fit(X, T, y) for n in (1, 2))
    assert_array_equal(one.transform_image(X), two.transform_image(X))


def test_attributes_of_a_search_do_not_outlive_it():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS, weights="cv", cv=2).fit(X, T, y)
    vote.set_params(weights=None).fit(X, T, y)
    assert not hasattr(vote, "cv_results_")
    assert not hasattr(vote, "best_score_")


def test_score_of_a_vote_is_that_of_its_codes():
    X, T, y = draw()
    vote = VotingRetriever(MEMBERS).fit(X, T, y)
    assert vote.score(X, T, y) == cross_modal_score(*vote.transform(X, T), y)


def test_splits_may_be_lists_and_masks():
    X_img, X_txt, y = make_paired_modalities(40, random_state=0)
    partly, rows = np.where(np.arange(40) % 5, y, -1), np.arange(40)
    members = [("cca", CCARetriever(2)), ("ridge", RidgeRetriever())]
    splits = [(rows % 2 == i, rows % 2 != i) for i in range(2)]
    found = []
    for spelled in (np.flatnonzero, lambda mask: np.flatnonzero(mask).tolist(), list):
        cv = [tuple(map(spelled, split)) for split in splits]
        vote = VotingRetriever(members, weights="cv", cv=cv).fit(X_img, X_txt, partly)
        found.append(vote.cv_results_["mean_test_score"])
    assert_array_equal(found, [found[0]] * 3)
