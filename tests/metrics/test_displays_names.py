"""What displays show of names, texts and pictures from anywhere, on any style."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_xmodal.metrics import (
    JointEmbeddingDisplay,
    LossCurveDisplay,
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    RetrievalPrecisionRecallDisplay,
    RetrievedItemsDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex, to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

CURVES = [RetrievalPrecisionRecallDisplay, PrecisionAtKDisplay]
ODD = [r"a $\frac$ b", "_own", "$5 to $9", r"back\$slash", "_$x$"]


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Close what a test has drawn."""
    yield
    plt.close("all")


@pytest.fixture
def ax():
    """Axes that pyplot does not know."""
    return Figure().subplots()


def codes_of(names, n_each=6):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(names)), n_each)
    Z_img, Z_txt = rng.normal(size=(2, y.size, 3))
    return Z_img, Z_txt, np.array(list(names), dtype=object)[y]


def shown(text):
    """What matplotlib writes of a text, and whether as mathematics."""
    return text._preprocess_math(text.get_text())


def legend_of(ax):
    return [shown(text) for text in ax.get_legend().get_texts()]


# Names of classes and methods


def test_class_names_stand_beside_the_map_letter_by_letter():
    display = RetrievalConfusionDisplay.from_predictions(*codes_of(ODD))
    display.figure_.draw_without_rendering()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        ticks = [shown(text) for text in axis.get_ticklabels()]
        assert sorted(ticks) == sorted((name, False) for name in ODD)


def test_class_names_stand_in_the_legend_letter_by_letter():
    display = JointEmbeddingDisplay.from_predictions(*codes_of(ODD))
    display.figure_.draw_without_rendering()
    found = [(name.strip(), is_math) for name, is_math in legend_of(display.ax_)[2:]]
    assert sorted(found) == sorted((name, False) for name in ODD)


@pytest.mark.parametrize("cls", CURVES, ids=lambda c: c.__name__)
def test_every_method_is_in_the_legend_letter_by_letter(cls, ax):
    Z_img, Z_txt, y = codes_of("abc")
    for name in ODD:
        cls.from_predictions(Z_img, Z_txt, y, name=name, ax=ax)
    ax.figure.draw_without_rendering()
    found = [(name.strip(), is_math) for name, is_math in legend_of(ax)]
    words = ("image to text", "text to image")
    expected = [(f"{name}, {word}", False) for name in ODD for word in words]
    assert found[:-1] == expected
    ax.legend()  # of the caller
    ax.figure.draw_without_rendering()
    assert len(legend_of(ax)) == len(found)


def test_every_loss_is_in_the_legend_letter_by_letter(ax):
    LossCurveDisplay({name: [2.0, 1.0] for name in ODD}).plot(ax=ax)
    ax.figure.draw_without_rendering()
    found = [name.strip() for name, is_math in legend_of(ax) if not is_math]
    assert found == [name.replace("_", " ").strip() for name in ODD]


@pytest.mark.parametrize("n_classes", [3, 16])
def test_long_names_stay_whole_or_apart_within_the_figure(n_classes):
    names = [f"a class whose name goes on and on, up to the number {i}" for i in
             range(n_classes)]  # fmt: skip
    display = RetrievalConfusionDisplay.from_predictions(*codes_of(names))
    display.figure_.draw_without_rendering()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        ticks = [text.get_text() for text in axis.get_ticklabels()]
        assert len(set(ticks)) == n_classes
        if n_classes == 3:
            assert [" ".join(name.split()) for name in ticks] == names
        assert max(len(line) for name in ticks for line in name.split("\n")) <= 30
        for text in axis.get_ticklabels():
            box = text.get_window_extent()
            assert min(box.x0, box.y0) >= 0, text


def test_names_that_differ_in_the_middle_alone_are_not_made_alike(ax):
    names = [f"{'a' * 40} {i:02} {'z' * 40}" for i in range(16)]
    display = RetrievalConfusionDisplay.from_predictions(*codes_of(names), ax=ax)
    ticks = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert len(set(ticks)) == 16


