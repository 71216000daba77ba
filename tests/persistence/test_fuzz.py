"""What the fuzzer finds in a process of its own, which may hang or crash."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

#: One per format, and per way through the code.
FEW = (
    r"models-1/KCCARetriever\.|models-1/encoder|models-1/MSLNRetriever-plain\."
    r"|models-2/(CCARetriever-partial-fit|ContrastiveRetriever|Pipeline-of-a-search"
    r"|SemanticMatchingRetriever|VotingRetriever-pipelines)\."
    r"|indexes-1/(exact-gallery|faiss-hnsw-csls)|indexes-2/(exact-csls|faiss-hnsw)\."
)


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of processes")
@pytest.mark.parametrize(
    ("n_mutants", "seed", "files"),
    [
        (500, 0, FEW),
        *(pytest.param(2500, s, "", marks=pytest.mark.thorough) for s in range(8)),
    ],
)
def test_changed_files_are_right_objects_or_refused(n_mutants, seed, files):
    arguments = "--mutants", str(n_mutants), "--seed", str(seed), "--files", files
    done = subprocess.run(
        [sys.executable, "-m", "tests.persistence.fuzz", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    n_loaded, n_refused = (int(n) for n in done.stdout.split()[-6::2][:2])
    assert n_loaded + n_refused == n_mutants
    assert min(n_loaded, n_refused) > n_mutants // 20
