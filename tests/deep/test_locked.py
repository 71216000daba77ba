"""Contrastive learning with the codes of one modality locked to its features."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import (
    ContrastiveRetriever,
    CosineRetriever,
    RetrievalIndex,
    load,
    save,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.metrics import chance_level
from tests.conftest import thorough_but


def draw(n=120):
    return make_paired_modalities(
        n, n_classes=4, n_image_features=12, n_text_features=9, random_state=0
    )


def make(**params):
    fast = {"hidden_layer_sizes": (16,), "max_steps": 60, "device": "cpu"}
    return ContrastiveRetriever(**{**fast, "random_state": 0, **params})


def side_of(locked, X_img, X_txt):
    return X_img if locked == "image" else X_txt


@pytest.fixture(
    scope="class",
    params=thorough_but(
        [("text", 3)], [("text", 3), ("text", 1), ("image", 3), ("image", 1)]
    ),
    ids=str,
)
def fitted(request):
    """Learn from the first 120 of 180 pairs."""
    locked, n_estimators = request.param
    X_img, X_txt, _ = draw(180)
    retriever = make(locked=locked, n_estimators=n_estimators)
    return retriever.fit(X_img[:120], X_txt[:120])


class TestCodes:
    def test_of_the_locked_side_are_its_features_to_the_last_bit(self, fitted):
        locked = fitted.locked
        for dtype in (np.float32, np.float64):
            X = side_of(locked, *draw()[:2]).astype(dtype)
            Z = getattr(fitted, f"transform_{locked}")(X)
            assert Z.dtype == dtype
            assert Z.tobytes() == X.tobytes()
        assert fitted.n_components_ == X.shape[1]

    def test_of_the_other_side_learn_to_reach_them(self, fitted):
        X_img, X_txt, y = draw(180)
        score = fitted.score(X_img[120:], X_txt[120:], y[120:])
        assert score > chance_level(y[120:], y[120:]) + 0.25

    def test_of_the_other_side_are_the_mean_of_unit_codes(self, fitted):
        other = "text" if fitted.locked == "image" else "image"
        X = side_of(other, *draw()[:2])
        x = torch.from_numpy(fitted._encoder(other).input_map.apply(X))
        with torch.inference_mode():
            each = fitted.net_.module_.encode(x, other).double().numpy()
        each /= np.linalg.norm(each, axis=2, keepdims=True)
        found = getattr(fitted, f"transform_{other}")(X)
        assert_allclose(found, each.mean(axis=0), atol=1e-6)

    def test_survive_in_a_file(self, fitted, tmp_path):
        X_img, X_txt, _ = draw()
        save(fitted, tmp_path / "model")
        codes = load(tmp_path / "model").transform(X_img, X_txt)
        for found, expected in zip(codes, fitted.transform(X_img, X_txt), strict=True):
            assert found.tobytes() == expected.tobytes()

    def test_are_those_of_the_graph(self, fitted):
        pytest.importorskip("onnx")
        runtime = pytest.importorskip("onnxruntime")
        encoders = fitted.image_encoder_, fitted.text_encoder_
        for encoder, X in zip(encoders, draw()[:2], strict=True):
            X = X.astype(np.float32)
            graph = encoder.to_onnx().SerializeToString()
            session = runtime.InferenceSession(graph)
            assert_allclose(
                session.run(None, {"features": X})[0], encoder(X), rtol=1e-4, atol=1e-5
            )


def test_an_index_of_texts_stays_valid():
    X_img, X_txt, _ = draw()
    before = RetrievalIndex(CosineRetriever().fit(X_txt, X_txt), text=X_txt)
    fitted = make(locked="text").fit(X_img, X_txt)
    expected = RetrievalIndex(fitted, text=X_txt).search(image=X_img[:5], k=4)
    found = before.search(vectors=fitted.transform_image(X_img[:5]), k=4)
    assert_array_equal(found.ids, expected.ids)


@pytest.mark.parametrize("repeated", ["image", "text"])
@pytest.mark.parametrize(
    "convert", thorough_but([np.asarray], [np.asarray, sparse.csr_array])
)
def test_pairs_with_an_item_in_common_belong_together(repeated, convert):
    X_img, X_txt, _ = draw()
    ids = np.arange(120) // 3
    first = 3 * ids
    sides = [X_img[first], X_txt] if repeated == "image" else [X_img, X_txt[first]]
    sides = [convert(X) for X in sides]
    by_items = make(locked="text").fit(*sides)
    by_ids = make(locked="text", positives="classes").fit(*sides, ids)
    for found, expected in zip(
        by_items.transform(*sides), by_ids.transform(*sides), strict=True
    ):
        assert found.tobytes() == expected.tobytes()


def test_sparse_features_that_are_locked_give_the_codes_of_dense_ones():
    X_img, X_txt, _ = draw()
    X_txt = np.where(X_txt > 0, X_txt, 0)
    thin = sparse.csr_array(X_txt)
    fits = [make(locked="text").fit(X_img, X) for X in (X_txt, thin)]
    assert_array_equal(fits[1].transform_text(thin), X_txt)
    assert_allclose(*(fit.transform_image(X_img) for fit in fits), atol=1e-3)


def test_an_integer_weight_is_so_many_equal_pairs():
    X_img, X_txt, _ = draw(60)
    counts = np.arange(60) % 3 + 1
    exact = {"dropout": 0.0, "advanced": {"input_dropout": 0.0}, "batch_size": 200}
    many = np.repeat(np.arange(60), counts)
    fits = [
        make(**exact, locked="text").fit(X_img, X_txt, sample_weight=counts),
        make(**exact, locked="text").fit(X_img[many], X_txt[many]),
    ]
    assert_allclose(*(fit.transform_image(X_img) for fit in fits), atol=1e-3)


def test_labels_teach_classes_there_too():
    X_img, X_txt, y = draw(180)
    y[:20] = -1
    fitted = make(locked="text", positives="classes")
    fitted.fit(X_img[:120], X_txt[:120], y[:120])
    assert fitted.n_unlabelled_ == 20
    score = fitted.score(X_img[120:], X_txt[120:], y[120:])
    assert score > chance_level(y[120:], y[120:]) + 0.3


@pytest.mark.thorough
def test_the_scale_of_locked_features_is_free():
    X_img, X_txt, _ = draw()
    codes = [
        make(locked="text").fit(X_img, scale * X_txt).transform_image(X_img)
        for scale in (1.0, 2.0**100)
    ]
    assert_array_equal(*codes)


def test_what_the_locked_side_lacks_is_not_there():
    X_img, X_txt, _ = draw(40)
    fitted = make(locked="text", max_steps=2).fit(X_img, X_txt)
    assert not any(
        hasattr(fitted, f"text_{name}_") for name in ("mean", "components", "scale")
    )
    assert_allclose(fitted.image_mean_, X_img.mean(axis=0))
    with pytest.raises(ValueError, match="text features must vary"):
        make(locked="text").fit(X_img, np.ones_like(X_txt))
