"""A training that was cut short goes on and ends as if nothing had happened."""

import copy
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep._labels import split_off_validation
from sklearn_xmodal.deep.training import _checkpoint
from tests.conftest import SEEDS, thorough_but

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
VARIANTS = {
    "plain": {},
    "seen": {"target_classes": "seen"},
    "early stopping": {
        "early_stopping": True,
        "advanced": {"validation_fraction": 0.3},
    },
    "constant rate": {"advanced": {"lr_scheduler": None}},
    "momentum": {"advanced": {"optimizer": "SGD"}, "lr": 0.01},
}


def make(**params):
    fast = {
        "n_components": 4,
        "n_estimators": 2,
        "hidden_layer_sizes": (8,),
        "max_epochs": 6,
        "batch_size": 32,
        "device": "cpu",
        "random_state": 0,
    }
    small = {"n_contrastive_components": 3, "discriminator_layer_sizes": (8,)}
    advanced = {**small, **params.get("advanced", {})}
    return MSLNRetriever(**{**fast, **params, "advanced": advanced})


def draw(seed=0, n=120):
    return make_paired_modalities(n, n_classes=4, random_state=seed)


def bytes_of(est):
    return {k: v.numpy().tobytes() for k, v in est.net_.module_.state_dict().items()}


class KilledError(Exception):
    """Stands for a process that ends."""


class KillAt(Callback):
    """Ends the training within an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KilledError


class CountSteps(Callback):
    """Counts the steps of a training."""

    n_steps = 0

    def on_batch_end(self, net, **kwargs):
        self.n_steps += 1


def kill(est, epoch, folder, data):
    """Fit a clone until some epoch."""
    est = clone(est).set_params(callbacks=[KillAt(epoch)], checkpoint_dir=folder)
    with pytest.raises(KilledError):
        est.fit(*data)


@EVERY_SEED
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("epoch", thorough_but([5], [2, 5]))
def test_resumed_training_ends_with_the_same_bytes(seed, variant, epoch, tmp_path):
    data = draw(seed)
    est = make(random_state=seed, **VARIANTS[variant])
    whole = clone(est).fit(*data)
    kill(est, epoch, tmp_path, data)
    est.set_params(checkpoint_dir=tmp_path).fit(*data)
    assert bytes_of(est) == bytes_of(whole)
    np.testing.assert_array_equal(
        est.transform_text(data[1]), whole.transform_text(data[1])
    )
    assert est.n_iter_ == whole.n_iter_
    assert [row["train_loss"] for row in est.history_] == [
        row["train_loss"] for row in whole.history_
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_finished_training_is_not_repeated(variant, tmp_path):
    data = draw()
    est = make(checkpoint_dir=tmp_path, **VARIANTS[variant])
    whole, steps = clone(est).fit(*data), CountSteps()
    again = est.set_params(callbacks=[steps]).fit(*data)
    assert bytes_of(again) == bytes_of(whole)
    assert again.n_iter_ == 6
    assert steps.n_steps == 0


def test_another_spelling_of_a_default_is_no_other_training(tmp_path):
    data = draw()
    whole = make(checkpoint_dir=tmp_path).fit(*data)
    same = make(checkpoint_dir=tmp_path, advanced={"tol": 1e-4}).fit(*data)
    assert bytes_of(same) == bytes_of(whole)


def test_a_warm_start_is_a_training_of_its_own(tmp_path):
    # A checkpoint of the fit before must not pass for one of the training after it.
    data = draw()
    est = make(warm_start=True, checkpoint_dir=tmp_path / "first").fit(*data)
    with pytest.raises(ValueError, match="which is another's"):
        est.fit(*data)
    before = copy.deepcopy(est).set_params(checkpoint_dir=tmp_path / "second")
    whole = copy.deepcopy(before).set_params(checkpoint_dir=None).fit(*data)
    killed = copy.deepcopy(before).set_params(callbacks=[KillAt(3)])
    with pytest.raises(KilledError):
        killed.fit(*data)
    assert bytes_of(before.fit(*data)) == bytes_of(whole) != bytes_of(est)


def test_only_the_last_checkpoint_is_kept(tmp_path):
    (tmp_path / "unfinished-of-a-killed-process").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    make(checkpoint_dir=tmp_path).fit(*draw())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch-000006", "notes.txt"]


CHILD = """
import sys
from tests.deep.test_checkpoint import draw, make
make(max_epochs=24, checkpoint_dir=sys.argv[1]).fit(*draw())
"""


@pytest.mark.parametrize("n_kills", thorough_but([1], [1, 6]))
def test_a_process_that_was_killed_anywhere_goes_on(n_kills, tmp_path, repository_root):
    data = draw()
    expected = bytes_of(make(max_epochs=24).fit(*data))
    rng = np.random.default_rng(0)
    for run in range(n_kills):
        folder = tmp_path / str(run)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)],
            cwd=repository_root,
        )
        while not list(folder.glob("epoch-*")):
            assert child.poll() is None
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        child.wait()
        est = make(max_epochs=24, checkpoint_dir=folder)
        assert bytes_of(est.fit(*data)) == expected


class TestRefusals:
    @pytest.mark.parametrize(
        "change",
        [
            {"lr": 0.1},
            {"max_epochs": 7},
            {"random_state": 1},
            {"advanced": {"weight_decay": 0}},
        ],
        ids=str,
    )
    def test_other_parameters(self, change, tmp_path):
        make(checkpoint_dir=tmp_path).fit(*draw())
        with pytest.raises(ValueError, match="same parameters and pairs"):
            make(checkpoint_dir=tmp_path, **change).fit(*draw())

    def test_other_pairs(self, tmp_path):
        make(checkpoint_dir=tmp_path).fit(*draw())
        with pytest.raises(ValueError, match="same parameters and pairs"):
            make(checkpoint_dir=tmp_path).fit(*draw(1))

    def test_same_items_in_other_pairs(self, tmp_path):
        # Means, labels and shapes are what they were.
        X, T, y = draw()
        make(checkpoint_dir=tmp_path).fit(X, T, y)
        first, second = np.flatnonzero(y == 0)[:2]
        X[[first, second]] = X[[second, first]]
        with pytest.raises(ValueError, match="same parameters and pairs"):
            make(checkpoint_dir=tmp_path).fit(X, T, y)

    def test_chance_that_is_not_fixed(self, tmp_path):
        with pytest.raises(
            ValueError, match=r"random_state to be an int.* Got RandomState"
        ):
            make(checkpoint_dir=tmp_path, random_state=np.random.RandomState(0)).fit(
                *draw()
            )

    def test_other_pairs_that_are_held_out(self, tmp_path):
        X, T, y = draw()
        est = make(checkpoint_dir=tmp_path, early_stopping=True).fit(X, T, y)
        _, valid = split_off_validation(
            y, est, np.random.RandomState(0).randint(2**31 - 1)
        )
        T[valid] = -T[valid]
        with pytest.raises(ValueError, match="same parameters and pairs"):
            est.fit(X, T, y)

    def test_checkpoint_of_another_training_is_not_overwritten(self, tmp_path):
        make(checkpoint_dir=tmp_path).fit(*draw())
        before = (tmp_path / "epoch-000006" / "weights.pt").read_bytes()
        with pytest.raises(ValueError, match="checkpoint_dir must hold no checkpoint"):
            make(checkpoint_dir=tmp_path, lr=0.1).fit(*draw())
        assert (tmp_path / "epoch-000006" / "weights.pt").read_bytes() == before

    @pytest.mark.parametrize("n_bytes", thorough_but([100], [0, 100]))
    @pytest.mark.parametrize(
        "name", ["state.pt", "weights.pt", "optimizer.pt", "history.json"]
    )
    def test_damaged_file(self, name, n_bytes, tmp_path):
        make(checkpoint_dir=tmp_path).fit(*draw())
        path = _checkpoint.checkpoints_in(tmp_path)[-1] / name
        path.write_bytes(path.read_bytes()[:n_bytes])
        with pytest.raises(
            ValueError, match="checkpoint_dir must hold a whole checkpoint"
        ):
            make(checkpoint_dir=tmp_path).fit(*draw())


class Spoil(Callback):
    """Makes the weights of an epoch infinite, as an exploding step would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training=False, **kwargs):
        if len(net.history) == self.epoch:
            next(net.module_.parameters()).data.fill_(np.inf)


