"""What follows a fit, at the size of a Parquet file: encode, search, score, load."""

import os
import time
from contextlib import contextmanager

import numpy as np

from benchmarks._timing import PeakMemory
from sklearn_xmodal import RetrievalIndex, load
from sklearn_xmodal.metrics import retrieval_score

_N_QUERIES, _N_RANKED = 1000, 100


class Spent:
    """Wall seconds, CPU seconds (workers that have ended included) and MiB of a block.

    MiB is the growth of the resident memory of this process, pages of files included.
    """

    def __enter__(self):
        self.memory = PeakMemory("VmRSS")
        self.memory.__enter__()
        self.begun = time.perf_counter(), cpu_of_all()
        return self

    def __exit__(self, *exc_info):
        self.seconds = time.perf_counter() - self.begun[0]
        self.cpu_seconds = cpu_of_all() - self.begun[1]
        self.memory.__exit__(*exc_info)
        self.extra_mib = self.memory.extra_mib


def cpu_of_all():
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def stages(groups, est, folder):
    """Return what each stage spent, by its name: (wall, CPU, MiB).

    `groups` is called for batches of (image, text, labels). Vectors to search are the
    images, queries are texts.
    """
    found = {}

    @contextmanager
    def stage(name):
        with Spent() as spent:
            yield
        found[name] = spent.seconds, spent.cpu_seconds, spent.extra_mib

    est.fit_batches(groups())
    with stage("encode both modalities"):
        batches = [
            (est.transform_image(image), est.transform_text(text), np.asarray(label))
            for image, text, label in groups()
        ]
        Z_img, Z_txt, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    del batches
    queries = Z_txt[:_N_QUERIES]
    with stage(f"metrics, {_N_RANKED} queries, all ranked"):
        retrieval_score(queries[:_N_RANKED], Z_img, y[:_N_RANKED], y)
    with stage("index of the images"):
        index = RetrievalIndex(vectors=Z_img)
    with stage(f"search, {_N_QUERIES:,} queries"):
        index.search(vectors=queries, k=10)
    path = folder / "images.xmodal"
    with stage("save the index"):
        index.save(path)
    del index
    with stage("load it, first query"):
        load(path).search(vectors=queries[:1], k=10)
    path.unlink()
    return found
