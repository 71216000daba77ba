"""Pictures and texts on both sides of a split are counted."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.protocols import (
    METHODS,
    QUICK,
    count_repeats,
    evaluate,
    evaluate_split,
)

X_IMG, X_TXT, Y = make_paired_modalities(150, n_classes=4, random_state=0)
PICTURE = np.arange(150) % 50
PAIRS = ImageTextPairs(X_IMG[PICTURE], X_TXT)


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.asfortranarray,
        np.float32,
        sparse.csr_array,
        sparse.coo_matrix,
        pd.DataFrame,
    ],
)
def test_repeats_are_those_of_a_loop(convert):
    rng = np.random.default_rng(0)
    X, T = rng.integers(0, 3, size=(40, 3)), rng.integers(0, 2, size=(40, 2))
    train, test = np.arange(25), np.arange(25, 40)
    expected = {
        name: sum(any((M[i] == M[j]).all() for j in train) for i in test)
        for name, M in (("image", X), ("text", T))
    }
    pairs = ImageTextPairs(convert(X.astype(float)), convert(-T.astype(float)))
    assert 0 < expected["image"] < 15
    assert count_repeats(pairs, train, test) == expected


def test_explicit_zeros_and_order_of_sparse_entries_do_not_count():
    X = sparse.csr_array(
        (np.array([2.0, 1.0, 0.0, 1.0, 2.0]), [1, 0, 2, 0, 1], [0, 3, 5])
    )
    pairs = ImageTextPairs(X, X)
    assert count_repeats(pairs, [0], [1]) == {"image": 1, "text": 1}


def test_evaluation_warns_of_repeats_and_counts_them():
    with pytest.warns(UserWarning, match=r"^\d+ of 45 test pictures have") as found:
        evaluate({"CCA": CCARetriever()}, PAIRS, Y, n_splits=1)
    assert len(found) == 1
    assert "texts" not in str(found[0].message).split(".")[0]


def test_groups_are_kept_together_by_given_rows_and_folds():
    test = np.flatnonzero(PICTURE >= 35)
    train = np.setdiff1d(np.arange(150), test)
    folds = [
        (
            np.flatnonzero(PICTURE[train] % 2 == k),
            np.flatnonzero(PICTURE[train] % 2 != k),
        )
        for k in (0, 1)
    ]
    rows = (train, test)
    record = evaluate_split(
        METHODS["cca"], PAIRS, Y, rows=rows, cv=folds, budget=QUICK
    )  # without a warning
    assert record["n_test"] == len(test)
    other = evaluate_split(METHODS["cca"], PAIRS, Y, rows=rows, budget=QUICK)
    assert record["validation_score"] != other["validation_score"]


def test_pairs_must_be_pairs():
    with pytest.raises(TypeError, match="pairs must be ImageTextPairs"):
        count_repeats(X_IMG, [0], [1])
