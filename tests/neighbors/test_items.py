"""Ids, labels and payload of other libraries: found by what they mean, or refused."""

import datetime as dt

import numpy as np
import pytest

from sklearn_xmodal import RetrievalIndex
from tests.conftest import thorough_but

DAYS = [dt.date(2020, 1, day) for day in (1, 2, 3)]
TIMES = [dt.datetime(2020, 1, day) for day in (1, 2, 3)]


class ArrowScalar:
    """As those of pyarrow, which equal no object of Python."""

    def __init__(self, value):
        self.value = value

    def as_py(self):
        return self.value


def _torch(values):
    return pytest.importorskip("torch").tensor(values)


def _arrow(values):
    return pytest.importorskip("pyarrow").array(values)


def _pandas(values):
    return pytest.importorskip("pandas").Series(values)


#: Ways to say 10 and 20.
NUMBERS = {
    "list": list,
    "int8": lambda values: np.array(values, np.int8),
    "float": lambda values: np.array(values, float),
    "0-d arrays": lambda values: [np.array(value) for value in values],
    "torch": _torch,
    "torch floats": lambda values: _torch([float(value) for value in values]),
    "torch scalars": lambda values: list(_torch(values)),
    "pyarrow": _arrow,
    "like pyarrow": lambda values: [ArrowScalar(value) for value in values],
    "pandas": _pandas,
    "pandas nullable": lambda values: _pandas(values).astype("Int64"),
}
#: Ways to say the days above.
MOMENTS = {
    "date": lambda: DAYS,
    "datetime": lambda: TIMES,
    **{
        f"datetime64[{unit}]": lambda unit=unit: np.array(TIMES, f"M8[{unit}]")
        for unit in ("D", "s", "us", "ns")
    },
    "pandas": lambda: _pandas(TIMES),
    "Timestamp": lambda: _pandas(TIMES).tolist(),
}


@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
class TestNumbers:
    def test_find_the_ids_that_they_equal(self, make):
        asked = make([10, 20])
        index = RetrievalIndex(vectors=np.eye(3), ids=[10, 20, 30], payload=[*"abc"])
        assert index.search(vectors=np.eye(3), exclude=asked).ids.tolist() == [[30]] * 3
        assert index.get_payload(list(asked)).tolist() == ["a", "b"]
        assert next(iter(asked)) in index
        index.remove(asked)
        assert index.ids.tolist() == [30]

    def test_are_found_as_ids_and_labels(self, make):
        index = RetrievalIndex(
            vectors=np.eye(2), ids=make([10, 20]), labels=make([10, 20])
        )
        assert (10 in index, 20 in index) == (True, True)
        assert index.search(vectors=np.eye(2), labels=[20]).ids.tolist() == [[20]] * 2
        assert all(type(i) in (int, float) for i in index.ids.tolist())
        other = RetrievalIndex(vectors=np.eye(2), labels=[10, 20])
        found = other.search(vectors=np.eye(2), labels=make([20, 30])).ids
        assert found.tolist() == [[1], [1]]

    def test_that_are_equal_are_no_ids(self, make):
        with pytest.raises(ValueError, match=r"must be distinct. Got 10"):
            RetrievalIndex(vectors=np.eye(2), ids=make([10, 10]))
        index = RetrievalIndex(vectors=np.eye(2), ids=[10, 20])
        with pytest.raises(ValueError, match=r"known id, the first is 20"):
            index.add(vectors=np.eye(2), ids=make([20, 30]))


def test_tuples_are_compared_by_what_is_in_them():
    key = (ArrowScalar(1), np.array(2), ("a", *_torch([3])))
    index = RetrievalIndex(vectors=np.eye(2), ids=[key, (1, 5)])
    assert index.ids.tolist() == [(1, 2, ("a", 3)), (1, 5)]
    assert key in index


@pytest.mark.parametrize("asked", thorough_but(["date", "pandas"], MOMENTS))
@pytest.mark.parametrize("make", thorough_but(["date", "datetime64[ns]"], MOMENTS))
def test_dates_and_times_are_compared_by_their_moment(make, asked):
    make, asked = MOMENTS[make], list(MOMENTS[asked]())
    index = RetrievalIndex(vectors=np.eye(3), ids=make(), labels=make())
    assert [moment in index for moment in asked] == [True] * 3
    found = index.search(vectors=np.eye(3), exclude=asked[:1], labels=asked[:2])
    assert found.ids.tolist() == [[list(make())[1]]] * 3
    with pytest.raises(ValueError, match=r"already\. Got 1 known id"):
        index.add(vectors=np.eye(1, 3), ids=asked[1:2], labels=asked[:1])
    index.remove(asked[:2])
    assert index.ids.tolist() == [list(make())[2]]


