"""The accuracy benchmark: resumable, without a look at the test part."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from benchmarks import _datasets, retrieval
from benchmarks._journal import Journal, write_csv
from benchmarks._methods import METHODS
from benchmarks._tables import draw, read_rows, write_tables

ROOT = Path(__file__).parents[2]
ARGUMENTS = ["--dataset", "digits", "--methods", "cca", "--quick", "--splits", "8",
             "--protocol", "extendable"]  # fmt: skip


def read(folder):
    return (folder / "results.csv").read_bytes()


def command(out):
    return [sys.executable, "-m", "benchmarks.retrieval", *ARGUMENTS, "--out", str(out)]


def test_killed_run_ends_with_the_results_of_an_uninterrupted_one(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert retrieval.main([*ARGUMENTS, "--out", str(whole)]) == 0
    n_tasks = len((whole / "journal.jsonl").read_text().splitlines()) - 1
    process = subprocess.Popen(command(killed), cwd=ROOT, stderr=subprocess.DEVNULL)
    journal = killed / "journal.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") >= 4:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_done = len(journal.read_text().splitlines()) - 1
    assert 3 <= n_done < n_tasks
    finished = journal.read_bytes()
    assert retrieval.main([*ARGUMENTS, "--out", str(killed)]) == 0
    assert journal.read_bytes().startswith(finished)  # nothing lost, nothing redone
    assert len(journal.read_text().splitlines()) - 1 == n_tasks
    assert read(killed) == read(whole)


def test_unfinished_last_line_is_dropped_and_redone(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, {"seed": 0})
    journal.add(("a", 1), {"mean": 0.5})
    with path.open("ab") as file:
        file.write(b'{"key": ["b", 1], "mea')
    assert list(Journal(path, {"seed": 0}).rows) == [("a", 1)]
    assert path.read_bytes().endswith(b"\n")


def test_run_with_other_settings_is_refused(tmp_path, capsys):
    Journal(tmp_path / "journal.jsonl", {"seed": 1})
    assert retrieval.main([*ARGUMENTS, "--out", str(tmp_path)]) == 2
    assert "other settings" in capsys.readouterr().err


def test_missing_data_are_told_in_one_line(tmp_path, capsys, monkeypatch):
    argv = ["--dataset", "wiki", "--data-home", str(tmp_path), "--out", str(tmp_path)]
    assert retrieval.main(argv) == 2
    assert "no file wikipedia/wikipedia.npz" in capsys.readouterr().err


def test_tuning_never_sees_the_test_part(monkeypatch):
    fitted = []
    original = GridSearchCV.fit

    def fit(self, X, y, **params):
        fitted.append(len(X))
        return original(self, X, y, **params)

    monkeypatch.setattr(GridSearchCV, "fit", fit)
    row = retrieval.run_task(("digits", "extendable", 0, "cca"), None, 0, True)
    assert fitted == 2 * [row["n_train"]]  # features, then the method


def rows_of(scores, n_splits=5):
    """Rows with given means, (data set, method) -> mAP, and a little noise."""
    rng = np.random.default_rng(0)
    return [
        {
            "dataset": dataset,
            "protocol": "standard",
            "split": split,
            "method": method,
            "mean": score + 0.01 * rng.random(),
            "chance": 0.1,
            "n_train": 70,
            "n_test": 30,
        }
        for split in range(n_splits)
        for (dataset, method), score in scores.items()
    ]


def test_tables_name_the_best_method_and_its_interval(tmp_path):
    rows = rows_of({("d", "CCA"): 0.3, ("d", "MSLN"): 0.4})
    write_tables(rows, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "| MSLN | .40" in text
    assert "**.40" in text
    assert "| d | MSLN | CCA | +0.1" in text
    assert "5, 0, 0" in text


def test_tables_explain_only_what_their_rows_have(tmp_path):
    rows = rows_of({("digits", "A"): 0.4, ("digits", "B"): 0.3})
    write_tables(rows, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    n_pairs = rows[0]["n_train"] + rows[0]["n_test"]
    assert f"- **digits** ({n_pairs:,} pairs" in text
    assert "left and right halves of handwritten digits" in text
    assert "generalized" not in text
    assert "parentheses" not in text
    rows[0]["protocol"] = "generalized"
    write_tables(rows[:-1], tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "harmonic mean" in text
    assert "in parentheses" in text


def test_tables_are_those_of_their_rows(tmp_path):
    folder = ROOT / "benchmarks" / "results" / "joint_pairs"
    written = (folder / "README.md").read_text(encoding="utf-8")
    title = written.split("\n", 1)[0].removeprefix("# ")
    write_tables(read_rows(folder / "results.csv"), tmp_path / "README.md", title)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == written


def test_every_data_set_is_described():
    assert _datasets.TOLD.keys() == {*_datasets.NAMES}


def test_tables_say_what_intervals_mean(tmp_path):
    """Three splits differ too much to tell B from the best, and C not at all."""
    rows = rows_of({("d", "A"): 0.4, ("d", "B"): 0.4, ("d", "C"): 0.1}, n_splits=3)
    for row in rows:
        noise = (0.05, -0.04, 0.0)[row["split"]] * (row["method"] == "B")
        row["mean"] = {"A": 0.4, "B": 0.39, "C": 0.1}[row["method"]] + noise
    write_tables(rows, tmp_path / "README.md")
    lines = (tmp_path / "README.md").read_text().splitlines()
    gains = [line for line in lines if line.startswith("| d | A |")]
    assert [line.split(" | ")[-1] for line in gains] == ["open |", "better |"]
    assert any("Open: 1 of 2 comparisons." in line for line in lines)


def test_tables_compare_with_the_methods_that_are_best_somewhere(tmp_path):
    means = {"A": (0.9, 0.2), "B": (0.5, 0.5), "C": (0.1, 0.1)}
    rows = rows_of({(d, m): means[m][i] for m in "CBA" for i, d in enumerate("de")})
    rows = [r for r in rows if (r["method"], r["dataset"]) != ("C", "e")]
    rows = [r for r in rows if (r["method"], r["split"]) != ("B", 4)]
    write_tables(rows, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "|  | A | B |" in text
    assert re.search(r"\| A \|  \| 50%, \+0\.\d+ \|", text)
    assert re.search(r"\| B \| \.50\d \| \.50\d \(4\) \| \*\*\.50\d \(4\)\*\* \|", text)
    # No mean over data sets where one is missing.
    assert re.search(r"\| C \|  \| \.10\d \| - \|", text)
    places = [text.index(f"| {m} | ") for m in "ABC"]
    assert places == sorted(places)


def test_variants_of_a_data_set_do_not_count_twice(tmp_path):
    means = {"A": (0.5, 0.1), "B": (0.4, 0.9)}
    names = ("pascal", "pascal100")
    rows = rows_of({(d, m): means[m][i] for m in means for i, d in enumerate(names)})
    write_tables(rows, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "variants of other sets: pascal100." in text
    assert re.search(r"\| A \| (\.50\d) \| \*\*\1\*\* \| \.10\d \|", text)
    assert re.search(r"\| B \| 0%, -0\.\d+ \|\n", text)


def test_the_picture_shows_shares_of_the_best(tmp_path, monkeypatch):
    rows = rows_of({("d", "A"): 0.4, ("d", "B"): 0.1, ("e", "A"): 0.2, ("e", "B"): 0.3})
    figures = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig",
        lambda figure, *_, **__: figures.append(figure),
    )
    draw(rows, tmp_path / "map.png")
    [axes] = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    shares = {tuple(line.get_ydata()): [] for line in axes.lines}
    for line in axes.lines:
        shares[tuple(line.get_ydata())].append(line.get_xdata()[0])
    assert shares[0,] == pytest.approx([1, 2 / 3], abs=0.03)
    assert shares[1,] == pytest.approx([1 / 4, 1], abs=0.03)


def test_csv_is_replaced_whole(tmp_path):
    path = tmp_path / "results.csv"
    write_csv([{"a": 1, "b": 2}], ["a"], path)
    assert path.read_text().split() == ["a", "1"]
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def _small_glyphs(folder):
    """Write what benchmarks.encode_glyphs does, of noise; return the folder."""
    rng = np.random.default_rng(0)
    sides = {"X_img": rng.normal(size=(40, 6)), "X_txt": rng.normal(size=(40, 5))}
    (folder / "glyphs").mkdir()
    np.savez(
        folder / "glyphs" / "glyphs_encoded.npz",
        y=np.arange(40) % 10,
        **{name: X.astype(np.float16) for name, X in sides.items()},
    )
    return folder


@pytest.mark.parametrize("name", _datasets.NAMES)
def test_every_data_set_loads_as_pairs(name, request):
    data_home = None
    if name not in _datasets.EMBEDDED:
        data_home = request.getfixturevalue("shared_data")
    if name == "glyphs-encoded":  # which is made, not given: here in its form
        data_home = _small_glyphs(request.getfixturevalue("tmp_path"))
    pairs, y = _datasets.load(name, data_home)
    if name == "pictograms":  # of several drawings of a text, one
        assert len(np.unique(pairs.text, axis=0)) == len(pairs)
    groups = _datasets.load_groups(name, data_home)
    assert (groups is not None) is (name == "pictograms-all")
    if groups is not None:  # every text is of one group, and a group has one text
        assert len(np.unique(pairs.text, axis=0)) == len(np.unique(groups))
        assert len(groups) == len(pairs)
    if name in _datasets.JOINT:
        assert y is None
        assert len(np.unique(pairs.image, axis=0)) == len(pairs)
        return
    assert len(pairs) == len(y)
    assert len(np.unique(y)) >= 9


def test_methods_are_tried_where_they_can_be():
    can = {
        (dataset, name): retrieval.suits((dataset, protocol, 0, name), METHODS)
        for dataset in ("coco", "glyphs")
        for name in ("cosine", "cca", "sm")
        for protocol in ["standard"]
    }
    assert [key for key, value in can.items() if not value] == [
        ("coco", "sm"),
        ("glyphs", "cosine"),
    ]
    assert not retrieval.suits(("coco", "extendable", 0, "cca"), METHODS)


def test_recall_has_a_table_where_there_are_no_labels(tmp_path):
    rows = rows_of({("coco", "A"): 0.4, ("coco", "B"): 0.2})
    for row in rows:
        row |= {f"recall_at_{k}": row["mean"] / 4 + k / 100 for k in (1, 5, 10)}
    write_tables(rows, tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "| method | coco, R@1 | coco, R@5 | coco, R@10 |" in text
    assert re.search(r"\| A \| \.11\d \| \.15\d \| \.20\d \|", text)


def test_help_is_clear(capsys):
    with pytest.raises(SystemExit, match="0"):
        retrieval.main(["--help"])
    out = capsys.readouterr().out
    assert "continues where it stopped" in out
    assert json.dumps(list(retrieval.PROTOCOLS))[2:10] in out
