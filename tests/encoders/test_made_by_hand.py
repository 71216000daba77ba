"""Encoders that a person makes, and what they say of what does not fit."""

import dataclasses
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import CCARetriever, ImageTextPairs, SCMRetriever, encoder_of
from sklearn_xmodal.encoders import (
    AnchorEncoder,
    Chain,
    Concat,
    EstimatorEncoder,
    FourierMap,
    KernelEncoder,
    KernelMap,
    LinearEncoder,
    PosteriorEncoder,
)
from tests.labelled import draw

NAMES = ["a", "b", "c"]
WEIGHTS = [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]


def linear(**changes):
    return LinearEncoder(**{"mean": [0.0, 1.0, 2.0], "weights": WEIGHTS, **changes})


def kernel(**changes):
    values = KernelMap(kernel="linear", basis=np.eye(3), params={})
    fields = {"dual_coef": np.ones((3, 2)), "offset": [0, 0], "scales": [1, 1]}
    return KernelEncoder(**{"values": values, **fields, **changes})


def posterior(**changes):
    fields = {
        "mean": [0, 0, 0],
        "scale": 1.0,
        "weights": WEIGHTS,
        "intercept": [0, 0],
        "link": "softmax",
        "offset": [0.5, 0.5],
    }
    return PosteriorEncoder(**{**fields, **changes})


def anchors(**changes):
    fields = {"anchors": np.eye(3), "n_neighbors": 2, "power": 1.0}
    return AnchorEncoder(**{**fields, **changes})


def test_lists_become_arrays():
    X = np.array([[1.0, 2.0, 3.0]])
    of_lists, of_arrays = (
        linear(),
        linear(mean=np.arange(3.0), weights=np.array(WEIGHTS)),
    )
    assert_array_equal(of_lists(X), [[1 * 1 + 1 * 1, 1 * 2 + 1 * 1]])
    assert_array_equal(of_lists(X), of_arrays(X))
    assert isinstance(of_lists.weights, np.ndarray)
    assert kernel()(X).shape == posterior()(X).shape == (1, 2)
    both = Concat(encoders=[of_lists, kernel()], weights=[1, 2])
    assert both(X).shape == (1, 4)
    assert FourierMap(frequencies=WEIGHTS)(X).shape == (1, 4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: linear(mean=[0, 1]), ValueError,
         r"mean of LinearEncoder must have shape \(n_features_in_,\), with "
         r"n_features_in_ = 3. Got shape \(2,\)"),
        (lambda: linear(scales=[1, 2, 3]), ValueError,
         r"scales of .* n_components_ = 2. Got shape \(3,\)"),
        (lambda: linear(weights=[1, 2, 3]), ValueError,
         r"weights of .* shape \(n_features_in_, n_components_\). Got shape \(3,\)"),
        (lambda: linear(weights=[[1, 2], [3]]), ValueError, "weights of .* an array"),
        (lambda: linear(weights=None), TypeError, "weights of .* Got NoneType"),
        (lambda: linear(weights=[["a"]]), TypeError, "weights of .* real numbers"),
        (lambda: linear(mean=1j * np.ones(3)), TypeError, "mean of .* complex128"),
        (lambda: linear(feature_names_in_=["a"]), ValueError, "every one of 3 feat"),
        (lambda: kernel(offset=[1]), ValueError, "offset of KernelEncoder"),
        (lambda: kernel(dual_coef=np.ones((4, 2))), ValueError, "4 rows of dual_coef"),
        (lambda: kernel(values=np.eye(3)), TypeError, "values of .* hold encoders"),
        (lambda: KernelMap(kernel="rbf", basis=[1, 2], params={}), ValueError, "basis"),
        (lambda: anchors(anchors=[1, 2]), ValueError, "anchors of AnchorEncoder"),
        (lambda: anchors(n_neighbors=0), ValueError, "at least 1. Got 0"),
        (lambda: anchors(power=0.0), ValueError, "a positive number. Got 0.0"),
        (lambda: anchors(power=np.nan), ValueError, "a positive number. Got nan"),
        (lambda: FourierMap(frequencies=WEIGHTS, origin=[1]), ValueError, "origin"),
        (lambda: posterior(link="probit"), ValueError, "link of .* one of"),
        (lambda: posterior(link="binary", offset=[1]), ValueError, "2 numbers"),
        (lambda: posterior(intercept=[1]), ValueError, "intercept of Posterior"),
        (lambda: Chain(steps=[]), TypeError, r"at least one encoder. Got \[\]"),
        (lambda: Chain(steps=linear()), TypeError, "list of at least one encoder"),
        (lambda: Chain(steps=[StandardScaler()]), TypeError,
         r"Got StandardScaler; EstimatorEncoder\(estimator"),
        (lambda: Chain(steps=[linear(), linear()]), ValueError, "Got 3 features"),
        (lambda: Concat(encoders=[linear()], weights=[1, 2]), ValueError, "1 positive"),
        (lambda: Concat(encoders=[linear()], weights=[0]), ValueError, "1 positive"),
        (lambda: Concat(encoders=[linear(), FourierMap(frequencies=[[1.0]])],
                        weights=[1, 1]), ValueError, r"one modality.* Got \[3, 1\]"),
        (lambda: EstimatorEncoder(estimator="a.joblib"), TypeError, "Got str"),
        (lambda: EstimatorEncoder(estimator=StandardScaler(), side="img"), ValueError,
         "side of EstimatorEncoder must be 'image', 'text' or None. Got 'img'"),
    ],
)  # fmt: skip
def test_fields_that_do_not_fit_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("copied", [dataclasses.replace, pickle], ids=["replace", "pi"])
@pytest.mark.parametrize("cls", [CCARetriever, SCMRetriever])
def test_names_of_columns_stay_with_a_copy(cls, copied):
    pd = pytest.importorskip("pandas")
    X, T, y = draw(0)
    X = pd.DataFrame(X, columns=[f"i{j}" for j in range(X.shape[1])])
    encoder = cls(2).fit(X, T, y).image_encoder_
    copy = (
        dataclasses.replace(encoder)
        if copied is dataclasses.replace
        else pickle.loads(pickle.dumps(encoder))
    )
    assert copy.feature_names_in_.tolist() == list(X.columns)
    assert_array_equal(copy(X), encoder(X))
    for one in (encoder, copy):
        with pytest.raises(ValueError, match="columns of X must be those seen in fit"):
            one(X.iloc[:, ::-1])


