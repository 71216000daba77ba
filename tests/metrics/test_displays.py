"""Facts about the displays."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, normalize

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from sklearn_xmodal.metrics import (
    JointEmbeddingDisplay,
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    RetrievalPrecisionRecallDisplay,
    RetrievedItemsDisplay,
    retrieval_precision_recall_curve,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from tests.conftest import SEEDS  # noqa: E402

DIRECTIONS = ["image_to_text", "text_to_image"]
DISPLAYS = [
    RetrievalPrecisionRecallDisplay,
    PrecisionAtKDisplay,
    RetrievalConfusionDisplay,
    JointEmbeddingDisplay,
    RetrievedItemsDisplay,
]
OPTIONS = {RetrievedItemsDisplay: {"random_state": 0}}
every_display = pytest.mark.parametrize("cls", DISPLAYS, ids=lambda c: c.__name__)
every_seed = pytest.mark.parametrize("seed", SEEDS)
every_direction = pytest.mark.parametrize("direction", DIRECTIONS)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Close what a test has drawn."""
    yield
    plt.close("all")


@pytest.fixture
def ax():
    """Axes that pyplot does not know."""
    return Figure().subplots()


def make_codes(seed, n=40, n_classes=4, *, ties=False):
    rng = np.random.default_rng(seed)
    Z_img, Z_txt = rng.normal(size=(2, n, 3))
    if ties:
        # Multiples of the axes: no rounding in their cosines.
        Z_img, Z_txt = np.vstack([np.eye(2), -np.eye(2)])[rng.integers(4, size=(2, n))]
    y = np.array([f"class {c:02}" for c in range(n_classes)])[np.arange(n) % n_classes]
    return Z_img, Z_txt, rng.permutation(y)


def sides(Z_img, Z_txt, direction):
    return (Z_img, Z_txt) if direction == "image_to_text" else (Z_txt, Z_img)


def expected_inclusion(scores, k):
    """Chance of each item to be among the first k: one row, tied items alike."""
    share = np.zeros(scores.size)
    left = k
    for value in np.unique(scores)[::-1]:
        tied = scores == value
        share[tied] = min(left / tied.sum(), 1)
        left = max(left - tied.sum(), 0)
    return share


def inclusion(query, gallery, k):
    scores = cosine_similarity(query, gallery).round(9)
    return np.array([expected_inclusion(row, k) for row in scores])


# What all displays share


@pytest.fixture
def fitted(pair):
    """Arrays, and for each form of input a fitted estimator with its input."""
    X_img, X_txt, y = pair
    pairs, stacked = ImageTextPairs(X_img, X_txt), np.hstack([X_img, X_txt])
    by_pairs = CCARetriever(3).fit(pairs, y)
    by_width = CCARetriever(3, n_image_features=X_img.shape[1]).fit(stacked, y)
    pipe = make_pipeline(ModalityTransformer(), CCARetriever(3)).fit(pairs, y)
    search = GridSearchCV(by_width, {"alpha": [by_width.alpha]}, cv=2)
    forms = {
        "arrays": (by_pairs, X_img, X_txt, y),
        "pairs": (by_pairs, pairs, y),
        "stacked": (by_width, stacked, y),
        "pipeline": (pipe, pairs, y),
        "search": (search.fit(stacked, y), stacked, y),
    }
    return by_pairs.transform(X_img, X_txt), y, forms


def state(display):
    """What a display holds beside its figure."""
    skip = ("ax_", "figure_", "im_", "text_", "name")
    return {key: value for key, value in vars(display).items() if key not in skip}


def assert_same_state(got, expected, form):
    for key, value in state(expected).items():
        other = state(got)[key]
        if isinstance(value, dict):
            for name in value:
                assert_allclose(other[name], value[name], err_msg=form, atol=1e-9)
        else:
            assert_array_equal(other, value, err_msg=form)


@every_display
def test_every_form_of_input_gives_the_same_display(cls, fitted):
    (Z_img, Z_txt), y, forms = fitted
    options = OPTIONS.get(cls, {})
    expected = cls.from_predictions(Z_img, Z_txt, y, ax=Figure().subplots(), **options)
    for form, arguments in forms.items():
        axes = Figure().subplots()
        got = cls.from_estimator(*arguments, ax=axes, **options)
        assert type(got) is cls
        assert (got.ax_, got.figure_) == (axes, axes.figure)
        assert_same_state(got, expected, form)


