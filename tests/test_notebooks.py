"""What notebooks show of results, and the tables that come of them."""

import io
import pickle
from html.parser import HTMLParser

import numpy as np
import pytest

from sklearn_xmodal import ImageTextPairs, RetrievalIndex, RidgeRetriever
from sklearn_xmodal.inspection import diagnose
from sklearn_xmodal.metrics import (
    bootstrap_score_interval,
    paired_comparison,
    retrieval_report,
)
from sklearn_xmodal.protocols import evaluate
from sklearn_xmodal.utils._html import image
from sklearn_xmodal.utils._progress import progress_bar

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(12, 4))
Y = np.array(["<cat>", "dog"] * 6)


class Page(HTMLParser):
    """Text and elements of HTML; every element must be closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.cells, self.words, self.pictures = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.pictures.append(dict(attrs))
        elif tag != "br":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture
def index():
    text = [f"text <{i}>" for i in range(12)]
    return RetrievalIndex(
        vectors={"image": CODES[:6], "text": CODES[6:]},
        ids={"image": list("abcdef"), "text": list("ghijkl")},
        labels={"image": Y[:6].tolist(), "text": Y[6:].tolist()},
        payload={"image": text[:6], "text": text[6:]},
    )


@pytest.mark.parametrize("copied", [False, True], ids=["itself", "from a pickle"])
def test_a_search_result_is_a_pair_and_a_table(index, copied):
    pytest.importorskip("pandas")
    result = index.search(vectors=CODES[[3, 8]], k=2, labels=["dog", "<cat>"])
    index.remove(["a", "b"])  # what was found stays what it was
    result = pickle.loads(pickle.dumps(result)) if copied else result
    scores, ids = result
    assert (result.scores is scores, result.ids is ids) == (True, True)
    frame = result.to_frame()
    assert frame["query"].tolist() == [0, 0, 1, 1]
    assert frame["rank"].tolist() == [1, 2, 1, 2]
    assert frame["id"].tolist() == ids.ravel().tolist()
    assert frame["score"].tolist() == scores.ravel().tolist()
    first = frame[frame["rank"] == 1]
    assert first["id"].tolist() == ["d", "i"]
    assert first["modality"].tolist() == ["image", "text"]
    assert first["label"].tolist() == [Y[3], Y[8]]
    assert first["payload"].tolist() == ["text <3>", "text <8>"]


def test_a_notebook_shows_what_was_found_and_from_how_many(index):
    result = index.search(vectors=CODES[:2], k=3, modality="image")
    page = Page(result._repr_html_())
    assert "6 of 12 items pass the filters." in page.text
    for id_ in result.ids.ravel():
        assert id_ in page.words
    assert "label <cat>" in page.words  # as text, not as an element
    assert "text <0>" in page.words
    assert "pass the filters" not in index.search(vectors=CODES[:1])._repr_html_()


@pytest.mark.parametrize("form", ["mapping", "callable"])
def test_pictures_and_queries_are_shown(index, form):
    pytest.importorskip("PIL")
    pictures = {"a": np.zeros((8, 8)), "b": np.full((8, 8, 3), 255, dtype=np.uint8)}
    result = index.search(vectors=CODES[:2], k=12)
    shown = result.illustrate(
        pictures if form == "mapping" else pictures.get,
        queries=["a <cat>", np.ones((4, 4))],
    )
    page = Page(shown._repr_html_())
    assert "a <cat>" in page.words
    names = [picture["alt"] for picture in page.pictures]
    assert sorted(names) == ["item a", "item a", "item b", "item b", "query 1"]
    assert (shown.ids is result.ids, Page(result._repr_html_()).pictures) == (True, [])
    with pytest.raises(ValueError, match=r"were searched for, 2\. Got 1"):
        result.illustrate(queries=["one"])


def test_many_queries_are_not_all_shown(index):
    page = Page(index.search(vectors=RNG.normal(size=(30, 4)), k=1)._repr_html_())
    assert "and 10 more queries" in page.text


def levels_of(picture):
    """Read what a page would show."""
    from base64 import b64decode

    from PIL import Image

    data = Page(image(picture, "one")).pictures[0]["src"].split(",")[1]
    return np.asarray(Image.open(io.BytesIO(b64decode(data))))


def test_pictures_keep_their_levels_and_get_no_larger(tmp_path):
    pil = pytest.importorskip("PIL.Image")
    grey = np.array([[0, 0.5, 1.0, 2.0]])
    assert levels_of(grey).tolist() == [[0, 128, 255, 255]]
    assert levels_of(np.array([[False, True]])).tolist() == [[0, 255]]
    colours = RNG.integers(256, size=(3, 5, 3), dtype=np.uint8)
    assert (levels_of(colours) == colours).all()
    pil.fromarray(colours).save(tmp_path / "a.png")
    assert (levels_of(tmp_path / "a.png")[..., :3] == colours).all()
    assert (levels_of(pil.fromarray(colours)) == colours).all()
    assert levels_of(np.zeros((400, 300))).shape == (160, 120)
    with pytest.raises(ValueError, match=r"shape \(2, 2, 2\)"):
        image(np.zeros((2, 2, 2)), "none")


def test_a_report_is_text_and_a_table():
    pytest.importorskip("pandas")
    codes = CODES, CODES + 0.5 * RNG.normal(size=CODES.shape)
    report = retrieval_report(*codes, Y, k=1, digits=4)
    expected = retrieval_report(*codes, Y, k=1, output_dict=True)
    assert isinstance(report, str)
    assert pickle.loads(pickle.dumps(report)).to_frame().equals(report.to_frame())
    assert report.to_frame().loc["map", "mean"] == expected["metrics"]["map"]["mean"]
    page = Page(report._repr_html_())
    row = page.cells.index("map")
    assert page.cells[row + 3] == f"{expected['metrics']['map']['mean']:.4f}"
    assert page.cells[page.cells.index("<cat>") + 5] == "6"


def test_records_are_a_list_and_a_table_of_means():
    pytest.importorskip("pandas")
    pairs = ImageTextPairs(CODES, CODES + 1)
    records = evaluate({"<own>": RidgeRetriever()}, pairs, Y, n_splits=2)
    means = records.to_frame()["mean"].tolist()
    assert means == [record["mean"] for record in records]
    page = Page(records._repr_html_())
    row = page.cells.index("<own>")
    expected = f"{np.mean(means):.3f} ± {np.std(means, ddof=1):.3f}"
    assert page.cells[row + 3] == expected
    assert "2 splits" in page.text


def test_statistics_are_tables_of_one_row():
    pytest.importorskip("pandas")
    found = paired_comparison([0.5, 0.7, 0.9], [0.4, 0.5, 0.6])
    frame = found.to_frame()
    assert (frame["low"][0], frame["high"][0]) == found.confidence_interval
    assert frame["n_wins"].tolist() == [3]
    interval = bootstrap_score_interval(RNG.random(30), n_resamples=50, random_state=0)
    page = Page(interval._repr_html_())
    assert page.cells[page.cells.index("mean") + 1] == f"{interval.mean:.4g}"


def test_a_diagnosis_is_shown_with_its_measures():
    Z_img = RNG.normal(size=(60, 4))
    diagnosis = diagnose(Z_img, Z_img + 5)
    page = Page(diagnosis._repr_html_())
    assert str(diagnosis.findings[0]) in page.words
    assert "modality gap" in page.cells


class NotebookBar:
    """The bar of a notebook, which needs one."""

    def __init__(self, **options):
        self.disable = options["disable"]


NotebookBar.__module__ = "tqdm.notebook"


@pytest.mark.parametrize(
    ("show", "in_notebook", "elsewhere"),
    [(None, False, True), (True, False, False), (False, True, True)],
)
def test_bars_are_shown_in_notebooks(show, in_notebook, elsewhere, monkeypatch):
    with progress_bar(show=show, total=2, file=io.StringIO()) as bar:
        assert bar.disable == elsewhere
    monkeypatch.setattr("tqdm.auto.tqdm", NotebookBar)
    assert progress_bar(show=show).disable == in_notebook
