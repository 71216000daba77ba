r"""Numerics of exact kernel CCA: one Cholesky factor and a block Krylov iteration.

Kernel matrices are centred and divided by their ridge here, so that every ridge is 1.
With :math:`f = K_v a` and :math:`g = K_t b` the optimality conditions read

.. math:: S (f + a) = g, \qquad S (g + b) = f.

Eliminating :math:`a`, the correlations :math:`S` follow from

.. math::
    (I + K_v + K_t)^{-1} K_v K_t\, b = \tau b, \qquad \tau = \frac{S^2}{1 - S^2}.

One factor serves both modalities. And where correlations crowd below 1, which
a small ridge brings about, the values of :math:`\tau` are far apart: the iteration
needs about as many steps for any ridge.
"""

import numpy as np
from scipy import linalg

from sklearn_xmodal.cross_decomposition._engine._kernels import (
    INDEFINITE,
    check_spectrum,
    check_varies,
    is_definite,
    square,
)
from sklearn_xmodal.cross_decomposition._engine._signs import signs_of
from sklearn_xmodal.pairs._pairs import MODALITIES
from sklearn_xmodal.utils._blocks import row_blocks
from sklearn_xmodal.utils._linalg import (
    cholesky_in_place,
    inverse_root,
    stable_eigh,
    stable_svd,
)

# Thinner products take as long, since reading the kernel matrix is what they cost.
_LEAST_WIDTH = 24
_OVERSAMPLING = 4
# Residuals enter the correlations squared, and two more products make them smaller:
# this leaves correlations exact to 1e-11.
_RESIDUAL_TOLERANCE = 1e-5
# Spaces that would grow further are no cheaper than the whole problem.
_LARGEST_SHARE = 0.75
# How much smaller a step makes residuals, about, and how much more than those before.
_SLOWEST, _FASTEST, _SPEEDUP = 4, 20, 1.5
# Whose own variates the iteration starts from, and noise relative to those.
_START_ITEMS, _NOISE = 160, 1e-3
# Directions that are new by so many times the rounding error need fresh products.
_WEAK = 1e6
# Of a kernel matrix, which stay in the cache meanwhile.
_BLOCK_VALUES = 2**16


def centre_and_scale(K, alpha, modality, sample_weight=None):
    """Centre a kernel matrix (n, n) and divide it by its ridge, in place.

    `alpha` is relative to the mean eigenvalue of the centred matrix. Returns the column
    means of the matrix as it came, and the ridge. With positive weights, rows and
    columns are multiplied by their roots: the matrix of repeated items has the same
    eigenvalues, and 0 for what is more.
    """
    n = len(K)
    means = _mean(K, sample_weight)
    total = _mean(means, sample_weight)
    scale = _mean(K.diagonal() - 2 * means + total, sample_weight)
    check_varies(scale, n * np.finfo(float).eps * abs(total), modality)
    ridge = alpha * scale
    roots = None if sample_weight is None else np.sqrt(sample_weight)
    for rows in row_blocks(n, n, _BLOCK_VALUES):
        block = K[rows]
        block -= np.add.outer(means[rows], means - total)
        block *= 1 / ridge
        if roots is not None:
            block *= np.outer(roots[rows], roots)
    return means, ridge


def _mean(values, sample_weight):
    if sample_weight is None:
        return values.mean(axis=0)
    return sample_weight @ values / sample_weight.sum()


def check_definite(K, alpha, modality):
    """Raise a ValueError unless a matrix of `centre_and_scale` is semi-definite.

    But for negative eigenvalues that are rounding of float32.
    """
    raised = K.copy()
    raised.flat[:: len(K) + 1] += INDEFINITE / alpha
    if cholesky_in_place(raised.T) is None:
        smallest = linalg.eigvalsh(K, subset_by_index=[0, 0])[0] * alpha
        check_spectrum(smallest, f"centred {modality} kernel")


class _Problem:
    """The two kernels, and the factor of their sum."""

    def __init__(self, K_img, K_txt, sample_weight):
        self.K_img, self.K_txt = K_img, K_txt
        self.n = len(K_img)
        weights = np.ones(self.n) if sample_weight is None else sample_weight
        self.roots = np.sqrt(weights)[:, None]  # of weights
        norm = max(np.linalg.norm(K_img), np.linalg.norm(K_txt))
        # Relative error of a solve: rounding times the condition number, or some more.
        self.rounding = 10 * np.finfo(float).eps * (1 + norm)
        total = K_img + K_txt
        total.flat[:: self.n + 1] += 1.0
        self._factor = cholesky_in_place(total.T)
        if self._factor is None:
            raise ValueError(
                "The sum of both kernels and their ridges must be positive definite. "
                "Got kernels with negative eigenvalues larger than the ridge. Use "
                "positive semi-definite kernels, or raise alpha."
            )

    def image_product(self, B):
        return _product(self.K_img, B)

    def text_product(self, B):
        return _product(self.K_txt, B)

    def solve(self, B):
        solution, _ = linalg.lapack.dpotrs(self._factor, B, lower=1)
        return solution