class TestTrainingThatGoesAstray:
    def test_last_good_epoch_is_kept(self):
        X, T, y = draw()
        good = make(callbacks=[StopAfter(2)]).fit(X, T, y)
        est = make(callbacks=[Spoil(3)])
        with pytest.raises(ValueError, match=r"losses finite.* in epoch 3"):
            est.fit(X, T, y)
        assert bytes_of(est) == bytes_of(good)
        assert est.n_iter_ == len(est.history_) == 2
        np.testing.assert_array_equal(est.transform_text(T), good.transform_text(T))

    def test_the_term_is_named(self):
        est = make(lr=1e12, max_epochs=50)
        with pytest.raises(ValueError, match=r"\{'\w+_loss': .*Lower lr or the weight"):
            est.fit(*draw())

    def test_without_a_good_epoch_the_retriever_is_as_it_was(self):
        X, T, y = draw()
        est = make().fit(X, T, y).set_params(callbacks=[Spoil(1)])
        before = vars(est).copy()
        with pytest.raises(ValueError, match="losses finite"):
            est.fit(X[:90], T[:90, 1:], y[:90])
        assert vars(est) == before
        for train in ("fit", "partial_fit"):
            new = make(callbacks=[Spoil(1)])
            with pytest.raises(ValueError, match="losses finite"):
                getattr(new, train)(X, T, y)
            with pytest.raises(NotFittedError, match="not fitted yet"):
                new.transform_image(X)

    def test_checkpoints_hold_finite_weights_only(self, tmp_path):
        est = make(callbacks=[Spoil(3)], checkpoint_dir=tmp_path)
        with pytest.raises(ValueError, match="losses finite"):
            est.fit(*draw())
        assert [p.name for p in tmp_path.iterdir()] == ["epoch-000002"]

    def test_partial_fit_goes_back_to_where_it_was(self):
        X, T, y = draw()
        est = make().fit(X, T, y)
        before, codes = bytes_of(est), est.transform_text(T)
        est.set_params(lr=1e12, max_epochs=50)
        with pytest.raises(ValueError, match="losses finite"):
            est.partial_fit(X, T, y)
        assert bytes_of(est) == before
        np.testing.assert_array_equal(est.transform_text(T), codes)


class StopAfter(Callback):
    """Stops between two epochs."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class InterruptAt(Callback):
    """The user's Ctrl-C within an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class TestInterrupt:
    @pytest.mark.parametrize("epoch", [1, 3])
    @pytest.mark.parametrize("method", ["fit", "partial_fit"])
    def test_leaves_a_usable_retriever(self, epoch, method):
        X, T, y = draw()
        est = make(callbacks=[InterruptAt(epoch)])
        with pytest.raises(KeyboardInterrupt):
            getattr(est, method)(X, T, y)
        assert est.n_iter_ == epoch - 1
        assert 0 < est.score(X, T, y) <= 1
        assert all("train_loss" in row for row in est.history_)
