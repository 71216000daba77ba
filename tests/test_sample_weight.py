"""Weights of pairs: an integer is so many equal rows, and scores weigh queries."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    CCARetrieverCV,
    ImageTextPairs,
    KCCARetriever,
    KernelPairs,
    ModalityTransformer,
    MvDARetriever,
    PLSRetriever,
    ProcrustesRetriever,
    RidgeRetriever,
    SCMRetriever,
    SemanticAutoencoderRetriever,
    SemanticMatchingRetriever,
    ThreeViewCCARetriever,
    ViewsModel,
    ViewsRetriever,
    VotingRetriever,
    load,
    save,
)
from sklearn_xmodal.cross_decomposition._engine._spread import scale_kernel
from sklearn_xmodal.metrics import (
    cross_modal_score,
    generalized_retrieval_score,
    get_retrieval_scorer,
    make_generalized_scorer,
    make_retrieval_scorer,
    retrieval_score,
)
from sklearn_xmodal.utils._scaling import weighted_median
from tests.conftest import NETWORKS, RETRIEVERS

N = 40

#: All that fit and weigh pairs in their own way; the search over ridges comes below,
#: and a pair of ASIF is an anchor or none.
WEIGHTED = {
    name: make()
    for name, make in RETRIEVERS.items()
    if name not in (*NETWORKS, "ASIFRetriever", "CCARetrieverCV")
}
WEIGHTED |= {
    "median": KCCARetriever(3, gamma="median"),
    "poly": KCCARetriever(3, kernel=("poly", "linear")),
    "nystroem": KCCARetriever(3, approximation="nystroem"),
    "nystroem poly": KCCARetriever(3, approximation="nystroem", kernel="poly"),
    "rff": KCCARetriever(3, approximation="rff", n_landmarks=30),
    "whole": KCCARetriever(20, alpha=0.5),  # solved in full size
}
#: Those to which the size of the weights means nothing.
SCALE_FREE = [
    CCARetriever(3),
    PLSRetriever(3),
    RidgeRetriever(),
    SemanticAutoencoderRetriever(),
    ThreeViewCCARetriever(3),
    MvDARetriever(),
    ProcrustesRetriever(3),
]
MULTI_LABEL = [
    RidgeRetriever(),
    SemanticAutoencoderRetriever(),
    ThreeViewCCARetriever(3),
    SemanticMatchingRetriever(tol=1e-9),
    SCMRetriever(3, tol=1e-9),
]


def draw(width=6, container=np.asarray):
    """Return features of pairs that have something in common, and their classes."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(N, 4))
    sides = [
        common @ rng.normal(size=(4, width)) + rng.normal(size=(N, width))
        for width in (width, width - 1)
    ]
    if container is not np.asarray:
        sides = [np.where(A > 0, A, 0.0) for A in sides]
    return *(container(A) for A in sides), np.digitize(common[:, 0], [-0.5, 0.5])


def indicator_of(y):
    """Return the class of every pair and, for every third, the one after it."""
    indicator = (y[:, None] == np.arange(3)).astype(int)
    rows = np.arange(0, len(y), 3)
    indicator[rows, (y[rows] + 1) % 3] = 1
    return indicator


def counts(least=0):
    return np.random.default_rng(1).integers(least, 4, N)


def assert_same_codes(one, other, X, T, atol=1e-6):
    np.testing.assert_allclose(
        one.transform_image(X), other.transform_image(X), atol=atol
    )
    np.testing.assert_allclose(
        one.transform_text(T), other.transform_text(T), atol=atol
    )


