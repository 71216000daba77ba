"""Pairs that belong together: counted on both sides of a split, or kept on one."""

import csv
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_xmodal.cli import _compare, _main, main
from sklearn_xmodal.cli._splits import draw_split
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.protocols import _evaluation, inner_folds
from tests.conftest import thorough_but
from tests.metrics import textbook

RUN = ["--quick", "--n-jobs", "1", "--methods", "cca"]


@pytest.fixture
def captions(tmp_path):
    """Write five captions each of 60 pictures."""
    X_img, X_txt, y = make_paired_modalities(300, n_classes=4, random_state=0)
    picture = np.arange(300) % 60
    np.savez(
        tmp_path / "captions.npz",
        X_img=X_img[picture],
        X_txt=X_txt,
        y=y[picture],
        picture=picture,
        no_labels=np.full(300, np.nan),
    )
    return tmp_path / "captions.npz"


def run(path, *arguments):
    return main(["--image", str(path), "--out", str(path.parent), *RUN, *arguments])


@pytest.mark.parametrize("labels", thorough_but(["no_labels"], ["y", "no_labels"]))
def test_repeats_are_counted(captions, labels, capsys):
    argv = ["--labels", f"{captions}:{labels}", "--protocol", "standard"]
    assert run(captions, *argv) == 0
    out, err = capsys.readouterr()
    told = re.findall(r"^Warning: (.*)$", out, re.MULTILINE)
    assert told[-1].startswith("standard protocol, split 1: ")
    # What is kept and passed on tells all of it too, before the figures.
    page = (captions.parent / "report.html").read_text(encoding="utf-8")
    box = page.split('class="outcome"')[0]
    assert [text for text in told if f"<li>{text}</li>" in box] == told
    assert "read all this with care" in " ".join(out.split())
    assert "of 90 test pictures have the features of one in the training part" in out
    assert "--groups keeps pairs of own files together" in out
    # Where copies are of one class they are right answers; and one warning will do.
    n_told = out.count("300 pairs have 60 different pictures, and each copy counts")
    assert n_told == (labels == "no_labels")
    assert "each copy counts" not in err


def _average_precision(codes, y, picture):
    """Mean AP of each direction by loops over distinct pictures and all texts."""
    Z_img, Z_txt = (Z / np.linalg.norm(Z, axis=1)[:, None] for Z in codes)
    first = np.unique(picture, return_index=True)[1]
    values = []
    for query, gallery, asked, held in (
        (Z_img[first], Z_txt, y[first], y),
        (Z_txt, Z_img[first], y, y[first]),
    ):
        orders = np.argsort(-query @ gallery.T, axis=1, kind="stable")
        values.append(
            np.mean(
                [
                    textbook.average_precision(held == own, order)
                    for own, order in zip(asked, orders, strict=True)
                ]
            )
        )
    return values


