"""What items are represented by, against plain numpy on what the network returns."""

import numpy as np
import pytest
import torch

from sklearn_xmodal import CCARetriever
from sklearn_xmodal.deep._modules import MSLNModule
from sklearn_xmodal.deep._representation import (
    BLOCKS,
    CANONICAL,
    DEFAULT_WEIGHTS,
    POSTERIOR_TEMPERATURE,
    Representation,
    block_weights,
    canonical_weights,
    joint_moments,
)
from tests.conftest import SEEDS

S, N, M, P, Q, D, G, C, E = 3, 40, 11, 7, 5, 4, 3, 6, 2
SIDES = ("image", "text")
EVERY_SEED = pytest.mark.parametrize("seed", SEEDS)
EVERY_KIND = pytest.mark.parametrize("multi_label", [False, True])


def unit(Z):
    return Z / np.linalg.norm(Z, axis=-1, keepdims=True)


def cosines(A, B):
    return unit(A) @ unit(B).T


def linear(layer, X, member):
    weight = layer.weight[member].detach().double().numpy()
    return X @ weight + layer.bias[member].detach().double().numpy()


def posterior_of(logits, temperature, multi_label):
    powers = np.exp(logits / temperature)
    if multi_label:
        return powers / (1 + powers)
    return powers / powers.sum(axis=-1, keepdims=True)


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
        batches = zip(*(self.train[side].split(9) for side in SIDES), strict=True)
        with torch.inference_mode():
            canonical = canonical_weights(joint_moments(batches), P)
            self.representation = Representation(canonical)
            for side in SIDES:
                batches = self.train[side].split(9)
                self.representation.fit_centres(self.network, batches, side)

    def blocks(self, side, weights, x=None):
        x = self.new[side] if x is None else x
        with torch.inference_mode():
            v = self.representation.blocks(self.network, x, side, weights)
        return v.double().numpy()

    def products(self, weights):
        return self.blocks("image", weights) @ self.blocks("text", weights).T

    def codes(self, pairs, side):
        """Return codes and contrastive codes (members, items, width)."""
        with torch.inference_mode():
            codes = self.network.encode(pairs[side], side)
        return tuple(z.double().numpy() for z in codes)

    def posterior(self, pairs, side, temperature):
        """Return one posterior per member."""
        z, _ = self.codes(pairs, side)
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
        similarity = 0
        for alpha, power in CANONICAL:
            cca = CCARetriever(alpha=alpha, correlation_power=power)
            cca.fit(self.train["image"].numpy(), self.train["text"].numpy())
            codes = cca.transform(*(self.new[side].double().numpy() for side in SIDES))
            similarity += cosines(*codes) / len(CANONICAL)
        return similarity

    def reconstruction(self):
        vectors = self.network.class_embeddings.double().numpy()
        predicted = {}
        for side, other in (("image", "text"), ("text", "image")):
            z, _ = self.codes(self.new, side)
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
                joined = np.hstack([z[member], e])
                hidden = np.tanh(linear(first, joined, member))
                members.append(linear(last, hidden, member))
            predicted[other] = np.mean(members, axis=0)
        image, text = (self.new[side].double().numpy() for side in SIDES)
        of_images = cosines(image, predicted["image"])
        of_texts = cosines(predicted["text"], text)
        return (of_images + of_texts) / 2

    def oracle(self, name):
        image, text = self.centred_posteriors()
        return {
            "code": lambda: self.code(0),
            "contrastive": lambda: self.code(1),
            "posterior": lambda: cosines(image, text),
            "soft_posterior": lambda: image @ text.T,
            "canonical": self.canonical,
            "reconstruction": self.reconstruction,
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
    def test_all_are_of_unit_length_but_the_soft_posterior(
        self, seed, multi_label, name
    ):
        case = Case(seed, multi_label)
        for side in SIDES:
            lengths = np.linalg.norm(case.blocks(side, {name: 1.0}), axis=1)
            if name == "soft_posterior":
                assert np.ptp(lengths) > 1e-3
            else:
                np.testing.assert_allclose(lengths, 1, atol=1e-5)

    def test_similarity_is_the_weighted_sum(self, seed, multi_label):
        case = Case(seed, multi_label)
        rng = np.random.default_rng(seed)
        weights = dict(zip(BLOCKS, rng.uniform(0.1, 5, len(BLOCKS)), strict=True))
        expected = sum(w * case.oracle(name) for name, w in weights.items())
        np.testing.assert_allclose(case.products(weights), expected, atol=1e-4)

    def test_without_weight_there_is_no_block(self, seed, multi_label):
        case = Case(seed, multi_label)
        weights = {"code": 0.0, "posterior": 2.0, "canonical": 0.0}
        v = case.blocks("image", weights)
        assert v.shape == (M, C)
        np.testing.assert_array_equal(v, case.blocks("image", {"posterior": 2.0}))

    def test_rows_do_not_depend_on_each_other(self, seed, multi_label):
        case = Case(seed, multi_label)
        weights = dict.fromkeys(BLOCKS, 1.0)
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
            centres = case.representation.centres[side]
            codes = case.codes(case.train, side)
            for name, z in zip(("code", "contrastive"), codes, strict=True):
                expected = z.mean(axis=1, keepdims=True)
                np.testing.assert_allclose(centres[name], expected, atol=1e-5)
            posterior = case.posterior(case.train, side, POSTERIOR_TEMPERATURE)
            expected = posterior.mean(axis=(0, 1))
            np.testing.assert_allclose(centres["posterior"], expected, atol=1e-5)

    def test_centred_posteriors_of_the_training_pairs_have_mean_zero(self, seed):
        case = Case(seed)
        for side in SIDES:
            v = case.blocks(side, {"soft_posterior": 1.0}, case.train[side])
            np.testing.assert_allclose(v.mean(axis=0), 0, atol=1e-6)

    def test_size_of_the_batches_does_not_matter(self, seed):
        case = Case(seed)
        other = Representation(case.representation.canonical)
        with torch.inference_mode():
            other.fit_centres(case.network, [case.train["text"]], "text")
        for name, mean in case.representation.centres["text"].items():
            np.testing.assert_allclose(other.centres["text"][name], mean, atol=1e-6)


@EVERY_SEED
class TestCanonicalWeights:
    def test_moments_are_those_of_both_modalities_side_by_side(self, seed):
        case = Case(seed)
        batches = zip(*(case.train[side].split(9) for side in SIDES), strict=True)
        joint = np.hstack([case.train[side].double().numpy() for side in SIDES])
        expected = joint.T @ joint
        np.testing.assert_allclose(joint_moments(batches), expected, atol=1e-9)

    def test_number_of_pairs_behind_the_moments_does_not_matter(self, seed):
        case = Case(seed)
        moments = joint_moments([(case.train["image"], case.train["text"])])
        one, other = canonical_weights(moments, P), canonical_weights(7 * moments, P)
        for side in SIDES:
            for W, V in zip(one[side], other[side], strict=True):
                assert abs(cosines(W.ravel()[None], V.ravel()[None])) > 1 - 1e-5

    @pytest.mark.parametrize("n", [15, 400], ids=["few", "many"])
    def test_variates_are_those_of_cca(self, seed, n):
        # More features than pairs, or fewer.
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, 20))
        T = X[:, :12] @ rng.standard_normal((12, 18)) + rng.standard_normal((n, 18))
        X, T = X - X.mean(axis=0), T - T.mean(axis=0)
        X, T = (A.astype(np.float32) for A in (X, T))
        batches = [
            (torch.from_numpy(X[rows]), torch.from_numpy(T[rows]))
            for rows in np.array_split(np.arange(n), 4)
        ]
        weights = canonical_weights(joint_moments(batches), 20)
        assert len(weights["image"]) == len(weights["text"]) == len(CANONICAL)
        for i, (alpha, power) in enumerate(CANONICAL):
            cca = CCARetriever(alpha=alpha, correlation_power=power).fit(X, T)
            expected = cosines(*cca.transform(X.astype(float), T.astype(float)))
            found = cosines(X @ weights["image"][i], T @ weights["text"][i])
            np.testing.assert_allclose(found, expected, atol=1e-4)
            assert weights["image"][i].dtype == np.float32


