"""Fits of networks from pairs that come in batches, which are read several times."""

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_xmodal.base import ClassLabelsMixin, SampleWeightMixin
from sklearn_xmodal.deep._labels import known_targets
from sklearn_xmodal.deep.training import drawn_places
from sklearn_xmodal.pairs._batches import (
    arguments_of,
    each_batch,
    in_batch,
    is_one_shot,
)
from sklearn_xmodal.pairs._input import n_rows
from sklearn_xmodal.utils._sklearn_compat import (
    Interval,
    validate_on_fit,
    validate_parameter_constraints,
)
from sklearn_xmodal.utils._validation import (
    check_class_targets,
    check_not_signs,
    check_sample_weight,
    count,
    is_labelled,
)

# As many as MSLN keeps of the training pairs.
_LEAST_BUFFER = 300


class FromBatchesMixin(SampleWeightMixin):
    """Mixin of the networks: ``fit_batches``.

    What `fit` learns before and after the training comes from a sample, which stands
    for all pairs in `_fit`; `_stream` then has the others.
    """

    _stream: Any = None  # PairStream, while one is fitted that the buffer does not hold

    @validate_on_fit
    def fit_batches(self, batches, *, buffer_size=16_384):
        """Learn from pairs that come in batches, in bounded memory.

        Pairs that fit into the buffer are read once, and the result is that of `fit` on
        all of them. More are read several times: in the first pass classes are counted
        and `buffer_size` pairs are drawn, any one with the same chance, from which
        principal components, scales and, after the training, means of codes are learnt.
        Every epoch is a pass of its own, in which batches are drawn at random from a
        buffer that the pairs go through. :class:`MSLNRetriever` adds up its canonical
        variates in two passes between.

        Parameters
        ----------
        batches : iterable or callable
            What yields batches anew whenever it is iterated over: a list, a DataLoader
            of torch, a bag of Dask; or a function that returns an iterator, such as a
            generator function. A batch is a tuple or list of the data that `fit` takes,
            in its order: ``(X_img, X_txt)``, ``(X_img, X_txt, y)`` or ``(X_img, X_txt,
            y, sample_weight)``, with ImageTextPairs or a stacked matrix in place of
            both matrices if need be; or a dict of these by name. Either all batches
            have `y` and `sample_weight`, or none. They may come in another order in
            every pass, and have any number of rows: how pairs are cut into batches
            changes nothing but rounding. Columns of vectors of Arrow tables are
            matrices.

        buffer_size : int, default=16384
            Pairs that are held, at least 300: so many as they come, and so many as the
            networks see them. Pairs that lie farther apart than that in the stream
            hardly meet in a batch, so it should not be sorted by class.

        Returns
        -------
        self : FromBatchesMixin
            The fitted retriever.

        Raises
        ------
        ValueError
            As in `fit`; also if there is no batch, if batches differ in what they hold,
            if passes differ in their pairs, or if there are more pairs than the buffer
            holds, and `batches` can be read only once or `early_stopping` is set. A
            note says which batch is to blame. The retriever is then as it was before
            the call.

        TypeError
            If a batch is none of these.
        """
        validate_parameter_constraints(
            {"buffer_size": [Interval(Integral, _LEAST_BUFFER, None, closed="left")]},
            {"buffer_size": buffer_size},
            f"{type(self).__name__}.fit_batches",
        )
        with self._as_before_unless_fitted():
            for name in ("classes_", "n_unlabelled_"):
                self.__dict__.pop(name, None)
            stream = PairStream(self, batches, buffer_size)
            X_img, X_txt, y, weight = stream.sample()
            check_not_signs(y)
            if stream.n_pairs > buffer_size:
                self._stream = stream
            try:
                kept = self._to_learn_from(y, X_img, X_txt, y, weight)
                self._set_encoders(*self._fit(*kept))
            finally:
                self.__dict__.pop("_stream", None)
                if "n_unlabelled_" in vars(self):
                    self.n_unlabelled_ = stream.n_unlabelled
        return self

    @property
    def _needs_classes(self):
        """Whether the loss is told of classes."""
        return self.__sklearn_tags__().target_tags.required

    def _streamed_targets(self, y, sides, n_before):
        """Return what the loss is told of pairs of a stream, after so many others."""
        if not self._needs_classes:
            return n_before + np.arange(sides["image"].shape[0])
        rule = "batches must yield the same labels whenever they are iterated over."
        target = known_targets(y, self.classes_, rule=rule)
        if target.ndim == 2:
            return target
        return np.where(target < 0, target - n_before, target)  # all of them distinct

    def _batch_targets(self, target):
        """Return what the loss is told of a batch, given that of streamed pairs."""
        return target


