"""The command on vectors of one joint model, beside the cosine as it is."""

import csv

import numpy as np
import pytest

from sklearn_xmodal.cli import _main, main
from sklearn_xmodal.protocols import METHODS


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """Draw nothing, and compare few methods: the others are asked elsewhere."""
    monkeypatch.setattr(_main, "_draw", lambda runs, data, out: ())
    monkeypatch.setattr(_main, "LIGHT", tuple(METHODS))


@pytest.fixture
def files(tmp_path):
    """Vectors of images and texts in two files, as people have them."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 8))
    X_img, X_txt = (shared + 0.8 * rng.normal(size=(60, 8)) for _ in range(2))
    np.save(tmp_path / "image.npy", X_img)
    np.save(tmp_path / "text.npy", X_txt)
    np.save(tmp_path / "narrow.npy", X_txt[:, :6])
    np.save(tmp_path / "labels.npy", np.arange(60) % 4)
    return tmp_path


def run(files, text, *arguments):
    argv = ["--image", str(files / "image.npy"), "--text", str(files / text)]
    argv += ["--quick", "--n-jobs", "1", *arguments, "--out", str(files / "out")]
    return main(argv)


def rows_of(files):
    with (files / "out" / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_without_labels_the_cosine_comes_first_and_recall_is_shown(files, capsys):
    assert run(files, "text.npy") == 0
    out = capsys.readouterr().out
    rows = rows_of(files)
    names = [row["method"] for row in rows]
    assert names[:3] == ["raw cosine (nothing fitted)", "adapter", "text adapter"]
    assert {"CCA", "KCCA"} <= set(names)
    assert "Left out" not in out
    (header,) = [line for line in out.splitlines() if line.startswith("method")]
    assert header.split()[-4:] == ["R@1", "R@5", "R@10", "seconds"]
    (cosine,) = [line for line in out.splitlines() if line.startswith("raw cosine")]
    assert cosine.split()[-4] == f"{float(rows[0]['recall_at_1']):.3f}"
    assert 0.1 < float(rows[0]["recall_at_1"]) < float(rows[0]["recall_at_10"]) <= 1


def test_with_labels_there_is_no_recall(files, capsys):
    labels = str(files / "labels.npy")
    methods = "--methods", "cosine", "adapter"
    assert run(files, "text.npy", "--labels", labels, *methods) == 0
    assert "R@1" not in capsys.readouterr().out
    rows = rows_of(files)
    assert [row["method"] for row in rows[:2]] == [
        "raw cosine (nothing fitted)",
        "adapter",
    ]
    assert {row["protocol"] for row in rows} == {"standard", "extendable"}
    assert {row["recall_at_1"] for row in rows} == {""}


def test_where_widths_differ_they_are_left_out_with_a_word(files, capsys):
    assert run(files, "narrow.npy") == 0
    out = capsys.readouterr().out
    assert "Left out: cosine, adapter, text-adapter (for vectors of one joint" in out
    assert "got 8 image features and 6 text features." in out
    assert "raw cosine" not in {row["method"] for row in rows_of(files)}


def test_what_is_asked_for_and_cannot_be_is_an_error(files, capsys):
    assert run(files, "narrow.npy", "--methods", "cca", "cosine") == 2
    error = capsys.readouterr().err
    assert "--methods: cannot be compared: cosine (for vectors of one joint" in error
