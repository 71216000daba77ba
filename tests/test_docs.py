"""The pages of docs say what is true: their blocks run and print what they show."""

import contextlib
import importlib
import io
import pkgutil
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import sklearn_xmodal
from sklearn_xmodal.metrics import retrieval_score
from tests.conftest import close_figures
from tests.test_architecture import ALLOWED, BOTTOM, PACKAGE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("user_guide/*.md")])
#: Code, and what it prints if that is shown.
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
#: The command, the page that it writes, and what all share.
INTERNAL = ("cli", "report", "utils")
LINK = re.compile(r"\]\(([^)#]+)")


def _name(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_blocks_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages write files
    namespace = {}
    for code, expected in BLOCK.findall(page.read_text(encoding="utf-8")):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        assert out.getvalue() == expected
    close_figures()  # what a page draws, it shows


def test_figures_of_the_landing_page_are_those_of_its_example():
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    namespace = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(BLOCK.search(text)[1], namespace)
    emoji, test = namespace["emoji"], namespace["test"]
    image, text_codes = namespace["retriever"].transform(
        emoji.image[test], emoji.text[test]
    )
    # A name once, however often it was drawn.
    asked = np.unique(emoji.groups[test], return_index=True)[1]
    kind = emoji.target[test]
    first = retrieval_score(
        text_codes[asked], image, kind[asked], kind, metric="precision_at_k", k=1
    )
    words = " ".join(text.split())
    # A name or two more or fewer, on another processor, leave the words true.
    assert "so for the first picture of two names in five" in words
    assert 0.38 < first < 0.43
    assert f"among {len(test):,} of {len(set(kind))} kinds" in words


def _leads_somewhere(path):
    """Whether a file is there, or is made at build from a file that is."""
    if path.exists():
        return True
    examples = DOCS / "examples" / path.parent.name
    made_from = {
        DOCS / "auto_examples" / examples.name: [examples / f"{path.stem}.py"],
        DOCS / "api" / "generated": [DOCS / "api"] if path.stem in _reference() else [],
        DOCS / "benchmarks": [
            ROOT / "benchmarks" / "results" / f"{path.stem}.md",
            ROOT / "benchmarks" / "results" / path.stem / "README.md",
        ],
    }
    if path == DOCS / "auto_examples" / "index.rst":
        return True
    return any(source.exists() for source in made_from.get(path.parent, []))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    broken = [n for n in local if not _leads_somewhere((page.parent / n).resolve())]
    assert broken == []


def test_every_page_of_the_guide_is_in_its_table_of_contents():
    index = (DOCS / "user_guide" / "index.md").read_text(encoding="utf-8")
    listed = re.search(r"```{toctree}\n(.*?)```", index, re.DOTALL)[1].split()
    pages = {path.stem for path in (DOCS / "user_guide").glob("*.md")} - {"index"}
    assert pages <= set(listed)
    assert len(listed) == len(set(listed))


def test_every_page_of_the_guide_leads_on_and_back():
    pages = [p for p in (DOCS / "user_guide").glob("*.md") if p.stem != "index"]
    for page in pages:
        last = " ".join(page.read_text(encoding="utf-8").rsplit("\n\n", 1)[1].split())
        onwards, _, back = last.partition("**Before**: ")
        assert onwards.startswith("**Next**: "), page.name
        assert LINK.findall(onwards), page.name
        assert LINK.findall(back), page.name


def _reference():
    """Full names that the API reference lists, in the order of the pages."""
    names = []
    for page in sorted((DOCS / "api").glob("*.rst")):
        module, in_list = None, False
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith(".. currentmodule:: "):
                module = line.split(":: ")[1]
            if line.strip() and not line.startswith(" "):
                in_list = line.startswith(".. autosummary::")
            elif in_list and re.fullmatch(r" +\w+", line):
                names.append(f"{module}.{line.strip()}")
    return names


def _public():
    """Full name -> object of all that an `__all__` names, but for the command's."""
    modules = pkgutil.iter_modules(sklearn_xmodal.__path__)
    parts = [m.name for m in modules if m.ispkg and m.name not in INTERNAL]
    homes = ["sklearn_xmodal", *(f"sklearn_xmodal.{name}" for name in parts)]
    return {
        f"{home}.{name}": getattr(importlib.import_module(home), name)
        for home in homes
        for name in importlib.import_module(home).__all__
        if name != "__version__"
    }


def test_the_reference_has_every_public_name_once_and_no_other():
    public, documented = _public(), _reference()
    assert [name for name in documented if name not in public] == []
    objects = [id(public[name]) for name in documented]
    assert [n for n, obj in public.items() if id(obj) not in objects] == []
    assert len(objects) == len(set(objects))


def test_every_page_of_the_reference_is_in_its_table_of_contents():
    listed = (DOCS / "api" / "index.rst").read_text(encoding="utf-8").split()
    pages = {page.stem for page in (DOCS / "api").glob("*.rst")} - {"index"}
    assert pages <= set(listed)


def _rows(text, title):
    """Cells of the table below a title."""
    section = re.search(rf"\n## {title}\n(.*?)(\n## |\Z)", text, re.DOTALL)[1]
    rows = [
        line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line
    ]
    return rows[2:]


def test_the_floors_are_those_that_imports_keep_to():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    ground = BOTTOM | {"pairs"}
    told = {
        part: {*re.findall("`(.*?)`", below)}
        for parts, below in _rows(text, "Floors")
        for part in re.findall("`(.*?)`", parts)
    }
    scripts = {"__init__", "__main__"}
    assert told == {
        part: below - ground - scripts
        for part, below in ALLOWED.items()
        if part not in ground | scripts
    }


def test_the_architecture_names_files_and_what_is_in_them():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = _rows(page, "Where is what")
    assert len(rows) > 20
    for question, where in rows:
        for name in re.findall("`(.*?)`", where):
            if name.endswith(".py"):
                text = (PACKAGE / name).read_text(encoding="utf-8")
            else:
                made = rf"^ *(def|class) {name}\b|^{name} ="
                assert re.search(made, text, re.MULTILINE), (question, name)


def test_every_release_says_which_models_changed():
    text = (DOCS / "changelog.md").read_text(encoding="utf-8")
    releases = text.split("\n## ")[1:]
    assert releases
    assert [r[:20] for r in releases if "\n### Changed models\n" not in r] == []


def test_the_citation_is_that_of_this_version_and_of_the_paper():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklearn_xmodal.__version__}\n" in citation
    assert "\n    doi: 10.1145/3206025.3206033\n" in citation


@pytest.mark.thorough
def test_commands_of_the_page_of_a_folder_find_what_they_ask_for(
    tmp_path, monkeypatch, capsys
):
    from sklearn_xmodal.cli import xmodal

    monkeypatch.chdir(tmp_path)
    text = (DOCS / "user_guide" / "from_folder.md").read_text(encoding="utf-8")
    namespace = {}
    for code, _ in BLOCK.findall(text):
        exec(code, namespace)
    (console,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    for line in console.replace("\\\n", " ").splitlines():
        program, *argv = shlex.split(line)
        assert (program, xmodal(argv)) == ("xmodal", 0)
    captions = dict(zip(namespace["names"], namespace["captions"], strict=True))
    found = capsys.readouterr().out.split("a blue triangle\n")[1].splitlines()[0]
    assert captions[found.split()[2]].startswith("a blue triangle")
