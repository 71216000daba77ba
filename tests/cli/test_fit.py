"""Pairs kept back from a fit, and pairs that a model was fitted to."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_xmodal import ImageTextPairs, load, save
from sklearn_xmodal.cli import _workers, xmodal
from sklearn_xmodal.cli._data import RetrievalData
from sklearn_xmodal.cli._options import one_of_methods
from sklearn_xmodal.cli._seen import remember, share_seen
from sklearn_xmodal.cli._splits import hold_out
from sklearn_xmodal.cli._workers import begin_workers, jobs_for
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.inspection._spaces import look_joint
from sklearn_xmodal.persistence import read_card
from sklearn_xmodal.protocols import ALL_METHODS

N = 96
FIT = ["fit", "--method", "cca", "--quick", "--jobs", "1"]


@pytest.fixture(autouse=True)
def pairs(tmp_path, monkeypatch):
    """Write pairs of four classes, and the numbers of some of them."""
    pytest.importorskip("skops")
    monkeypatch.chdir(tmp_path)
    X_img, X_txt, y = make_paired_modalities(N, n_classes=4, random_state=100)
    np.savez("own.npz", X_img=X_img, X_txt=X_txt, y=y)
    np.savez("single.npz", X_img=X_img.astype("f4"), X_txt=X_txt.astype("f4"), y=y)
    np.savez("test.npz", X_img=X_img[:24], X_txt=X_txt[:24], y=y[:24])
    np.save("rows.npy", np.arange(24))
    return X_img, X_txt, y


def test_a_model_is_scored_on_pairs_that_it_was_not_fitted_to(pairs, capsys):
    X_img, X_txt, y = pairs
    own = [*FIT, "--image", "own.npz", "--save", "m.xmodal"]
    assert xmodal([*own, "--test", "rows.npy"]) == 0
    card, model = read_card("m.xmodal"), load("m.xmodal")
    assert (card["n_pairs"], card["held_out"]["n_pairs"]) == (72, 24)
    expected = model.score(ImageTextPairs(X_img[:24], X_txt[:24]), y[:24])
    assert card["held_out"]["mean"] == pytest.approx(expected)
    out = capsys.readouterr().out
    assert f"On 24 pairs kept back: mAP {expected:.3f}, by chance 0." in out
    assert "fitted to 72 pairs" in out
    # The same is found of files of another precision; of others nothing.
    diagnose = ["diagnose", "--model", "m.xmodal", "--image"]
    for file, warned in (("single.npz", "about 75%"), ("test.npz", None)):
        assert xmodal([*diagnose, file]) == 0
        out = capsys.readouterr().out
        assert ("Warning" in out) == (warned is not None)
        assert (warned or "") in out


def test_vectors_of_one_joint_model_are_adapted(capsys):
    rng = np.random.default_rng(100)
    shared = rng.normal(size=(N, 8))
    X_img, X_txt = (shared + rng.normal(size=(N, 8)) for _ in range(2))
    X_img[:3], X_txt[:4] = X_img[50:53], X_txt[60:64]
    np.savez("joint.npz", X_img=X_img, X_txt=X_txt)
    argv = ["fit", "--image", "joint.npz", "--quick", "--jobs", "1", "--save", "m.x"]
    assert xmodal([*argv, "--test", "rows.npy"]) == 0
    told = capsys.readouterr()
    assert "one joint model: adapter-cv; --method cca otherwise" in told.err
    assert read_card("m.x")["method"] == "adapter-cv"
    repeats = "3 of 24 test pictures and 4 of 24 test texts have the features of one in"
    assert f"Warning: --test: {repeats} the training part. --groups" in told.out
    for own, name in (
        ("joint.npz", "cca"),
        ("joint.npz", "cosine"),
        ("own.npz", "cca"),
    ):
        assert xmodal([*argv, "--image", own, "--method", name]) == 0
        is_warned = "--method adapter-cv is for these" in capsys.readouterr().err
        assert is_warned == ((own, name) == ("joint.npz", "cca"))
        assert read_card("m.x")["method"] == name


def test_widths_alone_make_no_joint_model(pairs):
    for n_img, n_txt in ((8, 8), (8, 7)):
        options = {"n_image_features": n_img, "n_text_features": n_txt}
        X_img, X_txt, _ = make_paired_modalities(N, **options, random_state=100)
        assert not look_joint(X_img, X_txt)
    joint = sparse.csr_array(np.maximum(pairs[0], 0))
    assert look_joint(joint, joint)
    assert not look_joint(joint, joint[np.roll(np.arange(N), 1)])
    assert not look_joint(joint[:9], joint[:9])


def test_after_the_score_all_pairs_are_fitted_to_on_request(pairs, capsys):
    pairs = ImageTextPairs(*pairs[:2])
    codes = []
    for options in ([], ["--test", "0.25", "--refit"]):
        assert xmodal([*FIT, "--image", "own.npz", *options, "--save", "m.xmodal"]) == 0
        codes.append(load("m.xmodal").transform(pairs).image)
        assert read_card("m.xmodal")["n_pairs"] == N
    np.testing.assert_array_equal(*codes)
    assert read_card("m.xmodal")["held_out"]["n_pairs"] == N // 4
    assert xmodal(["diagnose", "--model", "m.xmodal", "--image", "own.npz"]) == 0
    assert "was fitted to all of these pairs" in capsys.readouterr().out
    save(load("m.xmodal"), "m.xmodal")  # as before there was such a card
    assert xmodal(["diagnose", "--model", "m.xmodal", "--image", "own.npz"]) == 0
    assert "Warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--refit"], "--refit needs --test"),
        (["--test", "1.5"], "a fraction between 0 and 1, or a file: got 1.5"),
        (["--test", "0.01"], "--test 0.01: The test_size = 1 should be"),
        (["--test", "rows.npy", "--protocol", "extendable"], "give --test a fraction"),
        (["--test", "rows.npy", "--groups", "groups.npy"], "got 1 groups on both"),
    ],
)
def test_what_cannot_be_kept_back_is_told(options, message, capsys):
    np.save("groups.npy", np.arange(N) // 5)
    argv = [*FIT, "--image", "own.npz", *options, "--save", "m.xmodal"]
    assert xmodal(argv) == 2
    assert message in capsys.readouterr().err
    assert xmodal(["compare", "--image", "own.npz", "--test", "0.3"]) == 2
    assert "here: got 0.3. Without it a random 30 %" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "usage", "message"),
    [
        (
            ["fit", "--methods", "cca"],
            "fit [options] --image",
            "did you mean --method?",
        ),
        (["--metods", "cca"], "compare [options]", "did you mean --methods?"),
        (["data", "--bar", "x"], "data [options]", "arguments: --bar x\n"),
        (["fit", "--method", "CCA3D"], "fit [options]", "'CCA3D' (choose from cosine"),
    ],
)
def test_unknown_options_are_told_by_the_command(argv, usage, message, capsys):
    argv += ["--save", "m.xmodal"] if argv[0] == "fit" else []
    with pytest.raises(SystemExit):
        xmodal(argv)
    error = capsys.readouterr().err
    assert error.startswith(f"usage: xmodal {usage}")
    assert message in error


def test_small_work_takes_one_process_and_others_start_before_the_clock(monkeypatch):
    small = ImageTextPairs(np.zeros((200, 30)), np.zeros((200, 20)))
    large = ImageTextPairs(np.zeros((200, 30000)), np.zeros((200, 20)))
    many = ImageTextPairs(np.zeros((5000, 3)), np.zeros((5000, 2)))
    cca, network = ALL_METHODS["cca"], ALL_METHODS["msln"]
    for pairs, n_jobs in ((small, 1), (large, -1), (many, -1)):
        assert jobs_for(cca, pairs, -1) == n_jobs
        assert jobs_for(cca, pairs, 2) == 2
        assert jobs_for(network, pairs, -1) == -1
    begun = []
    monkeypatch.setattr(_workers, "effective_n_jobs", lambda n: begun.append(n) or 1)
    begin_workers([cca, cca, network], large, -1)
    begin_workers([network], large, -1)
    assert begun == [-1]


def test_methods_go_by_the_class_of_their_retriever_and_their_printed_name_too():
    choose = one_of_methods()
    named = [spelling for name in ALL_METHODS for spelling in (name, name.upper())]
    assert [choose(name) for name in named] == list(np.repeat(list(ALL_METHODS), 2))
    for name, method in ALL_METHODS.items():
        assert choose(method.title) == name
        retriever = type(method.make_retriever()).__name__
        if name != "text-adapter":  # a second method of AdapterRetriever
            assert choose(retriever) == name
    assert choose("cosineretriever") == "cosine"


@pytest.mark.parametrize("protocol", ["standard", "extendable", "generalized"])
@pytest.mark.parametrize("n_in_group", [None, 4])
def test_a_fraction_keeps_groups_and_classes_as_the_protocol_does(protocol, n_in_group):
    y = np.repeat(["a", "b", "c", "d", None], [24, 24, 24, 24, 8])
    groups = None if n_in_group is None else np.arange(len(y)) // n_in_group
    data = RetrievalData("own", np.zeros((len(y), 1)), y, groups=groups)
    train, test = hold_out(data, protocol, 0.25, 0)
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(y)
    assert None not in y[test]
    if groups is not None:
        assert not set(groups[train]) & set(groups[test])
    trained, tested = set(y[train]) - {None}, set(y[test])
    if protocol == "standard":
        assert (trained, tested, len(test)) == (tested, trained, 24)
    else:
        n_new = 4 if protocol == "generalized" else 1
        assert (len(trained), len(tested), len(tested - trained)) == (3, n_new, 1)


def test_a_few_digests_tell_the_part_of_many_pairs():
    rng = np.random.default_rng(100)
    X, texts = rng.normal(size=(6000, 2)), np.array([f"text {i}" for i in range(6000)])
    card = {"pairs_fitted": remember(X[:3000], texts[:3000])}
    assert share_seen(card, X[:3000], texts[:3000]) == 1
    assert share_seen(card, X[3000:], texts[3000:]) == 0
    assert share_seen(card, X[:3000], texts[3000:]) == 0
    # Binomial, of about 1000 digests: three standard deviations.
    assert share_seen(card, X, texts) == pytest.approx(0.5, abs=0.05)
