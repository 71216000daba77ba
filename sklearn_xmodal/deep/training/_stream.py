"""Pairs that are read anew in every epoch, and shuffled on the way."""

from collections import deque
from itertools import chain

import numpy as np
import torch

from sklearn_xmodal.deep.training._data import (
    PairDataset,
    relative_weights,
)
from sklearn_xmodal.deep.training._processes import own_rows

# Rows at a time where all are gone through: of kernel values there are 300 per row.
_BLOCK_ROWS = 1024


class StreamedPairs(PairDataset):
    """A sample of pairs, and batches and sums of the stream that it was drawn from.

    The stream has `n_pairs`, `mean_weight` (None for equal ones), `buffer_size`,
    ``read()``, which iterates over features by modality, targets and weights of all
    pairs, and ``batch_targets``, from targets to those that a loss sees of a batch.
    """

    def __init__(self, sample, stream):
        vars(self).update(vars(sample))
        self._sample = sample
        self._stream = stream
        self._weights_waiting: deque = deque()

    @property
    def n_pairs(self):
        """Number of pairs of the stream."""
        return self._stream.n_pairs

    @property
    def sample(self):
        """The pairs that are held."""
        return self._sample

    def contents(self):
        """Iterate over all pairs, in the order of the stream."""
        size = torch.tensor(self._stream.buffer_size)
        return chain([size], chain.from_iterable(self._columns()))

    def blocks(self):
        """Iterate over both modalities of the stream, some rows at a time."""
        # Of the same pass as these, which may be in another order next time.
        self._weights_waiting = deque()
        for image, text, _, weight in self._prepared():
            self._weights_waiting.append(weight)
            yield image, text

    def block_weights(self):
        """Iterate over the weights of blocks, each right after its block."""
        while self._weights_waiting:
            yield self._weights_waiting.popleft()

    def batches(self, sizes, generator):
        """Yield batches of these sizes, the largest first, from a buffer at random.

        The next rows of the stream take the places of those drawn.
        """
        rows = _Rows(self._columns())
        n_held = max(self._stream.buffer_size, *sizes[:1])
        buffer = [x.clone() for x in rows.take(n_held)]
        for size in sizes:
            place = torch.randperm(len(buffer[0]), generator=generator)[:size]
            yield self._as_batch(*(x[place] for x in buffer))
            buffer = _refilled(buffer, place, rows.take(size))

    def _as_batch(self, image, text, target, weight=None):
        """Return a batch as skorch wants it, see `batch` of `PairDataset`."""
        target = self._stream.batch_targets(target)
        own = own_rows(len(target))
        inputs = {"image": image[own], "text": text[own], "target": target[own]}
        return inputs, target if weight is None else (target, weight)

    def _columns(self):
        """Iterate over image, text, target and, if there are any, relative weights."""
        mean = self._stream.mean_weight
        for image, text, target, weight in self._prepared():
            columns = [image, text, torch.tensor(target).to(image.device)]
            if weight is not None:
                relative = torch.from_numpy(relative_weights(weight, mean))
                columns.append(relative.to(image.device))
            yield columns

    def _prepared(self):
        """Read the stream: both modalities as networks see them, target, weight."""
        for sides, target, weight in self._stream.read():
            for start in range(0, len(target), _BLOCK_ROWS):
                rows = slice(start, start + _BLOCK_ROWS)
                yield (
                    self.image.prepared(sides["image"][rows]),
                    self.text.prepared(sides["text"][rows]),
                    target[rows],
                    None if weight is None else weight[rows],
                )


class _Rows:
    """Rows of blocks, each of which has several columns, taken in any numbers."""

    def __init__(self, blocks):
        self._blocks = blocks
        self._waiting = next(blocks)

    def take(self, n):
        """Return the columns of the next n rows, or of the last ones."""
        found, n_found = [self._waiting], len(self._waiting[0])
        while n_found < n and (block := next(self._blocks, None)) is not None:
            found.append(block)
            n_found += len(block[0])
        columns = found[0]
        if len(found) > 1:
            columns = [torch.cat(parts) for parts in zip(*found, strict=True)]
        self._waiting = [x[n:] for x in columns]
        return [x[:n] for x in columns]


def _refilled(buffer, place, new):
    """Put new rows where others were drawn; with too few of them it gets shorter."""
    n_new = len(new[0])
    for x, values in zip(buffer, new, strict=True):
        x[place[:n_new]] = values
    if n_new == len(place):
        return buffer
    kept = np.ones(len(buffer[0]), dtype=bool)
    kept[place[n_new:]] = False
    return [x[torch.from_numpy(kept)] for x in buffer]
