"""Train on two processes of gloo, and on one. Run by test_processes.py.

In a process of its own, which nothing but this file has used before it forks.
"""

import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np
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

SMALL = {
    "hidden_layer_sizes": (16,),
    "batch_size": 32,
    "max_epochs": 4,
    "device": "cpu",
    "random_state": 0,
}


def draw(n=97, **options):
    return make_paired_modalities(n, n_classes=4, random_state=100, **options)


def msln(**changes):
    advanced = {"n_contrastive_components": 3, **changes.pop("advanced", {})}
    few = {"n_components": 4, "n_estimators": 2, "n_input_components": (5, 8)}
    return MSLNRetriever(**{**SMALL, **few, "advanced": advanced, **changes})


def contrastive(**changes):
    return ContrastiveRetriever(**{**SMALL, "n_components": 4, **changes})


def weights(n):
    return np.random.default_rng(0).uniform(0.5, 2, n)


def fitted(est, X_img, X_txt, y, sample_weight=None):
    return est.fit(X_img, X_txt, y, sample_weight=sample_weight)


def what_it_learnt(est, X_img, X_txt):
    batches = [batch for epoch in est.history_ for batch in epoch["batches"]]
    records = [
        {k: v for k, v in epoch.items() if k.endswith(("_loss", "_score"))}
        for epoch in est.history_
    ]
    return {
        "curve": [[b["train_loss"], b["train_batch_size"]] for b in batches],
        "epochs": records,
        "codes": [Z.tolist() for Z in est.transform(X_img, X_txt)],
    }


def trained(make, **options):
    """Return a case: the same fit on two processes as on one."""

    def case(rank):
        X_img, X_txt, y = draw()
        weight = weights(len(y)) if options.get("weighted") else None
        est = fitted(make(), X_img, X_txt, y, weight)
        return what_it_learnt(est, X_img, X_txt)

    return case


STOPPED = {"early_stopping": True, "max_epochs": 30}
FEW_MISSES = {"validation_fraction": 0.3, "n_iter_no_change": 2}
CASES = {
    # 97 pairs: the last batch has one, and the second process nothing of it.
    "msln": trained(msln, weighted=True),
    "contrastive": trained(lambda: contrastive(learn_temperature=True)),
    "msln without dropout": trained(lambda: msln(dropout=0.0)),
    "early stopping": trained(lambda: msln(**STOPPED, advanced=FEW_MISSES)),
    "from the paper": trained(lambda: MSLNRetriever.from_paper(**SMALL)),
    "locked": trained(lambda: contrastive(locked="text", n_estimators=2)),
    "classes": trained(lambda: contrastive(positives="classes"), weighted=True),
    "acmr": trained(lambda: ACMRRetriever(4, **SMALL)),
    "dscmr": trained(lambda: DSCMRRetriever(4, **SMALL)),
    "dcca": trained(lambda: DCCARetriever(3, **SMALL)),
}


def run(rank, folder, names):
    """Do the cases as one of two processes, and the first one of them alone."""
    store = dist.FileStore(str(folder / "store"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    found = {name: CASES[name](rank) for name in names}
    dist.destroy_process_group()
    if rank == 0:
        (folder / "one.json").write_text(json.dumps({n: CASES[n](0) for n in names}))
    (folder / f"{rank}.json").write_text(json.dumps(found))


def main(folder, *names):
    context = multiprocessing.get_context("fork")
    args = Path(folder), names
    both = [context.Process(target=run, args=(rank, *args)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    sys.exit(max(abs(process.exitcode) for process in both))


if __name__ == "__main__":
    main(*sys.argv[1:])
