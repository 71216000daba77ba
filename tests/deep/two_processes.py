"""Train on two processes of gloo. Run by test_processes.py, which trains on one.

In a process of its own, where nothing has used torch before it forks.
"""

import contextlib
import json
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import torch._dynamo  # noqa: F401  # optimisers import it, better once than twice
from scipy import sparse
from skorch.callbacks import Callback
from torch import distributed as dist

from sklearn_xmodal import (
    ACMRRetriever,
    ContrastiveAdapterRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    MSLNRetriever,
)
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.deep.training._checkpoint import TrainingCheckpoint, checkpoints_in

SMALL = {
    "hidden_layer_sizes": (16,),
    "batch_size": 32,
    "max_epochs": 4,
    "device": "cpu",
    "random_state": 0,
}
STOPPED = {
    "early_stopping": True,
    "max_epochs": 30,
    "advanced": {"validation_fraction": 0.3, "n_iter_no_change": 2},
}


def draw():
    # The last batch of 32 has one pair, and the second process nothing of it.
    return make_paired_modalities(97, n_classes=4, random_state=100)


def msln(**changes):
    advanced = {"n_contrastive_components": 3, **changes.pop("advanced", {})}
    few = {"n_components": 4, "n_estimators": 2, "n_input_components": (5, 8)}
    return MSLNRetriever(**{**SMALL, **few, "advanced": advanced, **changes})


def contrastive(**changes):
    return ContrastiveRetriever(**{**SMALL, "n_components": 4, **changes})


def adapter():
    fast = {"batch_size": 32, "max_epochs": 3, "cv": 2}
    return ContrastiveAdapterRetriever(**fast, device="cpu", random_state=0)


def as_drawn(*pairs):
    return pairs


def sparse_and_mapped(X_img, X_txt, y):
    path = Path("mapped.npy")
    np.save(path, X_txt)
    return sparse.csr_array(X_img), np.load(path, mmap_mode="r"), y


def several_labels(X_img, X_txt, y):
    indicator = np.eye(4, dtype=int)[y]
    indicator[::3, 0] = 1
    indicator[1::5] = -1  # unlabelled
    return X_img, X_txt, indicator


def one_width(X_img, X_txt, y):
    return X_img[:, :10], X_txt[:, :10], y


def learnt(est, *features):
    """Return the loss and the size of every batch, held-out scores, and codes."""
    history = est.history_
    return {
        "losses": [e["batches"][i]["train_loss"] for e, i in _batches(history)],
        "sizes": [e["batches"][i]["train_batch_size"] for e, i in _batches(history)],
        "epochs": [e["train_loss"] for e in history],
        "scores": [e.get("valid_score", 0) for e in history],
        "codes": [Z.tolist() for Z in est.transform(*features)],
    }


def _batches(history):
    return [(epoch, i) for epoch in history for i in range(len(epoch["batches"]))]


def trained(make, prepared=as_drawn, *, weighted=False):
    """Return a case that is to be on two processes what it is on one."""

    def case():
        X_img, X_txt, y = prepared(*draw())
        weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
        est = make().fit(X_img, X_txt, y, sample_weight=weight if weighted else None)
        return learnt(est, X_img, X_txt)

    return case


def in_parts():
    X_img, X_txt, y = draw()
    est = msln(max_epochs=2)
    for rows in (slice(0, 60), slice(60, 97)):
        est.partial_fit(X_img[rows], X_txt[rows], y[rows], classes=range(4))
    return learnt(est, X_img, X_txt)


def in_batches():
    X_img, X_txt, y = make_paired_modalities(331, n_classes=4, random_state=100)
    parts = [[A[rows] for A in (X_img, X_txt, y)] for rows in (slice(9), slice(9, 331))]
    est = msln(max_epochs=1).fit_batches(parts, buffer_size=300)
    return learnt(est, X_img, X_txt)


def warmly():
    X_img, X_txt, y = draw()
    est = msln(warm_start=True).fit(X_img, X_txt, y)
    return learnt(est.fit(X_img, X_txt, y), X_img, X_txt)


