"""Checkpoints: the whole state of a training after every epoch, in a folder.

A training that was killed goes on from the last one and ends with the same bytes:
beside skorch's own files (weights, optimiser, history) a checkpoint holds the state of
the generators of chance and of the callbacks that count steps.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from itertools import chain
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from sklearn_xmodal.deep.training._callbacks import (
    ReversalSchedule,
    telling_of_interrupts,
)
from sklearn_xmodal.deep.training._processes import is_first, wait_for_all
from sklearn_xmodal.utils._atomic import check_folder, making_folder, sync

_PREFIX, _UNFINISHED = "epoch-", "unfinished-"
_FILES = {
    "f_params": "weights.pt",
    "f_optimizer": "optimizer.pt",
    "f_history": "history.json",
}
_STATE = "state.pt"
_OURS = re.compile(rf"{_PREFIX}\d{{6,}}|{_UNFINISHED}[\w-]+")
#: Callback -> what it remembers from epoch to epoch.
_REMEMBERED = {
    ReversalSchedule: ("step_",),
    EarlyStopping: (
        "misses_",
        "dynamic_threshold_",
        "best_epoch_",
        "best_model_weights_",
    ),
    LRScheduler: ("batch_idx_",),
}
#: Parameters that may be others when a training goes on.
_FREE = {"checkpoint_dir", "callbacks", "device", "verbose"}


class TrainingCheckpoint(Callback):
    """Write a checkpoint after every epoch; start from one if there is one.

    Must be the last of the callbacks. The directory holds one checkpoint, the last.
    """

    def __init__(self, directory, start, fingerprint):
        self.directory = directory
        self.start = start
        self.fingerprint = fingerprint

    def on_train_begin(self, net, **kwargs):
        """Return callbacks and optimiser to where they were."""
        self.n_written_ = 0
        if self.start is not None:
            self.start.restore(net)
            self.n_written_ = self.start.n_epochs
            self.start = None

    def on_epoch_end(self, net, **kwargs):
        """Write a folder beside the last one, which then takes its place."""
        if is_first() and net.has_finite_weights():
            with telling_of_interrupts(net):
                self._write(net)

    def on_train_end(self, net, **kwargs):
        """Write the epoch that early stopping has ended, as the last one of all."""
        is_new = is_first() and len(net.history) > self.n_written_
        if is_new and _has_stopped_early(net) and net.has_finite_weights():
            self._write(net, is_finished=True)

    def _write(self, net, is_finished=False):
        with making_folder(self.directory, "checkpoint_dir") as home:
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=home))
            try:
                self._fill(unfinished, net, is_finished)
                finished = home / f"{_PREFIX}{len(net.history):06d}"
                unfinished.rename(finished)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            self.n_written_ = len(net.history)
            sync(home)
        for path in home.iterdir():
            if _is_ours(path) and path != finished:
                shutil.rmtree(path)

    def _fill(self, folder, net, is_finished):
        net.save_params(**{f: folder / name for f, name in _FILES.items()})
        state = {"fingerprint": self.fingerprint, "is_finished": is_finished}
        torch.save({**state, **_state_of(net)}, folder / _STATE)
        for path in [*folder.iterdir(), folder]:
            sync(path)


def _is_ours(path):
    """Tell a checkpoint, whole or not, from what others keep beside it."""
    if not _OURS.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
        return False
    return {inner.name for inner in path.iterdir()} <= {*_FILES.values(), _STATE}


class Checkpoint:
    """A checkpoint that was read: its folder, and what is not in skorch's files."""

    def __init__(self, path, state):
        self.path = path
        self.state = state

    @property
    def n_epochs(self):
        """Epochs that were done."""
        return self.state["n_epochs"]

    def n_epochs_left(self, n_epochs):
        """Return how many of so many epochs are to be done."""
        is_finished = self.state.get("is_finished", False)
        return 0 if is_finished else n_epochs - self.n_epochs

    def load_into(self, net):
        """Give a net the weights, the optimiser and the history of then."""
        with _whole(self.path):
            net.load_params(**{f: self.path / name for f, name in _FILES.items()})
        return self

    def restore(self, net):
        """Set what the start of a training resets: chance, counts and rates."""
        dropout, batches = self.state["chance"]
        for generator, state in zip(net.generators(), (dropout, batches), strict=True):
            generator.set_state(state)
        for (_, callback), remembered in zip(
            _counting_callbacks(net), self.state["callbacks"], strict=True
        ):
            schedule = remembered.pop("lr_scheduler_", None)
            for name, value in remembered.items():
                setattr(callback, name, value)
            if schedule is not None:
                callback.lr_scheduler_.load_state_dict(schedule)
        # The schedule set its first rate when it was built.
        net.load_params(f_optimizer=self.path / _FILES["f_optimizer"])


