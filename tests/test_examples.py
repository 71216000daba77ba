"""Examples of the gallery keep to what every one of them promises."""

import ast
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import thorough_but

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").rglob("plot_*.py"))
QUICK = ["plot_find_by_name", "plot_multilabel", "plot_precision_recall"]


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def tree(request):
    return ast.parse(request.param.read_text(encoding="utf-8"))


def test_there_are_a_dozen():
    assert len(EXAMPLES) >= 12


def test_it_begins_with_a_title_and_what_it_shows(tree):
    title, rule, *text = ast.get_docstring(tree).splitlines()
    assert re.fullmatch("=+", rule)
    assert len(rule) == len(title)
    assert len(" ".join(text)) > 100


def test_it_takes_public_names_only(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith(
            "sklearn_xmodal"
        ):
            public = importlib.import_module(node.module).__all__
            assert {alias.name for alias in node.names} <= set(public)


def test_it_shows_a_picture(tree):
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert any(isinstance(f, ast.Attribute) and f.attr == "show" for f in calls)


@pytest.mark.parametrize("name", thorough_but(QUICK[-1:], QUICK))
def test_quick_ones_run_without_warnings(name):
    pytest.importorskip("matplotlib")
    # With Agg, show does nothing but warn.
    code = (
        "import runpy, sys, matplotlib.pyplot as plt\n"
        "plt.show = lambda: None\n"
        "runpy.run_path(sys.argv[1])\n"
        "assert plt.get_fignums()"
    )
    (path,) = [path for path in EXAMPLES if path.stem == name]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(path)],
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
