"""What docs/_ext makes of benchmarks, docstrings and examples at a build."""

import importlib
import inspect
import re
import sys
from collections import Counter

import numpy as np
import pytest
from numpydoc.docscrape_sphinx import SphinxClassDoc, SphinxFunctionDoc
from sphinx.util import import_object

from tests import test_readme
from tests.test_docs import (
    DOCS,
    LINK,
    PAGES,
    _leads_somewhere,
    _public,
    _reference,
)

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def _roles(name):
    """What the pages write between the backticks of a role."""
    return [
        " ".join(role.split())
        for text in TEXTS.values()
        for role in re.findall(rf"{{{name}}}`([^`]+)`", text)
    ]


@pytest.fixture(scope="module")
def extension():
    """Import a module of docs/_ext."""
    pytest.importorskip("matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS / "_ext")
        yield importlib.import_module
    for path in (DOCS / "_ext").glob("*.py"):
        sys.modules.pop(path.stem, None)


# Figures


def test_figures_of_benchmarks_in_sentences_are_measured(extension):
    figure, asked = extension("measured").figure, _roles("measured")
    assert len(asked) > 30
    kinds = r"[+-]?\.\d{3}|\d of the \d"
    assert [a for a in asked if not re.fullmatch(kinds, figure(a))] == []
    with pytest.raises(KeyError):
        figure("retrieval / standard / no such method")


def test_a_figure_is_the_mean_over_splits_then_over_data_sets(extension, monkeypatch):
    measured = extension("measured")
    rows = [
        {"method": m, "dataset": d, "split": s, "mean": score, "protocol": "standard"}
        for m, d, s, score in [
            ("A", "one", 0, 0.2), ("A", "one", 1, 0.4), ("A", "two", 0, 0.7),
            ("B", "one", 0, 0.5), ("B", "one", 1, 0.5), ("B", "two", 0, 0.1),
        ]
    ]  # fmt: skip
    monkeypatch.setattr(measured, "rows_of", lambda name: rows)
    assert measured.figure("x / standard / A") == ".500"
    assert measured.figure("x / standard / A / one") == ".300"
    assert measured.figure("x / standard / B - A / two") == "-.600"
    best = measured.accuracy("x", "standard").best_on()
    assert best == {"A": ["two"], "B": ["one"]}
    assert measured.figure("x / standard / sets won by A") == "1 of the 2"


VOTE = "vote of CCA, KCCA and SM"
#: Protocol, data set or None for the mean of all, methods in the order of the pages.
TOLD = [
    ("standard", None, ["MSLN", "contrastive", "semantic matching", "MvDA", "CCA"]),
    ("standard", None, ["KCCA", "deep CCA", "CCA"]),
    ("standard", None, ["semantic matching", VOTE]),
    ("standard", "digits", ["semantic matching", VOTE]),
    ("standard", "emoji", [VOTE, "semantic matching"]),
    ("standard", None, ["MSLN", "contrastive", "DSCMR", "ACMR", "KCCA"]),
    ("extendable", None, ["MSLN", "three-view CCA", "CCA", "KCCA", "DSCMR"]),
    ("extendable", None, ["CCA", "contrastive", "DSCMR", "ACMR"]),
    ("extendable", None, ["KCCA", "deep CCA"]),
    ("extendable", "glyphs", ["three-view CCA", "MSLN"]),
    ("extendable", "ccv", ["MSLN, four losses", "MSLN"]),
    ("extendable", "pascal100", ["CCA", "MSLN"]),
    ("standard", "pascal100", ["semantic autoencoder", "CCA", "MSLN"]),
]


@pytest.mark.parametrize(("protocol", "dataset", "methods"), TOLD)
def test_methods_are_in_the_order_that_pages_tell(
    extension, protocol, dataset, methods
):
    measured = extension("measured").accuracy("retrieval", protocol)
    scores = [measured.mean(method, dataset) for method in methods]
    assert scores == sorted(scores, reverse=True)


def test_msln_is_best_on_every_set_of_seen_classes_as_pages_say(extension):
    measured = extension("measured").accuracy("retrieval", "standard")
    assert measured.best_on()["MSLN"] == measured.datasets


@pytest.mark.parametrize("protocol", ["standard", "extendable"])
def test_no_vote_is_above_its_best_member_for_certain(extension, protocol):
    measured = extension("measured")
    scores = measured.accuracy("retrieval", protocol)
    rows = [r for r in measured.rows_of("retrieval") if r["protocol"] == protocol]
    for dataset in scores.datasets:
        members = ("CCA", "KCCA", "semantic matching")
        best = max(members, key=lambda m: scores.mean(m, dataset))
        own = [row for row in rows if row["dataset"] == dataset]
        low, _ = measured.compared(own, VOTE, best).confidence_interval
        assert low < 0
    if protocol == "extendable":
        assert abs(scores.mean("CCA") - scores.mean(VOTE)) < 0.003


def test_the_landing_page_asks_what_the_readme_asks(extension):
    measured = extension("measured")

    def said(role):
        kind, text = role[1], " ".join(role[2].split())
        return measured.figure(text) if kind == "measured" else text.split(" <")[0]

    words = [
        " ".join(re.sub(r"{(\w+)}`([^`]+)`", said, question).split())
        for question in test_readme._questions(test_readme.PAGES["index.md"])
    ]
    expected = [
        " ".join(question.split())
        for question in test_readme._questions(test_readme.README)
    ]
    moved = {"../benchmarks": "benchmarks", "(user_guide": "(docs/user_guide"}
    for there, here in moved.items():
        words = [text.replace(there, here) for text in words]
    assert words == expected


@pytest.fixture
def invented(extension, monkeypatch):
    """Three methods on two data sets: B is level with MSLN on one, C far below."""
    noise = (0.0, 0.02, -0.02, 0.01)
    levels = {("MSLN", "one"): 0.5, ("MSLN", "two"): 0.6, ("B", "one"): 0.49,
              ("B", "two"): 0.4, ("C", "one"): 0.1, ("C", "two"): 0.2}  # fmt: skip
    rows = [
        {"method": m, "dataset": d, "split": s, "protocol": "standard", "n_train": 70,
         "n_test": 30, "n_test_classes": 5,
         "mean": level + (m == "B") * noise[s] + (m == "MSLN") * noise[s - 1] / 9}
        for (m, d), level in levels.items() for s in range(4)
    ]  # fmt: skip
    measured = extension("measured")
    for cached in (measured.accuracy, measured.differences):
        cached.cache_clear()
    for module in (measured, extension("benchmark_pictures")):
        monkeypatch.setattr(module, "rows_of", lambda name: rows)
    yield rows
    for cached in (measured.accuracy, measured.differences):
        cached.cache_clear()


def test_overviews_count_the_intervals_that_hold_zero(extension, invented):
    text = extension("benchmark_pages").verdict("invented", "standard")
    assert "the best mean is that of *MSLN*" in text
    assert "the best on 2 of the 2 data sets" in text
    assert "Of the 4 intervals of *MSLN* less another method" in text
    assert "1 holds zero" in text
    found = extension("measured").differences("invented", "standard")
    one = [row["mean"] for row in invented if row["dataset"] == "one"]
    by_split = np.reshape(one, (3, 4))
    assert found["one"]["B"].mean == pytest.approx((by_split[0] - by_split[1]).mean())
    assert [found["one"][m].is_open for m in "BC"] == [True, False]


@pytest.mark.parametrize("theme", ["light", "dark_narrow"])
def test_pictures_show_every_interval(extension, invented, theme):
    pictures = extension("benchmark_pictures")
    look = pictures.THEMES[theme]
    figure = pictures.draw_differences(look, "invented", "standard")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two"]
    found = extension("measured").differences("invented", "standard")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["B", "C"]
    for axes, by_method in zip(figure.axes, found.values(), strict=True):
        drawn = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
        for change in by_method.values():
            assert [change.low, change.high] in [[*pair] for pair in drawn]
        marks = [line for line in axes.lines if line.get_marker() == "o"]
        hollow = [mark.get_markerfacecolor() == "none" for mark in marks]
        assert hollow == [change.is_open for change in by_method.values()]


def test_labels_of_narrow_pictures_break_where_words_end(extension):
    themes = extension("benchmark_pictures").THEMES
    label = 'ContrastiveAdapterRetriever(adapt="text")'
    assert themes["light"].label(label) == label
    lines = themes["light_narrow"].label(label).split("\n")
    assert lines == ["ContrastiveAdapter", 'Retriever(adapt="text")']
    assert themes["dark_narrow"].label("one, two") == "one, two"


# Pages of benchmarks


@pytest.fixture
def pages(extension, monkeypatch):
    """The generator of pages, but for the intervals, which take time."""
    generator = extension("benchmark_pages")
    monkeypatch.setattr(generator, "differences", lambda *_: {})
    return generator


def test_what_pages_include_is_made(pages):
    made = {path.name for path in pages._parts()}
    included = {
        name
        for text in TEXTS.values()
        for name in re.findall(r"{include} (?:\.\./)?benchmarks/(\S+)", text)
    }
    assert len(included) > 5
    assert included - made == set()


def test_every_page_is_in_one_group_of_the_overview(pages):
    listed = re.findall(r"^/benchmarks/(\w+)$", pages._contents(), re.MULTILINE)
    names = {"how", *(pages.page_of(path).stem for path in pages.results())}
    assert {*listed} == names
    assert len(listed) == len(names)
    assert "### More" not in pages._contents()


def test_titles_of_pages_are_one_line_without_a_full_stop(pages):
    titles = [pages._title_and_text(path)[0] for path in pages.results()]
    assert [title for title in titles if "\n" in title or title.endswith(".")] == []


def test_columns_that_nothing_fills_are_left_out(pages):
    table = "| a | b | c |\n|---|--:|---|\n| x |  | 1 |\n| y |  |  |\n"
    shown, file = pages._narrow(table, "x", has_picture=True)
    assert shown == "| a | c |\n| --- | --- |\n| x | 1 |\n| y |  |\n"
    assert file is None


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "first", "kind"),
    [
        (20, 7, "a", "as it is"),
        (21, 3, "a", "a file"),
        (9, 8, "a", "a file"),
        (2, 8, "a", "turned"),
        (3, 2, "", "a file"),  # a matrix of one column
    ],
)
def test_tables_that_fill_screens_become_files(
    extension, n_rows, n_columns, first, kind
):
    titles = [first, *["t"] * (n_columns - 1)]
    rows = [[f"**{i}.{j}**" for j in range(n_columns)] for i in range(n_rows)]
    lines = [titles, ["---"] * n_columns, *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    shown, file = extension("benchmark_pages")._narrow(table, "x", has_picture=True)
    if kind == "a file":
        assert shown == f"{{download}}`{n_rows} rows as CSV <_tables/x.csv>`\n"
        assert file.splitlines()[1:] == [",".join(r).replace("*", "") for r in rows]
        return
    assert file is None
    last = [titles[-1], *(row[-1] for row in rows)]
    assert shown == table if kind == "as it is" else f"| {' | '.join(last)} |" in shown


def test_every_file_of_results_becomes_a_page_whose_links_lead_somewhere(pages):
    files = pages.results()
    assert {"retrieval", "attribution"} < {pages.page_of(file).stem for file in files}
    for file in files:
        text = pages.page_text(file)
        assert re.match(r"# \w.*\n\n", text)
        assert "Python 3." in text  # the versions
        for link in LINK.findall(text):
            assert _leads_somewhere((pages.PAGES / link).resolve()), (file, link)


def test_links_to_results_lead_to_their_pages_on_the_site(extension):
    pages = extension("benchmark_pages")
    page = DOCS / "user_guide" / "large_data.md"
    text = (
        "[a](../../benchmarks/results/speed_cca.md), [b](search.md#x), [c](https://d)"
    )
    expected = "[a](../benchmarks/speed_cca.md), [b](search.md#x), [c](https://d)"
    assert pages.relink(text, page, page) == expected


def test_broken_links_of_a_site_are_found(extension, tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there"></a><a href="#here"></a>'
        '<a href="https://example.org/none"></a><img src="none.png"></p>'
    )
    (tmp_path / "b.html").write_text('<a href="a.html#gone"></a><a href="c.html"></a>')
    found = extension("check_links").broken_links(tmp_path)
    assert [(page.name, link) for page, link in found] == [
        ("a.html", "b.html#there"),
        ("a.html", "none.png"),
        ("b.html", "a.html#gone"),
        ("b.html", "c.html"),
    ]


# The reference


def test_long_pages_of_the_reference_hide_nothing(extension):
    folded = extension("folded")
    objects = {name: import_object(name) for name in _reference()}
    long = {
        name: obj
        for name, obj in objects.items()
        if callable(obj) and len(inspect.signature(obj).parameters) > folded.MOST
    }
    assert long.keys() == folded.FIRST.keys()
    for name, obj in long.items():
        document = SphinxClassDoc if inspect.isclass(obj) else SphinxFunctionDoc
        told = str(document(obj, config={"show_class_members": False})).splitlines()
        page = folded.fold(name, told)
        before, after = (Counter(map(str.strip, lines)) for lines in (told, page))
        assert {*before - after} <= {"", ".. rubric:: Notes"}, name
        shown = [line for line in page if re.match(r"    \*\*\w+\*\* :", line)]
        names = [re.search(r"\w+", line)[0] for line in shown]
        assert tuple(names[: len(folded.FIRST[name])]) == folded.FIRST[name]
        assert len(folded.FIRST[name]) < 7


# Examples, words and formulas


@pytest.mark.parametrize("page", [*PAGES, *(DOCS / "examples").rglob("*.py")])
def test_lines_of_code_fit_the_column(page):
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        blocks = re.findall(r"^```(?:python|py|console)\n(.*?)^```", text, re.M | re.S)
        text = "".join(blocks)
    assert [line for line in text.splitlines() if len(line) > 88] == []


def test_examples_are_those_of_the_reading_order(extension):
    order = extension("reading_order").ORDER
    listed = {f"{folder}/plot_{name}" for folder in order for name in order[folder]}
    paths = (DOCS / "examples").rglob("plot_*.py")
    assert {f"{path.parent.name}/{path.stem}" for path in paths} == listed
    for folder in order:
        assert (DOCS / "examples" / folder / "GALLERY_HEADER.rst").exists()


def test_words_that_lead_to_the_glossary_are_in_it():
    conventions = TEXTS[DOCS / "conventions.md"]
    glossary = conventions.split("```{glossary}\n")[1].split("```")[0]
    terms = {*re.findall(r"^(\w.*)$", glossary, re.MULTILINE)}
    asked = [re.sub(r".*<(.*)>", r"\1", role) for role in _roles("term")]
    assert len(asked) > 20
    assert [word for word in asked if word not in terms] == []


def _formulas():
    """TeX of all pages and docstrings."""
    for text in TEXTS.values():
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        yield from re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
        text = re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
        yield from re.findall(r"\$(.+?)\$", text, re.DOTALL)
    for obj in _public().values():
        doc = inspect.getdoc(obj) or ""
        yield from re.findall(r":math:`(.+?)`", doc, re.DOTALL)
        yield from re.findall(r"\.\. math::(.+?)\n\n", doc, re.DOTALL)


def test_the_site_can_draw_every_formula():
    mathml = pytest.importorskip("docutils.utils.math.latex2mathml")
    formulas = {*_formulas()}
    assert len(formulas) > 80
    for formula in formulas:
        mathml.tex2mathml(formula.strip(), as_block=True)
