"""What a user can mend: told in one line, with exit status 2."""

from contextlib import contextmanager


class CommandError(Exception):
    """An error of the input, not of the program."""


class UnclearFileError(CommandError):
    """It is not clear what of a file is meant: the command line may say it."""

    def __init__(self, message, path):
        super().__init__(message)
        self.path = path


@contextmanager
def told(what):
    """Tell in one line what the package refuses, after the words of what was tried."""
    try:
        yield
    except (ValueError, TypeError, ImportError) as error:
        raise CommandError(f"{what}: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise CommandError(f"{what}: {error.strerror or error}") from error
