"""How likely the halves of a pair belong together."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from sklearn_xmodal.inspection import pair_quality
from sklearn_xmodal.inspection._quality import fit_mixture, pair_scores
from sklearn_xmodal.inspection._rows import same_rows


@pytest.fixture
def rng():
    return np.random.default_rng(100)


def _codes(rng, n=200, d=16, noise=0.5):
    meaning = rng.normal(size=(n, d))
    return tuple(meaning + noise * rng.normal(size=(n, d)) for _ in range(2))


def _cosine(a, b):
    return a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)


def _textbook(Z_img, Z_txt, is_same):
    """Scores by the definition, pair by pair."""
    n = len(Z_img)
    C = np.array([[_cosine(a, b) for b in Z_txt] for a in Z_img])

    def nearness(cosines, same):
        return np.mean(
            sorted(c for c, s in zip(cosines, same, strict=True) if not s)[-10:]
        )

    r_img = [nearness(C[i], is_same[i]) for i in range(n)]
    r_txt = [nearness(C[:, j], is_same[:, j]) for j in range(n)]
    t = np.array(
        [[C[i, j] - r_img[i] / 2 - r_txt[j] / 2 for j in range(n)] for i in range(n)]
    )
    null = [t[i, j] for i in range(n) for j in range(n) if not is_same[i, j]]
    below = [np.mean(np.array(null) < t[i, i]) * len(null) for i in range(n)]
    return [norm.ppf((b + 0.5) / (len(null) + 1)) for b in below]


class TestPairScores:
    def test_are_those_of_the_definition(self, rng):
        Z_img, Z_txt = _codes(rng, n=30, d=4, noise=1.0)
        expected = _textbook(Z_img, Z_txt, np.eye(30, dtype=bool))
        assert_allclose(pair_scores(Z_img, Z_txt), expected, atol=1e-9)

    def test_pairs_of_one_group_or_item_are_no_wrong_pairs(self, rng):
        Z_img, Z_txt = _codes(rng, n=30, d=4, noise=1.0)
        groups = np.array(["a"] * 5 + list(range(25)), dtype=object)
        Z_txt[20] = Z_txt[21]
        Z_img[10] = Z_img[11]
        same = np.eye(30, dtype=bool)
        same[:5, :5] = True
        for i, j in ((20, 21), (10, 11)):
            same[i, j] = same[j, i] = True
        expected = _textbook(Z_img, Z_txt, same)
        assert_allclose(pair_scores(Z_img, Z_txt, groups=groups), expected, atol=1e-9)

    def test_do_not_depend_on_lengths_or_the_block(self, rng, monkeypatch):
        Z_img, Z_txt = _codes(rng, n=50)
        expected = pair_scores(Z_img, Z_txt)
        longer = Z_img * rng.uniform(1e-30, 1e30, size=(50, 1))
        assert_allclose(pair_scores(longer, Z_txt), expected, atol=1e-9)
        blocks = lambda n, *_: [slice(i, i + 7) for i in range(0, n, 7)]  # noqa: E731
        monkeypatch.setattr("sklearn_xmodal.inspection._quality.row_blocks", blocks)
        assert_allclose(pair_scores(Z_img, Z_txt), expected, atol=1e-9)

    def test_of_more_pairs_than_are_compared(self, rng):
        Z_img, Z_txt = _codes(rng, n=1500, noise=1.0)
        Z_txt[:150] = Z_txt[np.roll(np.arange(150), 1)]
        scores = pair_scores(Z_img, Z_txt)
        # Wrong ones are a sample of N(0, 1), right ones are not.
        assert abs(scores[:150].mean()) < 4 / np.sqrt(150)
        assert abs(scores[:150].std() - 1) < 4 / np.sqrt(300)
        assert scores[150:].mean() > 2

    def test_of_codes_on_a_line_are_in_the_middle(self, rng):
        signs = rng.choice([-1.0, 1.0], size=40)
        ends = signs[:, None] * rng.uniform(1, 2, size=(2, 40, 1))
        scores = pair_scores(*ends)  # cosines are 1 and -1
        assert (np.abs(scores) < 1).all()

    def test_are_unknown_without_others(self, rng):
        Z_img, Z_txt = _codes(rng, n=60)
        groups = np.where(np.arange(60) < 58, 0, np.arange(60))
        assert_array_equal(np.isnan(pair_scores(Z_img, Z_txt, groups=groups)), False)
        Z_txt[:59] = Z_txt[0]
        assert_array_equal(np.isnan(pair_scores(Z_img, Z_txt, groups=groups)), False)
        Z_img[59] = Z_img[0]
        scores = pair_scores(Z_img, Z_txt)
        assert_array_equal(np.flatnonzero(np.isnan(scores)), [0])


def test_the_mixture_finds_what_it_was_drawn_from(rng):
    for share, mean, spread in ((0.3, 2.5, 1.0), (0.1, 3.0, 0.6), (0.6, 2.0, 0.9)):
        n = 20_000
        wrong = rng.random(n) < share
        scores = np.where(wrong, rng.normal(size=n), rng.normal(mean, spread, n))
        quality, *found = fit_mixture(scores)
        assert_allclose(found, (share, mean, spread), atol=0.05)
        # Those of quality q match in a share q of cases.
        for low in (0.2, 0.5, 0.8):
            near = np.abs(quality - low) < 0.1
            error = 4 / np.sqrt(near.sum()) + 0.02
            assert abs((~wrong)[near].mean() - quality[near].mean()) < error


class TestPairQuality:
    def test_finds_swapped_pairs_alone(self, rng):
        Z_img, Z_txt = _codes(rng, noise=0.3)
        Z_txt[[3, 50, 150]] = Z_txt[[50, 150, 3]]
        quality = pair_quality(Z_img, Z_txt)
        assert_array_equal(np.flatnonzero(quality < 0.5), [3, 50, 150])
        assert quality.min() >= 0
        assert quality.max() <= 1

    def test_finds_hardly_any_where_all_match(self, rng):
        assert (pair_quality(*_codes(rng, noise=0.3)) > 0.5).all()
        assert (pair_quality(*_codes(rng, noise=1.0)) > 0.5).mean() > 0.98

    def test_rises_with_the_score(self, rng):
        Z_img, Z_txt = _codes(rng, noise=1.0)
        Z_txt[:40] = Z_txt[np.roll(np.arange(40), 1)]
        order = np.argsort(pair_scores(Z_img, Z_txt))
        assert (np.diff(pair_quality(Z_img, Z_txt)[order]) >= -1e-12).all()

    def test_is_a_half_where_nothing_can_be_told(self, rng):
        Z_img, Z_txt = _codes(rng)
        with pytest.warns(UserWarning, match="no higher than those of wrong pairs"):
            quality = pair_quality(Z_img, rng.permutation(Z_txt))
        assert_array_equal(quality, 0.5)

    @pytest.mark.parametrize(
        "kind", [pd.DataFrame, torch.tensor, np.float32, np.ndarray.tolist],
        ids=["frame", "tensor", "float32", "list"],
    )  # fmt: skip
    def test_takes_what_holds_numbers(self, rng, kind):
        Z_img, Z_txt = _codes(rng, n=60)
        expected = pair_quality(Z_img, Z_txt)
        assert_allclose(pair_quality(kind(Z_img), kind(Z_txt)), expected, atol=1e-3)

    def test_refuses_what_are_no_pairs_of_codes(self, rng):
        Z_img, Z_txt = _codes(rng, n=20)
        with pytest.raises(ValueError, match=r"same space.*16 and 15"):
            pair_quality(Z_img, Z_txt[:, :15])
        with pytest.raises(ValueError, match="20 and 19 rows"):
            pair_quality(Z_img, Z_txt[:19])
        with pytest.raises(ValueError, match="NaN"):
            pair_quality(Z_img, np.full_like(Z_txt, np.nan))
        with pytest.raises(ValueError, match="one id per row"):
            pair_quality(Z_img, Z_txt, groups=[1, 2])
        with pytest.raises(ValueError, match="others to be compared with"):
            pair_quality(Z_img, np.ones_like(Z_txt))
        with pytest.raises(ValueError, match="others to be compared with"):
            pair_quality(Z_img, Z_txt, groups=np.zeros(20))
        with pytest.raises(ValueError, match="others to be compared with"):
            pair_quality(Z_img[:1], Z_txt[:1])


class TestSameRows:
    def test_are_numbered_by_the_first(self, rng):
        X = rng.normal(size=(40, 5))
        X[[7, 30]] = X[3]
        X[12] = X[2] * (1 + 1e-9)
        expected = np.arange(40)
        expected[[7, 30]], expected[12] = 3, 2
        assert_array_equal(same_rows(X), expected)
        from scipy import sparse

        assert_array_equal(same_rows(sparse.csr_array(X)), expected)

    def test_do_not_depend_on_the_scale(self, rng):
        X = rng.normal(size=(40, 5))
        X[7] = X[3]
        for scale in (1e-300, 1e-200, 1e200, 1e300):
            assert_array_equal(same_rows(X * scale), same_rows(X))

    def test_tell_near_ones_apart(self, rng):
        X = 1000 + rng.normal(size=(50, 5))
        X[30] = X[20]
        assert len(set(same_rows(X))) == 49

    def test_of_zeros_are_one(self):
        assert_array_equal(
            same_rows(np.array([[0.0, -0.0], [1, 0], [0, 0]])), [0, 1, 0]
        )