def test_long_names_in_the_legend_leave_room_for_the_points():
    names = [f"a class whose name goes on and on, up to number {i}" for i in range(3)]
    display = JointEmbeddingDisplay.from_predictions(*codes_of(names))
    display.figure_.draw_without_rendering()
    assert display.ax_.get_window_extent().width > 0.4 * display.figure_.bbox.width
    found = [" ".join(name.split()) for name, _ in legend_of(display.ax_)[2:]]
    assert found == names


@pytest.mark.parametrize("images", [None, np.zeros((48, 5, 5))], ids=["name", "pics"])
def test_long_names_in_the_grid_keep_their_ends_within_the_cell(images):
    names = [f"a class whose name goes on and on, up to the number {i}" for i in
             range(8)]  # fmt: skip
    Z_img, Z_txt, y = codes_of(names)
    display = RetrievedItemsDisplay.from_predictions(
        Z_img, Z_txt, y, images=images, direction="text_to_image", random_state=0
    )
    display.figure_.draw_without_rendering()
    texts = [t for t in display.ax_.texts if t.get_text().startswith("a c")]
    assert {t.get_text()[-1] for t in texts} == {
        str(y[row])[-1] for row in [*display.queries, *display.retrieved.flat]
    }
    unit = np.ptp(display.ax_.transData.transform([[0, 0], [1, 0]]), axis=0)[0]
    widest = max(text.get_window_extent().width for text in texts)
    assert widest <= 1.3 * unit


def test_names_and_words_end_within_their_cell():
    names = [f"narrow iiiiiiiiiiiiiii, {'WIDE' * 6} {i}" for i in range(3)]
    texts = ["iiiiiiiiiiii " * 9 + "MMMMMM WWWWWW " * 9] * 18
    display = RetrievedItemsDisplay.from_predictions(
        *codes_of(names), texts=texts, random_state=0
    )
    display.figure_.draw_without_rendering()
    written = [text for text in display.ax_.texts if text.get_clip_box() is not None]
    cells = [patch.get_window_extent() for patch in display.ax_.patches]
    inside = [text for text in written if len(text.get_text()) > 20]
    assert len(inside) >= 50
    for text in inside:
        box = text.get_window_extent()
        assert any(c.x0 <= box.x0 and box.x1 <= c.x1 + 1 for c in cells), text
    clipped = {tuple(text.get_clip_box().extents.round(3)) for text in inside}
    assert len(clipped) > 20


# Styles


@pytest.fixture
def on_black():
    """Draw on a black page."""
    with plt.style.context("dark_background"):
        yield


def brightness(colour):
    return np.dot(to_rgb(colour), [0.3, 0.59, 0.11])


@pytest.mark.usefixtures("on_black")
def test_curves_chance_and_score_show_on_black():
    for cls in CURVES:
        ax = cls.from_predictions(*codes_of("abc")).ax_
        colours = [brightness(line.get_color()) for line in ax.get_lines()]
        assert min(colours) > 0.3, cls
    losses = {f"{i}_loss": [2.0, 1.0] for i in range(8)}
    display = LossCurveDisplay(losses, valid_score=[0.1, 0.2]).plot()
    colours = {n: brightness(line.get_color()) for n, line in display.lines_.items()}
    assert min(colours.values()) > 0.3
    assert colours["valid_score"] == pytest.approx(1)


@pytest.mark.usefixtures("on_black")
@pytest.mark.parametrize("n_classes", [8, 12])
def test_classes_and_their_names_show_on_black(n_classes):
    names = [f"class {i}" for i in range(n_classes)]
    display = JointEmbeddingDisplay.from_predictions(*codes_of(names))
    points = [c for points in display.ax_.collections for c in points.get_facecolors()]
    assert min(brightness(colour) for colour in points) > 0.3
    for text in display.ax_.texts:
        behind = text.get_bbox_patch().get_facecolor()
        assert abs(brightness(text.get_color()) - brightness(behind)) > 0.7


@pytest.mark.usefixtures("on_black")
def test_captions_of_pictures_show_on_black():
    display = RetrievedItemsDisplay.from_predictions(
        *codes_of("abc"), images=np.zeros((18, 5, 5)), random_state=0
    )
    captions = [t for t in display.ax_.texts if t.get_text() in list("abc")]
    assert min(brightness(text.get_color()) for text in captions) > 0.9