def _state_of(net):
    callbacks = []
    for kind, callback in _counting_callbacks(net):
        remembered = {
            name: _plain(getattr(callback, name)) for name in _REMEMBERED[kind]
        }
        if kind is LRScheduler:
            remembered["lr_scheduler_"] = callback.lr_scheduler_.state_dict()
        callbacks.append(remembered)
    return {
        "n_epochs": len(net.history),
        "chance": [generator.get_state() for generator in net.generators()],
        "callbacks": callbacks,
    }


def _has_stopped_early(net):
    """Tell whether the last epoch is whole, and early stopping wants no more."""
    is_whole = bool(net.history) and "train_loss" in net.history[-1]
    return is_whole and any(
        callback.misses_ == callback.patience
        for kind, callback in _counting_callbacks(net)
        if kind is EarlyStopping
    )


def _counting_callbacks(net):
    return [
        (type(callback), callback)
        for _, callback in net.callbacks_
        if type(callback) in _REMEMBERED
    ]


def _plain(value):
    """Turn numbers of numpy into those of Python, which torch reads back."""
    return value.item() if isinstance(value, np.generic) else value


def fingerprint_of(retriever, data, held_out, weights):
    """Return what two trainings share when one can go on where the other stopped.

    Weights are those that a warm start begins with; they and the held-out pairs may be
    `None`.
    """
    parameters = retriever.get_params(deep=False)
    others = _FREE | {"class_embeddings", "advanced"}
    parameters = {k: v for k, v in parameters.items() if k not in others}
    parameters = _in_plain_types({**parameters, **retriever._settings})
    digest = hashlib.sha256(repr(parameters).encode())
    parts = [data.contents(), () if weights is None else weights.values()]
    parts += [] if held_out is None else [held_out.contents()]
    for x in chain(*parts):
        digest.update(x.cpu().numpy().tobytes())
    digest.update(retriever.class_embeddings_.tobytes())
    digest.update(repr(retriever.classes_.tolist()).encode())
    digest.update(data.target.cpu().numpy().tobytes())
    if data.weight is not None:
        digest.update(data.weight.tobytes())
    return digest.hexdigest()


def _in_plain_types(value):
    """Return a parameter such that equal ones are written alike, in whatever types."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        items = ((key, _in_plain_types(v)) for key, v in value.items())
        return sorted(items, key=lambda item: str(item[0]))
    if isinstance(value, list | tuple):
        return tuple(_in_plain_types(v) for v in value)
    return value


def read_checkpoint(directory, fingerprint):
    """Return the last checkpoint of a folder, None where there is none.

    It must be of the same training.
    """
    found = checkpoints_in(directory)
    if not found:
        return None
    path = found[-1]
    with _whole(path):
        state = torch.load(path / _STATE, weights_only=True, map_location="cpu")
    if state["fingerprint"] != fingerprint:
        raise ValueError(
            "checkpoint_dir must hold no checkpoint but one of this training, with the "
            f"same parameters and pairs. Got {path}, which is another's: remove it, or "
            "choose another folder."
        )
    return Checkpoint(path, state)


@contextmanager
def _whole(path):
    """Turn what goes wrong in reading, which torch has many errors for, into one."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"checkpoint_dir must hold a whole checkpoint, or none. Got {path}, which "
            f"cannot be read ({type(error).__name__}): remove it."
        ) from error


def checkpoints_in(directory):
    """Return the folders of finished checkpoints, the last one last.

    More than one only where a training was killed between two of them.
    """
    found = Path(directory).glob(f"{_PREFIX}*")
    return sorted(path for path in found if _is_ours(path))


def checkpointing(retriever, *trained):
    """Return the callback for a training, or None where there is nothing to do.

    What is trained, and from where, `fingerprint_of` says.
    """
    home = retriever.checkpoint_dir
    if home is None:
        return None
    if not isinstance(retriever.random_state, Integral):
        raise ValueError(
            "checkpoint_dir needs random_state to be an int, so that a training can go "
            f"on as it began. Got {retriever.random_state!r}."
        )
    check_folder(home, "checkpoint_dir")
    fingerprint = fingerprint_of(retriever, *trained)
    wait_for_all(retriever.device_)  # the first of them may still write the last one
    return TrainingCheckpoint(home, read_checkpoint(home, fingerprint), fingerprint)
