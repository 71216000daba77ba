"""The loss curves show what the history holds."""

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import (
    CCARetriever,
    ImageTextPairs,
    ModalityTransformer,
    MSLNRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import LossCurveDisplay

matplotlib = pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

TERMS = ["correlation", "reconstruction", "adversarial", "classification"]


@pytest.fixture(scope="module")
def pairs():
    return make_paired_modalities(80, n_classes=3, random_state=0)


def small(**params):
    return MSLNRetriever(
        hidden_layer_sizes=(8,), max_epochs=3, random_state=0, device="cpu", **params
    )


def test_every_loss_has_a_line_with_the_values_of_the_history(pairs):
    msln = small().fit(*pairs)
    display = LossCurveDisplay.from_estimator(msln, ax=Figure().subplots())
    names = ["train_loss", *(f"{t}_loss" for t in [*TERMS, "contrastive", "locked"])]
    assert sorted(display.lines_) == sorted(names)
    assert next(iter(display.lines_)) == "train_loss"
    for name, line in display.lines_.items():
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata().tolist() == [epoch[name] for epoch in msln.history_]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels[0] == "weighted total"
    assert {"contrastive", "locked"} <= set(labels)
    assert display.score_ax_ is None
    assert display.figure_ is display.ax_.figure


def test_held_out_score_has_an_axis_of_its_own(pairs):
    msln = small(early_stopping=True).fit(*pairs)
    display = LossCurveDisplay.from_estimator(msln, ax=Figure().subplots())
    expected = [epoch["valid_score"] for epoch in msln.history_]
    assert display.lines_["valid_score"].get_ydata().tolist() == expected
    assert display.lines_["valid_score"].axes is display.score_ax_


def test_terms_choose_and_order_the_lines(pairs):
    msln = small().fit(*pairs)
    terms = ["contrastive_loss", "train_loss"]
    display = LossCurveDisplay.from_estimator(
        msln, terms=terms, ax=Figure().subplots(), log_scale=True
    )
    assert list(display.lines_) == terms
    assert display.ax_.get_yscale() == "log"
    with pytest.raises(ValueError, match=r"terms must be among .* Got my_loss"):
        LossCurveDisplay.from_estimator(msln, terms=["my_loss"])


def test_pipelines_and_searches_show_their_last_step(pairs):
    X_img, X_txt, y = pairs
    scale = ModalityTransformer(image=StandardScaler(), text=StandardScaler())
    pipe = make_pipeline(scale, small())
    search = GridSearchCV(pipe, {"mslnretriever__n_components": [4]}, cv=2)
    search.fit(ImageTextPairs(X_img, X_txt), y)
    display = LossCurveDisplay.from_estimator(search, ax=Figure().subplots())
    history = search.best_estimator_[-1].history_
    assert display.losses["train_loss"] == [epoch["train_loss"] for epoch in history]


@pytest.mark.parametrize(
    "estimator",
    [
        MSLNRetriever(),
        make_pipeline(ModalityTransformer(), MSLNRetriever()),
        GridSearchCV(MSLNRetriever(), {}),
    ],
    ids=["retriever", "pipeline", "search"],
)
def test_unfitted_estimators_are_refused(estimator):
    with pytest.raises(NotFittedError, match="must be fitted"):
        LossCurveDisplay.from_estimator(estimator)


def test_estimators_without_history_are_refused(pairs):
    with pytest.raises(TypeError, match="Got CCARetriever, which has none"):
        LossCurveDisplay.from_estimator(CCARetriever().fit(*pairs))


class Trained(BaseEstimator):
    """Has a history, and nothing else."""

    def __init__(self, history=()):
        self.history_ = list(history)


def test_losses_that_the_last_epoch_lacks_are_shown(pairs):
    stop_at_once = {"n_iter_no_change": 1, "tol": 1.0}
    msln = small(early_stopping=True, advanced=stop_at_once).fit(*pairs)
    display = LossCurveDisplay.from_estimator(msln, ax=Figure().subplots())
    assert {f"{t}_loss" for t in [*TERMS, "contrastive", "locked"]} < set(
        display.lines_
    )


def test_values_stay_at_their_epoch_where_others_are_missing():
    history = [{"train_loss": 3.0}, {"train_loss": 2.0, "a_loss": 1.0, "dur": 9.0}]
    display = LossCurveDisplay.from_estimator(
        Trained([*history, {"train_loss": 1.0, "valid_score": 0.5}]),
        ax=Figure().subplots(),
    )
    assert list(display.lines_) == ["train_loss", "a_loss", "valid_score"]
    for name, values in (
        ("a_loss", [np.nan, 1, np.nan]),
        ("valid_score", [np.nan, np.nan, 0.5]),
    ):
        line = display.lines_[name]
        assert line.get_xdata().tolist() == [1, 2, 3]
        np.testing.assert_array_equal(line.get_ydata(), values)


@pytest.mark.parametrize(
    "options", [{"color": "r", "lw": 3}, {"c": "r", "linewidth": 3}], ids=str
)
def test_options_reach_all_lines_and_may_be_short(options):
    display = LossCurveDisplay({"train_loss": [2.0, 1.0]}, valid_score=[0.1, 0.2])
    display.plot(ax=Figure().subplots(), **options)
    assert set(display.lines_) == {"train_loss", "valid_score"}
    for line in display.lines_.values():
        assert to_hex(line.get_color()) == "#ff0000"
        assert line.get_linewidth() == 3


def test_epochs_are_whole_numbers_and_the_legend_hides_no_line():
    display = LossCurveDisplay({"train_loss": [3.0, 2.0, 1.0]}, valid_score=[1, 2, 3])
    display.plot(ax=Figure(layout="constrained").subplots())
    display.figure_.draw_without_rendering()
    assert all(tick == int(tick) for tick in display.ax_.get_xticks())
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.y0 >= display.ax_.get_window_extent().y1


def test_a_name_instead_of_a_list_is_refused():
    with pytest.raises(TypeError, match=r"list of names. Got 'train_loss'. Pass \["):
        LossCurveDisplay.from_estimator(
            Trained([{"train_loss": 1.0}]), terms="train_loss"
        )


def test_a_history_without_epochs_is_refused():
    with pytest.raises(NotFittedError, match="Got an empty history_: call fit"):
        LossCurveDisplay.from_estimator(Trained())


def test_missing_matplotlib_is_said_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-xmodal\[plot\]"'):
        LossCurveDisplay.from_estimator(Trained([{"train_loss": 1.0}]))
    with pytest.raises(ImportError, match=r"LossCurveDisplay\.plot needs matplotlib"):
        LossCurveDisplay({"train_loss": [1.0]}).plot()
