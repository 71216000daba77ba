"""The fuzzer finds nothing: some mutants here, many in processes of their own."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs figures of processes"),
    pytest.mark.filterwarnings("ignore"),
]

#: One per format, and per way through the code.
FEW = (
    r"models-1/KCCARetriever\.|models-1/encoder|models-1/MSLNRetriever-plain\."
    r"|models-2/(CCARetriever-partial-fit|ContrastiveRetriever|Pipeline-of-a-search"
    r"|SemanticMatchingRetriever|VotingRetriever-pipelines)\."
    r"|indexes-1/(exact-gallery|faiss-hnsw-csls)|indexes-2/(exact-csls|faiss-hnsw)\."
)


def _check(text, n_mutants):
    words = text.split()[-6:]
    n_loaded, n_refused, n_wrong = (int(n) for n in words[::2])
    assert n_wrong == 0, text[-3000:]
    assert n_loaded + n_refused == n_mutants
    assert min(n_loaded, n_refused) > n_mutants // 20


def test_changed_files_are_right_objects_or_refused(capsys):
    from tests.persistence import fuzz

    fuzz.run(500, seed=0, pattern=FEW)
    _check(capsys.readouterr().out, 500)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
def test_many_changed_files_neither_hang_nor_crash(seed):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.persistence.fuzz"),
            *("--mutants", "2500", "--seed", str(seed)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    _check(done.stdout, 2500)
