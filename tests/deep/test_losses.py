"""Every term of the objective against plain loops over scalars."""

import math

import pytest
import torch

from sklearn_xmodal.deep._msln_network import (
    MSLNLoss,
    Outputs,
    adversarial_loss,
    classification_loss,
    contrastive_loss,
    correlation_loss,
    locked_loss,
    reconstruction_loss,
)
from tests.conftest import SEEDS

S, N, D, G, P, Q, C = 3, 6, 4, 5, 5, 3, 4
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


def cosine(a, b):
    norms = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms


def naive_contrastive(z_img, z_txt, temperature):
    """Both directions, a pair at a time."""
    images, texts = z_img.tolist(), z_txt.tolist()
    n, total = len(images), 0.0
    for i in range(n):
        own = math.exp(cosine(images[i], texts[i]) / temperature)
        all_texts, all_images = 0.0, 0.0
        for j in range(n):
            all_texts += math.exp(cosine(images[i], texts[j]) / temperature)
            all_images += math.exp(cosine(images[j], texts[i]) / temperature)
        total -= math.log(own / all_texts) + math.log(own / all_images)
    return total / (2 * n)


def naive_locked(found, locked, temperature):
    """Where the items of one modality lie among the others, an item at a time."""
    found, locked = found.tolist(), locked.tolist()
    total = 0.0
    for i in range(len(found)):
        powers = [math.exp(cosine(found[i], x) / temperature) for x in locked]
        total -= math.log(powers[i] / sum(powers))
    return total / len(found)


def draw_outputs(normal, *members):
    """Draw what a network returns, one of an ensemble where members is its size."""
    return Outputs(
        inputs=(normal(N, P), normal(N, Q)),
        codes=(normal(*members, N, D), normal(*members, N, D)),
        contrastive_codes=(normal(*members, N, G), normal(*members, N, G)),
        locked_codes=(normal(*members, N, Q), normal(N, Q)),
        reconstructions={
            ("image", "image"): normal(*members, N, P),
            ("image", "text"): normal(*members, N, Q),
            ("text", "image"): normal(*members, N, P),
            ("text", "text"): normal(*members, N, Q),
        },
        modality_logits=(normal(*members, N), normal(*members, N)),
        class_logits=(normal(*members, N, C), normal(*members, N, C)),
    )


def member_of(outputs, member):
    """Return the outputs of one member alone."""
    return Outputs(
        inputs=outputs.inputs,
        codes=tuple(z[member] for z in outputs.codes),
        contrastive_codes=tuple(g[member] for g in outputs.contrastive_codes),
        locked_codes=(outputs.locked_codes[0][member], outputs.locked_codes[1]),
        reconstructions={k: x[member] for k, x in outputs.reconstructions.items()},
        modality_logits=tuple(x[member] for x in outputs.modality_logits),
        class_logits=tuple(x[member] for x in outputs.class_logits),
    )


@pytest.fixture
def outputs(normal):
    return draw_outputs(normal)


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


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_contrastive_is_the_cross_entropy_of_finding_the_pair(
    outputs, temperature, dtype
):
    loss = contrastive_loss(*outputs.contrastive_codes, temperature)
    expected = naive_contrastive(*outputs.contrastive_codes, temperature)
    assert_close(loss, expected, dtype)


def test_contrastive_of_collapsed_codes_is_that_of_a_guess(normal, dtype):
    image, text = normal(1, D).expand(N, D), normal(1, D).expand(N, D)
    assert_close(contrastive_loss(image, text, 0.1), math.log(N), dtype)


def test_contrastive_of_pairs_at_right_angles_to_all_others(dtype):
    codes = torch.eye(N, dtype=dtype)
    expected = math.log(1 + (N - 1) * math.exp(-1 / 0.2))
    loss = contrastive_loss(codes, 3 * codes, 0.2)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_contrastive_of_one_pair_is_zero(normal):
    loss = contrastive_loss(normal(1, D), normal(1, D), 0.1)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_contrastive_sees_neither_lengths_nor_which_modality_is_which(normal, dtype):
    image, text = normal(N, D), normal(N, D)
    lengths = 1 + normal(N, 1).abs()
    expected = contrastive_loss(image, text, 0.3).item()
    assert_close(contrastive_loss(text, image, 0.3), expected, dtype)
    assert_close(contrastive_loss(lengths * image, text / 3, 0.3), expected, dtype)


