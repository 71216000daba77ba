"""Every term of the objective against plain loops over scalars."""

import math

import pytest
import torch

from sklearn_xmodal.deep._losses import (
    MSLNLoss,
    adversarial_loss,
    classification_loss,
    correlation_loss,
    reconstruction_loss,
)
from sklearn_xmodal.deep._modules import Outputs
from tests.conftest import SEEDS

N, D, P, Q, C = 6, 4, 5, 3, 4
DTYPES = [torch.float64, torch.float32]


@pytest.fixture(params=SEEDS, ids="seed{}".format)
def seed(request):
    return request.param


@pytest.fixture(params=DTYPES, ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def normal(seed, dtype):
    """Draw standard normal tensors of the given shape."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return draw


@pytest.fixture
def labels(seed):
    return torch.randint(C, (N,), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def indicator(seed):
    """Binary labels; the first row has none, the second has all."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(2, (N, C), generator=generator)
    target[0], target[1] = 0, 1
    return target


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def assert_close(loss, expected, dtype):
    assert loss.shape == ()
    assert loss.dtype == dtype
    rel = 1e-12 if dtype == torch.float64 else 1e-5
    assert loss.item() == pytest.approx(expected, rel=rel)


def mean_squared_error(a, b):
    total = sum(
        (x - y) ** 2
        for row, other in zip(a.tolist(), b.tolist(), strict=True)
        for x, y in zip(row, other, strict=True)
    )
    return total / a.numel()


def softmax_cross_entropy(logits, target):
    total = 0.0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        total -= math.log(math.exp(row[label]) / sum(math.exp(x) for x in row))
    return total / len(logits)


def sigmoid_cross_entropy(logits, target):
    """Sum over classes, mean over items."""
    total = 0.0
    for row, wanted in zip(logits.tolist(), target.tolist(), strict=True):
        for x, t in zip(row, wanted, strict=True):
            total -= math.log(sigmoid(x) if t else 1 - sigmoid(x))
    return total / len(logits)


def naive_adversarial(logits_img, logits_txt):
    images = [-math.log(sigmoid(x)) for x in logits_img.tolist()]
    texts = [-math.log(1 - sigmoid(x)) for x in logits_txt.tolist()]
    return sum(images + texts) / len(images + texts)


def naive_correlation(z_img, z_txt):
    return mean_squared_error(z_img, z_txt) * z_img.shape[1]


@pytest.fixture
def outputs(normal):
    return Outputs(
        inputs=(normal(N, P), normal(N, Q)),
        codes=(normal(N, D), normal(N, D)),
        reconstructions={
            ("image", "image"): normal(N, P),
            ("image", "text"): normal(N, Q),
            ("text", "image"): normal(N, P),
            ("text", "text"): normal(N, Q),
        },
        modality_logits=(normal(N), normal(N)),
        class_logits=(normal(N, C), normal(N, C)),
    )


def naive_reconstruction(outputs):
    x_img, x_txt = outputs.inputs
    decoded = outputs.reconstructions
    return (
        mean_squared_error(decoded["image", "image"], x_img)
        + mean_squared_error(decoded["image", "text"], x_txt)
        + mean_squared_error(decoded["text", "image"], x_img)
        + mean_squared_error(decoded["text", "text"], x_txt)
    )


def naive_classification(outputs, target):
    entropy = softmax_cross_entropy if target.ndim == 1 else sigmoid_cross_entropy
    return sum(entropy(logits, target) for logits in outputs.class_logits)


def test_correlation_is_the_mean_squared_distance_of_codes(outputs, dtype):
    loss = correlation_loss(*outputs.codes)
    assert_close(loss, naive_correlation(*outputs.codes), dtype)


def test_reconstruction_sums_four_mean_squared_errors(outputs, dtype):
    loss = reconstruction_loss(outputs.reconstructions, *outputs.inputs)
    assert_close(loss, naive_reconstruction(outputs), dtype)


def test_adversarial_is_the_cross_entropy_over_both_modalities(outputs, dtype):
    loss = adversarial_loss(*outputs.modality_logits)
    assert_close(loss, naive_adversarial(*outputs.modality_logits), dtype)


def test_adversarial_of_a_clueless_discriminator_is_log_two(dtype):
    zeros = torch.zeros(N, dtype=dtype)
    assert_close(adversarial_loss(zeros, zeros), math.log(2), dtype)


def test_adversarial_survives_sure_discriminators(dtype):
    sure = torch.full((N,), 1e4, dtype=dtype)
    assert adversarial_loss(sure, -sure).item() == 0
    assert adversarial_loss(-sure, sure).item() == pytest.approx(1e4)


def test_classification_of_single_labels_is_softmax(outputs, labels, dtype):
    loss = classification_loss(*outputs.class_logits, labels)
    assert_close(loss, naive_classification(outputs, labels), dtype)


def test_classification_of_several_labels_is_sigmoid(outputs, indicator, dtype):
    loss = classification_loss(*outputs.class_logits, indicator)
    assert_close(loss, naive_classification(outputs, indicator), dtype)


@pytest.mark.parametrize("target", ["labels", "indicator"])
def test_total_is_the_weighted_sum(outputs, target, dtype, request):
    target = request.getfixturevalue(target)
    weights = {
        "correlation_weight": 0.5,
        "reconstruction_weight": 0.25,
        "adversarial_weight": 2.0,
        "classification_weight": 3.0,
    }
    total, terms = MSLNLoss(**weights)(outputs, target)
    expected = {
        "correlation_loss": naive_correlation(*outputs.codes),
        "reconstruction_loss": naive_reconstruction(outputs),
        "adversarial_loss": naive_adversarial(*outputs.modality_logits),
        "classification_loss": naive_classification(outputs, target),
    }
    assert terms.keys() == expected.keys()
    for name, value in terms.items():
        assert_close(value, expected[name], dtype)
    weighted = zip(weights.values(), expected.values(), strict=True)
    assert_close(total, sum(w * value for w, value in weighted), dtype)


@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
def test_gradients_are_those_of_finite_differences(normal, labels, dtype):
    codes = normal(N, D), normal(N, D)
    logits = normal(N, C), normal(N, C)
    modality = normal(N), normal(N)
    for tensor in (*codes, *logits, *modality):
        tensor.requires_grad_()
    assert torch.autograd.gradcheck(correlation_loss, codes)
    assert torch.autograd.gradcheck(adversarial_loss, modality)
    assert torch.autograd.gradcheck(
        lambda a, b: classification_loss(a, b, labels), logits
    )
