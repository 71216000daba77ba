"""What a user can mend: told in one line, with exit status 2."""


class CommandError(Exception):
    """An error of the input, not of the program."""
