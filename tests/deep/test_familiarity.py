"""How much items look like those of training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep._arrays import TorchArrays
from sklearn_xmodal.deep.blocks._familiarity import fit_familiarity
from sklearn_xmodal.deep.blocks._variates import landmark_rows
from sklearn_xmodal.encoders import _arrays
from tests.conftest import SEEDS
from tests.deep.oracles import familiarity, unit

ON = TorchArrays("cpu")
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def codes(seed, n, width=6):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(unit(rng.standard_normal((n, width))))


@EVERY_SEED
def test_it_is_that_of_plain_numpy(seed):
    train, new = codes(seed, 50), codes(seed + 50, 20)
    found = fit_familiarity(train).of(new, ON)
    assert found.shape == (20, 1)
    np.testing.assert_allclose(
        found[:, 0], familiarity(train.numpy(), new.numpy()), rtol=1e-9
    )


@EVERY_SEED
def test_it_falls_with_the_distance(seed):
    directions = codes(seed, 80).numpy()
    one_side = directions * [3, 1, 1, 1, 1, 1]
    one_side[:, 0] = abs(one_side[:, 0])
    train, other = (torch.from_numpy(unit(sign * one_side)) for sign in (1, -1))
    found = fit_familiarity(train[:50])
    near, far = found.of(train[50:], ON), found.of(other[50:], ON)
    assert near.median() > 0.5 > far.median()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_landmarks_are_enough(n):
    found = fit_familiarity(codes(0, n)).of(codes(1, 5), ON)
    assert torch.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_copies_of_one_landmark_are_told_from_others():
    one = codes(0, 1)
    found = fit_familiarity(one.expand(9, -1)).of(torch.cat([one, -one]), ON)
    assert found[0] > 0.7
    assert found[1] < 1e-6


@pytest.mark.parametrize("n", [1, 7, 300, 5000])
def test_landmarks_are_different_rows_in_order(n):
    rows = landmark_rows(n, np.random.RandomState(0)).numpy()
    assert len(rows) == min(n, 300)
    assert (np.diff(rows) > 0).all()
    assert 0 <= rows[0] <= rows[-1] < n


@EVERY_SEED
def test_items_of_seen_classes_are_more_familiar(seed):
    X, T, y = make_paired_modalities(600, n_classes=8, class_sep=3.0, random_state=seed)
    rng = np.random.default_rng(seed)
    is_new = rng.random(len(y)) < 0.3
    train = (y < 4) & ~is_new
    msln = MSLNRetriever(
        16, hidden_layer_sizes=(64,), max_steps=150, random_state=seed, device="cpu"
    ).fit(X[train], T[train], y[train])
    for encoder, features in ((msln.image_encoder_, X), (msln.text_encoder_, T)):
        code = replace(encoder, blocks=[encoder.familiar_code], block_weights=[1.0])
        Z = code(features[is_new].astype(np.float32))
        g = encoder.familiarity.of(Z, _arrays)[:, 0]
        assert roc_auc_score(y[is_new] < 4, g) > 0.7
