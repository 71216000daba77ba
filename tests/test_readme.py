"""The README says what is true: its blocks run, in order, and print what they show."""

import contextlib
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import paired_comparison

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_readme_blocks_print_what_they_show():
    blocks = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert len(blocks) == README.read_text(encoding="utf-8").count("```python")
    namespace = {}
    for code, expected in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        assert out.getvalue() == expected


def test_readme_names_every_public_name():
    import sklearn_xmodal
    from sklearn_xmodal import (
        datasets,
        encoders,
        feature_extraction,
        metrics,
        model_selection,
        neighbors,
        protocols,
    )

    text = README.read_text(encoding="utf-8")
    homes = (datasets, encoders, feature_extraction, metrics, model_selection)
    for module in (sklearn_xmodal, *homes, neighbors, protocols):
        for name in module.__all__:
            assert name == "__version__" or f"`{name}`" in text, name


PAGES = {"README.md": README, "index.md": README.parent / "docs" / "index.md"}


def _questions(page):
    text = page.read_text(encoding="utf-8").split("## Which retriever?\n")[1]
    questions = text.split("\n\n`xmodal")[0]
    return re.split(r"^(?=\d\. )", questions, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_each_question_ends_in_a_line_that_runs(page):
    import sklearn_xmodal

    questions = _questions(page)
    assert len(questions) == 4
    X_img, X_txt, y = make_paired_modalities(60, random_state=0)
    X_txt = X_txt[:, :10]
    names = {name: getattr(sklearn_xmodal, name) for name in sklearn_xmodal.__all__}
    names |= {"X_img": X_img[:, :10], "X_txt": X_txt, "y": y}
    names["X_names"] = X_txt[:5]
    for question in questions:
        lines = re.findall(r"^   `(.*)`\\?$", question, re.M)
        assert lines
        assert question.rstrip().endswith(f"`{lines[-1]}`")
        for line in lines:
            # How long a network trains is not asked here.
            line = re.sub(
                r"(MSLN.*?)\).fit", r"\1, max_steps=5, random_state=0).fit", line
            )
            line = line.replace("(, ", "(")
            retriever = eval(line, names)
            assert retriever.transform_text(X_txt).shape[0] == 60


def test_figures_of_the_questions_are_in_the_tables_that_they_link():
    for question in _questions(README):
        tables = ""
        for link in re.findall(r"\]\(([^)]+)\)", question):
            tables += (README.parent / link).read_text(encoding="utf-8")
        figures = re.findall(r"(?<!\d)\.\d{3}|\d+,\d{3},\d{3}", question)
        assert figures
        assert [figure for figure in figures if figure not in tables] == []


def test_figures_over_five_splits_are_those_of_the_rows():
    path = README.parent / "benchmarks" / "results" / "emoji_pairs" / "unseen.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    msln, cca = (
        np.array([float(row["mean"]) for row in rows if row["method"] == name])
        for name in ("MSLN", "CCA")
    )
    sizes = {key: [int(row[key]) for row in rows if row["method"] == "CCA"]
             for key in ("n_train", "n_test")}  # fmt: skip
    low, high = paired_comparison(msln, cca, **sizes).confidence_interval
    words = " ".join(README.read_text(encoding="utf-8").split())
    is_ahead = "a lead in each of the five" if (msln > cca).all() else "no such words"
    for figure in (
        f"MSLN is {msln.mean():.3f} and CCA {cca.mean():.3f}, {is_ahead}",
        f"the difference, {low:.3f} to {high:+.3f}, does not exclude zero",
    ):
        assert figure.replace("0.", ".") in words


def test_first_example_fits_fifteen_lines():
    code, _ = BLOCK.search(README.read_text(encoding="utf-8")).groups()
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
