"""Names of columns: which are meant, how they are told, what they may be."""

import re
from fnmatch import fnmatchcase

from sklearn_xmodal.cli._errors import UnclearFileError

_SIDES = {
    "image": re.compile(r"img|image|photo|(?<![a-z])(pic|vis)"),
    "text": re.compile(r"txt|caption|(?<![a-z])(text|sent|word|title|desc)"),
}
_NUMBERED = re.compile(r"(.*?)\d+")
_MOST_SHOWN = 12


def places_of(pattern, names, path):
    """Return the places of the columns of a name, or of a pattern with * or ?."""
    places = [i for i, name in enumerate(names) if name == pattern]
    places = places or [i for i, n in enumerate(names) if fnmatchcase(n, pattern)]
    if not places:
        raise UnclearFileError(
            f"{path} must have columns called {pattern!r}: got {say_names(names)}", path
        )
    return places


def place_of(name, names, path):
    """Return the place of the one column of a name."""
    if names.count(name) != 1:
        raise UnclearFileError(
            f"{path} must have one column {name!r}: got {names.count(name)} among "
            f"{say_names(names)}",
            path,
        )
    return names.index(name)


def numbered_groups(names):
    """Return pattern -> names, of two columns or more that differ by a number."""
    groups: dict = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            groups.setdefault(match[1], []).append(name)
    found = {}
    for stem, members in groups.items():
        if len(members) > 1:
            plain = f"{stem}*"
            matched = [name for name in names if fnmatchcase(name, plain)]
            found[plain if matched == members else f"{stem}[0-9]*"] = members
    return found


def modality_of(name):
    """Return "image" or "text" where a name says it, None otherwise."""
    found = [side for side, words in _SIDES.items() if words.search(name.lower())]
    return found[0] if len(found) == 1 else None


def say_names(names):
    """Return names as text, numbered ones by their pattern."""
    groups = numbered_groups(names)
    grouped = {name: p for p, members in groups.items() for name in members}
    shown = list(dict.fromkeys(grouped.get(name, name) for name in names))
    words = [f"{n} ({len(groups[n])} columns)" if n in groups else n for n in shown]
    more = f", and {len(words) - _MOST_SHOWN} more" if len(words) > _MOST_SHOWN else ""
    return ", ".join(words[:_MOST_SHOWN]) + more
