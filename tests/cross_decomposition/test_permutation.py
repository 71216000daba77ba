"""The permutation test against the textbook procedure, and against its promises."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg, sparse

from sklearn_xmodal import CCARetriever, ImageTextPairs
from tests.conftest import SEEDS

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def draw(seed, n=60, p=5, q=4, n_shared=2, noise=0.5):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    if n_shared:
        Y[:, :n_shared] = X[:, :n_shared] + noise * Y[:, :n_shared]
    return X, Y


def basis(X):
    return linalg.qr(X - X.mean(axis=0), mode="economic")[0]


def textbook(X, Y, permutations):
    """Take out components one by one, permute, solve anew."""
    Q_x, Q_y = basis(X), basis(Y)
    U, S, Vt = linalg.svd(Q_x.T @ Q_y)
    null = []
    for order in permutations:
        row = []
        for j in range(len(S)):
            rest_x = (Q_x @ U[:, j:])[order]
            rest_y = Q_y @ Vt[j:].T
            row.append(linalg.svdvals(basis(rest_x).T @ basis(rest_y))[0])
        null.append(row)
    p_values = [
        (1 + sum(row[j] >= S[j] for row in null)) / (1 + len(null))
        for j in range(len(S))
    ]
    return S, np.array(null), [max(p_values[: j + 1]) for j in range(len(S))]


@EVERY_SEED
@pytest.mark.parametrize(("p", "q"), [(5, 4), (3, 6)])
def test_equals_the_textbook_procedure(seed, p, q):
    X, Y = draw(seed, p=p, q=q)
    rng = np.random.RandomState(seed)
    orders = [rng.permutation(60) for _ in range(30)]
    statistics, null, p_values = textbook(X, Y, orders)
    result = CCARetriever(alpha=0).permutation_test(
        X, Y, n_permutations=30, random_state=seed
    )
    assert_allclose(result.statistics, statistics, atol=1e-12)
    assert_allclose(result.null_distribution, null, atol=1e-12)
    assert_array_equal(result.p_values, p_values)


@EVERY_SEED
@pytest.mark.parametrize("alpha", [0, 0.1, "oas"])
@pytest.mark.parametrize("n_shared", [1, 2, 3])
def test_finds_the_number_of_components(seed, alpha, n_shared):
    X, Y = draw(seed, n=200, n_shared=n_shared, noise=0.3)
    result = CCARetriever(alpha=alpha).permutation_test(
        X, Y, n_permutations=199, random_state=0
    )
    assert (result.p_values[:n_shared] == 1 / 200).all()
    assert (result.p_values[n_shared:] > 0.01).all()


@pytest.mark.parametrize("n_shared", [0, 1])
def test_false_findings_are_as_rare_as_the_level(n_shared):
    found = [
        CCARetriever(alpha=0)
        .permutation_test(
            *draw(100 + seed, n=30, p=3, q=3, n_shared=n_shared, noise=0.1),
            n_permutations=19,
            random_state=seed,
        )
        .p_values[n_shared]
        <= 0.05
        for seed in range(200)
    ]
    # Five standard deviations of 200 draws with probability 0.05.
    assert abs(np.mean(found) - 0.05) < 0.08


@EVERY_SEED
def test_perfect_correlations_of_few_samples_are_chance(seed):
    X, Y = draw(seed, n=10, p=20, q=15)
    result = CCARetriever(3, alpha=0).permutation_test(
        X, Y, n_permutations=19, random_state=seed
    )
    assert_allclose(result.statistics, 1)
    assert_array_equal(result.p_values, 1)


@EVERY_SEED
def test_every_form_gives_the_same_and_the_retriever_is_left_alone(seed):
    X, Y = draw(seed)
    options = {"n_permutations": 9, "random_state": seed}
    est = CCARetriever(2)
    expected = est.permutation_test(X, Y, **options)
    assert vars(est) == vars(CCARetriever(2))
    stacked = CCARetriever(2, n_image_features=5)
    for got in (
        est.permutation_test(ImageTextPairs(X, Y), **options),
        stacked.permutation_test(np.hstack([X, Y]), **options),
        est.permutation_test(X, sparse.csr_matrix(Y), **options),
        est.permutation_test(X * 1e3 + 1e6, Y, **options),
    ):
        assert got.p_values.shape == (2,)
        assert_allclose(got.null_distribution, expected.null_distribution, atol=1e-9)


@pytest.mark.parametrize("value", [0, 2.5, None])
def test_number_of_permutations_is_checked(value):
    with pytest.raises(ValueError, match=f"n_permutations must be .* Got {value}"):
        CCARetriever().permutation_test(*draw(0), n_permutations=value)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        CCARetriever(alpha=-1).permutation_test(*draw(0))
