"""Labels in files: which are none, and which are one class."""

import csv
import unicodedata

import numpy as np
import pandas as pd
import pytest

from sklearn_xmodal.cli import _compare, main
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.protocols import _evaluation, inner_folds
from tests.cli.written import KINDS, N, lines, write

MISSING = np.arange(N) % 4 == 1


@pytest.mark.parametrize("word", ["", "nan", "NaN", "None", "<NA>"])
def test_blank_nan_and_none_are_no_label(load, word):
    expected = [
        None if gone else kind for kind, gone in zip(KINDS, MISSING, strict=True)
    ]
    values = np.where(MISSING, word, KINDS)
    write("labels.csv", "kind\n" + lines(value or '""' for value in values))
    data = load(labels="labels.csv")
    assert data.y.tolist() == expected
    assert "3 classes, 3 pairs without a label" in data.describe()
    np.save("labels.npy", values)
    assert load(labels="labels.npy").y.tolist() == expected


def test_missing_numbers_are_no_label(load):
    y = np.arange(N) % 3
    expected = np.where(MISSING, -1, y).tolist()
    np.save("labels.npy", np.where(MISSING, np.nan, y))
    assert load(labels="labels.npy").y.tolist() == expected
    np.save("labels.npy", np.where(MISSING, -1, y))
    assert load(labels="labels.npy").labelled.tolist() == (~MISSING).tolist()
    # As pandas writes numbers among which some are missing.
    pd.DataFrame({"y": np.where(MISSING, np.nan, y)}).to_csv("labels.csv", index=False)
    data = load(labels="labels.csv")
    assert set(data.y) == {None, "0", "1", "2"}
    assert data.labelled.tolist() == (~MISSING).tolist()
    write("labels.csv", lines(np.where(MISSING, -1, y)))
    assert load(labels="labels.csv").labelled.tolist() == (~MISSING).tolist()


@pytest.mark.parametrize("save", ["csv", "npy"])
def test_one_class_however_it_is_written(load, save):
    written = ["1", "1.0", "01", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"]
    written += [unicodedata.normalize("NFD", written[-1]), "2.50"]
    values = [written[i % 6] for i in range(N)]
    if save == "csv":
        write("labels.csv", lines(values))
    else:
        np.save("labels.npy", values)
    y = load(labels=f"labels.{save}").y
    assert sorted(set(y)) == ["01", "1", "2.50", written[3]]


def test_no_label_at_all_is_retrieval_by_pair(load, capsys):
    data = load(labels=write("labels.csv", lines(['""'] * N)))
    assert data.y is None
    assert "No pair has a label." in capsys.readouterr().out


@pytest.fixture
def partly(tmp_path):
    """Write pairs of which one in four has no label."""
    X_img, X_txt, y = make_paired_modalities(160, n_classes=4, random_state=0)
    y = np.where(np.arange(160) % 4 == 0, np.nan, y)
    np.savez(tmp_path / "pairs.npz", X_img=X_img, X_txt=X_txt, y=y)
    return tmp_path / "pairs.npz"


def test_pairs_without_a_label_train_what_needs_none(partly, monkeypatch, capsys):
    seen = {}

    def evaluate(method, pairs, y, protocol, split, *, rows, **options):
        record = real(method, pairs, y, protocol, split, rows=rows, **options)
        seen[protocol, method.title] = rows, folds.pop()
        return record

    def draw(*args, **options):
        folds.append(inner_folds(*args, **options))
        return folds[-1]

    folds = []
    real = _compare.evaluate_split
    monkeypatch.setattr(_compare, "evaluate_split", evaluate)
    monkeypatch.setattr(_evaluation, "inner_folds", draw)
    out = partly.parent / "out"
    argv = ["--image", str(partly), "--out", str(out), "--quick", "--n-jobs", "1"]
    assert main([*argv, "--methods", "cca", "sm"]) == 0
    printed = capsys.readouterr().out
    assert "4 classes, 40 pairs without a label" in printed
    assert "mAP, 124 training pairs (84 with labels), 36 test pairs" in printed
    with np.load(partly) as file:
        gone = np.flatnonzero(np.isnan(file["y"]))
    with (out / "results.csv").open(encoding="utf-8") as file:
        assert all(float(r["mean"]) > float(r["chance"]) for r in csv.DictReader(file))
    for (protocol, method), ((train, test), cv) in seen.items():
        assert not np.isin(test, gone).any()
        used = protocol == "standard" and method == "CCA"
        assert np.isin(gone, train).sum() == (40 if used else 0)
        for fit, check in cv:
            assert not set(fit) & set(check)
            assert np.isin(gone, train[fit]).all() == used
            assert not np.isin(gone, train[check]).any()


def test_a_given_test_part_is_scored_where_it_has_labels(partly):
    np.save(partly.parent / "test.npy", np.arange(100, 160))
    argv = ["--image", str(partly), "--test", str(partly.parent / "test.npy")]
    argv += ["--quick", "--n-jobs", "1", "--methods", "cca", "--protocol", "standard"]
    assert main([*argv, "--out", str(partly.parent / "out")]) == 0
    with (partly.parent / "out" / "results.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["n_train"], row["n_test"]) == ("100", "45")
