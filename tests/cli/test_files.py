"""Users' files: what is read, and what is refused with which words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_xmodal.cli import main
from sklearn_xmodal.cli._errors import CommandError
from tests.cli.written import IMAGE, KINDS, MASK, TEXT, N, lines, to_csv, write

# Features


@pytest.mark.parametrize(
    "options",
    [
        {"index": False},
        {"index": False, "header": False},
        {"index": False, "header": ["a", "b c", "", "d"]},
        {"index": False, "lineterminator": "\r\n"},
    ],
)
def test_pandas_tables_keep_every_row(load, options):
    data = load(to_csv(IMAGE, **options))
    np.testing.assert_allclose(data.pairs.image, IMAGE)


@pytest.mark.parametrize(
    ("frame", "header", "said"),
    [
        (pd.DataFrame(IMAGE), True, "yes; id column: yes (no name), left out"),
        (pd.DataFrame(IMAGE), False, "no; id column: yes (0, 1, ...), left out"),
        (
            pd.DataFrame(IMAGE, range(1, N + 1)),
            False,
            "no; id column: yes (1, 2, ...), left out",
        ),
        (
            pd.DataFrame(IMAGE).rename_axis("id"),
            True,
            "yes; id column: yes (id), left out",
        ),
        (
            pd.DataFrame(IMAGE, columns=[*"abcd"]).rename_axis("number"),
            True,
            "yes; id column: yes (0, 1, ...), left out",
        ),
        (
            pd.DataFrame(IMAGE, [f"{i}.jpg" for i in range(N)]).rename_axis("image_id"),
            True,
            "yes; id column: yes (image_id), left out",
        ),
        (
            pd.DataFrame(IMAGE, np.random.default_rng(1).permutation(N)),
            False,
            "no; id column: yes (",
        ),
    ],
)
def test_row_numbers_are_no_feature(load, frame, header, said, capsys):
    frame.to_csv("index.csv", header=header)
    np.testing.assert_allclose(load("index.csv").pairs.image, IMAGE)
    out = capsys.readouterr().out
    assert f"index.csv: 12 rows, 4 columns; header: {said}" in out


def test_one_column_of_whole_numbers_is_a_feature(load):
    data = load(write("one.csv", lines(range(N))))
    np.testing.assert_array_equal(data.pairs.image[:, 0], np.arange(N))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n\n3,4\n", "line 3 is blank"),
        ("a,b\n1,2\n,\n3,4\n", "line 3 is blank"),
        ("a,b\n1,2\n3\n", "got 2 in line 1 and 1 in line 3"),
        ("a,b\n1,2\n3,\n", "'' in line 3, column 2: fill in or drop"),
        ('b,a\n1,"[0.1\n 2]"\n', r"'\[0.1\\n 2\]' in line 2, column 2. A list in a"),
        ('"(0.1, 2)",1\n"(0, 1)",2', "in line 1, column 1. A list in a cell"),
        ('"a\nb",c\n1,2\n3,x\n', "got 'x' in line 4, column 2"),
        ("1,NA\n3,4\n", "in line 1: got 'NA' and '1'"),
        ("a:b\n1:2\n3:4\n", "separated by commas: got '1:2' in line 2"),
        ("a,b\n", "rows below its header"),
        ("1,2\n", "at least 2 rows and 1 column"),
        ("\n \n", "is empty"),
    ],
)
def test_bad_tables_are_refused_by_line(load, text, message):
    with pytest.raises(CommandError, match=message):
        load(write("bad.csv", text))


def test_spaces_and_trailing_blank_rows_are_ignored(load):
    np.savetxt("spaces.csv", IMAGE, delimiter=" , ")
    with Path("spaces.csv").open("a", encoding="utf-8") as file:
        file.write("\n  \n,,,\n")
    np.testing.assert_allclose(load("spaces.csv").pairs.image, IMAGE)
    write("quoted.csv", lines(f'"{kind}"' for kind in KINDS))
    assert load(labels="quoted.csv").y.tolist() == KINDS.tolist()


@pytest.mark.parametrize("role", ["image", "text"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.eye(N) * 1e160, "got 1e\\+160, rescale"),
        (np.eye(N, dtype=np.float32) * 1e20, "as float32: got 1e\\+20, rescale"),
        (np.empty((0, 3)), "at least 2 rows"),
        (np.empty((N, 0)), "at least 2 rows and 1 column"),
        (np.ones((1, 3)), "at least 2 rows"),
        (np.eye(N) * 1j, "numeric matrix"),
        (np.full((N, 2), None), r"holds Python objects.*y\.astype"),
    ],
)
def test_features_that_cannot_serve_are_refused(load, role, values, message):
    np.save("bad.npy", values)
    with pytest.raises(CommandError, match=message):
        load(**{role: "bad.npy"})


@pytest.mark.parametrize("format", ["csr", "csc", "coo", "dia", "bsr"])
@pytest.mark.parametrize("make", [sparse.coo_matrix, sparse.coo_array])
def test_every_sparse_format_is_read(load, format, make):
    sparse.save_npz("sparse.npz", make(TEXT).asformat(format))
    text = load(text="sparse.npz").pairs.text
    np.testing.assert_array_equal(text.toarray(), TEXT)


def test_types_are_made_native_floats(load):
    np.save("counts.npy", np.eye(N, dtype=np.uint8))
    np.save("swapped.npy", IMAGE.astype(IMAGE.dtype.newbyteorder()))
    data = load("swapped.npy", "counts.npy")
    assert data.pairs.image.dtype == data.pairs.text.dtype == np.float64


# Which array of which file


def test_text_is_missing_unless_the_archive_has_it(load):
    np.savez("one.npz", text=IMAGE)
    np.savez("two.npz", X_img=IMAGE, other=TEXT)
    sparse.save_npz("sparse.npz", sparse.csr_array(IMAGE))
    for name in ("one.npz", "two.npz", "sparse.npz", "pairs.npz:X_txt", "image.npy"):
        with pytest.raises(CommandError, match="--text is missing"):
            load(name, text=None)
    with pytest.raises(CommandError, match="must be different"):
        load("one.npz", text="one.npz")
    np.testing.assert_array_equal(load("pairs.npz", None).pairs.text, TEXT)
    np.testing.assert_array_equal(load("two.npz", "two.npz:other").pairs.text, TEXT)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("array.npz", "must be an .npz archive"),
        ("archive.npy", "must be one array"),
        ("words.npy", "no NumPy file"),
        ("objects.npz", "objects.npz:image holds Python objects"),
    ],
)
def test_files_that_are_not_what_they_say(load, name, message):
    with Path("array.npz").open("wb") as file:
        np.save(file, IMAGE)
    with Path("archive.npy").open("wb") as file:
        np.savez(file, IMAGE)
    write("words.npy", "1,2\n3,4\n")
    np.savez("objects.npz", image=np.full((N, 2), None))
    with pytest.raises(CommandError, match=message):
        load(name)


# Labels


@pytest.mark.parametrize("header", ["", "kind\n", "0\n"])
def test_label_header_is_the_row_too_many(load, header):
    y = load(labels=write("labels.csv", header + lines(f" {k} " for k in KINDS))).y
    assert y.tolist() == KINDS.tolist()


def test_labels_in_arrays_are_read(load):
    np.savez("all.npz", X_img=IMAGE, X_txt=TEXT, y=KINDS.astype("S"))
    assert load("all.npz", None).y.tolist() == KINDS.tolist()
    np.save("y.npy", np.arange(N)[:, None] % 3.0)
    assert load(labels="y.npy").y.tolist() == (np.arange(N) % 3).tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines(KINDS[:2]) + "\n" + lines(KINDS[2:]), "line 3 is blank"),
        (lines(KINDS[:5]), r"got 5 labels \(and no header.*\) for 12 pairs"),
        (lines(f"b{i},a" for i in range(N)), r"1-D array.* got shape \(12, 2\)"),
    ],
)
def test_bad_label_tables_are_refused_by_line(load, text, message):
    with pytest.raises(CommandError, match=message):
        load(labels=write("labels.csv", text))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(MASK, np.inf, 1), "huge numbers such as inf"),
        (np.array("ant"), r"1-D array.* got shape \(\)"),
        (np.ones(N) * 1j, "numbers or strings: got type complex128"),
    ],
)
def test_bad_label_arrays_are_refused(load, values, message):
    np.save("y.npy", values)
    with pytest.raises(CommandError, match=message):
        load(labels="y.npy")


def test_sparse_labels_are_refused_with_their_shape(load):
    sparse.save_npz("y.npz", sparse.csr_matrix(np.eye(N)))
    with pytest.raises(CommandError, match=r"1-D array.* sparse .* \(12, 12\)"):
        load(labels="y.npz")


# Test part


@pytest.mark.parametrize(
    "values",
    [
        MASK,
        MASK.astype(int),
        MASK.astype(float),
        MASK[:, None],
        MASK.astype(str),
        np.flatnonzero(MASK),
        np.flatnonzero(MASK)[::-1].astype(float),
    ],
)
def test_masks_and_row_numbers_in_arrays(load, values):
    np.save("test.npy", values)
    assert load(test="test.npy").test_rows.tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize(
    "text",
    [
        lines(MASK),
        "test\n" + lines(MASK),
        "0\n" + lines(MASK),
        lines(MASK.astype(int)),
        "test\n" + lines(MASK.astype(float)),
        "row\n8\n9\n10\n11\n",
        "8, 9, 10, 11\n",
        ",row\n0,8\n1,9\n2,10\n3,11\n",
    ],
)
def test_masks_and_row_numbers_in_tables(load, text):
    assert load(test=write("test.csv", text)).test_rows.tolist() == [8, 9, 10, 11]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3\n-2\n", "row numbers or a mask of 12 entries, from 0 to 11: got -2"),
        ("3\n12\n", "from 0 to 11: got 12"),
        ("3\n4.5\n", "got 4.5"),
        ("3\nnan\n", "got nan"),
        ("3\nfour\n", "got 'four'"),
        (lines(MASK[1:].astype(int)), "got a mask of 11"),
        ("True\nFalse\n", "got a mask of 2"),
        (lines([0] * N), "not all: got 0"),
        (lines(range(N)[::-1]), "not all: got 12"),
        ("3\n5\n3\n", "each of them once: got 3 numbers of 2 rows, row 3 2 times"),
        ("0\n3\n5\n", "--header test=yes or --header test=no"),
        ("0\n" + lines(MASK.astype(int)), "--header test=yes or --header test=no"),
        ("row\n" + lines(MASK[1:].astype(int)), "got a mask of 11"),
        ("1,2\n3,4\n", r"1-D array: got shape \(2, 2\)"),
    ],
)
def test_bad_test_rows_are_named(load, text, message):
    with pytest.raises(CommandError, match=message):
        load(test=write("test.csv", text))


def test_a_split_that_lies_ready_is_pointed_out(load, capsys):
    np.savez("split.npz", X_img=IMAGE, X_txt=TEXT, test_idx=[8, 9])
    assert load("split.npz", None).test_rows is None
    hint = "split.npz holds test_idx: give --test split.npz:test_idx to use that split."
    assert capsys.readouterr().out == hint + "\n"
    rows = load("split.npz", None, test="split.npz:test_idx").test_rows
    assert rows.tolist() == [8, 9]
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("load")
def test_the_command_ends_with_one_line(capsys):
    to_csv(IMAGE[:-1], "index.csv")
    argv = ["--image", "index.csv", "--text", "text.npy", "--methods", "cca"]
    assert main([*argv, "--quick", "--n-jobs", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
