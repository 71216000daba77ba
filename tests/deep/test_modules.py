"""The network: who sees what, who learns from what, and where chance comes from."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_xmodal.deep._losses import (
    adversarial_loss,
    classification_loss,
    correlation_loss,
    reconstruction_loss,
)
from sklearn_xmodal.deep._modules import (
    ACTIVATIONS,
    GradientReversal,
    MSLNModule,
    SeededDropout,
    seeded_linear,
)
from tests.conftest import SEEDS

B, P, Q, D, C, E = 5, 7, 4, 3, 6, 2

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def make_module(seed=0, class_embeddings=None, **params):
    """Make a small network in float64, without dropout."""
    if class_embeddings is None:
        class_embeddings = np.random.default_rng(seed).standard_normal((C, E))
    options = {
        "n_components": D,
        "hidden_layer_sizes": (8, 6),
        "discriminator_layer_sizes": (5,),
        "activation": "tanh",
        "code_activation": "identity",
        "dropout": 0.0,
        "input_dropout": 0.0,
        "init_seed": seed,
        "dropout_seed": seed,
        "device": "cpu",
        **params,
    }
    return MSLNModule(P, Q, class_embeddings, **options).double()


def make_batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(B, P, generator=generator, dtype=torch.float64)
    text = torch.randn(B, Q, generator=generator, dtype=torch.float64)
    target = torch.randint(C, (B,), generator=generator)
    return image, text, target


def finite_difference_gradient(function, parameter, step=1e-6):
    """Central differences of a scalar function, entry by entry."""
    gradient = torch.zeros_like(parameter)
    flat, out = parameter.data.view(-1), gradient.view(-1)
    for i in range(len(flat)):
        value = flat[i].item()
        flat[i] = value + step
        up = function().item()
        flat[i] = value - step
        down = function().item()
        flat[i] = value
        out[i] = (up - down) / (2 * step)
    return gradient


@EVERY_SEED
class TestGradientReversal:
    @pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
    def test_encoders_climb_and_the_discriminator_descends(self, seed, strength):
        module, batch = make_module(seed), make_batch(seed)
        module.reversal.strength = strength

        def loss():
            return adversarial_loss(*module(*batch).modality_logits)

        loss().backward()
        for encoder in module.encoders.values():
            for parameter in encoder.parameters():
                truth = finite_difference_gradient(loss, parameter)
                assert truth.abs().max() > 1e-5
                expected = -strength * truth
                torch.testing.assert_close(
                    parameter.grad, expected, atol=1e-8, rtol=1e-5
                )
        for parameter in module.discriminator.parameters():
            truth = finite_difference_gradient(loss, parameter)
            torch.testing.assert_close(parameter.grad, truth, atol=1e-8, rtol=1e-5)

    def test_other_terms_reach_the_encoders_as_they_are(self, seed):
        module, batch = make_module(seed), make_batch(seed)
        module.reversal.strength = 1.0

        def loss():
            outputs = module(*batch)
            return (
                correlation_loss(*outputs.codes)
                + reconstruction_loss(outputs.reconstructions, *outputs.inputs)
                + classification_loss(*outputs.class_logits, batch[2])
            )

        loss().backward()
        for name, parameter in module.named_parameters():
            if name.startswith("discriminator"):
                assert parameter.grad is None
                continue
            truth = finite_difference_gradient(loss, parameter)
            torch.testing.assert_close(parameter.grad, truth, atol=1e-7, rtol=1e-5)

    def test_forward_is_the_identity(self, seed):
        x = torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))
        layer = GradientReversal()
        layer.strength = 0.7
        torch.testing.assert_close(layer(x), x, atol=0, rtol=0)

    def test_each_pass_keeps_its_own_strength(self, seed):
        # The schedule may move on before the gradient of a pass is asked for.
        x = torch.ones(3, requires_grad=True)
        layer = GradientReversal()
        layer.strength = 0.25
        y = layer(x).sum()
        layer.strength = 1.0
        y.backward()
        torch.testing.assert_close(x.grad, torch.full((3,), -0.25))


@EVERY_SEED
class TestClassEmbeddings:
    def test_targets_reach_the_decoders_only(self, seed):
        module = make_module(seed)
        image, text, target = make_batch(seed)
        one, other = module(image, text, target), module(image, text, (target + 1) % C)
        for name in ("codes", "class_logits", "modality_logits"):
            for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
                assert torch.equal(a, b)
        for key, decoded in one.reconstructions.items():
            difference = (decoded - other.reconstructions[key]).abs().amax(dim=1)
            assert (difference > 1e-6).all()

    def test_codes_do_not_move_with_the_embeddings(self, seed):
        module, batch = make_module(seed), make_batch(seed)
        before = module(*batch)
        module.class_embeddings.add_(1.0)
        after = module(*batch)
        assert torch.equal(before.codes[0], after.codes[0])
        assert torch.equal(before.codes[1], after.codes[1])
        assert not torch.equal(
            before.reconstructions["image", "text"],
            after.reconstructions["image", "text"],
        )

    def test_embeddings_are_not_trained(self, seed):
        module = make_module(seed)
        assert "class_embeddings" not in dict(module.named_parameters())
        assert "class_embeddings" in dict(module.named_buffers())

    def test_several_labels_take_the_mean_of_their_vectors(self, seed):
        module = make_module(seed)
        vectors = module.class_embeddings
        target = torch.tensor(
            [[0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1, 0, 0, 1, 1, 0]]
        )
        e = module.embed_classes(target)
        torch.testing.assert_close(e[0], torch.zeros(E, dtype=torch.float64))
        torch.testing.assert_close(e[1], vectors[1])
        torch.testing.assert_close(e[2], (vectors[0] + vectors[3] + vectors[4]) / 3)

    def test_one_label_as_indicator_is_that_label(self, seed):
        module = make_module(seed)
        image, text, target = make_batch(seed)
        indicator = nn.functional.one_hot(target, C)
        one, other = module(image, text, target), module(image, text, indicator)
        for key, decoded in one.reconstructions.items():
            torch.testing.assert_close(decoded, other.reconstructions[key])


class TestShapes:
    def test_every_output(self):
        outputs = make_module()(*make_batch())
        assert [tuple(z.shape) for z in outputs.codes] == [(B, D), (B, D)]
        shapes = {k: tuple(v.shape) for k, v in outputs.reconstructions.items()}
        assert shapes == {
            ("image", "image"): (B, P),
            ("image", "text"): (B, Q),
            ("text", "image"): (B, P),
            ("text", "text"): (B, Q),
        }
        assert [tuple(x.shape) for x in outputs.modality_logits] == [(B,), (B,)]
        assert [tuple(x.shape) for x in outputs.class_logits] == [(B, C), (B, C)]

    def test_a_batch_of_one(self):
        image, text, target = make_batch()
        outputs = make_module()(image[:1], text[:1], target[:1])
        assert outputs.modality_logits[0].shape == (1,)

    @pytest.mark.parametrize("hidden", [(), (9,), (9, 8, 7), [9, 8]], ids=str)
    def test_decoders_mirror_encoders(self, hidden):
        module = make_module(hidden_layer_sizes=hidden)

        def sizes(network):
            layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
            return [layer.in_features for layer in layers] + [layers[-1].out_features]

        for modality, width in (("image", P), ("text", Q)):
            assert sizes(module.encoders[modality]) == [width, *hidden, D]
            expected = [D + E, *hidden[::-1], width]
            assert sizes(module.decoders[modality]) == expected

    def test_one_linear_classifier_serves_both_modalities(self):
        module, batch = make_module(), make_batch()
        assert isinstance(module.classifier, nn.Linear)
        outputs = module(*batch)
        for z, logits in zip(outputs.codes, outputs.class_logits, strict=True):
            torch.testing.assert_close(logits, module.classifier(z))

    def test_one_decoder_serves_both_codes(self):
        module, batch = make_module(), make_batch()
        outputs = module(*batch)
        e = module.embed_classes(batch[2])
        for source, z in zip(("image", "text"), outputs.codes, strict=True):
            for goal, decoder in module.decoders.items():
                torch.testing.assert_close(
                    outputs.reconstructions[source, goal],
                    decoder(torch.cat([z, e], dim=1)),
                )

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_code_activation_bounds_the_code(self, name):
        image = 100 * make_batch()[0]
        z = make_module(code_activation=name).encoders["image"](image)
        lowest = {"identity": -np.inf, "logistic": 0, "relu": 0, "tanh": -1}[name]
        highest = {"identity": np.inf, "logistic": 1, "relu": np.inf, "tanh": 1}[name]
        assert lowest <= z.min() <= z.max() <= highest


@EVERY_SEED
class TestChance:
    def test_seed_decides_the_weights(self, seed):
        one, same = make_module(seed), make_module(seed)
        other = make_module(seed + 1)
        for name, weights in one.state_dict().items():
            assert torch.equal(weights, same.state_dict()[name])
            if name.startswith("encoders"):
                assert not torch.equal(weights, other.state_dict()[name])

    def test_initial_weights_have_the_distribution_of_torch(self, seed):
        layer = seeded_linear(100, 300, torch.Generator().manual_seed(seed))
        weights = layer.weight.detach().numpy()
        assert np.abs(weights).max() <= 0.1
        assert weights.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)
        assert abs(weights.mean()) < 2e-3
        assert layer.weight.requires_grad

    def test_dropout_keeps_the_mean_and_the_share(self, seed):
        layer = SeededDropout(0.3, torch.Generator().manual_seed(seed))
        x = layer(torch.ones(200, 200))
        assert (x == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
        assert x.mean().item() == pytest.approx(1, abs=0.02)
        kept = x[x != 0]
        torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.7))

    def test_dropout_differs_from_pass_to_pass(self, seed):
        layer = SeededDropout(0.5, torch.Generator().manual_seed(seed))
        x = torch.ones(20, 20)
        assert not torch.equal(layer(x), layer(x))

    def test_no_dropout_in_evaluation(self, seed):
        layer = SeededDropout(0.5, None).eval()
        x = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(layer(x), x)

    def test_dropout_thins_hidden_units_not_outputs(self, seed):
        module = make_module(seed, dropout=0.9, input_dropout=0.9)
        assert not any(
            isinstance(m, SeededDropout) and m.p for m in module.discriminator.modules()
        )
        for networks in (module.encoders, module.decoders):
            for network in networks.values():
                dropouts = [
                    m for m in network.modules() if isinstance(m, SeededDropout)
                ]
                assert dropouts
                assert not isinstance(list(network.modules())[-1], SeededDropout)
