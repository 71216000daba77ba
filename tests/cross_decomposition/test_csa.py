"""Canonical similarity analysis, by its formula and from the codes of CCARetriever."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import linalg

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.metrics import cross_modal_score
from tests.cross_decomposition.test_cca import draw, orthonormal_columns

N_NEW = 50


def textbook(X, Y, s):
    """Return the first s variates of all rows, fitted to all but the last, and rho."""
    sides = []
    for A in (X, Y):
        A = A - A[:-N_NEW].mean(axis=0)
        sides.append((A, orthonormal_columns(A[:-N_NEW])))
    U, rho, Vt = linalg.svd(sides[0][1].T @ sides[1][1])
    variates = [
        A @ linalg.lstsq(A[:-N_NEW], Q @ axes[:, :s])[0]
        for (A, Q), axes in zip(sides, (U, Vt.T), strict=True)
    ]
    return *variates, rho[:s]


def csa(a, b, rho):
    """Return the similarities of the paper, one pair of items at a time."""
    S = [[sum(rho * x * y) / (linalg.norm(x) * linalg.norm(y)) for y in b] for x in a]
    return np.array(S)


@pytest.fixture(params=[3, 6])
def fitted(request):
    """Return textbook variates of new items with rho, and them with s components."""
    s, (X, Y) = request.param, draw(0)
    a, b, rho = textbook(X, Y, s)
    new = X[-N_NEW:], Y[-N_NEW:]
    return csa(a[-N_NEW:], b[-N_NEW:], rho), (X[:-N_NEW], Y[:-N_NEW]), new, s


def unit(Z):
    return Z / linalg.norm(Z, axis=1, keepdims=True)


def test_units_of_variates_weighted_by_correlations_are_its_similarity(fitted):
    expected, train, new, s = fitted
    cca = CCARetriever(s, alpha=0, component_power=0).fit(*train)
    Z_img, Z_txt = (unit(Z) for Z in cca.transform(*new))
    S = (Z_img * cca.canonical_correlations_) @ Z_txt.T
    assert_allclose(S, expected, rtol=0, atol=1e-12)


def test_two_more_columns_make_it_a_cosine(fitted):
    expected, train, new, s = fitted
    cca = CCARetriever(s, alpha=0, component_power=0).fit(*train)
    codes = [
        unit(Z) * np.sqrt(cca.canonical_correlations_) for Z in cca.transform(*new)
    ]
    rest = [np.sqrt(1 - np.sum(Z * Z, axis=1, keepdims=True)) for Z in codes]
    codes = [
        np.hstack([codes[0], rest[0], 0 * rest[0]]),
        np.hstack([codes[1], 0 * rest[1], rest[1]]),
    ]
    assert_allclose(unit(codes[0]) @ unit(codes[1]).T, expected, rtol=0, atol=1e-12)
    ranks = [
        1 + np.sum(np.diag(S)[:, None] < S, axis=1) for S in (expected, expected.T)
    ]
    assert cross_modal_score(*codes) == pytest.approx(np.mean(1 / np.array(ranks)))


def test_half_a_power_differs_by_the_lengths_alone(fitted):
    expected, train, new, s = fitted
    half = CCARetriever(s, alpha=0, component_power=0.5).fit(*train)
    plain = CCARetriever(s, alpha=0, component_power=0).fit(*train)
    S = unit(half.transform_image(new[0])) @ unit(half.transform_text(new[1])).T
    rho = plain.canonical_correlations_
    lengths = [
        linalg.norm(unit(Z) * np.sqrt(rho), axis=1) for Z in plain.transform(*new)
    ]
    assert_allclose(S * np.outer(*lengths), expected, rtol=0, atol=1e-12)
    assert abs(S - expected).max() > 0.01  # so it is not the formula itself
