"""What reading a file may raise."""


class InvalidFileError(ValueError):
    """A file is damaged, foreign, too new, or holds what was never written.

    Nothing of the file was executed or imported by its wish. The message says what
    is wrong and what to do.

    Parameters
    ----------
    message : str
        That text.

    See Also
    --------
    sklearn_xmodal.load : Raises it.
    read_card : Raises it too.
    """

    def __init__(self, message):
        super().__init__(message)
