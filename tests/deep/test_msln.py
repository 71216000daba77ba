"""The estimator: learning, determinism, validation, class embeddings and errors."""

import copy
import math
import pickle
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklearn_xmodal import CCARetriever, MSLNRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep import _msln, _msln_training, _preprocessing
from sklearn_xmodal.deep._labels import split_off_validation
from sklearn_xmodal.deep._msln_network import (
    MSLNLoss,
    MSLNModule,
    reversal_strength,
)
from sklearn_xmodal.deep._preprocessing import InputMap
from sklearn_xmodal.deep.blocks import _variates
from sklearn_xmodal.deep.blocks._variates import KernelVariates, LinearVariates
from sklearn_xmodal.deep.blocks._weights import (
    BLOCKS,
    DEFAULT_WEIGHTS,
    TARGET_CLASSES,
    block_weights,
)
from sklearn_xmodal.deep.training import _data, _loop
from sklearn_xmodal.encoders import NetworkEncoder
from sklearn_xmodal.metrics import cross_modal_score
from sklearn_xmodal.utils import _blocks
from tests.conftest import SEEDS
from tests.deep.oracles import (
    cosines,
    cosines_of_ridges,
    familiarity,
    kernel_features,
    unit,
)

TERMS = {
    "correlation_loss",
    "reconstruction_loss",
    "adversarial_loss",
    "classification_loss",
    "contrastive_loss",
}
SIDES = ("image", "text")
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def make(**params):
    """Make a small retriever that trains in milliseconds."""
    fast = {
        "n_components": 4,
        "n_estimators": 2,
        "hidden_layer_sizes": (8,),
        "max_epochs": 4,
        "batch_size": 32,
        "device": "cpu",
        "random_state": 0,
    }
    return MSLNRetriever(**{**fast, **params, "advanced": settings(params)})


def settings(params):
    """Return what parameters name of `advanced`, and small sizes."""
    small = {"n_contrastive_components": 3, "discriminator_layer_sizes": (8,)}
    return {**small, **(params.get("advanced") or {})}


def draw(seed=0, n=120, **params):
    return make_paired_modalities(n, n_classes=4, random_state=seed, **params)


def multi_label(y, seed=0):
    """Add a second class to every other item."""
    Y = np.eye(4, dtype=int)[y]
    Y[np.arange(0, len(y), 2), np.random.default_rng(seed).integers(4)] = 1
    return Y


def state_of(est):
    return {k: v.numpy().copy() for k, v in est.net_.module_.state_dict().items()}


def inputs_of(est, X, modality):
    """Return what the network of a fitted retriever sees."""
    return torch.from_numpy(est._encoder(modality).input_map.apply(X))


def use_blocks_of(monkeypatch, n_rows):
    """Let training and encoders go through so many rows at a time."""
    monkeypatch.setattr(_data, "BLOCK_ROWS", n_rows)
    monkeypatch.setattr(NetworkEncoder, "_most_rows", n_rows)


def weighed(est, weights):
    """Return a fitted retriever whose blocks have other weights, 0 where not named."""
    est = copy.copy(est)
    names = [name for name, weight in est.block_weights_.items() if weight]
    for modality in SIDES:
        encoder = est._encoder(modality)
        blocks = dict(zip(names, encoder.blocks, strict=True))
        other = replace(
            encoder,
            blocks=[blocks[name] for name in weights],
            block_weights=list(weights.values()),
        )
        setattr(est, f"{modality}_encoder_", other._with_arrays(encoder.on))
    return est


def codes_of(est, X, modality):
    """Return codes, contrastive and locked codes of a fitted retriever's network."""
    with torch.inference_mode():
        codes = est.net_.module_.encode(inputs_of(est, X, modality), modality)
    return tuple(z.double().numpy() for z in codes)


def posterior_of(est, X, modality, temperature=0.7):
    """Return the probability of every class, the mean over the members."""
    z, *_ = codes_of(est, X, modality)
    layer = est.net_.module_.classifier
    weight, bias = (w.detach().double().numpy() for w in (layer.weight, layer.bias))
    powers = np.exp((z @ weight + bias) / temperature)
    return (powers / powers.sum(axis=2, keepdims=True)).mean(axis=0)


def same_bytes(one, other):
    return all(a.tobytes() == other[k].tobytes() for k, a in one.items())


@contextmanager
def global_seeds(seed):
    """Seed the global generators of numpy and torch for a while."""
    numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)

    def state():
        return {
            "numpy": np.random.get_state()[1].tobytes(),  # noqa: NPY002
            "torch": torch.get_rng_state().numpy().tobytes(),
        }

    try:
        yield state
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(torch_state)


class Recorder(Callback):
    """Keeps the weights after every epoch, and the strengths of reversal."""

    def on_train_begin(self, net, **kwargs):
        self.states, self.strengths = [], []
        weights = net.module_.state_dict().items()
        self.start = {name: value.clone() for name, value in weights}

    def on_batch_end(self, net, **kwargs):
        self.strengths.append(net.module_.reversal.strength)

    def on_epoch_end(self, net, **kwargs):
        weights = net.module_.state_dict().items()
        self.states.append({name: value.numpy().copy() for name, value in weights})


class StopAt(Callback):
    """Raises KeyboardInterrupt at an event, as a user or a callback would."""

    def __init__(self, event):
        self.event = event

    def on_batch_begin(self, net, **kwargs):
        if self.event == "batch" and len(net.history) == 2:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        if self.event == "epoch" and len(net.history) == 2:
            raise KeyboardInterrupt


@EVERY_SEED
class TestLearning:
    def test_separable_classes_are_found_in_both_directions(self, seed):
        X, T, y = draw(seed, 300, class_sep=3.0)
        est = MSLNRetriever(
            16, hidden_layer_sizes=(64,), max_steps=150, random_state=seed
        )
        est.fit(X[:200], T[:200], y[:200])
        for target_classes in TARGET_CLASSES:
            weights = block_weights(target_classes, None, 1.0, "text")
            codes = weighed(est, weights).transform(X[200:], T[200:])
            for direction in ("image_to_text", "text_to_image"):
                score = cross_modal_score(*codes, y[200:], direction=direction)
                assert score > 0.7, (target_classes, direction, score)  # chance: 0.27

    def test_several_labels_per_pair_are_learnt(self, seed):
        X, T, y = draw(seed, 300, class_sep=3.0)
        Y = multi_label(y, seed)
        est = MSLNRetriever(
            16, hidden_layer_sizes=(64,), max_steps=150, random_state=seed
        )
        est.fit(X[:200], T[:200], Y[:200])
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((2, 100, 16))
        chance = cross_modal_score(*noise, Y[200:])
        assert est.score(X[200:], T[200:], Y[200:]) > chance + 0.15
        np.testing.assert_array_equal(est.classes_, np.arange(4))

    def test_every_term_of_the_objective_is_recorded_and_falls(self, seed):
        X, T, y = draw(seed)
        est = make(max_epochs=60, adversarial_weight=0, random_state=seed).fit(X, T, y)
        for row in est.history_:
            assert row.keys() >= TERMS | {"train_loss", "dur", "epoch"}
        for name in ("classification_loss", "reconstruction_loss", "contrastive_loss"):
            assert est.history_[-1, name] < est.history_[0, name]

    @pytest.mark.parametrize("contrastive_weight", [0, 1.5])
    def test_recorded_total_is_the_weighted_sum_of_the_terms(
        self, seed, contrastive_weight
    ):
        X, T, y = draw(seed, 64)
        weights = {
            "correlation_weight": 0.5,
            "reconstruction_weight": 0.0,
            "adversarial_weight": 2.0,
            "classification_weight": 0.25,
            "contrastive_weight": contrastive_weight,
        }
        est = make(random_state=seed, batch_size=64, **weights).fit(X, T, y)
        weights["locked_weight"] = contrastive_weight
        for row in est.history_:
            for name in ("contrastive_loss", "locked_loss"):
                assert (name in row) is (contrastive_weight > 0)
            total = sum(
                w * row[k.replace("weight", "loss")] for k, w in weights.items() if w
            )
            assert row["train_loss"] == pytest.approx(total, rel=1e-5)

    def test_first_losses_are_those_of_an_untrained_network(self, seed):
        X, T, y = draw(seed, 64)
        est = make(batch_size=64, max_epochs=1, random_state=seed).fit(X, T, y)
        first = est.history_[0]
        assert first["adversarial_loss"] == pytest.approx(math.log(2), abs=0.15)
        assert first["classification_loss"] == pytest.approx(2 * math.log(4), abs=0.8)
        # No better than codes that are all the same.
        assert first["contrastive_loss"] > 0.9 * math.log(64)

    def test_discriminator_learns_where_the_encoders_do_not_resist(
        self, seed, monkeypatch
    ):
        X, T, y = draw(seed)
        monkeypatch.setattr(
            "sklearn_xmodal.deep.training._callbacks.reversal_strength",
            lambda progress: 0.0,
        )
        est = make(
            max_epochs=100,
            correlation_weight=0,
            adversarial_weight=1.0,
            dropout=0,
            advanced={"discriminator_layer_sizes": (32,), "input_dropout": 0},
            lr=0.01,
            random_state=seed,
        ).fit(X, T, y)
        assert est.history_[-1, "adversarial_loss"] < math.log(2) - 0.1

    def test_correlation_term_pulls_the_codes_of_a_pair_together(self, seed):
        X, T, y = draw(seed)
        distances = []
        for weight in (0.0, 1.0):
            est = make(max_epochs=40, correlation_weight=weight, random_state=seed)
            est.fit(X, T, y)
            images, texts = codes_of(est, X, "image"), codes_of(est, T, "text")
            distances.append(
                [
                    np.square(a - b).sum()
                    for a, b in zip(images[:2], texts[:2], strict=True)
                ]
            )
        (code, contrastive), (pulled_code, pulled_contrastive) = distances
        assert pulled_code < code
        assert pulled_contrastive < contrastive

    def test_contrastive_code_tells_pairs_of_one_class_apart(self, seed):
        X, T, y = draw(seed)
        est = make(
            contrastive_weight=1,
            max_epochs=60,
            lr=0.01,
            dropout=0,
            advanced={"n_contrastive_components": 8, "input_dropout": 0},
            random_state=seed,
        ).fit(X, T, y)
        wrong = {}
        for block in ("contrastive", "code"):
            Z_img, Z_txt = weighed(est, {block: 1.0}).transform(X, T)
            similarity = Z_img @ Z_txt.T
            wrong[block] = (similarity > np.diag(similarity)[:, None]).mean()
        assert wrong["contrastive"] < 0.02
        assert wrong["contrastive"] < wrong["code"] / 2

    def test_strength_of_reversal_follows_the_share_of_steps_done(self, seed):
        X, T, y = draw(seed, 100)
        recorder = Recorder()
        make(callbacks=[recorder], random_state=seed).fit(X, T, y)
        n_steps = 4 * 4  # epochs times batches of 32
        expected = [reversal_strength(step / n_steps) for step in range(n_steps)]
        assert recorder.strengths == expected

    def test_scale_and_place_of_the_features_do_not_matter(self, seed):
        X, T, y = draw(seed)
        plain = make(random_state=seed).fit_transform(X, T, y)
        moved = make(random_state=seed).fit_transform(1e4 * X + 7, T / 64 - 3, y)
        for Z, expected in zip(moved, plain, strict=True):
            np.testing.assert_allclose(Z, expected, atol=1e-3)


