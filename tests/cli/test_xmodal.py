"""`xmodal` and its commands, run as a user runs them."""

import csv
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_xmodal import CCARetriever, ImageTextPairs, RetrievalIndex, load, save
from sklearn_xmodal.cli import main, xmodal
from sklearn_xmodal.cli._data import DATASETS
from sklearn_xmodal.cli._main import LIGHT
from sklearn_xmodal.cli._program import COMMANDS, build_xmodal_parser
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.persistence import read_card
from sklearn_xmodal.protocols import ALL_METHODS

QUICK = ["--quick", "--jobs", "1"]
COLOURS, THINGS = ("red", "blue", "green", "grey"), ("car", "dog", "tree", "house")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Coloured things as features, their captions and kinds in one table."""
    pytest.importorskip("skops")
    path = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    colour, thing = rng.integers(4, size=(2, 120))
    X = np.hstack([np.eye(4)[colour], np.eye(4)[thing]])
    X += 0.05 * rng.normal(size=X.shape)
    np.save(path / "photos.npy", X)
    np.save(path / "two.npy", X[:2])
    (path / "words.csv").write_text("caption\na red car\na blue dog\n")
    with (path / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "caption", "kind", "made"])
        for i, (c, t) in enumerate(zip(colour, thing, strict=True)):
            writer.writerow([f"{i}.png", f"a {COLOURS[c]}, {THINGS[t]}", THINGS[t], i])
    text = path / "lines.txt"
    text.write_text("\n".join(f"a {COLOURS[c]}, {THINGS[t]}"
                              for c, t in zip(colour, thing, strict=True)))  # fmt: skip
    before = Path.cwd()
    os.chdir(path)
    words = ["--image", "photos.npy", "--words", "pairs.csv:caption"]
    assert xmodal(["fit", *words, "--method", "cca", *QUICK, "--save", "m.xmodal"]) == 0
    X_img, X_txt, _ = make_paired_modalities(50, random_state=0)
    save(CCARetriever(2).fit(X_img, X_txt), "plain.xmodal")
    save(CCARetriever(2), "new.xmodal")
    RetrievalIndex(vectors=np.eye(3)).save("vectors.xmodal")
    np.save("plain.npy", X_img)
    (path / "words50.txt").write_text("a\nb\n" * 25)
    yield path, words, colour, thing
    os.chdir(before)


def found_of(capsys):
    """Ids that were printed, a list per query."""
    found = []
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("    "):
            found[-1].append(line.split()[2])
        else:
            found.append([])
    return found


def test_a_saved_model_finds_photos_by_words(folder, capsys):
    _, _, colour, thing = folder
    gallery = ["--image", "photos.npy", "--ids", "pairs.csv:file"]
    argv = ["search", "m.xmodal", *gallery, "-k", "3", "--out", "found.csv"]
    capsys.readouterr()
    assert xmodal([*argv, "--query", "a red car", "green dog"]) == 0
    for ids, wanted in zip(found_of(capsys), [(0, 0), (2, 1)], strict=True):
        rows = [int(name.removesuffix(".png")) for name in ids]
        assert [(colour[row], thing[row]) for row in rows] == [wanted] * 3
    with Path("found.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["query", "rank", "id", "score"]
    assert [row["query"] for row in rows] == ["a red car"] * 3 + ["green dog"] * 3


def test_an_index_keeps_gallery_and_model(folder, capsys):
    model = ["search", "m.xmodal", "--image", "photos.npy"]
    assert xmodal([*model, "--save-index", "i.xmodal"]) == 0
    capsys.readouterr()
    assert xmodal([*model, "--query", "blue tree"]) == 0
    expected = found_of(capsys)
    assert xmodal(["search", "i.xmodal", "--query", "blue tree"]) == 0
    assert found_of(capsys) == expected


def test_texts_are_found_by_photos_and_shown(folder, capsys):
    _, _, colour, thing = folder
    capsys.readouterr()
    argv = ["search", "m.xmodal", "--words", "lines.txt", "--query-image", "two.npy"]
    assert xmodal([*argv, "-k", "1"]) == 0
    out = capsys.readouterr().out
    for row in range(2):
        assert f"a {COLOURS[colour[row]]}, {THINGS[thing[row]]}" in out


def test_many_queries_are_cut_on_the_screen_and_not_in_the_file(folder, capsys):
    argv = ["search", "m.xmodal", "--image", "two.npy", "--query-words", "lines.txt"]
    capsys.readouterr()
    assert xmodal([*argv, "-k", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[30:] == ["... and 110 more queries: --out FILE.csv has all"]
    assert "-k" not in err
    assert xmodal([*argv, "-k", "3", "--out", "all.csv"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "... and 110 more queries: all.csv has all"
    assert "-k 3: the gallery has 2 items, which are all found\n" in err
    with Path("all.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2 * 120


def test_one_line_of_features_is_a_query(folder, capsys):
    np.save("one.npy", np.load("photos.npy")[:1])
    argv = ["search", "m.xmodal", "--image", "photos.npy", "--query-image", "one.npy"]
    capsys.readouterr()
    assert xmodal([*argv, "-k", "1"]) == 0
    assert found_of(capsys) == [["0"]]


def test_words_that_the_model_does_not_know_are_told(folder, capsys):
    argv = ["search", "m.xmodal", "--image", "photos.npy", "--query"]
    assert xmodal([*argv, "zebra", "red zebra"]) == 0
    err = capsys.readouterr().err
    assert "'zebra' tells the model nothing" in err
    assert "'red zebra'" not in err


@pytest.mark.parametrize(
    "source",
    [["words.csv:caption"], ["words.csv", "--header", "yes"]],
    ids=["by name", "below a header"],
)
def test_queries_are_below_the_name_of_their_column(folder, source, capsys):
    argv = ["search", "m.xmodal", "--image", "photos.npy", "-k", "1", "--query-words"]
    capsys.readouterr()
    assert xmodal([*argv, *source]) == 0
    assert capsys.readouterr().out.splitlines()[::2] == ["a red car", "a blue dog"]


def test_the_card_says_what_was_fitted(folder):
    card = read_card("m.xmodal")
    assert (card["method"], card["data"], card["n_pairs"]) == ("cca", "photos", 120)
    assert 0.5 < card["validation_mAP"] <= 1


def test_words_are_those_of_a_text_file_and_of_an_array(folder, capsys):
    np.savez("words.npz", X_img=np.load("photos.npy"), words=_captions())
    out = []
    for source in ("pairs.csv:caption", "lines.txt", "words.npz"):
        argv = ["data", "--image", "photos.npy", "--words", source]
        assert xmodal([*argv, "--labels", "pairs.csv:kind"]) == 0
        out.append([x for x in capsys.readouterr().out.splitlines() if "pairs," in x])
    assert out[0] == out[1] == out[2] != []


def _captions():
    with Path("pairs.csv").open(encoding="utf-8") as file:
        return np.array([row["caption"] for row in csv.DictReader(file)])


def test_columns_of_column_stores_have_names(folder, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.read_csv("pairs.csv").to_parquet("pairs.parquet")
    _, words, *_ = folder
    described = []
    for table in ("pairs.csv", "pairs.parquet"):
        argv = [*words[:3], f"{table}:caption", "--labels", f"{table}:kind"]
        assert xmodal(["data", *argv]) == 0
        described.append(capsys.readouterr().out.splitlines()[1:])
    assert described[0] == described[1]
    assert "4 classes" in described[0][0]


SEARCH = ["search", "m.xmodal"]
GALLERY = [*SEARCH, "--image", "photos.npy"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*SEARCH, "--query", "red"], "needs a gallery: give one of --image, --text"),
        (GALLERY, "give a query: --query WORDS"),
        ([*GALLERY, "--words", "lines.txt", "--query", "a"], "got --image and --words"),
        (["search", "no.xmodal", "--query", "red"], "does not exist"),
        (["search", "pairs.csv", "--query", "red"], "cannot load pairs.csv"),
        ([*GALLERY, "--query-text", "two.npy"], "takes words, give --query-words"),
        ([*SEARCH, "--text", "two.npy", "--query", "a"], "takes words, give --words"),
        ([*GALLERY, "--ids", "pairs.csv:kind", "--query", "a"], "name every item"),
        ([*GALLERY, "--ids", "pairs.csv:none", "--query", "a"], "one column 'none'"),
        (["search", "plain.xmodal", "--image", "plain.npy", "--query", "a"],
         "not words"),
        (["search", "plain.xmodal", "--image", "two.npy", "--query-text", "two.npy"],
         "two.npy: The image features must have the 20 features of fit"),
        ([*GALLERY, "--query-words", "words.csv"], "--header query-words=yes"),
        ([*SEARCH, "--words", "words.csv", "--query", "a"], "or give words.csv:COLUMN"),
        (["search", "vectors.xmodal", "--query", "a"], "the index has no model"),
        (["search", "vectors.xmodal", "--query-text", "two.npy"], "has no model"),
        (["search", "new.xmodal", "--image", "two.npy", "--query", "a"], "not fitted"),
        (["fit", "--save", "x.xmodal"], "give your pairs"),
        (["fit", "--image", "photos.npy", "--save", "x.xmodal"], "or --words"),
        (["fit", "--image", "photos.npy", "--words", "lines.txt", "--text", "two.npy",
          "--save", "x.xmodal"], "either --text or --words"),
        (["fit", "--image", "photos.npy", "--words", "lines.txt", "--method", "msln",
          "--save", "x.xmodal"], "--method msln needs class labels"),
        (["fit", "--image", "photos.npy", "--words", "two.npy", "--save", "x.xmodal"],
         "one text per pair: got shape (2, 8)"),
        (["fit", "--image", "photos.npy:x", "--words", "lines.txt", "--save", "x"],
         "cannot read photos.npy:x"),
        (["fit", "--image", "pairs.csv:no*", "--words", "lines.txt", "--save", "x"],
         "pairs.csv must have columns called 'no*': got file, caption, kind, made"),
        (["diagnose", "--dataset", "synthetic"],
         "got 20 and 15 features. For features of two models, fit one first: xmodal"),
        (["diagnose", "--image", "plain.npy", "--words", "words50.txt", "--model",
          "plain.xmodal"], "plain.xmodal takes features of texts: give --text"),
        (["data", "--dataset", "synthetic", "--save", "x.csv"], "must be an .npz file"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_line(folder, argv, message, capsys):
    assert xmodal(argv) == 2
    line = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
    assert len(line) == 1
    assert line[0].startswith(f"xmodal {argv[0]}: error: ")
    assert message in line[0]


def test_a_diagnosis_says_whether_vectors_are_joint_and_what_to_run(folder, capsys):
    rng = np.random.default_rng(100)
    A = rng.normal(size=(60, 16))
    turned = A @ np.linalg.qr(rng.normal(size=(16, 16)))[0]
    np.savez("joint.npz", X_img=A, X_txt=A + 0.3 * rng.normal(size=A.shape))
    np.savez("two.npz", X_img=A, X_txt=turned)
    assert xmodal(["diagnose", "--image", "joint.npz"]) == 0
    assert "These look like vectors of one joint model" in capsys.readouterr().out
    assert xmodal(["diagnose", "--image=two.npz", "--min-class-size=2"]) == 0
    out = capsys.readouterr().out
    line = "xmodal fit --image=two.npz --min-class-size=2 --save my.xmodal"
    assert f"\n    {line}\n    in Python: CCARetriever(" in out
    assert "Not vectors of one joint model" in out
    build_xmodal_parser()[0].parse_args(line.split()[1:])


def test_a_model_of_words_is_diagnosed_on_words(folder, capsys):
    _, words, *_ = folder
    pytest.importorskip("matplotlib")
    argv = ["diagnose", *words, "--labels", "pairs.csv:kind", "--model", "m.xmodal"]
    assert xmodal([*argv, "--plot", "f.png"]) == 0
    assert "mean average precision" in capsys.readouterr().out
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    argv = ["diagnose", "--image", "photos.npy", "--text", "photos2.npy"]
    np.save("photos2.npy", np.load("photos.npy") + 0.01)
    assert xmodal([*argv, "--model", "m.xmodal"]) == 2
    assert "give --words instead of --text" in capsys.readouterr().err


def test_the_module_is_the_same_program(monkeypatch, capsys):
    compared = []

    def run(arguments):
        compared.append({**vars(arguments), "argv": None})

    monkeypatch.setitem(COMMANDS, "compare", (*COMMANDS["compare"][:-1], run))
    for options in ([], ["--dataset", "synthetic", "--quick"]):
        assert main(options) == 0
        assert xmodal(["compare", *options]) == 0
        assert compared.pop() == compared.pop()
    for argv in (["--help"], ["fit", "--help"], ["--version"]):
        printed = []
        for program in (main, xmodal):
            with pytest.raises(SystemExit, match="0"):
                program(argv)
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1]


def test_data_lists_what_is_there_and_writes_it_as_own_files_look(
    folder, monkeypatch, capsys
):
    for name in set(DATASETS) - {"synthetic"}:  # they take a second each
        monkeypatch.delitem(DATASETS, name)
    assert xmodal(["data"]) == 0
    out = capsys.readouterr().out
    assert "synthetic: Synthetic pairs: 600 pairs" in out
    assert xmodal(["data", "--dataset", "synthetic", "--save", "own.npz"]) == 0
    capsys.readouterr()
    assert xmodal(["data", "--image", "own.npz"]) == 0
    assert "own: 600 pairs, 20 image features" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_wrapped_and_has_examples_and_exit_status(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        xmodal([name, "--help"])
    out = capsys.readouterr().out
    assert f"  xmodal {name}" in out.split("examples:")[1]
    assert "exit status:" in out
    assert max(map(len, out.splitlines())) <= 88


@pytest.mark.parametrize("page", ["README.md", "docs/getting_started.md"])
def test_command_lines_of_pages_are_understood(page):
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    lines = [
        line
        for console in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for line in console.replace("\\\n", " ").splitlines()
        if line.startswith("xmodal ")
    ]
    assert len(lines) > 3
    parser, _ = build_xmodal_parser()
    for line in lines:
        _, *argv = shlex.split(line, comments=True)
        if argv != ["--help"]:
            parser.parse_args(argv)


def test_without_a_command_help_says_which_there_are(capsys):
    assert xmodal([]) == 0
    out = capsys.readouterr().out
    assert all(f"    {name} " in out for name in COMMANDS)


def test_networks_but_msln_are_compared_on_request():
    _, commands = build_xmodal_parser()
    networks = [name for name, method in ALL_METHODS.items() if method.trains_network]
    assert set(ALL_METHODS) - set(LIGHT) == set(networks) - {"msln"}
    asked = commands["compare"].parse_args(["--methods", *ALL_METHODS]).methods
    assert asked == list(ALL_METHODS)


def test_three_protocols_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sklearn_xmodal.cli._main.find_spec", lambda name: None)
    X_img, X_txt, y = make_paired_modalities(120, n_classes=4, random_state=0)
    np.savez(tmp_path / "own.npz", X_img=X_img, X_txt=X_txt, y=y)
    argv = ["compare", "--image", str(tmp_path / "own.npz"), *QUICK]
    argv += ["--methods", "cca", "pls"]
    argv += ["--protocol", "standard", "extendable", "generalized"]
    assert xmodal([*argv, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "On seen and unseen classes together (one split)" in " ".join(out.split())
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["protocol"] for row in rows[::2]] == [
        "standard",
        "extendable",
        "generalized",
    ]
    for row in rows[4:]:
        seen, unseen = float(row["seen"]), float(row["unseen"])
        # The mean of harmonic means is no more than the harmonic mean of means.
        assert 0 < float(row["mean"]) <= 2 * seen * unseen / (seen + unseen) + 1e-12
    assert all(row["seen"] == row["unseen"] == "" for row in rows[:4])


def test_the_generalized_protocol_says_what_it_needs(tmp_path, capsys):
    argv = ["compare", "--out", str(tmp_path), *QUICK, "--methods", "cca"]
    X_img, X_txt = np.random.default_rng(0).normal(size=(2, 40, 3))
    y = np.r_[np.arange(10), [0] * 30]
    np.savez(tmp_path / "few.npz", X_img=X_img, X_txt=X_txt, y=y)
    argv += ["--image", str(tmp_path / "few.npz"), "--protocol", "generalized"]
    assert xmodal(argv) == 2
    assert "--protocol generalized cannot be drawn" in capsys.readouterr().err


@pytest.mark.thorough
@pytest.mark.parametrize("name", ALL_METHODS)
def test_every_method_is_fitted_and_saved(name, tmp_path):
    X_img, X_txt, y = make_paired_modalities(
        60, n_image_features=6, n_text_features=6, n_classes=4, random_state=0
    )
    np.savez(tmp_path / "all.npz", X_img=X_img, X_txt=X_txt, y=y)
    path = tmp_path / "m.xmodal"
    argv = ["fit", "--image", str(tmp_path / "all.npz"), "--method", name, *QUICK]
    assert xmodal([*argv, "--save", str(path)]) == 0
    codes = load(path).transform(ImageTextPairs(X_img, X_txt))
    assert np.isfinite(codes.image).all()


@pytest.mark.thorough
def test_ctrl_c_leaves_what_is_finished(tmp_path):
    argv = ["compare", "--dataset", "synthetic", *QUICK, "--methods", "cca", "msln"]
    # Jobs in the background of a shell are told to ignore the signal.
    code = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        "; runpy.run_module('sklearn_xmodal', run_name='__main__')"
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, *argv, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        while line := process.stdout.readline():
            if "CCA, standard" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "Standard protocol" in out
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == ["CCA"]
