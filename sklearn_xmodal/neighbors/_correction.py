"""Corrections for hubs of score matrices, with the formulas of an index."""

import numpy as np

from sklearn_xmodal.neighbors._hubness import HubnessFormula
from sklearn_xmodal.utils._validation import check_numbers


def correct_hubness(
    scores,
    reference_scores,
    kind,
    *,
    n_hubness_neighbors=10,
    inverse_temperature=30.0,
    hubness_weight=0.75,
):
    r"""Take from scores how near each item of the gallery is to queries in general.

    Hubs are items that are near to many queries without being what these ask for.
    Reference queries tell which items they are. Take those of the training data: with
    the queries that are to be judged, a correction knows more than a search ever does.

    Parameters
    ----------
    scores : array-like of shape (n_queries, n_gallery)
        Similarities of the queries with the items of a gallery, such as cosines.

    reference_scores : array-like of shape (n_references, n_gallery)
        Similarities of reference queries with the same items.

    kind : {"csls", "nnn", "inverted_softmax", "dynamic_inverted_softmax"}
        What to take, see Notes.

    n_hubness_neighbors : int, default=10
        Reference queries that count per item, :math:`k` of "csls" and "nnn".

    inverse_temperature : float, default=30.0
        The :math:`\beta` of "inverted_softmax" and "dynamic_inverted_softmax",
        larger than 0.

    hubness_weight : float, default=0.75
        The :math:`\alpha` of "nnn", from 0 to 10.

    Returns
    -------
    corrected : ndarray of shape (n_queries, n_gallery)
        Scores less their correction, in float64: what a metric of score matrices takes.

    Raises
    ------
    ValueError
        If the matrices are not finite or have different numbers of columns, there are
        fewer reference queries than neighbours, or a parameter is out of range.

    See Also
    --------
    sklearn_xmodal.RetrievalIndex : Searches with the same corrections, `hubness`.
    sklearn_xmodal.metrics.k_occurrence_skewness : How much a gallery suffers from hubs.

    Notes
    -----
    All corrections rank the items :math:`g` for a query :math:`q` by

    .. math:: s(q, g) - a(q)\, b(g)

    With "nnn", nearest neighbour normalisation [1]_, :math:`a(q)\, b(g)` is
    :math:`\alpha` times the mean score of :math:`g` with its :math:`k` nearest
    reference queries. Its authors choose :math:`k` and :math:`\alpha`, between 1/4 and
    3/2, by validation.

    "csls" [2]_ is the same with :math:`\alpha = 1/2`. The published
    :math:`2 s(q, g) - r(q) - r(g)` is twice that, less one number per query, which
    changes no ranking.

    With "inverted_softmax" [3]_, :math:`a(q) = 1` and, of :math:`n` reference queries,

    .. math:: b(g) = \frac{1}{\beta} \log \frac{1}{n} \sum_{q'} e^{\beta s(q', g)}

    which orders items as the published
    :math:`e^{\beta s(q, g)} / \sum_{q'} e^{\beta s(q', g)}`.

    "dynamic_inverted_softmax" is QB-Norm, querybank normalisation [4]_: the same
    :math:`b`, with :math:`a(q) = 1` if the item with the best score of :math:`q` is
    that of some reference query, and else :math:`a(q) = 0`. Of several equal ones, the
    first counts. Its authors use :math:`\beta = 20`. Scores of corrected queries are
    not to be compared with those of others.

    References
    ----------
    .. [1] Chowdhury, Wang, Shenoy, Kiela, Schwettmann and Thrush, "Nearest neighbor
       normalization improves multimodal retrieval", EMNLP 2024.

    .. [2] Conneau, Lample, Ranzato, Denoyer and Jegou, "Word translation without
       parallel data", ICLR 2018.

    .. [3] Smith, Turban, Hamblin and Hammerla, "Offline bilingual word vectors,
       orthogonal transformations and the inverted softmax", ICLR 2017.

    .. [4] Bogolin, Croitoru, Jin, Liu and Albanie, "Cross modal retrieval with
       querybank normalisation", CVPR 2022.

    Examples
    --------
    The first item is the best for all; the second query asks for the second:

    >>> from sklearn_xmodal.neighbors import correct_hubness
    >>> scores = [[0.9, 0.2], [0.8, 0.7]]
    >>> reference_scores = [[0.8, 0.1], [0.9, 0.4], [0.9, 0.5]]
    >>> correct_hubness(scores, reference_scores, "csls", n_hubness_neighbors=2)
    array([[ 0.45 , -0.025],
           [ 0.35 ,  0.475]])
    """
    scores = check_numbers(scores, "scores", dtype=np.float64)
    reference_scores = check_numbers(
        reference_scores, "reference_scores", dtype=np.float64
    )
    if scores.shape[1] != reference_scores.shape[1]:
        raise ValueError(
            "scores and reference_scores must have a column for every item of the same "
            f"gallery. Got {scores.shape[1]} and {reference_scores.shape[1]} columns."
        )
    formula = HubnessFormula(
        kind,
        len(reference_scores),
        n_neighbors=n_hubness_neighbors,
        inverse_temperature=inverse_temperature,
        weight=hubness_weight,
        owner="correct_hubness",
    )
    amounts = formula.amount
    if formula.is_dynamic:
        activated = reference_scores.argmax(axis=1)
        amounts = formula.amounts(scores.argmax(axis=1), activated)[:, None]
    return scores - amounts * formula.nearness(reference_scores.T)
