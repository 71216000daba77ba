"""What items are represented by, against plain numpy on what the network returns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sklearn_xmodal.deep._arrays import TorchArrays
from sklearn_xmodal.deep._msln_network import MSLNModule
from sklearn_xmodal.deep.blocks import _representation
from sklearn_xmodal.deep.blocks._representation import (
    POSTERIOR_TEMPERATURE,
    represent,
)
from sklearn_xmodal.deep.blocks._variates import (
    VARIATES,
    KernelVariates,
    LinearVariates,
)
from sklearn_xmodal.deep.blocks._weights import (
    BLOCKS,
    DEFAULT_WEIGHTS,
    TARGET_CLASSES,
    block_weights,
)
from sklearn_xmodal.deep.training import PairDataset, PreparedSide, _data
from sklearn_xmodal.encoders._network import InputMap
from tests.conftest import SEEDS
from tests.deep.oracles import (
    cosines,
    cosines_of_ridges,
    familiarity,
    kernel_features,
    unit,
)

S, N, M, P, Q, D, G, C, E = 3, 40, 11, 7, 5, 4, 3, 6, 2
SIDES = ("image", "text")
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
EVERY_KIND = pytest.mark.parametrize("multi_label", [False, True])


def linear(layer, X, member):
    weight = layer.weight[member].detach().double().numpy()
    return X @ weight + layer.bias[member].detach().double().numpy()


def posterior_of(logits, temperature, multi_label):
    powers = np.exp(logits / temperature)
    if multi_label:
        return powers / (1 + powers)
    return powers / powers.sum(axis=-1, keepdims=True)


def dataset_of(pairs):
    """Return pairs of tensors as the training sees them."""
    sides = []
    for x in pairs.values():
        identity = InputMap(mean=np.zeros(x.shape[1]), components=None, scale=1.0)
        sides.append(PreparedSide(x.double().numpy(), identity, "cpu"))
    return PairDataset(*sides, np.zeros(len(sides[0].tensor), dtype=np.int64))


def solved(variates, pairs, n_rows=9):
    """Learn variates from pairs, so many at a time."""
    data = dataset_of(pairs)
    variates.prepare(data, np.random.RandomState(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_data, "BLOCK_ROWS", n_rows)
        variates.update(data)
    return variates.solve()


class Case:
    """A network, training pairs and other pairs, with an oracle for every block."""

    def __init__(self, seed, multi_label=False):
        generator = torch.Generator().manual_seed(seed)
        self.multi_label = multi_label
        self.network = MSLNModule(
            P,
            Q,
            np.random.default_rng(seed).standard_normal((C, E)),
            multi_label=multi_label,
            n_members=S,
            n_inputs=(P - 3, P - 1, P),
            n_components=D,
            n_contrastive_components=G,
            hidden_layer_sizes=(8,),
            discriminator_layer_sizes=(5,),
            activation="tanh",
            code_activation="identity",
            dropout=0.5,
            input_dropout=0.5,
            init_seed=seed,
            dropout_seed=seed,
            device="cpu",
            precision="float32",
            decoder_layer_sizes=(9,),
            skip_connection=True,
            locked="text",
        ).eval()
        widths = {"image": P, "text": Q}

        def draw(n):
            return {
                side: torch.randn(n, width, generator=generator) + 0.5
                for side, width in widths.items()
            }

        self.train, self.new = draw(N), draw(M)
        mixing = torch.randn(P, Q, generator=generator)
        for pairs in (self.train, self.new):
            pairs["text"] += pairs["image"] @ mixing
        for side in SIDES:
            mean = self.train[side].mean(dim=0)
            self.train[side] -= mean
            self.new[side] -= mean
        self.variates = {
            name: solved(kind(), self.train) for name, kind in VARIATES.items()
        }

    def encoders(self, weights):
        data, on = dataset_of(self.train), TorchArrays("cpu")
        found = represent(self.network, data, weights, self.variates, on)
        return dict(zip(SIDES, found, strict=True))

    def blocks(self, side, weights, x=None):
        x = self.new[side] if x is None else x
        with torch.inference_mode():
            v = self.encoders(weights)[side]._codes(x)
        return v.double().numpy()

    def centres(self, side):
        data = dataset_of(self.train)
        with torch.inference_mode():
            return _representation._centres(
                self.network, getattr(data, side), side, data.block_weights()
            )

    def products(self, weights):
        return self.blocks("image", weights) @ self.blocks("text", weights).T

    def codes(self, pairs, side):
        """Return codes, contrastive and locked ones (members, items, width)."""
        with torch.inference_mode():
            codes = self.network.encode(pairs[side], side)
        return tuple(z.double().numpy() for z in codes)

    def posterior(self, pairs, side, temperature):
        """Return one posterior per member."""
        z, *_ = self.codes(pairs, side)
        return np.stack(
            [
                posterior_of(
                    linear(self.network.classifier, z[member], member),
                    temperature,
                    self.multi_label,
                )
                for member in range(S)
            ]
        )

    def code(self, which):
        similarity = 0
        for member in range(S):
            sides = []
            for side in SIDES:
                mean = self.codes(self.train, side)[which][member].mean(axis=0)
                sides.append(self.codes(self.new, side)[which][member] - mean)
            similarity += cosines(*sides) / S
        return similarity

    def familiarity(self, side):
        mean = self.codes(self.train, side)[0].mean(axis=1, keepdims=True)
        train, new = (
            np.hstack(unit(self.codes(pairs, side)[0] - mean))
            for pairs in (self.train, self.new)
        )
        return familiarity(train, new)

    def centred_posteriors(self):
        posteriors = []
        for side in SIDES:
            train, new = (
                self.posterior(pairs, side, POSTERIOR_TEMPERATURE).mean(axis=0)
                for pairs in (self.train, self.new)
            )
            posteriors.append(new - train.mean(axis=0))
        return posteriors

    def canonical(self):
        train, new = (
            [pairs[side].double().numpy() for side in SIDES]
            for pairs in (self.train, self.new)
        )
        return cosines_of_ridges(LinearVariates, train, new)

    def kernel(self):
        """Few pairs, so all of them are landmarks and the kernel is exact."""
        train, new = zip(
            *(
                kernel_features(
                    self.train[side].double().numpy(), self.new[side].double().numpy()
                )
                for side in SIDES
            ),
            strict=True,
        )
        return cosines_of_ridges(KernelVariates, train, new)

    def reconstruction(self):
        vectors = self.network.class_embeddings.double().numpy()
        predicted = {}
        for side, other in (("image", "text"), ("text", "image")):
            z, g, _ = self.codes(self.new, side)
            posterior = self.posterior(self.new, side, 1.0)
            first, last = (
                m for m in self.network.decoders[other] if hasattr(m, "weight")
            )
            members = []
            for member in range(S):
                e = posterior[member] @ vectors
                if self.multi_label:
                    n_labels = posterior[member].sum(axis=1, keepdims=True)
                    e /= np.maximum(n_labels, 1)
                joined = np.hstack([z[member], g[member], e])
                hidden = np.tanh(linear(first, joined, member))
                members.append(linear(last, hidden, member))
            predicted[other] = np.mean(members, axis=0)
        image, text = (self.new[side].double().numpy() for side in SIDES)
        of_images = cosines(image, predicted["image"])
        of_texts = cosines(predicted["text"], text)
        return (of_images + of_texts) / 2

    def locked(self):
        found = unit(self.codes(self.new, "image")[2]).mean(axis=0)
        return cosines(found, self.new["text"].double().numpy())

    def oracle(self, name):
        image, text = self.centred_posteriors()
        return {
            "code": lambda: self.code(0),
            "contrastive": lambda: self.code(1),
            "posterior": lambda: cosines(image, text),
            "canonical": self.canonical,
            "kernel": self.kernel,
            "reconstruction": self.reconstruction,
            "locked": self.locked,
        }[name]()


@EVERY_SEED
@EVERY_KIND
class TestBlocks:
    @pytest.mark.parametrize("name", BLOCKS)
    def test_inner_product_is_that_of_plain_numpy(self, seed, multi_label, name):
        case = Case(seed, multi_label)
        products, expected = case.products({name: 1.0}), case.oracle(name)
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(products, expected, atol=2e-5)

    @pytest.mark.parametrize("name", BLOCKS)
    def test_all_are_of_unit_length(self, seed, multi_label, name):
        case = Case(seed, multi_label)
        for side in SIDES:
            lengths = np.linalg.norm(case.blocks(side, {name: 1.0}), axis=1)
            np.testing.assert_allclose(lengths, 1, atol=1e-5)

    def test_similarity_is_the_weighted_sum(self, seed, multi_label):
        case = Case(seed, multi_label)
        rng = np.random.default_rng(seed)
        weights = dict(zip(BLOCKS, rng.uniform(0.1, 5, len(BLOCKS)), strict=True))
        expected = sum(w * case.oracle(name) for name, w in weights.items())
        np.testing.assert_allclose(case.products(weights), expected, atol=1e-4)

    def test_weights_go_from_the_first_to_the_second_with_familiarity(
        self, seed, multi_label
    ):
        case = Case(seed, multi_label)
        rng = np.random.default_rng(seed)
        weights = {name: tuple(rng.uniform(0, 3, 2)) for name in BLOCKS}
        g = {side: case.familiarity(side) for side in SIDES}
        assert all(np.ptp(values) > 0.05 for values in g.values())
        expected = 0
        for name, (least, most) in weights.items():
            image, text = (
                np.sqrt(least * (1 - values) + most * values) for values in g.values()
            )
            expected += np.outer(image, text) * case.oracle(name)
        np.testing.assert_allclose(case.products(weights), expected, atol=2e-4)

    def test_without_weight_there_is_no_block(self, seed, multi_label):
        case = Case(seed, multi_label)
        weights = {"code": 0.0, "posterior": 2.0, "canonical": 0.0}
        v = case.blocks("image", weights)
        assert v.shape == (M, C)
        np.testing.assert_array_equal(v, case.blocks("image", {"posterior": 2.0}))

    def test_rows_do_not_depend_on_each_other(self, seed, multi_label):
        case = Case(seed, multi_label)
        weights = dict.fromkeys(BLOCKS, (0.5, 1.0))
        for side in SIDES:
            whole = case.blocks(side, weights)
            for row in (0, M - 1):
                alone = case.blocks(side, weights, case.new[side][row : row + 1])
                np.testing.assert_allclose(alone[0], whole[row], atol=1e-5)


@EVERY_SEED
class TestCentres:
    def test_they_are_means_over_the_training_pairs(self, seed):
        case = Case(seed)
        for side in SIDES:
            centres = case.centres(side)
            codes = case.codes(case.train, side)
            for name, z in zip(("code", "contrastive"), codes, strict=False):
                expected = z.mean(axis=1, keepdims=True)
                np.testing.assert_allclose(centres[name], expected, atol=1e-5)
            posterior = case.posterior(case.train, side, POSTERIOR_TEMPERATURE)
            expected = posterior.mean(axis=(0, 1))
            np.testing.assert_allclose(centres["posterior"], expected, atol=1e-5)

    def test_size_of_the_batches_does_not_matter(self, seed, monkeypatch):
        case = Case(seed)
        whole = case.centres("text")
        monkeypatch.setattr(_data, "BLOCK_ROWS", 9)
        for name, mean in case.centres("text").items():
            np.testing.assert_allclose(whole[name], mean, atol=1e-6)


@EVERY_SEED
@pytest.mark.parametrize("kind", VARIATES.values())
class TestVariates:
    def draw(self, seed, n):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, 20))
        T = X[:, :12] @ rng.standard_normal((12, 18)) + rng.standard_normal((n, 18))
        return {"image": torch.from_numpy(X) + 1, "text": torch.from_numpy(T) - 2}

    def products(self, variates, pairs):
        """Return the inner products of the variates of every ridge."""
        image, text = (self.of_ridges(variates, pairs[s].float(), s) for s in SIDES)
        return [(a @ b.T).numpy() for a, b in zip(image, text, strict=True)]

    def of_ridges(self, variates, x, side):
        block, on = variates.block(side), TorchArrays("cpu")
        return [replace(block, weights=[W]).apply(x, None, on) for W in block.weights]

    def test_size_of_the_batches_does_not_matter(self, seed, kind):
        pairs = self.draw(seed, 40)
        one, other = (solved(kind(), pairs, n_rows) for n_rows in (7, 40))
        np.testing.assert_allclose(
            self.products(one, pairs), self.products(other, pairs), atol=1e-5
        )

    def test_pairs_seen_twice_count_as_once(self, seed, kind):
        pairs = self.draw(seed, 40)
        one, other = solved(kind(), pairs), solved(kind(), pairs)
        other.update(dataset_of(pairs))
        other.solve()
        np.testing.assert_allclose(
            self.products(one, pairs), self.products(other, pairs), atol=1e-5
        )

    @pytest.mark.parametrize("n", [15, 400], ids=["few", "many"])
    def test_they_are_those_of_cca_of_the_features(self, seed, kind, n):
        # More features than pairs, or fewer; landmarks are fewer than 400.
        pairs = self.draw(seed, n)
        variates = solved(kind(), pairs)
        sides = [variates.features(pairs[s].float(), s).numpy() for s in SIDES]
        expected = cosines_of_ridges(kind, sides, sides)
        found = np.mean(self.products(variates, pairs), axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-4)

    def test_copies_of_one_pair_are_harmless(self, seed, kind):
        pairs = {s: x[np.arange(40) % 5] for s, x in self.draw(seed, 5).items()}
        for products in self.products(solved(kind(), pairs), pairs):
            assert np.isfinite(products).all()


class TestBlockWeights:
    @pytest.mark.parametrize(
        ("target_classes", "expected"),
        [
            ("seen", {"code": 1, "posterior": 2}),
            (
                "unseen",
                {
                    "contrastive": 1,
                    "canonical": 1,
                    "kernel": 1,
                    "reconstruction": 0.5,
                    "locked": 1,
                    "code": 0.5,
                },
            ),
            (
                "both",
                {
                    "code": (0.5 / 5, 1 / 3),
                    "contrastive": (1 / 5, 0),
                    "posterior": (0, 2 / 3),
                    "canonical": (1 / 5, 0),
                    "kernel": (1 / 5, 0),
                    "reconstruction": (0.5 / 5, 0),
                    "locked": (1 / 5, 0),
                },
            ),
        ],
    )
    def test_target_classes_choose_documented_blocks(self, target_classes, expected):
        weights = block_weights(
            target_classes, None, weight_of_contrastive=1.0, locked="text"
        )
        assert weights.keys() == expected.keys()
        for name, weight in weights.items():
            assert weight == pytest.approx(expected[name])

    @pytest.mark.parametrize("target_classes", TARGET_CLASSES)
    def test_code_takes_the_place_of_a_missing_contrastive_code(self, target_classes):
        before = {name: dict(w) for name, w in DEFAULT_WEIGHTS.items()}
        usual = block_weights(
            target_classes, None, weight_of_contrastive=1.0, locked=None
        )
        weights = block_weights(
            target_classes, None, weight_of_contrastive=0.0, locked=None
        )
        assert "contrastive" not in weights
        assert np.sum(list(weights.values()), axis=0) == pytest.approx(
            np.sum(list(usual.values()), axis=0)
        )
        for name in set(usual) - {"contrastive", "code"}:
            assert weights[name] == usual[name]
        assert before == DEFAULT_WEIGHTS

    def test_custom_weights_go_before(self):
        custom = {"canonical": 2, "code": 0, "posterior": np.float32(0.5)}
        weights = block_weights(
            "seen", custom, weight_of_contrastive=1.0, locked="text"
        )
        assert weights == {"canonical": 2.0, "code": 0.0, "posterior": 0.5}

    @pytest.mark.parametrize(
        ("custom", "match"),
        [
            ({"colour": 1}, r"must be over code, contrastive, .* Got \['colour'\]"),
            ({"code": 1, 3: 1, "b": 1}, r"Got \[3, 'b'\]"),
            ({}, r"one of them above 0\. Got \{\}"),
            ({"code": 0}, r"one of them above 0\. Got \{'code': 0\}"),
            ({"code": 1, "posterior": -1}, "at least 0"),
            ({"code": np.nan}, "finite"),
            ({"code": np.inf}, "finite"),
            ({"code": None}, r"block_weights must be .* Got \{'code': None\}"),
            ({"code": "much"}, r"block_weights must be .* Got \{'code': 'much'\}"),
        ],
        ids=str,
    )
    def test_what_is_refused(self, custom, match):
        with pytest.raises(ValueError, match=match):
            block_weights("both", custom, weight_of_contrastive=1.0, locked="text")

    def test_contrastive_block_needs_a_contrastive_code(self):
        with pytest.raises(ValueError, match=r"need contrastive_weight > 0"):
            block_weights("both", {"contrastive": 1.0}, 0.0, "text")

    def test_locked_block_needs_a_locked_modality(self):
        assert block_weights("unseen", {"locked": 1.0}, 1.0, "text") == {"locked": 1.0}
        for weight, locked in ((1.0, None), (0.0, "text")):
            with pytest.raises(ValueError, match="also a locked modality"):
                block_weights("unseen", {"locked": 1.0}, weight, locked)
