"""The page: nothing from outside, nothing that breaks it, and true figures."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sklearn_xmodal import ImageTextPairs
from sklearn_xmodal.metrics import (
    retrieval_precision_recall_curve,
    retrieval_score,
)
from sklearn_xmodal.protocols import score_codes
from sklearn_xmodal.report import write_report
from sklearn_xmodal.report._sheets import Items, nearest
from sklearn_xmodal.report._summary import _over_queries, summarise

VOID = {"meta", "img", "input", "path", "rect", "br"}
NASTY = 'a "b" </script><script>alert(1)</script> & <b>'


class Page(HTMLParser):
    """Elements of a page; what is opened must be closed."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def make_data(n=60, n_classes=5, *, labels=True, groups=False, pictures=True):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return SimpleNamespace(
        name="Things <1>",
        pairs=ImageTextPairs(X, X),
        y=np.array([f"kind {i % n_classes}" for i in range(n)]) if labels else None,
        groups=np.arange(n) // 3 if groups else None,
        pictures=rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
        if pictures
        else None,
        texts=np.array([f"text {i // 3}" for i in range(n)]) if pictures else None,
        names=None,
        warnings=[],
        credit="Drawn by <someone>.",
        describe=lambda: "60 things.",
    )


def make_run(data, method, noise, split=0, protocol="standard", rows=None):
    """One run whose codes are the classes, or the pairs, with noise."""
    rng = np.random.default_rng(1 + split)
    rows = np.arange(len(data.pairs)) if rows is None else rows
    centres = rng.normal(size=(len(data.pairs), 4))
    y = None if data.y is None else data.y[rows]
    kind = rows if y is None else np.unique(y, return_inverse=True)[1]
    codes = [centres[kind] + noise * rng.normal(size=(len(rows), 4)) for _ in range(2)]
    scores = score_codes(*codes, y)
    curve = retrieval_precision_recall_curve
    return SimpleNamespace(
        method=method,
        protocol=protocol,
        split=split,
        seconds=1.5,
        n_train=100,
        n_test=len(rows),
        n_test_classes=None if y is None else len(set(y)),
        validation_score=scores["mean"],
        parameters={"alpha": noise},
        test_rows=rows,
        codes=codes,
        curves={
            "image_to_text": curve(*codes, y, y),
            "text_to_image": curve(*codes[::-1], y, y),
        },
        **scores,
    )


def two_methods(data, n_splits=1, **options):
    return [
        make_run(data, method, noise, split, **options)
        for split in range(n_splits)
        for method, noise in (("worse", 2.0), ("better & <so>", 0.4))
    ]


def write(tmp_path, runs, data):
    leads = write_report(tmp_path / "report.html", runs, data, "What came out.")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return leads, text, Page(text)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": True},
        {"labels": False, "pictures": False},
        {"pictures": False},
    ],
    ids=["pictures and groups", "no labels", "labels alone"],
)
def test_the_page_is_whole_and_asks_for_nothing(options, tmp_path):
    if options.get("pictures", True):
        pytest.importorskip("PIL")
    data = make_data(**options)
    leads, text, page = write(tmp_path, two_methods(data), data)
    assert "better & <so> is ahead of worse (+0." in " ".join(leads.split())
    assert "What came out." in page.text
    assert "Things <1>" in page.text
    assert "Drawn by <someone>." in page.text
    assert not [tag for tag, _ in page.elements if tag in ("link", "iframe", "b")]
    for tag, attributes in page.elements:
        for name in ("src", "href", "data-sheet"):
            address = attributes.get(name, "#")
            assert address.startswith(("#", "data:image/")), (tag, address)
    outside = re.sub(r"data:image/\w+;base64,[\w+/=]+", "", text)
    assert re.findall(r"https?://(?!www\.w3\.org)|@import", outside) == []
    for image in page.named("img"):
        assert image["alt"]
    (search,) = page.named("script")[:-1] or [None]
    assert (search is not None) == (options.get("pictures", True))


