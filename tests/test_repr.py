"""What ``print`` and notebooks show of estimators."""

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_xmodal import CCARetriever, ImageTextPairs, ModalityTransformer
from tests.conftest import ALL_RETRIEVERS


def _labels(estimator):
    """Return the words of each box of the diagram, without links and marks."""
    html = re.sub(r"<a .*?</a>", "", estimator._repr_html_(), flags=re.DOTALL)
    boxes = re.findall(r"<label[^>]*>(.*?)</label>", html, flags=re.DOTALL)
    texts = [re.sub(r"<span.*?</span>|<[^>]*>", " ", box) for box in boxes]
    return [" ".join(text.split()) for text in texts]


def _pairs():
    rng = np.random.default_rng(0)
    return ImageTextPairs(rng.normal(size=(30, 5)), rng.normal(size=(30, 6)))


@pytest.mark.parametrize("name", ALL_RETRIEVERS)
def test_only_what_is_not_the_default_is_printed(name):
    shown = repr(ALL_RETRIEVERS[name]())
    assert shown.startswith(f"{name}(")
    assert "n_image_features" not in shown
    assert "n_image_features=3" in repr(ALL_RETRIEVERS[name](n_image_features=3))


def test_fitting_leaves_what_is_printed_as_it_was(make_retriever, pair):
    retriever = make_retriever()
    before = repr(retriever)
    assert repr(retriever.fit(*pair)) == before
    assert len(before) < 400


def test_every_retriever_has_a_diagram(make_retriever, pair):
    retriever = make_retriever()
    for estimator in (retriever, retriever.fit(*pair)):
        assert _labels(estimator)[0] == type(estimator).__name__


@pytest.mark.parametrize("is_fitted", [False, True], ids=["unfitted", "fitted"])
def test_diagram_of_a_pipeline_shows_both_sides(is_fitted):
    text = make_pipeline(TruncatedSVD(3, random_state=0), PCA(2))
    pipe = make_pipeline(
        ModalityTransformer(image=StandardScaler(), text=text), CCARetriever(2)
    )
    if is_fitted:
        pipe.fit(_pairs())
    assert _labels(pipe) == [
        "Pipeline",
        "modalitytransformer: ModalityTransformer",
        "image",
        "StandardScaler",
        "text",
        "TruncatedSVD",
        "PCA",
        "CCARetriever",
    ]


@pytest.mark.parametrize("is_fitted", [False, True], ids=["unfitted", "fitted"])
def test_diagram_shows_a_side_that_passes_through(is_fitted):
    transformer = ModalityTransformer(image=PCA(2))
    if is_fitted:
        transformer.fit(_pairs())
    boxes = ["ModalityTransformer", "image", "PCA", "text", "passthrough"]
    assert _labels(transformer) == boxes


def test_diagram_shows_the_fitted_transformers():
    transformer = ModalityTransformer(image=PCA(2)).fit(_pairs())
    block = transformer._sk_visual_block_()
    assert block.estimators[0] is transformer.image_transformer_


def test_diagram_of_a_search_shows_what_is_searched():
    pipe = make_pipeline(ModalityTransformer(image=PCA(2)), CCARetriever(2))
    search = GridSearchCV(pipe, {"ccaretriever__alpha": [0.1, 1]}, cv=2).fit(_pairs())
    assert _labels(search)[0] == "GridSearchCV"
    assert {"image", "PCA", "text", "CCARetriever"} <= set(_labels(search))