@pytest.mark.parametrize("labels", thorough_but(["no_labels"], ["y", "no_labels"]))
def test_scores_count_a_picture_once(captions, labels, monkeypatch, capsys):
    runs = []

    def report(done, *args):
        runs.extend(done)
        return real(done, *args)

    real = _main.report
    monkeypatch.setattr(_main, "report", report)
    argv = ["--labels", f"{captions}:{labels}", "--groups", f"{captions}:picture"]
    assert run(captions, *argv, "--protocol", "standard") == 0
    with np.load(captions) as file:
        picture = file["picture"]
        y = picture if labels == "no_labels" else file["y"]
    (done,) = runs
    want = _average_precision(done.codes, y[done.test_rows], picture[done.test_rows])
    assert_allclose([done.image_to_text, done.text_to_image], want)
    for way in done.curves:
        precision, recall = done.curves[way]
        assert precision[-1] <= precision[0]
        assert len(precision) == len(recall) == 11
    n_images = len(set(picture[done.test_rows]))
    out = capsys.readouterr().out
    assert f"{5 * n_images} test pairs" in out
    assert f"whose {n_images} pictures count once each" in out
    is_paired = "all texts of a picture are relevant to it" in out
    assert is_paired == (labels == "no_labels")
    with (captions.parent / "results.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["n_test_images"] == str(n_images)


@pytest.mark.thorough
def test_larger_groups_are_kept_together_and_count_one_by_one(captions, capsys):
    with np.load(captions) as file:
        np.save(captions.parent / "place.npy", file["picture"] // 2)
    argv = ["--labels", f"{captions}:no_labels", "--protocol", "standard"]
    argv += ["--groups", str(captions.parent / "place.npy")]
    assert run(captions, *argv) == 0
    out = capsys.readouterr().out
    assert "30 groups" in out
    assert "whose 18 pictures count once each" in out


@pytest.mark.parametrize("labels", ["y", "no_labels"])
def test_groups_lie_on_one_side_of_splits_and_folds(
    captions, labels, monkeypatch, capsys
):
    rows, folds = [], []

    def evaluate(*args, **options):
        rows.append(options["rows"])
        return real(*args, **options)

    def draw(*args, **options):
        folds.append(inner_folds(*args, **options))
        return folds[-1]

    real = _compare.evaluate_split
    monkeypatch.setattr(_compare, "evaluate_split", evaluate)
    monkeypatch.setattr(_evaluation, "inner_folds", draw)
    argv = ["--labels", f"{captions}:{labels}", "--groups", f"{captions}:picture"]
    assert run(captions, *argv, "--splits", "2", "--protocol", "standard") == 0
    out = capsys.readouterr().out
    assert "60 groups" in out
    assert "Warning" not in out
    with np.load(captions) as file:
        groups = file["picture"]
    assert len(rows) == 2
    for (train, test), cv in zip(rows, folds, strict=True):
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(300))
        assert 0.25 < len(test) / 300 < 0.4
        for fit, check in cv:
            assert not set(groups[train[fit]]) & set(groups[train[check]])


@pytest.mark.parametrize(
    ("groups", "arguments", "message"),
    [
        (np.arange(300) % 5, [], "needs at least 6 groups (--groups): got 5"),
        (np.arange(300) // 2, ["--test", "@"], "got 1 groups on both sides"),
        (
            np.arange(300) % 60 % 6,
            ["--protocol", "extendable"],
            "needs groups (--groups) of one class each",
        ),
        (np.arange(299), [], "must have one group per pair: got 299 groups for 300"),
        (np.full(300, ""), [], "must name the group of every pair: got none in row 0"),
    ],
)
def test_groups_that_cannot_be_kept_together(
    captions, groups, arguments, message, capsys
):
    np.save(captions.parent / "groups.npy", groups)
    np.save(captions.parent / "test.npy", np.arange(0, 101))
    arguments = [a.replace("@", str(captions.parent / "test.npy")) for a in arguments]
    argv = ["--groups", str(captions.parent / "groups.npy"), *arguments]
    protocol = [] if "--protocol" in argv else ["--protocol", "standard"]
    assert run(captions, *argv, *protocol) == 2
    assert message in capsys.readouterr().err


def test_pairs_without_a_label_stay_with_their_group(load):
    X_img, X_txt, y = make_paired_modalities(120, n_classes=3, random_state=0)
    group = np.arange(120) % 30
    y = np.where(np.arange(120) < 90, y[group], -1)
    np.savez("pairs.npz", X_img=X_img, X_txt=X_txt, y=y, group=group)
    data = load("pairs.npz", None, groups="pairs.npz:group")
    train, test = draw_split(data, "standard", 0)
    assert not set(group[train]) & set(group[test])
    assert (y[train] == -1).sum() > 10
    for fit, check in inner_folds(
        data.pairs[train], data.y[train], groups=group[train], random_state=0
    ):
        assert not set(group[train[fit]]) & set(group[train[check]])