def _product(K, B):
    # Transposed, a symmetric matrix in C order is one in Fortran order: no copy.
    return linalg.blas.dgemm(1.0, K.T, B)


class _KrylovSpace:
    r"""A growing space of vectors :math:`p = g + b`, with their images :math:`g`.

    An orthonormal basis of :math:`p` is well scaled at any ridge, which one of
    :math:`b` is not. The operator is symmetric in the inner product
    :math:`p^\top g`, which is the constraint.
    """

    def __init__(self, problem):
        self.problem = problem
        self.width = 0  # of the last block
        self._vectors = np.empty((2, 0, problem.n))  # room for rows of p and of g
        self.P, self.G = (A[:0].T for A in self._vectors)
        self._gram = np.empty((0, 0))  # p' g
        self._operator = np.empty((0, 0))  # g' op(p)

    def __len__(self):
        return self.P.shape[1]

    def extend(self, B, G):
        """Append what coefficients B with variates G add; return its variates."""
        P, G, weakest = self._orthonormal(B + G, G)
        if weakest < _WEAK * self.problem.rounding:
            B = P - G
            G = self.problem.text_product(B)
            P, G, _ = self._orthonormal(B + G, G)
        self._append(P, G)
        self._gram = _bordered(self._gram, self.P.T @ G)
        return G

    def _append(self, P, G):
        old, self.width = len(self), P.shape[1]
        size = old + self.width
        if size > self._vectors.shape[1]:
            grown = np.empty((2, 2 * size, self.problem.n))
            grown[:, :old] = self._vectors[:, :old]
            self._vectors = grown
        self._vectors[:, old:size] = P.T, G.T
        self.P, self.G = (A[:size].T for A in self._vectors)

    def _orthonormal(self, P, G):
        """Orthonormalise P against the basis, G by the same combinations.

        Directions that are rounding are dropped; the relative size of the smallest
        of the others comes third.
        """
        largest = linalg.norm(P, axis=0).max(initial=0)
        inside = self.P.T @ P
        P = P - self.P @ inside
        again = self.P.T @ P  # twice is enough for orthogonality to rounding
        P = P - self.P @ again
        G = G - self.G @ (inside + again)
        P, R, order = linalg.qr(P, mode="economic", pivoting=True, check_finite=False)
        sizes = np.abs(R.diagonal())
        r = int(np.count_nonzero(sizes > self.problem.rounding * largest))
        if r == 0:
            return P[:, :0], G[:, :0], 1.0
        G = linalg.solve_triangular(
            R[:r, :r], G[:, order[:r]].T, trans="T", check_finite=False
        ).T
        return P[:, :r], G, sizes[r - 1] / largest

    def record(self, images):
        """Take note of the operator's images of the last block."""
        self._operator = _bordered(self._operator, self.G.T @ images)

    def ritz(self, k):
        """Return the k largest values of tau, and their vectors in the basis."""
        root = inverse_root(self._gram, self.problem.rounding)
        tau, c = stable_eigh(root.T @ self._operator @ root)
        return tau[:k], root @ c[:, :k]

    def outside(self, images, variates, c):
        """Return what the operator moves p of Ritz vectors out of the space, and g.

        `images` and `variates` are the operator's p and g of the last block.
        """
        inside, last = self.P.T @ images, c[-self.width :]
        return (images - self.P @ inside) @ last, (variates - self.G @ inside) @ last


def _bordered(A, columns):
    """Append columns to a symmetric matrix, and the same as rows."""
    old, new = len(A), columns.shape[1]
    grown = np.empty((old + new, old + new))
    grown[:old, :old] = A
    grown[:, old:] = columns
    grown[old:, :old] = columns[:old].T
    grown[old:, old:] = (columns[old:] + columns[old:].T) / 2
    return grown


