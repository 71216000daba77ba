"""Blocked exact search finds what scoring every pair finds, in the same order."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_xmodal.neighbors import _exact
from sklearn_xmodal.neighbors._exact import rescore, search_exact
from tests.conftest import SEEDS
from tests.neighbors.oracles import all_scores, make_codes, top_k, unit


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks, batches and merges for little data."""
    monkeypatch.setattr(_exact, "_LEAST_COLUMNS", 7)
    monkeypatch.setattr(_exact, "_BLOCK_SCORES", 50)
    monkeypatch.setattr(_exact, "_MOST_QUERIES", 4)
    monkeypatch.setattr(_exact, "_RESCORED_VALUES", 30)


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
