"""Two processes of gloo train what one does, and both tell what is set up wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_xmodal import load
from sklearn_xmodal.datasets import make_paired_modalities
from tests.deep.two_processes import ALIKE, draw, learnt, msln

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are forked, and gloo is that of Linux"
)
ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "user_guide" / "large_data.md"


def environment():
    found = {**os.environ, "OMP_NUM_THREADS": "1"}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**found, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run_well(*command, folder):
    """Run a command in a folder, and show what it says where it fails."""
    options = {"cwd": folder, "env": environment(), "capture_output": True}
    done = subprocess.run(command, **options, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def on_two(folder, *names):
    """Return what both processes found, by the names of cases."""
    script = "tests.deep.two_processes"
    run_well(sys.executable, "-m", script, folder, *names, folder=ROOT)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def check_alike(found, expected):
    assert found["sizes"] == expected["sizes"]
    for name in ("losses", "epochs", "scores"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-5)
    for codes, expected_codes in zip(found["codes"], expected["codes"], strict=True):
        np.testing.assert_allclose(codes, expected_codes, atol=1e-4)


def test_two_processes_train_what_one_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = on_two(tmp_path, "msln")
    assert first == second  # to the last bit
    check_alike(first["msln"], ALIKE["msln"]())


@pytest.mark.thorough
def test_every_method_and_form_of_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = on_two(tmp_path, *ALIKE)
    assert first == second
    for name, case in ALIKE.items():
        check_alike(first[name], case())


@pytest.mark.thorough
def test_a_training_that_was_cut_short_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = on_two(tmp_path, "gone on", "left for one")
    assert first == second
    for found in first["gone on"].values():
        assert found["epochs"] == ["epoch-000002"]
        whole, resumed, again = found["results"]
        assert whole == resumed == again
    # What two have begun, one ends.
    X_img, X_txt, y = draw()
    resumed, whole = (
        learnt(est.fit(X_img, X_txt, y), X_img, X_txt)
        for est in (msln(checkpoint_dir="for one"), msln())
    )
    check_alike(resumed, whole)


@pytest.mark.thorough
def test_what_differs_between_processes_is_told_on_both(tmp_path):
    first, second = on_two(tmp_path, "wrong")
    assert first == second
    found = first["wrong"]
    assert all("need" in message for message in found.pop("unseeded"))
    assert "keep the losses finite" in found.pop("not finite")
    expected = {
        **{name: f"for {name} on process 1" for name in found},
        "shards": "image features on process 1, text features on process 1",
        "order": "image features on process 1",
        "epochs": "epochs on process 1. checkpoint_dir must be a folder that all",
    }
    for name, message in found.items():
        assert re.search(expected[name], message), (name, message)


def script_of_the_guide():
    text = GUIDE.read_text(encoding="utf-8")
    return re.search(r"```text\n(# train\.py\n.*?)```", text, re.DOTALL)[1]


TORCHRUN = "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"


@pytest.mark.thorough
def test_the_script_of_the_guide_runs_by_torchrun(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text(script_of_the_guide(), encoding="utf-8")
    run_well(sys.executable, *TORCHRUN, "train.py", folder=tmp_path)
    trained = load(tmp_path / "msln.xmodal")
    X_img, X_txt, y = make_paired_modalities(1000, random_state=0)
    again = clone(trained).set_params(checkpoint_dir=None).fit(X_img, X_txt, y)
    assert again.n_iter_ == trained.n_iter_
    for Z, expected in zip(
        trained.transform(X_img, X_txt), again.transform(X_img, X_txt), strict=True
    ):
        np.testing.assert_allclose(Z, expected, atol=1e-3)


@pytest.mark.thorough
def test_processes_that_know_nothing_of_another_are_warned(tmp_path):
    script = script_of_the_guide()
    alone = re.sub("(?m)^(distributed|if distributed|    save).*\n", "", script)
    assert alone.count("distributed") == 1  # the import
    (tmp_path / "train.py").write_text(
        alone.replace('"training"', "None"), encoding="utf-8"
    )
    done = run_well(sys.executable, *TORCHRUN, "train.py", folder=tmp_path)
    assert "Call torch.distributed.init_process_group() before fit" in done.stderr
