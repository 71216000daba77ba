"""Processes for the fits of a grid search: how many, and when they start."""

from joblib import Parallel, delayed, effective_n_jobs

# Pairs times features, or times pairs (as kernels have), below which all fits of a
# search take less time than the start of processes.
_SMALL = 500_000


def jobs_for(method, pairs, n_jobs):
    """Return the fits at a time: one where -1, all cores, would be slower.

    Networks are trained in threads, which cost nothing to start.
    """
    size = len(pairs) * max(len(pairs), pairs.image.shape[1] + pairs.text.shape[1])
    is_small = n_jobs == -1 and size < _SMALL and not method.trains_network
    return 1 if is_small else n_jobs


def begin_workers(methods, pairs, n_jobs):
    """Start processes, which are kept, so that no method's time has their start."""
    jobs = {jobs_for(method, pairs, n_jobs) for method in methods
            if not method.trains_network}  # fmt: skip
    for number in jobs:
        if (n := effective_n_jobs(number)) > 1:
            Parallel(number, batch_size=1)(delayed(_imported)() for _ in range(n))


def _imported():
    """Do nothing, in a process that has imported the package to find this."""
