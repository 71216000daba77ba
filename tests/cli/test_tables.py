"""Tables: what their first rows and columns are, and how they may be written."""

import builtins
import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_xmodal.cli._errors import CommandError
from tests.cli.written import IMAGE, KINDS, MASK, TEXT, N, lines, to_csv, write

COUNTS = np.random.default_rng(3).integers(0, 9, size=(N, 6))
NO, YES = (dict.fromkeys(["image", "text", "labels", "test"], v) for v in (False, True))


def shared_names(frame, name):
    """Write columns 5 to 10 of a wide table, under their numbers."""
    frame = pd.DataFrame(frame)
    frame.columns = range(5, 5 + frame.shape[1])
    return to_csv(frame, name, index=False)


# Files that are one row off


def test_a_header_does_not_stand_in_for_a_label(load):
    write("labels.csv", "kind\n" + lines(KINDS[:-1]))
    with pytest.raises(CommandError) as caught:
        load(labels="labels.csv")
    assert "'kind' in line 1 occurs nowhere below" in str(caught.value)
    assert "leaves 11 values for 12 pairs (--header labels=yes)" in str(caught.value)
    with pytest.raises(CommandError, match=r"got 11 labels .* for 12 pairs"):
        load(labels="labels.csv", header=[YES])


@pytest.mark.parametrize("first", ["ant", "7", "0"])
def test_a_label_too_many_is_no_header(load, first):
    values = KINDS if first == "ant" else np.where(KINDS == "ant", int(first), 3)
    write("labels.csv", lines([first, *values]))
    with pytest.raises(CommandError, match=r"got 13 labels .* for 12 pairs"):
        load(labels="labels.csv")
    if first == "0":  # which pandas writes above a column without a name
        assert load(labels="labels.csv", header=[YES]).y.tolist() == [*map(str, values)]


def test_a_class_of_one_pair_in_the_first_row_is_kept_on_request(load):
    values = ["once", *KINDS[1:]]
    write("labels.csv", lines(values))
    with pytest.raises(CommandError, match="--header labels=no"):
        load(labels="labels.csv")
    assert load(labels="labels.csv", header=[NO]).y.tolist() == values


@pytest.mark.parametrize("values", [IMAGE, COUNTS])
def test_numbers_of_columns_are_no_pair(load, values, capsys):
    shared_names(values, "image.csv")
    np.testing.assert_allclose(load("image.csv").pairs.image, values)
    assert "image.csv: 12 rows" in capsys.readouterr().out


def test_numbers_of_columns_in_both_files_are_no_pair(load):
    shared_names(IMAGE, "image.csv")
    shared_names(TEXT, "text.csv")
    assert len(load("image.csv", "text.csv").pairs) == N


@pytest.mark.parametrize("last", [0.5, 1], ids=["fractions", "a whole column"])
def test_numbers_that_begin_again_are_those_of_joined_tables(load, last):
    numbers = np.arange(6 * N).reshape(N, 6) / 8 + 0.01
    for name, values in (("image.csv", numbers), ("text.csv", -numbers)):
        tables = [pd.DataFrame(values), pd.Series(last * np.arange(N) ** 2)]
        to_csv(pd.concat(tables, axis=1), name, index=False)
    files = ("image.csv", "text.csv")
    if last == 0.5:
        assert len(load(*files).pairs) == N
        return
    with pytest.raises(CommandError, match=r"for 13 or 12 pairs: .*--header yes"):
        load(*files)
    write("labels.csv", lines(KINDS))
    assert len(load(*files, labels="labels.csv").pairs) == N
    few = np.array([[0, 1, 0, 1, 2], *COUNTS[:-1, :5]])  # counts of little things
    np.savetxt("few.csv", few, fmt="%d", delimiter=",")
    assert len(load("few.csv", "text.csv", header=[{"text": True}]).pairs) == N


def test_whole_numbers_under_numbers_of_columns_in_both_files_are_asked_about(load):
    for name in ("image.csv", "text.csv"):
        shared_names(COUNTS, name)
    files = ("image.csv", "text.csv")
    with pytest.raises(CommandError, match=r"for 13 or 12 pairs: .*--header yes"):
        load(*files)
    assert len(load(*files, header=[YES]).pairs) == N
    assert len(load(*files, header=[NO]).pairs) == N + 1
    np.save("y.npy", np.arange(N) % 3)
    assert len(load(*files, labels="y.npy").pairs) == N
    assert len(load(*files, labels=write("y.csv", lines(KINDS))).pairs) == N


def test_a_first_pair_of_0_1_2_3_is_kept(load):
    image = COUNTS[:, :4].copy()
    image[0] = [0, 1, 2, 3]
    to_csv(image, "image.csv", index=False, header=False)
    np.testing.assert_array_equal(load("image.csv").pairs.image, image)


