"""Models of lists of views as retrievers, and retrievers as such models."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    PLSRetriever,
    RetrievalIndex,
    RidgeRetriever,
    ViewsModel,
    ViewsRetriever,
    VotingRetriever,
    save,
)
from tests.labelled import EVERY_SEED, draw, up_to_sign


class CrossCovariance:
    """Plain model of two views, no estimator of scikit-learn."""

    def __init__(self, n_components=3):
        self.n_components = n_components

    def fit(self, views):
        self.means = [view.mean(axis=0) for view in views]
        A, B = (view - mean for view, mean in zip(views, self.means, strict=True))
        U, _, Vt = np.linalg.svd(A.T @ B, full_matrices=False)
        self.weights = U[:, : self.n_components], Vt[: self.n_components].T
        return self

    def transform(self, views):
        parts = zip(views, self.means, self.weights, strict=True)
        return [(view - mean) @ weights for view, mean, weights in parts]


class Labelled(BaseEstimator):
    """Means of the classes as directions, of an estimator that keeps `y`."""

    def fit(self, views, y=None):
        self.y_ = y
        self.means_ = [
            np.array([v[y == label].mean(axis=0) for label in np.unique(y)])
            for v in views
        ]
        return self

    def transform(self, views):
        return tuple(v @ m.T for v, m in zip(views, self.means_, strict=True))


def _with_transform(function):
    """Make a model whose codes are a function of the codes of `CrossCovariance`."""

    class Other(CrossCovariance):
        def transform(self, views):
            return function(super().transform(views))

    return Other()


# Models as retrievers


@EVERY_SEED
def test_one_modality_alone_has_the_codes_of_both_together(seed):
    X, T, _ = draw(seed)
    model = CrossCovariance()
    retriever = ViewsRetriever(model).fit(X[:60], T[:60])
    A, B = CrossCovariance().fit([X[:60], T[:60]]).transform([X[60:], T[60:]])
    assert_allclose(retriever.transform_image(X[60:]), A, rtol=1e-12)
    assert_allclose(retriever.transform_text(T[60:]), B, rtol=1e-12)
    assert_allclose(retriever.transform_text(T[60:61]), B[:1], rtol=1e-12)
    assert not hasattr(model, "weights")  # a copy was fitted


@EVERY_SEED
def test_round_trip_through_lists_of_views_is_the_retriever(seed):
    X, T, y = draw(seed)
    there_and_back = ViewsRetriever(ViewsModel(RidgeRetriever())).fit(X, T, y)
    ridge = RidgeRetriever().fit(X, T, y)
    assert_array_equal(there_and_back.transform_image(X), ridge.transform_image(X))
    assert there_and_back.score(X, T, y) == ridge.score(X, T, y)


def test_labels_reach_a_model_that_takes_them():
    X, T, y = draw()
    names = np.array(["a", "b", "c", "d"])[y]
    retriever = ViewsRetriever(Labelled()).fit(X, T, names)
    assert_array_equal(retriever.estimator_.y_, names)
    assert_allclose(retriever.transform_text(T)[:, 0], T @ T[y == 0].mean(axis=0))


def test_needs_of_a_retriever_inside_are_told():
    assert get_tags(ViewsRetriever(ViewsModel(RidgeRetriever()))).target_tags.required
    assert not get_tags(ViewsRetriever(CrossCovariance())).target_tags.required


def test_sparse_views_become_dense():
    X, T, _ = draw()
    T = np.where(T < -8, T, 0.0)
    dense = ViewsRetriever(CrossCovariance()).fit(X, T)
    thin = ViewsRetriever(CrossCovariance()).fit(X, sparse.csr_array(T))
    assert_array_equal(
        thin.transform_text(sparse.csr_array(T)), dense.transform_text(T)
    )


def test_fitted_model_is_taken_as_it_is():
    X, T, _ = draw()
    model = ViewsModel(PLSRetriever(2)).fit([X[:40], T[:40]])
    frozen = ViewsRetriever(FrozenEstimator(model)).fit(X[40:], T[40:])
    assert frozen.estimator_.estimator is model
    assert_array_equal(frozen.transform_text(T), model.transform([X, T])[1])


def test_foreign_models_vote_and_search():
    X, T, y = draw()
    members = [("views", ViewsRetriever(CrossCovariance())), ("cca", CCARetriever(3))]
    vote = VotingRetriever(members, weights=[2, 1]).fit(X, T, y)
    index = RetrievalIndex(ViewsRetriever(CrossCovariance()).fit(X, T), image=X)
    assert vote.n_components_ == 6
    assert index.search(text=T[:3], k=2)[1].shape == (3, 2)


REFUSED = {
    "other view": lambda codes: [codes[0] + codes[1].mean(), codes[1]],
    "its own pair": lambda codes: [sum(codes), sum(codes)],
    "other rows": lambda codes: [Z - Z.mean(axis=0) for Z in codes],
    "chance": lambda codes: [codes[0], codes[1] * np.random.default_rng().normal()],
}


@pytest.mark.parametrize("name", REFUSED)
def test_codes_that_depend_on_more_than_the_item_are_refused(name):
    X, T, _ = draw()
    with pytest.raises(ValueError, match="must encode every item of a view by itself"):
        ViewsRetriever(_with_transform(REFUSED[name])).fit(X, T)


def test_codes_of_other_shapes_are_refused():
    X, T, _ = draw()
    one = _with_transform(lambda codes: codes[0])
    with pytest.raises(
        TypeError, match=r"list of two matrices.*Got ndarray from Other"
    ):
        ViewsRetriever(one).fit(X, T)
    uneven = _with_transform(lambda codes: [codes[0], codes[1][:, 1:]])
    with pytest.raises(ValueError, match=r"same width\. Got 3 and 2 columns"):
        ViewsRetriever(uneven).fit(X, T)
    broken = _with_transform(lambda codes: [np.full_like(Z, np.nan) for Z in codes])
    with pytest.raises(ValueError, match=r"codes of image views.*NaN"):
        ViewsRetriever(broken).fit(X, T)


def test_foreign_model_is_refused_in_files(tmp_path):
    X, T, _ = draw()
    retriever = ViewsRetriever(CrossCovariance()).fit(X, T)
    with pytest.raises(
        TypeError, match=r"ViewsRetriever\.estimator = .*CrossCovariance.*pickle"
    ):
        save(retriever, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# Retrievers as models


def test_pipeline_is_a_model_of_two_views():
    X, T, y = draw()
    pipe = make_pipeline(ModalityTransformer(image=StandardScaler()), CCARetriever(2))
    model = ViewsModel(pipe)
    codes = model.fit_transform([X, T], y)
    expected = pipe.fit(ImageTextPairs(X, T), y).transform(ImageTextPairs(X, T))
    assert_array_equal(codes[0], expected.image)
    assert_array_equal(codes[1], expected.text)
    assert model.score([X, T], y) == pipe.score(ImageTextPairs(X, T), y)
    assert (model.n_views_, model.n_features_per_view_) == (2, [8, 6])


@pytest.mark.parametrize("views", [[np.ones((3, 2))] * 3, [np.ones((3, 2))], np.eye(3)])
def test_other_views_than_two_are_refused(views):
    with pytest.raises(ValueError, match="views must be a list of two matrices"):
        ViewsModel(CCARetriever(1)).fit(views)


def test_parameters_of_the_retriever_are_checked():
    X, T, _ = draw()
    with pytest.raises(ValueError, match="'alpha' parameter of CCARetriever"):
        ViewsModel(CCARetriever(alpha=-1.0)).fit([X, T])


# cca-zoo, where it is installed


@pytest.fixture
def zoo():
    return pytest.importorskip("cca_zoo")


MODELS = ["linear.CCA", "linear.GCCA", "linear.PLS", "linear.TCCA",
          "nonparametric.KCCA", "sparse.PMDCCA"]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_models_of_cca_zoo_encode_one_modality_alone(zoo, name):
    module, model = name.split(".")
    module = pytest.importorskip(f"cca_zoo.{module}")
    X, T, y = draw()
    estimator = getattr(module, model)(n_components=2)
    retriever = ViewsRetriever(estimator).fit(X[:60], T[:60])
    expected = retriever.estimator_.transform([X[60:], T[60:]])
    assert_allclose(retriever.transform_image(X[60:]), expected[0], rtol=1e-6)
    assert_allclose(retriever.transform_text(T[60:]), expected[1], rtol=1e-6)
    assert retriever.score(X[60:], T[60:], y[60:]) > 0.25


@EVERY_SEED
def test_plain_cca_is_that_of_cca_zoo(zoo, seed):
    linear = pytest.importorskip("cca_zoo.linear")
    X, T, _ = draw(seed)
    other = ViewsRetriever(linear.CCA(n_components=3)).fit(X, T)
    ours = CCARetriever(3, alpha=0.0, component_power=0.0).fit(X, T)
    codes = [
        up_to_sign(Z / np.linalg.norm(Z, axis=0))
        for retriever in (other, ours)
        for Z in retriever.transform(X, T)
    ]
    assert_allclose(codes[0], codes[2], atol=1e-8)
    assert_allclose(codes[1], codes[3], atol=1e-8)


def test_tools_of_cca_zoo_take_our_retrievers(zoo):
    tools = pytest.importorskip("cca_zoo.model_selection")
    X, T, _ = draw()
    model = ViewsModel(CCARetriever(2))
    scores = tools.cross_val_score(model, [X, T], cv=3)
    assert scores.shape == (3,)
    search = tools.GridSearchCV(model, {"retriever__alpha": [0.1, 10.0]}, cv=3)
    search.fit([X, T])
    best = search.best_params_["retriever__alpha"]
    expected = CCARetriever(2, alpha=best).fit(X, T).transform_text(T)
    assert_allclose(search.transform([X, T])[1], expected)
    test = tools.permutation_test_significance(
        model, [X, T], n_permutations=19, random_state=0
    )
    assert test.p_values[0] == pytest.approx(0.05)