@EVERY_SEED
class TestEnsemble:
    def test_every_member_descends_its_own_loss(self, seed):
        # One step of plain gradient descent, by hand for every member alone.
        X, T, y = draw(seed, 64)
        recorder = Recorder()
        est = make(
            n_estimators=3,
            contrastive_weight=1,
            lr=0.1,
            max_epochs=1,
            batch_size=64,
            dropout=0,
            advanced={
                "optimizer": "SGD",
                "weight_decay": 0,
                "lr_scheduler": None,
                "input_dropout": 0,
            },
            callbacks=[recorder],
            random_state=seed,
        ).fit(X, T, y)
        after = est.net_.module_.state_dict()
        criterion = MSLNLoss(
            correlation_weight=0.1,
            reconstruction_weight=0.1,
            adversarial_weight=0.1,
            classification_weight=1.0,
            contrastive_weight=1.0,
            temperature=0.1,
        )
        batch = inputs_of(est, X, "image"), inputs_of(est, T, "text")
        target = torch.from_numpy(y.astype(np.int64))
        totals = []
        for member in range(3):
            alone = MSLNModule(
                X.shape[1],
                T.shape[1],
                np.eye(4, dtype=np.float32),
                multi_label=False,
                n_members=1,
                n_inputs=None,
                n_components=4,
                n_contrastive_components=3,
                hidden_layer_sizes=(8,),
                discriminator_layer_sizes=(8,),
                activation="relu",
                code_activation="identity",
                dropout=0,
                input_dropout=0,
                init_seed=0,
                dropout_seed=0,
                device="cpu",
                precision="float32",
                decoder_layer_sizes=(128,),
                skip_connection=True,
                locked="text",
            )
            with torch.no_grad():
                for name, parameter in alone.named_parameters():
                    parameter.copy_(recorder.start[name][member : member + 1])
            total, _ = criterion(alone(*batch, target), target)
            total.sum().backward()
            for name, parameter in alone.named_parameters():
                gradient = 0 if parameter.grad is None else parameter.grad
                expected = parameter.detach() - 0.1 * gradient
                torch.testing.assert_close(
                    after[name][member], expected[0], atol=1e-5, rtol=1e-4
                )
            totals.append(total.item())
        assert est.history_[0, "train_loss"] == pytest.approx(np.mean(totals), rel=1e-4)

    def test_members_are_networks_of_their_own(self, seed):
        X, T, y = draw(seed)
        est = make(n_estimators=3, random_state=seed).fit(X, T, y)
        z, g, _ = codes_of(est, X, "image")
        assert (z.shape, g.shape) == ((3, 120, 4), (3, 120, 3))
        for codes in (z, g):
            assert not np.allclose(codes[0], codes[1])
            assert not np.allclose(codes[1], codes[2])

    def test_similarity_is_the_mean_over_the_members(self, seed):
        X, T, y = draw(seed)
        est = make(n_estimators=3, block_weights={"code": 1}, random_state=seed)
        Z_img, Z_txt = est.fit_transform(X, T, y)
        assert Z_img.shape == (120, 3 * 4)
        image, text = (
            z - z.mean(axis=1, keepdims=True)
            for z in (codes_of(est, X, "image")[0], codes_of(est, T, "text")[0])
        )
        expected = np.mean(
            [cosines(a, b) for a, b in zip(image, text, strict=True)], axis=0
        )
        np.testing.assert_allclose(Z_img @ Z_txt.T, expected, atol=1e-5)


