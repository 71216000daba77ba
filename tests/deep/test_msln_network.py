"""The network: who sees what, who learns from what, and where chance comes from."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_xmodal.deep._layers import (
    ACTIVATIONS,
    GradientReversal,
    SeededDropout,
    StackedLinear,
)
from sklearn_xmodal.deep._msln_network import (
    MSLNLoss,
    MSLNModule,
    adversarial_loss,
    classification_loss,
    contrastive_loss,
    correlation_loss,
    reconstruction_loss,
)
from tests.conftest import SEEDS

# Members, batch, image features, text features, code, contrastive code, classes,
# class embedding.
S, B, P, Q, D, G, C, E = 2, 5, 7, 4, 3, 2, 6, 2

EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)


def make_module(seed=0, class_embeddings=None, **params):
    """Make a small network in float64, without dropout."""
    if class_embeddings is None:
        class_embeddings = np.random.default_rng(seed).standard_normal((C, E))
    options = {
        "multi_label": False,
        "n_members": S,
        "n_inputs": None,
        "n_components": D,
        "n_contrastive_components": G,
        "hidden_layer_sizes": (8, 6),
        "discriminator_layer_sizes": (5,),
        "activation": "tanh",
        "code_activation": "identity",
        "dropout": 0.0,
        "input_dropout": 0.0,
        "init_seed": seed,
        "dropout_seed": seed,
        "device": "cpu",
        "precision": "float32",
        **params,
    }
    return MSLNModule(P, Q, class_embeddings, **options).double()


def make_batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(B, P, generator=generator, dtype=torch.float64)
    text = torch.randn(B, Q, generator=generator, dtype=torch.float64)
    target = torch.randint(C, (B,), generator=generator)
    return image, text, target


def make_criterion():
    return MSLNLoss(
        correlation_weight=0.5,
        reconstruction_weight=0.7,
        adversarial_weight=0.3,
        classification_weight=1.5,
        contrastive_weight=0.9,
        temperature=0.2,
    )


def member_of(module, member, **params):
    """Make a module of one network, with the weights of one member of another."""
    alone = make_module(n_members=1, **params)
    trained = dict(module.named_parameters())
    alone.load_state_dict(
        {
            name: value[member : member + 1] if name in trained else value
            for name, value in module.state_dict().items()
        }
    )
    alone.reversal.strength = module.reversal.strength
    return alone


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
            return adversarial_loss(*module(*batch).modality_logits).sum()

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
                + contrastive_loss(*outputs.contrastive_codes, 0.2)
            ).sum()

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
        for name in ("codes", "contrastive_codes", "class_logits", "modality_logits"):
            for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
                assert torch.equal(a, b)
        for key, decoded in one.reconstructions.items():
            difference = (decoded - other.reconstructions[key]).abs().amax(dim=2)
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

    def test_probabilities_take_the_expected_vector(self, seed):
        module = make_module(seed)
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(S, B, C, generator=generator, dtype=torch.float64)
        probabilities = logits.softmax(dim=-1)
        e = module.embed_classes(probabilities)
        assert e.shape == (S, B, E)
        for member, item in np.ndindex(S, B):
            expected = sum(
                probabilities[member, item, c] * module.class_embeddings[c]
                for c in range(C)
            )
            torch.testing.assert_close(e[member, item], expected)

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
        assert [tuple(z.shape) for z in outputs.codes] == [(S, B, D), (S, B, D)]
        shapes = [tuple(g.shape) for g in outputs.contrastive_codes]
        assert shapes == [(S, B, G), (S, B, G)]
        shapes = {k: tuple(v.shape) for k, v in outputs.reconstructions.items()}
        assert shapes == {
            ("image", "image"): (S, B, P),
            ("image", "text"): (S, B, Q),
            ("text", "image"): (S, B, P),
            ("text", "text"): (S, B, Q),
        }
        assert [tuple(x.shape) for x in outputs.modality_logits] == [(S, B), (S, B)]
        shapes = [tuple(x.shape) for x in outputs.class_logits]
        assert shapes == [(S, B, C), (S, B, C)]

    def test_no_contrastive_code_of_no_size(self):
        module, batch = make_module(n_contrastive_components=0), make_batch()
        assert module(*batch).contrastive_codes is None
        z, g, _ = module.encode(batch[0], "image")
        assert (z.shape, g.shape) == ((S, B, D), (S, B, 0))

    def test_a_batch_of_one(self):
        image, text, target = make_batch()
        outputs = make_module()(image[:1], text[:1], target[:1])
        assert outputs.modality_logits[0].shape == (S, 1)

    @pytest.mark.parametrize("hidden", [(), (9,), (9, 8, 7), [9, 8]], ids=str)
    def test_decoders_mirror_encoders(self, hidden):
        module = make_module(hidden_layer_sizes=hidden)

        def sizes(network):
            layers = [m for m in network.modules() if isinstance(m, StackedLinear)]
            assert all(layer.weight.shape[0] == S for layer in layers)
            return [m.weight.shape[1] for m in layers] + [layers[-1].weight.shape[2]]

        for modality, width in (("image", P), ("text", Q)):
            assert sizes(module.encoders[modality]) == [width, *hidden, D + G]
            expected = [D + G + E, *hidden[::-1], width]
            assert sizes(module.decoders[modality]) == expected

    def test_one_linear_classifier_serves_both_modalities(self):
        module, batch = make_module(), make_batch()
        assert isinstance(module.classifier, StackedLinear)
        outputs = module(*batch)
        for z, logits in zip(outputs.codes, outputs.class_logits, strict=True):
            torch.testing.assert_close(logits, module.classifier(z))

    def test_one_decoder_serves_both_codes(self):
        module, batch = make_module(), make_batch()
        outputs = module(*batch)
        e = module.embed_classes(batch[2]).expand(S, B, E)
        codes = zip(outputs.codes, outputs.contrastive_codes, strict=True)
        for source, (z, g) in zip(("image", "text"), codes, strict=True):
            for goal, decoder in module.decoders.items():
                torch.testing.assert_close(
                    outputs.reconstructions[source, goal],
                    decoder(torch.cat([z, g, e], dim=2)),
                )

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_code_activation_bounds_the_code(self, name):
        image = 100 * make_batch()[0]
        codes = make_module(code_activation=name).encode(image, "image")
        z = torch.cat(codes[:2], dim=2)
        lowest = {"identity": -np.inf, "logistic": 0, "relu": 0, "tanh": -1}[name]
        highest = {"identity": np.inf, "logistic": 1, "relu": np.inf, "tanh": 1}[name]
        assert lowest <= z.min() <= z.max() <= highest


@EVERY_SEED
class TestContrastiveCode:
    def test_both_codes_are_parts_of_what_the_encoder_returns(self, seed):
        module, (image, text, _) = make_module(seed), make_batch(seed)
        for modality, x in (("image", image), ("text", text)):
            whole = module.encoders[modality](x.expand(S, *x.shape))
            assert torch.equal(torch.cat(module.encode(x, modality), dim=2), whole)

    def test_which_term_reads_which_code(self, seed):
        module, batch = make_module(seed), make_batch(seed)
        module.reversal.strength = 1.0
        outputs = module(*batch)
        of_code = (
            correlation_loss(*outputs.codes)
            + classification_loss(*outputs.class_logits, batch[2])
            + adversarial_loss(*outputs.modality_logits)
        )
        of_both = reconstruction_loss(outputs.reconstructions, *outputs.inputs)
        of_contrastive = contrastive_loss(*outputs.contrastive_codes, 0.2)
        for modality in ("image", "text"):
            (last,) = (
                m
                for m in module.encoders[modality].modules()
                if isinstance(m, StackedLinear) and m.weight.shape[2] == D + G
            )
            for loss, reads_code, reads_contrastive in (
                (of_code, True, False),
                (of_both, True, True),
                (of_contrastive, False, True),
            ):
                grads = torch.autograd.grad(loss.sum(), last.weight, retain_graph=True)
                assert (grads[0][..., :D] != 0).any() == reads_code
                assert (grads[0][..., D:] != 0).any() == reads_contrastive


@EVERY_SEED
class TestInputsOfMembers:
    def test_every_member_sees_its_first_features_only(self, seed):
        module, (image, *_) = make_module(seed, n_inputs=(4, P)), make_batch(seed)
        other = image.clone()
        other[:, 4:] += 1
        same, differ = zip(
            *(module.encode(x, "image")[0] for x in (image, other)), strict=True
        )
        assert torch.equal(*same)
        assert not torch.isclose(*differ).any()
        other[:, 3] += 1
        assert not torch.isclose(module.encode(other, "image")[0][0], same[0]).any()

    def test_where_there_are_no_more_all_members_see_all(self, seed):
        some, full = (make_module(seed, n_inputs=n) for n in ((P, 2 * P), None))
        _, text, _ = make_batch(seed)
        for z, expected in zip(
            some.encode(text, "text"), full.encode(text, "text"), strict=True
        ):
            assert torch.equal(z, expected)


@EVERY_SEED
class TestPosterior:
    @pytest.mark.parametrize("temperature", [1.0, 0.7])
    def test_one_class_per_item_is_the_softmax(self, seed, temperature):
        module = make_module(seed)
        z, *_ = module.encode(make_batch(seed)[0], "image")
        logits = module.classifier(z)
        posterior = module.posterior(z, temperature)
        assert posterior.shape == (S, B, C)
        for member, item in np.ndindex(S, B):
            powers = [math.exp(x / temperature) for x in logits[member, item].tolist()]
            expected = [power / sum(powers) for power in powers]
            assert posterior[member, item].tolist() == pytest.approx(expected)

    @pytest.mark.parametrize("temperature", [1.0, 0.7])
    def test_several_classes_per_item_are_sigmoids(self, seed, temperature):
        module = make_module(seed, multi_label=True)
        z, *_ = module.encode(make_batch(seed)[0], "image")
        logits = module.classifier(z)
        expected = 1 / (1 + torch.exp(-logits / temperature))
        torch.testing.assert_close(module.posterior(z, temperature), expected)


@EVERY_SEED
class TestMembers:
    def test_stacked_layer_is_one_linear_layer_per_member(self, seed):
        generator = torch.Generator().manual_seed(seed)
        layer = StackedLinear(3, P, Q, generator).double()
        x = torch.randn(3, B, P, generator=generator, dtype=torch.float64)
        y = layer(x)
        assert y.shape == (3, B, Q)
        for member in range(3):
            weight, bias = layer.weight[member], layer.bias[member, 0]
            expected = nn.functional.linear(x[member], weight.T, bias)
            torch.testing.assert_close(y[member], expected)

    def test_each_equals_a_network_on_its_own_with_the_same_weights(self, seed):
        module, batch = make_module(seed, n_members=3), make_batch(seed)
        module.reversal.strength = 0.6
        outputs = module(*batch)
        totals, terms = make_criterion()(outputs, batch[2])
        totals.sum().backward()
        for member in range(3):
            alone = member_of(module, member, seed=seed)
            expected = alone(*batch)
            for name in ("codes", "contrastive_codes", "modality_logits"):
                for a, b in zip(
                    getattr(outputs, name), getattr(expected, name), strict=True
                ):
                    torch.testing.assert_close(a[member], b[0])
            for key, decoded in expected.reconstructions.items():
                torch.testing.assert_close(
                    outputs.reconstructions[key][member], decoded[0]
                )
            total, own_terms = make_criterion()(expected, batch[2])
            torch.testing.assert_close(totals[member], total[0])
            for name, value in own_terms.items():
                torch.testing.assert_close(terms[name][member], value[0])
            total.sum().backward()
            together = dict(module.named_parameters())
            for name, parameter in alone.named_parameters():
                torch.testing.assert_close(
                    together[name].grad[member], parameter.grad[0]
                )

    def test_loss_of_one_does_not_reach_the_weights_of_others(self, seed):
        module, batch = make_module(seed, n_members=3), make_batch(seed)
        module.reversal.strength = 0.6
        totals, _ = make_criterion()(module(*batch), batch[2])
        assert totals.shape == (3,)
        for member in range(3):
            module.zero_grad()
            totals[member].backward(retain_graph=True)
            others = [m for m in range(3) if m != member]
            for parameter in module.parameters():
                assert (parameter.grad[member] != 0).any()
                assert (parameter.grad[others] == 0).all()

    def test_they_start_from_weights_of_their_own(self, seed):
        for parameter in make_module(seed).parameters():
            assert not torch.equal(parameter[0], parameter[1])

    @pytest.mark.parametrize("where", ["dropout", "input_dropout"])
    def test_they_drop_units_of_their_own(self, seed, where):
        module = make_module(seed, **{where: 0.5})
        with torch.no_grad():
            for parameter in module.parameters():
                parameter[1] = parameter[0]
        image = make_batch(seed)[0]
        z, *_ = module.encode(image, "image")
        assert not torch.equal(z[0], z[1])
        z, *_ = module.eval().encode(image, "image")
        assert torch.equal(z[0], z[1])


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
        layer = StackedLinear(2, 100, 300, torch.Generator().manual_seed(seed))
        for weights in layer.weight.detach().numpy():
            assert weights.shape == (100, 300)
            assert np.abs(weights).max() <= 0.1
            assert weights.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.02)
            assert abs(weights.mean()) < 2e-3
        for biases in layer.bias.detach().numpy():
            assert biases.shape == (1, 300)
            assert np.abs(biases).max() <= 0.1
            assert biases.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.1)
        assert layer.weight.requires_grad
        assert layer.bias.requires_grad

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
