"""Values of every kind come back bit by bit; others are refused by name."""

import io
import itertools
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from sklearn_xmodal.persistence._codec import Decoder, Encoder
from sklearn_xmodal.persistence._container import write
from sklearn_xmodal.persistence._files import KINDS
from tests.persistence.compare import assert_same

FAST = settings(max_examples=60)
NUMBERS = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    PLAIN | hnp.arrays(np.float64, SHAPES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


def there_and_back(value):
    encoder = Encoder(KINDS)
    node = json.loads(json.dumps(encoder.encode(value, "v"), allow_nan=False))
    write(io.BytesIO(), {"object": node}, encoder.tensors)  # files know all tensors
    decoder = Decoder(KINDS, {k: a.copy() for k, a in encoder.tensors.items()})
    found = decoder.decode(node)
    decoder.finish()
    return found


@FAST
@given(VALUES)
def test_nested_values_survive(value):
    assert_same(value, there_and_back(value))


def test_paths_survive():
    found = there_and_back({"checkpoint_dir": Path("runs") / "first"})
    assert found == {"checkpoint_dir": Path("runs", "first")}


@FAST
@given(NUMBERS.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
def test_arrays_of_every_type_survive(array):
    assert_same(array, there_and_back(array))


@FAST
@given(
    hnp.unicode_string_dtypes(endianness="?", max_len=6).flatmap(
        lambda dtype: hnp.arrays(dtype, SHAPES)
    )
)
def test_arrays_of_characters_survive(array):
    assert_same(array, there_and_back(array))


@FAST
@given(hnp.arrays(object, SHAPES, elements=st.text()))
def test_object_arrays_of_strings_survive(array):
    assert_same(array, there_and_back(array))


@FAST
@given(hnp.arrays(object, SHAPES, elements=PLAIN))
def test_object_arrays_of_anything_survive(array):
    assert_same(array, there_and_back(array))


@FAST
@given(hnp.scalar_dtypes().filter(lambda t: t.kind in "biuf" and t.itemsize <= 8))
def test_scalars_of_numpy_survive(dtype):
    for value in (np.array(0, dtype)[()], np.array(1, dtype)[()]):
        assert_same(value, there_and_back(value))


@pytest.mark.parametrize(
    "bits", ["0x7ff8000000000001", "0xfff8000000000000", "0x7ff0000000000000"]
)
def test_bits_of_what_is_no_number_survive(bits):
    (value,) = struct.unpack("<d", int(bits, 16).to_bytes(8, "little"))
    found = there_and_back([value, np.float64(value)])
    for one in found:
        assert struct.pack("<d", one) == struct.pack("<d", value)


def test_signed_zero_and_smallest_numbers_survive():
    values = [-0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e22, 2**80, -(2**70)]
    assert_same(values, there_and_back(values))
    assert math.copysign(1, there_and_back(-0.0)) == -1


def test_order_of_memory_survives():
    base = np.arange(24.0).reshape(4, 6)
    for array in (np.asfortranarray(base), base.T, base[:, :2], base[::2, ::-1]):
        assert_same(array, there_and_back(array))
    base = np.arange(24.0).reshape(2, 3, 4)
    for axes in itertools.permutations(range(3)):
        found = there_and_back(base.transpose(axes))
        assert_same(base.transpose(axes), found)
        assert found.strides == base.transpose(axes).strides


def test_strings_of_numpy_survive():
    for value in (np.str_("ä"), np.str_(""), np.array(["", "ab"]), np.array([b"a"])):
        assert_same(value, there_and_back(value))
    assert_same(np.zeros(3, "<U0"), there_and_back(np.zeros(3, "<U0")))


def test_lone_surrogates_survive():
    array = np.array(["\ud800", "b"], dtype=object)
    assert_same(array, there_and_back(array))
    assert there_and_back("\ud800") == "\ud800"


@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix", "csc_array"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, bool])
def test_sparse_matrices_survive(form, dtype):
    dense = np.random.default_rng(0).random((5, 7)) < 0.3
    matrix = getattr(sparse, form)(dense.astype(dtype))
    assert_same(matrix, there_and_back(matrix))
    empty = getattr(sparse, form)((3, 0), dtype=dtype)
    assert_same(empty, there_and_back(empty))


@pytest.mark.parametrize("n_draws", [0, 1, 700])
def test_random_states_go_on_where_they_were(n_draws):
    rng = np.random.RandomState(4)
    rng.normal(size=n_draws)
    found = there_and_back(rng)
    np.testing.assert_array_equal(found.normal(size=900), rng.normal(size=900))


def test_dataframes_of_class_embeddings_survive():
    pd = pytest.importorskip("pandas")
    values = np.random.default_rng(0).normal(size=(3, 2))
    for frame in (
        pd.DataFrame(values, index=["a", "b", "c"]),
        pd.DataFrame(values, index=pd.Index([3, 1, 2], name="class")),
        pd.DataFrame(values, index=pd.Index(["a", 1, None], dtype=object)),
        pd.DataFrame({"x": [1, 2], "y": [True, False], "z": np.float32([1, 2])}),
        pd.DataFrame(values, columns=["same", "same"]),
    ):
        assert_same(frame, there_and_back(frame))


def test_shared_arrays_stay_one_array():
    array = np.arange(3.0)
    found = there_and_back({"a": array, "b": (array, [array])})
    assert found["a"] is found["b"][0] is found["b"][1][0]


class _Stranger:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_Stranger(), r"Got v = tests.*_Stranger"),
        (math.sqrt, r"Got the function 'sqrt' as v\. Functions are code"),
        (lambda x: x, r"Got the function '<lambda>' as v"),
        ({"a": [1, {2}]}, r"Got v\['a'\]\[1\] = builtins\.set"),
        (np.array([1j]), r"v must be of integers.*Got dtype complex128"),
        (np.zeros(2, "M8[s]"), r"v must be of integers.*Got dtype datetime64"),
        (np.zeros(2, "f8,i4"), r"v must be of integers"),
        (np.longdouble(1), r"v must be of integers.*Got dtype (float128|longdouble)"),
        (np.ma.array([1]), r"Got v = numpy\.ma.*MaskedArray"),
        (np.array([_Stranger()], dtype=object), r"Got v\[0\] = tests"),
        (
            np.random.RandomState(np.random.PCG64(0)),
            r"v must be an int, None or a RandomState of the default .* PCG64",
        ),
        (np.random.default_rng(0), r"Got v = numpy\.random.*Generator"),
        (sparse.coo_matrix([[1]]), r"Got v = scipy\.sparse.*coo_matrix"),
        (dict, r"Got the function 'dict' as v"),
    ],
)
def test_what_files_cannot_hold_is_refused_by_name(value, message):
    with pytest.raises(TypeError, match=message):
        there_and_back(value)


def test_dataframes_that_files_cannot_hold_are_refused_by_name():
    pd = pytest.importorskip("pandas")
    words = pd.DataFrame({"a": ["x", "y"]})
    with pytest.raises(TypeError, match="v must be a DataFrame of numbers"):
        there_and_back(words)
    levels = pd.DataFrame([[1.0]], index=pd.MultiIndex.from_tuples([("a", 1)]))
    with pytest.raises(TypeError, match=r"v\.index must have one level"):
        there_and_back(levels)