class TestIntegersAreRepeatedRows:
    @pytest.mark.parametrize(
        ("width", "container"),
        [
            (6, np.asarray),
            pytest.param(60, np.asarray, marks=pytest.mark.thorough),
            pytest.param(6, sparse.csr_matrix, marks=pytest.mark.thorough),
            (60, sparse.csr_matrix),
        ],
    )
    @pytest.mark.parametrize("name", WEIGHTED)
    def test_in_fit(self, name, width, container):
        X, T, y = draw(width, container)
        rows = np.repeat(np.arange(N), counts())
        weighted = clone(WEIGHTED[name]).fit(X, T, y, sample_weight=counts())
        repeated = clone(WEIGHTED[name]).fit(X[rows], T[rows], y[rows])
        assert_same_codes(weighted, repeated, X, T)

    def test_of_kernels_that_are_functions(self):
        X, T, _ = draw()
        rows = np.repeat(np.arange(N), counts())
        for approximation in (None, "nystroem"):
            est = KCCARetriever(3, kernel=np.dot, approximation=approximation)
            weighted = clone(est).fit(X, T, sample_weight=counts())
            repeated = clone(est).fit(X[rows], T[rows])
            assert_same_codes(weighted, repeated, X, T)

    @pytest.mark.parametrize("estimator", MULTI_LABEL, ids=lambda e: type(e).__name__)
    @pytest.mark.parametrize("container", [np.asarray, sparse.coo_matrix])
    def test_of_several_labels(self, estimator, container):
        X, T, y = draw()
        rows, Y = np.repeat(np.arange(N), counts()), indicator_of(y)
        weighted = clone(estimator).fit(X, T, container(Y), sample_weight=counts())
        repeated = clone(estimator).fit(X[rows], T[rows], Y[rows])
        assert_same_codes(weighted, repeated, X, T)

    @pytest.mark.parametrize("centered", [True, False])
    def test_of_posteriors_and_their_mean(self, centered):
        X, T, y = draw()
        rows = np.repeat(np.arange(N), counts(1))
        est = SemanticMatchingRetriever(centered=centered, tol=1e-9)
        weighted = clone(est).fit(X, T, y, sample_weight=counts(1))
        repeated = clone(est).fit(X[rows], T[rows], y[rows])
        for name in ("image_offset_", "image_mean_", "image_scale_", "text_scale_"):
            np.testing.assert_allclose(
                getattr(weighted, name), getattr(repeated, name), atol=1e-6
            )

    def test_of_precomputed_kernels(self):
        X, T, _ = draw()
        kernels = [rbf_kernel(A, gamma=0.1) for A in (X, T)]
        rows = np.repeat(np.arange(N), counts())
        est = KCCARetriever(3, kernel="precomputed")
        weighted = clone(est).fit(KernelPairs(*kernels), sample_weight=counts())
        repeated = clone(est).fit(*(K[np.ix_(rows, rows)] for K in kernels))
        Z, expected = (
            weighted.transform_image(kernels[0]),
            repeated.transform_image(kernels[0][:, rows]),
        )
        np.testing.assert_allclose(Z, expected, atol=1e-9)

    def test_of_class_shares(self):
        X, T, y = draw()
        weighted = MvDARetriever().fit(X, T, y, sample_weight=counts(1))
        rows = np.repeat(np.arange(N), counts(1))
        repeated = MvDARetriever().fit(X[rows], T[rows], y[rows])
        np.testing.assert_allclose(weighted.eigenvalues_, repeated.eigenvalues_)

    def test_of_medians(self):
        rng = np.random.default_rng(0)
        for n in range(1, 30):
            values = rng.integers(0, 6, n).astype(float)
            weights = rng.integers(1, 4, n)
            expected = np.median(np.repeat(values, weights))
            assert weighted_median(values, weights) == expected
            # Thirds do not sum to halves exactly.
            assert weighted_median(values, weights / 3) == expected

    @pytest.mark.parametrize("gamma", ["scale", "median"])
    @pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
    def test_of_the_width_of_a_kernel(self, gamma, container):
        X = draw(container=container)[0]
        rows = np.repeat(np.arange(N), counts())
        args = "rbf", gamma, np.random.RandomState(0), "image"
        weighted, origin = scale_kernel(X, *args, counts().astype(float))
        repeated, expected = scale_kernel(X[rows], *args)
        assert weighted == pytest.approx(repeated, rel=1e-12)
        assert (origin is None) == (expected is None) == sparse.issparse(X)


