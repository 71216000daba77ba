"""Methods for vectors of one joint model: raw features, of one width, or none."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import FunctionTransformer, normalize

from sklearn_xmodal import CCARetriever, ImageTextPairs
from sklearn_xmodal.protocols import (
    METHODS,
    QUICK,
    evaluate,
    evaluate_split,
    score_codes,
    split_pairs,
    tune,
)

JOINT = [name for name, method in METHODS.items() if method.is_joint]


@pytest.fixture
def pairs():
    """Pairs of a joint space, not of unit length."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(80, 9))
    X_img, X_txt = (shared + 0.7 * rng.normal(size=(80, 9)) for _ in range(2))
    return ImageTextPairs(X_img, 3 * X_txt)


def test_the_cosine_is_of_the_features_as_they_are(pairs):
    record = evaluate_split(METHODS["cosine"], pairs, budget=QUICK, return_codes=True)
    test = split_pairs(pairs, random_state=0)[1]
    for Z, X in zip(record["codes"], (pairs.image, pairs.text), strict=True):
        assert_allclose(Z, normalize(X[test]))
    assert record["parameters"] == {"scaled": "none"}


@pytest.mark.parametrize("name", JOINT)
def test_they_are_tuned_behind_nothing_but_unit_length(name, pairs):
    pipeline, score, parameters = tune(
        METHODS[name], pairs, budget=QUICK, random_state=0
    )
    assert_allclose(pipeline[0].transform(pairs).text, normalize(pairs.text))
    assert 0 < score <= 1
    assert parameters["scaled"] == "none"


def test_they_are_left_out_with_a_word_where_widths_differ(pairs):
    other = ImageTextPairs(pairs.image, pairs.text[:, :7])
    methods = {**{name: METHODS[name] for name in JOINT}, "own": CCARetriever(2)}
    with pytest.warns(UserWarning, match=r"Left out: cosine, .* 9 image .* 7 text"):
        records = evaluate(methods, other, n_splits=1)
    assert [record["method"] for record in records] == ["own"]
    with pytest.raises(ValueError, match="one width"):
        evaluate_split(METHODS["cosine"], other, budget=QUICK)
    # Of one width nothing is said.
    assert len(evaluate(methods, pairs, n_splits=1, budget=QUICK)) == len(methods)


def test_features_that_are_no_matrices_are_left_to_other_methods():
    class Letters(CCARetriever):
        def fit(self, X_img, X_txt=None, y=None):
            return super().fit(_counted(X_img), X_txt, y)

        def transform(self, X_img, X_txt=None):
            return super().transform(_counted(X_img), X_txt)

    def _counted(pairs):
        count = FunctionTransformer(lambda t: np.array([[len(s)] for s in t], float))
        return ImageTextPairs(pairs.image, count.fit_transform(pairs.text))

    rng = np.random.default_rng(0)
    texts = np.array([str(10**n) for n in range(40)], dtype=object)
    pairs = ImageTextPairs(rng.normal(size=(40, 3)), texts)
    assert len(evaluate({"own": Letters(1)}, pairs, n_splits=1)) == 1
    with pytest.warns(UserWarning, match="got 3 image features and no text features"):
        assert evaluate({"cosine": METHODS["cosine"]}, pairs, n_splits=1) == []


def test_recall_without_labels_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    Z_img = rng.normal(size=(30, 4))
    Z_txt = Z_img + rng.normal(size=(30, 4))
    scores = score_codes(Z_img, Z_txt)
    S = normalize(Z_img) @ normalize(Z_txt).T
    for k in (1, 5, 10):
        found = [
            i in sorted(range(30), key=lambda j: -side[i, j])[:k]
            for side in (S, S.T)
            for i in range(30)
        ]
        assert scores[f"recall_at_{k}"] == pytest.approx(np.mean(found))
    assert "recall_at_1" not in score_codes(Z_img, Z_txt, np.arange(30) % 3)
    few = score_codes(Z_img[:4], Z_txt[:4])  # fewer than ten
    assert few["recall_at_10"] == 1
