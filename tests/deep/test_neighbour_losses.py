"""Every objective of MSLN's neighbours against plain loops over scalars."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import linalg

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.deep._acmr import (
    ACMRLoss,
    ACMROutputs,
    triplet_loss,
    weight_norm_loss,
)
from sklearn_xmodal.deep._contrastive import supervised_contrastive_loss
from sklearn_xmodal.deep._dcca import total_correlation_loss
from sklearn_xmodal.deep._dscmr import (
    DSCMRLoss,
    DSCMROutputs,
    invariance_loss,
    label_loss,
    similarity_loss,
)
from sklearn_xmodal.deep._msln_network import contrastive_loss
from sklearn_xmodal.deep._two_encoders import same_class
from tests.conftest import SEEDS

N, D, C = 7, 4, 3
TARGETS = ["labels", "indicator"]


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def rng(request):
    return np.random.default_rng(request.param)


@pytest.fixture
def codes(rng):
    return [torch.from_numpy(rng.normal(size=(N, D))) for _ in range(2)]


@pytest.fixture
def logits(rng):
    return [torch.from_numpy(rng.normal(size=(N, C))) for _ in range(2)]


@pytest.fixture(params=TARGETS)
def target(request, rng):
    if request.param == "labels":
        return torch.from_numpy(rng.integers(C, size=N))
    indicator = rng.integers(2, size=(N, C))
    indicator[0], indicator[1] = 0, 1  # a pair without a class, one with all
    return torch.from_numpy(indicator)


def _labels(target, i):
    """Set of the classes of pair i."""
    if target.ndim == 1:
        return {target[i].item()}
    return {c for c in range(target.shape[1]) if target[i, c]}


def _belong(target, i, j):
    return i == j or bool(_labels(target, i) & _labels(target, j))


def _indicator(target, i):
    return [float(c in _labels(target, i)) for c in range(C)]


def _norm(a):
    return math.sqrt(sum(x * x for x in a))


def _distance(a, b):
    return _norm([x - y for x, y in zip(a, b, strict=True)])


def _cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / (_norm(a) * _norm(b))


def _mean(values):
    return sum(values) / len(values)


def naive_contrastive(images, texts, belong, temperature):
    total = 0.0
    for queries, gallery in ((images, texts), (texts, images)):
        for i, a in enumerate(queries):
            e = [math.exp(_cosine(a, b) / temperature) for b in gallery]
            mine = [j for j in range(len(gallery)) if belong(i, j)]
            total -= _mean([math.log(e[j] / sum(e)) for j in mine])
    return total / (2 * len(images))


def naive_triplet(images, texts, belong, margin, negative_weight):
    total = 0.0
    for queries, gallery in ((images, texts), (texts, images)):
        for i, a in enumerate(queries):
            d = [_distance(a, b) for b in gallery]
            total += _mean([d[j] for j in range(len(d)) if belong(i, j)])
            others = [j for j in range(len(d)) if not belong(i, j)]
            if others:
                hinges = [max(0.0, margin - d[k]) for k in others]
                total += negative_weight * _mean(hinges)
    return total / len(images)


def naive_similarity(images, texts, belong):
    total = 0.0
    for left, right in ((images, texts), (images, images), (texts, texts)):
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                gamma = _cosine(a, b) / 2
                total += math.log(1 + math.exp(gamma)) - belong(i, j) * gamma
    return total / len(images) ** 2


def naive_label(predictions, target):
    total = 0.0
    for side in predictions:
        for i, row in enumerate(side.tolist()):
            total += _distance(row, _indicator(target, i))
    return total / len(target)


def test_same_class_is_told_pair_by_pair(target):
    same = same_class(target)
    expected = [[_belong(target, i, j) for j in range(N)] for i in range(N)]
    assert same.dtype == torch.bool
    assert same.tolist() == expected


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_supervised_contrastive_loss_equals_loop(codes, target, temperature):
    loss = supervised_contrastive_loss(*codes, same_class(target), temperature)
    expected = naive_contrastive(
        *(z.tolist() for z in codes), lambda i, j: _belong(target, i, j), temperature
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_without_classes_the_contrastive_loss_is_that_of_msln(codes):
    own = torch.eye(N, dtype=torch.bool)
    loss = supervised_contrastive_loss(*codes, own, 0.3)
    assert loss.item() == pytest.approx(contrastive_loss(*codes, 0.3).item(), rel=1e-12)


def test_every_member_has_its_temperature(codes):
    own, temperatures = torch.eye(N, dtype=torch.bool), torch.tensor([0.1, 0.5])
    stacked = [torch.stack([z, 2 * z + 1]) for z in codes]
    together = supervised_contrastive_loss(*stacked, own, temperatures[:, None, None])
    alone = [
        supervised_contrastive_loss(*(z[i] for z in stacked), own, t)
        for i, t in enumerate(temperatures)
    ]
    assert_allclose(together, torch.stack(alone))


@pytest.mark.parametrize("alpha", [(0.1, 0.1), (1e-3, 2.0)])
def test_total_correlation_is_the_sum_of_the_paper(rng, alpha):
    Z_img, Z_txt = rng.normal(size=(30, 4)), rng.normal(size=(30, 5))
    roots, centred = [], []
    for Z, a in zip((Z_img, Z_txt), alpha, strict=True):
        Z = Z - Z.mean(axis=0)
        S = np.cov(Z.T, bias=True)
        r = a * np.trace(S) / len(S)
        roots.append(linalg.inv(linalg.sqrtm(S + r * np.eye(len(S)))))
        centred.append(Z)
    T = roots[0] @ (centred[0].T @ centred[1] / 30) @ roots[1]
    expected = -np.trace(linalg.sqrtm(T @ T.T).real)
    loss = total_correlation_loss(
        torch.from_numpy(Z_img), torch.from_numpy(Z_txt), alpha
    )
    assert loss.item() == pytest.approx(expected, rel=1e-7)


def test_total_correlation_is_what_linear_cca_finds(codes):
    cca = CCARetriever(alpha=(0.2, 0.3)).fit(*(z.numpy() for z in codes))
    loss = total_correlation_loss(*codes, (0.2, 0.3))
    assert -loss.item() == pytest.approx(cca.canonical_correlations_.sum(), rel=1e-9)


def test_total_correlation_has_the_gradient_of_finite_differences(codes):
    codes = [z.requires_grad_() for z in codes]
    assert torch.autograd.gradcheck(
        lambda a, b: total_correlation_loss(a, b, (0.1, 0.2)), codes
    )


def test_total_correlation_of_constant_codes_is_zero_with_finite_gradient():
    codes = [torch.ones(5, 3, requires_grad=True) for _ in range(2)]
    loss = total_correlation_loss(*codes, (0.1, 0.1))
    loss.backward()
    assert loss.item() == 0
    assert all(torch.isfinite(z.grad).all() for z in codes)


def test_total_correlation_of_infinite_codes_is_nan(codes):
    codes[0][0, 0] = torch.inf
    assert math.isnan(total_correlation_loss(*codes, (0.1, 0.1)).item())


def test_a_ridge_that_rounding_eats_is_refused(rng):
    codes = [torch.from_numpy(1e6 * rng.normal(size=(5, 40))) for _ in range(2)]
    with pytest.raises(ValueError, match=r"alpha must be large enough.*batches of 5"):
        total_correlation_loss(*codes, (1e-30, 1e-30))


@pytest.mark.parametrize("margin", [1.0, 4.0])
def test_triplet_loss_equals_loop(codes, target, margin):
    loss = triplet_loss(*codes, same_class(target), margin, 0.7)
    expected = naive_triplet(
        *(z.tolist() for z in codes), lambda i, j: _belong(target, i, j), margin, 0.7
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_triplet_loss_of_equal_codes_has_a_finite_gradient():
    codes = [torch.ones(4, 3, requires_grad=True) for _ in range(2)]
    triplet_loss(*codes, torch.eye(4, dtype=torch.bool), 1.0, 1.0).backward()
    assert all(torch.isfinite(z.grad).all() for z in codes)


def test_triplet_loss_without_others_is_the_distance(codes):
    everyone = torch.ones(N, N, dtype=torch.bool)
    loss = triplet_loss(*codes, everyone, 1.0, 1.0)
    assert loss.item() == pytest.approx(2 * torch.cdist(*codes).mean().item())


def test_weight_norm_loss_equals_loop(rng):
    weights = [torch.from_numpy(rng.normal(size=(2, i, 3))) for i in (4, 5)]
    expected = [
        sum(x * x for w in weights for row in w[s].tolist() for x in row)
        for s in range(2)
    ]
    assert_allclose(weight_norm_loss(weights), expected)


def test_label_loss_equals_loop(logits, target):
    loss = label_loss(*logits, target)
    assert loss.item() == pytest.approx(naive_label(logits, target), rel=1e-12)


def test_similarity_loss_equals_loop(codes, target):
    loss = similarity_loss(*codes, same_class(target))
    expected = naive_similarity(
        *(z.tolist() for z in codes), lambda i, j: _belong(target, i, j)
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_invariance_loss_equals_loop(codes):
    images, texts = (z.tolist() for z in codes)
    expected = _mean([_distance(a, b) for a, b in zip(images, texts, strict=True)])
    assert invariance_loss(*codes).item() == pytest.approx(expected, rel=1e-12)


def test_norms_of_zero_have_a_finite_gradient():
    codes = [torch.zeros(3, 2, requires_grad=True) for _ in range(2)]
    (invariance_loss(*codes) + label_loss(*codes, torch.zeros(3, 2))).backward()
    assert all(torch.isfinite(z.grad).all() for z in codes)


def test_members_have_losses_of_their_own(codes, target):
    same = same_class(target)
    losses = {
        "contrastive": lambda *z: supervised_contrastive_loss(*z, same, 0.2),
        "correlation": lambda *z: total_correlation_loss(*z, (0.1, 0.1)),
        "triplet": lambda *z: triplet_loss(*z, same, 3.0, 1.0),
        "similarity": lambda *z: similarity_loss(*z, same),
        "invariance": invariance_loss,
    }
    stacked = [torch.stack([z, z.flip(1) + z**2]) for z in codes]
    for name, loss in losses.items():
        alone = [loss(*(z[i] for z in stacked)).item() for i in range(2)]
        assert_allclose(loss(*stacked), alone, err_msg=name)


def test_total_of_dscmr_is_the_weighted_sum_of_its_terms(codes, logits, target):
    weights = {"label_loss": 2.0, "similarity_loss": 0.5, "invariance_loss": 0.1}
    total, terms = DSCMRLoss(**weights)(DSCMROutputs(codes, logits), target)
    same = same_class(target)
    expected = (
        2.0 * label_loss(*logits, target)
        + 0.5 * similarity_loss(*codes, same)
        + 0.1 * invariance_loss(*codes)
    )
    assert list(terms) == list(weights)
    assert total.item() == pytest.approx(expected.item())


def test_total_of_acmr_is_the_weighted_sum_of_its_terms(codes, logits, target):
    weights = dict(zip(ACMRLoss.TERMS, (0.5, 2.0, 0.3, 0.01), strict=True))
    loss = ACMRLoss(margin=2.0, negative_weight=0.4, **weights)
    outputs = ACMROutputs(
        codes=codes,
        class_logits=logits,
        modality_logits=(codes[0][:, 0], codes[1][:, 0]),
        encoder_weights=(codes[0], logits[0]),
    )
    total, terms = loss(outputs, target)
    triplets = triplet_loss(*codes, same_class(target), 2.0, 0.4)
    assert terms["triplet_loss"].item() == pytest.approx(triplets.item())
    expected = sum(weights[name] * value for name, value in terms.items())
    assert total.item() == pytest.approx(expected.item())