class TestBlockWeights:
    @pytest.mark.parametrize(
        ("target_classes", "expected"),
        [
            ("seen", {"code": 1, "posterior": 2}),
            ("unseen", {"contrastive": 1, "canonical": 1, "reconstruction": 0.5}),
            (
                "both",
                {
                    "contrastive": 1,
                    "canonical": 1,
                    "reconstruction": 0.5,
                    "code": 0.5,
                    "soft_posterior": 4,
                },
            ),
        ],
    )
    def test_target_classes_choose_documented_blocks(self, target_classes, expected):
        weights = block_weights(target_classes, None, has_contrastive=True)
        assert weights == DEFAULT_WEIGHTS[target_classes] == expected

    @pytest.mark.parametrize("target_classes", DEFAULT_WEIGHTS)
    def test_code_takes_the_place_of_a_missing_contrastive_code(self, target_classes):
        before = {name: dict(w) for name, w in DEFAULT_WEIGHTS.items()}
        usual = block_weights(target_classes, None, has_contrastive=True)
        weights = block_weights(target_classes, None, has_contrastive=False)
        assert "contrastive" not in weights
        assert sum(weights.values()) == sum(usual.values())
        for name in set(usual) - {"contrastive", "code"}:
            assert weights[name] == usual[name]
        assert before == DEFAULT_WEIGHTS

    def test_custom_weights_go_before(self):
        custom = {"canonical": 2, "code": 0, "posterior": np.float32(0.5)}
        weights = block_weights("seen", custom, has_contrastive=True)
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
            block_weights("both", custom, has_contrastive=True)

    def test_contrastive_block_needs_a_contrastive_code(self):
        with pytest.raises(ValueError, match=r"'contrastive' needs contrastive_weight"):
            block_weights("both", {"contrastive": 1.0}, has_contrastive=False)