class TestZeroIsLeftOut:
    @pytest.mark.parametrize("name", WEIGHTED)
    def test_in_fit(self, name):
        X, T, y = draw()
        weights = np.random.default_rng(2).random(N)
        weights[::4] = 0
        kept = weights > 0
        weighted = clone(WEIGHTED[name]).fit(X, T, y, sample_weight=weights)
        fewer = clone(WEIGHTED[name])
        fewer.fit(X[kept], T[kept], y[kept], sample_weight=weights[kept])
        assert_same_codes(weighted, fewer, X, T)

    @pytest.mark.parametrize("name", WEIGHTED)
    def test_its_class_is_not_seen(self, name):
        X, T, y = draw()
        y[::5] = 9
        weighted = clone(WEIGHTED[name]).fit(X, T, y, sample_weight=y != 9)
        np.testing.assert_array_equal(weighted.classes_, [0, 1, 2])

    @pytest.mark.parametrize("landmarks", ["uniform", "k-means++"])
    def test_among_landmarks(self, landmarks):
        X, T, _ = draw()
        kept = np.arange(N) % 3 > 0
        est = KCCARetriever(
            3, approximation="nystroem", n_landmarks=12, landmarks=landmarks
        )
        weighted = clone(est).fit(X, T, sample_weight=kept)
        fewer = clone(est).fit(X[kept], T[kept])
        np.testing.assert_array_equal(weighted.X_image_fit_, fewer.X_image_fit_)
        assert_same_codes(weighted, fewer, X, T, atol=1e-9)

    def test_in_partial_fit(self):
        X, T, y = draw()
        y[:5] = 9
        est = PLSRetriever(3).partial_fit(X, T, y, sample_weight=y != 9)
        np.testing.assert_array_equal(est.classes_, [0, 1, 2])
        assert_same_codes(est, PLSRetriever(3).fit(X[5:], T[5:]), X, T)


class TestNumbers:
    @pytest.mark.parametrize("estimator", SCALE_FREE, ids=lambda e: type(e).__name__)
    @pytest.mark.parametrize("factor", [1e-200, 1e200])
    def test_that_are_all_larger_change_nothing(self, estimator, factor):
        X, T, y = draw()
        weights = np.random.default_rng(2).random(N)
        one = clone(estimator).fit(X, T, y, sample_weight=weights)
        other = clone(estimator).fit(X, T, y, sample_weight=factor * weights)
        assert_same_codes(one, other, X, T, atol=1e-9)

    @pytest.mark.parametrize("name", WEIGHTED)
    def test_that_are_all_one_change_nothing(self, name):
        X, T, y = draw()
        one = clone(WEIGHTED[name]).fit(X, T, y)
        other = clone(WEIGHTED[name]).fit(X, T, y, sample_weight=1)
        assert_same_codes(one, other, X, T)

    def test_are_those_of_the_formula(self):
        X, T, y = draw()
        w = np.random.default_rng(2).random(N)
        est = RidgeRetriever(alpha=0.3).fit(X, T, y, sample_weight=w)
        mean = sum(w[i] * X[i] for i in range(N)) / w.sum()
        E = np.eye(3)[y]
        e_mean = sum(w[i] * E[i] for i in range(N)) / w.sum()
        C = sum(w[i] * np.outer(X[i] - mean, X[i] - mean) for i in range(N)) / w.sum()
        cross = sum(w[i] * np.outer(X[i] - mean, E[i] - e_mean) for i in range(N))
        ridge = 0.3 * np.trace(C) / len(C) * np.eye(len(C))
        W = np.linalg.solve(C + ridge, cross / w.sum())
        np.testing.assert_allclose(est.image_weights_, W, atol=1e-12)

    def test_may_stand_in_every_form_of_input(self):
        X, T, y = draw()
        w = counts()
        arrays = RidgeRetriever().fit(X, T, y, w)
        pairs = RidgeRetriever().fit(ImageTextPairs(X, T), y, sample_weight=list(w))
        stacked = RidgeRetriever(n_image_features=X.shape[1])
        stacked.fit_transform(np.hstack([X, T]), y, sample_weight=w)
        for other in (pairs, stacked):
            np.testing.assert_array_equal(arrays.image_weights_, other.image_weights_)


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(N), "at least 0. Got -1 in row 0"),
        (np.ones(3), r"one number, or one for each of 40 pairs. Got shape \(3,\)"),
        (np.full(N, np.nan), "sample_weight must be finite"),
        (np.full(N, 1e308), r"finite sum. Got 1e\+308 .* Divide them by their mean"),
        (np.arange(N) == 3, "above zero for at least 2 pairs. Got 1 positive weight"),
    ],
    ids=["negative", "short", "nan", "sum", "zero"],
)
def test_bad_weights_are_refused_and_leave_the_retriever(name, weights, message):
    X, T, y = draw()
    est = clone(WEIGHTED[name])
    with pytest.raises(ValueError, match=message):
        est.fit(X, T, y, sample_weight=weights)
    assert set(vars(est)) == set(vars(clone(WEIGHTED[name])))