ALIKE = {
    # Of SGD, which the size of gradients matters to.
    "msln": trained(
        lambda: msln(lr=0.05, advanced={"optimizer": "SGD"}), weighted=True
    ),
    "contrastive": trained(lambda: contrastive(learn_temperature=True)),
    "msln without dropout": trained(lambda: msln(dropout=0.0)),
    "early stopping": trained(lambda: msln(**STOPPED)),
    "from the paper": trained(lambda: MSLNRetriever.from_paper(**SMALL)),
    "sparse and mapped": trained(msln, sparse_and_mapped),
    "several labels": trained(msln, several_labels),
    "partial_fit": in_parts,
    "batches": in_batches,
    "warm start": warmly,
    "locked": trained(lambda: contrastive(locked="text", n_estimators=2)),
    "classes": trained(lambda: contrastive(positives="classes"), weighted=True),
    "adapter": trained(adapter, one_width),
    "acmr": trained(lambda: ACMRRetriever(4, **SMALL)),
    "dscmr": trained(lambda: DSCMRRetriever(4, **SMALL)),
    "dcca": trained(lambda: DCCARetriever(3, **SMALL)),
}


class StopError(Exception):
    """Stands for a process that ends."""


class StopAt(Callback):
    """Ends the training within an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise StopError


def cut_short(home, **changes):
    """Train until the third epoch, with a checkpoint after each before."""
    est = msln(**changes, checkpoint_dir=home, callbacks=[StopAt(3)])
    try:
        est.fit(*draw())
    except StopError:
        return [path.name for path in checkpoints_in(home)]
    raise AssertionError("not cut short")


def gone_on():
    """Return what is learnt without a break, and after one; only the first writes."""
    if dist.get_rank():
        TrainingCheckpoint._write = None
    X_img, X_txt, y = draw()
    found = {}
    for name, changes in {"plain": {}, "stopped": STOPPED}.items():
        home = Path(f"checkpoints {name}")
        whole = msln(**changes).fit(X_img, X_txt, y)
        epochs = cut_short(home, **changes)
        resumed = msln(**changes, checkpoint_dir=home).fit(X_img, X_txt, y)
        # At once, since all is done.
        again = msln(**changes, checkpoint_dir=home).fit(X_img, X_txt, y)
        results = [learnt(e, X_img, X_txt) for e in (whole, resumed, again)]
        found[name] = {"epochs": epochs, "results": results}
    return found


def left_for_one():
    return cut_short(Path("for one"))


def message_of(call, *args):
    try:
        call(*args)
    except ValueError as error:
        return str(error)
    return "no error"


def wrong():
    """Return the messages of set-ups that differ on the second process."""
    is_second = dist.get_rank() == 1
    X_img, X_txt, y = draw()
    other = X_img + is_second
    own = np.arange(len(y)) % 2 == dist.get_rank()
    weight = np.ones(len(y)) if is_second else None
    reversed_ = [A[::-1] if is_second else A for A in (X_img, X_txt, y)]
    labels = np.where(is_second & (y == 3), 2, y)
    unseeded = (
        msln(random_state=None),
        contrastive(random_state=np.random.RandomState()),
    )
    moved = msln(warm_start=True).fit(X_img, X_txt, y)
    for parameter in moved.net_.module_.parameters():
        parameter.data += float(is_second)
    found = {
        "image features": message_of(contrastive().fit, other, X_txt),
        "shards": message_of(contrastive().fit, X_img[own], X_txt[own]),
        "order": message_of(msln().fit, *reversed_),
        "labels": message_of(msln().fit, X_img, X_txt, labels),
        "sample_weight": message_of(contrastive().fit, X_img, X_txt, None, weight),
        "lr": message_of(msln(lr=0.001 * (1 + is_second)).fit, X_img, X_txt, y),
        "unseeded": [message_of(est.fit, X_img, X_txt, y)[:60] for est in unseeded],
        "weights": message_of(moved.fit, X_img, X_txt, y),
        "not finite": message_of(msln(lr=1e30).fit, X_img, X_txt, y),
    }
    return {**found, "epochs": of_a_folder_that_one_sees()}


def of_a_folder_that_one_sees():
    cut_short(Path("unseen"))
    dist.barrier()
    (home := Path(f"of {dist.get_rank()}")).mkdir()
    if not dist.get_rank():
        Path("unseen").rename(home / "unseen")
    with contextlib.chdir(home):
        return message_of(msln(checkpoint_dir="unseen").fit, *draw())


CASES = {
    **ALIKE,
    "gone on": gone_on,
    "left for one": left_for_one,
    "wrong": wrong,
}


def run(rank, names):
    """Do the cases as one of two processes."""
    store = dist.FileStore("store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    found = {name: CASES[name]() for name in names}
    Path(f"{rank}.json").write_text(json.dumps(found), encoding="utf-8")
    dist.destroy_process_group()


def main(folder, *names):
    os.chdir(folder)
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=run, args=(rank, names)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    sys.exit(max(abs(process.exitcode) for process in both))


if __name__ == "__main__":
    main(*sys.argv[1:])
