"""The setting of the paper: who is a query, who is in the gallery, and what is said."""

import numpy as np
import pytest

from benchmarks import reproduction
from benchmarks.reproduction import (
    METHODS,
    REPORTED,
    SETTINGS,
    parts,
    score,
    seen_rows,
    write_results,
)
from sklearn_xmodal import ImageTextPairs
from tests.conftest import SEEDS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_classes", [4, 5, 20])
def test_half_of_the_classes_is_seen(n_classes, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_classes), 3))
    seen = seen_rows(y, seed)
    assert not set(y[seen]) & set(y[~seen])
    assert len(set(y[seen])) == (n_classes + 1) // 2
    np.testing.assert_array_equal(seen, seen_rows(y, seed))


def test_queries_and_gallery_of_every_setting():
    seen = np.array([True, True, False, False, True, False])
    is_train = np.array([True, False, True, False, True, False])
    found = {
        name: tuple(rows.tolist() for rows in parts(seen, is_train, *setting))
        for name, setting in SETTINGS.items()
    }
    assert found == {
        "unseen, test gallery": ([3, 5], [3, 5]),
        "unseen, training gallery": ([3, 5], [2]),
        "generalized": ([3, 5], [1, 3, 5]),
        "seen, test gallery": ([1], [1]),
        "seen, training gallery": ([1], [0, 4]),
    }


def test_both_directions_are_scored_against_the_gallery():
    y = np.array([0, 1, 0, 1, 1])
    # The images of both queries point to class 0; their texts, each to its own.
    image = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    text = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1], [0, 1]])
    found = score(ImageTextPairs(image, text), y, [0, 1], [2, 3, 4])
    # Class 1 behind one item of class 0: (1/2 + 2/3) / 2.
    assert found["image_to_text"] == pytest.approx((1 + 7 / 12) / 2)
    assert found["text_to_image"] == 1
    assert found["mean"] == pytest.approx((found["image_to_text"] + 1) / 2)
    # One of three, and two of three: the expectation over all orders.
    few = (1 + 1 / 2 + 1 / 3) / 3
    most = (1 + (1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 3
    assert found["chance"] == pytest.approx((few + most) / 2)


def test_tables_have_spread_and_what_others_report(tmp_path):
    scores = [0.2, 0.4]
    records = [
        {
            "key": ["wiki100", i, "paper"],
            "n_train": 9,
            "scores": {
                name: {
                    "image_to_text": x - 0.1,
                    "text_to_image": x + 0.1,
                    "mean": x,
                    "chance": 0.25,
                }
                for name in SETTINGS
            },
        }
        for i, x in enumerate(scores)
    ]
    write_results(records, tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    cells = "0.200 | 0.400 | 0.300 | 0.141 | 0.200 | 0.400 | 2"
    own = f"| Wikipedia | `from_paper()` | {cells} |"
    assert lines.count(own) == len(SETTINGS)
    reported = "*MASLN, as reported* | *0.284* | *0.264* | *0.274* |"
    assert sum(reported in line for line in lines) == 2  # with either gallery
    assert not any("Pascal Sentence |" in line for line in lines)  # nothing was run
    (told,) = (line for line in lines if "Not run:" in line)
    assert "Nothing is tuned. Not run: CCA; KCCA; `from_paper()` on Pascal" in told
    for record in records:
        record["key"] = ["pascal", record["key"][1], "cca"]
    write_results(records, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "CCA is tuned on classes held out" in text
    assert "Not run: CCA on Wikipedia; KCCA; `from_paper()`;" in text


def test_every_setting_has_what_others_report():
    assert {name.split(",")[0] for name in SETTINGS} == REPORTED.keys()
    for of_sets in REPORTED.values():
        assert of_sets.keys() == reproduction.DATASETS.keys()


def test_networks_are_not_tuned():
    for name in ("paper", "unseen", "seen", "default"):
        assert METHODS[name].candidates_for("extendable") == [{}]
