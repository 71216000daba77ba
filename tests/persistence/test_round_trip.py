"""Every estimator comes back from a file as it was, to the last bit."""

import inspect
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline

import sklearn_xmodal
from sklearn_xmodal import (
    CCARetriever,
    CCARetrieverCV,
    ImageTextPairs,
    KCCARetriever,
    ModalityTransformer,
    MSLNRetriever,
    PLSRetriever,
    SemanticMatchingRetriever,
    ViewsModel,
    ViewsRetriever,
    VotingRetriever,
    load,
    save,
)
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from sklearn_xmodal.persistence._objects import find_class
from tests.conftest import ALL_RETRIEVERS, of_one_width
from tests.persistence.compare import assert_same

KERNELS = ("rbf", "laplacian", "linear", "poly", "cosine", "sigmoid", "chi2")
VARIANTS = {
    "oas": CCARetriever(alpha="oas"),
    "two alphas": CCARetriever(3, alpha=(0.1, np.float32(2)), component_power=0),
    "alphas of a cv": CCARetrieverCV(alphas=[0.1, "oas", (1.0, 2.0)], cv=3),
    "array of alphas": CCARetrieverCV(alphas=np.array([0.1, 1.0]), cv=3),
    "name of a scorer": CCARetrieverCV(
        alphas=[1.0], scoring="image_to_text_recall@5", cv=KFold(3)
    ),
    "own splitter": CCARetrieverCV(alphas=[1.0], cv=ClassDisjointKFold(3)),
    "own shuffle": CCARetrieverCV(
        alphas=[1.0], cv=ClassDisjointShuffleSplit(3, random_state=0)
    ),
    "generalized": CCARetrieverCV(
        alphas=[1.0], cv=GeneralizedShuffleSplit(2, random_state=0)
    ),
    "repeated splitter": CCARetrieverCV(
        alphas=[1.0],
        cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    ),
    "splits": CCARetrieverCV(
        alphas=[1.0], cv=[(np.arange(40), np.arange(40, 60)), (range(20, 60), [1, 2])]
    ),
    "unscaled": PLSRetriever(2, scale=(True, False), component_power=0.5),
    "nystroem": KCCARetriever(3, approximation="nystroem", n_landmarks=20),
    "k-means++": KCCARetriever(
        3, approximation="nystroem", n_landmarks=20, landmarks="k-means++"
    ),
    "fourier": KCCARetriever(3, approximation="rff", n_landmarks=20),
    "two kernels": KCCARetriever(
        3, kernel=("rbf", "linear"), gamma=("median", None), alpha=(1.0, 2.0)
    ),
    "random state": KCCARetriever(
        3, gamma="median", random_state=np.random.RandomState(3)
    ),
    "vote of pipelines": VotingRetriever(
        [
            ("pipe", make_pipeline(ModalityTransformer(text=PCA(3)), CCARetriever(2))),
            ("gone", "drop"),
            ("sm", SemanticMatchingRetriever()),
        ],
        weights="cv",
        cv=ClassDisjointKFold(3),
        scoring="recall@5",
    ),
    "vote with weights": VotingRetriever(
        [
            ("cca", CCARetriever(2)),
            ("views", ViewsRetriever(ViewsModel(PLSRetriever()))),
        ],
        weights=np.array([1.0, 2.0]),
    ),
    "strict": SemanticMatchingRetriever(C=(0.1, 1.0), centered=False, tol=1e-9),
}
VARIANTS["splits"].cv[1] = (np.arange(20, 60), [1, 2])


def _codes(estimator, X_img, X_txt):
    # Copies: numpy has another way for a matrix times its own transpose, and a kernel
    # method may hold the very matrix that it was fitted to.
    X_img, X_txt = X_img.copy(), X_txt.copy()
    codes = estimator.transform(ImageTextPairs(X_img, X_txt))
    return [np.asarray(side) for side in (codes.image, codes.text)]


def _assert_same_codes(a, b, X_img, X_txt):
    for left, right in zip(_codes(a, X_img, X_txt), _codes(b, X_img, X_txt), strict=1):
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes()


def test_every_public_estimator_has_a_place_in_files():
    public = [getattr(sklearn_xmodal, name) for name in sklearn_xmodal.__all__]
    names = {
        obj.__name__
        for obj in public
        if inspect.isclass(obj) and issubclass(obj, BaseEstimator)
    }
    assert {n for n in names if find_class(n) is None} == {"BaseRetriever"}
    others = {"BaseRetriever", "ModalityTransformer", "ViewsModel"}
    assert names == {*ALL_RETRIEVERS} | others


def test_unfitted_retriever_survives(make_retriever, round_trip):
    retriever = make_retriever()
    # Members are copies, which are not equal but look the same.
    assert repr(round_trip(retriever).get_params()) == repr(retriever.get_params())


def test_fitted_retriever_survives(make_retriever, paired, round_trip):
    X_img, X_txt, y = paired
    retriever = make_retriever().fit(X_img, X_txt, y)
    loaded = round_trip(retriever)
    _assert_same_codes(retriever, loaded, X_img, X_txt)
    assert loaded.score(X_img, X_txt, y) == retriever.score(X_img, X_txt, y)


def test_stacked_form_survives(make_retriever, pair, round_trip):
    X_img, X_txt, y = pair
    X = np.hstack([X_img, X_txt])
    retriever = make_retriever(n_image_features=7).fit(X, y)
    loaded = round_trip(retriever)
    assert_array_equal(loaded.transform(X), retriever.transform(X))


