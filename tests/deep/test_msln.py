"""The estimator: learning, determinism, validation, class embeddings and errors."""

import math
import pickle
import subprocess
import sys
import textwrap
import threading
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklearn_xmodal import MSLNRetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep import _msln
from sklearn_xmodal.deep._training import reversal_strength
from sklearn_xmodal.metrics import cross_modal_score
from tests.conftest import SEEDS

TERMS = {
    "correlation_loss",
    "reconstruction_loss",
    "adversarial_loss",
    "classification_loss",
}
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def make(**params):
    """Make a small retriever that trains in milliseconds."""
    fast = {
        "n_components": 4,
        "hidden_layer_sizes": (8,),
        "discriminator_layer_sizes": (8,),
        "max_epochs": 4,
        "batch_size": 32,
        "device": "cpu",
        "random_state": 0,
    }
    return MSLNRetriever(**{**fast, **params})


def draw(seed=0, n=120, **params):
    return make_paired_modalities(n, n_classes=4, random_state=seed, **params)


def multi_label(y, seed=0):
    """Add a second class to every other item."""
    Y = np.eye(4, dtype=int)[y]
    Y[np.arange(0, len(y), 2), np.random.default_rng(seed).integers(4)] = 1
    return Y


def state_of(est):
    return {k: v.numpy().copy() for k, v in est.net_.module_.state_dict().items()}


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
        est = MSLNRetriever(16, max_steps=200, random_state=seed)
        est.fit(X[:200], T[:200], y[:200])
        codes = est.transform(X[200:], T[200:])
        for direction in ("image_to_text", "text_to_image"):
            score = cross_modal_score(*codes, y[200:], direction=direction)
            assert score > 0.7, (direction, score)  # chance is 0.27

    def test_several_labels_per_pair_are_learnt(self, seed):
        X, T, y = draw(seed, 300, class_sep=3.0)
        Y = multi_label(y, seed)
        est = MSLNRetriever(16, max_steps=200, random_state=seed)
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
        for name in ("classification_loss", "reconstruction_loss"):
            assert est.history_[-1, name] < est.history_[0, name]

    def test_recorded_total_is_the_weighted_sum_of_the_terms(self, seed):
        X, T, y = draw(seed, 64)
        weights = {
            "correlation_weight": 0.5,
            "reconstruction_weight": 0.0,
            "adversarial_weight": 2.0,
            "classification_weight": 0.25,
        }
        est = make(random_state=seed, batch_size=64, **weights).fit(X, T, y)
        for row in est.history_:
            total = sum(
                w * row[k.replace("weight", "loss")] for k, w in weights.items()
            )
            assert row["train_loss"] == pytest.approx(total, rel=1e-5)

    def test_first_losses_are_those_of_an_untrained_network(self, seed):
        X, T, y = draw(seed, 64)
        est = make(batch_size=64, max_epochs=1, random_state=seed).fit(X, T, y)
        first = est.history_[0]
        assert first["adversarial_loss"] == pytest.approx(math.log(2), abs=0.15)
        assert first["classification_loss"] == pytest.approx(2 * math.log(4), abs=0.8)

    def test_discriminator_learns_where_the_encoders_do_not_resist(
        self, seed, monkeypatch
    ):
        X, T, y = draw(seed)
        monkeypatch.setattr(
            "sklearn_xmodal.deep._training.reversal_strength", lambda progress: 0.0
        )
        est = make(
            max_epochs=100,
            discriminator_layer_sizes=(32,),
            correlation_weight=0,
            adversarial_weight=1.0,
            dropout=0,
            input_dropout=0,
            lr=0.01,
            random_state=seed,
        ).fit(X, T, y)
        assert est.history_[-1, "adversarial_loss"] < math.log(2) - 0.1

    def test_correlation_term_pulls_the_codes_of_a_pair_together(self, seed):
        X, T, y = draw(seed)
        distances = []
        for weight in (0.0, 1.0):
            est = make(max_epochs=40, correlation_weight=weight, random_state=seed)
            Z_img, Z_txt = est.fit_transform(X, T, y)
            distances.append(np.square(Z_img - Z_txt).sum())
        assert distances[1] < distances[0]

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


