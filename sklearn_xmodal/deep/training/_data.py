"""What feeds the training: the two modalities, and batches of pairs."""

import math
import mmap
from itertools import chain

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import Dataset

from sklearn_xmodal.deep.training._processes import own_rows
from sklearn_xmodal.utils._blocks import row_blocks

# Rows at a time where all of them are gone through.
BLOCK_ROWS = 4096


class PreparedSide:
    """One modality (n, n_features) as batches of what the network sees.

    Dense data in memory become one float32 tensor on the device. Sparse and
    memory-mapped rows go through the `InputMap` batch by batch.
    """

    def __init__(self, X, input_map, device):
        self.device = device
        self.length = X.shape[0]
        self.input_map = input_map
        self.source = X if sparse.issparse(X) or is_memory_mapped(X) else None
        if self.source is None:
            prepared = np.empty((self.length, input_map.width), dtype=np.float32)
            for rows in row_blocks(*X.shape):
                prepared[rows] = input_map.apply(X[rows])
            self.tensor = torch.from_numpy(prepared).to(device)

    @classmethod
    def of_prepared(cls, values, input_map, device):
        """Return the side of rows that went through the map before, in float32."""
        self = cls.__new__(cls)
        self.device, self.length, self.input_map = device, len(values), input_map
        self.source, self.tensor = None, torch.from_numpy(values).to(device)
        return self

    @property
    def width(self):
        """Number of values per row."""
        return self.input_map.width

    def rows(self, index):
        """Return some rows, index is a slice or an int64 tensor on the CPU."""
        if self.source is None:
            return self.tensor[index]
        if not isinstance(index, slice):
            index = index.numpy()
        return self.prepared(self.source[index])

    def prepared(self, X):
        """Return what the network sees of some rows of features."""
        return torch.from_numpy(self.input_map.apply(X)).to(self.device)

    def blocks(self):
        """Iterate over all rows in order, some at a time."""
        return (self.rows(rows) for rows in _block_rows(self.length))


def _block_rows(length):
    starts = range(0, length, BLOCK_ROWS)
    return [slice(start, start + BLOCK_ROWS) for start in starts]


def is_memory_mapped(X):
    """Tell whether an array is a view of a file."""
    while isinstance(X, np.ndarray):
        X = X.base
    return isinstance(X, mmap.mmap)


def relative_weights(weight, mean):
    """Return weights as the loss takes them: not 0, which has no logarithm."""
    return np.maximum(weight / mean, np.finfo(np.float32).tiny, dtype=np.float32)


class PairDataset(Dataset):
    """Both modalities and their targets (n,) or (n, n_classes), read by batches.

    Weights (n,) are positive, `None` is 1 for all.
    """

    def __init__(self, image, text, target, weight=None):
        self.image = image
        self.text = text
        self.target = torch.tensor(target).to(image.device)
        self.weight = weight
        if weight is not None:
            relative = relative_weights(weight, weight.mean())
            self._loss_weight = torch.from_numpy(relative).to(image.device)

    def __len__(self):
        return self.image.length

    @property
    def n_pairs(self):
        """Number of pairs that training goes through, here those that are held."""
        return len(self)

    @property
    def sample(self):
        """Pairs that stand for all where something is averaged, here all of them."""
        return self

    def contents(self):
        """Iterate over what tells these features from others."""
        return chain.from_iterable(self.blocks())

    def blocks(self):
        """Iterate over both modalities in order, some rows at a time."""
        return zip(self.image.blocks(), self.text.blocks(), strict=True)

    def block_weights(self):
        """Iterate over the weights of the blocks, `None` where all are alike."""
        weight = self.weight
        return (
            None if weight is None else weight[rows] for rows in _block_rows(len(self))
        )

    def batch(self, index):
        """Return inputs and what the loss needs of some rows, as skorch wants them.

        The latter is the target, or with weights the target and these, relative to
        their mean; on several processes that of all rows, inputs are of the own ones.
        """
        target, own = self.target[index], own_rows(len(index))
        inputs = {
            "image": self.image.rows(index[own]),
            "text": self.text.rows(index[own]),
            "target": target[own],
        }
        if self.weight is None:
            return inputs, target
        return inputs, (target, self._loss_weight[index])

    def batches(self, sizes, generator):
        """Yield random batches of these sizes: one permutation, then plain slices."""
        order = torch.randperm(len(self), generator=generator)
        for index in order.split(sizes):
            yield self.batch(index)


class ShuffledBatches:
    """Cut a data set into random batches, of which the last one may be small."""

    def __init__(self, dataset, batch_size, generator):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator  # on the CPU: all devices see the same batches

    def __len__(self):
        return math.ceil(self.dataset.n_pairs / self.batch_size)

    def _sizes(self):
        rest = self.dataset.n_pairs - self.batch_size * (len(self) - 1)
        return [self.batch_size] * (len(self) - 1) + [rest]

    def __iter__(self):
        return self.dataset.batches(self._sizes(), self.generator)


class EvenBatches(ShuffledBatches):
    """Shuffled batches of equal sizes, to one row.

    For losses that compare the pairs of a batch, which a small last one would harm.
    """

    def _sizes(self):
        size, n_larger = divmod(self.dataset.n_pairs, len(self))
        return [size + 1] * n_larger + [size] * (len(self) - n_larger)