@pytest.mark.parametrize("cls", DISPLAYS[:-1], ids=lambda c: c.__name__)
def test_estimators_are_shown_by_the_pairs_that_have_a_label(cls, fitted):
    _, y, forms = fitted
    retriever, X_img, X_txt, _ = forms["arrays"]
    rows = np.arange(len(y)) % 3 > 0
    axes = {"ax": Figure().subplots()}
    part = cls.from_estimator(retriever, X_img[rows], X_txt[rows], y[rows], **axes)
    for missing in (-1, None):
        partly = np.where(rows, y.astype(object), missing)
        got = cls.from_estimator(retriever, X_img, X_txt, partly, **axes)
        assert_same_state(got, part, f"{missing} is no label")


@every_display
def test_tables_of_estimators_keep_their_index(cls, fitted):
    _, y, forms = fitted
    retriever, X_img, X_txt, _ = forms["arrays"]
    names = [f"item{i}" for i in range(len(y))]
    y = pd.Series(y, names[::-1])
    for X in ([pd.DataFrame(X_img, names), X_txt], [X_img, pd.DataFrame(X_txt, names)]):
        with pytest.raises(ValueError, match="indexes must be equal"):
            cls.from_estimator(retriever, *X, y)


@every_display
def test_labels_may_be_given_by_name(cls, fitted):
    _, y, forms = fitted
    options = {"y": y, "ax": Figure().subplots(), **OPTIONS.get(cls, {})}
    cls.from_estimator(*forms["pairs"][:2], **options)
    cls.from_estimator(*forms["stacked"][:2], **options)


@every_display
def test_given_axes_are_used_and_pyplot_stays_out(cls, ax):
    display = cls.from_predictions(*make_codes(0), ax=ax, **OPTIONS.get(cls, {}))
    assert (display.ax_, display.figure_) == (ax, ax.figure)
    assert plt.get_fignums() == []


@every_display
def test_without_axes_there_is_one_new_figure_that_can_be_drawn(cls):
    display = cls.from_predictions(*make_codes(0), **OPTIONS.get(cls, {}))
    assert plt.get_fignums() == [1]
    assert display.figure_ is plt.gcf()
    display.figure_.draw_without_rendering()
    assert display.plot() is display
    assert plt.get_fignums() == [1, 2]


@every_display
def test_the_scale_of_the_codes_does_not_matter(cls):
    Z_img, Z_txt, y = make_codes(0)
    scale = np.random.default_rng(0).uniform(0.1, 9, size=(40, 1))
    options = OPTIONS.get(cls, {})
    a = cls.from_predictions(Z_img, Z_txt, y, ax=Figure().subplots(), **options)
    b = cls.from_predictions(Z_img * scale, Z_txt, y, ax=Figure().subplots(), **options)
    for key, value in state(a).items():
        if isinstance(value, dict):
            for name in value:
                assert_allclose(state(b)[key][name], value[name])
        else:
            assert_array_equal(state(b)[key], value)


@every_display
def test_missing_matplotlib_is_said_with_the_extra(cls, monkeypatch, fitted):
    _, _, forms = fitted
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    hint = r'needs matplotlib: pip install "sklearn-xmodal\[plot\]"'
    with pytest.raises(ImportError, match=f"from_predictions {hint}"):
        cls.from_predictions(*make_codes(0))
    with pytest.raises(ImportError, match=f"from_estimator {hint}"):
        cls.from_estimator(*forms["pairs"])


@every_display
def test_codes_of_different_pairs_are_refused(cls):
    Z_img, Z_txt, y = make_codes(0)
    with pytest.raises(ValueError, match=r"same pairs\. Got 40 and 39 rows"):
        cls.from_predictions(Z_img, Z_txt[1:], y)
    with pytest.raises(ValueError, match="same space"):
        cls.from_predictions(Z_img, Z_txt[:, 1:], y)


def test_plot_of_a_display_made_by_hand_needs_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = PrecisionAtKDisplay({"image_to_text": np.ones(2)}, np.arange(1, 3))
    with pytest.raises(ImportError, match=r"PrecisionAtKDisplay\.plot needs"):
        display.plot()