class PairStream:
    """What a retriever learns from, read batch by batch in every pass."""

    def __init__(self, retriever, batches, buffer_size):
        self.retriever = retriever
        self.batches = batches
        self.buffer_size = buffer_size
        self.n_pairs = self.n_unlabelled = 0
        self.mean_weight = None
        self._form = None  # what batches hold, in words

    def sample(self):
        """Read all pairs once; return those that `_fit` is to see."""
        sample, of_classes = Reservoir(self.buffer_size), []
        total_weight, weight = 0.0, None
        for number, pairs, n_unlabelled in self._clean_batches():
            *_, y, weight = pairs
            self.n_unlabelled += n_unlabelled
            self.n_pairs += _n_rows(pairs)
            if weight is not None:
                total_weight += weight.sum()
            if self.n_pairs > self.buffer_size:
                self._check_may_be_read_again()
            before = vars(self.retriever).get("classes_")
            with in_batch(number):
                self.retriever._record_classes(y, before)
            if self._finds_classes_in(y):
                of_classes.append(_rows_of(pairs, _first_of_new_labels(y, before)))
            sample.add(pairs)
        self._check_enough()
        if weight is not None:
            self.mean_weight = total_weight / self.n_pairs
        return _with_all_classes(sample.rows(), of_classes)

    def read(self):
        """Iterate over features by modality, targets and weights, for one more pass."""
        n_read = 0
        for number, (X_img, X_txt, y, weight), _ in self._clean_batches():
            sides = {"image": X_img, "text": X_txt}
            with in_batch(number):
                target = self.retriever._streamed_targets(y, sides, n_read)
            n_read += len(target)
            if n_read > self.n_pairs:
                break
            yield sides, target, weight
        if n_read != self.n_pairs:
            more = "or more, " if n_read > self.n_pairs else ""
            raise ValueError(
                "batches must yield the same pairs whenever they are iterated over. "
                f"Got {count(self.n_pairs, 'pair')} in the first pass, and {n_read} "
                f"{more}in a later one. A function must make a new iterator at every "
                "call."
            )

    def batch_targets(self, target):
        """Return what the loss is told of a batch."""
        return self.retriever._batch_targets(target)

    def _clean_batches(self):
        """Iterate over X_img, X_txt, y and weight of pairs that count, in batches.

        Before each is its number, and behind it how many of its pairs have no label.
        """
        for number, batch in enumerate(each_batch(self.batches)):
            with in_batch(number):
                pairs = arguments_of(batch, self.retriever.n_image_features)
                if not n_rows(pairs[0], "X_img"):  # filters leave empty ones
                    continue
                pairs, n_unlabelled = self._clean(*pairs)
            if _n_rows(pairs) or n_unlabelled:
                yield number, pairs, n_unlabelled

    def _clean(self, X_img, X_txt, y, sample_weight):
        """Validate a batch; return what counts of it, and how many have no label."""
        retriever = self.retriever
        if self._form is None:
            check = partial(retriever._check_pairs, at_least=1)
        else:
            check = retriever._check_more_pairs
        X_img, X_txt, y = check("fit_batches", X_img, X_txt, y, sample_weight)
        weight = check_sample_weight(sample_weight, X_img.shape[0], at_least=0)
        if retriever._needs_classes:
            y = check_class_targets(y, retriever)
        self._check_form(y, weight)
        counts = np.ones(X_img.shape[0], dtype=bool) if weight is None else weight > 0
        labelled = counts if y is None else counts & is_labelled(y)
        n_unlabelled = int(np.count_nonzero(counts & ~labelled))
        if isinstance(retriever, ClassLabelsMixin) and not retriever._takes_unlabelled:
            counts = labelled
        pairs = X_img, X_txt, y, weight
        return (pairs if counts.all() else _rows_of(pairs, counts)), n_unlabelled

    def _check_form(self, y, weight):
        """Raise a ValueError unless the batch holds what the first one does."""
        if y is None:
            form = "no y"
        elif y.ndim == 1:
            form = "y with a label per pair"
        elif self.retriever._label_names is None:
            form = f"y of {y.shape[1]} columns"
        else:
            form = f"y of columns {self.retriever._label_names.tolist()}"
        form += f" and {'no' if weight is None else 'a'} sample_weight"
        if self._form is None:
            self._form = form
        if form != self._form:
            raise ValueError(
                f"All batches must hold the same. Got {form}, where the first one has "
                f"{self._form}. A pair without a label has -1, None or NaN in y, in an "
                "indicator a row of -1."
            )

    def _check_may_be_read_again(self):
        """Raise a ValueError where pairs are too many to be held, but must be."""
        rule = (
            f"fit_batches reads more pairs than buffer_size={self.buffer_size} several "
            "times."
        )
        if is_one_shot(self.batches):
            raise ValueError(
                f"{rule} Got a {type(self.batches).__name__}, which can be read only "
                "once: pass a function that returns a new one at every call, or raise "
                "buffer_size."
            )
        if getattr(self.retriever, "early_stopping", False):
            raise ValueError(
                f"{rule} Got early_stopping={self.retriever.early_stopping!r}, which "
                "must set some of them aside: switch it off, or raise buffer_size."
            )

    def _check_enough(self):
        if not (self.n_pairs or self.n_unlabelled):
            raise ValueError(
                "fit_batches needs at least one batch with pairs. Got none: a "
                "generator can be read only once."
            )
        if self.n_pairs < 2:
            n = self.n_unlabelled
            raise ValueError(
                f"{type(self.retriever).__name__} needs at least 2 pairs that count. "
                f"Got {count(self.n_pairs, 'pair')}"
                f"{f', and {n} without a label in y' if n else ''}."
            )

    def _finds_classes_in(self, y):
        """Tell whether `_fit` takes classes from the labels that it sees."""
        takes = not isinstance(self.retriever, ClassLabelsMixin)
        return takes and self.retriever._needs_classes and y.ndim == 1


