"""Tensors, columns of vectors and Arrow arrays stand where arrays do."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.encoders import LinearEncoder
from sklearn_xmodal.metrics import mean_average_precision_score, retrieval_score
from sklearn_xmodal.model_selection import (
    ClassDisjointKFold,
    class_disjoint_train_test_split,
)
from sklearn_xmodal.neighbors import RetrievalIndex
from sklearn_xmodal.utils._containers import as_matrix, as_plain


class _ArrowArray:
    """Arrow's interface to NumPy, for where the package is not there."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def index(self, value):
        return self.values.index(value)


_ArrowArray.__module__ = "pyarrow.lib"


def _vectors(x):
    column = np.empty(len(x), dtype=object)
    column[:] = list(x)
    return column


def _index(x):
    return pd.RangeIndex(1, len(x) + 1)


#: Of whole numbers, which bfloat16 holds.
MATRICES = {
    "grad": lambda x: torch.tensor(x, requires_grad=True),
    "result of a network": lambda x: torch.tensor(x, requires_grad=True) * 1,
    "bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "half with grad": lambda x: torch.tensor(x).half().requires_grad_(),
    "list of tensors": lambda x: list(torch.tensor(x, requires_grad=True)),
    "parameter": lambda x: torch.nn.Parameter(torch.tensor(x)),
    "strided": lambda x: torch.tensor(x).T.contiguous().T,
    "series of arrays": lambda x: pd.Series(list(x), _index(x)),
    "series of lists": lambda x: pd.Series(x.tolist(), _index(x)),
    "series of tensors": lambda x: pd.Series(list(torch.tensor(x)), _index(x)),
    "column of a table": lambda x: pd.DataFrame({"vector": list(x)}, _index(x)),
    "array of arrays": _vectors,
    "arrow": lambda x: _ArrowArray(_vectors(x)),
}


@pytest.fixture
def whole(pair):
    """Whole numbers from -8 to 8."""
    X_img, X_txt, y = pair
    return *(np.clip(np.rint(2 * X), -8, 8) for X in (X_img, X_txt)), y


@pytest.mark.parametrize("change", MATRICES.values(), ids=MATRICES)
def test_wherever_features_are_taken(whole, change):
    X_img, X_txt, y = whole
    plain = CCARetriever(3).fit(X_img, X_txt, y)
    image, text = change(X_img), change(X_txt)
    cca = CCARetriever(3).fit(image, text, y)
    expected = plain.transform_image(X_img)
    assert_allclose(cca.transform_image(X_img), expected, rtol=1e-4, atol=1e-4)
    assert_allclose(plain.transform_image(image), expected, rtol=1e-4, atol=1e-4)
    assert plain.score(image, text, y) == pytest.approx(plain.score(X_img, X_txt, y))
    pairs = ImageTextPairs(image, text)
    assert pairs.shape == (60, 13)
    assert_array_equal(np.asarray(pairs[:5].image), X_img[:5])
    assert ModalityTransformer().fit_transform(pairs).shape == (60, 13)
    expected = retrieval_score(X_img[:, :6], X_txt, y, y)
    got = retrieval_score(change(X_img[:, :6]), text, y, y)
    assert got == pytest.approx(expected, abs=1e-4)
    relevant = mean_average_precision_score(np.eye(60), X_img @ X_img.T)
    got = mean_average_precision_score(np.eye(60), change(X_img @ X_img.T / 2))
    assert got == pytest.approx(relevant, abs=0.1)  # bfloat16 rounds
    assert len(RetrievalIndex(vectors=image)) == 60
    encoder = LinearEncoder(mean=np.zeros(7), weights=np.eye(7), scales=None)
    assert_array_equal(encoder(image), X_img)
    train, test, *_ = class_disjoint_train_test_split(image, y=y, random_state=0)
    assert len(train) + len(test) == 60


@pytest.mark.parametrize(
    "change",
    [
        torch.tensor,
        lambda y: list(torch.tensor(y)),
        lambda y: torch.tensor(y, dtype=torch.bfloat16),
        lambda y: torch.tensor(y, dtype=float, requires_grad=True),
        lambda y: _ArrowArray(y.tolist()),
    ],
    ids=["tensor", "list of tensors", "bfloat16", "grad", "arrow"],
)
def test_wherever_labels_and_weights_are_taken(whole, change):
    X_img, X_txt, y = whole
    plain = CCARetriever(3).fit(X_img, X_txt, y, sample_weight=y + 1)
    cca = CCARetriever(3).fit(X_img, X_txt, change(y), sample_weight=change(y + 1))
    assert_allclose(cca.transform_text(X_txt), plain.transform_text(X_txt))
    assert cca.classes_.tolist() == [0, 1, 2]
    assert cca.score(X_img, X_txt, change(y)) == plain.score(X_img, X_txt, y)
    args = X_img[:, :6], X_txt
    assert retrieval_score(*args, change(y), y) == retrieval_score(*args, y, y)
    for got, expected in zip(
        ClassDisjointKFold(3).split(X_img, change(y)),
        ClassDisjointKFold(3).split(X_img, y),
        strict=True,
    ):
        assert_array_equal(got[1], expected[1])


def test_the_index_of_a_column_of_vectors_stays(whole):
    X_img, X_txt, _ = whole
    image = pd.Series(list(X_img), range(60))
    with pytest.raises(ValueError, match="row 0 is 0 in X_img and 59 in X_txt"):
        CCARetriever(3).fit(image, pd.DataFrame(X_txt, range(59, -1, -1)))


def test_columns_that_make_no_matrix_are_refused_with_the_row(whole):
    X_img, X_txt, _ = whole
    ragged = pd.Series([*X_img[:-1], X_img[-1, :3]])
    with pytest.raises(ValueError, match="different lengths: 7 and 3 in row 59"):
        CCARetriever(3).fit(ragged, X_txt)
    with pytest.raises(ValueError, match="something else in it: None in row 59"):
        CCARetriever(3).fit(pd.Series([*X_img[:-1], None]), X_txt)
    # Tokens and pictures of all sizes are for a transformer.
    tokens = pd.Series([["a"]] * 60)
    assert ImageTextPairs(X_img, tokens).text is tokens
    assert ImageTextPairs(ragged, X_txt).image is ragged


@pytest.mark.parametrize(
    ("tensor", "kind"),
    [
        (torch.eye(60).to_sparse(), "of layout torch.sparse_coo"),
        (torch.empty(60, 7, device="meta"), "on the device meta"),
    ],
    ids=["sparse", "meta"],
)
def test_tensors_without_plain_values_name_the_argument(whole, tensor, kind):
    with pytest.raises(TypeError, match=f"Got a tensor {kind}.* Use X.to_dense"):
        CCARetriever(3).fit(tensor, whole[1])


def test_a_table_of_arrow_becomes_one_of_pandas():
    class Table:
        schema = "columns"

        def to_pandas(self):
            return pd.DataFrame({"a": [1.0, 2.0]})

    Table.__module__ = "pyarrow.lib"
    assert as_plain(Table()).columns.tolist() == ["a"]


def test_arrays_and_lists_are_left_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    x, rows = np.eye(2), [[1, 2], [3, 4]]
    assert as_matrix(x) is x
    assert as_matrix(rows) is rows
