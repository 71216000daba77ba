"""Signs of life of long work: a bar on a terminal, lines elsewhere."""

import itertools
import sys
import time
from functools import partial
from threading import Lock

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 15


class Progress:
    """Show what is searched, and how far the training of a network is.

    On a terminal it is one bar. Elsewhere it is a line per search, and one from inside
    of a search every 15 seconds.
    """

    def __init__(self, n_searches):
        self.n_searches = n_searches
        self.on_terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=n_searches, unit="search", disable=not self.on_terminal, leave=False
        )
        self.n_begun = 0
        self.lock = Lock()  # networks are trained in threads

    def begin(self, title):
        """Show that a search begins."""
        self.title = title
        self.n_begun += 1
        self.fits = itertools.count(1)
        self.last_line = time.monotonic()
        self.bar.set_description(title)

    def begin_fit(self, n_fits):
        """Return what takes the epochs done, and those to do, of the next of n fits."""
        return partial(self._tell, f"fit {next(self.fits)} of {n_fits}")

    def end(self, result):
        """Show that the search has ended, and its result."""
        self.bar.set_postfix_str("", refresh=False)
        self.bar.update()
        if not self.on_terminal:
            self._print(result)

    def close(self):
        """Take the bar away."""
        self.bar.close()

    def _tell(self, fit, epoch, n_epochs):
        state = f"{fit}, epoch {epoch} of {n_epochs}"
        with self.lock:
            if self.on_terminal:
                self.bar.set_postfix_str(state)
            elif time.monotonic() - self.last_line >= _SECONDS_BETWEEN_LINES:
                self.last_line = time.monotonic()
                self._print(state)

    def _print(self, text):
        print(f"[{self.n_begun}/{self.n_searches}] {self.title}: {text}", flush=True)
