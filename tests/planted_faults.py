"""Plant faults in copies of the checkout, one at a time: which ones do tests catch?

``planted_faults.toml`` holds the faults: what a refactoring could do to a line. Each is
planted in a copy of its own in the folder for temporary files. The tests that the table
names for it and those of its subpackage run first, then all others, until one fails. In
the root of a checkout::

    python -m tests.planted_faults                  against all that pytest runs
    python -m tests.planted_faults --first-only     against the tests of the subpackage
    python -m tests.planted_faults --only 'CCA*' 'index: *'
    python -m tests.planted_faults --out tests/planted_faults.md
    python -m tests.planted_faults -- --all         what follows ``--`` is for pytest

Before it starts, the tests must pass without a fault; ``--no-base`` takes that for
granted. It exits with 1 if more than two faults survive.
"""

import argparse
import contextlib
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "planted_faults.toml"
#: Notices every fault, as a quotation that does not hold.
OWN_TEST = "tests/test_planted_faults.py"
MOST_SURVIVORS = 2
SURVIVED, TIMED_OUT = "survived", "timed out"
#: What no rerun could change: one thread, and paths that lead to the copy alone.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PASSED, FAILED, INTERRUPTED, NO_TESTS = 0, 1, 2, 5  # exit codes of pytest
# Lines of pytest's summary: the test, or the file that could not be collected.
_FIRST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One change of one file."""

    name: str
    file: str
    old: str
    new: str
    first: list = field(default_factory=list)  # tests that are likely to notice

    def planted_in(self, text):
        """Return the text of the file with the fault."""
        n = text.count(self.old)
        if n != 1:
            raise ValueError(
                f"fault {self.name!r} no longer applies: its old text must be once in "
                f"{self.file}. Got it {n} times."
            )
        return text.replace(self.old, self.new)


def read_faults():
    """Return all faults of the table."""
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))["fault"]
    return [Fault(**entry) for entry in entries]


def mirrored_tests(fault):
    """Return the paths of the tests that mirror a module, those of its name first."""
    module = Path(fault.file).relative_to("sklearn_xmodal")
    part = module.parts[0].removesuffix(".py")
    if part == "__init__":
        return ["tests/test_architecture.py"]
    folder = ROOT / "tests" / part
    if not folder.is_dir():
        return [f"tests/test_{part}.py"]
    own = f"test{module.stem}.py"
    files = sorted(folder.glob("test_*.py"), key=lambda p: (p.name != own, p.name))
    return [path.relative_to(ROOT).as_posix() for path in files]


def stages(fault, first_only):
    """Return what pytest is given, one run after the other."""
    mirrored = mirrored_tests(fault)
    rest = [] if first_only else [f"--ignore={path}" for path in mirrored]
    return [tests for tests in (fault.first, mirrored, rest) if tests]


class Bench:
    """Where faults are planted and tests are run.

    Parameters
    ----------
    folder : Path
        Gets the copies.

    timeout : float
        Seconds that a run of pytest may take.

    options : list of str
        For pytest.
    """

    def __init__(self, folder, timeout, options):
        self.folder = folder
        self.timeout = timeout
        self.options = options
        self._files = _files_of_checkout()
        self._running = set()

    @contextlib.contextmanager
    def copy(self, name):
        """Make a copy of the checkout, with what it has beside it."""
        home = self.folder / name
        for file in self._files:
            target = home / ROOT.name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target)
        data = ROOT.parent / "shared" / "data"
        if data.is_dir():
            (home / "shared").mkdir()
            (home / "shared" / "data").symlink_to(data.resolve())
        try:
            yield home / ROOT.name
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def pytest(self, copy, *arguments):
        """Run pytest until a test fails; return None, or which one it was."""
        temporary = copy.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = os.environ | dict.fromkeys(THREADS, "1")
        # Also for processes that tests start elsewhere.
        environment |= {"PYTHONPATH": str(copy), "TMPDIR": str(temporary)}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0"]
        command += ["-p", "no:cacheprovider", f"--ignore={OWN_TEST}"]
        command += [*self.options, *arguments]
        process = subprocess.Popen(
            command,
            cwd=copy,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that what tests start ends with them
        )
        self._running.add(process)
        try:
            output, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            return TIMED_OUT
        finally:
            self._running.discard(process)
        return _verdict(process.returncode, output)

    def stop(self):
        """End all that is running."""
        for process in list(self._running):
            _kill(process)

    def try_fault(self, fault, number, first_only):
        """Return which test catches a fault, or that it survived."""
        with self.copy(f"fault{number}") as copy:
            path = copy / fault.file
            text = fault.planted_in(path.read_text(encoding="utf-8"))
            path.write_text(text, encoding="utf-8")
            runs = (self.pytest(copy, *tests) for tests in stages(fault, first_only))
            return next((caught for caught in runs if caught), SURVIVED)

    def check_base(self, faults, first_only):
        """Raise a RuntimeError unless tests pass, with the copy's own code."""
        with self.copy("base") as copy:
            code = "import sklearn_xmodal; print(sklearn_xmodal.__file__)"
            found = subprocess.check_output(
                [sys.executable, "-c", code], cwd=copy, text=True
            )
            if not Path(found.strip()).is_relative_to(copy):
                raise RuntimeError(f"tests would run against {found.strip()}")
            first = {path: None for f in faults for path in mirrored_tests(f) + f.first}
            caught = self.pytest(copy, *(first if first_only else ()))
        if caught is not None:
            raise RuntimeError(f"without a fault, tests must pass. Got: {caught}")