class TestSteps:
    @pytest.mark.parametrize(
        ("n", "max_steps", "epochs"), [(96, 12, 4), (97, 12, 3), (96, 13, 5), (9, 7, 7)]
    )
    def test_max_steps_are_rounded_up_to_whole_epochs(self, n, max_steps, epochs):
        est = make(max_epochs=None, max_steps=max_steps).fit(*draw(0, n))
        assert est.n_iter_ == len(est.history_) == epochs
        steps = sum(len(row["batches"]) for row in est.history_)
        assert steps == epochs * math.ceil(n / 32)

    def test_max_epochs_goes_before_max_steps(self):
        assert make(max_epochs=3, max_steps=1).fit(*draw()).n_iter_ == 3

    def test_cosine_brings_the_rate_to_zero(self):
        X, T, y = draw()
        est = make(lr=0.01).fit(X, T, y)
        assert est.net_.optimizer_.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
        est = make(lr=0.01, lr_scheduler=None).fit(X, T, y)
        assert est.net_.optimizer_.param_groups[0]["lr"] == 0.01

    @pytest.mark.parametrize(
        "optimizer", ["SGD", "RMSprop", "Adagrad", torch.optim.Adam]
    )
    def test_optimizers_of_torch(self, optimizer):
        est = make(optimizer=optimizer, weight_decay=0.25).fit(*draw())
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