def test_moments_that_differ_are_kept_apart():
    pd = pytest.importorskip("pandas")
    moments = [
        np.datetime64("2020-01-01"),
        np.datetime64("2020-01-01T00:00:00.000000001"),
        pd.Timestamp("2020-01-01", tz="UTC"),
        pd.Timestamp("2020-01-01", tz="Asia/Tokyo"),
        np.timedelta64(5, "ns"),
        np.timedelta64(5, "us"),
        np.timedelta64(1, "M"),
        dt.time(1),
        5,
        "2020-01-01",
    ]
    index = RetrievalIndex(vectors=np.eye(10), ids=moments)
    asked = [
        dt.datetime(2020, 1, 1),
        pd.Timestamp("2020-01-01T00:00:00.000000001"),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2019, 12, 31, 15, tzinfo=dt.UTC),
        pd.Timedelta(5, "ns"),
        dt.timedelta(microseconds=5),
        np.timedelta64(1, "M"),
    ]
    for i, moment in enumerate(asked):
        found = index.search(vectors=np.eye(10), k=10, exclude=[moment]).ids[0]
        assert len(found) == 9
        assert not any(moments[i] is id_ for id_ in found)


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (lambda: _torch([[1, 2], [3, 4]]), TypeError, "ids must be hashable"),
        (lambda: _torch(5), TypeError, "put a single one into a list"),
        (lambda: np.array(5), TypeError, "put a single one into a list"),
        (lambda: np.array(["2020", "NaT"], "M8[D]"), ValueError, "must not be NaN"),
        (lambda: _pandas([1, None]).astype("Int64"), ValueError, "must not be NaN"),
        (lambda: _torch([1.0, np.nan]), ValueError, "must not be NaN"),
        (
            lambda: np.ma.masked_equal([1, 2], 2),
            ValueError,
            "masked array with 1 value missing",
        ),
    ],
    ids=["rows", "tensor", "array", "NaT", "NA", "NaN", "masked"],
)
def test_ids_that_are_none_are_refused(ids, error, message):
    with pytest.raises(error, match=message):
        RetrievalIndex(vectors=np.eye(2), ids=ids())
    with pytest.raises(error, match=message.replace("ids", "exclude")):
        RetrievalIndex(vectors=np.eye(2)).search(vectors=np.eye(2), exclude=ids())


class TestPayload:
    @pytest.mark.parametrize(
        ("payload", "expected"),
        [
            (np.array([1.5, 2.5], np.float32), [1.5, 2.5]),
            (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
            (np.array(["a", "b"]), ["a", "b"]),
            ([np.array([True, False]), np.array(3)], [[True, False], 3]),
            (
                [{np.str_("box"): np.arange(2)}, (np.int8(1), [np.bool_(True)])],
                [{"box": [0, 1]}, (1, [True])],
            ),
            (np.array([None, {"a": np.float16(1)}]), [None, {"a": 1.0}]),
            ([ArrowScalar("x"), ArrowScalar([1])], ["x", [1]]),
        ],
    )
    @pytest.mark.parametrize("way", ["build", "add"])
    def test_of_numpy_becomes_pythons_and_is_saved(
        self, payload, expected, way, tmp_path
    ):
        index = RetrievalIndex(vectors=np.eye(2), payload=payload)
        if way == "add":
            index = RetrievalIndex(vectors=np.eye(2), payload=[0, 0], ids=["a", "b"])
            index.add(vectors=np.eye(2), payload=payload, ids=[0, 1])
        index.save(tmp_path / "index.xmodal")
        loaded = RetrievalIndex.load(tmp_path / "index.xmodal", mmap_mode=None)
        for got in (index, loaded):
            found = got.get_payload([0, 1]).tolist()
            assert found == expected
            assert repr(found) == repr(expected)  # types too

    @pytest.mark.parametrize(
        "value",
        [
            object(),
            b"x",
            {1: 2},
            {"a": [frozenset()]},
            1j,
            np.longdouble(1),
            np.datetime64("2020"),
            dt.date(2020, 1, 1),
            np.array([1j]),
            np.array(["2020"], "M8[D]"),
            np.ma.masked_equal([1, 2], 2),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_that_no_file_holds_is_refused_when_it_comes(self, value):
        index = RetrievalIndex(vectors=np.eye(2), payload=["a", "b"])
        for come in (
            lambda: RetrievalIndex(vectors=np.eye(1), payload=[value]),
            lambda: index.add(vectors=np.eye(1, 2), payload=[value]),
        ):
            with pytest.raises(TypeError, match="must be what files can hold"):
                come()
        assert len(index) == 2

    def test_that_holds_itself_is_refused(self):
        payload = [[]]
        payload[0].append(payload)
        with pytest.raises(ValueError, match="nested without end"):
            RetrievalIndex(vectors=np.eye(1), payload=payload)

    def test_is_the_indexs_own(self):
        mine = {"a": [1]}
        index = RetrievalIndex(vectors=np.eye(1), payload=[mine])
        mine["a"].append(object())
        assert index.get_payload([0]).tolist() == [{"a": [1]}]

    def test_that_was_changed_after_it_was_handed_out_is_not_saved(self, tmp_path):
        index = RetrievalIndex(vectors=np.eye(1), payload=[{"a": 1}])
        index.get_payload([0])[0]["a"] = object()
        with pytest.raises(TypeError, match="must be what files can hold"):
            index.save(tmp_path / "index.xmodal")
        assert list(tmp_path.iterdir()) == []