def test_a_third_data_argument_is_refused(fitted):
    _, y, forms = fitted
    with pytest.raises(TypeError, match=r"takes pairs and y\. Got a third"):
        PrecisionAtKDisplay.from_estimator(*forms["pairs"], y)
    with pytest.raises(TypeError, match=r"one stacked matrix and y\. Got a third"):
        PrecisionAtKDisplay.from_estimator(*forms["stacked"], y)


def test_two_matrices_for_a_pipeline_are_refused(fitted):
    X_img, X_txt, y = fitted[2]["arrays"][1:]
    with pytest.raises(TypeError, match=r"of Pipeline takes one .* Got ndarray"):
        PrecisionAtKDisplay.from_estimator(fitted[2]["pipeline"][0], X_img, X_txt, y)


def test_any_transformer_of_stacked_codes_will_do(ax):
    Z_img, Z_txt, y = make_codes(0)
    display = PrecisionAtKDisplay.from_estimator(
        FunctionTransformer().fit([[0.0]]), np.hstack([Z_img, Z_txt]), y=y, ax=ax
    )
    expected = PrecisionAtKDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    assert_array_equal(
        display.precision["image_to_text"], expected.precision["image_to_text"]
    )


# Curves


@every_direction
@every_seed
def test_recall_curve_is_that_of_the_metric(seed, direction, ax):
    Z_img, Z_txt, y = make_codes(seed)
    display = RetrievalPrecisionRecallDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    precision, recall = retrieval_precision_recall_curve(
        *sides(Z_img, Z_txt, direction), y, y
    )
    assert_allclose(display.precision[direction], precision)
    line = ax.get_lines()[DIRECTIONS.index(direction)]
    assert_allclose(line.get_xydata(), np.column_stack([recall, precision]))
    assert display.chance == pytest.approx(np.mean(y[:, None] == y))


@every_direction
@every_seed
def test_precision_at_every_k_is_that_of_a_loop_over_tied_orders(seed, direction, ax):
    Z_img, Z_txt, y = make_codes(seed, ties=seed > 0)
    display = PrecisionAtKDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    for k in (1, 2, 5, 17, 40):
        share = inclusion(*sides(Z_img, Z_txt, direction), k)
        expected = (share * (y[:, None] == y)).sum() / (k * y.size)
        assert display.precision[direction][k - 1] == pytest.approx(expected)


@every_seed
def test_precision_of_multilabel_pairs_counts_shared_classes(seed, ax):
    Z_img, Z_txt, _ = make_codes(seed)
    y = np.random.default_rng(seed).random((40, 3)) < 0.4
    y[:, 0] |= ~y.any(axis=1)
    display = PrecisionAtKDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    expected = (inclusion(Z_img, Z_txt, 7) * (y.astype(int) @ y.T > 0)).sum() / 280
    assert display.precision["image_to_text"][6] == pytest.approx(expected)
    assert display.chance == pytest.approx((y.astype(int) @ y.T > 0).mean())


def test_collapsed_codes_lie_on_the_chance_line(ax):
    _, _, y = make_codes(0)
    for cls in (PrecisionAtKDisplay, RetrievalPrecisionRecallDisplay):
        display = cls.from_predictions(np.ones((40, 2)), np.ones((40, 2)), y, ax=ax)
        for precision in display.precision.values():
            assert_allclose(precision, display.chance)


def test_without_labels_only_the_own_pair_counts(ax):
    Z_img, _, _ = make_codes(0)
    display = PrecisionAtKDisplay.from_predictions(Z_img, Z_img, ax=ax)
    assert_allclose(display.precision["image_to_text"], 1 / np.arange(1, 41))
    assert display.chance == pytest.approx(1 / 40)


