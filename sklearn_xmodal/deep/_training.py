"""Training through skorch: data, loop hooks, schedules and progress."""

import math

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch.utils.data import Dataset
from tqdm.auto import tqdm


class Side:
    """One modality as centred and scaled float32 batches.

    Dense data become one tensor on the device; sparse rows are made dense
    batch by batch.

    Parameters
    ----------
    X : {ndarray, csr_matrix} of shape (n, n_features)
        Validated features.

    mean : ndarray of shape (n_features,)
        Subtracted.

    scale : float
        Divided by.

    device : str
        Where batches are wanted.
    """

    def __init__(self, X, mean, scale, device):
        self.sparse = X if sparse.issparse(X) else None
        self.device = device
        self.mean = torch.as_tensor(mean, dtype=torch.float32, device=device)
        self.scale = float(scale)
        self.length = X.shape[0]
        if self.sparse is None:
            X = np.ascontiguousarray((X - mean) / scale, dtype=np.float32)
            self.tensor = torch.from_numpy(X).to(device)

    def rows(self, index):
        """Return some rows, index is a slice or an int64 tensor on the CPU."""
        if self.sparse is None:
            return self.tensor[index]
        if not isinstance(index, slice):
            index = index.numpy()
        X = torch.from_numpy(self.sparse[index].toarray().astype(np.float32))
        return (X.to(self.device) - self.mean) / self.scale


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


class MSLNNet(NeuralNet):
    """A skorch net that keeps the loss terms of every batch in its history."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the total loss."""
        total, terms = self.criterion_(y_pred, y_true)
        values = torch.stack(list(terms.values())).tolist()  # waits for CUDA once
        if not np.isfinite(values).all():
            raise ValueError(
                "Training must keep the losses finite. Got "
                f"{dict(zip(terms, values, strict=True))} in epoch {len(self.history)} "
                f"with lr={self.lr}. Lower the learning rate."
            )
        for name, value in zip(terms, values, strict=True):
            self.history.record_batch(name, value)
        return total


class ReversalSchedule(Callback):
    r"""Raise the strength of gradient reversal from 0 to 1 over the training.

    :math:`2 / (1 + \exp(-10 p)) - 1` with p the share of the steps that are
    done (Ganin and Lempitsky, ICML 2015).

    Parameters
    ----------
    n_steps : int
        Steps of the whole training.
    """

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Start from no reversal."""
        self.step_ = 0

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        """Set the strength of this step."""
        progress = self.step_ / self.n_steps
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
    """

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=self.n_epochs, desc="MSLN", unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance and show the mean loss of the epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.4f}")
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar_.close()
        del self.bar_
