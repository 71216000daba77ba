"""Features of pictures are those of scikit-image, whatever holds the pictures."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.feature_extraction import (
    BagOfVisualWords,
    HOGTransformer,
    LocalBinaryPatternTransformer,
)

pytest.importorskip("skimage")
from skimage.color import rgb2gray, rgba2rgb
from skimage.feature import SIFT, hog, local_binary_pattern
from skimage.transform import resize

TRANSFORMERS = [
    HOGTransformer(shape=(32, 32)),
    LocalBinaryPatternTransformer(n_cells=2),
    BagOfVisualWords(n_words=6, random_state=0),
]


def pictures(n=5, shape=(48, 48), seed=0):
    """Blurred noise in bytes, which has keypoints."""
    rng = np.random.default_rng(seed)
    small = rng.random((n, shape[0] // 4, shape[1] // 4, *shape[2:]))
    large = np.kron(small, np.ones((1, 4, 4, *[1] * len(shape[2:]))))
    return np.round(255 * large).astype(np.uint8)


def dense(features):
    return features.toarray() if hasattr(features, "toarray") else features


@pytest.fixture(params=TRANSFORMERS, ids=lambda t: type(t).__name__)
def transformer(request):
    return clone(request.param)


def test_hog_is_that_of_scikit_image():
    X = pictures(2, (40, 52, 3))
    grey = resize(rgb2gray(X[1] / np.float32(255)), (32, 24), order=1)
    want = hog(grey, 8, pixels_per_cell=(4, 4), cells_per_block=(3, 3))
    got = HOGTransformer(
        shape=(32, 24), orientations=8, pixels_per_cell=4, cells_per_block=3
    ).fit_transform(X)
    assert got.dtype == np.float32
    assert_allclose(got[1], want, atol=1e-5)


@pytest.mark.parametrize("method", ["uniform", "nri_uniform"])
def test_shares_of_patterns_are_those_of_scikit_image(method):
    X = pictures(2)
    patterns = local_binary_pattern(X[1], 8, 2.0, method)
    lower_left = patterns[24:, :24].ravel().astype(int)
    transformer = LocalBinaryPatternTransformer(radius=2.0, method=method, n_cells=2)
    row = transformer.fit_transform(X)[1].reshape(4, -1)
    assert row.dtype == np.float32
    assert_allclose(row[2], np.bincount(lower_left, minlength=row.shape[1]) / 24**2)
    assert_allclose(row.sum(axis=1), 1, rtol=1e-6)


def test_words_are_the_nearest_centres_of_sift_descriptors():
    X = pictures(4)
    words = BagOfVisualWords(n_words=6, random_state=0).fit(X)
    sift = SIFT()
    sift.detect_and_extract((X[2] / np.float32(255)).astype(np.float32))
    away = sift.descriptors[:, None].astype(float) - words.codebook_
    nearest = (away**2).sum(axis=2).argmin(axis=1)
    counts = words.transform(X[2:3]).toarray()[0]
    assert_array_equal(counts, np.bincount(nearest, minlength=6))


def test_counts_add_up_to_the_descriptors():
    X = pictures(4)
    words = BagOfVisualWords(n_words=6, random_state=0)
    counts = words.fit_transform(X)
    assert (counts.dtype, counts.format) == (np.float32, "csr")
    assert counts.sum() == words.n_descriptors_ > 6
    assert_array_equal(counts.toarray(), words.transform(X).toarray())


def test_a_picture_without_keypoints_has_no_words():
    words = BagOfVisualWords(n_words=6, random_state=0).fit(pictures(4))
    assert words.transform([np.zeros((20, 20))]).nnz == 0


def test_words_are_learnt_from_at_most_so_many_descriptors():
    BagOfVisualWords(6, max_descriptors=6, random_state=0).fit(pictures(4))
    with pytest.raises(ValueError, match="n_words=7 for 6 of 4 pictures"):
        BagOfVisualWords(7, max_descriptors=6, random_state=0).fit(pictures(4))


def test_descriptors_to_learn_from_are_drawn_among_all_pictures():
    X = pictures(4)
    sift = SIFT()
    sift.detect_and_extract((X[-1] / np.float32(255)).astype(np.float32))
    # As many words as descriptors: each of them is a word.
    words = BagOfVisualWords(50, max_descriptors=50, random_state=0).fit(X)
    away = sift.descriptors[:, None].astype(float) - words.codebook_
    of_the_last = (away**2).sum(axis=2).min(axis=0) < 1e-3
    assert 0 < of_the_last.sum() < 50


def test_all_kinds_of_the_same_pictures_have_the_same_features(transformer):
    X = pictures()
    want = dense(transformer.fit(X).transform(X))
    objects = np.empty(len(X), object)
    objects[:] = list(X)
    rgb = np.repeat(X[..., None], 3, axis=-1)
    opaque = np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], axis=-1)
    for same in (list(X), tuple(X), objects, X.astype(np.int64), X[..., None]):
        assert_array_equal(dense(transformer.transform(same)), want)
    for same in (X.astype(np.uint16) * 257, X / 255, rgb, opaque):
        # Equal to rounding: a pixel or a descriptor may fall on the other side.
        assert_allclose(dense(transformer.transform(same)), want, rtol=0.1, atol=0.02)


def test_transparent_pictures_lie_on_white():
    rgba = pictures(1, (48, 48, 4))
    on_white = rgba2rgb(rgba[0] / 255, background=(1, 1, 1))
    hog = HOGTransformer().fit(rgba)
    assert_allclose(hog.transform(rgba), hog.transform([on_white]), atol=1e-4)


def test_pictures_may_differ_in_size_and_each_stands_for_itself(transformer):
    X = [pictures(1, shape)[0] for shape in ((48, 60), (64, 48), (40, 40, 3))]
    together = dense(transformer.fit(X).transform(X))
    alone = [dense(transformer.transform(X[i : i + 1])) for i in range(3)]
    assert_array_equal(together, np.vstack(alone))


def test_names_of_features_match_the_columns(transformer):
    X = pictures()
    n_columns = transformer.fit_transform(X).shape[1]
    names = transformer.get_feature_names_out()
    assert len(names) == n_columns
    assert names[0] == f"{type(transformer).__name__.lower()}0"


def test_copies_and_jobs_give_the_same_features(transformer):
    X = pictures()
    want = dense(transformer.fit(X).transform(X))
    again = pickle.loads(pickle.dumps(transformer)).set_params(n_jobs=2)
    assert_array_equal(dense(again.transform(X)), want)
    assert_array_equal(dense(clone(transformer).fit(X).transform(X)), want)


def test_raw_pictures_and_strings_go_through_cross_validation():
    X = pictures(24)
    texts = np.array([f"{'bright' if x.mean() > 127 else 'dark'} {x[0, 0]}" for x in X])
    features = ModalityTransformer(
        image=make_pipeline(
            BagOfVisualWords(6, random_state=0),
            TfidfTransformer(),
            TruncatedSVD(3, random_state=0),
        ),
        text=make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0)),
    )
    pipe = make_pipeline(features, CCARetriever(2))
    pairs = ImageTextPairs(X, texts)
    scores = cross_val_score(pipe, pairs, np.arange(24) % 2, cv=2)
    assert np.isfinite(scores).all()
    hog_pipe = make_pipeline(HOGTransformer(), PCA(3, random_state=0))
    assert hog_pipe.fit_transform(X).shape == (24, 3)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((4, 9)), r"X must be a sequence of pictures.*Got shape \(4, 9\)"),
        ("pictures", "X must be a sequence of pictures.*Got str"),
        ([], "X must hold at least one picture"),
        ([np.ones((30, 30)), np.ones(30)], r"X\[1\] must be a picture.*\(30,\)"),
        ([np.ones((30, 30, 2))], r"X\[0\] must be a picture.*\(30, 30, 2\)"),
        ([np.ones((0, 30))], r"X\[0\] must be a picture"),
        ([np.full((30, 30), 16.0)], r"X\[0\] must hold levels from 0 to 1.*16\.0"),
        ([np.full((30, 30), -1)], r"X\[0\] must hold levels from 0 to 255.*-1"),
        ([np.full((30, 30), np.nan)], r"X\[0\] must be finite.*NaN"),
        ([np.full((30, 30), "a")], r"X\[0\] must hold numbers"),
    ],
)
def test_what_is_no_picture_is_an_error_that_names_it(X, message):
    transformer = LocalBinaryPatternTransformer()
    with pytest.raises((ValueError, TypeError), match=message):
        transformer.fit(X).transform(X)


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (HOGTransformer(shape=(8, 64)), "shape must have room for one block"),
        (HOGTransformer(shape=(8.5, 64)), "shape must be None or"),
        (LocalBinaryPatternTransformer(n_cells=99), "n_cells must be at most"),
        (LocalBinaryPatternTransformer(method="var"), "'method' parameter"),
        (BagOfVisualWords(10**6), "n_words must be at most the number of descriptors"),
        (BagOfVisualWords(2, upsampling=3), "upsampling must be 1, 2 or 4"),
        (BagOfVisualWords(2, shape=(5, 5)), "Pictures must be at least 6 pixels"),
    ],
)
def test_parameters_that_do_not_fit_are_named(transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit_transform(pictures())


def test_without_scikit_image_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.feature", None)
    with pytest.raises(ImportError, match=r"sklearn-xmodal\[images\]"):
        HOGTransformer().fit_transform(pictures())
