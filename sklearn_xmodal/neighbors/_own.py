"""Answers without the query itself, where it is an item of the gallery."""


def search_others(search, own, k, n_searched):
    """Return scores and rows of the k best others, (n_queries, n_found).

    `search` takes a number of items to find; `own`, (n_queries,), is the row of the
    item that a query is, or -1 where it is not among the `n_searched` ones. As many are
    found as every query has.
    """
    n_others = n_searched - int((own >= 0).any())
    if n_others == 0:
        raise ValueError(
            "At least one item must be left beside the query itself. Got a search of "
            "one item, which is the query by ids_query."
        )
    k = min(k, n_others)
    scores, found = search(min(k + 1, n_searched))
    is_other = found != own[:, None]
    is_other[is_other.all(axis=1), k:] = False  # one too many, where it was not found
    return scores[is_other].reshape(-1, k), found[is_other].reshape(-1, k)