@pytest.mark.parametrize(("value", "n_counted"), [(0.0, 40), (1.0, 40), (np.nan, 36)])
def test_queries_without_relevant_items_count_as_asked(value, n_counted, ax):
    Z_img, Z_txt, _ = make_codes(0)
    y = np.eye(4, dtype=int)[np.arange(40) % 4]
    y[:4] = 0
    with pytest.raises(ValueError, match="4 queries without"):
        PrecisionAtKDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    display = PrecisionAtKDisplay.from_predictions(
        Z_img, Z_txt, y, zero_division=value, ax=ax
    )
    relevant = (y @ y.T > 0) * inclusion(Z_img, Z_txt, 3)
    total = relevant.sum() / 3 + np.nan_to_num(4 * value)
    assert display.precision["image_to_text"][2] == pytest.approx(total / n_counted)
    assert display.precision["image_to_text"][-1] == pytest.approx(display.chance)


def test_cut_offs_end_at_k_or_at_the_gallery(ax):
    codes = make_codes(0)
    ends = [
        PrecisionAtKDisplay.from_predictions(*codes, k=k, ax=ax).k[-1]
        for k in (None, 7, 99)
    ]
    assert ends == [40, 7, 40]
    with pytest.raises(ValueError, match=r"k must be at least 1.* Got 0"):
        PrecisionAtKDisplay.from_predictions(*codes, k=0, ax=ax)


def test_one_direction_can_be_asked_for(ax):
    display = PrecisionAtKDisplay.from_predictions(
        *make_codes(0), direction="text_to_image", ax=ax
    )
    assert list(display.precision) == ["text_to_image"]
    with pytest.raises(ValueError, match=r"direction must be one of .* Got 'mean'"):
        PrecisionAtKDisplay.from_predictions(*make_codes(0), direction="mean", ax=ax)


def test_two_methods_share_axes_and_one_chance_line(ax):
    codes = make_codes(0)
    for name in ("first", "second"):
        PrecisionAtKDisplay.from_predictions(*codes, name=name, ax=ax)
    lines = ax.get_lines()
    colours = [to_hex(line.get_color()) for line in lines if len(line.get_xdata()) > 2]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [
        "first, image to text",
        "first, text to image",
        "second, image to text",
        "second, text to image",
        "chance (0.25)",
    ]


def test_estimators_name_their_curves(fitted, ax):
    estimator, pairs, y = fitted[2]["pairs"]
    display = PrecisionAtKDisplay.from_estimator(estimator, pairs, y, ax=ax)
    assert display.name == "CCARetriever"
    display = PrecisionAtKDisplay.from_estimator(estimator, pairs, y, name="x", ax=ax)
    assert display.name == "x"


def test_options_reach_the_lines(ax):
    PrecisionAtKDisplay.from_predictions(
        *make_codes(0), plot_chance_level=False, log_scale=False, color="red", ax=ax
    )
    assert [line.get_color() for line in ax.get_lines()] == ["red", "red"]
    assert ax.get_xscale() == "linear"


# Confusion of classes


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "tied"])
@every_seed
def test_shares_are_those_of_a_loop_over_tied_orders(seed, ties, ax):
    Z_img, Z_txt, y = make_codes(seed, ties=ties)
    classes = np.unique(y)
    expected = {}
    for direction in DIRECTIONS:
        share = inclusion(*sides(Z_img, Z_txt, direction), 6) / 6
        expected[direction] = np.array(
            [[share[y == a][:, y == b].sum(axis=1).mean() for b in classes]
             for a in classes]
        )  # fmt: skip
    expected["mean"] = (expected["image_to_text"] + expected["text_to_image"]) / 2
    for direction, confusion in expected.items():
        display = RetrievalConfusionDisplay.from_predictions(
            Z_img, Z_txt, y, k=6, direction=direction, ax=ax
        )
        assert_allclose(display.confusion, confusion, atol=1e-12)
        assert_allclose(display.confusion.sum(axis=1), 1)
        assert_array_equal(display.im_.get_array(), display.confusion)
        assert display.display_labels == classes.tolist()


def test_shares_do_not_depend_on_the_size_of_blocks(monkeypatch, ax):
    codes = make_codes(0)
    whole = RetrievalConfusionDisplay.from_predictions(*codes, ax=ax).confusion
    monkeypatch.setattr(
        "sklearn_xmodal.metrics._displays._confusion.CACHED_BYTES", 3 * 40 * 8
    )
    blocks = RetrievalConfusionDisplay.from_predictions(*codes, ax=ax).confusion
    assert_allclose(blocks, whole, atol=1e-12)


