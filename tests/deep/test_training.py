"""Batches, schedules and callbacks of the training loop."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_xmodal.deep._training import (
    PairDataset,
    ReversalSchedule,
    ShuffledBatches,
    Side,
    reversal_strength,
)
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


class TestReversalStrength:
    @pytest.mark.parametrize(
        ("progress", "expected"),
        [(0.0, 0.0), (0.5, 2 / (1 + math.exp(-5)) - 1), (1.0, math.tanh(5))],
    )
    def test_values_of_the_paper(self, progress, expected):
        assert reversal_strength(progress) == pytest.approx(expected, abs=1e-15)

    def test_rises_from_zero_to_almost_one(self):
        values = [reversal_strength(p) for p in np.linspace(0, 1, 50)]
        assert values[0] == 0
        assert (np.diff(values) > 0).all()
        assert 0.9999 < values[-1] < 1

    def test_schedule_counts_steps_and_starts_anew_with_every_training(self):
        class Reversal:
            strength = None

        class Net:
            class module_:  # noqa: N801
                reversal = Reversal()

        schedule = ReversalSchedule(n_steps=4)
        for _ in range(2):
            schedule.on_train_begin(Net)
            seen = []
            for _ in range(4):
                schedule.on_batch_begin(Net, training=True)
                seen.append(Net.module_.reversal.strength)
            assert seen == [reversal_strength(p) for p in (0, 0.25, 0.5, 0.75)]


def make_sides(seed, n=23, sparse_text=False):
    rng = np.random.default_rng(seed)
    X, T = rng.standard_normal((n, 4)), rng.standard_normal((n, 3))
    T[rng.random(T.shape) < 0.5] = 0
    image = Side(X, X.mean(axis=0), 2.0, "cpu")
    text = Side(sparse.csr_matrix(T) if sparse_text else T, T.mean(axis=0), 0.5, "cpu")
    return X, T, image, text


@EVERY_SEED
class TestBatches:
    @pytest.mark.parametrize("sparse_text", [False, True])
    @pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
    def test_one_pass_sees_every_pair_once(self, seed, batch_size, sparse_text):
        X, T, image, text = make_sides(seed, sparse_text=sparse_text)
        data = PairDataset(image, text, np.arange(23))
        batches = ShuffledBatches(data, batch_size, torch.Generator().manual_seed(seed))
        parts = list(batches)
        assert len(parts) == len(batches) == math.ceil(23 / batch_size)
        order = torch.cat([target for _, target in parts]).numpy()
        np.testing.assert_array_equal(np.sort(order), np.arange(23))
        for inputs, target in parts:
            rows = target.numpy()
            expected_image = (X[rows] - X.mean(axis=0)) / 2.0
            expected_text = (T[rows] - T.mean(axis=0)) / 0.5
            np.testing.assert_allclose(inputs["image"], expected_image, atol=1e-6)
            np.testing.assert_allclose(inputs["text"], expected_text, atol=1e-6)
            assert torch.equal(inputs["target"], target)
            assert inputs["text"].dtype == torch.float32

    def test_passes_are_shuffled_anew(self, seed):
        _, _, image, text = make_sides(seed)
        data = PairDataset(image, text, np.arange(23))
        batches = ShuffledBatches(data, 23, torch.Generator().manual_seed(seed))
        ((_, first),), ((_, second),) = list(batches), list(batches)
        assert not torch.equal(first, second)

    def test_sparse_rows_become_dense_by_the_batch_only(self, seed, monkeypatch):
        _, _, _, text = make_sides(seed, sparse_text=True)
        heights = []
        toarray = sparse.csr_matrix.toarray

        def spy(self, *args, **kwargs):
            heights.append(self.shape[0])
            return toarray(self, *args, **kwargs)

        monkeypatch.setattr(sparse.csr_matrix, "toarray", spy)
        text.rows(torch.tensor([3, 1, 4]))
        text.rows(slice(0, 5))
        assert heights == [3, 5]
