"""Training that goes on: what `partial_fit` keeps, and what it refuses."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_xmodal import (
    ACMRRetriever,
    CCARetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    KCCARetriever,
    MSLNRetriever,
)
from sklearn_xmodal.cross_decomposition._engine._moments import pair_moments
from sklearn_xmodal.deep.training import PairSample
from sklearn_xmodal.utils import _memory

SMALL = {"hidden_layer_sizes": (8,), "max_steps": 8, "random_state": 0, "device": "cpu"}


DISJOINT = {"validation": "class_disjoint"}


def draw(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return *(rng.normal(size=(n, p)) + 2 * np.eye(3, p)[y] for p in (9, 7)), y


@pytest.mark.parametrize(
    "options",
    [
        {"target_classes": "seen"},
        {},
        {"block_weights": {"code": 1, "contrastive": 1, "reconstruction": 1}},
    ],
    ids=str,
)
def test_one_more_pair_leaves_codes_where_they_were(options):
    X, T, y = draw()
    est = MSLNRetriever(4, lr=1e-30, **options, **SMALL).fit(X, T, y)
    before = est.transform(X, T)
    est.partial_fit(X[:1], T[:1], y[:1])
    for Z, Z_before in zip(est.transform(X, T), before, strict=True):
        cosines = (Z * Z_before).sum(1)
        assert cosines.min() > 0.9 * (Z**2).sum(1).max()


def test_pieces_have_the_centres_and_the_familiarity_of_one_call():
    X, T, y = draw()
    options = {**SMALL, "lr": 1e-30}
    pieces, whole = MSLNRetriever(4, **options), MSLNRetriever(4, **options)
    first = slice(0, 20)
    for est in (pieces, whole):
        est.partial_fit(X[first], T[first], y[first])
    for start in range(20, 60, 5):
        rows = slice(start, start + 5)
        pieces.partial_fit(X[rows], T[rows], y[rows])
    whole.partial_fit(X[20:], T[20:], y[20:])
    for one, other in zip(pieces.transform(X, T), whole.transform(X, T), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


class Pairs:
    """Numbered pairs, as many as a data set has."""

    weight = None

    def __init__(self, start, stop):
        self.numbers = np.arange(start, stop, dtype=np.float32)[:, None]
        self.image = self.text = self
        self.width = 1

    def __len__(self):
        return len(self.numbers)

    def rows(self, index):
        import torch

        return torch.from_numpy(self.numbers)[index]


@pytest.mark.parametrize("piece", [1, 7, 250, 2000])
def test_any_pair_is_as_likely_to_be_kept(piece):
    n = 2000 if piece > 1 else 700
    sample = PairSample.empty(Pairs(0, 0))
    for start in range(0, n, piece):
        sample = sample.with_more(Pairs(start, min(start + piece, n)))
    found = sample.sides["image"].ravel()
    assert sample.n_seen == n
    assert len(np.unique(found)) == len(found) == PairSample.SIZE
    np.testing.assert_array_equal(found, sample.sides["text"].ravel())
    # Of uniform numbers, four standard deviations.
    assert abs(found.mean() / n - 0.5) < 4 * np.sqrt(1 / 12 / PairSample.SIZE)
    halves = np.bincount((found >= n / 2).astype(int)) / PairSample.SIZE
    assert np.abs(halves - 0.5).max() < 4 * 0.5 / np.sqrt(PairSample.SIZE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0.1}, r"lr=0\.1, where it was 0\.003"),
        ({"correlation_weight": 2.0}, "correlation_weight=2"),
        ({"dropout": 0.1}, "dropout=0.1"),
        ({"batch_size": 3}, "batch_size=3"),
        ({"n_estimators": 2}, "n_estimators=2"),
        ({"n_input_components": 3}, "n_input_components="),
        ({"target_classes": "unseen"}, "contrastive_weight=1.0.*block_weights="),
        ({"advanced": {"weight_decay": 1.0}}, "weight_decay=1.0"),
    ],
)
def test_partial_fit_refuses_parameters_that_it_would_not_use(change, message):
    X, T, y = draw()
    est = MSLNRetriever(4, **SMALL).partial_fit(X, T, y)
    with pytest.raises(ValueError, match=f"but for max_epochs. Got .*{message}"):
        est.set_params(**change).partial_fit(X, T, y)


def test_partial_fit_takes_other_epochs_and_lists_for_tuples():
    X, T, y = draw()
    est = MSLNRetriever(4, **SMALL).partial_fit(X, T, y)
    est.set_params(max_epochs=2, hidden_layer_sizes=[8]).partial_fit(X, T, y)
    assert est.n_iter_ == 3


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": [8]},
        {"lr": np.float64(0.003), "n_components": np.int64(4)},
        {"block_weights": {"posterior": np.float64(2.0), "code": 1.0}},
    ],
)
def test_equal_parameters_of_another_type_are_the_same_training(change, tmp_path):
    X, T, y = draw()
    options = {**SMALL, "block_weights": {"code": 1.0, "posterior": 2.0}}
    est = MSLNRetriever(4, checkpoint_dir=tmp_path, **options).fit(X, T, y)
    other = clone(est).set_params(**change).fit(X, T, y)
    np.testing.assert_array_equal(other.transform_text(T), est.transform_text(T))


def test_a_training_that_stopped_early_is_whole_in_its_checkpoint(tmp_path):
    X, T, y = draw()
    est = MSLNRetriever(
        4,
        **{**SMALL, "max_epochs": 50},
        early_stopping=True,
        advanced={"n_iter_no_change": 2, "tol": 1.0, "validation_fraction": 0.2},
        checkpoint_dir=tmp_path,
    ).fit(X, T, y)
    assert 2 <= est.n_iter_ < 50
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"epoch-{est.n_iter_:06d}"
    again = clone(est).fit(X, T, y)
    assert again.n_iter_ == est.n_iter_
    assert [e["dur"] for e in again.history_] == [e["dur"] for e in est.history_]
    np.testing.assert_array_equal(again.transform_text(T), est.transform_text(T))


def test_one_class_is_refused_where_there_is_a_classifier():
    X, T, _ = draw()
    y = np.full(len(X), "cat")
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"two classes .* one class: \['cat'\]"):
            getattr(MSLNRetriever(4, **SMALL), method)(X, T, y)
    MSLNRetriever(4, classification_weight=0.0, **SMALL).fit(X, T, y)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (DISJOINT, {"early_stopping": True}, "class_disjoint"),
        (DISJOINT, {"early_stopping": False}, False),
        (
            DISJOINT,
            {"early_stopping": "stratified"},
            "stratified",
        ),
        ({"min_input_share": 0.25}, {"n_input_components": 64}, (0.25, 64)),
        ({"min_input_share": 0.25}, {"n_input_components": (32, 64)}, (32, 64)),
        ({"resume_from": "a"}, {"checkpoint_dir": "b"}, "a"),
    ],
)
def test_old_spellings_count_for_what_is_set_later(old, new, expected):
    (name,) = new
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        est = MSLNRetriever(**old)
        for one in (clone(est), est):
            assert getattr(one.set_params(**new), name) == expected


NETWORKS = [
    ACMRRetriever,
    ContrastiveRetriever,
    DCCARetriever,
    DSCMRRetriever,
    MSLNRetriever,
]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "sizes",
    [
        {"n_components": 10**9},
        {"n_estimators": 10**10},
        {"hidden_layer_sizes": (10**6, 10**6)},
        {"hidden_layer_sizes": (10**30,)},
    ],
    ids=str,
)
def test_networks_larger_than_memory_are_refused_with_the_figure(network, sizes):
    X, T, y = draw()
    (name,) = sizes
    with pytest.raises(ValueError, match=rf"{name}=.* about .* GB, where .*Lower"):
        network(**{**SMALL, **sizes}).fit(X, T, y)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_batch_larger_than_memory_is_refused(network, monkeypatch):
    X, T, y = draw(2000)
    monkeypatch.setattr(_memory, "usable_memory", lambda: 40_000_000)
    network(**{**SMALL, "batch_size": 8}).fit(X[:100], T[:100], y[:100])
    with pytest.raises(ValueError, match="batch_size for batches of 2000"):
        network(**{**SMALL, "batch_size": 5000}).fit(X, T, y)


def test_kernels_and_moments_larger_than_memory_are_refused(monkeypatch):
    X, T, _ = draw(400)
    monkeypatch.setattr(_memory, "usable_memory", lambda: 1_000_000)
    with pytest.raises(ValueError, match=r"kernel matrices of 400 pairs .*nystroem"):
        KCCARetriever(2).fit(X, T)
    KCCARetriever(2, approximation="nystroem", n_landmarks=20).fit(X, T)
    with pytest.raises(ValueError, match=r"moments of 400 image and 7 text features"):
        pair_moments(np.ones((500, 400)), np.ones((500, 7)))
    with pytest.raises(ValueError, match=r"products of 400 rows .*TruncatedSVD"):
        CCARetriever(2).fit(np.tile(X, 50), T)
