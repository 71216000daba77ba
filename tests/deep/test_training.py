"""Batches, schedules and callbacks of the training loop."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_xmodal.deep._msln_network import reversal_strength
from sklearn_xmodal.deep._preprocessing import InputMap, fit_input_map
from sklearn_xmodal.deep.training import (
    EvenBatches,
    PairDataset,
    PreparedSide,
    ReversalSchedule,
    ShuffledBatches,
    _data,
)
from sklearn_xmodal.deep.training._data import is_memory_mapped
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


def input_map(mean, scale):
    return InputMap(mean=mean, components=None, scale=scale)


def make_sides(seed, n=23, sparse_text=False):
    rng = np.random.default_rng(seed)
    X, T = rng.standard_normal((n, 4)), rng.standard_normal((n, 3))
    T[rng.random(T.shape) < 0.5] = 0
    image = PreparedSide(X, input_map(X.mean(axis=0), 2.0), "cpu")
    text_map = input_map(T.mean(axis=0), 0.5)
    text = PreparedSide(sparse.csr_matrix(T) if sparse_text else T, text_map, "cpu")
    return X, T, image, text


def write_map(path, X):
    """Return a float32 file of X, mapped for reading."""
    file = np.memmap(path, dtype=np.float32, mode="w+", shape=X.shape)
    file[:] = X
    file.flush()
    return np.memmap(path, dtype=np.float32, mode="r", shape=X.shape)


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

    @pytest.mark.parametrize("batch_size", [1, 5, 22, 23, 100])
    def test_even_batches_differ_by_one_row_at_most(self, seed, batch_size):
        _, _, image, text = make_sides(seed)
        data = PairDataset(image, text, np.arange(23))
        batches = EvenBatches(data, batch_size, torch.Generator().manual_seed(seed))
        parts = [target for _, target in batches]
        assert len(parts) == len(batches) == math.ceil(23 / batch_size)
        sizes = [len(target) for target in parts]
        assert max(sizes) - min(sizes) <= 1
        np.testing.assert_array_equal(np.sort(torch.cat(parts)), np.arange(23))

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


@EVERY_SEED
class TestSides:
    @pytest.fixture
    def features(self, seed):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((23, 6)) * [9, 5, 3, 1, 1, 1] + 4
        X[rng.random(X.shape) < 0.3] = 0
        return X.astype(np.float32)

    @pytest.mark.parametrize("n_directions", [None, 3])
    @pytest.mark.parametrize("kind", ["dense", "sparse", "mapped"])
    def test_rows_are_what_the_input_map_makes_of_them(
        self, seed, features, kind, n_directions, tmp_path, monkeypatch
    ):
        rng = np.random.RandomState(seed)
        input_map = fit_input_map(features, "image", n_directions, 0, rng)
        X = {
            "dense": lambda: features,
            "sparse": lambda: sparse.csr_array(features),
            "mapped": lambda: write_map(tmp_path / "X", features),
        }[kind]()
        side = PreparedSide(X, input_map, "cpu")
        components = np.eye(6) if n_directions is None else input_map.components
        expected = (features - input_map.mean) @ components.T / input_map.scale
        assert side.width == (n_directions or 6)
        index = torch.tensor([20, 3, 3, 11])
        np.testing.assert_allclose(side.rows(index), expected[index], atol=1e-5)
        np.testing.assert_allclose(side.rows(slice(5, 9)), expected[5:9], atol=1e-5)
        monkeypatch.setattr(_data, "BLOCK_ROWS", 10)
        blocks = list(side.blocks())
        assert [len(block) for block in blocks] == [10, 10, 3]
        np.testing.assert_allclose(torch.cat(blocks), expected, atol=1e-5)
        assert {block.dtype for block in blocks} == {torch.float32}

    def test_only_rows_asked_for_are_read_from_a_file(
        self, seed, features, tmp_path, monkeypatch
    ):
        heights = []
        apply = InputMap.apply

        def spy(self, X):
            heights.append(X.shape[0])
            return apply(self, X)

        monkeypatch.setattr(InputMap, "apply", spy)
        X = write_map(tmp_path / "X", features)
        side = PreparedSide(X, input_map(features.mean(axis=0), 2.0), "cpu")
        side.rows(torch.tensor([3, 1, 4]))
        side.rows(slice(0, 5))
        assert heights == [3, 5]

    def test_blocks_of_pairs_stay_paired(self, seed, monkeypatch):
        _, _, image, text = make_sides(seed, sparse_text=True)
        monkeypatch.setattr(_data, "BLOCK_ROWS", 9)
        blocks = list(PairDataset(image, text, np.arange(23)).blocks())
        assert [(len(v), len(t)) for v, t in blocks] == [(9, 9), (9, 9), (5, 5)]
        images, texts = (torch.cat(side) for side in zip(*blocks, strict=True))
        assert torch.equal(images, image.rows(slice(None)))
        assert torch.equal(texts, text.rows(slice(None)))


class TestMemoryMaps:
    @pytest.mark.parametrize(
        ("view", "expected"),
        [
            (lambda X: X, True),
            (np.asarray, True),
            (lambda X: np.asarray(X)[3:9], True),
            (lambda X: np.asarray(X).T.T[::2], True),
            (np.array, False),
            (lambda X: X[[1, 2]], False),
            (lambda X: X.astype(np.float64), False),
            (sparse.csr_matrix, False),
        ],
        ids=["file", "array", "rows", "views", "copy", "picked", "converted", "sparse"],
    )
    def test_views_of_a_file_are_told_from_copies(self, view, expected, tmp_path):
        X = write_map(tmp_path / "X", np.ones((10, 3)))
        assert is_memory_mapped(view(X)) is expected

    def test_arrays_in_memory_are_not(self):
        assert not is_memory_mapped(np.ones((3, 2))[1:])