class Plain:
    """A model of views that weighs nothing."""

    def fit(self, views):
        return self

    def transform(self, views):
        return [view[:, :3] for view in views]


class TestMembers:
    def test_that_take_no_weights_are_named(self):
        X, T, y = draw()
        vote = VotingRetriever([("views", ViewsRetriever(Plain()))])
        for est in (vote, ViewsRetriever(Plain())):
            with pytest.raises(TypeError, match=r"fit takes it\. Got Plain.* repeat"):
                est.fit(X, T, y, sample_weight=counts())

    @pytest.mark.parametrize("routing", [False, True])
    def test_may_be_pipelines_and_searches(self, routing):
        X, T, y = draw()
        rows = np.repeat(np.arange(N), counts())
        with config_context(enable_metadata_routing=routing):
            ridge = RidgeRetriever()
            if routing:
                ridge.set_fit_request(sample_weight=True)
            pipe = make_pipeline(ModalityTransformer(), ridge)
            vote = VotingRetriever([("pipe", pipe), ("cca", CCARetriever(2))])
            vote.fit(X, T, y, sample_weight=counts())
            repeated = clone(vote).fit(X[rows], T[rows], y[rows])
            model = ViewsModel(pipe).fit([X, T], y, sample_weight=counts())
        assert_same_codes(vote, repeated, X, T)
        np.testing.assert_allclose(
            model.transform([X, T])[0],
            vote.estimators_[0].transform(ImageTextPairs(X, T)).image,
        )

    def test_that_search_get_them_too(self):
        X, T, y = draw()
        search = GridSearchCV(RidgeRetriever(), {"alpha": [0.1]}, cv=2)
        vote = VotingRetriever([("search", search)]).fit(X, T, y, counts())
        ridge = RidgeRetriever().fit(X, T, y, counts())
        np.testing.assert_allclose(
            vote.estimators_[0].best_estimator_.image_weights_, ridge.image_weights_
        )

    def test_votes_are_chosen_by_weighted_queries(self):
        X, T, y = draw()
        members = [("cca", CCARetriever(2)), ("ridge", RidgeRetriever())]
        vote = VotingRetriever(members, weights="cv", cv=KFold(2), n_weight_steps=2)
        vote.fit(X, T, y, sample_weight=counts())
        for weights, got in zip(
            vote.cv_results_["param_weights"],
            vote.cv_results_["mean_test_score"],
            strict=True,
        ):
            scores = []
            for train, test in KFold(2).split(X):
                fixed = VotingRetriever(members, weights=weights)
                fixed.fit(X[train], T[train], y[train], counts()[train])
                scores.append(fixed.score(X[test], T[test], y[test], counts()[test]))
            assert got == pytest.approx(np.mean(scores), abs=1e-9)