def test_names_can_be_given_and_are_in_files():
    encoder = linear(feature_names_in_=NAMES)
    state = encoder.state()
    assert list(state["feature_names_in_"]) == NAMES
    again = LinearEncoder.from_state(state, 1)
    assert again.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="name every one of 2 features"):
        dataclasses.replace(encoder, mean=[0, 0], weights=np.eye(2))


# Values


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_features_of_extreme_size_are_refused_as_by_transform(form, size):
    X, T, _ = draw(0)
    est = CCARetriever(2).fit(X, T)
    huge = form(np.full_like(X, size))
    for encode in (est.transform_image, est.image_encoder_):
        with pytest.raises(ValueError, match="must have squares that a float can hold"):
            encode(huge)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_row_of_a_bad_value_is_named(form, bad):
    X = np.ones((9, 3))
    X[6, 1] = bad
    with pytest.raises(ValueError, match=r"X must be finite.* first in row 6\."):
        linear()(form(X))


def test_the_row_of_a_bad_value_is_named_behind_a_step_that_lets_it_through():
    X = np.ones((9, 3))
    X[6, 1] = np.nan
    scaler = EstimatorEncoder(estimator=StandardScaler().fit(np.eye(3)))
    with pytest.raises(ValueError, match=r"X must be finite.* first in row 6\."):
        Chain(steps=[scaler, linear()])(X)


def test_the_row_of_a_code_that_overflows_is_named():
    X = np.ones((9, 3))
    X[4] = 1e100
    with pytest.raises(ValueError, match=r"float64 can hold.* first in row 4\."):
        linear(scales=[1e250, 1e250])(X)


def test_rows_are_counted_over_all_batches_of_an_index():
    from sklearn_xmodal import RetrievalIndex

    X, T, _ = draw(0)
    est = CCARetriever(2).fit(X, T)
    gallery = np.zeros((9000, T.shape[1]))
    gallery[8500] = np.nan
    with pytest.raises(ValueError, match="first in row 8500"):
        RetrievalIndex(est, text=gallery)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["a cat"], ValueError, "X must be a matrix, one row per item. Got a 1D"),
        ([["a cat", "b", "c"]], ValueError, "Got strings .*, such as 'a cat'"),
        ({"image": [[1, 2, 3]]}, TypeError, r"X must be a matrix. Got a dict .*image"),
        ([[1, 2, 3], [4]], ValueError, "X must have rows of equal length"),
        (np.zeros((2, 3, 3)), ValueError, r"Got a 3D array of shape \(2, 3, 3\)"),
        (np.zeros((2, 3), "M8[s]"), TypeError, "X must be an array of num.*datetime64"),
        (ImageTextPairs(np.eye(3), np.eye(3)), TypeError, "one side, pairs.image"),
        (None, ValueError, "X must be a matrix, one row per item. Got a 0D"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_named(X, error, message):
    with pytest.raises(error, match=message):
        linear()(X)


def test_a_column_of_strings_is_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0], "caption": ["a cat"], "c": [2]})
    with pytest.raises(
        ValueError, match="column 'caption' with values such as 'a cat'"
    ):
        linear()(frame)
    frame["caption"] = pd.array([None], dtype="Int64")
    with pytest.raises(ValueError, match=r"X must be finite.* row 0\."):
        linear()(frame)


def test_an_encoder_in_the_place_of_a_retriever_is_told_so():
    with pytest.raises(TypeError, match="Got LinearEncoder, which is an encoder: call"):
        encoder_of(linear(), "image")
    with pytest.raises(ValueError, match=r"modality must be .* Got 'ndarray'"):
        encoder_of(linear(), np.eye(2))
