"""Named entries of what was read from a file."""


def check_entries(found, expected):
    """Raise a ValueError unless a dict from a file has exactly these entries."""
    expected, found = set(expected), set(found)
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise ValueError(
            f"a state must have the entries {sorted(expected)}. Missing are {missing}, "
            f"unknown {unknown}"
        )
