"""Training parts of a cross-validation, which share the moments of their folds."""

from itertools import accumulate

import numpy as np

from sklearn_xmodal.cross_decomposition._engine._moments import (
    PairMoments,
    condensed_rows,
    pair_moments,
)
from sklearn_xmodal.cross_decomposition._engine._problems import (
    MomentProblem,
    pair_problem,
)


class TrainingProblems:
    """The problems of all training parts, from moments of the folds where possible.

    `most_rows` is that of `pair_problem`.
    """

    def __init__(self, X_img, X_txt, sample_weight, splits, most_rows=None):
        self._data = X_img, X_txt, sample_weight
        self._parts = [train for train, _ in splits]
        self._moments = None
        tests = [test for _, test in splits]
        n_least = min(self._count(train) for train in self._parts)
        if most_rows is None:
            most_rows = max(X_img.shape[1], X_txt.shape[1])
        self._most_rows = most_rows
        if n_least <= most_rows:
            return
        if _are_folds(self._parts, tests, X_img.shape[0]):
            folds = [pair_moments(*self._rows(test)) for test in tests]
            self._moments = _merged_but_one(folds)
            self._whole = folds[0].merged(self._moments[0])

    def problem(self, j):
        """Return the problem of a training part."""
        rows = self._parts[j]
        if self._moments is None:
            X_img, X_txt, sample_weight = self._rows(rows)
            return pair_problem(X_img, X_txt, sample_weight, self._most_rows)
        return self._moment_problem(self._moments[j], rows)

    def whole(self):
        """Return the problem of all pairs."""
        if self._moments is None:
            return pair_problem(*self._data, self._most_rows)
        return self._moment_problem(self._whole, slice(None))

    def _moment_problem(self, moments, rows):
        def read_rows():
            X_img, X_txt, sample_weight = self._rows(rows)
            return condensed_rows(X_img, X_txt, sample_weight, mean=moments.mean)

        X_img, X_txt, _ = self._data
        return MomentProblem(moments, read_rows, (X_img.dtype, X_txt.dtype))

    def _rows(self, rows):
        X_img, X_txt, sample_weight = self._data
        weights = None if sample_weight is None else sample_weight[rows]
        return X_img[rows], X_txt[rows], weights

    def _count(self, rows):
        sample_weight = self._data[2]
        return len(
            rows if sample_weight is None else np.flatnonzero(sample_weight[rows])
        )


def _are_folds(trains, tests, n):
    """Return whether every pair is tested once, and trained on in all other splits."""
    if not np.array_equal(np.sort(np.concatenate(tests)), np.arange(n)):
        return False
    return all(
        len(train) + len(test) == n and len(np.union1d(train, test)) == n
        for train, test in zip(trains, tests, strict=True)
    )


def _merged_but_one(parts):
    """Merge all parts but one, for every one of them, without ever subtracting."""
    forth = list(accumulate(parts, PairMoments.merged))
    back = list(accumulate(parts[::-1], PairMoments.merged))[::-1]
    around = [a.merged(b) for a, b in zip(forth, back[2:], strict=False)]
    return [back[1], *around, forth[-2]]