class TestModalityTransformer:
    def test_hands_them_to_what_takes_them(self):
        X, T, _ = draw()
        rows = np.repeat(np.arange(N), counts())
        both = ModalityTransformer(image=StandardScaler(), text=StandardScaler())
        Z_img, _ = clone(both).fit_transform(X, T, sample_weight=counts())
        expected = StandardScaler().fit(X[rows]).transform(X)
        np.testing.assert_allclose(Z_img, expected)

    @pytest.mark.parametrize(
        "text", ["passthrough", Normalizer(), FunctionTransformer(np.abs)], ids=str
    )
    def test_leaves_out_what_does_not_learn(self, text):
        X, T, _ = draw()
        pair = ModalityTransformer(image=StandardScaler(), text=text)
        Z_img, _ = pair.fit_transform(X, T, sample_weight=counts())
        expected = StandardScaler().fit(X, sample_weight=counts()).transform(X)
        np.testing.assert_allclose(Z_img, expected)

    def test_refuses_what_would_not_weigh(self):
        X, T, _ = draw()
        pair = ModalityTransformer(image=StandardScaler(), text=TruncatedSVD(2))
        with pytest.raises(TypeError, match=r"whose fit takes it\. Got TruncatedSVD"):
            pair.fit(X, T, sample_weight=counts())
        with pytest.raises(ValueError, match="one for each of 40 pairs"):
            pair.fit(X, T, sample_weight=np.ones(3))

    def test_is_asked_by_metadata_routing(self):
        X, T, y = draw()
        with config_context(enable_metadata_routing=True):
            pipe = make_pipeline(
                ModalityTransformer(
                    image=StandardScaler().set_fit_request(sample_weight=True),
                    text=TruncatedSVD(3, random_state=0),
                ),
                RidgeRetriever().set_fit_request(sample_weight=True),
            ).fit(ImageTextPairs(X, T), y, sample_weight=counts())
            alone = clone(pipe[0]).fit(X, T, sample_weight=counts())
        scaler = StandardScaler().fit(X, sample_weight=counts())
        for pair in (pipe[0], alone):
            np.testing.assert_allclose(pair.image_transformer_.mean_, scaler.mean_)


def weighted_map(Z_img, Z_txt, y, weights):
    """Textbook mean average precision of both directions."""
    unit = [Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (Z_img, Z_txt)]
    means = []
    for query, gallery in (unit, unit[::-1]):
        total = 0.0
        for i in range(len(y)):
            order = np.argsort(-(gallery @ query[i]))
            hits = y[order] == y[i]
            precisions = np.cumsum(hits) / (1 + np.arange(len(y)))
            total += weights[i] * precisions[hits].mean()
        means.append(total / weights.sum())
    return np.mean(means)


