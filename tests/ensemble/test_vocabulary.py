"""VocabularyRetriever: codes, and probabilities of names, by the formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    CosineRetriever,
    ImageTextPairs,
    KCCARetriever,
    KernelPairs,
    ModalityTransformer,
    MSLNRetriever,
    RetrievalIndex,
    SemanticMatchingRetriever,
    VocabularyRetriever,
    VotingRetriever,
    load,
    save,
)
from sklearn_xmodal.model_selection import ClassDisjointKFold


@pytest.fixture(scope="module")
def data():
    """Return pairs of twelve classes, of which half is for training, and all names."""
    rng = np.random.RandomState(0)
    names, W = rng.randn(12, 8), rng.randn(8, 10)
    y = rng.randint(12, size=240)
    X_txt = names[y] + rng.randn(240, 8)
    X_img = names[y] @ W + 5 * rng.randn(240, 10)
    return X_img, X_txt, y, names


def unit(Z):
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def by_the_formula(retriever, X_img, X_txt, names, weight, temperature):
    """Return the similarities of all images and texts, one by one."""
    coded_names = retriever.transform_text(names)
    images, texts = retriever.transform_image(X_img), retriever.transform_text(X_txt)

    def cosine(a, b):
        return a @ b / np.sqrt((a @ a) * (b @ b))

    def likely(z):
        powers = [np.exp(cosine(z, name) / temperature) for name in coded_names]
        return np.array(powers) / sum(powers) - 1 / len(names)

    return [
        [
            (1 - weight) * cosine(i, t) + weight * cosine(likely(i), likely(t))
            for t in texts
        ]
        for i in images
    ]


@pytest.mark.parametrize("weight", [0, 0.3, 1.0])
def test_similarities_are_those_of_the_formula(data, weight):
    X_img, X_txt, y, names = data
    cca = CCARetriever(4).fit(X_img, X_txt)
    named = VocabularyRetriever(
        CCARetriever(4), vocabulary=names.tolist(), weight=weight, temperature=0.5
    ).fit(X_img, X_txt, y)
    got = (
        unit(named.transform_image(X_img[:6])) @ unit(named.transform_text(X_txt[:7])).T
    )
    expected = by_the_formula(cca, X_img[:6], X_txt[:7], names, weight, 0.5)
    assert_allclose(got, expected, atol=1e-12)
    assert named.n_components_ == 4 * (weight < 1) + 12 * (weight > 0)


def test_names_help_on_classes_that_training_has_not_seen(data):
    X_img, X_txt, y, names = data
    seen = y < 6
    cca = CCARetriever().fit(X_img[seen], X_txt[seen])
    named = VocabularyRetriever(FrozenEstimator(cca), vocabulary=names[6:])
    named.fit(X_img[:2], X_txt[:2])  # of a frozen one any pairs will do
    assert named.estimator_.estimator is cca
    test = X_img[~seen], X_txt[~seen], y[~seen]
    assert named.score(*test) > cca.score(*test) + 0.02


def test_without_names_it_is_the_estimator(data):
    X_img, X_txt, *_ = data
    cca = CCARetriever(3).fit(X_img, X_txt)
    same = VocabularyRetriever(CCARetriever(3)).fit(X_img, X_txt)
    assert_array_equal(same.transform_image(X_img), cca.transform_image(X_img))


def test_names_go_through_a_pipeline_and_are_searched_over(data):
    X_img, X_txt, y, names = data
    scaling = ModalityTransformer(image=StandardScaler(), text=PCA(5, random_state=0))
    inside = make_pipeline(scaling, SemanticMatchingRetriever())
    named = VocabularyRetriever(inside, vocabulary=sparse.csr_array(names))
    grid = {"weight": [0.0, 0.5], "estimator__semanticmatchingretriever__C": [0.1, 1]}
    search = GridSearchCV(named, grid, cv=ClassDisjointKFold(3), error_score="raise")
    search.fit(ImageTextPairs(X_img, X_txt), y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    found = RetrievalIndex(search, text=names).search(image=X_img[:3], k=2)
    assert found.ids.shape == (3, 2)


def test_precomputed_kernels_have_names_with_kernel_values(data):
    X_img, X_txt, _, names = data
    linear = KCCARetriever(3, kernel="linear").fit(X_img, X_txt)
    plain = VocabularyRetriever(FrozenEstimator(linear), vocabulary=names)
    plain.fit(X_img, X_txt)
    named = VocabularyRetriever(
        KCCARetriever(3, kernel="precomputed"), vocabulary=names @ X_txt.T
    ).fit(KernelPairs(X_img @ X_img.T, X_txt @ X_txt.T))
    got = named.transform_text(X_txt @ X_txt.T)
    assert_allclose(abs(got), abs(plain.transform_text(X_txt)), atol=1e-8)


def test_it_comes_back_from_a_file(data, tmp_path):
    X_img, X_txt, _, names = data
    named = VocabularyRetriever(CCARetriever(3), vocabulary=names, weight=0.4)
    named.fit(X_img.astype(np.float32), X_txt.astype(np.float32))
    save(named, tmp_path / "named.xmodal")
    again = load(tmp_path / "named.xmodal")
    codes = named.transform_image(X_img.astype(np.float32))
    assert codes.dtype == np.float32
    assert_array_equal(again.transform_image(X_img.astype(np.float32)), codes)
    assert_array_equal(again.vocabulary, names)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (np.ones((3, 7)), r"must have the 8 features of the texts\. Got 7\..* inside"),
        (np.ones((1, 8)), r"The vocabulary must have enough rows"),
        (np.full((2, 8), np.nan), r"The vocabulary must be finite"),
        (["bird", "fish"], r"such as 'bird'\. Encode names as the texts were"),
        (np.ones((3, 8)), r"tells apart\. Got 3 names, all with the same code"),
    ],
)
def test_a_vocabulary_that_is_none(data, vocabulary, message):
    X_img, X_txt, *_ = data
    retriever = VocabularyRetriever(CCARetriever(3), vocabulary=vocabulary)
    with pytest.raises(ValueError, match=message):
        retriever.fit(X_img, X_txt)


def test_a_name_that_has_no_code_is_told_of(data):
    X_txt = data[1]
    names = np.array([[1.0] * 8, [0.0] * 8])
    retriever = VocabularyRetriever(CosineRetriever(), vocabulary=names)
    with pytest.raises(ValueError, match=r"code of zeros for that of row 1\."):
        retriever.fit(X_txt, X_txt)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_columns_of_names_are_those_of_the_texts(data, is_frozen):
    pd = pytest.importorskip("pandas")
    X_img, X_txt, _, names = data
    columns = list("abcdefgh")
    texts, told = (pd.DataFrame(X, columns=columns) for X in (X_txt, names))
    images = pd.DataFrame(X_img, columns=list("0123456789"))
    inside = CCARetriever(3)
    if is_frozen:
        inside = FrozenEstimator(inside.fit(images, texts))
    sides = (X_img, X_txt) if is_frozen else (images, texts)
    VocabularyRetriever(inside, vocabulary=told).fit(*sides)
    turned = VocabularyRetriever(inside, vocabulary=told[columns[::-1]])
    with pytest.raises(ValueError, match="columns of the vocabulary must be those"):
        turned.fit(*sides)


def test_networks_inside_compute_alike_after_a_file(data, tmp_path):
    X_img, X_txt, y, names = data
    msln = MSLNRetriever(4, max_steps=3, random_state=0, device="cpu")
    pipe = make_pipeline(ModalityTransformer(image=StandardScaler()), msln)
    retrievers = {
        "named": VocabularyRetriever(pipe, vocabulary=names),
        "bare": VocabularyRetriever(msln),
        "vote": VotingRetriever(
            [("cca", CCARetriever(2)), ("pipe", pipe), ("msln", msln)],
            weights=[0, 1, 1],
        ),
    }
    for name, retriever in retrievers.items():
        path = tmp_path / f"{name}.xmodal"
        save(retriever.fit(X_img, X_txt, y), path)
        again = load(path)
        for modality, X in (("image", X_img), ("text", X_txt)):
            codes = getattr(retriever, f"transform_{modality}")(X)
            assert_array_equal(getattr(again, f"transform_{modality}")(X), codes)


def test_codes_of_names_are_finite(data):
    X_img, X_txt, _, names = data
    kernel = KCCARetriever(3, kernel="poly", n_landmarks=20, approximation="nystroem")
    retriever = VocabularyRetriever(kernel, vocabulary=names * 1e120)
    with pytest.raises(ValueError, match="vocabulary must have codes that float64"):
        retriever.fit(X_img, X_txt)
