"""Tables of the attribution study, from rows whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from benchmarks._class_names import ENCODED, SUBGROUPS
from benchmarks.attribution import (
    DEFAULT,
    EMBEDDINGS,
    PROTOCOLS,
    class_vectors,
    markdown,
    overall,
    suits,
    variants_of,
    write_results,
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


def test_a_variant_counts_on_the_splits_that_it_has():
    scores = {
        DEFAULT: {"a": [0.5, 0.9], "b": [0.2, 0.4]},
        "less": {"a": [0.4], "b": [0.1, 0.3]},
    }
    lines = markdown(rows_of(scores)).splitlines()
    # Two data sets have no interval, and so no column for it.
    assert f"| {DEFAULT} | 0.500 | 0.700 | 0.300 |" in lines
    assert "| less | -0.100 | -0.100 (1) | -0.100 |" in lines
    assert (
        "takes 3 data sets at least; here there are 2, with 2 splits of each"
        in lines[2]
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_variants_are_parameters_of_the_retriever(protocol):
    for name, changes in variants_of(protocol).items():
        retriever = MSLNRetriever(target_classes=PROTOCOLS[protocol])
        plain = retriever.get_params()
        params = retriever.set_params(**changes).get_params()
        changed = {key for key in params if params[key] != plain[key]}
        assert changed == changes.keys(), name
        assert changed or name == DEFAULT or name in EMBEDDINGS


def test_class_vectors_are_of_every_kind(tmp_path):
    y = np.repeat([0, 1, 2], 2)
    assert class_vectors("none", "digits", None, y, 0) == {0: [0], 1: [0], 2: [0]}
    one, again, other = (class_vectors("random", "d", None, y, i) for i in (0, 0, 1))
    np.testing.assert_array_equal(one[2], again[2])
    assert not np.array_equal(one[2], other[2])
    words = "class embeddings: words"
    assert not suits(("digits", "standard", 0, words), None)
    data = {"target_names": ["animal-bird", "light & video", "drink"]}
    file = tmp_path / "emoji" / "emoji.npz"
    file.parent.mkdir()
    np.savez(file, **data, class_embeddings=np.ones((3, 2)))
    with pytest.raises(FileNotFoundError, match="no file class_names"):
        class_vectors("words", "emoji", tmp_path, y, 0)
    (tmp_path / ENCODED).parent.mkdir()
    names = ["drink", "light and video", "moon", "animal bird"]
    np.savez(tmp_path / ENCODED, names=names, X=np.arange(8).reshape(4, 2))
    vectors = class_vectors("words", "emoji", tmp_path, y, 0)
    assert {i: v.tolist() for i, v in vectors.items()} == {
        0: [6, 7],
        1: [2, 3],
        2: [0, 1],
    }
    assert suits(("emoji", "standard", 0, words), tmp_path)
    np.savez(file, **data)  # clusters, which have no names
    assert class_vectors("words", "emoji", tmp_path, y, 0) is None


def test_results_have_all_that_one_task_scored(tmp_path):
    scores = {DEFAULT: 0.5, "block code left out": 0.4}
    record = {"key": ["a", "standard", 100, DEFAULT], "scores": scores}
    write_results([{**record, "n_train": 7, "n_test": 3}], tmp_path)
    assert (tmp_path / "results.csv").read_text().splitlines() == [
        "dataset,protocol,split,variant,mean,n_train,n_test",
        "a,standard,100,default,0.5,7,3",
        "a,standard,100,block code left out,0.4,7,3",
    ]
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert "| block code left out | -0.100 | -0.100 |" in lines


def test_pictograms_have_the_names_of_their_own_subgroups():
    """Those of the file are one off from food-marine on."""
    assert SUBGROUPS["food-marine"] == "food-sweet"
    assert SUBGROUPS["flag"] == "country-flag"
    assert "animal-bird" not in SUBGROUPS