class TestScores:
    @pytest.fixture
    def codes(self):
        X, T, y = draw()
        return *CCARetriever(3).fit(X, T).transform(X, T), y

    def test_weigh_queries_of_both_directions(self, codes):
        X, T, y = draw()
        est = CCARetriever(3).fit(X, T)
        expected = weighted_map(*codes, counts())
        model = ViewsModel(CCARetriever(3)).fit([X, T])
        for got in (
            est.score(X, T, y, sample_weight=counts()),
            est.score(ImageTextPairs(X, T), y, sample_weight=counts()),
            model.score([X, T], y, sample_weight=counts()),
            cross_modal_score(*codes, sample_weight=counts()),
            make_retrieval_scorer()(est, ImageTextPairs(X, T), y, counts()),
            get_retrieval_scorer(["map"])(est, ImageTextPairs(X, T), y, counts())[
                "map"
            ],
        ):
            assert got == pytest.approx(expected, abs=1e-12)
        assert abs(expected - est.score(X, T, y)) > 1e-3

    def test_of_one_direction(self, codes):
        Z_img, Z_txt, y = codes
        each = retrieval_score(Z_img, Z_txt, y, y, average=False)
        got = retrieval_score(Z_img, Z_txt, y, y, sample_weight=counts())
        assert got == pytest.approx(np.repeat(each, counts()).mean(), abs=1e-12)
        # Equal weights are none.
        got = retrieval_score(Z_img, Z_txt, y, y, sample_weight=0.1)
        assert got == pytest.approx(each.mean(), abs=1e-12)
        assert retrieval_score(Z_img, Z_img, y, y, k=1, sample_weight=counts()) == 1.0

    def test_of_medians(self, codes):
        Z_img, Z_txt, _ = codes
        options = {"metric": "median_rank_error"}
        each = retrieval_score(Z_img, Z_txt, average=False, **options)
        got = retrieval_score(Z_img, Z_txt, sample_weight=counts(), **options)
        assert got == np.median(np.repeat(each, counts()))

    def test_leave_queries_out_that_have_none(self, codes):
        Z_img, Z_txt, y = codes
        Y = indicator_of(y)
        Y[3] = 0
        options = {"zero_division": np.nan, "sample_weight": counts(1)}
        got = retrieval_score(Z_img, Z_txt, Y, Y, **options)
        kept = np.arange(N) != 3
        expected = retrieval_score(
            Z_img[kept], Z_txt, Y[kept], Y, sample_weight=counts(1)[kept]
        )
        assert got == pytest.approx(expected, abs=1e-12)

    def test_of_seen_and_unseen_classes(self, codes):
        Z_img, Z_txt, y = codes
        got = generalized_retrieval_score(
            Z_img, Z_txt, y, [0, 1], sample_weight=counts()
        )
        seen = y < 2
        expected = [
            retrieval_score(A[seen], B, y[seen], y, sample_weight=counts()[seen])
            for A, B in ((Z_img, Z_txt), (Z_txt, Z_img))
        ]
        assert got.seen == pytest.approx(np.mean(expected))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sample_weight": np.ones(3)}, "one for each of 40 rows"),
            ({"sample_weight": np.zeros(N)}, "above zero for at least 1 row"),
            ({"sample_weight": -np.ones(N)}, "at least 0"),
        ],
    )
    def test_refuse_bad_weights(self, codes, options, message):
        for score in (
            lambda Z, T, y: retrieval_score(Z, T, y, y, **options),
            lambda Z, T, y: cross_modal_score(Z, T, y, **options),
            lambda Z, T, y: generalized_retrieval_score(Z, T, y, [0], **options),
        ):
            with pytest.raises(ValueError, match=message):
                score(*codes)

    def test_refuse_weights_that_would_not_count(self, codes):
        Z_img, Z_txt, y = codes
        with pytest.raises(ValueError, match="one value per query"):
            retrieval_score(Z_img, Z_txt, y, y, average=False, sample_weight=1)
        with pytest.raises(ValueError, match="must be None for a callable metric"):
            cross_modal_score(*codes, metric=lambda y, s: 0.0, sample_weight=1)


@pytest.fixture
def routed():
    """Switch metadata routing on."""
    with config_context(enable_metadata_routing=True):
        yield


def by_hand(alpha, train, test):
    """Fit and score weighted pairs of a split."""
    X, T, y = draw()
    w = counts()
    est = CCARetriever(3, alpha=alpha).fit(X[train], T[train], sample_weight=w[train])
    return est.score(X[test], T[test], y[test], sample_weight=w[test])


