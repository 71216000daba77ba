"""A joint embedding and what contrastive training adds to it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logsumexp
from sklearn.model_selection import KFold
from sklearn.preprocessing import normalize

from sklearn_xmodal import ContrastiveAdapterRetriever, CosineRetriever
from sklearn_xmodal.datasets import make_paired_multilabel
from sklearn_xmodal.deep.training import NonFiniteLossError
from sklearn_xmodal.metrics import cross_modal_score
from tests.conftest import thorough_but

P = 8
STRENGTHS = (0, 0.1, 0.25, 0.5, 0.75, 1)


def draw(n=120, seed=0, turn=0.7, noise=0.3):
    """Return pairs whose texts are turned a little against their images."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, P))
    Q = np.eye(P)
    Q[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    X_img = shared + noise * rng.normal(size=(n, P))
    return X_img, (shared + noise * rng.normal(size=(n, P))) @ Q


def make(strength=1.0, **params):
    fast = {"max_steps": 20, "lr": 0.1, "device": "cpu", "random_state": 0}
    return ContrastiveAdapterRetriever(strength, **{**fast, **params})


def recall(fitted, X_img, X_txt):
    codes = fitted.transform(X_img, X_txt)
    return cross_modal_score(*codes, np.arange(len(X_img)), metric="hit_rate_at_k", k=1)


def least_loss(S, w):
    """Return the least mean loss of finding partners, over temperatures."""
    return min(
        np.mean(
            [
                np.average(logsumexp(b * S, axis=1, b=w) - b * S.diagonal(), weights=w)
                for S in (S, S.T)
            ]
        )
        for b in np.geomspace(1, 1000, 100)
    )


@pytest.mark.parametrize("center", thorough_but([0, None], [0, None, True]))
def test_without_any_change_it_is_the_cosine_to_the_last_bit(center):
    X_img, X_txt = draw()
    X_img[0, 0] = -0.0
    fitted = make(0.0, center=center).fit(X_img, X_txt)
    cosine = CosineRetriever(center=0.5 if center is None else center)
    expected = cosine.fit_transform(X_img, X_txt)
    for Z, E in zip(fitted.transform(X_img, X_txt), expected, strict=True):
        assert Z.tobytes() == E.tobytes()


def test_training_starts_from_no_change():
    X_img, X_txt = draw()
    fitted = make(max_epochs=1, lr=1e-30).fit(X_img, X_txt)
    assert_allclose(fitted.image_encoder_.weights, np.eye(P), atol=1e-20)
    Z_img, Z_txt = (normalize(X - X.mean(axis=0) / 2) for X in (X_img, X_txt))
    S = Z_img @ Z_txt.T / 0.03
    expected = np.mean([logsumexp(S, axis=a) - S.diagonal() for a in (0, 1)])
    assert_allclose(fitted.history_[0]["train_loss"], expected, rtol=1e-4)


def test_a_turned_space_is_turned_back():
    X_img, X_txt = draw(400)
    train, test = slice(0, 200), slice(200, None)
    raw = recall(CosineRetriever().fit(X_img, X_txt), X_img[test], X_txt[test])
    fitted = make("auto", cv=2).fit(X_img[train], X_txt[train])
    assert fitted.strength_ > 0
    assert recall(fitted, X_img[test], X_txt[test]) > raw + 0.05


def test_the_strength_is_a_share_of_the_change():
    X_img, X_txt = draw()
    whole, half = (make(s).fit(X_img, X_txt) for s in (1.0, 0.5))
    for one, part in (
        (whole.image_encoder_, half.image_encoder_),
        (whole.text_encoder_, half.text_encoder_),
    ):
        assert not np.allclose(one.weights, np.eye(P), atol=1e-2)
        assert_allclose(part.weights, (one.weights + np.eye(P)) / 2)


@pytest.mark.parametrize("adapt", thorough_but(["text"], ["image", "text"]))
def test_the_other_side_keeps_every_bit(adapt):
    X_img, X_txt = draw()
    fitted = make(adapt=adapt).fit(X_img, X_txt)
    sides = {"image": X_img, "text": X_txt}
    codes = dict(zip(sides, fitted.transform(X_img, X_txt), strict=True))
    for name, X in sides.items():
        assert (codes[name].tobytes() == X.tobytes()) == (name != adapt)


class TestStrength:
    @pytest.mark.parametrize("weighted", thorough_but([True], [True, False]))
    def test_has_the_least_loss_of_held_out_pairs(self, weighted):
        X_img, X_txt = draw(40)
        w = np.where(np.arange(40) % 3 == 0, 20.0 if weighted else 1.0, 1.0)
        options = {"max_steps": 40, "lr": 0.2, "cv": KFold(3)}
        fitted = make("auto", **options).fit(X_img, X_txt, sample_weight=w)
        losses = np.zeros(len(STRENGTHS))
        for train, test in KFold(3).split(X_img):
            one = make(**options)
            one.fit(X_img[train], X_txt[train], sample_weight=w[train])
            changes = [
                encoder.weights - np.eye(P)
                for encoder in (one.image_encoder_, one.text_encoder_)
            ]
            means = [
                np.average(X[train], axis=0, weights=w[train]) / 2
                for X in (X_img, X_txt)
            ]
            for i, strength in enumerate(STRENGTHS):
                Z_img, Z_txt = (
                    normalize((X[test] - mean) @ (np.eye(P) + strength * D))
                    for X, mean, D in zip((X_img, X_txt), means, changes, strict=True)
                )
                losses[i] += least_loss(Z_img @ Z_txt.T, w[test])
        assert fitted.strength_ == STRENGTHS[losses.argmin()]
        assert 0 < fitted.strength_ < 1  # neither end, so that it was a choice

    def test_is_nothing_where_the_change_does_harm(self):
        X_img, X_txt = draw(20, turn=0.0)
        fitted = make("auto", lr=1.0).fit(X_img, X_txt)
        assert fitted.strength_ == 0
        assert_allclose(fitted.transform_text(X_txt), X_txt - X_txt.mean(axis=0) / 2)

    @pytest.mark.parametrize("n_pairs", thorough_but([3], [2, 3, 7]))
    def test_needs_two_pairs_on_both_sides(self, n_pairs):
        X_img, X_txt = draw(n_pairs)
        with pytest.raises(ValueError, match="needs at least two pairs on both sides"):
            make("auto", cv=min(n_pairs, 5)).fit(X_img, X_txt)
        assert make(0.5).fit(X_img, X_txt).strength_ == 0.5

    @pytest.mark.thorough
    def test_more_held_out_pairs_than_a_group_takes(self):
        X_img, X_txt = draw(600)
        assert make("auto", cv=2).fit(X_img, X_txt).strength_ > 0

    @pytest.mark.parametrize(
        "strength", thorough_but([1.1], [1.1, -0.1, "cv", None, np.nan])
    )
    def test_that_is_no_share_is_refused(self, strength):
        X_img, X_txt = draw(20)
        with pytest.raises(ValueError, match="strength"):
            make(strength).fit(X_img, X_txt)


class TestLabels:
    def test_teach_which_pairs_belong_together(self):
        rng = np.random.default_rng(0)
        y = np.arange(300) % 5
        means = 1.5 * rng.normal(size=(5, 16)) * (np.arange(16) < 3)
        sides = [means[y] + rng.normal(size=(300, 16)) for _ in range(2)]
        train, test = slice(0, 200), slice(200, None)
        by_classes, by_pairs, cosine = (
            est.fit(*(X[train] for X in sides), y[train]).score(
                *(X[test] for X in sides), y[test]
            )
            for est in (
                make("auto", positives="classes", max_steps=60, cv=3),
                make("auto", max_steps=60, cv=3),
                CosineRetriever(),
            )
        )
        assert by_classes > max(by_pairs, cosine) + 0.03

    def test_are_needed_for_classes_alone(self):
        X_img, X_txt = draw(20)
        with pytest.raises(ValueError, match="requires y to be passed"):
            make(positives="classes").fit(X_img, X_txt)
        codes = [
            make().fit(X_img, X_txt, y).transform_text(X_txt)
            for y in (None, np.arange(20) % 2)
        ]
        assert_array_equal(*codes)

    def test_a_pair_without_one_belongs_to_itself(self):
        X_img, X_txt = draw(60)
        y = np.arange(60) % 3
        y[:20] = -1
        own = np.where(y == -1, 10 + np.arange(60), y)
        fits = [make(positives="classes").fit(X_img, X_txt, t) for t in (y, own)]
        assert fits[0].n_unlabelled_ == 20
        assert_array_equal(*(fit.transform_text(X_txt) for fit in fits))

    def test_may_be_several_per_pair(self):
        X_img, X_txt, Y = make_paired_multilabel(
            80, n_image_features=P, n_text_features=P, random_state=0
        )
        fitted = make("auto", positives="classes", cv=2).fit(X_img, X_txt, Y)
        assert_array_equal(fitted.classes_, np.arange(Y.shape[1]))

    def test_captions_of_one_picture_belong_together_without_any(self):
        X_img, X_txt = draw(60)
        ids = np.arange(60) // 5
        X_img = X_img[5 * ids]
        fits = [
            make().fit(X_img, X_txt),
            make(positives="classes").fit(X_img, X_txt, ids),
        ]
        assert_array_equal(*(fit.transform_text(X_txt) for fit in fits))


def test_an_integer_weight_is_so_many_equal_pairs():
    X_img, X_txt = draw(60)
    counts = np.arange(60) % 3 + 1
    many = np.repeat(np.arange(60), counts)
    fits = [
        make(batch_size=200).fit(X_img, X_txt, sample_weight=counts),
        make(batch_size=200).fit(X_img[many], X_txt[many]),
    ]
    assert_allclose(*(fit.image_encoder_.weights for fit in fits), atol=1e-3)


@pytest.mark.thorough
def test_sparse_rows_give_the_codes_of_dense_ones():
    X_img, X_txt = (np.where(X > 0, X, 0) for X in draw(60))
    dense = make("auto", cv=2).fit(X_img, X_txt)
    thin = make("auto", cv=2).fit(sparse.csr_array(X_img), sparse.csr_array(X_txt))
    assert thin.strength_ == dense.strength_
    assert_allclose(
        thin.transform_image(sparse.csr_array(X_img)),
        dense.transform_image(X_img),
        atol=1e-4,
    )


def test_the_same_seed_gives_the_same_codes():
    X_img, X_txt = draw()
    codes = [
        make("auto", cv=2, batch_size=32, random_state=np.random.RandomState(3))
        .fit(X_img, X_txt)
        .transform_image(X_img)
        for _ in range(2)
    ]
    assert codes[0].tobytes() == codes[1].tobytes()


def test_it_refuses_what_other_networks_have():
    X_img, X_txt = draw(20)
    with pytest.raises(ValueError, match="advanced must have no other keys"):
        make(advanced={"activation": "tanh"}).fit(X_img, X_txt)
    with pytest.raises(ValueError, match=r"center must be None or 0 with adapt"):
        make(center=0.5, adapt="text").fit(X_img, X_txt)
    with pytest.raises(TypeError, match="callbacks must hold"):
        make(callbacks=["a"]).fit(X_img, X_txt)
    with pytest.raises(TypeError):
        make(activation="tanh")
    with pytest.raises(NonFiniteLossError, match="Training must keep"):
        make("auto", lr=1e38, advanced={"lr_scheduler": None}).fit(X_img, X_txt)


@pytest.mark.thorough
@pytest.mark.parametrize("n_pairs", thorough_but([50], [50, 250]))
def test_on_clip_features_it_does_no_harm(n_pairs, shared_data):
    with np.load(shared_data / "clip" / "coco500.npz") as file:
        X_img, X_txt = file["X_img"], file["X_txt"]
    rows = np.random.default_rng(0).permutation(500)
    train, test = rows[:n_pairs], rows[250:]
    fits = [
        est.fit(X_img[train], X_txt[train])
        for est in (
            ContrastiveAdapterRetriever(device="cpu", random_state=0),
            CosineRetriever(),
        )
    ]
    found, raw = (recall(fit, X_img[test], X_txt[test]) for fit in fits)
    assert found > raw - 0.01
