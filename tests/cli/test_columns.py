"""One file that holds several parts: columns by name, arrays of any name."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_xmodal import CCARetriever, save
from sklearn_xmodal.cli import xmodal
from sklearn_xmodal.cli._data import load_data
from sklearn_xmodal.cli._files import split_key
from sklearn_xmodal.cli._program import build_xmodal_parser
from tests.cli.written import IMAGE, KINDS, TEXT, N, to_csv

CAPTIONS = [f"a {kind}, number {i}" for i, kind in enumerate(KINDS)]
PARTS = ["image", "text", "labels"]


@pytest.fixture
def table():
    """Return what one table holds: names, captions, features, kinds."""
    words = pd.DataFrame({"file": [f"{i}.jpg" for i in range(N)], "caption": CAPTIONS})
    sides = [pd.DataFrame(IMAGE).add_prefix("image_")]
    sides += [pd.DataFrame(TEXT).add_prefix("text_")]
    return pd.concat([words, *sides, pd.Series(KINDS, name="category")], axis=1)


def check(data):
    np.testing.assert_array_equal(data.pairs.image, IMAGE)
    np.testing.assert_array_equal(data.pairs.text, TEXT)
    assert data.y.tolist() == KINDS.tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.parquet", "t.feather"])
def test_columns_are_chosen_by_pattern(load, table, name):
    if "." + name.split(".")[1] in (".parquet", ".feather"):
        pytest.importorskip("pyarrow")
        getattr(table, f"to_{name.split('.')[1]}")(name)
    else:
        to_csv(table, name, index=False, sep="\t" if "tsv" in name else ",")
    sources = [f"{name}:image_*", f"{name}:text_?", f"{name}:category"]
    check(load(**dict(zip(PARTS, sources, strict=True))))
    one = load(f"{name}:image_1", f"{name}:[it]*_0")  # of both modalities
    np.testing.assert_array_equal(one.pairs.image[:, 0], IMAGE[:, 1])
    np.testing.assert_array_equal(one.pairs.text, np.c_[IMAGE[:, 0], TEXT[:, 0]])


def test_columns_of_lists_are_matrices(load, capsys):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"id": [f"p{i}" for i in range(N)], "category": KINDS})
    table = table.assign(image=list(IMAGE), text=list(TEXT.astype(np.float32)))
    table.to_parquet("lists.parquet")
    data = load("lists.parquet:image", "text.npy", "lists.parquet:category")
    check(data)
    assert data.names[3] == "p3"
    table["text"] = [*TEXT[:-1], TEXT[-1, :2]]
    table.to_parquet("ragged.parquet")
    argv = ["data", "--image", "lists.parquet:image", "--text", "ragged.parquet:text"]
    assert xmodal(argv) == 2
    assert "has 3 in row 0 and 2 in row 11 (from 0)" in capsys.readouterr().err


def test_rows_that_are_too_long_are_seen_where_columns_are_chosen(load, table, capsys):
    path = Path(to_csv(table, "t.csv", index=False))
    rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows[4] = rows[4].replace('"', "")  # the caption has a comma
    path.write_text("".join(rows), encoding="utf-8")
    assert xmodal(["data", "--image", "t.csv:image_*", "--text", "t.csv:text_*"]) == 2
    assert "got 10 in line 1 and 11 in line 5" in capsys.readouterr().err


def _store(table, kind):
    arrays = {"image_embeds": IMAGE, "text_embeds": TEXT, "category": KINDS}
    if kind == "npz":
        np.savez("own.npz", **arrays)
    elif kind == "other names":
        np.savez("own.npz", ids=np.arange(N), a=IMAGE, b=TEXT, c=KINDS)
    elif kind == "numbers":
        kinds = np.unique(KINDS, return_inverse=True)[1]
        numbers = table.drop(columns=["file", "caption"]).assign(category=kinds)
        return to_csv(numbers, "own.csv", index=False)
    elif kind == "lists":
        pytest.importorskip("pyarrow")
        lists = {k: list(v) if v.ndim > 1 else v for k, v in arrays.items()}
        pd.DataFrame(lists).to_parquet("own.parquet")
        return "own.parquet"
    else:
        return to_csv(table, "own.csv", index=False)
    return "own.npz"


@pytest.mark.parametrize("kind", ["npz", "other names", "numbers", "lists", "table"])
def test_the_command_line_that_works_is_shown(load, table, kind, capsys):
    name = _store(table, kind)
    for asked in ([], ["--labels", name], ["--text", name]):
        assert xmodal(["data", f"--image={name}", *asked]) == 2
        error, _, line = capsys.readouterr().err.splitlines()
        assert error.startswith("xmodal data: error: ")
        program, *argv = shlex.split(line)
        assert (program, argv[0]) == ("xmodal", "data")
        data = load_data(build_xmodal_parser()[0].parse_args(argv))
        capsys.readouterr()
        np.testing.assert_array_equal(data.pairs.image, IMAGE)
        np.testing.assert_array_equal(data.pairs.text, TEXT)
        assert len(np.unique(data.y)) == 3


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--image", "own.csv:image_1", "--labels", "own.csv:kind", "--words=a.txt"],
         '--image own.csv:image_1 --labels own.csv:category --words=a.txt'),
        (["--image", "own.csv:image_1", "--labels", "own.csv:category"],
         '--image own.csv:image_1 --labels own.csv:category --text "own.csv:text_*"'),
        (["--image", "own.csv:caption", "--text", "own.csv:text_[01]"],
         '--image "own.csv:image_*" --text "own.csv:text_[01]" '
         "--labels own.csv:category"),
        (["--image", "letters.csv"], None),  # nothing tells what is what
    ],
)  # fmt: skip
def test_what_was_right_stays_in_the_line(load, table, argv, line, capsys):
    to_csv(table, "own.csv", index=False)
    to_csv({"a": [1.5, 2], "b": ["x y", "z"], "c": ["k", "l"]}, "letters.csv")
    Path("a.txt").write_text("\n".join(CAPTIONS), encoding="utf-8")
    assert xmodal(["data", *argv]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == (1 if line is None else 3)
    assert line is None or err[-1] == f"  xmodal data {line}"


def test_words_are_shown_where_there_are_no_text_features(load, capsys):
    np.savez("own.npz", feats=IMAGE, captions=CAPTIONS)
    assert xmodal(["fit", "--image", "own.npz", "--save", "m.xmodal"]) == 2
    line = capsys.readouterr().err.splitlines()[-1].strip()
    assert line == (
        "xmodal fit --image own.npz:feats --save m.xmodal --words own.npz:captions"
    )


def test_a_search_takes_columns_and_shows_them(load, table, capsys):
    to_csv(table, "own.csv", index=False)
    save(CCARetriever(2).fit(IMAGE, TEXT), "m.xmodal")
    argv = ["search", "m.xmodal", "--image", "own.csv", "--query-text", "own.csv"]
    assert xmodal([*argv, "-k", "1"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert xmodal(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out.startswith("query 0\n")


def test_keys_are_told_from_drives():
    assert split_key(r"C:\own\a.csv") == (r"C:\own\a.csv", None)
    assert split_key(r"C:\own\a.csv:image_*") == (r"C:\own\a.csv", "image_*")
    assert split_key("a.parquet:time: s") == ("a.parquet", "time: s")
