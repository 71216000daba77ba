"""What feeds the training: the two modalities, and batches of pairs."""

import math
import mmap

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
        return torch.from_numpy(self.input_map.apply(self.source[index])).to(
            self.device
        )

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
            # Not 0, which has no logarithm.
            least = np.finfo(np.float32).tiny
            relative = np.maximum(weight / weight.mean(), least, dtype=np.float32)
            self._loss_weight = torch.from_numpy(relative).to(image.device)

    def __len__(self):
        return self.image.length

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


class ShuffledBatches:
    """Cut a data set into random batches: one permutation, then plain slices."""

    def __init__(self, dataset, batch_size, generator):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator  # on the CPU: all devices see the same batches

    def __len__(self):
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self):
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for start in range(0, len(order), self.batch_size):
            yield self.dataset.batch(order[start : start + self.batch_size])


class EvenBatches(ShuffledBatches):
    """Shuffled batches of equal sizes, to one row.

    For losses that compare the pairs of a batch, which a small last one would harm.
    """

    def __iter__(self):
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for index in order.tensor_split(len(self)):
            yield self.dataset.batch(index)
