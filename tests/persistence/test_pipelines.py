"""Pipelines with scikit-learn's steps, and what of scikit-learn is refused."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import SparseRandomProjection

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    KCCARetriever,
    ModalityTransformer,
    feature_extraction,
    load,
    save,
)
from tests.persistence.compare import assert_same

skops = pytest.importorskip("skops")

STEPS = {
    "StandardScaler": StandardScaler(),
    "RobustScaler": RobustScaler(),
    "PCA": PCA(3, random_state=0),
    "IncrementalPCA": IncrementalPCA(3),
    "TruncatedSVD": TruncatedSVD(3, random_state=np.random.RandomState(2)),
    "TfidfTransformer": TfidfTransformer(sublinear_tf=True),
    "Normalizer": Normalizer(),
    "SimpleImputer": SimpleImputer(strategy="median"),
    "PowerTransformer": PowerTransformer(),
    "QuantileTransformer": QuantileTransformer(n_quantiles=5),
    "KBinsDiscretizer": KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    "log1p": FunctionTransformer(np.log1p),
    "Nystroem": Nystroem(n_components=4, random_state=0),
    "RBFSampler": RBFSampler(n_components=4, random_state=0),
    "Pipeline": make_pipeline(StandardScaler(), PCA(2, random_state=0)),
    "FeatureUnion": FeatureUnion(
        [("pca", PCA(2, random_state=0)), ("as they are", "passthrough")]
    ),
    "ColumnTransformer": ColumnTransformer(
        [("a", StandardScaler(), [0, 1]), ("b", PCA(1, random_state=0), slice(2, 5))]
    ),
}


@pytest.fixture
def pairs(pair):
    X_img, X_txt, y = pair
    return ImageTextPairs(abs(X_img), sparse.csr_matrix(abs(X_txt))), y


@pytest.mark.parametrize("name", STEPS)
def test_step_survives_in_front_of_a_retriever(name, pairs, round_trip):
    pairs, y = pairs
    pipe = make_pipeline(ModalityTransformer(image=STEPS[name]), CCARetriever(2))
    round_trip(pipe)
    pipe.fit(pairs, y)
    loaded = round_trip(pipe)
    before, after = pipe.transform(pairs), loaded.transform(pairs)
    # skops brings arrays into C order, whose products round otherwise.
    assert_allclose(after.image, before.image, rtol=1e-5, atol=1e-6)
    assert_array_equal(after.text, before.text)
    assert loaded.score(pairs, y) == pytest.approx(pipe.score(pairs, y), rel=1e-9)


@pytest.mark.parametrize("name", STEPS)
def test_step_survives_alone(name, pairs, round_trip):
    pairs, y = pairs
    step = STEPS[name].fit(pairs.image, y)
    before, after = (s.transform(pairs.image) for s in (step, round_trip(step)))
    assert type(before) is type(after)
    before, after = (Z.toarray() if sparse.issparse(Z) else Z for Z in (before, after))
    assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_vectorizer_of_raw_text_survives(round_trip):
    texts = np.array(["an apple", "a pear", "the apple", "the pear tree"], object)
    images = np.random.default_rng(0).normal(size=(4, 3))
    pipe = make_pipeline(ModalityTransformer(text=TfidfVectorizer()), CCARetriever(1))
    pipe.fit(ImageTextPairs(images, texts))
    loaded = round_trip(pipe)
    one = ImageTextPairs(text=texts[:1])
    assert_array_equal(loaded.transform(one).text, pipe.transform(one).text)


def test_words_may_be_those_that_skops_writes_of_its_own(tmp_path):
    names = ["file", "content", "key_types", "__id__", "__loader__", "__class__"]
    words = CountVectorizer(token_pattern=r"\w+").fit([" ".join(names)])
    save(words, tmp_path / "words.xmodal")
    assert load(tmp_path / "words.xmodal").vocabulary_ == words.vocabulary_


def test_pipelines_in_pipelines_and_passthrough_survive(pairs, round_trip):
    pairs, y = pairs
    inner = make_pipeline(ModalityTransformer(text=StandardScaler(with_mean=False)))
    pipe = make_pipeline("passthrough", inner, KCCARetriever(2)).fit(pairs, y)
    round_trip(pipe)


def test_output_container_of_a_pipeline_survives(pair, round_trip):
    pd = pytest.importorskip("pandas")
    X_img, X_txt, y = pair
    pipe = make_pipeline(
        ModalityTransformer(image=StandardScaler(), n_image_features=7),
        CCARetriever(2, n_image_features=7),
    ).set_output(transform="pandas")
    frame = pd.DataFrame(np.hstack([X_img, X_txt])).add_prefix("column ")
    pipe.fit(frame, y)
    pd.testing.assert_frame_equal(
        round_trip(pipe).transform(frame), pipe[:].transform(frame)
    )


def test_a_search_is_refused_and_its_best_estimator_is_not(pairs, round_trip, tmp_path):
    pairs, y = pairs
    pipe = make_pipeline(ModalityTransformer(image=StandardScaler()), CCARetriever(2))
    search = GridSearchCV(pipe, {"ccaretriever__alpha": [0.1, 1]}, cv=2).fit(pairs, y)
    with pytest.raises(TypeError, match="GridSearchCV: save its best_estimator_"):
        save(search, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    round_trip(search.best_estimator_)


class _OwnScaler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_own_transformers_are_refused_by_name(tmp_path):
    pipe = make_pipeline(ModalityTransformer(text=_OwnScaler()), CCARetriever())
    message = r"Got Pipeline\.steps\[0\]\[1\]\.text = tests.*_OwnScaler"
    with pytest.raises(TypeError, match=message):
        save(pipe, tmp_path / "model")


def test_own_subclasses_of_retrievers_are_refused(tmp_path):
    own = type("CCARetriever", (CCARetriever,), {})
    with pytest.raises(TypeError, match=r"Got CCARetriever = "):
        save(own(), tmp_path / "model")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (FunctionTransformer(lambda X: X), "with .*lambda"),
        (make_pipeline(_OwnScaler()), r"image\.steps\[0\]\[1\] = tests.*_OwnScaler"),
        (FeatureUnion([("a", _OwnScaler())]), "with .*_OwnScaler"),
        (FeatureUnion([("a", CCARetriever())]), "with .*CCARetriever"),
        (SparseRandomProjection(2, random_state=0), "such as a sparse matrix"),
        (RandomTreesEmbedding(2, max_depth=2, random_state=0), "with .*Tree"),
        (make_pipeline(StandardScaler(), memory="cache"), r"memory must be None"),
        (
            FeatureUnion([("a", make_pipeline(PCA(1), memory="cache"))]),
            r"with the cache Pipeline\.memory; set it to None",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
def test_what_is_not_safe_is_refused_by_name(
    step, message, pairs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if not isinstance(step, FeatureUnion):
        step.fit(pairs[0].image)
    with pytest.raises(TypeError, match=message):
        save(ModalityTransformer(image=step), tmp_path / "model")


def test_metadata_requests_are_refused(tmp_path):
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        retriever = CCARetriever().set_fit_request(sample_weight=True)
        with pytest.raises(TypeError, match="CCARetriever must be stored without meta"):
            save(retriever, tmp_path / "model")


def test_without_skops_the_extra_is_named(pairs, tmp_path, monkeypatch):
    scaler = ModalityTransformer(image=StandardScaler())
    save(scaler, tmp_path / "model")
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    message = r'pip install "sklearn-xmodal\[persistence\]"'
    with pytest.raises(ImportError, match=message):
        save(scaler, tmp_path / "model")
    with pytest.raises(ImportError, match=message):
        load(tmp_path / "model")
    save(CCARetriever(), tmp_path / "model")  # needs none
    assert_same(load(tmp_path / "model"), CCARetriever())


@pytest.mark.parametrize(
    "name", ["BagOfVisualWords", "HOGTransformer", "LocalBinaryPatternTransformer"]
)
def test_transformers_of_pictures_are_saved_with_their_pipeline(name, round_trip):
    pytest.importorskip("skimage")
    rng = np.random.default_rng(0)
    pictures = rng.random((20, 32, 32))
    words = np.array([f"{'ab'[i % 2]} picture of {'cde'[i % 3]}x" for i in range(20)])
    options = {"n_words": 5, "random_state": 0} if name == "BagOfVisualWords" else {}
    describe = getattr(feature_extraction, name)(**options)
    sides = ModalityTransformer(
        image=make_pipeline(describe, PCA(3, random_state=0)), text=TfidfVectorizer()
    )
    pairs = ImageTextPairs(pictures, words)
    pipe = make_pipeline(sides, CCARetriever(2)).fit(pairs)
    loaded = round_trip(pipe)
    got, expected = loaded.transform(pairs), pipe.transform(pairs)
    assert_allclose(got.image, expected.image, rtol=1e-5, atol=1e-6)
    assert_allclose(got.text, expected.text, rtol=1e-5, atol=1e-6)
