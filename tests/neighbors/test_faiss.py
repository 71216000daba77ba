"""What is particular to the faiss backend."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_xmodal import RetrievalIndex
from sklearn_xmodal.neighbors import _exact
from tests.neighbors.oracles import make_codes, unit


@pytest.fixture(autouse=True)
def faiss():
    return pytest.importorskip("faiss")


def _index(gallery, index_type, **params):
    return RetrievalIndex(
        vectors=gallery,
        backend="faiss",
        index_type=index_type,
        index_params=params or None,
    )


def _clusters(seed, n_queries, n_gallery, n_clusters=40, n_components=16):
    """Codes around common centres, as those of classes are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, n_components))

    def draw(n):
        noise = rng.normal(scale=0.5, size=(n, n_components))
        return unit(centres[rng.integers(n_clusters, size=n)] + noise)

    return draw(n_queries), draw(n_gallery)


class TestRecall:
    @pytest.mark.parametrize("index_type", ["flat", "hnsw", "ivf"])
    def test_of_clustered_codes_is_high_by_default(self, index_type):
        query, gallery = _clusters(0, 200, 5000)
        recall = _index(gallery, index_type).recall(vectors=query)
        assert recall >= (1 if index_type == "flat" else 0.95)

    def test_is_the_share_of_the_exact_items(self):
        query, gallery = make_codes(0, 100, 1000, 12)
        index = _index(gallery, "ivf", nlist=30, nprobe=2)
        exact = RetrievalIndex(vectors=gallery).search(vectors=query).ids
        found = index.search(vectors=query).ids
        shares = [len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)]
        recall = index.recall(vectors=query)
        assert 0.1 < recall < 0.9
        assert recall == pytest.approx(np.mean(shares))

    def test_counts_ties_with_the_last_item_as_found(self):
        index = _index(np.ones((50, 3)), "hnsw")
        assert index.recall(vectors=np.ones((2, 3)), k=3) == 1

    def test_grows_with_the_parameters_of_the_search(self):
        query, gallery = make_codes(0, 100, 2000, 12)
        for index, name, least in [
            (_index(gallery, "ivf", nlist=40, nprobe=1), "nprobe", 40),
            (_index(gallery, "hnsw", M=4, efSearch=1), "efSearch", 500),
        ]:
            before = index.recall(vectors=query)
            assert index.set_index_params(**{name: least}) is index
            assert index.index_params[name] == least
            after = index.recall(vectors=query)
            assert before < after - 0.1
            assert after > 0.9


class TestParameters:
    def test_defaults_are_filled_in(self):
        gallery = np.eye(5)
        assert _index(gallery, "flat").index_params == {}
        assert _index(gallery, "ivf").index_params == {"nlist": None, "nprobe": 16}
        assert _index(gallery, "hnsw", M=4).index_params == {
            "M": 4,
            "efConstruction": 40,
            "efSearch": 64,
        }

    @pytest.mark.parametrize(
        ("index_type", "params", "message"),
        [
            ("hnsw", {"nlist": 3}, r"must be among \['M', .* Got 'nlist'"),
            ("flat", {"M": 3}, r"must be among \[\]. Got 'M'"),
            ("hnsw", {"M": 1}, r"index_params\['M'\] must be an int of at least 2"),
            ("ivf", {"nprobe": 2.0}, r"\['nprobe'\] must be an int .* Got 2.0"),
            ("ivf", {"nlist": True}, r"\['nlist'\] must be an int .* Got True"),
            ("ivf", {3: 1}, "Got 3"),
        ],
    )
    def test_that_are_wrong_are_named(self, index_type, params, message):
        with pytest.raises(ValueError, match=message):
            RetrievalIndex(
                vectors=np.eye(3),
                backend="faiss",
                index_type=index_type,
                index_params=params,
            )

    def test_of_building_cannot_be_changed_later(self):
        with pytest.raises(ValueError, match=r"Got \['M'\] for backend='faiss'"):
            _index(np.eye(3), "hnsw").set_index_params(M=8)
        with pytest.raises(ValueError, match=r"must be among .* Got 'nprobe'"):
            _index(np.eye(3), "hnsw").set_index_params(nprobe=8)
        with pytest.raises(ValueError, match="for backend='exact'"):
            RetrievalIndex(vectors=np.eye(3)).set_index_params(nprobe=8)

    def test_fewer_items_than_lists_are_no_obstacle(self, capfd):
        index = _index(np.eye(3), "ivf", nlist=100)
        assert_array_equal(index.search(vectors=np.eye(3), k=1).ids.ravel(), [0, 1, 2])
        assert capfd.readouterr().err == ""

    def test_without_faiss_the_error_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "faiss", None)
        with pytest.raises(ImportError, match=r'pip install "sklearn-xmodal\[faiss\]"'):
            RetrievalIndex(vectors=np.eye(3), backend="faiss")


class TestCompletion:
    def test_queries_with_too_few_results_are_searched_exactly(self):
        query, gallery = make_codes(0, 50, 400, 6)
        index = _index(gallery, "ivf", nlist=40, nprobe=1)
        expected = RetrievalIndex(vectors=gallery).search(vectors=query, k=200)
        got = index.search(vectors=query, k=200)
        # No list holds half of the items.
        assert_array_equal(got.ids, expected.ids)
        assert got.scores.tobytes() == expected.scores.tobytes()

    @pytest.mark.parametrize("index_type", ["flat", "hnsw", "ivf"])
    def test_a_filter_that_few_pass_still_finds_them(self, index_type):
        query, gallery = make_codes(0, 20, 3000, 6)
        index = _index(gallery, index_type)
        mask = np.zeros(3000, dtype=bool)
        mask[[5, 77, 2999]] = True
        expected = RetrievalIndex(vectors=gallery).search(vectors=query, mask=mask)
        got = index.search(vectors=query, mask=mask)
        assert got.ids.shape == (20, 3)
        assert_array_equal(got.ids, expected.ids)


class TestRemoval:
    @pytest.mark.parametrize("index_type", ["flat", "hnsw", "ivf"])
    def test_rows_are_skipped_until_they_are_many(self, index_type):
        query, gallery = make_codes(0, 20, 400, 6)
        index = _index(gallery, index_type)
        index.remove(range(100))
        assert index._engine.index.ntotal == 400
        index.remove(range(100, 250))
        assert index._engine.index.ntotal == 150
        expected = RetrievalIndex(vectors=gallery[250:], ids=range(250, 400))
        recall = np.mean(
            index.search(vectors=query).ids == expected.search(vectors=query).ids
        )
        assert recall > 0.9


def test_selectors_outlive_the_call_that_made_them():
    # faiss holds a bare pointer to the bits of a filter.
    query, gallery = make_codes(0, 300, 2000, 6)
    index = _index(gallery, "flat")
    mask = np.random.default_rng(0).random(2000) < 0.3
    expected = _exact.search_exact(query, gallery, 5, positions=np.flatnonzero(mask))
    for _ in range(20):
        assert_array_equal(index.search(vectors=query, k=5, mask=mask).ids, expected[1])