def test_fractions_below_numbers_of_columns_count(load):
    to_csv(IMAGE[:-1], "image.csv", index=False)
    with pytest.raises(CommandError, match=r"got 11 in image.csv \(below a header\)"):
        load("image.csv")
    data = load("image.csv", header=[{"image": False}])
    np.testing.assert_array_equal(data.pairs.image[0], [0, 1, 2, 3])


@pytest.mark.parametrize("n", [N - 1, N + 1])
@pytest.mark.parametrize("header", [True, False])
def test_both_counts_are_told(load, n, header):
    rows = np.vstack([IMAGE, IMAGE[:1]])[:n]
    to_csv(rows, "image.csv", index=False, header=[*"abcd"] if header else False)
    with pytest.raises(CommandError, match=f"got {n} in image.csv .* and 12 in text"):
        load("image.csv")


def test_row_numbers_under_the_header_of_pandas(load):
    rows = [0, 3, 5]
    to_csv(rows, "test.csv", index=False)
    assert load(test="test.csv").test_rows.tolist() == rows
    to_csv(rows, "test.csv", index=False, header=False)
    assert load(test="test.csv", header=[NO]).test_rows.tolist() == rows
    to_csv(rows[1:], "test.csv", index=False)
    with pytest.raises(CommandError, match="--header test=yes"):
        load(test="test.csv")
    assert load(test="test.csv", header=[YES]).test_rows.tolist() == rows[1:]


def test_repeated_row_numbers_of_arrays_are_refused(load):
    np.save("test.npy", [8, 9, 8])
    with pytest.raises(CommandError, match="got 3 numbers of 2 rows, row 8 2 times"):
        load(test="test.npy")


# Columns that name rows


def test_numbers_of_rows_in_arrays_are_no_feature(load, capsys):
    np.save("image.npy", np.column_stack([np.arange(N), IMAGE]))
    np.testing.assert_array_equal(load().pairs.image, IMAGE)
    assert "id column: yes (0, 1, ...), left out" in capsys.readouterr().out
    assert load(id_column=[NO]).pairs.image.shape == (N, 5)


def test_other_whole_numbers_before_fractions_are_asked_about(load):
    ids = 100 + 7 * np.random.default_rng(0).permutation(N)
    to_csv(np.column_stack([ids, IMAGE]), "a.csv", index=False, header=False)
    with pytest.raises(CommandError, match=r"\(--id-column yes\) .*\(--id-column no\)"):
        load("a.csv")
    assert load("a.csv", id_column=[NO]).pairs.image.shape == (N, 5)
    np.testing.assert_allclose(load("a.csv", id_column=[YES]).pairs.image, IMAGE)


def test_names_of_files_before_numbers_are_asked_about(load):
    frame = pd.DataFrame(IMAGE, [f"{i}.jpg" for i in range(N)])
    for header in (False, [*"abcd"]):
        frame.rename_axis("file").to_csv("named.csv", header=header)
        with pytest.raises(CommandError, match="--id-column yes"):
            load("named.csv")
        data = load("named.csv", id_column=[YES])
        np.testing.assert_allclose(data.pairs.image, IMAGE)


def test_files_whose_ids_differ_are_no_pairs(load):
    order = np.r_[1, 0, 2:N]
    pd.DataFrame(IMAGE).to_csv("image.csv")
    pd.DataFrame(TEXT).iloc[order].to_csv("text.csv")
    with pytest.raises(CommandError, match="got '0' and '1' in row 0"):
        load("image.csv", "text.csv")
    pd.Series(KINDS)[order].to_csv("labels.csv")
    with pytest.raises(CommandError, match=r"image.csv and labels.csv must"):
        load("image.csv", labels="labels.csv")
    pd.DataFrame(TEXT).to_csv("text.csv")
    pd.Series(KINDS).to_csv("labels.csv")
    assert load("image.csv", "text.csv", "labels.csv").y.tolist() == KINDS.tolist()


# How tables are written


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("image.csv.gz", {}),
        ("image.tsv.xz", {"sep": "\t"}),
        ("image.csv.bz2", {}),
        ("image.csv", {"sep": ";"}),
        ("image.txt", {"sep": "\t"}),
        ("image.csv", {"sep": "|"}),
        ("image.csv", {"encoding": "utf-16"}),
    ],
)
@pytest.mark.parametrize("header", [[*"äbcd"], False])
def test_what_is_found_out(load, name, options, header):
    to_csv(IMAGE, name, index=False, header=header, **options)
    np.testing.assert_array_equal(load(name).pairs.image, IMAGE)


def test_spaces_as_numpy_writes_them(load):
    np.savetxt("image.txt", IMAGE)
    np.testing.assert_array_equal(load("image.txt").pairs.image, IMAGE)


def test_decimal_commas_are_told_apart_from_names(load):
    write("image.csv", "a;b\n" + lines(["1,5;-0,25"] * N))
    with pytest.raises(CommandError, match=r"line 2, column 1 \(.*decimal point\)"):
        load("image.csv")