def test_the_page_behind_the_axes_decides_not_the_style(ax):
    ax.set_facecolor("black")
    PrecisionAtKDisplay.from_predictions(*codes_of("abc"), ax=ax)
    assert to_hex(ax.get_lines()[-1].get_color()) == "#ffffff"
    ax = Figure(facecolor="none").subplots()
    ax.set_facecolor("none")
    PrecisionAtKDisplay.from_predictions(*codes_of("abc"), ax=ax)
    assert to_hex(ax.get_lines()[-1].get_color()) == "#000000"


# Texts and pictures


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=repr)
@pytest.mark.parametrize("place", [0, 7])
def test_a_text_that_is_missing_has_its_number_instead(missing, place):
    Z_img, Z_txt, y = codes_of("abc")
    texts = [f"words {row}" for row in range(18)]
    texts[place] = missing
    display = RetrievedItemsDisplay.from_predictions(
        Z_img, Z_txt, y, texts=texts, k=18, queries=[0]
    )
    found = {text.get_text() for text in display.ax_.texts}
    expected = {f"words {row}" for row in range(18) if row != place}
    assert expected | {f"text {place}"} <= found
    assert len(display.retrieved[0]) == 18


def test_a_picture_that_is_missing_has_its_number_instead():
    Z_img, Z_txt, y = codes_of("abc")
    images = [None, *np.zeros((17, 4, 4, 3))]
    ax = (
        RetrievedItemsDisplay
        .from_predictions(Z_img, Z_txt, y, images=images, k=18, queries=[3],
                          direction="text_to_image")
        .ax_
    )  # fmt: skip
    assert len(ax.images) == 17
    assert "image 0" in {text.get_text() for text in ax.texts}


def test_where_all_texts_are_missing_the_grid_is_that_without_texts():
    Z_img, Z_txt, y = codes_of("abc")
    written = []
    for texts in ([None] * 18, None):
        display = RetrievedItemsDisplay.from_predictions(
            Z_img, Z_txt, y, texts=texts, random_state=0
        )
        written.append([text.get_text() for text in display.ax_.texts])
    assert written[0] == written[1]


def test_a_number_among_texts_is_refused(ax):
    Z_img, Z_txt, y = codes_of("abc")
    with pytest.raises(ValueError, match=r"texts must hold strings.* int64 in row 3"):
        RetrievedItemsDisplay.from_predictions(
            Z_img,
            Z_txt,
            y,
            texts=["a", "b", "c", 3, *"defghijklmnopq"],
            k=18,
            queries=[0],
            ax=ax,
        )


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        # Shares, bytes in floats, whole numbers, and what was standardized.
        ([0.0, 0.2, 1.0], [0, 51, 255]),
        ([0.0, 51.0, 255.0], [0, 51, 255]),
        ([0, 51, 255], [0, 51, 255]),
        ([0, 1, 1], [0, 1, 1]),
        ([-2.0, 0.0, 3.0], [0, 102, 255]),
        ([0.0, 400.0, 1000.0], [0, 102, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
    ],
)
def test_colours_of_any_range_are_shown(pixels, expected, ax):
    Z_img, Z_txt, y = codes_of("abc")
    picture = np.repeat(np.array(pixels)[None, :, None], 3, axis=2)  # (1, 3, 3)
    RetrievedItemsDisplay.from_predictions(
        Z_img, Z_txt, y, images=[picture] * 18, queries=[0], ax=ax
    )
    ax.figure.draw_without_rendering()
    assert_array_equal(ax.images[0].get_array()[0, :, 0], expected)


def test_opacity_keeps_its_own_range(ax):
    Z_img, Z_txt, y = codes_of("abc")
    picture = np.array([[[-1.0, 0.0, 3.0, 0.2]]])
    RetrievedItemsDisplay.from_predictions(
        Z_img, Z_txt, y, images=[picture] * 18, queries=[0], ax=ax
    )
    assert_allclose(ax.images[0].get_array()[0, 0], [0, 63, 255, 51])
