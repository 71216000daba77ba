"""Hubness corrections follow their formulas; smoothing averages neighbours."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from sklearn_xmodal import CCARetriever, RetrievalIndex
from sklearn_xmodal.neighbors import _hubness
from tests.conftest import SEEDS
from tests.neighbors.oracles import make_codes, unit


def _cosines(seed, n_references=30):
    """Queries, gallery and references, and all cosines that a formula needs."""
    query, gallery = make_codes(seed, 12, 50, 5)
    references, _ = make_codes(seed + 100, n_references, 1, 5)
    exact = [Z.astype(np.float64) for Z in (query, gallery, references)]
    return query, gallery, references, exact[0] @ exact[1].T, exact[2] @ exact[1].T


def _csls(cosines, with_references, k):
    """Score as Conneau et al. (2018), equation 3, write it."""
    r_gallery = np.sort(with_references, axis=0)[-k:].mean(axis=0)
    r_query = np.sort(cosines, axis=1)[:, -k:].mean(axis=1)
    return 2 * cosines - r_query[:, None] - r_gallery


def _inverted_softmax(cosines, with_references, beta):
    """Score as Smith et al. (2017), equation 11, write it."""
    return np.exp(beta * cosines) / np.exp(beta * with_references).sum(axis=0)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 4, 30])
def test_csls_ranks_as_its_formula(seed, k):
    query, gallery, references, cosines, with_references = _cosines(seed)
    index = RetrievalIndex(
        vectors=gallery,
        hubness="csls",
        hubness_queries=references,
        n_hubness_neighbors=k,
    )
    scores, ids = index.search(vectors=query, k=50)
    published = _csls(cosines, with_references, k)
    assert_array_equal(ids, np.argsort(-published, axis=1))
    # Half of it, but for one number per query.
    found = np.take_along_axis(published, ids, axis=1)
    assert_allclose(np.diff(scores), np.diff(found) / 2, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("beta", [0.5, 30.0, 100.0])
def test_inverted_softmax_ranks_as_its_formula(seed, beta):
    query, gallery, references, cosines, with_references = _cosines(seed)
    index = RetrievalIndex(
        vectors=gallery,
        hubness="inverted_softmax",
        hubness_queries=references,
        inverse_temperature=beta,
    )
    scores, ids = index.search(vectors=query, k=50)
    published = np.log(_inverted_softmax(cosines, with_references, beta)) / beta
    found = np.take_along_axis(published, ids, axis=1)
    assert (np.diff(found) <= 1e-6).all()
    # The same, but for one number.
    assert_allclose(scores - found, np.full(ids.shape, np.log(30) / beta), atol=1e-6)


def test_inverted_softmax_takes_any_temperature():
    query, gallery, references, cosines, with_references = _cosines(0)
    for beta, nearness in [
        (1e9, with_references.max(0)),
        (1e-6, with_references.mean(0)),
    ]:
        index = RetrievalIndex(
            vectors=gallery,
            hubness="inverted_softmax",
            hubness_queries=references,
            inverse_temperature=beta,
        )
        scores, ids = index.search(vectors=query, k=50)
        expected = np.take_along_axis(cosines - nearness, ids, axis=1)
        assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["csls", "inverted_softmax"])
def test_a_hub_loses_its_lead(kind):
    # One item lies between all queries; each query has an item of its own.
    own = np.eye(6) + 0.3
    hub = np.ones((1, 6))
    query = np.eye(6) + 0.9
    gallery = np.vstack([hub, own])
    plain = RetrievalIndex(vectors=gallery).search(vectors=query, k=1)
    assert_array_equal(plain.ids.ravel(), np.zeros(6))
    index = RetrievalIndex(
        vectors=gallery, hubness=kind, hubness_queries=query, n_hubness_neighbors=3
    )
    assert_array_equal(index.search(vectors=query, k=1).ids.ravel(), np.arange(1, 7))


def test_references_are_of_the_other_modality(pair):
    X_img, X_txt, _ = pair
    retriever = CCARetriever(3).fit(X_img, X_txt)
    index = RetrievalIndex(retriever, text=X_txt, hubness="csls", hubness_queries=X_img)
    other = RetrievalIndex(
        vectors=retriever.transform_text(X_txt),
        hubness="csls",
        hubness_queries=retriever.transform_image(X_img),
    )
    got = index.search(image=X_img)
    expected = other.search(vectors=retriever.transform_image(X_img))
    assert_array_equal(got.ids, expected.ids)
    with pytest.raises(ValueError, match="image features must have the 7 features"):
        RetrievalIndex(retriever, text=X_txt, hubness="csls", hubness_queries=X_txt)


@pytest.mark.parametrize("kind", ["csls", "inverted_softmax"])
def test_added_items_are_corrected_like_those_from_the_start(kind):
    query, gallery, references, _, _ = _cosines(0)
    options = {"hubness": kind, "hubness_queries": references}
    whole = RetrievalIndex(vectors=gallery, **options)
    parts = RetrievalIndex(vectors=gallery[:20], **options)
    parts.add(vectors=gallery[20:])
    expected, got = whole.search(vectors=query), parts.search(vectors=query)
    assert_array_equal(got.ids, expected.ids)
    assert_allclose(got.scores, expected.scores, atol=1e-6)
    assert parts.n_components == 5
    assert_array_equal(parts.vectors, gallery)


def test_faiss_ranks_as_exact_search_does():
    pytest.importorskip("faiss")
    query, gallery, references, _, _ = _cosines(0)
    options = {"hubness": "csls", "hubness_queries": references}
    expected = RetrievalIndex(vectors=gallery, **options).search(vectors=query)
    index = RetrievalIndex(vectors=gallery, backend="faiss", **options)
    got = index.search(vectors=query)
    assert_array_equal(got.ids, expected.ids)
    assert got.scores.tobytes() == expected.scores.tobytes()
    assert index.recall(vectors=query) == 1


def test_too_few_references_are_refused():
    with pytest.raises(ValueError, match="Got 10 for 3"):
        RetrievalIndex(vectors=np.eye(4), hubness="csls", hubness_queries=np.eye(4)[:3])
    with pytest.raises(ValueError, match="4 columns"):
        RetrievalIndex(vectors=np.eye(4), hubness="csls", hubness_queries=np.eye(3))


class TestSmoothing:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_vectors_are_means_over_neighbours_in_feature_space(self, pair, seed):
        X_img, X_txt, _ = pair
        retriever = CCARetriever(3).fit(X_img, X_txt)
        rows = np.random.default_rng(seed).choice(60, 40, replace=False)
        index = RetrievalIndex(retriever, text=X_txt[rows], n_smoothing_neighbors=4)
        features = unit(X_txt[rows]).astype(np.float64)
        near = np.argsort(-features @ features.T, axis=1)[:, :5]
        codes = unit(retriever.transform_text(X_txt[rows])).astype(np.float64)
        assert_allclose(index.vectors, codes[near].mean(axis=1), atol=1e-6)

    def test_sparse_features_have_the_neighbours_of_dense_ones(self, pair, monkeypatch):
        X_img, X_txt, _ = pair
        X_txt = np.maximum(X_txt, 0) + 0.01
        retriever = CCARetriever(3).fit(X_img, X_txt)
        dense = RetrievalIndex(retriever, text=X_txt, n_smoothing_neighbors=3)
        monkeypatch.setattr(_hubness, "_HELD_VALUES", 20)
        thin = RetrievalIndex(
            retriever, text=sparse.csr_array(X_txt), n_smoothing_neighbors=3
        )
        assert_allclose(thin.vectors, dense.vectors, atol=1e-6)

    def test_ready_vectors_are_their_own_features(self):
        _, gallery = make_codes(0, 1, 30, 4)
        index = RetrievalIndex(vectors=gallery, n_smoothing_neighbors=29)
        mean = np.tile(gallery.mean(axis=0), (30, 1))
        assert_allclose(index.vectors, mean, atol=1e-6)

    def test_scores_are_mean_cosines_of_the_neighbourhood(self):
        query, gallery = make_codes(0, 6, 40, 4)
        index = RetrievalIndex(vectors=gallery, n_smoothing_neighbors=2)
        near = np.argsort(-gallery @ gallery.T, axis=1)[:, :3]
        expected = np.sort((query @ gallery.T)[:, near].mean(axis=2))[:, ::-1]
        assert_allclose(index.search(vectors=query, k=40).scores, expected, atol=1e-6)

    def test_such_a_gallery_cannot_be_added_to(self):
        index = RetrievalIndex(vectors=np.eye(3), n_smoothing_neighbors=1)
        with pytest.raises(ValueError, match="smoothed gallery cannot be added to"):
            index.add(vectors=np.eye(3))
        assert len(index) == 3
