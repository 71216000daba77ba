"""The benchmark of hubness: rows, choices and a table from small data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import hubness
from sklearn_xmodal.metrics import k_occurrence_skewness


@pytest.fixture
def path(tmp_path):
    """Write a file of pairs."""
    rng = np.random.default_rng(0)
    meaning = rng.normal(1, 1, size=(120, 6))
    X_img, X_txt = (meaning + 0.3 * rng.normal(size=meaning.shape) for _ in range(2))
    np.savez(tmp_path / "pairs.npz", X_img=X_img, X_txt=X_txt)
    return tmp_path / "pairs.npz"


def test_each_correction_has_a_row_and_its_table(path, monkeypatch):
    monkeypatch.setattr(hubness, "N_TRAIN", 80)
    monkeypatch.setattr(hubness, "N_TEST", 40)
    monkeypatch.setattr(hubness, "NNN", hubness.NNN[:2])
    data = hubness.read(path)
    rows = hubness.measure(data, 2, 100)
    assert len(rows) == 2 * 3 * 5 * 2  # splits, codes, corrections, directions
    chosen = [row for row in rows if "hubness_weight" in row]
    assert {row["correction"] for row in chosen} == {"nnn, chosen"}
    ((_, test), _) = data.splits(2, 100)
    codes = data.pairs.text[test], data.pairs.image[test]
    (raw,) = [
        row["skewness"]
        for row in rows[:10]
        if (row["correction"], row["direction"]) == ("none", "text to image")
    ]
    assert_allclose(raw, k_occurrence_skewness(*codes))
    lines = hubness.markdown(rows, data).splitlines()
    assert len(lines) == 2 + 3 * 5


def test_texts_of_several_pictures_are_on_one_side(tmp_path):
    rng = np.random.default_rng(0)
    emoji = np.repeat(np.arange(60), 3)
    np.savez(
        tmp_path / "pictures.npz",
        X_img=rng.normal(size=(180, 4)),
        T_emoji=rng.normal(size=(60, 3)),
        emoji=emoji,
        y=emoji % 4,
    )
    data = hubness.read(tmp_path / "pictures.npz")
    assert data.pairs.text.shape == (180, 3)
    splits = list(data.splits(5, 100))
    assert len(splits) == 5
    for train, test in splits:
        assert not set(emoji[train]) & set(emoji[test])
