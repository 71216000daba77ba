"""The command line: `xmodal`, also as ``python -m sklearn_xmodal``."""

import os
import sys

__all__ = ["main", "xmodal"]


def main(argv=None):
    """Run ``python -m sklearn_xmodal``: `xmodal`, which alone compares the emoji.

    It has one thread per fit, unless the caller says otherwise: searches fit several
    models at a time, and thread pools that share cores slow each other down many times
    over.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        Exit status.
    """
    return _program("main", argv)


def xmodal(argv=None):
    """Run `xmodal`, with one thread per fit likewise.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        Exit status.
    """
    return _program("xmodal", argv)


def _program(name, argv):
    # It must be set before numpy and torch are loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        from sklearn_xmodal import cli
    except KeyboardInterrupt:  # while they are
        return 130
    return getattr(cli, name)(argv)


if __name__ == "__main__":
    sys.exit(main())
