"""How much memory there is, for what would end in the death of the process."""

import os
from contextlib import suppress
from pathlib import Path

# Of the container around the process, in version 2 and 1 of control groups.
_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


def usable_memory():
    """Return the bytes of this machine, or of the container; None where nobody says."""
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # not of this system
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # no such limit, or "max"
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits, default=None)


def check_memory(n_bytes, what, advice, usable=None):
    """Raise a ValueError, before anything is allocated, for more bytes than there are.

    Those of the device that `usable` says, else of this machine; what others use of
    them does not count.
    """
    usable = usable_memory() if usable is None else usable
    if usable is not None and n_bytes > usable:
        raise ValueError(
            f"{what} must fit into memory. Got about {n_bytes / 1e9:.3g} GB, where "
            f"there are {usable / 1e9:.3g} GB. {advice}"
        )
