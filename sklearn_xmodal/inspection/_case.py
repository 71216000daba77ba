"""What a diagnosis looks at: codes, their rankings, and what they come from."""

from functools import cached_property

import numpy as np
from scipy import sparse

from sklearn_xmodal.inspection._orders import compare_orders
from sklearn_xmodal.inspection._quality import (
    SURELY,
    fit_mixture,
    pair_scores,
    tell_apart,
)
from sklearn_xmodal.inspection._rows import same_rows
from sklearn_xmodal.inspection._spaces import compare_spaces
from sklearn_xmodal.metrics import (
    mean_average_precision_score,
    relevance_from_labels,
)
from sklearn_xmodal.metrics._engine import check_groups, check_pairs
from sklearn_xmodal.utils._containers import as_matrix, check_same_indexes
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import (
    SCORE_BY_PAIRS,
    check_labels,
    check_not_signs,
    check_same_length,
    check_some_labelled,
    is_labelled,
)

MODALITIES = ("image", "text")
# Pairs whose rankings are looked at, at equal distances.
_MOST_RANKED = 1000
# Fewer do not tell a score from chance.
_LEAST_PAIRS = 10
# How many nearest items count, for hubs and in a gallery of both modalities.
K = 10


class Case:
    """Codes of pairs, with labels, groups, features and training data where given.

    `codes` and `features` hold both modalities; features are `None` where codes were
    given. Those of a side that is not of numbers are the codes.
    """

    def __init__(self, codes, y=None, groups=None, features=None, train=None):
        names = ("X_img", "X_txt") if features is None else ("Z_img", "Z_txt")
        self.codes = check_pairs(codes[0], codes[1], names=names)
        self.n = len(self.codes[0])
        if self.n < _LEAST_PAIRS:
            raise ValueError(
                f"diagnose needs {_LEAST_PAIRS} pairs or more to say anything. Got "
                f"{self.n}."
            )
        self.y = self._labels(y)
        self.groups = None
        if groups is not None:
            self.groups = check_groups(groups, self.n, "groups").items
        self.features = features
        self.train = None if train is None else self._known(*train)
        self.units = [to_unit_length(Z.astype(np.float64)) for Z in self.codes]
        rows = np.arange(self.n)
        rows = rows if self.y is None else rows[is_labelled(self.y)]
        if len(rows) < _LEAST_PAIRS:
            raise ValueError(
                f"diagnose needs labels of {_LEAST_PAIRS} pairs or more, or y=None. "
                f"Got {len(rows)} pairs with a label."
            )
        places = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_RANKED))
        self.rows = rows[np.unique(places.astype(int))]
        if self.n_apart < 2:
            what = "groups must hold at least two ids"
            what = what if y is None else "y must hold at least two classes"
            raise ValueError(f"{what}, or every answer is right. Got one.")

    def _known(self, codes, features):
        """Validate codes of the training part, beside its features."""
        codes = check_pairs(*codes)
        widths = codes[0].shape[1], self.codes[0].shape[1]
        if widths[0] != widths[1]:
            raise ValueError(
                "train must hold codes of the same space. Got codes of width "
                f"{widths[0]} beside codes of width {widths[1]}."
            )
        return codes, features

    def _labels(self, y):
        if y is None:
            return None
        check_same_indexes({"Z_img": self.codes[0], "y": y})
        given, y = y, check_labels(y)
        check_same_length(self.codes[0], given)
        check_not_signs(y)
        check_some_labelled(is_labelled(y), SCORE_BY_PAIRS)
        return y.tocsr() if sparse.issparse(y) else y

    @cached_property
    def classes(self):
        """Labels of the ranked rows: classes, groups, or numbers of pairs."""
        if self.y is not None:
            return self.y[self.rows]
        ids = np.arange(self.n) if self.groups is None else self.groups
        return ids[self.rows]

    @cached_property
    def relevance(self):
        """Relevance of the ranked rows, (n_ranked, n_ranked)."""
        return relevance_from_labels(self.classes, self.classes)

    @cached_property
    def n_apart(self):
        """Return how many classes, or pairs, there are to be told apart."""
        if self.classes.ndim == 2:
            return int((np.asarray(self.classes.sum(axis=0)) > 0).sum())
        return len(set(self.classes.tolist()))

    @cached_property
    def random_orders(self):
        """Mean average precision in random orders of one side: mean, highest."""
        return compare_orders(self.relevance, self.cosines())

    def cosines(self, units=None):
        """Cosines of ranked images with ranked texts."""
        image, text = self.units if units is None else units
        return image[self.rows] @ text[self.rows].T

    def precision(self, to_text, to_image=None):
        """Average precision per ranked pair, mean of both directions.

        `to_text` are scores of images and texts, `to_image` of texts and images.
        """
        to_image = to_text.T if to_image is None else to_image
        parts = [
            mean_average_precision_score(
                relevance, scores, average=False, zero_division=np.nan
            )
            for relevance, scores in (
                (self.relevance, to_text),
                (self.relevance.T, to_image),
            )
        ]
        return np.mean(parts, axis=0)

    @cached_property
    def own_precision(self):
        """The same of the codes."""
        return self.precision(self.cosines())

    @cached_property
    def raw_units(self):
        """Features of one width at unit length, both modalities; None otherwise."""
        if self.features is None:
            return None
        sides = [number_matrix(X) for X in self.features]
        if any(X is None for X in sides) or sides[0].shape[1] != sides[1].shape[1]:
            return None
        sides = [X.toarray() if sparse.issparse(X) else X for X in sides]
        return [to_unit_length(X.astype(np.float64)) for X in sides]

    @cached_property
    def raw_precision(self):
        """Average precision by the cosine of the features, None where there is none."""
        units = self.raw_units
        return None if units is None else self.precision(self.cosines(units))

    @cached_property
    def spaces(self):
        """Mean cosine of centred pairs, by chance, and whether there are two spaces.

        Codes of a retriever are of one.
        """
        found = compare_spaces([units[self.rows] for units in self.units])
        return found if self.features is None else (*found[:2], False)

    @cached_property
    def pair_scores(self):
        """Scores of pairs, by codes or the cosine of features: the better ones."""
        found = [pair_scores(*self.codes, groups=self.groups)]
        if self.raw_units is not None:
            found.append(pair_scores(*self.raw_units, groups=self.groups))
        # Of a pair without others nothing is known.
        return max((np.nan_to_num(scores) for scores in found), key=np.mean)

    @cached_property
    def mixture(self):
        """Probabilities, share, mean and spread; None where pairs say nothing."""
        return fit_mixture(self.pair_scores) if tell_apart(self.pair_scores) else None

    @cached_property
    def items(self):
        """Numbers of distinct pictures and of distinct texts, each (n_pairs,)."""
        return [same_rows(X) for X in self.row_sources(self.codes, self.features)]

    def row_sources(self, codes, features):
        """Return what tells rows apart: features where they are numbers, or codes."""
        if features is None:
            return codes
        found = [number_matrix(X) for X in features]
        return [Z if X is None else X for X, Z in zip(found, codes, strict=True)]


def number_matrix(X):
    """Return a matrix of numbers, dense or CSR; None for raw items."""
    if sparse.issparse(X):
        return sparse.csr_array(X)
    X = np.asarray(as_matrix(X, strict=False))
    return X if X.ndim == 2 and X.dtype.kind in "biuf" else None


def surely_higher(one, other):
    """Mean gain of paired scores and its lower bound, which 99 % of draws exceed."""
    gain = one - other
    gain = gain[np.isfinite(gain)]
    if len(gain) < 2:
        return 0.0, -np.inf
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return float(gain.mean()), float(gain.mean() - SURELY * error)