def test_texts_of_the_user_stay_texts(tmp_path):
    pytest.importorskip("PIL")
    data = make_data()
    data.texts = np.array([f"{NASTY} {i}" for i in range(60)])
    data.y = np.array([f"{NASTY} {i % 5}" for i in range(60)])
    _, text, page = write(tmp_path, two_methods(data), data)
    assert len(page.named("script")) == 2  # texts of the search, and what reads them
    assert page.named("b") == []
    held = json.loads(re.search(r'application/json">(.*?)</script>', text, re.S)[1])
    assert {query["text"] for query in held["queries"]} == set(data.texts)
    assert f"{NASTY} 0"[:20] in page.text


def test_settings_have_a_line_below_their_method_and_are_explained(tmp_path):
    data = make_data(pictures=False)
    runs = two_methods(data)
    _, text, _ = write(tmp_path, runs, data)
    assert "standardised" not in text
    runs[0].parameters = {"n_input_components": 64, "scaled": "image"}
    _, text, _ = write(tmp_path, runs, data)
    row = text.split(">worse</th>")[1].split("</tr>")[1]
    assert "<span>n_input_components=64</span> <span>scaled=image</span>" in row
    assert "Scaled: which sides were standardised first" in text


def test_many_warnings_are_told_before_the_figures(tmp_path):
    data = make_data(pictures=False)
    _, text, _ = write(tmp_path, two_methods(data), data)
    assert 'class="warning"' not in text
    data.warnings = [f"of <{i}> & more" for i in range(6)]
    _, text, page = write(tmp_path, two_methods(data), data)
    box = text.split('class="warning"')[1].split("What came out.")[0]
    assert box.count("<li>") == 6
    assert "2 moreof <4> & moreof <5> & more" in page.text


def test_search_holds_what_each_text_finds(tmp_path):
    pytest.importorskip("PIL")
    data = make_data(groups=True)
    better = two_methods(data)[1]
    _, text, _ = write(tmp_path, [better], data)
    held = json.loads(re.search(r'application/json">(.*?)</script>', text, re.S)[1])
    assert len(held["queries"]) == 20  # each text once
    image, texts = (Z / np.linalg.norm(Z, axis=1)[:, None] for Z in better.codes)
    for query in held["queries"]:
        row = int(np.flatnonzero(data.texts == query["text"])[0])
        first = np.argsort(-(image @ texts[row]))[:8]
        assert [place for place, _ in query["found"]] == first.tolist()
        right = data.y[first] == data.y[row]
        assert [bool(mark) for _, mark in query["found"]] == right.tolist()


def test_a_picture_of_several_texts_is_shown_once():
    data = make_data(groups=True, pictures=False)
    X = np.asarray(data.pairs.image)[data.groups]  # one picture of every three texts
    data.pairs = ImageTextPairs(X, data.pairs.text)
    shown = Items(data, np.arange(60))
    assert len(set(shown.picture.tolist())) == 20
    assert len(set(shown.text.tolist())) == 60


def test_nearest_shows_no_item_twice():
    gallery = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [-1, 0]])
    found = list(nearest(np.array([[2.0, 0]]), gallery, np.array([7, 7, 5, 5, 1]), 3))
    assert found[0].tolist() == [0, 2, 4]


@pytest.mark.parametrize("groups", [False, True])
def test_figures_are_those_of_the_runs(groups):
    data = make_data(groups=groups)
    runs = two_methods(data)
    (summary,) = summarise(runs, data)
    best, last = summary.methods
    assert [best.name, last.name] == ["better & <so>", "worse"]
    assert best.mean == runs[1].mean
    assert last.behind == pytest.approx(runs[1].mean - runs[0].mean)
    for method in (best, last):
        low, high = method.interval
        assert low < method.mean < high
    image, text = runs[1].codes
    for kind in set(data.y):
        own = data.y == kind
        both = [
            np.mean(retrieval_score(Zq[own], Zg, data.y[own], data.y))
            for Zq, Zg in ((image, text), (text, image))
        ]
        assert best.classes[kind] == pytest.approx(np.mean(both))


def test_interval_of_independent_queries_is_that_of_the_normal():
    rng = np.random.default_rng(0)
    values = rng.random(3000)
    # The same query in both directions: its two scores move together.
    directions = [(values, np.arange(3000), None)] * 2
    low, high = _over_queries(directions)
    error = stats.norm.ppf(0.975) * values.std() / np.sqrt(3000)
    assert_allclose((low, high), values.mean() + np.array([-1, 1]) * error, atol=6e-4)


