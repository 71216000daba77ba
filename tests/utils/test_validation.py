import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.utils._validation import (
    check_finite,
    check_modality,
    check_width,
    count,
    per_modality,
)
from tests.conftest import SEEDS

X = np.arange(12.0).reshape(4, 3)


def _check(X, **options):
    options = {"dtype": [np.float64, np.float32], "estimator": CCARetriever()} | options
    return check_modality(X, "image", **options)


@pytest.mark.parametrize(
    ("n", "expected"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows")]
)
def test_count_knows_the_plural(n, expected):
    assert count(n, "row") == expected


class TestCheckModality:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_good_data_are_not_copied(self, dtype):
        data = X.astype(dtype)
        assert _check(data) is data
        matrix = sparse.csr_matrix(data)
        assert np.shares_memory(_check(matrix).data, matrix.data)

    @pytest.mark.parametrize(
        "data",
        [X.tolist(), X.astype(int), X.astype(object), pd.DataFrame(X)],
        ids=["list", "int", "object", "DataFrame"],
    )
    def test_other_data_are_converted_to_the_first_dtype(self, data):
        checked = _check(data)
        assert checked.dtype == np.float64
        assert_array_equal(checked, X)

    @pytest.mark.parametrize("to_format", [sparse.csc_matrix, sparse.coo_array])
    def test_sparse_data_become_csr(self, to_format):
        assert _check(to_format(X)).format == "csr"

    def test_a_vector_is_refused(self):
        with pytest.raises(ValueError, match=r"must be a matrix.* 1D array"):
            _check(X[0])

    def test_too_few_rows_are_refused(self):
        with pytest.raises(ValueError, match="minimum of 2 is required by CCARetrieve"):
            _check(X[:1], ensure_min_samples=2)

    @pytest.mark.parametrize("columns", [0, 3])
    def test_no_rows_or_columns_are_refused(self, columns):
        what = "feature" if columns == 0 else "sample"
        with pytest.raises(ValueError, match=rf"Found array with 0 {what}\(s\)"):
            _check(np.empty((4 if columns == 0 else 0, columns)))


class TestCheckFinite:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csr_array])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_first_bad_row_and_number_of_bad_values_are_named(self, seed, make, value):
        rng = np.random.default_rng(seed)
        data = rng.normal(size=(20, 5)) * (rng.random((20, 5)) < 0.5)
        bad = rng.choice(100, size=3, replace=False)
        data.flat[bad] = value
        word = "NaN" if np.isnan(value) else "infinity"
        message = f"The text .* contains {word}: 3 bad values, .* row {bad.min() // 5}"
        with pytest.raises(ValueError, match=message):
            check_finite(make(data), "the text features")

    def test_stored_zeros_do_not_shift_the_row(self):
        matrix = sparse.csr_matrix(X)
        matrix.data[:3] = 0.0
        matrix.data[-1] = np.nan
        with pytest.raises(ValueError, match="1 bad value, the first in row 3"):
            check_finite(matrix, "the text features")

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_sum_that_overflows_is_no_fault(self, dtype):
        largest = min(1e150, float(np.finfo(dtype).max))
        check_finite(np.full((3, 3), largest, dtype=dtype), "the image features")

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_every_layout_is_looked_at(self, seed, dtype):
        data = np.random.default_rng(seed).normal(size=(40, 6)).astype(dtype)
        views = data, np.asfortranarray(data), data[:, 1:4], data[::-2], data[:0]
        for view in views:
            check_finite(view, "the image features")
        data[7, 2] = np.nan
        for view in (data, np.asfortranarray(data), data[:, 1:4], data[::-1]):
            with pytest.raises(ValueError, match="1 bad value"):
                check_finite(view, "the image features")

    @pytest.mark.parametrize("value", [1e-151, 1e151, 1e300, 5e-324])
    def test_squares_must_fit_a_float(self, value):
        with pytest.raises(ValueError, match=re.escape(f"Got {value:g}.")):
            check_finite(np.array([[0.0, -value]]), "the image features")
        if value < 1:  # beside others it may be as small
            check_finite(np.array([[value, 1.0]]), "the image features")

    def test_opposite_infinities_are_found(self):
        with pytest.raises(ValueError, match="contains infinity: 2 bad values"):
            check_finite(np.array([[np.inf, -np.inf]]), "the image features")

    def test_sparse_data_without_values_are_finite(self):
        check_finite(sparse.csr_matrix((3, 4)), "the text features")


class TestCheckWidth:
    def test_the_width_of_fit_passes(self):
        check_width(X, "image", 3, 5, CCARetriever())

    def test_the_width_of_the_other_modality_gets_a_hint(self):
        message = "X has 3 features, but CCARetriever is expecting 5 .* the text modali"
        with pytest.raises(ValueError, match=f"{message}.*use transform_image"):
            check_width(X, "text", 5, 3, CCARetriever())

    def test_any_other_width_gets_none(self):
        with pytest.raises(ValueError, match=r"5 features .* the image modality\.$"):
            check_width(X, "image", 5, 6, CCARetriever())


class TestPerModality:
    @pytest.mark.parametrize("value", [1.0, "rbf", None, [1, 2], {"a": 1}])
    def test_one_value_is_for_both(self, value):
        image, text = per_modality(value, "alpha")
        assert image is value
        assert text is value

    def test_a_tuple_is_taken_apart(self):
        assert per_modality((1, 2), "alpha") == (1, 2)

    @pytest.mark.parametrize("value", [(), (1,), (1, 2, 3)])
    def test_a_tuple_of_another_length_is_refused(self, value):
        message = rf"alpha must be one value .* Got a tuple of length {len(value)}"
        with pytest.raises(ValueError, match=message):
            per_modality(value, "alpha")
