"""What no table foresees: odd shapes, values and types in combination."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_xmodal import CCARetriever, PLSRetriever, metrics
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    ClassDisjointShuffleSplit,
    GeneralizedShuffleSplit,
)
from tests.conftest import JOINT_RETRIEVERS, NETWORKS, RETRIEVERS, thorough_but
from tests.equal_widths import PADDED
from tests.metrics import textbook
from tests.robustness.case import fingerprint

often = settings(max_examples=60)
seldom = settings(often, max_examples=20)

#: Of every size, and what is none.
VALUES = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-10, 10, width=32),
    st.sampled_from([0.0, -0.0, 1e-160, 1e-149, 1e-30, 1e30, 1e140, 1e160, 1e300,
                     5e-324, 1 / 3, 1 + 1e-12, np.nan, np.inf, -np.inf]),
)  # fmt: skip
TAME = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10, width=16))
LABELS = st.one_of(
    st.integers(0, 3), st.sampled_from(["a", "b", ""]), st.none(), st.just(np.nan)
)
NAMED = re.compile(
    r"image|text|\by\b|[Ll]abel|n_components|class|validation|cv|n_splits"
)


@st.composite
def matrices(draw, n, values):
    """Features with repeated rows and columns, in some container."""
    p = draw(st.integers(1, 4))
    X = draw(npst.arrays(np.float64, (n, p), elements=values))
    if draw(st.booleans()):
        X = X[draw(npst.arrays(np.intp, n, elements=st.integers(0, max(n - 1, 0))))]
    container = draw(st.sampled_from(["C", "F", "strided", "csr", "float32", "list"]))
    if container == "F":
        return np.asfortranarray(X)
    if container == "strided":
        return np.repeat(X, 2, axis=1)[:, ::2]
    if container == "csr":
        return sparse.csr_array(X)
    if container == "float32":
        with np.errstate(over="ignore", under="ignore"):
            return X.astype(np.float32)
    return X.tolist() if container == "list" and n else X


@st.composite
def pairs(draw, values=VALUES):
    n = draw(st.integers(0, 9))
    values = draw(st.sampled_from([values, TAME]))
    labels = draw(st.sampled_from([LABELS, st.integers(0, 2)]))
    y = draw(st.one_of(st.none(), st.lists(labels, min_size=n, max_size=n)))
    return draw(matrices(n, values)), draw(matrices(n, values)), y


def _plain(X):
    return np.array(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)


def _assert_named(error):
    assert not isinstance(error, np.linalg.LinAlgError)
    assert NAMED.search(str(error)), error


def _check_fit(retriever, X_img, X_txt, y):
    """Fit and encode: finite codes of the right shape, or an error with a name."""
    before = fingerprint([X_img, X_txt, y])
    try:
        retriever.fit(X_img, X_txt, y)
        codes = retriever.transform(X_img, X_txt)
    except (ValueError, TypeError) as error:
        _assert_named(error)
        codes = None
    assert fingerprint([X_img, X_txt, y]) == before
    if codes is None:
        return
    for Z, X in zip(codes, (X_img, X_txt), strict=True):
        assert Z.shape == (_plain(X).shape[0], retriever.n_components_)
        assert np.isfinite(Z).all()


@pytest.mark.parametrize("name", [n for n in RETRIEVERS if n not in NETWORKS])
@often
@given(data=pairs())
def test_wild_pairs_give_finite_codes_or_a_named_error(name, data):
    takes_components = "n_components" in RETRIEVERS[name]().get_params()
    params = {"n_components": 1} if takes_components else {}
    if name == "CCARetrieverCV":
        params["cv"] = 2
    _check_fit(RETRIEVERS[name](**params), *data)


@pytest.mark.parametrize("name", thorough_but(["AdapterRetriever"], JOINT_RETRIEVERS))
@seldom
@given(data=pairs())
def test_wild_pairs_of_a_joint_space_give_finite_codes_or_a_named_error(name, data):
    _check_fit(PADDED[name](**{"cv": 2} if name.endswith("CV") else {}), *data)


@pytest.mark.parametrize("name", NETWORKS)
@seldom
@given(data=pairs())
def test_wild_pairs_give_a_network_finite_codes_or_a_named_error(name, data):
    _check_fit(RETRIEVERS[name](n_components=1, max_epochs=1, n_estimators=1), *data)


@pytest.mark.parametrize("cls", [CCARetriever, PLSRetriever])
@often
@given(data=pairs(TAME), exponent=st.integers(-300, 300))
def test_linear_codes_follow_their_input(cls, data, exponent):
    X_img, X_txt, _ = data
    try:
        fitted = cls(1).fit(X_img, X_txt)
    except ValueError:
        return
    X, nothing = _plain(X_img), np.zeros((1, _plain(X_img).shape[1]))
    scale = 2.0**exponent
    try:
        scaled = fitted.transform_image(scale * X)
    except ValueError as error:
        _assert_named(error)
        return
    offset = fitted.transform_image(nothing)
    expected = scale * (fitted.transform_image(X) - offset) + offset
    assert_allclose(scaled, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@often
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    data=st.data(),
)
def test_average_precision_is_that_of_the_textbook(shape, data):
    scores = VALUES.filter(np.isfinite)
    y_score = data.draw(npst.arrays(np.float64, shape, elements=scores))
    y_true = data.draw(npst.arrays(np.bool_, shape))
    y_true[:, 0] = True
    got = metrics.mean_average_precision_score(y_true, y_score, average=False)
    expected = [
        textbook.expected(textbook.average_precision, *row)
        for row in zip(y_true, y_score, strict=True)
    ]
    assert_allclose(got, expected, rtol=1e-12)


@often
@given(data=st.data(), n=st.integers(1, 5), width=st.integers(1, 3))
def test_scores_of_codes_are_those_of_their_cosines(data, n, width):
    codes = npst.arrays(np.float64, (n, width), elements=TAME)
    query, gallery = data.draw(codes), data.draw(codes)
    y = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    lengths = data.draw(
        npst.arrays(np.float64, (n, 1), elements=st.floats(1e-150, 1e150))
    )
    cosines = cosine_similarity(query, gallery)
    gaps = np.diff(np.unique(cosines))
    assume((gaps > 1e-9).all())  # rounding decides over smaller ones
    relevance = metrics.relevance_from_labels(y, y)
    expected = metrics.mean_average_precision_score(relevance, cosines)
    assert_allclose(metrics.retrieval_score(query, gallery, y, y), expected)
    assert_allclose(metrics.retrieval_score(query * lengths, gallery, y, y), expected)


@pytest.mark.parametrize(
    "splitter",
    [
        ClassDisjointKFold(2),
        ClassDisjointShuffleSplit(2, random_state=0),
        GeneralizedShuffleSplit(2, random_state=0),
    ],
    ids=lambda splitter: type(splitter).__name__,
)
@often
@given(y=st.lists(LABELS, max_size=12))
def test_splits_divide_the_rows_or_name_what_is_wrong(splitter, y):
    try:
        splits = list(splitter.split(y, y))
    except ValueError as error:
        _assert_named(error)
        return
    assert len(splits) == 2
    labelled = [i for i, label in enumerate(y) if label is not None and label == label]
    for train, test in splits:
        assert sorted([*train, *test]) == labelled
        unseen = {y[i] for i in test} - {y[i] for i in train}
        assert unseen
        if not isinstance(splitter, GeneralizedShuffleSplit):
            assert not {y[i] for i in test} & {y[i] for i in train}