@EVERY_SEED
class TestBlocks:
    def fit(self, seed, **params):
        X, T, y = draw(seed)
        est = make(random_state=seed, max_epochs=20, n_input_components=10, **params)
        est.fit(X, T, y)
        new = draw(seed + 100, 30)
        return est, X, T, new[0], new[1]

    def oracle(self, est, X, T, X_new, T_new):
        """Return the inner products of every block by hand."""
        blocks = {}
        for name, which in (("code", 0), ("contrastive", 1)):
            image, text = (
                codes_of(est, new, side)[which]
                - codes_of(est, old, side)[which].mean(axis=1, keepdims=True)
                for new, old, side in ((X_new, X, "image"), (T_new, T, "text"))
            )
            members = [cosines(a, b) for a, b in zip(image, text, strict=True)]
            blocks[name] = np.mean(members, axis=0)
        image, text = (
            posterior_of(est, new, side) - posterior_of(est, old, side).mean(axis=0)
            for new, old, side in ((X_new, X, "image"), (T_new, T, "text"))
        )
        blocks["posterior"] = cosines(image, text)
        images, texts = (
            [inputs_of(est, A, side).double().numpy() for A in pair]
            for side, pair in (("image", (X, X_new)), ("text", (T, T_new)))
        )
        train, new = zip(images, texts, strict=True)
        blocks["canonical"] = cosines_of_ridges(LinearVariates, train, new)
        train, new = zip(*(kernel_features(*p) for p in (images, texts)), strict=True)
        blocks["kernel"] = cosines_of_ridges(KernelVariates, train, new)
        predicted_text, predicted_image = (
            self.predict(est, *sides)
            for sides in ((X_new, "image", "text"), (T_new, "text", "image"))
        )
        blocks["reconstruction"] = (
            cosines(images[1], predicted_image) + cosines(predicted_text, texts[1])
        ) / 2
        if est.contrastive_weight_:
            found = unit(codes_of(est, X_new, "image")[2]).mean(axis=0)
            blocks["locked"] = cosines(found, texts[1])
        return blocks

    def predict(self, est, X, side, other):
        module = est.net_.module_
        with torch.inference_mode():
            z, g, _ = module.encode(inputs_of(est, X, side), side)
            e = module.classifier(z).softmax(dim=2) @ module.class_embeddings
            joined = torch.cat([z, g, e], dim=2)
            return module.decoders[other](joined).mean(dim=0).double().numpy()

    def test_similarity_is_the_weighted_sum_of_those_of_the_blocks(self, seed):
        fitted = self.fit(seed)
        est, _, _, X_new, T_new = fitted
        blocks = self.oracle(*fitted)
        rng = np.random.default_rng(seed)
        mixed = dict(zip(BLOCKS, rng.uniform(0.2, 4, len(BLOCKS)), strict=True))
        for weights in (*({name: 1.0} for name in BLOCKS), mixed):
            Z_img, Z_txt = weighed(est, weights).transform(X_new, T_new)
            expected = sum(w * blocks[name] for name, w in weights.items())
            np.testing.assert_allclose(
                Z_img @ Z_txt.T, expected, atol=1e-4, err_msg=str(weights)
            )

    @pytest.mark.parametrize("target_classes", DEFAULT_WEIGHTS)
    def test_target_classes_choose_the_weights(self, seed, target_classes):
        fitted = self.fit(seed, target_classes=target_classes)
        est, _, _, X_new, T_new = fitted
        assert est.block_weights_ == DEFAULT_WEIGHTS[target_classes]
        blocks = self.oracle(*fitted)
        Z_img, Z_txt = est.transform(X_new, T_new)
        weights = DEFAULT_WEIGHTS[target_classes].items()
        expected = sum(w * blocks[name] for name, w in weights)
        np.testing.assert_allclose(Z_img @ Z_txt.T, expected, atol=1e-4)
        assert Z_img.shape[1] == Z_txt.shape[1] == est.n_components_

    def test_for_both_kinds_familiar_items_count_as_seen(self, seed):
        fitted = self.fit(seed)
        est, X, T, X_new, T_new = fitted
        blocks = self.oracle(*fitted)
        expected, lengths = 0, []
        for new, old, side in ((X_new, X, "image"), (T_new, T, "text")):
            mean = codes_of(est, old, side)[0].mean(axis=1, keepdims=True)
            train, test = (
                np.hstack(unit(codes_of(est, A, side)[0] - mean)) for A in (old, new)
            )
            g = familiarity(train, test)
            assert 0.05 < g.mean() < 0.95
            lengths.append(g)
        weights = [dict.fromkeys(BLOCKS, 0.0) | of for of in DEFAULT_WEIGHTS.values()]
        seen, unseen = ({k: v / sum(w.values()) for k, v in w.items()} for w in weights)
        for name in BLOCKS:
            image, text = (
                np.sqrt(unseen[name] * (1 - g) + seen[name] * g) for g in lengths
            )
            expected += np.outer(image, text) * blocks[name]
        Z_img, Z_txt = est.transform(X_new, T_new)
        np.testing.assert_allclose(Z_img @ Z_txt.T, expected, atol=1e-4)
        assert Z_img.shape[1] == Z_txt.shape[1] == est.n_components_
        np.testing.assert_allclose(np.linalg.norm(Z_img, axis=1), 1, rtol=1e-5)

    @pytest.mark.parametrize("target_classes", ["seen", "unseen"])
    def test_score_ranks_by_the_weighted_mean_of_cosines(self, seed, target_classes):
        est, _, _, X_new, T_new = self.fit(seed, target_classes=target_classes)
        for Z in est.transform(X_new, T_new):
            squares = np.square(Z).sum(axis=1)
            total = sum(est.block_weights_.values())
            np.testing.assert_allclose(squares, total, rtol=1e-5)

    def test_they_do_not_change_the_training(self, seed):
        X, T, y = draw(seed)
        expected = state_of(make(random_state=seed).fit(X, T, y))
        for params in (
            {"target_classes": "unseen", "contrastive_weight": 0.3},
            {"block_weights": {"canonical": 1}},
        ):
            est = make(random_state=seed, **params).fit(X, T, y)
            assert same_bytes(state_of(est), expected)

    def test_canonical_alone_does_not_depend_on_the_network(self, seed):
        X, T, y = draw(seed)
        codes = [
            make(random_state=s, block_weights={"canonical": 1}).fit_transform(X, T, y)
            for s in (seed, seed + 50)
        ]
        for one, other in zip(*codes, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)

    @pytest.mark.parametrize("n_input_components", [None, 10])
    def test_canonical_where_pairs_are_fewer_than_features(
        self, seed, n_input_components
    ):
        X, T, y = draw(seed, 24, n_image_features=50, n_text_features=40)
        est = make(
            n_input_components=n_input_components,
            block_weights={"canonical": 1},
            random_state=seed,
        ).fit(X, T, y)
        X_new, T_new, _ = draw(seed + 9, 30, n_image_features=50, n_text_features=40)
        Z_img, Z_txt = est.transform(X_new, T_new)
        sides = [
            [inputs_of(est, A, side).double().numpy() for A in pair]
            for side, pair in (("image", (X, X_new)), ("text", (T, T_new)))
        ]
        expected = 0
        for alpha, power in LinearVariates.SETTINGS:
            cca = CCARetriever(alpha=alpha, component_power=power)
            cca.fit(sides[0][0], sides[1][0])
            expected += cosines(*cca.transform(sides[0][1], sides[1][1])) / 3
        np.testing.assert_allclose(Z_img @ Z_txt.T, expected, atol=1e-4)


def test_plain_reading_of_the_paper_has_the_code_alone():
    X, T, y = draw()
    est = MSLNRetriever.from_paper(
        n_components=4, max_epochs=4, device="cpu", random_state=0
    ).fit(X, T, y)
    Z = est.transform_image(X)
    z = codes_of(est, X, "image")[0][0]
    assert Z.shape == (120, 4)
    assert est.image_components_ is None
    np.testing.assert_allclose(Z, unit(z - z.mean(axis=0)), atol=1e-5)
    assert "contrastive_loss" not in est.history_[-1]
    assert type(est.net_.optimizer_) is torch.optim.Adam
    rates = est.net_.optimizer_.param_groups[0]
    assert (rates["lr"], rates["weight_decay"]) == (1e-3, 0)
    module = est.net_.module_
    assert (module.n_members, module.code_activation) == (1, "tanh")
    drops = {m.p for m in module.encoders.modules() if hasattr(m, "p")}
    assert drops == {0.0, 0.2}


def test_plain_reading_may_be_changed_and_cloned():
    est = MSLNRetriever.from_paper(lr=0.1, advanced={"weight_decay": 0.5})
    plain = MSLNRetriever.from_paper()
    changed = {"lr": 0.1, "advanced": {**plain.advanced, "weight_decay": 0.5}}
    assert clone(est).get_params() == {**plain.get_params(), **changed}


class TestContrastiveCode:
    def test_none_without_weight(self):
        X, T, y = draw()
        est = make(contrastive_weight=0).fit(X, T, y)
        module = est.net_.module_
        assert codes_of(est, X, "image")[1].shape == (2, 120, 0)
        assert module.n_contrastive_components == 0
        assert "contrastive_loss" not in est.history_[0]
        assert "contrastive" not in est.block_weights_
        assert np.isfinite(est.transform_text(T)).all()

    @pytest.mark.parametrize(
        ("target_classes", "weight"), [("seen", 0), ("unseen", 1), ("both", 0.3)]
    )
    def test_automatic_weight_is_the_less_the_more_classes_are_seen(
        self, target_classes, weight
    ):
        X, T, y = draw()
        est = make(target_classes=target_classes, contrastive_weight="auto")
        fitted = clone(est).fit(X, T, y)
        given = est.set_params(contrastive_weight=weight).fit(X, T, y)
        assert fitted.contrastive_weight_ == weight
        assert fitted.net_.module_.n_contrastive_components == 3 * (weight > 0)
        np.testing.assert_array_equal(fitted.transform_text(T), given.transform_text(T))

    def test_its_block_is_refused_without_weight(self):
        est = make(contrastive_weight=0, block_weights={"contrastive": 1})
        with pytest.raises(ValueError, match="need contrastive_weight > 0"):
            est.fit(*draw())

    def test_size(self):
        X, T, y = draw()
        est = make(
            advanced={"n_contrastive_components": 7}, block_weights={"contrastive": 1}
        )
        assert est.fit(X, T, y).transform_image(X).shape == (120, 2 * 7)
        assert est.n_components_ == 14


