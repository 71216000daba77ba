"""Named entries of what was read from a file."""

from collections import Counter

#: Numbers and tuples of a file can be chosen to have one hash, and lookups take as long
#: as there are such ones. Those that come about by chance have a few of each.
_MOST_OF_A_HASH = 64


def check_entries(found, expected):
    """Raise a ValueError unless a dict from a file has exactly these entries."""
    expected, found = set(expected), set(found)
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise ValueError(
            f"a state must have the entries {sorted(expected)}. Missing are {missing}, "
            f"unknown {unknown}"
        )


def check_hashes(keys):
    """Raise a ValueError if many keys of a dict from a file have the same hash."""
    counts = Counter(map(hash, keys))
    if counts and max(counts.values()) > _MOST_OF_A_HASH:
        raise ValueError("keys that were made to have the same hash")
