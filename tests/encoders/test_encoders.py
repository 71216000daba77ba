"""Encoders give the codes of their retriever, alone, and never change."""

import dataclasses
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.base import encoder_of
from sklearn_xmodal.encoders import Chain, EstimatorEncoder, LinearEncoder
from sklearn_xmodal.encoders._base import PARTS
from sklearn_xmodal.encoders._kernel import OWN_KERNELS, kernel_values
from tests.conftest import (
    ALL_RETRIEVERS,
    PATHS,
    RETRIEVERS,
    of_one_width,
    thorough_but,
)
from tests.labelled import draw

EVERY = thorough_but(
    [*PATHS, "CosineRetriever", "DCCARetriever", "VotingRetriever"], [*ALL_RETRIEVERS]
)
NETWORKS = ("ACMR", "Contrastive", "DCCA", "DSCMR", "MSLN")


@pytest.fixture(scope="module")
def data():
    return draw(0)


def _alone(encoder):
    """Return an encoder as a file gives it back: no operations but NumPy's."""
    return type(encoder).from_state(encoder.state(), encoder.version)


@pytest.mark.parametrize("name", EVERY)
def test_a_fitted_retriever_is_two_encoders(name, data):
    X, T = of_one_width(name, *data[:2])
    est = ALL_RETRIEVERS[name]().fit(X, T, data[2])
    sides = (
        (est.image_encoder_, X, est.transform_image(X)),
        (est.text_encoder_, T, est.transform_text(T)),
    )
    for encoder, features, codes in sides:
        assert_array_equal(encoder(features), codes)
        assert encoder.n_features_in_ == features.shape[1]
        assert encoder.n_components_ == codes.shape[1] == est.n_components_


@pytest.mark.parametrize("name", EVERY)
def test_alone_an_encoder_gives_the_same_codes(name, data):
    X, T = of_one_width(name, *data[:2])
    est = ALL_RETRIEVERS[name]().fit(X, T, data[2])
    # Networks of three steps: codes close to their mean magnify float32.
    tolerance = 1e-5 if name.startswith(NETWORKS) else 1e-12
    for encoder, features in ((est.image_encoder_, X), (est.text_encoder_, T)):
        for some in (features, features[:1], features[:3].astype(np.float32)):
            expected = encoder(some)
            found = _alone(encoder)(some)
            assert found.dtype == expected.dtype == some.dtype
            least = 1e-5 if some.dtype == np.float32 else tolerance
            assert_allclose(found, expected, 0, least * np.abs(expected).max())


@pytest.mark.parametrize("name", PATHS)
def test_pickled_an_encoder_gives_the_same_codes(name, data):
    encoder = RETRIEVERS[name]().fit(*data).text_encoder_
    copy = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(copy(data[1]), encoder(data[1]))


@pytest.mark.parametrize("name", ["CCARetriever", "MSLNRetriever"])
def test_more_pairs_leave_an_earlier_encoder_as_it_was(name, data):
    X, T, y = data
    est = RETRIEVERS[name]().partial_fit(X, T, y)
    encoder = est.image_encoder_
    before = encoder(X)
    est.partial_fit(X + 1, T, y)
    assert_array_equal(encoder(X), before)
    assert np.abs(est.transform_image(X) - before).max() > 0


def test_parameters_that_are_set_later_change_no_encoder(data):
    X, T, _ = data
    est = CCARetriever(3).fit(X, T)
    before = est.transform_image(X)
    est.set_params(component_power=0.0)
    assert_array_equal(est.transform_image(X), before)


def _linear(**options):
    weights = np.arange(6.0).reshape(3, 2)
    return LinearEncoder(mean=np.ones(3), weights=weights, **options)


def test_codes_are_the_formula():
    X = np.array([[2.0, 0.0, 1.0]])
    assert_array_equal(_linear()(X), [[0 * 1 - 2 * 1, 1 * 1 - 3 * 1]])
    assert_array_equal(_linear(scales=np.array([2.0, 1.0]))(X), [[-4, -2]])


def test_fields_cannot_be_set():
    with pytest.raises(dataclasses.FrozenInstanceError, match="weights"):
        _linear().weights = None


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([1.0, 2.0, 3.0], r"must be a matrix.*1D array.*reshape\(1, -1\)"),
        ([[1.0, 2.0]], "must have the 3 features of fit. Got 2"),
        ([[1.0, np.nan, 3.0]], "X must be finite"),
        (sparse.csr_array([[1.0, np.inf, 3.0]]), "X must be finite"),
        ([["a", "b", "c"]], r"X must be numbers\. Got strings .* such as 'a'"),
        ([[1j, 0, 0]], "X must be real numbers. Complex data not supported"),
        (np.ma.masked_greater([[1.0, 2.0, 9.0]], 5), "no masked values.* 1 masked"),
        ([[1, 2, 3], [1e9, 0, 1e9]], "X must have codes that float64 .* in row 1"),
    ],
)
def test_wrong_features_are_refused(X, message):
    encoder = _linear(scales=np.full(2, 1e300))
    with pytest.raises(ValueError, match=message):
        encoder(X)


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        ([[1, 2, 3]], np.float64),
        (np.ones((1, 3), np.float32), np.float32),
        (np.array([[1, 2.5, 3]], dtype=object), np.float64),
        (np.array([["1", "2.5", "3"]]), np.float64),
        (sparse.coo_array([[True, False, True]]), np.float64),
    ],
)
def test_floats_are_kept_and_other_numbers_become_float64(X, dtype):
    assert _linear()(X).dtype == dtype


