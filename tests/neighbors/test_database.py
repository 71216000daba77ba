"""An index in a database: what it finds, and what stays when its program is killed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import sklearn_xmodal
from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.neighbors import Condition, DatabaseIndex, LanceDBStore
from tests.neighbors.oracles import all_scores, make_codes, top_k

N, N_TEXTS = 600, 200


class DictStore:
    """The least that a store can be: rows in a dict."""

    def __init__(self):
        self.n_components, self.rows = None, {}

    def upsert(self, rows):
        self.n_components = rows["vector"].shape[1]
        for i, id_ in enumerate(rows["id"]):
            self.rows[id_] = {name: values[i] for name, values in rows.items()}

    def delete(self, ids):
        for id_ in ids:
            del self.rows[id_]

    def search(self, vectors, k, condition, *, exact):
        found = [row for row in self.rows.values() if self._meets(row, condition)]
        all_vectors = np.array([row["vector"] for row in found])
        order = np.argsort(-vectors @ all_vectors.T, axis=1)[:, :k]
        return [([found[j]["id"] for j in best], all_vectors[best]) for best in order]

    def get(self, ids, columns):
        own = ("id", "vector", "modality", "label")
        return {
            i: {
                k: v
                for k, v in self.rows[i].items()
                if (k not in own if columns is None else k in columns)
            }
            for i in ids
            if i in self.rows
        }

    def count(self, condition):
        return sum(self._meets(row, condition) for row in self.rows.values())

    def _meets(self, row, condition):
        return (
            all(row[name] in values for name, values in condition.values.items())
            and row["id"] not in condition.exclude
            and (condition.where is None or condition.where(row))
        )


@pytest.fixture(scope="module")
def codes():
    """Queries and a gallery, in the middle of which many are the same."""
    query, gallery = make_codes(0, 9, N, 12)
    gallery[100:150] = gallery[100]
    query[0] = gallery[100]
    return query, gallery


def _fill(index, gallery):
    n = N - N_TEXTS
    for name, start, stop in (("image", 0, n), ("text", n, N)):
        numbers = np.arange(start, stop)
        index.upsert(
            vectors={name: gallery[start:stop]},
            ids=numbers,
            labels=numbers % 3,
            payload={"price": numbers / 2, "name": [f"it's {i}" for i in numbers]},
        )
    return index


@pytest.fixture(scope="module")
def folder(codes, tmp_path_factory):
    pytest.importorskip("lancedb")
    folder = tmp_path_factory.mktemp("lance")
    _fill(DatabaseIndex(store=LanceDBStore(folder)), codes[1])
    return folder


@pytest.fixture(params=["dict", "lancedb"])
def index(request, codes):
    """Return an index that is only read."""
    if request.param == "dict":
        return _fill(DatabaseIndex(store=DictStore()), codes[1])
    return DatabaseIndex(store=LanceDBStore(request.getfixturevalue("folder")))


@pytest.fixture
def new_index(tmp_path):
    pytest.importorskip("lancedb")
    return DatabaseIndex(store=LanceDBStore(tmp_path))


def test_finds_what_the_definition_says_in_the_order_of_ids(index, codes):
    query, gallery = codes
    for k in (1, 10, 60):  # among 50 that are the same, and beyond them
        scores, ids = index.search(vectors=query, k=k)
        expected_scores, expected = top_k(all_scores(query, gallery), k)
        assert_array_equal(ids, expected)
        assert ids.dtype == np.int64
        assert_array_equal(scores, np.clip(expected_scores, -1, 1))


def test_filters_are_those_of_an_index_in_memory(index, codes):
    query, gallery = codes
    n, numbers = N - N_TEXTS, np.arange(N)
    memory = RetrievalIndex(
        vectors={"image": gallery[:n], "text": gallery[n:]},
        labels={"image": numbers[:n] % 3, "text": numbers[n:] % 3},
    )
    for filters in (
        {"modality": "text"},
        {"labels": {1}, "exclude": [1, 4, "of another type"]},
        {"modality": "image", "labels": [0, 2], "exclude": range(90)},
    ):
        found = index.search(vectors=query, k=7, **filters)
        expected = memory.search(vectors=query, k=7, **filters)
        assert_array_equal(found.ids, expected.ids)
        assert_array_equal(found.scores, expected.scores)


def test_where_is_applied_before_the_search(index, codes):
    query, gallery = codes
    where = "price < 3 AND name <> 'it''s 2'"
    if isinstance(index.store, DictStore):

        def where(row):
            return row["price"] < 3 and row["name"] != "it's 2"

    found = index.search(vectors=query, k=10, where=where)
    few = np.array([0, 1, 3, 4, 5])  # all that meet it come back
    expected = few[top_k(all_scores(query, gallery[few]), 5)[1]]
    assert_array_equal(found.ids, expected)
    with pytest.raises(ValueError, match="Got none of 600 items"):
        index.search(vectors=query, where=where, exclude=few)


def test_payload_comes_back(index):
    ids = np.array([[3, 599], [0, 3]])
    payload = index.get_payload(ids)
    assert payload.shape == (2, 2)
    assert payload[0, 1] == {"price": 299.5, "name": "it's 599"}
    assert payload[0, 0] == payload[1, 1] == {"price": 1.5, "name": "it's 3"}
    assert 3 in index
    assert "3" not in index
    with pytest.raises(KeyError, match="1 unknown id, the first is 600"):
        index.get_payload([0, 600])


def test_later_items_replace_those_of_their_id(new_index, codes):
    gallery = codes[1]
    new_index.upsert(vectors=gallery[:4], ids=list("abcd"), labels=list("xxyy"))
    new_index.upsert(vectors=gallery[[4, 3]], ids=["e", "b"], labels=["x", "y"])
    assert len(new_index) == 5
    found = new_index.search(vectors=gallery[3:4], k=2, labels=["y"])
    assert_array_equal(found.ids, [["b", "d"]])  # the same vector
    new_index.remove(["b"])
    with pytest.raises(KeyError, match="unknown id, the first is 'b'"):
        new_index.remove(["a", "b"])
    assert len(new_index) == 4
    assert "a" in new_index


def test_what_is_written_is_seen_by_other_programs_at_once(new_index, codes, tmp_path):
    reader = DatabaseIndex(store=LanceDBStore(tmp_path))
    assert len(reader) == 0
    for n in (1, 2, 3):
        new_index.upsert(vectors=codes[1][:n], ids=range(n))
        assert len(reader) == n
        assert_array_equal(reader.search(vectors=codes[1][n - 1 : n], k=1).ids, n - 1)


def test_either_modality_is_encoded(tmp_path):
    pytest.importorskip("lancedb")
    rng = np.random.default_rng(0)
    X_img, X_txt = rng.normal(size=(60, 6)), rng.normal(size=(60, 5))
    X_txt[:, :4] += X_img[:, :4]
    retriever = CCARetriever(3).fit(X_img, X_txt)
    index = DatabaseIndex(retriever, store=LanceDBStore(tmp_path))
    index.upsert(image=X_img, ids=range(60))
    index.upsert(text=X_txt, ids=range(60, 120))
    memory = RetrievalIndex(retriever, image=X_img, text=X_txt)
    both = {"image": X_img[:5], "text": X_txt[:5], "weights": (1, 2)}
    for query in ({"image": X_img[:5]}, {"text": X_txt[:5]}, both):
        for a, b in zip(index.search(**query), memory.search(**query), strict=True):
            assert_array_equal(a, b)
    assert repr(index) == "DatabaseIndex(120 items, 3 columns, store=LanceDBStore)"


@pytest.mark.thorough
def test_an_approximate_index_finds_most_and_always_k(tmp_path):
    pytest.importorskip("lancedb")
    query, gallery = make_codes(1, 50, 3000, 16)
    store = LanceDBStore(tmp_path, search_params={"nprobes": 1})
    index = DatabaseIndex(store=store)
    index.upsert(vectors=gallery, ids=range(3000))
    assert index.recall(vectors=query) == 1
    store.create_index("IvfFlat", num_partitions=30)
    assert 0.1 < index.recall(vectors=query) < 0.9
    expected = top_k(all_scores(query, gallery), 10)[1]
    assert_array_equal(index.search(vectors=query, exact=True).ids, expected)
    assert index.search(vectors=query, k=1000).ids.shape == (50, 1000)
    store.search_params = {"nprobes": 30}
    assert index.recall(vectors=query) == 1
    store.optimize()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ids": ["a"]}, ValueError, "types of the table"),
        ({"ids": [2.5]}, TypeError, "all int or all str. Got float"),
        ({"ids": [1, "a"], "vectors": np.eye(2)}, TypeError, "Got int, str"),
        ({"ids": [1, 1], "vectors": np.eye(2)}, ValueError, "must be distinct"),
        ({"ids": [1], "vectors": [[1, 2, 3]]}, ValueError, "2 columns. Got 3"),
        ({"ids": [1], "vectors": [[1, np.nan]]}, ValueError, "contains NaN"),
        ({"ids": [1], "payload": None}, ValueError, "must be those of the table"),
        ({"ids": [1], "payload": [{"id": 3}]}, ValueError, "none of .* Got 'id'"),
        ({"ids": [1], "payload": {"n": [1, 2]}}, ValueError, "one entry per item"),
        ({"ids": [1], "payload": [5]}, TypeError, "one dict per item"),
        ({"ids": [1], "image": [[1.0]], "vectors": None}, TypeError, "a retriever"),
    ],
)
def test_nothing_is_written_where_anything_is_wrong(
    new_index, arguments, error, message
):
    new_index.upsert(vectors=[[1.0, 0]], ids=[0], payload={"n": [1]})
    arguments = {"vectors": [[0, 1.0]], "payload": [{"n": 1}] * len(arguments["ids"]),
                 **arguments}  # fmt: skip
    with pytest.raises(error, match=message):
        new_index.upsert(**arguments)
    assert len(new_index) == 1
    assert new_index.get_payload([0])[0] == {"n": 1}


def test_wrong_searches_are_named(index):
    query = np.ones((1, 12))
    with pytest.raises(TypeError, match=r"must be a VectorStore.* Got str"):
        DatabaseIndex(store="folder")
    for arguments, message in (
        ({"vectors": np.ones((1, 5))}, "12 columns. Got 5"),
        ({"vectors": query, "k": 0}, "'k' parameter"),
        ({"vectors": query, "labels": [7]}, "Got none of 600 items"),
    ):
        with pytest.raises(ValueError, match=message):
            index.search(**arguments)


def test_labels_need_a_column(new_index):
    new_index.upsert(vectors=[[1.0, 0]], ids=[0])
    with pytest.raises(ValueError, match=r"columns of the table.* Got 'label'"):
        new_index.search(vectors=[[1, 0]], labels=[1])


def test_without_lancedb_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(ImportError, match=r"sklearn-xmodal\[lancedb\]"):
        LanceDBStore("folder")


def test_items_that_go_during_a_search_do_no_harm(codes):
    query, gallery = codes
    index = _fill(DatabaseIndex(store=DictStore()), gallery)
    true_count, n_more = index.store.count, [5]

    def count(condition):
        n = n_more.pop() if n_more else 0  # that went since
        return true_count(condition) + n

    index.store.count = count
    assert_array_equal(
        index.search(vectors=query, k=N + 5).ids,
        top_k(all_scores(query, gallery), N)[1],
    )


@pytest.mark.thorough
def test_what_was_confirmed_stays_when_the_writer_is_killed(tmp_path):
    pytest.importorskip("lancedb")
    # In a process of its own, which has no threads when it forks.
    code = Path(__file__).with_name("kill_writes.py")
    done = subprocess.run(
        [sys.executable, str(code), str(tmp_path / "database"), "2"],
        env=os.environ
        | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(sklearn_xmodal.__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


def test_conditions_are_values():
    assert Condition() == Condition(values={}, exclude=(), where=None)
