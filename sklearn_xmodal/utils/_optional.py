"""What is needed for some things only, and may not be installed."""


def check_matplotlib(caller):
    """Raise an ImportError that names the extra where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'{caller} needs matplotlib: pip install "sklearn-xmodal[plot]".'
        ) from error
