"""Reading a CSV file of numbers: the command beside pandas alone, in fresh processes.

Both give a matrix in memory. The command also looks for a header, for numbers of rows
and for cells that are no numbers.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks._markdown import NUMBERS, WORDS, table
from benchmarks._speed_encoders import fresh

LIMIT, OURS, NUMPY = "pandas.read_csv", "the command", "numpy.loadtxt"
_READ = {
    LIMIT: "X = pandas.read_csv(path).to_numpy()",
    OURS: "X = open_file(path, read_table, Format(), None, None).X",
    NUMPY: "X = np.loadtxt(path, delimiter=',', skiprows=1)",
}
# CPU seconds from here on, and the most that was ever held.
_WORK = """
import sys, time, pandas
from sklearn_xmodal.cli._features import read_table
from sklearn_xmodal.cli._files import open_file
from sklearn_xmodal.cli._tables import Format
path, begun = sys.argv[1], time.process_time()
{}
assert X.shape == ({}, {})
real = time.process_time
time.process_time = lambda: real() - begun
"""


def add_arguments(parser):
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")


def run(args):
    values = np.random.default_rng(0).normal(size=(args.rows, args.columns))
    seconds, mib = ({tool: [] for tool in _READ} for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        pd.DataFrame(values).to_csv(path, index=False)
        size = path.stat().st_size / 2**20
        for _ in tqdm(range(args.repeats), leave=False):
            for tool, read in _READ.items():
                work = _WORK.format(read, args.rows, args.columns)
                spent, held = fresh(work, path, kind="VmHWM")
                seconds[tool].append(spent)
                mib[tool].append(held)
    return [
        {
            "rows": args.rows,
            "columns": args.columns,
            "file_mib": size,
            "tool": tool,
            "seconds": min(seconds[tool]),
            "by_pandas": min(seconds[tool]) / min(seconds[LIMIT]),
            "peak_mib": None if None in mib[tool] else statistics.median(mib[tool]),
        }
        for tool in _READ
    ]


def markdown(rows):
    """Return the table of the results."""
    columns = {"tool": WORDS} | dict.fromkeys(
        ["rows", "columns", "file, MiB", "CPU seconds", "/ pandas", "peak MiB"], NUMBERS
    )
    forms = {
        "rows": ",",
        "columns": ",",
        "file_mib": ".0f",
        "seconds": ".2f",
        "by_pandas": ".2f",
        "peak_mib": ".0f",
    }
    cells = (
        [row["tool"]]
        + ["" if row[k] is None else format(row[k], f) for k, f in forms.items()]
        for row in rows
    )
    lines = [
        *table(columns, cells),
        "",
        "CPU seconds of reading alone, the fastest of several, in processes with one "
        "thread that have imported pandas and the command; the most resident memory "
        "of the process, the median.",
    ]
    return "\n".join(lines) + "\n"
