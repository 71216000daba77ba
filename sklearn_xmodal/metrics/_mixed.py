"""One gallery of both modalities, and how far apart the two lie."""

import numpy as np

from sklearn_xmodal.metrics._engine._codes import (
    CodePairs,
    check_codes,
    check_same_space,
    unit_rows,
)
from sklearn_xmodal.metrics._engine._metric import make_metric
from sklearn_xmodal.metrics._engine._mixed import score_among_both
from sklearn_xmodal.metrics._engine._options import check_one_of, check_ranking_options

MODALITIES = ("image", "text")
_WEIGHTS_OF = {"image": "image_to_text", "text": "text_to_image"}


def modality_gap_score(Z_img, Z_txt):
    r"""Distance between the mean codes of the two modalities: lower is better.

    Images of a joint embedding lie around one point and texts around another [1]_. The
    gap is

    .. math:: \left\| \frac{1}{n} \sum_{i=1}^n \frac{z_i}{\|z_i\|} -
        \frac{1}{m} \sum_{j=1}^m \frac{t_j}{\|t_j\|} \right\|

    between 0 and 2. It tells little of search from one modality to the other; in a
    gallery of both, where it is large, all items of the query's own modality come
    before any other.

    Parameters
    ----------
    Z_img : array-like of shape (n_images, n_components)
        Image codes, of any length. A code of zeros stays one.

    Z_txt : array-like of shape (n_texts, n_components)
        Text codes. They need not be of the same pairs, nor as many.

    Returns
    -------
    gap : float
        The distance.

    Raises
    ------
    ValueError
        If the codes are not finite matrices of the same width.

    See Also
    --------
    mixed_gallery_score : What the gap does to a gallery of both modalities.
    sklearn_xmodal.CosineRetriever : Takes the means away, with `center`.
    sklearn_xmodal.RetrievalIndex : Likewise.

    References
    ----------
    .. [1] W. Liang, Y. Zhang, Y. Kwon, S. Yeung, J. Zou, "Mind the gap: understanding
       the modality gap in multi-modal contrastive representation learning", NeurIPS
       2022.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import modality_gap_score
    >>> modality_gap_score([[5.0, 0.0], [1.0, 0.0]], [[0.0, 2.0]])
    1.4142135623730951
    """
    Z_img, Z_txt = check_codes(Z_img, "Z_img"), check_codes(Z_txt, "Z_txt")
    check_same_space(Z_img, Z_txt, ("Z_img", "Z_txt"))
    means = [
        unit_rows(Z.astype(np.float64), name).mean(axis=0)
        for Z, name in ((Z_img, "Z_img"), (Z_txt, "Z_txt"))
    ]
    return float(np.linalg.norm(means[0] - means[1]))


def mixed_gallery_score(
    Z_img,
    Z_txt,
    y=None,
    *,
    groups=None,
    query="mean",
    metric="mean_average_precision",
    k=None,
    denominator="min",
    ties="average",
    zero_division="raise",
    sample_weight=None,
    working_memory=None,
    n_jobs=None,
):
    """Score the search of one gallery that holds both modalities.

    Row i of `Z_img` and row i of `Z_txt` are codes of one pair. Images and texts are
    one gallery, ranked by cosine similarity. Every item of the modality `query` is a
    query in turn, and left out of its own ranking.

    Parameters
    ----------
    Z_img : array-like of shape (n_samples, n_components)
        Image codes.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes.

    y : array-like of shape (n_samples,) or {array-like, sparse matrix} of shape \
            (n_samples, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label), shared by both
        modalities: relevant are other items of either modality with the same label, or
        a shared class. If `None`, only the other half of the same pair is relevant,
        with `groups` the picture and all its texts to each other.

    groups : array-like of shape (n_samples,), default=None
        Ids of the pictures, where several texts belong to one and its code is
        repeated for each. A picture then counts once, as a query and in the gallery;
        every text counts.

    query : {"image", "text", "mean"}, default="mean"
        Modality of the queries, or the mean of both.

    metric : str, default="mean_average_precision"
        What to compute, see :func:`retrieval_score`. ``"hit_rate_at_k"`` without labels
        is how often the other half is among the first k of both modalities.

    k : int, default=None
        Cut-off rank. If `None`, the whole gallery counts. Precision, recall and hit
        rate need one; MAP@R, R-precision and the median rank have none.

    denominator : {"min", "relevant", "retrieved"}, default="min"
        What average precision divides by, see :func:`mean_average_precision_score`.

    ties : {"average", "stable"}, default="average"
        Expectation over all orders of equally similar items, or gallery order, in
        which images come first.

    zero_division : {"raise", 0.0, 1.0, np.nan}, default="raise"
        Score of a query without relevant items: a multi-label row without classes.

    sample_weight : array-like of shape (n_samples,), default=None
        How much every pair counts as a query, at least 0, in either modality. All
        items are in the gallery, whatever their weight. A picture of several pairs has
        the mean of their weights.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries, by
        default `sklearn.get_config()["working_memory"]`.

    n_jobs : int, default=None
        Number of threads that share the queries. `None` means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.

    Returns
    -------
    score : float
        Value of the metric. All lie between 0 and 1 and higher is better, except for
        "median_rank_error".

    Raises
    ------
    ValueError
        If `query` or `metric` is not known, an option is not valid for the metric, the
        codes or labels do not fit together, also those of one picture, or a query has
        no relevant item.

    TypeError
        If `k` is not an integer.

    See Also
    --------
    cross_modal_score : A gallery of the other modality alone.
    modality_gap_score : How far apart the modalities lie.
    sklearn_xmodal.RetrievalIndex : Search of such a gallery.

    Examples
    --------
    Codes with a gap: every text is nearer to the other text than to its picture.

    >>> from sklearn_xmodal.metrics import mixed_gallery_score
    >>> Z_img, Z_txt = [[3.0, 1.0], [3.0, -1.0]], [[-3.0, 1.0], [-3.0, -1.0]]
    >>> mixed_gallery_score(Z_img, Z_txt, metric="hit_rate_at_k", k=1)
    0.0

    The same around the mean of each modality:

    >>> Z_img, Z_txt = [[0.0, 1.0], [0.0, -1.0]], [[0.0, 1.0], [0.0, -1.0]]
    >>> mixed_gallery_score(Z_img, Z_txt, metric="hit_rate_at_k", k=1)
    1.0
    """
    check_one_of("query", query, (*MODALITIES, "mean"))
    metric = make_metric(metric, k=k, denominator=denominator)
    ranking = {"ties": ties, "zero_division": zero_division}
    check_ranking_options(**ranking, only_nan=metric.is_error)
    pairs = CodePairs(Z_img, Z_txt, y, sample_weight, groups)
    options = {**ranking, "working_memory": working_memory, "n_jobs": n_jobs}
    scores = [
        metric.summarize(
            score_among_both(metric, pairs, modality, **options),
            pairs.weights[_WEIGHTS_OF[modality]],
        )
        for modality in (MODALITIES if query == "mean" else (query,))
    ]
    return float(np.mean(scores))
