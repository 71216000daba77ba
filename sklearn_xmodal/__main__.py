"""Compare retrievers from the command line: ``python -m sklearn_xmodal``."""

import sys

from sklearn_xmodal.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
