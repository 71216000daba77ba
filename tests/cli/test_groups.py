"""Pairs that belong together: counted on both sides of a split, or kept on one."""

import numpy as np
import pytest

from sklearn_xmodal.cli import _compare, main
from sklearn_xmodal.cli._splits import draw_folds, draw_split
from sklearn_xmodal.datasets import make_paired_modalities

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


def test_repeats_are_counted(captions, capsys):
    assert run(captions, "--protocol", "standard") == 0
    out = capsys.readouterr().out
    assert "Warning: standard protocol, split 1: " in out
    assert "of 90 test pictures have the features of one in the training part" in out
    assert "--groups keeps pairs of own files together" in out


@pytest.mark.parametrize("labels", ["y", "no_labels"])
def test_groups_lie_on_one_side_of_splits_and_folds(
    captions, labels, monkeypatch, capsys
):
    seen = []

    def evaluate(*args, rows, cv, **options):
        seen.append((rows, cv))
        return real(*args, rows=rows, cv=cv, **options)

    real = _compare.evaluate_split
    monkeypatch.setattr(_compare, "evaluate_split", evaluate)
    argv = ["--labels", f"{captions}:{labels}", "--groups", f"{captions}:picture"]
    assert run(captions, *argv, "--splits", "2", "--protocol", "standard") == 0
    out = capsys.readouterr().out
    assert "60 groups" in out
    assert "Warning" not in out
    with np.load(captions) as file:
        groups = file["picture"]
    assert len(seen) == 2
    for (train, test), cv in seen:
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
    for fit, check in draw_folds(data, train, "standard", n_splits=3, seed=0):
        assert not set(group[train[fit]]) & set(group[train[check]])
