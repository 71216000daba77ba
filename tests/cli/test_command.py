"""The command, run as a user runs it."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from sklearn_xmodal.cli import _compare, _main, main
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.protocols import evaluate_split, split_pairs
from tests.conftest import thorough_but

QUICK = ["--quick", "--n-jobs", "1"]
TABLES = ["--image", "@image.csv", "--text", "@text.csv"]
BOTH = ["cca", "sm"]
FAST = [*QUICK, "--methods", "cca"]


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    """Train networks for a few steps: what comes out is not asked here."""
    monkeypatch.setattr(_main, "QUICK", _main.QUICK._replace(max_steps=20))


@pytest.fixture
def files(tmp_path):
    """Write one small data set in several formats."""
    X_img, X_txt, y = make_paired_modalities(160, n_classes=4, random_state=0)
    np.savez(tmp_path / "all.npz", X_img=X_img, X_txt=X_txt, y=y)
    np.savez(tmp_path / "no_labels.npz", X_img=X_img, X_txt=X_txt)
    np.save(tmp_path / "image.npy", X_img)
    sparse.save_npz(tmp_path / "text.npz", sparse.csr_matrix(X_txt.clip(0)))
    np.savetxt(tmp_path / "image.csv", X_img, delimiter=",")
    header = ",".join(f"column{i}" for i in range(X_txt.shape[1]))
    np.savetxt(tmp_path / "text.csv", X_txt, delimiter=",", header=header, comments="")
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    (tmp_path / "labels.csv").write_text("\n".join(names))
    (tmp_path / "labels_header.csv").write_text("kind\n" + "\n".join(names))
    np.save(tmp_path / "rows.npy", np.arange(120, 160))
    np.save(tmp_path / "mask.npy", np.arange(160) >= 120)
    return tmp_path


def read_results(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run_files(files, arguments, out="out"):
    argv = [a.replace("@", f"{files}/") for a in arguments]
    return main([*argv, "--out", str(files / out)])


def test_a_run_writes_table_file_and_pictures(files, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    argv = ["--image", str(files / "all.npz"), *QUICK]
    argv += ["--methods", *BOTH]
    status = main([*argv, "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert status == 0
    assert "Standard protocol" in out
    assert "Extendable protocol" in out
    rows = read_results(tmp_path)
    assert len(rows) == 2 * len(BOTH)
    for row in rows:
        both = float(row["image_to_text"]) + float(row["text_to_image"])
        assert float(row["mean"]) == pytest.approx(both / 2)
        assert 0 < float(row["chance"]) < float(row["mean"]) <= 1
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "precision_recall.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    for row in rows:
        assert row["method"] in page


def test_same_seed_gives_same_figures(files, tmp_path):
    def figures(name):
        out = tmp_path / name
        argv = ["--image", str(files / "all.npz"), *QUICK, "--protocol", "extendable",
                "--methods", "msln"]  # fmt: skip
        assert main([*argv, "--seed", "3", "--out", str(out)]) == 0
        return [{**row, "seconds": None} for row in read_results(out)]

    assert figures("a") == figures("b")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--image", "@all.npz"],
        ["--image", "@all.npz:X_img", "--text", "@all.npz:X_txt"],
        ["--image", "@image.npy", "--text", "@text.npz", "--labels", "@all.npz:y"],
        [*TABLES, "--labels", "@labels.csv"],
        [
            "--image",
            "@image.csv",
            "--text",
            "@text.csv",
            "--labels",
            "@labels_header.csv",
        ],
    ],
    ids=["one npz", "keys", "npy and sparse", "csv", "csv with headers"],
)
def test_own_files_of_every_format_are_compared(files, arguments, capsys):
    assert run_files(files, [*arguments, *FAST]) == 0
    assert "160 pairs" in capsys.readouterr().out
    assert {row["protocol"] for row in read_results(files / "out")} == {
        "standard",
        "extendable",
    }


def test_csv_and_npz_of_the_same_data_give_the_same_figures(files):
    argv = [*TABLES, "--labels", "@labels.csv", *FAST]
    assert run_files(files, argv, "a") == 0
    assert run_files(files, ["--image", "@all.npz", *FAST], "b") == 0
    for a, b in zip(read_results(files / "a"), read_results(files / "b"), strict=True):
        assert float(a["mean"]) == pytest.approx(float(b["mean"]), abs=1e-9)


@pytest.mark.parametrize("rows", ["rows.npy", "mask.npy"])
def test_given_test_rows_are_the_test_part(files, rows):
    argv = ["--image", "@all.npz", "--test", f"@{rows}", "--protocol", "standard"]
    assert run_files(files, [*argv, *FAST]) == 0
    (row,) = read_results(files / "out")
    assert (row["n_train"], row["n_test"]) == ("120", "40")


def test_pairs_without_labels_are_scored_as_pairs(files, capsys):
    argv = ["--image", "@no_labels.npz", *QUICK, "--methods", "cca", "kcca"]
    assert run_files(files, argv) == 0
    out = capsys.readouterr().out
    assert "only the other half of a pair is relevant" in out
    rows = read_results(files / "out")
    assert [row["method"] for row in rows] == ["CCA", "KCCA"]
    n = int(rows[0]["n_test"])
    # One relevant item of n: the expected reciprocal rank is the harmonic mean.
    chance = sum(1 / r for r in range(1, n + 1)) / n
    assert float(rows[0]["chance"]) == pytest.approx(chance)


@pytest.mark.parametrize("archive", ["all", "no_labels"])
def test_a_method_named_twice_is_run_once(archive, files):
    argv = ["--image", f"@{archive}.npz", "--protocol", "standard", *FAST, "cca"]
    assert run_files(files, argv) == 0
    assert len(read_results(files / "out")) == 1


def test_several_splits_show_mean_and_deviation(files, capsys):
    argv = ["--image", "@all.npz", "--splits", "3", *FAST, "--protocol", "standard"]
    assert run_files(files, argv) == 0
    assert "±" in capsys.readouterr().out
    assert [row["split"] for row in read_results(files / "out")] == ["0", "1", "2"]


def test_small_classes_are_left_out_on_request(files, capsys):
    y = np.zeros(160, dtype=int)
    y[:78], y[78:156], y[156:] = 0, 1, 2
    np.save(files / "y.npy", y)
    argv = ["--image", "@no_labels.npz", "--labels", "@y.npy", *FAST]
    argv += ["--protocol", "standard"]
    assert run_files(files, argv) == 2
    assert "--min-class-size 5" in capsys.readouterr().err
    assert run_files(files, [*argv, "--min-class-size", "5"]) == 0
    assert "Left out 1 of 3 classes" in capsys.readouterr().out


def write_bad_files(files):
    rng = np.random.default_rng(0)
    bad = rng.normal(size=(160, 3))
    bad[7, 1] = np.nan
    np.save(files / "nan.npy", bad)
    np.save(files / "short.npy", bad[:5])
    np.save(files / "flat.npy", rng.normal(size=160))
    np.save(files / "strings.npy", np.full((160, 2), "a"))
    np.save(files / "half.npy", rng.normal(size=160))
    np.save(files / "ones.npy", np.ones(160))
    np.save(files / "constant.npy", np.ones((160, 3)))
    (files / "broken.npz").write_bytes(b"PK not a zip")
    (files / "empty.csv").write_text("")
    (files / "ragged.csv").write_text("1,2\n3\n")
    (files / "words.csv").write_text("1,2\n3,four\n")
    (files / "table.xls").write_text("1")


TEXT = ["--text", "@all.npz"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "nosuch"], "unknown data set 'nosuch'"),
        (["--dataset", "glyphs", "--image", "@all.npz"], "not both"),
        (["--text", "@all.npz"], "--text needs --image"),
        (["--image", "@nosuch.npz"], "no such file"),
        (["--image", "@broken.npz"], "cannot read"),
        (["--image", "@all.npz:nosuch"], "no array 'nosuch'"),
        (["--image", "@image.npy"], "--text is missing"),
        (["--image", "@table.xls"], "expected .npz"),
        (["--image", "@empty.csv", *TEXT], "is empty"),
        (["--image", "@ragged.csv", *TEXT], "same number of columns"),
        (["--image", "@words.csv", *TEXT], "must hold numbers"),
        (["--image", "@nan.npy", *TEXT], "NaN or infinity"),
        (["--image", "@short.npy", *TEXT], "got 5 in"),
        (["--image", "@flat.npy", *TEXT], "numeric matrix"),
        (["--image", "@strings.npy", *TEXT], "numeric matrix"),
        (["--image", "@all.npz", "--labels", "@half.npy"], "got fractions"),
        (["--image", "@all.npz", "--labels", "@short.npy"], "one label per pair"),
        (["--image", "@all.npz", "--labels", "@ones.npy"], "at least 2 classes"),
        (["--image", "@all.npz", "--test", "@half.npy"], "row numbers or a mask"),
        (["--image", "@no_labels.npz", "--methods", "msln"], "needs class labels"),
        (
            ["--image", "@no_labels.npz", "--protocol", "extendable"],
            "needs class labels",
        ),
        (["--image", "@constant.npy", *TEXT, *FAST], "must vary"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_a_user_can_mend_is_one_line_and_status_2(
    files, arguments, message, capsys
):
    write_bad_files(files)
    assert run_files(files, arguments) == 2
    error, *way = capsys.readouterr().err.splitlines()
    assert message in error
    assert error.startswith("xmodal compare: error: ")
    assert way == [] or "no array" in error  # the names of the others are shown


@pytest.mark.parametrize(
    "arguments", [["--seed", "-1"], ["--splits", "0"], ["--methods", "nosuch"]]
)
def test_bad_options_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error: argument" in capsys.readouterr().err


def test_module_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "sklearn_xmodal", "--dataset", "nosuch"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("dataset", [[], ["--dataset", "glyphs"]])
def test_run_without_files_draws_a_sheet_of_what_is_retrieved(dataset, tmp_path):
    pytest.importorskip("matplotlib")
    argv = [*dataset, *FAST, "--protocol", "extendable", "--out", str(tmp_path)]
    assert main(argv) == 0
    assert (tmp_path / "retrieved_extendable.png").stat().st_size > 10_000


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["pascal", "wikipedia"])
def test_real_files_are_compared(name, shared_data, tmp_path):
    path = {
        "wikipedia": shared_data / "wikipedia" / "wikipedia.npz",
        "pascal": shared_data / "pascal_sentence" / "pascal_mdlcw.npz",
    }[name]
    argv = ["--image", str(path), *QUICK, "--methods", "cca", "kcca"]
    assert main([*argv, "--out", str(tmp_path)]) == 0
    for row in read_results(tmp_path):
        assert float(row["mean"]) > float(row["chance"]) + 0.03


def test_finished_work_ends_with_what_it_says(files, capsys):
    assert run_files(files, ["--image", "@all.npz", *FAST]) == 0
    conclusion = " ".join(capsys.readouterr().out.split("\n\n")[-1].split())
    assert conclusion.startswith("A first look (--quick)")
    assert "On seen classes (one split) CCA has mAP 0." in conclusion
    assert "On unseen classes (one split) CCA has mAP 0." in conclusion


def test_finished_work_is_reported_before_an_error(files, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise ValueError("no luck")

    monkeypatch.setattr("sklearn_xmodal.cross_decomposition.KCCARetriever._fit", fail)
    argv = ["--image", "@all.npz", *QUICK, "--methods", "cca", "kcca"]
    assert run_files(files, argv) == 2
    captured = capsys.readouterr()
    assert "KCCA: no luck" in captured.err
    assert "Standard protocol" in captured.out
    assert "On seen classes" not in captured.out  # KCCA might have been ahead
    assert [row["method"] for row in read_results(files / "out")] == ["CCA"]


def test_interrupt_reports_finished_work_and_ends_with_status_130(
    files, monkeypatch, capsys
):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "sklearn_xmodal.cross_decomposition.KCCARetriever._fit", interrupt
    )
    argv = ["--image", "@all.npz", *QUICK, "--methods", "cca", "kcca"]
    assert run_files(files, argv) == 130
    assert capsys.readouterr().err == "xmodal compare: interrupted\n"
    assert len(read_results(files / "out")) == 1


def test_protocol_that_the_labels_do_not_allow_is_left_out_with_its_reason(
    files, capsys
):
    np.save(files / "two.npy", np.arange(160) % 2)
    argv = ["--image", "@no_labels.npz", "--labels", "@two.npy", *FAST]
    assert run_files(files, argv) == 0
    assert "Left out: the extendable protocol needs at least 4 classes: got 2." in (
        capsys.readouterr().out
    )
    assert run_files(files, [*argv, "--protocol", "extendable"]) == 2


def test_test_part_must_hold_seen_classes(files, capsys):
    with np.load(files / "all.npz") as archive:
        y = archive["y"]
    rows = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:5]])
    np.save(files / "unseen.npy", rows)
    argv = ["--image", "@all.npz", "--test", "@unseen.npy", "--protocol", "standard"]
    assert run_files(files, [*argv, *FAST]) == 2
    assert "--test takes all pairs of 1 classes, such as 0" in capsys.readouterr().err


def test_few_pairs_are_too_few(tmp_path, capsys):
    rng = np.random.default_rng(0)
    path = tmp_path / "few.npz"
    np.savez(path, X_img=rng.normal(size=(6, 3)), X_txt=rng.normal(size=(6, 3)))
    assert main(["--image", str(path), "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "needs at least 12 training pairs to tune and compare: got 4 of 6" in err


@pytest.fixture
def unequal(tmp_path):
    """Write 40 pairs, of which two classes of four hold 32."""
    X_img, X_txt, _ = make_paired_modalities(40, n_classes=4, random_state=0)
    y = np.repeat([0, 1, 2, 3], [5, 5, 15, 15])
    path = tmp_path / "unequal.npz"
    np.savez(path, X_img=X_img, X_txt=X_txt, y=y)
    return ["--image", str(path), "--out", str(tmp_path), *FAST]


def _unequal_sizes(seed):
    y = np.repeat([0, 1, 2, 3], [5, 5, 15, 15])
    return len(split_pairs(y, y, "extendable", random_state=seed)[0])


def test_training_pairs_of_the_extendable_protocol_are_counted(unequal, capsys):
    few = next(seed for seed in range(99) if _unequal_sizes(seed) == 10)
    argv = [*unequal, "--seed", str(few)]
    assert main([*argv, "--protocol", "extendable"]) == 2
    message = "needs at least 12 training pairs to tune and compare: got 10 of 40 pairs"
    assert f"--protocol extendable {message}" in capsys.readouterr().err
    assert main(argv) == 0
    assert f"Left out: the extendable protocol {message}." in capsys.readouterr().out


def test_every_split_needs_enough_training_pairs(unequal, capsys):
    seed = next(
        seed
        for seed in range(99)
        if _unequal_sizes(seed) > 10 and _unequal_sizes(seed + 1) == 10
    )
    argv = [*unequal, "--protocol", "extendable", "--seed", str(seed)]
    assert main(argv) == 0
    assert main([*argv, "--splits", "2"]) == 2
    assert "got 10 of 40 pairs" in capsys.readouterr().err


def test_a_given_test_part_does_not_count_for_the_extendable_protocol(
    files, tmp_path, capsys
):
    np.save(tmp_path / "most.npy", np.arange(8, 160))
    argv = ["--image", "@all.npz", "--test", "@most.npy", *FAST]
    assert run_files(files, argv) == 0
    assert (
        "Left out: the standard protocol needs at least 12" in capsys.readouterr().out
    )
    assert {row["protocol"] for row in read_results(files / "out")} == {"extendable"}


def test_small_data_are_compared_by_every_method(tmp_path):
    X_img, X_txt, y = make_paired_modalities(40, n_classes=4, random_state=0)
    path = tmp_path / "small.npz"
    np.savez(path, X_img=X_img, X_txt=X_txt, y=y)
    argv = ["--image", str(path), *QUICK, "--out", str(tmp_path)]
    assert main([*argv, "--methods", "cca", "kcca"]) == 0
    assert len(read_results(tmp_path)) == 4


@pytest.mark.parametrize("n_classes", thorough_but([4], [4, 5, 6, 7]))
def test_few_classes_are_enough_for_both_protocols(n_classes, tmp_path):
    X_img, X_txt, y = make_paired_modalities(140, n_classes=n_classes, random_state=0)
    np.savez(tmp_path / "few.npz", X_img=X_img, X_txt=X_txt, y=y)
    argv = ["--image", str(tmp_path / "few.npz"), "--out", str(tmp_path)]
    assert main([*argv, *QUICK, "--methods", "cca", "sm"]) == 0
    assert len(read_results(tmp_path)) == 4


def test_pictures_of_what_came_before_an_error(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    X_img, X_txt, y = make_paired_modalities(160, n_classes=4, random_state=0)
    np.savez(tmp_path / "pairs.npz", X_img=X_img, X_txt=X_txt, y=y)
    fitted = []

    def fit_or_fail(method, *args, **options):
        fitted.append(method)
        if len(fitted) == 4:
            raise ValueError("no more")
        return evaluate_split(method, *args, **options)

    monkeypatch.setattr(_compare, "evaluate_split", fit_or_fail)
    argv = ["--image", str(tmp_path / "pairs.npz"), "--out", str(tmp_path / "out")]
    assert main([*argv, *QUICK, "--methods", "cca", "kcca"]) == 2
    assert (tmp_path / "out" / "map.png").stat().st_size > 1000