def _files_of_checkout():
    """Return the files that git knows or would add, as they are now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.check_output(command, cwd=ROOT, text=True)
    names = sorted(set(output.split("\0")) - {""})
    return [name for name in names if (ROOT / name).is_file()]


def _kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _verdict(returncode, output):
    """Return None for tests that pass, or the first that did not."""
    if returncode in (PASSED, NO_TESTS):
        return None
    if returncode in (FAILED, INTERRUPTED):
        found = _FIRST_FAILURE.search(output)
        return found[1] if found else "what pytest does at its end"
    if returncode < 0:
        return f"killed by signal {-returncode}"
    raise RuntimeError(f"pytest could not run the tests:\n{output[-3000:]}")


def run(faults, bench, jobs, first_only):
    """Yield each fault with what caught it, as they end."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(bench.try_fault, fault, i, first_only): fault
            for i, fault in enumerate(faults)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            bench.stop()
            raise


def report(faults, caught, first_only):
    """Return the table of what was caught as Markdown."""
    n_survived = list(caught.values()).count(SURVIVED)
    tests = "the tests of its subpackage" if first_only else "all tests of the tier"
    lines = [
        "# Planted faults",
        "",
        f"Written by `python -m tests.planted_faults`: {len(faults)} faults, each run "
        f"against {tests}; {n_survived} survived.",
        "",
        "| fault | file | caught by |",
        "| --- | --- | --- |",
    ]
    for fault in faults:
        by = caught[fault.name]
        by = f"`{by}`" if "::" in by or by.endswith(".py") else f"**{by}**"
        file = fault.file.removeprefix("sklearn_xmodal/")
        cells = fault.name, f"`{file}`", by
        lines.append("| " + " | ".join(c.replace("|", r"\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def choose(faults, patterns):
    """Return the faults whose names match one of the patterns."""
    if patterns is None:
        return faults
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(fault.name, pattern) for fault in faults):
            raise SystemExit(f"no fault is called {pattern!r}: see --list")
    return [f for f in faults if any(fnmatch.fnmatchcase(f.name, p) for p in patterns)]


def build_parser():
    """Return the parser of the command line."""
    about = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(
        "python -m tests.planted_faults", description=about
    )
    add = parser.add_argument
    add("--list", action="store_true", help="show the names of all faults")
    add("--only", nargs="+", metavar="NAME", help="these faults; * stands for anything")
    add("--first-only", action="store_true", help="no tests of other subpackages")
    add("--no-base", action="store_true", help="do not run the tests without a fault")
    add("--jobs", type=int, default=2, help="faults at a time (default: 2)")
    add("--timeout", type=float, default=1800, metavar="SECONDS",
        help="of one run of pytest; a fault that makes it hang is caught")  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="where the table goes, as Markdown")
    add("options", nargs="*", metavar="-- OPTIONS", help="for pytest")
    return parser


def main(argv=None):
    """Run the command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    faults = choose(read_faults(), arguments.only)
    if arguments.list:
        print(*(fault.name for fault in faults), sep="\n")
        return 0
    for fault in faults:  # before hours of work
        fault.planted_in((ROOT / fault.file).read_text(encoding="utf-8"))
    caught = {}
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        bench = Bench(Path(folder).resolve(), arguments.timeout, arguments.options)
        if not arguments.no_base:
            bench.check_base(faults, arguments.first_only)
        done = run(faults, bench, arguments.jobs, arguments.first_only)
        for fault, by in done:
            caught[fault.name] = by
            print(f"[{len(caught)}/{len(faults)}] {fault.name}: {by}", flush=True)
    if arguments.out is not None:
        text = report(faults, caught, arguments.first_only)
        arguments.out.write_text(text, encoding="utf-8")
    n_survived = list(caught.values()).count(SURVIVED)
    print(f"{n_survived} of {len(faults)} faults survived.")
    return int(n_survived > MOST_SURVIVORS)


if __name__ == "__main__":
    # So that no test of ours outlives a script that is ended, not interrupted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