class TestSteps:
    @pytest.mark.parametrize(
        ("n", "max_steps", "epochs"), [(96, 12, 4), (97, 12, 3), (96, 13, 5), (9, 7, 7)]
    )
    def test_max_steps_are_rounded_up_to_whole_epochs(self, n, max_steps, epochs):
        est = make(max_epochs=None, max_steps=max_steps).fit(*draw(0, n))
        assert est.n_iter_ == len(est.history_) == epochs
        steps = sum(len(row["batches"]) for row in est.history_)
        assert steps == epochs * math.ceil(n / 32)

    @pytest.mark.parametrize(("n", "epochs"), [(96, 4), (256, 2), (640, 1)])
    def test_automatic_steps_are_epochs_within_limits(self, n, epochs, monkeypatch):
        assert (_loop.AUTO_EPOCHS, _loop.AUTO_STEPS) == (20, (400, 800))
        monkeypatch.setattr(_loop, "AUTO_EPOCHS", 2)
        monkeypatch.setattr(_loop, "AUTO_STEPS", (10, 18))
        est = make(max_epochs=None, max_steps="auto").fit(*draw(0, n))
        assert est.n_iter_ == epochs

    @pytest.mark.parametrize(("given", "epochs"), [("auto", 5), (256, 2)])
    def test_automatic_steps_grow_with_components_that_the_data_ask_for(
        self, given, epochs, monkeypatch
    ):
        monkeypatch.setattr(_loop, "AUTO_STEPS", (4, 4))
        monkeypatch.setattr(_msln_training, "_STEPS_FOR_MANY", 13)
        monkeypatch.setattr(_msln, "worthwhile_components", lambda *data: 256)
        est = make(max_epochs=None, max_steps="auto", n_input_components=given)
        est.fit(*draw(0, 96))
        assert (est.n_iter_, est.n_input_components_) == (epochs, 256)

    def test_max_epochs_goes_before_max_steps(self):
        assert make(max_epochs=3, max_steps=1).fit(*draw()).n_iter_ == 3

    def test_cosine_brings_the_rate_to_zero(self):
        X, T, y = draw()
        est = make(lr=0.01).fit(X, T, y)
        assert est.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
        est = make(lr=0.01, advanced={"lr_scheduler": None}).fit(X, T, y)
        assert est.net_.optimizer_.param_groups[0]["lr"] == 0.01

    @pytest.mark.parametrize(
        "optimizer", ["SGD", "RMSprop", "Adagrad", torch.optim.Adam]
    )
    def test_optimizers_of_torch(self, optimizer):
        est = make(advanced={"optimizer": optimizer, "weight_decay": 0.25}).fit(*draw())
        expected = optimizer if isinstance(optimizer, str) else "Adam"
        assert type(est.net_.optimizer_).__name__ == expected
        assert est.net_.optimizer_.param_groups[0]["weight_decay"] == 0.25