def test_what_is_said_of_the_writing(load):
    to_csv(IMAGE, "image.csv", index=False, sep="~")
    np.testing.assert_array_equal(load("image.csv", separator="~").pairs.image, IMAGE)
    to_csv(IMAGE, "image.csv", index=False, header=[*"äbcd"], encoding="latin-1")
    with pytest.raises(CommandError, match=r"image.csv as utf-8.*--encoding"):
        load("image.csv")
    assert len(load("image.csv", encoding="latin-1").pairs) == N
    with pytest.raises(CommandError, match="unknown encoding: nosuch"):
        load("image.csv", encoding="nosuch")
    write("commas.csv", lines(["1,5;2,5"] * N))
    with pytest.raises(CommandError, match="',' and ';' in line 1, give --separator"):
        load("commas.csv")


def test_numbers_are_those_of_python(load):
    values = np.random.default_rng(0).normal(size=(N, 3)) * 10.0 ** np.arange(-9, 9, 6)
    write("image.csv", lines(",".join(map(repr, row)) for row in values.tolist()))
    np.testing.assert_array_equal(load("image.csv").pairs.image, values)


def test_cells_are_named_in_large_tables(load, monkeypatch):
    monkeypatch.setattr("sklearn_xmodal.cli._tables._CELLS_AT_ONCE", 8)
    to_csv(IMAGE, "image.csv", index=False)
    np.testing.assert_array_equal(load("image.csv").pairs.image, IMAGE)
    text = (lines(",".join(map(str, row)) for row in IMAGE)).splitlines()
    for row, message in [
        ("1,2,x,4", "got 'x' in line 7, column 3"),
        ("1,2,3", "got 4 in line 1 and 3 in line 7"),
        ("1,2,3,4,5", "got 4 in line 1 and 5 in line 7"),
        ("1,2,,4", "got '' in line 7, column 3"),
        ("", "line 7 is blank"),
    ]:
        write("image.csv", lines([*text[:6], row, *text[6:]]))
        with pytest.raises(CommandError, match=message):
            load("image.csv")


def test_tables_of_numbers_need_pandas_and_labels_do_not(load, monkeypatch):
    real = builtins.__import__

    def without_pandas(name, *args, **options):
        if name.split(".")[0] == "pandas":
            raise ImportError(name)
        return real(name, *args, **options)

    to_csv(IMAGE, "image.csv", index=False)
    write("labels.csv", lines(KINDS))
    monkeypatch.setattr(builtins, "__import__", without_pandas)
    monkeypatch.delitem(sys.modules, "pandas")
    assert load(labels="labels.csv").y.tolist() == KINDS.tolist()
    with pytest.raises(CommandError, match=r'pip install "sklearn-xmodal\[tables\]"'):
        load("image.csv")


# Column stores. Their own readers are those of pandas: see the last test.


@pytest.fixture
def stored(monkeypatch):
    """Stand in for files: names, and the DataFrames that pandas reads from them."""
    frames = {}
    for reader in ("read_parquet", "read_feather"):
        monkeypatch.setattr(pd, reader, frames.__getitem__)

    def store(name, frame):
        frames[write(name, "")] = frame
        return name

    return store


def test_column_stores(load, stored, capsys):
    index = pd.Index(range(100, 100 + N), name="key")
    names = [*"abcd"]
    image = stored("image.parquet", pd.DataFrame(IMAGE, index, names))
    text = stored(
        "text.feather", pd.DataFrame(TEXT, columns=[*"xyz"]).assign(flag=True)
    )
    kinds = [None, *KINDS[1:]]
    labels = stored("labels.parquet", pd.DataFrame({"id": index, "kind": kinds}))
    data = load(image, text, labels)
    np.testing.assert_array_equal(data.pairs.image, IMAGE)
    assert data.pairs.text.shape == (N, 4)
    assert data.y.tolist() == kinds
    assert "id column: yes (key), left out" in capsys.readouterr().out
    stored("test.parquet", pd.DataFrame({"part": MASK}))
    assert load(image, test="test.parquet").test_rows.tolist() == [8, 9, 10, 11]


def test_column_stores_that_cannot_serve(load, stored):
    stored("image.parquet", pd.DataFrame(IMAGE).assign(kind=KINDS))
    with pytest.raises(CommandError, match="others in kind, among"):
        load("image.parquet")
    stored("labels.parquet", pd.DataFrame({"a": KINDS, "b": KINDS}))
    with pytest.raises(CommandError, match="must be one column: got a, b"):
        load(labels="labels.parquet")


def test_column_stores_from_the_disk(load):
    try:
        pd.DataFrame(IMAGE, columns=[*"abcd"]).to_parquet("image.parquet")
    except ImportError:
        write("image.parquet", "PAR1")
        with pytest.raises(CommandError, match=r"needs pyarrow: pip install .*tables"):
            load("image.parquet")
        return
    np.testing.assert_array_equal(load("image.parquet").pairs.image, IMAGE)
