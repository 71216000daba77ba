"""Weights of pairs: as many repetitions, where a batch holds all pairs."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_xmodal import (
    ACMRRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    MSLNRetriever,
)
from sklearn_xmodal.deep._preprocessing import fit_input_map

N = 24
# No chance, few steps, and one batch of everything.
PLAIN = {
    "n_estimators": 1,
    "hidden_layer_sizes": (6,),
    "dropout": 0.0,
    "max_epochs": 4,
    "batch_size": 1000,
    "random_state": 0,
    "device": "cpu",
}
STEADY = {"input_dropout": 0.0}
RETRIEVERS = {
    "ACMR": lambda **kw: ACMRRetriever(3, advanced=STEADY, **kw),
    "DSCMR": lambda **kw: DSCMRRetriever(3, advanced=STEADY, **kw),
    "DCCA": lambda **kw: DCCARetriever(3, alpha=0.1, advanced=STEADY, **kw),
    "contrastive": lambda **kw: ContrastiveRetriever(3, advanced=STEADY, **kw),
    "contrastive of classes": lambda **kw: ContrastiveRetriever(
        3, positives="classes", advanced=STEADY, **kw
    ),
    "MSLN, seen": lambda **kw: MSLNRetriever(
        3, target_classes="seen", advanced=STEADY, **kw
    ),
    "MSLN, unseen": lambda **kw: MSLNRetriever(
        3, target_classes="unseen", advanced=STEADY, **kw
    ),
}


def draw(seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(N) % 3
    X, T = (rng.normal(size=(N, p)) + np.eye(3, p)[y] for p in (7, 5))
    return X, T, y, rng.integers(0, 4, N)


def history(retriever):
    """Return the terms of every epoch, those with a constant less the first of them."""
    found = [n for n in retriever._loss.TERMS if n in retriever.history_[-1]]
    terms = np.array(retriever.history_[:, tuple(found)])
    for name in {"contrastive_loss", "locked_loss"} & set(found):
        # The logarithm of how many items there are to choose among.
        column = found.index(name)
        terms[:, column] -= terms[0, column]
    return terms


@pytest.mark.parametrize("name", RETRIEVERS)
@pytest.mark.parametrize("kept", [None, 3])
def test_a_weight_is_as_many_repetitions(name, kept):
    X, T, y, weights = draw()
    repeated = np.repeat(np.arange(N), weights)
    make = RETRIEVERS[name]
    options = {**PLAIN, "n_input_components": kept}
    est = make(**options).fit(X, T, y, sample_weight=2.5 * weights)
    expected = make(**options).fit(X[repeated], T[repeated], y[repeated])
    np.testing.assert_allclose(history(est), history(expected), rtol=1e-3, atol=1e-4)
    for Z, Z_expected in zip(
        est.transform(X, T), expected.transform(X, T), strict=True
    ):
        # Signs and order of equal variates are free, cosines are not.
        np.testing.assert_allclose(Z @ Z.T, Z_expected @ Z_expected.T, atol=2e-3)
    plain = make(**options).fit(X, T, y)
    assert not np.allclose(history(plain), history(est), rtol=2e-3)


def test_weights_of_one_are_no_weights():
    X, T, y, _ = draw()
    for make in RETRIEVERS.values():
        one, other = make(**PLAIN), make(**PLAIN)
        one.fit(X, T, y, sample_weight=np.full(N, 3.0))
        np.testing.assert_allclose(
            one.transform_image(X), other.fit(X, T, y).transform_image(X), atol=1e-4
        )


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("width", [40, 1100])
def test_principal_components_are_those_of_repeated_rows(convert, width):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(30, width)) * np.geomspace(5, 1, width)
    weights = rng.randint(1, 4, 30).astype(float)
    found = fit_input_map(
        convert(X), "image", 4, 4, np.random.RandomState(0), sample_weight=weights
    )
    repeated = np.repeat(X, weights.astype(int), axis=0)
    centred = repeated - repeated.mean(axis=0)
    _, S, Vt = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.mean, repeated.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(
        np.abs(found.components @ Vt[:4].T), np.eye(4), atol=1e-5
    )
    expected = np.sqrt((S[:4] ** 2).mean() / len(repeated))
    np.testing.assert_allclose(found.scale, expected, rtol=1e-6)


def test_pairs_of_weight_0_are_not_there():
    X, T, y, _ = draw()
    weights = np.where(y == 2, 0, 1)
    est = RETRIEVERS["MSLN, seen"](**PLAIN)
    est.fit(np.where(y[:, None] == 2, 1e9, X), T, y, sample_weight=weights)
    np.testing.assert_array_equal(est.classes_, [0, 1])
    assert np.abs(est.image_mean_).max() < 10


def test_partial_fit_takes_weights():
    X, T, y, weights = draw()
    repeated = np.repeat(np.arange(N), weights)
    make = RETRIEVERS["MSLN, unseen"]
    options = {**PLAIN, "lr": 1e-30, "max_epochs": 1}
    est = make(**options).fit(X, T, y)
    est.partial_fit(X, T, y, sample_weight=weights)
    expected = make(**options).fit(X, T, y)
    expected.partial_fit(X[repeated], T[repeated], y[repeated])
    for Z, Z_expected in zip(
        est.transform(X, T), expected.transform(X, T), strict=True
    ):
        np.testing.assert_allclose(Z @ Z.T, Z_expected @ Z_expected.T, atol=2e-3)


def test_weights_that_cannot_be_are_refused():
    X, T, y, _ = draw()
    for make in RETRIEVERS.values():
        with pytest.raises(ValueError, match=r"sample_weight must be at least 0"):
            make(**PLAIN).fit(X, T, y, sample_weight=-np.ones(N))


def test_a_tiny_weight_beside_large_ones_leaves_losses_finite():
    X, T, y, _ = draw()
    weights = np.where(np.arange(N) < 4, 1e-300, 1.0)
    for make in RETRIEVERS.values():
        est = make(**{**PLAIN, "batch_size": 5}).fit(X, T, y, sample_weight=weights)
        assert all(torch.isfinite(w).all() for w in est.net_.module_.parameters())


def test_weights_and_labels_that_are_read_only_are_no_news():
    """Columns of pandas are, and PyTorch warns of what it shares with them."""
    X, T, y, weight = draw()
    y, weight = np.eye(3, dtype=int)[y], weight + 0.5
    expected = RETRIEVERS["MSLN, seen"](**PLAIN).fit(X, T, y, sample_weight=weight)
    y.flags.writeable = weight.flags.writeable = False
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # else once in a process, of whatever comes first
    try:
        found = RETRIEVERS["MSLN, seen"](**PLAIN).fit(X, T, y, sample_weight=weight)
        RETRIEVERS["MSLN, seen"](**PLAIN).fit(X, T, y[:, 0], sample_weight=weight)
    finally:
        torch.set_warn_always(always)
    assert (found.transform_text(T) == expected.transform_text(T)).all()
