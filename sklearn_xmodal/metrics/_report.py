"""All metrics of a cross-modal retrieval at a glance."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse

from sklearn_xmodal.metrics._engine._codes import CodePairs
from sklearn_xmodal.metrics._engine._metric import make_metric
from sklearn_xmodal.metrics._engine._options import DIRECTIONS, check_ranking_options
from sklearn_xmodal.metrics._engine._scoring import chance_per_query
from sklearn_xmodal.utils._features import count
from sklearn_xmodal.utils._frames import as_frame
from sklearn_xmodal.utils._html import table
from sklearn_xmodal.utils._validation import as_labels, encode_labels

_WHOLE_GALLERY = (
    "mean_average_precision",
    "ndcg_at_k",
    "mean_reciprocal_rank",
    "median_rank_error",
)
_AT_K = ("precision_at_k", "recall_at_k", "hit_rate_at_k")
_COLUMNS = (*DIRECTIONS, "mean", "chance")
_CONVENTIONS = (
    "recall@k of papers on captions and CLIP is hit_rate@k; recall@k is the share of\n"
    "all relevant items among the first k."
)


def retrieval_report(
    Z_img,
    Z_txt,
    y=None,
    *,
    groups=None,
    k=(1, 5, 10),
    target_names=None,
    output_dict=False,
    digits=3,
    zero_division="raise",
    working_memory=None,
    n_jobs=None,
):
    """Text or dict with the main metrics of cross-modal retrieval.

    Each metric is given for both directions, for their mean, and for chance: the
    value of a collapsed embedding or, which is the same, of a random ranking (the mean
    of both directions). The galleries are ranked once for all metrics.

    Parameters
    ----------
    Z_img : array-like of shape (n_samples, n_components)
        Image codes.

    Z_txt : array-like of shape (n_samples, n_components)
        Text codes of the same samples.

    y : array-like of shape (n_samples,) or {array-like, sparse matrix} of shape \
            (n_samples, n_classes), default=None
        Labels of any type, or a binary indicator (multi-label), shared by both
        modalities. If `None`, only the other half of the same pair is relevant, with
        `groups` all texts of the picture, and there is no breakdown by class.

    groups : array-like of shape (n_samples,), default=None
        Ids of the pictures, where several texts belong to one and its code is
        repeated for each. A picture then counts once, as a query and in the gallery;
        every text counts. The hit rate is what papers on CLIP and captions call
        recall@k, and recall the stricter share of all texts of a picture.

    k : int or sequence of int, default=(1, 5, 10)
        Cut-off ranks of precision, recall and hit rate.

    target_names : array-like of shape (n_classes,), default=None
        Names to show instead of the sorted labels, or for the columns of an indicator.

    output_dict : bool, default=False
        Whether to return a dict instead of text.

    digits : int, default=3
        Digits after the decimal point in the text. The dict is not rounded.

    zero_division : {"raise", np.nan}, default="raise"
        Whether a multi-label row without classes is an error, or left out.

    working_memory : float, default=None
        Upper bound in MiB for the temporary arrays of one block of queries, see
        :func:`retrieval_score`.

    n_jobs : int, default=None
        Number of threads that share the queries. `None` means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.

    Returns
    -------
    report : str or dict
        The text has `to_frame`, a ``pandas.DataFrame`` of the metrics, and notebooks
        show it as tables. The dict has the keys

        - "n_pairs": number of samples;
        - "n_images": number of pictures, only with `groups`;
        - "metrics": a dict of metrics, each a dict with the keys "image_to_text",
          "text_to_image", "mean" and "chance". The metrics are called as in
          :func:`get_retrieval_scorer`, the median rank without its sign.
          ``pandas.DataFrame(report["metrics"]).T`` makes a table;
        - "classes": a list of records, one for each class and metric, with "class",
          "support" (queries of the class), "metric" and the four keys above.
          ``pandas.DataFrame(report["classes"])`` makes a long table.

    Raises
    ------
    ValueError
        If the codes or labels do not fit together, also those of one picture, `k` is
        not positive, the number of `target_names` is not that of the classes, or a
        query has no relevant item.

    TypeError
        If `k` does not hold integers.

    Warns
    -----
    UserWarning
        If image codes repeat where texts differ, so that they seem to be pictures of
        several texts, and there are no `groups`.

    See Also
    --------
    cross_modal_score : A single number.
    sklearn.metrics.classification_report : The model of this function.

    Notes
    -----
    In the breakdown a class stands for the queries that carry it; their gallery is
    still the whole one. Median ranks are the median over its queries.

    Examples
    --------
    >>> from sklearn_xmodal.metrics import retrieval_report
    >>> Z_img = [[1.0, 0.1], [0.2, 1.0], [0.4, 0.5]]
    >>> Z_txt = [[0.9, 0.3], [0.1, 0.7], [0.9, 0.8]]
    >>> print(retrieval_report(Z_img, Z_txt, ["cat", "dog", "dog"], k=1))
    3 pairs in 2 classes
    <BLANKLINE>
                 image to text  text to image   mean  chance
    map                  1.000          0.944  0.972   0.741
    ndcg                 1.000          0.973  0.987   0.817
    mrr                  1.000          1.000  1.000   0.759
    median_rank          1.000          1.000  1.000   1.333
    precision@1          1.000          1.000  1.000   0.556
    recall@1             0.667          0.667  0.667   0.333
    hit_rate@1           1.000          1.000  1.000   0.556
    <BLANKLINE>
    map by class of the query
    <BLANKLINE>
         image to text  text to image   mean  chance  support
    cat          1.000          1.000  1.000   0.611        1
    dog          1.000          0.917  0.958   0.806        2
    """
    check_ranking_options(zero_division=zero_division, only_nan=True)
    if not isinstance(digits, Integral) or digits < 0:
        raise ValueError(f"digits must be an integer of at least 0. Got {digits!r}.")
    metrics = _chosen_metrics(k)
    pairs = CodePairs(Z_img, Z_txt, y, groups=groups)
    options = {"zero_division": zero_division}
    chance = {
        relevance: chance_per_query(metrics.values(), relevance, **options)
        for relevance in {*pairs.relevance.values()}
    }
    options |= {"working_memory": working_memory, "n_jobs": n_jobs, "ties": "average"}
    per_query = {  # of each direction (2, n_metrics, n_queries)
        side: np.stack(
            [pairs.score(metrics.values(), side, **options), chance[relevance]]
        )
        for side, relevance in pairs.relevance.items()
    }
    classes = _members(y, target_names)
    report = {
        "n_pairs": pairs.n_pairs,
        **({"n_images": pairs.pictures.first.size} if pairs.pictures else {}),
        "metrics": _summaries(metrics, per_query),
        "classes": [
            {"class": name, "support": members.size, "metric": metric, **row}
            for name, members in classes
            for metric, row in _summaries(
                metrics, _of_class(pairs, per_query, members)
            ).items()
        ],
    }
    return report if output_dict else ReportText._of(report, len(classes), digits)


class ReportText(str):
    """Text of a report, which notebooks show as tables."""

    _report: dict
    _digits: int

    @classmethod
    def _of(cls, report, n_classes, digits):
        self = cls(_as_text(report, n_classes, digits))
        self._report, self._digits = report, digits
        return self

    def __reduce__(self):
        n_classes = sum(r["metric"] == "map" for r in self._report["classes"])
        return ReportText._of, (self._report, n_classes, self._digits)

    def to_frame(self):
        """Return a pandas.DataFrame, metrics as index and directions as columns."""
        metrics = self._report["metrics"]
        return as_frame(
            list(metrics.values()), "to_frame of a report", index=list(metrics)
        )

    def _repr_html_(self):
        heads = [column.replace("_", " ") for column in _COLUMNS]
        rows = [
            (name, *(f"{v:.{self._digits}f}" for v in row.values()))
            for name, row in self._report["metrics"].items()
        ]
        title = self.partition("\n")[0]
        parts = [table(["metric", *heads], rows, caption=title)]
        by_class = [r for r in self._report["classes"] if r["metric"] == "map"]
        if by_class:
            rows = [
                (
                    r["class"],
                    *(f"{r[c]:.{self._digits}f}" for c in _COLUMNS),
                    r["support"],
                )
                for r in by_class
            ]
            tables = table(["class", *heads, "support"], rows)
            parts.append(f"<details><summary>map by class</summary>{tables}</details>")
        return "".join(parts)


def _of_class(pairs, per_query, members):
    """Those of the values whose queries are of the given pairs."""
    images = np.unique(pairs.pictures.items[members]) if pairs.pictures else members
    queries = {"image_to_text": images, "text_to_image": members}
    return {side: values[..., queries[side]] for side, values in per_query.items()}


def _chosen_metrics(k):
    """Metrics of the report by their short names, options bound."""
    cutoffs = list(k) if isinstance(k, list | tuple | range | np.ndarray) else [k]
    chosen = {}
    for name in _WHOLE_GALLERY:
        metric = make_metric(name)
        chosen[metric.short_name] = metric
    for name in _AT_K:
        for cutoff in cutoffs:
            metric = make_metric(name, k=cutoff)
            chosen[f"{metric.short_name}@{cutoff}"] = metric
    return chosen


def _members(y, target_names):
    """Name and queries of each class, in the order of the sorted labels."""
    if y is None:
        if target_names is not None:
            raise ValueError(
                "target_names must be None without labels y: pairs have no classes. "
                f"Got {target_names!r}."
            )
        return []
    y = y.tocsc() if issparse(y) else as_labels(y)
    if y.ndim == 2:
        labels = list(range(y.shape[1]))
        members = [np.flatnonzero(_column(y, label)) for label in labels]
    else:
        labels, codes = encode_labels(y)
        members = [np.flatnonzero(codes == code) for code in range(len(labels))]
    if target_names is None:
        target_names = labels
    elif np.ndim(target_names) != 1 or len(target_names) != len(labels):
        raise ValueError(
            f"target_names must name each of the {len(labels)} classes, in a list. Got "
            f"{target_names!r}."
        )
    return list(zip(target_names, members, strict=True))


def _column(y, label):
    return y[:, [label]].toarray().ravel() if issparse(y) else y[:, label]


def _summaries(metrics, per_query):
    """Rows of the report from values and chance of the queries of each direction."""
    rows = {}
    for i, (name, metric) in enumerate(metrics.items()):
        (to_text, by_chance), (to_image, also_by_chance) = (
            [metric.summarize(v) for v in per_query[side][:, i]] for side in DIRECTIONS
        )
        chance = (by_chance + also_by_chance) / 2
        row = to_text, to_image, (to_text + to_image) / 2, chance
        rows[name] = dict(zip(_COLUMNS, row, strict=True))
    return rows


def _as_text(report, n_classes, digits):
    title = f"{report['n_pairs']} pairs"
    if "n_images" in report:
        title += f" of {count(report['n_images'], 'image')}"
    parts = [title + f" in {n_classes} classes" if n_classes else title]
    parts.append(_table(report["metrics"], digits))
    if n_classes:
        records = [r for r in report["classes"] if r["metric"] == "map"]
        rows = {str(r["class"]): {c: r[c] for c in _COLUMNS} for r in records}
        support = [str(r["support"]) for r in records]
        parts.append("map by class of the query")
        parts.append(_table(rows, digits, support))
    if "n_images" in report:
        parts.append(_CONVENTIONS)
    return "\n\n".join(parts)


def _table(rows, digits, support=None):
    """Right-aligned text table with the row names on the left."""
    heads = [column.replace("_", " ") for column in _COLUMNS]
    cells = [[f"{v:.{digits}f}" for v in row.values()] for row in rows.values()]
    if support is not None:
        heads.append("support")
        cells = [[*row, n] for row, n in zip(cells, support, strict=True)]
    first = max(map(len, rows))
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [("", heads), *zip(rows, cells, strict=True)]
    return "\n".join(
        name.ljust(first)
        + "".join("  " + c.rjust(w) for c, w in zip(row, widths, strict=True))
        for name, row in lines
    )