class Reservoir:
    """Rows of several arrays side by side: all so far, or so many drawn at random.

    Of the same rows always the same.
    """

    def __init__(self, size):
        self._size = size
        self._n_seen = 0
        self._rng = np.random.RandomState(0)
        self._held = []  # lists of arrays, or None in place of one

    def add(self, arrays):
        """Take more rows into account, of which copies are kept."""
        n_rows = _n_rows(arrays)
        n_first = min(n_rows, max(self._size - self._n_seen, 0))
        if n_first:
            self._held.append(_rows_of(arrays, np.arange(n_first)))
        if n_rows > n_first:
            before = self._n_seen + n_first
            # One draw per row, so that it does not matter how rows are cut.
            place = drawn_places(before, n_rows - n_first, self._size, self._rng)
            drawn = np.flatnonzero(place < self._size)
            new = _rows_of(arrays, n_first + drawn)
            self._held = [
                [
                    None if A is None else _with_rows(A, place[drawn], more)
                    for A, more in zip(self.rows(), new, strict=True)
                ]
            ]
        self._n_seen += n_rows

    def rows(self):
        """Return the arrays."""
        if len(self._held) > 1:
            self._held = [_joined(self._held)]
        return self._held[0]


def _n_rows(arrays):
    return arrays[0].shape[0]


def _rows_of(arrays, rows):
    """Return copies of some rows of arrays, of which each may be None."""
    return [None if A is None else A[rows] for A in arrays]


def _joined(parts):
    """Put arrays below each other: those that come first in all parts, and so on."""
    return [_stacked(arrays) for arrays in zip(*parts, strict=True)]


def _stacked(arrays):
    first = arrays[0]
    if first is None:
        return None
    if sparse.issparse(first):
        return sparse.vstack([sparse.csr_array(A) for A in arrays], format="csr")
    return np.concatenate([A.toarray() if sparse.issparse(A) else A for A in arrays])


def _with_rows(A, places, new):
    """Replace rows; where a place comes twice, the last one counts."""
    if sparse.issparse(A):
        order = np.arange(A.shape[0])
        order[places] = A.shape[0] + np.arange(len(places))
        return _stacked([A, new])[order]
    A = A.astype(np.result_type(A, new), copy=False)  # longer strings, say
    A[places] = new.toarray() if sparse.issparse(new) else new
    return A


def _first_of_new_labels(y, classes):
    """Return the first row of every label that is not among the classes."""
    rows = np.flatnonzero(is_labelled(y))
    if classes is not None:
        rows = rows[~np.isin(y[rows], classes)]
    return rows[np.unique(y[rows], return_index=True)[1]]


def _with_all_classes(sample, of_classes):
    """Return a sample with a pair of every class that it has none of."""
    if not of_classes:
        return sample
    more = _joined(of_classes)
    missing = np.flatnonzero(~np.isin(more[2], sample[2]))
    return _joined([sample, _rows_of(more, missing)]) if missing.size else sample
