"""Tables of the attribution study, from rows whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.attribution import (
    DEFAULT,
    PROTOCOLS,
    VARIANTS,
    VARIANTS_OF_PROTOCOL,
    markdown,
    overall,
    variants_of,
)
from sklearn_xmodal import MSLNRetriever
from tests.conftest import SEEDS


def rows_of(scores, protocol="standard"):
    """scores: variant -> data set -> scores of the splits."""
    return [
        {"dataset": d, "protocol": protocol, "split": i, "variant": v, "mean": x}
        for v, of_sets in scores.items()
        for d, values in of_sets.items()
        for i, x in enumerate(values)
    ]


def test_gains_are_means_over_splits_of_paired_differences():
    scores = {
        DEFAULT: {"a": [0.5, 0.7], "b": [0.2, 0.2], "c": [0.3, 0.3]},
        "less": {"a": [0.4, 0.6], "b": [0.1, 0.1], "c": [0.2, 0.2 - 1e-9]},
        "words": {"b": [0.25, 0.25]},
    }
    lines = markdown(rows_of(scores)).splitlines()
    assert f"| {DEFAULT} | 0.367 |  | 0.600 | 0.200 | 0.300 |" in lines
    less = "| less | **-0.100** | **[-0.100, -0.100]** | -0.100 | -0.100 | -0.100 |"
    assert less in lines
    assert "| words | +0.050 |  |  | +0.050 |  |" in lines


@pytest.mark.parametrize("seed", SEEDS)
def test_interval_is_that_of_student_over_data_sets(seed):
    gains = np.random.default_rng(seed).normal(0.01, 0.02, 9)
    half = stats.t.ppf(0.975, 8) * gains.std(ddof=1) / 3
    low, high = gains.mean() - half, gains.mean() + half
    cells = [f"{gains.mean():+.3f}", f"[{low:+.3f}, {high:+.3f}]"]
    bold = [f"**{cell}**" for cell in cells]
    assert overall(gains) == (bold if low > 0 or high < 0 else cells)


@pytest.mark.parametrize("protocol", VARIANTS_OF_PROTOCOL)
def test_variants_are_parameters_of_the_retriever(protocol):
    y = np.repeat(np.arange(10), 3)
    variants = variants_of("digits", protocol, None, y, 0)
    assert variants.keys() >= VARIANTS.keys()
    for name, changes in variants.items():
        retriever = MSLNRetriever(target_classes=PROTOCOLS[protocol])
        plain = retriever.get_params()
        params = retriever.set_params(**changes).get_params()
        changed = {key for key in params if params[key] is not plain[key]}
        assert changed <= changes.keys(), name
        assert changed or name == DEFAULT
