"""What runs say of each protocol: means, intervals, leads, classes."""

import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from sklearn_xmodal.metrics import paired_comparison, retrieval_score
from sklearn_xmodal.metrics._engine import EACH_COPY_COUNTS
from sklearn_xmodal.protocols._repeats import repeated_pictures
from sklearn_xmodal.utils._validation import check_seed

_N_RESAMPLES, _BLOCK = 2000, 2**22
_LEVEL = 0.95


@dataclass
class MethodSummary:
    """A method in a protocol, over its splits."""

    name: str
    mean: float
    interval: tuple | None  # of the mean, None where one split cannot say it
    image_to_text: float
    text_to_image: float
    seconds: float
    parameters: dict  # of the first split
    behind: float = 0.0  # the best
    behind_interval: tuple | None = None
    classes: dict = field(default_factory=dict)  # class -> average precision


@dataclass
class ProtocolSummary:
    """A protocol, its methods from the best to the last."""

    protocol: str
    runs: list
    methods: list

    @property
    def first(self):
        """The first run."""
        return self.runs[0]

    @property
    def by_pair(self):
        """Whether there are no classes."""
        return self.first.n_test_classes is None

    @property
    def n_splits(self):
        """Number of splits."""
        return len({run.split for run in self.runs})

    @property
    def chance(self):
        """What codes without information would score."""
        return float(np.mean([run.chance for run in self.runs]))

    def best_run(self):
        """Return the first split's run of the best method."""
        own = (run for run in self.runs if run.method == self.methods[0].name)
        return next(own)

    def count_leads(self):
        """Return in how many splits the best method is above the second."""
        first, second = (
            [run.mean for run in self.runs if run.method == method.name]
            for method in self.methods[:2]
        )
        return sum(a > b for a, b in zip(first, second, strict=True))


def summarise(runs, data):
    """Return a `ProtocolSummary` per protocol."""
    return [
        _summarise([run for run in runs if run.protocol == protocol], data)
        for protocol in dict.fromkeys(run.protocol for run in runs)
    ]


def _summarise(runs, data):
    by_method: dict = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    # Where an error ended the work, some methods have fewer splits than others.
    n_splits = min(len(own) for own in by_method.values())
    by_method = {name: own[:n_splits] for name, own in by_method.items()}
    scores = {name: [_query_scores(run, data) for run in own]
              for name, own in by_method.items()}  # fmt: skip
    ranked = sorted(by_method, key=lambda name: -_mean(by_method[name]))
    best = ranked[0]
    methods = []
    for name in ranked:
        own = by_method[name]
        summary = MethodSummary(
            name=name,
            mean=_mean(own),
            interval=_interval(own, scores[name]),
            image_to_text=float(np.mean([run.image_to_text for run in own])),
            text_to_image=float(np.mean([run.text_to_image for run in own])),
            seconds=float(np.mean([run.seconds for run in own])),
            parameters=own[0].parameters,
            classes=_class_scores(scores[name]),
        )
        if name != best:
            pair = (by_method[best], own), (scores[best], scores[name])
            summary.behind = _mean(by_method[best]) - summary.mean
            summary.behind_interval = _lead_interval(*pair)
        methods.append(summary)
    kept = [run for own in by_method.values() for run in own]
    return ProtocolSummary(runs[0].protocol, kept, methods)


def _mean(runs):
    return float(np.mean([run.mean for run in runs]))


def _query_scores(run, data):
    """Return (average precision, cluster, class) of the queries of both directions."""
    (image, text), rows = run.codes, run.test_rows
    y = None if data.y is None else np.array(data.y[rows].tolist())
    ids, clusters = None, rows
    first = np.arange(len(rows))
    if data.groups is not None:
        clusters = data.groups[rows]
        ids = repeated_pictures(data.pairs[rows], clusters)
        first = np.sort(np.unique(ids, return_index=True)[1])
    clusters = np.unique(clusters, return_inverse=True)[1]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f".*{EACH_COPY_COUNTS}")
        options = {"average": False}
        to_text = retrieval_score(image, text, y, y, ids_query=ids, **options)
        to_image = retrieval_score(text, image, y, y, ids_gallery=ids, **options)
    every = np.arange(len(rows))
    return [
        (precision, clusters[asked], None if y is None else y[asked])
        for precision, asked in ((to_text, first), (to_image, every))
    ]


def _interval(runs, scores):
    """Return the interval of a mean: over splits, or over the queries of one."""
    if len(runs) > 1:
        return _over_splits(runs, [0.0] * len(runs))
    if runs[0].protocol == "generalized":  # whose mean is not one over queries
        return None
    return _over_queries(scores[0])


def _lead_interval(runs, scores):
    """Return the interval of a difference of two methods."""
    if len(runs[0]) > 1:
        return _over_splits(runs[0], [run.mean for run in runs[1]])
    if runs[0][0].protocol == "generalized":
        return None
    pairs = zip(scores[0][0], scores[1][0], strict=True)
    return _over_queries([(a[0] - b[0], *a[1:]) for a, b in pairs])


def _over_splits(runs, others):
    comparison = paired_comparison(
        [run.mean for run in runs],
        others,
        n_train=[run.n_train for run in runs],
        n_test=[run.n_test for run in runs],
        confidence_level=_LEVEL,
    )
    return comparison.confidence_interval


def _over_queries(directions):
    """Resample clusters of queries, such as all drawings and texts of one emoji."""
    n_clusters = 1 + max(int(clusters.max()) for _, clusters, _ in directions)
    parts = []
    for values, clusters, _ in directions:
        parts.append(np.bincount(clusters, values, minlength=n_clusters))
        parts.append(np.bincount(clusters, minlength=n_clusters).astype(float))

    def mean(to_text, n_to_text, to_image, n_to_image, axis=-1):
        means = (
            values.sum(axis=axis) / counts.sum(axis=axis)
            for values, counts in ((to_text, n_to_text), (to_image, n_to_image))
        )
        return sum(means) / 2

    if n_clusters < 2 or not any(np.ptp(values) for values, *_ in directions):
        return (float(mean(*parts)),) * 2
    found = stats.bootstrap(
        parts,
        mean,
        paired=True,
        vectorized=True,
        n_resamples=_N_RESAMPLES,
        confidence_level=_LEVEL,
        method="percentile",
        batch=max(1, _BLOCK // n_clusters),
        random_state=check_seed(0),
    )
    return tuple(map(float, found.confidence_interval))


def _class_scores(scores):
    """Return class -> mean of both directions, over the splits that test it."""
    found: dict = {}
    for directions in scores:
        if directions[0][2] is None:
            return {}
        means: dict = {}
        for values, _, y in directions:
            classes, index = np.unique(y, return_inverse=True)
            sums = np.bincount(index, values) / np.bincount(index)
            for name, mean in zip(classes.tolist(), sums, strict=True):
                means.setdefault(name, []).append(mean)
        for name, both in means.items():
            found.setdefault(name, []).append(np.mean(both))
    return {name: float(np.mean(values)) for name, values in sorted(found.items())}