def test_labels_of_strings_and_float32_survive(make_retriever, pair, round_trip):
    X_img, X_txt, y = pair
    X_img, X_txt = X_img.astype(np.float32), X_txt.astype(np.float32)
    for labels in (np.array(["ä", "b", "cc"])[y], np.array(["x", "y", "z"], object)[y]):
        retriever = make_retriever().fit(X_img, X_txt, labels)
        loaded = round_trip(retriever)
        _assert_same_codes(retriever, loaded, X_img, X_txt)


def test_sparse_text_survives(make_retriever, pair, round_trip):
    X_img, X_txt, y = pair
    X_txt = sparse.csr_matrix(np.where(X_txt > 0.5, X_txt, 0.0))
    retriever = make_retriever().fit(X_img, X_txt, y)
    _assert_same_codes(retriever, round_trip(retriever), X_img, X_txt)


def test_dataframes_and_output_containers_survive(make_retriever, pair, round_trip):
    pd = pytest.importorskip("pandas")
    X_img, X_txt, y = pair
    X_img = pd.DataFrame(X_img).add_prefix("pixel ")
    X_txt = pd.DataFrame(X_txt).add_prefix("word ")
    retriever = make_retriever().set_output(transform="pandas").fit(X_img, X_txt, y)
    loaded = round_trip(retriever)
    pd.testing.assert_frame_equal(
        loaded.transform_text(X_txt), retriever.transform_text(X_txt)
    )
    with pytest.raises(ValueError, match="columns of the image features must be those"):
        loaded.transform_image(X_img[X_img.columns[::-1]])


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_survives(name, pair, round_trip):
    X_img, X_txt, y = pair
    retriever = clone(VARIANTS[name])
    round_trip(retriever)
    retriever.fit(X_img, X_txt, y)
    _assert_same_codes(retriever, round_trip(retriever), X_img, X_txt)


def test_vote_of_frozen_members_survives(pair, round_trip):
    X_img, X_txt, y = pair
    frozen = FrozenEstimator(CCARetriever(2).fit(X_img[:30], X_txt[:30]))
    vote = VotingRetriever([("cca", frozen), ("pls", PLSRetriever(2))])
    vote.fit(X_img, X_txt, y)
    loaded = round_trip(vote)
    _assert_same_codes(vote, loaded, X_img, X_txt)
    assert loaded.estimators_[0] is loaded.estimators[0][1]  # and so it was


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_every_kernel_survives(kernel, approximation, pair, round_trip):
    X_img, X_txt, y = pair
    X_img, X_txt = abs(X_img), abs(X_txt)
    retriever = KCCARetriever(
        2,
        kernel=kernel,
        approximation=approximation,
        n_landmarks=30,
        gamma=1e-6 if kernel == "sigmoid" else 0.01,
        coef0=0.0 if kernel == "sigmoid" else 1,
    ).fit(X_img, X_txt, y)
    _assert_same_codes(retriever, round_trip(retriever), X_img, X_txt)


def test_precomputed_kernels_survive(pair, round_trip):
    X_img, X_txt, y = pair
    kernels = X_img @ X_img.T, X_txt @ X_txt.T
    retriever = KCCARetriever(2, kernel="precomputed").fit(*kernels, y)
    _assert_same_codes(retriever, round_trip(retriever), *kernels)


def test_memory_mapped_training_items_come_back_in_memory(pair, tmp_path):
    X_img, X_txt, y = pair
    np.save(tmp_path / "image.npy", X_img)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    retriever = KCCARetriever(2).fit(mapped, X_txt, y)
    save(retriever, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert type(loaded.X_image_fit_) is np.ndarray
    _assert_same_codes(retriever, loaded, X_img, X_txt)


@pytest.mark.parametrize("name", ["AdapterRetriever", "CCARetriever", "RidgeRetriever"])
def test_partial_fit_goes_on_as_if_nothing_had_been(name, paired, round_trip):
    X_img, X_txt, y = paired
    X_img, X_txt = of_one_width(name, X_img, X_txt)
    first, rest = slice(30), slice(30, None)
    retriever = ALL_RETRIEVERS[name]()
    retriever.partial_fit(X_img[first], X_txt[first], y[first])
    loaded = round_trip(retriever)
    for one in (retriever, loaded):
        one.partial_fit(X_img[rest], X_txt[rest], y[rest])
    assert_same(retriever, loaded)


def test_arrays_that_two_attributes_share_stay_shared(pair, round_trip):
    X_img, X_txt, y = pair
    retriever = KCCARetriever(2).fit(X_img, X_txt, y)
    retriever.set_params(kernel_params={"of": retriever.X_image_fit_})
    loaded = round_trip(retriever)
    assert loaded.kernel_params["of"] is loaded.X_image_fit_


@pytest.mark.parametrize("cls", [SemanticMatchingRetriever, MSLNRetriever])
def test_multi_label_models_survive(cls, pair, round_trip):
    X_img, X_txt, y = pair
    Y = np.eye(4, dtype=int)[y]
    Y[::4, 2] = 1
    Y[:, 3] = 1  # of all pairs: what takes a constant predictor
    params = {"max_epochs": 2, "random_state": 0} if cls is MSLNRetriever else {}
    retriever = cls(**params)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Label not|Label 3 is present in all")
        retriever.fit(X_img, X_txt, Y)
    _assert_same_codes(retriever, round_trip(retriever), X_img, X_txt)


def test_modality_transformer_survives(pair, round_trip):
    X_img, X_txt, _ = pair
    for transformer in (ModalityTransformer(), ModalityTransformer(n_image_features=7)):
        round_trip(transformer)
    fitted = ModalityTransformer().fit(X_img, X_txt)
    assert_array_equal(round_trip(fitted).transform(X_img, X_txt)[1], X_txt)
