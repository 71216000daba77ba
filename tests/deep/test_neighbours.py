"""The deep neighbours of MSLN: what each learns from, and what its codes are."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import (
    ACMRRetriever,
    CCARetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    load,
    save,
)
from sklearn_xmodal.datasets import make_paired_modalities, make_paired_multilabel
from sklearn_xmodal.deep.training import NonFiniteLossError
from sklearn_xmodal.metrics import chance_level
from tests.conftest import SEEDS, thorough_but

FAST = {
    "n_components": 6,
    "hidden_layer_sizes": (32,),
    "max_steps": 60,
    "device": "cpu",
    "random_state": 0,
}
METHODS = {
    "contrastive": (ContrastiveRetriever, {}),
    "supervised contrastive": (ContrastiveRetriever, {"positives": "classes"}),
    "dcca": (DCCARetriever, {"lr": 3e-3}),  # few steps
    "dscmr": (DSCMRRetriever, {}),
    "acmr": (ACMRRetriever, {}),
}
WITH_LABELS = ["supervised contrastive", "dscmr", "acmr"]
WITHOUT_LABELS = ["contrastive", "dcca"]


def make(name, **params):
    cls, own = METHODS[name]
    return cls(**{**FAST, **own, **params})


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def halves(request):
    X_img, X_txt, y = make_paired_modalities(
        300, n_classes=4, n_image_features=20, n_text_features=15,
        random_state=request.param,
    )  # fmt: skip
    return (X_img[:200], X_txt[:200], y[:200]), (X_img[200:], X_txt[200:], y[200:])


def test_held_out_pairs_are_found_far_above_chance(name, halves):
    train, test = halves
    score = make(name).fit(*train).score(*test)
    chance = chance_level(test[2], test[2])
    assert score > chance + 0.5 * (1 - chance)


@pytest.mark.parametrize("name", WITHOUT_LABELS)
def test_labels_change_nothing_where_pairs_alone_are_learnt_from(name, halves):
    (X_img, X_txt, y), _ = halves
    codes = [
        make(name).fit(X_img, X_txt, labels).transform_text(X_txt)
        for labels in (None, y, y[::-1].copy())
    ]
    assert codes[0].tobytes() == codes[1].tobytes() == codes[2].tobytes()


@pytest.mark.parametrize("name", WITH_LABELS)
class TestLabels:
    def test_are_required(self, name, halves):
        (X_img, X_txt, _), _ = halves
        with pytest.raises(ValueError, match="requires y to be passed"):
            make(name).fit(X_img, X_txt)

    def test_of_one_class_are_refused(self, name, halves):
        (X_img, X_txt, _), _ = halves
        with pytest.raises(ValueError, match="at least two classes"):
            make(name).fit(X_img, X_txt, np.zeros(200))

    def test_may_be_several_per_pair(self, name):
        X_img, X_txt, Y = make_paired_multilabel(200, random_state=0)
        Y[0] = 0  # a pair without a class
        fitted = make(name).fit(X_img, X_txt, Y)
        assert_array_equal(fitted.classes_, np.arange(Y.shape[1]))
        X_img, X_txt, Y = X_img[1:], X_txt[1:], Y[1:]
        assert fitted.score(X_img, X_txt, Y) > chance_level(Y, Y) + 0.03

    def test_that_are_strings_are_as_good_as_numbers(self, name, halves):
        (X_img, X_txt, y), _ = halves
        named = np.array(["a", "b", "c", "d"])[y]
        codes = [
            make(name).fit(X_img, X_txt, labels).transform_image(X_img)
            for labels in (y, named)
        ]
        assert codes[0].tobytes() == codes[1].tobytes()


def test_codes_of_sparse_text_are_those_of_dense(name, halves):
    (X_img, X_txt, y), _ = halves
    X_txt = np.where(X_txt > 0, X_txt, 0)
    dense = make(name).fit(X_img, X_txt, y)
    thin = make(name).fit(X_img, sparse.csr_array(X_txt), y)
    assert_allclose(
        thin.transform_text(sparse.csr_array(X_txt)),
        dense.transform_text(X_txt),
        rtol=1e-3,
        atol=1e-3,
    )


def test_a_row_is_encoded_alike_alone_and_among_others(name, halves):
    train, (X_img, *_) = halves
    fitted = make(name).fit(*train)
    assert_allclose(
        fitted.transform_image(X_img[:1]), fitted.transform_image(X_img)[:1], rtol=1e-5
    )


def test_codes_are_of_the_type_of_the_input_with_digits_of_float32(name, halves):
    train, (X_img, *_) = halves
    fitted = make(name).fit(*train)
    for dtype in (np.float32, np.float64):
        Z = fitted.transform_image(X_img.astype(dtype))
        assert Z.dtype == dtype
        assert_array_equal(Z, Z.astype(np.float32))


@pytest.mark.parametrize("name", [n for n in METHODS if n != "dcca"])
def test_codes_of_several_networks_are_side_by_side_at_unit_length(name, halves):
    (X_img, X_txt, y), _ = halves
    fitted = make(name, n_estimators=3).fit(X_img, X_txt, y)
    Z = fitted.transform_text(X_txt)
    assert Z.shape == (200, 18) == (200, fitted.n_components_)
    parts = np.linalg.norm(Z.reshape(200, 3, 6), axis=2)
    assert_allclose(parts, 1 / np.sqrt(3), rtol=1e-5)


def test_history_holds_every_term_of_every_epoch(name, halves):
    train, _ = halves
    fitted = make(name, max_epochs=3).fit(*train)
    assert fitted.n_iter_ == len(fitted.history_) == 3
    terms = set(fitted.net_.criterion.TERMS)
    assert all(terms | {"train_loss"} <= set(epoch) for epoch in fitted.history_)


def test_losses_that_explode_are_told(name, halves):
    (X_img, X_txt, y), _ = halves
    with pytest.raises(NonFiniteLossError, match="Training must keep the"):
        make(name, lr=1e30, advanced={"lr_scheduler": None}, max_steps=20).fit(
            X_img, X_txt, y
        )


@pytest.mark.parametrize(
    "params",
    thorough_but([{"n_estimators": 2}], [{}, {"n_estimators": 2}]),
    ids=["one", "two"],
)
def test_fitted_network_survives_in_a_file(name, params, halves, tmp_path):
    (X_img, X_txt, y), _ = halves
    fitted = make(name, **params).fit(X_img, X_txt, y)
    save(fitted, tmp_path / "model")
    loaded = load(tmp_path / "model")
    for X, method in ((X_img, "transform_image"), (X_txt, "transform_text")):
        codes = [getattr(est, method)(X).tobytes() for est in (fitted, loaded)]
        assert codes[0] == codes[1]
    assert loaded.history_ == fitted.history_
    assert type(loaded.net_.criterion_) is type(fitted.net_.criterion_)


class TestContrastive:
    def test_a_fixed_temperature_stays(self, halves):
        fitted = make("contrastive", temperature=0.25).fit(*halves[0])
        assert fitted.temperature_ == pytest.approx(0.25)

    def test_a_learnt_temperature_moves(self, halves):
        options = {"temperature": 0.25, "learn_temperature": True}
        fitted = make("contrastive", **options).fit(*halves[0])
        assert abs(fitted.temperature_ - 0.25) > 1e-3

    def test_a_learnt_temperature_stays_above_a_hundredth(self, halves):
        options = {"temperature": 0.0101, "learn_temperature": True, "lr": 0.1}
        fitted = make("contrastive", **options).fit(*halves[0])
        assert fitted.temperature_ >= 0.01 - 1e-7

    def test_tags_say_whether_labels_are_needed(self):
        needs = [
            make(n).__sklearn_tags__().target_tags.required
            for n in ("contrastive", "supervised contrastive")
        ]
        assert needs == [False, True]


class TestDCCA:
    def test_codes_are_the_linear_cca_of_the_outputs(self, halves):
        (X_img, X_txt, _), _ = halves
        fitted = make("dcca", alpha=(0.2, 0.4)).fit(X_img, X_txt)
        sides = {"image": X_img, "text": X_txt}
        with torch.inference_mode():
            outputs = [
                fitted.net_.module_.encode(
                    torch.from_numpy(fitted._encoder(name).input_map.apply(X)), name
                )[0].double()
                for name, X in sides.items()
            ]
        outputs = [output.numpy() for output in outputs]
        cca = CCARetriever(6, alpha=(0.2, 0.4)).fit(*outputs)
        expected = cca.transform(*outputs)
        for Z, E in zip(fitted.transform(X_img, X_txt), expected, strict=True):
            assert_allclose(np.abs(Z), np.abs(E), rtol=1e-3, atol=1e-4)

    def test_finds_more_correlation_than_linear_cca_in_curved_data(self):
        rng = np.random.default_rng(0)
        H = rng.uniform(-1, 1, size=(1200, 2))
        X_img = np.hstack([H, 0.1 * rng.normal(size=(1200, 3))])
        X_txt = np.hstack([H**2, 0.1 * rng.normal(size=(1200, 3))])
        params = {"n_components": 2, "dropout": 0.0, "advanced": {"input_dropout": 0.0}}
        deep = make("dcca", **params, max_steps=300).fit(X_img[:800], X_txt[:800])
        flat = CCARetriever(2).fit(X_img[:800], X_txt[:800])
        assert deep.score(X_img[800:], X_txt[800:]) > 3 * flat.score(
            X_img[800:], X_txt[800:]
        )

    def test_networks_together_have_the_components_of_one(self, halves):
        train, _ = halves
        assert make("dcca", n_estimators=2).fit(*train).n_components_ == 6


class TestDSCMR:
    def test_both_encoders_end_in_the_same_layer(self, halves):
        module = make("dscmr").fit(*halves[0]).net_.module_
        assert list(module.last_layers) == ["both"]

    def test_needs_a_hidden_layer(self, halves):
        with pytest.raises(ValueError, match="hidden_layer_sizes must hold at least"):
            make("dscmr", hidden_layer_sizes=()).fit(*halves[0])


class TestACMR:
    def test_encoders_work_against_the_modality_classifier(self, halves):
        train, _ = halves
        alone = {"classification_weight": 0.0, "triplet_weight": 0.0}
        losses = []
        for strength in (0.0, 1.0):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "sklearn_xmodal.deep.training._callbacks.reversal_strength",
                    lambda progress, s=strength: s,
                )
                fitted = make("acmr", **alone, adversarial_weight=1.0).fit(*train)
            losses.append(fitted.history_[-1]["adversarial_loss"])
        # Chance is log 2: the classifier wins where nothing works against it.
        assert losses[0] < losses[1]

    def test_regularization_makes_weights_small(self, halves):
        norms = []
        for weight in (0.0, 0.1):
            fitted = make("acmr", regularization_weight=weight).fit(*halves[0])
            norms.append(fitted.history_[-1]["regularization_loss"])
        assert norms[1] < 0.5 * norms[0]
