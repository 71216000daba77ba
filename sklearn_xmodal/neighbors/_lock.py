"""Many may read at a time; who writes is alone."""

import threading
from contextlib import contextmanager


class SharedLock:
    """Lock of an object that is read by many threads and changed by few.

    Readers do not wait for each other. A writer waits for those that read, and those
    that come after a writer wait for it. Not reentrant. Copies and pickles get a new
    lock.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._n_reading = 0
        self._n_waiting = 0
        self._is_writing = False

    @contextmanager
    def reading(self):
        """Hold the lock together with other readers."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_writing or self._n_waiting))
            self._n_reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_reading -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self):
        """Hold the lock alone."""
        with self._changed:
            self._n_waiting += 1
            try:
                self._changed.wait_for(
                    lambda: not (self._is_writing or self._n_reading)
                )
                self._is_writing = True
            finally:
                self._n_waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()

    def __reduce__(self):
        return SharedLock, ()