class TestRouting:
    @pytest.fixture
    def pipe(self, routed):
        cca = CCARetriever(3).set_fit_request(sample_weight=True)
        cca.set_score_request(sample_weight=True)
        return make_pipeline(ModalityTransformer(), cca)

    def test_through_a_pipeline(self, pipe):
        X, T, y = draw()
        pairs = ImageTextPairs(X, T)
        pipe.fit(pairs, y, sample_weight=counts())
        rows = np.arange(N)
        got = pipe.score(pairs, y, sample_weight=counts())
        assert got == pytest.approx(by_hand(1.0, rows, rows))
        codes = pipe.fit_transform(pairs, y, sample_weight=counts())
        np.testing.assert_array_equal(codes.image, pipe.transform(pairs).image)

    def test_is_not_needed_for_a_pipeline_alone(self):
        X, T, y = draw()
        pairs, rows = ImageTextPairs(X, T), np.arange(N)
        pipe = make_pipeline(ModalityTransformer(), CCARetriever(3))
        pipe.fit(pairs, y, ccaretriever__sample_weight=counts())
        got = pipe.score(pairs, y, sample_weight=counts())
        assert got == pytest.approx(by_hand(1.0, rows, rows))

    @pytest.mark.parametrize("scoring", [None, "map", ["map"]], ids=str)
    def test_through_searches_and_cross_validation(self, pipe, scoring):
        X, T, y = draw()
        pairs, refit = ImageTextPairs(X, T), True
        if scoring is not None:
            refit = "map" if isinstance(scoring, list) else True
            scoring = get_retrieval_scorer(scoring).set_score_request(
                sample_weight=True
            )
        splits = list(KFold(3).split(X))
        search = GridSearchCV(
            pipe,
            {"ccaretriever__alpha": [0.1, 10.0]},
            cv=splits,
            scoring=scoring,
            refit=refit,
        ).fit(pairs, y, sample_weight=counts())
        name = "mean_test_map" if isinstance(refit, str) else "mean_test_score"
        for alpha, got in zip([0.1, 10.0], search.cv_results_[name], strict=True):
            expected = [by_hand(alpha, *split) for split in splits]
            assert got == pytest.approx(np.mean(expected))
        results = cross_validate(
            pipe,
            pairs,
            y,
            cv=splits,
            scoring=scoring,
            params={"sample_weight": counts()},
        )
        name = "test_map" if isinstance(refit, str) else "test_score"
        np.testing.assert_allclose(
            results[name], [by_hand(1.0, *split) for split in splits]
        )

    def test_asks_for_a_decision(self, routed):
        X, T, y = draw()
        search = GridSearchCV(
            CCARetriever(3).set_fit_request(sample_weight=True),
            {"alpha": [1.0]},
            scoring=get_retrieval_scorer("map"),
            cv=2,
        )
        with pytest.raises(ValueError, match="not explicitly set as requested or not"):
            search.fit(ImageTextPairs(X, T), y, sample_weight=counts())

    def test_can_be_declined(self, routed):
        X, T, y = draw()
        scorer = get_retrieval_scorer("map").set_score_request(sample_weight=False)
        search = GridSearchCV(
            CCARetriever(3).set_fit_request(sample_weight=True),
            {"alpha": [1.0]},
            scoring=scorer,
            cv=KFold(2),
        ).fit(ImageTextPairs(X, T), y, sample_weight=counts())
        w, scores = counts(), []
        for train, test in KFold(2).split(X):
            est = CCARetriever(3).fit(X[train], T[train], sample_weight=w[train])
            scores.append(est.score(X[test], T[test], y[test]))
        assert search.best_score_ == pytest.approx(np.mean(scores))

    def test_of_generalized_scores(self, routed):
        scorer = make_generalized_scorer().set_score_request(sample_weight="w")
        requests = {"sample_weight": "w", "groups": False}
        assert scorer.get_metadata_routing().score.requests == requests

    def test_is_switched_on_first(self):
        with pytest.raises(RuntimeError, match="enable_metadata_routing=True"):
            get_retrieval_scorer("map").set_score_request(sample_weight=True)

    def test_a_scorer_that_weighs_nothing_gets_no_weights(self):
        X, T, y = draw()
        plain = CCARetrieverCV(3, alphas=[1.0], cv=3, scoring=_unweighted)
        assert plain.fit(X, T, y, sample_weight=counts()).best_score_ == 0.5


def _unweighted(estimator, pairs, y):
    return 0.5


def test_files_keep_what_weights_made(tmp_path):
    X, T, y = draw()
    for Y in (y, indicator_of(y)):
        est = SemanticMatchingRetriever().fit(X, T, Y, sample_weight=counts())
        save(est, tmp_path / "model.xmodal")
        back = load(tmp_path / "model.xmodal")
        assert_same_codes(back, est, X, T, atol=0)
