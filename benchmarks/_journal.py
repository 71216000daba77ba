"""Results that survive a kill: one line per finished task, synced to disk."""

import csv
import json
import os

from joblib import Parallel, delayed
from tqdm import tqdm


class Journal:
    """Rows by key, read from and appended to a file of JSON lines.

    The first line records the settings: a run with others must not continue it.
    """

    def __init__(self, path, settings):
        self.path = path
        self.rows = {}
        if path.exists():
            self._read(settings)
        else:
            self._append({"settings": settings})

    def _read(self, settings):
        content = self.path.read_bytes()
        # A killed writer leaves at most one unfinished last line.
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            self.path.write_bytes(complete)
        header, *rows = [json.loads(line) for line in complete.splitlines()] or [None]
        if header is None:
            self._append({"settings": settings})
        elif header["settings"] != settings:
            raise ValueError(
                f"{self.path} was made with other settings: {header['settings']}, "
                f"not {settings}. Continue with those, or choose another --out."
            )
        for row in rows:
            self.rows[tuple(row["key"])] = row

    def _append(self, record):
        with self.path.open("ab") as file:
            file.write(json.dumps(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def add(self, key, row):
        """Record the row of a finished task."""
        record = {"key": list(key), **row}
        self._append(record)
        self.rows[tuple(key)] = record

    def complete(self, keys, function, *options, n_jobs=1):
        """Add the row ``function(key, *options)`` of every key that has none yet."""
        missing = [key for key in keys if key not in self.rows]
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        bar = tqdm(total=len(keys), initial=len(keys) - len(missing), unit="task")
        with bar:
            tasks = (delayed(_keyed)(function, key, *options) for key in missing)
            for key, row in parallel(tasks):
                self.add(key, row)
                bar.set_postfix_str(", ".join(map(str, key)))
                bar.update()

    def sorted_rows(self, order):
        """Return all rows in the order of a sort key over keys."""
        return [self.rows[key] for key in sorted(self.rows, key=order)]


def _keyed(function, key, *options):
    return key, function(key, *options)


def write_csv(rows, columns, path):
    """Write rows atomically: readers see the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)
