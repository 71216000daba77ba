"""What feeds and watches the training: batches, schedules, scores and progress."""

import math
import mmap

import numpy as np
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from sklearn_xmodal.utils._blocks import row_blocks


class Side:
    """One modality as batches of what the network sees.

    Dense data in memory become one float32 tensor on the device. Sparse and
    memory-mapped rows are prepared batch by batch.

    Parameters
    ----------
    X : {ndarray, csr_matrix} of shape (n, n_features)
        Validated features.

    input_map : InputMap
        Centring, main directions and scale.

    device : str
        Where batches are wanted.
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

    def blocks(self, n_rows):
        """Iterate over all rows in order, so many at a time."""
        starts = range(0, self.length, n_rows)
        return (self.rows(slice(start, start + n_rows)) for start in starts)


def is_memory_mapped(X):
    """Tell whether an array is a view of a file."""
    while isinstance(X, np.ndarray):
        X = X.base
    return isinstance(X, mmap.mmap)


class PairDataset(Dataset):
    """Pairs and targets that are read by whole batches.

    Parameters
    ----------
    image, text : Side
        The two modalities.

    target : ndarray of shape (n,) or (n, n_classes)
        Class indices or a binary indicator.
    """

    def __init__(self, image, text, target):
        self.image = image
        self.text = text
        self.target = torch.from_numpy(target).to(image.device)

    def __len__(self):
        return self.image.length

    def blocks(self, n_rows):
        """Iterate over the two modalities in order, so many rows at a time."""
        return zip(self.image.blocks(n_rows), self.text.blocks(n_rows), strict=True)

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
    """Cut a data set into random batches: one permutation, then plain slices.

    Parameters
    ----------
    dataset : PairDataset
        The training data.

    batch_size : int
        Rows in all batches but the last.

    generator : torch.Generator
        On the CPU, so that all devices see the same batches.
    """

    def __init__(self, dataset, batch_size, generator):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self):
        return math.ceil(len(self.dataset) / self.batch_size)

    def __iter__(self):
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for start in range(0, len(order), self.batch_size):
            yield self.dataset.batch(order[start : start + self.batch_size])


class EvenBatches(ShuffledBatches):
    """The same number of batches, of equal sizes to one row.

    For losses that compare the pairs of a batch, which a small last one would harm.
    """

    def __iter__(self):
        order = torch.randperm(len(self.dataset), generator=self.generator)
        for index in order.tensor_split(len(self)):
            yield self.dataset.batch(index)


class ReversalSchedule(Callback):
    r"""Raise the strength of gradient reversal from 0 to 1 over the training.

    :math:`2 / (1 + \exp(-10 p)) - 1` with p the share of the steps that are
    done (Ganin and Lempitsky, ICML 2015).

    Parameters
    ----------
    n_steps : int
        Steps of the whole training.

    first_step : int, default=0
        Steps that were done before.
    """

    def __init__(self, n_steps, first_step=0):
        self.n_steps = n_steps
        self.first_step = first_step

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start from no reversal, or where the last training ended."""
        self.step_ = self.first_step

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set the strength of this step."""
        progress = min(self.step_ / self.n_steps, 1.0)
        net.module_.reversal.strength = reversal_strength(progress)
        self.step_ += 1


def reversal_strength(progress):
    """Return the strength of gradient reversal at a share of the training."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


class ValidationScore(Callback):
    """Record ``valid_score`` after every epoch.

    Parameters
    ----------
    score : callable
        Takes the module, returns a number, higher is better.
    """

    def __init__(self, score):
        self.score = score

    def on_epoch_end(self, net, **kwargs):
        """Score the network as it is now."""
        net.module_.eval()
        net.history.record("valid_score", self.score(net.module_))

    def on_train_end(self, net, **kwargs):
        """Let go of the validation data."""
        self.score = None


class EpochProgress(Callback):
    """A progress bar over the epochs.

    Parameters
    ----------
    n_epochs : int
        Length of the bar.

    name : str, default="MSLN"
        What is trained.
    """

    def __init__(self, n_epochs, name="MSLN"):
        self.n_epochs = n_epochs
        self.name = name

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.n_epochs, desc=self.name, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance and show the mean loss of the epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}")
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar_.close()
        del self.bar_


class EpochReport(Callback):
    """Tell how far a training is.

    Clones of a retriever, which a search trains, report to the same place.

    Parameters
    ----------
    begin : callable
        Called when training begins, it returns the function that takes the number
        of epochs done, and of those to do, after every epoch.
    """

    def __init__(self, begin):
        self.begin = begin

    def __sklearn_clone__(self):
        return EpochReport(self.begin)

    def on_train_begin(self, net, **kwargs):
        """Announce the training."""
        self.tell_ = self.begin()

    def on_epoch_end(self, net, **kwargs):
        """Tell of the epoch."""
        self.tell_(len(net.history), net.max_epochs)
