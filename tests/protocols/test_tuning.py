"""Features and candidates are chosen on the folds, and nothing else is."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_xmodal import CCARetriever, DCCARetriever, ImageTextPairs, KCCARetriever
from sklearn_xmodal.datasets import make_paired_modalities
from sklearn_xmodal.protocols import (
    METHODS,
    Budget,
    Method,
    candidate_features,
    choose_features,
    inner_folds,
    tune,
)

X_IMG, X_TXT, Y = make_paired_modalities(90, n_classes=6, random_state=0)
# Scales that matter to what is not scaled, and sides that differ in them.
PAIRS = ImageTextPairs(X_IMG * np.logspace(0, 2, X_IMG.shape[1]), X_TXT)


def test_features_are_bounded_by_widths_and_rows():
    features = candidate_features(PAIRS, n_samples=9)
    assert list(features) == ["image,text", "image", "text", "none"]
    assert features["none"].image.n_components == 8
    assert features["image,text"].text[-1].n_components == min(8, X_TXT.shape[1])
    assert candidate_features(PAIRS)["none"].image.n_components == X_IMG.shape[1]


def test_sparse_features_stay_sparse():
    text = sparse.csr_matrix(X_TXT.clip(0))
    features = candidate_features(ImageTextPairs(X_IMG, text), random_state=3)
    names = {name: type(made.text[0]).__name__ for name, made in features.items()}
    assert names["text"] == names["image,text"] == "TfidfTransformer"
    assert names["image"] == names["none"] == "Normalizer"
    assert features["none"].text[-1].random_state == 3


def best_of(candidates, folds):
    """Return the place of the first best of unfitted pipelines, and its score."""
    means = [
        np.mean(
            [
                clone(pipeline).fit(PAIRS[fit], Y[fit]).score(PAIRS[new], Y[new])
                for fit, new in folds
            ]
        )
        for pipeline in candidates
    ]
    return int(np.argmax(means)), max(means)


@pytest.mark.parametrize("protocol", ["standard", "extendable"])
def test_tuning_is_a_loop_over_features_then_over_candidates(protocol):
    folds = inner_folds(PAIRS, Y, protocol, n_splits=3, random_state=5)
    n_samples = min(len(fit) for fit, _ in folds)
    features = candidate_features(PAIRS, n_samples=n_samples, random_state=5)
    place, _ = best_of(
        [make_pipeline(f, CCARetriever()) for f in features.values()], folds
    )
    scaled = list(features)[place]
    assert choose_features(PAIRS, Y, cv=folds, random_state=5)[0] == scaled
    kernels = [
        make_pipeline(features[scaled], KCCARetriever(alpha=a, random_state=5))
        for a in (1, 10, 100)
    ]
    place, expected = best_of(kernels, folds)
    pipeline, score, parameters = tune(
        METHODS["kcca"], PAIRS, Y, protocol, random_state=5
    )
    assert parameters == {"alpha": (1, 10, 100)[place], "scaled": scaled}
    assert score == pytest.approx(expected, abs=1e-12)
    refitted = kernels[place].fit(PAIRS, Y)
    np.testing.assert_array_equal(
        pipeline.transform(PAIRS).image, refitted.transform(PAIRS).image
    )


def test_folds_may_be_given():
    rows = np.arange(90)
    folds = [(rows[:60], rows[60:])]
    _, score, _ = tune(Method("CCA", CCARetriever(4), [{}]), PAIRS, Y, cv=folds)
    _, features = choose_features(PAIRS, Y, cv=folds)
    expected = make_pipeline(features, CCARetriever(4)).fit(PAIRS[:60], Y[:60])
    assert score == pytest.approx(expected.score(PAIRS[60:], Y[60:]), abs=1e-12)


def test_nothing_to_choose_need_not_be_validated():
    method = Method("CCA", CCARetriever(), [{"n_components": 3}])
    pipeline, score, parameters = tune(method, PAIRS, Y, random_state=0, validate=False)
    assert np.isnan(score)
    assert parameters["n_components"] == 3
    assert pipeline.transform(PAIRS).image.shape == (90, 3)


class Counting(CCARetriever):
    """Remembers the parameters of every fit."""

    fitted: list = []

    def fit(self, X_img, X_txt=None, y=None):
        """Fit."""
        self.fitted.append((self.n_components, self.alpha))
        return super().fit(X_img, X_txt, y)


def test_what_makes_the_search_cheaper_does_not_stay(monkeypatch):
    monkeypatch.setattr(Counting, "fitted", [])
    method = Method(
        "CCA", Counting(4), [{"alpha": 1.0}], while_tuning={"n_components": 2}
    )
    pipeline, _, _ = tune(method, PAIRS, Y, budget=Budget(), random_state=0)
    assert Counting.fitted == 3 * [(2, 1.0)] + [(4, 1.0)]
    assert pipeline[-1].n_components == 4


def test_epochs_of_every_network_are_told():
    method = Method(
        "deep CCA",
        DCCARetriever(2, hidden_layer_sizes=(4,), max_epochs=2, device="cpu"),
        [{"alpha": 0.1}, {"alpha": 1.0}],
        trains_network=True,
    )
    numbers, told = itertools.count(), []

    def begin_fit(n_fits):
        number = next(numbers)
        return lambda done, n_epochs: told.append((n_fits, number, done, n_epochs))

    budget = Budget(n_folds=2)
    tune(method, PAIRS, Y, budget=budget, random_state=0, begin_fit=begin_fit)
    n_fits = 2 * 2 + 1
    expected = [(n_fits, i, done, 2) for i in range(n_fits) for done in (1, 2)]
    assert sorted(told) == expected


class TestErrors:
    def test_a_method_that_learns_from_labels_needs_them(self):
        with pytest.raises(ValueError, match="semantic matching needs class labels y"):
            tune(METHODS["sm"], PAIRS)

    def test_an_unknown_protocol(self):
        with pytest.raises(ValueError, match="Got 'open'"):
            tune(METHODS["cca"], PAIRS, Y, "open")

    @pytest.mark.parametrize(
        "function",
        [
            candidate_features,
            lambda pairs: choose_features(pairs, cv=2),
            lambda pairs: tune(METHODS["cca"], pairs),
        ],
    )
    def test_two_matrices_are_no_pairs(self, function):
        with pytest.raises(TypeError, match=r"must be ImageTextPairs.* Got tuple"):
            function((X_IMG, X_TXT))
