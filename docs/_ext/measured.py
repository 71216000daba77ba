"""What the rows of benchmarks say, for sentences and for pictures.

Pages hold no figures of benchmarks themselves: ``{measured}`retrieval / standard /
MSLN``` is the mean over the data sets that are there when the site is built, with a
further ``/ glyphs`` that of one data set, and with ``MSLN - CCA`` the difference.
``sets won by MSLN`` counts the data sets on which its mean is the best.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from docutils import nodes
from scipy.stats import ttest_1samp

from benchmarks._tables import _independent, _scores, compared, read_rows

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
_WON = "sets won by "
DEFAULT = "default"  # the variant that all others are compared with


@cache
def rows_of(name, file="results.csv"):
    """Return the rows of a folder of results."""
    return read_rows(RESULTS / name / file)


class Accuracy(NamedTuple):
    """Scores of one protocol."""

    scores: dict  # method -> data set -> split -> mAP, the best method first
    datasets: list  # those that are no variants of others

    def mean(self, method, dataset=None):
        """Mean mAP over the splits of one data set, or over those and all sets."""
        own = self.scores[method]
        sets = [dataset] if dataset else [d for d in self.datasets if d in own]
        return float(np.mean([np.mean(list(own[d].values())) for d in sets]))

    def best_on(self):
        """Map methods to the data sets on which their mean is the best."""
        found = {method: [] for method in self.scores}
        for dataset in self.datasets:
            able = [m for m in self.scores if dataset in self.scores[m]]
            found[max(able, key=lambda m: self.mean(m, dataset))].append(dataset)
        return found


@cache
def accuracy(name, protocol):
    """Return what `benchmarks.retrieval` has measured in one protocol."""
    rows = [row for row in rows_of(name) if row["protocol"] == protocol]
    if not rows:
        raise ValueError(f"no rows of {protocol!r} in results of {name!r}.")
    return Accuracy(_scores(rows), _independent(rows))


def protocols_of(name):
    """Return the protocols of a folder of results, in the order of its rows."""
    return list(dict.fromkeys(row["protocol"] for row in rows_of(name)))


class Change(NamedTuple):
    """A mean difference with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def is_open(self):
        """Whether the interval holds zero."""
        return self.low <= 0 <= self.high


def subject_of(name, protocol):
    """Return the method that all others are compared with: MSLN, or else the best."""
    scores = accuracy(name, protocol).scores
    return "MSLN" if "MSLN" in scores else next(iter(scores))


@cache
def differences(name, protocol):
    """Map data sets to what `subject_of` is above every other method, best first."""
    subject, found = subject_of(name, protocol), {}
    rows = [row for row in rows_of(name) if row["protocol"] == protocol]
    for dataset in accuracy(name, protocol).datasets:
        own = [row for row in rows if row["dataset"] == dataset]
        for other in accuracy(name, protocol).scores:
            gain = compared(own, subject, other) if other != subject else None
            if gain is not None:
                change = Change(gain.mean_difference, *gain.confidence_interval)
                found.setdefault(dataset, {})[other] = change
    return found


@cache
def changes(protocol):
    """Map variants of `benchmarks.attribution` to what each adds over data sets."""
    scores = {}
    for row in rows_of("attribution"):
        if row["protocol"] == protocol:
            by_set = scores.setdefault(row["variant"], {})
            by_set.setdefault(row["dataset"], {})[row["split"]] = row["mean"]
    found = {}
    for variant in [v for v in scores if v != DEFAULT]:
        gains = [
            np.mean([own[split] - scores[DEFAULT][dataset][split] for split in own])
            for dataset, own in scores[variant].items()
        ]
        interval = ttest_1samp(gains, 0).confidence_interval()
        found[variant] = Change(float(np.mean(gains)), interval.low, interval.high)
    return found


def short(value, *, signed=False):
    """Three digits, no zero in front, as tables have it."""
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return re.sub(r"^([+-]?)0\.", r"\1.", text)


def figure(text):
    """Return the figure that a role asks for: NAME / PROTOCOL / WHAT [/ DATA SET]."""
    name, protocol, what, *dataset = (part.strip() for part in text.split(" / "))
    if name == "attribution":
        return short(changes(protocol)[what].mean, signed=True)
    measured = accuracy(name, protocol)
    if what.startswith(_WON):
        won = measured.best_on()[what.removeprefix(_WON)]
        return f"{len(won)} of the {len(measured.datasets)}"
    one, *other = what.split(" - ")
    value = measured.mean(one, *dataset)
    if other:
        return short(value - measured.mean(other[0], *dataset), signed=True)
    return short(value)


def _role(role, rawtext, text, lineno, inliner, options=None, content=None):
    try:
        return [nodes.Text(figure(text))], []
    except (KeyError, ValueError) as error:
        message = inliner.reporter.error(
            f"no such figure: {text!r} ({error}).", line=lineno
        )
        return [inliner.problematic(rawtext, rawtext, message)], [message]


def setup(app):
    """Register the role."""
    app.add_role("measured", _role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
