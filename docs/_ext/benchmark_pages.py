"""Benchmark pages, written at every build from `benchmarks/results`.

Nothing is copied by hand: a folder of results, or a file ``speed_NAME.md``, becomes a
page by being there. On GitHub other pages link to the files of results; on the site
these links lead to the pages.
"""

import ast
import json
import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "benchmarks" / "README.md"
DOCS = ROOT / "docs"
PAGES = DOCS / "benchmarks"
#: Files of the checkout that have a page under another name.
ELSEWHERE = {README: DOCS / "benchmarks.md", ROOT / "README.md": DOCS / "index.md"}

_LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
#: Longer tables are folded.
_ROWS = 40


def page_of(file):
    """Return the page of a file of the checkout that is no page itself, or `None`."""
    if file in ELSEWHERE:
        return ELSEWHERE[file]
    if file.suffix != ".md" or not file.is_relative_to(RESULTS):
        return None
    name = file.parent.name if file.name == "README.md" else file.stem
    return PAGES / f"{name}.md"


def results():
    """Return the files of results that have a page, the accuracy first."""
    return [
        *sorted(RESULTS.glob("*/README.md"), reverse=True),
        *sorted(RESULTS.glob("speed_*.md")),
    ]


def relink(text, origin, page):
    """Make links of the Markdown file `origin` right for its place as `page`."""

    def replace(match):
        target = Path(os.path.normpath(origin.parent / match[1]))
        target = page_of(target) or target
        return f"]({os.path.relpath(target, page.parent)}{match[2] or ''})"

    return _LINK.sub(replace, text)


def _fold(match):
    n_rows = match[0].count("\n") - 2
    if n_rows <= _ROWS:
        return match[0]
    return f":::{{dropdown}} Table of {n_rows} rows\n{match[0]}:::\n"


def _title_and_text(path):
    """Take the heading of a README; speed tables are explained by their program."""
    text = path.read_text(encoding="utf-8")
    if path.name == "README.md":
        return text.removeprefix("# ").split("\n", 1)
    program = ROOT / "benchmarks" / f"_{path.stem}.py"
    doc = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8")))
    title = doc.split(":", 1)[0]
    command = f"`python -m benchmarks.speed {path.stem.removeprefix('speed_')}`"
    return title, f"{doc}\n\nMade by {command}.\n\n{text.replace('### ', '## ')}"


def _pictures(path):
    """Return the pictures beside a README, or of the name of a table."""
    pattern = "*.png" if path.name == "README.md" else f"{path.stem}*.png"
    for picture in sorted(path.parent.glob(pattern)):
        where = os.path.relpath(picture, PAGES)
        yield f"![{picture.stem.replace('_', ' ')}]({where})\n\n"


def _versions(path):
    name = (
        "environment.json"
        if path.name == "README.md"
        else f"{path.stem}_environment.json"
    )
    record = json.loads((path.parent / name).read_text(encoding="utf-8"))
    packages = [f"{name} {version}" for name, version in record["packages"].items()]
    machine = record.get("cpu", record["machine"])
    return f"*Python {record['python']}, {', '.join(packages)}; {machine}.*\n"


def page_text(path):
    """Return the Markdown of the page of one file of results."""
    title, text = _title_and_text(path)
    text = _TABLE.sub(_fold, relink(text, path, page_of(path)))
    return f"# {title}\n\n{''.join(_pictures(path))}{text}\n\n{_versions(path)}"


def _first_tables(path):
    """Return the first table below each heading, as tabs."""
    tabs = []
    for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        title = section.split("\n", 1)[0]
        table = _TABLE.search(section)[0]
        tabs.append(f":::{{tab-item}} {title}\n{table}:::\n")
    return "::::{tab-set}\n" + "".join(tabs) + "::::\n"


def _write(path, text):
    """Write only what has changed, so that Sphinx reads nothing twice."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app):
    """Write all pages and the two parts of `benchmarks.md`."""
    PAGES.mkdir(exist_ok=True)
    pages = {page_of(path): page_text(path) for path in results()}
    for path in {*PAGES.glob("[a-z]*.md")} - {*pages}:  # its results are gone
        path.unlink()
    for path, text in pages.items():
        _write(path, text)
    _write(PAGES / "_accuracy.md", _first_tables(RESULTS / "retrieval" / "README.md"))
    about = README.read_text(encoding="utf-8").split("\n", 1)[1]
    _write(PAGES / "_about.md", relink(about, README, page_of(README)))


def _relink_page(app, docname, source):
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md":
        source[0] = relink(source[0], page, page)


def setup(app):
    """Write before anything is read."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", _relink_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