def test_collapsed_codes_retrieve_classes_by_their_size(ax):
    y = np.repeat(["a", "b"], [30, 10])
    display = RetrievalConfusionDisplay.from_predictions(
        np.ones((40, 2)), np.ones((40, 2)), y, ax=ax
    )
    assert_allclose(display.confusion, [[0.75, 0.25]] * 2)


def test_classes_are_sorted_and_may_be_renamed(ax):
    Z_img, Z_txt, _ = make_codes(0)
    y = np.arange(40) % 3 * 5
    display = RetrievalConfusionDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    assert display.display_labels == [0, 5, 10]
    names = ["zero", "five", "ten"]
    display = RetrievalConfusionDisplay.from_predictions(
        Z_img, Z_txt, y, display_labels=names, ax=Figure().subplots()
    )
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == names
    with pytest.raises(ValueError, match=r"one name per class, so 3\. Got 2"):
        RetrievalConfusionDisplay.from_predictions(
            Z_img, Z_txt, y, display_labels=names[1:], ax=ax
        )


def test_classes_that_cannot_be_compared_keep_their_order(ax):
    Z_img, Z_txt, _ = make_codes(0)
    y = np.array(["b", 1, ("a", 2)] * 13 + ["b"], dtype=object)
    display = RetrievalConfusionDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    assert display.display_labels == ["b", 1, ("a", 2)]


@pytest.mark.parametrize(("n_classes", "n_written"), [(3, 9), (24, 0)])
def test_values_are_written_where_they_have_room(n_classes, n_written):
    codes = make_codes(0, n=72, n_classes=n_classes)
    display = RetrievalConfusionDisplay.from_predictions(*codes)
    assert len(display.ax_.texts) == n_written
    assert (display.text_ is None) == (n_written == 0)
    shown = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert shown == np.unique(codes[2]).tolist()
    assert_tick_labels_are_apart(display)


def assert_tick_labels_are_apart(display):
    display.figure_.draw_without_rendering()
    for axis in (display.ax_.xaxis, display.ax_.yaxis):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("y", "got"),
    [
        (np.ones((40, 2)), r"shape \(40, 2\)"),
        (np.arange(39), r"shape \(39,\)"),
        (None, "none"),
    ],
    ids=["multi-label", "short", "none"],
)
def test_confusion_needs_one_label_per_pair(y, got):
    Z_img, Z_txt, _ = make_codes(0)
    with pytest.raises(ValueError, match=f"1-D with 40 entries. Got {got}"):
        RetrievalConfusionDisplay.from_predictions(Z_img, Z_txt, y)


# Joint embedding


@every_seed
def test_points_are_a_pca_of_all_unit_codes(seed, ax):
    Z_img, Z_txt, y = make_codes(seed)
    display = JointEmbeddingDisplay.from_predictions(Z_img, Z_txt, y, ax=ax)
    expected = PCA(2).fit_transform(normalize(np.vstack([Z_img, Z_txt])))
    points = np.vstack([display.embedding["image"], display.embedding["text"]])
    assert_allclose(np.abs(points), np.abs(expected), atol=1e-9)
    assert ax.get_xlabel().startswith("First principal component (")


class FirstTwo(BaseEstimator):
    """Columns 0 and 1, remembering that it was fitted."""

    def fit_transform(self, X):
        self.n_rows_ = len(X)
        return X[:, :2]


def test_any_transformer_makes_the_points_and_stays_as_it_was(ax):
    Z_img, Z_txt, y = make_codes(0)
    transformer = FirstTwo()
    display = JointEmbeddingDisplay.from_predictions(
        Z_img, Z_txt, y, transformer=transformer, ax=ax
    )
    assert_allclose(display.embedding["text"], normalize(Z_txt)[:, :2])
    assert not hasattr(transformer, "n_rows_")
    assert ax.get_ylabel() == "Second dimension of FirstTwo"


def test_every_pair_is_drawn_once_per_modality(ax):
    JointEmbeddingDisplay.from_predictions(*make_codes(0), ax=ax)
    assert sum(len(points.get_offsets()) for points in ax.collections) == 80


