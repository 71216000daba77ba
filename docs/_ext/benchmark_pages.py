"""Benchmark pages, written at every build from `benchmarks/results`.

Nothing is copied by hand: a folder of results, or a file ``speed_NAME.md``, becomes a
page by being there, with pictures and narrow tables; others become CSV files beside it.
On GitHub other pages link to the files of results; on the site these links lead to the
pages.
"""

import ast
import csv
import io
import json
import os
import re
from pathlib import Path

from benchmark_pictures import pictures, title_of, worthwhile_changes
from measured import accuracy, differences, protocols_of, short, subject_of

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "benchmarks" / "README.md"
DOCS = ROOT / "docs"
PAGES = DOCS / "benchmarks"
#: Files of the checkout that have a page under another name.
ELSEWHERE = {README: PAGES / "how.md", ROOT / "README.md": DOCS / "index.md"}

#: Pages of accuracy by what they answer; those of `benchmarks.speed` follow.
GROUPS = {
    "Which method": ("how", "modern", "retrieval", "emoji_pairs", "locked", "asif"),
    "What of MSLN": (
        "one_setting", "attribution_modern", "attribution", "reproduction",
        "vocabulary",
    ),
    "Vectors of a joint model": ("joint_pairs", "joint", "mixed"),
    "What ails pairs and codes": ("diagnosis", "mismatched"),
    "Search": ("hubness", "index_modalities"),
}  # fmt: skip

_LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
_TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
_PROTOCOL = re.compile(r"^## (\w+) protocol$", re.MULTILINE)
#: Longer or wider tables are files.
_ROWS, _COLUMNS = 20, 7


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


def _cells(table):
    """Return titles and rows of a table in Markdown."""
    lines = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in table.splitlines()
    ]
    return lines[0], lines[2:]