@EVERY_SEED
class TestDeterminism:
    def test_one_seed_one_network(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=seed)
        first = state_of(est.fit(X, T, y))
        second = state_of(est.fit(X, T, y))
        assert same_bytes(first, second)

    def test_other_seeds_other_networks(self, seed):
        X, T, y = draw(seed)
        one = state_of(make(random_state=seed).fit(X, T, y))
        other = state_of(make(random_state=seed + 1).fit(X, T, y))
        assert not same_bytes(one, other)

    def test_random_state_instance_moves_on(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=np.random.RandomState(seed))
        assert not same_bytes(state_of(est.fit(X, T, y)), state_of(est.fit(X, T, y)))

    def test_global_generators_are_neither_read_nor_moved(self, seed):
        X, T, y = draw(seed)
        expected = state_of(make(early_stopping=True, random_state=seed).fit(X, T, y))
        with global_seeds(seed + 100) as state_of_generators:
            before = state_of_generators()
            est = make(early_stopping=True, random_state=seed).fit(X, T, y)
            assert state_of_generators() == before
        assert same_bytes(state_of(est), expected)

    def test_without_a_seed_the_generator_of_torch_stays(self, seed):
        X, T, y = draw(seed)
        with global_seeds(seed) as state_of_generators:
            before = state_of_generators()
            one = state_of(make(random_state=None).fit(X, T, y))
            assert state_of_generators()["torch"] == before["torch"]
            other = state_of(make(random_state=None).fit(X, T, y))
        assert not same_bytes(one, other)

    def test_threads_do_not_disturb_each_other(self, seed):
        X, T, y = draw(seed)
        seeds = (seed, seed + 10)
        alone = [
            state_of(make(random_state=s, max_epochs=20).fit(X, T, y)) for s in seeds
        ]
        together = {}

        def fit(s):
            together[s] = state_of(make(random_state=s, max_epochs=20).fit(X, T, y))

        threads = [threading.Thread(target=fit, args=(s,)) for s in seeds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for s, expected in zip(seeds, alone, strict=True):
            assert same_bytes(together[s], expected)

    def test_pickle_round_trip_predicts_the_same_bytes(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=seed, early_stopping=True).fit(X, T, y)
        copy = pickle.loads(pickle.dumps(est))
        for Z, expected in zip(copy.transform(X, T), est.transform(X, T), strict=True):
            assert Z.tobytes() == expected.tobytes()
        assert copy.history_[-1]["valid_score"] == est.history_[-1]["valid_score"]
        refitted = state_of(copy.fit(X, T, y))
        assert same_bytes(refitted, state_of(est.fit(X, T, y)))


@EVERY_SEED
class TestWarmStart:
    steady = {
        "warm_start": True,
        "dropout": 0,
        "advanced": {"input_dropout": 0},
        "adversarial_weight": 0,
        "batch_size": 120,
        "max_epochs": 80,
    }

    def test_training_goes_on_where_it_ended(self, seed):
        X, T, y = draw(seed)
        est = make(**self.steady, random_state=seed).fit(X, T, y)
        untrained, end = (est.history_[i, "train_loss"] for i in (0, -1))
        est.fit(X, T, y)
        assert est.history_[0, "train_loss"] == pytest.approx(end, rel=0.02)
        assert end < 0.8 * untrained
        assert est.history_[-1, "train_loss"] < end

    def test_first_step_starts_from_the_weights_of_the_last_fit(self, seed):
        X, T, y = draw(seed)
        recorder = Recorder()
        est = make(warm_start=True, random_state=seed).fit(X, T, y)
        before = state_of(est)
        est.set_params(callbacks=[recorder]).fit(X, T, y)
        assert same_bytes(before, {k: v.numpy() for k, v in recorder.start.items()})

    def test_input_maps_stay(self, seed):
        X, T, y = draw(seed)
        est = make(warm_start=True, n_input_components=5, random_state=seed)
        est.fit(X, T, y)
        before = est.image_mean_, est.image_components_, est.image_scale_
        est.fit(2 * X + 1, T, y)
        assert before[0] is est.image_mean_
        assert before[1] is est.image_components_
        assert before[2] == est.image_scale_

    def test_goes_on_after_pickling(self, seed):
        X, T, y = draw(seed)
        est = make(warm_start=True, random_state=seed).fit(X, T, y)
        copy = pickle.loads(pickle.dumps(est))
        assert same_bytes(state_of(est.fit(X, T, y)), state_of(copy.fit(X, T, y)))

    def test_off_by_default(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=seed).fit(X, T, y)
        first = est.history_[0, "train_loss"]
        assert est.fit(X, T, y).history_[0, "train_loss"] == first

    def test_of_several_labels(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        est = make(**self.steady, random_state=seed).fit(X, T, Y)
        end = est.history_[-1, "train_loss"]
        est.fit(X, T, Y)
        assert est.history_[0, "train_loss"] == pytest.approx(end, rel=0.02)

    def test_with_classes_held_out(self, seed):
        X, T, y = draw(seed)
        est = make(
            warm_start=True,
            early_stopping="class_disjoint",
            random_state=seed,
        ).fit(X, T, y)
        classes = est.classes_
        np.testing.assert_array_equal(est.fit(X, T, y).classes_, classes)

    @pytest.mark.parametrize(
        "change", [lambda y: y + 10, lambda y: y % 3, lambda y: y + (y == 3)]
    )
    def test_other_classes_are_refused(self, seed, change):
        X, T, y = draw(seed)
        est = make(warm_start=True, random_state=seed).fit(X, T, y)
        with pytest.raises(ValueError, match=r"features and classes of the fit before"):
            est.fit(X, T, change(y))

    def test_another_number_of_labels_is_refused(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        est = make(warm_start=True, random_state=seed).fit(X, T, Y)
        with pytest.raises(ValueError, match=r"features and classes of the fit before"):
            est.fit(X, T, Y[:, :3])

    def test_other_features_are_refused(self, seed):
        X, T, y = draw(seed)
        est = make(warm_start=True, random_state=seed).fit(X, T, y)
        with pytest.raises(ValueError, match=r"Got \[19, 15\] .* had \[20, 15\]"):
            est.fit(X[:, 1:], T, y)

    @pytest.mark.parametrize(
        "change",
        [
            {"n_estimators": 3},
            {"n_components": 5},
            {"hidden_layer_sizes": (9,)},
            {"contrastive_weight": 0},
        ],
        ids=str,
    )
    def test_another_shape_of_the_network_is_refused(self, seed, change):
        X, T, y = draw(seed)
        est = make(warm_start=True, random_state=seed).fit(X, T, y)
        with pytest.raises(ValueError, match="warm_start"):
            est.set_params(**change).fit(X, T, y)

    def test_new_class_embeddings_are_taken(self, seed):
        X, T, y = draw(seed)
        vectors = {label: [label, 1.0, -label] for label in range(4)}
        other = {label: [1.0, 2.0, label] for label in range(4)}
        est = make(warm_start=True, class_embeddings=vectors, random_state=seed)
        est.fit(X, T, y).set_params(class_embeddings=other).fit(X, T, y)
        expected = np.array([other[label] for label in range(4)])
        np.testing.assert_array_equal(est.class_embeddings_, expected)
        np.testing.assert_array_equal(est.net_.module_.class_embeddings, expected)

    def test_weights_of_a_training_that_failed_are_not_taken(self, seed):
        X, T, y = draw(seed)
        est = make(warm_start=True, lr=1e12, max_epochs=50, random_state=seed)
        with pytest.raises(ValueError, match="losses finite"):
            est.fit(X, T, y)
        est.set_params(lr=1e-3, max_epochs=2).fit(X, T, y)
        assert np.isfinite(est.transform_image(X)).all()


@EVERY_SEED
class TestPartialFit:
    steady = {"adversarial_weight": 0, "advanced": {"lr_scheduler": None}}

    def test_first_call_is_one_pass_of_fit(self, seed):
        X, T, y = draw(seed)
        whole = make(**self.steady, max_epochs=1, random_state=seed).fit(X, T, y)
        est = make(**self.steady, max_epochs=None, random_state=seed)
        est.partial_fit(X, T, y)
        assert est.n_iter_ == 1
        assert same_bytes(state_of(est), state_of(whole))
        for one, other in zip(est.transform(X, T), whole.transform(X, T), strict=True):
            assert one.tobytes() == other.tobytes()

    def test_calls_go_on_from_each_other(self, seed):
        X, T, y = draw(seed)
        recorder = Recorder()
        est = make(max_epochs=2, callbacks=[recorder], random_state=seed)
        end = state_of(est.partial_fit(X, T, y))
        for call in (2, 3):
            est.partial_fit(X, T, y)
            assert est.n_iter_ == len(est.history_) == 2 * call
            start = {k: v.numpy() for k, v in recorder.start.items()}
            assert same_bytes(start, end)
            end = state_of(est)
        losses = [row["train_loss"] for row in est.history_]
        assert losses[-1] < losses[0]

    def test_reversal_gains_strength_over_the_calls(self, seed):
        X, T, y = draw(seed, 64)
        recorder = Recorder()
        est = make(max_epochs=3, callbacks=[recorder], random_state=seed)
        strengths = []
        for _ in range(2):
            est.partial_fit(X, T, y)
            strengths += recorder.strengths
        expected = [reversal_strength(step / 400) for step in range(2 * 3 * 2)]
        assert strengths == expected

    def test_goes_on_after_fit(self, seed):
        X, T, y = draw(seed)
        recorder = Recorder()
        est = make(random_state=seed).fit(X, T, y)
        end = state_of(est)
        est.set_params(callbacks=[recorder]).partial_fit(X, T, y)
        assert same_bytes(end, {k: v.numpy() for k, v in recorder.start.items()})

    def test_goes_on_after_pickling(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=seed).partial_fit(X, T, y)
        copy = pickle.loads(pickle.dumps(est))
        one, other = est.partial_fit(X, T, y), copy.partial_fit(X, T, y)
        assert same_bytes(state_of(one), state_of(other))

    def test_fit_starts_anew(self, seed):
        X, T, y = draw(seed)
        expected = state_of(make(random_state=seed).fit(X, T, y))
        est = make(random_state=seed).partial_fit(X[:60], T[:60], y[:60])
        assert same_bytes(state_of(est.fit(X, T, y)), expected)

    def test_batches_differ_from_call_to_call(self, seed):
        X, T, y = draw(seed)
        est = make(
            lr=1e-12, dropout=0, advanced={"input_dropout": 0}, random_state=seed
        )
        terms = []
        for _ in range(2):
            est.partial_fit(X, T, y)
            terms.append([b["contrastive_loss"] for b in est.history_[-1]["batches"]])
        assert not np.allclose(terms[0], terms[1], rtol=1e-4)

    def test_canonical_block_is_that_of_the_pairs_of_all_calls(self, seed):
        X, T, y = draw(seed)
        order = np.random.default_rng(seed).permutation(120)
        T_other = T + 0.5 * (T[order] - T) + 1
        est = make(block_weights={"canonical": 1}, random_state=seed)
        est.partial_fit(X, T, y).partial_fit(X, T_other, y)
        images, texts = np.vstack([X, X]), np.vstack([T, T_other])
        inputs = (
            inputs_of(est, images, "image").double().numpy(),
            inputs_of(est, texts, "text").double().numpy(),
        )
        expected = cosines_of_ridges(LinearVariates, inputs, inputs)
        Z_img, Z_txt = est.transform(images, texts)
        np.testing.assert_allclose(Z_img @ Z_txt.T, expected, atol=1e-4)

    def test_classes_may_come_later(self, seed):
        X, T, y = draw(seed)
        first = y < 2
        est = make(random_state=seed)
        est.partial_fit(X[first], T[first], y[first], classes=[3, 1, 0, 2])
        np.testing.assert_array_equal(est.classes_, [0, 1, 2, 3])
        est.partial_fit(X, T, y)
        np.testing.assert_array_equal(est.classes_, [0, 1, 2, 3])

    def test_new_classes_are_refused(self, seed):
        X, T, y = draw(seed)
        first = y < 2
        est = make(random_state=seed).partial_fit(X[first], T[first], y[first])
        with pytest.raises(ValueError, match=r"2 others, such as \[2, 3\]"):
            est.partial_fit(X, T, y)

    def test_several_labels(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        est = make(random_state=seed).partial_fit(X, T, Y).partial_fit(X, T, Y)
        np.testing.assert_array_equal(est.classes_, np.arange(4))
        with pytest.raises(ValueError, match=r"one column per class .* Got 3"):
            est.partial_fit(X, T, Y[:, :3])

    def test_other_features_are_refused(self, seed):
        X, T, y = draw(seed)
        est = make(random_state=seed).partial_fit(X, T, y)
        with pytest.raises(ValueError, match=r"X has 19 features"):
            est.partial_fit(X[:, 1:], T, y)


class TestMemoryMaps:
    n, p = 12000, 128

    @pytest.fixture
    def mapped(self, tmp_path):
        """Return memory-mapped images, texts and labels; the same in memory."""
        y = np.arange(self.n) % 4
        rng = np.random.default_rng(0)
        path = tmp_path / "images.npy"
        X = rng.standard_normal((self.n, self.p), dtype=np.float32)
        X[np.arange(self.n), y] += 3
        np.save(path, X)
        T = X[:, :9] + rng.standard_normal((self.n, 9), dtype=np.float32)
        return np.load(path, mmap_mode="r"), X, T, y

    @pytest.mark.parametrize("n_input_components", [None, 6])
    def test_they_learn_what_arrays_learn(self, mapped, n_input_components):
        file, X, T, y = (A[:500] for A in mapped)
        options = {"n_input_components": n_input_components, "max_epochs": 2}
        expected = make(**options).fit(X, T, y)
        est = make(**options).fit(file, T, y)
        assert isinstance(file, np.memmap)
        np.testing.assert_array_equal(est.image_mean_, expected.image_mean_)
        for one, other in zip(
            est.transform(file, T), expected.transform(X, T), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-5)
            assert one.dtype == np.float32
        np.testing.assert_allclose(
            est.transform_image(X), est.transform_image(file), atol=1e-6
        )

    @pytest.mark.parametrize("n_input_components", [None, 6])
    def test_no_whole_copy_is_made(self, mapped, monkeypatch, n_input_components):
        file, X, T, y = mapped
        monkeypatch.setattr(_blocks, "_VALUES", 2**15)
        monkeypatch.setattr(_preprocessing, "_PCA_ROWS", 500)
        use_blocks_of(monkeypatch, 256)
        heights = set()
        apply = InputMap.apply

        def spy(self, X):
            if X.shape[1] == n_columns:
                heights.add(X.shape[0])
            return apply(self, X)

        n_columns = self.p
        monkeypatch.setattr(InputMap, "apply", spy)
        est = make(
            n_input_components=n_input_components,
            batch_size=256,
            max_epochs=1,
            block_weights={"code": 1},
        )
        size = X.nbytes
        del X
        tracemalloc.start()
        try:
            est.fit(file, T, y)
            _, peak_of_fit = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            est.transform_image(file)
            _, peak_of_transform = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak_of_fit < size / 2
        assert peak_of_transform - before < size / 2
        assert max(heights) <= 400


def test_a_net_trained_elsewhere_predicts_where_it_was_loaded():
    # skorch moves the weights to the CPU where the device of training is missing.
    X, T, y = draw()
    est = make().fit(X, T, y)
    expected = est.transform_image(X)
    est.device_ = "cuda:9"
    copy = pickle.loads(pickle.dumps(est))
    assert copy.transform_image(X).tobytes() == expected.tobytes()


class TestPrecision:
    def test_bfloat16_takes_other_steps_to_about_the_same_place(self):
        X, T, y = draw(n=300, class_sep=3.0)
        fitted = [
            make(advanced={"precision": name}, max_epochs=20).fit(
                X[:200], T[:200], y[:200]
            )
            for name in ("float32", "bfloat16")
        ]
        one, other = (est.net_.module_.state_dict() for est in fitted)
        assert {w.dtype for w in other.values()} == {torch.float32}
        assert any(not torch.equal(one[name], other[name]) for name in one)
        scores = [est.score(X[200:], T[200:], y[200:]) for est in fitted]
        assert scores[1] == pytest.approx(scores[0], abs=0.05)

    def test_codes_are_of_float32_in_any_case(self):
        X, T, y = draw()
        one = make(advanced={"precision": "float32"}).fit(X, T, y)
        other = make(advanced={"precision": "bfloat16"}).fit(X, T, y)
        other.net_.module_.load_state_dict(one.net_.module_.state_dict())
        x = torch.from_numpy(one.image_encoder_.input_map.apply(X))
        with torch.inference_mode():
            codes = [est.net_.module_.encode(x, "image")[0] for est in (one, other)]
        assert torch.equal(*codes)


def test_the_epoch_that_early_stopping_ends_has_its_loss_terms():
    est = make(
        early_stopping=True,
        advanced={"n_iter_no_change": 1, "tol": 1.0},
        max_epochs=30,
    )
    history = est.fit(*draw()).history_
    assert len(history) < 30
    assert set(TERMS) <= set(history[-1])


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@pytest.mark.gpu
@needs_cuda
def test_cuda_and_cpu_learn_alike():
    X, T, y = draw(n=300, class_sep=3.0)
    scores = [
        MSLNRetriever(16, max_steps=200, device=device, random_state=0)
        .fit(X[:200], T[:200], y[:200])
        .score(X[200:], T[200:], y[200:])
        for device in ("cpu", "cuda")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("n_members", [1, 3])
def test_a_network_gives_the_same_codes_on_cuda_as_on_the_cpu(n_members):
    X, T, y = draw(n=300)
    every_block = dict.fromkeys(BLOCKS, 1.0)
    est = make(n_estimators=n_members, block_weights=every_block, device="cpu")
    est.fit(X, T, y)
    on_cpu = est.transform_image(X), est.transform_text(T)
    est.net_.module_.to("cuda")
    on_cuda = est.transform_image(X), est.transform_text(T)
    np.testing.assert_allclose(on_cuda, on_cpu, atol=1e-4)


@pytest.mark.gpu
@needs_cuda
def test_training_without_chance_takes_the_same_steps_on_cuda_as_on_the_cpu():
    X, T, y = draw(n=300)
    codes = [
        make(dropout=0, advanced={"input_dropout": 0}, device=device)
        .fit(X, T, y)
        .transform_image(X)
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*codes, atol=1e-4)


@pytest.mark.gpu
@needs_cuda
def test_the_same_seed_gives_the_same_bytes_on_cuda():
    X, T, y = draw(n=300)
    codes = [
        make(device="cuda").fit(X, T, y).transform_image(X).tobytes() for _ in range(2)
    ]
    assert codes[0] == codes[1]


def test_a_fresh_process_gives_the_same_bytes():
    code = textwrap.dedent(
        """
        import hashlib
        from sklearn_xmodal import MSLNRetriever
        from sklearn_xmodal.datasets import make_paired_modalities
        X, T, y = make_paired_modalities(120, n_classes=4, random_state=0)
        est = MSLNRetriever(
            4, max_epochs=2, n_input_components=10, device="cpu", random_state=0
        )
        Z = est.fit(X, T, y).transform_image(X)
        digest = hashlib.sha256(Z.tobytes()).hexdigest()
        """
    )
    fresh = subprocess.run(
        [sys.executable, "-c", code + "print(digest)"],
        capture_output=True,
        text=True,
        check=True,
    )
    here = {}
    exec(code, here)
    assert fresh.stdout.strip() == here["digest"]


@EVERY_SEED
class TestInputs:
    def test_sparse_text_equals_dense(self, seed):
        X, T, y = draw(seed)
        T = np.where(np.abs(T) > 0.5, T, 0)
        dense = make(random_state=seed).fit(X, T, y)
        mixed = make(random_state=seed).fit(X, sparse.csr_matrix(T), y)
        assert mixed.text_scale_ == pytest.approx(dense.text_scale_, rel=1e-12)
        np.testing.assert_allclose(
            mixed.transform_text(sparse.csr_array(T)),
            dense.transform_text(T),
            atol=1e-4,
        )

    @pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
    def test_main_directions_are_those_of_pca(self, seed, container):
        X, T, y = draw(seed)
        est = make(n_input_components=5, random_state=seed).fit(X, container(T), y)
        assert est.image_components_.shape == (5, 20)
        assert est.text_components_.shape == (5, 15)
        for A, components in ((X, est.image_components_), (T, est.text_components_)):
            expected = PCA(5, svd_solver="full").fit(A).components_
            angles = np.abs((components * expected).sum(axis=1))
            np.testing.assert_allclose(angles, 1, atol=1e-6)
        inputs = inputs_of(est, container(T), "text").numpy()
        np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-5)
        assert np.square(inputs).mean() == pytest.approx(1, rel=1e-4)

    def test_no_main_directions_where_features_are_few(self, seed):
        est = make(n_input_components=30, random_state=seed).fit(*draw(seed))
        assert est.image_components_.shape == (20, 20)  # the first network sees 15
        assert est.text_components_ is None  # which are all of the text

    @pytest.mark.parametrize(
        ("n_components", "seen"),
        [
            (10, [5, 8, 10]),
            ((0.5, 10), [5, 8, 10]),
            ((0.3, 10), [3, 7, 10]),
            ((1.0, 10), [10, 10, 10]),
            ((4, 10), [4, 7, 10]),
            ((10, 10), [10, 10, 10]),
            ((1, 2), [1, 2, 2]),
        ],
    )
    def test_networks_see_more_and_more_components(self, seed, n_components, seen):
        est = make(
            n_estimators=3, n_input_components=n_components, random_state=seed
        ).fit(*draw(seed))
        assert len(est.image_components_) == seen[-1]
        mask = est.net_.module_.image_mask
        counts = [seen[-1]] * 3 if mask is None else mask.sum(dim=(1, 2)).tolist()
        assert counts == seen

    def test_one_network_sees_the_most_components(self, seed):
        est = make(n_estimators=1, n_input_components=(2, 6), random_state=seed)
        assert est.fit(*draw(seed)).net_.module_.n_inputs == (6,)

    def test_noise_is_taken_off_for_unseen_classes_unless_told(self, seed):
        pairs = draw(seed, n_image_features=40)
        found = {}
        for target_classes in TARGET_CLASSES:
            for denoise in ("auto", True, False):
                est = make(
                    target_classes=target_classes,
                    advanced={"denoise_inputs": denoise},
                    n_input_components=10,
                    max_epochs=1,
                ).fit(*pairs)
                lengths = np.linalg.norm(est.image_components_, axis=1)
                found[target_classes, denoise] = lengths
        for (target_classes, denoise), lengths in found.items():
            if denoise == "auto":
                denoise = target_classes == "unseen"
            if denoise:
                assert lengths[-1] == pytest.approx(0.1)
                assert (np.diff(lengths) < 0).all()
            else:
                np.testing.assert_allclose(lengths, 1)

    def test_sparse_rows_become_dense_by_the_batch_only(self, seed, monkeypatch):
        X, T, y = draw(seed)
        heights = set()
        toarray = sparse.csr_matrix.toarray

        def spy(self, *args, **kwargs):
            heights.add(self.shape[0])
            return toarray(self, *args, **kwargs)

        monkeypatch.setattr(sparse.csr_matrix, "toarray", spy)
        use_blocks_of(monkeypatch, 30)
        monkeypatch.setattr(_variates, "_N_LANDMARKS", 20)
        est = make(n_input_components=5).fit(X, sparse.csr_matrix(T), y)
        est.transform_text(sparse.csr_matrix(T))
        assert heights == {32, 120 % 32, 30, 20}

    def test_features_are_centred_and_scaled_as_documented(self, seed):
        X, T, y = draw(seed)
        X = 3 * X + 5
        est = make(random_state=seed).fit(X, T, y)
        np.testing.assert_allclose(est.image_mean_, X.mean(axis=0))
        rms = np.sqrt(np.square(X - X.mean(axis=0)).mean())
        assert est.image_scale_ == pytest.approx(rms)

    def test_codes_of_a_row_do_not_depend_on_its_neighbours(self, seed, monkeypatch):
        X, T, y = draw(seed)
        est = make(random_state=seed).fit(X, T, y)
        whole = est.transform_image(X)
        # Rounding counts some tens of times in how familiar an item is.
        np.testing.assert_allclose(est.transform_image(X[7:8]), whole[7:8], atol=2e-5)
        use_blocks_of(monkeypatch, 7)
        np.testing.assert_allclose(est.transform_image(X), whole, atol=2e-5)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_floating_type_is_kept(self, seed, dtype):
        X, T, y = draw(seed)
        X, T = X.astype(dtype), T.astype(dtype)
        Z_img, Z_txt = make(random_state=seed).fit_transform(X, T, y)
        assert Z_img.dtype == Z_txt.dtype == dtype

    def test_names_of_the_labels_do_not_matter(self, seed):
        X, T, y = draw(seed)
        expected = make(random_state=seed).fit_transform(X, T, y)
        for names in (np.array(["ant", "bee", "cow", "dog"]), np.array([-5, 0, 3, 70])):
            est = make(random_state=seed)
            Z = est.fit_transform(X, T, names[y])
            assert Z[0].tobytes() == expected[0].tobytes()
            np.testing.assert_array_equal(est.classes_, names)

    def test_labels_may_be_a_list_or_a_series_with_an_index_of_its_own(self, seed):
        X, T, y = draw(seed)
        expected = make(random_state=seed).fit_transform(X, T, y)[0]
        series = pd.Series(y, index=np.arange(len(y))[::-1])
        for labels in (y.tolist(), series, pd.Categorical(y)):
            Z = make(random_state=seed).fit_transform(X, T, labels)[0]
            assert Z.tobytes() == expected.tobytes()

    def test_multi_label_forms_are_alike(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        expected = make(random_state=seed).fit_transform(X, T, Y)[0]
        for form in (Y.tolist(), Y.astype(bool), Y.astype(float), sparse.csr_matrix(Y)):
            Z = make(random_state=seed).fit_transform(X, T, form)[0]
            assert Z.tobytes() == expected.tobytes()

    def test_single_labels_as_indicator_train_another_network(self, seed):
        # Sigmoid in place of softmax: the form of y decides, not its content.
        X, T, y = draw(seed)
        single = make(random_state=seed).fit(X, T, y)
        several = make(random_state=seed).fit(X, T, np.eye(4, dtype=int)[y])
        assert not same_bytes(state_of(single), state_of(several))


@EVERY_SEED
class TestEarlyStopping:
    def test_best_epoch_is_kept(self, seed):
        X, T, y = draw(seed)
        recorder = Recorder()
        est = make(
            early_stopping=True,
            max_epochs=200,
            lr=0.02,
            advanced={"n_iter_no_change": 3, "lr_scheduler": None, "tol": 0.0},
            callbacks=[recorder],
            random_state=seed,
        ).fit(X, T, y)
        scores = np.array([row["valid_score"] for row in est.history_])
        assert est.n_iter_ < 200
        assert scores.argmax() == est.n_iter_ - 1 - 3
        assert same_bytes(state_of(est), recorder.states[scores.argmax()])

    def test_score_is_that_of_the_held_out_pairs(self, seed):
        X, T, y = draw(seed)
        est = make(
            early_stopping=True,
            advanced={"validation_fraction": 0.25},
            random_state=seed,
        ).fit(X, T, y)
        inner_seed = np.random.RandomState(seed).randint(2**31 - 1)
        train, valid = train_test_split(
            np.arange(len(y)), test_size=0.25, stratify=y, random_state=inner_seed
        )
        np.testing.assert_allclose(est.image_mean_, X[train].mean(axis=0))
        best = max(row["valid_score"] for row in est.history_)
        assert est.score(X[valid], T[valid], y[valid]) == pytest.approx(best, abs=1e-4)

    @pytest.mark.parametrize("validation", ["stratified", "class_disjoint"])
    def test_held_out_pairs_do_not_reach_the_training(self, seed, validation):
        X, T, y = draw(seed)
        options = {
            "early_stopping": validation,
            "advanced": {"validation_fraction": 0.25, "n_iter_no_change": 1000},
            "random_state": seed,
        }
        recorders = Recorder(), Recorder()
        est = make(**options, callbacks=[recorders[0]]).fit(X, T, y)
        train, valid = split_off_validation(
            y, est, np.random.RandomState(seed).randint(2**31 - 1)
        )
        assert len(set(train) & set(valid)) == 0
        X_changed, T_changed = X.copy(), T.copy()
        X_changed[valid] = 100 * X[np.roll(valid, 1)]
        T_changed[valid] = -T[valid]
        other = make(**options, callbacks=[recorders[1]]).fit(X_changed, T_changed, y)
        for one, same in zip(recorders[0].states, recorders[1].states, strict=True):
            assert same_bytes(one, same)
        for name in ("train_loss", *TERMS):
            assert [r[name] for r in est.history_] == [r[name] for r in other.history_]
        scores = [[r["valid_score"] for r in e.history_] for e in (est, other)]
        assert scores[0] != scores[1]

    def test_class_disjoint_validation_holds_out_whole_classes(self, seed):
        X, T, y = draw(seed)
        est = make(
            early_stopping="class_disjoint",
            advanced={"validation_fraction": 0.5},
            random_state=seed,
        ).fit(X, T, y)
        held_out = np.setdiff1d(y, est.classes_)
        assert len(held_out) == len(est.classes_) == 2
        seen = np.isin(y, est.classes_)
        np.testing.assert_allclose(est.text_mean_, T[seen].mean(axis=0))
        assert est.net_.module_.classifier.weight.shape == (2, 4, 2)
        best = max(row["valid_score"] for row in est.history_)
        score = est.score(X[~seen], T[~seen], y[~seen])
        assert score == pytest.approx(best, abs=1e-4)

    def test_held_out_classes_need_no_embedding(self, seed):
        X, T, y = draw(seed)
        options = {
            "early_stopping": "class_disjoint",
            "advanced": {"validation_fraction": 0.25},
            "random_state": seed,
        }
        classes = make(**options).fit(X, T, y).classes_
        vectors = {label: [label, 1.0] for label in classes}
        est = make(**options, class_embeddings=vectors).fit(X, T, y)
        assert est.class_embeddings_.shape == (2, 2)

    def test_two_classes_are_held_out_at_least(self, seed):
        # One class alone is ranked perfectly by any network.
        X, T, y = draw(seed)
        est = make(early_stopping="class_disjoint", random_state=seed)
        assert len(est.fit(X, T, y).classes_) == 2
        assert any(row["valid_score"] < 1 for row in est.history_)

    def test_pairs_without_a_class_are_not_scored(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        Y[::3] = 0
        est = make(early_stopping=True, advanced={"validation_fraction": 0.3}).fit(
            X, T, Y
        )
        assert all(0 < row["valid_score"] <= 1 for row in est.history_)

    def test_no_validation_unless_asked(self, seed):
        est = make(random_state=seed).fit(*draw(seed))
        assert "valid_score" not in est.history_[-1]


class TestInterruption:
    def test_a_user_who_stops_the_training_is_heard(self):
        # skorch would return a half-trained net as if nothing had happened.
        with pytest.raises(KeyboardInterrupt):
            make(callbacks=[StopAt("batch")]).fit(*draw())

    def test_also_while_held_out_pairs_are_scored(self, monkeypatch):
        n_scores = iter(range(10))

        def stop_at_the_third(*args, **kwargs):
            if next(n_scores) == 2:
                raise KeyboardInterrupt
            return 0.5

        monkeypatch.setattr(_msln_training, "cross_modal_score", stop_at_the_third)
        est = make(early_stopping=True, max_epochs=8)
        with pytest.raises(KeyboardInterrupt):
            est.fit(*draw())
        assert est.n_iter_ == 3
        assert not est.net_.is_interrupted

    def test_a_callback_may_stop_between_epochs(self):
        assert make(callbacks=[StopAt("epoch")]).fit(*draw()).n_iter_ == 2


class TestProgress:
    def test_silent_by_default(self, capfd):
        make(early_stopping=True, advanced={"n_iter_no_change": 1}, max_epochs=30).fit(
            *draw()
        )
        assert capfd.readouterr() == ("", "")

    def test_one_is_a_progress_bar(self, capfd):
        make(verbose=1, max_epochs=5).fit(*draw())
        out, err = capfd.readouterr()
        assert out == ""
        assert "MSLN" in err
        assert "5/5" in err
        assert "loss=" in err

    def test_two_is_a_table(self, capfd):
        make(verbose=2).fit(*draw())
        out, _ = capfd.readouterr()
        assert "train_loss" in out
        assert "adversarial_loss" in out

    def test_callbacks_of_the_user_are_called(self):
        recorder = Recorder()
        est = make(callbacks=[recorder]).fit(*draw())
        assert len(recorder.states) == est.n_iter_
        assert est.callbacks == [recorder]


class TestClassEmbeddings:
    vectors = {label: np.array([label, 1.0, -label]) for label in range(9)}

    def test_one_hot_by_default(self):
        est = make().fit(*draw())
        np.testing.assert_array_equal(est.class_embeddings_, np.eye(4))

    @pytest.mark.parametrize(
        "container",
        [
            dict,
            OrderedDict,
            lambda d: pd.DataFrame(d).T,
            lambda d: pd.DataFrame(d).T.sample(frac=1, random_state=0),
            pd.Series,
        ],
        ids=["dict", "OrderedDict", "DataFrame", "shuffled", "Series"],
    )
    def test_containers(self, container):
        X, T, y = draw()
        est = make(class_embeddings=container(self.vectors)).fit(X, T, y + 2)
        expected = np.stack([self.vectors[label] for label in (2, 3, 4, 5)])
        np.testing.assert_array_equal(est.class_embeddings_, expected)
        assert est.net_.module_.class_embeddings.shape == (4, 3)

    def test_labels_of_strings(self):
        X, T, y = draw()
        names = np.array(["ant", "bee", "cow", "dog"])
        vectors = {name: [float(i)] for i, name in enumerate(names)}
        est = make(class_embeddings=vectors).fit(X, T, names[y])
        np.testing.assert_array_equal(est.class_embeddings_.ravel(), [0, 1, 2, 3])

    def test_columns_are_the_labels_of_an_indicator(self):
        X, T, y = draw()
        est = make(class_embeddings=self.vectors).fit(X, T, multi_label(y))
        assert est.class_embeddings_.shape == (4, 3)

    def test_they_change_the_training(self):
        X, T, y = draw()
        one = make().fit_transform(X, T, y)[0]
        other = make(class_embeddings=self.vectors).fit_transform(X, T, y)[0]
        assert not np.array_equal(one, other)

    @pytest.mark.parametrize("block", BLOCKS)
    def test_of_all_blocks_only_reconstructions_read_them(self, block):
        X, T, y = draw()
        est = make(class_embeddings=self.vectors, block_weights={block: 1})
        est.fit(X, T, y)
        for encoder, features in ((est.image_encoder_, X), (est.text_encoder_, T)):
            (part,) = encoder.blocks
            assert hasattr(part, "class_embeddings") == (block == "reconstruction")
            if block == "reconstruction":
                zeros = np.zeros_like(part.class_embeddings)
                other = replace(encoder, blocks=[replace(part, class_embeddings=zeros)])
                assert np.abs(other(features) - encoder(features)).max() > 1e-3

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({3: [1.0]}, r"one vector per label.* Got shapes \[\(1,\), \(3,\)\]"),
            ({3: [np.nan, 0, 0]}, r"must be finite.* 1 labels, such as \[3\]"),
            ({3: [np.inf, 0, 0]}, "must be finite"),
            ({3: np.eye(3)}, "one vector per label"),
        ],
        ids=["widths", "nan", "infinity", "matrix"],
    )
    def test_bad_vectors(self, change, match):
        with pytest.raises(ValueError, match=match):
            make(class_embeddings={**self.vectors, **change}).fit(*draw())

    def test_missing_label(self):
        vectors = {label: self.vectors[label] for label in (0, 2)}
        with pytest.raises(ValueError, match=r"none for 2 of 4 labels, .*\[1, 3\]"):
            make(class_embeddings=vectors).fit(*draw())

    def test_label_twice_in_a_frame(self):
        frame = pd.DataFrame(self.vectors).T
        with pytest.raises(ValueError, match="one vector per label"):
            make(class_embeddings=pd.concat([frame, frame])).fit(*draw())

    def test_plain_matrix_has_no_labels(self):
        with pytest.raises(TypeError, match=r"mapping from label .* Got ndarray"):
            make(class_embeddings=np.eye(4)).fit(*draw())

    def test_wrong_type(self):
        with pytest.raises(ValueError, match=r"'class_embeddings' .* Got 'glove'"):
            make(class_embeddings="glove").fit(*draw())


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "match"),
        [
            (
                {"advanced": {"optimizer": "Adamant"}},
                r"class of torch\.optim .* Got 'Adamant'",
            ),
            ({"advanced": {"optimizer": "lr_scheduler"}}, r"class of torch\.optim"),
            ({"advanced": {"optimizer": dict}}, r"class of torch\.optim"),
            ({"device": "abacus"}, "device must be .* Got 'abacus'"),
            ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes .* Got \(8, 0\)"),
            ({"hidden_layer_sizes": (8.5,)}, r"hidden_layer_sizes .* Got \(8\.5,\)"),
            ({"hidden_layer_sizes": 8}, "'hidden_layer_sizes' .* Got 8"),
            (
                {"advanced": {"discriminator_layer_sizes": (-1,)}},
                "discriminator_layer_sizes .* Got",
            ),
            ({"advanced": {"activation": "gelu"}}, "'activation' .* Got 'gelu'"),
            ({"dropout": 1.0}, r"'dropout' .* Got 1\.0"),
            ({"correlation_weight": -1}, "'correlation_weight' .* Got -1"),
            ({"lr": 0}, "'lr' .* Got 0"),
            ({"n_estimators": 0}, "'n_estimators' .* Got 0"),
            ({"n_input_components": 0}, "'n_input_components' .* Got 0"),
            *(
                ({"n_input_components": wrong}, r"n_input_components must .* Got \(")
                for wrong in [
                    (),
                    (8,),
                    (8, 4),
                    (0, 8),
                    (0.0, 8),
                    (1.5, 8),
                    (4, 8.0),
                    (4, None),
                    ("4", 8),
                    (0.5, 0),
                    (1, 2, 3),
                    (None, 8),
                ]
            ),
            ({"early_stopping": "disjoint"}, "'early_stopping' .* Got 'disjoint'"),
            ({"advanced": {"temprature": 1}}, r"no other keys .* temperature.* Got \["),
            ({"advanced": {"lr": 1}}, r"no other keys than .* Got \['lr'\]"),
            (
                {"advanced": {"n_contrastive_components": 0}},
                "'n_contrastive_components' .* Got 0",
            ),
            ({"contrastive_weight": -1}, "'contrastive_weight' .* Got -1"),
            ({"advanced": {"temperature": 0}}, "'temperature' .* Got 0"),
            ({"target_classes": "all"}, "'target_classes' .* Got 'all'"),
            ({"block_weights": "code"}, "'block_weights' .* Got 'code'"),
            ({"block_weights": {"code": -1}}, "block_weights .* Got {'code': -1}"),
            ({"block_weights": {"colour": 1}}, r"block_weights .* Got \['colour'\]"),
            ({"max_epochs": 0}, "'max_epochs' .* Got 0"),
            ({"lr": 1e12, "max_epochs": 50}, r"losses finite.* lr=1000000000000\.0"),
        ],
        ids=str,
    )
    def test_parameters(self, params, match):
        with pytest.raises(ValueError, match=match):
            make(**params).fit(*draw())

    @pytest.mark.skipif(
        torch.cuda.is_available(), reason="needs a machine without CUDA"
    )
    @pytest.mark.parametrize("device", ["cuda", "cuda:1"])
    def test_device_that_is_not_there(self, device):
        with pytest.raises(ValueError, match=f"device must be .* Got '{device}'"):
            make(device=device).fit(*draw())

    def test_no_labels(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match=r"requires y .* CCARetriever"):
            make().fit(X, T)

    def test_continuous_labels(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match="continuous"):
            make().fit(X, T, y + 0.5 * X[:, 0])

    def test_two_columns_of_class_numbers(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match=r"binary indicator .*\(120, 2\)"):
            make().fit(X, T, np.stack([y, y], axis=1))

    def test_labels_of_another_length(self):
        X, T, y = draw()
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples"):
            make().fit(X, T, y[:-1])

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e6 + 0.1])
    def test_constant_modality(self, value):
        X, T, y = draw()
        constant = np.full((120, 33), value)
        with pytest.raises(ValueError, match="text features must vary"):
            make().fit(X, constant, y)
        with pytest.raises(ValueError, match="image features must vary"):
            make().fit(sparse.csr_matrix(constant), T, y)

    def test_class_disjoint_validation_of_several_labels(self):
        X, T, y = draw()
        est = make(early_stopping="class_disjoint")
        with pytest.raises(ValueError, match="Multi-label samples link their classes"):
            est.fit(X, T, multi_label(y))

    def test_class_disjoint_validation_of_one_class(self):
        X, T, y = draw()
        est = make(early_stopping="class_disjoint")
        with pytest.raises(ValueError, match="classes of their own"):
            est.fit(X, T, np.zeros_like(y))

    def test_more_classes_than_held_out_pairs(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match=r"validation_fraction=0\.1 for 120 pairs"):
            make(early_stopping=True).fit(X, T, np.arange(120) // 3)
