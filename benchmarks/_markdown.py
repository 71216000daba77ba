"""Tables in Markdown."""

#: Rules below the titles: columns of words, and of numbers.
WORDS, NUMBERS = "---", "---:"


def table(columns, rows):
    """Return the lines of a table.

    Parameters
    ----------
    columns : dict
        Title -> `WORDS` or `NUMBERS`.

    rows : iterable of sequence of str
        The cells.

    Returns
    -------
    lines : list of str
        Titles, rules, rows.
    """
    return ["| " + " | ".join(row) + " |" for row in (columns, columns.values(), *rows)]