def test_copies_in_a_group_make_no_interval_narrower():
    rng = np.random.default_rng(0)
    values, clusters = rng.random(50), np.arange(50)
    once = _over_queries([(values, clusters, None)] * 2)
    twice = _over_queries([(np.tile(values, 4), np.tile(clusters, 4), None)] * 2)
    assert_allclose(once, twice)


def test_pairs_of_a_group_are_resampled_together():
    apart, together = make_data(), make_data(groups=True)
    # The three pairs of each group are copies: a third of what there seems to be.
    rows = np.repeat(np.arange(20), 3)
    widths = []
    for data in (apart, together):
        run = two_methods(make_data(20))[1]
        run.test_rows = np.arange(60)
        run.codes = [codes[rows] for codes in run.codes]
        data.y = np.array([f"kind {i % 5}" for i in rows])
        low, high = summarise([run], data)[0].methods[0].interval
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(3), rel=0.15)


def test_intervals_over_splits_are_corrected_for_shared_pairs():
    data = make_data()
    runs = two_methods(data, n_splits=4)
    best = summarise(runs, data)[0].methods[0]
    means = np.array([run.mean for run in runs if run.method == best.name])
    # Nadeau and Bengio: pairs of 60 tests and 100 trainings.
    error = np.sqrt((1 / 4 + 60 / 100) * means.var(ddof=1))
    half = stats.t.ppf(0.975, 3) * error
    assert_allclose(best.interval, (means.mean() - half, means.mean() + half))


def test_splits_are_counted(tmp_path):
    data = make_data(pictures=False)
    leads, _, page = write(tmp_path, two_methods(data, n_splits=3), data)
    assert "over 3 splits, a lead in 3 of them)" in leads
    assert "--splits" not in leads
    assert "Mean of 3 random splits." in page.text


def test_work_that_was_ended_is_compared_on_what_all_have():
    data = make_data()
    runs = two_methods(data, n_splits=3)[:-1]  # the last run never came
    (summary,) = summarise(runs, data)
    assert summary.n_splits == 2
    for method in summary.methods:
        own = [run.mean for run in runs if run.method == method.name][:2]
        assert method.mean == pytest.approx(np.mean(own))


def test_one_split_of_a_harmonic_mean_has_no_interval(tmp_path):
    data = make_data(pictures=False)
    runs = two_methods(data, protocol="generalized")
    (summary,) = summarise(runs, data)
    assert {method.interval for method in summary.methods} == {None}
    leads, _, _ = write(tmp_path, runs, data)
    assert "one split does not say whether better" in leads


def test_level_methods_are_not_told_apart(tmp_path):
    data = make_data(pictures=False)
    runs = [make_run(data, name, 1.0) for name in ("one", "other")]
    leads, _, _ = write(tmp_path, runs, data)
    assert "one cannot be told from other (+0.000 mAP" in leads


def test_where_each_method_wins_counts_every_class_once(tmp_path):
    data = make_data(pictures=False)
    runs = two_methods(data)
    _, _, page = write(tmp_path, runs, data)
    counts = re.findall(r"best on (\d+) of 5 classes", page.text)
    assert sum(map(int, counts)) == 5


def test_rows_have_the_names_of_their_file_and_long_ones_are_cut(tmp_path):
    data = make_data(pictures=False)
    data.names = np.array([f"{i}-{'字' * 99}" for i in range(60)], dtype=object)
    _, _, page = write(tmp_path, two_methods(data), data)
    assert re.search(r"\d+-字{52,53}…", page.text)
    assert not re.search(r"\brow \d", page.text)


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_shows_what_words_find(tmp_path):
    pytest.importorskip("PIL")
    data = make_data()
    write(tmp_path, two_methods(data), data)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    page = (tmp_path / "report.html").as_uri()
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        ["chromium", *options, profile, "--virtual-time-budget=2000", page],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = done.stdout.split('class="answers"')[1].split("</section>")[0]
    assert 'class="tile"' in answers.split("<h3>")[0]
