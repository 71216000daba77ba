"""What is particular to the faiss backend."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_xmodal import RetrievalIndex
from sklearn_xmodal.neighbors import _exact
from sklearn_xmodal.persistence import InvalidFileError
from tests.conftest import thorough_but
from tests.neighbors.oracles import make_codes, unit
from tests.neighbors.rewriting import rewrite


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


def _sign_codes(seed, n_rows, n_columns):
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_rows, n_columns))


class TestTies:
    @pytest.mark.parametrize("n_columns", thorough_but([12], [3, 12, 64]))
    @pytest.mark.parametrize("change", ["none", "filter", "removal"])
    def test_flat_finds_the_members_of_a_tie_that_exact_search_finds(
        self, n_columns, change
    ):
        gallery, query = (_sign_codes(0, n, n_columns) for n in (2000, 100))
        sides = [RetrievalIndex(vectors=gallery), _index(gallery, "flat")]
        options = {"mask": np.arange(2000) % 3 > 0} if change == "filter" else {}
        if change == "removal":
            for side in sides:
                side.remove(range(0, 2000, 5))
        expected, got = (side.search(vectors=query, **options) for side in sides)
        assert_array_equal(got.ids, expected.ids)
        assert got.scores.tobytes() == expected.scores.tobytes()

    def test_flat_finds_what_rounding_hides(self):
        # Scores of 0.1 to a few units in the last place, at any place in the gallery.
        rng = np.random.default_rng(0)
        gallery = unit(rng.normal(size=(1, 33)) + 1e-7 * rng.normal(size=(5000, 33)))
        query = unit(rng.normal(size=(50, 33)))
        expected = RetrievalIndex(vectors=gallery).search(vectors=query)
        got = _index(gallery, "flat").search(vectors=query)
        assert_array_equal(got.ids, expected.ids)

    @pytest.mark.parametrize("index_type", ["hnsw", "ivf"])
    def test_approximate_indexes_order_what_they_find_by_score_and_row(
        self, index_type
    ):
        gallery, query = (_sign_codes(0, n, 12) for n in (2000, 100))
        index = _index(gallery, index_type, **{"ivf": {"nlist": 4}}.get(index_type, {}))
        scores, ids = index.search(vectors=query, k=20)
        step = np.diff(scores.astype(float))
        assert ((step < 0) | ((step == 0) & (np.diff(ids) > 0))).all()
        expected = RetrievalIndex(vectors=gallery).search(vectors=query, k=20)
        assert_array_equal(scores[:, 0], expected.scores[:, 0])


class TestEqualVectors:
    """Of a gallery in which few vectors are distinct, HNSW lost most."""

    @pytest.fixture(params=[(100, 50), (10, 500)], ids=str)
    def data(self, request):
        n_distinct, n_copies = request.param
        query, distinct = make_codes(0, 100, n_distinct, 16)
        gallery = np.repeat(distinct, n_copies, axis=0)
        return query, gallery[np.random.default_rng(0).permutation(len(gallery))]

    def test_hnsw_finds_them_all_in_the_order_of_exact_search(self, data):
        query, gallery = data
        expected = RetrievalIndex(vectors=gallery).search(vectors=query, k=30)
        index = _index(gallery, "hnsw")
        assert_array_equal(index.search(vectors=query, k=30).ids, expected.ids)
        assert index.recall(vectors=query, k=1) == 1

    def test_hnsw_finds_those_that_came_later(self, data, tmp_path):
        query, gallery = data
        start = len(gallery) // 50
        index = _index(gallery[:start], "hnsw")
        index.add(vectors=gallery[start : 2 * start])
        index.remove(range(10))
        index.save(tmp_path / "index.xmodal")
        index = RetrievalIndex.load(tmp_path / "index.xmodal")
        index.add(vectors=gallery[2 * start :])
        assert index._engine.index.ntotal <= len(np.unique(gallery, axis=0)) + 10
        expected = RetrievalIndex(vectors=gallery[10:], ids=range(10, len(gallery)))
        for options in ({"k": 30}, {"exclude": range(0, len(gallery), 2)}):
            one, two = (i.search(vectors=query, **options) for i in (expected, index))
            assert_array_equal(two.ids, one.ids)

    def test_zeros_of_either_sign_are_equal(self):
        index = _index(np.array([[0.0, 1], [-0.0, 1], [1, 0]]), "hnsw")
        assert index._engine.index.ntotal == 2
        index.add(vectors=[[1, -0.0], [0, -1]])
        assert index._engine.index.ntotal == 3


class TestSaved:
    POOR = (
        ("ivf", {"nlist": 60, "nprobe": 2}),
        ("hnsw", {"M": 4, "efConstruction": 8, "efSearch": 10}),
    )

    @pytest.mark.parametrize(("index_type", "params"), POOR, ids=lambda p: str(p)[:4])
    @pytest.mark.parametrize("n_distinct", [None, 800], ids=["distinct", "repeated"])
    def test_after_removals_answers_are_those_of_the_saved_one(
        self, index_type, params, n_distinct, tmp_path
    ):
        # Poor lists and graphs make mistakes of their own, which others would not.
        query, gallery = make_codes(0, 100, 1500, 16, n_distinct=n_distinct)
        index = _index(gallery, index_type, **params)
        assert index.recall(vectors=query) < 0.99
        for gone in (range(5, 6), range(100, 500)):
            index.remove(gone)
            index.save(tmp_path / "index.xmodal")
            loaded = RetrievalIndex.load(tmp_path / "index.xmodal")
            for options in ({}, {"mask": np.arange(len(index)) % 2 > 0}):
                one, two = (i.search(vectors=query, **options) for i in (index, loaded))
                assert_array_equal(two.ids, one.ids)
                assert two.scores.tobytes() == one.scores.tobytes()

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("nodes", lambda a: a.__setitem__(0, 10**6), "nodes must be places"),
            ("nodes", lambda a: a.__setitem__(0, -1), "nodes must be places"),
            ("nodes", "move an item", "must have the same vector"),
            ("nodes", lambda a: a.astype(np.int32), "nodes must be places"),
            ("nodes", lambda a: a[1:], "nodes must be places"),
            ("removed_vectors", lambda a: a.fill(np.nan), "finite, one per node"),
            ("removed_vectors", lambda a: a[1:], "finite, one per node"),
            ("removed_vectors", lambda a: a.astype(float), "finite, one per node"),
        ],
    )
    def test_nodes_that_no_index_writes_are_refused(
        self, name, change, message, tmp_path
    ):
        _, gallery = make_codes(0, 1, 400, 5, n_distinct=300)
        index = _index(gallery, "hnsw")
        index.remove([i for i in range(400) if (gallery[i] == gallery[7]).all()])
        index.save(tmp_path / "index.xmodal")

        def forge(_, tensors):
            key = f"RetrievalIndex.graph['{name}']"
            array = tensors[key]
            if change == "move an item":  # of several, to where another one is
                is_alone = np.bincount(array)[array] == 1
                array[np.argmin(is_alone)] = array[np.argmax(is_alone)]
            elif (changed := change(array)) is not None:
                tensors[key] = changed

        rewrite(tmp_path / "index.xmodal", forge)
        with pytest.raises(InvalidFileError, match=message):
            RetrievalIndex.load(tmp_path / "index.xmodal")


def test_selectors_outlive_the_call_that_made_them():
    # faiss holds a bare pointer to the bits of a filter.
    query, gallery = make_codes(0, 300, 2000, 6)
    index = _index(gallery, "flat")
    mask = np.random.default_rng(0).random(2000) < 0.3
    expected = _exact.search_exact(query, gallery, 5, positions=np.flatnonzero(mask))
    for _ in range(20):
        assert_array_equal(index.search(vectors=query, k=5, mask=mask).ids, expected[1])