@pytest.mark.parametrize(
    ("n_classes", "n_in_legend", "n_written"),
    [(3, 3, 0), (8, 8, 0), (9, 0, 9), (24, 0, 24), (60, 0, 0)],
)
def test_class_names_are_in_the_legend_or_the_plot(n_classes, n_in_legend, n_written):
    codes = make_codes(0, n=120, n_classes=n_classes)
    display = JointEmbeddingDisplay.from_predictions(*codes)
    assert len(display.ax_.get_legend().get_texts()) == 2 + n_in_legend
    assert len(display.ax_.texts) == n_written


@every_seed
def test_class_names_do_not_overlap(seed):
    codes = make_codes(seed, n=120, n_classes=24)
    display = JointEmbeddingDisplay.from_predictions(*codes)
    display.figure_.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in display.ax_.texts]
    clashes = [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(boxes), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1
        and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    assert clashes == []


def test_without_labels_colours_are_modalities(ax):
    Z_img, Z_txt, _ = make_codes(0)
    JointEmbeddingDisplay.from_predictions(Z_img, Z_txt, ax=ax)
    colours = {to_hex(c) for points in ax.collections for c in points.get_facecolors()}
    assert len(colours) == 2


def test_what_makes_no_picture_is_refused():
    Z_img, Z_txt, y = make_codes(0)
    plot = JointEmbeddingDisplay.from_predictions
    with pytest.raises(ValueError, match=r"at least 2 components\. Got 1"):
        plot(Z_img[:, :1], Z_txt[:, :1], y)
    with pytest.raises(TypeError, match=r"fit_transform\. Got str"):
        plot(Z_img, Z_txt, y, transformer="pca")
    with pytest.raises(ValueError, match=r"Got shape \(80, 3\) for 80 codes from PCA"):
        plot(Z_img, Z_txt, y, transformer=PCA(3))
    with pytest.raises(ValueError, match="one label per pair"):
        plot(Z_img, Z_txt, np.ones((40, 2)))


# Retrieved items


@every_direction
@every_seed
def test_items_are_the_nearest_by_cosine(seed, direction, ax):
    Z_img, Z_txt, y = make_codes(seed)
    display = RetrievedItemsDisplay.from_predictions(
        Z_img, Z_txt, y, direction=direction, k=7, random_state=seed, ax=ax
    )
    scores = cosine_similarity(*sides(Z_img, Z_txt, direction))[display.queries]
    expected = np.argsort(-scores, axis=1)[:, :7]
    assert_array_equal(display.retrieved, expected)
    assert_array_equal(display.is_relevant, y[expected] == y[display.queries, None])


def test_equally_similar_items_keep_the_order_of_the_gallery(ax):
    display = RetrievedItemsDisplay.from_predictions(
        np.ones((9, 2)), np.ones((9, 2)), queries=[4], k=3, ax=ax
    )
    assert_array_equal(display.retrieved, [[0, 1, 2]])
    assert not display.is_relevant.any()


def test_without_labels_the_own_pair_is_right(ax):
    Z_img, _, _ = make_codes(0)
    display = RetrievedItemsDisplay.from_predictions(
        Z_img, Z_img, k=2, queries=np.arange(5), ax=ax
    )
    assert_array_equal(display.is_relevant, [[True, False]] * 5)


@every_seed
def test_queries_are_drawn_from_as_many_classes_as_possible(seed, ax):
    Z_img, Z_txt, y = make_codes(seed)

    def draw(n):
        return RetrievedItemsDisplay.from_predictions(
            Z_img, Z_txt, y, queries=n, random_state=seed, ax=ax
        ).queries

    assert sorted(y[draw(4)]) == np.unique(y).tolist()
    assert np.unique(y[draw(6)], return_counts=True)[1].max() == 2
    assert sorted(draw(40)) == list(range(40))
    assert_array_equal(draw(5), draw(5))


def frames(ax):
    patches = [p for p in ax.patches if isinstance(p, Rectangle)]
    return [to_hex(p.get_edgecolor()) for p in patches]


def test_frames_tell_right_from_wrong(ax):
    display = RetrievedItemsDisplay.from_predictions(
        *make_codes(0), queries=[3], k=4, ax=ax, right_color="#112233"
    )
    wrong = "#d55e00"
    expected = ["#112233" if right else wrong for right in display.is_relevant[0]]
    assert frames(ax)[1:] == expected


PICTURES = {
    "bytes": np.full((40, 8, 8), 7, dtype=np.uint8),
    "floats": np.linspace(0, 16, 40)[:, None, None] * np.ones((1, 6, 9)),
    "colours": np.full((40, 4, 5, 3), 0.5),
    "transparent": np.full((40, 4, 5, 4), 0.5),
    "sizes": [np.full((3 + i % 4, 5, 3), 0.5) for i in range(40)],
}


def test_rows_of_a_series_are_counted_whatever_its_index(ax):
    Z_img, Z_txt, y = make_codes(0)
    index = np.arange(40)[::-1]
    texts = [f"text of {row}" for row in range(40)]
    options = {"direction": "text_to_image", "queries": [3], "k": 1}
    RetrievedItemsDisplay.from_predictions(
        Z_img,
        Z_txt,
        pd.Series(y, index=index),
        texts=pd.Series(texts, index=index),
        ax=ax,
        **options,
    )
    assert ax.texts[0].get_text() == y[3]
    assert ax.texts[1].get_text() == "text of 3"


@every_direction
@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_of_every_kind_are_shown(kind, direction):
    display = RetrievedItemsDisplay.from_predictions(
        *make_codes(0),
        images=PICTURES[kind],
        texts=["a $5 bill and $x_1"] * 40,
        direction=direction,
        random_state=0,
    )
    n_pictures = 5 if direction == "image_to_text" else 25
    assert len(display.ax_.images) == n_pictures
    assert len(frames(display.ax_)) == 30
    display.figure_.draw_without_rendering()


def test_single_channels_share_one_scale(ax):
    def limits(kind):
        display = RetrievedItemsDisplay.from_predictions(
            *make_codes(0), images=PICTURES[kind], queries=[0, 39], k=1, ax=ax
        )
        return {image.get_clim() for image in display.ax_.images}

    assert limits("floats") == {(0, 16)}
    ax.clear()
    assert limits("bytes") == {(0, 255)}


def test_long_texts_stay_inside_their_cells():
    display = RetrievedItemsDisplay.from_predictions(
        *make_codes(0), texts=["many words, " * 40] * 40, queries=2, random_state=0
    )
    display.figure_.draw_without_rendering()
    cells = [patch.get_window_extent() for patch in display.ax_.patches]
    texts = [text for text in display.ax_.texts if text.get_clip_on()]
    inner = [text for text in texts if text.get_clip_box() is not display.ax_.bbox]
    assert any("\N{HORIZONTAL ELLIPSIS}" in text.get_text() for text in inner)
    for text in inner:
        box = text.get_window_extent()
        assert any(
            c.x0 <= box.x0 and box.x1 <= c.x1 and c.y0 <= box.y0 and box.y1 <= c.y1
            for c in cells
        ), text.get_text()


def test_without_items_class_and_row_are_written(ax):
    RetrievedItemsDisplay.from_predictions(*make_codes(0), queries=[3], k=1, ax=ax)
    written = [text.get_text() for text in ax.texts]
    assert "image 3" in written
    assert any(text.startswith("class 0") for text in written)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": np.zeros((39, 2, 2))}, "images must hold one .* so 40. Got 39"),
        ({"texts": ["a"]}, "texts must hold one item per pair, so 40. Got 1"),
        ({"images": np.zeros((40, 2))}, r"of shape \(h, w\).*Got shape \(2,\) .* row"),
        ({"images": np.zeros((40, 2, 2, 2))}, r"Got shape \(2, 2, 2\)"),
        ({"queries": 0}, "queries must be at least 1. Got 0"),
        ({"queries": [40]}, "from 0 to 39. Got values from 40 to 40"),
        ({"queries": [0.5]}, r"1-D array of row numbers. Got shape \(1,\) of type fl"),
        ({"k": 0}, "k must be at least 1"),
        ({"direction": "mean"}, "direction must be one of .* Got 'mean'"),
    ],
)
def test_items_that_do_not_fit_are_refused(options, message, ax):
    options = {"queries": [0, 1], **options}
    with pytest.raises(ValueError, match=message):
        RetrievedItemsDisplay.from_predictions(*make_codes(0), ax=ax, **options)