def _start(problem, width, random_state):
    """Return text variates (n, width) to begin with: those of a few items alone.

    A little noise stands in for directions that those do not have.
    """
    start = random_state.standard_normal((problem.n, width))
    start = _NOISE * (start - start.mean(axis=0))
    few = random_state.permutation(problem.n)[: min(_START_ITEMS, problem.n // 4)]
    cut = np.ix_(few, few)
    part = _Problem(problem.K_img[cut], problem.K_txt[cut], None)
    found = problem.K_txt[few].T @ _solve_whole(part, width)
    sizes = np.sqrt(np.mean(found**2, axis=0))
    start[:, : len(sizes)] += found / np.maximum(sizes, np.finfo(float).tiny)
    return start


def _iterate(problem, k, random_state):
    """Return text coefficients of the leading pairs; None where that does not pay."""
    n, width = problem.n, max(k + _OVERSAMPLING, _LEAST_WIDTH)
    if width > _LARGEST_SHARE * n:
        return None
    space = _KrylovSpace(problem)
    G = _start(problem, width, random_state)
    last, since, steps_to_check = np.inf, 0, 1
    while len(space) + width <= _LARGEST_SHARE * n:
        B = problem.solve(problem.image_product(G))
        KB = problem.text_product(B)
        if len(space):
            space.record(B + KB)
            since += 1
        if since == steps_to_check:
            tau, c = space.ritz(k)
            allowed = _RESIDUAL_TOLERANCE * np.abs(tau) + problem.rounding * tau.max()
            P, G = space.outside(B + KB, KB, c)
            excess = max(1.0, (linalg.norm(P, axis=0) / allowed).max())
            if len(tau) == k and excess == 1:
                return _one_step_on(space, tau, c, P, G, problem.rounding)
            # Steps gain more than those before, but not by much.
            gain = _SPEEDUP * (last / excess) ** (1 / since)
            last, since = excess, 0
            steps = int(np.log(excess) / np.log(np.clip(gain, _SLOWEST, _FASTEST)))
            steps_to_check = max(1, steps)
        G = space.extend(B, KB)
        if not space.width and len(space):  # it holds all there is
            _, c = space.ritz(k)
            return space.P @ c - space.G @ c
    return None


def _one_step_on(space, tau, c, P, G, rounding):
    """Return coefficients of the operator's images of Ritz vectors, which are at hand.

    They are closer than the vectors themselves. P and G are what is outside the space.
    """
    steps = 1 / np.where(tau > rounding * tau.max(), tau, np.inf)
    return (space.P @ c + P * steps) - (space.G @ c + G * steps)


def _solve_whole(problem, k):
    """Return text coefficients of the leading pairs from the problem of full size."""
    space = _KrylovSpace(problem)
    G = space.extend(np.eye(problem.n), problem.K_txt)
    B = problem.solve(problem.image_product(G))
    space.record(B + problem.text_product(B))
    _, c = space.ritz(k)
    return space.P @ c - space.G @ c


def _rayleigh_ritz(problem, B):
    """Return correlations and coefficients of both modalities in their spaces.

    A last half step, from fresh products, takes the text to the image; the
    singular values resolve correlations whose squares are lost to rounding.
    """
    G = problem.text_product(B)
    A = problem.solve(problem.text_product(B + G))
    F = problem.image_product(A)
    size = linalg.norm(A + F, axis=0)
    size = np.maximum(size, np.finfo(float).eps * size.max())
    A, F = A / size, F / size
    root_img = inverse_root(_symmetric((A + F).T @ F), problem.rounding)
    root_txt = inverse_root(_symmetric((B + G).T @ G), problem.rounding)
    if not root_img.size or not root_txt.size:  # the kernels have nothing in common
        return np.zeros(1), np.zeros((problem.n, 1)), np.zeros((problem.n, 1))
    U, S, Vt = stable_svd(root_img.T @ (F.T @ G) @ root_txt)
    signs = signs_of(F @ (root_img @ U) / problem.roots)
    return S, A @ (root_img @ U) * signs, B @ (root_txt @ Vt.T) * signs


def _symmetric(A):
    return (A + A.T) / 2


def canonical_pairs(K_img, K_txt, k, random_state, sample_weight=None):
    r"""Return at most k leading canonical pairs of two kernels of `centre_and_scale`.

    Correlations (r,), largest first, fewer than k where the kernels have a lower rank
    and a single 0 where they have nothing in common; coefficients (n, r) with
    :math:`a^\top K_v (K_v + I) a = 1`, and those of the texts likewise.
    """
    problem = _Problem(K_img, K_txt, sample_weight)
    B = _iterate(problem, k, random_state)
    if B is None:
        B = _solve_whole(problem, k)
    return _rayleigh_ritz(problem, B)


def exact_pairs(maps, alphas, k, random_state, sample_weight=None):
    """Return at most k leading canonical pairs of two maps of the training items.

    Correlations (r,), largest first; coefficients of variates of unit variance (ridge
    included), two of (n_samples, r); what is then subtracted, so that variates have no
    mean, two of (r,). `alphas` are relative to the mean eigenvalue of the centred
    kernel matrix; weights are positive.
    """
    kernels, means, ridges = [], [], []
    for found, alpha, modality in zip(maps, alphas, MODALITIES, strict=True):
        K = square(found)
        mean, ridge = centre_and_scale(K, alpha, modality, sample_weight)
        if not is_definite(found):
            check_definite(K, alpha, modality)
        kernels.append(K)
        means.append(mean)
        ridges.append(ridge)
    K_img, K_txt = kernels
    S, *duals = canonical_pairs(K_img, K_txt, k, random_state, sample_weight)
    weights = np.ones(len(duals[0])) if sample_weight is None else sample_weight
    # Of repeated items each has a share of the dual; together it is their root times.
    duals = [D * np.sqrt(weights)[:, None] for D in duals]
    # Their mean does nothing on centred kernels; without it, nor do means of new rows.
    root_n = np.sqrt(weights.sum())
    duals = [
        (D - np.outer(weights, D.sum(axis=0) / weights.sum())) * (root_n / ridge)
        for D, ridge in zip(duals, ridges, strict=True)
    ]
    offsets = [mean @ D for mean, D in zip(means, duals, strict=True)]
    return S, duals, offsets