def test_columns_must_be_those_of_fit(data):
    pd = pytest.importorskip("pandas")
    frames = [
        pd.DataFrame(X, columns=[f"{name}{i}" for i in range(X.shape[1])])
        for X, name in zip(data[:2], "it", strict=True)
    ]
    est = CCARetriever(3).fit(*frames)
    encoder = _alone(est.image_encoder_)
    assert_array_equal(encoder(frames[0]), est.transform_image(frames[0]))
    assert encoder.feature_names_in_.tolist() == frames[0].columns.tolist()
    unnamed = pd.DataFrame(frames[0].to_numpy())
    assert_array_equal(encoder(unnamed), est.transform_image(unnamed))
    with pytest.raises(ValueError, match="columns of X must be those seen in fit"):
        encoder(frames[0].iloc[:, ::-1])


@pytest.mark.parametrize("name", PATHS)
def test_blocks_of_rows_do_not_change_the_codes(name, data):
    X, T, y = data
    encoder = RETRIEVERS[name]().fit(X, T, y).image_encoder_
    many = np.tile(X, (20, 1))
    with config_context(working_memory=0.05):
        found = encoder(many)
    assert_allclose(found, encoder(many), atol=1e-5)


def test_blocks_of_a_network_stand_side_by_side_in_their_order(data):
    X, T, y = data
    est = RETRIEVERS["MSLNRetriever"]().set_params(
        block_weights={"code": 1.0, "posterior": 2.0, "canonical": 0.5}
    )
    encoder = _alone(est.fit(X, T, y).image_encoder_)
    parts = [
        dataclasses.replace(encoder, blocks=[block], block_weights=[weight])(X)
        for block, weight in zip(encoder.blocks, encoder.block_weights, strict=True)
    ]
    assert [np.linalg.norm(Z[0]) ** 2 for Z in parts] == pytest.approx([1, 2, 0.5])
    assert_allclose(encoder(X), np.hstack(parts), atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "version", "message"),
    [
        ({"weights": None}, 1, r"must have the entries \['feature_names_in_', 'mean'"),
        ({"feature_names_in_": None}, 1, r"Got \['mean', 'scales', 'weights'\]"),
        ({"more": 1}, 1, r"Got \['feature_names_in_', 'mean', 'more'"),
        ({}, 2, "must have version 1. Got 2"),
    ],
)
def test_a_state_with_other_entries_is_refused(changed, version, message):
    state = _linear().state()
    for name, value in changed.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    with pytest.raises(ValueError, match=message):
        LinearEncoder.from_state(state, version)


def test_names_in_files_are_unique_and_of_their_class():
    assert all(cls.kind == kind for kind, cls in PARTS.items())


@pytest.mark.parametrize("kernel", OWN_KERNELS)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_kernels_are_those_of_scikit_learn(kernel, form, data):
    from sklearn.metrics.pairwise import pairwise_kernels

    X, Y = data[0][:9], data[0][9:14]
    params = {"gamma": 0.1, "degree": 2, "coef0": 0.5}
    used = {"filter_params": True, **params}
    expected = pairwise_kernels(X, Y, metric=kernel, **used)
    found = kernel_values(kernel, form(X), form(Y), **params)
    assert_allclose(found, expected, 1e-12)


class TestPipelines:
    @pytest.fixture
    def pairs(self, data):
        return ImageTextPairs(*data[:2])

    def test_steps_before_the_retriever_are_part_of_the_encoder(self, pairs):
        pipe = make_pipeline(
            ModalityTransformer(image=StandardScaler()), "passthrough", CCARetriever(3)
        ).fit(pairs)
        search = GridSearchCV(pipe, {"ccaretriever__alpha": [1.0]}, cv=2).fit(pairs)
        for estimator in (pipe, search):
            for modality in ("image", "text"):
                X = getattr(pairs, modality)
                expected = getattr(
                    estimator.transform(ImageTextPairs(**{modality: X})), modality
                )
                assert_allclose(encoder_of(estimator, modality)(X), expected)

    def test_raw_features_go_through_their_vectorizer(self):
        texts = ["red cat", "blue dog", "red dog", "blue cat", "old dog", "old cat"]
        X = np.random.default_rng(0).normal(size=(6, 4))
        pairs = ImageTextPairs(X, texts)
        pipe = make_pipeline(
            ModalityTransformer(text=CountVectorizer()), CCARetriever(2, alpha=0.1)
        ).fit(pairs)
        assert_allclose(encoder_of(pipe, "text")(texts), pipe.transform(pairs).text)

    def test_other_transformers_of_pairs_are_called_with_one_side(self, pairs):
        double = FunctionTransformer(
            lambda pairs: ImageTextPairs(
                *(None if X is None else 2 * X for X in (pairs.image, pairs.text))
            )
        )
        pipe = make_pipeline(double, CCARetriever(3)).fit(pairs)
        expected = pipe.transform(pairs).text
        assert_allclose(encoder_of(pipe, "text")(pairs.text), expected)

    def test_what_does_not_answer_pairs_with_pairs_is_refused(self, pairs):
        lost = FunctionTransformer(lambda pairs: pairs.image)
        encoder = encoder_of(lost.fit(pairs), "image")
        with pytest.raises(TypeError, match=r"return the same.* Got ndarray from"):
            encoder(pairs.image)


def test_a_method_of_another_package_is_called_by_its_name():
    class Halves:
        def halve(self, X):
            return X / 2

    encoder = EstimatorEncoder(estimator=Halves(), method="halve")
    chain = Chain(steps=[encoder, _linear()])
    X = np.ones((2, 3))
    assert_array_equal(chain(X), _linear()(X / 2))
