"""What feeds the training: the two modalities, and batches of pairs."""

import math
import mmap

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import Dataset

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
        starts = range(0, self.length, BLOCK_ROWS)
        return (self.rows(slice(start, start + BLOCK_ROWS)) for start in starts)


def is_memory_mapped(X):
    """Tell whether an array is a view of a file."""
    while isinstance(X, np.ndarray):
        X = X.base
    return isinstance(X, mmap.mmap)


class PairDataset(Dataset):
    """Both modalities and their targets (n,) or (n, n_classes), read by batches."""

    def __init__(self, image, text, target):
        self.image = image
        self.text = text
        self.target = torch.from_numpy(target).to(image.device)

    def __len__(self):
        return self.image.length

    def blocks(self):
        """Iterate over both modalities in order, some rows at a time."""
        return zip(self.image.blocks(), self.text.blocks(), strict=True)

    def batch(self, index):
        """Return inputs and target of some rows, as skorch wants them."""
        target = self.target[index]
        inputs = {
            "image": self.image.rows(index),
            "text": self.text.rows(index),
            "target": target,
        }
        return inputs, target


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
