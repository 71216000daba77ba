"""Tables for pandas, where it is installed."""


def as_frame(data, what, **options):
    """Return a DataFrame; an ImportError names what needs pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(f"{what} needs pandas: pip install pandas.") from error
    return pd.DataFrame(data, **options)
