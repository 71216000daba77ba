"""Moments of pairs and of their classes, and the retrievers that need nothing else."""

from abc import abstractmethod
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from sklearn_xmodal.base import ClassLabelsMixin
from sklearn_xmodal.cross_decomposition._engine._dask import summed
from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    class_sums,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._partial_fit import PartialFitMixin
from sklearn_xmodal.cross_decomposition._engine._problems import MomentProblem
from sklearn_xmodal.cross_decomposition._engine._sides import Axes, separate_axes
from sklearn_xmodal.utils._class_embeddings import (
    ClassCounts,
    class_counts,
    class_memberships,
    weighted_memberships,
)
from sklearn_xmodal.utils._containers import is_dask_array
from sklearn_xmodal.utils._entries import check_entries
from sklearn_xmodal.utils._validation import (
    check_class_targets,
    check_several_classes,
    counting_rows,
    is_labelled,
    sorted_labels,
    united_labels,
    validate_tuples,
)

_ENTRIES = ("pairs", "labels", "sums", "overlaps", "is_indicator")


class ClassMoments(NamedTuple):
    """Moments of pairs, and how features vary with the classes."""

    pairs: PairMoments
    labels: np.ndarray  # (c,), sorted, or of the columns of an indicator
    sums: np.ndarray  # (p + q, c), centred features times weighted memberships
    overlaps: Any  # CSR (c, c), see ClassCounts
    is_indicator: bool

    def merged(self, other):
        """Return the moments of the rows of both; a class may be in one part only."""
        labels = self._labels_with(other)
        pairs = self.pairs.merged(other.pairs)
        one, two = self._over(labels), other._over(labels)
        sums = one._sums_around(pairs.mean) + two._sums_around(pairs.mean)
        overlaps = (one.overlaps + two.overlaps).tocsr()
        return ClassMoments(pairs, labels, sums, overlaps, self.is_indicator)

    def axes(self):
        """Return the axes of both modalities, with classes, and cross-covariance."""
        return MomentProblem(self.pairs).axes_with(self.sums)

    def counts(self):
        """Return how much of the pairs belongs to which classes."""
        n, weight = self.pairs.n_samples, self.pairs.mean.weight
        return ClassCounts(n, weight, self.overlaps)

    def state(self):
        """Return what a file holds, by names that stay."""
        state = dict(zip(_ENTRIES, self, strict=True))
        return {**state, "pairs": self.pairs.state()}

    @classmethod
    def from_state(cls, state):
        """Return the moments from what `state` gave."""
        check_entries(state, _ENTRIES)
        return cls(**{**state, "pairs": PairMoments.from_state(state["pairs"])})

    def _labels_with(self, other):
        if self.is_indicator != other.is_indicator:
            raise ValueError(
                "y must be class labels in every part, or an indicator in every part. "
                "Got both."
            )
        if not self.is_indicator:
            return united_labels(self.labels, other.labels)
        if not np.array_equal(self.labels, other.labels):
            raise ValueError(
                "y must have the same columns, one per class, in every part. Got "
                f"{len(self.labels)} columns named {self.labels[:5].tolist()}, and "
                f"{len(other.labels)} named {other.labels[:5].tolist()} (first five "
                "shown)."
            )
        return self.labels

    def _over(self, labels):
        """Return the same with a place for each of more labels."""
        if len(labels) == len(self.labels):
            return self
        c = len(self.labels)
        places = np.searchsorted(labels, self.labels)
        shape = c, len(labels)
        onto = sparse.csr_matrix((np.ones(c), places, np.arange(c + 1)), shape=shape)
        overlaps = (onto.T @ self.overlaps @ onto).tocsr()
        sums = self.sums @ onto
        return ClassMoments(self.pairs, labels, sums, overlaps, self.is_indicator)

    def _sums_around(self, mean):
        counts = np.asarray(self.overlaps.sum(axis=1)).ravel()
        return self.sums + np.outer(mean.step_to(self.pairs.mean), counts)


def class_moments(
    X_img, X_txt, memberships, sample_weight=None, *, labels, is_indicator
):
    """Sum the moments of pairs whose memberships in the labels, CSR, are known."""
    pairs = pair_moments(X_img, X_txt, sample_weight)
    weighted = weighted_memberships(memberships, sample_weight)
    means = np.split(pairs.mean.high + pairs.mean.low, [pairs.n_image_features])
    sums = [
        class_sums(X, mean, weighted)
        for X, mean in zip((X_img, X_txt), means, strict=True)
    ]
    overlaps = (memberships.T @ weighted).tocsr()
    return ClassMoments(pairs, labels, np.vstack(sums), overlaps, is_indicator)


class ClassProblem(NamedTuple):
    """What is known of both modalities and of the classes."""

    image: Axes
    text: Axes
    cross: np.ndarray | None  # (r_img, r_txt), where `_is_joint`
    counts: ClassCounts

    @property
    def axes(self):
        """The axes of both modalities."""
        return self.image, self.text


class ClassMomentsMixin(PartialFitMixin, ClassLabelsMixin):
    """Mixin, left of the base, for retrievers of classes whose fits are of moments.

    A subclass writes ``_solve(problem)``, which returns the encoders for a
    ClassProblem.
    """

    _moments_type: Any = ClassMoments

    @abstractmethod
    def _solve(self, problem):
        """Return both encoders for a ClassProblem."""

    def _fit(self, X_img, X_txt, y, sample_weight=None):
        self.__dict__.pop("_moments", None)  # of `partial_fit`
        if is_dask_array(X_img):
            moments = self._moments_of(X_img, X_txt, y, sample_weight)
            return self._solve_moments(moments)
        validate_tuples(self)
        y = self._check_classes(y)
        memberships = class_memberships(y, self.classes_)
        counts = class_counts(memberships, sample_weight)
        image, text, cross = self._axes(X_img, X_txt, memberships, sample_weight)
        return self._solve(ClassProblem(image, text, cross, counts))

    def _axes(self, X_img, X_txt, memberships, sample_weight):
        """Return the axes of both modalities and, if needed, the cross-covariance."""
        return *separate_axes(X_img, X_txt, memberships, sample_weight), None

    def _counting_pairs(self, weights, X_img, X_txt, y):
        y = check_class_targets(y, self, takes_indicator=self._takes_indicator)
        rows = [counting_rows(weights, A) for A in (X_img, X_txt, y, weights)]
        labelled = is_labelled(rows[2])
        n_unlabelled = int(np.count_nonzero(~labelled))
        self.n_unlabelled_ = n_unlabelled + vars(self).get("n_unlabelled_", 0)
        if not n_unlabelled:
            return rows
        return [None if A is None else A[labelled] for A in rows]

    def _moments_of(self, X_img, X_txt, y, sample_weight):
        y = check_class_targets(y, self, takes_indicator=self._takes_indicator)
        is_indicator = y.ndim == 2
        labels = self._names_of_columns(y) if is_indicator else sorted_labels(y)[0]
        moments_of = partial(class_moments, labels=labels, is_indicator=is_indicator)
        sides = {"image": X_img, "text": X_txt}
        return summed(moments_of, sides, class_memberships(y, labels), sample_weight)

    def _solve_moments(self, moments):
        self.classes_ = moments.labels
        check_several_classes(self.classes_)
        image, text, cross = moments.axes()
        return self._solve(ClassProblem(image, text, cross, moments.counts()))
