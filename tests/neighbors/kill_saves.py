"""Kill saves of an index at random moments: ``kill_saves.py PATH N``.

Every fifth one is killed at once and every fifth one when it is done, so that both
outcomes come up on machines of any load. Prints how often the old and how often the
new index was there afterwards.
"""

import os
import random
import signal
import sys
import time

import numpy as np

from sklearn_xmodal import RetrievalIndex


def main(path, n_kills):
    rng = random.Random(0)
    sides = [RetrievalIndex(vectors=np.full((n, 50), n)) for n in (3000, 5000)]
    sides[0].save(path)
    start = time.perf_counter()
    sides[0].save(path)
    seconds = time.perf_counter() - start
    counts, last = [0, 0], 0
    for i in range(n_kills):
        is_done, report = os.pipe()
        pid = os.fork()
        if pid == 0:
            sides[1 - last].save(path)
            os.write(report, b"!")
            while True:
                time.sleep(1)
        if i % 5 == 0:
            os.read(is_done, 1)
        elif i % 5 > 1:
            time.sleep(rng.random() * 2 * seconds)
        os.close(is_done)
        os.close(report)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        is_new = len(RetrievalIndex.load(path)) == len(sides[1 - last])
        if not is_new:
            assert len(RetrievalIndex.load(path)) == len(sides[last])
        counts[is_new] += 1
        last = 1 - last if is_new else last
    sides[0].save(path)
    sys.stdout.write("{} {}".format(*counts))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
