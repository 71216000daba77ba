"""Training on several processes of `torch.distributed`, which share every batch.

All processes have all pairs and draw the same batches. Of every batch, each one reads
and encodes the rows that are its own, outputs of all rows are gathered, and every
process computes the loss of the whole batch, with all its negatives and means. The
gradient of its own outputs it thereby knows without asking; those of the weights are
averaged. So any loss is that of one process, to rounding.
"""

import os
import warnings
from numbers import Integral
from typing import NamedTuple

import joblib
import torch
from torch import distributed as dist

# Axes of rows in the outputs of modules, by the names of these, where it is not the
# last but one. None: the same on all processes.
_ROW_AXES = {"modality_logits": -1, "temperature": None, "encoder_weights": None}
#: Parameters of a retriever that may be others from process to process.
_OWN = {"callbacks", "cv", "device", "verbose"}


def is_shared():
    """Tell whether several processes train together."""
    is_begun = dist.is_available() and dist.is_initialized()
    return is_begun and dist.get_world_size() > 1


def is_first():
    """Tell whether this process is the one that writes and prints."""
    return not is_shared() or dist.get_rank() == 0


class Share(NamedTuple):
    """How the rows of a batch are shared among the processes."""

    counts: tuple  # rows of each process
    rank: int  # of this one

    @classmethod
    def of_batch(cls, n_rows):
        """Return even parts, of which the first ones have one row more."""
        n_parts = dist.get_world_size()
        counts = ((n_rows + n_parts - 1 - rank) // n_parts for rank in range(n_parts))
        return cls(tuple(counts), dist.get_rank())

    @property
    def own_rows(self):
        """Return the rows of this process, the first one of all where it has none.

        Its outputs then reach no loss, but layers need not work with nothing.
        """
        start = sum(self.counts[: self.rank])
        count = self.counts[self.rank]
        return slice(start, start + count) if count else slice(0, 1)


def own_rows(n_rows):
    """Return which rows of a batch this process reads and encodes."""
    return Share.of_batch(n_rows).own_rows if is_shared() else slice(None)


class _AllRows(torch.autograd.Function):
    """Own rows (b_own, k) -> rows of all processes (b, k)."""

    @staticmethod
    def forward(ctx, own, share):
        ctx.share = share
        padded = own.new_zeros(max(share.counts), own.shape[1])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in share.counts]
        dist.all_gather(parts, padded)
        whole = [x[:count] for x, count in zip(parts, share.counts, strict=True)]
        return torch.cat(whole)

    @staticmethod
    def backward(ctx, gradient):
        # Of the whole loss, which every process has; the mean over processes follows.
        own = gradient.split(ctx.share.counts)[ctx.share.rank]
        return own * len(ctx.share.counts), None


def with_all_rows(outputs, n_rows):
    """Return the outputs of a module for the own rows with the rows of all processes.

    In one message, whatever their number; gradients flow back to the own rows.
    """
    share = Share.of_batch(n_rows)
    n_own = share.counts[share.rank]
    found: list[torch.Tensor] = []
    _replaced(outputs, lambda x: found.append(x[:n_own].flatten(1)))
    widths = [x.shape[1] for x in found]
    gathered = iter(_AllRows.apply(torch.cat(found, dim=1), share).split(widths, dim=1))
    return _replaced(outputs, lambda x: next(gathered).reshape(n_rows, *x.shape[1:]))


def _replaced(value, replace, axis=-2):
    """Return outputs with other tensors; `replace` sees and returns rows in front."""
    if axis is None or value is None:
        return value
    if isinstance(value, torch.Tensor):
        new = replace(value.movedim(axis, 0))
        return None if new is None else new.movedim(0, axis)
    if isinstance(value, dict):
        return {k: _replaced(v, replace, axis) for k, v in value.items()}
    names = getattr(value, "_fields", None)
    if names is None:
        return tuple(_replaced(v, replace, axis) for v in value)
    axes = [_ROW_AXES.get(name, axis) for name in names]
    return type(value)(
        *(_replaced(v, replace, a) for v, a in zip(value, axes, strict=True))
    )


def average_gradients(parameters):
    """Replace gradients by their means over the processes."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    means = flat.split([g.numel() for g in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def told_by_first(compute, device):
    """Return the number that the first process computes, on all of them."""
    if not is_shared():
        return compute()
    number = compute() if is_first() else 0.0
    told = torch.tensor(number, dtype=torch.float64, device=device)
    dist.broadcast(told, 0)
    return told.item()


def wait_for_all(device):
    """Go on once all processes have come here."""
    if is_shared():
        dist.all_reduce(torch.zeros(1, device=device))


def check_same(values, device, advice):
    """Raise a ValueError where processes have other values, name -> anything."""
    # 60 bits of each, which a tensor holds
    digests = [int(joblib.hash(v, coerce_mmap=True)[:15], 16) for v in values.values()]
    own = torch.tensor(digests, device=device)
    of_all = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(of_all, own)
    found = [
        f"{name} on process {rank}"
        for rank, those in enumerate(of_all)
        for name, is_same in zip(values, (those == of_all[0]).tolist(), strict=True)
        if not is_same
    ]
    if found:
        raise ValueError(
            "All processes of a training must begin alike. Got other values than on "
            f"process 0 for {', '.join(found)}. {advice}"
        )


def check_same_pairs(retriever, sides, target, sample_weight):
    """Raise a ValueError where processes have other pairs or parameters."""
    if not is_shared():
        warn_if_alone()
        return
    if not isinstance(retriever.random_state, Integral):
        raise ValueError(
            "Training on several processes needs random_state to be an int, so that "
            f"all begin alike. Got {retriever.random_state!r}."
        )
    parameters = retriever.get_params(deep=False).items()
    values = {
        **{name: value for name, value in parameters if name not in _OWN},
        "image features": sides["image"],
        "text features": sides["text"],
        "labels": [getattr(retriever, "classes_", None), target],
        "sample_weight": sample_weight,
    }
    advice = (
        "Give all of them the same parameters and all pairs, in the same order: of "
        "every batch, each process takes its own part."
    )
    check_same(values, retriever.device_, advice)


def warn_if_alone():
    """Warn where a launcher started several processes that know nothing of another."""
    is_launched = dist.is_available() and dist.is_torchelastic_launched()
    n_launched = int(os.environ.get("WORLD_SIZE", "1")) if is_launched else 1
    if n_launched > 1 and not dist.is_initialized():
        warnings.warn(
            "This process was started as one of several, but each of them trains on "
            "its own. Call torch.distributed.init_process_group() before fit for one "
            "training on all of them.",
            stacklevel=2,
        )


def check_same_start(net, n_epochs):
    """Raise a ValueError where processes begin at other weights or epochs."""
    if not is_shared():
        return
    weights = {k: w.cpu().numpy() for k, w in net.module_.state_dict().items()}
    values = {"weights": weights, "epochs": [len(net.history), n_epochs]}
    advice = (
        "checkpoint_dir must be a folder that all of them see, and what a training "
        "goes on from must have been trained, or loaded, on all of them."
    )
    check_same(values, net.device, advice)
