"""What somebody meets who goes from command to command with files of their own."""

import csv
import html
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from sklearn_xmodal.cli import xmodal
from tests.conftest import thorough_but

N = 48
QUICK = ["--quick", "--jobs", "1", "--methods", "cca"]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Features, and a table with captions of two pictures each, of four kinds."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    kinds = np.arange(N) % 4
    np.save("photos.npy", np.eye(4)[kinds] + 0.1 * rng.normal(size=(N, 4)))
    with Path("table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "caption", "kind", "thing", "photo"])
        for i, kind in enumerate(kinds):
            name = "" if i == 5 else f"kind{kind}"
            caption = f"word{kind} and word{i // 4 % 3}"
            writer.writerow([f"p{i}", caption, name, f"g{i // 8 * 4 + kind}", "same"])


PHOTOS = ["--image", "photos.npy", "--words", "table.csv:caption"]
PARTS = [*PHOTOS, "--labels", "table.csv:kind", "--groups", "table.csv:thing"]


def test_data_that_are_saved_keep_groups_test_rows_and_missing_labels(capsys):
    np.save("test.npy", np.arange(12))
    argv = [*PHOTOS, "--labels", "table.csv:kind", "--groups", "table.csv:thing"]
    assert xmodal(["data", *argv, "--save", "own.npz"]) == 0
    assert "own.npz: X_img, X_txt, y, words, groups\n" in capsys.readouterr().out
    argv = [*argv[:-2], "--test", "test.npy"]
    assert xmodal(["data", *argv, "--save", "split.npz"]) == 0
    capsys.readouterr()
    assert xmodal(["data", "--image", "own.npz", "--groups", "own.npz:groups"]) == 0
    out = capsys.readouterr().out
    assert "4 classes, 1 pairs without a label, 24 groups" in out
    assert xmodal(["data", "--image", "split.npz"]) == 0
    assert "give --test split.npz:test" in capsys.readouterr().out


def test_what_a_file_holds_is_told_where_the_command_takes_it(capsys):
    X = np.load("photos.npy")
    more = {"groups": np.arange(N) // 2, "test": np.arange(9)}
    np.savez("own.npz", X_img=X, X_txt=X, y=np.arange(N) % 4, **more)
    assert xmodal(["data", "--image", "own.npz"]) == 0
    out = capsys.readouterr().out
    assert "own.npz holds groups: give --groups own.npz:groups to keep them" in out
    assert "own.npz holds test: give --test own.npz:test to use" in out
    assert xmodal(["diagnose", "--image", "own.npz"]) == 0
    out = capsys.readouterr().out
    assert "--groups own.npz:groups" in out
    assert "--test" not in out  # diagnose has no such option


def test_arrays_that_nothing_asks_for_are_named(capsys):
    X = np.load("photos.npy")
    np.savez("own.npz", X_img=X, X_txt=X, category=np.arange(N) % 4)
    assert xmodal(["data", "--image", "own.npz"]) == 0
    out = capsys.readouterr().out
    assert "own.npz holds category: not used. Labels are arrays named y, labels" in out
    assert "others by --labels own.npz:category" in out
    argv = ["data", "--image", "own.npz", "--labels", "own.npz:category"]
    assert xmodal(argv) == 0
    assert "not used" not in capsys.readouterr().out
    np.savez("own.npz", X_img=X, X_txt=X, y=np.arange(N) % 4, notes=np.arange(N))
    assert xmodal(["data", "--image", "own.npz"]) == 0
    assert "own.npz holds notes: not used.\n" in capsys.readouterr().out
    # What another part stands in for is not used either.
    argv = ["data", "--image", "own.npz", "--words", "table.csv:caption"]
    assert xmodal([*argv, "--labels", "table.csv:kind"]) == 0
    assert "own.npz holds X_txt, y, notes: not used.\n" in capsys.readouterr().out
    for name in ("image.npz", "text.npz"):
        sparse.save_npz(name, sparse.csr_array(X))
    assert xmodal(["data", "--image", "image.npz", "--text", "text.npz"]) == 0
    assert "not used" not in capsys.readouterr().out


def test_one_table_of_several_parts_is_described_once(capsys):
    assert xmodal(["data", *PARTS]) == 0
    assert capsys.readouterr().out.count("table.csv: 48 rows") == 1


def test_a_class_of_two_pairs_is_told_without_warnings(capsys):
    with Path("few.csv").open("w") as file:
        kinds = ["rare"] * 2 + [f"kind{i % 4}" for i in range(N - 2)]
        file.write("\n".join(["kind", *kinds]))
    argv = [*PHOTOS, "--labels", "few.csv:kind", "--groups", "table.csv:id"]
    assert xmodal(["data", *argv]) == 0
    assert "at least 5 pairs of every class" in capsys.readouterr().out


@pytest.mark.parametrize("command", thorough_but(["compare"], ["compare", "fit"]))
def test_classes_smaller_than_the_folds_are_named_once(command, capsys):
    np.save("few.npy", np.repeat(np.arange(7), [32, 2, 4, 4, 2, 1, 3]))
    more = ["--methods", "cca", "--protocol", "extendable", "--out", "out"]
    if command == "fit":
        pytest.importorskip("skops")
        more = ["--method", "cca", "--save", "m.xmodal"]
    argv = [command, *PHOTOS, "--labels", "few.npy", *QUICK[:3], *more]
    assert xmodal(argv) == 0  # and nothing warns in other words
    told = capsys.readouterr().out
    assert told.count("fewer pairs than the search has folds (2): 5 (1). Set") == 1


def test_data_that_allow_no_comparison_are_described_and_written(capsys):
    X = np.load("photos.npy")[:6]
    np.savez("few.npz", X_img=X, X_txt=X)
    assert xmodal(["data", "--image", "few.npz", "--save", "again.npz"]) == 0
    out = capsys.readouterr().out
    assert "No comparison: --protocol standard needs at least 12 training pairs" in out
    assert Path("again.npz").exists()


def test_a_table_of_several_columns_says_which_there_are(capsys):
    assert xmodal(["data", *PHOTOS, "--labels", "table.csv"]) == 2
    assert "takes one column, of caption, kind, thing" in capsys.readouterr().err


def test_the_page_of_a_first_look_says_so_and_calls_photos_as_their_file_does(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("sklearn_xmodal.cli._main.find_spec", lambda name: None)
    np.save("kinds.npy", np.r_[99, np.arange(N - 1) % 4])
    argv = ["compare", "--image", "photos.npy", *PHOTOS[2:], "--labels", "kinds.npy"]
    argv += [*QUICK[:-2], "--min-class-size", "2", "--protocol", "extendable"]
    assert xmodal([*argv, "--meth", "cca", "--out=out"]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    said = " ".join(capsys.readouterr().out.split()).split("report.html")[1]
    assert "A first look (--quick)" in said
    assert "A first look" in page
    # The lines that make it again, and keep its winner, can be pasted.
    made, fitted = re.findall(r"<code>(xmodal.*?)</code></pre>", page)
    line = f"xmodal {' '.join(argv)} --meth cca --out=out"
    assert html.unescape(made) == line
    kept = line.replace("compare", "fit").split(" --protocol")[0]
    save = "--method cca --protocol extendable --save cca-extendable.xmodal"
    assert html.unescape(fitted) == f"{kept} {save}"
    # The first row was left out; the others keep their names.
    named = set(re.findall(r">(p\d+)<", page))
    assert named
    assert named <= {f"p{i}" for i in range(1, N)}


def test_texts_are_called_by_the_ids_beside_them(capsys):
    pytest.importorskip("skops")
    argv = ["fit", *PARTS, *QUICK[:3], "--method", "cca", "--save", "m.xmodal"]
    assert xmodal(argv) == 0
    np.save("query.npy", np.load("photos.npy")[:1])
    search = ["search", "m.xmodal", "--query-image", "query.npy", "-k", "1"]
    capsys.readouterr()
    assert xmodal([*search, "--words", "table.csv:caption"]) == 0
    assert capsys.readouterr().out.split()[4].startswith("p")
    with Path("again.csv").open("w") as file:
        file.write("photo_id,caption\n1,word0\n1,word1\n2,word2\n")
    assert xmodal([*search, "--words", "again.csv:caption"]) == 0
    found = capsys.readouterr()
    assert "its ids repeat" in found.err
    assert found.out.split()[4] == "0"
    search = ["search", "m.xmodal", "--image", "photos.npy", "--query", "word1"]
    assert xmodal([*search, "--ids", "table.csv:photo"]) == 2
    assert "--ids table.csv:photo must name every" in capsys.readouterr().err
    # What repeats can stand beside the ids, in what is kept too.
    shown = ["--show", "table.csv:caption", "--out", "found.csv"]
    index = ["search", "i.xmodal", "--query", "word1", "--out", "found.csv"]
    for line in ([*search, *shown, "--save-index", "i.xmodal"], index):
        assert xmodal(line) == 0
        out = capsys.readouterr().out
        with Path("found.csv").open(newline="") as file:
            found = list(csv.DictReader(file))
        rows = [int(row["id"]) for row in found]
        want = [f"word{row % 4} and word{row // 4 % 3}" for row in rows]
        assert [row["text"] for row in found] == want
        assert all(text in out for text in want)