def test_a_net_trained_elsewhere_predicts_where_it_was_loaded():
    # skorch moves the weights to the CPU where the device of training is missing.
    X, T, y = draw()
    est = make().fit(X, T, y)
    expected = est.transform_image(X)
    est.device_ = "cuda:9"
    copy = pickle.loads(pickle.dumps(est))
    assert copy.transform_image(X).tobytes() == expected.tobytes()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_and_cpu_learn_alike():
    X, T, y = draw(n=300, class_sep=3.0)
    scores = [
        MSLNRetriever(16, max_steps=200, device=device, random_state=0)
        .fit(X[:200], T[:200], y[:200])
        .score(X[200:], T[200:], y[200:])
        for device in ("cpu", "cuda")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_bytes():
    code = textwrap.dedent(
        """
        import hashlib
        from sklearn_xmodal import MSLNRetriever
        from sklearn_xmodal.datasets import make_paired_modalities
        X, T, y = make_paired_modalities(120, n_classes=4, random_state=0)
        est = MSLNRetriever(4, max_epochs=4, device="cpu", random_state=0)
        Z = est.fit(X, T, y).transform_image(X)
        print(hashlib.sha256(Z.tobytes()).hexdigest())
        """
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert len(runs[0].stdout.strip()) == 64
    assert runs[0].stdout == runs[1].stdout


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
        np.testing.assert_allclose(est.transform_image(X[7:8]), whole[7:8], atol=1e-6)
        monkeypatch.setattr(_msln, "_ENCODE_ROWS", 7)
        np.testing.assert_allclose(est.transform_image(X), whole, atol=1e-6)

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
            n_iter_no_change=3,
            lr=0.02,
            lr_scheduler=None,
            tol=0.0,
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
            early_stopping=True, validation_fraction=0.25, random_state=seed
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
            "early_stopping": True,
            "validation": validation,
            "validation_fraction": 0.25,
            "n_iter_no_change": 1000,
            "random_state": seed,
        }
        recorders = Recorder(), Recorder()
        est = make(**options, callbacks=[recorders[0]]).fit(X, T, y)
        train, valid = est._split_off_validation(
            y, np.random.RandomState(seed).randint(2**31 - 1)
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
            early_stopping=True,
            validation="class_disjoint",
            validation_fraction=0.5,
            random_state=seed,
        ).fit(X, T, y)
        held_out = np.setdiff1d(y, est.classes_)
        assert len(held_out) == len(est.classes_) == 2
        seen = np.isin(y, est.classes_)
        np.testing.assert_allclose(est.text_mean_, T[seen].mean(axis=0))
        assert est.net_.module_.classifier.out_features == 2
        best = max(row["valid_score"] for row in est.history_)
        score = est.score(X[~seen], T[~seen], y[~seen])
        assert score == pytest.approx(best, abs=1e-4)

    def test_held_out_classes_need_no_embedding(self, seed):
        X, T, y = draw(seed)
        options = {
            "early_stopping": True,
            "validation": "class_disjoint",
            "validation_fraction": 0.25,
            "random_state": seed,
        }
        classes = make(**options).fit(X, T, y).classes_
        vectors = {label: [label, 1.0] for label in classes}
        est = make(**options, class_embeddings=vectors).fit(X, T, y)
        assert est.class_embeddings_.shape == (2, 2)

    def test_two_classes_are_held_out_at_least(self, seed):
        # One class alone is ranked perfectly by any network.
        X, T, y = draw(seed)
        est = make(early_stopping=True, validation="class_disjoint", random_state=seed)
        assert len(est.fit(X, T, y).classes_) == 2
        assert any(row["valid_score"] < 1 for row in est.history_)

    def test_pairs_without_a_class_are_not_scored(self, seed):
        X, T, y = draw(seed)
        Y = multi_label(y, seed)
        Y[::3] = 0
        est = make(early_stopping=True, validation_fraction=0.3).fit(X, T, Y)
        assert all(0 < row["valid_score"] <= 1 for row in est.history_)

    def test_no_validation_unless_asked(self, seed):
        est = make(random_state=seed).fit(*draw(seed))
        assert "valid_score" not in est.history_[-1]


class TestInterruption:
    def test_a_user_who_stops_the_training_is_heard(self):
        # skorch would return a half-trained net as if nothing had happened.
        with pytest.raises(KeyboardInterrupt):
            make(callbacks=[StopAt("batch")]).fit(*draw())

    def test_a_callback_may_stop_between_epochs(self):
        assert make(callbacks=[StopAt("epoch")]).fit(*draw()).n_iter_ == 2


class TestProgress:
    def test_silent_by_default(self, capfd):
        make(early_stopping=True, n_iter_no_change=1, max_epochs=30).fit(*draw())
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

    def test_they_do_not_take_part_in_prediction(self):
        X, T, y = draw()
        est = make(class_embeddings=self.vectors).fit(X, T, y)
        before = est.transform(X, T)
        est.class_embeddings_ += 1
        est.net_.module_.class_embeddings.zero_()
        after = est.transform(X, T)
        assert before[0].tobytes() == after[0].tobytes()
        assert before[1].tobytes() == after[1].tobytes()

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
            ({"optimizer": "Adamant"}, r"class of torch\.optim .* Got 'Adamant'"),
            ({"optimizer": "lr_scheduler"}, r"class of torch\.optim"),
            ({"optimizer": dict}, r"class of torch\.optim"),
            ({"device": "abacus"}, "device must be .* Got 'abacus'"),
            ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes .* Got \(8, 0\)"),
            ({"hidden_layer_sizes": (8.5,)}, r"hidden_layer_sizes .* Got \(8\.5,\)"),
            ({"hidden_layer_sizes": 8}, "'hidden_layer_sizes' .* Got 8"),
            ({"discriminator_layer_sizes": (-1,)}, "discriminator_layer_sizes .* Got"),
            ({"activation": "gelu"}, "'activation' .* Got 'gelu'"),
            ({"dropout": 1.0}, r"'dropout' .* Got 1\.0"),
            ({"correlation_weight": -1}, "'correlation_weight' .* Got -1"),
            ({"lr": 0}, "'lr' .* Got 0"),
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
        est = make(early_stopping=True, validation="class_disjoint")
        with pytest.raises(ValueError, match="Multi-label samples link their classes"):
            est.fit(X, T, multi_label(y))

    def test_class_disjoint_validation_of_one_class(self):
        X, T, y = draw()
        est = make(early_stopping=True, validation="class_disjoint")
        with pytest.raises(ValueError, match="classes of their own"):
            est.fit(X, T, np.zeros_like(y))

    def test_more_classes_than_held_out_pairs(self):
        X, T, _ = draw()
        with pytest.raises(ValueError, match=r"validation_fraction=0\.1 for 120 pairs"):
            make(early_stopping=True).fit(X, T, np.arange(120) // 3)
