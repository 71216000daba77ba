"""Rows that are one item, such as a picture repeated for each of its captions."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._unit import to_unit_length
from sklearn_xmodal.utils._validation import (
    as_labels,
    check_all_named,
    encode_labels,
)

# Unit vectors of one picture that are further apart are no rounding, also not that of a
# network in half precision.
_FURTHEST = 0.01
# Numbers of codes, a few megabytes.
_COMPARED_TOGETHER = 2**18


@dataclass(frozen=True)
class Groups:
    """Which rows of codes, labels or weights are the same item."""

    name: str  # what users call the ids
    number_of: dict  # number of the item of each id
    items: np.ndarray  # (n_rows,): item of each row, in the order of appearance
    first: np.ndarray  # (n_items,): first row of each item

    def codes_once(self, Z, name):
        """Take codes (n_items, n_components) of rows that agree within each item."""
        apart = np.empty(len(Z))
        for rows in row_blocks(len(Z), Z.shape[1], _COMPARED_TOGETHER):
            own, first = (
                to_unit_length(codes.astype(np.float64))
                for codes in (Z[rows], Z[self.first[self.items[rows]]])
            )
            apart[rows] = np.linalg.norm(own - first, axis=1)
        self._refuse(apart > _FURTHEST, f"the same code in {name}", "codes")
        return Z[self.first]

    def labels_once(self, y, name):
        """Take labels, which are valid, (n_items,) or (n_items, n_classes)."""
        y = as_labels(y, name)
        if y.ndim == 1:
            codes = encode_labels(y)[1]
            differs = codes != codes[self.first[self.items]]
        else:
            y = csr_array(y)
            differs = self._rows_that_differ(y)
        self._refuse(differs, f"the same label in {name}", "labels")
        return y[self.first]

    def grades_once(self, grades, name):
        """Take sparse rows of grades (n_items, n) of rows that agree in each item."""
        differs = self._rows_that_differ(grades)
        self._refuse(differs, f"the same grades in {name}", "grades")
        return grades[self.first]

    def _rows_that_differ(self, matrix):
        """Which sparse rows are not those of the first row of the item, (n_rows,)."""
        return (matrix != matrix[self.first[self.items]]).sum(axis=1) > 0

    def weights_once(self, weights):
        """Mean weight of the rows of each item, (n_items,); None stays None."""
        if weights is None:
            return None
        return np.bincount(self.items, weights) / np.bincount(self.items)

    def find(self, other):
        """Which items those of other groups are, by their ids; -1 for none."""
        found = (self.number_of.get(i, -1) for i in other.number_of)
        return np.fromiter(found, np.intp, len(other.number_of))

    def _refuse(self, differs, what, noun):
        rows = np.flatnonzero(differs)
        if rows.size:
            other = self.first[self.items[rows[0]]]
            raise ValueError(
                f"Rows of one id in {self.name} are one item, which counts once, so "
                f"they must have {what}. Got other {noun} in rows {other} and "
                f"{rows[0]}. Check that {self.name} is in the order of the rows, or "
                "give what differs ids of its own."
            )


def check_groups(groups, n_rows, name):
    """Validate ids of items, one for each row: their `Groups`. None stays None."""
    if groups is None:
        return None
    ids = as_labels(groups, name)
    if ids.shape != (n_rows,):
        raise ValueError(
            f"{name} must hold one id per row of codes, {n_rows} in all. Got shape "
            f"{ids.shape}."
        )
    check_all_named(ids, f"{name} must name the item of every row")
    number_of: dict = {}
    items = np.fromiter(
        (number_of.setdefault(i, len(number_of)) for i in ids.tolist()), np.intp, n_rows
    )
    return Groups(name, number_of, items, np.unique(items, return_index=True)[1])
