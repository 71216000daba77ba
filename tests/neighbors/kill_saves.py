"""Kill saves of an index at random moments: ``kill_saves.py FOLDER N``.

Prints how often the old and how often the new index was there afterwards.
"""

import os
import random
import signal
import sys
import time

import numpy as np

from sklearn_xmodal import RetrievalIndex


def main(folder, n_kills):
    rng = random.Random(0)
    sides = [RetrievalIndex(vectors=np.full((n, 50), n)) for n in (3000, 5000)]
    sides[0].save(folder)
    start = time.perf_counter()
    sides[0].save(folder)
    seconds = time.perf_counter() - start
    counts, last = [0, 0], 0
    for _ in range(n_kills):
        pid = os.fork()
        if pid == 0:
            sides[1 - last].save(folder)
            while True:
                time.sleep(1)
        time.sleep(rng.random() * 2 * seconds)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        is_new = len(RetrievalIndex.load(folder)) == len(sides[1 - last])
        if not is_new:
            assert len(RetrievalIndex.load(folder)) == len(sides[last])
        counts[is_new] += 1
        last = 1 - last if is_new else last
    sides[0].save(folder)
    sys.stdout.write("{} {}".format(*counts))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
