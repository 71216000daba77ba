"""What the numbers say, in sentences."""

_WHERE = {
    "standard": "On seen classes",
    "extendable": "On unseen classes",
    "generalized": "On seen and unseen classes together",
}
_TITLES = {
    "standard": "Seen classes",
    "extendable": "Unseen classes",
    "generalized": "Seen and unseen classes",
}
_MEANING = {
    "standard": "Training has seen other pairs of the classes that are searched among.",
    "extendable": "No class that is searched among was seen in training.",
    "generalized": "Training has seen half of the classes that are searched among.",
}


def title(summary):
    """Return the heading of a protocol."""
    return "Pairs without labels" if summary.by_pair else _TITLES[summary.protocol]


def meaning(summary):
    """Return what a protocol asks."""
    if summary.by_pair:
        return "The other half of a pair is the only right answer."
    return _MEANING[summary.protocol]


def describe_interval(summary, data):
    """Return what the intervals are over."""
    if summary.n_splits > 1:
        return (
            f"Mean of {summary.n_splits} random splits. Intervals are of 95 %, over "
            "splits, corrected for the pairs that splits share"
        )
    return (
        f"One random split. Intervals are of 95 %, over {_unit(data)} of its test "
        "part; with another split or other classes figures would move further"
    )


def _unit(data):
    return "queries" if data.groups is None else "groups"


def describe_lead(summary, data):
    """Return whether the best method can be told from the second, if there is one."""
    where = "On pairs" if summary.by_pair else _WHERE[summary.protocol]
    best, *others = summary.methods
    if not others:
        return ""
    second = others[0]
    if second.behind_interval is None:
        return f"{where} one split does not say whether {best.name} is ahead."
    low, high = second.behind_interval
    figures = f"{second.behind:+.3f} mAP, 95 % interval {low:+.3f} to {high:+.3f}"
    said, over = "is ahead of", f"{_unit(data)} of its test part"
    if summary.n_splits > 1:
        over = f"{summary.n_splits} splits, a lead in {summary.count_leads()} of them"
    if low <= 0:
        said = "cannot be told from"
    return f"{where} {best.name} {said} {second.name} ({figures}, over {over})."


def list_names(names, most=6):
    """Return names in a row, and how many more there are."""
    shown = ", ".join(str(name) for name in names[:most])
    more = len(names) - most
    return shown + (f" and {more} more" if more > 0 else "")