def test_contrastive_survives_low_temperatures(dtype):
    codes = torch.eye(N, dtype=dtype)
    assert contrastive_loss(codes, codes, 1e-4).item() == 0
    wrong = contrastive_loss(codes, codes.roll(1, dims=0), 1e-4).item()
    assert wrong == pytest.approx(1e4)


@pytest.mark.parametrize("contrastive", [True, False])
@pytest.mark.parametrize("target", ["labels", "indicator"])
def test_total_is_the_weighted_sum(outputs, target, contrastive, dtype, request):
    target = request.getfixturevalue(target)
    weights = {
        "correlation_weight": 0.5,
        "reconstruction_weight": 0.25,
        "adversarial_weight": 2.0,
        "classification_weight": 3.0,
        "contrastive_weight": 1.5,
        "locked_weight": 1.5,
    }
    expected = {
        "correlation_loss": naive_correlation(*outputs.codes),
        "reconstruction_loss": naive_reconstruction(outputs),
        "adversarial_loss": naive_adversarial(*outputs.modality_logits),
        "classification_loss": naive_classification(outputs, target),
    }
    if contrastive:
        pair = outputs.contrastive_codes
        expected["correlation_loss"] += naive_correlation(*pair)
        expected["contrastive_loss"] = naive_contrastive(*pair, 0.4)
        expected["locked_loss"] = naive_locked(*outputs.locked_codes, 0.4)
    else:
        outputs = outputs._replace(contrastive_codes=None, locked_codes=None)
    options = {k: w for k, w in weights.items() if k != "locked_weight"}
    total, terms = MSLNLoss(**options, temperature=0.4)(outputs, target)
    assert terms.keys() == expected.keys()
    for name, value in terms.items():
        assert_close(value, expected[name], dtype)
    weighted = [
        weights[name.replace("loss", "weight")] * value
        for name, value in expected.items()
    ]
    assert_close(total, sum(weighted), dtype)


@pytest.mark.parametrize("target", ["labels", "indicator"])
def test_losses_of_an_ensemble_are_those_of_its_members(normal, target, dtype, request):
    target = request.getfixturevalue(target)
    criterion = MSLNLoss(
        correlation_weight=0.5,
        reconstruction_weight=0.25,
        adversarial_weight=2.0,
        classification_weight=3.0,
        contrastive_weight=1.5,
        temperature=0.4,
    )
    ensemble = draw_outputs(normal, S)
    total, terms = criterion(ensemble, target)
    assert total.shape == (S,)
    for member in range(S):
        expected, own_terms = criterion(member_of(ensemble, member), target)
        assert_close(total[member], expected.item(), dtype)
        assert terms.keys() == own_terms.keys()
        for name, value in own_terms.items():
            assert terms[name].shape == (S,)
            assert_close(terms[name][member], value.item(), dtype)


@pytest.mark.parametrize("members", [(), (S,)], ids=["alone", "ensemble"])
@pytest.mark.parametrize("dtype", [torch.float64], ids=["float64"])
def test_gradients_are_those_of_finite_differences(
    normal, labels, indicator, members, dtype
):
    codes = normal(*members, N, D), normal(*members, N, D)
    logits = normal(*members, N, C), normal(*members, N, C)
    modality = normal(*members, N), normal(*members, N)
    for tensor in (*codes, *logits, *modality):
        tensor.requires_grad_()
    assert torch.autograd.gradcheck(correlation_loss, codes)
    assert torch.autograd.gradcheck(adversarial_loss, modality)
    assert torch.autograd.gradcheck(lambda a, b: contrastive_loss(a, b, 0.3), codes)
    assert torch.autograd.gradcheck(
        lambda a: locked_loss(a, codes[1].detach().reshape(-1, N, D)[0], 0.3), codes[0]
    )
    for target in (labels, indicator):
        assert torch.autograd.gradcheck(
            lambda a, b, target=target: classification_loss(a, b, target), logits
        )
