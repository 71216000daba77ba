"""Several labels per pair: a generator, and real data with labels of two levels."""

import numpy as np
import pytest

from sklearn_xmodal import CCARetriever, MSLNRetriever, SemanticMatchingRetriever
from sklearn_xmodal.datasets import make_paired_multilabel
from sklearn_xmodal.metrics import chance_level, cross_modal_score
from tests.conftest import SEEDS


def fit(X, T, Y, seed=0, **params):
    return MSLNRetriever(
        target_classes="seen", max_steps=150, random_state=seed, device="cpu", **params
    ).fit(X, T, Y)


@pytest.mark.parametrize("seed", SEEDS)
class TestGenerated:
    @pytest.fixture
    def data(self, seed):
        # With more labels, most pairs share one: chance leaves little to win.
        X, T, Y = make_paired_multilabel(
            500, n_classes=6, n_labels=1, class_sep=3.0, random_state=seed
        )
        assert (Y.sum(axis=1) > 1).mean() > 0.3
        train, test = slice(0, 300), slice(300, None)
        return (X[train], T[train], Y[train]), (X[test], T[test], Y[test])

    def test_shared_labels_are_found_better_than_without_labels(self, seed, data):
        train, test = data
        chance = chance_level(test[2], test[2])
        msln = fit(*train, seed).score(*test)
        assert msln > chance + 0.2
        assert msln > CCARetriever().fit(*train[:2]).score(*test)

    @pytest.mark.thorough
    def test_every_block_takes_part(self, seed, data):
        train, test = data
        chance = chance_level(test[2], test[2])
        for block in ("code", "contrastive", "posterior", "reconstruction"):
            params = {"block_weights": {block: 1}, "contrastive_weight": 1}
            retriever = fit(*train, seed, n_estimators=1, **params)
            assert retriever.score(*test) > chance + 0.1, block

    @pytest.mark.thorough
    def test_order_of_the_labels_does_not_matter(self, seed, data):
        train, test = data
        order = np.random.default_rng(seed).permutation(6)
        score = fit(*train, seed, block_weights={"posterior": 1}).score(*test)
        X, T, Y = train
        moved = fit(X, T, Y[:, order], seed, block_weights={"posterior": 1})
        assert moved.score(*test) == pytest.approx(score, abs=0.05)


@pytest.mark.thorough
def test_groups_and_subgroups_of_emoji_as_labels_of_one_item(shared_data):
    with np.load(shared_data / "emoji" / "emoji.npz", allow_pickle=False) as archive:
        X, T = archive["X_img"], archive["X_txt"]
        groups, subgroups = archive["y_group"], archive["y"]
    Y = np.hstack(
        [labels[:, None] == np.unique(labels) for labels in (groups, subgroups)]
    ).astype(int)
    order = np.random.default_rng(0).permutation(len(Y))
    train, test = order[:650], order[650:]
    chance = chance_level(Y[test], Y[test])
    for retriever in (
        fit(X[train], T[train], Y[train]),
        SemanticMatchingRetriever().fit(X[train], T[train], Y[train]),
    ):
        codes = retriever.transform(X[test], T[test])
        assert cross_modal_score(*codes, Y[test]) > chance + 0.1
