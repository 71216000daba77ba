"""Blocked exact search finds what scoring every pair finds, in the same order."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_xmodal.neighbors import _exact, _exact_many, _scoring
from sklearn_xmodal.neighbors._exact import search_exact
from sklearn_xmodal.neighbors._scoring import rescore
from tests.conftest import SEEDS
from tests.neighbors.oracles import all_scores, make_codes, top_k, unit


@pytest.fixture(params=["few", "many"])
def small_blocks(request, monkeypatch):
    """Many blocks, batches and merges for little data, by either way to search."""
    n_least = 1 if request.param == "many" else np.inf
    monkeypatch.setattr(_exact, "_MANY", n_least)
    monkeypatch.setattr(_exact, "_MANY_OF", 0)
    monkeypatch.setattr(_exact_many, "_LEAST_COLUMNS", 7)
    monkeypatch.setattr(_exact_many, "_BLOCK_SCORES", 20)
    monkeypatch.setattr(_exact_many, "_HELD_KEYS", 40)
    monkeypatch.setattr(_exact_many, "_LEAST_QUERIES", 2)
    monkeypatch.setattr(_exact, "_LEAST_COLUMNS", 7)
    monkeypatch.setattr(_exact, "_BLOCK_SCORES", 50)
    monkeypatch.setattr(_exact, "_MOST_QUERIES", 4)
    monkeypatch.setattr(_scoring, "_RESCORED_VALUES", 30)


def _assert_same(got, expected):
    assert_array_equal(got[1], expected[1])
    assert_array_equal(got[0], expected[0])


@pytest.mark.usefixtures("small_blocks")
class TestAgainstAllPairs:
    @pytest.mark.parametrize("k", [1, 3, 20, 90])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_same_scores_and_rows(self, seed, k):
        query, gallery = make_codes(seed, 9, 90, 5)
        expected = top_k(all_scores(query, gallery), k)
        _assert_same(search_exact(query, gallery, k), expected)

    @pytest.mark.parametrize("n_distinct", [1, 2, 10])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_equal_vectors_come_in_gallery_order(self, seed, n_distinct):
        query, gallery = make_codes(seed, 9, 90, 5, n_distinct=n_distinct)
        expected = top_k(all_scores(query, gallery), 12)
        _assert_same(search_exact(query, gallery, 12), expected)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_scores_on_a_coarse_grid_tie(self, seed):
        rng = np.random.default_rng(seed)
        query, gallery = (
            rng.integers(-1, 2, size=(n, 3)).astype(np.float32) / 2 for n in (9, 90)
        )
        expected = top_k(all_scores(query, gallery), 12)
        _assert_same(search_exact(query, gallery, 12), expected)

    def test_a_query_of_zeros_finds_the_first_items(self):
        query, gallery = make_codes(0, 2, 90, 5)
        query[1] = 0
        scores, found = search_exact(query, gallery, 4)
        assert_array_equal(found[1], [0, 1, 2, 3])
        assert_array_equal(scores[1], [0, 0, 0, 0])

    @pytest.mark.parametrize("order", [1, -1], ids=["worst first", "best first"])
    def test_sorted_galleries(self, order):
        query, gallery = make_codes(0, 1, 90, 5)
        gallery = gallery[np.argsort(order * all_scores(query, gallery)[0])]
        expected = top_k(all_scores(query, gallery), 5)
        _assert_same(search_exact(query, gallery, 5), expected)

    @pytest.mark.parametrize("share", [0.1, 0.9])
    def test_only_given_rows_are_searched(self, share):
        query, gallery = make_codes(0, 9, 90, 5, n_distinct=40)
        (rows,) = np.nonzero(np.random.default_rng(1).random(90) < share)
        scores, found = top_k(all_scores(query, gallery[rows]), 4)
        got = search_exact(query, gallery, 4, positions=rows)
        _assert_same(got, (scores, rows[found]))

    @settings(max_examples=60)
    @given(data=st.data())
    def test_any_small_problem(self, data):
        n, d = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 4))
        value = st.sampled_from([-1.0, -0.5, 0.0, 0.1, 0.5, 1.0])
        row = st.lists(value, min_size=d, max_size=d)
        gallery = unit(data.draw(st.lists(row, min_size=n, max_size=n)))
        query = unit(data.draw(st.lists(row, min_size=1, max_size=10)))
        k = data.draw(st.integers(1, n))
        expected = top_k(all_scores(query, gallery), k)
        _assert_same(search_exact(query, gallery, k), expected)


class TestManyResults:
    """Whole products in float64 give the bytes of scores that were computed singly."""

    @pytest.mark.parametrize("k", [100, 1000, 3000])
    @pytest.mark.parametrize("kind", ["random", "repeated", "signs", "sparse", "zero"])
    def test_same_bytes_as_a_search_for_few(self, kind, k, monkeypatch):
        query, gallery = make_codes(0, 6, 3000, 24)
        rng = np.random.default_rng(1)
        if kind == "repeated":
            gallery = gallery[rng.integers(100, size=3000)]
        if kind == "signs":
            query, gallery = (
                unit(rng.choice([-1, 1], a.shape)) for a in (query, gallery)
            )
        if kind == "sparse":
            query, gallery = (
                unit(a * (rng.random(a.shape) < 0.1)) for a in (query, gallery)
            )
        if kind == "zero":
            query[:3], gallery[::2] = 0, -0.0
        many = search_exact(query, gallery, k)
        monkeypatch.setattr(_exact, "_MANY", np.inf)
        few = search_exact(query, gallery, k)
        assert many[0].tobytes() == few[0].tobytes()
        assert many[1].tobytes() == few[1].tobytes()

    def test_scores_that_products_leave_open_are_computed_singly(self, monkeypatch):
        # Products that are off by as much as they may be, in either direction.
        query, gallery = make_codes(0, 4, 2000, 24)
        expected = search_exact(query, gallery, 500)
        error = _scoring.rounding_error(query, 24, np.float64)[:, None]
        original, n_left_open = _exact_many._scores, []

        class Off(np.ndarray):
            def __matmul__(self, other):
                products = np.asarray(self) @ other
                noise = np.random.default_rng(0).choice([-1, 1], products.shape)
                return products + noise * error

        def counted(query, gallery, rows, positions):
            n_left_open.append(rows.size)
            return rescore(query, gallery, rows, positions)

        monkeypatch.setattr(
            _exact_many, "_scores", lambda q, w, v, e: original(q, w.view(Off), v, e)
        )
        monkeypatch.setattr(_exact_many, "rescore", counted)
        _assert_same(search_exact(query, gallery, 500), expected)
        assert sum(n_left_open) < 80  # of 8000

    def test_a_filter_and_threads_change_no_byte(self, monkeypatch):
        query, gallery = make_codes(0, 700, 900, 8, n_distinct=300)
        rows = np.flatnonzero(np.arange(900) % 3)
        expected = [search_exact(q[None], gallery, 90, positions=rows) for q in query]
        got = search_exact(query, gallery, 90, positions=rows, n_jobs=2)
        for i in (0, 1):
            assert got[i].tobytes() == b"".join(e[i].tobytes() for e in expected)

    def test_memory_does_not_grow_with_the_gallery(self, monkeypatch):
        monkeypatch.setattr(_exact_many, "_HELD_KEYS", 2**16)
        monkeypatch.setattr(_exact_many, "_BLOCK_SCORES", 2**14)
        peaks = []
        for n_gallery in (20_000, 60_000):
            query, gallery = make_codes(0, 8, n_gallery, 2)
            tracemalloc.start()
            search_exact(query, gallery, 500)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.2 * peaks[0]


class TestFullBlocks:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_same_as_sorting_all_scores(self, seed):
        query, gallery = make_codes(seed, 20, 5000, 16, n_distinct=3000)
        scores = rescore(query, gallery, *np.indices((20, 5000)).reshape(2, -1))
        scores = scores.reshape(20, 5000)
        expected = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        assert_array_equal(search_exact(query, gallery, 10)[1], expected)

    @pytest.mark.parametrize("n_jobs", [2, 5])
    def test_threads_change_no_byte(self, n_jobs):
        query, gallery = make_codes(0, 1300, 3000, 8, n_distinct=2000)
        one = search_exact(query, gallery, 5)
        other = search_exact(query, gallery, 5, n_jobs=n_jobs)
        assert one[0].tobytes() == other[0].tobytes()
        assert one[1].tobytes() == other[1].tobytes()

    def test_a_query_alone_gets_the_same_bytes(self):
        query, gallery = make_codes(0, 30, 3000, 33)
        scores, found = search_exact(query, gallery, 5)
        for i in (0, 17, 29):
            alone = search_exact(query[i : i + 1], gallery, 5)
            assert alone[0].tobytes() == scores[i].tobytes()
            assert alone[1].tobytes() == found[i].tobytes()

    @pytest.mark.parametrize("n_distinct", [None, 1], ids=["random", "collapsed"])
    def test_memory_does_not_grow_with_the_gallery(self, n_distinct):
        peaks = []
        for n_gallery in (20_000, 80_000):
            query, gallery = make_codes(0, 64, n_gallery, 8, n_distinct=n_distinct)
            tracemalloc.start()
            search_exact(query, gallery, 10)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < 1.2 * peaks[0]

    def test_a_progress_bar_counts_the_queries(self, capsys):
        query, gallery = make_codes(0, 600, 50, 3)
        search_exact(query, gallery, 2)
        assert capsys.readouterr().err == ""
        search_exact(query, gallery, 2, verbose=1)
        assert "0/600" in capsys.readouterr().err