def _without_empty_columns(table):
    """Leave out the columns of a table in which no row has anything."""
    titles, rows = _cells(table)
    kept = [i for i, _ in enumerate(titles) if any(row[i] for row in rows)]
    if len(kept) == len(titles):
        return table
    rules = re.findall(":?-+:?", table.splitlines()[1])
    lines = ([line[i] for i in kept] for line in (titles, rules, *rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _as_csv(titles, rows):
    text = io.StringIO()
    lines = [[re.sub("[*`]", "", cell) for cell in row] for row in (titles, *rows)]
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _transposed(titles, rows):
    rules = ["---", *["---:"] * len(rows)]
    lines = [list(line) for line in zip(titles, *rows, strict=True)]
    lines.insert(1, rules)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _narrow(table, name, *, has_picture):
    """Return what stands for a table, and the CSV file it needs or `None`.

    Few rows of many columns are turned. A matrix of one or two columns, and what takes
    screens or is wider than a page, are left to the file; folded where no picture shows
    the same.
    """
    table = _without_empty_columns(table)
    titles, rows = _cells(table)
    is_vector = not titles[0].strip("| ") and len(titles) <= 3 and len(rows) > 2
    if not is_vector and len(titles) <= _COLUMNS and len(rows) <= _ROWS:
        return table, None
    if len(rows) < _COLUMNS < len(titles):
        return _transposed(titles, rows), None
    shown = f"{{download}}`{len(rows)} rows as CSV <_tables/{name}.csv>`\n"
    if not has_picture and not is_vector:
        shown += f"\n:::{{dropdown}} Table of {len(rows)} rows\n{table}:::\n"
    return shown, _as_csv(titles, rows)


def _title_and_text(path):
    """Take the heading of a README; speed tables are explained by their program."""
    text = path.read_text(encoding="utf-8")
    if path.name == "README.md":
        return text.removeprefix("# ").split("\n", 1)
    program = ROOT / "benchmarks" / f"_{path.stem}.py"
    doc = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8")))
    first, _, rest = doc.partition("\n\n")
    title = first.split(":")[0].rstrip(".")
    if first == f"{title}.":  # the heading says it
        doc = rest
    command = f"`python -m benchmarks.speed {path.stem.removeprefix('speed_')}`"
    return title, f"{doc}\n\nMade by {command}.\n\n{text.replace('### ', '## ')}"


def images(name, words):
    """Return the picture of that name for light and dark pages, wide and narrow."""
    return "".join(
        f"```{{image}} /_static/generated/{name}_{theme}{ending}.svg\n"
        f":class: only-{theme} {width}-picture\n:alt: {words}\n:loading: lazy\n```\n\n"
        for theme in ("light", "dark")
        for width, ending in (("wide", ""), ("narrow", "_narrow"))
    )


def verdict(name, protocol):
    """Say which method is best, by how much, on how many sets, and how certainly."""
    measured = accuracy(name, protocol)
    best, *others = measured.scores
    n_best, n_sets = len(measured.best_on()[best]), len(measured.datasets)
    after = " and ".join(f"*{m}* ({short(measured.mean(m))})" for m in others[:2])
    title = title_of(protocol, name).capitalize()
    text = f"{title}: the best mean is that of *{best}*, {short(measured.mean(best))}, "
    text += f"before {after}"
    if n_sets > 1:
        text += f"; it is the best on {n_best} of the {n_sets} data sets"
    return f"{text}. {_certainty(name, protocol)}\n\n"


def _certainty(name, protocol):
    """Count the intervals that hold zero."""
    by_set = differences(name, protocol)
    found = [change for own in by_set.values() for change in own.values()]
    n_open = sum(change.is_open for change in found)
    n_behind = sum(change.high < 0 for change in found)
    text = (
        f"Of the {len(found)} intervals of *{subject_of(name, protocol)}* less another "
        f"method, one per data set, {n_open or 'none'} hold{'s' * (n_open == 1)} zero"
    )
    if n_behind:
        text += f" and {n_behind} lie{'s' * (n_behind == 1)} below"
    if n_open:
        text += ": there these splits do not tell which of the two is better"
    return f"{text}."


def _drawn_for(path):
    """Map the pictures that are drawn for a page to their words."""
    name = page_of(path).stem
    return {
        picture: words
        for picture, (_, _, words) in pictures().items()
        if picture == name or picture.startswith(f"{name}_")
    }


def _pictures(path):
    """Return the pictures of a whole page: drawn at build, or beside a table."""
    name = path.parent.name
    drawn = _drawn_for(path)
    if drawn:
        of_page = [n for n in drawn if n == name or name == "attribution"]
        return "".join(images(n, drawn[n]) for n in of_page)
    pattern = "*.png" if path.name == "README.md" else f"{path.stem}*.png"
    return "".join(
        f":::{{div}} scrolled\n![{picture.stem.replace('_', ' ')}]"
        f"({os.path.relpath(picture, PAGES)})\n:::\n\n"
        for picture in sorted(path.parent.glob(pattern))
    )


def _accuracy_first(text, name):
    """Put the verdict and the picture of a protocol below its heading."""
    drawn = pictures()

    def add(match):
        protocol = match[1].lower()
        key = f"{name}_{protocol}"
        if key not in drawn:
            return match[0]
        shown = verdict(name, protocol) + images(key, drawn[key][2])
        apart = f"{key}_differences"
        shown += f"{drawn[apart][2]}:\n\n{images(apart, drawn[apart][2])}"
        return f"{match[0]}: {title_of(protocol, name)}\n\n{shown}"

    return _PROTOCOL.sub(add, text)


def _rows_behind(path):
    if path.name == "README.md":
        files = sorted(path.parent.glob("*.csv"))
    else:
        files = [path.with_suffix(".csv")]
    links = (f"{{download}}`{f.name} <{os.path.relpath(f, PAGES)}>`" for f in files)
    return f"All rows: {', '.join(links)}.\n\n"


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


def page_and_tables(path):
    """Return the Markdown of the page of one file of results, and its CSV files."""
    page, tables = page_of(path), {}
    title, text = _title_and_text(path)
    has_picture = bool(_drawn_for(path) or _pictures(path))

    def narrow(match):
        name = f"{page.stem}_{len(tables) + 1}"
        shown, file = _narrow(match[0], name, has_picture=has_picture)
        if file is not None:
            tables[PAGES / "_tables" / f"{name}.csv"] = file
        return shown

    text = _TABLE.sub(narrow, relink(text.strip() + "\n", path, page))
    if path.name == "README.md":
        text = _accuracy_first(text, path.parent.name)
    behind = _rows_behind(path) + _versions(path)
    return f"# {title}\n\n{_pictures(path)}{text}\n\n{behind}", tables


def page_text(path):
    """Return the Markdown of the page of one file of results."""
    return page_and_tables(path)[0]


def _overview(name):
    """Return verdict and picture of each protocol of a folder of results, as tabs."""
    drawn = pictures()
    tabs = [
        f":::{{tab-item}} {title_of(protocol, name).capitalize()}\n"
        f"{verdict(name, protocol)}"
        f"{images(key, drawn[key][2])}:::\n"
        for protocol in protocols_of(name)
        for key in [f"{name}_{protocol}"]
    ]
    return "::::{tab-set}\n" + "".join(tabs) + "::::\n"


def _contents():
    """Return the table of all pages by what they answer, those of no group last."""
    names = ["how", *(page_of(path).stem for path in results())]
    listed = {name for group in GROUPS.values() for name in group}
    rest = {"Time and memory": [], "More": []}
    for name in names:
        if name not in listed:
            is_speed = name.startswith("speed_")
            rest["Time and memory" if is_speed else "More"].append(name)
    parts = []
    for title, group in (GROUPS | rest).items():
        lines = "\n".join(f"/benchmarks/{name}" for name in group if name in names)
        toctree = f"```{{toctree}}\n:maxdepth: 1\n\n{lines}\n```\n"
        parts += [f"### {title}\n\n{toctree}"] if lines else []
    return "\n".join(parts)


def _parts():
    """Map files that other pages include to their text."""
    included = {
        f"_picture_{name}.md": images(name, words)
        for name, (_, _, words) in pictures().items()
    }
    for name in ("modern", "retrieval"):
        included[f"_overview_{name}.md"] = _overview(name)
    included["_contents.md"] = _contents()
    included["_unchanged.md"] = f"{', '.join(worthwhile_changes()[1])}.\n"
    return {PAGES / name: text for name, text in included.items()}


def _write(path, text):
    """Write only what has changed, so that Sphinx reads nothing twice."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app):
    """Write all pages, their tables and what `benchmarks.md` and the guide include."""
    (PAGES / "_tables").mkdir(parents=True, exist_ok=True)
    about = README.read_text(encoding="utf-8").split("\n", 1)[1]
    pages = {
        page_of(README): "# What was measured, and how\n"
        + relink(about, README, page_of(README))
    }
    files = _parts()
    for path in results():
        pages[page_of(path)], tables = page_and_tables(path)
        files |= tables
    for path in {*PAGES.glob("[a-z]*.md")} - {*pages}:  # its results are gone
        path.unlink()
    for path, text in (pages | files).items():
        _write(path, text)


def _relink_page(app, docname, source):
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md":
        source[0] = relink(source[0], page, page)


def setup(app):
    """Write before anything is read."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", _relink_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
