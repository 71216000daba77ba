"""A fuzzer of files: what anybody writes is loaded as a right object, or refused.

``python -m tests.persistence.fuzz --mutants 20000 --seed 0`` changes the golden files
of all formats where it hurts: documents, arrays, headers, archives of skops, folders.
Every checksum is right again afterwards, since a stranger can compute them, too. A
mutant must end in an `InvalidFileError` that names it, or in an object that holds what
its class sets, in little time and memory, and without a process, a connection or a
file. Errors of using such an object are errors of Python: nothing crashes.

Mutant i of a seed is the same everywhere, so ``--only i`` repeats one.
"""

import argparse
import contextlib
import faulthandler
import itertools
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path

import numpy as np

from sklearn_xmodal import RetrievalIndex, load
from sklearn_xmodal.base import BaseRetriever
from sklearn_xmodal.encoders import Encoder
from sklearn_xmodal.persistence import InvalidFileError, read_card
from tests.persistence.golden import FOLDER
from tests.persistence.mutants import mutate

#: CPU seconds and bytes that one mutant may take. Time of the wall is no measure where
#: machines are shared; it only ends a run that hangs.
MOST_SECONDS, MOST_BYTES, MOST_WAITING = 2.0, 200e6, 3600
_PROCESSES = (
    "subprocess.Popen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "socket.connect",
)
_FILES = (
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "shutil.move",
    "shutil.rmtree",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Records what is done to the system while it is on."""

    def __init__(self):
        self.is_on = False
        self.seen = []
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if not self.is_on:
            return
        is_write = event == "open" and isinstance(args[2], int) and args[2] & _WRITING
        if is_write or event in _PROCESSES or event in _FILES:
            self.seen.append((event, str(args)[:200]))


def seeds(pattern):
    """Return the golden files and folders that can be read here."""
    found = [*FOLDER.glob("models-*/*.xmodal"), *FOLDER.glob("indexes-*/*.index")]
    found = [path for path in sorted(found) if re.search(pattern, str(path))]
    return [path for path in found if _is_readable(path)]


def _is_readable(path):
    try:
        use(load(path))  # what is imported late is imported now
    except ImportError:
        return False
    except Exception:
        return True  # of use: some take no features
    return True


def wrongs(obj):
    """Yield what no object from a file may hold, wherever it hides."""
    seen, waiting = set(), [("", obj)]
    while waiting:
        place, value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            waiting += [(f"{place}[{k!r:.20}]", v) for k, v in value.items()]
        elif isinstance(value, (list, tuple, set)):
            waiting += [(f"{place}[]", v) for v in itertools.islice(value, 2000)]
        elif isinstance(value, np.ndarray) and value.dtype == object:
            waiting += [(f"{place}[]", v) for v in value.flat]
        elif type(value).__module__.startswith(("sklearn.", "sklearn_xmodal.")):
            yield from _wrong_attributes(place, value)
            waiting += [(f"{place}.{k}", v) for k, v in vars(value).items()]
        elif isinstance(value, Path) and not place.endswith("checkpoint_dir"):
            yield f"{place} is a path"
        elif isinstance(value, types.FunctionType) and ".net_" not in place:
            yield f"{place} is a function"


def _wrong_attributes(place, value):
    if isinstance(value, type):
        return
    for name in getattr(value, "__dict__", {}):
        if callable(getattr(type(value), name, None)):
            yield f"{place}.{name} takes the place of a method"
    if getattr(value, "memory", None) is not None:
        yield f"{place}.memory is {value.memory!r}"


def use(obj):
    """Do with an object what people do with it; errors of Python are fine."""
    repr(obj)
    if isinstance(obj, RetrievalIndex):
        obj.search(vectors=np.ones((2, obj.vectors.shape[1]), np.float32), k=1)
    elif isinstance(obj, Encoder):
        obj(np.ones((2, obj.n_features_in_)))
    elif isinstance(obj, BaseRetriever):
        obj.transform_image(np.ones((2, obj.n_image_features_)))
        obj.transform_text(np.ones((2, obj.n_text_features_)))


def is_right(obj):
    """Tell whether an object is of those that `save` takes."""
    if isinstance(obj, (Encoder, RetrievalIndex)):
        return True
    return hasattr(obj, "get_params") or hasattr(obj, "split")


def outcome(path, watch):
    """Load and use one mutant, and return what is wrong with that, if anything."""
    used, peak = time.process_time(), _peak()
    watch.seen.clear()
    watch.is_on, problems, kind = True, [], "loaded"
    try:
        obj = load(path)
        problems += [] if is_right(obj) else [f"a {type(obj).__name__}"]
        problems += wrongs(obj)
        with contextlib.suppress(Exception):
            use(obj)
        obj = None
    except InvalidFileError as error:
        kind = "refused"
        problems += [] if str(path) in str(error) else [f"no path in {error}"]
        if isinstance(error.__cause__, MemoryError):
            problems.append(f"{error.__cause__!r}")
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    if path.is_file():
        with contextlib.suppress(InvalidFileError):
            read_card(path)
    watch.is_on = False
    used = time.process_time() - used
    taken = _peak() - peak
    problems += [f"{used:.1f} seconds"] if used > MOST_SECONDS else []
    problems += [f"{taken / 1e6:.0f} MB"] if taken > MOST_BYTES else []
    return kind, problems + watch.seen


def _peak():
    """Return the most bytes of address space so far, used or not."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmPeak:\s+(\d+)", status)[1])


def run(n_mutants, seed, pattern, only=None):
    """Try mutants, print what is wrong, and return how many are."""
    originals, counts, n_wrong = seeds(pattern), {"loaded": 0, "refused": 0}, 0
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n_mutants) if only is None else [only]:
            rng = np.random.default_rng([seed, i])
            original = originals[i % len(originals)]
            path = Path(folder) / "mutant"
            how = mutate(original, path, rng)
            kind, problems = outcome(path, watch)
            counts[kind] += 1
            if problems:
                n_wrong += 1
                print(f"mutant {i}, {original.name}, {how}: {problems}")  # noqa: T201
            _remove(path)
    found = f"{counts['loaded']} loaded, {counts['refused']} refused"
    print(f"{found}, {n_wrong} wrong")  # noqa: T201
    return n_wrong


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main():
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--files", default="", help="regular expression of golden ones")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    limit = _peak() + 2**32
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    faulthandler.dump_traceback_later(MOST_WAITING, exit=True)
    n_wrong = run(options.mutants, options.seed, options.files, options.only)
    sys.exit(bool(n_wrong))


if __name__ == "__main__":
    main()
