"""A lone text encoder beside its whole retriever: one query in a fresh process.

Every time a process of its own starts, imports what it needs, loads one file, encodes
one query and says how many CPU seconds that took, from its start, and what it holds in
memory then. The yardstick is a process that imports NumPy. Retrievers are fitted to the
embedded glyphs; how long MSLN trains makes no difference here.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._timing import mib_of
from sklearn_xmodal import CCARetriever, MSLNRetriever, save
from sklearn_xmodal.datasets import load_unicode_glyphs

LIMIT, ALONE, WHOLE = "NumPy (yardstick)", "text encoder", "whole retriever"
_ROOT = Path(__file__).parents[1]
_LOAD = """
import sys
from sklearn_xmodal import load
model, query = load(sys.argv[1]), np.load(sys.argv[2])
codes = {}
"""
_WORK = {
    LIMIT: "",
    ALONE: _LOAD.format("model(query)"),
    WHOLE: _LOAD.format("model.transform_text(query)"),
}
_END = """
import pathlib, time
print(time.process_time())
status = pathlib.Path("/proc/self/status")
print(status.read_text(encoding="utf-8") if status.exists() else "")
"""


def add_arguments(parser):
    parser.add_argument("--pairs", type=int, default=4202, help="of the glyphs")
    parser.add_argument("--n-components", type=int, default=64, help="of CCA")
    parser.add_argument("--steps", type=int, default=20, help="of MSLN")
    parser.add_argument("--repeats", type=int, default=5, help="the fastest counts")


def run(args):
    X_img, X_txt, y = load_unicode_glyphs(return_X_y=True)
    some = np.random.default_rng(0).permutation(len(y))[: args.pairs]
    models = {
        "MSLNRetriever": MSLNRetriever(max_steps=args.steps, random_state=0),
        "CCARetriever": CCARetriever(args.n_components),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        query = Path(folder) / "query.npy"
        np.save(query, X_txt[:1].toarray())
        for name, model in models.items():
            model.fit(X_img[some], X_txt[some], y[some])
            paths = {ALONE: Path(folder) / "encoder", WHOLE: Path(folder) / "retriever"}
            save(model.text_encoder_, paths[ALONE])
            save(model, paths[WHOLE])
            rows += rows_of(name, paths, query, args.repeats)
    return rows


def rows_of(name, paths, query, repeats):
    """Time all in turns, so that a slow moment hits them alike."""
    seconds, mib = ({what: [] for what in _WORK} for _ in range(2))
    for _ in tqdm(range(repeats), desc=name, leave=False):
        for what, work in _WORK.items():
            spent, held = fresh(work, paths.get(what, ""), query)
            seconds[what].append(spent)
            mib[what].append(held)
    least = {what: min(seconds[what]) for what in _WORK}
    held = {
        what: None if None in mib[what] else statistics.median(mib[what])
        for what in _WORK
    }
    return [
        {
            "model": name,
            "tool": what,
            "file_kib": paths[what].stat().st_size / 1024 if what in paths else None,
            "seconds": least[what],
            "by_encoder": least[what] / least[ALONE],
            "resident_mib": held[what],
            "memory_by_encoder": held[what] and held[what] / held[ALONE],
        }
        for what in _WORK
    ]


def fresh(work, *arguments, kind="VmRSS"):
    """Run code in a process of its own, with one thread.

    Returns
    -------
    seconds : float
        CPU seconds since it began.

    resident : float or None
        MiB that it holds at the end, or of another kind, where the system says so.
    """
    code = f"import numpy as np\n{work}{_END}"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The process must end well. Got:\n{done.stderr}")
    seconds, status = done.stdout.split("\n", 1)
    return float(seconds), mib_of(status, kind) if status.strip() else None


def markdown(rows):
    """Return the table of the results."""
    columns = {
        "retriever": WORDS,
        "loaded": WORDS,
        "file, KiB": NUMBERS,
        "CPU seconds": NUMBERS,
        "/ encoder": NUMBERS,
        "resident MiB": NUMBERS,
        "/ encoder's": NUMBERS,
    }
    lines = [
        *table(columns, map(cells, rows)),
        "",
        "One query in a fresh process with one thread: CPU seconds from its start, the "
        "fastest of several, and the resident memory once the query is encoded, the "
        "median.",
    ]
    return "\n".join(lines) + "\n"


def cells(row):
    """Return the cells of a row."""
    forms = {
        "file_kib": ",.0f",
        "seconds": ".2f",
        "by_encoder": ".2f",
        "resident_mib": ".0f",
        "memory_by_encoder": ".2f",
    }
    numbers = ("" if row[k] is None else format(row[k], f) for k, f in forms.items())
    return [row["model"], row["tool"], *numbers]
