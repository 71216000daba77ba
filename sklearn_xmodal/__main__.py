"""Compare retrievers from the command line: ``python -m sklearn_xmodal``."""

import os
import sys

__all__ = ["main"]


def main(argv=None):
    """Run the command with one thread per fit, unless the caller says otherwise.

    Searches fit several models at a time, and thread pools that share cores slow each
    other down many times over. It must be set before numpy and torch are loaded.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments, those of the process where `None`.

    Returns
    -------
    status : int
        Exit status.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from sklearn_xmodal import cli

    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
