"""Blocks of rows: all of them once, within the budget."""

import numpy as np
import pytest
from sklearn import config_context

from sklearn_xmodal.utils._blocks import row_blocks, working_memory


@pytest.mark.parametrize("n_rows", [1, 2, 99, 100, 101])
@pytest.mark.parametrize("budget", [1, 7, 50, 333.5, 10**6])
def test_cover_all_rows_once_in_order(n_rows, budget):
    blocks = row_blocks(n_rows, 7, budget)
    rows = np.concatenate([np.arange(n_rows)[block] for block in blocks])
    np.testing.assert_array_equal(rows, np.arange(n_rows))
    assert [block.stop for block in blocks[:-1]] == [b.start for b in blocks[1:]]
    assert blocks[-1].stop == n_rows
    sizes = [block.stop - block.start for block in blocks]
    assert max(sizes) == min(n_rows, max(1, int(budget / 7)))


def test_limits_go_before_the_budget():
    assert row_blocks(10, 7, 1, least=4) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert row_blocks(10, 7, 1000, most=6) == [slice(0, 6), slice(6, 10)]


def test_no_rows_are_one_empty_block():
    assert row_blocks(0, 7) == [slice(0, 0)]


@pytest.mark.parametrize(("megabytes", "expected"), [(0.5, 2**19), (1024, 2**26)])
def test_working_memory_is_the_setting_of_scikit_learn_up_to_a_limit(
    megabytes, expected
):
    with config_context(working_memory=megabytes):
        assert working_memory() == expected
